"""The folder of a comparison of two cohorts: compare.html, table1.csv, features.csv, compare.json."""

from __future__ import annotations

import json
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import polars as pl

from clinome.plots.run import short
from clinome.reports.figures import p_text
from clinome.reports.html import write_page
from clinome.reports.page import table_ones
from clinome.verbs.train import PACKAGES

if TYPE_CHECKING:
    from clinome.verbs.compare import CohortComparison

_TOP = 30
_DRAWN = 15
_OF_A_TASK = ("labelled", "at risk")


def write_compare(found: CohortComparison, study: str) -> None:
    """All four files; the page is self-contained and names no patient."""
    from clinome.plots import cohorts as compare_plots
    from clinome.verbs.compare import in_words

    folder = found.folder
    folder.mkdir(parents=True, exist_ok=True)
    found.table.write_csv(folder / "table1.csv")
    found.features.write_csv(folder / "features.csv")
    (folder / "compare.json").write_text(json.dumps(found.summary(), indent=1, default=str), encoding="utf-8")
    top = found.features.filter(pl.col("p").is_not_null())
    write_page(
        "compare.html.jinja",
        folder / "compare.html",
        title=f"{found.names[0]} against {found.names[1]}",
        study=study,
        names=found.names,
        words=in_words(found),
        survival=found.survival,
        survival_words=survival_in_words(found),
        survival_svg=compare_plots.two_curves(found.curves, found.names) if found.survival else "",
        table=table_ones(folder)[0],
        features=top.head(_TOP).to_dicts(),
        tested=top.height,
        shares_svg=_picture(top, "share", found.names),
        values_svg=_picture(top, "value", found.names),
        cohorts=[_about(cohort, name) for cohort, name in zip(found.cohorts, found.names, strict=True)],
        versions={package: version(package) for package in PACKAGES},
    )


def _picture(top: pl.DataFrame, measure: str, names: tuple[str, str]) -> str:
    from clinome.plots import cohorts as compare_plots

    rows = top.filter(pl.col("measure") == measure).head(_DRAWN).to_dicts()
    return compare_plots.effects(rows, measure, names) if rows else ""


def _about(cohort: Any, name: str) -> dict[str, Any]:
    return {"name": name, "steps": [(step.step, step.count) for step in cohort.steps if step.step not in _OF_A_TASK], "query": cohort.query,
            "params": {key: str(value) for key, value in cohort.params.items()}}  # fmt: skip


def survival_in_words(found: CohortComparison) -> list[str]:
    """Log-rank and hazard ratio; nothing where nobody was followed."""
    it = found.survival
    if it is None:
        return []
    a, b = (short(name, 40) for name in found.names)
    said = f"Events in {it.events[0]:,} of {it.n[0]:,} and {it.events[1]:,} of {it.n[1]:,}"
    said += f"; log-rank p = {p_text(it.p)}." if it.p is not None else "."
    if it.hazard_ratio is None:
        return [f"{said} A cohort without events has no hazard ratio."]
    ratio = f"{it.hazard_ratio:.2f} ({it.low:.2f} to {it.high:.2f})"
    return [f"{said} Hazard ratio of {a} to {b}: {ratio}, by Cox, unadjusted."]
