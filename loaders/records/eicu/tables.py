"""eICU's tables of events: of each table what a row says, when it happened, and when it was known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import polars as pl

from ...files.rows import LONGEST
from ...identifiers.curie import codes

Coded = Callable[[pl.DataFrame, "Noted"], pl.DataFrame]


@dataclass(frozen=True)
class Noted:
    """One table of events.

    said: columns that say what. code: adds the column `code`, null where a row names nothing, and may make several rows
    of one. time, known: columns of minutes since the admission to the unit; "" for `known` where the table has one time
    alone. late: nobody says when it was known. ends: what the row says is of the whole unit stay, and known when it ends.
    value, words, unit: columns of the result. none: a number that means none. leave: column -> cells of rows that tell
    nothing of the patient. wide: columns of which each is a value of its own. root: what every path of this table begins
    with.
    """

    table: str
    code: Coded
    said: tuple[str, ...]
    time: str = ""
    known: str = ""
    late: bool = False
    ends: bool = False
    value: str = ""
    words: str = ""
    unit: str = ""
    none: str = ""
    leave: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    wide: tuple[str, ...] = ()
    root: str = ""


def _diagnosis(rows: pl.DataFrame, table: Noted) -> pl.DataFrame:
    """The ICD codes of a cell (`401.9, I10`), each an event; a diagnosis without one is its path."""
    coded, path = table.said
    rows = rows.with_columns(part=pl.col(coded).str.split(",")).explode("part")
    rows = rows.with_columns(pl.col("part").str.strip_chars().str.to_uppercase())
    ninth = rows["part"].str.contains(NINTH).fill_null(True)
    old, new = rows["part"].set(~ninth, None), rows["part"].set(ninth, None)
    icd = pl.select(pl.coalesce(codes(old, "ICD9CM")[0], codes(new, "ICD10CM")[0]).alias("code")).to_series()
    wrong = (pl.col("part").is_not_null() & pl.col("code").is_null()).sum().over("row")
    rows = rows.with_columns(icd).with_columns(misread=wrong)
    none = pl.col("code").is_null().all().over("row")
    first = pl.int_range(pl.len()).over("row") == 0
    own = pl.when(none & first).then(_path(pl.col(path), table))
    rows = rows.with_columns(pl.coalesce("code", own).alias("code"))
    return rows.filter(pl.col("code").is_not_null() | (none & first)).drop("part")


NINTH = r"^(?:\d|V\d{2}(?:\.\d{1,2})?$|E\d{3}(?:\.\d)?$)"
"""ICD-9 among codes of both: digits first, V and two digits, E and three."""


def _words(rows: pl.DataFrame, table: Noted) -> pl.DataFrame:
    """`EICU:table/path` of the columns that are filled; null where the first is not."""
    if not table.said:
        return rows.with_columns(code=pl.lit(f"EICU:{table.table}"))
    first, *rest = (_plain(pl.col(one)) for one in table.said)
    whole = pl.concat_str(first, *((pl.lit("/") + one).fill_null("") for one in rest))
    return rows.with_columns(code=_path(whole, table))


def _noted(rows: pl.DataFrame, table: Noted) -> pl.DataFrame:
    """A path of a form, `EICU:table/path`, and what stands beside its last step where that says more: a number."""
    path, leaf = table.said
    alike = _letters(pl.col(table.value)) == _letters(pl.col(leaf))
    more = pl.when(~alike.fill_null(False)).then(table.value)
    return rows.with_columns(more.alias(table.value), code=_path(pl.col(path), table))


def _letters(text: pl.Expr) -> pl.Expr:
    return text.str.to_lowercase().str.replace_all(r"[^a-z0-9]", "")


def _path(text: pl.Expr, table: Noted) -> pl.Expr:
    path = _plain(text).str.strip_prefix(table.root)
    return pl.when(path != "").then(pl.lit(f"EICU:{table.table}/") + path)


def _values(rows: pl.DataFrame, table: Noted) -> pl.DataFrame:
    """`VALUE:name`, or `VALUE:name/name` where the second name says more."""
    first, *rest = (_plain(pl.col(one)) for one in table.said)
    more = [pl.when(one != first).then(pl.lit("/") + one).fill_null("") for one in rest]
    name = pl.concat_str(first, *more)
    return rows.with_columns(code=pl.when(name != "").then(pl.lit("VALUE:" + table.root) + name))


def _drug(rows: pl.DataFrame, table: Noted) -> pl.DataFrame:
    """`DRUG:name`; where the name was left out, `DRUG:hicl/number` of its group of ingredients."""
    name, *group = table.said
    text = _plain(pl.col(name))
    told = pl.when((text != "") & (text.str.len_chars() < LONGEST)).then(pl.lit("DRUG:") + text)
    number = [pl.lit("DRUG:hicl/") + _plain(pl.col(one)) for one in group]
    return rows.with_columns(code=pl.coalesce(told, *number))


def _infused(rows: pl.DataFrame, table: Noted) -> pl.DataFrame:
    """`DRUG:name`, whose unit stands behind it: `Norepinephrine (mcg/min)`."""
    name = _plain(pl.col(table.said[0]))
    drug = name.str.replace(r"\s*\(([^()]*)\)$", "")
    per = name.str.extract(r"\(([^()]*)\)$").str.strip_chars()
    return rows.with_columns(
        code=pl.when(drug != "").then(pl.lit("DRUG:") + drug), unit=pl.when(per != "").then(per)
    )  # fmt: skip


def _wide(rows: pl.DataFrame, table: Noted) -> pl.DataFrame:
    """One row a cell that holds a value, `VALUE:column`, or `VALUE:version/column` where a column tells several apart."""
    rest = [one for one in rows.columns if one not in table.wide]
    long = rows.unpivot(list(table.wide), index=rest, variable_name="column", value_name="cell")
    version = [_plain(pl.col(one)).fill_null("unknown") + "/" for one in table.said]
    there = long.drop_nulls("cell").filter(pl.col("cell") != table.none)
    return there.with_columns(code=pl.concat_str(pl.lit("VALUE:" + table.root), *version, "column"))


def _plain(text: pl.Expr) -> pl.Expr:
    """In lower case, without control characters and needless white space."""
    return text.str.to_lowercase().str.replace_all(r"[\s\x00-\x1f\x7f-\x9f]+", " ").str.strip_chars()


NOTES = "notes/progress notes/"
PERIODIC = (
    "temperature", "sao2", "heartrate", "respiration", "cvp", "etco2", "systemicsystolic", "systemicdiastolic", "systemicmean",
    "pasystolic", "padiastolic", "pamean", "st1", "st2", "st3", "icp",
)  # fmt: skip
APERIODIC = (
    "noninvasivesystolic", "noninvasivediastolic", "noninvasivemean", "paop", "cardiacoutput", "cardiacinput", "svr", "svri",
    "pvr", "pvri",
)  # fmt: skip
SCORED = ("acutephysiologyscore", "apachescore", "predictedicumortality", "predictedhospitalmortality", "predictediculos",
          "predictedhospitallos", "predventdays")  # fmt: skip
"""Of apachePatientResult what APACHE computed; what then came true (actual…) is what a study predicts, and is not read."""

TABLES = (
    Noted("diagnosis", _diagnosis, ("icd9code", "diagnosisstring"), "diagnosisoffset"),
    Noted("admissiondx", _words, ("admitdxpath",), "admitdxenteredoffset", root="admission diagnosis|"),
    Noted("treatment", _words, ("treatmentstring",), "treatmentoffset"),
    Noted("medication", _drug, ("drugname", "drughiclseqno"), "drugstartoffset", "drugorderoffset",
          leave={"drugordercancelled": ("Yes",)}),
    Noted("admissiondrug", _drug, ("drugname", "drughiclseqno"), "drugoffset", "drugenteredoffset"),
    Noted("infusiondrug", _infused, ("drugname",), "infusionoffset", value="drugrate"),
    Noted("lab", _values, ("labname",), "labresultoffset", "labresultrevisedoffset", value="labresult", words="labresulttext",
          unit="labmeasurenamesystem"),
    Noted("customlab", _values, ("labothername",), "labotheroffset", value="labotherresult", words="labothervaluetext"),
    Noted("microlab", _words, ("culturesite", "organism", "antibiotic"), "culturetakenoffset", late=True, words="sensitivitylevel"),
    Noted("vitalperiodic", _wide, (), "observationoffset", value="cell", wide=PERIODIC),
    Noted("vitalaperiodic", _wide, (), "observationoffset", value="cell", wide=APERIODIC),
    Noted("nursecharting", _values, ("nursingchartcelltypevallabel", "nursingchartcelltypevalname"), "nursingchartoffset",
          "nursingchartentryoffset", value="nursingchartvalue", root="nursing/"),
    Noted("respiratorycharting", _values, ("respchartvaluelabel",), "respchartoffset", "respchartentryoffset",
          value="respchartvalue", root="respiratory/"),
    Noted("intakeoutput", _values, ("celllabel",), "intakeoutputoffset", "intakeoutputentryoffset", value="cellvaluenumeric",
          root="intakeoutput/"),
    Noted("nurseassessment", _words, ("celllabel", "cellattribute"), "nurseassessoffset", "nurseassessentryoffset",
          words="cellattributevalue"),
    Noted("nursecare", _words, ("celllabel", "cellattribute"), "nursecareoffset", "nursecareentryoffset",
          words="cellattributevalue"),
    Noted("pasthistory", _words, ("pasthistorypath",), "pasthistoryoffset", "pasthistoryenteredoffset",
          root=f"{NOTES}past history/"),
    Noted("physicalexam", _noted, ("physicalexampath", "physicalexamvalue"), "physicalexamoffset", value="physicalexamtext",
          root=f"{NOTES}physical exam/"),
    Noted("note", _noted, ("notepath", "notevalue"), "noteoffset", "noteenteredoffset", value="notetext", root="notes/"),
    Noted("allergy", _words, ("allergyname",), "allergyoffset", "allergyenteredoffset"),
    Noted("careplangeneral", _words, ("cplgroup", "cplitemvalue"), "cplitemoffset"),
    Noted("careplangoal", _words, ("cplgoalcategory", "cplgoalvalue"), "cplgoaloffset"),
    Noted("careplaninfectiousdisease", _words, ("infectdiseasesite", "infectdiseaseassessment"), "cplinfectdiseaseoffset"),
    Noted("careplaneol", _words, (), "cpleolsaveoffset"),
    Noted("apachepatientresult", _wide, ("apacheversion",), ends=True, value="cell", none="-1", wide=SCORED, root="apache/"),
)  # fmt: skip
"""eICU-CRD 2.0. diagnosis, treatment, admissionDx and the notes say when they were entered; a microbiology result does not."""
LOOKUPS = ("hospital",)
