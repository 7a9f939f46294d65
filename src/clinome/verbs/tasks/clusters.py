"""A clustering study in the verbs: learners of subtypes over the folds, the model that ships, markers of what it found."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from clinome.console import Console
from clinome.graph import open_graph
from clinome.loaders.files.spreadsheet_csv import write_csv
from clinome.run_folder.model import keep_model
from clinome.run_folder.run import Run, key_of
from clinome.verbs.cohort import check_column, columns_of

if TYPE_CHECKING:
    from clinome.models.base.learner import Learner
    from clinome.models.base.snapshot import Snapshot
    from clinome.models.experiment.refit import FinalFit
    from clinome.models.learners.clusters.experiment import ClusterResults
    from clinome.run_folder.prepared import Prepared
    from clinome.study import Study

SUBTYPES = "subtypes.parquet"
PICTURE = 60
"""Cells a side of the consensus heat map: each stands for several patients."""


def train_clusters(
    ready: Prepared, learners: Sequence[Learner], left_out: Sequence[dict[str, Any]], summary: Callable[[], dict[str, Any]],
    basis: Sequence[object], console: Console,
) -> Run:  # fmt: skip
    """Everything between the snapshot and results.json; nothing is done again while nothing has changed.

    Args:
        left_out: learners of the user's own that failed when they were asked.
        summary: what the report says beside the numbers. basis: what the results depend on.
    """
    run, begun = ready.run, time.perf_counter()
    key = key_of(*basis)
    if run.done("train", key):
        console("train: nothing has changed; the results stand")
        return run
    held = columns_of(ready.cohort, ready.snapshot, ready.tables).columns
    for name in ready.study.report.table1:  # before anything is learnt
        check_column(name, held, f"{ready.study.file.name} [report] table1")
    results = _compared(ready, learners, console)
    run.write_json("run.json", {})  # stopped while the files are replaced, none of them may pass for another's
    _write(ready, replace(results, failed=[*left_out, *results.failed]))
    keep_model(ready, _final(ready.snapshot, results), console)
    run.write_json("summary.json", summary())
    run.mark("train", key)
    run.log(
        "train", seconds=round(time.perf_counter() - begun, 2), rows=ready.snapshot.rows.height, learners=len(learners)
    )
    show(run, console)
    return run


def _compared(ready: Prepared, learners: Sequence[Learner], console: Console) -> ClusterResults:
    from joblib import cpu_count

    from clinome.models.experiment.progress import Jobs
    from clinome.models.learners.clusters.experiment import PERMUTED, cluster_jobs, run_clusters

    snapshot, study = ready.snapshot, ready.study
    workers = study.learn.workers if isinstance(study.learn.workers, int) else 1
    names = [one.name for one in learners]
    with console.jobs() as progress:
        at = Jobs(progress)
        jobs = cluster_jobs(snapshot, snapshot.folds, names, study.evaluate.seed)
        at.begin([(job.name, PERMUTED if job.control else "") for job in jobs])
        return run_clusters(
            snapshot, snapshot.folds, learners, study.evaluate.seed, workers or int(cpu_count()),
            ended=lambda one: at.end(one.job.name, PERMUTED if one.job.control else "", one.seconds, failed=one.failed is not None),
        )  # fmt: skip


def _final(snapshot: Snapshot, results: ClusterResults) -> FinalFit:
    """The picked learner, as it was fitted on all rows, as the model that ships."""
    from clinome.models.experiment.refit import FinalFit
    from clinome.models.inference.disclosure import few_patients
    from clinome.models.inference.input_schema import InputSchema
    from clinome.models.inference.model import Model, member_of
    from clinome.models.learners.stacking import Choice

    one = results.whole[results.picked]
    if one.fitted is None or (reason := one.fitted.unsaved()):
        return FinalFit(
            None,
            {results.picked: reason if one.fitted is not None else "a learner of your own is not kept"},
            {},
            one.seconds,
        )
    stable = {name: found.stability or 0.0 for name, found in results.whole.items()}
    choice = Choice(results.picked, {results.picked: 1.0}, {}, {}, np.zeros(0), stable)
    marks = {"few_patients": few_patients(snapshot, {results.picked: one.fitted})}
    small = int((np.bincount(results.subtypes) < 10).sum())
    marks["few_patients"] |= {"subtypes": small} if small else {}
    model = Model(InputSchema.of(snapshot), choice, (member_of(one.fitted),), marks)
    return FinalFit(model, {}, {results.picked: {}}, one.seconds)


def _write(ready: Prepared, results: ClusterResults) -> None:
    run, cohort, snapshot = ready.run, ready.cohort, ready.snapshot
    cohort.frame.write_parquet(run.path("cohort.parquet"))
    write_csv(
        pl.DataFrame([(s.step, s.count) for s in cohort.steps], ["step", "count"], orient="row"),
        run.path("attrition.csv"),
    )
    results.predictions.write_parquet(run.path("predictions.parquet"))
    own = pl.Series("subtype", results.subtypes + 1, pl.Int64)
    snapshot.rows.select("subject_id", "prediction_time").with_columns(own).write_parquet(run.path(SUBTYPES))
    _write_table_one(ready, own)
    run.write_json("results.json", {**results.as_json(), **_picture(results), "groups": _groups(snapshot, own)})


def _write_table_one(ready: Prepared, subtype: pl.Series) -> None:
    """Table 1 by subtype: what else differs between them."""
    from clinome.models.statistics.table_one import table_one

    for old in ready.run.folder.glob("table1*.csv"):
        old.unlink()
    columns = columns_of(ready.cohort, ready.snapshot, ready.tables)
    wanted = ready.study.report.table1
    shown = columns.select(wanted) if wanted else columns
    if subtype.n_unique() > 1 and shown.width:
        write_csv(table_one(shown, "subtype " + subtype.cast(pl.String), []), ready.run.path("table1.csv"))


def _picture(results: ClusterResults) -> dict[str, Any]:
    """The consensus of the picked learner among the patients that it divided, ordered by subtype, as at most
    PICTURE × PICTURE means, and how many of them each subtype has; nothing without one."""
    division = getattr(results.whole[results.picked].fitted, "division", None)
    if division is None or division.consensus is None:
        return {"consensus": [], "consensus_sizes": []}
    order = np.lexsort((-division.consensus.mean(axis=0), division.labels))
    parts = np.array_split(order, min(PICTURE, len(order)))
    cells = [[round(float(division.consensus[np.ix_(a, b)].mean()), 3) for b in parts] for a in parts]
    return {"consensus": cells, "consensus_sizes": np.bincount(division.labels).tolist()}


def _groups(snapshot: Snapshot, subtype: pl.Series) -> list[dict[str, Any]]:
    """How many patients of each known group are of each subtype."""
    known = pl.DataFrame({"group": snapshot.rows["label"].cast(pl.String), "subtype": subtype}).drop_nulls()
    return known.group_by("group", "subtype").len("patients").sort("group", "subtype").to_dicts()


def rank_markers(
    study: Study,
    run: Run,
    key: str,
    called: Callable[[pl.DataFrame, Mapping[str, str]], pl.DataFrame],
    console: Console,
) -> Run:
    """Markers of each subtype and their pathways, on held-out patients, each with the subtype of a model without them.

    called: gives a table of features their names (`clinome.verbs.biomarkers.named`).
    """
    from clinome.models.biomarkers.markers import marker_pathways, markers

    snapshot = run.snapshot
    held_out = pl.read_parquet(run.path("predictions.parquet")).filter(
        (pl.col("learner") == "chosen") & (pl.col("repeat") == 0)
    ).unique("row").sort("row")  # fmt: skip
    rows = held_out["row"].to_numpy()
    found = markers(taken(snapshot, rows), held_out["subtype"].to_numpy())
    with open_graph(study) as graph:
        names = graph.query("MATCH (w:Pathway) RETURN w.id AS id, w.name AS name")
        found = called(found, graph.tables.concept_names())
    pathways = marker_pathways(found, snapshot, dict(zip(names["id"], names["name"], strict=True)))
    write_csv(found, run.path("biomarkers.csv"))
    write_csv(pathways, run.path("enrichment.csv"))
    run.mark("biomarkers", key)
    run.log("biomarkers", features=found.height, pathways=pathways.height)
    first = found.filter(pl.col("rank") <= 3)
    console.table(
        ["subtype", "layer", "feature", "name", "effect", "q"],
        first.select("subtype", "layer", "feature", "name", "effect", "q").iter_rows(),
    )
    console("markers describe the subtypes, which were made of these features: no test of whether there are any")
    return run


def taken(snapshot: Snapshot, rows: np.ndarray) -> Snapshot:
    """These rows of a snapshot, in this order."""
    from clinome.models.base.snapshot import derived

    layers = {name: _taken(layer, rows) for name, layer in snapshot.layers.items()}
    events = snapshot.events
    if events is not None:
        place = pl.DataFrame({"row": rows, "new": np.arange(len(rows))})
        events = (
            events.join(place, on="row", how="inner", maintain_order="left").with_columns(row=pl.col("new")).drop("new")
        )
        events = events.sort("row", maintain_order=True)
    covariates = snapshot.covariates[rows] if snapshot.covariates.width else snapshot.covariates
    return replace(
        derived(snapshot), rows=snapshot.rows[rows], covariates=covariates, layers=layers, events=events, views={}
    )


def _taken(layer: Any, rows: np.ndarray) -> Any:
    batch = None if layer.batch is None else layer.batch[rows]
    return replace(layer, values=layer.values[rows], profiled=layer.profiled[rows], batch=batch)


def show(run: Run, console: Console) -> None:
    """The comparison as a table."""
    results: Mapping[str, Any] = run.read_json("results.json")
    rows = []
    for name, one in results["learners"].items():
        ari = one["metrics"].get("ari", {}).get("mean")
        rows.append(
            (
                name,
                one.get("clusters_of_all", results["clusters"]),
                one.get("stability"),
                one.get("agreement"),
                ari,
                round(one["seconds"], 1),
            )
        )
    console.table(["learner", "clusters", "stability", "agreement", "ari", "seconds"], rows)
    many = results["clusters"]
    console(f"{many} subtypes by {results['picked']}, of {', '.join(map(str, results['sizes']))} patients" if many > 1
            else "one cluster: nothing here is tighter than a single cloud of patients")  # fmt: skip
