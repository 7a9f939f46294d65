"""Somebody's own code: whether it is the same as last time, and what is said where it fails."""

from __future__ import annotations

import hashlib
import inspect
import os
import sys
import sysconfig
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ....loaders.errors import ClinomeError, EngineError, InputError
from ...base.learner import Learner
from ...base.snapshot import Snapshot
from ..base import BaseLearner

_MODELS = Path(__file__).resolve().parents[2]
_OURS = f"{__package__.rpartition('.')[0]}."
DEBUG = "CLINOME_DEBUG"
OWN = "mend the learner; it is yours"


def has_own_code(learner: Learner) -> bool:
    """Whether part of it is the user's: it may fail, and may have been changed since yesterday."""
    return bool(getattr(learner, "own_code", False)) or not type(learner).__module__.startswith(_OURS)


class LearnerFailed(InputError):
    """A learner of the user's own raised, or answered with something that is no prediction.

    Args:
        name: the learner's. reason: what went wrong, in plain words. got, expected: as of `InputError`.
    """

    def __init__(self, name: str, reason: str, got: object = None, expected: object = None) -> None:
        super().__init__(
            reason, f"learners[{name!r}]", got, expected, "CLINOME_DEBUG=1 shows the trace" if got is None else OWN
        )
        self.name = name

    @property
    def reason(self) -> str:
        """What went wrong, without whose it is."""
        return str(self).partition(": ")[2]


@contextmanager
def calling(name: str, what: str) -> Iterator[None]:
    """Around a call of the user's own code: what it raises becomes a `LearnerFailed` that says where.

    Of the error only its type and its line are said: its text may quote a patient's value.
    """
    try:
        yield
    except ClinomeError:
        raise
    except Exception as error:
        if os.environ.get(DEBUG):
            raise
        raise LearnerFailed(name, f"{what} raised {type(error).__name__} ({_place(error)})") from error


@contextmanager
def guarded(learner: Learner) -> Iterator[None]:
    """Around all that a learner of a run does: whatever one of the user's own raises becomes a `LearnerFailed`.

    What ours raises stays as it is: it is a mistake of ours.
    """
    try:
        yield
    except (LearnerFailed, EngineError):  # an engine's end is no learner's mistake
        raise
    except Exception as error:
        if not has_own_code(learner) or os.environ.get(DEBUG):
            raise
        told = isinstance(error, ClinomeError)
        why = str(error).rstrip(".") if told else f"it raised {type(error).__name__} ({_place(error)})"
        raise LearnerFailed(learner.name, why) from error


class Unmade(BaseLearner):
    """A learner that could not be made: it says why when it is asked whether it can run, and the run goes on."""

    own_code = True

    def __init__(self, name: str, error: LearnerFailed) -> None:
        super().__init__()
        self.name, self.error = name, error

    def __repr__(self) -> str:
        """Never twice the same: the next time it may be made."""
        return f"{type(self).__name__} {id(self)}"

    def reason(self, snapshot: Snapshot) -> str | None:
        raise self.error

    def fit(self, snapshot: Snapshot, train: np.ndarray, tuning: np.ndarray) -> None:
        raise self.error

    def predict(self, snapshot: Snapshot, rows: np.ndarray) -> np.ndarray:
        raise self.error

    def restore(self, state: Mapping[str, Any]) -> Unmade:
        raise self.error


def _place(error: Exception) -> str:
    """The last line of the user's own files that the error came through; of an installed package where there is none."""
    frames = [one for one in traceback.extract_tb(error.__traceback__) if not _is_ours(Path(one.filename))]
    if not frames:
        return "in the call"
    written = [one for one in frames if not _is_installed(one.filename)]
    last = written[-1] if written else [one for one in frames if one.filename == frames[0].filename][-1]
    return f"{Path(last.filename).name} line {last.lineno}"


def _is_installed(file: str) -> bool:
    places = (sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib"))
    return file.startswith("<") or any(file.startswith(place) for place in places)


def _is_ours(file: Path) -> bool:
    return _MODELS in file.resolve().parents


def written(cls: type | Callable[..., Any]) -> str:
    """A class or function by its name and a hash of the file that it is written in, of one of the script that runs by its
    own source; the name alone where there is no source (a prompt, a compiled one).

    Example:
        >>> from fractions import Fraction
        >>> written(Fraction).split("@")[0]
        'fractions.Fraction'
    """
    if not hasattr(cls, "__qualname__"):  # an object that is called
        cls = type(cls)
    name = f"{cls.__module__}.{cls.__qualname__}"
    try:
        source = inspect.getsource(cls if cls.__module__ == "__main__" else sys.modules[cls.__module__])
        return f"{name}@{hashlib.sha256(source.encode()).hexdigest()[:12]}"
    except (OSError, TypeError, KeyError):
        return name
