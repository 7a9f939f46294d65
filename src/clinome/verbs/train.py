"""`clinome train`: cohort -> snapshot behind the fence -> folds -> learners -> comparison, into the run folder."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from clinome.console import SILENT, Console
from clinome.graph import cohort_of, open_graph, snapshot_of
from clinome.loaders.errors import InputError
from clinome.loaders.files.spreadsheet_csv import write_csv
from clinome.models.base.mapped import mapped
from clinome.models.training.launch import launched
from clinome.run_folder.endpoints import keep_endpoints
from clinome.run_folder.model import keep_model
from clinome.run_folder.prepared import Prepared
from clinome.run_folder.run import ENCODER, SNAPSHOT, Run, key_of, versions
from clinome.run_folder.summary import device, graph_counts, summary_of
from clinome.study import Study, as_study
from clinome.user_learners import learners_of
from clinome.verbs.cohort import check_column, keep, write_tables
from clinome.verbs.pretrain import encoder_for, encoder_notes
from clinome.verbs.quality import keep_quality, mixed_batches
from clinome.verbs.tasks.clusters import train_clusters
from clinome.verbs.tasks.links import rankers_of, train_links

if TYPE_CHECKING:
    from clinome.graphs.snapshot.snapshot import Snapshot
    from clinome.models.base.learner import Learner
    from clinome.models.base.specs import Learn
    from clinome.models.encoders.codes.pretrained import PretrainedEncoder
    from clinome.models.experiment.processes import Processes
    from clinome.models.experiment.results import Results

NUMERIC = ("numpy", "scipy", "scikit-learn", "lifelines", "torch", "torch-geometric", "lightning", "polars")
"""What a unit's numbers come from, beside our own code."""
VALUES = "values.part"
"""Layers too large for every process to hold, while they are trained on (`models.base.mapped`)."""
UNITS = "units.part"
"""Finished units of a run that is not whole yet. They hold patients' scores: `Run.without` takes away all that ends so."""


class CannotRun(InputError):
    """A learner of the user's own that this study is not for."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(
            f"this learner cannot run here: {reason}", f"learners[{name!r}]", fix="leave it out of this study"
        )
        self.name, self.reason = name, reason


def train(
    study: Study | str | Path,
    *,
    learners: Mapping[str, Any] | None = None,
    name: str | None = None,
    console: Console = SILENT,
) -> Run:
    """Train and compare learners: snapshot behind the time fence, folds, learners, paired comparison, frozen model.

    Args:
        study: a study, its file, or the folder that holds it; it has been loaded.
        learners: your own beside ours, by name: a learner, a scikit-learn estimator, a PyG module, or what makes one.
        name: of the run (default: the study's).
        console: what is said while it runs; default: nothing.
    Returns: the run, with `.metrics`, `.comparisons`, `.predictions`, `.model`. What is done and unchanged is not done again.
    Raises: InputError for a cohort or learner that cannot be, NotBuilt for a task that this version lacks.
    Example:
        run = clinome.train("study.toml", learners={"svm": LinearSVC()})
    """
    study = as_study(study)
    if study.links is not None:
        return train_links(study, Run.of(study, name), rankers_of(learners or {}, study), console)
    with launched(study.learn) as learn:
        if learn is None:  # this process helped another one, which has written the run
            return Run.of(study, name)
        study = replace(study, learn=learn)
        return train_study(study, Run.of(study, name), learners_of(learners or {}, study), console)


def train_study(
    study: Study, run: Run, own: Mapping[str, Learner], console: Console, processes: Processes | None = None
) -> Run:
    """Everything between the graph and results.json. Nothing is done again while nothing that it rests on changed.

    processes: where to train, if some have been begun (`models.experiment.worker_pool.processes_for`).
    """
    start = time.perf_counter()
    ready, counts = _prepare(study, run, console)
    ready = replace(ready, snapshot=mapped(_selecting(ready.snapshot, study.learn.select), run.folder / VALUES))
    try:
        return _train(ready, counts, own, console, processes, start)
    finally:
        shutil.rmtree(run.folder / VALUES, ignore_errors=True)


def _train(
    ready: Prepared,
    counts: dict[str, Any],
    own: Mapping[str, Learner],
    console: Console,
    processes: Processes | None,
    start: float,
) -> Run:
    """Everything behind the snapshot."""
    study, run = ready.study, ready.run
    if not _learns_outcomes(study):
        basis = (
            _content(ready.snapshot),
            vars(study.task),
            _asked(study.learn),
            study.evaluate.seed,
            _code(own),
            versions(),
        )
        learners, failed = _learners(ready, own, console)
        return train_clusters(ready, learners, failed, lambda: summary_of(ready, counts, []), basis, console)
    write_tables(ready)
    groups = _groups(ready)
    encoder = encoder_for(study, run.path(ENCODER), console)
    asked = _asked(study.learn) | ({"encoder": encoder.fingerprint} if encoder is not None else {})
    shown = study.report
    acted = (shown.threshold, shown.subgroups, *((shown.metric,) if shown.metric else ()))
    key = key_of(_content(ready.snapshot), vars(study.task), asked, study.evaluate.seed, _code(own), acted)
    notes, scored = encoder_notes(study, encoder, ready.snapshot), _of_activities(ready.snapshot)
    if run.done("train", key):
        _whole(run)
        console("train: nothing has changed; the results stand")
        _ask(run.read_json("results.json"), console)
        _tell_failed(run.read_json("results.json"), console)
        if study.evaluate.learning_curve:
            out = {one["learner"] for one in run.read_json("results.json").get("failed", [])}
            _add_curve(ready, [one for one in _learners(ready, own, console)[0] if one.name not in out], console)
        return run
    learners, failed = _learners(ready, own, console)
    learners = _started(learners, encoder, notes, console)
    for line in scored:
        console(line)
    if study.learn.placement.count > 1 and not any(getattr(one, "on_torch", False) for one in learners):
        console("no learner of this run is a network: [learn] devices and nodes change nothing")
    copies = _copies(ready)
    _ask(copies, console)
    results = _compare(ready, learners, console, processes)
    results = replace(results, failed=[*failed, *results.failed])
    run.write_json("run.json", {})  # stopped while the files are replaced, none of them may pass for another's
    keep_quality(ready.tables, ready.snapshot, run)
    for line in mixed_batches(run):
        console(line)
    _write(ready, results, copies, groups)
    _write_selection(ready, console)
    keep_model(ready, results.final_fit, console)
    run.write_json("summary.json", summary_of(ready, counts, [*notes, *scored]))
    run.mark("train", key)
    _whole(run)
    out = {one["learner"] for one in results.failed}
    _add_curve(ready, [one for one in learners if one.name not in out], console)
    seconds = round(time.perf_counter() - start, 2)
    run.log("train", seconds=seconds, rows=ready.snapshot.rows.height, learners=len(learners))
    show(run, console)
    _ask(copies, console)
    _tell_failed(results.as_json(), console)
    return run


def _learns_outcomes(study: Study) -> bool:
    from clinome.models.base.task import task_of

    return task_of(study.need_task().kind).supervised


def _asked(learn: Learn) -> dict[str, Any]:
    """What of `[learn]` the results depend on: no workers, and of places only how many processes train a network."""
    aside = ("workers", "encoder", "pretrain", *vars(learn.placement), *(("fusion",) if learn.fusion is None else ()),
             *(("select",) if learn.select == "none" else ()), *(("survival_head",) if learn.survival_head == "cox" else ()))  # fmt: skip
    asked = {name: value for name, value in vars(learn).items() if name not in aside}
    return asked | ({"processes": learn.placement.count} if learn.placement.count > 1 else {})


def _copies(ready: Prepared) -> dict[str, Any]:
    """Features that may be the outcome itself, for results.json."""
    from clinome.models.biomarkers.outcome_copies import outcome_copies

    found = outcome_copies(ready.snapshot)
    if not found:
        return {"outcome_copies": []}
    called = ready.tables.concept_names()
    for layer in ready.snapshot.layers.values():
        called |= dict(layer.var.select("feature", "symbol").drop_nulls().iter_rows())
    return {"outcome_copies": [{**one.as_json(), "name": called.get(one.feature, one.feature)} for one in found]}


def _ask(results: Mapping[str, Any], console: Console) -> None:
    """Before the learners begin, and once more at the end, where it is read."""
    from clinome.reports.findings import outcome_copies

    for question in outcome_copies(results):
        console(question)


def _prepare(study: Study, run: Run, console: Console) -> tuple[Prepared, dict[str, Any]]:
    """Cohort and snapshot, both kept; and how much the graph held of each label and type before."""
    with open_graph(study) as graph:
        cohort = cohort_of(graph)
        snapshot = snapshot_of(graph, cohort)
        counts = graph_counts(graph.store)
    patients = cohort.frame["subject_id"].n_unique()
    console(f"cohort {cohort.name}: {snapshot.rows.height:,} rows of {patients:,} patients")
    with_input = int(snapshot.rows.filter(snapshot.with_input())["subject_id"].n_unique())
    cohort = cohort.with_step("with input before the fence", with_input)
    keep(study, cohort, of_runs=True)
    return Prepared(study, run, graph.tables, cohort, snapshot.save(run.path(SNAPSHOT))), counts


def show(run: Run, console: Console) -> None:
    """The comparison as a table."""
    results = run.read_json("results.json")
    metric = results["metric"]
    found = [(name, r["metrics"].get(metric), r["seconds"]) for name, r in results["learners"].items()]
    console.table(
        ["learner", metric, "low", "high", "seconds"],
        [(n, m["mean"], m["low"], m["high"], round(s, 1)) for n, m, s in found if m],
    )


def _learners(
    ready: Prepared, own: Mapping[str, Learner], console: Console
) -> tuple[list[Learner], list[dict[str, Any]]]:
    """Who learns; and who of the user's own failed when asked whether it can."""
    from clinome.models.learners.adapters.own_code import LearnerFailed
    from clinome.models.learners.registry import select

    chosen, left_out = select(ready.snapshot, ready.study.learn.learners, ready.study.learn.fusion)
    for name, reason in left_out.items():
        console(f"{name} is left out: {reason}")
    head = ready.study.learn.survival_head
    if head != "cox" and not any(getattr(one, "headed", False) for one in chosen):
        console(f"no learner of this run has a {head} head of survival: networks of Clinome do")
    failed = []
    for name, learner in own.items():
        try:
            chosen.append(_named(name, learner, ready.snapshot))
        except LearnerFailed as error:
            failed.append({"learner": name, "repeat": None, "fold": None, "reason": error.reason})
    return chosen, failed


def _started(
    learners: Sequence[Learner], encoder: PretrainedEncoder | None, notes: Sequence[str], console: Console
) -> list[Learner]:
    """Those that can start from a pretrained encoder on it; and what is to be said of it."""
    if encoder is None:
        return [*learners]
    from clinome.models.learners.sequence.pretraining import started

    for note in notes:
        console(note)
    made = [started(one, encoder) for one in learners]
    if not any(one is not before for one, before in zip(made, learners, strict=True)):
        console("no learner of this run starts from a pretrained encoder: `sequence` does")
    return made


def _tell_failed(results: Mapping[str, Any], console: Console) -> None:
    """Learners of one's own that failed, each with its first fold."""
    from clinome.reports.findings import failed

    for line in failed(results):
        console.wrong(line)


def _named(name: str, learner: Learner, snapshot: Snapshot) -> Learner:
    """The user's learner under the user's name for it. Raises: CannotRun if it cannot run on this study."""
    from clinome.models.learners.registry import why_no_clusterer

    reason = why_no_clusterer(learner, snapshot) or learner.reason(snapshot)
    if reason is not None:
        raise CannotRun(name, reason)
    named = copy(learner)
    named.name = name
    return named


def _compare(ready: Prepared, learners: list[Learner], console: Console, processes: Processes | None) -> Results:
    from clinome.models.experiment import run as harness
    from clinome.models.experiment.checkpoint import Checkpoint

    snapshot, study = ready.snapshot, ready.study
    basis = key_of(_content(snapshot), sys.version, device(), *map(version, NUMERIC))
    finished = Checkpoint(ready.run.path(UNITS), basis)
    with console.jobs() as progress:
        return harness.run(
            snapshot, learners, study.evaluate, study.learn, progress=progress, keep=True, checkpoint=finished,
            processes=processes, threshold=study.report.rule, metric=study.report.metric,
        )  # fmt: skip


def _add_curve(ready: Prepared, learners: Sequence[Learner], console: Console) -> None:
    """The learning curve, into results.json, unless it is there or is not asked for; one that is not asked for goes."""
    from clinome.models.experiment.learning_curve import learning_curve, plain, shares_of

    run, snapshot, evaluate = ready.run, ready.snapshot, ready.study.evaluate
    results = run.read_json("results.json")
    shares = shares_of(evaluate)
    key = key_of(run.read_json("run.json").get("train"), shares)
    if results.get("learning_curve", {}).get("key", key if not shares else "") == key:
        return
    results.pop("learning_curve", None)
    if shares and plain(learners):
        start = time.perf_counter()
        predictions = pl.read_parquet(run.path("predictions.parquet"))
        with console.jobs() as progress:
            found = learning_curve(
                snapshot,
                snapshot.folds,
                learners,
                predictions,
                evaluate,
                ready.study.learn,
                progress,
                metric=ready.study.report.metric,
            )
        results["learning_curve"] = {**found, "key": key}
        run.log("learning curve", seconds=round(time.perf_counter() - start, 2))
    run.write_json("results.json", results)


def _content(snapshot: Snapshot) -> dict[str, object]:
    """What learners see of a saved snapshot: its files, and what the manifest says of them."""
    return {name: snapshot.manifest[name] for name in ("sha256", "format", "task", "clock", "classes", "layers")}


def _whole(run: Run) -> None:
    """What an interrupted run would have gone on from is of no use any more."""
    shutil.rmtree(run.folder / UNITS, ignore_errors=True)


def _groups(ready: Prepared) -> pl.DataFrame:
    """Sex, age band, race and site of each row, or what the study names: columns of the cohort, covariates, properties of
    Patient; and which layers a row has. Raises: InputError for a name that nothing holds."""
    from clinome.graphs.snapshot.covariates import patient_properties
    from clinome.models.evaluation.subgroups import groupings, measured

    snapshot, study = ready.snapshot, ready.study
    rows = ready.cohort.frame.sort("subject_id", "prediction_time")
    site = study.evaluate.site
    given = [snapshot.rows.select(pl.col(site).alias("site"))] if site in snapshot.rows.columns else []
    held = [*given, rows, snapshot.covariates, patient_properties(rows, ready.tables)]
    known = {column.lower() for table in held for column in table.columns}
    for name in study.report.subgroups:
        check_column(name.lower(), known, f"{study.file.name} [report] subgroups")
    groups, layers = groupings(held, study.report.subgroups), measured(snapshot)
    if layers is None:
        return groups
    return groups.with_columns(layers) if groups.width else layers.to_frame()


def _by_group(ready: Prepared, predictions: pl.DataFrame, groups: pl.DataFrame) -> dict[str, Any]:
    """How `chosen` does, and how often its prediction sets are right, by group."""
    from clinome.models.evaluation.conformal import coverage
    from clinome.models.evaluation.fold_scores import draw
    from clinome.models.evaluation.predictions import parts_of
    from clinome.models.evaluation.subgroups import subgroups
    from clinome.models.learners.registry import CHOSEN

    snapshot = ready.snapshot
    parts = parts_of(predictions, snapshot, CHOSEN)
    resamples = draw(snapshot, [one.rows for one in parts], ready.study.evaluate.seed)
    mine = predictions.filter(pl.col("learner") == CHOSEN)
    return {"subgroups": subgroups(snapshot, parts, groups, resamples, ready.study.report.metric),
            "conformal": coverage(snapshot, mine, resamples, groups)}  # fmt: skip


def _write(ready: Prepared, results: Results, copies: Mapping[str, Any], groups: pl.DataFrame) -> None:
    run, cohort = ready.run, ready.cohort
    by_group = _by_group(ready, results.predictions, groups)
    cohort.frame.write_parquet(run.path("cohort.parquet"))
    steps = pl.DataFrame([(s.step, s.count) for s in cohort.steps], ["step", "count"], orient="row")
    write_csv(steps, run.path("attrition.csv"))
    run.path("balance.csv").unlink(missing_ok=True)
    if cohort.balance is not None:
        write_csv(cohort.balance, run.path("balance.csv"))
    with_visits(results.predictions, cohort.frame).write_parquet(run.path("predictions.parquet"))
    results.attributions.write_parquet(run.path("attributions.parquet"))
    found = {**results.as_json(), **copies, **by_group, "odds_ratios": _odds_ratios(ready)}
    run.write_json("results.json", found | keep_endpoints(ready, results.predictions))


def _selecting(snapshot: Snapshot, select: str) -> Snapshot:
    """The snapshot whose layers say by which method a fold selects among their features."""
    return replace(snapshot, layers={name: replace(layer, select=select) for name, layer in snapshot.layers.items()})


def _of_activities(snapshot: Snapshot) -> list[str]:
    """How many gene sets are scored, and how many of their genes are measured."""
    from clinome.models.preprocessing.activity.activity_block import activity_names

    told = [(*what.partition(": "), n) for what, n in snapshot.counts.items()]
    return [
        f"{block}: {'; '.join(f'{n:,} {what}' for name, _, what, n in told if name == block)}"
        for block in activity_names(snapshot)
    ]


def _write_selection(ready: Prepared, console: Console) -> None:
    """selection.csv: what each fold's training part selected; nothing where nothing is selected."""
    path = ready.run.path("selection.csv")
    path.unlink(missing_ok=True)
    if ready.study.learn.select == "none":
        return
    from clinome.models.preprocessing.selection.over_folds import counted, selection_over_folds

    table = selection_over_folds(ready.snapshot, ready.snapshot.folds)
    write_csv(table, path)
    for line in counted(table, ready.snapshot.layers):
        console(line)


def _odds_ratios(ready: Prepared) -> dict[str, Any]:
    """What the covariates say of the outcome, each alone and together: described, not predicted."""
    from clinome.models.base.splits import groups_of
    from clinome.models.base.task import task_of
    from clinome.models.statistics.odds_ratios import odds_ratios

    snapshot = ready.snapshot
    y = task_of(snapshot.task).targets(snapshot.rows, snapshot.classes)
    return odds_ratios(snapshot.covariates, y, groups_of(snapshot.rows), snapshot.task)


def with_visits(predictions: pl.DataFrame, cohort: pl.DataFrame) -> pl.DataFrame:
    """Predictions with the visit that each is about, where the cohort's query returned visit_id."""
    if "visit_id" not in cohort.columns:
        return predictions
    visits = cohort.select("subject_id", "prediction_time", "visit_id")
    return predictions.join(
        visits, on=["subject_id", "prediction_time"], how="left", nulls_equal=True, maintain_order="left"
    )


def _code(own: Mapping[str, Learner]) -> list[str]:
    from clinome.models.inference.model import FORMAT

    return [version("clinome"), f"model {FORMAT}", *(f"{name}:{learner!r}" for name, learner in own.items())]
