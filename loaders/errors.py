"""Errors: the ways in which a verb can fail, each with the exit code that docs/study.md promises."""

from __future__ import annotations

from pathlib import Path


class ClinomeError(Exception):
    """Something the user should read, never a traceback."""

    exit_code = 1


class InputError(ClinomeError):
    """The input is wrong: what, where, got, expected, fix.

    Args:
        what: what is wrong, in a few words.
        where: file, row, column, or key.
        got: what was found. Never a patient identifier or note text.
        expected: what would have been right.
        fix: what the user can do.

    Example:
        >>> print(InputError("unknown key", "study.toml [cohort]", "querry", "query", "rename it"))
        study.toml [cohort]: unknown key; got 'querry'; expected query. Fix: rename it.
    """

    exit_code = 1

    def __init__(
        self, what: str, where: str | Path, got: object = None, expected: object = None, fix: str = ""
    ) -> None:
        self.what, self.where, self.got = what, str(where), got
        self.expected, self.fix = expected, fix
        text = f"{self.where}: {what}"
        if got is not None:
            text += f"; got {got!r}"
        if expected is not None:
            text += f"; expected {expected}"
        text += "."
        if fix:
            text += f" Fix: {fix}" if fix.endswith("?") else f" Fix: {fix}."
        super().__init__(text)

    def __reduce__(self) -> tuple[object, ...]:
        """It crosses processes as what it says: its kinds are each made from something else."""
        return _again, (type(self), str(self), vars(self))


def _again(kind: type[InputError], text: str, state: dict[str, object]) -> InputError:
    made = kind.__new__(kind, text)
    made.__dict__.update(state)
    return made


class _Told(ClinomeError):
    """An error told in one text: where and what. fix: what the user can do."""

    def __init__(self, text: str, fix: str = "") -> None:
        self.fix = fix
        super().__init__(f"{text} Fix: {fix}." if fix else text)


class UsageError(_Told):
    """The command was called wrongly."""

    exit_code = 2


class EngineError(_Told):
    """An engine or a server failed: the store is locked, broken or away.

    Example:
        >>> print(EngineError("lung.graph: another process is writing to this graph.", "wait until it ends"))
        lung.graph: another process is writing to this graph. Fix: wait until it ends.
    """

    exit_code = 3


class NotBuilt(_Told):
    """A capability that docs/study.md names and this version does not hold yet."""

    exit_code = 2
