"""Notes and images as views: every learner that reads them keeps the contract of learners, and finds what is planted there."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy import sparse
from snapshots import make_snapshot

from clinome.graphs.snapshot.snapshot import Layer
from clinome.models.base.learner import Learner
from clinome.models.base.serialization import read_state, write_state
from clinome.models.base.specs import FUSIONS
from clinome.models.inference.input_schema import InputSchema
from clinome.models.inference.model import FORMAT, Model, member_of
from clinome.models.inference.model_format import check_model
from clinome.models.inference.state_part import FormatError
from clinome.models.learners.registry import FUSE, ONE_BLOCK, default, make, select
from clinome.models.learners.stacking import Choice
from clinome.models.metrics.task_metrics import inner_score, targets
from clinome.models.preprocessing.notes_block import NotesBlock
from clinome.snapshot import Snapshot

TRAIN, TUNING, HELD = np.arange(0, 100), np.arange(100, 130), np.arange(130, 180)
CASES = [
    ("best_feature", {}), ("ridge_late", {}), ("ridge_late", {"fusion": "early"}), ("ridge_late", {"fusion": "stacked"}),
    ("forest", {}), ("boosting", {}), ("fusion", {"plan": {"epochs": 3}}), ("cross_attention", {"plan": {"epochs": 3}}),
    ("contrastive", {"plan": {"epochs": 3}, "align": 2}),
]  # fmt: skip
EACH = pytest.mark.parametrize(("name", "setting"), CASES, ids=str)


@cache
def _snapshot(task: str = "binary", signal: float = 1.0) -> Snapshot:
    return make_snapshot(task, n=180, layers=(), signal=signal, missing=0.3, covariates=False, views=True)


def _fitted(name: str, setting: dict[str, Any], snapshot: Snapshot) -> Learner:
    learner = make(name).with_setting(setting, 0)
    assert learner.reason(snapshot) is None
    learner.fit(snapshot, TRAIN, TUNING)
    return learner


def _all(state: Any) -> str:
    with np.printoptions(threshold=10**9, precision=17):
        return repr(state)


@EACH
def test_what_is_planted_is_found_and_without_it_is_chance(name: str, setting: dict[str, Any]) -> None:
    score = {}
    for signal in (1.0, 0.0):
        snapshot = _snapshot(signal=signal)
        found = _fitted(name, setting, snapshot).predict(snapshot, HELD)
        score[signal] = inner_score("binary", targets(snapshot.rows[HELD], "binary", snapshot.classes), found)
    assert score[1.0] > 0.7
    assert abs(score[0.0] - 0.5) < 0.25


@EACH
def test_held_out_notes_change_nothing_that_is_fitted_and_no_name_is_kept(name: str, setting: dict[str, Any]) -> None:
    snapshot = _snapshot()
    notes = snapshot.views["notes.ward"]
    values = sparse.lil_matrix(notes.values)
    values[HELD] = 7
    other = {**snapshot.views, "notes.ward": replace(notes, values=values.tocsr())}
    learner = _fitted(name, setting, snapshot)
    assert _all(learner.state()) == _all(_fitted(name, setting, replace(snapshot, views=other)).state())
    assert "name 3" not in _all(learner.state())


@EACH
@pytest.mark.parametrize("task", ["binary", "multiclass", "survival"])
def test_saved_it_predicts_the_same_to_the_last_bit(
    name: str, setting: dict[str, Any], task: str, tmp_path: Path
) -> None:
    snapshot = _snapshot(task)
    learner = _fitted(name, setting, snapshot)
    write_state(tmp_path / "model", learner.state())
    again = make(name).with_setting(setting, 0).restore(read_state(tmp_path / "model"))
    np.testing.assert_array_equal(again.predict(snapshot, HELD), learner.predict(snapshot, HELD))
    for block, found in (learner.attribute(snapshot, HELD) or {}).items():
        assert set(found.names) <= set(snapshot.views[block].var["feature"])
        assert found.values.shape == (len(HELD), len(found.names)) and np.isfinite(found.values).all()


@EACH
def test_a_patient_with_one_view_or_none_is_served(name: str, setting: dict[str, Any]) -> None:
    snapshot = _snapshot()
    learner = _fitted(name, setting, snapshot)
    served = InputSchema.of(snapshot).serve
    for gone in (("notes.ward",), ("images.ct",), ("notes.ward", "images.ct")):
        left = {name: view for name, view in snapshot.views.items() if name not in gone}
        part = served(replace(snapshot, views=left))
        assert np.isfinite(learner.predict(part.snapshot, HELD)).all()
        assert all(f"{one} is missing for all 180 patients" in part.gaps.words() for one in gone)


@EACH
def test_terms_are_found_by_name_in_another_order_among_others(name: str, setting: dict[str, Any]) -> None:
    snapshot = _snapshot()
    learner = _fitted(name, setting, snapshot)
    notes = snapshot.views["notes.ward"]
    order = np.random.default_rng(0).permutation(notes.var.height)
    var = pl.concat([notes.var[order], notes.var[:1].with_columns(feature=pl.lit("unheard"))])
    values = sparse.hstack([notes.values[:, order], np.ones((180, 1), np.float32)], format="csr")
    other = replace(snapshot, views={**snapshot.views, "notes.ward": replace(notes, var=var, values=values)})
    served = InputSchema.of(snapshot).serve(other).snapshot
    np.testing.assert_allclose(learner.predict(served, HELD), learner.predict(snapshot, HELD), rtol=1e-5, atol=1e-6)


def test_topics_are_the_tf_idf_of_scikit_learn_on_its_axes() -> None:
    from sklearn.feature_extraction.text import TfidfTransformer

    snapshot = _snapshot()
    block = NotesBlock("notes.ward").fit(snapshot, TRAIN)
    here = TRAIN[block.present(snapshot, TRAIN)]
    counts = snapshot.views["notes.ward"].values
    assert set(block.terms) == {"calm", "edema", "fever", "plan", "ward", "wheezing"}
    expected = TfidfTransformer(sublinear_tf=True).fit(counts[here][:, :6]).transform(counts[:, :6]) @ block.axes
    found = block.transform(snapshot, HELD)
    np.testing.assert_allclose(found, expected[HELD], atol=1e-5)
    assert not found[~block.present(snapshot, HELD)].any()
    contributions = np.random.default_rng(0).normal(size=found.shape)
    np.testing.assert_allclose(block.gather(contributions).sum(axis=1), contributions.sum(axis=1))


def test_several_rows_of_one_patient_are_one_patient() -> None:
    one = make_snapshot(n=40, rows_per_subject=20, layers=(), missing=0.0, views=True)
    assert NotesBlock("notes.ward").fit(one, np.arange(40)).terms == []  # all of two patients
    assert NotesBlock("notes.ward").fit(one, np.arange(40)).transform(one, np.arange(3)).shape == (3, 0)
    assert np.isfinite(_few(one).predict(one, np.arange(40))).all()


def _few(snapshot: Snapshot) -> Learner:
    learner = make("forest").with_setting({}, 0)
    learner.fit(snapshot, np.arange(30), np.arange(30, 40))
    return learner


def test_default_fuses_where_there_are_several_views() -> None:
    snapshot = _snapshot()
    assert "fusion" in default(snapshot)
    alone: dict[str, Layer] = {"notes.ward": snapshot.views["notes.ward"]}
    assert "fusion" not in default(replace(snapshot, views=alone))


@pytest.mark.parametrize("fusion", FUSIONS)
def test_one_setting_says_how_views_come_together(fusion: str) -> None:
    snapshot = make_snapshot(n=60, layers=("rna",), records=True, views=True)
    learners, left_out = select(snapshot, ["default"], fusion)
    names = {one.name for one in learners}
    assert names - set(ONE_BLOCK) <= set(FUSE[fusion]) and names & set(FUSE[fusion])
    assert all(f"fusion is {fusion!r}" in left_out[one] for one in ("propagation",))
    for one in learners:
        if one.name == "ridge_late" and fusion != "interleaved":
            assert {setting.get("fusion", "late") for setting in one.settings(8)} == {fusion}


@EACH
def test_a_model_with_notes_is_read_as_it_was_saved_and_refused_when_damaged(
    name: str, setting: dict[str, Any], tmp_path: Path
) -> None:
    snapshot = make_snapshot(n=110, layers=("rna", "mutations"), records=True, features=12, views=True)
    learner = make(name).with_setting(setting, 0)
    learner.fit(snapshot, np.arange(60), np.arange(60, 110))
    choice = Choice(name, {name: 1.0}, {}, {}, np.zeros(0), {name: 0.5})
    model = Model(InputSchema.of(snapshot), choice, (member_of(learner),), {"rows": 110, "task": "binary"})
    model.save(tmp_path / "model")
    again = Model.read(tmp_path / "model")
    np.testing.assert_array_equal(again.predict(snapshot), learner.predict(snapshot, np.arange(110)))
    state: dict[str, Any] = {"format": FORMAT, "about": dict(model.about), "seen": model.schema.state(), "choice": choice.state(),
             "members": [vars(member) for member in model.members]}  # fmt: skip
    check_model(state)
    if name == "best_feature":  # of one block alone
        return
    damaged = copy.deepcopy(state)
    terms = next(one for one in _tables(damaged["members"]) if "axes" in one)
    terms["axes"] = terms["axes"][:, :0].T
    with pytest.raises(FormatError, match="axes"):
        check_model(damaged)
    damaged = copy.deepcopy(state)
    next(one for one in _tables(damaged["members"]) if "axes" in one)["terms"][0] = "Zebulon"
    with pytest.raises(FormatError, match="terms"):
        check_model(damaged)
    del state["seen"]["views"]["notes.ward"]
    with pytest.raises(FormatError):
        check_model(state)


def _tables(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
    for one in value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ():
        yield from _tables(one)
