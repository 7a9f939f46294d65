"""Experiment of a clustering study: learners over the folds, judged by stability, by known groups where there are any, and on
permuted features, in which there is nothing to find."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import joblib
import numpy as np
import polars as pl
from scipy import sparse

from ....loaders.errors import InputError
from ...base.folds import carve, parts
from ...base.learner import Learner
from ...base.snapshot import DerivedSnapshot, Snapshot, derived
from ...base.splits import groups_of
from ...base.task import task_of
from ...base.threads import one_thread
from ...evaluation.fold_scores import FoldScores, draw, judge
from ...evaluation.predictions import prediction_table
from ...metrics.clustering import adjusted_rand
from ..registry import CHOSEN
from .clusterer import Clusterer
from .numbering import numbered_like, reordered

PERMUTED = "permuted_features"
PERMUTATIONS = 3
"""How often features are permuted over the cohort."""
HALVES = 5
"""Pairs of halves of a training part whose clusters are compared."""
NEAR = 0.02
"""Differences in stability that say nothing."""
WHOLE = -1
"""The fold of a fit on all rows."""


@dataclass(frozen=True)
class ClusterJob:
    """One learner in one fold, on all rows (fold WHOLE), or on all rows with permuted features (control)."""

    name: str
    repeat: int
    fold: int
    train: np.ndarray
    tuning: np.ndarray
    held_out: np.ndarray
    seed: int
    control: bool = False


@dataclass(frozen=True)
class ClusterFit:
    """What came of it. every: (rows,) the cluster of every row; stability: `halves_agree`, None of one cluster.

    kept: the share of training patients whom the rule for new ones gives the cluster that they were divided into.
    fitted: the learner, of a fit on all rows. failed: why there is none of this.
    """

    job: ClusterJob
    every: np.ndarray
    k: int
    stability: float | None
    seconds: float
    table: Sequence[Mapping[str, Any]] = ()
    kept: float | None = None
    fitted: Any = None
    failed: str | None = None


@dataclass(frozen=True)
class ClusterResults:
    """What a clustering study found.

    learners: name -> metrics, clusters (of each fold, and of all rows), stability, agreement, table of k, seconds.
    whole: name -> its fit on all rows. subtypes: (rows,) of `chosen` fitted on all rows. consensus: a picture of it.
    """

    learners: Mapping[str, dict[str, Any]]
    chosen: Sequence[dict[str, Any]]
    picked: str
    controls: Mapping[str, dict[str, Any]]
    failed: Sequence[dict[str, Any]]
    predictions: pl.DataFrame
    whole: Mapping[str, ClusterFit]
    subtypes: np.ndarray
    seconds: float
    judged: int = 0

    def as_json(self) -> dict[str, Any]:
        """results.json, as docs/results.md says."""
        sizes = np.bincount(self.subtypes).tolist()
        return {
            "task": "clustering", "metric": "stability", "chosen": list(self.chosen), "picked": self.picked,
            "clusters": len(sizes), "sizes": sizes, "known_groups": self.judged, "learners": dict(self.learners),
            "comparisons": [], "controls": dict(self.controls), "failed": list(self.failed), "cut": [],
            "seconds": self.seconds, "peak_mb": None,
        }  # fmt: skip


def run_clusters(
    snapshot: Snapshot,
    folds: pl.DataFrame,
    learners: Sequence[Learner],
    seed: int,
    workers: int = 1,
    ended: Callable[[ClusterFit], object] = lambda one: None,
) -> ClusterResults:
    """Every learner in every fold, on all rows, and on permuted features; no known group is looked at but to judge.

    Args:
        folds: repeat, fold, row, split (`models.base.folds.make_folds`).
        ended: is shown each job as it ends.
    Raises: InputError where every learner failed.
    """
    begun = time.perf_counter()
    names = [one.name for one in learners]
    jobs = cluster_jobs(snapshot, folds, names, seed)
    by_name = {one.name: one for one in learners}
    work = (joblib.delayed(run_cluster_job)(snapshot, by_name[job.name], job) for job in jobs)
    done: list[ClusterFit] = []
    for one in joblib.Parallel(n_jobs=max(1, min(workers, len(jobs))), return_as="generator")(work):
        done.append(one)
        ended(one)
    failed = [{"learner": one.job.name, "repeat": one.job.repeat, "fold": one.job.fold, "reason": one.failed}
              for one in done if one.failed]  # fmt: skip
    names = [name for name in names if name not in {one["learner"] for one in failed}]
    if not names:
        each = "; ".join(f"{one['learner']}: {one['reason']}" for one in failed)
        raise InputError("every learner failed", "learners", fix=each)
    found = _gathered(snapshot, names, [one for one in done if one.job.name in names], seed)
    return replace(found, failed=failed, seconds=time.perf_counter() - begun)


def cluster_jobs(snapshot: Snapshot, folds: pl.DataFrame, names: Sequence[str], seed: int) -> list[ClusterJob]:
    """The folds first, then all rows, then permuted features."""
    places = folds.select("repeat", "fold").unique().sort("repeat", "fold").rows()
    every = np.arange(snapshot.rows.height)
    whole = carve(snapshot.rows, snapshot.task, every, seed)
    out = []
    for name in names:
        out += [ClusterJob(name, repeat, fold, *parts(folds, repeat, fold), seed) for repeat, fold in places]
        out.append(ClusterJob(name, 0, WHOLE, *whole, every, seed))
        out += [ClusterJob(name, at, WHOLE, *whole, every, seed, control=True) for at in range(PERMUTATIONS)]
    return out


def run_cluster_job(snapshot: Snapshot, learner: Learner, job: ClusterJob) -> ClusterFit:
    """Fit, give every row its cluster, and compare the clusters of halves of the training part."""
    begun = time.perf_counter()
    every = np.arange(snapshot.rows.height)
    seen = permuted_features(snapshot, job.repeat) if job.control else snapshot
    with one_thread(learner):
        try:
            fitted = learner.with_setting({}, job.seed)
            fitted.fit(seen, job.train, job.tuning)
            clusters = _checked(fitted.predict(seen, every), len(every))
            k = len(np.unique(clusters[np.concatenate([job.train, job.tuning])]))
            stability = None if job.control or k == 1 else halves_agree(seen, learner, job, k)
        except Exception as error:
            if isinstance(learner, Clusterer):
                raise
            reason = f"{type(error).__name__}: {error}"
            return ClusterFit(job, every * 0, 1, None, time.perf_counter() - begun, failed=reason)
    return ClusterFit(
        job, clusters, k, stability, time.perf_counter() - begun,
        table=fitted.division.number.table if isinstance(fitted, Clusterer) else (), kept=fitted.kept if isinstance(fitted, Clusterer) else None,
        fitted=fitted if job.fold == WHOLE and not job.control else None,
    )  # fmt: skip


def halves_agree(snapshot: Snapshot, learner: Learner, job: ClusterJob, k: int) -> float:
    """Stability: two halves of a training part, each in k clusters, and how alike they divide the whole of it (adjusted Rand).

    Source: Lange et al. 2004, doi:10.1162/089976604773717621.
    """
    rows = np.sort(np.concatenate([job.train, job.tuning]))
    group = groups_of(snapshot.rows)[rows]
    who = np.unique(group)
    found = []
    for at in range(HALVES):
        rng = np.random.default_rng([job.seed, at, 41])
        first = np.isin(group, rng.permutation(who)[: len(who) // 2])
        sides = []
        for half in (rows[first], rows[~first]):
            setting = {"k": k} if isinstance(learner, Clusterer) else {}
            one = learner.with_setting(setting, job.seed)
            one.fit(snapshot, half, half[:0])
            sides.append(one.predict(snapshot, rows))
        found.append(adjusted_rand(*sides))
    return float(np.mean(found))


def permuted_features(snapshot: Snapshot, seed: int) -> DerivedSnapshot:
    """Each feature dealt anew over the rows that have its layer: all that features tell of each other is gone."""
    layers = {name: _dealt(layer, np.random.default_rng([seed, 29])) for name, layer in snapshot.layers.items()}
    views = {name: _dealt(layer, np.random.default_rng([seed, 31])) for name, layer in snapshot.views.items()}
    made = replace(derived(snapshot), layers=layers, views=views)
    if snapshot.events is None:
        return made
    order = np.random.default_rng([seed, 37]).permutation(snapshot.events.height)
    own = [name for name in snapshot.events.columns if name not in ("code", "numeric_value", "text_value")]
    rest = snapshot.events.drop(own)[order]
    return replace(made, events=pl.concat([snapshot.events.select(own), rest], how="horizontal"))


def _dealt(layer: Any, rng: np.random.Generator) -> Any:
    has = np.flatnonzero(layer.profiled)
    if sparse.issparse(layer.values):
        values = sparse.csc_matrix(layer.values, copy=True)
        for j in range(values.shape[1]):
            here = slice(values.indptr[j], values.indptr[j + 1])
            values.indices[here] = np.sort(rng.choice(has, here.stop - here.start, replace=False))
        return replace(layer, values=sparse.csr_matrix(values))
    dense = np.array(layer.values)
    dense[has] = rng.permuted(dense[has], axis=0)
    return replace(layer, values=dense)


def _checked(clusters: Any, n: int) -> np.ndarray:
    """Cluster numbers of a learner. Raises: ValueError for anything else."""
    found = np.asarray(clusters)
    if found.shape != (n,) or not np.isfinite(found).all() or (found != found.astype(np.int64)).any():
        raise ValueError(f"predict: got shape {found.shape}; expected {(n,)} whole numbers, one a row")
    return (
        np.unique(found.astype(np.int64), return_inverse=True)[1]
        if found.min(initial=0) < 0
        else found.astype(np.int64)
    )


def _gathered(snapshot: Snapshot, names: Sequence[str], done: Sequence[ClusterFit], seed: int) -> ClusterResults:
    folded = {name: [d for d in done if d.job.name == name and d.job.fold != WHOLE] for name in names}
    whole = {d.job.name: d for d in done if d.job.fold == WHOLE and not d.job.control}
    picked = choose({name: (whole[name].k, whole[name].stability) for name in names})
    y = task_of(snapshot.task).targets(snapshot.rows, snapshot.classes)
    scores: list[FoldScores] = []
    for name in names:
        scores += [_scored(name, y, one, whole[name].every) for one in folded[name]]
    chosen, best = [], []
    for place in [(d.job.repeat, d.job.fold) for d in folded[names[0]]]:
        here = {name: next(d for d in folded[name] if (d.job.repeat, d.job.fold) == place) for name in names}
        one = choose({name: (d.k, d.stability) for name, d in here.items()})
        best.append(_scored(CHOSEN, y, here[one], whole[picked].every))
        chosen.append({"repeat": place[0], "fold": place[1], "name": one, "clusters": here[one].k,
                       "inner": {name: d.stability for name, d in here.items()}})  # fmt: skip
    scores += best
    resamples = draw(snapshot, [one.rows for one in scores], seed)
    told = {name: _about(folded[name], whole[name]) for name in names}
    told[CHOSEN] = {
        "clusters": [one["clusters"] for one in chosen],
        "seconds": sum(one["seconds"] for one in told.values()),
    }
    for name, about in told.items():
        mine = [one for one in scores if one.learner == name]
        about["metrics"] = judge(snapshot, mine, resamples).table()
    controls = {
        f"{PERMUTED}:{name}": {"learner": name, "clusters": [d.k for d in done if d.job.control and d.job.name == name]}
        for name in names
    }
    return ClusterResults(
        told, chosen, picked, controls, [], prediction_table(snapshot, scores), whole, whole[picked].every, 0.0,
        int((y >= 0).sum()),
    )  # fmt: skip


def choose(found: Mapping[str, tuple[int, float | None]]) -> str:
    """The learner whose clusters agree best between halves of the training part; one cluster where most find one.

    Of those within NEAR of the best the one that is named first.
    Args: found: learner -> how many clusters, and how stable they are.
    Example:
        >>> choose({"consensus": (3, 0.9), "snf": (3, 0.8), "mixture": (1, None)})
        'consensus'
    """
    alone = [name for name, (k, _) in found.items() if k == 1]
    if 2 * len(alone) >= len(found):
        return alone[0]
    stable = {name: how or 0.0 for name, (k, how) in found.items() if k > 1}
    return next(name for name, how in stable.items() if how >= max(stable.values()) - NEAR)


def _scored(name: str, y: np.ndarray, one: ClusterFit, like: np.ndarray) -> FoldScores:
    """The held-out rows, their clusters called as those of `like` are, by the rows of the training part."""
    train = np.concatenate([one.job.train, one.job.tuning])
    order = numbered_like(one.every[train], like[train])
    held = one.job.held_out
    return FoldScores(name, one.job.repeat, one.job.fold, held, y[held], reordered(one.every, order)[held])


def _about(folded: Sequence[ClusterFit], whole: ClusterFit) -> dict[str, Any]:
    """What is said of a learner in results.json."""
    pairs = [adjusted_rand(a.every[rows], b.every[rows]) for i, a in enumerate(folded) for b in folded[:i]
             if len(rows := np.union1d(a.job.held_out, b.job.held_out))]  # fmt: skip
    several = len(np.unique(whole.every)) > 1
    return {
        "clusters": [one.k for one in folded], "clusters_of_all": whole.k, "stability": whole.stability,
        "stability_of_folds": [one.stability for one in folded],
        "agreement": float(np.mean(pairs)) if pairs and several else None, "kept": whole.kept,
        "number": list(whole.table), "seconds": sum(one.seconds for one in folded) + whole.seconds, "peak_mb": None,
    }  # fmt: skip
