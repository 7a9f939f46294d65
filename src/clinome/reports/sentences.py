"""Sentences of the reports: what may be said of a run, a benchmark and two cohorts, as functions of plain values.

Nothing here reads a file or computes a figure (`findings` and `headline` do), so that the words can be read and changed
together. Standard terms first; an explanation may follow.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from clinome.models.evaluation.intervals import FOLDS, SPLIT
from clinome.reports.format import p_value, percent

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

CONTROL = {
    "permuted_labels": "outcomes permuted over all rows: no signal is left",
    "missingness_only": "which variables were measured, without their values",
    "batch_only": "batch and site of measurement, and nothing else",
    "clock_only": "length of observation before the prediction time, and nothing else",
    "shuffled_graph": "graph network with its edges shuffled",
    "no_edges": "graph network without edges",
}
"""What each control is."""

LEAD = {
    "cohort_selection": "Attrition: rows left after each step of the cohort query, and rows lost by it.",
    "missing_data": "A missing layer is treated as unknown, never as zero.",
    "biomarkers": "Features that moved the held-out predictions of the chosen learner. Associations in this cohort, not causes.",
    "no_biomarkers": "The chosen learner cannot say which features its predictions rest on, so none are ranked.",
    "controls": "Negative controls and ablations: the same procedure on the same folds without signal, without biology, or without edges.",
    "data_quality": "Rows read = written + merged with an equal row + rejected with a reason.",
    "compared_cohorts": "Attrition: patients left after each step of the two cohort queries.",
    "differential_features": "Measured or recorded before each row’s prediction time. By increasing p.",
}
"""What stands below a heading."""

CAPTION = {
    "attrition": "Cohort selection. Bars: rows left; right: rows lost by the step.",
    "table_one": "Table 1: baseline characteristics. Numeric: median [quartiles]; categorical: n (% of known). SMD: "
    "standardised mean difference, the largest between any two groups (below 0.1: small). p: Mann–Whitney or "
    "Kruskal–Wallis (numeric), Fisher or χ² (categorical), not corrected. Only covariates among them are model inputs.",
    "missing_data": "Available layers (UpSet plot). Columns: patterns of layers that rows have together; right: rows with "
    "each layer, n (%).",
    "layers": "Layers: features, and rows with and without them.",
    "learners": "Performance on held-out rows. Dots: mean over folds; lines: 95% CI; ticks: single folds.",
    "differences": "Right: paired difference, chosen − learner, on the same rows; no difference is shown where the 95% "
    "CI includes zero.",
    "learners_table": "Held-out performance: mean over folds, 95% CI in brackets for the primary metric; training time in "
    "seconds; peak memory in MB.",
    "paired": "Paired differences, chosen − learner, with 95% CI; p two-sided, and corrected over learners (Holm).",
    "discrimination": "ROC and precision–recall curves of held-out predictions, pooled over folds. Pale lines: chance.",
    "classes": "One-vs-rest ROC curves and confusion matrix of held-out predictions, each row once. Pale line: chance.",
    "calibration": "Calibration plot: groups of equal size, Wilson 95% CI. On the diagonal, predicted and observed risk agree.",
    "survival_calibration": "Calibration plot: groups of equal size; observed risk by Kaplan–Meier, 95% CI (log–log). Predicted "
    "risk: Cox model of the score, fitted on training rows.",
    "calibration_table": "Calibration of held-out predictions, all folds pooled, with 95% CI. Slope below 1: predictions too "
    "extreme; above 1: not extreme enough. Intercept above 0: risk underestimated; below 0: overestimated. A learner that "
    "predicts one risk for everyone has no slope. Predicted and observed: mean risk.",
    "decision": "Decision curve of held-out predictions: net benefit in true positives per row over threshold probabilities. "
    "No interval is drawn; small differences are not to be interpreted.",
    "learning_curve": "Learning curve of the plain learners, tuned anew on nested, stratified parts of the training rows of the "
    "first repeat, and judged on the same held-out rows. Band: 95% CI of the best learner.",
    "subgroups": "Performance of the chosen learner on held-out rows by group, ranked within folds; lines: 95% CI. Right: "
    "group − all other rows whose group is known; no gap is shown where the 95% CI includes zero.",
    "subgroups_table": "Subgroups: performance, and gap to all others, with 95% CI; p corrected over groups (Holm); mean predicted "
    "and observed risk.",
    "biomarkers": "Effect on the score per standard deviation of the feature. Dots: mean over folds; bands: 95% interval over "
    "folds. Above zero: higher values, higher score.",
    "biomarkers_table": "Effect: change of the score per standard deviation, with 95% interval over folds. Stability: share of folds "
    "with the feature among the first twenty. q: each feature alone against the outcome, whole cohort, one row a patient, "
    "Benjamini–Hochberg.",
    "pathways": "Over-representation of ranked genes: hypergeometric test; q: Benjamini–Hochberg over all tested gene sets.",
    "controls": "Controls. Dots: mean; lines: 95% CI; ticks: single folds or permutations.",
    "controls_table": "Controls: mean with 95% CI over folds or permutations.",
    "data_quality": "Rows by source.",
    "survival": "Kaplan–Meier curves, pointwise 95% bands (log–log), numbers at risk below. Time in days from each row’s "
    "prediction time.",
    "values": "Numeric features: Cliff’s delta, 95% CI; filled: q < 0.05.",
    "shares": "Mutations and codes: odds ratio, 95% CI; filled: q < 0.05.",
    "features": "Differential features. Numeric: medians, Cliff’s δ, Mann–Whitney. Mutations and codes (with all codes below them): "
    "shares of those observed, odds ratio, Fisher’s exact test; carried by fewer than five patients: not tested. Brackets: "
    "95% CI. q: Benjamini–Hochberg over all tests.",
    "compared_table": "Table 1, one row a patient, patients of one cohort only. Numeric: median [quartiles]; categorical: n (% of "
    "known). SMD: standardised mean difference (below 0.1: small). p: Mann–Whitney (numeric), Fisher or χ² (categorical), not "
    "corrected. Variables may be what defines the cohorts, or come after the prediction time.",
    "benchmark": "Performance over studies. Mean rank: 1 is best, ties shared, over learners that ran on every study. Mean "
    "difference: each study counts once, 95% CI by Student’s t over studies. p: Wilcoxon signed-rank over studies, "
    "two-sided; corrected over learners (Holm).",
    "study_differences": "Dots: paired difference on one study, coloured by its 95% CI. Diamonds: mean over studies with 95% CI.",
}
"""What stands at a figure or a table."""


# Cohort and headline


def people(rows: int, patients: int) -> str:
    """`300 patients`, or how many prediction times they have."""
    return f"{patients:,} patients" if rows == patients else f"{rows:,} prediction times of {patients:,} patients"


def survival_task(who: str, events: int, rows: int, median_days: float) -> str:
    share = percent(events / max(rows, 1))
    return f"Task: time to event. Cohort: {who}; {events:,} events ({share}); median follow-up {median_days:,.0f} days."


def binary_task(who: str, label: str | None, events: int, rows: int) -> str:
    named = f"“{label}”" if label and label != "label" else "the outcome"
    return f"Task: binary outcome. Cohort: {who}; {events:,} ({percent(events / max(rows, 1))}) with {named}."


def class_task(who: str, classes: Sequence[tuple[str, int]]) -> str:
    each = ", ".join(f"{name} {count:,}" for name, count in classes)
    return f"Task: classification, {len(classes)} classes. Cohort: {who}; {each}."


def other_task(who: str) -> str:
    return f"Cohort: {who}."


NOT_CHOSEN = "No learner was chosen in this run."
NO_BASELINE = "No simple baseline ran, so nothing shows whether the chosen learner is worth its effort."


def performance(metric: str, estimate: str, chance: float | None) -> str:
    guess = "" if chance is None else f" Chance: {chance:g}."
    return f"Held-out performance of the chosen learner: {metric} {estimate}.{guess}"


def against_baseline(verdict: str, baseline: str, mean: float, difference: str) -> str:
    """verdict: better, worse, unclear or unknown; difference: `+0.10 (+0.02 to +0.18)`."""
    other = f"the best simple baseline, {baseline} ({mean:.2f})"
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


def best_single(name: str, estimate: str, difference: str = "", *, apart: bool = False) -> str:
    """difference: chosen minus it; apart: whether the interval leaves out zero."""
    text = f"Best single learner in hindsight: {name}, {estimate}"
    if not difference:
        return text + "."
    return f"{text}; chosen − {name}: {difference}, 95% CI {'excluding' if apart else 'including'} zero."


def picked(counts: Sequence[tuple[str, int]]) -> str:
    """counts: learner, folds that it was picked in; most first."""
    if not counts:
        return ""
    folds = sum(count for _, count in counts)
    if len(counts) == 1:
        return f"Model selection on training folds: {counts[0][0]} in all {folds} folds."
    return f"Model selection on training folds: {', '.join(f'{name} in {n}' for name, n in counts)} of {folds} folds."


def optimism(metric: str, inner: float, held_out: float) -> str:
    text = f"Optimism of model selection: {metric} {inner:.3f} in inner validation, {held_out:.3f} held out"
    if inner - held_out > 0.005:
        return f"{text}; selection was optimistic by {inner - held_out:.3f}."
    return f"{text}; selection was not optimistic."


def permuted_labels(metric: str, estimate: str, *, above: bool | None) -> str:
    """above: whether the interval lies above chance; None where chance is not known."""
    text = f"Permuted labels (negative control): {metric} {estimate}"
    if above is None:
        return text + "."
    if above:
        return text + ", above chance: look for leakage before interpreting any other result."
    return text + ", at chance, as expected."


def shuffled_graph(learner: str, shuffled: str, mean: float, *, falls: bool | None) -> str:
    """falls: whether the network does worse without the real edges; None where its interval is not known."""
    text = f"Shuffled graph: {learner} reaches {shuffled} with shuffled edges, {mean:.2f} with the real ones"
    if falls is None:
        return text + "."
    return text + (": it uses the edges." if falls else ": no evidence that it uses the edges.")


_ALONE = {
    "missingness_only": "Missingness alone reaches",
    "batch_only": "Batch and site alone reach",
    "clock_only": "Length of observation alone reaches",
}


def confounded(control: str, metric: str, estimate: str) -> str:
    return (
        f"{_ALONE[control]} {metric} {estimate}: how patients were measured predicts part of the outcome (confounding), "
        "and a learner may rest on it."
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
    per = f"{ratio:.1f}" if ratio >= 0.1 else f"{ratio:.2g}"
    return (
        f"{per} events per candidate variable ({events:,} events, {variables:,} variables): only regularised learners are "
        "appropriate, and effects of single features are shrunken."
    )


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


def gaps(metric: str, worse: Sequence[tuple[str, str, str]]) -> str:
    """worse: variable, group, its difference from all others."""
    each = "; ".join(f"{by} {group}, {difference}" for by, group, difference in worse)
    return f"Lower performance in: {each} ({metric}, group − all others, 95% CI; Holm-corrected p < 0.05)."


def no_gap(widest: float) -> str:
    return (
        "No difference between groups remains after correction for multiple testing (Holm). That is no proof of fairness: "
        f"the intervals still allow for gaps of up to {widest:.2f}."
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


# Benchmark


def ranked_studies(
    studies: int, learners: int, least: int, *, f: float | None, p: float | None, difference: float | None
) -> str:
    """f, p: Friedman's test; difference: Nemenyi's critical difference, None where the ranks are not shown to differ."""
    if studies < least:
        return (
            f"{studies} {'study is' if studies == 1 else 'studies are'} too few for a rank test: even a learner that won on "
            f"every one of five would reach p = 0.06. Mean ranks are descriptive; {least} or more studies can be tested."
        )
    if learners < 3:
        return "Fewer than three learners ran on every study, so ranks are not tested; see the differences."
    if p is None or f is None:
        return "All learners do equally well on every study: there is nothing to rank."
    test = f"Friedman test over {studies} studies and {learners} learners: F = {f:.2f}, p = {p_value(p)}"
    if difference is None:
        return f"{test}; the ranks are not shown to differ."
    return f"{test}; the ranks differ. Critical difference of mean ranks (Nemenyi): {difference:.2f}."


def not_ranked(learners: Sequence[str]) -> str:
    return f"Not ranked, as they did not run on every study: {', '.join(learners)}." if learners else ""


def by_chance(comparisons: int) -> str:
    if not comparisons:
        return ""
    chance = comparisons / 40
    about = f"about {chance:,.0f}" if chance >= 1.5 else "about one" if chance >= 0.5 else "fewer than one"
    return (
        f"Wins and losses are single 95% CIs, not corrected: of {comparisons:,} comparisons {about} would be a win, and as "
        "many a loss, by chance alone."
    )


def mixed_metrics(metrics: Sequence[str]) -> str:
    if len(metrics) < 2:
        return ""
    return f"The studies have different primary metrics ({', '.join(metrics)}); mean differences mix them as they are."


def against_reference(reference: str, told: Sequence[tuple[str, bool, str]]) -> str:
    """told: learner, whether it is better, its mean difference; those that differ after correction."""
    if not told:
        return f"No learner is shown to differ from {reference} over studies (Wilcoxon, Holm)."
    each = "; ".join(f"{name} is {'better' if better else 'worse'}, {difference}" for name, better, difference in told)
    return f"Against {reference} over studies (Wilcoxon, Holm): {each}."


# Comparison of two cohorts


def overlap(names: tuple[str, str], sizes: tuple[int, int], both: int, later: int) -> list[str]:
    """both: patients in both cohorts; later: rows left out because the patient has an earlier one."""
    said = [f"{sizes[0]:,} patients in {names[0]}, {sizes[1]:,} in {names[1]}."]
    shared = "1 patient is" if both == 1 else f"{both:,} patients are"
    said.append(f"{shared} in both, and in no comparison." if both else "Nobody is in both.")
    if later:
        said.append(f"Of patients with several rows the first counts; {later:,} later ones are left out.")
    return said


def differing_features(differ: int, tested: int, rate: float) -> str:
    return f"{differ:,} of {tested:,} tested features differ at a false discovery rate of {percent(rate)}."


def hazard_ratio(
    names: tuple[str, str],
    events: tuple[int, int],
    n: tuple[int, int],
    p: float | None,
    ratio: Mapping[str, float] | None,
) -> str:
    """ratio: mean, low, high of the first cohort to the second; None where a cohort has no events."""
    said = f"Events: {events[0]:,} of {n[0]:,} and {events[1]:,} of {n[1]:,}"
    said += "." if p is None else f"; log-rank p = {p_value(p)}."
    if ratio is None:
        return f"{said} A cohort without events has no hazard ratio."
    shown = f"{ratio['mean']:.2f} (95% CI {ratio['low']:.2f} to {ratio['high']:.2f})"
    return f"{said} Hazard ratio of {names[0]} to {names[1]}: {shown}, Cox model, unadjusted."


OBSERVATIONAL = (
    "The cohorts are observational: differences between them are associations, not effects of what defines them."
)
