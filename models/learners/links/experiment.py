"""Experiment of a links study: learners and twins over the splits, judged by query, and compared in pairs."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from ....loaders.errors import InputError
from ...base.specs import Evaluate
from .graph import LinkGraph
from .hold_out import hold_outs
from .intervals import METHOD, Difference, corrected, difference, means
from .jobs import LinkJobResult, fitted, run_jobs, scored, tops
from .learner import LinkLearner
from .ranks import KNOWN, NEW, per_list, per_query
from .registry import RANKERS

CHOSEN, PRIMARY = "chosen", "mrr"
COMPARED = ("mrr", "recall@20")
"""Metrics of the paired differences."""


@dataclass(frozen=True)
class LinkResults:
    """What a links study found.

    learners: name -> metrics, lists (the same of known and of new candidates), seconds, weights and setting a fold.
    chosen: what it was in each fold, and each learner's MRR inside the training part. predictions, ranking: positions of queries and candidates. ranking: the first candidates of every
    query, by the learner that did best, fitted on all links.
    """

    graph: LinkGraph
    learners: Mapping[str, dict[str, Any]]
    chosen: Sequence[dict[str, Any]]
    comparisons: Sequence[Difference]
    controls: Mapping[str, dict[str, Any]]
    best_simple: str | None
    failed: Sequence[dict[str, Any]]
    predictions: pl.DataFrame
    ranking: pl.DataFrame
    ranked_by: str
    held_out: int
    seconds: float
    notes: Sequence[str] = field(default_factory=tuple)

    def as_json(self) -> dict[str, Any]:
        """results.json."""
        graph = self.graph
        return {
            "task": "links", "metric": PRIMARY, "hold_out": graph.hold_out, "query": graph.query,
            "candidate": graph.candidate, "queries": graph.shape[0], "candidates": graph.shape[1],
            "links": len(graph.links), "held_out": self.held_out, "intervals": METHOD,
            "relations": [{"predicate": one.predicate, "source": one.source, "target": one.target,
                           "edges": len(one.pairs)} for one in graph.relations],
            "learners": dict(self.learners), "chosen": list(self.chosen), "best_simple": self.best_simple,
            "ranked_by": self.ranked_by, "comparisons": [one.as_json() for one in self.comparisons],
            "controls": dict(self.controls), "failed": list(self.failed), "seconds": self.seconds,
            "notes": list(self.notes),
        }  # fmt: skip


def run_links(
    graph: LinkGraph, learners: Mapping[str, LinkLearner], evaluate: Evaluate, workers: int = 1,
    ended: Callable[[LinkJobResult], object] = lambda one: None, trials: int = 1,
) -> LinkResults:  # fmt: skip
    """Every learner on the same held-out links, with intervals over queries.

    Args:
        learners: by name, ours and one's own.
        evaluate: folds, repeats, seed; for hold_out "time" the date `after`.
        ended: is shown each job as it ends. trials: settings that a learner may try inside each training part.
    Raises: InputError where nothing can be held out, and where every learner failed.
    """
    begun = time.perf_counter()
    assert isinstance(evaluate.folds, int)
    after = evaluate.after.year if evaluate.after else None
    splits = list(hold_outs(graph, evaluate.folds, evaluate.repeats, evaluate.seed, after))
    done = run_jobs(graph, dict(learners), splits, evaluate.seed, workers, ended, trials)
    failed = [{"learner": one.job.name, "repeat": one.job.hold_out.repeat, "fold": one.job.hold_out.fold, "reason": one.failed}
              for one in done if one.failed]  # fmt: skip
    out = {one["learner"] for one in failed}
    names = [name for name in learners if name not in out]
    if not names:
        each = "; ".join(f"{one['learner']}: {one['reason']}" for one in failed)
        raise InputError("every learner failed", "learners", fix=each)
    ranks = {name: _ranks(done, name, "") for name in names}
    tables = {name: per_query(ranks[name], graph.hold_out) for name in names}
    told = {name: _about(done, name, ranks[name], tables[name], evaluate.seed) for name in names}
    chosen = _chosen(done, names)
    if chosen:
        tables[CHOSEN] = _picked(tables, chosen)
        ranks[CHOSEN] = _picked(ranks, chosen)
        told[CHOSEN] = _judged(ranks[CHOSEN], tables[CHOSEN], evaluate.seed) | {
            "seconds": sum(one["seconds"] for one in told.values())
        }
    simple = _best(tables, [name for name in names if name in RANKERS and RANKERS[name].simple])
    best = _best(tables, names) or names[0]
    pairs = [(name, simple) for name in tables if simple and name != simple]
    controls, against = _controls(done, names, graph.hold_out, tables, evaluate.seed)
    compared = [one for metric in COMPARED for one in
                corrected([difference(a, b, {**tables, **against}, metric, evaluate.seed)
                           for a, b in (*pairs, *((name.split("/")[0], name) for name in against))])]  # fmt: skip
    predictions = [
        one.top.with_columns(learner=pl.lit(one.job.name)) for one in done if one.top.height and one.job.name in names
    ]
    return LinkResults(
        graph, told, chosen, compared, controls, simple, failed, pl.concat(predictions),
        _ranking(graph, learners[best], evaluate.seed, _setting(done, best)), best, int(sum(one.held.sum() for one in splits)),
        time.perf_counter() - begun,
    )  # fmt: skip


def _ranks(done: Sequence[LinkJobResult], name: str, control: str) -> pl.DataFrame:
    return pl.concat([one.ranks for one in done if (one.job.name, one.job.control) == (name, control)])


def _judged(ranks: pl.DataFrame, table: pl.DataFrame, seed: int) -> dict[str, Any]:
    lists = {which: means(per_list(ranks, which), seed) for which in (KNOWN, NEW)}
    return {"metrics": means(table, seed), "lists": lists}


def _about(
    done: Sequence[LinkJobResult], name: str, ranks: pl.DataFrame, table: pl.DataFrame, seed: int
) -> dict[str, Any]:
    mine = [one for one in done if one.job.name == name and not one.job.control]
    seconds, weights = sum(one.seconds for one in mine), [one.weights for one in mine if one.weights]
    return _judged(ranks, table, seed) | {
        "seconds": seconds,
        "weights": weights,
        "settings": [dict(one.setting) for one in mine],
    }


def _chosen(done: Sequence[LinkJobResult], names: Sequence[str]) -> list[dict[str, Any]]:
    """In each fold the learner that did best on links held out once more inside its training part: no held-out link has a
    say. Nothing where there is one learner, or where nothing could be held out inside."""
    score: dict[tuple[int, int], dict[str, float]] = {}
    for one in done:
        if one.job.name in names and not one.job.control and one.inner is not None:
            score.setdefault((one.job.hold_out.repeat, one.job.hold_out.fold), {})[one.job.name] = one.inner
    if not score or any(len(one) < len(names) for one in score.values()):
        return []
    return [{"repeat": repeat, "fold": fold, "name": max(found, key=lambda name: found[name]), "inner": found}
            for (repeat, fold), found in sorted(score.items())]  # fmt: skip


def _setting(done: Sequence[LinkJobResult], name: str) -> Mapping[str, Any]:
    """The setting of a learner that was chosen most often, of equal ones the first."""
    mine = [one.setting for one in done if one.job.name == name and not one.job.control]
    return max(mine, key=mine.count)


def _picked(tables: Mapping[str, pl.DataFrame], chosen: Sequence[dict[str, Any]]) -> pl.DataFrame:
    return pl.concat(
        [
            tables[one["name"]].filter((pl.col("repeat") == one["repeat"]) & (pl.col("fold") == one["fold"]))
            for one in chosen
        ]
    )


def _best(tables: Mapping[str, pl.DataFrame], names: Sequence[str]) -> str | None:
    return max(names, key=lambda name: float(tables[name][PRIMARY].mean()), default=None)  # type: ignore[arg-type]


def _controls(
    done: Sequence[LinkJobResult], names: Sequence[str], hold_out: str, tables: Mapping[str, pl.DataFrame], seed: int
) -> tuple[dict[str, dict[str, Any]], dict[str, pl.DataFrame]]:
    """Twins: what each reaches, and their tables, as `LEARNER/TWIN`."""
    told, found = {}, {}
    for name, control in sorted(
        {(one.job.name, one.job.control) for one in done if one.job.control and one.job.name in names}
    ):
        table = per_query(_ranks(done, name, control), hold_out)
        found[f"{name}/{control}"] = table
        told[f"{name}/{control}"] = {"learner": name, "control": control, "metrics": means(table, seed)}
    return told, found


def _ranking(graph: LinkGraph, learner: LinkLearner, seed: int, setting: Mapping[str, Any]) -> pl.DataFrame:
    """The first candidates of every query, new links that nobody has told yet, by a learner fitted on all of them."""
    fresh = fitted(learner, graph, seed, setting)
    parts = [
        one
        for part, score in scored(fresh, np.arange(graph.shape[0]), graph.shape[1])
        for one in tops(graph, part, score)
    ]
    return pl.concat(parts).sort("query", "list", "rank")
