"""`clinome run`: the main job on one screen: load -> train (cohort, snapshot, learners) -> biomarkers -> report."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from clinome.console import SILENT, Console
from clinome.run_folder.run import Run
from clinome.study import Study, as_study
from clinome.verbs.biomarkers import biomarkers
from clinome.verbs.load import load
from clinome.verbs.report import report
from clinome.verbs.train import train


def run(
    study: Study | str | Path,
    *,
    learners: Mapping[str, Any] | None = None,
    name: str | None = None,
    console: Console = SILENT,
) -> Run:
    """Run a study whole: load, cohort, train, biomarkers, report. What is done and unchanged is not done again.

    Args:
        study: a study, its file, or the folder that holds it.
        learners: your own beside ours, by name: a learner, a scikit-learn estimator, a PyG module, or what makes one.
        name: of the run (default: the study's).
        console: what is said while it runs; default: nothing.
    Returns: the run, with all its tables and its report.
    Raises: what each of the steps raises.
    Example:
        run = clinome.run("study.toml", learners={"svm": LinearSVC()}, name="with-mine")
    """
    study = as_study(study)
    load(study, console=console)
    train(study, learners=learners, name=name, console=console)
    biomarkers(study, name=name, console=console)
    return report(study, name=name, console=console)
