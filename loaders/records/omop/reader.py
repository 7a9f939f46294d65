"""OMOP CDM 5.3 and 5.4 -> patients, visits, events; its concepts by their vocabularies, with IS_A and MAPS_TO."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from ...errors import InputError
from ...files.ledger import ROW, Ledger, refuse, total
from ...identifiers.curie import BIRTH, DEATH, KNOWN_LATE, VOCABULARIES, codes
from ...specs import Records
from ...tables import Known, Loaded, as_concepts, as_links
from ..clinical_tables import ClinicalTables, at_discharge, clinical_tables, events_of, timed, valued
from ..events import never_known
from .duckdb_file import without_duckdb

VOCABULARY = {
    "ICD9Proc": "ICD9PROC", "CPT4": "CPT", "RxNorm Extension": "RXNORMEXT", "Nebraska Lexicon": "SNOMED",
}  # fmt: skip
"""OMOP's vocabulary_id -> ours, where they differ by more than case."""
NO_DISEASE = {"SNOMED": "SNOMEDOBS"}
AS_PROCEDURE = {"SNOMED": "SNOMEDPROC"}
"""SNOMED holds diseases, procedures and findings: the table says which, and the prefix keeps it."""
LIMIT = {"4171756": "<", "4171754": "<=", "4172704": ">", "4171755": ">="}
"""operator_concept_id -> what stands before the number, which is then no number but a limit."""
BLANK = ("", "0")
LOOKUPS = ("concept", "concept_relationship", "concept_ancestor", "vocabulary")
"""Tables of names, of which nothing is a patient's."""


@dataclass(frozen=True)
class Domain:
    """One table of events. name: its columns begin so. prefixes: vocabulary -> the prefix that its codes get here.

    late: coded when the visit ends, so known only then.
    """

    table: str
    name: str
    start: str
    prefixes: dict[str, str]
    late: bool = False
    value: bool = False


DOMAINS = (
    Domain("condition_occurrence", "condition", "condition_start", {}, late=True),
    Domain("procedure_occurrence", "procedure", "procedure", AS_PROCEDURE, late=True),
    Domain("drug_exposure", "drug", "drug_exposure_start", NO_DISEASE),
    Domain("device_exposure", "device", "device_exposure_start", NO_DISEASE),
    Domain("measurement", "measurement", "measurement", NO_DISEASE, value=True),
    Domain("observation", "observation", "observation", NO_DISEASE, value=True),
)
CONCEPT = ("concept_id", "concept_name", "vocabulary_id", "concept_code")


def read_omop(spec: Records, known: Known) -> Loaded:
    """Read `[records.NAME]` of format omop: a folder or a zip of the tables of an OMOP CDM, as csv or Parquet, or a DuckDB
    database of them (`clinome[duckdb]`).

    A code is that of the standard concept (SNOMED, RXNORM, LOINC, …), its source concept MAPS_TO it. Without CONCEPT, or
    where a concept is 0, it is the source value in the vocabulary that `codes` names for its column
    (`codes = {condition_source_value = "ICD10CM"}`), else `OMOP:concept_id` or `OMOP:condition/source value`.
    Diagnoses and procedures are known at the end of their visit, all else when it happened; a date alone is a whole day.

    Returns: Loaded with patients (gender, race, ethnicity, year_of_birth; observed_from and observed_until from
        observation_period), visits, events (birth and death among them), concepts and links.
    Raises: InputError for a folder without a table person, and for a table without its columns.
    Source: https://ohdsi.github.io/CommonDataModel/cdm54.html
    Example: read_omop(Records((Path("cdm"),), format="omop"), known).events
    """
    ledger = Ledger(spec.source)
    read = ["person", "death", "visit_occurrence", "observation_period", *(one.table for one in DOMAINS), *LOOKUPS]
    with without_duckdb(spec, read, ledger) as files, clinical_tables(files, known, ledger, "person_id") as tables:
        if "person" not in tables.files:
            found = ", ".join(sorted(tables.files)[:8])
            raise InputError("no OMOP CDM", spec.path[0], found, "a table person", "give the folder of the export")
        concepts = _Concepts(tables)
        patients, born = _people(tables, concepts)
        visits = _visits(tables, concepts)
        died = _deaths(tables, concepts)
        parts = [born, *died, *(_events(tables, one, concepts, visits) for one in DOMAINS if one.table in tables.files)]
        events = events_of([part for part in parts if part is not None], spec, ledger)
        described, links = concepts.described(events["code"])
        counts = [concepts.counts, tables.unread(read), never_known(events), ledger.counts]
        return Loaded(
            spec.source, ledger.tally(), ledger.frame(), patients=patients, visits=visits, events=events,
            concepts=as_concepts(described, spec), links=as_links(links, spec), clock="dated", counts=total(counts),
            cells=ledger.cell_tally(), losses=ledger.losses,
        )  # fmt: skip


class _Concepts:
    """What concept ids mean: CURIEs and names; those that were asked for are remembered."""

    def __init__(self, tables: ClinicalTables) -> None:
        self.tables, self.counts = tables, dict[str, int]()
        self.named = tables.lookup("concept", CONCEPT).unique("concept_id", keep="first")
        self.maps: list[pl.DataFrame] = []

    def names(self, ids: pl.Series) -> pl.Series:
        """(n,) concept names, null where none is known."""
        joined = (
            ids.rename("concept_id").to_frame().join(self.named, on="concept_id", how="left", maintain_order="left")
        )
        return joined["concept_name"]

    def units(self, rows: pl.DataFrame) -> pl.Series:
        """(n,) UCUM codes of unit concepts, else the source's own words."""
        ids = rows["unit_concept_id"].rename("concept_id").to_frame()
        code = ids.join(self.named, on="concept_id", how="left", maintain_order="left")["concept_code"]
        return pl.select(pl.coalesce(code, rows["unit_source_value"].str.strip_chars())).to_series()

    def coded(self, ids: pl.Series, prefixes: dict[str, str]) -> pl.Series:
        """(n,) CURIE text of concepts; null for 0, and for one that CONCEPT does not hold."""
        known = {name.upper(): name for name in VOCABULARIES}
        spelt = pl.col("vocabulary_id").replace_strict(VOCABULARY, default=pl.col("vocabulary_id")).str.to_uppercase()
        prefix = spelt.replace_strict(known, default=None).replace(prefixes)
        prefix = pl.when(pl.col("concept_code").is_not_null()).then(prefix)  # some sites hold names alone
        table = self.named.select(
            "concept_id", text=pl.concat_str(prefix.fill_null("OMOP"), pl.lit(":"),
                                             pl.when(prefix.is_null()).then("concept_id").otherwise("concept_code")),
        )  # fmt: skip
        asked = ids.rename("concept_id").to_frame().join(table, on="concept_id", how="left", maintain_order="left")
        return codes(asked["text"], "OMOP")[0]

    def described(self, used: pl.Series) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Concepts (id, name) of the codes used and of those above them; links IS_A and MAPS_TO among them."""
        ids = self.named.with_columns(id=self.coded(self.named["concept_id"], {})).drop_nulls("id")
        there = {prefix: ids.filter(pl.col("vocabulary_id") == "SNOMED").select(
            "concept_id", "concept_name", id=pl.lit(f"{prefix}:") + pl.col("concept_code")) for prefix in ("SNOMEDOBS", "SNOMEDPROC")}  # fmt: skip
        every = pl.concat([ids.select("concept_id", "concept_name", "id"), *there.values()])
        mapped = pl.concat([pl.DataFrame(schema={"subject": pl.String, "object": pl.String}), *self.maps]).unique()
        wanted = pl.concat([used, mapped["subject"], mapped["object"]]).unique()
        above = self._is_a(every, wanted)
        links = pl.concat([
            above.with_columns(predicate=pl.lit("IS_A")),
            mapped.filter(pl.col("subject") != pl.col("object")).with_columns(predicate=pl.lit("MAPS_TO")),
        ])  # fmt: skip
        wanted = pl.concat([wanted, above["object"]]).unique()
        named = (
            every.filter(pl.col("id").is_in(wanted.implode()))
            .select("id", name="concept_name")
            .unique("id", keep="first")
        )
        return named.sort("id"), links.select("subject", "predicate", "object").unique().sort(
            "subject", "predicate", "object"
        )

    def _is_a(self, every: pl.DataFrame, used: pl.Series) -> pl.DataFrame:
        """(subject, object) of the used codes and all above them, by CONCEPT_RELATIONSHIP's "Is a"."""
        columns = ("concept_id_1", "concept_id_2", "relationship_id", "invalid_reason")
        edges = self.tables.lookup("concept_relationship", columns)
        edges = edges.filter(
            (pl.col("relationship_id") == "Is a") & pl.col("invalid_reason").fill_null("").is_in(["", '""'])
        )
        place = every.select("concept_id", "id")
        ends = edges.join(place.rename({"concept_id": "concept_id_1", "id": "subject"}), on="concept_id_1")
        ends = ends.join(place.rename({"concept_id": "concept_id_2", "id": "object"}), on="concept_id_2")
        same = pl.col("subject").str.extract(r"^([^:]+):") == pl.col("object").str.extract(r"^([^:]+):")
        ends = ends.filter(same & (pl.col("subject") != pl.col("object"))).select("subject", "object").unique()
        found, at = ends.clear(), used
        while at.len():
            step = ends.filter(pl.col("subject").is_in(at.implode()))
            at = step.filter(~pl.col("object").is_in(pl.concat([found["subject"], step["subject"]]).implode()))[
                "object"
            ].unique()
            found = pl.concat([found, step]).unique()
        return found


def _people(tables: ClinicalTables, concepts: _Concepts) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Patients, and the events of their births."""
    own = ("birth_datetime", "year_of_birth", "month_of_birth", "day_of_birth")
    said = tuple(
        f"{what}_{kind}" for what in ("gender", "race", "ethnicity") for kind in ("concept_id", "source_value")
    )
    rows = tables.rows("person", (), (*own, *said))
    assert rows is not None
    rows = rows.with_columns(_birth().alias("birth"))
    rows = timed(rows, ("birth_datetime", "birth"), "time", tables.ledger)
    patients = rows.select(
        "subject_id",
        *(_word(rows, what, concepts).alias(what) for what in ("gender", "race", "ethnicity")),
        year_of_birth=rows["time"].dt.year().cast(pl.Int64),
    ).unique("subject_id", keep="first", maintain_order=True)  # fmt: skip
    tables.ledger.merged(rows.height - patients.height)
    patients = patients.join(_observed(tables), on="subject_id", how="left", maintain_order="left")
    born = rows.drop_nulls("time").unique("subject_id", keep="first").select(
        ROW, "subject_id", "time", code=pl.lit(BIRTH), known_time=pl.col("time")
    )  # fmt: skip
    return patients, born


def _birth() -> pl.Expr:
    """A date from the parts: what is not told of it (0 is no month) is the first of its kind, as MEDS's own converter has it."""
    parts = (pl.col(f"{one}_of_birth").str.strip_chars().str.strip_suffix(".0") for one in ("month", "day"))
    month, day = (pl.when(~one.is_in(["", "0", "00"])).then(one).fill_null("1").str.zfill(2) for one in parts)
    return pl.concat_str("year_of_birth", pl.lit("-"), month, pl.lit("-"), day)


def _word(rows: pl.DataFrame, what: str, concepts: _Concepts) -> pl.Expr:
    """What a person is said to be: the concept's name, else the source's word."""
    word = pl.lit(concepts.names(rows[f"{what}_concept_id"])).str.to_lowercase()
    source = pl.col(f"{what}_source_value").str.strip_chars().str.to_lowercase()
    return pl.coalesce(pl.when(~word.is_in(["no matching concept"])).then(word), pl.when(source != "").then(source))


def _observed(tables: ClinicalTables) -> pl.DataFrame:
    """subject_id, observed_from, observed_until: from the first day to the end of the last one that a period names."""
    none: dict[str, pl.DataType | type[pl.DataType]] = {
        "subject_id": pl.String,
        "observed_from": pl.Datetime("us"),
        "observed_until": pl.Datetime("us"),
    }
    first, last = "observation_period_start_date", "observation_period_end_date"
    rows = tables.rows("observation_period", (first, last))
    if rows is None:
        return pl.DataFrame(schema=none)
    rows = timed(
        timed(rows, (first,), "start", tables.ledger, needed=True), (last,), "until", tables.ledger, needed=True
    )
    return rows.group_by("subject_id").agg(
        observed_from=pl.col("start").min(), observed_until=pl.col("until_over").max()
    )


def _visits(tables: ClinicalTables, concepts: _Concepts) -> pl.DataFrame | None:
    columns = [f"visit_{end}_{kind}" for end in ("start", "end") for kind in ("datetime", "date")]
    rows = tables.rows("visit_occurrence", ("visit_occurrence_id",), (*columns, "visit_concept_id"))
    if rows is None:
        return None
    ledger = tables.ledger
    empty = pl.col("visit_occurrence_id").is_null()
    rows = refuse(rows, empty, ledger, "visit_occurrence_id", got=None, expected="an id", fix="fill it in")
    rows = timed(timed(rows, columns[:2], "start_time", ledger, needed=True), columns[2:], "end", ledger)
    early = pl.col("end_over") < pl.col("start_time")
    rows = refuse(rows, early, ledger, columns[3], got=None, expected="not before the start", fix="correct the dates")
    visits = rows.select(
        ROW, "subject_id", "start_time", visit_id="visit_occurrence_id", end_time="end_over",
        kind=pl.coalesce(concepts.names(rows["visit_concept_id"]).str.to_lowercase(), pl.lit("encounter")),
        source=pl.lit(tables.spec.source),
    )  # fmt: skip
    once = visits.unique("visit_id", keep="first", maintain_order=True)
    again = visits.filter(~pl.col(ROW).is_in(once[ROW].implode()))
    ledger.reject(again[ROW], "visit_occurrence_id", "", "one row a visit", "keep one of the rows")
    return once.select("visit_id", "subject_id", "start_time", "end_time", "kind", "source")


def _deaths(tables: ClinicalTables, concepts: _Concepts) -> Iterator[pl.DataFrame]:
    """The events of deaths, and of their causes."""
    rows = tables.rows("death", ("death_date",), ("death_datetime", "cause_concept_id"))
    if rows is None:
        return
    rows = timed(rows, ("death_datetime", "death_date"), "time", tables.ledger, needed=True)
    died = rows.with_columns(known_time=pl.col("time_over"))
    yield died.with_columns(code=pl.lit(DEATH))
    yield died.with_columns(code=concepts.coded(rows["cause_concept_id"], {})).drop_nulls("code")


def _events(
    tables: ClinicalTables, domain: Domain, concepts: _Concepts, visits: pl.DataFrame | None
) -> pl.DataFrame | None:
    at, ledger = domain.name, tables.ledger
    source, words = (
        f"{at}_source_value",
        ("value_as_number", "value_as_string", "value_as_concept_id", "value_source_value"),
    )
    others = ("visit_occurrence_id", source, f"{at}_source_concept_id", f"{domain.start}_datetime")
    values = (*words, "operator_concept_id", "unit_concept_id", "unit_source_value") if domain.value else ()
    rows = tables.rows(domain.table, (f"{at}_concept_id", f"{domain.start}_date"), (*others, *values))
    if rows is None:
        return None
    rows = timed(rows, (f"{domain.start}_datetime", f"{domain.start}_date"), "time", ledger, needed=True)
    rows = rows.with_columns(_code(rows, domain, concepts, tables.spec))
    empty = pl.col("code").is_null()
    rows = refuse(rows, empty, ledger, f"{at}_concept_id", got=source, expected="a concept, or a source value that is a code", fix="map it, or name its vocabulary: codes")  # fmt: skip
    visit = pl.col("visit_occurrence_id")
    rows = rows.with_columns(visit_id=pl.when(~visit.is_in(BLANK)).then(visit))  # 0 is OMOP's word for none
    if domain.value:
        rows = _results(rows, concepts, ledger)
    late = pl.lit(domain.late) | pl.col("code").str.extract(r"^([^:]+):").is_in(list(KNOWN_LATE))
    return rows.with_columns(known_time=pl.when(late).then(at_discharge(rows, visits)).otherwise("time_over"))


def _code(rows: pl.DataFrame, domain: Domain, concepts: _Concepts, spec: Records) -> pl.Series:
    """(rows,) the standard concept's code, else the source concept's, else the source value's, else OMOP's own id."""
    at, source = domain.name, f"{domain.name}_source_value"
    standard = concepts.coded(rows[f"{at}_concept_id"], domain.prefixes)
    origin = concepts.coded(rows[f"{at}_source_concept_id"], domain.prefixes)
    both = (
        pl.DataFrame({"subject": origin, "object": standard}).drop_nulls().filter(pl.col("subject") != pl.col("object"))
    )
    concepts.maps.append(both.unique())
    told = pl.Series("told", [None] * rows.height, dtype=pl.String)
    if source in spec.codes:
        told, changed = codes(rows[source], spec.codes[source])
        concepts.counts = total([concepts.counts, changed])
    ids = rows[f"{at}_concept_id"]
    own = pl.when(~ids.is_in(BLANK)).then(pl.lit("OMOP:") + ids)
    word = codes(pl.select(pl.lit(f"{at}/") + rows[source].str.strip_chars()).to_series(), "OMOP")[0]
    known = pl.select(pl.coalesce(standard, origin, told)).to_series()
    own_ids, words = (
        pl.select(own).to_series(),
        known.is_null() & (ids.is_null() | ids.is_in(BLANK)) & word.is_not_null(),
    )
    concepts.counts = total([concepts.counts, {
        "codes left as OMOP's own ids: CONCEPT does not hold them": int((known.is_null() & own_ids.is_not_null()).sum()),
        f"source values of no named vocabulary, kept as OMOP:{at}/… (name it: codes)": int(words.sum()),
    }])  # fmt: skip
    return pl.select(pl.coalesce(known, own_ids, word).alias("code")).to_series()


def _results(rows: pl.DataFrame, concepts: _Concepts, ledger: Ledger) -> pl.DataFrame:
    """numeric_value, text_value, unit. A number behind an operator is a limit, and stays text."""
    rows = valued(rows, "value_as_number", ledger)
    limit = pl.col("operator_concept_id").replace_strict(LIMIT, default=None)
    said = pl.when(limit.is_not_null()).then(pl.concat_str(limit, "value_as_number"))
    word = concepts.names(rows["value_as_concept_id"])
    word = word.set(rows["value_as_concept_id"].is_in(BLANK).fill_null(True), None)
    text = pl.coalesce(
        said,
        "text_value",
        "value_as_string",
        word,
        pl.when(pl.col("numeric_value").is_null()).then("value_source_value"),
    )
    return rows.with_columns(
        text.alias("text_value"), concepts.units(rows).alias("unit"),
        numeric_value=pl.when(limit.is_null()).then("numeric_value"),
    )  # fmt: skip
