"""Page of one patient's prediction: risk and what became of others with it, outcomes not ruled out, facts, similar patients, warnings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from clinome.loaders.errors import InputError
from clinome.run_folder.run import SNAPSHOT, Run
from clinome.verbs.prediction.patient_facts import MOST_TRAINING, contributions, facts, outside, sums

if TYPE_CHECKING:
    from clinome.models.base.learner import Learner
    from clinome.models.base.snapshot import DerivedSnapshot, Snapshot
    from clinome.models.inference.model import Model

ABLE = ("binary", "multiclass", "survival", "regression")
"""Tasks whose prediction is one thing that a page can say."""
LEVEL = 0.9


def patient_pages(
    run: Run,
    model: Model,
    served: DerivedSnapshot,
    score: np.ndarray,
    patients: Sequence[str],
    own: Mapping[str, Learner],
    study: str,
) -> list[Path]:
    """A page for each of these patients, of several rows the last one; mode 600, for each is about one person.

    Args:
        served, score: the other study's patients in the model's shape, and their scores. own: learners given again.
        study: their study's name.
    Raises: InputError for somebody who is not in the cohort, a task that has no such page, and a run without its snapshot.
    """
    training = _training(run, model)
    rows = [_row(served, one, k + 1) for k, one in enumerate(patients)]
    lot = np.random.default_rng(0).permutation(training.rows.height)[:MOST_TRAINING]
    known = contributions(model, model.serve(training).snapshot, np.sort(lot), own)
    here = contributions(model, served, np.array(rows), own)
    shared = [name for name in known.names if name in set(here.names)]
    at, of = ([side.names.index(name) for name in shared] for side in (known, here))
    pages = []
    for k, (row, patient) in enumerate(zip(rows, patients, strict=True)):
        told = {
            **_risk(run, training, score[row]),
            "facts": facts(here, k, served, row, _names(run), training), "silent": here.silent,
            "sums": sums(here, k, training.task, score[row]),
            **_alike(training, np.sort(lot), known.values[:, at], here.values[k, of], run),
            "warnings": [*_of_training(training, patient), *outside(training, served, row)],
        }  # fmt: skip
        pages.append(_write(run, study, patient, served.rows["prediction_time"][row], told, model))
    return pages


def _training(run: Run, model: Model) -> Snapshot:
    if model.schema.task not in ABLE:
        raise InputError(
            "this task has no page of one patient",
            "--patient",
            model.schema.task,
            ", ".join(ABLE),
            "predict without it",
        )
    if not (run.folder / SNAPSHOT / "manifest.json").is_file():
        fix = "train it again: clinome train STUDY"
        raise InputError("a page needs the run's snapshot, to say who was alike", run.name, fix=fix)
    return run.snapshot


def _row(served: DerivedSnapshot, patient: str, number: int) -> int:
    rows = np.flatnonzero((served.rows["subject_id"] == patient).to_numpy())
    if not len(rows):
        where, fix = (
            f"--patient, number {number}",
            "take one from the predictions: `clinome predict` without --patient writes them",
        )
        raise InputError(
            "this patient is not in the cohort", where, expected="a subject_id of the other study's cohort", fix=fix
        )
    return int(rows[-1])


def _of_training(training: Snapshot, patient: str) -> list[str]:
    if not (training.rows["subject_id"] == patient).any():
        return []
    return [
        "the model was trained on a patient of this id: if it is the same person, the prediction looks surer than it is"
    ]


def _held_out(run: Run, training: Snapshot) -> tuple[pl.DataFrame, np.ndarray, np.ndarray]:
    """Rows of the training with a held-out score of `chosen`: the table, one score a row (a mean over repeats), the outcomes."""
    from clinome.models.base.task import task_of

    task = task_of(training.task)
    table = pl.read_parquet(run.folder / "predictions.parquet").filter(pl.col("learner") == "chosen")
    columns = task.score_columns(training.classes)
    each = table.group_by("row").agg(pl.col(columns).mean()).sort("row")
    y = task.targets(training.rows, training.classes)[each["row"].to_numpy()]
    score = each.select(columns).to_numpy()
    return each, score if score.shape[1] > 1 else score[:, 0], y


def _risk(run: Run, training: Snapshot, score: Any) -> dict[str, Any]:
    """The prediction; what became of held-out patients near it; which outcomes, or numbers, it cannot rule out."""
    from clinome.models.evaluation.conformal import limits
    from clinome.models.evaluation.decisions.observed_near import observed_near

    _, held, y = _held_out(run, training)
    horizon = run.read_json("results.json").get("horizon_days")
    told: dict[str, Any] = {
        "task": training.task,
        "horizon": horizon,
        "near": None,
        "set": None,
        "between": None,
        "classes": None,
    }
    if training.task == "regression":
        reach = float(np.quantile(np.abs(y - held), min(1.0, LEVEL * (1 + 1 / len(y)))))
        return {**told, "score": float(score), "between": (float(score) - reach, float(score) + reach)}
    if training.task == "survival":
        return {**told, "score": None, "near": asdict(observed_near(held, y, float(score), horizon)) if horizon else None,
                "rank": float((held < score).mean())}  # fmt: skip
    p = np.column_stack([1 - held, held]) if held.ndim == 1 else held
    mine = np.array([1 - score, score]) if np.ndim(score) == 0 else np.asarray(score)
    least = limits(np.asarray(y, dtype=np.int64), p, LEVEL)
    inside = [str(name) for name, a, b in zip(training.classes, mine, least, strict=True) if a >= b]
    if held.ndim == 1:
        return {
            **told,
            "score": float(score),
            "near": asdict(observed_near(held, y.astype(bool), float(score))),
            "set": inside,
        }
    return {
        **told,
        "score": None,
        "set": inside,
        "classes": sorted(zip(map(str, training.classes), mine.tolist(), strict=True), key=lambda one: -one[1]),
    }


def _alike(training: Snapshot, rows: np.ndarray, known: np.ndarray, one: np.ndarray, run: Run) -> dict[str, Any]:
    """Training patients whose score is moved by the same: what became of them, in counts; and how new this one is."""
    from clinome.models.base.task import task_of
    from clinome.models.evaluation.decisions.novelty import distances, is_new, novelty
    from clinome.models.evaluation.decisions.observed_near import LEAST, nearest, observed

    near = nearest(distances(known, one), LEAST)
    y = task_of(training.task).targets(training.rows, training.classes)[rows[near]]
    share = novelty(known, one)
    told: dict[str, Any] = {
        "novelty": share,
        "new": is_new(share),
        "alike": None,
        "alike_classes": None,
        "alike_numbers": None,
    }
    if training.task == "regression":
        return {**told, "alike_numbers": [len(y), *(float(v) for v in np.quantile(y, (0.25, 0.5, 0.75)))]}
    everybody, flat = np.arange(len(y)), np.zeros(len(y))
    if training.task == "multiclass":
        counts = [(str(name), int((y == k).sum())) for k, name in enumerate(training.classes)]
        return {
            **told,
            "alike_classes": [(name, n if not 0 < n < 10 else None) for name, n in counts],
            "alike": {"patients": len(y)},
        }
    horizon = run.read_json("results.json").get("horizon_days") if training.task == "survival" else None
    if training.task == "survival" and not horizon:
        return told
    return {**told, "alike": asdict(observed(everybody, flat, y if horizon else y.astype(bool), horizon))}


def _names(run: Run) -> dict[str, str]:
    path = run.folder / "biomarkers.csv"
    if not path.is_file():
        return {}
    table = run.biomarkers.dropna(subset=["name"])
    return dict(zip(table["feature"], table["name"], strict=True))


def _write(run: Run, study: str, patient: str, when: Any, told: dict[str, Any], model: Model) -> Path:
    from clinome.reports.html import write_page
    from clinome.run_folder.model import in_words

    path = run.patient_page(study, patient)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.chmod(0o600)
    write_page("patient.html.jinja", path, patient=patient, when=when, run=run.name, study=study,
               model=in_words(model.choice.share()), level=LEVEL, **told)  # fmt: skip
    path.chmod(0o600)
    return path
