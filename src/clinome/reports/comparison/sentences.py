"""Sentences of benchmark.html and compare.html: what may be said of many studies, and of two cohorts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from clinome.reports.format import interval, number, p_value, percent

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
    test = f"Friedman test over {studies} studies and {learners} learners: F = {number(f, 2)}, p = {p_value(p)}"
    if difference is None:
        return f"{test}; the ranks are not shown to differ."
    return f"{test}; the ranks differ. Critical difference of mean ranks (Nemenyi): {number(difference, 2)}."


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
    shown = interval(ratio, name="95% CI")
    return f"{said} Hazard ratio of {names[0]} to {names[1]}: {shown}, Cox model, unadjusted."


OBSERVATIONAL = (
    "The cohorts are observational: differences between them are associations, not effects of what defines them."
)
