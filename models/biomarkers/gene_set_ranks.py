"""Gene set enrichment analysis (GSEA) of a ranking: sets whose genes stand further up than genes drawn at random.

Over-representation cuts the ranking and asks who is above; this reads all of it. Scores have no sign here: importance.
Source: Subramanian et al. 2005, doi:10.1073/pnas.0506580102.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

DRAWS = 999
"""Random sets of each size."""


def gene_importance(ranked: pl.DataFrame, background: Mapping[str, str]) -> dict[str, float]:
    """Of every measured gene the importance of its most important feature; 0 where none is ranked.

    Args: ranked: feature, importance. background: every measured feature -> its gene.
    """
    found = dict.fromkeys(background.values(), 0.0)
    for feature, importance in ranked.select("feature", "importance").iter_rows():
        gene = background.get(feature)
        if gene is not None:
            found[gene] = max(found[gene], float(importance or 0.0))
    return found


def gsea(score: Mapping[str, float], sets: Sequence[Sequence[str]], seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Normalised enrichment score and p of each set, against random sets of its size among the same genes.

    Args:
        score: every measured gene's, >= 0. sets: each without repeats, of these genes alone.
    Returns: (sets,) normalised score (1: as a random set), (sets,) p, one-sided, by DRAWS random sets.
    """
    names = sorted(score, key=lambda gene: (-score[gene], gene))
    weight = np.array([score[name] for name in names])
    place = {name: i for i, name in enumerate(names)}
    rng, most = np.random.default_rng([seed, 31]), max(map(len, sets), default=0)
    drawn = np.array([rng.permutation(len(names))[:most] for _ in range(DRAWS)])
    chance: dict[int, np.ndarray] = {}
    nes, p = np.full(len(sets), np.nan), np.full(len(sets), np.nan)
    for i, one in enumerate(sets):
        size = len(one)
        if not 0 < size < len(names):
            continue
        if size not in chance:
            chance[size] = enrichment_scores(weight, np.sort(drawn[:, :size], axis=1))
        at = np.sort(np.array([[place[gene] for gene in one]]), axis=1)
        found = float(enrichment_scores(weight, at)[0])
        p[i] = (1 + (chance[size] >= found - 1e-12).sum()) / (1 + DRAWS)
        nes[i] = found / max(float(chance[size].mean()), 1e-12)
    return nes, p


def enrichment_scores(weight: np.ndarray, at: np.ndarray) -> np.ndarray:
    """(k,) the highest point of the running sum: up by a gene's share of its set's weight, down by the others' equal shares.

    Args: weight: (genes,) falling. at: (k, size) sorted places of k sets.
    """
    inside = weight[at]
    total = inside.sum(axis=1, keepdims=True)
    up = np.cumsum(inside, axis=1) / np.where(total > 0, total, 1.0)
    down = (at - np.arange(at.shape[1])) / (len(weight) - at.shape[1])
    return np.asarray(np.maximum((up - down).max(axis=1), 0.0))
