"""One answer whatever the number of workers, the order in which they end, and what a process had loaded before."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import polars as pl
import pytest
from equal_results import equal
from snapshots import make_snapshot

from clinome.models.base.specs import Evaluate, Learn
from clinome.models.experiment import run as harness
from clinome.models.experiment.results import Results
from clinome.models.experiment.workers import Workers
from clinome.models.learners.registry import select

QUICK = ("majority", "covariates", "best_feature", "ridge_late")


def run(names: Sequence[str], workers: int, task: str = "binary", **kind: Any) -> Results:
    snapshot = make_snapshot(task, n=60, features=12, rows_per_subject=2, **kind)
    learners = select(snapshot, names)[0]
    assert len(learners) == len(names)
    return harness.run(snapshot, learners, Evaluate(), Learn(trials=1, workers=workers), keep=True)


class Backwards(Workers):
    """The last that was asked for ends first."""

    def __call__(self, work: Any, asked: Sequence[Any]) -> Iterator[Any]:
        yield from reversed(list(super().__call__(work, asked)))


@pytest.mark.parametrize("task", ["binary", "multiclass", "survival"])
def test_the_order_in_which_units_end_does_not_show(task: str, monkeypatch: pytest.MonkeyPatch) -> None:
    forwards = run(QUICK, 1, task)
    monkeypatch.setattr(harness, "workers_for", lambda snapshot, learners, learn, _: Backwards(snapshot, learners, 1))
    equal(run(QUICK, 1, task), forwards)


def test_two_workers_find_what_one_finds() -> None:
    equal(run(QUICK, 2), run(QUICK, 1))


@pytest.mark.slow
def test_one_two_and_eight_workers_find_the_same() -> None:
    """Eight units: with eight workers each has a process of its own."""
    snapshot = make_snapshot(n=60, features=12)
    snapshot = replace(snapshot, folds=snapshot.folds.filter(pl.col("fold") < 2))
    learners = select(snapshot, ("ridge_late", "forest", "boosting", "propagation"))[0]

    def found(workers: int) -> Results:
        return harness.run(snapshot, learners, Evaluate(), Learn(trials=1, workers=workers), controls=False)

    one = found(1)
    for workers in (2, 8):
        equal(found(workers), one)


LATE = """
from clinome.models.base.threads import one_thread
with one_thread():
    import sklearn.ensemble, scipy.linalg
    from sklearn.utils._openmp_helpers import _openmp_effective_n_threads
    from threadpoolctl import threadpool_info
    assert _openmp_effective_n_threads() == 1
    assert {one["num_threads"] for one in threadpool_info()} == {1}, threadpool_info()
assert _openmp_effective_n_threads() == 3
"""


def test_libraries_that_load_late_use_one_thread_too() -> None:
    """A process whose first fit loads scikit-learn must not fit it with all cores, and the next with one."""
    env = {**os.environ, "OMP_NUM_THREADS": "3", "OPENBLAS_NUM_THREADS": "3"}
    subprocess.run([sys.executable, "-c", LATE], env=env, check=True)
