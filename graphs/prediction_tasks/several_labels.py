"""Several labels at once: which of them are coded in the window, or in the stay, of each row."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from .records import STAY
from .task import LAST_RECORD, STAY_CODES, STAY_END, PredictionTask

AT = pl.col("prediction_time")


def labelled(
    rows: pl.DataFrame, events: pl.DataFrame, task: PredictionTask, labels: Sequence[str], parts: pl.DataFrame | None
) -> pl.DataFrame:
    """label: a list of those that are so, in the order of `labels`; null where nobody can know, with the reason.

    Args:
        rows: as `_Facts.gather` gives them. events: as `Records.classed`, or `Records.events`, of these labels alone.
        parts: of a target of the stay, `stay_of_visit`.
    """
    if task.target.event == STAY_CODES:
        assert parts is not None
        found = _in_stay(rows, events, parts)
        unknown = {"open_stay": pl.col("stay_end").is_null()}
    else:
        window = task.window
        begin = AT + window.gap
        ends = [begin + window.horizon] if window.horizon is not None else []
        ends += [pl.col("stay_end")] if window.until == STAY_END else []
        rows = rows.with_columns(begin=begin, until=pl.min_horizontal(ends))
        found = _in_window(rows, events)
        dies = ((pl.col("died") <= pl.col("until")) & (pl.col("died_over") > pl.col("begin"))).fill_null(False)
        seen = pl.col("last" if window.observed == LAST_RECORD else "observed_until")
        open_stay = pl.col("stay_end").is_null() if window.until == STAY_END else pl.lit(False)
        in_gap = (pl.col("died") <= pl.col("begin")).fill_null(False) if window.gap else pl.lit(False)
        cut = ~dies & (seen < pl.col("until")).fill_null(False) & ~open_stay
        unknown = {"cut_short": cut & ~in_gap, "in_gap": in_gap, "open_stay": open_stay}
        rows = rows.with_columns(unstated=~dies & seen.is_null() & pl.lit(window.until != STAY_END))
    order = pl.Enum(list(labels))
    lists = found.with_columns(pl.col("class").cast(order)).unique().sort("row", "class")
    each = lists.group_by("row", maintain_order=True).agg(label=pl.col("class").cast(pl.String))
    rows = rows.with_columns(what.alias(name) for name, what in unknown.items()).join(each, on="row", how="left")
    known = ~pl.any_horizontal(list(unknown))
    return rows.with_columns(label=pl.when(known).then(pl.col("label").fill_null([])))


def _in_window(rows: pl.DataFrame, events: pl.DataFrame) -> pl.DataFrame:
    """row, class: events later than the beginning of the window, and not later than its end."""
    pairs = rows.select("row", "subject_id", "begin", "until").join(
        events.select("subject_id", "time", "class"), on="subject_id"
    )
    return pairs.filter((pl.col("time") > pl.col("begin")) & (pl.col("time") <= pl.col("until"))).select("row", "class")


def _in_stay(rows: pl.DataFrame, events: pl.DataFrame, parts: pl.DataFrame) -> pl.DataFrame:
    """row, class: of events of the stay that the row lies in; what was known at the index is an input, and no outcome."""
    mine = rows.filter(pl.col("stay_start").is_not_null()).select("row", "subject_id", AT, start="stay_start")
    of_visit = events.join(parts, on=["subject_id", "visit_id"], how="left")
    alone = of_visit.filter(pl.col("start").is_null()).drop("start", "end").sort("time")
    spans = parts.select("subject_id", "start", "end", on="start").unique().sort("on")
    around = alone.join_asof(spans, left_on="time", right_on="on", by="subject_id", check_sortedness=False)
    within = around.filter(pl.col("end").is_null() | (pl.col("time") <= pl.col("end"))).select(of_visit.columns)
    placed = pl.concat([of_visit.filter(pl.col("start").is_not_null()), within])
    pairs = mine.join(placed.drop("end"), on=["subject_id", "start"])
    return pairs.filter(pl.col("never") | (pl.col("known_time") > AT)).select("row", "class")


def stay_of_visit(visits: pl.DataFrame, stays: pl.DataFrame) -> pl.DataFrame:
    """subject_id, visit_id, start, end: of every visit the stay that it is a part of."""
    spans = stays.select("subject_id", "start", "end", on="start").sort("on")
    each = visits.select("subject_id", "visit_id", begin="start").sort("begin")
    found = each.join_asof(spans, left_on="begin", right_on="on", by="subject_id", check_sortedness=False)
    return found.select(name for name in STAY)
