"""A run folder as the pipeline leaves it, for the tests of the report."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from snapshots import CLASSES, make_snapshot

from clinome.graphs.snapshot.snapshot import Snapshot
from clinome.models.evaluation.calibration import calibrated
from clinome.models.evaluation.conformal import coverage
from clinome.models.evaluation.decisions.decision_curve import decision_curves
from clinome.models.evaluation.decisions.operating_point import Rule, operating_points
from clinome.models.evaluation.fold_scores import FoldScores, Inner, draw
from clinome.models.evaluation.intervals import FOLDS
from clinome.models.evaluation.predictions import parts_of, prediction_table
from clinome.models.evaluation.subgroups import groupings, subgroups
from clinome.models.metrics.metric import SurvivalCurves
from clinome.models.metrics.task_metrics import targets
from clinome.models.statistics.odds_ratios import odds_ratios
from clinome.models.statistics.table_one import table_one
from clinome.run_folder.summary import presence

HEADLINE = {"binary": "auroc", "multiclass": "accuracy", "survival": "c_index"}
SKILL = {"majority": 0.0, "covariates": 0.4, "best_feature": 0.6, "ridge_late": 1.3, "propagation": 1.0, "chosen": 1.4}


def make_run(folder: Path, task: str, n: int = 300, seed: int = 0) -> Path:
    """A run folder as the pipeline leaves it, from simulated predictions of known skill."""
    rng = np.random.default_rng(seed)
    snapshot = make_snapshot(task, n, seed, layers=("rna", "cnv", "mutations"), records=True, missing=0.2)
    (folder / "snapshot").mkdir(parents=True)
    snapshot.rows.write_parquet(folder / "cohort.parquet")
    outcome = snapshot.rows["event" if task == "survival" else "label"].cast(pl.String)
    table_one(snapshot.covariates, outcome).write_csv(folder / "table1.csv")
    steps = {"in store": n + 260, "returned by the query": n + 90, "labelled": n + 12, "with input before the fence": n}
    pl.DataFrame({"step": list(steps), "count": list(steps.values())}).write_csv(folder / "attrition.csv")
    predictions = pl.concat([_predictions(snapshot.rows, task, name, skill, rng) for name, skill in SKILL.items()])
    predictions.write_parquet(folder / "predictions.parquet")
    results = {**_results(predictions, task, rng), **_trust(snapshot, predictions)}
    for name, found in results.pop("calibrations").items():
        results["learners"][name]["calibration"] = found
    write_json(folder / "results.json", results)
    _biomarkers(rng).write_csv(folder / "biomarkers.csv")
    _enrichment(rng).write_csv(folder / "enrichment.csv")
    write_json(folder / "snapshot" / "manifest.json", {"sha256": {"rows.parquet": "ab" * 32, "rna.parquet": "cd" * 32}})
    layers = [
        {"name": v.name, "kind": v.kind, "features": v.var.height, "profiled": int(v.profiled.sum()), "missing": int((~v.profiled).sum())}
        for v in snapshot.layers.values()
    ]  # fmt: skip
    write_json(folder / "summary.json", {**_summary(task), "layers": layers, "presence": presence(snapshot)})
    return folder


def _predictions(rows: pl.DataFrame, task: str, name: str, skill: float, rng: np.random.Generator) -> pl.DataFrame:
    n = rows.height
    if task == "survival":
        truth = -np.log(rows["duration_days"].to_numpy())
    else:
        truth = np.array([CLASSES[task].index(str(label)) for label in rows["label"]], dtype=float)
    truth = (truth - truth.mean()) / truth.std()
    out = []
    for repeat in range(2):
        score = skill * truth + rng.standard_normal(n)
        frame = rows.select("subject_id", "prediction_time").with_columns(
            learner=pl.lit(name), repeat=repeat, fold=pl.int_range(n) % 5, row=pl.int_range(n)
        )
        if task == "survival":
            without = pl.Series(np.exp(-0.7 * np.exp(0.5 * score - 0.3)))
            frame = frame.with_columns(rows["duration_days"], rows["event"], score=pl.Series(score), survival=without)
        elif task == "binary":
            frame = frame.with_columns(y_true=rows["label"], score=pl.Series(1 / (1 + np.exp(-score))))
        else:
            logits = np.stack([-((score - c) ** 2) for c in (-1, 0, 1)], 1)
            share = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
            scores = {f"score_{c}": share[:, i] for i, c in enumerate(CLASSES[task])}
            frame = frame.with_columns(y_true=rows["label"], **scores)
        out.append(frame)
    return pl.concat(out)


def _results(predictions: pl.DataFrame, task: str, rng: np.random.Generator) -> dict[str, Any]:
    metric = HEADLINE[task]
    learners: dict[str, Any] = {}
    for name, skill in SKILL.items():
        folds = 0.5 + 0.22 * np.tanh(skill) + 0.03 * rng.standard_normal(10)
        mean, half = float(folds.mean()), float(2.3 * folds.std())
        found = {
            "mean": mean,
            "sd": float(folds.std()),
            "low": mean - half,
            "high": mean + half,
            "folds": folds.tolist(),
        }
        learners[name] = {
            "metrics": {metric: found, "brier": {**found, "mean": 0.2}},
            "seconds": 3.2,
            "peak_mb": 512.0,
            "settings": [],
        }
    comparisons = []
    for name in SKILL:
        if name != "chosen":
            d = learners["chosen"]["metrics"][metric]["mean"] - learners[name]["metrics"][metric]["mean"]
            pair = {"metric": metric, "low": d - 0.03, "high": d + 0.03, "p": 0.004, "p_holm": 0.02, "method": FOLDS}
            comparisons.append({"a": "chosen", "b": name, "difference": d, **pair})
    names = ["ridge_late"] * 8 + ["stack"] * 2
    values = (0.5 + 0.02 * rng.standard_normal(8)).tolist()
    control = {
        "metric": metric,
        "learner": "ridge_late",
        "mean": float(np.mean(values)),
        "low": 0.46,
        "high": 0.53,
        "folds": values,
    }
    shuffled = {**control, "mean": learners["propagation"]["metrics"][metric]["mean"], "learner": "propagation"}
    return {
        "task": task, "metric": metric, "learners": learners, "comparisons": comparisons,
        "chosen": [{"repeat": i // 5, "fold": i % 5, "name": v} for i, v in enumerate(names)],
        "model": {"name": "stack", "weights": {"ridge_late": 0.7, "propagation": 0.3}, "left_out": {"mine": "it is <odd>"}},
        "controls": {"permuted_labels": control, "shuffled_graph:propagation": shuffled,
                     "batch_only": {**control, "mean": 0.71, "low": 0.66, "high": 0.76}},
    }  # fmt: skip


def _trust(snapshot: Snapshot, predictions: pl.DataFrame) -> dict[str, Any]:
    """Calibration, decisions, optimism and subgroups, as a run makes them of these predictions."""
    task = snapshot.task
    found: dict[str, Any] = {"optimism": {"inner": 0.71, "held_out": 0.68, "difference": 0.03, "folds": 10}}
    parts = {name: parts_of(predictions, snapshot, name) for name in ("chosen", "ridge_late")}
    if task == "survival":
        parts = {name: [_curve(one, predictions) for one in its] for name, its in parts.items()}
        found["horizon_days"] = 700.0
    if task != "multiclass":
        found["decision"] = decision_curves(task, parts)
    chosen = parts["chosen"]
    sex = groupings([snapshot.covariates])
    drawn = draw(snapshot, [one.rows for one in chosen], 0)
    found["subgroups"] = subgroups(snapshot, chosen, sex, drawn)
    known = [
        replace(one, inner=Inner(other.rows, other.y, other.score))
        for one, other in zip(chosen, chosen[1:] + chosen[:1], strict=True)
    ]
    found["operating"] = operating_points(snapshot, known, drawn, Rule.parse("alerts <= 15%"))
    found["conformal"] = coverage(snapshot, prediction_table(snapshot, known), drawn, sex)
    y = targets(snapshot.rows, task, snapshot.classes)
    found["odds_ratios"] = odds_ratios(snapshot.covariates, y, np.arange(len(y)), task)
    found["calibrations"] = {
        name: c.as_json() for name, its in parts.items() if (c := calibrated(task, its, np.arange(300)))
    }
    return found


def _curve(one: FoldScores, predictions: pl.DataFrame) -> FoldScores:
    mine = predictions.filter(learner=one.learner, repeat=one.repeat, fold=one.fold)
    curves = mine["survival"].to_numpy()[:, None] ** np.array([0.5, 1.0, 1.5])
    return replace(one, followed=SurvivalCurves(one.y, np.array([350.0, 700.0, 1050.0]), curves))


def _biomarkers(rng: np.random.Generator, n: int = 60) -> pl.DataFrame:
    effect = np.sort(np.abs(rng.standard_normal(n)))[::-1] * rng.choice([-1, 1], n) * 0.2
    layer = rng.choice(["rna", "cnv", "mutations", "records", "covariates"], n, p=[0.5, 0.2, 0.1, 0.15, 0.05])
    feature = [f"ICD10CM:J{i}.1" if b == "records" else f"NCBIGene:{i}" for i, b in enumerate(layer)]
    symbol = [None if b in ("records", "covariates") else f"GENE{i}" for i, b in enumerate(layer)]
    importance = np.abs(effect) / np.abs(effect).sum()
    return pl.DataFrame(
        {
            "layer": layer, "feature": feature, "importance": importance, "name": symbol, "symbol": symbol, "effect": effect, "low": effect - 0.08,
            "high": effect + 0.08, "stability": np.linspace(1, 0, n).round(1), "rank": range(1, n + 1),
            "q": 10.0 ** np.linspace(-7, -0.1, n),
        }
    )  # fmt: skip


def _enrichment(rng: np.random.Generator) -> pl.DataFrame:
    names = ["Interferon alpha/beta signaling", "Cell cycle checkpoints", "Signalling <by> GPCR & co"]
    rows = [
        (f"REACT:R-HSA-{i}", v, "reactome", f"{9 - 3 * i}/{40 + i}", 10.0 ** (-6 + 2 * i)) for i, v in enumerate(names)
    ]
    schema = ["pathway", "name", "source", "overlap", "p"]
    return pl.DataFrame(rows, schema=schema, orient="row").with_columns(q=pl.col("p") * 3, background=pl.lit(1480))


def _summary(task: str) -> dict[str, Any]:
    return {
        "study": {
            "name": "demo", "covariates": ["age", "sex"], "params": {"days": 180},
            "task": {"kind": task, "label": "readmitted", "gap_days": 0.0, "horizon_days": 30.0, "target": None},
            "query": "MATCH (p:Patient)-[:DIAGNOSED]->(d:Diagnosis)\n// step: has RNA\nRETURN p.id AS subject_id",
        },
        "sources": [
            {"source": "rna", "read": 320, "written": 300, "merged": 8, "rejected": 12,
             "counts": {"symbols mapped to NCBIGene": 1498, "symbols that no table maps": 57}},
            {"source": "encounters", "read": 2210, "written": 2210, "merged": 0, "rejected": 0, "counts": {}},
        ],
        "records": {"events": 3120, "codes": 41, "subjects_with": 296, "static": {"clinical": 80, "imaging": 8}},
        "warnings": ["The clock of this study is relative: dates are offsets, and no season can be learned."],
        "versions": {"clinome": "0.1.0", "python": "3.11"},
        "commands": ["clinome run study.toml"],
        "graph": {"labels": {"Patient": 560, "Gene": 1480}, "relationships": {"EXPRESSES": 20111}},
        "device": "cpu",
    }  # fmt: skip


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(value), encoding="utf-8")
