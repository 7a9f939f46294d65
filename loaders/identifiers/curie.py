"""CURIE: an identifier, parsed once and frozen; codes of health records normalised at the door, and counted."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import polars as pl

from ..files.rows import CONTROL, LONGEST
from .code_shapes import can_be

SHAPE = re.compile(r"([A-Za-z][A-Za-z0-9._-]*):(.+)", re.DOTALL)

KNOWN_LATE = frozenset(
    {
        "ICD9CM", "ICD10CM", "ICD9", "ICD10", "SNOMED", "MONDO", "DOID", "OMIM", "PHECODE", "ORPHA", "UMLS",
        "ICD9PROC", "ICD10PCS", "CPT", "HCPCS", "SNOMEDPROC",
        "CCS", "CCSR", "CCSPROC", "CCSRPROC",
    }
)  # fmt: skip
"""Diagnoses and procedures: coded when the visit ends, so known only then."""

BIRTH, DEATH = "MEDS:MEDS_BIRTH", "MEDS:MEDS_DEATH"
"""MEDS's own codes, as `meds_codes` spells them."""
VOCABULARIES = (
    *sorted(KNOWN_LATE), "RXNORM", "RXNORMEXT", "ATC", "NDC", "CVX", "DRUG", "SNOMEDOBS", "LOINC", "VALUE", "HP", "REACT", "WP", "PATHWAY",
    "MEDS", "TIMELINE", "NCBIGene", "opaque",
)  # fmt: skip
_SPELLINGS = {
    **{name.upper(): name for name in VOCABULARIES},
    "ICD-9-CM": "ICD9CM", "ICD-9": "ICD9CM", "ICD9CMDX": "ICD9CM", "ICD-10-CM": "ICD10CM", "ICD-10": "ICD10CM",
    "ICD9CMPROC": "ICD9PROC", "ICD9PCS": "ICD9PROC", "ICD-10-PCS": "ICD10PCS", "CPT4": "CPT", "HPO": "HP",
    "SNOMEDCT": "SNOMED", "SNOMEDCT_US": "SNOMED", "SCTID": "SNOMED", "ORPHANET": "ORPHA", "ORDO": "ORPHA",
    "UMLS_CUI": "UMLS", "MIM": "OMIM", "PHECODES": "PHECODE", "RXCUI": "RXNORM", "LNC": "LOINC",
}  # fmt: skip
_KINDS_OF_ICD = {
    ("DIAGNOSIS", "9"): "ICD9CM", ("DIAGNOSIS", "10"): "ICD10CM",
    ("PROCEDURE", "9"): "ICD9PROC", ("PROCEDURE", "10"): "ICD10PCS",
}  # fmt: skip
_UNCASED = ("DRUG", "VALUE", "MEDS", "TIMELINE", "opaque")  # made from names: their spelling is the name


@dataclass(frozen=True, order=True)
class Curie:
    """One identifier with its vocabulary, e.g. `ICD10CM:C34.1`.

    Raises: ValueError where prefix or local part is malformed.
    Example:
        >>> Curie.parse("NCBIGene:7157").local
        '7157'
    """

    prefix: str
    local: str

    def __post_init__(self) -> None:
        text = f"{self.prefix}:{self.local}"
        if not SHAPE.fullmatch(text) or ":" in self.prefix or len(text) > LONGEST or re.search(CONTROL, text):
            raise ValueError("not a CURIE: expected PREFIX:local, without control characters, at most 512 long")

    @classmethod
    def parse(cls, text: str) -> Curie:
        """The CURIE that this text spells; the first colon ends the prefix."""
        prefix, _, local = text.strip().partition(":")
        return cls(prefix, local)

    def __str__(self) -> str:
        return f"{self.prefix}:{self.local}"


def vocabulary(name: str) -> str:
    """The spelling of a vocabulary that the graph's schema knows, e.g. RxNorm -> RXNORM; others stay."""
    return _SPELLINGS.get(name.strip().upper(), name.strip())


def is_curie(values: pl.Series) -> pl.Series:
    """Which texts already are CURIEs (Boolean, null where the text is)."""
    well = values.str.contains(r"^[A-Za-z][A-Za-z0-9._-]*:[^\s/]") & ~values.str.contains(CONTROL)
    return well & (values.str.len_chars() <= LONGEST)


def codes(values: pl.Series, vocabulary_name: str) -> tuple[pl.Series, dict[str, int]]:
    """Codes of one vocabulary as CURIE text, and how many cells were changed in what way.

    A code that carries a known prefix keeps it; ICD gets upper case and its dot; ICD-9 stays ICD-9.
    Args:
        values: (n,) text; null is missing.
        vocabulary_name: e.g. "ICD9CM", "RxNorm", "DRUG".
    Returns: (n,) text, null where the value is missing or can be no code of the vocabulary; counts over cells.
    Example:
        >>> codes(pl.Series(["C341", "icd10cm:C34.1"]), "ICD10CM")[0].to_list()
        ['ICD10CM:C34.1', 'ICD10CM:C34.1']
    """
    name = vocabulary(vocabulary_name)
    return _by_value(values, lambda text: _one_code(text, name))


def meds_codes(values: pl.Series, *, recorded: bool = True) -> tuple[pl.Series, dict[str, int]]:
    """MEDS codes as CURIE text, and how many cells were changed in what way.

    `ICD10CM//C341` and `DIAGNOSIS//ICD//10//C341` find their vocabulary, `PREFIX:local` keeps its own,
    and what belongs to no vocabulary becomes `MEDS:` and the code as it was.
    Args: recorded: of a patient, so that one of ICD must have a code's shape; a hierarchy also names blocks (I10-I16).
    Returns: (n,) text, null where the code is missing or malformed; counts over cells.
    Example:
        >>> meds_codes(pl.Series(["MEDS_DEATH", "DIAGNOSIS//ICD//10//C341", "TREE:03.07"]))[0].to_list()
        ['MEDS:MEDS_DEATH', 'ICD10CM:C34.1', 'TREE:03.07']
    """
    shapes = "icd" if recorded else "none"
    return _by_value(values, lambda text: _one_meds_code(text, shapes))


Changed = tuple[str | None, tuple[str, ...]]  # the CURIE's text (None: malformed), and what was done to it


def _by_value(values: pl.Series, one: Callable[[str], Changed]) -> tuple[pl.Series, dict[str, int]]:
    """Normalise each distinct value once: records repeat their codes by the thousand."""
    text = values.cast(pl.String).rename("value")
    seen = text.drop_nulls().value_counts(name="cells")
    done = [one(value) for value in seen["value"]]
    counts: dict[str, int] = {}
    for (_, changes), cells in zip(done, seen["cells"], strict=True):
        for change in changes:
            counts[change] = counts.get(change, 0) + cells
    table = seen.select("value", code=pl.Series([code for code, _ in done], dtype=pl.String))
    joined = text.to_frame().join(table, on="value", how="left", maintain_order="left")
    return joined["code"].rename(values.name), dict(sorted(counts.items()))


@lru_cache(maxsize=200_000)  # files of one source repeat their codes
def _one_code(text: str, name: str) -> Changed:
    code = text.strip()
    prefix, colon, local = code.partition(":")
    if colon and prefix.strip().upper() in _SPELLINGS:
        name, code = vocabulary(prefix), local.strip()
    elif colon and prefix == name:
        code = local.strip()
    return _spelled(name, code, text)


@lru_cache(maxsize=200_000)  # files of one source repeat their codes
def _one_meds_code(text: str, shapes: str) -> Changed:
    code = text.strip()
    parts = code.split("//")
    if code.partition(":")[0].upper() in _SPELLINGS or len(parts) == 1:  # a name may hold two slashes: DRUG:a//b
        prefix, colon, local = code.partition(":")
        if colon and SHAPE.fullmatch(code):
            return _spelled(vocabulary(prefix), local.strip(), text, shapes=shapes)
        prefix, slash, local = code.partition("/")  # as OMOP exports write it: LOINC/2160-0
        if slash and prefix.upper() in _SPELLINGS:
            return _and(
                "MEDS codes given their vocabulary", _spelled(vocabulary(prefix), local.strip(), text, shapes=shapes)
            )
    kind = tuple(part.upper() for part in parts[:3])
    if len(parts) == 4 and kind[:2] == ("LAB", "RESULT") and parts[2].isdigit():  # as MIMIC-IV's own ETL writes it
        return _and("MEDS codes given their vocabulary", _spelled("VALUE", f"mimic/{parts[2]}", text, shapes=shapes))
    if len(parts) == 4 and kind[1] == "ICD" and (kind[0], kind[2]) in _KINDS_OF_ICD:
        return _and(
            "MEDS codes given their vocabulary",
            _spelled(_KINDS_OF_ICD[kind[0], kind[2]], parts[3], text, shapes=shapes),
        )
    if len(parts) == 2 and parts[0].upper() in _SPELLINGS and parts[0].upper() != "MEDS":
        return _and(
            "MEDS codes given their vocabulary", _spelled(vocabulary(parts[0]), parts[1].strip(), text, shapes=shapes)
        )
    return _and("MEDS codes without a vocabulary, kept as MEDS:", _spelled("MEDS", code, text, shapes=shapes))


def _and(change: str, done: Changed) -> Changed:
    code, changes = done
    return (code, changes) if code is None else (code, (*changes, change))


def _spelled(name: str, local: str, before: str, *, shapes: str = "all") -> Changed:
    """The CURIE of a code. shapes: of "all" vocabularies, of "icd" alone or "none": it must have that of its codes."""
    changes = []
    spelled = local if name in _UNCASED else "".join(local.split()) if name.startswith("ICD") else local
    if name == "PHECODE" and (found := re.fullmatch(r"(\d{1,2})(\.\d*)?", spelled)):
        spelled = found[1].zfill(3) + (found[2] or "")
        changes.append("phecodes given their leading zeros")
    if name.startswith("ICD"):
        if spelled.upper() != spelled:
            changes.append("ICD codes set in upper case")
        spelled, change = icd(spelled.upper(), name)
        changes += [change] if change else []
    if before != before.strip() or (name.startswith("ICD") and "".join(local.split()) != local):
        changes.append("codes freed of white space")
    if (shapes == "all" or (shapes == "icd" and name.startswith("ICD"))) and not can_be(spelled, name):
        return None, ()
    try:
        return str(Curie(name, spelled)), tuple(changes)
    except ValueError:
        return None, ()


def icd(code: str, name: str) -> tuple[str, str | None]:
    """An upper-case ICD code with its dot, and what was done.

    The dot of ICD-9 procedures follows two digits, that of E-codes of ICD-9 four characters, all others three;
    ICD-10-PCS has none. A category of one or two digits lost its leading zeros in a spreadsheet.
    """
    if name == "ICD10PCS":
        return code, None
    ninth = name in ("ICD9CM", "ICD9")
    head, dot, tail = code.partition(".")
    if ninth and head.isascii() and head.isdigit() and len(head) < 3:
        return f"{head.zfill(3)}{dot if tail else ''}{tail}", "ICD-9 codes given their leading zeros"
    if dot:
        return (code, None) if tail else (head, "ICD codes freed of a last dot")
    digits = 2 if name == "ICD9PROC" else 4 if ninth and code.startswith("E") else 3
    if len(code) <= digits or not code.isascii() or not code.isalnum():
        return code, None
    return f"{code[:digits]}.{code[digits:]}", "ICD codes given their dot"
