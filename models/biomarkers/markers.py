"""Markers: the features by which each subtype differs from all other patients. Description, not a test.

The subtypes were made of these very features, so their p and q are smaller than those of a test would be ("double
dipping"): q orders the features, and says which differ more than most; it is no evidence that there are subtypes.
Source: Gao, Bien & Witten 2024, doi:10.1080/01621459.2022.2116331.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl

from ..base.snapshot import Snapshot
from .contrast import contrast
from .enrichment import SCHEMA as PATHWAYS
from .enrichment import enrich, measured_genes

MOST = 500
"""Features of a subtype that are kept."""
COLUMNS = (
    "subtype",
    "layer",
    "feature",
    "symbol",
    "measure",
    "inside",
    "outside",
    "effect",
    "low",
    "high",
    "p",
    "q",
    "rank",
)


def markers(snapshot: Snapshot, subtypes: np.ndarray) -> pl.DataFrame:
    """Markers of subtypes: one subtype against all others, in every feature; the surest first.

    Args: subtypes: (rows,) from 1.
    Returns: subtype, layer, feature, symbol, measure (`value`: effect is Cliff's delta, above 0 higher inside; `share`: an
        odds ratio), inside and outside (medians or shares), effect with low and high (95 %), p, q, rank; the first MOST of
        each subtype. No rows where there is one subtype.
    """
    parts = []
    found = np.unique(subtypes)
    for one in found if len(found) > 1 else ():
        table = contrast(snapshot, subtypes == one).drop_nulls("p").head(MOST)
        parts.append(
            table.select(
                pl.lit(int(one)).alias("subtype"), pl.col("block").alias("layer"), "feature", "symbol", "measure",
                pl.col("a").alias("inside"), pl.col("b").alias("outside"), "effect", "low", "high", "p", "q",
                rank=pl.int_range(1, pl.len() + 1),
            )
        )  # fmt: skip
    empty = {name: pl.Float64 for name in COLUMNS}
    words = {"subtype": pl.Int64, "rank": pl.Int64, "layer": pl.String, "feature": pl.String, "symbol": pl.String}
    return pl.concat(parts) if parts else pl.DataFrame(schema={**empty, **words, "measure": pl.String})


def marker_pathways(
    table: pl.DataFrame, snapshot: Snapshot, names: Mapping[str, str | None] | None = None
) -> pl.DataFrame:
    """Pathway enrichment of each subtype's markers (`models.biomarkers.enrichment.enrich`), with the subtype in front."""
    background = measured_genes(snapshot)
    parts = []
    for (one,), mine in table.group_by("subtype", maintain_order=True):
        ranked = mine.with_columns(stability=pl.lit(0.0))
        found = enrich(ranked, snapshot.links, background, names=names)
        parts.append(found.select(pl.lit(one).cast(pl.Int64).alias("subtype"), pl.all()))
    return pl.concat(parts) if parts else pl.DataFrame(schema={"subtype": pl.Int64, **PATHWAYS})
