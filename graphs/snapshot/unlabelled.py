"""Unlabelled: the records of everybody who is in no row of a cohort, as a snapshot without labels: what may be pretrained on."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

import polars as pl

from ...loaders.tables import EVENTS
from ..tables.study_tables import Tables
from .events import frozen_events
from .fence import fence
from .knowledge import reachable
from .snapshot import FOLDS, Snapshot


def unlabelled(tables: Tables, cohort: Collection[str], clock: str, until: datetime | None = None) -> Snapshot | None:
    """One row a subject with records who is not in the cohort: all that was known of it by its last record.

    Nobody of the cohort is in it, whatever their split: each of them is held out in some fold. `task` is empty: there is none.
    Args:
        cohort: subject_ids. until: nothing that happened or was known later enters, where a study is split by time.
    Returns: None where nobody is left.
    """
    found = [table for source in tables.sources() if (table := tables.table(source, "events")) is not None]
    if not found:
        return None
    clocks = [pl.col("time"), pl.col("known_time")]
    seen = pl.concat(
        [table.select("subject_id", *clocks).cast({n: EVENTS[n] for n in ("time", "known_time")}) for table in found]
    )
    ours = pl.Series([*cohort], dtype=pl.String)
    last = pl.max_horizontal(*clocks).max()
    ends = seen.filter(~pl.col("subject_id").is_in(ours.implode())).group_by("subject_id").agg(prediction_time=last)
    if until is not None:
        ends = ends.with_columns(pl.min_horizontal("prediction_time", pl.lit(until)))
    ends = ends.sort("subject_id")
    index = ends.select(pl.int_range(pl.len(), dtype=pl.Int64).alias("row"), "subject_id", "prediction_time")
    events = frozen_events(index, tables, fence)
    if events.table is None or events.table.is_empty():
        return None
    nothing = ends.select([])
    return Snapshot(
        task="", rows=ends, covariates=nothing, layers={}, events=events.table, links=reachable(tables, (), events),
        folds=pl.DataFrame(schema=FOLDS), clock=clock, classes=(),
    )  # fmt: skip
