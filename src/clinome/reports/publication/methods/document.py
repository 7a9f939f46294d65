"""methods.md of a run: the whole text, by kind of task; every number of it is in results.json or summary.json."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from clinome.reports.format import number
from clinome.reports.publication.methods import cohort, evaluation
from clinome.reports.publication.methods.prose import Prose, listed

METHODS = "methods.md"


def methods(title: str, results: Mapping[str, Any], summary: Mapping[str, Any]) -> str:
    """The text. results, summary: what results.json and summary.json hold."""
    text, facts = Prose(), summary["methods"]
    text.block(f"# Methods: {title}")
    text.block("*A draft, made by Clinome from results.json and summary.json of the run; every number is in them. What no run can know "
               "(why, where, by whom, ethics, funding) is the author’s: see tripod_ai.md.*")  # fmt: skip
    if results.get("task") == "links":
        _links(text, facts, results)
    else:
        cohort.participants(text, facts, summary)
        cohort.outcome(text, facts, summary, results)
        cohort.predictors(text, facts, summary)
        cohort.missing(text, facts, summary, results["learners"])
        evaluation.learners(text, facts, results)
        evaluation.evaluation(text, facts, results)
        evaluation.beside(text, facts, results)
        evaluation.biomarkers(text, facts, results)
    _software(text, facts, summary, results["learners"])
    return text.markdown()


def _links(text: Prose, facts: Mapping[str, Any], results: Mapping[str, Any]) -> None:
    text.head("Task")
    text.say(
        f"Candidates ({results['candidate']}, {number(results['candidates'])}) were ranked for each query ({results['query']}, {number(results['queries'])}) by {number(results['links'])} known links, of which {number(results['held_out'])} were held out, by {results['hold_out']}"
    )
    text.say("Nothing that a learner saw was derived from held-out links")
    text.head("Graph")
    edges = [
        f"{one['predicate']} from {one['source']} to {one['target']} ({number(one['edges'])})"
        for one in results["relations"]
    ]
    text.say(f"Relations: {listed(edges)}")
    text.head("Learners and evaluation")
    text.say(
        f"Compared were {listed([f'`{name}`' for name in results['learners']])}; the best simple learner was `{results['best_simple']}`"
    )
    found = facts["evaluate"]
    text.say(
        f"There were {number(found['folds'])} folds and {number(found['repeats'])} repeat{'s' if found['repeats'] > 1 else ''}; the random seed was {found['seed']}"
    )
    text.say(f"The main metric was the mean reciprocal rank of held-out candidates. {results['intervals']}")
    text.say("Differences are paired over queries, and p values were corrected", cite=("Holm 1979",))
    if results.get("controls"):
        text.say("Learners on the graph stand beside themselves with shuffled edges and without edges")


def _software(text: Prose, facts: Mapping[str, Any], summary: Mapping[str, Any], learners: Collection[str]) -> None:
    text.head("Software and reproducibility")
    versions = [f"{name} {version}" for name, version in summary.get("versions", {}).items()]
    text.say(f"The analysis was run on {facts['date']} with Python {facts['python']} and {listed(versions)}")
    if summary.get("device") and evaluation.NETWORKS & set(learners):
        text.say(f"Networks were trained on: {summary['device']}")
    if summary.get("commands"):
        text.say(f"It is repeated by {listed([f'`{one}`' for one in summary['commands']])}")
