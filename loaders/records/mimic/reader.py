"""MIMIC-III and MIMIC-IV -> patients, visits, events: what each table means, and when it was known."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial

import polars as pl

from ...errors import InputError
from ...files.column_types import typed_and_told
from ...files.ledger import ROW, Ledger, refuse, total
from ...identifiers.curie import BIRTH, DEATH
from ...identifiers.property_names import is_reserved, safe_names
from ...specs import Records
from ...tables import NEVER, VISITS, Known, Loaded, as_concepts
from ..clinical_tables import ClinicalTables, at_discharge, clinical_tables, events_of, timed, valued
from ..events import never_known
from ..shards import read_alone
from .short_years import restored
from .tables import FOURTH, LOOKUPS, THIRD, Charted, Names

FOLLOWED = {"mimic3": timedelta(days=90), "mimic4": timedelta(days=365)}
"""How long after the last discharge deaths outside the hospital are in the data: of MIMIC-III at the least (patients of
Metavision; of CareVue up to four years), of MIMIC-IV, whose later deaths are taken out, for all.

Source: https://mimic.mit.edu/docs/iii/about/datatypes/, https://mimic.mit.edu/docs/iv/modules/hosp/patients/"""


def read_mimic3(spec: Records, known: Known) -> Loaded:
    """Read `[records.NAME]` of format mimic3: the folder of MIMIC-III's tables, csv or csv.gz.

    A diagnosis is an event of the beginning of its admission that is known at its end; what was infused, charted, given
    stands at its own time. `keep` names columns of ADMISSIONS that visits keep.

    Returns: Loaded with patients (gender; observed_until, as `FOLLOWED` says), visits (admissions and ICU stays), events,
        concepts.
    Raises: InputError for a folder without PATIENTS and ADMISSIONS, and for a table without its columns.
    Source: Johnson 2016, doi:10.1038/sdata.2016.35; https://mimic.mit.edu/docs/iii/tables/
    """
    return _read(spec, known, THIRD)


def read_mimic4(spec: Records, known: Known) -> Loaded:
    """Read `[records.NAME]` of format mimic4: the folder that holds hosp/ and icu/, csv or csv.gz.

    As `read_mimic3`; results are known when they were stored (`storetime`), and where that cell is empty, to nobody.
    Born: the first of January of anchor_year less anchor_age, as the data say no more.

    Returns, Raises: as `read_mimic3`.
    Source: Johnson 2023, doi:10.1038/s41597-022-01899-x; https://mimic.mit.edu/docs/iv/modules/
    """
    return _read(spec, known, FOURTH)


def _read(spec: Records, known: Known, charted: tuple[Charted, ...]) -> Loaded:
    ledger = Ledger(spec.source)
    with clinical_tables(spec, known, ledger, "subject_id") as tables:
        for needed in ("patients", "admissions"):
            if needed not in tables.files:
                found = ", ".join(sorted(tables.files)[:8])
                raise InputError("no MIMIC", spec.path[0], found, f"a table {needed}", "give the folder of all tables")
        names = Names(tables)
        admissions = _admissions(tables)
        visits = _visits(tables, admissions)
        patients, parts = _people(tables, admissions)
        each = partial(_table, tables=tables, names=names, admissions=admissions)
        changed = []
        for (part, changes), offset in read_alone(each, charted, replace(known, shards=None), ledger):
            parts += [] if part is None else [part.with_columns(pl.col(ROW) + offset)]
            changed.append(changes)
        events = events_of(parts, spec, ledger)
        read = ("patients", "admissions", "icustays", *(one.table for one in charted), *LOOKUPS)
        counts = [*changed, tables.unread(read), never_known(events), ledger.counts]
        return Loaded(
            spec.source, ledger.tally(), ledger.frame(), patients=patients, visits=visits, events=events,
            concepts=as_concepts(names.described(events["code"]), spec), clock="dated", counts=total(counts),
            cells=ledger.cell_tally(), losses=ledger.losses,
        )  # fmt: skip


def _admissions(tables: ClinicalTables) -> pl.DataFrame:
    """ROW, subject_id, visit_id, start_time, end_time, deathtime, kind, and the columns that the study keeps."""
    ledger, keep = tables.ledger, [str(one).lower() for one in tables.spec.keep]
    rows = tables.rows("admissions", ("hadm_id", "admittime", "dischtime", *keep), ("deathtime", "admission_type"))
    assert rows is not None
    empty = pl.col("hadm_id").is_null()
    rows = refuse(rows, empty, ledger, "hadm_id", got=None, expected="an id", fix="fill it in")
    near = _times_within(tables)
    for column in ("admittime", "dischtime", "deathtime"):
        rows = rows.with_columns(restored(rows[column], _near(rows, near), ledger))
    rows = timed(timed(rows, ("admittime",), "start_time", ledger, needed=True), ("dischtime",), "end", ledger)
    rows = timed(rows, ("deathtime",), "died", ledger)
    early = pl.col("end") < pl.col("start_time")
    rows = refuse(
        rows, early, ledger, "dischtime", got="dischtime", expected="not before admittime", fix="correct the times"
    )
    once = rows.unique("hadm_id", keep="first", maintain_order=True)
    again = rows.filter(~pl.col("row").is_in(once["row"].implode()))
    ledger.reject(again["row"], "hadm_id", "", "one row an admission", "keep one of the rows")
    return once.rename({"hadm_id": "visit_id"}).with_columns(end_time="end_over")


def _times_within(tables: ClinicalTables) -> pl.DataFrame:
    """hadm_id, near: some time within each admission, as whole dates: where those of ADMISSIONS lost their century."""
    parts = [
        tables.lookup(table, ("hadm_id", column)).select("hadm_id", near=pl.col(column))
        for table, column in (("icustays", "intime"), ("transfers", "intime"), ("services", "transfertime"))
    ]
    found = pl.concat(parts).drop_nulls()
    time = found["near"].str.to_datetime("%Y-%m-%d %H:%M:%S", time_unit="us", strict=False)
    return found.select("hadm_id", time.alias("near")).drop_nulls().unique("hadm_id", keep="first")


def _near(rows: pl.DataFrame, near: pl.DataFrame) -> pl.Series:
    return rows.select("hadm_id").join(near, on="hadm_id", how="left", maintain_order="left")["near"]


def _visits(tables: ClinicalTables, admissions: pl.DataFrame) -> pl.DataFrame:
    """Admissions, and the ICU stays within them."""
    keep = [str(one).lower() for one in tables.spec.keep]
    kept = typed_and_told(admissions.select(keep), admissions["row"], tables.ledger, tables.spec.categorical)
    kept = kept.rename(safe_names(kept.columns, lambda name: is_reserved(name) or name in VISITS))
    kind = pl.coalesce(pl.col("admission_type").str.to_lowercase(), pl.lit("admission"))
    layout = ("visit_id", "subject_id", "start_time", "end_time", "kind", "source")
    source = pl.lit(tables.spec.source)
    parts = [admissions.with_columns(kind=kind, source=source).select(layout).hstack(kept)]
    id = "icustay_id" if tables.spec.format == "mimic3" else "stay_id"
    stays = tables.rows("icustays", (id, "intime"), ("outtime",))
    if stays is not None:
        stays = refuse(stays, pl.col(id).is_null(), tables.ledger, id, got=None, expected="an id", fix="fill it in")
        stays = timed(
            timed(stays, ("intime",), "start_time", tables.ledger, needed=True), ("outtime",), "end", tables.ledger
        )
        stays = stays.unique(id, keep="first", maintain_order=True).rename({id: "visit_id"})
        parts.append(stays.with_columns(kind=pl.lit("icu stay"), source=source, end_time="end_over").select(layout))
    return pl.concat(parts, how="diagonal").unique("visit_id", keep="first", maintain_order=True)


def _people(tables: ClinicalTables, admissions: pl.DataFrame) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """Patients with the end of their observation, and the events of births and deaths.

    The end is the same for all who were last discharged then, whether they died later: it may not tell the outcome.
    """
    ledger = tables.ledger
    rows = tables.rows("patients", (), ("gender", "dob", "dod", "anchor_year", "anchor_age"))
    assert rows is not None
    stays = admissions.group_by("subject_id").agg(
        first=pl.col("start_time").min(),
        last=pl.col("start_time").max(),
        observed_until=pl.coalesce("end_time", "start_time").max() + FOLLOWED[str(tables.spec.format)],
    )
    seen = rows.select("subject_id").join(stays, on="subject_id", how="left", maintain_order="left")
    year = pl.col("anchor_year").cast(pl.Int64, strict=False) - pl.col("anchor_age").cast(pl.Int64, strict=False)
    rows = rows.with_columns(
        restored(rows["dob"], seen["first"], ledger, way="before"), restored(rows["dod"], seen["last"], ledger, way="after"),
        anchored=year.cast(pl.String) + "-01-01",
    )  # fmt: skip
    rows = timed(timed(rows, ("dob", "anchored"), "born", ledger), ("dod",), "died", ledger)
    patients = rows.select("subject_id", gender=pl.col("gender").str.to_lowercase()).unique(
        "subject_id", keep="first", maintain_order=True
    )
    ledger.merged(rows.height - patients.height)
    patients = patients.join(
        stays.select("subject_id", "observed_until"), on="subject_id", how="left", maintain_order="left"
    )
    born = rows.drop_nulls("born").with_columns(time="born", known_time="born", code=pl.lit(BIRTH))
    hours = admissions.drop_nulls("died").group_by("subject_id").agg(hour=pl.col("died").min())
    died = rows.join(hours, on="subject_id", how="left", maintain_order="left")
    died = died.with_columns(
        time=pl.coalesce("hour", "died"), known_time=pl.coalesce("hour", "died_over"), code=pl.lit(DEATH)
    )
    return patients, [born, died.drop_nulls("time")]


def _table(
    one: Charted, ledger: Ledger, tables: ClinicalTables, names: Names, admissions: pl.DataFrame
) -> tuple[pl.DataFrame | None, dict[str, int]]:
    """The events of one table, and what was changed in its codes."""
    own = names.anew()
    return _charted(replace(tables, ledger=ledger), one, own, admissions), own.counts


def _charted(tables: ClinicalTables, one: Charted, names: Names, admissions: pl.DataFrame) -> pl.DataFrame | None:
    results = tuple(column for column in (one.value, one.words, one.unit) if column)
    leave = tuple(one.leave)
    rows = tables.rows(one.table, one.said[:1], (*one.said, "hadm_id", *one.time, *one.known, *results, *leave))
    if rows is None:
        return None
    ledger = tables.ledger
    for column, cells in one.leave.items():
        wrong = pl.col(column).is_in(list(cells))
        rows = refuse(
            rows,
            wrong,
            ledger,
            column,
            got=column,
            expected="what was done, or measured",
            fix="nothing: it is left out",
        )
    rows = rows.with_columns(one.code(names, rows, one).alias("code")).rename({"hadm_id": "visit_id"})
    rows = refuse(
        rows, pl.col("code").is_null(), ledger, one.said[0], got=one.said[0], expected="a code", fix="correct it"
    )
    rows = _when(rows, one, admissions, ledger)
    if one.value:
        rows = _result(rows, one, ledger)
    return rows


def _when(rows: pl.DataFrame, one: Charted, admissions: pl.DataFrame, ledger: Ledger) -> pl.DataFrame:
    """time, known_time."""
    if one.time:
        rows = timed(rows, one.time, "time", ledger)
    else:
        rows = rows.with_columns(pl.lit(None, pl.Datetime("us")).alias(name) for name in ("time", "time_over"))
    if not one.time or one.late:  # what carries no day of its own happened in its admission
        starts = admissions.select("visit_id", "start_time")
        begun = rows.select("visit_id").join(starts, on="visit_id", how="left", maintain_order="left")["start_time"]
        rows = rows.with_columns(time=pl.coalesce("time", begun), time_over=pl.coalesce("time_over", begun))
    missing = pl.col("time").is_null()
    rows = refuse(
        rows,
        missing,
        ledger,
        (*one.time, "hadm_id")[0],
        got=None,
        expected="a time",
        fix="fill it in, or bring its admission",
    )
    if one.late:
        return rows.with_columns(known_time=at_discharge(rows, admissions))
    if one.known:
        rows = timed(rows, one.known, "stored", ledger)
        late = pl.max_horizontal("stored_over", "time")
        return rows.with_columns(
            known_time=pl.when(pl.col("stored_over").is_not_null()).then(late).otherwise(pl.lit(NEVER))
        )
    return rows.with_columns(known_time="time_over")


def _result(rows: pl.DataFrame, one: Charted, ledger: Ledger) -> pl.DataFrame:
    rows = valued(rows, one.value, ledger)
    if one.words:
        said = pl.when(pl.col("numeric_value").is_null()).then(pl.col(one.words).str.strip_chars())
        rows = rows.with_columns(text_value=pl.coalesce("text_value", said))
    unit = pl.col(one.unit).str.strip_chars() if one.unit else pl.lit(None, pl.String)
    return rows.with_columns(unit=pl.when(unit != "").then(unit))
