"""User learners, named on the command line or given from Python, as learners of one study."""

from __future__ import annotations

import importlib
import inspect
import sys
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

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
            raise UsageError(
                f"--learner {word!r}: no learner of your own.", "NAME=module:object or NAME=path.py:object"
            )
        found[name.strip()] = _attribute(_module(place, word), attribute, word)
    return check_names(found)


def check_names(own: Mapping[str, Any]) -> dict[str, Any]:
    """A name of ours would hide our learner from the comparison."""
    for name in own:
        if name in (*LEARNERS, CHOSEN):
            raise InputError(
                "this name is one of Clinome's own learners", "learners", name, "another name", "rename yours"
            )
    return dict(own)


def learners_of(own: Mapping[str, Any], study: Study) -> dict[str, Learner]:
    """One's own, by name, as learners of this study."""
    return {name: learner_of(given, name, study) for name, given in check_names(own).items()}


def learner_of(given: Any, name: str, study: Study) -> Learner:
    """One's own as a learner of this study: a scikit-learn estimator, a PyG module, or any object with
    `fit(snapshot, train, tuning)` and `predict(snapshot, rows)` (`clinome.Learner` says what else it may have).

    A function (or class) is called without arguments first; one that wants `data` or `metadata` makes a PyG module of the
    graph of each fold.
    Where making it raises, the learner that comes says so when the run asks it.
    Raises: InputError for anything else.
    """
    from clinome.models.base.learner import Learner

    if _wants_graph(given):
        from clinome.models.learners.adapters.pytorch_geometric import pyg

        return pyg(given, study.need_task().kind, name)
    made = given
    if _makes_one(given, name):
        from clinome.models.learners.adapters.own_code import LearnerFailed, Unmade, calling

        try:
            with calling(name, "making it"):
                made = given()
        except LearnerFailed as error:
            return Unmade(name, error)
    if isinstance(made, Learner):
        return made
    own_fit = _first_parameter(made) == "snapshot"  # an estimator's is X; a module has none
    if hasattr(made, "get_params") and hasattr(made, "fit") and not own_fit:
        from clinome.models.learners.adapters.scikit_learn import sklearn

        return sklearn(made, name)
    if _module_of(made) and not own_fit:
        from clinome.models.learners.adapters.pytorch_geometric import pyg

        return pyg(made, study.need_task().kind, name)
    if _takes(made, "fit", 3) and _takes(made, "predict", 2):
        from clinome.models.learners.adapters.fit_predict import FitPredictLearner

        return FitPredictLearner(made, name)
    raise InputError(
        "this is no learner", f"learners[{name!r}]", type(made).__name__,
        "an object with fit(snapshot, train, tuning) and predict(snapshot, rows), a scikit-learn estimator, "
        "a PyTorch Geometric module, or a function that returns one", "add what it lacks",
    )  # fmt: skip


def _wants_graph(given: Any) -> bool:
    """Whether it is a class, or a function, whose one necessary argument is a graph, or what kinds a graph has."""
    if not callable(given) or _module_of(given) or (hasattr(given, "fit") and not isinstance(given, type)):
        return False
    try:
        parameters = inspect.signature(given).parameters.values()
    except (TypeError, ValueError):
        return False
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    wanted = [one.name for one in parameters if one.default is one.empty and one.kind in positional]
    return wanted in (["data"], ["metadata"])


def _makes_one(given: Any, name: str) -> bool:
    """Whether it is a class, or a function, that makes a learner. Raises: InputError for one that wants arguments."""
    if not callable(given) or _module_of(given) or (hasattr(given, "fit") and not isinstance(given, type)):
        return False
    try:
        inspect.signature(given).bind()
    except TypeError:
        raise InputError(
            "it cannot be made without arguments", f"learners[{name!r}]", getattr(given, "__name__", given),
            "an object, or a class or function that needs no arguments, or `data` (the fold’s graph) or `metadata`",
            "give the object: Mine(…)",
        ) from None  # fmt: skip
    except ValueError:  # a compiled class does not tell
        return True
    return True


def _takes(made: Any, method: str, count: int) -> bool:
    """Whether it has this method, and that takes so many arguments."""
    found = getattr(made, method, None)
    if not callable(found):
        return False
    try:
        inspect.signature(found).bind(*range(count))
    except TypeError:
        return False
    except ValueError:
        return True
    return True


def _first_parameter(made: Any) -> str | None:
    """What the first argument of its `fit` is called."""
    try:
        return next(iter(inspect.signature(made.fit).parameters), None)
    except (AttributeError, TypeError, ValueError):
        return None


def _module_of(value: Any) -> bool:
    """Whether it is a torch module; one exists only where torch was imported."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.nn.Module)


def _module(place: str, word: str) -> ModuleType:
    """A module by its name, or by its file: imported by name all the same, so that worker processes can too.

    Its folder, the working folder or the file's own, goes to the end of the path: what lies beside it can be imported,
    and takes no library's name.
    """
    path = Path(place) if place.endswith(".py") else None
    if path is not None and not path.is_file():
        raise InputError("there is no such file", f"--learner {word}", place, fix="check the path")
    name, folder = (place, Path.cwd()) if path is None else (path.stem, path.resolve().parent)
    if str(folder) not in sys.path:
        sys.path.append(str(folder))
    try:
        with warnings.catch_warnings():  # torch_geometric announces to everybody that torch.jit will go
            warnings.simplefilter("ignore", FutureWarning)
            found = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and not f"{name}.".startswith(f"{error.name}."):
            raise InputError(
                f"{place} needs a module that is not there",
                f"--learner {word}",
                error.name,
                fix="install it, or correct the import",
            ) from error
        fix = "run the command in the folder that holds it, or name a file: NAME=path.py:object"
        raise InputError("there is no such module", f"--learner {word}", place, fix=fix) from error
    if path is not None and Path(str(found.__file__)).resolve() != path.resolve():
        raise InputError("another module has this name", f"--learner {word}", path.stem, fix="rename the file")
    return found


def _attribute(module: ModuleType, name: str, word: str) -> Any:
    try:
        return getattr(module, name)
    except AttributeError:
        from clinome.study_file.typed_toml import nearest

        known = [one for one in vars(module) if not one.startswith("_")]
        raise InputError(
            "the module holds nothing of this name",
            f"--learner {word}",
            name,
            nearest(name, known),
            "correct the name behind the colon",
        ) from None
