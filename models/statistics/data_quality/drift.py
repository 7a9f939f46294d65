"""Drift over calendar time: outcome, coding, and values of codes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import numpy as np
import polars as pl

from ....loaders.identifiers.curie import BIRTH, DEATH
from ..rank_tests import benjamini_hochberg, ranks
from .finding import CHECK, Checked, Finding
from .outcome import OTHERS, Outcome
from .study_data import StudyData

FEWEST_EVENTS = 100
"""Of a vocabulary or code, below which nothing is said of its course."""
EDGE = 0.15
"""Share of the records' span at its beginning or end in which a vocabulary with its usual rate cannot be absent by chance."""
SHIFT = 0.8
"""Robust standard deviations between the first and the last third of the time, from which a code's values drift."""
_SURE, _MOST = 0.01, 300
_EXPECTED = 20


def drift(data: StudyData) -> Checked:
    """Events by month and source; vocabularies that begin late or end early; codes whose values move."""
    events = None if data.events is None or data.clock != "dated" else data.events.filter(_plausible(data))
    if events is None or events.height < FEWEST_EVENTS:
        return Checked()
    month = pl.col("time").dt.truncate("1mo").alias("month")
    monthly = events.group_by(month, "source").agg(
        pl.len().alias("n"), pl.col("subject_id").n_unique().alias("patients")
    )
    monthly = monthly.sort("month", "source")
    values, table = _values(events)
    found = [*_gaps(monthly), *_vocabularies(events), *values]
    return Checked(tuple(found), {"events_by_month": monthly, "value_drift": table})


def _plausible(data: StudyData) -> pl.Expr:
    dated = pl.col("time").is_not_null() & (pl.col("time") <= data.today)
    return dated & (pl.col("time").dt.year() > 1901) & ~pl.col("code").is_in([BIRTH, DEATH])


def _gaps(monthly: pl.DataFrame) -> Iterator[Finding]:
    """Whole months without an event of a source, between two months with twenty patients or more."""
    for (source,), rows in monthly.group_by("source", maintain_order=True):
        month = (rows["month"].dt.year().cast(pl.Int64) * 12 + rows["month"].dt.month()).to_numpy()
        n = rows["patients"].to_numpy()
        empty = np.diff(month) - 1
        lost = int(empty[(n[:-1] >= _EXPECTED) & (n[1:] >= _EXPECTED)].sum())
        if lost:
            yield Finding("drift", "gap", CHECK, str(source), {"months": lost, "of": int(month[-1] - month[0]) + 1})


def _vocabularies(events: pl.DataFrame) -> Iterator[Finding]:
    """Vocabularies that are there for a part of the records' time only, as where ICD-9 gives way to ICD-10."""
    coded = events.select(
        pl.col("time").cast(pl.Int64).alias("at"), vocabulary=pl.col("code").str.split(":").list.first()
    )
    at = coded["at"].to_numpy()
    first, last = np.quantile(at, (0.01, 0.99))
    each = coded.group_by("vocabulary").agg(pl.len().alias("n")).filter(pl.col("n") >= FEWEST_EVENTS)
    for vocabulary in each["vocabulary"].sort() if last > first else ():
        mine = (coded["vocabulary"] == vocabulary).to_numpy()
        begins, ends = np.quantile(at[mine], (0.01, 0.99))
        for side, day, share, outside in (
            ("begins", begins, (begins - first) / (last - first), at[~mine] < begins),
            ("ends", ends, (last - ends) / (last - first), at[~mine] > ends),
        ):
            if share > EDGE and outside.sum() >= _EXPECTED:
                month = f"{datetime(1970, 1, 1) + timedelta(microseconds=float(day)):%Y-%m}"
                facts = {"vocabulary": vocabulary, "side": side, "month": month, "share": float(share)}
                yield Finding("drift", "vocabulary", CHECK, vocabulary, facts)


def _values(events: pl.DataFrame) -> tuple[list[Finding], pl.DataFrame]:
    """Codes whose values go up or down with calendar time: Spearman's test over patients, one value each."""
    measured = events.filter(pl.col("numeric_value").is_finite()).sort("time")
    once = measured.unique(["code", "subject_id"], keep="first", maintain_order=True)
    counted = (
        once.group_by("code").len().filter(pl.col("len") >= FEWEST_EVENTS).sort("len", "code", descending=[True, False])
    )
    rows = []
    for code in counted["code"].head(_MOST):
        mine = once.filter(pl.col("code") == code)
        x, t = mine["numeric_value"].to_numpy(), mine["time"].cast(pl.Int64).to_numpy().astype(np.float64)
        p = _spearman(x, t)
        low, high = np.quantile(t, (1 / 3, 2 / 3))
        spread = 1.4826 * float(np.median(np.abs(x - np.median(x))))
        a, b = float(np.median(x[t <= low])), float(np.median(x[t > high])) if (t > high).any() else float("nan")
        rows.append(
            {
                "code": code,
                "patients": len(x),
                "first": a,
                "last": b,
                "shift": (b - a) / spread if spread > 0 else 0.0,
                "p": p,
            }
        )
    schema = {
        "code": pl.String,
        "patients": pl.Int64,
        "first": pl.Float64,
        "last": pl.Float64,
        "shift": pl.Float64,
        "p": pl.Float64,
    }
    table = pl.DataFrame(rows, schema=schema)
    table = table.with_columns(q=pl.Series(benjamini_hochberg(table["p"].to_numpy()), dtype=pl.Float64)).sort("p")
    moved = table.filter((pl.col("q") < _SURE) & (pl.col("shift").abs() >= SHIFT))
    return [Finding("drift", "drifting_values", CHECK, row["code"], row) for row in moved.iter_rows(named=True)], table


def _spearman(x: np.ndarray, t: np.ndarray) -> float:
    """Two-sided p of Spearman's rank correlation, by its normal approximation; NaN where one does not vary."""
    from scipy import stats

    ranked = ranks(np.column_stack([x, t]))[0]
    centred = ranked - ranked.mean(axis=0)
    norm = np.sqrt((centred**2).sum(axis=0)).prod()
    return (
        float(2 * stats.norm.sf(abs((centred[:, 0] * centred[:, 1]).sum() / norm) * np.sqrt(len(x) - 1)))
        if norm > 0
        else float("nan")
    )


def outcome_over_time(outcome: Outcome, clock: str) -> tuple[pl.Series | None, float]:
    """Calendar periods of the prediction times, and p of the outcome's trend over them; None, NaN where there is no calendar.

    Periods are years, or quarters where all lies in three of them; over time the hazard counts, not who was followed longer.
    """
    time = outcome.prediction_time
    if clock != "dated" or time.null_count() or time.n_unique() < 10:
        return None, float("nan")
    p = float(outcome.test(time.cast(pl.Int64).to_numpy().astype(np.float64)[:, None])[0])
    short = int(time.dt.year().n_unique()) <= 3
    year = time.dt.year().cast(pl.String)
    return _quarters(time) if short else year, p


def _quarters(time: pl.Series) -> pl.Series:
    return pl.select(pl.format("{}-Q{}", time.dt.year(), time.dt.quarter())).to_series()


def drifting(name: str, p: float, q: float, table: pl.DataFrame) -> Iterator[Finding]:
    """The finding of an outcome that changes with calendar time. table: as `Outcome.by_group` of the periods."""
    if q < 0.05:
        large = table.filter(pl.col("patients") >= _EXPECTED, pl.col("group") != OTHERS)  # that is no period
        ends = (
            (large["value"][0], large["value"][-1])
            if large.height > 1 and "class" not in table.columns
            else (None, None)
        )
        facts = {"p": p, "q": q, "first": ends[0], "last": ends[1], "periods": table["group"].n_unique()}
        yield Finding("drift", "drifting_outcome", CHECK, name, facts)
