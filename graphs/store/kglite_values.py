"""Values of the embedded engine in the form that every store gives: nodes as their properties, durations as ISO text."""

from __future__ import annotations

from typing import Any

_NODE, _RELATIONSHIP = {"id", "labels", "properties"}, {"id", "start", "end", "type", "properties"}
_PATH, _DURATION = {"nodes", "relationships"}, {"months", "days", "seconds"}
_STRUCTURAL = ("title", "type")  # the engine's own, in every node


def plain(values: list[Any]) -> list[Any]:
    """A column as the engine gave it; maps that are nodes, relationships, paths or durations are made plain.

    Example:
        >>> plain([{"months": 14, "days": 0, "seconds": -90}, "text"])
        ['P1Y2MT-1M-30S', 'text']
    """
    return [_plain(value) for value in values] if {dict, list} & set(map(type, values)) else values


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return plain(value)
    if not isinstance(value, dict):
        return value
    keys = value.keys()
    if keys == _NODE and isinstance(value["id"], int) and set(_STRUCTURAL) <= value["properties"].keys():
        return {name: _plain(v) for name, v in sorted(value["properties"].items()) if name not in _STRUCTURAL}
    if keys == _RELATIONSHIP and isinstance(value["id"], int):
        return {name: _plain(v) for name, v in sorted(value["properties"].items())}
    if keys - {"nanoseconds"} == _DURATION and all(isinstance(v, int) for v in value.values()):
        return iso_duration(**value)
    return {name: _plain(v) for name, v in value.items()}


def iso_duration(months: int, days: int, seconds: int, nanoseconds: int = 0) -> str:
    """ISO 8601 text, as Neo4j's driver writes it: each part with its own sign.

    Example:
        >>> iso_duration(13, -2, 3600, 500_000_000), iso_duration(0, 0, 0)
        ('P1Y1M-2DT1H0.5S', 'PT0S')
    """
    whole = seconds * 10**9 + nanoseconds
    sign, rest = (-1 if whole < 0 else 1), abs(whole)
    years, months = _parts(months, 12)
    minutes, second = divmod(rest // 10**9, 60)
    hours, minutes = divmod(minutes, 60)
    fraction = f"{rest % 10**9:09d}".rstrip("0")
    last = f"{'-' if sign < 0 else ''}{second}.{fraction}S" if fraction else f"{sign * second}S" if second else ""
    time = "".join(f"{sign * n}{unit}" for n, unit in ((hours, "H"), (minutes, "M")) if n) + last
    day = "".join(f"{n}{unit}" for n, unit in ((years, "Y"), (months, "M"), (days, "D")) if n)
    return f"P{day}{'T' + time if time else ''}" if day or time else "PT0S"


def _parts(number: int, by: int) -> tuple[int, int]:
    whole, rest = divmod(abs(number), by)
    return (-whole, -rest) if number < 0 else (whole, rest)
