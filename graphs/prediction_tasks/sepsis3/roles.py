"""Roles of codes in Sepsis-3: which of a study's codes are antibiotics, cultures, and what SOFA is made of (codes.toml)."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from ...tables.study_tables import Tables
from ..code_set import CodeSet, study_codes


def roles(tables: Tables, given: Mapping[str, CodeSet]) -> dict[str, frozenset[str]]:
    """Each role's codes among those of the study's records; none for a role that nothing says.

    Args:
        given: antibiotics, cultures: codes in place of those that are recognised.
    """
    names = tables.concept_names()
    found: dict[str, set[str]] = {name: set() for name in (*_table()["measured"], *_table()["said"])}
    for code in study_codes(tables):
        for role in roles_of(code, names.get(code, "")):
            found[role].add(code)
    named = {role: codes.expand(tables) for role, codes in given.items()}
    return {role: named.get(role, frozenset(codes)) for role, codes in found.items()}


def roles_of(code: str, name: str = "") -> tuple[str, ...]:
    """What a code says, by its vocabulary and by what it is called.

    Example:
        >>> roles_of("LOINC:2160-0"), roles_of("DRUG:vancomycin hcl"), roles_of("RXNORM:1", "Norepinephrine 1 MG/ML")
        (('creatinine',), ('antibiotics',), ('norepinephrine',))
    """
    prefix, _, local = code.partition(":")
    flat = " ".join(re.split(r"[\s_.\-]+", local.strip().lower()))
    measured = tuple(
        role
        for role, row in _table()["measured"].items()
        if code in row.get("codes", ()) or (prefix == "LOINC" and local in row["loinc"]) or (prefix == "VALUE" and flat in row["names"])
    )  # fmt: skip
    text = f"{local} {name}".lower()
    return measured + tuple(role for role, row in _table()["said"].items() if _says(row, code, prefix, text))


def stated_unit(role: str, code: str) -> str | None:
    """The unit of a code's numbers that come without one, where the source's publisher says it (codes.toml).

    Example:
        >>> stated_unit("urine", "VALUE:mimic/40055"), stated_unit("urine", "VALUE:Urine")
        ('mL', None)
    """
    measured, said = (_table()[part].get(role, {}) for part in ("measured", "said"))
    prefix, _, local = code.partition(":")
    own = code in measured.get("codes", ()) or (bool(said) and _says(said, code, prefix, local.lower()))
    return str(measured["unit"]) if own and "unit" in measured else None


def _says(row: Mapping[str, Any], code: str, prefix: str, text: str) -> bool:
    if "never" in row and re.search(row["never"], text):
        return False
    return code.startswith(tuple(row["begin"])) or (prefix in row["of"] and re.search(row["words"], text) is not None)


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads(Path(__file__).with_name("codes.toml").read_text("utf-8"))
