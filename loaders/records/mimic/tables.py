"""MIMIC's tables of events: of each table what a row says, when it happened, and when it was known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import dataclass, field

import polars as pl

from ...files.ledger import total
from ...files.rows import LONGEST
from ...identifiers.curie import codes
from ..clinical_tables import ClinicalTables

Coded = Callable[["Names", pl.DataFrame, "Charted"], pl.Series]


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


def _icd(names: Names, rows: pl.DataFrame, table: Charted) -> pl.Series:
    """ICD of the version that the row says, ninth where the table has no such column (MIMIC-III)."""
    code, *version = table.said
    ninth, tenth = ("ICD9CM", "ICD10CM") if "diagnoses" in table.table else ("ICD9PROC", "ICD10PCS")
    if not version:
        return names.codes(rows[code], ninth)
    each = {number: rows[code].set((rows[version[0]] != number).fill_null(True), None) for number in ("9", "10")}
    return pl.select(pl.coalesce(names.codes(each["9"], ninth), names.codes(each["10"], tenth))).to_series()


def _cpt(names: Names, rows: pl.DataFrame, table: Charted) -> pl.Series:
    """CPT and HCPCS stand in one column: letters first are HCPCS."""
    code = rows[table.said[0]]
    letter = code.str.contains(r"^\s*[A-Za-z]").fill_null(False)
    return pl.select(
        pl.coalesce(names.codes(code.set(letter, None), "CPT"), names.codes(code.set(~letter, None), "HCPCS"))
    ).to_series()


def _drug(names: Names, rows: pl.DataFrame, table: Charted) -> pl.Series:
    return _named(rows[table.said[0]])


def _drug_item(names: Names, rows: pl.DataFrame, table: Charted) -> pl.Series:
    """What was infused, by the item's name; by its number where D_ITEMS does not hold it."""
    items = rows[table.said[0]]
    return pl.select(pl.coalesce(_named(names.items(items)), _numbered(items, "MIMIC:item/"))).to_series()


def _item(names: Names, rows: pl.DataFrame, table: Charted) -> pl.Series:
    """A chart's item, by its number: names repeat. `VALUE:mimic/220045`; the concept has its name."""
    return _numbered(rows[table.said[0]], "VALUE:mimic/")


def _lab(names: Names, rows: pl.DataFrame, table: Charted) -> pl.Series:
    """LOINC where D_LABITEMS has one, else the item's number."""
    loinc = names.loinc(rows[table.said[0]])
    own = _numbered(rows[table.said[0]], "VALUE:mimic/")
    return pl.select(pl.coalesce(loinc, own)).to_series()


def _procedure_item(names: Names, rows: pl.DataFrame, table: Charted) -> pl.Series:
    return _numbered(rows[table.said[0]], "MIMIC:item/")


def _words(names: Names, rows: pl.DataFrame, table: Charted) -> pl.Series:
    """`MIMIC:table/word/word`, in lower case; null where the first word is missing."""
    first, *rest = (rows[one].str.strip_chars().str.to_lowercase() for one in table.said)
    text = pl.select(
        pl.concat_str(pl.lit(f"MIMIC:{table.table}/"), first, *((pl.lit("/") + one).fill_null("") for one in rest))
    )
    return text.to_series()


def _measure(names: Names, rows: pl.DataFrame, table: Charted) -> pl.Series:
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
LOOKUPS = ("d_items", "d_labitems", "d_icd_diagnoses", "d_icd_procedures", "d_cpt", "d_hcpcs", "caregiver", "provider")


class Names:
    """What items, labs and codes are called."""

    def __init__(self, tables: ClinicalTables) -> None:
        self.counts: dict[str, int] = {}
        self.tables = tables
        self._items = tables.lookup("d_items", ("itemid", "label")).unique("itemid", keep="first")
        self._labs = tables.lookup("d_labitems", ("itemid", "label", "fluid", "loinc_code")).unique(
            "itemid", keep="first"
        )

    def anew(self) -> Names:
        """The same names, before anything was changed."""
        other = copy(self)
        other.counts = {}
        return other

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
