"""The run folder's model/: what the run leaves for new patients, and what is known of how it was made."""

from __future__ import annotations

import shutil
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clinome.console import Console
from clinome.loaders.errors import InputError
from clinome.run_folder import Run
from clinome.study import Study

if TYPE_CHECKING:
    from clinome.graphs.cohort.cohort import Cohort
    from clinome.graphs.snapshot.snapshot import Snapshot
    from clinome.models.experiment.refit import FinalFit
    from clinome.models.inference.model import Model

FOLDER = "model"


def keep_model(
    run: Run, study: Study, cohort: Cohort, snapshot: Snapshot, whole: FinalFit | None, console: Console
) -> None:
    """Write what all rows picked; a model of an earlier run never stays behind."""
    from dataclasses import replace

    if whole is None or whole.model is None:
        shutil.rmtree(run.folder / FOLDER, ignore_errors=True)
    else:
        about = _about(study, cohort, snapshot, whole)
        replace(whole.model, about=about).save(run.path(FOLDER))
        console(f"model: {in_words(whole.model.choice.share())}, fitted on all {snapshot.rows.height:,} rows")
    for name, reason in (whole.left_out if whole else {}).items():
        console(f"{name} is not in the model: {reason}")


def read_model(run: Run) -> Model:
    """The model of a run folder. Raises: InputError where there is none, or one that this version cannot use."""
    from clinome.graphs.schema import VERSION
    from clinome.models.inference.model import Model

    if not run.folder.is_dir():
        raise InputError(
            "there is no such run", run.folder, expected="a run folder: runs/NAME", fix="clinome train STUDY"
        )
    model = Model.read(run.folder / FOLDER)
    if model.about.get("schema", 0) > VERSION:
        raise InputError(
            "a model of a newer schema", run.folder / FOLDER, model.about["schema"], VERSION, "update Clinome"
        )
    return model


def in_words(share: dict[str, float]) -> str:
    """`ridge_late`, or `a stack of ridge_late (70%) and forest (30%)`."""
    if len(share) == 1:
        return next(iter(share))
    parts = [f"{name} ({part:.0%})" for name, part in sorted(share.items(), key=lambda one: -one[1])]
    return f"a stack of {', '.join(parts[:-1])} and {parts[-1]}"


def _about(study: Study, cohort: Cohort, snapshot: Snapshot, whole: FinalFit) -> dict[str, Any]:
    """What it was trained on. No patient, no path."""
    task = study.need_task()
    manifest = snapshot.manifest
    return {
        "study": study.name, "task": task.kind, "label": task.label, "labels": list(cohort.notes),
        "query": cohort.query, "params": manifest.get("params", {}), "schema": manifest.get("schema"),
        "snapshot": manifest["sha256"], "rows": snapshot.rows.height,
        "patients": snapshot.rows["subject_id"].n_unique(), "settings": {n: dict(s) for n, s in whole.settings.items()},
        "left_out": dict(whole.left_out),
        "versions": {package: version(package) for package in ("clinome", "scikit-learn", "torch", "numpy")},
    }  # fmt: skip


def run_of(folder: str | Path | Run) -> Run:
    """A run by its folder."""
    if isinstance(folder, Run):
        return folder
    path = Path(folder)
    return Run(path.resolve().name, path)
