"""Query parameters: from text or TOML into the types that a query's header names."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

from ...loaders.errors import InputError

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
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    try:
        if _MOMENT.match(text):
            return naive(datetime.fromisoformat(text))
        return json.loads(text) if text.startswith("[") else text
    except ValueError:
        return text


def convert(value: Any, type: str, where: str) -> Any:
    """A value in the type that a header names, from text or from what TOML and Python gave.

    Raises: InputError(where) if it is not of that type (one of TYPES).
    """
    try:
        return _CONVERT[type](value)
    except (ValueError, TypeError, OverflowError) as error:
        raise InputError(
            "a value of the wrong type", where, value, _EXPECTED.get(type, type), "correct the value"
        ) from error


def _only(value: Any, *types: type) -> Any:
    if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
        raise TypeError
    return value


def _int(value: Any) -> int:
    return int(_only(value, int, str))


def _float(value: Any) -> float:
    number = float(_only(value, int, float, str))
    if not math.isfinite(number):
        raise ValueError
    return number


def _bool(value: Any) -> bool:
    return _TRUTH[value.lower()] if isinstance(value, str) and value.lower() in _TRUTH else bool(_only(value, bool))


def _moment(value: Any) -> datetime:
    return naive(datetime.fromisoformat(value) if isinstance(value, str) else _only(value, date))


def _duration(value: Any) -> timedelta:
    return value if isinstance(value, timedelta) else timedelta(days=_float(value))


def _list(value: Any) -> list[Any]:
    if isinstance(value, str):
        parts = json.loads(value) if value.startswith("[") else value.split(",")
        return [part.strip() if isinstance(part, str) else part for part in parts if part != ""]
    return list(_only(value, list, tuple))


_CONVERT: dict[str, Callable[[Any], Any]] = {
    "text": lambda value: _only(value, str), "int": _int, "float": _float, "bool": _bool, "date": _moment,
    "datetime": _moment, "duration": _duration, "list": _list,
    "any": lambda value: naive(value) if isinstance(value, date) else value,
}  # fmt: skip
_EXPECTED = {
    "bool": "true or false", "date": "a date, 2020-12-31", "datetime": "a date or datetime, 2020-12-31T23:59:00",
    "duration": "a number of days", "list": "values with commas between them",
}  # fmt: skip
TYPES = tuple(_CONVERT)
"""What a header may call a parameter; a duration is given in days."""
