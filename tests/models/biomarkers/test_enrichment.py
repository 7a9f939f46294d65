"""Over-representation against the measured genes."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from snapshots import make_snapshot

from clinome.models.biomarkers.enrichment import SCHEMA, enrich, measured_genes, over_representation, ranked_genes
from clinome.models.biomarkers.gene_set_ranks import enrichment_scores, gsea
from clinome.models.statistics.rank_tests import benjamini_hochberg

BACKGROUND = {f"NCBIGene:{i}": f"NCBIGene:{i}" for i in range(200)}


def ranked(genes: list[int], stability: float = 1.0, q: float | None = None) -> pl.DataFrame:
    n = len(genes)
    return pl.DataFrame(
        {
            "feature": [f"NCBIGene:{i}" for i in genes],
            "rank": range(1, n + 1),
            "stability": [stability] * n,
            "q": [q] * n,
        },
        schema_overrides={"q": pl.Float64},
    )


def sets(**members: range) -> pl.DataFrame:
    rows = [
        (f"NCBIGene:{i}", "IN_PATHWAY", f"REACT:{name}", "reactome") for name, genes in members.items() for i in genes
    ]
    rows.append(("NCBIGene:1", "INTERACTS_WITH", "NCBIGene:2", "ppi"))
    return pl.DataFrame(rows, schema=["subject", "predicate", "object", "source"], orient="row")


def test_p_is_the_hypergeometric_tail_over_measured_genes() -> None:
    links = sets(A=range(20), B=range(15, 60), C=range(190, 260), NONE=range(100, 120))
    table = enrich(ranked([*range(10), 20, 21, 195]), links, BACKGROUND, names={"REACT:A": "Apoptosis"})
    assert table.columns == list(SCHEMA)
    assert table["pathway"][0] == "REACT:A" and table["name"][0] == "Apoptosis"
    by = {row["pathway"]: row for row in table.iter_rows(named=True)}
    assert by["REACT:A"]["overlap"] == "10/20"
    assert by["REACT:C"]["overlap"] == "1/10"  # the sixty genes that nobody measured are not in the set
    assert by["REACT:NONE"]["overlap"] == "0/20" and by["REACT:NONE"]["p"] == 1.0
    for pathway, hits, size in (("REACT:A", 10, 20), ("REACT:B", 2, 45), ("REACT:C", 1, 10)):
        assert by[pathway]["p"] == pytest.approx(stats.hypergeom.sf(hits - 1, 200, size, 13), rel=1e-12)
        exact = stats.fisher_exact([[hits, size - hits], [13 - hits, 200 - size - 13 + hits]], "greater").pvalue
        assert by[pathway]["p"] == pytest.approx(exact, rel=1e-9)
    assert table["q"].to_list() == pytest.approx(benjamini_hochberg(table["p"].to_numpy()).tolist())
    assert table["background"].unique().to_list() == [200]


def test_sets_too_small_or_too_large_are_not_tested() -> None:
    links = sets(SMALL=range(4), FIT=range(5), LARGE=range(100))
    assert enrich(ranked([0, 1, 2]), links, BACKGROUND, largest=99)["pathway"].to_list() == ["REACT:FIT"]


def test_nothing_ranked_or_no_sets_is_an_empty_table() -> None:
    columns = list(SCHEMA)
    for table in (
        enrich(ranked([0, 1], stability=0.2, q=0.9), sets(A=range(20)), BACKGROUND),
        enrich(ranked([0, 1]), sets(), BACKGROUND),
    ):
        assert table.is_empty() and table.columns == columns


def test_genes_pass_by_stability_or_q_at_most_fifty_each_once() -> None:
    assert ranked_genes(ranked([3, 1, 2], stability=0.5), BACKGROUND) == ["NCBIGene:3", "NCBIGene:1", "NCBIGene:2"]
    assert ranked_genes(ranked([3, 1], stability=0.0, q=0.01), BACKGROUND) == ["NCBIGene:3", "NCBIGene:1"]
    assert ranked_genes(ranked([3, 1], stability=0.0), BACKGROUND) == []
    assert len(ranked_genes(ranked(list(range(90))), BACKGROUND)) == 50
    twice = {"NCBIGene:1": "NCBIGene:1", "NCBIGene:2": "NCBIGene:1"}
    assert ranked_genes(ranked([1, 2, 7]), twice) == ["NCBIGene:1"]


def test_measured_genes_of_a_snapshot() -> None:
    measured = measured_genes(make_snapshot(n=20, layers=("rna", "methylation"), features=12))
    assert measured["cpg:cg000003"] == "NCBIGene:4" and measured["NCBIGene:4"] == "NCBIGene:4"
    assert len(set(measured.values())) == 12


def test_p_is_uniform_where_genes_are_drawn_at_random() -> None:
    rng = np.random.default_rng(0)
    hits = np.array([(rng.permutation(1000)[:50] < 100).sum() for _ in range(2000)])
    p = over_representation(hits, np.full(2000, 100), 50, 1000)
    for level in (0.05, 0.2, 0.5):
        assert level / 3 < (p <= level).mean() < 1.2 * level  # discrete, so rather below the level


def test_hits_are_named_and_gsea_reads_the_whole_ranking() -> None:
    """Forty genes of falling importance; one set stands in front, one is spread, one is at the end."""
    genes = [f"NCBIGene:{i}" for i in range(40)]
    ranked = pl.DataFrame({
        "feature": genes, "symbol": [f"S{i}" for i in range(40)], "rank": range(1, 41), "stability": [1.0] * 3 + [0.0] * 37,
        "q": [1.0] * 40, "importance": np.linspace(1, 0.01, 40),
    })  # fmt: skip
    sets = {"P:front": genes[:6], "P:spread": genes[::6], "P:end": genes[-6:]}
    links = pl.DataFrame(
        [(g, "IN_PATHWAY", name, "made") for name, some in sets.items() for g in some],
        schema=["subject", "predicate", "object", "source"], orient="row",
    )  # fmt: skip
    found = {row["pathway"]: row for row in enrich(ranked, links, {g: g for g in genes}).to_dicts()}
    assert found["P:front"]["hits"] == "S0; S1; S2"
    assert found["P:front"]["gsea_p"] <= 0.002
    assert found["P:spread"]["gsea_p"] > 0.2
    assert found["P:end"]["gsea_p"] > 0.9
    assert found["P:front"]["nes"] > 1.5


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_the_enrichment_score_is_the_walk_by_its_definition(seed: int) -> None:
    rng = np.random.default_rng(seed)
    weight = np.sort(rng.random(15))[::-1]
    inside = np.sort(rng.choice(15, 4, replace=False))
    height, best = 0.0, 0.0
    for i in range(15):
        height += weight[i] / weight[inside].sum() if i in inside else -1 / 11
        best = max(best, height)
    assert np.isclose(enrichment_scores(weight, inside[None])[0], best)


def test_gsea_of_random_sets_is_uniform() -> None:
    rng = np.random.default_rng(0)
    score = {f"g{i}": float(v) for i, v in enumerate(rng.exponential(size=300))}
    sets = [rng.choice(list(score), 12, replace=False).tolist() for _ in range(300)]
    nes, p = gsea(score, sets)
    assert abs(nes.mean() - 1) < 0.05
    assert 0.02 < (p <= 0.05).mean() < 0.09
