"""`clinome predict`: a run's frozen model on another study's patients, behind the same fence, in the model's own words."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from clinome.console import SILENT, Console
from clinome.graph import open_graph
from clinome.loaders.errors import InputError
from clinome.loaders.files.spreadsheet_csv import write_csv
from clinome.run_folder.model import disclosed, in_words
from clinome.run_folder.run import PREDICT, SNAPSHOT, Run
from clinome.study import Study, as_study
from clinome.verbs.exploration.query import check_out
from clinome.verbs.loading.load import load_study
from clinome.verbs.prediction.external_report import asked_methods, external_report, names_of_features, show_external
from clinome.verbs.prediction.patient_page import patient_pages
from clinome.verbs.train import with_visits

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from clinome.graphs.cohort.cohort import Cohort
    from clinome.graphs.snapshot.snapshot import Snapshot
    from clinome.models.base.learner import Learner
    from clinome.models.base.snapshot import DerivedSnapshot
    from clinome.models.inference.model import Model


@dataclass(frozen=True, repr=False)
class PredictionReport:
    """Predictions of a frozen model for another study's cohort.

    scores: subject_id, prediction_time, and score or score_CLASS (as in predictions.parquet), one row a row of the cohort
        (polars; `table` is the same in pandas); with visit_id where the cohort has it, and alert where the run's study
        says by which rule one acts on a risk.
    metrics: metric -> {mean, low, high, …}, over the rows that have an outcome; {} where none has.
    notes: what was missing or unknown, in plain words; counted: the same in numbers.
    path: where the table was written; beside it a .json with all the rest. pages: of the patients who were named.
    """

    scores: pl.DataFrame
    metrics: dict[str, dict[str, Any]]
    notes: list[str]
    counted: dict[str, Any]
    model: str
    path: Path
    about: Mapping[str, Any] = field(default_factory=dict)
    pages: tuple[Path, ...] = ()

    @property
    def table(self) -> pd.DataFrame:
        """A row a row of the cohort: subject_id, prediction_time, and score (higher: more of it, or sooner) or score_CLASS."""
        return self.scores.to_pandas()

    def __repr__(self) -> str:
        """In counts: no id of a patient."""
        at = f", {len(self.pages)} pages" if self.pages else ""
        return f"PredictionReport({self.scores.height:,} rows by {self.model}, {len(self.notes)} notes{at}, {self.path.name})"

    def summary(self) -> dict[str, object]:
        """What `--json` ends with."""
        return {"predictions": str(self.path), "rows": self.scores.height, "model": self.model, "metrics": self.metrics,
                "notes": self.notes, **({"pages": [str(page) for page in self.pages]} if self.pages else {})}  # fmt: skip


def predict(
    run: Run | str | Path,
    study: Study | str | Path,
    *,
    align: str | Mapping[str, str] | None = None,
    patients: str | Sequence[str] = (),
    learners: Mapping[str, Any] | None = None,
    out: str | Path | None = None,
    console: Console = SILENT,
) -> PredictionReport:
    """Predict new patients with a run's frozen model; metrics with intervals where they have outcomes.

    The other study's cohort goes through the same fence, features are found by name; what it lacks is served as missing,
    and counted.
    Args:
        run: a run, or its folder `runs/NAME`.
        study: of the patients to predict: a study, its file, or the folder that holds it. Loaded where it is not.
        align: for another platform: how values are mapped onto those of the training, without labels: quantile, standard or
            none, for all dense layers, or layer -> one of them. Given at all, the loss is measured and said.
        patients: ids of whom a page is written too: risk beside what became of others with it, the facts used and since when,
            similar patients' outcomes as counts, what lies outside of what was seen in training (docs/results.md).
        learners: what of the model is your own code, given again by name.
        out: a .parquet or .csv file (default: predict/STUDY.parquet in the run folder).
        console: what is said while it runs; default: nothing.
    Returns: `.table`, `.metrics` (metric -> mean, low, high), `.notes`, `.path`, `.pages`.
    Raises: InputError for a run without a model, a model of another task, a cohort that cannot be, or somebody not in it.
    Example:
        clinome.predict("runs/lung", "other/study.toml").table
    """
    patients = [patients] if isinstance(patients, str) else patients
    return predict_study(
        Run.open(run), as_study(study), learners or {}, None if out is None else Path(out), console, align, patients
    )


def predict_study(
    run: Run,
    study: Study,
    own: Mapping[str, Any],
    out: Path | None,
    console: Console,
    align: str | Mapping[str, str] | None = None,
    patients: Sequence[str] = (),
) -> PredictionReport:
    """Cohort -> fenced snapshot -> the model's own shape -> predictions, and metrics where there are outcomes."""
    start = time.perf_counter()
    if out is not None:
        check_out(out)
    model = run.model
    check_task(model, study)
    snapshot, cohort = frozen(study, model, console)
    methods = asked_methods(model, align)
    plain = model.serve(snapshot)
    served, shifts = model.align(plain, methods)
    again = _given_again(own, study, model)
    score = _scored(run, model, served.snapshot, again)
    table = with_visits(_with_alert(_table(served.snapshot, score), run), cohort.frame)
    metrics, unjudged = _judged(served.snapshot, score)
    mark = disclosed(model)
    notes = [
        *cohort.notes,
        *([mark] if mark else []),
        *served.gaps.words(),
        *(line for name, one in shifts.items() for line in one.words(name)),
        *names_of_features(snapshot, served.gaps.layers, study),
        *_without_input(snapshot),
        *unjudged,
        *_trained_on(run, snapshot, metrics),
    ]
    path = out or _default_place(run, study)
    about = {"run": run.name, "study": study.name, "trained_on": model.about.get("snapshot", {}),
             "snapshot": snapshot.checksums()}  # fmt: skip
    if align is not None:
        told = [_scored(run, model, plain.snapshot, again), score] if {*methods.values()} - {"none"} else []
        about |= external_report(run, model, snapshot, (served.snapshot, told), methods, console)
    about |= {"shift": {name: vars(one) for name, one in shifts.items()}, "align": methods}
    pages = patient_pages(run, model, served.snapshot, score, patients, again, study.name) if patients else []
    made = PredictionReport(table, metrics, notes, served.gaps.as_json(), model.name, path, about, tuple(pages))
    _write(made)
    if not run.shared:
        run.log("predict", study=study.name, rows=table.height, seconds=round(time.perf_counter() - start, 2))
    _show(made, model, console)
    return made


def _default_place(run: Run, study: Study) -> Path:
    """predict/STUDY.parquet in the run's folder; of a shared run beside the study, for nobody's rows go into its folder."""
    if not run.shared:
        return run.path(PREDICT, f"{study.name}.parquet")
    place = study.folder / PREDICT / f"{run.name}.parquet"
    place.parent.mkdir(parents=True, exist_ok=True)
    return place


def _scored(run: Run, model: Model, served: DerivedSnapshot, own: Mapping[str, Learner]) -> np.ndarray:
    return model.predict(served, own, _beside(run, model, served) if model.needs_training else None)


def _given_again(own: Mapping[str, Any], study: Study, model: Model) -> dict[str, Learner]:
    """One's own learners, as the training had made them of what was given."""
    from clinome.models.base.specs import TaskSpec
    from clinome.user_learners import learner_of

    asked = study if study.task is not None else replace(study, task=TaskSpec(model.schema.task))
    return {name: learner_of(given, name, asked) for name, given in own.items()}


def check_task(model: Model, study: Study) -> None:
    """Raises: InputError for a model of another task than the study's."""
    if study.task is not None and study.task.kind != model.schema.task:
        where = f"{study.file.name} [task] kind"
        raise InputError(
            "a model of another task", where, study.task.kind, model.schema.task, "name a run of this task"
        )


def frozen(study: Study, model: Model, console: Console) -> tuple[Snapshot, Cohort]:
    """The other study's cohort behind the fence, with the covariates that the model asks for; loaded where it is not."""
    from clinome.graphs.cohort.cohort import make_cohort
    from clinome.graphs.snapshot.freeze import freeze
    from clinome.graphs.tables.study_tables import Tables
    from clinome.models.base.task import task_of

    spec = study.need_cohort()
    if not Tables(study.tables, study.name).sources():
        load_study(study, console)
    label = study.task.label if study.task else str(model.about.get("label", "label"))
    with open_graph(study) as graph:
        cohort = make_cohort(
            graph.store, spec.query, spec.params, label_type=task_of(model.schema.task).label_type, label=label, name=study.name, base=study.folder,
            tables=graph.tables, target=study.prediction_task, to_predict=True, classes=tuple(model.schema.classes),
            layer=study.task.layer if study.task else "",
        )  # fmt: skip
        apart = set(model.about.get("parts", {}).values())
        snapshot = freeze(cohort, graph.tables, model.schema.task, tuple(model.schema.covariates), apart=apart,
                          interleaved=bool(model.about.get("interleaved")))  # fmt: skip
    _check_units(model, snapshot, study)
    people = cohort.frame["subject_id"].n_unique()
    console(f"cohort {cohort.name}: {cohort.frame.height:,} rows of {people:,} patients")
    return snapshot, cohort


def _check_units(model: Model, snapshot: Snapshot, study: Study) -> None:
    """Refuse numbers in another unit than the model learned: it would read 7.1 mmol/L as 7.1 mg/dL."""
    learnt, here = model.about.get("units", {}), snapshot.manifest.get("units", {})
    assert isinstance(here, Mapping)
    other = [code for code, unit in here.items() if code in learnt and learnt[code].lower() != str(unit).lower()]
    if other:
        got = ", ".join(f"{code} in {here[code]}" for code in other[:3]) + (", …" if len(other) > 3 else "")
        expected = ", ".join(str(learnt[code]) for code in other[:3])
        raise InputError("numbers in other units than the model learned", study.file.name, got, expected,
                         "convert them, and their unit, in the study's files")  # fmt: skip


def _beside(run: Run, model: Model, served: DerivedSnapshot) -> tuple[Snapshot, int]:
    """The rows that the model was trained on, from the run folder, and the new ones behind them."""
    from clinome.graphs.snapshot.append_rows import append_rows
    from clinome.snapshot import Snapshot

    training = Snapshot.read(run.folder / SNAPSHOT)
    if training.manifest["sha256"] != model.about.get("snapshot"):
        raise InputError("the snapshot is not the one that the model was trained on", run.folder / SNAPSHOT,
                         fix="train it again: clinome train STUDY")  # fmt: skip
    return append_rows(training, served), training.rows.height


def _table(served: DerivedSnapshot, score: np.ndarray) -> pl.DataFrame:
    from clinome.models.base.task import task_of

    columns = pl.DataFrame(dict(task_of(served.task).as_columns(served.classes, score)))
    return pl.concat([served.rows.select("subject_id", "prediction_time"), columns], how="horizontal")


def _with_alert(table: pl.DataFrame, run: Run) -> pl.DataFrame:
    """Whether each risk is an alert, where the run's study says by which rule one acts (`[report] threshold`)."""
    found = run.read_json("results.json").get("operating") or {}
    if not found.get("rule"):
        return table
    least = found["points"][0]["new"]
    return table.with_columns(alert=pl.lit(False) if least is None else pl.col("score") >= least)


def _judged(served: DerivedSnapshot, score: np.ndarray) -> tuple[dict[str, dict[str, Any]], list[str]]:
    from clinome.models.evaluation.external import judge_external

    return judge_external(served, score)


def _without_input(snapshot: Snapshot) -> list[str]:
    nothing = int((~snapshot.with_input()).sum())
    return [f"{nothing:,} of {snapshot.rows.height:,} rows have no input at all before the fence"] if nothing else []


def _trained_on(run: Run, snapshot: Snapshot, metrics: Mapping[str, object]) -> list[str]:
    """Whether the model may have been trained on these very patients."""
    known = run.folder / "cohort.parquet"
    if not metrics or not known.exists():
        return []
    ids = snapshot.rows["subject_id"].unique()
    both = int(ids.is_in(pl.read_parquet(known)["subject_id"].unique().implode()).sum())
    if not both:
        return []
    who = f"{both:,} of {len(ids):,} patients have ids of patients whom the model was trained on"
    return [f"{who}: where they are the same people, the metrics say nothing about new ones"]


def _write(made: PredictionReport) -> None:
    if made.path.suffix == ".csv":
        write_csv(made.scores, made.path)
    else:
        made.scores.write_parquet(made.path)
    beside = {**made.about, **made.summary(), "counted": made.counted}
    made.path.with_suffix(".json").write_text(json.dumps(beside, indent=1, default=str), encoding="utf-8")


def _show(made: PredictionReport, model: Model, console: Console) -> None:
    for note in made.notes:
        console(note)
    console(f"predicted by {in_words(model.choice.share())}")
    found = [(name, m["mean"], m["low"], m["high"]) for name, m in made.metrics.items() if m["mean"] is not None]
    if found:
        console.table(["metric", "value", "low", "high"], found)
    else:
        console("no row has an outcome to judge the predictions by")
    show_external(made.about, console)
    console(f"{made.scores.height:,} predictions written to {made.path}")
    if made.pages:
        many = "1 page of a single patient" if len(made.pages) == 1 else f"{len(made.pages)} pages of single patients"
        console(f"{many}: {', '.join(map(str, made.pages[:5]))}; keep them as you keep the record")
