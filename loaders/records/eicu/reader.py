"""eICU -> patients (hospital stays), visits, events: minutes since admission, and what was known when."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

import polars as pl

from ...errors import InputError
from ...files.cells.clock import relative
from ...files.column_types import typed_and_told
from ...files.ledger import ROW, Ledger, refuse, total
from ...files.rows import id_text
from ...files.text_table import numbers
from ...identifiers.curie import BIRTH, DEATH
from ...identifiers.property_names import is_reserved, safe_names
from ...specs import Records
from ...tables import NEVER, VISITS, Known, Loaded, as_concepts, as_links
from ..clinical_tables import ClinicalTables, clinical_tables, events_of, lower_case, valued
from ..events import never_known, refuse_strangers
from ..shards import read_alone
from ..table_parts import table_parts
from .tables import LOOKUPS, TABLES, Noted

STAY, HOSPITAL_STAY, PERSON = "patientunitstayid", "patienthealthsystemstayid", "uniquepid"
OFFSETS = ("hospitaladmitoffset", "hospitaldischargeoffset", "unitdischargeoffset")
MINUTES = "minutes since the admission to the unit, within 200 years"
OLDEST, OLD = "> 89", 90
"""How eICU hides the ages past 89, and as what they are read."""
YEAR = 525_960
"""Minutes of a mean year."""
DIED = "expired"
PROPERTIES = ("gender", "ethnicity", "hospitalid", "hospitaldischargeyear", PERSON)
HOSPITAL = ("numbedscategory", "teachingstatus", "region")


def read_eicu(spec: Records, known: Known) -> Loaded:
    """Read `[records.NAME]` of format eicu: the folder of eICU-CRD's tables, csv or csv.gz, in either case.

    A subject is a hospital stay (patienthealthsystemstayid), for nothing orders the stays of one person but the year of
    their discharge; its clock counts minutes from the admission to the hospital. The person is the property `uniquepid`
    (`[evaluate] group = "uniquepid"`). What was entered is known when it was entered; a lab when it was last revised; what
    APACHE computed when the unit stay ends; a culture's result, to nobody. `keep` names columns of patient that visits keep.

    Returns: Loaded with patients, visits (hospital stays and unit stays), events, concepts and IS_A of the paths.
    Raises: InputError for a folder without a table patient, and for a table without its columns.
    Source: Pollard 2018, doi:10.1038/sdata.2018.178; https://eicu-crd.mit.edu/eicutables/
    Example: read_eicu(Records((Path("eicu-crd"),), format="eicu", name="icu"), known).visits
    """
    ledger = Ledger(spec.source)
    with clinical_tables(spec, known, ledger, STAY) as tables:
        if "patient" not in tables.files:
            found = ", ".join(sorted(tables.files)[:8])
            raise InputError("no eICU", spec.path[0], found, "a table patient", "give the folder of all tables")
        stays = _stays(tables)
        visits = _visits(stays.drop_nulls(ROW), tables)
        patients, parts = _people(stays.drop_nulls(ROW), visits, tables)
        each = partial(_table, tables=tables, stays=stays)
        for noted, offset in read_alone(each, TABLES, replace(known, shards=None), ledger):
            parts += [part.with_columns(pl.col(ROW) + offset) for part in noted]
        events = events_of(parts, spec, ledger)
        concepts, links = _paths(events["code"].unique().sort())
        read = ("patient", *(one.table for one in TABLES), *LOOKUPS)
        counts = [tables.unread(read), never_known(events), ledger.counts]
        return Loaded(
            spec.source, ledger.tally(), ledger.frame(), patients=patients, visits=visits, events=events,
            concepts=as_concepts(concepts, spec), links=as_links(links, spec), clock="relative", counts=total(counts),
            cells=ledger.cell_tally(), losses=ledger.losses,
        )  # fmt: skip


def _rows(
    tables: ClinicalTables, table: str, needed: Sequence[str], others: Sequence[str] = ()
) -> Iterator[pl.DataFrame]:
    """A table's rows as text, part by part: ROW and these columns; one of `others` that it lacks is null."""
    for path in tables.files.get(table, []):
        for part in table_parts(path, path.name, tables.spec.missing, tables.ledger, empty=True):
            if not part.frame.height and not part.numbers.len():
                tables.ledger.count({f"tables with a header alone ({table})": 1})
            frame = lower_case(part.frame)
            for column in (STAY, *needed):
                if column not in frame.columns:
                    raise InputError(
                        "a column is missing", path, f"no {column}", f"the columns of eICU's table {table}",
                        "export it with its columns, or take the file away where it is no eicu table",
                    )  # fmt: skip
            nothing = pl.lit(None, pl.String)
            wanted = dict.fromkeys((*needed, *others))
            yield frame.select(
                part.numbers.alias(ROW),
                id_text(frame[STAY]).alias(STAY),
                *(pl.col(one) if one in frame.columns else nothing.alias(one) for one in wanted),
            )


def _stays(tables: ClinicalTables) -> pl.DataFrame:
    """Every unit stay, once: its subject, its offsets in minutes, what the study keeps; ROW is null where it was refused.

    Refused ones are kept here, so that the rows of who was removed are known as theirs in every table.
    """
    ledger, keep = tables.ledger, [str(one).lower() for one in tables.spec.keep]
    others = ("age", "unittype", "unitstaytype", "unitdischargestatus", "hospitaldischargestatus", "admissionheight",
              "admissionweight", "dischargeweight", *PROPERTIES)  # fmt: skip
    every = pl.concat(list(_rows(tables, "patient", (HOSPITAL_STAY, *OFFSETS, *keep), others)))
    every = every.with_columns(id_text(every[HOSPITAL_STAY]).alias("subject_id")).drop(HOSPITAL_STAY)
    rows = refuse_strangers(every, tables.known, ledger, HOSPITAL_STAY)
    empty = pl.col(STAY).is_null()
    rows = refuse(rows, empty, ledger, STAY, got=None, expected="an id", fix="fill it in")
    for column in OFFSETS:
        rows = _minutes(rows, column, ledger)
        missing = pl.col(column).is_null()
        rows = refuse(rows, missing, ledger, column, got=None, expected=MINUTES, fix="fill it in")
    begin = pl.col("hospitaladmitoffset")
    early = (pl.col("hospitaldischargeoffset") < begin) | (pl.col("unitdischargeoffset") < 0)
    rows = refuse(rows, early, ledger, "hospitaldischargeoffset", got=None, expected="a stay that ends after it began",
                  fix="correct the offsets")  # fmt: skip
    rows = _once(rows, ledger)
    lost = every.filter(~pl.col(ROW).is_in(rows[ROW].implode())).select(STAY, "subject_id").drop_nulls()
    return pl.concat([rows, lost], how="diagonal").unique(STAY, keep="first", maintain_order=True)


def _once(rows: pl.DataFrame, ledger: Ledger) -> pl.DataFrame:
    """The first row of each unit stay, and of each hospital stay those that begin and end it at one time."""
    said = [one for one in rows.columns if one != ROW]
    once = rows.unique(said, keep="first", maintain_order=True)
    ledger.merged(rows.height - once.height)
    again = pl.int_range(pl.len()).over(STAY) > 0
    once = refuse(once, again, ledger, STAY, got=None, expected="one row a unit stay", fix="keep one of the rows")
    other = pl.col(PERSON).ne_missing(pl.col(PERSON).first().over("subject_id"))
    return refuse(once, other, ledger, PERSON, got=None, expected="one person a hospital stay", fix="correct the ids")


def _minutes(rows: pl.DataFrame, column: str, ledger: Ledger) -> pl.DataFrame:
    """A column of offsets as numbers; a row whose cell is none is refused, and an empty cell is null."""
    value, bad = numbers(rows[column])
    far = relative(value, "minutes", column)[1]
    rows = rows.with_columns((bad | far).alias("bad"), value.alias("minutes"))
    rows = refuse(rows, pl.col("bad"), ledger, column, got=column, expected=MINUTES, fix="correct the cell")
    return rows.with_columns(pl.col("minutes").alias(column)).drop("bad", "minutes")


def _time(minutes: pl.Series) -> pl.Series:
    """(n,) Datetime on the clock of the hospital stay."""
    return relative(minutes, "minutes", "offset")[0]


def _at(rows: pl.DataFrame, name: str, minutes: pl.Expr) -> pl.DataFrame:
    """`name`: the time of minutes since the admission to the unit."""
    return rows.with_columns(_time(rows.select(minutes - pl.col("hospitaladmitoffset")).to_series()).alias(name))


def _visits(stays: pl.DataFrame, tables: ClinicalTables) -> pl.DataFrame:
    """Hospital stays (`hospital/…`, for unit stays may have the same number), and the unit stays within them."""
    keep = [str(one).lower() for one in tables.spec.keep]
    kept = typed_and_told(stays.select(keep), stays[ROW], tables.ledger, tables.spec.categorical)
    kept = kept.rename(safe_names(kept.columns, lambda name: is_reserved(name) or name in VISITS))
    rows = _at(_at(stays, "unit", pl.lit(0.0)), "left", pl.col("unitdischargeoffset"))
    rows = _at(rows, "end", pl.col("hospitaldischargeoffset"))
    step = pl.col("unitstaytype").str.to_lowercase().str.starts_with("stepdown").fill_null(False)
    layout, source = list(VISITS), pl.lit(tables.spec.source)
    unit = rows.with_columns(
        visit_id=STAY, start_time="unit", end_time="left", source=source,
        kind=pl.when(step).then(pl.lit("step-down stay")).otherwise(pl.lit("icu stay")),
    )  # fmt: skip
    whole = rows.with_columns(
        visit_id=pl.lit("hospital/") + pl.col("subject_id"), start_time=_time(pl.Series([0.0])).item(), end_time="end",
        source=source, kind=pl.lit("hospital stay"),
    )  # fmt: skip
    # how the hospital stay ended is not known when a unit stay within it ends
    of_hospital = [one for one in kept.columns if one.startswith("hospital")]
    parts = [whole.select(layout).hstack(kept.select(of_hospital)), unit.select(layout).hstack(kept.drop(of_hospital))]
    return pl.concat(parts, how="diagonal").unique("visit_id", keep="first", maintain_order=True)


def _people(
    stays: pl.DataFrame, visits: pl.DataFrame, tables: ClinicalTables
) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """Patients, and the events of birth, death, admission to the units, height and weight."""
    ledger = tables.ledger
    old = stays["age"].str.strip_chars() == OLDEST
    ledger.count({f"ages past 89, which eICU hides: read as {OLD}": int(old.sum())})
    age, bad = numbers(stays["age"].set(old.fill_null(False), str(OLD)))
    ledger.unread(stays[ROW], "age", stays["age"], bad, "years")
    stays = stays.with_columns(age=age.round().cast(pl.Int64))
    said = [pl.col(one).str.strip_chars().str.to_lowercase() for one in ("gender", "ethnicity")]
    seen = visits.group_by("subject_id").agg(
        observed_from=pl.col("start_time").min(), observed_until=pl.col("end_time").max()
    )
    first = stays.unique("subject_id", keep="first", maintain_order=True)
    patients = first.select(
        "subject_id", "age", *(pl.when(one != "").then(one) for one in said), "hospitalid",
        pl.col("hospitaldischargeyear").cast(pl.Int64, strict=False), PERSON,
    )  # fmt: skip
    hospitals = tables.lookup("hospital", ("hospitalid", *HOSPITAL)).unique("hospitalid", keep="first")
    patients = patients.join(hospitals, on="hospitalid", how="left", maintain_order="left")
    patients = patients.join(seen, on="subject_id", how="left", maintain_order="left")
    return patients, [*_born(first), _died(stays), *_admitted(stays, tables)]


def _born(first: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """So many mean years before the admission to the hospital, as the data say no more."""
    rows = first.drop_nulls("age")
    yield rows.with_columns(
        *(_time(rows["age"] * -float(YEAR)).alias(name) for name in ("time", "known_time")), code=pl.lit(BIRTH)
    )


def _died(stays: pl.DataFrame) -> pl.DataFrame:
    """One death a subject: at the end of the unit stay that it ended, else at that of the hospital stay."""
    unit, hospital = (
        pl.col(f"{one}dischargestatus").str.strip_chars().str.to_lowercase() == DIED for one in ("unit", "hospital")
    )
    rows = _at(stays, "left", pl.col("unitdischargeoffset"))
    rows = _at(rows, "end", pl.col("hospitaldischargeoffset"))
    rows = rows.with_columns(time=pl.when(unit).then("left").when(hospital).then("end"), there=unit.fill_null(False))
    rows = rows.drop_nulls("time").sort(~pl.col("there"), maintain_order=True)
    return rows.unique("subject_id", keep="first", maintain_order=True).select(
        ROW, "subject_id", "time", code=pl.lit(DEATH), known_time=pl.col("time")
    )


def _admitted(stays: pl.DataFrame, tables: ClinicalTables) -> Iterator[pl.DataFrame]:
    """Admissions to units (`EICU:unit/micu`), and what was measured then; the weight at discharge stands at its end."""
    rows = _at(_at(stays, "start", pl.lit(0.0)), "left", pl.col("unitdischargeoffset")).with_columns(visit_id=STAY)
    type = pl.col("unittype").str.strip_chars().str.to_lowercase()
    yield rows.with_columns(
        time="start", known_time="start", code=pl.when(type != "").then(pl.lit("EICU:unit/") + type)
    ).drop_nulls("code")
    for column, when, unit in (("admissionheight", "start", "cm"), ("admissionweight", "start", "kg"), ("dischargeweight", "left", "kg")):  # fmt: skip
        there = valued(rows.filter(pl.col(column).is_not_null()), column, tables.ledger)
        yield there.with_columns(time=when, known_time=when, code=pl.lit(f"VALUE:{column}"), unit=pl.lit(unit))


def _table(one: Noted, ledger: Ledger, tables: ClinicalTables, stays: pl.DataFrame) -> list[pl.DataFrame]:
    return list(_noted(one, replace(tables, ledger=ledger), stays))


def _noted(one: Noted, tables: ClinicalTables, stays: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """The events of one table, part by part, in the columns of EVENTS alone."""
    of_stays = stays.select(STAY, "subject_id", "hospitaladmitoffset", "unitdischargeoffset", told=pl.col(ROW))
    results = [column for column in (one.value, one.words, one.unit) if column and column != "cell"]
    times = [column for column in (one.time, one.known) if column]
    needed, others = [*one.said, *times[:1]], [*times[1:], *results, *one.wide, *one.leave]
    for part in _rows(tables, one.table, needed, others):
        rows = _of_known(part.join(of_stays, on=STAY, how="left", maintain_order="left"), one, tables)
        rows = _when(rows, one, tables.ledger)
        said = [ROW, STAY, "subject_id", "time", "known_time", *one.said, *results, *one.wide]
        yield _event(rows.select([*dict.fromkeys(said)]), one, tables.ledger)  # a wide row becomes many


def _of_known(rows: pl.DataFrame, one: Noted, tables: ClinicalTables) -> pl.DataFrame:
    """The rows of unit stays that the table patient holds, unrefused; and that tell of what was done."""
    ledger = tables.ledger
    gone = tables.known.removed.holds(rows["subject_id"])
    ledger.removed(rows[ROW].filter(gone), STAY)
    rows = rows.filter(~gone)
    fix = "bring its row of patient, or leave this one"
    expected = "a stay of the table patient"
    rows = refuse(rows, pl.col("told").is_null(), ledger, STAY, got=STAY, expected=expected, fix=fix)
    for column, cells in one.leave.items():
        wrong, fix = pl.col(column).is_in(list(cells)), "nothing: it is left out"
        rows = refuse(rows, wrong, ledger, column, got=column, expected="what was done", fix=fix)
    return rows


def _when(rows: pl.DataFrame, one: Noted, ledger: Ledger) -> pl.DataFrame:
    """time, known_time."""
    if one.ends:
        rows = _at(rows, "time", pl.col("unitdischargeoffset"))
        return rows.with_columns(known_time="time")
    rows = _minutes(rows, one.time, ledger)
    missing = pl.col(one.time).is_null()
    rows = refuse(rows, missing, ledger, one.time, got=None, expected=MINUTES, fix="fill it in")
    if one.known:
        rows = _minutes(rows, one.known, ledger)
    rows = _at(rows, "time", pl.col(one.time))
    if one.late:
        return rows.with_columns(known_time=pl.lit(NEVER))
    if not one.known:
        return rows.with_columns(known_time="time")
    rows = _at(rows, "entered", pl.col(one.known))
    told = pl.when(pl.col("entered").is_not_null()).then(pl.max_horizontal("entered", "time"))
    return rows.with_columns(known_time=told.fill_null(NEVER))


def _event(rows: pl.DataFrame, one: Noted, ledger: Ledger) -> pl.DataFrame:
    before = rows
    rows = one.code(rows, one)
    if one.wide:
        bare = before.filter(~pl.col(ROW).is_in(rows[ROW].implode()))
        ledger.reject(bare[ROW], one.wide[0], "", "a value", "nothing: the row holds none")
    if "misread" in rows.columns:
        ledger.count({"parts of icd9code that no code of ICD can be": int(rows.unique(ROW)["misread"].sum())})
    column = one.said[0] if one.said else one.table
    fix = "correct it"
    rows = refuse(rows, pl.col("code").is_null(), ledger, column, got=None, expected="what it is of", fix=fix)
    rows = _result(rows, one, ledger)
    keep = [ROW, "subject_id", "time", "code", "numeric_value", "text_value", "known_time", "visit_id", "unit"]
    return rows.with_columns(visit_id=STAY).select(one for one in keep if one in rows.columns or one == "visit_id")


def _result(rows: pl.DataFrame, one: Noted, ledger: Ledger) -> pl.DataFrame:
    if one.value:
        rows = valued(rows, one.value, ledger)
    if one.words:
        said = pl.col(one.words).str.strip_chars()
        number = pl.col("numeric_value").is_not_null() if one.value else pl.lit(False)
        text = pl.when(~number & (said != "")).then(said)
        rows = rows.with_columns(text_value=pl.coalesce("text_value", text) if one.value else text)
    if one.unit:
        unit = pl.col(one.unit).str.strip_chars()
        rows = rows.with_columns(unit=pl.when(unit != "").then(unit))
    return rows


def _paths(codes: pl.Series) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Concepts and IS_A of the codes that are paths: `EICU:treatment/a|b` is of `EICU:treatment/a`."""
    at, links = codes.filter(codes.str.contains(r"^EICU:[^|]*\|")), []
    while at.len():
        above = at.str.replace(r"\|[^|]*$", "")
        links.append(pl.DataFrame({"subject": at, "object": above}))
        at = above.filter(above.str.contains("|", literal=True)).unique().sort()
    none = pl.DataFrame(schema={"subject": pl.String, "object": pl.String})
    found = pl.concat([none, *links]).unique(maintain_order=True)
    ids = pl.concat([found["subject"], found["object"]]).unique().sort()
    names = pl.DataFrame({"id": ids, "name": ids.str.extract(r"([^|/]+)$")})
    return names, found.with_columns(predicate=pl.lit("IS_A")).select("subject", "predicate", "object")
