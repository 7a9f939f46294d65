"""Gene scores: how far each gene of a layer goes with the outcome, with its sign, on the scale of a standard normal."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from ...base.snapshot import Layer
from ...preprocessing.omics_layer import is_mutation, mutation_values, not_called
from ...statistics.rank_tests import ranks

LEAST = 5
"""A feature that varies in fewer rows than this, as a rare mutation, has no score."""
_CHUNK = 2_000


@dataclass(frozen=True)
class GeneValues:
    """Features of one layer that belong to genes, over some rows.

    genes: (g,) sorted CURIEs. feature: (p,) positions in the layer's `var`. gene: (p,) positions among `genes`. values:
    (n, p) float32 ranks (of mutations 0/1), NaN where nothing is known.
    """

    genes: list[str]
    feature: np.ndarray
    gene: np.ndarray
    values: np.ndarray

    def only(self, genes: set[str]) -> GeneValues:
        """Of these genes alone."""
        names = sorted(genes & set(self.genes))
        place = {name: i for i, name in enumerate(names)}
        now = np.array([place.get(name, -1) for name in self.genes], dtype=np.int64)[self.gene]
        kept = now >= 0
        return GeneValues(names, self.feature[kept], now[kept], self.values[:, kept])


def gene_values(layer: Layer, rows: np.ndarray, genes: set[str]) -> GeneValues:
    """The values of these genes in these rows, by rank over them: the outcome is not looked at."""
    of = layer.var["gene"].to_list()
    feature = np.array([j for j, name in enumerate(of) if name in genes], dtype=np.int64)
    names = sorted({of[j] for j in feature})
    place = {name: i for i, name in enumerate(names)}
    gene = np.array([place[of[j]] for j in feature], dtype=np.int64)
    values = np.full((len(rows), len(feature)), np.nan, dtype=np.float32)
    for start in range(0, len(feature), _CHUNK):
        part = slice(start, start + _CHUNK)
        values[:, part] = _ranked(layer, rows, feature[part])
    values[~layer.profiled[rows]] = np.nan
    return GeneValues(names, feature, gene, values)


def _ranked(layer: Layer, rows: np.ndarray, feature: np.ndarray) -> np.ndarray:
    if is_mutation(layer):
        held = np.asarray(mutation_values(layer, rows)[:, feature].todense(), dtype=np.float64) != 0
        unknown = np.asarray(not_called(layer, rows)[:, feature].todense()) != 0
        return np.where(unknown, np.nan, held)
    dense = np.asarray(layer.values[rows][:, feature], dtype=np.float64)
    ranked, there = ranks(dense)
    return np.where(there, ranked, np.nan)


def standardised(values: np.ndarray, by: np.ndarray) -> np.ndarray:
    """(n, p) values by mean and standard deviation of the rows `by`; 0, the mean, where unknown; NaN columns that do not vary there."""
    known = np.isfinite(values)
    fitted = np.where(known[by], values[by], 0.0).astype(np.float64)
    n = np.maximum(known[by].sum(axis=0), 1)
    mean = fitted.sum(axis=0) / n
    sd = np.sqrt((np.where(known[by], fitted - mean, 0.0) ** 2).sum(axis=0) / n)
    with np.errstate(divide="ignore", invalid="ignore"):
        out = np.where(known, (values - mean) / sd, 0.0)
    return np.where(sd > 1e-9, out, np.nan)


def feature_scores(values: np.ndarray, response: np.ndarray) -> np.ndarray:
    """(p,) √(n − 1) times the correlation of each feature with a response; NaN where fewer than LEAST rows vary.

    Of 0/1 it is the statistic of Mann and Whitney, of martingale residuals about that of the Cox score test.
    Args: values: (n, p), NaN where unknown. response: (n,).
    """
    known = np.isfinite(values)
    whole = bool(known.all())
    x = values.astype(np.float64) if whole else np.where(known, values, 0.0).astype(np.float64)
    y = response - response.mean()
    n, of_y, of_yy = (
        (np.full(x.shape[1], float(len(y))), np.zeros(x.shape[1]), np.full(x.shape[1], float(y @ y)))
        if whole
        else (known.sum(axis=0).astype(np.float64), known.T @ y, known.T @ y**2)
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = x.sum(axis=0) / n
        varied = np.einsum("ij,ij->j", x, x) - n * mean**2
        spread = of_yy - of_y**2 / n
        score = np.asarray((x.T @ y - mean * of_y) * np.sqrt((n - 1) / varied / spread))
    return np.where(_rare(values, n) | (varied <= 1e-9) | (spread <= 1e-9), np.nan, score)


def _rare(values: np.ndarray, n: np.ndarray) -> np.ndarray:
    """Columns whose commonest value all rows but a few have: of ranks none, unless they are tied."""
    low, high = (function(values, axis=0, initial=at, where=np.isfinite(values))
                 for function, at in ((np.min, np.inf), (np.max, -np.inf)))  # fmt: skip
    return np.asarray(np.minimum((values > low).sum(axis=0), (values < high).sum(axis=0)) < np.minimum(LEAST, n))


def centred(score: np.ndarray) -> np.ndarray:
    """Scores by the median and the spread of the middle half: what most genes do is no signal. Never made larger.

    Where an outcome moves thousands of genes a little, each would stand out, and any neighbours would be a module.
    Source: Efron 2004 (the empirical null), doi:10.1198/016214504000000089.
    """
    known = score[np.isfinite(score)]
    if not len(known):
        return score
    low, middle, high = np.quantile(known, [0.25, 0.5, 0.75])
    return np.asarray((score - middle) / max(1.0, (high - low) / (2 * stats.norm.ppf(0.75))))


def gene_scores(values: GeneValues, score: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A gene's score is that of its strongest feature, corrected for how many it has (Šidák).

    Args: score: (p,) of the features, in one direction: what is high stands out.
    Returns: (g,) scores, 0 where nothing stands out; (g,) the column of its strongest feature, -1 without one.
    """
    total, best = np.zeros(len(values.genes)), np.full(len(values.genes), -1, dtype=np.int64)
    usable = np.flatnonzero(np.isfinite(score))
    order = usable[np.argsort(score[usable], kind="stable")]
    best[values.gene[order]] = order  # the strongest comes last, and stays
    count = np.bincount(values.gene[usable], minlength=len(total))
    has = best >= 0
    z = score[best[has]]
    several = count[has] > 1
    p = -np.expm1(count[has][several] * np.log1p(-stats.norm.sf(z[several])))
    z[several] = np.minimum(stats.norm.isf(np.clip(p, 1e-300, 1.0)), z[several])
    total[has] = np.maximum(z, 0.0)
    return total, best
