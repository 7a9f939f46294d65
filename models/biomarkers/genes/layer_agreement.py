"""Agreement between the layers of one gene: are values of two layers correlated, and do they go with the outcome alike?

A gene that is amplified and high, or methylated and silent, says one thing twice; one whose layers disagree is worth a look.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
import polars as pl
from scipy import stats

from ...base.snapshot import Snapshot
from ...base.task import task_of
from ...statistics.rank_tests import benjamini_hochberg
from ..association import one_row_a_subject
from ..modules.gene_scores import feature_scores, gene_values

MOST, LEVEL = 500, 0.05
"""Genes, by their first feature in the ranking; q below which a pattern has a name."""
SCHEMA = {
    "gene": pl.String, "symbol": pl.String, "layer_a": pl.String, "layer_b": pl.String, "feature_a": pl.String, "feature_b": pl.String,
    "n": pl.Int64, "correlation": pl.Float64, "p": pl.Float64, "q": pl.Float64, "score_a": pl.Float64, "score_b": pl.Float64,
    "concordant": pl.Boolean, "pattern": pl.String,
}  # fmt: skip
"""layer_agreement.csv (docs/results.md)."""
PATTERNS = {
    ("copy_number", "expression", 1): "amplified and high",
    ("copy_number", "protein", 1): "amplified and high",
    ("methylation", "expression", -1): "methylated and silent",
    ("methylation", "protein", -1): "methylated and silent",
    ("expression", "protein", 1): "transcribed and translated",
    ("mutation", "expression", -1): "mutated and low",
    ("mutation", "expression", 1): "mutated and high",
}
"""Kinds of two layers and the sign of their correlation -> what that is called."""


def layer_agreement(snapshot: Snapshot, ranked: pl.DataFrame) -> pl.DataFrame:
    """Every pair of layers of the genes that are ranked first, the closest pairs first; one row a subject.

    Of several features of a gene in one layer the one that is ranked first speaks for it.
    Args: ranked: layer, feature, rank.
    Returns: SCHEMA: correlation is Spearman's over the n rows in which both are known, with p and q (Benjamini–Hochberg over
        the table); score_a, score_b: how each goes with the outcome, signed, about a standard normal's where it does not
        (missing where the outcome has several columns); concordant: whether these have the sign that the correlation
        leads one to expect; pattern: its name where q <= LEVEL. No rows without a gene in two layers.
    """
    rows = one_row_a_subject(snapshot)
    of_genes = [name for name, layer in snapshot.layers.items() if layer.var["gene"].null_count() < layer.var.height]
    if not of_genes[1:]:
        return pl.DataFrame(schema=SCHEMA)
    task = task_of(snapshot.task)
    response = task.working_response(task.targets(snapshot.rows[rows], snapshot.classes), len(snapshot.classes))
    found = {name: _of_layer(snapshot, name, ranked, rows) for name in snapshot.layers}
    order = dict(
        sorted(snapshot.layers.items(), key=lambda one: _ORDER.index(one[1].kind) if one[1].kind in _ORDER else 99)
    )
    parts: list[list[object]] = []
    for a, b in combinations(order, 2):
        genes = [gene for gene in found[a][0] if gene in found[b][0]]
        if not genes:
            continue
        (at_a, features_a, x), (at_b, features_b, y) = found[a], found[b]
        i, j = [at_a[gene] for gene in genes], [at_b[gene] for gene in genes]
        n, r, p = spearman_pairs(x[:, i], y[:, j])
        scores = [
            feature_scores(v, response[:, 0]) if response.shape[1] == 1 else np.full(len(genes), np.nan)
            for v in (x[:, i], y[:, j])
        ]
        names = dict(snapshot.layers[a].var.select("gene", "symbol").drop_nulls().iter_rows())
        for k, gene in enumerate(genes):
            parts.append(
                [
                    gene,
                    names.get(gene),
                    a,
                    b,
                    features_a[i[k]],
                    features_b[j[k]],
                    int(n[k]),
                    r[k],
                    p[k],
                    scores[0][k],
                    scores[1][k],
                ]
            )
    named = [column for column in SCHEMA if column not in ("q", "concordant", "pattern")]
    table = pl.DataFrame(parts, schema={name: SCHEMA[name] for name in named}, orient="row")
    table = table.with_columns(pl.col(pl.Float64).fill_nan(None)).drop_nulls("correlation")
    kinds = {name: layer.kind for name, layer in snapshot.layers.items()}
    q = benjamini_hochberg(table["p"].to_numpy())
    patterns = [
        PATTERNS.get((kinds[a], kinds[b], int(np.sign(r)))) if each <= LEVEL else None
        for a, b, r, each in zip(table["layer_a"], table["layer_b"], table["correlation"], q, strict=True)
    ]
    return (
        table.with_columns(
            q=pl.Series(q, dtype=pl.Float64),
            concordant=pl.col("score_a").sign() * pl.col("correlation").sign() == pl.col("score_b").sign(),
            pattern=pl.Series(patterns, dtype=pl.String),
        )
        .sort("p", "gene", "layer_a", "layer_b")
        .select(pl.col(name).cast(kind) for name, kind in SCHEMA.items())
    )


_ORDER = ("mutation", "copy_number", "methylation", "expression", "mirna", "protein", "metabolite")
"""From the genome to its products: so stand the two layers of a pair."""


def _of_layer(
    snapshot: Snapshot, name: str, ranked: pl.DataFrame, rows: np.ndarray
) -> tuple[dict[str, int], list[str], np.ndarray]:
    """Gene -> its column; names of the columns' features; (n, genes) ranks."""
    layer = snapshot.layers[name]
    of = dict(layer.var.select("feature", "gene").drop_nulls().iter_rows())
    first: dict[str, str] = {}
    mine = ranked.filter(pl.col("layer") == name).sort("rank")["feature"].to_list()
    for feature in [*mine, *of]:
        if feature in of:
            first.setdefault(of[feature], feature)
    wanted = set(_first_genes(snapshot, ranked))
    values = gene_values(layer, rows, wanted)
    features = layer.var["feature"].to_list()
    at: dict[str, int] = {}
    for j, (feature, gene) in enumerate(zip(values.feature, values.gene, strict=True)):
        if first.get(values.genes[gene]) == features[feature]:
            at.setdefault(values.genes[gene], j)
    return at, [features[j] for j in values.feature], values.values


def _first_genes(snapshot: Snapshot, ranked: pl.DataFrame) -> list[str]:
    """Genes of the ranking, by their first feature."""
    of: dict[tuple[str, str], str] = {}
    for name, layer in snapshot.layers.items():
        of |= {(name, feature): gene for feature, gene in layer.var.select("feature", "gene").drop_nulls().iter_rows()}
    pairs = ranked.sort("rank").select("layer", "feature").iter_rows()
    return list(dict.fromkeys(of[pair] for pair in pairs if pair in of))[:MOST]


def spearman_pairs(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """n, Spearman's correlation and its p (Student's t) of each column of x with that of y, over the rows where both are known."""
    n, r = np.zeros(x.shape[1]), np.full(x.shape[1], np.nan)
    for k in range(x.shape[1]):
        both = np.isfinite(x[:, k]) & np.isfinite(y[:, k])
        n[k] = both.sum()
        a, b = stats.rankdata(x[both, k]), stats.rankdata(y[both, k])
        if n[k] > 2 and np.ptp(a) > 0 and np.ptp(b) > 0:
            r[k] = np.corrcoef(a, b)[0, 1]
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.abs(r) * np.sqrt((n - 2) / np.maximum(1 - r**2, 1e-15))
    return n, r, np.asarray(2 * stats.t.sf(t, np.maximum(n - 2, 1)))
