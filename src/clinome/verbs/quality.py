"""`clinome quality`: what is missing, impossible, duplicated, confounded, lost; one page, before anything is learnt."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from clinome.console import SILENT, Console
from clinome.graph import cohort_of, open_graph
from clinome.loaders.errors import InputError, NotBuilt
from clinome.reports.quality.page import JSON, PAGE, QualityReport, write_quality, write_quality_json
from clinome.reports.quality.sentences import not_tested
from clinome.run_folder.run import Run
from clinome.study import Study, as_study

if TYPE_CHECKING:
    from clinome.graphs.snapshot.snapshot import Snapshot
    from clinome.graphs.tables.study_tables import Tables
    from clinome.models.statistics.data_quality.study_data import LayerData, StudyData

_SAMPLES: dict[str, pl.DataType | type[pl.DataType]] = {
    "subject_id": pl.String,
    "batch": pl.String,
    "site": pl.String,
    "time": pl.Datetime("us"),
}


def quality(study: Study | str | Path, *, name: str | None = None, console: Console = SILENT) -> QualityReport:
    """Data quality: what is missing, impossible, duplicated, confounded with the outcome, out of its time, or lost.

    Everything that was loaded is looked at, behind no fence; against the outcome the study's cohort, where it has one.
    Args:
        study: a study, its file, or the folder that holds it; it has been loaded. It need not be trained.
        name: of the run in whose folder the page lies (default: the study's).
        console: what is said while it runs; default: nothing.
    Returns: `.findings` (severity, section, sentence), `.tables`, `.page` (quality.html; quality.json lies beside it).
    Raises: InputError if nothing has been loaded yet.
    Example:
        clinome.quality("study.toml").findings
    """
    from clinome.graphs.tables.study_tables import Tables
    from clinome.models.statistics.data_quality.check import check

    study = as_study(study)
    tables = Tables(study.tables, study.name)
    if not tables.sources():
        raise InputError("nothing has been loaded yet", study.file.name, fix=f"clinome load {study.file.name}")
    snapshot, why = _cohort(study)
    data = study_data(tables)
    found = check(data, snapshot)
    report = write_quality(
        found, data, study.name, Run.of(study, name).path(PAGE), snapshot, not_tested(why, snapshot, found)
    )
    _tell(report, console)
    return report


def keep_quality(tables: Tables, snapshot: Snapshot, run: Run) -> None:
    """quality.json of a run, for its report: the same findings as `quality`'s, from what training holds anyway."""
    from clinome.models.statistics.data_quality.check import check

    data = study_data(tables)
    found = check(data, snapshot)
    write_quality_json(found, data, run.name, run.path(JSON), snapshot, not_tested("", snapshot, found))


def mixed_batches(run: Run) -> list[str]:
    """What a run has to say of batches that go with the outcome: the serious findings of confounding in its quality.json."""
    found = run.read_json(JSON)["findings"]
    return [
        f"warning: {one['sentence']}"
        for one in found
        if one["section"] == "confounding" and one["severity"] == "serious"
    ]


def study_data(tables: Tables, today: datetime | None = None) -> StudyData:
    """Everything that was loaded of a study, as the checks of quality take it.

    Args:
        today: when the future begins; default: now.
    """
    from clinome.graphs.cohort.cohort import weakest_clock
    from clinome.graphs.query.code_coverage import code_coverage
    from clinome.graphs.snapshot.covariates import patient_properties
    from clinome.loaders.tables import EVENTS
    from clinome.models.statistics.data_quality.study_data import StudyData

    records = {source: tables.record(source) for source in tables.sources()}
    people = pl.DataFrame({"subject_id": sorted(tables.subjects())}, schema={"subject_id": pl.String})
    rejects = [table for source in records if (table := tables.table(source, "rejects")) is not None]
    return StudyData(
        subjects=tuple(people["subject_id"]),
        patients=pl.concat([people, patient_properties(people, tables)], how="horizontal"),
        layers=tuple(_layer(tables, source) for source in records if tables.length(source, "obs")),
        events=_stacked(tables, "events", tuple(EVENTS)),
        visits=_stacked(tables, "visits"),
        rejects=pl.concat([table.select("source", "column", "expected", "fix") for table in rejects]),
        sources={source: {**record["tally"], "counts": record["counts"]} for source, record in records.items()},
        today=today or datetime.now(UTC).replace(tzinfo=None),
        clock=weakest_clock(tables),
        names=tables.concept_names(),
        coverage=code_coverage(tables),
    )


def _stacked(tables: Tables, name: str, columns: Sequence[str] = ()) -> pl.DataFrame | None:
    found = [table for source in tables.sources() if (table := tables.table(source, name)) is not None]
    return pl.concat([t.select(columns or pl.all()) for t in found], how="diagonal_relaxed") if found else None


def _layer(tables: Tables, source: str) -> LayerData:
    from clinome.models.statistics.data_quality.study_data import LayerData

    record, omics = tables.record(source), tables.read(source).omics
    obs, var = tables.table(source, "obs"), tables.table(source, "var")
    assert omics is not None and obs is not None and var is not None
    absent = [pl.lit(None, kind).alias(c) for c, kind in _SAMPLES.items() if c not in obs.columns]
    samples = obs.with_columns(absent).select(pl.col(c).cast(kind) for c, kind in _SAMPLES.items())
    named = var.select(pl.coalesce("symbol", "id") if "symbol" in var.columns else "id").to_series()
    kind, scale = (str(record.get(what) or record["uns"].get(what, "")) for what in ("kind", "scale"))
    return LayerData(source.removeprefix("omics."), kind, scale, tuple(named), omics.X, samples)


def _cohort(study: Study) -> tuple[Snapshot | None, str]:
    """The study's cohort, frozen; or None, and why."""
    from clinome.graphs.snapshot.freeze import freeze

    if study.task is None or (study.cohort is None and study.task.target is None):
        return None, "the study has no [cohort] and [task]"
    try:
        task = study.need_task()
        with open_graph(study) as graph:
            return freeze(cohort_of(graph), graph.tables, task.kind, task.covariates), ""
    except (InputError, NotBuilt) as error:  # an engine that failed is not the study's fault
        return None, str(error)


def _tell(report: QualityReport, console: Console) -> None:
    console(report.summary_sentence)
    for finding in report.rows:
        console(f"{finding['severity']:7}  {finding['sentence']}")
    console(report.about["said"])
    console(f"quality: {report.page}")
