"""Sentences of report.html: what may be said of a run, as functions of plain values (`comparison.sentences`: of several).

Nothing here reads a file or computes a figure (`findings` and `headline` do), so that the words can be read and changed
together. Standard terms first; an explanation may follow.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from clinome.models.evaluation.intervals import FOLDS, SPLIT
from clinome.reports.format import brief, number, p_value, percent

COVERED = (94, 99)
"""Of a hundred such intervals over folds, how many held the truth where they did worst and best, in simulations
(benchmarks/results/coverage.txt)."""

METHOD = {
    FOLDS: "95% confidence intervals (CI): bootstrap over patients (1,000 resamples), the variance doubled because each "
    f"patient also trained the models that are judged on the others. Coverage in simulations: {COVERED[0]}% to "
    f"{COVERED[1]}%; conservative for paired differences.",
    SPLIT: "95% confidence intervals (CI): bootstrap over the held-out patients (1,000 resamples).",
}
"""How intervals were made, by the method that results.json names."""

# Cohort and headline


def people(rows: int, patients: int) -> str:
    """`300 patients`, or how many prediction times they have."""
    return f"{patients:,} patients" if rows == patients else f"{rows:,} prediction times of {patients:,} patients"


def selected(layers: Mapping[str, int], always: int) -> str:
    """How many features folds selected, by layer; always: of these in every fold.

    Example:
        >>> selected({"rna": 12}, 1), selected({}, 0)
        ('Selected in some fold: 12 of rna; in every fold: 1.', 'No fold selected any feature: the learners saw none of these layers.')
    """
    if not layers:
        return "No fold selected any feature: the learners saw none of these layers."
    parts = ", ".join(f"{count:,} of {name}" for name, count in layers.items())
    return f"Selected in some fold: {parts}; in every fold: {always:,}."


def survival_task(who: str, events: int, rows: int, median_days: float) -> str:
    share = percent(events / max(rows, 1))
    return f"Task: time to event. Cohort: {who}; {events:,} events ({share}); median follow-up {median_days:,.0f} days."


def binary_task(who: str, label: str | None, events: int, rows: int) -> str:
    named = f"“{label}”" if label and label != "label" else "the outcome"
    return f"Task: binary outcome. Cohort: {who}; {events:,} ({percent(events / max(rows, 1))}) with {named}."


def coded(code: str, name: str | None) -> str:
    """A code by its name; the code alone where it has none."""
    return f"{name} ({code})" if name else code


def class_task(who: str, classes: Sequence[tuple[str, int]]) -> str:
    each = ", ".join(f"{name} {count:,}" for name, count in classes)
    return f"Task: classification, {len(classes)} classes. Cohort: {who}; {each}."


def regression_task(who: str, label: str | None, quartiles: Sequence[float]) -> str:
    """quartiles: the first, the median and the third."""
    named = f"“{label}”" if label and label != "label" else "the outcome"
    low, middle, high = (brief(value) for value in quartiles)
    return f"Task: regression. Cohort: {who}; {named}: median {middle} (quartiles {low} to {high})."


def responses_task(who: str, endpoints: int, known: float) -> str:
    """known: share of pairs of row and endpoint that were measured."""
    return f"Task: {endpoints:,} numeric endpoints at once. Cohort: {who}; {percent(known)} of row–endpoint pairs measured."


def multilabel_task(who: str, labels: Sequence[tuple[str, int]], rows: int) -> str:
    each = ", ".join(f"{name} {count:,} ({percent(count / max(rows, 1))})" for name, count in labels)
    return f"Task: {len(labels)} labels at once. Cohort: {who}; {each}."


def other_task(who: str) -> str:
    return f"Cohort: {who}."


NOT_CHOSEN = "No learner was chosen in this run."
NO_BASELINE = "No simple baseline ran, so nothing shows whether the chosen learner is worth its effort."


def performance(metric: str, estimate: str, chance: float | None) -> str:
    guess = "" if chance is None else f" Chance: {chance:g}."
    return f"Held-out performance of the chosen learner: {metric} {estimate}.{guess}"


def against_baseline(verdict: str, baseline: str, mean: float, difference: str) -> str:
    """verdict: better, worse, unclear or unknown; difference: `+0.10 (+0.02 to +0.18)`."""
    other = f"the best simple baseline, {baseline} ({number(mean, 2)})"
    match verdict:
        case "better":
            return f"The chosen learner is better than {other}: paired difference {difference}."
        case "worse":
            return f"The chosen learner is worse than {other}: paired difference {difference}. Use the baseline."
        case "unclear":
            return (
                f"The chosen learner is not shown to be better than {other}: paired difference {difference}, "
                "95% CI including zero."
            )
        case _:
            return f"Whether the chosen learner is better than {other} was not tested in pairs."


def is_baseline(baseline: str, mean: float) -> str:
    return f"The chosen learner is the best simple baseline itself, {baseline} ({number(mean, 2)}), in every fold."


def best_single(
    name: str, estimate: str, difference: str = "", *, apart: bool = False, is_baseline: bool = False
) -> str:
    """difference: chosen minus it; apart: whether the interval leaves out zero; is_baseline: it is the best simple one."""
    text = f"Best single learner in hindsight: {name}, {estimate}"
    if is_baseline:
        return f"{text}, the best simple baseline itself."
    if not difference:
        return text + "."
    return f"{text}; chosen − {name}: {difference}, 95% CI {'excluding' if apart else 'including'} zero."


def picked(counts: Sequence[tuple[str, int]]) -> str:
    """counts: learner, folds that it was picked in; most first."""
    if not counts:
        return ""
    folds = sum(count for _, count in counts)
    if len(counts) == 1:
        where = "the one fold" if folds == 1 else f"all {folds} folds"
        return f"Model selection on training folds: {counts[0][0]} in {where}."
    return f"Model selection on training folds: {', '.join(f'{name} in {n}' for name, n in counts)} of {folds} folds."


def optimism(metric: str, inner: float, held_out: float) -> str:
    text = f"Optimism of model selection: {metric} {number(inner)} in inner validation, {number(held_out)} held out"
    if inner - held_out > 0.005:
        return f"{text}; selection was optimistic by {number(inner - held_out)}."
    return f"{text}; selection was not optimistic."


def permuted_labels(learner: str, metric: str, estimate: str, *, above: bool | None) -> str:
    """learner: who learnt from them; above: whether the interval lies above chance; None where chance is not known."""
    text = f"Permuted labels (negative control): {learner} reaches {metric} {estimate}"
    if above is None:
        return text + "."
    if above:
        return text + ", above chance: look for leakage before interpreting any other result."
    return text + ", at chance, as expected."


def shuffled_graph(learner: str, shuffled: str, mean: float, *, falls: bool | None) -> str:
    """falls: whether the network does worse without the real edges; None where its interval is not known."""
    text = f"Shuffled graph: {learner} reaches {shuffled} with shuffled edges, {number(mean, 2)} with the real ones"
    if falls is None:
        return text + "."
    return text + (": it uses the edges." if falls else ": no evidence that it uses the edges.")


AS_GOOD = 0.02
"""A control that is no further below the best learner says as much."""
_ALONE = {
    "missingness_only": ("Missingness", "reaches"),
    "batch_only": ("Batch and site", "reach"),
    "clock_only": ("Length of observation", "reaches"),
}


def confounded(control: str, learner: str, metric: str, estimate: str, best: str = "") -> str:
    """best: what the best learner reaches, where the control is as good as that."""
    what, verb = _ALONE[control]
    told = f"{what} alone ({learner}) {verb} {metric} {estimate}"
    if best:
        return (
            f"{told}, as much as the best learner ({best}): how patients were measured predicts all of the outcome that was found, "
            "and no value was needed."
        )
    return (
        f"{told}: how patients were measured predicts part of the outcome (confounding), and a learner may rest on it."
    )


PROXIES = tuple(_ALONE)
"""Controls that see how patients were measured, and no biology."""


# Warnings


def few_subjects(patients: int) -> str:
    return f"Only {patients:,} patients: intervals are wide, and the ranking of learners may change with another seed."


def few_events(events: int) -> str:
    return f"Only {events:,} rows with the event (or in the smallest class): estimates rest on few cases."


def events_per_variable(events: int, variables: int) -> str:
    ratio = events / variables
    return (
        f"{number(ratio, 1)} events per candidate variable ({events:,} events, {variables:,} variables): only regularised learners are "
        "appropriate, and effects of single features are shrunken."
    )


def outcome_copy(name: str, block: str, tells: str, by: str, patients: int) -> str:
    """name: of the feature. tells, by, patients: as of `models.biomarkers.outcome_copies.OutcomeCopy`."""
    what, _, one = tells.partition("=")
    told = {
        "label": f"who is {one}" if one else "the label",
        "event": "who had the event",
        "duration_days": "the order of times to the event",
    }
    does = "whether it is known tells" if by == "missing" else "it tells"
    return (
        f"Is {name} ({block}) the outcome? In all {patients:,} patients {does} {told.get(what, what)}. If it is the "
        f"outcome under another name, or known only after it, the performance means nothing: {_leave_out(name, block)}."
    )


def _leave_out(name: str, block: str) -> str:
    match block:
        case "covariates":
            return "take it out of [task] covariates"
        case "records":
            return "take its column out of [records], or let the cohort query return a prediction_time before it"
        case _:
            return f'leave it out by [omics.{block}] drop = ["{name}"]'


def failed(learner: str, fold: int | None, repeat: int | None, of: int, reason: str) -> str:
    """fold: None where it failed before the first one. of: folds that it failed in."""
    where = "before the first fold" if fold is None else f"fold {fold}" + (f" of repeat {repeat}" if repeat else "")
    where += f" and {of - 1:,} more" if of > 1 else ""
    return f"{learner} failed and is left out ({where}): {reason}"


def more_copies(count: int) -> str:
    return f"{count:,} more features tell the outcome as well: results.json lists them under outcome_copies."


# Calibration, decision curve, subgroups, learning curve


def within(days: float | None) -> str:
    return f" within {days:,.0f} days" if days else ""


def calibration(
    slope: str,
    intercept: str,
    faults: Sequence[str],
    predicted: float,
    observed: float,
    horizon_days: float | None = None,
) -> str:
    """faults: of `TOO_EXTREME`, `TOO_MODERATE`, `UNDERESTIMATED`, `OVERESTIMATED`, those that the intervals show."""
    verdict = "; ".join(faults) if faults else "no miscalibration shown"
    return (
        f"Chosen learner: {verdict}. Slope {slope}, ideal 1; intercept {intercept}, ideal 0; mean predicted risk"
        f"{within(horizon_days)} {percent(predicted)}, observed {percent(observed)}."
    )


TOO_EXTREME = "predictions too extreme (high risks overestimated, low ones underestimated)"
TOO_MODERATE = "predictions not extreme enough (high risks underestimated, low ones overestimated)"
UNDERESTIMATED = "risk underestimated overall"
OVERESTIMATED = "risk overestimated overall"


def decision(thresholds: tuple[float, float] | None, horizon_days: float | None = None) -> str:
    """thresholds: the range in which the chosen learner beats both treating all and treating none."""
    until = f" Events{within(horizon_days)}." if horizon_days else ""
    if thresholds is None:
        return (
            "At no threshold probability is the net benefit of the chosen learner above treat all and treat none."
            + until
        )
    low, high = thresholds
    return (
        f"The net benefit of the chosen learner is above treat all and treat none at threshold probabilities from "
        f"{percent(low)} to {percent(high)}: whoever treats at such a risk does better with the predictions.{until}"
    )


def operating(rule: str, point: Mapping[str, str], threshold: str, unmet: int, folds: int) -> str:
    """rule: as the study says it. point: sensitivity, ppv, alerts of held-out rows in words, each with its interval."""
    rule = rule.replace(">=", "≥").replace("<=", "≤")
    if not threshold:
        return f"No threshold keeps the rule “{rule}” on training rows, in any of {folds} folds: nobody is alerted."
    missed = f" In {unmet} of {folds} folds no threshold keeps it, and nobody is alerted there." if unmet else ""
    return (
        f"By the rule “{rule}”, set on training rows, a risk of {threshold} or more is an alert. On held-out rows: "
        f"sensitivity {point['sensitivity']}, positive predictive value {point['ppv']}, {point['alerts']} of rows alerted.{missed}"
    )


def alarmed(found: str, lead: str | None, per_100: str) -> str:
    """found: share of events alerted. lead: median hours with quartiles; None where nobody says when events came."""
    early = "" if lead is None else f", the first time {lead} hours before (median and quartiles)"
    return f"Of the events {found} are alerted at least once while ahead{early}; {per_100} alerts come to 100 patients."


def coverage(level: float, covered: str, single: float, low: Sequence[tuple[str, str, str]]) -> str:
    """covered: share of held-out rows with interval. single: share of sets with one outcome. low: groups below the level."""
    text = (
        f"Sets made to hold the outcome in {percent(level)} of rows hold it in {covered}; {percent(single)} of them name "
        "one outcome alone."
    )
    if not low:
        return f"{text} In no group is the coverage shown to be lower."
    return text + " Lower coverage in: " + "; ".join(f"{by} {group}, {share}" for by, group, share in low) + "."


def gaps(metric: str, worse: Sequence[tuple[str, str, str]]) -> str:
    """worse: variable, group, its difference from all others."""
    each = "; ".join(f"{by} {group}, {difference}" for by, group, difference in worse)
    return f"Lower performance in: {each} ({metric}, group − all others, 95% CI; Holm-corrected p < 0.05)."


def no_gap(widest: float) -> str:
    return (
        "No difference between groups remains after correction for multiple testing (Holm). That is no proof of fairness: "
        f"the intervals still allow for gaps of up to {number(widest, 2)}."
    )


NO_GROUP = "No group is large enough for a comparison."


def too_small(shares: Sequence[float]) -> str:
    return f"Parts of {', '.join(map(percent, shares))} are left out: some held too few patients." if shares else ""


def gain(learner: str, start: float, metric: str, difference: str, *, certain: bool | None) -> str:
    """certain: whether the interval lies above zero; None where there is none."""
    text = f"From {percent(start)} of the training rows to all of them {learner} gains {difference} in {metric}"
    if certain is None:
        return f"{text}."
    if certain:
        return f"{text}: more patients of this kind would very likely help."
    return f"{text}: it is not shown that more patients of this kind would help."


def incidence(days: float, event: float, rival: float, naive: float, rows: int) -> str:
    return (
        f"Cumulative incidence (Aalen–Johansen) with pointwise 95% bands; {rows:,} rows end with the competing event. Until day "
        f"{days:,.0f}: {percent(event)} with the event, {percent(rival)} with the competing one first. One minus Kaplan–Meier, "
        f"which takes these for patients who could still have the event, would say {percent(naive)}. Learners and C-index are "
        "cause-specific: there the competing event ends observation. Brier score, calibration and decision curve are of this "
        "world: who had the competing event is without the event, and predicted risk is cumulative incidence."
    )


def incidence_groups(p: float) -> str:
    return (
        "Cumulative incidence of the event (Aalen–Johansen) by third of predicted risk within folds, held-out rows, pointwise "
        f"95% bands. Cause-specific log-rank test between thirds: p = {p_value(p)}."
    )


def risk_groups(p: float) -> str:
    return (
        "Kaplan–Meier curves of held-out rows by third of predicted risk within folds, pointwise 95% bands (log–log), numbers "
        f"at risk below. Log-rank test between thirds: p = {p_value(p)}."
    )


def left_out_of_table(variables: Sequence[str]) -> str:
    """Variables that say the same as the grouping."""
    if not variables:
        return ""
    return f"Left out, as identical to the grouping: {', '.join(variables)}."


def modules(found: int, passed: int) -> str:
    """How many modules stand out more than on shuffled networks."""
    if not found:
        return "No connected group of genes stands out more than its strongest gene alone."
    if found == 1:
        of = "the one found stands" if passed else "the one found does not stand"
    else:
        of = f"{passed or 'none'} of the {found} found {'stand' if passed > 1 else 'stands'}"
    return f"At q ≤ 0.05, {of} out more than on networks of the same degrees with shuffled edges."


def ranking_stability(folds: int, features: int, tau: str, overlap: str) -> str:
    """How far folds agree on the order of the features."""
    return (
        f"Pairs of {folds} folds agree on the order of {features:,} features with Kendall’s τ {tau}, and on the first of "
        f"them with a rank-biased overlap of {overlap}: mean, lowest and highest pair."
    )


def known(named: Sequence[str], of: int, genes: int, within: Mapping[int, int], p: str, missing: Sequence[str]) -> str:
    """How early the ranking comes to known genes."""
    first = "; ".join(f"{n} among the first {k}" for k, n in within.items())
    listed = ", ".join(named[:8]) + (", …" if len(named) > 8 else "")
    said = f"Named as known: {listed}. {of} of {genes:,} measured genes are among them: {first or 'too few genes are ranked to count'}."
    more = f" Not measured: {', '.join(missing)}." if missing else ""
    return f"{said} That genes drawn at random come as early has p = {p}.{more}".replace("p = <", "p < ")


def no_known(named: Sequence[str]) -> str:
    """None of the genes that the study names is measured, or all are."""
    return f"Of what the study names as known ({', '.join(named)}) no gene is measured, or all are: nothing to compare."


def flags(found: Sequence[tuple[str, str]], of: int) -> str:
    """Ranked features that may stand for something else than biology."""
    said = "; ".join(f"{name}: {flag}" for name, flag in found[:8])
    more = f"; and {len(found) - 8} more" if len(found) > 8 else ""
    return (
        f"{len(found)} of the first {of} may stand for something else ({said}{more}): in brackets the share of the feature’s variance "
        "that lies between batches, sites or sexes. A reason to look, not a verdict."
    )
