"""Values of query parameters: from text or TOML into the types that a query's header names."""

from __future__ import annotations

import json
import math
import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

from ..loaders.errors import InputError

TYPES = ("text", "int", "float", "bool", "date", "datetime", "duration", "list", "any")
"""duration is given in days."""

_NUMBER = re.compile(r"[+-]?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)?)?$")
_TRUTH = {"true": True, "false": False, "yes": True, "no": False, "1": True, "0": False}


def naive(moment: date) -> datetime:
    """A date or datetime as the graph keeps them: naive, UTC."""
    if not isinstance(moment, datetime):
        return datetime(moment.year, moment.month, moment.day)
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


def guess(text: str) -> Any:
    """What a text looks like: int, float, bool, datetime, list; else text. Leading zeros stay text.

    Example:
        >>> guess("007"), guess("7"), guess("true"), guess("[1, 2]")
        ('007', 7, True, [1, 2])
    """
    if _NUMBER.match(text):
        return float(text) if any(sign in text for sign in ".eE") else int(text)
    if _MOMENT.match(text):
        try:
            return naive(datetime.fromisoformat(text))
        except ValueError:
            return text
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    if text.startswith("[") and text.endswith("]"):
        try:
            return json.loads(text)
        except ValueError:
            return text
    return text


def convert(value: Any, type: str, where: str, from_text: bool = True) -> Any:
    """A value in the type that a header names.

    Args:
        value: text, or what TOML or Python gave.
        type: one of TYPES.
        where: named in the error.
        from_text: False leaves text of type `any` as it is.
    Raises: InputError(where) if it is not of that type.
    """
    try:
        return _convert(value, type, from_text)
    except (ValueError, TypeError, OverflowError) as error:
        raise InputError("a value of the wrong type", where, value, _EXPECTED.get(type, type)) from error


_EXPECTED = {
    "bool": "true or false", "date": "a date, 2020-12-31", "datetime": "a date or datetime, 2020-12-31T23:59:00",
    "duration": "a number of days", "list": "values with commas between them",
}  # fmt: skip


def _convert(value: Any, type: str, from_text: bool) -> Any:
    match type:
        case "text":
            return _only(value, (str,))
        case "int":
            return int(value) if isinstance(value, str) else _only(value, (int,))
        case "float":
            return _finite(float(value) if isinstance(value, str) else float(_only(value, (int, float))))
        case "bool":
            return _TRUTH.get(value.lower(), None) if isinstance(value, str) and value.lower() in _TRUTH else _truth(value)
        case "date" | "datetime":
            return naive(datetime.fromisoformat(value) if isinstance(value, str) else _only(value, (date,)))
        case "duration":
            return value if isinstance(value, timedelta) else timedelta(days=_convert(value, "float", from_text))
        case "list":
            return _items(value)
    if isinstance(value, date):
        return naive(value)
    return guess(value) if isinstance(value, str) and from_text else value


def _only(value: Any, types: tuple[type[Any], ...]) -> Any:
    if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
        raise TypeError
    return value


def _truth(value: Any) -> bool:
    return bool(_only(value, (bool,)))


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise ValueError
    return value


def _items(value: Any) -> list[Any]:
    if isinstance(value, str):
        return list(json.loads(value)) if value.startswith("[") else [item.strip() for item in value.split(",") if item.strip()]
    return list(_only(value, (list, tuple)))
