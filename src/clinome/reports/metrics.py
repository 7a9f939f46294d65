"""Metrics as reports name them: label, value of a guess, and which direction is better, by the key in results.json."""

from __future__ import annotations

from clinome.models.metrics.registry import METRICS


def metric_label(key: str | None) -> str:
    """The name of a metric on an axis and in a sentence; the key itself where there is no such metric."""
    return METRICS[key].label if key in METRICS else str(key or "")


def chance_of(key: str | None) -> float | None:
    """What a guess reaches whatever the data; None where that depends on them."""
    return METRICS[key].chance if key in METRICS else None


def smaller_is_better(key: str | None) -> bool:
    """Whether a lower value is the better one, as of errors."""
    return key in METRICS and not METRICS[key].higher_is_better
