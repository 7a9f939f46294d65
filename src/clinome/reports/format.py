"""Formats of reports: counts, shares, p-values, estimates with their intervals, and metrics by their labels."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from clinome.models.metrics.registry import METRICS
from clinome.models.statistics.rounding import decimals, fixed
from clinome.models.statistics.table_one import short_number

_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def number(value: Any, digits: int = 3, *, sign: bool = False) -> str:
    """`1,234`, `0.123`, and – for nothing; of a number that is not zero no zero, but `0.0004`, or `2×10⁻⁹`.

    Example:
        >>> number(0.1234), number(-0.0004), number(1234), number(None)
        ('0.123', '−0.0004', '1,234', '–')
    """
    if value is None:
        return "–"
    if isinstance(value, bool | str):
        return str(value)
    if isinstance(value, int):
        return f"{value:+,}".replace("-", "−") if sign else f"{value:,}".replace("-", "−")
    return "–" if math.isnan(value) else _typeset(fixed(value, decimals([value], digits), sign=sign))


def _typeset(text: str) -> str:
    """A minus sign that is one, and powers of ten."""
    mantissa, e, exponent = text.partition("e")
    return mantissa.replace("-", "−") + (f"×10{str(int(exponent)).translate(_RAISED)}" if e else "")


def percent(share: float) -> str:
    """`34%` of a share between 0 and 1; what is not nothing and not all is neither 0% nor 100%."""
    text = f"{share:.0%}"
    if text == "0%" and share > 0:
        return "< 1%"
    return "> 99%" if text == "100%" and share < 1 else text


def fraction(share: float) -> str:
    """`34%`, `3.4%`, `< 0.1%`: never 0% or 100% of what is neither."""
    if share in (0.0, 1.0):
        return f"{share:.0%}"
    text = f"{share:.0%}" if 0.1 <= share <= 0.9 else f"{share:.1%}"
    return {"0.0%": "< 0.1%", "100.0%": "> 99.9%"}.get(text, text)


def brief(value: float | None) -> str:
    """Three digits or so, `1,234`, `12.3`, `0.123`; – for nothing."""
    return "–" if value is None else short_number(value).replace("-", "−")


def p_value(value: float | None) -> str:
    """`0.03`, `2×10⁻⁵`, and – for nothing."""
    if value is None or math.isnan(value):
        return "–"
    if 0.995 <= value < 1:
        return "> 0.99"
    if value >= 0.001:
        return f"{value:.2g}" if value >= 0.01 else f"{value:.3f}"
    if value == 0:
        return "0"
    return "< 10⁻³⁰⁰" if value < 1e-300 else _typeset(f"{value:.0e}")


def interval(row: Mapping[str, Any], digits: int = 2, *, sign: bool = False, name: str = "") -> str:
    """`0.78 (0.72 to 0.84)` of a row's mean (or difference), low and high; the number alone where there is no interval.

    Where one of the three would be printed as zero and is not, all have more decimals.
    Args:
        name: what the interval is called inside the brackets, as `95% CI`.
    Example:
        >>> interval({"difference": -0.002, "low": -0.031, "high": 0.027}, sign=True)
        '−0.002 (−0.031 to +0.027)'
    """
    mean, low, high = row["difference"] if "difference" in row else row["mean"], row.get("low"), row.get("high")
    if mean is None:
        return "–"
    digits = decimals([value for value in (mean, low, high) if value is not None], digits)
    text = _typeset(fixed(mean, digits, sign=sign))
    if low is None or high is None:
        return text
    ends = " to ".join(_typeset(fixed(value, digits, sign=sign)) for value in (low, high))
    return f"{text} ({name + ' ' if name else ''}{ends})"


_OF_ONE_CAUSE = ("c_index", "td_auc")


def metric_label(key: str | None, competing: bool = False) -> str:
    """The name of a metric on an axis and in a sentence; the key itself where there is no such metric.

    Args:
        competing: whether another event can come first: ranks are then those of one cause.
    Example:
        >>> metric_label("c_index"), metric_label("c_index", competing=True)
        ('C-index', 'cause-specific C-index')
    """
    name = METRICS[key].label if key in METRICS else str(key or "")
    return f"cause-specific {name}" if competing and key in _OF_ONE_CAUSE else name


def metric_value(value: float | None, key: str) -> str:
    """`0.812` of a metric without its interval; of one that counts `218`, a whole number.

    Example:
        >>> metric_value(0.8123, "auroc"), metric_value(218.0, "endpoints_judged"), metric_value(None, "auroc")
        ('0.812', '218', '–')
    """
    counted = key in METRICS and METRICS[key].counts and value is not None
    return number(round(value) if counted and value is not None else value)


def chance_of(key: str | None) -> float | None:
    """What a guess reaches whatever the data; None where that depends on them."""
    return METRICS[key].chance if key in METRICS else None


def smaller_is_better(key: str | None) -> bool:
    """Whether a lower value is the better one, as of errors."""
    return key in METRICS and not METRICS[key].higher_is_better
