"""Splits: one person on both sides, by one id, by two spellings of it, or by two ids of equal data."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from ...evaluation.near_duplicates import near_duplicates
from ..data_quality.duplicates import duplicates
from ..data_quality.finding import CHECK, SERIOUS, Finding
from .audited import Audited


def on_both_sides(study: Audited) -> Iterator[Finding]:
    """Subjects whom the study's own folds put on both sides, and pairs alike across a split."""
    if study.both_sides:
        yield Finding("both_sides", "subject_on_both_sides", SERIOUS, "folds", {"n": study.both_sides})
    for block, pairs in near_duplicates(study.snapshot).items():
        yield Finding("both_sides", "alike_across_split", SERIOUS, block, {"block": block, "pairs": pairs})


def same_ids(study: Audited) -> Iterator[Finding]:
    """Ids that are one but for case, separators and leading zeros: one patient under two spellings?"""
    spelt = Counter(_bare(subject) for subject in study.data.subjects)
    twice = {bare for bare, n in spelt.items() if n > 1}
    if twice:
        who = tuple(subject for subject in study.data.subjects if _bare(subject) in twice)
        facts = {"patients": len(who), "persons": len(twice)}
        yield Finding("both_sides", "same_id", CHECK, "subject_id", facts, who)


def _bare(subject: str) -> str:
    words = re.split(r"[\W_]+", subject.strip().lower())
    return "-".join(re.sub(r"(?<!\d)0+(?=\d)", "", word) for word in words if word)


def alike(study: Audited) -> Iterator[Finding]:
    """Patients alike in a layer, in their records, or in all their properties: quality's own findings."""
    for one in duplicates(study.data).findings:
        yield Finding("near_duplicates", one.kind, one.severity, one.where, one.facts, one.subjects)
