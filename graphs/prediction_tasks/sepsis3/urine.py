"""Urine output of the last 24 hours, where the whole of them was recorded.

A record is what was put out since the one before it. Records follow each other while no more than `LONGEST_GAP` lies between
two; a longer pause begins anew, so nobody is in renal failure because he has just arrived, or because nobody wrote.
Source: the sum, Vincent et al. 1996, doi:10.1007/BF01709751; that a day must be there, mit-lcp/mimic-code (22 to 30 hours,
scaled to 24). ricu (Bennett et al. 2023, doi:10.1093/gigascience/giad041) takes 12 hours, scaled; nothing is scaled here.
"""

from __future__ import annotations

from datetime import timedelta

import polars as pl

DAY = timedelta(hours=24)
LONGEST_GAP = timedelta(hours=12)
"""Between two records that follow each other: a shift, the longest time for which a ward adds up what came out."""
_KEY = ["subject_id", "time"]


def urine_of_a_day(volumes: pl.DataFrame, untold: pl.DataFrame) -> pl.DataFrame:
    """Millilitres of the 24 hours before each record (t − 24 h, t], where they began no later than 24 hours before.

    Args:
        volumes: subject_id, time, value in mL; those of one moment are added up.
        untold: subject_id, time of urine that nobody could measure: lost, or mixed with what the bladder was rinsed with. For
            24 hours after it no sum is told.
    Returns: subject_id, time, value in mL, sorted.
    Example:
        >>> from datetime import datetime
        >>> hours = [datetime(2020, 1, 1 + h // 24, h % 24) for h in (0, 8, 16, 24)]
        >>> volumes = pl.DataFrame({"subject_id": "a", "time": hours, "value": [900.0, 100.0, 100.0, 50.0]})
        >>> urine_of_a_day(volumes, volumes.clear())["value"].to_list()
        [250.0]
    """
    spoilt = untold.select(*_KEY, value=pl.lit(0.0), untold=pl.lit(1))
    each = pl.concat([volumes.select(*_KEY, "value", untold=pl.lit(0)), spoilt])
    each = each.group_by(_KEY).agg(pl.col("value").sum(), pl.col("untold").max()).sort(_KEY)
    begins = (pl.col("time").diff() > LONGEST_GAP).fill_null(True).over("subject_id")
    each = each.with_columns(begins.cum_sum().over("subject_id").alias("run"))
    began = pl.col("time").first().over("subject_id", "run")
    day = [
        pl.col(name).rolling_sum_by("time", window_size=DAY, closed="right").over("subject_id")
        for name in ("value", "untold")
    ]
    sums = each.with_columns(*day, began=began).filter(
        (pl.col("time") - DAY >= pl.col("began")) & (pl.col("untold") == 0)
    )
    return sums.select(*_KEY, pl.col("value").round(6))  # what a rolling sum of floats adds beyond is noise


def oliguria(volumes: pl.DataFrame) -> pl.DataFrame:
    """subject_id, time, score of the kidneys by the urine of a day: below 500 mL 3, below 200 mL 4, else 0."""
    value = pl.col("value")
    return volumes.select(
        *_KEY, score=pl.when(value < 200).then(4).when(value < 500).then(3).otherwise(0).cast(pl.Int64)
    )
