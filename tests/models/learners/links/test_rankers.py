"""Rankers: one contract over all of them, planted links found, shuffled ones not, twins as they should be."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from links_study import planted

from clinome.loaders.errors import InputError
from clinome.models.base.specs import Evaluate
from clinome.models.learners.links.experiment import LinkResults, run_links
from clinome.models.learners.links.graph import LinkGraph, Relation
from clinome.models.learners.links.hold_out import hold_outs
from clinome.models.learners.links.jobs import run_jobs
from clinome.models.learners.links.learner import BaseLinkLearner
from clinome.models.learners.links.profiles import interactions, joins, query_profiles, shared_sets
from clinome.models.learners.links.rankers.diffusion import Diffusion
from clinome.models.learners.links.rankers.random_walk import RandomWalk
from clinome.models.learners.links.registry import RANKERS, make, select
from clinome.models.learners.links.twins import EDGELESS, SHUFFLED, shuffled, twin

HOLD_OUTS = ("edges", "candidates", "queries", "time")


@pytest.mark.parametrize("hold_out", HOLD_OUTS)
@pytest.mark.parametrize("name", RANKERS)
def test_contract(name: str, hold_out: str) -> None:
    """A score a query and candidate, finite, the same again, in the order of the queries; or a reason in words."""
    graph = planted(hold_out)
    learner = make(name)
    assert learner.name == name
    if (reason := learner.reason(graph)) is not None:
        assert reason[0].islower() or reason.startswith("a ")
        return
    queries = np.array([5, 2, 40])
    fitted = [make(name).fresh(7) for _ in range(2)]
    for one in fitted:
        one.fit(graph)
    score = fitted[0].score(queries)
    assert score.shape == (3, graph.shape[1])
    assert np.isfinite(score).all()
    np.testing.assert_array_equal(score, fitted[1].score(queries))
    np.testing.assert_allclose(score[::-1], fitted[0].score(queries[::-1]), rtol=1e-5, atol=1e-7)
    assert fitted[0].score(queries[:0]).shape == (0, graph.shape[1])


@pytest.fixture(scope="module")
def results() -> LinkResults:
    graph = planted("candidates")
    learners, _ = select(graph, ("default",))
    return run_links(graph, {one.name: one for one in learners}, Evaluate(folds=4))


@pytest.mark.parametrize("name", ["random_walk", "diffusion", "link_gnn"])
def test_planted_links_are_found_and_shuffled_ones_are_not(name: str, results: LinkResults) -> None:
    mrr = results.learners[name]["metrics"]["mrr"]["mean"]
    assert mrr > 2.5 * results.learners["popularity"]["metrics"]["mrr"]["mean"]
    for control in (SHUFFLED, EDGELESS):
        key = f"{name}/{control}"
        assert results.controls[key]["metrics"]["mrr"]["mean"] < mrr / 2
        (found,) = [one for one in results.comparisons if one.b == key and one.metric == "mrr"]
        assert found.low > 0


def test_results_are_whole(results: LinkResults) -> None:
    json = results.as_json()
    assert set(json["learners"]) == {
        "popularity",
        "kernel",
        "random_walk",
        "diffusion",
        "two_tower",
        "link_gnn",
        "chosen",
    }
    assert json["best_simple"] == "kernel"
    assert len(json["chosen"]) == 4
    metric = json["learners"]["diffusion"]["metrics"]["mrr"]
    assert metric["low"] < metric["mean"] < metric["high"]
    assert len(metric["folds"]) == 4
    assert json["learners"]["diffusion"]["lists"]["known"] == {}  # all that was held out is new
    held = results.predictions.filter(pl.col("held_out"))
    assert held.group_by("learner").len()["len"].unique().to_list() == [len(results.graph.links)]
    linked = {tuple(one) for one in results.graph.links}
    assert not linked & set(results.ranking.select("query", "candidate").iter_rows())


def test_any_number_of_workers_gives_the_same() -> None:
    graph = planted("edges")
    learners = {name: make(name) for name in ("kernel_ridge", "diffusion")}
    one, two = (run_links(graph, learners, Evaluate(folds=3), workers) for workers in (1, 2))
    assert one.predictions.equals(two.predictions)
    assert [a.as_json() for a in one.comparisons] == [b.as_json() for b in two.comparisons]


def test_repeats_differ_and_a_seed_repeats() -> None:
    graph = planted("edges")
    found = [
        run_links(graph, {"popularity": make("popularity")}, Evaluate(folds=3, repeats=2, seed=s)) for s in (1, 1, 2)
    ]
    assert found[0].predictions.equals(found[1].predictions)
    assert not found[0].predictions.equals(found[2].predictions)
    assert found[0].predictions["repeat"].unique().sort().to_list() == [0, 1]


class Broken:
    def fit(self, graph: LinkGraph) -> None:
        raise RuntimeError("no such thing")

    def score(self, queries: np.ndarray) -> np.ndarray:
        return np.zeros((len(queries), 1))


class Narrow(Broken):
    def fit(self, graph: LinkGraph) -> None:
        return None


def test_a_learner_of_ones_own_that_fails_is_listed_and_the_others_stay() -> None:
    found = run_links(
        planted(), {"popularity": make("popularity"), "mine": Broken(), "narrow": Narrow()}, Evaluate(folds=2)
    )
    assert {one["learner"] for one in found.failed} == {"mine", "narrow"}
    assert set(found.learners) == {"popularity", "chosen"}
    with pytest.raises(InputError, match="every learner failed"):
        run_links(planted(), {"mine": Broken()}, Evaluate(folds=2))


def test_unknown_and_unfit_names() -> None:
    with pytest.raises(InputError, match="unknown learner"):
        make("difusion")
    with pytest.raises(InputError, match="no learner can run"):
        select(planted("candidates"), ("matrix_factorisation",))


@given(
    st.sets(st.tuples(st.integers(0, 8), st.integers(0, 8)).filter(lambda p: p[0] < p[1]), min_size=4),
    st.booleans(),
    st.integers(0, 9),
)
@settings(max_examples=80, deadline=None)
def test_shuffling_keeps_every_degree(pairs: set[tuple[int, int]], one_label: bool, seed: int) -> None:
    table = np.array(sorted(pairs))
    edges = Relation("X", "Gene", "Gene" if one_label else "Pathway", table, np.ones(len(table), dtype=np.float32))
    other = shuffled(edges, np.random.default_rng(seed)).pairs
    if one_label:
        assert (np.bincount(other.ravel(), minlength=9) == np.bincount(table.ravel(), minlength=9)).all()
        assert (other[:, 0] != other[:, 1]).all()
        assert len({tuple(sorted(one)) for one in other.tolist()}) == len(table)
    else:
        for end in (0, 1):
            assert (np.bincount(other[:, end], minlength=9) == np.bincount(table[:, end], minlength=9)).all()
        assert len({tuple(one) for one in other.tolist()}) == len(table)


def test_twins_leave_links_and_queries_alone() -> None:
    graph = planted()
    for kind in (SHUFFLED, EDGELESS):
        other = twin(graph, kind, seed=1)
        np.testing.assert_array_equal(other.links, graph.links)
        assert [one.predicate for one in other.relations if one.source == "Diagnosis"] == ["HAS_PHENOTYPE"]
    assert len(twin(graph, EDGELESS, seed=1).relations) == 1


def test_paths_equal_dense_ones() -> None:
    """One hop through sets is D^-1/2 M D^-1/2 without M's diagonal, by hand."""
    graph = planted()
    path, x = shared_sets(graph), np.random.default_rng(1).random((graph.shape[1], 3)).astype(np.float32)
    assert path is not None
    member = np.zeros((graph.shape[1], len(graph.nodes["Pathway"])))
    (one,) = [one for one in graph.relations if one.predicate == "IN_PATHWAY"]
    member[one.pairs[:, 0], one.pairs[:, 1]] = 1
    joined = member @ np.diag(1 / (member.sum(axis=0) - 1)) @ member.T
    np.fill_diagonal(joined, 0)
    scale = np.diag(joined.sum(axis=1) ** -0.5)
    np.testing.assert_allclose(path(x), scale @ joined @ scale @ x, rtol=1e-4, atol=1e-6)
    near = interactions(graph)
    assert near is not None and near.direct is not None
    dense = near.direct.toarray()
    np.testing.assert_allclose(dense, dense.T)
    assert np.linalg.eigvalsh(dense).max() == pytest.approx(1, abs=1e-5)


def test_profiles_hold_ancestors_by_information() -> None:
    """Two phenotypes under one parent make diseases alike; a parent that all have says little."""
    nodes = {"Diagnosis": ("a", "b", "c"), "Gene": ("g",), "Phenotype": ("p", "q", "r", "top", "under")}
    ones = np.ones(5, dtype=np.float32)
    has = Relation("HAS_PHENOTYPE", "Diagnosis", "Phenotype", np.array([[0, 0], [1, 1], [2, 2]]), ones[:3])
    is_a = Relation("IS_A", "Phenotype", "Phenotype", np.array([[0, 4], [1, 4], [2, 3], [4, 3]]), ones[:4])
    graph = LinkGraph("Diagnosis", "Gene", nodes, np.array([[0, 0]]), np.full(1, np.nan), (has, is_a))
    profile = query_profiles(graph, links=False)
    alike = (profile @ profile.T).toarray()
    assert alike[0, 1] > 3 * alike[0, 2] > 0
    np.testing.assert_allclose(np.diag(alike), 1, rtol=1e-5)


def test_typed_join_meets_in_the_middle() -> None:
    nodes = {"Drug": ("x", "y"), "Diagnosis": ("d", "e"), "Gene": ("g", "h", "i")}
    ones = np.ones(3, dtype=np.float32)
    targets = Relation("TARGETS", "Drug", "Gene", np.array([[0, 0], [1, 1]]), ones[:2])
    genes = Relation("ASSOCIATED_WITH", "Gene", "Diagnosis", np.array([[0, 0], [1, 1], [2, 1]]), ones)
    graph = LinkGraph("Drug", "Diagnosis", nodes, np.array([[0, 0]]), np.full(1, np.nan), (targets, genes), "queries")
    met = joins(graph)
    assert met is not None
    assert (met.toarray() > 0).tolist() == [[True, False], [False, True]]
    learner = make("typed_join")
    learner.fit(graph)
    assert learner.score(np.array([1])).argmax() == 1


def test_diffusion_weights_are_read_and_not_negative() -> None:
    learner = Diffusion(1)
    learner.fit(planted())
    found = learner.weights()
    assert list(found)[:2] == ["seeds", "interactions"]
    assert len(found) == 8 and "seeds, plain" in found
    assert min(found.values()) >= 0
    assert max(found.values()) > 0


class Signed(BaseLinkLearner):
    """The walk, or its contrary: a setting decides."""

    name = "signed"
    grid = ({"sign": -1.0}, {"sign": 1.0})

    def fit(self, graph: LinkGraph) -> None:
        self.walk = RandomWalk(self.seed)
        self.walk.fit(graph)

    def score(self, queries: np.ndarray) -> np.ndarray:
        return np.asarray(self.setting["sign"] * self.walk.score(queries))


def test_settings_and_learners_are_chosen_inside_the_training_part() -> None:
    """The better setting is taken where it may be tried, and `chosen` is who did best inside; held-out links have no say."""
    graph = planted("edges")
    learners = {"signed": Signed(), "popularity": make("popularity")}
    found = run_links(graph, learners, Evaluate(folds=3), trials=2)
    assert found.learners["signed"]["settings"] == [{"sign": 1.0}] * 3
    assert {one["name"] for one in found.chosen} == {"signed"}
    once = run_links(graph, learners, Evaluate(folds=3), trials=1)
    assert once.learners["signed"]["settings"] == [{"sign": -1.0}] * 3
    assert once.learners["signed"]["metrics"]["mrr"]["mean"] < found.learners["signed"]["metrics"]["mrr"]["mean"]
    assert run_links(graph, {"signed": Signed()}, Evaluate(folds=3)).chosen == []


def test_twins_take_over_the_setting_of_their_learner() -> None:
    graph = planted("edges")
    found = run_jobs(
        graph, {"random_walk": make("random_walk")}, list(hold_outs(graph, 3, 1, 1)), 1, 1, lambda one: None, trials=3
    )
    settings = {(one.job.control, one.job.hold_out.fold): one.setting for one in found}
    assert set(settings) == {(control, fold) for control in ("", SHUFFLED, EDGELESS) for fold in range(3)}
    for fold in range(3):
        assert settings[SHUFFLED, fold] == settings[EDGELESS, fold] == settings["", fold]
