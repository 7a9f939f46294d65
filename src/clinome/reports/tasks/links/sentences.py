"""Sentences about a links study, as functions of plain values."""

from __future__ import annotations

import re
from collections.abc import Sequence

from clinome.reports.format import number

_DISEASE = re.compile(
    r"disease|syndrom|disorder|cancer|carcinom|tumou?r|leukemi|lymphoma|melanoma|glioma|blastoma|deficien|defect|dystroph"
    r"|diabet|infect|virus|mutant|loss of function|congenital|alzheim|parkinson|huntington|autis|schizophren|ciliopath",
    re.IGNORECASE,
)


def disease_named(names: Sequence[str]) -> list[str]:
    """Those of some gene sets whose names are of a disease.

    Example:
        >>> disease_named(["Cell cycle", "Parkinson's disease"])
        ["Parkinson's disease"]
    """
    return [name for name in names if _DISEASE.search(name)]


def disease_sets(count: int, of: int, examples: Sequence[str]) -> str:
    return (
        f"{count:,} of {of:,} gene sets are named after a disease ({'; '.join(examples)}…): such a set may have been drawn up from "
        "the very links that are held out, and then tells them. Take them out of the file to be sure."
    )


def derived_left_out(count: int, predicate: str) -> str:
    return (
        f"{count:,} {predicate} edges between other labels were left out of the graph: they may have been derived from the links "
        "(gene–phenotype tables are, through the gene’s diseases)."
    )


def undated(count: int, of: int) -> str:
    return f"{count:,} of {of:,} links carry no year: they are in the training part."


def question(query: str, candidate: str, hold_out: str) -> str:
    what = {
        "edges": f"further {candidate} of a {query} of which some are known",
        "candidates": f"{candidate} without any known {query}",
        "queries": f"{candidate} of a {query} of which none is known",
        "time": f"{candidate} of a {query} that became known later",
    }[hold_out]
    return f"Task: rank {what}."


def claim(name: str, estimate: str, simple: str | None, difference: str, verdict: str) -> str:
    """verdict: better, worse, unclear, or same: it is the best simple one."""
    head = f"{name}: MRR {estimate}"
    match verdict:
        case "better":
            return f"{head}, better than the best simple learner, {simple} ({difference})."
        case "worse":
            return f"{head}, worse than the best simple learner, {simple} ({difference})."
        case "unclear":
            return f"{head}, not shown to be better than the best simple learner, {simple} ({difference}, 95% CI including zero)."
        case _:
            return f"{head}; it is the best simple learner."


def twin(name: str, control: str, mean: float, own: float, difference: str, *, falls: bool) -> str:
    what = {"shuffled_edges": "with shuffled edges, degrees kept", "edgeless": "without edges"}[control]
    verdict = "it uses the edges" if falls else "no evidence that it uses the edges"
    return f"{name} {what}: MRR {number(mean)}, {number(own)} with the real ones ({difference}): {verdict}."


CAPTION = {
    "learners": "Held-out links, mean over queries with 95% CI. MRR: mean reciprocal rank of a query’s best held-out candidate; "
    "recall@20: share of its held-out candidates among the first 20; AUROC (matched): against candidates with as many edges, "
    "so that being well studied does not pay.",
    "lists": "Known: candidates with a link to another query, ranked among each other; new: candidates with none.",
    "ranking": "The first candidates of some queries, by {name} fitted on all links; all of them are in ranking.parquet.",
}
LISTS = {"known": "known candidates", "new": "new candidates"}
