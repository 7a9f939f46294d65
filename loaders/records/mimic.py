"""MIMIC-III and MIMIC-IV -> patients, visits, events: what each table means, and when it was known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import polars as pl

from ..errors import InputError
from ..files.column_types import typed_and_told
from ..files.ledger import Ledger, refuse, total
from ..files.rows import LONGEST
from ..identifiers.curie import BIRTH, DEATH, codes
from ..identifiers.property_names import is_reserved, safe_names
from ..specs import Records
from ..tables import NEVER, VISITS, Known, Loaded, as_concepts
from .clinical_tables import ClinicalTables, at_discharge, clinical_tables, events_of, timed, valued
from .events import never_known, told_units
from .short_years import restored

Coded = Callable[["_Names", pl.DataFrame, "Charted"], pl.Series]


@dataclass(frozen=True)
class Charted:
    """One table of events.

    time: columns of which the first that is filled says when; () the beginning of the admission. known: columns that say
    when it was known; () when it happened, and for what is coded at discharge (`late`) the end of the admission.
    code: makes the CURIEs out of `said`, the columns that say what happened. value, words, unit: columns of the result.
    leave: column -> cells of rows that tell nothing of the patient (entered in error, cancelled).
    """

    table: str
    code: Coded
    said: tuple[str, ...]
    time: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    late: bool = False
    value: str = ""
    words: str = ""
    unit: str = ""
    leave: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def _icd(names: _Names, rows: pl.DataFrame, table: Charted) -> pl.Series:
    """ICD of the version that the row says, ninth where the table has no such column (MIMIC-III)."""
    code, *version = table.said
    ninth, tenth = ("ICD9CM", "ICD10CM") if "diagnoses" in table.table else ("ICD9PROC", "ICD10PCS")
    old, new = names.codes(rows[code], ninth), names.codes(rows[code], tenth)
    if not version:
        return old
    return pl.select(pl.when(rows[version[0]] == "10").then(new).when(rows[version[0]] == "9").then(old)).to_series()


def _cpt(names: _Names, rows: pl.DataFrame, table: Charted) -> pl.Series:
    """CPT and HCPCS stand in one column: letters first are HCPCS."""
    code = rows[table.said[0]]
    letter = code.str.contains(r"^\s*[A-Za-z]").fill_null(False)
    return names.codes(code, "CPT").zip_with(~letter, names.codes(code, "HCPCS"))


def _drug(names: _Names, rows: pl.DataFrame, table: Charted) -> pl.Series:
    return _named(rows[table.said[0]])


def _drug_item(names: _Names, rows: pl.DataFrame, table: Charted) -> pl.Series:
    """What was infused, by the item's name."""
    return _named(names.items(rows[table.said[0]]))


def _item(names: _Names, rows: pl.DataFrame, table: Charted) -> pl.Series:
    """A chart's item, by its number: names repeat. `VALUE:mimic/220045`; the concept has its name."""
    return _numbered(rows[table.said[0]], "VALUE:mimic/")


def _lab(names: _Names, rows: pl.DataFrame, table: Charted) -> pl.Series:
    """LOINC where D_LABITEMS has one, else the item's number."""
    loinc = names.loinc(rows[table.said[0]])
    own = _numbered(rows[table.said[0]], "VALUE:mimic/")
    return pl.select(pl.coalesce(loinc, own)).to_series()


def _procedure_item(names: _Names, rows: pl.DataFrame, table: Charted) -> pl.Series:
    return _numbered(rows[table.said[0]], "MIMIC:item/")


def _words(names: _Names, rows: pl.DataFrame, table: Charted) -> pl.Series:
    """`MIMIC:table/word/word`, in lower case; null where the first word is missing."""
    first, *rest = (rows[one].str.strip_chars().str.to_lowercase() for one in table.said)
    text = pl.select(
        pl.concat_str(pl.lit(f"MIMIC:{table.table}/"), first, *((pl.lit("/") + one).fill_null("") for one in rest))
    )
    return text.to_series()


def _measure(names: _Names, rows: pl.DataFrame, table: Charted) -> pl.Series:
    name = rows[table.said[0]].str.strip_chars().str.to_lowercase()
    return pl.select(pl.lit("VALUE:") + name).to_series()


def _named(drugs: pl.Series) -> pl.Series:
    """`DRUG:name`, in lower case. NS is normal saline here, and no word that means missing."""
    name = drugs.str.strip_chars().str.to_lowercase().str.replace_all(r"[\s\x00-\x1f\x7f-\x9f]+", " ")
    return pl.select(pl.when((name != "") & (name.str.len_chars() < LONGEST)).then(pl.lit("DRUG:") + name)).to_series()


def _numbered(items: pl.Series, prefix: str) -> pl.Series:
    number = items.str.strip_chars().str.strip_suffix(".0")
    return pl.select(pl.when(number.str.contains(r"^\d+$")).then(pl.lit(prefix) + number)).to_series()


WRONG = {"error": ("1",), "iserror": ("1",)}
STORED, CHARTED = ("storetime",), ("charttime",)
THIRD = (
    Charted("diagnoses_icd", _icd, ("icd9_code",), late=True),
    Charted("procedures_icd", _icd, ("icd9_code",), late=True),
    Charted("cptevents", _cpt, ("cpt_cd",), ("chartdate",), late=True),
    Charted("drgcodes", _words, ("drg_type", "drg_code"), late=True),
    Charted("prescriptions", _drug, ("drug",), ("startdate",)),
    Charted("labevents", _lab, ("itemid",), CHARTED, value="valuenum", words="value", unit="valueuom"),
    Charted("microbiologyevents", _words, ("spec_type_desc", "org_name"), ("charttime", "chartdate"), late=True),
    Charted("chartevents", _item, ("itemid",), CHARTED, STORED, value="valuenum", words="value", unit="valueuom", leave=WRONG),
    Charted("outputevents", _item, ("itemid",), CHARTED, STORED, value="value", unit="valueuom", leave=WRONG),
    Charted("inputevents_mv", _drug_item, ("itemid",), ("starttime",), value="amount", unit="amountuom",
            leave={"statusdescription": ("Rewritten",)}),
    Charted("inputevents_cv", _drug_item, ("itemid",), CHARTED, STORED, value="amount", unit="amountuom"),
    Charted("procedureevents_mv", _procedure_item, ("itemid",), ("starttime",), STORED,
            leave={"statusdescription": ("Rewritten",)}),
    Charted("services", _words, ("curr_service",), ("transfertime",)),
    Charted("transfers", _words, ("eventtype", "curr_careunit"), ("intime",)),
)  # fmt: skip
"""MIMIC-III 1.4. LABEVENTS says when the specimen was taken, not when the result was known."""
FOURTH = (
    Charted("diagnoses_icd", _icd, ("icd_code", "icd_version"), late=True),
    Charted("procedures_icd", _icd, ("icd_code", "icd_version"), ("chartdate",), late=True),
    Charted("hcpcsevents", _cpt, ("hcpcs_cd",), ("chartdate",), late=True),
    Charted("drgcodes", _words, ("drg_type", "drg_code"), late=True),
    Charted("prescriptions", _drug, ("drug",), ("starttime",)),
    Charted("emar", _drug, ("medication",), CHARTED, STORED,
            leave={"event_txt": ("Not Given", "Hold Dose", "Stopped", "Removed Existing Patch", "Flushed")}),
    Charted("labevents", _lab, ("itemid",), CHARTED, STORED, value="valuenum", words="value", unit="valueuom"),
    Charted("microbiologyevents", _words, ("spec_type_desc", "org_name"), ("charttime", "chartdate"), ("storetime", "storedate")),
    Charted("omr", _measure, ("result_name",), ("chartdate",), value="result_value"),
    Charted("chartevents", _item, ("itemid",), CHARTED, STORED, value="valuenum", words="value", unit="valueuom"),
    Charted("outputevents", _item, ("itemid",), CHARTED, STORED, value="value", unit="valueuom"),
    Charted("inputevents", _drug_item, ("itemid",), ("starttime",), STORED, value="amount", unit="amountuom",
            leave={"statusdescription": ("Rewritten",)}),
    Charted("procedureevents", _procedure_item, ("itemid",), ("starttime",), STORED, leave={"statusdescription": ("Rewritten",)}),
    Charted("services", _words, ("curr_service",), ("transfertime",)),
    Charted("transfers", _words, ("eventtype", "careunit"), ("intime",)),
)  # fmt: skip
"""MIMIC-IV 2 and 3, by their published schema."""
NAMES = ("d_items", "d_labitems", "d_icd_diagnoses", "d_icd_procedures", "d_cpt", "d_hcpcs", "caregiver", "provider")


def read_mimic3(spec: Records, known: Known) -> Loaded:
    """Read `[records.NAME]` of format mimic3: the folder of MIMIC-III's tables, csv or csv.gz.

    A diagnosis is an event of the beginning of its admission that is known at its end; what was infused, charted, given
    stands at its own time. `keep` names columns of ADMISSIONS that visits keep.

    Returns: Loaded with patients (gender), visits (admissions and ICU stays), events, concepts.
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
        names = _Names(tables)
        admissions = _admissions(tables)
        visits = _visits(tables, admissions)
        patients, parts = _people(tables, admissions)
        for one in charted:
            part = _charted(tables, one, names, admissions)
            parts += [] if part is None else [part]
        events = events_of(parts, spec, ledger)
        read = ("patients", "admissions", "icustays", *(one.table for one in charted), *NAMES)
        counts = [names.counts, tables.unread(read), never_known(events), told_units(events), ledger.counts]
        return Loaded(
            spec.source, ledger.tally(), ledger.frame(), patients=patients, visits=visits, events=events,
            concepts=as_concepts(names.described(events["code"]), spec), clock="dated", counts=total(counts),
            cells=ledger.cell_tally(), losses=ledger.losses,
        )  # fmt: skip


class _Names:
    """What items, labs and codes are called."""

    def __init__(self, tables: ClinicalTables) -> None:
        self.counts: dict[str, int] = {}
        self.tables = tables
        self._items = tables.lookup("d_items", ("itemid", "label")).unique("itemid", keep="first")
        self._labs = tables.lookup("d_labitems", ("itemid", "label", "fluid", "loinc_code")).unique(
            "itemid", keep="first"
        )

    def codes(self, cells: pl.Series, vocabulary: str) -> pl.Series:
        found, changed = codes(cells, vocabulary)
        self.counts = total([self.counts, changed])
        return found

    def items(self, ids: pl.Series) -> pl.Series:
        """(n,) names of items, null where D_ITEMS has none."""
        joined = ids.rename("itemid").to_frame().join(self._items, on="itemid", how="left", maintain_order="left")
        return joined["label"].str.strip_chars()

    def loinc(self, ids: pl.Series) -> pl.Series:
        table = self._labs.select("itemid", "loinc_code")
        joined = ids.rename("itemid").to_frame().join(table, on="itemid", how="left", maintain_order="left")
        return codes(joined["loinc_code"], "LOINC")[0]

    def described(self, used: pl.Series) -> pl.DataFrame:
        """id and name of the codes used."""
        numbered = [
            self._items.select(id=pl.lit(prefix) + pl.col("itemid"), name="label")
            for prefix in ("VALUE:mimic/", "MIMIC:item/")
        ]
        labs = self._labs.with_columns(loinc=codes(self._labs["loinc_code"], "LOINC")[0], name=pl.concat_str(
            "label", (pl.lit(" (") + pl.col("fluid").str.to_lowercase() + ")").fill_null("")))  # fmt: skip
        numbered.append(labs.select(id=pl.coalesce("loinc", pl.lit("VALUE:mimic/") + pl.col("itemid")), name="name"))
        every = pl.concat([*numbered, *self._titles()]).drop_nulls()
        return every.filter(pl.col("id").is_in(used.unique().implode())).unique("id", keep="first").sort("id")

    def _titles(self) -> list[pl.DataFrame]:
        out = []
        for table, ninth, tenth in (
            ("d_icd_diagnoses", "ICD9CM", "ICD10CM"),
            ("d_icd_procedures", "ICD9PROC", "ICD10PCS"),
        ):
            rows = self.tables.lookup(table, ("icd9_code", "icd_code", "icd_version", "long_title"))
            code = rows.select(pl.coalesce("icd_code", "icd9_code")).to_series()
            version = rows["icd_version"].fill_null("9")
            for number, vocabulary in (("9", ninth), ("10", tenth)):
                mine = code.filter(version == number)
                out.append(
                    pl.DataFrame(
                        {"id": codes(mine, vocabulary)[0], "name": rows["long_title"].filter(version == number)}
                    )
                )
        return out


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
    """Patients, and the events of births and deaths."""
    ledger = tables.ledger
    rows = tables.rows("patients", (), ("gender", "dob", "dod", "anchor_year", "anchor_age"))
    assert rows is not None
    stays = admissions.group_by("subject_id").agg(first=pl.col("start_time").min(), last=pl.col("start_time").max())
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
    born = rows.drop_nulls("born").with_columns(time="born", known_time="born", code=pl.lit(BIRTH))
    hours = admissions.drop_nulls("died").group_by("subject_id").agg(hour=pl.col("died").min())
    died = rows.join(hours, on="subject_id", how="left", maintain_order="left")
    died = died.with_columns(
        time=pl.coalesce("hour", "died"), known_time=pl.coalesce("hour", "died_over"), code=pl.lit(DEATH)
    )
    return patients, [born, died.drop_nulls("time")]


def _charted(tables: ClinicalTables, one: Charted, names: _Names, admissions: pl.DataFrame) -> pl.DataFrame | None:
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
