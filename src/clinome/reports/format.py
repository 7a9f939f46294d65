"""What the report says of its own numbers: intervals, the optimism of choosing, calibration, decisions, subgroups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from clinome.models.evaluation.decision_curve import useful
from clinome.models.evaluation.intervals import FOLDS, SPLIT
from clinome.reports.headline import METRIC, SMALLER_IS_BETTER, interval

COVERED = (94, 99)
"""Of a hundred such intervals over folds, how many held the truth where they did worst and best, in simulations
(benchmarks/results/coverage.txt)."""
_METHOD = {
    FOLDS: "95% intervals: patients drawn anew a thousand times, the variance doubled because each of them also trained "
    f"the models that judged the others. In simulated cohorts {COVERED[0]} to {COVERED[1]} of 100 such intervals held the "
    "truth; they are on the wide side where two learners are compared.",
    SPLIT: "95% intervals: the held-out patients drawn anew a thousand times.",
}
_TELLING = 0.15
"""A calibration slope this far from 1, or an intercept this far from 0, is worth a word if its interval agrees."""


def intervals_in_words(results: Mapping[str, Any]) -> str:
    """How the intervals were made, and how often such intervals hold the truth."""
    methods = {pair.get("method") for pair in results.get("comparisons", [])}
    return " ".join(_METHOD[method] for method in (FOLDS, SPLIT) if method in methods)


def optimism_in_words(results: Mapping[str, Any]) -> str:
    """What was picked, where it was picked by, against what it is worth."""
    found = results.get("optimism") or {}
    if not found:
        return ""
    inner, outer, name = found["inner"], found["held_out"], METRIC.get(results["metric"], "the score")
    if results.get("task") == "multiclass":
        name = "the mean of accuracy and AUROC"
    text = (
        f"What was picked scored {inner:.3f} ({name}) on the training rows it was picked by, and {outer:.3f} held out"
    )
    if inner - outer > 0.005:
        return f"{text}: choosing flattered it by {inner - outer:.3f}."
    return f"{text}: choosing did not flatter it."


def calibration_rows(results: Mapping[str, Any], order: Sequence[str]) -> list[dict[str, Any]]:
    """name, slope and intercept (each with mean, low, high), ece, predicted, observed; in the given order."""
    out = []
    for name in order:
        found = results["learners"][name].get("calibration")
        if found:
            sides = {side: {"mean": found[side], "low": found[f"{side}_low"], "high": found[f"{side}_high"]}
                     for side in ("slope", "intercept")}  # fmt: skip
            out.append({"name": name, **found, **sides})
    return out


def calibration_in_words(results: Mapping[str, Any]) -> str:
    """Whether the predictions of `chosen` mean what they say."""
    mine = next(iter(calibration_rows(results, ["chosen"] if "chosen" in results.get("learners", {}) else [])), None)
    if mine is None:
        return ""
    said, slope, level = [], mine["slope"], mine["intercept"]
    if slope["mean"] is not None and slope["high"] < 1 - _TELLING / 3 and slope["mean"] < 1 - _TELLING:
        said.append("too extreme: high risks are lower than they are said to be, low ones higher")
    if slope["mean"] is not None and slope["low"] > 1 + _TELLING / 3 and slope["mean"] > 1 + _TELLING:
        said.append("too timid: high risks are higher than they are said to be, low ones lower")
    if level["low"] > 0 and level["mean"] > _TELLING:
        said.append("too low on the whole")
    if level["high"] < 0 and level["mean"] < -_TELLING:
        said.append("too high on the whole")
    shares = f"on average {mine['predicted']:.0%} were predicted and {mine['observed']:.0%} seen"
    until = f" within {results['horizon_days']:,.0f} days" if results.get("horizon_days") else ""
    verdict = " and ".join(said) if said else "not shown to be off"
    return f"The chosen learner’s risks are {verdict}; {shares}{until}. A slope of 1 and an intercept of 0 are perfect."


def decision_in_words(results: Mapping[str, Any]) -> str:
    """Between which thresholds acting on the predictions beats acting on everyone and on no one."""
    found = results.get("decision") or {}
    if not found or "chosen" not in found["curves"]:
        return ""
    at = useful(found)
    until = f" Events within {found['horizon_days']:,.0f} days." if found.get("horizon_days") else ""
    if at is None:
        return "At no threshold is acting on the predictions shown to beat acting on everyone or on no one." + until
    return (
        f"Whoever would act at a risk between {at[0]:.0%} and {at[1]:.0%} does better with these predictions than by "
        "acting on everyone or on no one. No interval is drawn: small differences mean nothing." + until
    )


def subgroup_rows(results: Mapping[str, Any]) -> list[dict[str, Any]]:
    """by, group, patients, mean, low, high, why, gap (mean, low, high), predicted, observed, p_holm; all keys there."""
    known = ("patients", "mean", "low", "high", "why", "predicted", "observed", "p_holm", "gap")
    out = []
    for row in results.get("subgroups") or []:
        full = {**dict.fromkeys(known), **row}
        gap = (
            {"mean": row["gap"], "low": row["gap_low"], "high": row["gap_high"]} if row.get("gap") is not None else None
        )
        out.append({**full, "gap": gap})
    return out


def subgroups_in_words(results: Mapping[str, Any]) -> str:
    """The gaps that hold after correction for their number; else that none does, and what the intervals leave open."""
    rows = subgroup_rows(results)
    if not rows:
        return ""
    metric = str(results["metric"])
    worse = [row for row in rows if row["gap"] and row["p_holm"] is not None and row["p_holm"] < 0.05
             and (row["gap"]["mean"] < 0) != (metric in SMALLER_IS_BETTER)]  # fmt: skip
    if worse:
        each = "; ".join(f"{row['by']} {row['group']}, {interval(row['gap'], 2, sign=True)}" for row in worse)
        return f"The chosen learner does worse for: {each} ({METRIC.get(metric, metric)} against everybody else)."
    gaps = [row["gap"] for row in rows if row["gap"]]
    if not gaps:
        return "No group is large enough for a comparison."
    widest = max(max(-gap["low"], gap["high"]) for gap in gaps)
    return (
        "No gap is left after correction for their number (Holm). That is no proof of fairness: the intervals still allow "
        f"for gaps of up to {widest:.2f}."
    )
