"""Tables of a report as files: all that the page shows, whole where the page shows a part."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from clinome.reports.publication.shelf import Shelf

_FILES = {
    "balance": "matched_controls",
    "endpoints": "endpoints",
    "selection": "selected_features",
    "biomarkers": "biomarkers",
    "enrichment": "pathway_enrichment",
}
"""Tables that the run has as files, and what they are called among the publication's."""


def keep_tables(shelf: Shelf, run: Path, page: Mapping[str, Any]) -> None:
    """Put every table of a report on the shelf, as tables/NAME.csv.

    Args:
        run: the folder. page: what the template of the report is given.
    """
    for path in sorted(run.glob("table1*.csv")):
        shelf.csv(path)
    for file, name in _FILES.items():
        shelf.csv(run / f"{file}.csv", name)
    shelf.table("odds_ratios", (page["odds_ratios"] or {}).get("lines", []))
    shelf.table("layers", page["layers"])
    learners = page["learners"]
    shelf.table("model_comparison", [
        {"learner": name, **learners[name]["metrics"], "seconds": learners[name].get("seconds"),
         "peak_mb": learners[name].get("peak_mb")} for name in page["order"]
    ])  # fmt: skip
    shelf.table("paired_differences", page["differences"])
    shelf.table("calibration", [_without_ends(row) for row in page["calibrations"]])
    shelf.table("operating_points", page["operating"])
    conformal = page["conformal"]
    if conformal:
        everybody = {"by": "all", "group": "", "patients": None, "covered": conformal["covered"]}
        shelf.table("prediction_sets", [everybody, *conformal["groups"]])
    shelf.table("subgroups", page["subgroups"])
    shelf.table("controls", [{"control": name, **one} for name, one in page["controls"].items()])
    shelf.table("sources", page["sources"])


def _without_ends(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of calibration, whose slope and intercept hold their intervals, without these once more."""
    return {name: value for name, value in row.items() if not name.endswith(("_low", "_high"))}
