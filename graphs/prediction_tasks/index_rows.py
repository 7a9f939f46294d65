"""Index rows: the moments at which a task makes its predictions, by its rule; from what is known at each moment alone."""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from ...loaders.errors import InputError
from ...loaders.tables import PolarsType
from .records import STAY, TIME, Records, is_never
from .task import END, EVENTS, FIRST, OBSERVATION, START, STAYS, IndexRule

HALF_A_RANK = timedelta(hours=12)
"""In a clock that is only an order the moment between two visits: a rank is a day there."""
ROWS: dict[str, PolarsType] = {"subject_id": pl.String, "prediction_time": TIME, "visit_id": pl.String}


def index_rows(rule: IndexRule, records: Records, subjects: pl.Series) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """subject_id, prediction_time, visit_id: one row a moment, sorted; and in plain words what was left out.

    Args:
        subjects: who may be in.
    """
    if rule.of == EVENTS:
        rows, notes = _at_events(rule, records)
    else:
        stays, parts = _stays(rule, records)
        if records.ordered and rule.at == START:  # its rank is when all of it is known: predicted is before that
            stays = stays.with_columns(prediction_time=pl.col("start") - HALF_A_RANK)
            rows, notes = stays, list[str]()
        else:
            rows, notes = _ends(stays) if rule.at == END else _from_start(stays, rule)
        notes = [*parts, *notes]
    rows = rows.filter(pl.col("subject_id").is_in(subjects.unique().implode()))
    once = rows.unique(["subject_id", "prediction_time"], keep="first", maintain_order=True)
    notes += _said(rows.height - once.height, "moments of two stays at once counted once")
    once = once.sort("subject_id", "prediction_time")
    if rule.first:
        once = once.unique("subject_id", keep="first", maintain_order=True)
    return once.select(pl.col(name).cast(dtype) for name, dtype in ROWS.items()), tuple(notes)


def observed_or_visits(records: Records, of: str, kinds: tuple[str, ...] = ()) -> pl.DataFrame:
    """The stays that a rule is about (STAY): visits, or each patient's observation where that is asked, or all there is."""
    if of == OBSERVATION or (of == STAYS and records.visits.is_empty()):
        stay = records.observation.rename({"observed_from": "start", "observed_until": "end"}).drop_nulls("start")
        if stay.is_empty() and not records.lenient:
            what, fix = "nobody says when patients were observed", "let a cohort query say when to predict"
            raise InputError(what, "prediction task, index", None, "visits, or observed_from", fix)
        return stay.with_columns(visit_id=pl.lit(None, pl.String)).select(list(STAY)).sort("subject_id", "start")
    if records.visits.is_empty() and not records.lenient:
        fix = "let a cohort query say when to predict, or write a task whose index is the observation"
        raise InputError("this study has no visits", "prediction task, index", None, "records with visits", fix)
    return records.stays(kinds)


def _stays(rule: IndexRule, records: Records) -> tuple[pl.DataFrame, list[str]]:
    stays = observed_or_visits(records, rule.of, rule.kinds)
    if rule.of == OBSERVATION or records.visits.is_empty():
        return stays, []
    parts = records.of_kinds(rule.kinds).height - stays.height
    said = _said(parts, "visits overlap with another one of their patient: parts of one stay")
    if not rule.earlier:
        return stays, said
    late = stays.filter(pl.int_range(pl.len()).over("subject_id") >= rule.earlier)
    few = f"stays left out, before which fewer than {rule.earlier} others of the patient began"
    return late, [*said, *_said(stays.height - late.height, few)]


def _ends(stays: pl.DataFrame) -> tuple[pl.DataFrame, list[str]]:
    ended = stays.drop_nulls("end")
    rows = ended.select("subject_id", "visit_id", prediction_time="end")
    return rows, _said(stays.height - ended.height, "visits without an end left out")


def _from_start(stays: pl.DataFrame, rule: IndexRule) -> tuple[pl.DataFrame, list[str]]:
    """So long after the start, once or again and again, while the stay lasts."""
    at = pl.col("start") + rule.plus
    there = stays.with_columns(prediction_time=at)
    if rule.every is None:
        if not rule.plus:
            return there, []
        rows = there.filter(pl.col("end").is_null() | (pl.col("end") > pl.col("prediction_time")))
        return rows, _said(stays.height - rows.height, "stays that were over by then left out")
    ended = there.drop_nulls("end")
    last = pl.col("end") - timedelta(microseconds=1)
    going = ended.filter(pl.col("end") > pl.col("prediction_time"))
    every = pl.datetime_ranges("prediction_time", last, interval=rule.every, closed="both", time_unit="us")
    rows = going.with_columns(prediction_time=every).explode("prediction_time")
    notes = _said(stays.height - ended.height, "stays without an end left out")
    return rows, notes + _said(ended.height - going.height, "stays that were over by then left out")


def _at_events(rule: IndexRule, records: Records) -> tuple[pl.DataFrame, list[str]]:
    """When an event was known: before that nobody could have predicted from it."""
    assert rule.events is not None
    events = records.events({"index": rule.events})
    known = events.filter(~is_never(pl.col("known_time"))).sort("subject_id", "known_time", "time", maintain_order=True)
    rows = known.select("subject_id", "visit_id", prediction_time="known_time")
    if rule.at == FIRST:
        rows = rows.unique("subject_id", keep="first", maintain_order=True)
    return rows, _said(events.height - known.height, "events of which nobody says when they were known left out")


def _said(count: int, what: str) -> list[str]:
    return [f"{count:,} {what}"] if count else []
