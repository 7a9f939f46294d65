"""The learning curve that `[evaluate] learning_curve` asks for, beside the results of a run."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import polars as pl

from clinome.console import Console
from clinome.reports.headline import METRIC, interval
from clinome.run_folder import Run, key_of
from clinome.study import Study

if TYPE_CHECKING:
    from clinome.graphs.snapshot.snapshot import Snapshot
    from clinome.models.base.learner import Learner


def add_curve(run: Run, study: Study, snapshot: Snapshot, learners: Sequence[Learner], say: Console) -> None:
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
        found = learning_curve(snapshot, snapshot.folds, learners, predictions, study.evaluate, study.learn, say)
        results["learning_curve"] = {**found, "key": key}
        run.log("learning curve", seconds=round(time.perf_counter() - start, 2))
    run.write_json("results.json", results)


def curve_in_words(results: Mapping[str, Any]) -> str:
    """Whether more patients of this kind would help the learner that is best on all of them."""
    found = results.get("learning_curve") or {}
    ends = {name: points[-1]["mean"] for name, points in found.get("learners", {}).items() if points[-1]["share"] == 1}
    known = {name: mean for name, mean in ends.items() if mean is not None and found["gains"].get(name)}
    small = found.get("too_small") or []
    said = (
        f"Parts of {', '.join(f'{share:.0%}' for share in small)} are left out: some held too few patients. "
        if small
        else ""
    )
    if not known:
        return said.strip()
    best = max(known, key=lambda name: known[name])
    gain = found["gains"][best]
    name = METRIC.get(found["metric"], found["metric"])
    text = f"From {gain['from']:.0%} of the training rows to all of them {best} gains {interval(gain, 3, sign=True)} in {name}"
    if gain["low"] is None:
        return f"{said}{text}."
    if gain["low"] > 0:
        return f"{said}{text}: more patients of this kind would very likely help."
    return f"{said}{text}: it is not shown that more patients of this kind would help."
