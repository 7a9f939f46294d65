"""Flags and the agreement of layers: planted ones are found, and noise has none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
from scipy import sparse, stats
from snapshots import make_snapshot

from clinome.graphs.snapshot.snapshot import Layer
from clinome.models.biomarkers.feature_flags import feature_flags
from clinome.models.biomarkers.genes.layer_agreement import layer_agreement, spearman_pairs
from clinome.snapshot import Snapshot

N = 200


def ranked(*names: tuple[str, str]) -> pl.DataFrame:
    rows = [(layer, feature, i) for i, (layer, feature) in enumerate(names, 1)]
    return pl.DataFrame(rows, schema={"layer": pl.String, "feature": pl.String, "rank": pl.Int64}, orient="row")


def snapshot(**columns: np.ndarray) -> Snapshot:
    """A layer of these features in place of the usual one; a label by lot, a site, a sex."""
    rng = np.random.default_rng(0)
    made = make_snapshot("binary", n=N, missing=0.0)
    var = pl.DataFrame({"feature": list(columns), "symbol": list(columns), "gene": list(columns)})
    batch = np.where(np.arange(N) % 2, "B1", "B2")
    values = np.column_stack(list(columns.values())).astype(np.float32)
    layer = Layer("rna", "expression", "none", var, values, np.ones(N, dtype=bool), batch=batch)
    rows = made.rows.with_columns(
        label=pl.Series(rng.integers(0, 2, N)), ward=pl.Series(np.arange(N) % 5).cast(pl.String)
    )
    sex = pl.DataFrame({"sex": np.where(np.arange(N) % 3 == 0, "F", "M")})
    return replace(made, rows=rows, covariates=sex, layers={"rna": layer})


def test_what_a_feature_stands_for_is_said_and_of_noise_nothing() -> None:
    rng = np.random.default_rng(1)
    place, label = np.arange(N), snapshot(x=np.zeros(N)).rows["label"].to_numpy()
    made = snapshot(
        noise=rng.standard_normal(N), plate=rng.standard_normal(N) + 2 * (place % 2), ward=rng.standard_normal(N) + 2 * (place % 5),
        y_gene=rng.standard_normal(N) + 3 * (place % 3 == 0), taken=np.where(label & (rng.random(N) < 0.8), np.nan, rng.standard_normal(N)),
        copy=rng.standard_normal(N),
    )  # fmt: skip
    names = [("rna", name) for name in ("noise", "plate", "ward", "y_gene", "taken", "copy")]
    flags = feature_flags(made, ranked(*names), site="ward", copies={("rna", "copy")})["flag"].to_list()
    assert flags[0] is None
    assert flags[1].startswith("batch (0.")
    assert flags[2].startswith("site (0.")
    assert flags[3].startswith("sex (0.")
    assert flags[4] == "who is measured"
    assert flags[5] == "the outcome"


def test_noise_has_no_flag() -> None:
    rng = np.random.default_rng(2)
    columns = {f"f{i}": rng.standard_normal(N) for i in range(100)}
    found = feature_flags(snapshot(**columns), ranked(*(("rna", name) for name in columns)), site="ward")
    assert found["flag"].null_count() == 100


def test_what_almost_everybody_holds_is_the_cohort() -> None:
    made = make_snapshot("binary", n=N, missing=0.0)
    hit = sparse.csr_matrix((np.arange(N)[:, None] >= [4, 100]).astype(np.float32))
    var = pl.DataFrame({"feature": ["a", "b"], "symbol": ["a", "b"], "gene": ["a", "b"]})
    layer = Layer("mutations", "mutation", "none", var, hit, np.ones(N, dtype=bool))
    found = feature_flags(replace(made, layers={"mutations": layer}), ranked(("mutations", "a"), ("mutations", "b")))
    assert found["flag"].to_list() == ["the cohort", None]


def test_layers_of_one_gene_agree_where_they_were_made_to() -> None:
    made = make_snapshot("binary", n=N, missing=0.0, layers=("cnv", "rna", "methylation"))
    rng, genes = np.random.default_rng(3), made.layers["rna"].var["gene"].to_list()
    cnv = rng.standard_normal((N, len(genes)))
    rna = rng.standard_normal((N, len(genes)))
    rna[:, 0] += 2 * cnv[:, 0]
    methylation = rng.standard_normal((N, len(genes)))
    methylation[:, 1] -= 2 * rna[:, 1]
    layers = {name: replace(made.layers[name], values=values.astype(np.float32), profiled=np.ones(N, dtype=bool))
              for name, values in (("cnv", cnv), ("rna", rna), ("methylation", methylation))}  # fmt: skip
    found = layer_agreement(replace(made, layers=layers), ranked(*(("rna", gene) for gene in genes)))
    assert found.height == 3 * len(genes)
    sure = found.filter(pl.col("q") <= 0.01).sort("gene")
    assert sure["pattern"].to_list() == ["amplified and high", "methylated and silent"]
    assert sure["gene"].to_list() == genes[:2]
    assert sure.select("layer_a", "layer_b").rows() == [("cnv", "rna"), ("methylation", "rna")]
    assert np.isclose(sure["correlation"][0], stats.spearmanr(cnv[:, 0], rna[:, 0]).statistic, atol=1e-3)


def test_rows_that_lack_one_layer_are_left_out_of_a_pair() -> None:
    rng = np.random.default_rng(4)
    x, y = rng.standard_normal((30, 2)), rng.standard_normal((30, 2))
    x[:10, 0], y[20:, 0], y[:, 1] = np.nan, np.nan, 1.0
    n, r, p = spearman_pairs(x, y)
    naive = stats.spearmanr(x[10:20, 0], y[10:20, 0])
    assert n.tolist() == [10, 30]
    assert np.isclose(r[0], naive.statistic)
    assert np.isclose(p[0], naive.pvalue)
    assert np.isnan(r[1])
