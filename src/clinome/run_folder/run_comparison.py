"""Comparison of two runs: do they predict alike on the same held-out rows, and do they rank the same features?"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from clinome.loaders.errors import InputError
from clinome.run_folder.networks import FIRST

if TYPE_CHECKING:
    import networkx as nx
    import pandas as pd
    from matplotlib.figure import Figure

    from clinome.explore.network import Network
    from clinome.snapshot import Snapshot

_SAME = ("repeat", "fold", "subject_id", "prediction_time")


@dataclass(frozen=True)
class RunComparison:
    """Two runs beside one another.

    a, b: their names. difference: `chosen` of a less `chosen` of b by the main metric with mean, low, high, p, on the same
        held-out rows; None where the folds are not the same. agreement: of the features that both rank: features,
        kendall_tau, rank_biased_overlap, and shared: how many of the first twenty are first in both. why: why there is no
        difference.
    Example:
        run.compare("runs/other").table().head()
    """

    a: str
    b: str
    difference: dict[str, float | None] | None
    agreement: dict[str, float]
    features: pl.DataFrame
    why: str = ""

    def table(self) -> pd.DataFrame:
        """Features of both: layer, feature, name, rank_a, rank_b, effect_a, effect_b (missing where only one ranks it), by the
        better of the two ranks."""
        return self.features.to_pandas()

    @property
    def network(self) -> Network:
        """Features that either run ranks among its first twenty, linked to the runs that do."""
        from clinome.run_folder.networks import comparison_network

        return comparison_network(self.a, self.b, self.features)

    def networkx(self) -> nx.MultiDiGraph[str]:
        """networkx, as `Network.networkx`."""
        return self.network.networkx()

    def figure(self, *, dark: bool = False, width: float | None = None) -> Figure:
        """Picture for print, as `Network.figure`."""
        return self.network.figure(dark=dark, width=width)

    def show(self) -> Any:
        """Interactive network in a notebook, as `Network.show`."""
        return self.network.show()

    def save(self, path: str | Path) -> Path:
        """Write the network, by the ending of the file, as `Network.save`."""
        return self.network.save(path)


def compare_runs(a: Path, b: Path, snapshot: Callable[[], Snapshot]) -> RunComparison:
    """Compare two runs of one task.

    Args:
        a, b: their folders. snapshot: of the first, read where it is needed.
    Raises: InputError for runs of different tasks or metrics, and before `clinome train`.
    """
    results = [_read(folder / "results.json") for folder in (a, b)]
    for folder, found in zip((a, b), results, strict=True):
        if not found:
            raise InputError("this run has no results yet", folder.name, fix="clinome train STUDY")
    said = [(found.get("task"), found.get("metric")) for found in results]
    if said[0] != said[1]:
        got = " and ".join(f"{task} by {metric}" for task, metric in said)
        fix = "compare runs of one study"
        raise InputError("runs of different tasks", f"{a.name}, {b.name}", got, "one task, one metric", fix)
    difference, why = _difference(a, b, str(said[0][1]), snapshot)
    features, agreement = _ranked(a, b)
    one, other = [
        folder.name if a.name != b.name else f"{folder.parent.parent.name}/{folder.name}" for folder in (a, b)
    ]
    return RunComparison(one, other, difference, agreement, features, why)


def _read(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else {}


def _difference(
    a: Path, b: Path, metric: str, snapshot: Callable[[], Snapshot]
) -> tuple[dict[str, float | None] | None, str]:
    """`chosen` of a less that of b, with the intervals of every comparison here."""
    from clinome.models.evaluation.comparison import compare_with_reference

    tables = [pl.read_parquet(one / "predictions.parquet").filter(pl.col("learner") == "chosen") for one in (a, b)]
    keys = [table.select(_SAME).sort(_SAME) for table in tables]
    if not keys[0].height or not keys[0].equals(keys[1]):
        return None, "the held-out rows of their folds are not the same"
    here, there = (table.sort(_SAME) for table in tables)
    both = pl.concat([here, there.with_columns(learner=pl.lit("other"), row=here["row"])], how="diagonal_relaxed")
    seed = int(_read(a / "summary.json").get("study", {}).get("seed", 1))
    found = [one for one in compare_with_reference(snapshot(), both, "other", seed, metric) if one.a == "chosen"]
    if not found:
        return None, "neither can be scored by the main metric"
    one = found[0]
    return {"mean": one.difference, "low": one.low, "high": one.high, "p": one.p}, ""


def _ranked(a: Path, b: Path) -> tuple[pl.DataFrame, dict[str, float]]:
    """Features of both by rank, and how far they agree; nothing where one has no ranking."""
    from scipy import stats

    from clinome.loaders.files.spreadsheet_csv import read_csv
    from clinome.models.biomarkers.ranking_stability import rank_biased_overlap

    sides = []
    for folder, mark in ((a, "a"), (b, "b")):
        path = folder / "biomarkers.csv"
        if not path.is_file():
            return pl.DataFrame(), {}
        table = read_csv(path, infer_schema_length=None).select(
            pl.col("layer", "feature").cast(pl.String), pl.col("name").cast(pl.String).alias(f"name_{mark}"),
            pl.col("rank").alias(f"rank_{mark}"), pl.col("effect").cast(pl.Float64, strict=False).alias(f"effect_{mark}"),
        )  # fmt: skip
        sides.append(table)
    joined = sides[0].join(sides[1], on=["layer", "feature"], how="full", coalesce=True)
    best = pl.min_horizontal("rank_a", "rank_b")
    table = joined.sort(best, "layer", "feature").select(
        "layer", "feature", pl.coalesce("name_a", "name_b").alias("name"), "rank_a", "rank_b", "effect_a", "effect_b"
    )
    shared = table.drop_nulls(["rank_a", "rank_b"])
    order = [table.drop_nulls(f"rank_{mark}").sort(f"rank_{mark}").select("layer", "feature").rows() for mark in "ab"]
    agreement: dict[str, Any] = {
        "features": shared.height,
        "shared": len(set(order[0][:FIRST]) & set(order[1][:FIRST])),
    }
    agreement["rank_biased_overlap"] = rank_biased_overlap(order[0], order[1])
    if shared.height > 1:
        agreement["kendall_tau"] = float(stats.kendalltau(shared["rank_a"], shared["rank_b"]).statistic)
    return table, agreement
