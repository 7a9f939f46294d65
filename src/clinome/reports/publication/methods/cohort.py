"""Methods: participants, outcome, predictors, missing data."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from clinome.reports.format import brief, number, percent
from clinome.reports.publication.methods.prose import Prose, listed

KIND = {
    "binary": "a binary outcome",
    "multiclass": "an outcome of several classes",
    "multilabel": "several labels, of which a row may have any number",
    "regression": "a number",
    "responses": "several numeric endpoints",
    "survival": "a time to event",
    "clustering": "to divide rows into subtypes, without an outcome",
}
_SCALE = {
    "log1p": "log(1 + x)-transformed",
    "zscore": "standardised",
    "rank": "replaced by ranks within each sample",
}
_IMPUTE: dict[str, tuple[str, tuple[str, ...]]] = {
    "mean": ("the mean of the training rows", ()),
    "knn": ("the nearest features’ values", ("Troyanskaya et al. 2001",)),
    "low": ("a low value, as below the limit of detection", ()),
}
_ACTIVITY: dict[str, tuple[str, tuple[str, ...]]] = {
    "ulm": ("a univariate linear model", ("Badia-i-Mompel et al. 2022",)),
    "wmean": ("the weighted mean", ("Badia-i-Mompel et al. 2022",)),
    "ora": ("over-representation", ("Badia-i-Mompel et al. 2022",)),
    "ssgsea": ("single-sample gene set enrichment", ("Barbie et al. 2009",)),
}
_CORRECT: dict[str, tuple[str, tuple[str, ...]]] = {
    "combat": ("ComBat", ("Johnson et al. 2007",)),
    "linear": ("a linear model of the batch", ("Ritchie et al. 2015",)),
}


def participants(text: Prose, facts: Mapping[str, Any], summary: Mapping[str, Any]) -> None:
    """Who was in, and how many were left after each step."""
    text.head("Participants")
    rows, patients = facts["rows"], facts["patients"]
    who = (
        f"{number(rows)} patients"
        if rows == patients
        else f"{number(rows)} prediction times of {number(patients)} patients"
    )
    text.say(f"The cohort was defined by one query on the study’s graph and comprised {who}")
    steps = [f"{one['step']} ({number(one['count'])})" for one in facts["attrition"]]
    if len(steps) > 1:
        text.say(f"Left after each step of the selection: {'; '.join(steps)}")
    params = (summary.get("study") or {}).get("params") or {}
    if params:
        text.say(f"The query’s parameters were {listed([f'{name} = `{value}`' for name, value in params.items()])}")
    if facts["timed"]:
        text.say(
            "Each prediction was made at a stated time, and inputs were restricted to facts that had both happened and become known by then"
        )
    else:
        text.say("No prediction time was stated: whatever was recorded of a patient could be an input")
    if matched := facts.get("matching"):
        terms = [*matched["exact"], *matched["propensity"]]
        said = f"Rows exposed by {matched['by']} were matched to {number(matched['ratio'])} unexposed each on {listed(terms)}, within a caliper of {brief(matched['caliper'])} standard deviations of the logit of the propensity score"
        text.say(said, cite=("Rosenbaum and Rubin 1983",))


def outcome(text: Prose, facts: Mapping[str, Any], summary: Mapping[str, Any], results: Mapping[str, Any]) -> None:
    """What was predicted, and how often it came."""
    task, found = str(results["task"]), facts["outcome"]
    text.head("Outcome")
    spec = (summary.get("study") or {}).get("task") or {}
    label = spec.get("label")
    named = f" (`{label}`)" if isinstance(label, str) and label not in ("label", "event") else ""
    text.say(f"The task was {KIND.get(task, task)}{named}")
    if isinstance(spec.get("target"), str):
        text.say(f"Outcome and prediction times were those of the prediction task `{spec['target']}`")
    for key, what in (("gap_days", "a gap"), ("horizon_days", "a horizon")):
        if spec.get(key) is not None:
            text.say(f"The outcome was looked for with {what} of {brief(spec[key])} days")
    if "median_days" in found:
        text.say(
            f"{number(found['events'])} rows ({percent(found['share'])}) had the event; the median time to event or censoring was {number(round(found['median_days']))} days"
        )
        if found.get("competing"):
            text.say(f"{number(found['competing'])} rows had a competing event first")
        if results.get("horizon_days"):
            text.say(f"Risks are of the event within {number(round(results['horizon_days']))} days")
    elif "events" in found:
        text.say(f"{number(found['events'])} rows ({percent(found['share'])}) had the outcome")
    elif counts := found.get("classes") or found.get("labels"):
        text.say(
            f"Rows by {'class' if 'classes' in found else 'label'}: {listed([f'{name} {number(count)}' for name, count in counts.items()])}"
        )
    elif "median" in found:
        low, middle, high = (brief(found[key]) for key in ("first_quartile", "median", "third_quartile"))
        text.say(f"Its median was {middle} (quartiles {low} and {high})")
    elif "endpoints" in found:
        text.say(
            f"There were {number(found['endpoints'])} endpoints; {percent(found['measured_share'])} of pairs of row and endpoint were measured"
        )


def predictors(text: Prose, facts: Mapping[str, Any], summary: Mapping[str, Any]) -> None:
    """What was an input, and what became of it before any model."""
    text.head("Predictors")
    covariates = (summary.get("study") or {}).get("covariates") or []
    if covariates:
        text.say(f"Covariates were {listed(list(covariates))}")
    for layer in summary.get("layers", []):
        text.say(
            f"Layer {layer['name']} ({layer['kind'].replace('_', ' ')}): {number(layer['features'])} features, available in {number(layer['profiled'])} rows"
        )
    if records := summary.get("records"):
        text.say(
            f"Health records: {number(records['events'])} events with {number(records['codes'])} different codes before the prediction, in {number(records['subjects_with'])} rows"
        )
    text.paragraph()
    for name, steps in facts["layers"].items():
        _steps(text, name, steps)
    knowledge = [one for one in summary.get("sources", []) if str(one["source"]).startswith("knowledge.")]
    if knowledge:
        told = [f"{one['source'].partition('.')[2]} ({number(one['written'])} entries)" for one in knowledge]
        text.say(f"Prior knowledge in the graph: {listed(told)}")


def _steps(text: Prose, name: str, steps: Mapping[str, Any]) -> None:
    if steps["scale"] in _SCALE:
        text.say(f"Values of {name} were {_SCALE[steps['scale']]}")
    if steps["correct"] in _CORRECT:
        how, cite = _CORRECT[steps["correct"]]
        text.say(f"Batches of {name} were corrected by {how}, fitted on the training rows of each fold", cite=cite)
    if steps["impute"] in _IMPUTE:
        how, cite = _IMPUTE[steps["impute"]]
        text.say(f"Missing values of {name} were replaced by {how}", cite=cite)
    if steps["activity"] != "none":
        how, cite = _ACTIVITY[steps["activity"]]
        beside = "beside" if steps["keep_genes"] else "in the place of"
        text.say(
            f"Activities of the gene sets of {listed(list(steps['pathways']))} with {number(steps['least_genes'])} measured genes or more were scored by {how}, {beside} the features of {name}",
            cite=cite,
        )


def missing(text: Prose, facts: Mapping[str, Any], summary: Mapping[str, Any], learners: Collection[str]) -> None:
    """What was done where values or whole layers were missing."""
    text.head("Missing data and preprocessing")
    scaling = facts["scaling"]
    low, high = scaling["winsorised_percentiles"]
    if summary.get("layers"):
        lacking = [f"{one['name']} {number(one['missing'])}" for one in summary["layers"]]
        text.say(
            f"Rows without a layer: {listed(lacking)}. A missing layer was treated as unknown, never as zero or wild type"
        )
    if not facts["outcome"]:
        text.say(
            "Learners of subtypes saw the leading principal components of each group of predictors, one group weighing as much as another"
        )
    but = " (`cox_pca` keeps the scaling of its reference)" if "cox_pca" in learners else ""
    text.say(
        f"For linear models and networks{but} numbers were winsorised at the {low}st and {high}th percentiles, standardised and clipped at {brief(scaling['clip'])} standard deviations; missing ones were replaced by the median"
    )
    if {"forest", "boosting", "survival_forest", "survival_boosting"} & set(learners):
        trees = facts["trees"]
        filled = " (`survival_boosting`: as the training mean)" if "survival_boosting" in learners else ""
        text.say(
            f"Trees took values as they were measured and missing ones as missing{filled}; a layer of more than {number(trees['wide_layer'])} features entered with the {number(trees['best_features'])} that went most with the outcome in the training rows"
        )
    text.say("All of this was fitted on the training rows of each fold alone")
    if any(one["kind"] == "mutation" for one in summary.get("layers", [])):
        least = facts["mutations"]
        text.say(
            f"Of mutations, linear models took genes that were hit in at least {least['least_patients']} training rows and {least['least_percent']}% of them, and the mutational burden"
        )
    if summary.get("records"):
        text.say(
            "Records entered linear and tree models as counts of codes and of their ancestors, last values, and how much there was"
        )
    select = facts["learn"]["select"]
    if select != "none":
        text.say(f"Features of each dense layer were selected by `{select}` on the training rows of each fold")
