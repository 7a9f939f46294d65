"""Formats of reports: counts, shares, p-values, estimates with their intervals, and metrics by their labels."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from clinome.models.metrics.registry import METRICS
from clinome.models.statistics.table_one import short_number

_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def number(value: Any, digits: int = 3) -> str:
    """`1,234`, `0.123`, and – for nothing."""
    if value is None:
        return "–"
    if isinstance(value, bool | str):
        return str(value)
    text = f"{value:,}" if isinstance(value, int) else f"{value:.{digits}f}"
    return text.replace("-", "−")


def percent(share: float) -> str:
    """`34%` of a share between 0 and 1."""
    return f"{share:.0%}"


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
    if value >= 0.001:
        return f"{value:.2g}" if value >= 0.01 else f"{value:.3f}"
    if value < 1e-300:
        return "< 10⁻³⁰⁰"
    mantissa, exponent = f"{value:.0e}".split("e")
    return f"{mantissa}×10" + str(int(exponent)).translate(_RAISED)


def interval(row: Mapping[str, Any], digits: int = 2, *, sign: bool = False, name: str = "") -> str:
    """`0.78 (0.72 to 0.84)` of a row's mean (or difference), low and high; the number alone where there is no interval.

    Args:
        name: what the interval is called inside the brackets, as `95% CI`.
    """

    def shown(value: float) -> str:
        return f"{round(value, digits) + 0.0:{'+' if sign else ''}.{digits}f}"  # no −0.00

    text = shown(row["difference"] if "difference" in row else row["mean"])
    if row.get("low") is not None and row.get("high") is not None:
        text += f" ({name + ' ' if name else ''}{shown(row['low'])} to {shown(row['high'])})"
    return text.replace("-", "−")


def metric_label(key: str | None) -> str:
    """The name of a metric on an axis and in a sentence; the key itself where there is no such metric."""
    return METRICS[key].label if key in METRICS else str(key or "")


def chance_of(key: str | None) -> float | None:
    """What a guess reaches whatever the data; None where that depends on them."""
    return METRICS[key].chance if key in METRICS else None


def smaller_is_better(key: str | None) -> bool:
    """Whether a lower value is the better one, as of errors."""
    return key in METRICS and not METRICS[key].higher_is_better
