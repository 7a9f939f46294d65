"""`clinome audit`: leakage, in the labels, the times, the splits, the features; one page that says where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import polars as pl

from clinome.console import SILENT, Console
from clinome.graph import Graph, cohort_of, frozen, open_graph
from clinome.loaders.errors import EngineError, InputError
from clinome.reports.quality.audit_page import PAGE, AuditReport, write_audit
from clinome.run_folder.run import Run
from clinome.study import Study, as_study
from clinome.verbs.quality import study_data

if TYPE_CHECKING:
    from clinome.graphs.cohort.cohort import Cohort
    from clinome.graphs.query.cypher import Query
    from clinome.graphs.snapshot.snapshot import Snapshot
    from clinome.models.base.specs import Evaluate
    from clinome.models.statistics.leakage.audited import Audited


def audit(study: Study | str | Path, *, name: str | None = None, console: Console = SILENT) -> AuditReport:
    """Leakage audit: what tells a model more than anybody knew at the prediction time, in labels, times, splits, features.

    Nine leaks are looked for (docs/audit.md); which of them could not be looked for is said.
    Args:
        study: a study, its file, or the folder that holds it; it has been loaded. It need not be trained.
        name: of the run in whose folder the page lies (default: the study's).
        console: what is said while it runs; default: nothing.
    Returns: `.findings` (severity, leak, where, share, sentence, sure, fix), `.page` (audit.html; audit.json lies beside it).
    Raises: InputError if nothing has been loaded yet, and where the study has no cohort or it cannot be taken.
    Example:
        clinome.audit("study.toml").findings
    """
    from clinome.models.biomarkers.single_features import single_features
    from clinome.models.statistics.data_quality.finding import Checked
    from clinome.models.statistics.leakage.check import check

    study = as_study(study)
    with open_graph(study) as graph:
        audited, not_looked = _audited(study, graph)
    features = Checked() if audited.outcome is None else single_features(audited.snapshot, audited.outcome)
    found = check(audited, features, not_looked)
    report = write_audit(found, audited, study.name, Run.of(study, name).path(PAGE))
    _tell(report, console)
    return report


def _audited(study: Study, graph: Graph) -> tuple[Audited, dict[str, str]]:
    """The study and its cohort as the checks take them, and what could not be looked for."""
    from clinome.graphs.cohort.look_ahead import NotAsked
    from clinome.graphs.query.label_terms import LabelTerms, label_terms
    from clinome.models.statistics.leakage.audited import Audited
    from clinome.models.statistics.leakage.outcome_words import words_of

    query, task = _asked(study), study.need_task()
    cohort = cohort_of(graph)
    known, refused = _frozen(study, graph, cohort)
    snapshot, both_sides, why = _with_folds(known, study.evaluate)
    not_looked = {"both_sides": why} if why else {}
    futures: tuple[Mapping[str, Any], ...] = ()
    if query is None:
        not_looked["look_ahead"] = "no query takes the cohort: its rows are those of the prediction task or label table"
    else:
        try:
            futures = _futures(query, cohort, graph)
        except (NotAsked, EngineError, InputError) as error:
            not_looked["look_ahead"] = str(error)
    names = (task.label,) if isinstance(task.label, str) else task.label
    found = [label_terms(query, cohort.params, name) for name in names] if query else []
    terms = LabelTerms(
        tuple(dict.fromkeys(p for one in found for p in one.properties)),
        tuple(dict.fromkeys(t for one in found for t in one.texts)),
    )
    target = () if task.target is None else (str(task.target),)
    classes = [name for name in cohort.classes if not name.isdigit()]
    label = terms.properties[0] if len(terms.properties) == 1 else ", ".join(names)
    data = study_data(graph.tables)
    left = {step.step: step.count for step in cohort.steps}
    return Audited(
        data, snapshot, cohort.frame, label,
        words=words_of([*names, *([query.name] if query else []), *target, *terms.properties, *classes]),
        codes=_codes(terms.texts, data.events),
        no_risk=left.get("labelled", 0) - left["at risk"] if "at risk" in left else 0,
        both_sides=both_sides, refused=refused, futures=futures,
    ), not_looked  # fmt: skip


def _asked(study: Study) -> Query | None:
    """The query that takes the cohort; None where a prediction task or a table of labels does."""
    from clinome.graphs.cohort.meds_labels import is_label_table
    from clinome.graphs.query.cypher import find

    text = study.need_cohort().query
    return find(text, study.folder) if text and not is_label_table(text, study.folder) else None


def _frozen(study: Study, graph: Graph, cohort: Cohort) -> tuple[Snapshot, dict[str, str]]:
    """The cohort behind the fence, and which covariates give the outcome away: these are left out."""
    from clinome.graphs.snapshot.covariates import TellsOutcome

    task, refused = study.need_task(), dict[str, str]()
    while True:
        names = tuple(one for one in task.covariates if one not in refused)
        try:
            return frozen(graph, cohort, names), refused
        except TellsOutcome as error:
            refused[str(error.got)] = error.what


def _with_folds(known: Snapshot, evaluate: Evaluate) -> tuple[Snapshot, int, str]:
    """The snapshot with the study's folds; subjects on both sides of one, by the study's own file; why there are none."""
    from clinome.models.base.folds import make_folds, on_both_sides

    if isinstance(evaluate.folds, Path) and (twice := on_both_sides(evaluate.folds)):
        return known, twice, ""
    try:
        return known.with_folds(make_folds(known.rows, known.task, evaluate)), 0, ""
    except InputError as error:
        return known, 0, str(error)


def _futures(query: Query, cohort: Cohort, graph: Graph) -> tuple[Mapping[str, Any], ...]:
    """What the query gives where something else comes after. Raises: NotAsked, EngineError, InputError: why not."""
    from clinome.graphs.cohort.look_ahead import look_ahead

    members = cohort.frame.select("subject_id", "prediction_time")
    with TemporaryDirectory(prefix="clinome-") as folder:
        found = look_ahead(query, cohort.params, members, graph.tables, Path(folder))
    return tuple(asdict(one) for one in found)


def _codes(texts: tuple[str, ...], events: pl.DataFrame | None) -> tuple[str, ...]:
    """Texts of the query that are codes of the records, or the beginnings of some."""
    if events is None:
        return ()
    codes = events["code"].unique()
    return tuple(text for text in texts if ":" in text and codes.str.starts_with(text).any())


def _tell(report: AuditReport, console: Console) -> None:
    console(report.summary_sentence)
    for row in report.rows:
        console(f"{row['severity']:7}  {row['sentence']} {row['fix']}")
    for line in report.about["not_looked"]:
        console(line)
    console(f"audit: {report.page}")
