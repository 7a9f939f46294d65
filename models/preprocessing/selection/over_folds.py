"""Selection over folds: what each fold's training part selects, and how many agree."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl

from ...base.folds import parts
from ...base.snapshot import Snapshot
from ..omics_layer import DenseBlock, is_mutation
from .registry import NONE, method_of, selected

SCHEMA = {"layer": pl.String, "feature": pl.String, "symbol": pl.String, "folds": pl.Int64, "of": pl.Int64,
          "stability": pl.Float64, "score": pl.Float64}  # fmt: skip


def selection_over_folds(snapshot: Snapshot, folds: pl.DataFrame) -> pl.DataFrame:
    """The features that any fold selects, those of most folds first.

    It is done anew, as it was for the learners: the same rows give the same columns.
    Args:
        folds: repeat, fold, row, split; learners are fitted on train and tuning together, and so is this.
    Returns: layer, feature (CURIE), symbol, folds (that select it), of (all), stability (folds / of), and the mean over
        all folds of the method's score (`Selector.fit`), 0 where it was no candidate.
    """
    every = list(folds.select("repeat", "fold").unique().sort("repeat", "fold").iter_rows())
    out = []
    for name, layer in snapshot.layers.items():
        method = method_of(layer)
        if method == NONE or is_mutation(layer):
            continue
        counts, total = np.zeros(layer.var.height, dtype=np.int64), np.zeros(layer.var.height)
        for repeat, fold in every:
            rows = np.sort(np.concatenate(parts(folds, repeat, fold)[:2]))
            whole = DenseBlock(name).fit(snapshot, rows)
            block, scores = selected(whole, snapshot, rows, method)
            counts[block.kept] += 1
            total[whole.kept] += scores
        var = layer.var.select("feature", "symbol").with_columns(
            layer=pl.lit(name), folds=pl.Series(counts), of=pl.lit(len(every), pl.Int64), stability=pl.Series(counts / max(len(every), 1)),
            score=pl.Series(total / max(len(every), 1)),
        )  # fmt: skip
        out.append(var.filter(pl.col("folds") > 0).select(*SCHEMA))
    table = pl.concat([pl.DataFrame(schema=SCHEMA), *out])
    return table.sort("layer", "folds", "score", "feature", descending=[False, True, True, False])


def counted(table: pl.DataFrame, layers: Mapping[str, object]) -> list[str]:
    """A sentence a layer: how many features were selected, and how many of them in every fold."""
    said = []
    for name, layer in layers.items():
        if method_of(layer) == NONE:
            continue
        mine = table.filter(pl.col("layer") == name)
        always = mine.filter(pl.col("folds") == pl.col("of")).height
        said.append(f"{name}: {mine.height:,} features selected in some fold, {always:,} in every one")
    return said
