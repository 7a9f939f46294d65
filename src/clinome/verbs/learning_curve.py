"""The learning curve that `[evaluate] learning_curve` asks for, beside the results of a run."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import polars as pl

from clinome.console import Console
from clinome.run_folder import Run, key_of
from clinome.study import Study

if TYPE_CHECKING:
    from clinome.graphs.snapshot.snapshot import Snapshot
    from clinome.models.base.learner import Learner


def add_curve(run: Run, study: Study, snapshot: Snapshot, learners: Sequence[Learner], console: Console) -> None:
    """Put it into results.json, unless it is there or is not asked for; what is there and not asked for goes."""
    from clinome.models.experiment.learning_curve import learning_curve, plain, shares_of

    results = run.read_json("results.json")
    shares = shares_of(study.evaluate)
    key = key_of(run.read_json("run.json").get("train"), shares)
    if results.get("learning_curve", {}).get("key", key if not shares else "") == key:
        return
    results.pop("learning_curve", None)
    if shares and plain(learners):
        start = time.perf_counter()
        predictions = pl.read_parquet(run.path("predictions.parquet"))
        with console.jobs() as progress:
            found = learning_curve(
                snapshot, snapshot.folds, learners, predictions, study.evaluate, study.learn, progress
            )
        results["learning_curve"] = {**found, "key": key}
        run.log("learning curve", seconds=round(time.perf_counter() - start, 2))
    run.write_json("results.json", results)
