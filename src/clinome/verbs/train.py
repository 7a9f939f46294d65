"""`clinome train`: cohort -> snapshot behind the fence -> folds -> learners -> comparison, into the run folder."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Mapping
from copy import copy
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import polars as pl

from clinome.console import Console
from clinome.graph import open_graph
from clinome.loaders.errors import InputError
from clinome.model_folder import keep_model
from clinome.run_folder import Run, key_of, versions
from clinome.study import Study
from clinome.verbs.cohort import keep
from clinome.verbs.learning_curve import add_curve
from clinome.verbs.table_one import write_tables

if TYPE_CHECKING:
    from clinome.graphs.cohort.cohort import Cohort
    from clinome.graphs.snapshot.snapshot import Snapshot
    from clinome.models.base.learner import Learner
    from clinome.models.experiment.results import Results


NUMERIC = ("numpy", "scipy", "scikit-learn", "lifelines", "torch", "torch-geometric", "lightning", "polars")
"""What a unit's numbers come from, beside our own code."""
UNITS = "units.part"
"""Finished units of a run that is not whole yet. They hold patients' scores: `Run.without` takes away all that ends so."""


class CannotRun(InputError):
    """A learner of the user's own that this study is not for."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"this learner cannot run here: {reason}", f"learners[{name!r}]")
        self.name, self.reason = name, reason


def train_study(study: Study, run: Run, own: Mapping[str, Learner], console: Console) -> Run:
    """Everything between the graph and results.json. Nothing is done again while nothing that it rests on changed."""
    start = time.perf_counter()
    with open_graph(study) as graph:
        cohort = graph.cohort()
        snapshot = graph.snapshot(cohort)
        counts = _graph_counts(graph.query)
    console(
        f"cohort {cohort.name}: {snapshot.rows.height:,} rows of {cohort.frame['subject_id'].n_unique():,} patients"
    )
    cohort = cohort.with_step("with input before the fence", _patients(cohort, snapshot))
    keep(study, cohort)
    snapshot = snapshot.save(run.path("snapshot"))
    write_tables(run, study, cohort, snapshot)
    asked = {name: value for name, value in vars(study.learn).items() if name != "workers"}  # they change no result
    key = key_of(_content(snapshot), vars(study.task), asked, study.evaluate.seed, _code(own))
    if run.done("train", key):
        _whole(run)
        console("train: nothing has changed; the results stand")
        if study.evaluate.learning_curve:
            add_curve(run, study, snapshot, _learners(snapshot, study, own, console), console)
        return run
    learners = _learners(snapshot, study, own, console)
    results = _compare(snapshot, learners, study, run, console)
    run.write_json("run.json", {})  # stopped while the files are replaced, none of them may pass for another's
    _write(run, cohort, results, _subgroups(study, cohort, snapshot, results))
    keep_model(run, study, cohort, snapshot, results.final_fit, console)
    run.write_json("summary.json", _summary(study, cohort, snapshot, counts))
    run.mark("train", key)
    _whole(run)
    add_curve(run, study, snapshot, learners, console)
    run.log("train", seconds=round(time.perf_counter() - start, 2), rows=snapshot.rows.height, learners=len(learners))
    show(run, console)
    return run


def _patients(cohort: Cohort, snapshot: Snapshot) -> int:
    return int(snapshot.rows.filter(snapshot.with_input())["subject_id"].n_unique())


def learner_rows(study: Study, console: Console) -> list[dict[str, str | None]]:
    """`clinome learners`: what can run on this study, and why the rest cannot."""
    from clinome.models.learners.registry import every

    with open_graph(study) as graph:
        snapshot = graph.snapshot(graph.cohort())
    rows = [{"learner": learner.name, "why_not": learner.reason(snapshot)} for learner in every(snapshot)]
    console.table(["learner", "runs here"], [(r["learner"], r["why_not"] or "yes") for r in rows])
    return rows


def show(run: Run, console: Console) -> None:
    """The comparison as a table."""
    results = run.read_json("results.json")
    metric = results["metric"]
    found = [(name, r["metrics"].get(metric), r["seconds"]) for name, r in results["learners"].items()]
    console.table(
        ["learner", metric, "low", "high", "seconds"],
        [(n, m["mean"], m["low"], m["high"], round(s, 1)) for n, m, s in found if m],
    )


def _learners(snapshot: Snapshot, study: Study, own: Mapping[str, Learner], console: Console) -> list[Learner]:
    from clinome.models.learners.registry import select

    chosen, left_out = select(snapshot, study.learn.learners)
    for name, reason in left_out.items():
        console(f"{name} is left out: {reason}")
    return [*chosen, *(_named(name, learner, snapshot) for name, learner in own.items())]


def _named(name: str, learner: Learner, snapshot: Snapshot) -> Learner:
    """The user's learner under the user's name for it. Raises: CannotRun if it cannot run on this study."""
    reason = learner.reason(snapshot)
    if reason is not None:
        raise CannotRun(name, reason)
    named = copy(learner)
    named.name = name
    return named


def _compare(snapshot: Snapshot, learners: list[Learner], study: Study, run: Run, console: Console) -> Results:
    from clinome.models.experiment import run as harness
    from clinome.models.experiment.checkpoint import Checkpoint

    finished = Checkpoint(run.path(UNITS), key_of(_content(snapshot), sys.version, _device(), *map(version, NUMERIC)))
    return harness.run(
        snapshot, learners, study.evaluate, study.learn, progress=console, keep=True, checkpoint=finished
    )


def _content(snapshot: Snapshot) -> dict[str, object]:
    """What learners see of a saved snapshot: its files, and what the manifest says of them."""
    return {name: snapshot.manifest[name] for name in ("sha256", "format", "task", "clock", "classes", "layers")}


def _whole(run: Run) -> None:
    """What an interrupted run would have gone on from is of no use any more."""
    shutil.rmtree(run.folder / UNITS, ignore_errors=True)


def _subgroups(study: Study, cohort: Cohort, snapshot: Snapshot, results: Results) -> list[dict[str, Any]]:
    """How `chosen` does by sex, age band, race and site: columns of the cohort, covariates, properties of Patient."""
    from clinome.graphs.snapshot.covariates import patient_properties
    from clinome.graphs.tables.study_tables import Tables
    from clinome.models.evaluation.fold_scores import draw
    from clinome.models.evaluation.predictions import parts_of
    from clinome.models.evaluation.subgroups import groupings, subgroups
    from clinome.models.learners.registry import CHOSEN

    rows = cohort.frame.sort("subject_id", "prediction_time")
    site = study.evaluate.site
    given = [snapshot.rows.select(pl.col(site).alias("site"))] if site in snapshot.rows.columns else []
    groups = groupings([*given, rows, snapshot.covariates, patient_properties(rows, Tables(study.tables))])
    parts = parts_of(results.predictions, snapshot, CHOSEN)
    return subgroups(snapshot, parts, groups, draw(snapshot, [one.rows for one in parts], study.evaluate.seed))


def _write(run: Run, cohort: Cohort, results: Results, subgroups: list[dict[str, Any]]) -> None:
    cohort.frame.write_parquet(run.path("cohort.parquet"))
    pl.DataFrame([(s.step, s.count) for s in cohort.steps], ["step", "count"], orient="row").write_csv(
        run.path("attrition.csv")
    )
    results.predictions.write_parquet(run.path("predictions.parquet"))
    results.attributions.write_parquet(run.path("attributions.parquet"))
    run.write_json("results.json", {**results.as_json(), "subgroups": subgroups})


def _summary(study: Study, cohort: Cohort, snapshot: Snapshot, graph: Mapping[str, Any]) -> dict[str, Any]:
    """What the report says beside the numbers."""
    from clinome.graphs.tables.study_tables import Tables
    from clinome.reports.page import presence

    tables = Tables(study.tables, study.name)
    sources = [tables.record(s) for s in tables.sources()]
    events = snapshot.events
    return {
        "study": {"name": study.name, "file": study.file.name, "task": vars(study.task), "query": cohort.query,
                  "params": {k: str(v) for k, v in cohort.params.items()}, "covariates": snapshot.covariates.columns},
        "sources": [{"source": r["source"], **r["tally"], "counts": r["counts"]} for r in sources],
        "layers": [{"name": n, "kind": x.kind, "features": x.var.height, "profiled": int(x.profiled.sum()),
                    "missing": int((~x.profiled).sum())} for n, x in snapshot.layers.items()],
        "presence": presence(snapshot),
        "records": None if events is None else {"events": events.height, "codes": events["code"].n_unique(),
                    "subjects_with": events["row"].n_unique(), "static": dict(snapshot.static)},
        "warnings": [*cohort.notes, *_clock_warning(cohort.clock), *_split_notes(study, snapshot)],
        "versions": versions(),
        "commands": [f"clinome run {study.file.name}"],
        "graph": dict(graph),
        "device": _device(),
    }  # fmt: skip


def _clock_warning(clock: str) -> list[str]:
    match clock:
        case "order":
            return ["the records hold only an order: ranks stand for times, and durations mean nothing"]
        case "relative":
            return ["times are relative (days since an origin), shown as days after 2000-01-01"]
        case _:
            return []


def _split_notes(study: Study, snapshot: Snapshot) -> list[str]:
    """How the held-out rows were set apart, where it was not at random; and patients who look like one another."""
    from clinome.models.base.folds import strata
    from clinome.models.base.splits import by_site
    from clinome.models.evaluation.near_duplicates import near_duplicates

    evaluate, notes = study.evaluate, []
    if evaluate.site is not None:
        names = by_site(snapshot.rows, strata(snapshot.rows, snapshot.task), evaluate.site)[1]
        notes.append(f"each fold holds out one {evaluate.site}, in this order: {', '.join(names)}")
    if evaluate.after is not None:
        notes.append(
            f"trained on what was predicted before {evaluate.after:%Y-%m-%d}, held out what came on that day or later; "
            "outcomes of the last training rows may have been seen after it"
        )
    left_out = snapshot.rows.height - snapshot.folds["row"].n_unique()
    if left_out:
        notes.append(f"{left_out:,} rows are in no fold, since their subjects are held out elsewhere")
    for block, pairs in near_duplicates(snapshot).items():
        notes.append(
            f"{pairs:,} pairs of patients look like the same person by {block}, and lie on both sides of a split: "
            "if they are, give them one subject_id, else the figures are too good"
        )
    return notes


def _graph_counts(query: Any) -> dict[str, dict[str, int]]:
    nodes = query("MATCH (n) RETURN labels(n)[0] AS what, count(n) AS n")
    edges = query("MATCH ()-[r]->() RETURN type(r) AS what, count(r) AS n")
    return {"labels": dict(zip(nodes["what"], nodes["n"].astype(int), strict=True)),
            "relationships": dict(zip(edges["what"], edges["n"].astype(int), strict=True))}  # fmt: skip


def _code(own: Mapping[str, Learner]) -> list[str]:
    from clinome.models.inference.model import FORMAT

    return [version("clinome"), f"model {FORMAT}", *(f"{name}:{learner!r}" for name, learner in own.items())]


def _device() -> str:
    import torch

    return torch.cuda.get_device_name(0) if torch.cuda.is_available() else "CPU"
