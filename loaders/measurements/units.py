"""Units of measurement: how records spell them (UCUM's way and the hospitals'), and what one is in another, by pint."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from dataclasses import dataclass
from functools import cache, lru_cache
from html import unescape
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pint import UnitRegistry
    from pint.registry import Quantity


@dataclass(frozen=True)
class Linear:
    """A conversion: `value * factor + offset`."""

    factor: float
    offset: float = 0.0


@lru_cache(maxsize=10_000)
def spelled(text: str) -> str | None:
    """The unit that a text spells, as pint reads it; None for one that is not known: nothing is guessed.

    Example:
        >>> spelled("MG/DL"), spelled("K/uL"), spelled("x10^9/L"), spelled("mm Hg"), spelled("puffs")
        ('milligram / deciliter', '1e3 / microliter', '1e3 / microliter', 'mmHg', None)
    """
    sides, whole = _spellings()
    bare = re.sub(r"\{[^}]*\}", "", unicodedata.normalize("NFKC", unescape(text)))  # eICU writes &#176;C
    flat = " ".join(bare.lower().replace("μ", "µ").split())
    for form in (flat, flat.replace(" ", "")):
        if form in whole:
            return whole[form]
        above, slash, below = form.partition("/")
        above, below = above.strip(), below.strip()
        if not slash and above in sides:
            return sides[above]
        if slash and above in sides and below in sides:
            return f"{sides[above]} / {sides[below]}"
    return "dimensionless" if flat == "1" else None


def conversion(source: str, target: str, mass: float | None = None, charge: int | None = None) -> Linear | None:
    """What makes numbers in one unit numbers in another; None where nothing does.

    Args:
        source, target: as `spelled` gives them.
        mass: g/mol of what is measured; without it no gram becomes a mole.
        charge: equivalents a mole; without it no equivalent becomes a mole.
    Example:
        >>> round(conversion("millimole / liter", "milligram / deciliter", mass=180.156).factor, 3)
        18.016
        >>> conversion("millimole / liter", "milligram / deciliter") is None
        True
    """
    a, b = _one(source), _one(target)
    if a.dimensionality == b.dimensionality:
        if "degree" in source + target:  # whose zero lies elsewhere
            zero, one = (float(_registry().Quantity(x, source).to(target).magnitude) for x in (0.0, 1.0))
            return Linear(one - zero, zero)
        return Linear(float((a / b).to_base_units().magnitude))
    for bridge in _bridges(mass, charge):
        if a.dimensionality * bridge.dimensionality == b.dimensionality:
            return Linear(float((a * bridge / b).to_base_units().magnitude))
    return None


def is_plain(unit: str) -> bool:
    """Whether a unit is a bare number: shares and ratios of different things look alike, and do not convert by themselves."""
    return bool(_one(unit).dimensionless)


def _one(unit: str) -> Quantity[Any]:
    """One of a unit; some carry a factor, as 1e3 / microliter."""
    return _registry().Quantity(_registry().parse_expression(unit))


def _bridges(mass: float | None, charge: int | None) -> list[Quantity[Any]]:
    """What a number may be multiplied by to get from grams, moles and equivalents to one another."""
    registry = _registry()
    one = registry.Quantity(1, "dimensionless")
    molar = one if mass is None else registry.Quantity(mass, "gram / mole")
    ionic = one if charge is None else registry.Quantity(charge, "equivalent / mole")
    return [molar, 1 / molar, ionic, 1 / ionic, molar / ionic, ionic / molar]


@cache
def _registry() -> UnitRegistry[Any]:
    """pint's registry with the units of laboratories that are no amounts in it: equivalents and enzymatic activity."""
    from pint import UnitRegistry

    registry: UnitRegistry[Any] = UnitRegistry(cache_folder=None)
    registry.define("equivalent = [equivalents]")
    registry.define("activity = [activities]")
    return registry


@cache
def _spellings() -> tuple[dict[str, str], dict[str, str]]:
    """Spelling -> unit, of the sides of ratios and of whole units."""
    table = tomllib.loads(Path(__file__).with_name("units.toml").read_text("utf-8"))
    sides, whole = (
        {text: unit for unit, texts in table[part].items() for text in texts} for part in ("sides", "whole")
    )
    return sides, whole
