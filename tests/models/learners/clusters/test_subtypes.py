"""Planted kinds are found, noise and permuted features are one cluster, known groups and held-out rows have no say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from snapshots import garbage
from subtypes import MARKED, make_subtypes

from clinome.models.base.folds import make_folds
from clinome.models.base.specs import Evaluate
from clinome.models.biomarkers.markers import marker_pathways, markers
from clinome.models.learners.clusters.experiment import ClusterResults, choose, permuted_features, run_clusters
from clinome.models.learners.clusters.factors import filled_in
from clinome.models.learners.registry import clusterers, make, reason_of, select
from clinome.models.metrics.clustering import adjusted_rand
from clinome.snapshot import Snapshot

QUICK = {"most": 4, "resamples": 10, "references": 8}
EVERY = np.arange(90)


def _fitted(name: str, snapshot: Snapshot, rows: np.ndarray, k: int | None = None) -> np.ndarray:
    learner = make(name).with_setting({"k": k} if k else QUICK, 0)
    learner.fit(snapshot, rows[: len(rows) // 2], rows[len(rows) // 2 :])
    return learner.predict(snapshot, np.arange(snapshot.rows.height))


@pytest.mark.parametrize("name", clusterers())
def test_planted_kinds_are_found_and_given_to_new_patients(name: str) -> None:
    snapshot = make_subtypes(90, 3, apart=2.0, missing=0.1, unknown=0.0)
    found = _fitted(name, snapshot, np.arange(60))
    kind = snapshot.rows["label"].rank("dense").to_numpy()
    assert len(np.unique(found)) == 3
    assert adjusted_rand(kind[60:], found[60:]) > 0.8


@pytest.mark.parametrize("name", clusterers())
def test_noise_and_permuted_features_are_one_cluster(name: str) -> None:
    assert len(np.unique(_fitted(name, make_subtypes(90, 1, missing=0.1), EVERY))) == 1
    planted = make_subtypes(90, 3, apart=2.0, missing=0.1)
    assert len(np.unique(_fitted(name, permuted_features(planted, 0), EVERY))) == 1  # type: ignore[arg-type]


@pytest.mark.parametrize("name", clusterers())
def test_known_groups_and_held_out_rows_have_no_say(name: str) -> None:
    snapshot = make_subtypes(90, 3, apart=2.0)
    other = garbage(snapshot, np.arange(60, 90))
    other = replace(other, rows=snapshot.rows.with_columns(label=pl.col("label").reverse()))
    one, two = (_fitted(name, each, np.arange(60), 3)[:60] for each in (snapshot, other))
    np.testing.assert_array_equal(one, two)


def test_what_a_patient_lacks_is_taken_from_the_nearest_and_noone_else() -> None:
    parts = [np.array([[0.0], [0.1], [5.0]]), np.array([[7.0], [0.0], [9.0]])]
    present = np.array([[True, True], [True, False], [True, True]])
    assert filled_in(parts, present)[1].ravel().tolist() == [7.0, 7.0, 9.0]
    assert parts[1][1, 0] == 0.0


@pytest.fixture(scope="module")
def results() -> tuple[Snapshot, ClusterResults]:
    snapshot = make_subtypes(120, 3, apart=3.0)
    snapshot = replace(snapshot, folds=make_folds(snapshot.rows, "clustering", Evaluate(folds=3)))
    learner = make("mixture")
    return snapshot, run_clusters(snapshot, snapshot.folds, [learner], 1)


def test_a_run_assigns_each_held_out_patient_once_and_is_judged(results: tuple[Snapshot, ClusterResults]) -> None:
    snapshot, found = results
    mine = found.predictions.filter(pl.col("learner") == "chosen")
    assert mine["row"].sort().to_list() == list(range(120))
    assert mine["subtype"].min() == 1
    told = found.as_json()
    assert told["clusters"] == 3 and sum(told["sizes"]) == 120 and told["sizes"] == sorted(told["sizes"], reverse=True)
    assert told["learners"]["chosen"]["metrics"]["ari"]["mean"] > 0.8
    assert told["learners"]["mixture"]["stability"] > 0.7
    assert told["controls"]["permuted_features:mixture"]["clusters"] == [1, 1, 1]
    assert snapshot.rows["label"].null_count() == 120 - told["known_groups"]


def test_markers_are_the_planted_features_and_enrich_their_pathway(results: tuple[Snapshot, ClusterResults]) -> None:
    snapshot, found = results
    table = markers(snapshot, found.subtypes + 1)
    first = table.filter((pl.col("rank") <= 5) & (pl.col("layer") == "rna"))["feature"]
    assert {int(one.split(":")[1]) <= MARKED for one in first} == {True}
    assert set(marker_pathways(table, snapshot)["subtype"]) <= {1, 2, 3}
    assert markers(snapshot, np.ones(120, dtype=int)).is_empty()


def test_one_cluster_is_chosen_where_most_find_one() -> None:
    assert choose({"consensus": (1, None), "snf": (3, 0.9), "mixture": (1, None)}) == "consensus"
    assert choose({"consensus": (3, 0.89), "snf": (3, 0.9), "mixture": (2, 0.7)}) == "consensus"


def test_learners_of_outcomes_say_that_there_is_none() -> None:
    snapshot = make_subtypes(60, 2)
    learners, left_out = select(snapshot, ("default", "ridge_late"))
    assert [one.name for one in learners] == list(clusterers())
    assert "learns from an outcome" in left_out["ridge_late"]
    assert "without an outcome" in str(reason_of(make("snf"), replace(snapshot, task="multiclass")))
    one_layer = replace(snapshot, layers={"rna": snapshot.layers["rna"]})
    assert "two layers" in str(reason_of(make("snf"), one_layer))
