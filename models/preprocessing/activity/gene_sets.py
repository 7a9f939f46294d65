"""Gene sets over the columns of a layer: who belongs to which set, with what weight."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from scipy import sparse

MEMBER = "IN_PATHWAY"


@dataclass(frozen=True)
class GeneSets:
    """Gene sets as a matrix.

    names: of the sets, none twice. weights: (columns, sets) csc float64; of a set without weights 1, below 0 of what a
    transcription factor represses.
    """

    names: list[str]
    weights: sparse.csc_matrix

    @classmethod
    def of(cls, sets: Mapping[str, Mapping[str, float]], columns: Sequence[str], least: int = 5) -> GeneSets:
        """Sets as {name: {column: weight}}; what is no column is not measured, and sets of fewer than `least` are left out.

        Example:
            >>> GeneSets.of({"cycle": {"CDK1": 1, "E2F1": 1, "TTN": 1}, "rest": {"RB1": 1}}, ["E2F1", "CDK1"], 2).names
            ['cycle']
        """
        place = {column: j for j, column in enumerate(columns)}
        ends = [
            (name, place[one], weight) for name, held in sets.items() for one, weight in held.items() if one in place
        ]
        table = pl.DataFrame(ends, schema={"set": pl.String, "column": pl.Int64, "weight": pl.Float64}, orient="row")
        return cls._made(table.with_columns(gene="column"), len(columns), least)

    @classmethod
    def known(cls, links: pl.DataFrame, source: str, var: pl.DataFrame, kept: np.ndarray, least: int) -> GeneSets:
        """The sets of a source of knowledge over the kept columns of a layer.

        Args:
            links: of a snapshot; the score of IN_PATHWAY is a weight, 1 where there is none.
            source: `knowledge.NAME`.
            var: of the layer: feature, gene. Several columns of one gene all belong.
            kept: places of the columns in `var`.
            least: measured genes of a set.
        """
        columns = pl.DataFrame({"gene": var["gene"].gather(kept), "column": np.arange(len(kept))})
        sets = links.filter((pl.col("predicate") == MEMBER) & (pl.col("source") == source))
        table = sets.join(columns.drop_nulls(), left_on="subject", right_on="gene", how="inner").select(
            pl.col("object").alias("set"), "column", pl.col("score").fill_null(1.0).alias("weight"), gene="subject"
        )
        return cls._made(table, len(kept), least)

    @classmethod
    def _made(cls, table: pl.DataFrame, columns: int, least: int) -> GeneSets:
        """table: set, column, weight, gene."""
        table = table.filter((pl.col("weight") != 0) & pl.col("weight").is_finite()).sort("set", "column")
        table = table.filter(pl.col("gene").n_unique().over("set") >= least)
        names = table["set"].unique(maintain_order=True).to_list()
        at = table["set"].rle_id().to_numpy()
        ends = (table["weight"].to_numpy(), (table["column"].to_numpy(), at))
        return cls(names, sparse.csc_matrix(ends, shape=(columns, len(names)), dtype=np.float64))

    @property
    def members(self) -> sparse.csc_matrix:
        """(columns, sets) csc, 1 for a member."""
        return sparse.csc_matrix((self.weights != 0).astype(np.float64))

    def take(self, sets: np.ndarray) -> GeneSets:
        """Some of the sets, by their places."""
        return GeneSets([self.names[j] for j in sets], sparse.csc_matrix(self.weights[:, sets]))

    def state(self) -> dict[str, Any]:
        """The entries of the matrix, set by set."""
        found = self.weights.tocoo()
        return {
            "columns": self.weights.shape[0], "column": found.row.astype(np.int64), "set": found.col.astype(np.int64),
            "weight": found.data,
        }  # fmt: skip

    @classmethod
    def restored(cls, names: list[str], state: Mapping[str, Any]) -> GeneSets:
        ends = (state["weight"], (state["column"], state["set"]))
        return cls(names, sparse.csc_matrix(ends, shape=(state["columns"], len(names))))
