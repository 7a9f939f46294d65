"""Known and new, and how folds agree: against naive references, and at chance where there is nothing."""

from __future__ import annotations

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from clinome.models.biomarkers.genes.known_genes import known_genes, marked
from clinome.models.biomarkers.ranking import FoldAttribution
from clinome.models.biomarkers.ranking_stability import PERSISTENCE, rank_biased_overlap, ranking_stability

GENES = {f"f{i}": f"g{i // 2}" for i in range(60)}


def ranking(features: list[str]) -> pl.DataFrame:
    return pl.DataFrame({"feature": features, "rank": range(1, len(features) + 1)})


def test_known_genes_in_front_have_all_of_the_recall_and_at_random_half() -> None:
    known = {"g0", "g1", "g2"}
    first = known_genes(ranking([f"f{i}" for i in range(60)]), GENES, known)
    assert np.isclose(first["average_recall"], 1 - 1.5 / 30)
    assert first["p"] <= 0.005
    assert first["within"] == {"10": 3, "20": 3}
    rng = np.random.default_rng(0)
    found = [
        known_genes(ranking(rng.permutation(list(GENES)).tolist()), GENES, known, seed=i, permutations=99)
        for i in range(200)
    ]
    assert abs(np.mean([one["average_recall"] for one in found]) - 0.5) < 0.03
    assert 0.01 <= np.mean([one["p"] <= 0.05 for one in found]) <= 0.1
    assert known_genes(ranking(["f1"]), GENES, set()) == {}


def test_genes_that_are_left_out_share_the_end() -> None:
    found = known_genes(ranking(["f0", "f2"]), GENES, {"g9"})
    assert np.isclose(found["average_recall"], 1 - ((3 + 30) / 2 - 0.5) / 30)


def test_more_features_are_more_chances_and_are_drawn_alike() -> None:
    """Genes with ten features stand first by chance; they are compared with one another."""
    genes = {f"m{i}": f"many{i // 10}" for i in range(200)} | {f"o{i}": f"one{i}" for i in range(200)}
    rng = np.random.default_rng(3)
    p = [known_genes(ranking(rng.permutation(list(genes)).tolist()), genes, {"many0", "many1", "many2"}, seed=i, permutations=99)["p"]
         for i in range(100)]  # fmt: skip
    assert np.mean(np.array(p) <= 0.05) <= 0.13


def test_features_are_marked() -> None:
    table = marked(ranking(["f0", "f9", "age"]), GENES, {"g0"})
    assert table["known"].to_list() == ["known", "new", None]


@settings(max_examples=50, deadline=None)
@given(st.permutations(range(8)), st.permutations(range(8)))
def test_rank_biased_overlap_is_the_sum_by_its_definition(a: list[int], b: list[int]) -> None:
    agreement = [len(set(a[:k]) & set(b[:k])) / k for k in range(1, 9)]
    naive = (1 - PERSISTENCE) * sum(PERSISTENCE ** (k - 1) * agreement[k - 1] for k in range(1, 9))
    assert np.isclose(rank_biased_overlap(a, b), naive + agreement[-1] * PERSISTENCE**8)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000))
def test_tau_and_percentiles_of_folds(seed: int) -> None:
    rng = np.random.default_rng(seed)
    names = [f"g{i}" for i in range(12)]
    importance = rng.random((3, 12))
    folds = [FoldAttribution(0, k, "rna", names, importance[k], np.zeros(12)) for k in range(3)]
    found, spread = ranking_stability(folds)
    concordant = [
        np.mean([np.sign(importance[a, i] - importance[a, j]) * np.sign(importance[b, i] - importance[b, j])
                 for i in range(12) for j in range(i)]) for a, b in ((0, 1), (0, 2), (1, 2))
    ]  # fmt: skip
    assert np.isclose(found["kendall_tau"]["mean"], np.mean(concordant))
    place = stats.rankdata(-importance, axis=1)
    assert np.allclose(spread["percentile_high"].to_numpy(), (100 * (12 - place) / 11).max(axis=0))
    assert found["folds"] == 3
    assert ranking_stability(folds[:1])[0] == {}
    assert ranking_stability([])[0] == {}
