"""Audited study: everything that was loaded, the cohort as its query gave it, and what learners see of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl

from ...base.snapshot import Snapshot
from ...base.task import task_of
from ..data_quality.outcome import Outcome
from ..data_quality.study_data import StudyData

FEWEST = 20
"""Patients with an outcome, below which nothing is tested against it."""
MOST_CLASSES = 50
"""Different labels above which they are no classes."""


@dataclass(frozen=True)
class Audited:
    """A study and its cohort, as the checks for leakage take them.

    frame: the cohort, in the order of `snapshot.rows`. label: what the study calls it, or the property that it is.
    words: by which an outcome like this one gives itself away (`outcome_words`). codes: that the query names.
    no_risk: patients who were left out for a duration of zero or less. both_sides: subjects whom the study's own folds
    put on both sides of a split, as many as there are. refused: covariate -> why it may be none. futures: of each
    other future (`clinome.graphs.cohort.look_ahead`) future, gone, of, step.
    """

    data: StudyData
    snapshot: Snapshot
    frame: pl.DataFrame
    label: str = "label"
    words: frozenset[str] = frozenset()
    codes: tuple[str, ...] = ()
    no_risk: int = 0
    both_sides: int = 0
    refused: Mapping[str, str] = field(default_factory=dict)
    futures: tuple[Mapping[str, Any], ...] = ()

    @cached_property
    def rows(self) -> pl.DataFrame:
        """row, subject_id, at (prediction time), y (class or event, as text), visit_id, start, end (of its visit)."""
        y = self._told()
        none = pl.Series("visit_id", [None] * self.frame.height, dtype=pl.String)
        visit = self.frame["visit_id"].cast(pl.String) if "visit_id" in self.frame.columns else none
        rows = self.snapshot.rows.select(
            pl.int_range(pl.len(), dtype=pl.Int64).alias("row"), "subject_id", pl.col("prediction_time").alias("at")
        ).with_columns(y=y, visit_id=visit)
        of = self.visits.select("subject_id", "visit_id", start="start_time", end="end_time")
        return rows.join(of, on=["subject_id", "visit_id"], how="left", maintain_order="left")

    def _told(self) -> pl.Series:
        """(rows,) class or event as text; null where the outcome is neither."""
        over_time = task_of(self.snapshot.task).over_time
        column = "event" if over_time else "label"
        if column not in self.snapshot.rows.columns or self.snapshot.rows[column].dtype.is_nested():
            return pl.Series("y", [None] * self.snapshot.rows.height, dtype=pl.String)
        y = self.snapshot.rows[column]
        whole = y.cast(pl.Int64) if over_time or y.dtype == pl.Boolean else y
        return whole.cast(pl.String)

    @cached_property
    def visits(self) -> pl.DataFrame:
        """subject_id, visit_id, start_time, end_time: each visit once, from all sources that tell of it."""
        if self.data.visits is None:
            moments = {"start_time": pl.Datetime("us"), "end_time": pl.Datetime("us")}
            return pl.DataFrame(schema={"subject_id": pl.String, "visit_id": pl.String, **moments})
        spans = self.data.visits.group_by("subject_id", "visit_id", maintain_order=True)
        return spans.agg(pl.col("start_time").min(), pl.col("end_time").max())

    @cached_property
    def outcome(self) -> Outcome | None:
        """The outcome of each patient; None where there are too few, one class only, or no classes at all."""
        if not 2 <= self.rows["y"].drop_nulls().n_unique() <= MOST_CLASSES:
            return None
        found = Outcome.of(self.snapshot)
        return found if len(found.row) >= FEWEST and len(np.unique(found.label)) > 1 else None

    @cached_property
    def positive(self) -> pl.Series | None:
        """(rows,) bool: who has the event, of binary outcomes and over time; None of others."""
        known = set(self.rows["y"].drop_nulls().unique())
        return self.rows["y"] == "1" if known and known <= {"0", "1"} else None
