"""Model folder of a run: what the run leaves for new patients, and what is known of how it was made."""

from __future__ import annotations

import shutil
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from clinome.console import Console
from clinome.run_folder.run import MODEL

if TYPE_CHECKING:
    from clinome.models.experiment.refit import FinalFit
    from clinome.models.inference.model import Model
    from clinome.run_folder.prepared import Prepared


def keep_model(ready: Prepared, whole: FinalFit | None, console: Console) -> None:
    """Write what all rows picked; a model of an earlier run never stays behind."""
    from dataclasses import replace

    if whole is None or whole.model is None:
        shutil.rmtree(ready.run.folder / MODEL, ignore_errors=True)
    else:
        about = {**whole.model.about, **_about(ready, whole)}
        replace(whole.model, about=about).save(ready.run.path(MODEL))
        rows = ready.snapshot.rows.height
        console(f"model: {in_words(whole.model.choice.share())}, fitted on all {rows:,} rows")
        if mark := disclosed(whole.model):
            console(mark)
    for name, reason in (whole.left_out if whole else {}).items():
        console(f"{name} is not in the model: {reason}")


def disclosed(model: Model) -> str | None:
    """What a model carries of its patients, in a sentence; None where few stand behind nothing of it."""
    from clinome.models.inference.disclosure import in_words as told

    if model.needs_training:
        return "the model predicts beside the rows that it was trained on, which lie in the run's snapshot/: patients' data"
    return told(model.about.get("few_patients", {}))


def in_words(share: dict[str, float]) -> str:
    """`ridge_late`, or `a stack of ridge_late (70%) and forest (30%)`."""
    if len(share) == 1:
        return next(iter(share))
    parts = [f"{name} ({part:.0%})" for name, part in sorted(share.items(), key=lambda one: -one[1])]
    return f"a stack of {', '.join(parts[:-1])} and {parts[-1]}"


def _about(ready: Prepared, whole: FinalFit) -> dict[str, Any]:
    """What it was trained on. No patient, no path."""
    study, cohort, snapshot = ready.study, ready.cohort, ready.snapshot
    task, manifest = study.need_task(), snapshot.manifest
    return {
        "units": manifest.get("units", {}), "parts": manifest.get("parts", {}),
        "interleaved": bool(manifest.get("interleaved")), "study": study.name, "task": task.kind, "label": task.label, "labels": list(cohort.notes),
        "query": cohort.query, "params": manifest.get("params", {}), "schema": manifest.get("schema"),
        "snapshot": manifest["sha256"], "rows": snapshot.rows.height,
        "patients": snapshot.rows["subject_id"].n_unique(), "settings": {n: dict(s) for n, s in whole.settings.items()},
        "left_out": dict(whole.left_out),
        "versions": {package: version(package) for package in ("clinome", "scikit-learn", "torch", "numpy")},
    }  # fmt: skip
