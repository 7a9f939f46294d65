"""The folder of a comparison of two cohorts: compare.html, table1.csv, features.csv, compare.json."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import polars as pl

from clinome.plots.style import short
from clinome.reports import sentences
from clinome.reports.html import svg, write_page
from clinome.reports.page import table_ones
from clinome.run_folder import versions

if TYPE_CHECKING:
    from clinome.verbs.compare import CohortComparison

FDR = 0.05
"""False discovery rate at which features are said to differ."""
_TOP = 30
_DRAWN = 15
_OF_A_TASK = ("labelled", "at risk")


def write_compare(found: CohortComparison, study: str) -> None:
    """All four files; the page is self-contained and names no patient."""
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
        observational=sentences.OBSERVATIONAL,
        survival_svg=_survival(found) if found.survival else "",
        table=table_ones(folder)[0],
        features=top.head(_TOP).to_dicts(),
        tested=top.height,
        shares_svg=_picture(top, "share", found.names),
        values_svg=_picture(top, "value", found.names),
        cohorts=[_about(cohort, name) for cohort, name in zip(found.cohorts, found.names, strict=True)],
        versions=versions(),
    )


def _survival(found: CohortComparison) -> str:
    from clinome import plots

    group = pl.when("first").then(pl.lit(found.names[0])).otherwise(pl.lit(found.names[1]))
    return svg(plots.kaplan_meier(found.curves.with_columns(cohort=group), "cohort", order=found.names))


def _picture(top: pl.DataFrame, measure: str, names: tuple[str, str]) -> str:
    from clinome import plots

    rows = top.filter(pl.col("measure") == measure)
    return svg(plots.differential_features(rows, names=names, top=_DRAWN)) if rows.height else ""


def _about(cohort: Any, name: str) -> dict[str, Any]:
    return {"name": name, "steps": [(step.step, step.count) for step in cohort.steps if step.step not in _OF_A_TASK], "query": cohort.query,
            "params": {key: str(value) for key, value in cohort.params.items()}}  # fmt: skip


def in_words(found: CohortComparison) -> list[str]:
    """Who, how long, and how many features differ."""
    said = sentences.overlap(found.names, found.sizes, found.both, found.later)
    tested = int(found.features["p"].count())
    return [*said, sentences.differing_features(found.differ, tested, FDR)] if tested else said


def survival_in_words(found: CohortComparison) -> list[str]:
    """Log-rank and hazard ratio; nothing where nobody was followed."""
    it = found.survival
    if it is None:
        return []
    names = (short(found.names[0], 40), short(found.names[1], 40))
    known = it.hazard_ratio is not None and it.low is not None and it.high is not None
    ratio = {"mean": it.hazard_ratio, "low": it.low, "high": it.high} if known else None
    return [sentences.hazard_ratio(names, it.events, it.n, it.p, ratio)]  # type: ignore[arg-type]
