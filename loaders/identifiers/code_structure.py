"""Code structure: what lies right above a code by its own form, without any file: ICD, ATC, ICD-10-PCS, phecodes.

`code_ranges.csv` holds the blocks and chapters: of ICD-9-CM (2015, version 32) and its procedures, of ICD-10-CM
(CDC, April 2026), and the chapters of WHO's ICD-10.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from functools import cache, lru_cache
from pathlib import Path

import polars as pl

_CATEGORY = {
    "ICD9CM": r"\d{3}|V\d{2}|E\d{3}", "ICD9PROC": r"\d{2}",
    "ICD10CM": r"(?:[A-Z]\d|QA)[0-9A-Z]", "ICD10": r"[A-Z]\d[0-9A-Z]", "PHECODE": r"\d{3}",
}  # fmt: skip
"""What stands before the dot."""
_SAME = {"ICD9": "ICD9CM"}
"""Vocabularies that go by another's structure."""
_CUTS = {"ATC": (5, 4, 3, 1), "ICD10PCS": (4, 3, 2, 1)}
"""Vocabularies without a dot: the lengths of the codes above a code. PCS: body part, operation, body system, section."""
_MARKS = "-+*†!#"
"""Daggers, asterisks and the like behind a code of WHO's ICD-10: the code without them lies above."""

STRUCTURED = (*sorted(_CATEGORY), *_SAME, *_CUTS)
"""Vocabularies whose codes say what lies above them."""


@lru_cache(maxsize=200_000)
def parent(code: str) -> str | None:
    """The code right above a code (a CURIE as `codes` spells it) by its structure; None for a root, and where no form
    says it.

    Digits behind the dot go one by one; then category, blocks, chapter. Of ICD-10-CM the seventh character goes with the
    placeholders before it.
    Source: ICD-9-CM and ICD-10-CM tabular lists (CDC, CMS), ATC index (WHO), ICD-10-PCS (CMS), phecode map 1.2.
    Example:
        >>> parent("ICD9CM:428.21"), parent("ICD9CM:428"), parent("ICD10CM:S00.01XA"), parent("ATC:C09AA02")
        ('ICD9CM:428.2', 'ICD9CM:420-429', 'ICD10CM:S00.01', 'ATC:C09AA')
    """
    prefix, _, local = code.partition(":")
    if cuts := _CUTS.get(prefix):
        shorter = next((n for n in cuts if n < len(local)), None)
        return f"{prefix}:{local[:shorter]}" if shorter and local.isascii() and local.isalnum() else None
    kind = _SAME.get(prefix, prefix)
    if kind not in _CATEGORY:
        return None
    above = _above(kind, local)
    return None if above is None else f"{prefix}:{above}"


def _above(kind: str, local: str) -> str | None:
    bare = local.rstrip(_MARKS) if kind == "ICD10" else local
    head, dot, tail = bare.partition(".")
    category = f"(?:{_CATEGORY[kind]})"
    if re.fullmatch(f"{category}-{category}", bare):
        return _range_above(kind, bare)
    if not re.fullmatch(category, head):
        return None
    if bare != local:
        return bare.rstrip(".")
    if not dot:
        return _range_above(kind, head)
    rest = tail[:-1]
    if kind == "ICD10CM" and len(tail) == 4:
        rest = rest.rstrip("X")
    return f"{head}.{rest}" if rest else head


def _range_above(kind: str, one: str) -> str | None:
    """The narrowest block or chapter around a category, or around a block."""
    first, _, last = one.partition("-")
    for name, start, end, also in _ranges().get(kind, ()):
        around = start <= first and (last or first) <= end and len(first) == len(start)
        if name != one and (around or one in also):
            return name
    return None


Range = tuple[str, str, str, frozenset[str]]


@cache
def _ranges() -> dict[str, list[Range]]:
    """vocabulary -> its blocks and chapters, the narrower before those around them; `also`: categories named out of line."""
    found: dict[str, list[Range]] = {}
    for row in _rows():
        start, _, end = row["range"].partition("-")
        found.setdefault(row["vocabulary"], []).append((row["range"], start, end, frozenset(row["also"].split())))
    for ranges in found.values():
        ranges.sort(key=lambda one: one[2])
        ranges.sort(key=lambda one: one[1], reverse=True)
    return found


@cache
def _rows() -> tuple[dict[str, str], ...]:
    with Path(__file__).with_name("code_ranges.csv").open(encoding="utf-8", newline="") as file:
        return tuple(csv.DictReader(file))


@cache
def range_names() -> dict[str, str]:
    """CURIE of a block or chapter -> what it is called.

    Example:
        >>> range_names()["ICD9CM:420-429"]
        'Other forms of heart disease'
    """
    named = {f"{row['vocabulary']}:{row['range']}": row["name"] for row in _rows()}
    others = {curie.replace(of, name, 1): said for name, of in _SAME.items() for curie, said in named.items()
              if curie.startswith(f"{of}:")}  # fmt: skip
    return named | others


def chain(code: str) -> Iterator[str]:
    """The codes above a code by its structure, nearest first.

    Example:
        >>> list(chain("ICD10CM:A00.0"))
        ['ICD10CM:A00', 'ICD10CM:A00-A09', 'ICD10CM:A00-B99']
    """
    while (above := parent(code)) is not None:
        yield above
        code = above


def links_above(codes: Iterable[str]) -> pl.DataFrame:
    """subject, object: every step from these codes up to their roots, each once, sorted.

    Example:
        >>> links_above(["ATC:C09AA02", "ATC:C09"]).rows()
        [('ATC:C09', 'ATC:C'), ('ATC:C09A', 'ATC:C09'), ('ATC:C09AA', 'ATC:C09A'), ('ATC:C09AA02', 'ATC:C09AA')]
    """
    steps: dict[str, str] = {}
    for code in codes:
        below = code
        for above in chain(code):
            if below in steps:
                break
            steps[below] = above
            below = above
    return pl.DataFrame(sorted(steps.items()), schema={"subject": pl.String, "object": pl.String}, orient="row")
