"""Measures: what a code measures, the unit in which it is kept, and the values that can be (measures.toml)."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache, lru_cache
from math import inf, nextafter
from pathlib import Path
from typing import Any

from .units import Linear, conversion, spelled


@dataclass(frozen=True)
class Measure:
    """One measurement, in one unit.

    unit: as it is written; low, high: what can be, in that unit. mass: g/mol. charge: equivalents a mole.
    same: further spellings of the unit. others: units in which numbers without a unit may be.
    """

    name: str
    unit: str
    low: float
    high: float
    mass: float | None = None
    charge: int | None = None
    same: frozenset[str] = frozenset()
    others: tuple[str, ...] = ()

    def to_unit(self, text: str) -> Linear | None:
        """What makes numbers in the unit that a text spells numbers in this measure's unit; None where nothing does.

        Example:
            >>> measure("LOINC:8310-5").to_unit("[degF]").factor.__round__(4)
            0.5556
        """
        plain = text.strip().lower()
        if plain == self.unit.lower() or plain in self.same:
            return Linear(1.0)
        source, target = spelled(text), spelled(self.unit)
        if source is None or target is None:
            return None
        return Linear(1.0) if source == target else conversion(source, target, self.mass, self.charge)

    def spans(self) -> list[tuple[float, float]]:
        """[low, high] of what can be among numbers that say no unit: in the measure's unit, or in one of `others`."""
        spans = [(self.low, self.high)]
        for other in self.others:
            made = self.to_unit(other)
            assert made is not None, f"{self.name}: {other} does not become {self.unit}"
            spans.append(((self.low - made.offset) / made.factor, (self.high - made.offset) / made.factor))
        return spans


def measure(code: str) -> Measure | None:
    """The measure of a code: by its LOINC code, or the name of a column (`VALUE:…`); None where no table knows it.

    Example:
        >>> measure("LOINC:2345-7").unit, measure("VALUE:Heart_Rate").name, measure("VALUE:mg")
        ('mg/dL', 'heart_rate', None)
    """
    prefix, _, local = code.partition(":")
    if prefix == "LOINC":
        return _by_loinc().get(local)
    return _by_name().get(_flat(local)) if prefix == "VALUE" else None


@cache
def sentinels() -> frozenset[float]:
    """Numbers that stand for "missing" where they cannot be."""
    return frozenset(float(one) for one in _table()["sentinels"])


@cache
def measures() -> tuple[Measure, ...]:
    """Every measure of the table; one that is kept in moles too is two."""
    return tuple(dict.fromkeys([*_by_loinc().values(), *_by_name().values()]))


@lru_cache(maxsize=100_000)
def _flat(name: str) -> str:
    """A name without case and punctuation; one of one or two letters as it stands: Mg is magnesium, mg is no name."""
    flat = " ".join(re.split(r"[\s_.\-]+", name.strip()))
    return flat if len(flat) <= 2 else flat.lower()


@cache
def _by_loinc() -> dict[str, Measure]:
    found: dict[str, Measure] = {}
    for name, row in _rows():
        found |= dict.fromkeys(row["loinc"], _made(name, row))
        if "molar" in row:
            found |= dict.fromkeys(row["molar"], _molar(name, row))
    return found


@cache
def _by_name() -> dict[str, Measure]:
    return {_flat(called): _made(name, row) for name, row in _rows() for called in row["names"]}


def _made(name: str, row: dict[str, Any]) -> Measure:
    low, high = row["possible"]
    low = nextafter(float(str(low).removeprefix("above ")), inf) if isinstance(low, str) else float(low)
    return Measure(name, row["unit"], low, float(high), row.get("mass"), row.get("charge"), frozenset(row.get("same", ())),
                   tuple(row.get("others", ())))  # fmt: skip


def _molar(name: str, row: dict[str, Any]) -> Measure:
    """The same substance, kept in moles."""
    made, unit = _made(name, row), row["molar_unit"]
    to = Measure(name, unit, 0, 0, made.mass, made.charge).to_unit(made.unit)
    assert to is not None, f"{name}: {made.unit} does not become {unit}"
    return Measure(f"{name}, molar", unit, made.low * to.factor, made.high * to.factor, made.mass, made.charge,
                   made.same, (made.unit,))  # fmt: skip


def _rows() -> list[tuple[str, dict[str, Any]]]:
    return [(name, row) for name, row in _table().items() if isinstance(row, dict)]


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads(Path(__file__).with_name("measures.toml").read_text("utf-8"))
