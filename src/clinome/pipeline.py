"""The main job on one screen: files -> graph -> cohort -> fenced snapshot -> learners -> biomarkers -> report.

Each step is a verb of the command line and a function here; `run` is all of them in order.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clinome.console import SILENT, Console
from clinome.run_folder import Run
from clinome.study import Study

if TYPE_CHECKING:
    from clinome.graphs.cohort.cohort import Cohort
    from clinome.graphs.ingest.load_source import SourceReport
    from clinome.verbs.predict import PredictionReport


def load(study: Study, console: Console = SILENT) -> list[SourceReport]:
    """Files -> tables -> graph, source by source; what is there and unchanged stays."""
    from clinome.verbs.load import load_study

    return load_study(study, console)


def cohort(study: Study, console: Console = SILENT) -> Cohort:
    """The cohort query -> subjects, prediction times, labels, attrition; kept in the graph."""
    from clinome.verbs.cohort import take_cohort

    return take_cohort(study, console)


def train(
    study: Study, name: str | None = None, learners: Mapping[str, Any] | None = None, console: Console = SILENT
) -> Run:
    """Snapshot behind the fence, folds, learners, comparison -> the run folder."""
    from clinome.user_learners import check_names, learner_of
    from clinome.verbs.train import train_study

    own = {mine: learner_of(given, mine, study) for mine, given in check_names(learners or {}).items()}
    return train_study(study, Run.of(study, name), own, console)


def biomarkers(study: Study, name: str | None = None, console: Console = SILENT) -> Run:
    """Attributions on held-out patients -> ranked features and pathways, written back into the graph."""
    from clinome.verbs.biomarkers import rank_features

    return rank_features(study, Run.of(study, name), console)


def report(study: Study, name: str | None = None, console: Console = SILENT) -> Run:
    """The run folder -> one self-contained page."""
    from clinome.reports.page import report_run

    return report_run(Run.of(study, name), console)


def predict(
    run: str | Path | Run,
    study: Study | str | Path,
    learners: Mapping[str, Any] | None = None,
    out: str | Path | None = None,
    console: Console = SILENT,
) -> PredictionReport:
    """A run's frozen model on another study. `learners` gives again what of the model is the user's own code, by name."""
    from clinome.verbs.predict import predict_study

    study = study if isinstance(study, Study) else Study.read(study)
    return predict_study(run, study, learners or {}, None if out is None else Path(out), console)


def run(
    study: Study, learners: Mapping[str, Any] | None = None, name: str | None = None, console: Console = SILENT
) -> Run:
    """All of it. `learners` joins the user's own by name: a learner, an estimator, a PyG module, or what makes one."""
    load(study, console)
    train(study, name, learners, console)
    biomarkers(study, name, console)
    return report(study, name, console)
