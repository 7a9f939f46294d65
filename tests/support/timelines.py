"""Timelines as tables: patients, visits and events in days after a start, as a loader would have returned them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
from small_study import save

from clinome.graphs.tables.study_tables import Tables
from clinome.loaders.specs import Knowledge, Patients, Records
from clinome.loaders.tables import EVENTS, LINKS, NEVER, VISITS

START = datetime(2020, 1, 1)
_EVENTS: dict[str, Any] = {**EVENTS}
_VISITS: dict[str, Any] = {**VISITS}
_LINKS: dict[str, Any] = {**LINKS}
Event = tuple[Any, ...]
"""subject, day, code, and as far as they matter: day of being known (None: at once; inf: never), number, visit."""
Visit = tuple[Any, ...]
"""id, subject, day of its start, of its end (None: nobody says), and as far as it matters its kind."""
Person = tuple[str, float | None, float | None]
"""subject, the first and last day of observation."""


def at(day: float | None) -> datetime | None:
    """A day as a moment."""
    return None if day is None else NEVER if day == float("inf") else START + timedelta(days=day)


def timelines(
    folder: Path,
    *,
    events: Iterable[Event] = (),
    visits: Iterable[Visit] = (),
    people: Iterable[Person] = (),
    links: Iterable[tuple[str, str, str]] = (),
    clock: str = "dated",
) -> Tables:
    """Tables of one study with these timelines."""
    tables = Tables(folder, "study")
    rows = [
        (s, at(day), code, number, None, at(day if known is None else known), visit, None, "records.ehr")
        for s, day, code, known, number, visit in ((*one, *(None,) * (6 - len(one))) for one in events)
    ]
    stays = [
        (id, s, at(a), at(b), kind or "inpatient", "records.ehr")
        for id, s, a, b, kind in ((*v, None)[:5] for v in visits)
    ]
    made = pl.DataFrame(rows, schema={**_EVENTS}, orient="row").sort("subject_id", "time", maintain_order=True)
    kept = pl.DataFrame(stays, schema={**_VISITS}, orient="row")
    save(tables, Records((Path("ehr.csv"),), name="ehr"), events=made, visits=kept if stays else None, clock=clock)
    seen = [(s, at(a), at(b)) for s, a, b in people]
    if seen:
        layout: dict[str, Any] = {
            "subject_id": pl.String,
            "observed_from": pl.Datetime("us"),
            "observed_until": pl.Datetime("us"),
        }
        save(tables, Patients((Path("people.csv"),)), patients=pl.DataFrame(seen, schema=layout, orient="row"))
    edges = [(*link, None, "knowledge.k", "", "") for link in links]
    if edges:
        save(tables, Knowledge((Path("k.csv"),), name="k"), links=pl.DataFrame(edges, schema={**_LINKS}, orient="row"))
    return tables


def moments(*rows: tuple[Any, ...]) -> pl.DataFrame:
    """Cohort rows: subject, day, and a visit where one is named."""
    layout: dict[str, Any] = {"subject_id": pl.String, "prediction_time": pl.Datetime("us"), "visit_id": pl.String}
    return pl.DataFrame([(s, at(day), *(rest or (None,))) for s, day, *rest in rows], schema=layout, orient="row")
