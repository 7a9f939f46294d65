"""Known and new: where the genes that are known for a disease stand in a ranking, against genes drawn at random."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import polars as pl
from scipy import stats

PERMUTATIONS = 999
KNOWN, NEW = "known", "new"


def marked(ranked: pl.DataFrame, genes: Mapping[str, str], known: Collection[str]) -> pl.DataFrame:
    """The ranking with a column `known`: known, new, or missing where a feature belongs to no gene.

    Args: genes: feature -> gene (`enrichment.measured_genes`); a gene's own CURIE is its gene.
    """
    of = [genes.get(feature) for feature in ranked["feature"]]
    words = [None if gene is None else KNOWN if gene in known else NEW for gene in of]
    return ranked.with_columns(known=pl.Series(words, dtype=pl.String))


def known_genes(
    ranked: pl.DataFrame, genes: Mapping[str, str], known: Collection[str], *, seed: int = 1, permutations: int = PERMUTATIONS
) -> dict[str, Any]:  # fmt: skip
    """How early a ranking of all measured genes comes to the known ones.

    A gene stands where its first feature does; measured genes that the ranking leaves out share its end. Drawn at random
    are genes with as many features: more features are more chances. That a gene is often measured or often mutated may
    still be why it is both known and ranked.
    Args:
        ranked: feature and rank. genes: every measured feature -> its gene. known: CURIEs of genes.
        permutations: draws of as many genes.
    Returns: genes, known (measured), average_recall (over the whole ranking: the share of known genes found, averaged
        over how far one reads; chance 0.5) with chance's 95 % range low, high, and p (one-sided); within (k -> known genes
        among the first k of 10, 20, 50, 100); {} where no known gene, or no other, is measured.
    """
    features: dict[str, int] = {}
    for gene in genes.values():
        features[gene] = features.get(gene, 0) + 1
    first: dict[str, int] = {}
    for feature, rank in ranked.select("feature", "rank").sort("rank").iter_rows():
        if feature in genes:
            first.setdefault(genes[feature], rank)
    names = sorted(features)
    place = stats.rankdata([first.get(name, len(ranked) + 1) for name in names], method="average")
    is_known = np.array([name in known for name in names])
    if not is_known.any() or is_known.all():
        return {}
    recall = 1 - (place - 0.5) / len(names)
    drawn = _drawn(recall, is_known, np.array([features[name] for name in names]), permutations, seed)
    found = float(recall[is_known].mean())
    low, high = np.quantile(drawn, [0.025, 0.975])
    in_order = is_known[np.argsort(place, kind="stable")]
    ranked_genes = len(first)
    return {
        "genes": len(names),
        "known": int(is_known.sum()),
        "average_recall": found,
        "low": float(low),
        "high": float(high),
        "p": float((1 + (drawn >= found - 1e-12).sum()) / (1 + permutations)),
        "permutations": permutations,
        "within": {str(k): int(in_order[:k].sum()) for k in (10, 20, 50, 100) if k <= ranked_genes},
    }


def _drawn(
    recall: np.ndarray, is_known: np.ndarray, features: np.ndarray, permutations: int, seed: int
) -> np.ndarray:  # fmt: skip
    """(permutations,) average recall of genes drawn at random, as many of each number of features."""
    rng, total = np.random.default_rng([seed, 29]), np.zeros(permutations)
    for count in np.unique(features[is_known]):
        alike = recall[features == count]
        many = int(is_known[features == count].sum())
        for i in range(permutations):
            total[i] += rng.choice(alike, many, replace=False).sum()
    return np.asarray(total / is_known.sum())
