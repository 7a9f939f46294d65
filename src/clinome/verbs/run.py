"""`clinome run`: the main job on one screen: load -> train (cohort, snapshot, learners) -> biomarkers -> report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clinome.console import SILENT, Console
from clinome.models.training.launch import launched
from clinome.run_folder.run import Run
from clinome.study import Study, as_study
from clinome.user_learners import learners_of
from clinome.verbs.biomarkers import biomarkers
from clinome.verbs.loading.load import load
from clinome.verbs.publication.report import report
from clinome.verbs.tasks.links import rankers_of, train_links
from clinome.verbs.train import train_study

if TYPE_CHECKING:
    from clinome.models.experiment.processes import Processes


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
    if study.links is not None:
        rankers = rankers_of(learners or {}, study)
        load(study, console=console)
        train_links(study, Run.of(study, name), rankers, console)
        return report(study, name=name, console=console)
    own = learners_of(learners or {}, study)
    with launched(study.learn) as learn:
        if learn is None:  # this process helped another one, which has done all of this
            return Run.of(study, name)
        study = replace(study, learn=learn)
        with begun(study, name) as processes:
            load(study, console=console)
            train_study(study, Run.of(study, name), own, console, processes)
    biomarkers(study, name=name, console=console)
    return report(study, name=name, console=console)


@contextmanager
def begun(study: Study, name: str | None = None) -> Iterator[Processes | None]:
    """Processes that load torch and its like while the graph is filled; None where there are results already, which
    will most likely stand, and where the study asks for one process or for a cluster."""
    from clinome.models.experiment.worker_pool import processes_for

    first = not Run.of(study, name).read_json("run.json")
    processes = processes_for(study.learn, study.evaluate) if first else None
    if processes is None:
        yield None
        return
    with processes.begin():
        yield processes
