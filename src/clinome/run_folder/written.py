"""Write a run back into the graph: what it ranks and predicts, its embeddings, and where its numbers come from."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import polars as pl

from clinome.graph import open_store
from clinome.run_folder.run import EMBEDDINGS, Run
from clinome.study import Study

if TYPE_CHECKING:
    from clinome.graphs.store.protocol import VectorStore


def write_run(study: Study, run: Run, ranked: pl.DataFrame) -> None:
    """(:Run)-[:RANKS]->(feature), -[:PREDICTS]->(:Patient), -[:USED]->(:Cohort), in place of what it wrote before.

    Args:
        ranked: biomarkers.csv, as `store_run` takes it.
    Raises: EngineError if the store is locked or away.
    """
    from clinome.graphs.ingest.write_back import store_run
    from clinome.graphs.tables.study_tables import Tables

    predictions, own = pl.read_parquet(run.path("predictions.parquet")), Tables(study.tables, study.name).study
    rows = pl.read_parquet(run.path("cohort.parquet"), columns=["subject_id", "prediction_time"])
    cohort = (f"{own}/{study.name}", rows)
    with open_store(study, write=True) as store:
        store.prepare()
        store_run(store, run.name, ranked, _risks(predictions), own, about(run), cohort)
        _write_embeddings(store, run, own)
        store.save()


def about(run: Run) -> dict[str, Any]:
    """What a number of a run rests on, as properties of its node: learner (picked most often), metric with its value and
    95 % interval on held-out rows, seed, versions, the study file's and the data files' SHA-256, as they were in training."""
    results, summary = run.read_json("results.json"), run.read_json("summary.json")
    metric, study = results.get("metric"), summary.get("study", {})
    score = results.get("learners", {}).get("chosen", {}).get("metrics", {}).get(metric) or {}
    read = summary.get("read", [])
    return {
        "learner": run.summary()["chosen"], "metric": metric, "value": score.get("mean"), "low": score.get("low"),
        "high": score.get("high"), "seed": study.get("seed"), "study_sha256": study.get("sha256"),
        "versions": json.dumps(summary.get("versions", {}), sort_keys=True), "inputs": [one["input"] for one in read],
        "loads": [one["load"] for one in read], "files": [one["file"] for one in read],
        "sha256": [one["sha256"] for one in read],
    }  # fmt: skip


def _risks(predictions: pl.DataFrame) -> pl.DataFrame:
    """subject_id, risk: the mean of the held-out scores of `chosen`; nobody where a row has no one score."""
    if "score" not in predictions.columns:
        return pl.DataFrame(schema={"subject_id": pl.String, "risk": pl.Float64})
    chosen = predictions.filter(pl.col("learner") == "chosen")
    return chosen.group_by("subject_id").agg(pl.col("score").mean().alias("risk")).sort("subject_id")


def _write_embeddings(store: VectorStore, run: Run, study: str) -> None:
    """The run's own vectors, where `clinome.embed` has made some since it was trained: older ones are another run's."""
    from clinome.graphs.ingest.write_embeddings import write_embeddings

    path = run.folder / EMBEDDINGS
    if path.is_file() and path.stat().st_mtime >= (run.folder / "predictions.parquet").stat().st_mtime:
        for (learner,), table in pl.read_parquet(path).group_by("learner", maintain_order=True):
            write_embeddings(store, table, f"{study}/{run.name}/{learner}")
