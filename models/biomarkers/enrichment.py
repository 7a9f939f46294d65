"""Pathway enrichment: pathways that the ranked genes fall into more often than the measured genes would by chance."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl
from scipy import stats

from ..base.snapshot import Snapshot
from ..statistics.rank_tests import benjamini_hochberg
from .gene_set_ranks import gene_importance, gsea

SCHEMA = {
    "pathway": pl.String, "name": pl.String, "source": pl.String, "overlap": pl.String,
    "p": pl.Float64, "q": pl.Float64, "background": pl.Int64, "hits": pl.String, "nes": pl.Float64, "gsea_p": pl.Float64,
    "gsea_q": pl.Float64,
}  # fmt: skip
"""enrichment.csv (docs/results.md)."""


def measured_genes(snapshot: Snapshot) -> dict[str, str]:
    """Feature CURIE -> CURIE of its gene, for every feature of every layer that has one."""
    pairs: dict[str, str] = {}
    for layer in snapshot.layers.values():
        known = layer.var.drop_nulls("gene")
        pairs.update(zip(known["feature"].to_list(), known["gene"].to_list(), strict=True))
    return pairs


def ranked_genes(
    biomarkers: pl.DataFrame, background: Mapping[str, str], *, most: int = 50, stability: float = 0.5, q: float = 0.05
) -> list[str]:
    """The genes that go into the enrichment: of the features in rank order that are stable (in the first places of at
    least half of the folds) or associated by themselves (q), the first `most` distinct genes.

    Example:
        >>> row = {"feature": ["cpg:cg1", "NCBIGene:7"], "rank": [1, 2], "stability": [1.0, 0.0], "q": [None, 0.3]}
        >>> ranked_genes(pl.DataFrame(row), {"cpg:cg1": "NCBIGene:5", "NCBIGene:7": "NCBIGene:7"})
        ['NCBIGene:5']
    """
    passed = biomarkers.sort("rank").filter((pl.col("stability") >= stability) | (pl.col("q") <= q).fill_null(False))
    genes = dict.fromkeys(background[feature] for feature in passed["feature"] if feature in background)
    return list(genes)[:most]


def enrich(
    biomarkers: pl.DataFrame,
    links: pl.DataFrame,
    background: Mapping[str, str],
    *,
    names: Mapping[str, str | None] | None = None,
    smallest: int = 5,
    largest: int = 500,
) -> pl.DataFrame:
    """Over-representation of `ranked_genes` in gene sets, against the genes that were measured, not the genome.

    Args:
        biomarkers: as `biomarkers` returns it.
        links: subject, predicate, object, source; its IN_PATHWAY rows are the sets.
        background: `measured_genes`: feature -> gene. Sets are cut down to its genes.
        names: pathway CURIE -> what people call it; the CURIE itself where absent.
        smallest, largest: sizes of a set, after the cut, within which it is tested.
    Returns: pathway, name, source, overlap ("k/K": ranked genes in the set / measured genes in the set), p
        (hypergeometric, one-sided), q (Benjamini–Hochberg over all tested sets), background (number of measured genes),
        hits (the ranked genes in the set, in rank order, by symbol where there is one), and of the whole ranking by
        importance nes, gsea_p, gsea_q (`gene_set_ranks.gsea`; missing where features have no importance); smallest p first.
        Without ranked genes or sets no rows.
    """
    measured = set(background.values())
    genes = ranked_genes(biomarkers, background)
    sets = (
        links.filter((pl.col("predicate") == "IN_PATHWAY") & pl.col("subject").is_in(list(measured)))
        .group_by("object")
        .agg(
            size=pl.col("subject").n_unique(),
            hits=pl.col("subject").filter(pl.col("subject").is_in(genes)).n_unique(),
            members=pl.col("subject").unique().sort(),
            source=pl.col("source").drop_nulls().unique().sort().str.join("; "),
        )
        .filter(pl.col("size").is_between(smallest, largest))
        .sort("object")
    )
    if not genes or sets.is_empty():
        return pl.DataFrame(schema=SCHEMA)
    p = over_representation(sets["hits"].to_numpy(), sets["size"].to_numpy(), len(genes), len(measured))
    called = names or {}
    members = sets["members"].to_list()
    nes, gsea_p = _whole_ranking(biomarkers, background, members)
    symbol = _symbols(biomarkers, background)
    inside = [set(one) for one in members]
    return (
        sets.with_columns(
            pathway="object",
            name=pl.Series([called.get(pathway) or pathway for pathway in sets["object"]], dtype=pl.String),
            overlap=pl.format("{}/{}", "hits", "size"),
            p=pl.Series(p),
            q=pl.Series(benjamini_hochberg(p)),
            background=pl.lit(len(measured)),
            share=pl.col("hits") / pl.col("size"),
            nes=pl.Series(nes).fill_nan(None),
            gsea_p=pl.Series(gsea_p).fill_nan(None),
            gsea_q=pl.Series(benjamini_hochberg(gsea_p)).fill_nan(None),
        )
        .with_columns(
            hits=pl.Series(["; ".join(symbol.get(g, g) for g in genes if g in one) for one in inside], dtype=pl.String)
        )
        .sort("p", "share", "pathway", descending=[False, True, False])
        .select(pl.col(column).cast(dtype) for column, dtype in SCHEMA.items())
    )


def _whole_ranking(
    biomarkers: pl.DataFrame, background: Mapping[str, str], members: list[list[str]]
) -> tuple[np.ndarray, np.ndarray]:
    """GSEA where features have an importance."""
    if "importance" not in biomarkers.columns:
        nothing = np.full(len(members), np.nan)
        return nothing, nothing
    return gsea(gene_importance(biomarkers, background), members)


def _symbols(biomarkers: pl.DataFrame, background: Mapping[str, str]) -> dict[str, str]:
    """Gene -> what a ranked feature of it is called."""
    if "symbol" not in biomarkers.columns:
        return {}
    named = biomarkers.select("feature", "symbol").drop_nulls()
    return {background[feature]: symbol for feature, symbol in named.iter_rows() if feature in background}


# gseapy's test is this same call of scipy, but it leaves sets without a hit out before Benjamini–Hochberg, so that its
# q counts only the sets that already look good.
def over_representation(hits: np.ndarray, size: np.ndarray, drawn: int, background: int) -> np.ndarray:
    """P(at least `hits` of `drawn` genes fall into a set of `size`), drawn from `background` without replacement.

    Args:
        hits, size: (sets,) int.
    Returns: (sets,) p-values.
    """
    p: np.ndarray = stats.hypergeom.sf(hits.astype(np.int64) - 1, background, size, drawn)
    return p
