"""Learners of one's own, named on the command line or given from Python, as learners of one study."""

from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, cast

from clinome.loaders.errors import InputError, UsageError
from clinome.models.learners.registry import CHOSEN, LEARNERS

if TYPE_CHECKING:
    from clinome.models.base.learner import Learner
    from clinome.study import Study


def read_learners(words: Sequence[str]) -> dict[str, Any]:
    """What `--learner NAME=WHERE` names: an object, or a function that makes one.

    Args:
        words: `mine=module:name` (a module that can be imported from the working folder), or `mine=path.py:name`.
    Raises: UsageError for words of another form, InputError where nothing of this name is there.
    """
    found = {}
    for word in words:
        name, equals, where = word.partition("=")
        place, colon, attribute = where.rpartition(":")
        if not (name.strip() and equals and place and colon and attribute):
            raise UsageError(f"--learner {word!r}: expected NAME=module:object or NAME=path.py:object.")
        found[name.strip()] = _attribute(_module(place, word), attribute, word)
    return check_names(found)


def check_names(own: Mapping[str, Any]) -> dict[str, Any]:
    """A name of ours would hide our learner from the comparison."""
    for name in own:
        if name in (*LEARNERS, CHOSEN):
            raise InputError("this name is one of Clinome's own learners", "learners", name, "another name")
    return dict(own)


def learner_of(given: Any, name: str, study: Study) -> Learner:
    """One's own as a learner of this study: a learner as it is, an estimator or a PyG module wrapped for the study's task.

    A function (or class) is called without arguments first.
    Raises: InputError for anything else.
    """
    from clinome.models.base.learner import Learner

    made = (
        given()
        if callable(given) and (isinstance(given, type) or not hasattr(given, "fit")) and not _module_of(given)
        else given
    )
    if isinstance(made, Learner) or hasattr(made, "supports"):
        return cast("Learner", made)
    if _module_of(made):
        from clinome.models.learners.adapters.pytorch_geometric import pyg

        return pyg(made, study.need_task().kind, name)
    if hasattr(made, "get_params") and hasattr(made, "fit"):
        from clinome.models.learners.adapters.scikit_learn import sklearn

        return sklearn(made, name)
    raise InputError(
        "this is no learner", f"learners[{name!r}]", type(made).__name__,
        "a scikit-learn estimator, a PyTorch Geometric module, a learner, or a function that returns one",
    )  # fmt: skip


def _module_of(value: Any) -> bool:
    """Whether it is a torch module; one exists only where torch was imported."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.nn.Module)


def _module(place: str, word: str) -> ModuleType:
    """A module by its name, or by its file: imported by name all the same, so that worker processes can too.

    Its folder goes in front of the path: the working folder, as in `python -m`, or the file's own.
    """
    path = Path(place) if place.endswith(".py") else None
    if path is not None and not path.is_file():
        raise InputError("there is no such file", f"--learner {word}", place, fix="check the path")
    name, folder = (place, Path.cwd()) if path is None else (path.stem, path.resolve().parent)
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    try:
        with warnings.catch_warnings():  # torch_geometric announces to everybody that torch.jit will go
            warnings.simplefilter("ignore", FutureWarning)
            found = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and not f"{name}.".startswith(f"{error.name}."):
            raise InputError(f"{place} needs a module that is not there", f"--learner {word}", error.name) from error
        fix = "run the command in the folder that holds it, or name a file: NAME=path.py:object"
        raise InputError("there is no such module", f"--learner {word}", place, fix=fix) from error
    if path is not None and Path(str(found.__file__)).resolve() != path.resolve():
        raise InputError("another module has this name", f"--learner {word}", path.stem, fix="rename the file")
    return found


def _attribute(module: ModuleType, name: str, word: str) -> Any:
    try:
        return getattr(module, name)
    except AttributeError:
        from clinome.typed_toml import nearest

        known = [one for one in vars(module) if not one.startswith("_")]
        raise InputError(
            "the module holds nothing of this name", f"--learner {word}", name, nearest(name, known)
        ) from None
