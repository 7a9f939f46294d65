"""Jobs of a links study: one learner in one fold, or its twin: tune, fit, score, rank what was held out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import Any

import joblib
import numpy as np
import polars as pl

from ...base.threads import one_thread, quiet_restarts
from .graph import LinkGraph
from .hold_out import HoldOut, inner
from .learner import BaseLinkLearner, LinkLearner
from .ranks import KNOWN, NEW, held_out_ranks, per_query
from .registry import RANKERS
from .twins import EDGELESS, SHUFFLED, twin

TOP = 20
"""Candidates of each list that are kept for a query."""
_AT_ONCE = 512


@dataclass(frozen=True)
class LinkJob:
    """control: "", or the twin that learns instead of the graph itself, by the setting that the learner itself chose.

    trials: settings to try at the most. judged: whether it is judged inside the training part also where it has one
    setting only, since something is chosen by it.
    """

    name: str
    control: str
    hold_out: HoldOut
    seed: int
    trials: int = 1
    judged: bool = False
    setting: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class LinkJobResult:
    """ranks: of `ranks.held_out_ranks`. top: the first candidates of each query. failed: of one's own learner, why.

    setting, inner: what did best on links held out once more inside the training part, and its MRR there.
    """

    job: LinkJob
    ranks: pl.DataFrame
    top: pl.DataFrame
    seconds: float
    weights: dict[str, Any] = field(default_factory=dict)
    failed: str | None = None
    setting: Mapping[str, Any] = field(default_factory=dict)
    inner: float | None = None


def run_jobs(
    graph: LinkGraph, learners: dict[str, LinkLearner], splits: Sequence[HoldOut], seed: int, workers: int,
    ended: Callable[[LinkJobResult], object], trials: int = 1,
) -> list[LinkJobResult]:  # fmt: skip
    """Every learner in every split, then the twins of those that learn on the graph; equal for any number of workers."""
    several = len(learners) > 1
    jobs = [LinkJob(name, "", one, seed, trials, several) for name in learners for one in splits]
    found = _all_of(graph, learners, jobs, workers, ended)
    twins = [replace(one.job, control=control, setting=one.setting)
             for one in found if one.failed is None for control in controls(one.job.name)[1:]]  # fmt: skip
    return found + _all_of(graph, learners, twins, workers, ended)


def _all_of(
    graph: LinkGraph, learners: dict[str, LinkLearner], jobs: Sequence[LinkJob], workers: int,
    ended: Callable[[LinkJobResult], object],
) -> list[LinkJobResult]:  # fmt: skip
    work = (joblib.delayed(run_job)(graph, learners[job.name], job) for job in jobs)
    found: list[LinkJobResult] = []
    if not jobs:
        return found
    with quiet_restarts():
        for one in joblib.Parallel(n_jobs=max(1, min(workers, len(jobs))), return_as="generator")(work):
            found.append(one)
            ended(one)
    return found


def run_job(graph: LinkGraph, learner: LinkLearner, job: LinkJob) -> LinkJobResult:
    """Tune and fit on the graph without the held-out links, rank the queries that lost some."""
    begun, held = time.perf_counter(), graph.links[job.hold_out.held]
    seen = graph.without(job.hold_out.held)
    empty = pl.DataFrame()
    seed = int(np.random.SeedSequence([job.seed, job.hold_out.repeat, job.hold_out.fold]).generate_state(1)[0])
    setting, inside = job.setting, None
    with one_thread():
        given = twin(seen, job.control, job.seed) if job.control else seen
        try:
            if not job.control:
                setting, inside = tuned(learner, given, seed, job.trials, judged=job.judged)
            fresh = fitted(learner, given, seed, setting)
            ranks, top = [], []
            for part, score in scored(fresh, np.unique(held[:, 0]), seen.shape[1]):
                ranks.append(held_out_ranks(seen, held[np.isin(held[:, 0], part)], part, score, job.seed))
                top += [] if job.control else [_told(ranks[-1], pl.concat(tops(seen, part, score)))]
        except Exception as error:
            if job.name in RANKERS:
                raise
            return LinkJobResult(
                job, empty, empty, time.perf_counter() - begun, failed=f"{type(error).__name__}: {error}"
            )
    place = {"repeat": job.hold_out.repeat, "fold": job.hold_out.fold}
    about = [pl.lit(value).cast(pl.Int64).alias(name) for name, value in place.items()]
    weights = fresh.weights() if isinstance(fresh, BaseLinkLearner) else {}
    both = [(pl.concat(table) if table else empty).with_columns(about) for table in (ranks, top)]
    return LinkJobResult(job, both[0], both[1], time.perf_counter() - begun, weights, None, setting, inside)


def tuned(
    learner: LinkLearner, graph: LinkGraph, seed: int, trials: int, *, judged: bool
) -> tuple[Mapping[str, Any], float | None]:
    """The setting that does best on links held out once more inside this graph, as the run holds out; and its MRR there.

    judged: try also where there is one setting only. Where nothing can be held out, the plain setting, and None.
    """
    grid = learner.grid[: max(1, trials)] if isinstance(learner, BaseLinkLearner) else ({},)
    if len(grid) == 1 and not judged:
        return grid[0], None
    seen, held = inner(graph, seed)
    if not len(held) or not len(seen.links):
        return grid[0], None
    found = []
    for setting in grid:
        fresh = fitted(learner, seen, seed, setting)
        ranks = [held_out_ranks(seen, held[np.isin(held[:, 0], part)], part, score, seed)
                 for part, score in scored(fresh, np.unique(held[:, 0]), seen.shape[1])]  # fmt: skip
        table = pl.concat(ranks).with_columns(repeat=pl.lit(0), fold=pl.lit(0))
        found.append(float(per_query(table, graph.hold_out)["mrr"].mean()))  # type: ignore[arg-type]
    best = int(np.argmax(found))
    return grid[best], found[best]


def fitted(learner: LinkLearner, graph: LinkGraph, seed: int, setting: Mapping[str, Any] | None = None) -> LinkLearner:
    """A fresh copy of a learner, fitted."""
    if isinstance(learner, BaseLinkLearner):
        fresh: LinkLearner = learner.fresh(seed, setting)
    else:
        fresh = deepcopy(learner)
        if hasattr(fresh, "seed"):
            fresh.seed = seed
    fresh.fit(graph)
    return fresh


def scored(learner: LinkLearner, queries: np.ndarray, candidates: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Queries and their scores, part by part. Raises: ValueError for scores of another shape, or that are no numbers."""
    for begin in range(0, len(queries), _AT_ONCE):
        part = queries[begin : begin + _AT_ONCE]
        score = np.asarray(learner.score(part), dtype=np.float64)
        if score.shape != (len(part), candidates) or not np.isfinite(score).all():
            raise ValueError(
                f"score: got shape {score.shape}, finite: {np.isfinite(score).all()}; expected finite {(len(part), candidates)}"
            )
        yield part, score


def tops(graph: LinkGraph, queries: np.ndarray, score: np.ndarray) -> Iterator[pl.DataFrame]:
    """The first candidates of each query that it has no link to, the known and the new ones apart."""
    linked, known = graph.matrix(), graph.degree() > 0
    for which, mine in ((KNOWN, known), (NEW, ~known)):
        among = np.flatnonzero(mine)
        if not len(among):
            continue
        s = score[:, among].copy()
        s[linked[queries][:, among].toarray() > 0] = -np.inf
        first = (
            np.argpartition(-s, TOP - 1, axis=1)[:, :TOP]
            if len(among) > TOP
            else np.tile(np.arange(len(among)), (len(s), 1))
        )
        first = np.sort(first, axis=1)
        order = np.argsort(-np.take_along_axis(s, first, axis=1), axis=1, kind="stable")
        first = np.take_along_axis(first, order, axis=1)
        value = np.take_along_axis(s, first, axis=1)
        rows, place = np.nonzero(np.isfinite(value))
        yield pl.DataFrame(
            {
                "query": queries[rows],
                "candidate": among[first[rows, place]],
                "list": which,
                "rank": place + 1,
                "score": value[rows, place],
            }
        )


def _told(ranks: pl.DataFrame, top: pl.DataFrame) -> pl.DataFrame:
    """The first candidates of each query, and beside them its held-out links with their filtered ranks in the list."""
    held = ranks.select("query", "candidate", "list", "score", rank=pl.col("rank_in_list"), held_out=pl.lit(True))
    others = top.join(held, on=["query", "candidate"], how="anti").with_columns(
        pl.col("rank").cast(pl.Float64), held_out=pl.lit(False)
    )
    return pl.concat([held, others.select(held.columns)]).sort("query", "list", "rank")


def controls(name: str) -> tuple[str, ...]:
    """ "" for the graph itself, then the twins that a learner has."""
    return ("", SHUFFLED, EDGELESS) if name in RANKERS and RANKERS[name].graph else ("",)
