"""FHIR event rows: what resources state, in their own words -> events: what happened, when, when it was known, its code and
its result."""

from __future__ import annotations

import polars as pl

from ...files.cells.number_words import Reason
from ...files.ledger import ROW, Ledger
from ...files.text_table import numbers
from ...identifiers.curie import BIRTH, DEATH
from ..events import refuse_times
from .admission import refused
from .resources import FORMS, NOTHING
from .times import moments, not_before

_PROPERTIES = ("gender", "birth_date", "race", "ethnicity")
_TIME = "a FHIR date or dateTime"
_TIMED = (ROW, "kind", "statement", "subject_id", "visit_id", "time", "known_time", "drug", "value", "text", "unit")


def life(people: pl.DataFrame, ledger: Ledger) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Properties of the patients, one row each, and the events of their birth and death.

    A birth is known when it is; a day of death is over when it ends, for the day's other events came before it.
    """
    kind = pl.repeat("Patient", people.height, eager=True)
    birth, death = moments(people["birth"], kind), moments(people["death"], kind)
    people = people.with_columns(
        birth_date=birth["first"], death_time=death["last"], bad_birth=birth["bad"], bad_death=death["bad"]
    )
    for bad, cell, field in (("bad_birth", "birth", "birthDate"), ("bad_death", "death", "deceasedDateTime")):
        people = refused(people, pl.col(bad), ledger, f"Patient.{field}", cell, _TIME, "correct it")
    early = pl.col("death_time") < pl.col("birth_date")
    people = refused(
        people, early, ledger, "Patient.deceasedDateTime", "death", "not before the birth", "correct the times"
    )
    people = refuse_times(people, ledger, {"birth_date": "Patient.birthDate", "death_time": "Patient.deceasedDateTime"},
                          {"birth_date": "birth", "death_time": "death"})  # fmt: skip
    ledger.count({"patients said to have died, without a date: no event": int(people["dead"].sum())})
    events = [
        people.select("subject_id", time=name, known_time=name, code=pl.lit(code)).drop_nulls("time")
        for name, code in (("birth_date", BIRTH), ("death_time", DEATH))
    ]
    filled = [name for name in _PROPERTIES if people[name].count()]
    properties = people.select("subject_id", *filled).unique("subject_id", keep="first", maintain_order=True)
    return properties, pl.concat(events)


def happened(rows: pl.DataFrame, ledger: Ledger, kind: str = "kind") -> pl.DataFrame:
    """The rows without those of which a status says that nothing happened; a resource of nothing else is rejected."""
    out = rows.filter(pl.col("left").is_not_null())
    words = out.group_by(kind, "left", maintain_order=True).agg(n=pl.col(ROW).n_unique()).sort(kind, "left")
    ledger.count({f"{of} resources that are no events: {word}": n for of, word, n in words.iter_rows()})
    stays = rows.filter(pl.col("left").is_null())
    whole = rows.filter(~pl.col(ROW).is_in(stays[ROW].implode()))
    field = (
        pl.when(pl.col("left").is_in(list(NOTHING)))
        .then(pl.col(kind).cast(pl.String) + ".status")
        .otherwise(pl.col(kind).cast(pl.String) + "." + pl.col("left"))
    )
    refused(whole, pl.lit(True), ledger, field, "left", "what happened", "nothing: it says so itself")
    return stays


def timed(rows: pl.DataFrame, visits: pl.DataFrame, ledger: Ledger) -> pl.DataFrame:
    """The rows with time and known_time (null: nobody says when); those of which neither they nor their visit say when are
    rejected."""
    when, until, known = (moments(rows[name], rows["kind"]) for name in ("when", "until", "known"))
    rows = rows.with_columns(
        time=when["first"], over=when["last"], coarse_time=when["coarse"], bad_time=when["bad"],
        end_time=until["last"], coarse_end=until["coarse"], bad_end=until["bad"],
        said=known["last"], coarse=known["coarse"], bad_known=known["bad"],
    )  # fmt: skip
    for bad, cell, field in (
        ("bad_time", "when", "time"),
        ("bad_end", "until", "end"),
        ("bad_known", "known", "recorded"),
    ):
        rows = refused(rows, pl.col(bad), ledger, _field(field), cell, _TIME, "correct it")
    stays = visits.select("visit_id", "subject_id", "start_time", stay_end="end_time", stayed=pl.lit(True))
    rows = rows.join(stays, on=["visit_id", "subject_id"], how="left", maintain_order="left")
    undated = pl.col("time").is_null()
    rows = rows.with_columns(
        borrowed=undated & pl.col("start_time").is_not_null(), time=pl.coalesce("time", "start_time")
    )
    borrowed = int(rows["borrowed"].sum())
    ledger.count({"events without a time of their own: at the start of their visit, known at its end": borrowed})
    rows = refused(
        rows, pl.col("time").is_null(), ledger, _field("time"), None, "a time, or a visit with one", "fill it in"
    )
    rows = rows.with_columns(
        said=not_before("said", "coarse", "time", "coarse_time"),
        end_time=not_before("end_time", "coarse_end", "time", "coarse_time"),
    )
    rows = rows.with_columns(known_time=_known_time())
    labs = (pl.col("kind") == "Observation") & pl.col("said").is_null() & ~pl.col("borrowed")
    unissued = int(rows.select(labs.sum()).item())
    ledger.count({"observations that do not say when they were issued: known when they were made": unissued})
    for name, cell, field, fix in (
        ("end_time", "until", "end", "swap or correct the times"), ("known_time", "known", "recorded", "nothing is known before it is"),
    ):  # fmt: skip
        rows = refused(rows, pl.col(name) < pl.col("time"), ledger, _field(field), cell, "not before its time", fix)
    each = rows.unique(ROW, keep="first", maintain_order=True)
    possible = refuse_times(each, ledger, {"time": "time"}, {"time": "when"})
    return rows.filter(pl.col(ROW).is_in(possible[ROW].implode())).select(*_TIMED)


def _known_time() -> pl.Expr:
    """When an event was known: when it was recorded; where nobody says it, as `resources.Form.unsaid` has it."""
    unsaid = pl.col("kind").cast(pl.String).replace_strict({kind: form.unsaid for kind, form in FORMS.items()})
    over = pl.coalesce(pl.max_horizontal("end_time", "over"), "over")
    stay = pl.when(pl.col("stay_end").is_not_null()).then(pl.max_horizontal("stay_end", "over"))
    return (
        pl.when(pl.col("said").is_not_null()).then("said")
        .when("borrowed").then("stay_end")
        .when(unsaid == "time").then(over)
        .when(unsaid == "start").then("over")
        .when(pl.col("stayed").fill_null(False)).then(stay)
        .when(unsaid == "visit").then(over)
    )  # fmt: skip


def coded(rows: pl.DataFrame, names: pl.DataFrame, medications: pl.DataFrame, ledger: Ledger) -> pl.DataFrame:
    """The rows with code and name, their own or those of the Medication that they name; a resource without a code is
    rejected, of one with several events the event is left out and noted."""
    drugs = (
        medications.drop_nulls("id")
        .unique("id", keep="first")
        .join(names, on="statement")
        .select("id", of="code", called="name")
    )
    rows = rows.join(names, on="statement", how="left", maintain_order="left")
    rows = rows.with_columns(drug_id=pl.col("drug").cast(pl.String).str.extract(r"^(?:Medication)?/(.+)$"))
    rows = rows.join(drugs, left_on="drug_id", right_on="id", how="left", maintain_order="left")
    rows = rows.with_columns(code=pl.coalesce("code", "of"), name=pl.coalesce("name", "called"))
    coded_rows = rows.drop_nulls("code")
    lost = rows.filter(pl.col("code").is_null())
    refused(
        lost.filter(~pl.col(ROW).is_in(coded_rows[ROW].implode())), pl.lit(True), ledger, _field("code"), None,
        "a coding that can be a code of its system", "text alone is no code",
    )  # fmt: skip
    among = lost.filter(pl.col(ROW).is_in(coded_rows[ROW].implode()))
    ledger.cell(among[ROW], "code", "", "a coding that can be a code of its system")
    why = Reason("no coding that can be a code", "", "text alone is no code")
    ledger.lose("cells", "code", among.height, coded_rows.height + among.height, why)
    ledger.cells(coded_rows.height + among.height, coded_rows.height)
    return coded_rows


def valued(rows: pl.DataFrame, ledger: Ledger) -> pl.DataFrame:
    """The rows as events: numbers as numbers, results in words as text."""
    value, bad = numbers(rows["value"])
    ledger.unread(rows[ROW], "Observation.value", rows["value"], bad, "a finite number")
    ledger.cells(value.count() + int(bad.sum()), value.count())
    limits = int(rows.select((pl.col("text").str.contains(r"^[<>]") & (pl.col("kind") == "Observation")).sum()).item())
    ledger.count({"results that are a limit (<, >), kept as text": limits})
    return rows.with_columns(numeric_value=value, text_value="text", unit=pl.col("unit").cast(pl.String))


def _field(name: str) -> pl.Expr:
    return pl.col("kind").cast(pl.String) + f".{name}"
