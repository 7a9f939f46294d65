"""Somebody's own code: whether it is the same as last time, and what is said where it fails."""

from __future__ import annotations

import hashlib
import inspect
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ....loaders.errors import ClinomeError, InputError

_HERE = Path(__file__).parent


class LearnerFailed(InputError):
    """A learner of the user's own raised, or answered with something that is no prediction.

    Args:
        name: the learner's. reason: what went wrong, in plain words. got, expected: as of `InputError`.
    """

    def __init__(self, name: str, reason: str, got: object = None, expected: object = None) -> None:
        super().__init__(
            reason, f"learners[{name!r}]", got, expected, "CLINOME_DEBUG=1 shows the trace" if got is None else ""
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
        if os.environ.get("CLINOME_DEBUG"):
            raise
        raise LearnerFailed(name, f"{what} raised {type(error).__name__} ({_place(error)})") from error


def _place(error: Exception) -> str:
    """The last line of the user's file, the first one outside of this folder, that the error came through."""
    frames = [one for one in traceback.extract_tb(error.__traceback__) if Path(one.filename).parent != _HERE]
    if not frames:
        return "in the call"
    last = [one for one in frames if one.filename == frames[0].filename][-1]
    return f"{Path(last.filename).name} line {last.lineno}"


def written(cls: type) -> str:
    """A class by its name and a hash of the file that it is written in, of a class of the script that runs by its own
    source; the name alone where there is no source (a prompt, a compiled one).

    Example:
        >>> from fractions import Fraction
        >>> written(Fraction).split("@")[0]
        'fractions.Fraction'
    """
    name = f"{cls.__module__}.{cls.__qualname__}"
    try:
        source = inspect.getsource(cls if cls.__module__ == "__main__" else sys.modules[cls.__module__])
        return f"{name}@{hashlib.sha256(source.encode()).hexdigest()[:12]}"
    except (OSError, TypeError, KeyError):
        return name
