"""Errors that Clinome raises for its user: each is a `ClinomeError` with the exit code of the command line.

Example:
    try:
        clinome.load("study.toml")
    except clinome.errors.InputError as error:
        print(error.where, error.fix)
"""

from clinome.loaders.errors import ClinomeError, EngineError, InputError, NotBuilt, UsageError

__all__ = ["ClinomeError", "EngineError", "InputError", "NotBuilt", "UsageError"]
