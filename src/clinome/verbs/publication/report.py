"""`clinome report`: the run folder as one self-contained page."""

from __future__ import annotations

from pathlib import Path

from clinome.console import SILENT, Console
from clinome.run_folder.run import Run
from clinome.study import Study, as_study
from clinome.verbs.publication.run_network import run_network


def report(study: Study | str | Path, *, name: str | None = None, console: Console = SILENT) -> Run:
    """Report: write the run's report.html, one page for a colleague. It names no patient.

    Args:
        study: a study, its file, or the folder that holds it; it has been trained.
        name: of the run (default: the study's).
        console: what is said while it runs; default: nothing.
    Returns: the run; `.report` is the page's path.
    Raises: InputError before `clinome train`.
    Example:
        clinome.report("study.toml").report
    """
    from clinome.reports.page import write_report
    from clinome.reports.tasks.clusters.page import write_clusters_report
    from clinome.reports.tasks.links.page import write_links_report

    study = as_study(study)
    run = Run.of(study, name)
    task = run.read_json("results.json").get("task")
    own = run.name if run.name == study.name else f"{study.name}: {run.name}"
    title, page = study.report.title or own, run.path("report.html")
    other = {"links": write_links_report, "clustering": write_clusters_report}.get(str(task))
    if other is not None:
        console(f"report: {other(run.folder, title, page)}")
        return run
    console(f"report: {write_report(run.folder, title, page, run_network(study, run, console))}")
    return run
