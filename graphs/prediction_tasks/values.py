"""Values as an outcome: what is measured in the window, its change since the index, or whether it lies in the target."""

from __future__ import annotations

import polars as pl

from .task import FIRST_VALUE, HIGHEST, LAST_VALUE, LOWEST, MEAN, NUMERIC, STAY_END, PredictionTask, Reading

AT = pl.col("prediction_time")
_PICK = {
    FIRST_VALUE: pl.col("value").first(), LAST_VALUE: pl.col("value").last(), LOWEST: pl.col("value").min(),
    HIGHEST: pl.col("value").max(), MEAN: pl.col("value").mean(),
}  # fmt: skip


def with_baseline(rows: pl.DataFrame, values: pl.DataFrame, reading: Reading) -> pl.DataFrame:
    """`baseline`: the last value measured and known at the index; `measured_before`, and of `outside` `off_target`."""
    told = values.filter(~pl.col("never")).sort("known_time", "time", maintain_order=True)
    known = pl.col("known_time") <= AT
    pairs = rows.select("row", "subject_id", AT).join(
        told.select("subject_id", "time", "known_time", "value"), on="subject_id"
    )
    since = AT - reading.baseline if reading.baseline is not None else pl.lit(None, pl.Datetime("us"))
    young = since.is_null() | (pl.col("time") >= since)
    last = pairs.filter(known & young & (pl.col("time") <= AT)).sort("time", maintain_order=True)
    each = last.group_by("row").agg(baseline=pl.col("value").last())
    rows = rows.join(each, on="row", how="left").with_columns(measured_before=pl.col("baseline").is_not_null())
    if not reading.outside:
        return rows
    return rows.with_columns(off_target=~_holds(pl.col("baseline"), reading))


def value_label(rows: pl.DataFrame, values: pl.DataFrame, task: PredictionTask, label_type: str) -> pl.DataFrame:
    """label: the value picked in the window, its change, or whether it lies within the bounds; null where none was measured."""
    reading, window = task.target.reading, task.window
    assert reading is not None
    begin = AT + window.gap
    ends = [begin + window.horizon] if window.horizon is not None else []
    ends += [pl.col("stay_end")] if window.until == STAY_END else []
    rows = rows.with_columns(begin=begin, until=pl.min_horizontal(ends))
    pairs = rows.select("row", "subject_id", "begin", "until").join(values, on="subject_id")
    within = pairs.filter((pl.col("time") > pl.col("begin")) & (pl.col("time") <= pl.col("until")))
    each = within.sort("time", maintain_order=True).group_by("row").agg(value=_PICK[reading.pick])
    rows = rows.join(each, on="row", how="left")
    value = pl.col("value") - pl.col("baseline") if reading.change else pl.col("value")
    label = value if label_type == NUMERIC else _holds(value, reading)
    open_stay = pl.col("stay_end").is_null() if window.until == STAY_END else pl.lit(False)
    rows = rows.with_columns(label=pl.when(~open_stay).then(label), open_stay=open_stay)
    return rows.with_columns(unmeasured=pl.col("label").is_null() & ~pl.col("open_stay"))


def _holds(value: pl.Expr, reading: Reading) -> pl.Expr:
    says = [value >= reading.low] if reading.low is not None else []
    says += [value <= reading.high] if reading.high is not None else []
    return pl.all_horizontal(says)
