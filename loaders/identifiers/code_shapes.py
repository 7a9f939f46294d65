"""Code shapes: what a code of each vocabulary looks like; a cell that cannot be one names nothing."""

from __future__ import annotations

import re

from ..files.cells.number_words import means_missing

_SHAPES = {
    # https://www.cms.gov/medicare/coding-billing/icd-10-codes: a letter, a digit, five more at most; QA0 is new in 2026
    "ICD10CM": r"(?:[A-Z]\d|QA)[0-9A-Z](?:\.[0-9A-Z]{1,4})?",
    # WHO's own and national versions: daggers, asterisks and side marks behind the code
    "ICD10": r"[A-Z]\d[0-9A-Z](?:\.[0-9A-Z-]{1,5})?[-+*†!#]{0,2}[LRBVAGZ]?",
    "ICD9CM": r"(?:\d{3}|V\d{2})(?:\.\d{1,2})?|E\d{3}(?:\.\d)?|\d{2}\.\d{1,2}",
    "ICD9": r"(?:\d{3}|V\d{2})(?:\.\d{1,2})?|E\d{3}(?:\.\d)?|\d{2}\.\d{1,2}",
    "ICD9PROC": r"\d{2}(?:\.\d{1,2})?",
    "ICD10PCS": r"[0-9BCDFGHX][0-9A-HJ-NP-Z]{2,6}",
    "SNOMED": r"\d{6,18}", "SNOMEDPROC": r"\d{6,18}", "SNOMEDOBS": r"\d{6,18}",
    "LOINC": r"\d{1,7}-\d|(?:LP|LA|LG|LL|MTHU)\d+(?:-\d)?",
    "RXNORM": r"\d{1,8}", "RXNORMEXT": r"OMOP\d{1,12}", "CVX": r"\d{1,3}",
    "ATC": r"[A-Z](?:\d{2}(?:[A-Z](?:[A-Z](?:\d{2})?)?)?)?",
    "NDC": r"[\d*]{1,6}(?:-[\d*]{1,4}){0,2}|\d{9,12}",
    "CPT": r"\d{4}[0-9A-Z](?:-?[0-9A-Z]{2})?",
    "HCPCS": r"[A-Z]\d{4}(?:-?[0-9A-Z]{2})?|\d{4}[0-9A-Z](?:-?[0-9A-Z]{2})?",
    "PHECODE": r"\d{3}(?:\.\d{1,2})?|[A-Z]{2}_\d{3}(?:\.\d{1,3})?",  # phecode 1.2, and phecodeX
    "CCS": r"\d{1,3}", "CCSPROC": r"\d{1,3}", "CCSR": r"[A-Z]{3}\d{3}", "CCSRPROC": r"[A-Z]{3}\d{3}",
    "HP": r"\d{7}", "MONDO": r"\d{7}", "DOID": r"\d{1,7}",
}  # fmt: skip
_COMPILED = {name: re.compile(shape) for name, shape in _SHAPES.items()}

NAMES = {"VALUE": frozenset({"Na"}), "DRUG": frozenset({"NS", "ns"})}
"""Names that are spelt like a word for nothing: sodium among measurements, normal saline among drugs."""

LEADING_ZEROS = ("ICD9CM", "ICD9", "ICD9PROC", "CPT", "HCPCS", "NDC")
"""Vocabularies whose codes are other codes without their leading zeros: 008.45 is an infection, 845 a sprain."""


def can_be(code: str, vocabulary: str) -> bool:
    """Whether a code, in upper case and with its dot, can be one of this vocabulary; of an unknown one, any but a word
    that means missing.

    Example:
        >>> [can_be("E11.9", "ICD10CM"), can_be("NUL.L", "ICD10CM"), can_be("insulin", "DRUG"), can_be("None", "DRUG")]
        [True, False, True, False]
        >>> [can_be("Na", "VALUE"), can_be("NA", "VALUE"), can_be("NS", "DRUG")]
        [True, False, True]
    """
    shape = _COMPILED.get(vocabulary)
    if shape is None:
        return code in NAMES.get(vocabulary, ()) or not means_missing(code)
    return shape.fullmatch(code) is not None
