"""Outcome of a cohort, one row a patient: what availability, batches and time are tested against, whatever the task."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import polars as pl

from ...base.snapshot import Snapshot
from ...base.task import task_of
from ..contingency import cramers_v, events_columns, fisher_columns, log_rank, observed_expected, wilson
from ..rank_tests import cox_score, kruskal

FEWEST = 5
"""Patients in the smaller of two groups, below which nothing is tested."""
OTHERS = "(others)"
"""Groups of fewer than FEWEST patients, together."""
_LARGE = 20


@dataclass(frozen=True)
class Outcome:
    """The outcome of each patient of the cohort, who counts once, with the first row that has one.

    row: (n,) rows of the snapshot. label: (n,) class as text, of survival "1" for an event and "0", of a number its third,
    of several labels how many. duration: (n,) days, None where the outcome does not wait. binary: whether label is "0" or "1".
    """

    row: np.ndarray
    label: np.ndarray
    duration: np.ndarray | None
    binary: bool
    prediction_time: pl.Series

    @classmethod
    def of(cls, snapshot: Snapshot) -> Self:
        """The outcome of a snapshot's rows."""
        task = task_of(snapshot.task)
        rows = snapshot.rows.with_row_index("row").drop_nulls(task.outcome)
        rows = rows.unique("subject_id", keep="first", maintain_order=True)
        row, time = rows["row"].to_numpy().astype(np.int64), rows["prediction_time"]
        if task.over_time:
            event = rows["event"].cast(pl.Int8).cast(pl.String).to_numpy()
            return cls(row, event, rows["duration_days"].cast(pl.Float64).to_numpy(), False, time)
        if (grouped := task.grouped(rows["label"])) is not None:
            return cls(row, grouped.to_numpy().astype(str), None, False, time)
        boolean = task.label_type == "boolean"
        label = rows["label"].cast(pl.Int64) if boolean else rows["label"]
        return cls(row, label.cast(pl.String).to_numpy().astype(str), None, boolean, time)

    def among(self, chosen: np.ndarray) -> Self:
        """The outcome of some of the patients. chosen: (n,) bool."""
        duration = None if self.duration is None else self.duration[chosen]
        time = self.prediction_time.filter(pl.Series(chosen))
        return replace(self, row=self.row[chosen], label=self.label[chosen], duration=duration, prediction_time=time)

    @property
    def event(self) -> np.ndarray:
        """(n,) bool: who has the event, of binary outcomes and over time."""
        return np.asarray(self.label == "1")

    @property
    def measure(self) -> str:
        """What `by_group` holds: share, classes, or O/E."""
        return "O/E" if self.duration is not None else "share" if self.binary else "classes"

    def test(self, x: np.ndarray) -> np.ndarray:
        """p-value of each column of (n, p): bool by Fisher's exact or the log-rank test, numbers by ranks.

        A bool column with fewer than FEWEST patients on one side is not tested: NaN.
        """
        boolean = x.dtype == bool
        if not x.shape[1] or len(np.unique(self.label)) < 2:
            return np.full(x.shape[1], np.nan)
        if self.duration is not None:
            p = cox_score(x.astype(np.float64), self.duration, self.event)
            p = np.maximum(p, events_columns(x, self.duration, self.event)) if boolean else p
        elif boolean and self.binary:
            p = fisher_columns(x, self.event)
        else:
            p = kruskal(x.astype(np.float64), self.label)
        if boolean:
            held = x.sum(axis=0)
            p = np.where(np.minimum(held, len(x) - held) < FEWEST, np.nan, p)
        return p

    def test_groups(self, group: pl.Series) -> dict[str, Any] | None:
        """Outcome against groups: measure, value, low, high, p, patients, groups; None where there are no two groups.

        Groups of fewer than FEWEST patients count as one. Cramér's V; over time the log-rank test with the widest ratio
        of observed to expected events in groups of twenty or more, and the range of that ratio.
        """
        name, known = _large(group)
        if len(np.unique(name)) < 2 or len(np.unique(self.label[known])) < 2:
            return None
        about = {"patients": int(known.sum()), "groups": len(np.unique(name))}
        if self.duration is not None:
            duration, event = self.duration[known], self.event[known]
            seen, expected = observed_expected(duration, event, name)
            large = np.unique(name, return_counts=True)[1] >= _LARGE
            ratio = (seen / np.maximum(expected, 1e-12))[large if large.any() else slice(None)]
            low, high = float(ratio.min()), float(ratio.max())
            widest = high if high >= 1 / max(low, 1e-12) else low
            return {
                "measure": "O/E",
                "value": widest,
                "low": low,
                "high": high,
                "p": log_rank(duration, event, name),
                **about,
            }
        found = cramers_v(_counts(name, self.label[known]))
        return None if found is None else {"measure": "V", "value": found.v, "low": found.low, "high": found.high, "p": found.p,
                                           **about}  # fmt: skip

    def by_group(self, group: pl.Series) -> pl.DataFrame:
        """group, patients, value, low, high (95 %): share with the outcome (Wilson), over time observed to expected events
        (Byar); of classes a row a class: group, class, patients, value. Groups of fewer than FEWEST are one, OTHERS,
        and left out if that has fewer too: it would show a single patient's outcome."""
        name, known = _large(group)
        label = self.label[known]
        if self.duration is None and not self.binary:
            table = pl.DataFrame({"group": name, "class": label}).group_by("group", "class").len("n")
            of = pl.col("n").sum().over("group")
            return table.select("group", "class", patients=of, value=pl.col("n") / of).sort("group", "class")
        names, at = np.unique(name, return_inverse=True)
        n = np.bincount(at)
        if self.duration is None:
            value, low, high = wilson(np.bincount(at, self.event[known].astype(float)), n)
        else:
            value, low, high = _byar(*observed_expected(self.duration[known], self.event[known], name))
        return pl.DataFrame({"group": names, "patients": n, "value": value, "low": low, "high": high})


def _large(group: pl.Series) -> tuple[np.ndarray, np.ndarray]:
    """Groups as text, small ones under one name; and (n,) bool, who is in one that has FEWEST patients."""
    text = group.cast(pl.String)
    size = pl.len().over("group")
    named = (
        text.alias("group")
        .to_frame()
        .with_columns(
            pl.when((size < FEWEST) & pl.col("group").is_not_null())
            .then(pl.lit(OTHERS))
            .otherwise("group")
            .alias("group")
        )
    )
    named = named.with_columns(kept=(size >= FEWEST) & text.is_not_null())
    known = named["kept"].to_numpy()
    return named["group"].filter(named["kept"]).to_numpy(), known


def _counts(name: np.ndarray, label: np.ndarray) -> np.ndarray:
    names, row = np.unique(name, return_inverse=True)
    labels, column = np.unique(label, return_inverse=True)
    return np.bincount(row * len(labels) + column, minlength=len(names) * len(labels)).reshape(len(names), len(labels))


def _byar(seen: np.ndarray, expected: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Byar's limits of a Poisson count, over what was expected (Breslow & Day 1987)."""
    z = 1.959964
    with np.errstate(divide="ignore", invalid="ignore"):
        low = np.where(seen > 0, seen * (1 - 1 / (9 * seen) - z / (3 * np.sqrt(seen))) ** 3, 0.0)
        more = seen + 1
        high = more * (1 - 1 / (9 * more) + z / (3 * np.sqrt(more))) ** 3
        return seen / expected, low / expected, high / expected
