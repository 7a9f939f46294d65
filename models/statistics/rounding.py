"""Rounding for print: as many decimals as are asked for, and more where fewer would hide that a number is not zero."""

from __future__ import annotations

import math
from collections.abc import Iterable

NOTHING = 1e-15
"""A number nearer to zero is what is left of sums that cancel."""


def decimals(values: Iterable[float], least: int, more: int = 2) -> int:
    """Decimals at which no number that differs from zero is printed as zero: from `least` to `least + more`.

    Example:
        >>> decimals([0.31, -0.002], 2), decimals([0.31, -0.02], 2)
        (3, 2)
    """
    known = [abs(value) for value in values if math.isfinite(value) and abs(value) > NOTHING]
    enough = (digits for digits in range(least, least + more) if all(round(value, digits) > 0 for value in known))
    return next(enough, least + more)


def fixed(value: float, digits: int = 3, *, sign: bool = False) -> str:
    """A number with so many decimals; where these are all zeros and the number is not, as a power of ten.

    Args:
        sign: + before a positive one, too. Zero has none.
    Example:
        >>> fixed(-0.0021, 2), fixed(-0.0021, 3), fixed(-0.0, 2), fixed(0.25, 2, sign=True)
        ('-2e-03', '-0.002', '0.00', '+0.25')
    """
    if abs(value) <= NOTHING:
        return f"{0:.{digits}f}"
    plus = "+" if sign else ""
    return f"{value:{plus}.{digits}f}" if round(abs(value), digits) > 0 else f"{value:{plus}.0e}"
