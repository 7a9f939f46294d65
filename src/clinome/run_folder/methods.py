"""Facts of the methods of a run, for `methods.md` and summary.json: what was done, as numbers and words, when it was done."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl

from clinome.models.base.folds import TUNING
from clinome.models.base.specs import Evaluate, Learn
from clinome.models.base.task import task_of
from clinome.models.evaluation.bootstrap import RESAMPLES
from clinome.models.evaluation.intervals import LEVEL
from clinome.models.evaluation.subgroups import HIDDEN
from clinome.run_folder.prepared import Prepared


def methods_of(ready: Prepared) -> dict[str, Any]:
    """What was done, for summary.json; JSON values. Constants of the methods are here too, so that a text can name them."""
    from clinome.models.evaluation.conformal import LEVEL as COVERED
    from clinome.models.experiment.run import MANY, PERMUTATIONS
    from clinome.models.experiment.tuning import FEW, INNER
    from clinome.models.learners.baselines.boosting import MORE, ROUNDS
    from clinome.models.preprocessing.scaling import CLIP, WINSORISED
    from clinome.models.preprocessing.tree_table import BEST, WIDE

    snapshot, study, cohort = ready.snapshot, ready.study, ready.cohort
    rows = snapshot.rows
    return {
        **dated(),
        "rows": rows.height,
        "patients": rows["subject_id"].n_unique(),
        "timed": "prediction_time" in rows.columns and rows["prediction_time"].null_count() < rows.height,
        "attrition": [{"step": one.step, "count": one.count} for one in cohort.steps],
        "outcome": outcome_of(rows, snapshot.task, snapshot.classes),
        "evaluate": evaluate_of(study.evaluate, snapshot.folds),
        "learn": learn_of(study.learn),
        "tuning": {"inner_folds": INNER, "one_split_above_rows": FEW, "tuning_percent": round(100 * TUNING)},
        "layers": {one.name: _steps(one) for one in study.omics},
        "scaling": {"winsorised_percentiles": [round(100 * one) for one in WINSORISED], "clip": CLIP},
        "trees": {"wide_layer": WIDE, "best_features": BEST},
        "boosting": {"rounds": ROUNDS, "chosen_from_rows": MORE},
        "mutations": {"least_patients": 2, "least_percent": 1},
        "intervals": {"percent": round(100 * LEVEL), "resamples": RESAMPLES},
        "permutations": PERMUTATIONS if rows.height <= MANY else 1,
        "prediction_sets_percent": round(100 * COVERED),
        "least_patients_of_a_group": HIDDEN,
        "stability_first": 20,
        "matching": None if study.matching is None else vars(study.matching),
        "threshold": study.report.threshold,
    }  # fmt: skip


def dated() -> dict[str, str]:
    """When it was done, and by which Python."""
    return {"date": datetime.now(UTC).date().isoformat(), "python": platform.python_version()}


def evaluate_of(evaluate: Evaluate, folds: pl.DataFrame) -> dict[str, Any]:
    """How rows were held out, and how many folds that made."""
    given = {name: _plain(value) for name, value in vars(evaluate).items()}
    return given | {
        "folds": int(folds["fold"].n_unique()),
        "repeats": int(folds["repeat"].n_unique()),
        "from_file": isinstance(evaluate.folds, Path),
    }


def learn_of(learn: Learn) -> dict[str, Any]:
    """How learners were tuned."""
    names = ("trials", "minutes", "fusion", "select", "survival_head", "pretrain", "devices", "nodes")
    return {name: _plain(getattr(learn, name)) for name in names} | {"encoder": learn.encoder is not None}


def outcome_of(rows: pl.DataFrame, task: str, classes: tuple[str, ...] | list[str]) -> dict[str, Any]:
    """The outcome of the cohort, counted as its kind is."""
    kind = task_of(task)
    if not kind.supervised:
        return {}
    if kind.over_time:
        days = rows["duration_days"].cast(pl.Float64)
        events = int(rows["event"].cast(pl.Int64).sum())
        found = {
            "events": events,
            "share": events / max(rows.height, 1),
            "median_days": float(days.quantile(0.5, "linear") or 0),
        }
        rival = int(rows["competing"].cast(pl.Int64).sum()) if "competing" in rows.columns else None
        return found if rival is None else found | {"competing": rival}
    label = rows["label"]
    if kind.numeric:
        number = label.cast(pl.Float64)
        low, middle, high = (float(number.quantile(at, "linear") or 0) for at in (0.25, 0.5, 0.75))
        return {"median": middle, "first_quartile": low, "third_quartile": high}
    if kind.own_units:
        held = [sum(one is not None for one in row) for row in label]
        width = len(label[0]) if rows.height else 0
        return {"endpoints": width, "measured_share": sum(held) / max(width * rows.height, 1)}
    if not kind.exclusive:
        return {"labels": dict(sorted(label.explode().drop_nulls().cast(pl.String).value_counts().iter_rows()))}
    if kind.label_type == "boolean":
        events = int(label.cast(pl.Float64).sum())
        return {"events": events, "share": events / max(rows.height, 1)}
    return {"classes": dict(sorted(label.cast(pl.String).value_counts().iter_rows()))}


def _steps(layer: Any) -> dict[str, Any]:
    """What a study asks of a layer before it is scaled."""
    names = ("scale", "correct", "impute", "activity", "pathways", "least_genes", "keep_genes")
    return {name: _plain(getattr(layer, name)) for name in names}


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return value.name
    if isinstance(value, datetime | date):
        return value.isoformat()[:10]
    return list(value) if isinstance(value, tuple) else dict(value) if isinstance(value, Mapping) else value
