"""quality.html, quality.json, and a private list of whom findings are about; the page names no patient."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from clinome.loaders.files.atomic import write_atomic
from clinome.loaders.files.spreadsheet_csv import csv_text
from clinome.models.statistics.data_quality.finding import SECTIONS, SEVERITIES
from clinome.reports.captions import CAPTION
from clinome.reports.html import svg, write_page
from clinome.reports.quality import sentences
from clinome.run_folder.run import versions

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from clinome.models.base.snapshot import Snapshot
    from clinome.models.statistics.data_quality.check import DataQuality
    from clinome.models.statistics.data_quality.finding import Finding
    from clinome.models.statistics.data_quality.study_data import StudyData

PAGE, JSON, PRIVATE = "quality.html", "quality.json", "quality_patients.csv"
_SHOWN = 40
_MEASURE: Mapping[str, Mapping[str, Any]] = {
    "share": {"measure": "share with the outcome"},
    "classes": {"measure": "share of each class"},
    "O/E": {"measure": "observed / expected events", "reference": 1.0},
}
_POINTS = ("components",)
"""Tables with a row a patient: drawn, and kept nowhere."""


@dataclass(frozen=True)
class QualityReport:
    """Data quality of a study: what was found, the gravest first.

    rows: severity, section, kind, where, sentence of each finding. parts: the tables behind them, in polars (`tables`:
    in pandas). about: what else quality.json holds. page: quality.html; quality.json lies beside it, and where findings
    are about single patients quality_patients.csv (mode 600).
    Example:
        clinome.quality("study.toml").findings.query("severity == 'serious'")
    """

    rows: tuple[Mapping[str, str], ...]
    parts: Mapping[str, pl.DataFrame]
    about: Mapping[str, Any]
    page: Path

    @property
    def findings(self) -> pd.DataFrame:
        """A row a finding: severity (serious, check, note), section, kind, where, sentence."""
        import pandas as pd

        return pd.DataFrame(list(self.rows), columns=["severity", "section", "kind", "where", "sentence"])

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """The tables behind the page, by name: layers, properties, variables, missing_tests, group_tests, chronology, …"""
        return {name: table.to_pandas() for name, table in self.parts.items()}

    @property
    def summary_sentence(self) -> str:
        """How many findings of each severity, over how much."""
        return str(self.about["summary"])

    def summary(self) -> dict[str, object]:
        """What `--json` ends with."""
        return {
            "quality": str(self.page),
            **self.about["counts"],
            "tested": self.about["tested"],
            "said": self.about["said"],
            "findings": list(self.rows),
        }


def write_quality(
    found: DataQuality, data: StudyData, study: str, out: Path, snapshot: Snapshot | None, not_tested: str
) -> QualityReport:
    """The page, quality.json beside it, and the private list.

    Args:
        out: quality.html, in a run's folder. not_tested: why nothing was tested against the outcome, or "".
    """
    about = write_quality_json(found, data, study, out.with_name(JSON), snapshot, not_tested)
    report = QualityReport(tuple(about["findings"]), found.tables, about, out)
    write_private(found.findings, out.with_name(PRIVATE))
    write_page("quality.html.jinja", out, title=study, **_page(report, found, data))
    return report


def write_quality_json(
    found: DataQuality, data: StudyData, study: str, out: Path, snapshot: Snapshot | None, not_tested: str
) -> dict[str, Any]:
    """quality.json: findings with their facts and sentences, and the tables; no ids, and no row of a single patient."""
    counts = {severity: sum(one.severity == severity for one in found.findings) for severity in SEVERITIES}
    rows = [_row(one, data.names) for one in found.findings]
    about = {
        "study": study,
        "summary": sentences.summary(counts, len(data.subjects), len(data.sources)),
        "patients": len(data.subjects),
        "cohort": None if snapshot is None else snapshot.rows.height,
        "today": f"{data.today:%Y-%m-%d}",
        "counts": counts,
        "tested": found.tested,
        "said": not_tested or sentences.tested(found.tested),
        "findings": rows,
    }
    facts = [{name: finite(value) for name, value in one.facts.items()} for one in found.findings]
    tables = {name: [{column: finite(value) for column, value in row.items()} for row in table.iter_rows(named=True)]
              for name, table in found.tables.items() if name not in _POINTS}  # fmt: skip
    write_atomic(out, json.dumps({**about, "facts": facts, "tables": tables}, indent=1, default=str, allow_nan=False))
    return about


def finite(value: Any) -> Any:
    """What JSON can hold: a number that is none is null."""
    if isinstance(value, list | tuple):
        return [finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _row(one: Any, names: Mapping[str, str]) -> dict[str, str]:
    """A finding in words; a code with the name that the graph knows."""
    named = one.where if one.where not in names else f"{names[one.where]} ({one.where})"
    facts = dict(one.facts)
    if one.kind == "codes_not_at_random":
        facts["names"] = [names.get(name, name) for name in facts["names"]]
    said = sentences.sentence(replace(one, where=named, facts=facts))
    return {"severity": one.severity, "section": one.section, "kind": one.kind, "where": one.where, "sentence": said}


def write_private(findings: Sequence[Finding], path: Path) -> None:
    """subject_id, kind, where of findings about patients: for whoever mends them. Nobody else may read it."""
    rows = [(subject, one.kind, one.where) for one in findings for subject in one.subjects]
    path.unlink(missing_ok=True)
    if rows:
        table = pl.DataFrame(rows, {"subject_id": pl.String, "kind": pl.String, "where": pl.String}, orient="row")
        write_atomic(path, csv_text(table), private=True)


def _page(report: QualityReport, found: DataQuality, data: StudyData) -> dict[str, Any]:
    """Everything that the template names."""
    tables = found.tables
    by_section = {section: [row for row in report.rows if row["section"] == section] for section in SECTIONS}
    return {
        "about": report.about,
        "rows": report.rows,
        "by_section": by_section,
        "titles": sentences.TITLES,
        "meaning": sentences.MEANING,
        "private": PRIVATE if any(one.subjects for one in found.findings) else "",
        "figures": _figures(tables, data.names, _MEASURE[found.measure]),
        "layers": _dicts(tables, "layers"),
        "properties": [row for row in _dicts(tables, "properties") if row["missing"]],
        "missing_tests": _dicts(tables, "missing_tests")[:_SHOWN],
        "group_tests": _dicts(tables, "group_tests")[:_SHOWN],
        "batch_variance": _dicts(tables, "batch_variance")[:_SHOWN],
        "variables": _named(_dicts(tables, "variables"), data.names)[:_SHOWN],
        "counts": _dicts(tables, "counts"),
        "rejects": _dicts(tables, "rejects")[:_SHOWN],
        "chronology": _dicts(tables, "chronology"),
        "value_drift": _named(_dicts(tables, "value_drift"), data.names, "code")[:15],
        "totals": {
            name: len(_dicts(tables, name)) for name in ("variables", "missing_tests", "rejects", "group_tests")
        },
        "versions": versions(),
    }


def _dicts(tables: Mapping[str, pl.DataFrame], name: str) -> list[dict[str, Any]]:
    return tables[name].to_dicts() if name in tables else []


def _named(rows: Sequence[dict[str, Any]], names: Mapping[str, str], key: str = "name") -> list[dict[str, Any]]:
    return [{**row, "called": names.get(row[key], "")} for row in rows]


def _figures(
    tables: Mapping[str, pl.DataFrame], names: Mapping[str, str], measure: Mapping[str, Any]
) -> dict[str, list[dict[str, str]]]:
    """Section -> its figures, as SVG with captions."""
    from clinome import plots

    found: dict[str, list[dict[str, str]]] = {section: [] for section in SECTIONS}

    def add(section: str, name: str, draw: Callable[[pl.DataFrame], Figure], said: str = "") -> None:
        table = tables.get(name)
        if table is not None and table.height and table.width:
            found[section].append({"svg": svg(draw(table)), "caption": said or CAPTION[f"quality_{name}"]})

    if tables["availability"].height > 1:
        add("missing", "availability", lambda table: plots.missing_data(table, unit="patients"))
    if any(row["missing"] for row in _dicts(tables, "layers")):
        add("missing", "missing_curve", plots.missing_features)
    add("missing", "missing_tests", lambda table: plots.missing_by_outcome(_called(table, names)))
    groups = tables.get("by_group", pl.DataFrame())
    for rows in groups.partition_by("name", maintain_order=True) if groups.width else ():
        by = str(rows["name"][0])
        said = sentences.outcome_by(by, str(measure["measure"]))
        found["confounding"].append({"svg": svg(plots.outcome_by_group(rows, by=by, **measure)), "caption": said})
    add("confounding", "components", plots.sample_components)
    add("values", "histograms", lambda table: plots.distributions(_called(table, names)))
    add("drift", "events_by_month", plots.records_over_time)
    said = sentences.outcome_by("calendar time of the prediction", str(measure["measure"]))
    add("drift", "by_period", lambda table: plots.outcome_by_group(table, by="calendar time", **measure), said)
    return found


def _called(table: pl.DataFrame, names: Mapping[str, str]) -> pl.DataFrame:
    """Codes by the names that the graph knows, where these are all different."""
    called = table["name"].replace(dict(names)) if names else table["name"]
    return table.with_columns(called) if called.n_unique() == table["name"].n_unique() else table
