"""A run that is interrupted goes on: only what is missing is done, and nobody can tell from the results."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from equal_results import equal, plain
from polars.testing import assert_frame_equal
from snapshots import make_snapshot

import clinome
from clinome.graphs.snapshot.snapshot import Snapshot
from clinome.models.base.learner import Learner
from clinome.models.base.specs import Evaluate, Learn
from clinome.models.experiment import run as harness
from clinome.models.experiment.checkpoint import Checkpoint
from clinome.models.experiment.progress import Progress
from clinome.models.experiment.results import Results
from clinome.models.learners.adapters.scikit_learn import sklearn
from clinome.models.learners.baselines.boosting import Boosting
from clinome.models.learners.baselines.forest import Forest
from clinome.models.learners.registry import make, select
from clinome.run_folder.run import Run
from clinome.verbs.train import UNITS

NAMES = ("majority", "covariates", "ridge_late", "boosting")
LEARN = Learn(trials=2, workers=1)


class Stop(Exception):
    """The power went."""


def run(
    snapshot: Snapshot, checkpoint: Checkpoint | None, stop: int = 0, learn: Learn = LEARN, **own: Learner
) -> Results:
    """The harness, stopped when `stop` jobs have ended."""

    def progress(at: Progress) -> None:
        if at.k and at.k == stop:
            raise Stop

    learners = [*select(snapshot, NAMES)[0], *own.values()]
    return harness.run(snapshot, learners, Evaluate(), learn, progress, keep=True, checkpoint=checkpoint)


@pytest.mark.parametrize("task", ["binary", "multiclass", "survival"])
def test_a_run_stopped_twice_goes_on_to_the_same_results(
    task: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot = make_snapshot(task, n=60, features=12, records=True)
    expected = run(snapshot, None)
    checkpoint = Checkpoint(tmp_path / UNITS, "basis")
    for stop in (4, 23):
        with pytest.raises(Stop):
            run(snapshot, checkpoint, stop)
    done = len(list(checkpoint.folder.iterdir()))
    assert done == 23
    fits: list[int] = []
    fit = Boosting.fit

    def counted(learner: Boosting, snapshot: Snapshot, train: np.ndarray, tuning: np.ndarray) -> None:
        if len(train) + len(tuning) < len(snapshot.rows):  # what is fitted on all rows at the end is not kept
            fits.append(1)
        fit(learner, snapshot, train, tuning)

    monkeypatch.setattr(Boosting, "fit", counted)
    equal(run(snapshot, checkpoint), expected)
    before = len(fits)
    equal(run(snapshot, checkpoint), expected)
    assert len(fits) == before, "what is whole was learnt again"
    assert len(list(checkpoint.folder.iterdir())) > done


def test_units_are_found_by_all_that_decides_them_and_by_nothing_else(tmp_path: Path) -> None:
    snapshot = make_snapshot(n=90, features=20)
    checkpoint = Checkpoint(tmp_path, "basis")
    run(snapshot, checkpoint)
    jobs = harness._jobs(snapshot.folds, ["forest"], Evaluate(), LEARN, 0.0)
    job, learner = jobs[0], make("ridge_late")
    here = checkpoint.place("run_job", replace(job, attribute=True), learner)
    assert here is not None and here.is_dir()
    assert checkpoint.place("run_job", replace(job, deadline=1.0, learner=7), learner) == here
    rows = job.train[::-1].copy()
    others: list[Any] = [
        replace(job, **change)
        for change in ({"seed": 9}, {"trials": 3}, {"fold": 2}, {"repeat": 1}, {"train": rows}, {"held_out": rows},
                       {"tuning": rows}, {"control": "permuted_labels"}, {"attribute": False})
    ]  # fmt: skip
    found = {checkpoint.place("run_job", one, learner) for one in others}
    found |= {checkpoint.place("tune_whole", job, learner), checkpoint.place("run_job", job, Forest())}
    found |= {checkpoint.place("run_job", job, learner.fused(fusion)) for fusion in ("early", "stacked")}  # type: ignore[attr-defined]
    found |= {replace(checkpoint, basis="other").place("run_job", job, learner)}
    assert here not in found and len(found) == len(others) + 5


def test_a_learner_of_the_users_own_is_always_done_again(tmp_path: Path) -> None:
    from sklearn.linear_model import LogisticRegression

    snapshot = make_snapshot(n=60, features=10)
    checkpoint = Checkpoint(tmp_path, "basis")
    with pytest.raises(Stop):
        run(snapshot, checkpoint, 3, mine=sklearn(LogisticRegression(), "mine"))
    assert not list(tmp_path.iterdir())


def test_what_the_time_limit_cut_is_not_kept(tmp_path: Path) -> None:
    snapshot = make_snapshot(n=60, features=10)
    run(snapshot, Checkpoint(tmp_path, "basis"), learn=replace(LEARN, minutes=1e-9))
    assert not list(tmp_path.iterdir())


def test_a_damaged_unit_is_done_again(tmp_path: Path) -> None:
    snapshot = make_snapshot(n=60, features=10)
    checkpoint = Checkpoint(tmp_path / UNITS, "basis")
    expected = run(snapshot, checkpoint)
    for number, job in enumerate(sorted(checkpoint.folder.iterdir())):
        match number % 4:
            case 0:
                (job / "model.safetensors").write_bytes(b"")
            case 1:
                (job / "model.json").write_text("{")
            case 2:
                job.rename(job.with_name(job.name + ".part"))
    equal(run(snapshot, checkpoint), expected)


STUDY = """
name = "small"
store = "small.graph"
[patients]
path = "patients.csv"
[omics.rna]
path = "rna.csv"
features = "opaque"
[cohort]
query = "patients_with_label"
params = {property = "outcome"}
[task]
kind = "binary"
covariates = ["age"]
[learn]
learners = ["majority", "covariates", "ridge_late", "boosting"]
trials = 2
workers = 2
"""
MAIN = "from clinome.cli.main import main; main()"


def write_study(folder: Path, n: int = 60) -> Path:
    rng = np.random.default_rng(4)
    cause = rng.standard_normal(n)
    ids = [f"patient-{i:03d}" for i in range(n)]
    people = {"patient_id": ids, "age": 60 + 5 * cause, "outcome": (cause + rng.standard_normal(n) > 0).astype(int)}
    pl.DataFrame(people).write_csv(folder / "patients.csv")
    values = rng.standard_normal((n, 12)) + 0.5 * cause[:, None]
    columns = {f"f{j}": values[:, j] for j in range(12)}
    pl.DataFrame({"patient_id": ids, **columns}).write_csv(folder / "rna.csv")
    (folder / "study.toml").write_text(STUDY)
    return folder / "study.toml"


def command(verb: str, study: Path, *more: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", MAIN, verb, str(study), *more, "--quiet"])


@pytest.mark.slow
def test_a_killed_run_goes_on_by_the_same_command(tmp_path: Path) -> None:
    study = write_study(tmp_path)
    assert command("load", study).wait() == 0
    assert command("train", study, "--name", "whole").wait() == 0
    jobs, killed = tmp_path / "runs" / "small" / UNITS, []
    for least in (3, 20):
        process = command("train", study)
        while process.poll() is None and (not jobs.exists() or len(list(jobs.iterdir())) < least):
            time.sleep(0.02)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        killed.append(len([job for job in jobs.iterdir() if job.suffix != ".part"]))
    assert killed == sorted(killed) and killed[0] >= 2
    assert not (tmp_path / "runs" / "small" / "results.json").exists()
    assert command("train", study).wait() == 0
    final_fit, small = (tmp_path / "runs" / name for name in ("whole", "small"))
    one, two = (pl.read_parquet(folder / "predictions.parquet") for folder in (final_fit, small))
    assert_frame_equal(one, two, check_exact=True)
    left, right = (plain(json.loads((folder / "results.json").read_text())) for folder in (final_fit, small))
    assert left == right
    assert (final_fit / "model" / "model.safetensors").read_bytes() == (
        small / "model" / "model.safetensors"
    ).read_bytes()
    assert not jobs.exists(), "what is whole leaves no units"
    assert "patient-0" not in (small / "log.jsonl").read_text()


def test_who_is_removed_is_in_no_unit(tmp_path: Path) -> None:
    study = clinome.Study.read(write_study(tmp_path, n=40))
    folder = Run.of(study).folder
    checkpoint = Checkpoint(folder / UNITS, "basis")
    with pytest.raises(Stop):
        run(make_snapshot(n=60, features=10), checkpoint, 5)
    assert list(checkpoint.folder.iterdir())
    clinome.load(study)
    assert command("remove", study.file, "patient", "patient-003").wait() == 0
    assert not checkpoint.folder.exists()


def test_a_unit_that_is_half_written_is_none(tmp_path: Path) -> None:
    """Killed between writing and renaming, only NAME.part is there."""
    snapshot = make_snapshot(n=60, features=10)
    checkpoint = Checkpoint(tmp_path / UNITS, "basis")
    with pytest.raises(Stop):
        run(snapshot, checkpoint, 1)
    only = next(checkpoint.folder.iterdir())
    shutil.copytree(only, only.with_name(f"{only.name}.part"))
    expected = run(snapshot, None)
    equal(run(snapshot, checkpoint), expected)
