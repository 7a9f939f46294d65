"""Labels against time: one class for all, decided by then, events before the prediction, earlier labels as inputs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import polars as pl
from scipy import stats

from ..data_quality.chronology import chronology
from ..data_quality.finding import CHECK, SERIOUS, Finding, ids
from .audited import FEWEST, Audited
from .outcome_words import families_of

CHANCE = 1e-3
"""How often chance may tell as much, over all that was looked at."""
_SURE, _FEW, _VALUES = 0.95, 5, 10
_SPREAD = 0.2
"""Difference of the present label's share between values of an earlier one from which it is no small thing."""


def one_class(study: Audited) -> Iterator[Finding]:
    """All rows of one class: membership decides the label, or the query loses the other one."""
    y = study.rows["y"].drop_nulls()
    if y.n_unique() == 1:
        yield Finding("membership", "one_class", SERIOUS, study.label, {"class": str(y[0]), "n": len(y)})


def no_time_at_risk(study: Audited) -> Iterator[Finding]:
    """Durations of zero or less: the event, or the end of follow-up, is not after the prediction."""
    if study.no_risk:
        of = study.no_risk + study.rows["subject_id"].n_unique()
        severity = SERIOUS if study.no_risk > 0.01 * of else CHECK
        yield Finding("order", "no_time_at_risk", severity, "duration_days", {"n": study.no_risk, "of": of})


def outside_life(study: Audited) -> Iterator[Finding]:
    """Prediction times before birth, after death, in the future: quality's own finding. Those outside observation leak nothing."""
    index = study.snapshot.rows.select("subject_id", "prediction_time")
    for one in chronology(study.data, index).findings:
        of_life = one.kind == "outside_life" and one.facts["rule"] in ("before_birth", "after_death", "future")
        if of_life and one.where == "predictions":
            yield Finding("order", one.kind, one.severity, one.where, one.facts, one.subjects)


def death_before(study: Audited) -> Iterator[Finding]:
    """An outcome that is death, and had happened when it was to be predicted."""
    if study.positive is None:
        return
    rows = study.rows.with_columns(positive=study.positive).join(study.data.deaths, on="subject_id", how="left")
    held = rows.group_by("positive").agg(share=pl.col("death").is_not_null().mean())
    share = dict(held.drop_nulls().iter_rows())
    is_death = share.get(True, 0.0) >= 0.9 and share.get(False, 1.0) <= 0.5
    if not (is_death or ("death" in families_of(study.words) and share.get(True, 0.0))):
        return
    before = rows.filter("positive", pl.col("death") <= pl.col("at"))
    if before.height:
        facts = {"what": "death", "n": before.height, "of": rows.filter("positive").height}
        yield Finding("order", "event_before", SERIOUS, "death", facts, ids(before["subject_id"]))


def code_before(study: Audited) -> Iterator[Finding]:
    """A code that the query names, in the inputs of nearly nobody but those with the outcome: it had happened by then."""
    events, outcome = study.snapshot.events, study.outcome
    if events is None or outcome is None or study.positive is None:
        return
    of = study.rows.with_columns(positive=study.positive).filter(pl.col("row").is_in(outcome.row.tolist()))
    for code in study.codes:
        has = events.filter(pl.col("code").str.starts_with(code))["row"].unique()
        mine, rest = of.filter(pl.col("row").is_in(has.implode())), of.filter(~pl.col("row").is_in(has.implode()))
        n, k = mine.height, int(mine["positive"].sum())
        rate = float(rest["positive"].sum() + 1) / (rest.height + 2)
        if n >= _FEW and k >= _SURE * n and stats.binom.sf(k - 1, n, rate) * len(study.codes) <= CHANCE:
            facts = {"what": code, "n": k, "of": int(of["positive"].sum())}
            yield Finding("order", "event_before", SERIOUS, code, facts, ids(mine["subject_id"]))


def of_ended_visit(study: Audited) -> Iterator[Finding]:
    """A label that is decided in a visit which has ended when the prediction is made: its length, its discharge."""
    ended = study.rows.filter(pl.col("end") <= pl.col("at"), pl.col("y").is_not_null())
    if ended.height < max(FEWEST, 0.5 * study.rows.height):
        return
    about = families_of([study.label]) & {"death", "discharge", "stay"}
    if about and study.data.visits is not None and study.label in study.data.visits.columns:
        facts = {"what": study.label, "n": ended.height, "of": study.rows.height}
        yield Finding("same_discharge", "label_of_ended_visit", SERIOUS, study.label, facts)
        return
    days = (pl.col("end") - pl.col("start")).dt.total_microseconds()
    spans = ended.group_by("y").agg(low=days.min(), high=days.max(), n=pl.len()).drop_nulls().sort("low")
    apart = spans.select((pl.col("low") > pl.col("high").shift(1)).drop_nulls().all()).item()
    if spans.height >= 2 and apart and (spans["n"] >= _FEW).all():
        facts = {"what": "length of the visit", "n": ended.height, "of": study.rows.height}
        yield Finding("same_discharge", "label_of_ended_visit", SERIOUS, study.label, facts)


def history_labels(study: Audited) -> Iterator[Finding]:
    """Inputs that hold the label of the patient's row before, which may not have been known yet.

    A label such as "not readmitted" is known only when its horizon has passed; where it contradicts what followed it
    tells how the present one ends.
    """
    rows = study.rows.sort("subject_id", "at").with_columns(
        before=pl.col("y").shift(1).over("subject_id"), at_before=pl.col("at").shift(1).over("subject_id")
    )
    held = pl.concat([_covariates(study), _events(study, rows)]).join(rows, on="row").drop_nulls(["before", "value"])
    told = _telling(held)
    for block, name, n, purity in told.select("block", "name", "n", "purity").iter_rows():
        mine = held.filter((pl.col("block") == block) & (pl.col("name") == name))
        low, high = _spread(mine)
        facts = {"n": n, "of": rows["before"].count(), "purity": purity, "low": low, "high": high}
        severity = SERIOUS if high - low >= _SPREAD else CHECK
        yield Finding("order", "history_label", severity, name, {**facts, "block": block})


def _covariates(study: Audited) -> pl.DataFrame:
    """row, block, name, value of every covariate of few values."""
    parts = [pl.DataFrame(schema=_HELD)]
    for column in study.snapshot.covariates:
        if 2 <= column.n_unique() <= _VALUES + 1:
            made = {"row": pl.int_range(len(column), dtype=pl.Int64, eager=True), "value": column.cast(pl.String)}
            table = pl.DataFrame(made).with_columns(block=pl.lit("covariates"), name=pl.lit(column.name))
            parts.append(table.select(list(_HELD)))
    return pl.concat(parts)


def _events(study: Audited, rows: pl.DataFrame) -> pl.DataFrame:
    """The same of codes with values: the last one at or before the patient's row before."""
    events = study.snapshot.events
    again = rows.drop_nulls("at_before").select("row", "at", "at_before")
    if events is None or again.is_empty():
        return pl.DataFrame(schema=_HELD)
    few = events.group_by("code").agg(
        pl.col("text_value").n_unique().alias("texts"), pl.col("numeric_value").n_unique().alias("numbers")
    )
    few = few.filter(pl.max_horizontal("texts", "numbers").is_between(2, _VALUES + 1))
    mine = events.join(few.select("code"), on="code", how="semi").join(again, on="row").drop_nulls("days")
    gap = (pl.col("at") - pl.col("at_before")).dt.total_microseconds() / timedelta(days=1).total_seconds() / 1e6
    mine = (
        mine.filter(pl.col("days") >= gap - 1e-6)
        .sort("days")
        .unique(["row", "code"], keep="first", maintain_order=True)
    )
    value = pl.coalesce("text_value", pl.col("numeric_value").cast(pl.String))
    return mine.select("row", block=pl.lit("records"), name="code", value=value)


_HELD = {"row": pl.Int64, "block": pl.String, "name": pl.String, "value": pl.String}


def _telling(held: pl.DataFrame) -> pl.DataFrame:
    """block, name, n, purity: inputs each value of which goes with one earlier label, beyond chance."""
    by = ["block", "name"]
    counts = held.group_by(*by, "value", "before").len("k")
    each = counts.group_by(*by, "value").agg(pl.col("k").max().alias("most"), pl.col("before").sort_by("k").last())
    pure = each.group_by(by).agg(pl.col("most").sum(), classes=pl.col("before").n_unique(), values=pl.len())
    base = counts.group_by(*by, "before").agg(pl.col("k").sum()).group_by(by).agg(
        n=pl.col("k").sum(), largest=pl.col("k").max()
    )  # fmt: skip
    found = pure.join(base, on=by).with_columns(purity=pl.col("most") / pl.col("n")).sort(by)
    found = found.filter(pl.col("n") >= FEWEST, pl.col("classes") >= 2, pl.col("purity") >= 0.98)
    chance = stats.binom.sf(
        found["most"].to_numpy() - 1, found["n"].to_numpy(), (found["largest"] / found["n"]).to_numpy()
    )
    return found.filter(pl.Series(chance * max(pure.height, 1) <= CHANCE, dtype=pl.Boolean))


def _spread(held: pl.DataFrame) -> tuple[float, float]:
    """The smallest and the largest share of the present label's commonest class among the values of an earlier one."""
    present = held.drop_nulls("y")
    top = present["y"].mode().sort()
    if top.is_empty():
        return 0.0, 0.0
    share = present.group_by("value").agg(share=(pl.col("y") == top[0]).mean(), n=pl.len()).filter(pl.col("n") >= _FEW)
    return (float(share["share"].min()), float(share["share"].max())) if share.height else (0.0, 0.0)  # type: ignore[arg-type]
