"""Predicates of an ACES task file: which events, or which patients, count; their codes, values, other columns, expressions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ....loaders.errors import InputError

OTHER_COLUMNS = ("text_value", "unit", "visit_id", "source")
"""What else an event says of itself, beside its code and number."""
_PLAIN = (
    "code",
    "value_min",
    "value_max",
    "value_min_inclusive",
    "value_max_inclusive",
    "other_cols",
    "static",
)
_DERIVED = ("expr", "static")
_UNMAPPED = ("", "???", "TODO", "PLACEHOLDER", "<CODE>")
_EXPR = re.compile(r"(or|and)\(([\w\s,]+)\)")


@dataclass(frozen=True)
class Predicate:
    """Predicate: events of some codes with a number in a range, or (`join` or, and) what others say of one moment.

    codes: as MEDS writes them. regex: of codes, instead. others: further columns and what they must say. static: of the
    patient, not of a moment: undated events and properties.
    """

    codes: tuple[str, ...] = ()
    regex: str | None = None
    low: float | None = None
    high: float | None = None
    low_inclusive: bool = False
    high_inclusive: bool = False
    join: str | None = None
    parts: tuple[str, ...] = ()
    others: tuple[tuple[str, str], ...] = ()
    static: bool = False


def predicates_of(
    read: Mapping[str, Any], beside: Mapping[str, Any], at: str
) -> tuple[dict[str, Predicate], tuple[str, ...]]:
    """The predicates by name, and which of them every patient must be.

    Args: read: the task. beside: a file of predicates, which take the place of the task's.
    Raises: InputError for a predicate without its codes, a key that is unknown, an expression that cannot be read.
    """
    found: dict[str, dict[str, Any]] = {}
    for section in ("predicates", "patient_demographics"):
        both = (mapping(one.get(section) or {}, f"{at} {section}") for one in (read, beside))
        found[section] = {str(name): what for one in both for name, what in one.items()}
    if not found["predicates"]:
        raise InputError("no predicates", at, None, "name: {code: …}", "say which events count")
    plain = {name: _predicate(what, f"{at} predicates.{name}") for name, what in found["predicates"].items()}
    made = {**plain}
    for name, what in found["patient_demographics"].items():
        where = f"{at} patient_demographics.{name}"
        if name in plain:
            raise InputError("a name of two predicates", where, name, "names of their own", "rename one of them")
        predicate = _predicate(what, where)
        if predicate.join is not None:
            raise InputError("an expression of the patient", where, None, "codes", "write its parts here instead")
        made[name] = replace(predicate, static=True)
    return made, tuple(found["patient_demographics"])


def placeholder(value: object) -> bool:
    """Whether a task's writer left this to whoever has the data."""
    return value is None or str(value).strip().upper() in _UNMAPPED


def _predicate(table: object, at: str) -> Predicate:
    unmapped = InputError(
        "a predicate without its codes", at, None, "codes of this data",
        "say which codes it stands for, here or in a file: target = {task = …, predicates = …}",
    )  # fmt: skip
    if not isinstance(table, Mapping) and placeholder(table):
        raise unmapped
    read = mapping(table, at, (*_PLAIN, "expr"))
    static = flag(read.get("static"), False, f"{at} static")
    if "expr" in read:
        return _derived(read, at)
    code = read.get("code")
    regex, codes = None, [code]
    if isinstance(code, Mapping):
        held = mapping(code, f"{at} code", ("regex", "any"))
        if len(held) > 1:
            raise InputError("a pattern and a list of codes", f"{at} code", None, "one of them", "leave one out")
        regex, codes = held.get("regex"), list(held.get("any") or []) if isinstance(held.get("any"), list) else []
    if any(placeholder(one) for one in (codes or [regex])):
        raise unmapped
    numbers = {key: _number(read.get(key), f"{at} {key}") for key in ("value_min", "value_max")}
    flags = {key: flag(read.get(f"{key}_inclusive"), False, f"{at} {key}_inclusive") for key in numbers}
    return Predicate(
        tuple(str(one).strip() for one in codes), None if regex is None else str(regex), numbers["value_min"], numbers["value_max"],
        flags["value_min"], flags["value_max"], others=_others(read.get("other_cols"), f"{at} other_cols"), static=static,
    )  # fmt: skip


def _derived(read: Mapping[str, Any], at: str) -> Predicate:
    match = _EXPR.fullmatch(str(read["expr"]).strip())
    parts = [] if match is None else [part.strip() for part in match[2].split(",") if part.strip()]
    if match is None or not parts:
        raise InputError("an expression that cannot be read", at, None, "or(a, b) or and(a, b)", "write it so")
    if beside := sorted(set(read) - {*_DERIVED}):
        fix = "leave one of them out, or make it a predicate of its own"
        raise InputError("an expression beside codes or numbers", at, ", ".join(beside), "expr alone", fix)
    return Predicate(join=match[1], parts=tuple(parts))


def _others(table: object, at: str) -> tuple[tuple[str, str], ...]:
    """Columns beside code and number, and the one value that each must have."""
    return tuple((name, str(value)) for name, value in mapping(table or {}, at, OTHER_COLUMNS).items())


def _number(value: object, at: str) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InputError("no number", at, None, "a number", "correct it")
    return float(value)


def flag(value: object, default: bool, at: str) -> bool:
    """Raises: InputError for what is neither true nor false."""
    if value is None:
        return default
    if not isinstance(value, bool):
        raise InputError("neither true nor false", at, None, "true or false", "correct it")
    return value


def mapping(table: object, at: str, known: tuple[str, ...] = ()) -> Mapping[str, Any]:
    """Raises: InputError for what is no mapping, and for a key that is none of `known`."""
    if not isinstance(table, Mapping):
        raise InputError("a section was expected", at, None, "name: value", "write it so")
    for key in table if known else ():
        if key not in known:
            raise InputError("unknown key", at, str(key), ", ".join(known), "rename or remove it")
    return table
