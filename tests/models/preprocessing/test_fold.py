"""One fitted preprocessing a fold: held-out rows have no part in it, and every learner sees the same numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn.linear_model import LogisticRegression
from snapshots import as_array, garbage, make_snapshot

import clinome
from clinome.models.learners.registry import make
from clinome.models.preprocessing.fold import FoldPreprocessing
from clinome.models.preprocessing.records.records_block import RecordsBlock
from clinome.models.preprocessing.scaling import CLIP, Scale
from clinome.models.preprocessing.tokens.tokenizer import fit_vocabulary, tokenize
from clinome.snapshot import Snapshot

TRAIN, TUNING, HELD = np.arange(60), np.arange(60, 80), np.arange(80, 120)
LAYERS = ("rna", "methylation", "mutations")


@pytest.fixture
def snapshot() -> Snapshot:
    return make_snapshot("binary", n=120, layers=LAYERS, records=True, rows_per_subject=2)


def _flat(state: Any) -> list[Any]:
    if isinstance(state, dict):
        return [x for key, value in sorted(state.items()) for x in (key, *_flat(value))]
    return [x for one in state for x in _flat(one)] if isinstance(state, list | tuple) else [state]


def _same(one: Any, two: Any) -> None:
    left, right = _flat(one), _flat(two)
    assert len(left) == len(right) > 0
    for a, b in zip(left, right, strict=True):
        np.testing.assert_array_equal(a, b)


def test_what_is_fitted_does_not_change_when_held_out_rows_turn_to_garbage(snapshot: Snapshot) -> None:
    other = garbage(snapshot, HELD)
    one, two = (FoldPreprocessing.fit(s, TRAIN) for s in (snapshot, other))
    assert [*one.blocks] == [*LAYERS, "covariates", "records"]
    _same(one.state(), two.state())
    with pytest.raises(AssertionError):
        _same(one.state(), FoldPreprocessing.fit(garbage(snapshot, TRAIN[:9]), TRAIN).state())


def test_what_is_saved_transforms_as_before(snapshot: Snapshot) -> None:
    fitted = FoldPreprocessing.fit(snapshot, TRAIN)
    again = FoldPreprocessing.restored(fitted.state())
    for name, block in fitted.blocks.items():
        left, right = (as_array(b.transform(snapshot, HELD)) for b in (block, again.blocks[name]))
        np.testing.assert_array_equal(left, right)
        assert len(again.graph_block(name).entities()) == len(fitted.graph_block(name).entities()) >= left.shape[1]


def test_the_same_rows_are_fitted_once_and_others_anew(snapshot: Snapshot) -> None:
    first = FoldPreprocessing.fit(snapshot, TRAIN).blocks["rna"]
    assert FoldPreprocessing.fit(snapshot, TRAIN.copy(), ["rna"]).blocks["rna"] is first
    assert FoldPreprocessing.fit(snapshot, TRAIN[1:]).blocks["rna"] is not first
    assert FoldPreprocessing.fit(Snapshot.of(snapshot), TRAIN).blocks["rna"] is not first


def test_every_learner_sees_one_scaling() -> None:
    """But for cox_pca, the published reference, and trees, which take values as they were measured."""
    snapshot = make_snapshot("binary", n=120, layers=("rna",), covariates=False, missing=0.2)
    rows = np.concatenate([TRAIN, TUNING])
    want = FoldPreprocessing.fit(snapshot, rows).blocks["rna"]
    learners: dict[str, Any] = {
        name: make(name).with_setting({"plan": {"epochs": 1}} if name == "propagation" else {}, 0)
        for name in ("ridge_late", "best_feature", "propagation")
    }
    learners["wrapped"] = clinome.sklearn(LogisticRegression()).with_setting({}, 0)
    for learner in learners.values():
        learner.fit(snapshot, TRAIN, TUNING)
    blocks = {
        "ridge_late": learners["ridge_late"].members[0][0], "best_feature": learners["best_feature"].block,
        "propagation": learners["propagation"].edges["rna"].block, "wrapped": learners["wrapped"].block.blocks[0],
    }  # fmt: skip
    for name, block in blocks.items():
        assert block.kind == "dense", name
        _same(block.state(), want.state())


def test_a_graph_network_of_the_user_sees_what_ridge_late_sees() -> None:
    snapshot = make_snapshot("binary", n=120, layers=("rna", "methylation"), missing=0.2)
    ridge, nobody = make("ridge_late").with_setting({}, 0), np.zeros(0, dtype=np.int64)
    ridge.fit(snapshot, TRAIN, nobody)
    patient = snapshot.hetero_for(TRAIN, nobody)["patient"]
    members = {block.name: block for block, *_ in ridge.members}  # type: ignore[attr-defined]
    assert sorted(members) == ["covariates", "methylation", "rna"]
    for name, block in members.items():
        first, last = patient.layer_slices[name]
        np.testing.assert_array_equal(patient.x[:, first:last].numpy(), block.transform(snapshot, np.arange(120)))


def test_counts_sequences_and_graphs_read_a_lab_on_one_scale(snapshot: Snapshot) -> None:
    code, rows = "LOINC:2160-0", np.arange(120)
    fitted = FoldPreprocessing.fit(snapshot, TRAIN)
    block = fitted.blocks["records"]
    assert isinstance(block, RecordsBlock) and snapshot.events is not None
    vocabulary = fit_vocabulary(snapshot, TRAIN)
    _same(vocabulary.values.state(), block.values.state())
    found = tokenize(snapshot.events, 120, vocabulary, "dated").take(rows)
    of_tokens = np.sort(found.value[(found.code == vocabulary.known[code]) & found.measured].numpy())
    of_graph = fitted.graph_inputs(snapshot).event_values
    assert of_graph is not None
    mine = (snapshot.events["code"] == code).to_numpy() & snapshot.events["numeric_value"].is_not_null().to_numpy()
    np.testing.assert_array_equal(of_tokens, np.sort(of_graph[mine]))
    column = len(block.tokens) + len(block.current) + block.numeric.index(code)
    x = as_array(block.transform(snapshot, rows))[:, column]
    last = (
        snapshot.events.with_columns(z=pl.Series(of_graph))
        .filter(pl.Series(mine))
        .group_by("row")
        .agg(pl.col("z").last())
    )
    np.testing.assert_allclose(x[last["row"].to_numpy()], last["z"].to_numpy(), atol=1e-6)
    assert of_tokens.std() > 0.3


def test_a_scale_keeps_missing_apart_and_clips_what_is_far() -> None:
    x = np.random.default_rng(0).normal(5, 2, (400, 3))
    x[0, 0], x[1, 0], x[:, 1], x[:, 2] = 1e6, np.nan, 3.0, 0.0
    x[7, 2] = 1.0
    scale = Scale.fit(x)
    z, filled = scale.z(x), scale.filled(x)
    assert scale.varies.tolist() == [True, False, True]
    assert np.isnan(z[1, 0]) and abs(filled[1, 0]) < 0.2 and not z[:, 1].any()
    assert z[0, 0] == pytest.approx(np.nanmax(z[2:, 0]), abs=0.01), "winsorised: no further than the others"
    assert z[7, 2] == CLIP, "a rare call is kept"
    assert scale.take(np.array([2, 2])).z(x[7:8, [2, 2]]).tolist() == [[CLIP, CLIP]]
