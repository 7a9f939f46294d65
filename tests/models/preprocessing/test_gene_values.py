"""Gene values: probes of a gene are one mean, what was not measured is 0 and said to be, gradients go back to features."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from scipy import sparse
from snapshots import make_snapshot

from clinome.models.preprocessing.fold import FoldPreprocessing
from clinome.models.preprocessing.gene_values import GeneValues, genes_of
from clinome.snapshot import Snapshot

TRAIN, HELD = np.arange(60), np.arange(60, 90)


def probes() -> Snapshot:
    """Methylation of which every gene but the last has two probes, and one probe is of no gene."""
    snapshot = make_snapshot(n=90, layers=("methylation", "mutations"), features=9, missing=0.2)
    layer = snapshot.layers["methylation"]
    gene = [None if i == 8 else f"NCBIGene:{i // 2 + 1}" for i in range(9)]
    var = layer.var.with_columns(gene=pl.Series(gene, dtype=pl.String))
    return replace(snapshot, layers={**snapshot.layers, "methylation": replace(layer, var=var)})


def test_probes_of_a_gene_are_a_mean_of_those_that_were_measured() -> None:
    snapshot = probes()
    genes = ["NCBIGene:1", "NCBIGene:2", "NCBIGene:4", "NCBIGene:77"]
    values = GeneValues("methylation").fit(snapshot, TRAIN, genes)
    x, here = values.take(snapshot, HELD)
    z = np.asarray(FoldPreprocessing.fit(snapshot, TRAIN).blocks["methylation"].transform(snapshot, HELD))
    known = np.isfinite(np.asarray(snapshot.layers["methylation"].values)[HELD])
    for g, columns in ((0, [0, 1]), (1, [2, 3]), (2, [6, 7])):
        for row in range(len(HELD)):
            measured = [z[row, j] for j in columns if known[row, j]]
            assert here[row, g] == bool(measured)
            assert x[row, g] == pytest.approx(np.mean(measured) if measured else 0.0, abs=1e-5)
    assert not here[:, 3].any() and not x[:, 3].any() and values.genes.tolist() == [0, 1, 2]
    assert genes_of(snapshot, "methylation").keys() == set(snapshot.layers["methylation"].var["feature"][:8])


def test_mutations_are_centred_and_of_one_unit() -> None:
    snapshot = make_snapshot(n=90, layers=("mutations",), features=9, missing=0.2)
    genes = snapshot.layers["mutations"].var["gene"].to_list()
    values = GeneValues("mutations").fit(snapshot, TRAIN, genes)
    x, here = values.take(snapshot, np.arange(90))
    layer = snapshot.layers["mutations"]
    hit = sparse.csr_matrix(layer.values).toarray() > 0
    said = values.genes
    assert (here[:, said] == layer.profiled[:, None]).all() and not x[~layer.profiled].any()
    train = TRAIN[layer.profiled[TRAIN]]
    np.testing.assert_allclose(x[train].mean(0), 0, atol=1e-5)
    gap = [x[layer.profiled & hit[:, g], g][0] - x[layer.profiled & ~hit[:, g], g][0] for g in said]
    np.testing.assert_allclose(gap, values.unit, rtol=1e-5)


@pytest.mark.parametrize("name", ["methylation", "mutations"])
def test_a_gradient_goes_back_to_the_features(name: str) -> None:
    snapshot = probes()
    genes = [f"NCBIGene:{g}" for g in range(1, 10)]
    values = GeneValues(name).fit(snapshot, TRAIN, genes)
    gradient = np.random.default_rng(0).normal(size=(len(HELD), len(genes)))
    found = values.contributions(snapshot, HELD, gradient)
    assert found.shape == (len(HELD), len(snapshot.layers[name].var))
    x, _ = values.take(snapshot, HELD)
    np.testing.assert_allclose(found.sum(1), (gradient * x).sum(1), rtol=1e-4, atol=1e-5)
    again = GeneValues(name).restore(values.state(), len(genes))
    np.testing.assert_array_equal(again.contributions(snapshot, HELD, gradient), found)
