"""model_card.md: what a run's model is, what it was made from, how well it does and for whom, and where that ends.

Source: the sections are those of Mitchell et al. 2019, Model cards for model reporting, doi:10.1145/3287560.3287596.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from clinome.reports import findings
from clinome.reports.format import interval, metric_label, number
from clinome.reports.publication.methods.prose import listed

CARD = "model_card.md"
_LEFT = "*For the author.*"


def model_card(
    title: str, results: Mapping[str, Any], summary: Mapping[str, Any], claims: Sequence[str], warned: Sequence[str]
) -> str:
    """The card as Markdown, from results.json and summary.json.

    Args:
        claims: the sentences of the report's headline. warned: its warnings.
    """
    metric = str(results.get("metric", ""))
    parts = [
        f"# Model card: {title}",
        "*A draft, made by Clinome from the run; what is marked is the author’s. A research tool: no medical device, no advice on any patient.*",
        "## Model details", *_details(results, summary),
        "## Intended use", f"{_LEFT} Users, purpose, setting; uses that are out of scope.",
        "## Data", *_data(summary),
        "## Performance", " ".join(claims),
        *_subgroups(results, metric),
        "## Limits", *_limits(results, warned),
        "## Ethical considerations", f"{_LEFT} Consent, sensitive data, who might be harmed by a wrong prediction.",
        "## Provenance", *_provenance(summary),
    ]  # fmt: skip
    return "\n\n".join(part for part in parts if part) + "\n"


def _details(results: Mapping[str, Any], summary: Mapping[str, Any]) -> list[str]:
    from clinome.run_folder.model import in_words

    model = results.get("model") or {}
    if not model.get("name"):
        return ["This run left no model for new patients; the performance below is that of a selection procedure."]
    spec = (summary.get("study") or {}).get("task") or {}
    kind = f"Task: {results['task']}" + (f", `{spec['label']}`" if isinstance(spec.get("label"), str) else "")
    return [
        (f"Model: {in_words(model['weights'])}, selected by cross-validation over all rows and fitted on all of them. {kind}. "
        "Stored in `model/` as safetensors and JSON without any row of a patient, except where the report says that it needs the "
        "run’s snapshot; used by `clinome predict`.")
    ]  # fmt: skip


def _data(summary: Mapping[str, Any]) -> list[str]:
    facts, out = summary.get("methods") or {}, []
    if facts:
        out.append(
            f"{number(facts['rows'])} rows of {number(facts['patients'])} patients; details in methods.md, characteristics in tables/table1.csv."
        )
    if layers := summary.get("layers"):
        told = [f"{one['name']} ({number(one['features'])} features, {number(one['profiled'])} rows)" for one in layers]
        out.append(f"Layers: {listed(told)}.")
    if covariates := (summary.get("study") or {}).get("covariates"):
        out.append(f"Covariates: {listed(list(covariates))}.")
    out.append(f"{_LEFT} Where and when the data were collected, and whom they represent.")
    return out


def _subgroups(results: Mapping[str, Any], metric: str) -> list[str]:
    rows = [row for row in findings.subgroup_rows(results)]
    if not rows:
        return []
    lines = ["### Subgroups", findings.subgroups(results)]
    table = [f"| variable | group | patients | {metric_label(metric)} |", "|---|---|---|---|"]
    for row in rows:
        told = interval(row, 3) if row["mean"] is not None else str(row["why"] or "–")
        table.append(f"| {_cell(row['by'])} | {_cell(row['group'])} | {number(row['patients'])} | {told} |")
    return [*lines, "\n".join(table)]


def _cell(text: object) -> str:
    return str(text).replace("|", "\\|").replace("\n", " ")


def _limits(results: Mapping[str, Any], warned: Sequence[str]) -> list[str]:
    out = ["\n".join(f"- {one}" for one in warned)] if warned else []
    if told := findings.calibration(results):
        out.append(f"Calibration. {told}")
    out.append(
        "The performance is internal: held-out patients are of the same cohort. Another hospital, platform or time must be judged by "
        "`clinome predict RUN --study OTHER`; what its data lack is served as missing, and said. Features are associations, not causes."
    )
    return [*out, f"{_LEFT} Further limits of design and data."]


def _provenance(summary: Mapping[str, Any]) -> list[str]:
    facts = summary.get("methods") or {}
    versions = [f"{name} {version}" for name, version in summary.get("versions", {}).items()]
    made = f"Made on {facts['date']} with Python {facts['python']}, " if facts else "Made with "
    return [
        f"{made}{listed(versions)}.",
        "Checksums of what the learners saw: snapshot/manifest.json. Sources as they were read: tables/sources.csv.",
    ]
