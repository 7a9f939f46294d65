"""Headline of a report: task, cohort, performance, comparison with the best simple baseline, controls, warnings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from clinome.reports import sentences
from clinome.reports.findings import SIMPLE, differences, picked, ranked
from clinome.reports.format import chance_of, interval, metric_label, number, smaller_is_better


@dataclass(frozen=True)
class Headline:
    """verdict: better, unclear, worse or unknown, against the best simple baseline."""

    question: str
    figure: str
    verdict: str
    claim: str
    sentences: tuple[str, ...]


def headline(results: Mapping[str, Any], cohort: str) -> Headline:
    """What a colleague should take away, and nothing that the intervals do not carry.

    Args:
        results: results.json.
        cohort: who, in words.
    """
    metric = str(results.get("metric", ""))
    table = ranked(results, metric)
    mine = next((row for row in table if row["learner"] == "chosen"), None)
    if mine is None:
        return Headline(cohort, "", "unknown", sentences.NOT_CHOSEN, ())
    said = [
        sentences.performance(
            metric_label(metric, bool(results.get("competing"))), interval(mine, name="95% CI"), chance_of(metric)
        )
    ]
    if told := picked(results):
        said.append(told)
    simple = next((row for row in table if row["learner"] in SIMPLE), None)
    verdict, claim = ("unknown", sentences.NO_BASELINE) if simple is None else _against(results, metric, simple)
    best = next((row for row in table if row["learner"] != "chosen"), None)
    if best is not None:
        said.append(_best_single(results, metric, best))
    said += _controls(results.get("controls") or {}, table, metric)
    return Headline(cohort, number(mine["mean"], 2), verdict, claim, tuple(said))


def _against(results: Mapping[str, Any], metric: str, simple: Mapping[str, Any]) -> tuple[str, str]:
    """The verdict, and its sentence."""
    name, pair = str(simple["learner"]), differences(results, metric).get(str(simple["learner"]))
    if pair is None or pair.get("low") is None or pair.get("high") is None:
        return "unknown", sentences.against_baseline("unknown", name, simple["mean"], "")
    if {one["name"] for one in results.get("chosen") or []} == {name}:
        return "unclear", sentences.is_baseline(name, simple["mean"])
    above, below = pair["low"] > 0, pair["high"] < 0
    good, bad = (below, above) if smaller_is_better(metric) else (above, below)
    verdict = "better" if good else "worse" if bad else "unclear"
    return verdict, sentences.against_baseline(verdict, name, simple["mean"], interval(pair, sign=True))


def _best_single(results: Mapping[str, Any], metric: str, best: Mapping[str, Any]) -> str:
    """Of all learners, the simple ones among them: by the held-out metric, as the table shows it."""
    name, pair = str(best["learner"]), differences(results, metric).get(str(best["learner"]))
    if name in SIMPLE:
        return sentences.best_single(name, interval(best), is_baseline=True)
    if pair is None or pair.get("low") is None or pair.get("high") is None:
        return sentences.best_single(name, interval(best))
    apart = pair["low"] > 0 or pair["high"] < 0
    return sentences.best_single(name, interval(best), interval(pair, sign=True), apart=apart)


def _controls(controls: Mapping[str, Any], table: Sequence[Mapping[str, Any]], metric: str) -> list[str]:
    said = []
    permuted = controls.get("permuted_labels") or {}
    if permuted.get("mean") is not None:
        key = str(permuted.get("metric", ""))
        guess = chance_of(key)
        if guess is None:
            guess = next((row["mean"] for row in table if row["learner"] == "majority"), None)
        learner, above = str(permuted.get("learner", "a learner")), _above(permuted, guess)
        said.append(sentences.permuted_labels(learner, metric_label(key), interval(permuted), above=above))
    for name, shuffled in controls.items():
        if name.partition(":")[0] != "shuffled_graph" or not shuffled or shuffled.get("mean") is None:
            continue
        graph = next((row for row in table if row["learner"] == shuffled.get("learner")), None)
        if graph is None:
            continue
        falls = _falls(shuffled["mean"], graph, metric)
        said.append(sentences.shuffled_graph(graph["learner"], interval(shuffled), graph["mean"], falls=falls))
    for name in sentences.PROXIES:  # what gets above chance tells that how people were measured tells of the outcome
        control = controls.get(name) or {}
        chance = chance_of(control.get("metric"))
        if chance is not None and control.get("low") is not None and control["low"] > chance:
            learner, label = str(control.get("learner", "a learner")), metric_label(control["metric"])
            best = next((row["mean"] for row in table if row["learner"] != "chosen"), None)
            as_good = control["metric"] == metric and best is not None and control["mean"] >= best - sentences.AS_GOOD
            beside = number(best, 2) if as_good else ""
            said.append(sentences.confounded(name, learner, label, interval(control), beside))
    return said


def _above(control: Mapping[str, Any], chance: float | None) -> bool | None:
    if chance is None or smaller_is_better(control.get("metric")):
        return None
    outside = control.get("low") is not None and not control["low"] <= chance <= control["high"]
    return bool(outside and control["mean"] > chance)


def _falls(shuffled: float, graph: Mapping[str, Any], metric: str) -> bool | None:
    """Whether the network does worse on shuffled links than its interval allows."""
    low, high = graph.get("low"), graph.get("high")
    if low is None or high is None:
        return None
    return bool(shuffled > high if smaller_is_better(metric) else shuffled < low)


def warnings(n: int, events: int | None, features: Mapping[str, int], said: Sequence[str]) -> list[str]:
    """What the run warned of, and what follows from its size.

    Args:
        n: subjects. events: those with the event, or in the smallest class; None unknown.
        features: features by layer.
    """
    out = list(said)
    if n < 100:
        out.append(sentences.few_subjects(n))
    total = sum(features.values())
    if events is not None and events < 50:
        out.append(sentences.few_events(events))
    if events and total and events / total < 10:
        out.append(sentences.events_per_variable(events, total))
    return list(dict.fromkeys(out))
