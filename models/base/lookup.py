"""Late lookup: a class named in a table as `module:Class`, imported when it is asked for.

The tables of tasks, learners and metrics name what stands above them, so that one line makes a new one known, nothing
heavy is imported before it is needed, and the layers stay layers.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any


def look_up(table: Mapping[str, str], name: str, what: str) -> Any:
    """The class that a table names.

    Args:
        table: name -> `module:Class`. what: of what kind it is, for the error.
    Raises: ValueError for a name that the table lacks.
    Example:
        >>> look_up({"fraction": "fractions:Fraction"}, "fraction", "number")
        <class 'fractions.Fraction'>
    """
    if name not in table:
        raise ValueError(f"{what}: got {name!r}; expected one of {', '.join(table)}")
    module, _, attribute = table[name].partition(":")
    return getattr(import_module(module), attribute)
