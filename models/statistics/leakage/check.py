"""Check for leakage: the nine leaks in turn, and which of them could not be looked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from ..data_quality.finding import LEAKS, Checked, Finding, merged
from . import labels, membership, names, splits, times
from .audited import Audited

CHECKS: tuple[Callable[[Audited], Iterator[Finding]], ...] = (
    times.never_known, times.undated, times.with_one_outcome,
    times.coded_at_discharge, names.death_in_inputs, labels.of_ended_visit,
    labels.one_class, membership.by_later_visit,
    membership.looks_ahead,
    splits.on_both_sides, splits.same_ids, splits.alike,
    names.refused, names.outcome_in_name, names.outcome_in_text,
    labels.death_before, labels.code_before, labels.no_time_at_risk, labels.outside_life, labels.history_labels,
)  # fmt: skip
"""Every check; a new one is a function and a line here."""


@dataclass(frozen=True)
class Leakage:
    """findings: the gravest first, then in the order of LEAKS. not_looked: leak -> why nothing was looked for."""

    findings: tuple[Finding, ...]
    not_looked: Mapping[str, str]


def check(study: Audited, features: Checked, not_looked: Mapping[str, str]) -> Leakage:
    """Leakage in labels, times, splits and features of a study's cohort.

    Args:
        study: everything that was loaded, and the cohort.
        features: what single features tell (`clinome.models.biomarkers.single_features`).
        not_looked: leaks that the caller could not look for, and why.
    """
    parts = [features, *(Checked(tuple(one(study))) for one in CHECKS)]
    why = dict(not_looked)
    if study.outcome is None:
        why.setdefault("too_good", "too few patients have an outcome, or all have the same")
    if study.data.visits is None:
        why.setdefault("same_discharge", "the study holds no visits")
    return Leakage(merged(parts, LEAKS).findings, why)
