"""Operating point: the risk from which one acts, set inside the training part, and what it means on held-out patients.

A threshold picked on the rows that it is judged by looks better than it is. Here each fold's threshold is set on
predictions of its training rows by models that had not seen them (`models.experiment.tuning`), then applied to the rows
held out; their counts are added up over folds, and intervals are from patients drawn anew.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import polars as pl

from ....loaders.errors import InputError
from ...base.snapshot import Snapshot
from ...base.task import task_of
from ...metrics.classification import balanced_accuracy, matthews
from ..bootstrap import Resamples, quotient
from ..fold_scores import FoldScores
from ..intervals import ratio, spread
from .alarms import alarms
from .early_warning import alert_gain

RULE = re.compile(
    r"\s*(?:(sensitivity|specificity|ppv|risk)\s*>=|(alerts)\s*<=|(net benefit)\s+at)\s*(\d*\.?\d+)\s*(%?)\s*",
    re.IGNORECASE,
)
UTILITY = "highest utility"
BUDGETS = (0.01, 0.02, 0.05, 0.10, 0.20, 0.30)
"""Shares of rows that may be alerted, of the table that every binary run has."""


@dataclass(frozen=True)
class Rule:
    """How a threshold is set.

    what: sensitivity, specificity, ppv (at least so much: with the fewest alerts, or, of the latter two, the most that
    keep it), alerts (at most such a share of rows), risk (this very risk), net benefit (the highest at this threshold
    probability: acting in vain is t/(1 − t) as bad as missing an event), highest utility (of hourly early warnings,
    `models.evaluation.decisions.early_warning`).
    """

    what: str
    value: float

    @classmethod
    def parse(cls, text: str) -> Self:
        """A rule as `[report] threshold` says it.

        Raises: ValueError for what is no rule, and for a share outside 0 to 1.
        Example:
            >>> Rule.parse("alerts <= 10%")
            Rule(what='alerts', value=0.1)
        """
        if text.strip().lower() == UTILITY:
            return cls(UTILITY, 0.0)
        found = RULE.fullmatch(text)
        if found is None:
            raise ValueError(f"no rule for a threshold: {text!r}")
        value = float(found[4]) / (100 if found[5] else 1)
        if not 0 < value < 1:
            raise ValueError(f"not a share between 0 and 1: {text!r}")
        return cls((found[1] or found[2] or found[3]).lower(), value)

    def __str__(self) -> str:
        if self.what == UTILITY:
            return UTILITY
        sign = {"alerts": "<=", "net benefit": "at"}.get(self.what, ">=")
        value = f"{100 * self.value:.3g}%" if self.what == "alerts" else f"{self.value:.3g}"
        return f"{self.what} {sign} {value}"

    def threshold(self, y: np.ndarray, p: np.ndarray, gain: np.ndarray | None = None) -> float:
        """The risk from which one acts; infinite where no threshold keeps the rule: then nobody is alerted.

        Args:
            y: (n,) 0/1. p: (n,) risks. gain: (n,) what an alert is worth, for the highest utility.
        Example:
            >>> Rule("sensitivity", 0.5).threshold(np.array([0, 1, 0, 1]), np.array([0.1, 0.2, 0.3, 0.4]))
            0.4
        """
        if self.what == "risk":
            return self.value
        order = np.argsort(-p, kind="stable")
        last = np.flatnonzero(np.r_[np.diff(p[order]) != 0, True]) if len(p) else np.zeros(0, dtype=np.int64)
        caught = np.cumsum(y[order])[last].astype(np.float64)
        acted = last + 1.0
        vain = acted - caught
        match self.what:
            case "net benefit" | "highest utility":
                worth = caught - vain * self.value / (1 - self.value)
                if gain is not None:
                    worth = np.cumsum(gain[order])[last]
                if not len(worth) or worth.max() <= 1e-9:
                    return np.inf
                kept = np.flatnonzero(worth >= worth.max() - 1e-9)[:1]  # of equals the one with the fewest alerts
            case "sensitivity":
                kept = np.flatnonzero(caught >= self.value * max(y.sum(), 1) - 1e-9)[:1]
            case "specificity":
                kept = np.flatnonzero(vain <= (1 - self.value) * (len(y) - y.sum()) + 1e-9)[-1:]
            case "ppv":
                kept = np.flatnonzero(caught >= self.value * acted - 1e-9)[-1:]
            case _:
                kept = np.flatnonzero(acted <= self.value * len(y) + 1e-9)[-1:]
        return float(p[order][last[kept[0]]]) if len(kept) else np.inf


def operating_points(
    snapshot: Snapshot, parts: Sequence[FoldScores], resamples: Resamples, rule: Rule | None = None
) -> dict[str, Any]:
    """What acting from a threshold on would have meant: at the study's rule, and at alert budgets from 1 to 30 %.

    Args:
        parts: of one learner, each with `inner`.
        rule: of `[report] threshold`.
    Returns: rule (as text, None without) and points, the rule's first; {} for tasks without one risk a row. A point: rule, threshold
        (mean over folds; None where no fold kept the rule), unmet (folds that could not), new (threshold for new patients,
        by all held-out scores), alerts, sensitivity, specificity, ppv, npv, balanced_accuracy, mcc (mean, low, high), and,
        where patients have several predictions, what `alarms` says; utility, where that is what the rule asks for.
    """
    known = [one for one in parts if one.inner is not None]
    if task_of(snapshot.task).label_type != "boolean" or not known:
        return {}
    several = len({one.place for one in known}) > 1
    worth = _worth(snapshot) if rule and rule.what == UTILITY else None
    rules = (*([rule] if rule else []), *(Rule("alerts", share) for share in BUDGETS))
    points = [_point(snapshot, one, known, resamples, several, worth) for one in rules]
    return {"rule": str(rule) if rule else None, "points": points}


def _worth(snapshot: Snapshot) -> tuple[np.ndarray, np.ndarray]:
    """(rows,) what an alert is worth, and whether it would be right. Raises: InputError for rows without a time."""
    time = snapshot.rows["prediction_time"]
    if time.null_count():
        raise InputError(
            "the utility of early warnings needs times", "[report] threshold", "rows without a prediction_time",
            "one an hour", "choose another rule",
        )  # fmt: skip
    hour = time.dt.epoch("s").to_numpy() / 3600.0
    stay = snapshot.rows["subject_id"].rank("dense").to_numpy()
    return alert_gain(stay, hour, snapshot.rows["label"].cast(pl.Int64).to_numpy())


def _point(
    snapshot: Snapshot,
    rule: Rule,
    parts: Sequence[FoldScores],
    resamples: Resamples,
    several: bool,
    worth: tuple[np.ndarray, np.ndarray] | None,
) -> dict[str, Any]:
    def limit(rows: np.ndarray, y: np.ndarray, score: np.ndarray) -> float:
        return rule.threshold(y, score, worth[0][rows] if worth and rule.what == UTILITY else None)

    limits = [limit(*one.inner) for one in parts if one.inner is not None]
    alert = np.concatenate([one.score >= least for one, least in zip(parts, limits, strict=True)])
    rows = np.concatenate([one.rows for one in parts])
    y = np.concatenate([one.y for one in parts]).astype(bool)
    first = [one for one in parts if one.repeat == parts[0].repeat]
    new = limit(*(np.concatenate([getattr(one, side) for one in first]) for side in ("rows", "y", "score")))
    met = [least for least in limits if np.isfinite(least)]
    found: dict[str, Any] = {
        "rule": str(rule), "threshold": float(np.mean(met)) if met else None, "unmet": len(limits) - len(met),
        "folds": len(limits), "new": new if np.isfinite(new) else None,
    }  # fmt: skip
    below = {"sensitivity": y, "specificity": ~y, "ppv": alert, "npv": ~alert, "alerts": np.ones_like(alert)}
    for name, of in below.items():
        hit = {"specificity": ~alert, "npv": ~y, "ppv": y}.get(name, alert)
        found[name] = ratio(resamples.totals(rows, np.column_stack([hit & of, of])), resamples, several)
    found |= _balanced(y, alert, rows, resamples, several)
    if worth:
        gain, right = worth[0][rows], worth[1][rows]
        sides = resamples.totals(rows, np.column_stack([gain * alert, gain * right]))
        found["utility"] = ratio(sides, resamples, several, limits=(-np.inf, 1.0))
    once = np.concatenate([np.full(len(one.rows), one.repeat == parts[0].repeat) for one in parts])
    return found | alarms(snapshot, rows[once], y[once], alert[once], resamples, several)


def _balanced(
    y: np.ndarray, alert: np.ndarray, rows: np.ndarray, resamples: Resamples, several: bool
) -> dict[str, dict[str, float | None]]:
    """Balanced accuracy and Matthews's correlation of the alerts."""
    cells = resamples.totals(rows, np.column_stack([~y & ~alert, ~y & alert, y & ~alert, y & alert]))
    whole, drawn = cells.sum(axis=0).reshape(1, 2, 2), resamples.sums(cells).reshape(-1, 2, 2)
    found: dict[str, dict[str, float | None]] = {}
    for name, of, least in (("balanced_accuracy", balanced_accuracy, 0.0), ("mcc", matthews, -1.0)):
        value = float(quotient(*of(whole))[0])
        low, high, _ = spread(value, quotient(*of(drawn)), several)
        found[name] = {"mean": value, "low": max(low, least), "high": min(high, 1.0)}
    return found
