"""audit.html, audit.json, and a private list of whom findings are about; the page names no patient."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clinome.loaders.files.atomic import write_atomic
from clinome.models.statistics.data_quality.finding import LEAKS, SEVERITIES
from clinome.reports.html import write_page
from clinome.reports.quality import audit_sentences as sentences
from clinome.reports.quality.page import finite, write_private
from clinome.run_folder.run import versions

if TYPE_CHECKING:
    import pandas as pd

    from clinome.models.statistics.data_quality.finding import Finding
    from clinome.models.statistics.leakage.audited import Audited
    from clinome.models.statistics.leakage.check import Leakage

PAGE, JSON, PRIVATE = "audit.html", "audit.json", "audit_patients.csv"
COLUMNS = ("severity", "leak", "kind", "where", "share", "sentence", "sure", "fix")


@dataclass(frozen=True)
class AuditReport:
    """Leakage audit of a study: what was found, the gravest first.

    rows: of each finding severity, leak, kind, where, share (of rows, None where it is about none), sentence, sure, fix.
    about: what else audit.json holds. page: audit.html; audit.json lies beside it, and where findings are about single
    patients audit_patients.csv (mode 600).
    Example:
        clinome.audit("study.toml").findings.query("severity == 'serious'")
    """

    rows: tuple[Mapping[str, Any], ...]
    about: Mapping[str, Any]
    page: Path

    @property
    def findings(self) -> pd.DataFrame:
        """A row a finding: severity (serious, check, note), leak, kind, where, share, sentence, sure, fix."""
        import pandas as pd

        return pd.DataFrame([dict(row) for row in self.rows], columns=list(COLUMNS))

    @property
    def summary_sentence(self) -> str:
        """How many findings of each severity, over how much."""
        return str(self.about["summary"])

    def summary(self) -> dict[str, object]:
        """What `--json` ends with."""
        about = self.about
        return {
            "audit": str(self.page),
            **about["counts"],
            "not_looked": about["not_looked"],
            "findings": list(self.rows),
        }


def write_audit(found: Leakage, study: Audited, name: str, out: Path) -> AuditReport:
    """The page, audit.json beside it, and the private list.

    Args:
        name: of the study. out: audit.html, in a run's folder.
    """
    counts = {severity: sum(one.severity == severity for one in found.findings) for severity in SEVERITIES}
    rows = tuple(_row(one, study.data.names) for one in found.findings)
    people = study.snapshot.rows["subject_id"].n_unique()
    about = {
        "study": name,
        "summary": sentences.summary(counts, study.snapshot.rows.height, people),
        "rows": study.snapshot.rows.height,
        "patients": people,
        "counts": counts,
        "not_looked": [sentences.not_looked(leak, why) for leak, why in found.not_looked.items()],
        "findings": list(rows),
    }
    facts = [{key: finite(value) for key, value in one.facts.items()} for one in found.findings]
    write_atomic(out.with_name(JSON), json.dumps({**about, "facts": facts}, indent=1, default=str, allow_nan=False))
    write_private(found.findings, out.with_name(PRIVATE))
    leaks = [
        {"title": sentences.TITLES[leak], "rows": [row for row in rows if row["leak"] == leak],
         "not_looked": found.not_looked.get(leak, "").rstrip(".")}
        for leak in LEAKS
    ]  # fmt: skip
    private = PRIVATE if any(one.subjects for one in found.findings) else ""
    write_page("audit.html.jinja", out, title=name, about=about, rows=rows, leaks=leaks, titles=sentences.TITLES,
               meaning=sentences.MEANING, private=private, versions=versions())  # fmt: skip
    return AuditReport(rows, about, out)


def _row(one: Finding, names: Mapping[str, str]) -> dict[str, Any]:
    """A finding in words; a code with the name that the graph knows."""
    said = sentences.sentence(one)
    if one.where in names:
        said = said.replace(one.where, f"{names[one.where]} ({one.where})", 1)
    part = sentences.share(one)
    return {
        "severity": one.severity, "leak": one.section, "kind": one.kind, "where": one.where,
        "share": None if part is None else round(part, 4), "sentence": said, "sure": sentences.sure(one),
        "fix": sentences.fix(one),
    }  # fmt: skip
