"""Times of inputs: coded at discharge and known before it, never known, without a date, of one outcome only."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from ....loaders.identifiers.curie import KNOWN_LATE
from ....loaders.tables import NEVER
from ..data_quality.finding import CHECK, NOTE, SERIOUS, Finding, ids
from ..data_quality.missing import missing_at_random
from ..rank_tests import benjamini_hochberg
from .audited import Audited

_MOST, _DATED, _GAP, _SURE = 0.9, 10, 0.5, 0.01


def never_known(study: Audited) -> Iterator[Finding]:
    """Events of which nobody says when they were known: they pass no fence, so they are no inputs.

    Codes that are never known, beside others that are, are labels by intent (those of hourly tables), and no finding.
    """
    if study.data.events is None:
        return
    never = (pl.col("known_time") == pl.lit(NEVER)).fill_null(False)
    codes = study.data.events.group_by("source", "code").agg(never.sum().alias("never"), pl.len().alias("all"))
    counted = codes.group_by("source").agg(
        part=pl.col("never").filter(pl.col("never") < pl.col("all")).sum(),
        n=pl.col("never").sum(),
        of=pl.col("all").sum(),
    )
    counted = counted.filter((pl.col("part") > 0.01 * pl.col("of")) | (pl.col("n") > 0.5 * pl.col("of"))).sort("source")
    for source, _, n, of in counted.iter_rows():
        yield Finding("after_outcome", "never_known", NOTE, str(source), {"n": n, "of": of})


def undated(study: Audited) -> Iterator[Finding]:
    """Codes that are inputs without a date, and where they have one it is after the prediction."""
    events, frozen = study.data.events, study.snapshot.events
    if events is None or frozen is None:
        return
    static = frozen.filter(pl.col("days").is_null()).group_by("code").agg(rows=pl.col("row").n_unique())
    first = study.rows.drop_nulls("at").group_by("subject_id").agg(pl.col("at").min())
    dated = events.join(static, on="code", how="semi").drop_nulls("time").join(first, on="subject_id")
    late = dated.group_by("code").agg(n=pl.len(), late=(pl.col("time") > pl.col("at")).mean())
    found = late.filter(pl.col("n") >= _DATED, pl.col("late") >= _MOST).join(static, on="code").sort("code")
    for code, n, share, rows in found.iter_rows():
        facts = {"rows": rows, "of": study.rows.height, "late": share, "dated": n}
        yield Finding("after_outcome", "undated_after", SERIOUS, code, facts)


def with_one_outcome(study: Audited) -> Iterator[Finding]:
    """Covariates and layers that are known with one outcome and hardly with another: recorded after it?"""
    if study.outcome is None:
        return
    tested = missing_at_random(study.snapshot, study.outcome).filter(pl.col("what").is_in(["covariate", "layer"]))
    tested = tested.with_columns(q=pl.Series(benjamini_hochberg(tested["p"].to_numpy()), dtype=pl.Float64))
    for row in tested.filter(pl.col("q") < _SURE, pl.col("most") - pl.col("least") >= _GAP).iter_rows(named=True):
        severity = SERIOUS if row["most"] - row["least"] >= _MOST else CHECK
        yield Finding("after_outcome", "with_one_outcome", severity, row["name"], row)


def coded_at_discharge(study: Audited) -> Iterator[Finding]:
    """Diagnoses and procedures of a visit that goes on when the prediction is made: they are coded when it ends.

    By visit_id, else those that lie within the visit. serious: where they all stand at the visit's very start, as bills do.
    """
    events = study.data.events
    if events is None:
        return
    spans = study.visits.rename({"visit_id": "visit"})
    index = study.rows.select("row", "subject_id", "at").drop_nulls()
    going = index.join(spans, on="subject_id").filter(
        pl.col("start_time") <= pl.col("at"), pl.col("at") < pl.col("end_time")
    )
    coded = events.filter(
        pl.col("code").str.split(":").list.first().is_in(list(KNOWN_LATE)), pl.col("known_time") != NEVER
    )
    inputs = coded.join(going, on="subject_id").filter(
        pl.max_horizontal("time", "known_time") <= pl.col("at"),
        pl.col("visit_id").eq(pl.col("visit")).fill_null(pl.col("time") >= pl.col("start_time")),
    )
    for (source,), part in sorted(inputs.group_by("source"), key=lambda one: str(one[0])):
        at_start = float((part["known_time"].dt.date() == part["start_time"].dt.date()).mean() or 0.0)  # type: ignore[arg-type]
        facts = {
            "rows": part["row"].n_unique(),
            "of": study.rows.height,
            "codes": part["code"].n_unique(),
            "at_start": at_start,
        }
        severity = SERIOUS if at_start >= _MOST else CHECK
        yield Finding("same_discharge", "coded_at_discharge", severity, str(source), facts, ids(part["subject_id"]))
