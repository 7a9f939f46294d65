"""The folder of a comparison of two cohorts: compare.html, table1.csv, features.csv, compare.json."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from clinome.loaders.files.spreadsheet_csv import write_csv
from clinome.plots.style import short
from clinome.reports.comparison import sentences
from clinome.reports.html import svg, write_page
from clinome.reports.table_one import table_ones
from clinome.run_folder.run import versions

if TYPE_CHECKING:
    import pandas as pd

    from clinome.graphs.cohort.cohort import Cohort
    from clinome.models.statistics.differential import SurvivalContrast

FDR = 0.05
"""False discovery rate at which features are said to differ."""
_TOP = 30
_DRAWN = 15
_OF_A_TASK = ("labelled", "at risk")


@dataclass(frozen=True)
class CohortComparison:
    """Comparison of two cohorts.

    names: what they are called. cohorts: as they were taken, everybody in. both: patients of both, who are in no
    comparison. later: rows of patients beyond their first, left out. table_one: Table 1 by cohort. contrasts: as
    `models.biomarkers.contrast.contrast` (`table`, `features`: the same in pandas). survival: where both queries give duration_days and event. curves: duration_days, event
    and cohort of those followed. folder: where it was written.
    """

    names: tuple[str, str]
    cohorts: tuple[Cohort, Cohort]
    both: int
    later: int
    table_one: pl.DataFrame
    contrasts: pl.DataFrame
    survival: SurvivalContrast | None
    curves: pl.DataFrame
    folder: Path

    @property
    def table(self) -> pd.DataFrame:
        """Table 1 by cohort: a row a variable, or level of one; cells are text."""
        return self.table_one.to_pandas()

    @property
    def features(self) -> pd.DataFrame:
        """Features that differ: block, feature, symbol, measure, a, b, effect, p, q; the smallest p first."""
        return self.contrasts.to_pandas()

    @property
    def sizes(self) -> tuple[int, int]:
        """Patients of each, those of both among them."""
        first, second = (cohort.frame["subject_id"].n_unique() for cohort in self.cohorts)
        return first, second

    @property
    def differ(self) -> int:
        """How many features differ at a false discovery rate of FDR."""
        return self.contrasts.filter(pl.col("q") < FDR).height

    def summary(self) -> dict[str, object]:
        """What `--json` ends with, and compare.json holds."""
        return {"compare": str(self.folder), "patients": dict(zip(self.names, self.sizes, strict=True)), "both": self.both,
                "tested": int(self.contrasts["p"].count()), "differ": self.differ,
                "survival": None if self.survival is None else asdict(self.survival)}  # fmt: skip


def write_compare(found: CohortComparison, study: str) -> None:
    """All four files; the page is self-contained and names no patient."""
    folder = found.folder
    folder.mkdir(parents=True, exist_ok=True)
    write_csv(found.table_one, folder / "table1.csv")
    write_csv(found.contrasts, folder / "features.csv")
    (folder / "compare.json").write_text(json.dumps(found.summary(), indent=1, default=str), encoding="utf-8")
    top = found.contrasts.filter(pl.col("p").is_not_null())
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
    tested = int(found.contrasts["p"].count())
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
