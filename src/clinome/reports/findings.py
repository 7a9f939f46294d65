"""Findings of a run: rows for the tables of a report, and its sentences, out of results.json."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from clinome.models.base.task import TASKS, task_of
from clinome.models.evaluation.decisions.decision_curve import useful
from clinome.models.evaluation.intervals import FOLDS, SPLIT
from clinome.models.learners.registry import baselines
from clinome.reports import sentences
from clinome.reports.format import interval, metric_label, number, percent, smaller_is_better

SIMPLE = tuple(baselines())
"""The baselines that anything has to beat before anyone should listen: the plain linear model is one of them."""
_ASKED = 5
_TELLING = 0.15
"""A calibration slope this far from 1, or an intercept this far from 0, is worth a word if its interval agrees."""


def ranked(results: Mapping[str, Any], metric: str) -> list[dict[str, Any]]:
    """learner, mean, sd, low, high, folds of every learner that has the metric, best first."""
    rows = [
        {"low": None, "high": None, **learner["metrics"][metric], "folds": _known(learner, metric), "learner": name}
        for name, learner in results.get("learners", {}).items()
        if learner.get("metrics", {}).get(metric, {}).get("mean") is not None
    ]
    sign = 1 if smaller_is_better(metric) else -1
    return sorted(rows, key=lambda row: (sign * row["mean"], row["learner"] != "chosen", row["learner"]))


def _known(learner: Mapping[str, Any], metric: str) -> list[float]:
    return [value for value in learner["metrics"][metric].get("folds") or [] if value is not None]


def differences(results: Mapping[str, Any], metric: str) -> dict[str, dict[str, Any]]:
    """learner -> the paired comparison of `chosen` minus it, whichever way round it was noted."""
    found: dict[str, dict[str, Any]] = {}
    for pair in results.get("comparisons", []):
        if pair.get("metric") != metric or pair.get("difference") is None:
            continue
        if pair["a"] == "chosen":
            found[pair["b"]] = dict(pair)
        elif pair["b"] == "chosen":
            low, high = pair.get("low"), pair.get("high")
            turned = {"low": None if high is None else -high, "high": None if low is None else -low}
            found[pair["a"]] = {**pair, "a": "chosen", "b": pair["a"], "difference": -pair["difference"], **turned}
    return found


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


def intervals(results: Mapping[str, Any]) -> str:
    """How the intervals were made, and how often such intervals hold the truth."""
    methods = {pair.get("method") for pair in results.get("comparisons", [])}
    return " ".join(sentences.METHOD[method] for method in (FOLDS, SPLIT) if method in methods)


def outcome_copies(results: Mapping[str, Any]) -> list[str]:
    """Features that may be the outcome itself, each as a question with what to do; the first few."""
    found = results.get("outcome_copies") or []
    said = [
        sentences.outcome_copy(one["name"], one["block"], one["tells"], one["by"], one["rows"])
        for one in found[:_ASKED]
    ]
    return [*said, sentences.more_copies(len(found) - _ASKED)] if len(found) > _ASKED else said


def failed(results: Mapping[str, Any]) -> list[str]:
    """Each learner of one's own that failed, with the first fold in which it did."""
    each: dict[str, list[Mapping[str, Any]]] = {}
    for one in results.get("failed") or []:
        each.setdefault(str(one["learner"]), []).append(one)
    return [sentences.failed(name, found[0]["fold"], found[0]["repeat"], len(found), found[0]["reason"])
            for name, found in each.items()]  # fmt: skip


def picked(results: Mapping[str, Any]) -> str:
    """Which learners the training part picked, and in how many folds."""
    counts = Counter(str(choice["name"]) for choice in results.get("chosen", []))
    return sentences.picked(sorted(counts.items(), key=lambda one: (-one[1], one[0])))


def optimism(results: Mapping[str, Any]) -> str:
    """What was picked, where it was picked by, against what it is worth."""
    found = results.get("optimism") or {}
    if not found:
        return ""
    kind, metric = results.get("task"), results["metric"]
    several = kind in TASKS and task_of(kind).label_type == "categorical" and metric == task_of(kind).primary
    name = "mean of accuracy and AUROC" if several else metric_label(metric)
    return sentences.optimism(name, found["inner"], found["held_out"])


def incidence(ended: pl.DataFrame) -> str:
    """What Aalen–Johansen says of the event and of its competing one at the end of follow-up, and what Kaplan–Meier would.

    ended: duration_days, event, competing. The end is the last time with a tenth of the rows at risk.
    """
    from clinome.models.metrics.cumulative_incidence import cumulative_incidence
    from clinome.models.metrics.kaplan_meier import kaplan_meier

    duration, event, competing = (ended[name].to_numpy() for name in ("duration_days", "event", "competing"))
    at = float(np.quantile(duration, 0.9))
    found = cumulative_incidence(duration, event, competing)
    rival = found.competing[found.times <= at].max(initial=0.0)
    naive = 1 - kaplan_meier(duration, event).at(np.array([at]))[0]
    return sentences.incidence(at, float(found.at(np.array([at]))[0]), float(rival), float(naive), int(competing.sum()))


def calibration(results: Mapping[str, Any]) -> str:
    """Whether the predictions of `chosen` mean what they say."""
    mine = next(iter(calibration_rows(results, ["chosen"] if "chosen" in results.get("learners", {}) else [])), None)
    if mine is None:
        return ""
    faults, slope, level = [], mine["slope"], mine["intercept"]
    if slope["mean"] is not None and slope["high"] < 1 - _TELLING / 3 and slope["mean"] < 1 - _TELLING:
        faults.append(sentences.TOO_EXTREME)
    if slope["mean"] is not None and slope["low"] > 1 + _TELLING / 3 and slope["mean"] > 1 + _TELLING:
        faults.append(sentences.TOO_MODERATE)
    if level["low"] > 0 and level["mean"] > _TELLING:
        faults.append(sentences.UNDERESTIMATED)
    if level["high"] < 0 and level["mean"] < -_TELLING:
        faults.append(sentences.OVERESTIMATED)
    shown = "–" if slope["mean"] is None else interval(slope)
    at = interval(level, sign=True)
    return sentences.calibration(shown, at, faults, mine["predicted"], mine["observed"], results.get("horizon_days"))


def decision(results: Mapping[str, Any]) -> str:
    """Between which thresholds the chosen learner beats treating all and treating none."""
    found = results.get("decision") or {}
    if not found or "chosen" not in found["curves"]:
        return ""
    return sentences.decision(useful(found), found.get("horizon_days"))


def operating(results: Mapping[str, Any]) -> str:
    """What acting by the study's rule would mean; nothing where it names none."""
    found = results.get("operating") or {}
    if not found.get("rule"):
        return ""
    point = found["points"][0]
    words = {name: interval(point[name]) for name in ("sensitivity", "ppv", "alerts")}
    threshold = "" if point["threshold"] is None else percent(point["threshold"])
    said = sentences.operating(point["rule"], words, threshold, point["unmet"], point["folds"])
    return f"{said} {_alarmed(point)}".rstrip() if threshold else said


def _alarmed(point: Mapping[str, Any]) -> str:
    """What the alerts of patients with several predictions meet; nothing where each has one."""
    if not point.get("found") or point["found"]["mean"] is None:
        return ""
    lead = None
    if point.get("lead_hours") is not None:
        lead = interval(
            {"mean": point["lead_hours"], "low": point["lead_hours_low"], "high": point["lead_hours_high"]}, 1
        )
    return sentences.alarmed(interval(point["found"]), lead, number(point["alerts_per_100"], 1))


def coverage(results: Mapping[str, Any]) -> str:
    """How often prediction sets hold the outcome, and the groups in which they do so less often than they should."""
    found = results.get("conformal") or {}
    if not found:
        return ""
    low = [(row["by"], row["group"], interval(row["covered"])) for row in found["groups"]
           if row["covered"]["high"] < found["level"]]  # fmt: skip
    return sentences.coverage(found["level"], interval(found["covered"]), found["single"], low)


def subgroups(results: Mapping[str, Any]) -> str:
    """The gaps that hold after correction for their number; else that none does, and what the intervals leave open."""
    rows = subgroup_rows(results)
    if not rows:
        return ""
    metric = str(results["metric"])
    worse = [row for row in rows if row["gap"] and row["p_holm"] is not None and row["p_holm"] < 0.05
             and (row["gap"]["mean"] < 0) != smaller_is_better(metric)]  # fmt: skip
    if worse:
        told = [(str(row["by"]), str(row["group"]), interval(row["gap"], 2, sign=True)) for row in worse]
        return sentences.gaps(metric_label(metric), told)
    found = [row["gap"] for row in rows if row["gap"]]
    if not found:
        return sentences.NO_GROUP
    return sentences.no_gap(max(max(-gap["low"], gap["high"]) for gap in found))


def learning_curve(results: Mapping[str, Any]) -> str:
    """Whether more patients of this kind would help the learner that is best on all of them."""
    found = results.get("learning_curve") or {}
    ends = {name: points[-1]["mean"] for name, points in found.get("learners", {}).items() if points[-1]["share"] == 1}
    known = {name: mean for name, mean in ends.items() if mean is not None and found["gains"].get(name)}
    said = [sentences.too_small(found.get("too_small") or [])]
    if known:
        best = max(known, key=lambda name: known[name])
        gain = found["gains"][best]
        certain = None if gain["low"] is None else gain["low"] > 0
        shown = interval(gain, 3, sign=True)
        said.append(sentences.gain(best, gain["from"], metric_label(found["metric"]), shown, certain=certain))
    return " ".join(filter(None, said))
