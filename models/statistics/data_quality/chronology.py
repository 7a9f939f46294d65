"""Chronology: what happened before birth, after death, outside observation, in the future; stays that end before they begin."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import polars as pl

from ....loaders.identifiers.curie import BIRTH, DEATH
from .finding import CHECK, NOTE, SERIOUS, Checked, Finding, ids
from .study_data import StudyData

GRACE = timedelta(days=1)
"""What is recorded on the day after a death is its paperwork."""
PLACEHOLDERS = (datetime(1800, 1, 1), datetime(1900, 1, 1), datetime(1901, 1, 1), datetime(1970, 1, 1), datetime(9999, 12, 31),
                datetime(9999, 1, 1), datetime(2099, 12, 31))  # fmt: skip
"""Days that stand for "not known" in other people's systems."""
_SHIFTED = 0.25
"""Share of facts in the future from which the calendar is shifted, as de-identified records have it, and no date is wrong."""
_OF_LIFE = (BIRTH, DEATH)


def chronology(data: StudyData, index: pl.DataFrame | None = None) -> Checked:
    """Facts against life and observation: how many lie outside; null in the table where nobody's bound is known.

    Args:
        index: subject_id, prediction_time of the cohort, where there is one.
    """
    frames = {"events": _events(data), "samples": _samples(data), "visits": _visits(data)}
    if index is not None:
        frames["predictions"] = index.select("subject_id", time="prediction_time").drop_nulls()
    findings: list[Finding] = []
    lines = []
    bounds = _bounds(data)
    for name, frame in frames.items():
        if frame is None or frame.is_empty():
            continue
        line: dict[str, object] = {"facts": name, "n": frame.height, "undated": frame["time"].null_count()}
        placed = frame.drop_nulls("time").join(bounds, on="subject_id", how="left")
        for rule, wrong in _rules(data):
            fate = placed.select(wrong.alias("wrong"))["wrong"]
            out = placed.filter(fate.fill_null(False))
            line[rule] = out.height if fate.count() else None
            if out.height:
                findings.append(_finding(rule, name, out, placed.height))
        lines.append(line)
    findings += [*_lives(data, bounds), *_stays(data), *_dates(data), *_undated(data)]
    return Checked(tuple(findings), {"chronology": pl.DataFrame(lines, infer_schema_length=None)})


def _rules(data: StudyData) -> list[tuple[str, pl.Expr]]:
    time = pl.col("time")
    day = pl.col("birth").dt.truncate("1d")
    rules = [
        ("before_birth", time < day),
        ("after_death", time > pl.col("death") + GRACE),
        ("before_observation", time < pl.col("observed_from").dt.truncate("1d")),
        ("after_observation", time >= pl.col("observed_until").dt.truncate("1d") + GRACE),
    ]
    return [*rules, ("future", time > pl.lit(data.today + GRACE))] if data.clock == "dated" else rules


def _finding(rule: str, facts: str, out: pl.DataFrame, of: int) -> Finding:
    if rule == "future" and out.height > _SHIFTED * of:
        return Finding("time", "shifted_dates", CHECK, facts, {"facts": facts, "n": out.height, "of": of})
    who = ids(out["subject_id"])
    grave = rule in ("before_birth", "future") or facts == "predictions"
    many = out.height > 0.01 * of
    severity = SERIOUS if grave or (rule == "after_death" and many) else CHECK
    about = {"rule": rule, "facts": facts, "n": out.height, "of": of, "patients": len(who)}
    return Finding("time", "outside_life", severity, facts, about, who)


def _bounds(data: StudyData) -> pl.DataFrame:
    """subject_id, birth, death, observed_from, observed_until; null where not known."""
    kept = data.patients.select(
        "subject_id", *(_moment(data.patients, name) for name in ("observed_from", "observed_until"))
    )
    found = kept.join(data.births, on="subject_id", how="full", coalesce=True)
    return found.join(data.deaths, on="subject_id", how="full", coalesce=True)


def _moment(patients: pl.DataFrame, name: str) -> pl.Expr:
    there = name in patients.columns and patients[name].dtype in (pl.Date, pl.Datetime)
    return (pl.col(name) if there else pl.lit(None)).cast(pl.Datetime("us")).alias(name)


def _events(data: StudyData) -> pl.DataFrame | None:
    if data.events is None:
        return None
    return data.events.filter(~pl.col("code").is_in(_OF_LIFE)).select("subject_id", "time")


def _samples(data: StudyData) -> pl.DataFrame | None:
    parts = [layer.samples.select("subject_id", pl.col("time").cast(pl.Datetime("us"))) for layer in data.layers]
    return pl.concat(parts).unique() if parts else None


def _visits(data: StudyData) -> pl.DataFrame | None:
    return None if data.visits is None else data.visits.select("subject_id", time="start_time")


def _lives(data: StudyData, bounds: pl.DataFrame) -> Iterator[Finding]:
    """Deaths before births, and several deaths of one patient."""
    wrong = bounds.filter(pl.col("death") < pl.col("birth").dt.truncate("1d"))
    if wrong.height:
        yield Finding(
            "time", "death_before_birth", SERIOUS, "patients", {"patients": wrong.height}, ids(wrong["subject_id"])
        )
    wrong = bounds.filter(pl.col("observed_until") < pl.col("observed_from"))
    if wrong.height:
        facts = {"patients": wrong.height}
        yield Finding("time", "observation_backwards", SERIOUS, "patients", facts, ids(wrong["subject_id"]))
    if data.events is not None:
        for code in _OF_LIFE:
            days = (
                data.events.filter(pl.col("code") == code)
                .select("subject_id", pl.col("time").dt.date())
                .drop_nulls()
                .unique()
            )
            several = days.group_by("subject_id").len().filter(pl.col("len") > 1)
            if several.height:
                about = {"what": code, "patients": several.height}
                yield Finding("time", "several_lives", CHECK, code, about, ids(several["subject_id"]))


def _stays(data: StudyData) -> Iterator[Finding]:
    """Visits that end before they begin, and visits of one patient that lie within one another for a day or more."""
    if data.visits is None:
        return
    visits = data.visits.select("visit_id", "subject_id", "start_time", "end_time")
    wrong = visits.filter(pl.col("end_time") < pl.col("start_time"))
    if wrong.height:
        who = ids(wrong["subject_id"])
        yield Finding(
            "time",
            "visits_backwards",
            SERIOUS,
            "visits",
            {"n": wrong.height, "of": visits.height, "patients": len(who)},
            who,
        )
    placed = (
        visits.drop_nulls()
        .filter(pl.col("end_time") >= pl.col("start_time"))
        .sort("subject_id", "start_time", "end_time")
    )
    before = pl.col("end_time").cum_max().shift(1).over("subject_id")
    shared = pl.min_horizontal(before, "end_time") - pl.col("start_time")
    overlap = placed.filter(before.is_not_null() & (shared >= GRACE))
    if overlap.height:
        who = ids(overlap["subject_id"])
        facts = {"n": overlap.height, "of": visits.height, "patients": len(who)}
        yield Finding("time", "visits_overlap", NOTE, "visits", facts, who)


def _dates(data: StudyData) -> Iterator[Finding]:
    """Dates among the properties and events that stand for "not known", and properties in the future."""
    for column in data.patients:
        if column.dtype in (pl.Date, pl.Datetime) and data.clock == "dated":
            time = column.cast(pl.Datetime("us"))
            late = (time > data.today + GRACE).fill_null(False) & ~time.is_in(PLACEHOLDERS).fill_null(False)
            shifted = int(late.sum()) > _SHIFTED * len(late)
            if late.any() and not shifted and column.name != "observed_until":
                who = ids(data.patients["subject_id"].filter(late))
                yield Finding("time", "property_in_future", SERIOUS, column.name, {"patients": len(who)}, who)
            yield from _placeholders(column.name, data.patients["subject_id"], time)
    if data.events is not None and data.clock == "dated":
        born = data.events["code"].is_in(_OF_LIFE)
        yield from _placeholders("events", data.events["subject_id"].filter(~born), data.events["time"].filter(~born))


def _placeholders(name: str, subjects: pl.Series, time: pl.Series) -> Iterator[Finding]:
    for day in PLACEHOLDERS:
        hit = (time.dt.truncate("1d") == day).fill_null(False)
        n = int(hit.sum())
        if n >= 5 and n > 10 * len(time) / 36_500:  # ten times what a day of a century would hold
            who = ids(subjects.filter(hit))
            yield Finding(
                "time", "placeholder", SERIOUS, name, {"day": f"{day:%Y-%m-%d}", "n": n, "patients": len(who)}, who
            )


def _undated(data: StudyData) -> Iterator[Finding]:
    """Facts without a date beside dated ones: the fence lets them through."""
    for name, frame in (("events", _events(data)), ("samples", _samples(data))):
        if frame is not None and 0 < frame["time"].null_count() < frame.height:
            without = frame.filter(pl.col("time").is_null())
            facts = {"facts": name, "n": without.height, "of": frame.height}
            yield Finding("time", "undated", NOTE, name, facts, ids(without["subject_id"]))
