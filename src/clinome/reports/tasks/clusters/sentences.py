"""Sentences about a clustering study, as functions of plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from clinome.reports.format import interval, number


def claim(results: Mapping[str, Any]) -> tuple[str, str]:
    """What was found, and how sure that is: a verdict (better, unclear), and the sentence."""
    name, many = results["picked"], results["clusters"]
    if many == 1:
        return (
            "unclear",
            "One cluster: no division of these patients is tighter or more stable than that of a single cloud of the same covariance.",
        )
    about = results["learners"][name]
    found = sorted(set(results["learners"]["chosen"]["clusters"]))
    said = f"{many} subtypes by {name}; two halves of the patients divide all alike to an adjusted Rand index of {number(about['stability'], 2)} (1: the same)."
    folds = f" In the training parts of the folds {_counts(results['learners']['chosen']['clusters'])}."
    return ("better" if found == [many] else "unclear"), said + folds


def _counts(clusters: Sequence[int]) -> str:
    if len(set(clusters)) == 1:
        return f"as many were found in all {len(clusters)}"
    return "there were " + ", ".join(f"{k} in {list(clusters).count(k)}" for k in sorted(set(clusters)))


def known(results: Mapping[str, Any]) -> str:
    """How held-out subtypes agree with known groups; which were no input."""
    if not results["known_groups"]:
        return "The cohort names no known groups: nothing says from outside what the subtypes are."
    ari = results["learners"]["chosen"]["metrics"]["ari"]
    if ari["mean"] is None:
        return "No held-out part holds two known groups, so that agreement with them cannot be told."
    return (
        f"Held-out patients: adjusted Rand index {interval(ari, 3)} with the known groups of {results['known_groups']:,} patients, "
        "which had no say in anything."
    )


def controls(results: Mapping[str, Any]) -> list[str]:
    """What each learner finds on permuted features."""
    out = []
    for one in results["controls"].values():
        false = [k for k in one["clusters"] if k > 1]
        verdict = (
            "one cluster each time, as it should be"
            if not false
            else f"more than one in {len(false)}: do not trust its number here"
        )
        out.append(f"{one['learner']} on permuted features, {len(one['clusters'])} times: {verdict}.")
    return out


CAPTION = {
    "number": "Stability: mean adjusted Rand index of each resample’s clusters with the consensus. Gap: by how much the clusters are "
    "tighter than those of samples of a single normal distribution of the same covariance (a cloud). Filled: the number taken, "
    "the most stable of those that are tighter or more stable than a cloud’s (p < 0.01 over all numbers); one where none is.",
    "likelihood": "Mixture: mean log-likelihood of patients whom each mixture had not seen, how far it is behind the best with its "
    "standard error, and BIC, whose least is taken; one where no mixture is clearly better than a single normal distribution.",
    "consensus": "How often two patients fall into one cluster among the resamples that hold both; each cell is the mean of several "
    "patients.",
    "learners": "Clusters: on all patients, and in the training part of each fold. Stability: two halves of all patients, each "
    "divided alone, and how alike they divide everybody. Agreement: of the models of two folds, on patients whom one of them had "
    "not seen. Rule: training patients whom the rule for new ones gives the cluster that they were divided into. ARI, NMI: "
    "held-out patients against known groups, which no learner sees.",
    "markers": "Each subtype against all others, on held-out patients. Description, not a test: the subtypes were made of these "
    "features, so p and q are smaller than those of a test would be. Effect: Cliff’s delta of values, odds ratio of shares.",
    "pathways": "Over-representation of the first 50 genes with q ≤ 0.05 of a subtype, against all measured genes. Description, as the "
    "markers are.",
    "survival": "Held-out patients by subtype. No test is shown: subtypes were made of the same patients’ features, several "
    "numbers of them were looked at, and a difference seen here is an idea for another cohort, not evidence.",
    "groups": "Known groups by subtype of all patients (final model).",
    "table1": "By subtype of all patients. p-values describe: of columns that the features reflect they are no tests.",
}
