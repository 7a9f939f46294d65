"""Attributions of the network learners: shapes as promised, the planted first, and the exact sum where it is linear."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import torch
from snapshots import PLANTED, PLANTED_CODE, make_snapshot

from clinome.models.base.folds import parts
from clinome.models.learners.network import NetworkLearner
from clinome.models.learners.registry import make


def fitted(name: str, **spec: object) -> tuple[NetworkLearner, object, np.ndarray]:
    snapshot = make_snapshot(n=240, seed=3, signal=2.0, **spec)  # type: ignore[arg-type]
    train, tuning, held = parts(snapshot.folds, 0, 0)
    learner = make(name).with_setting({"plan": {"epochs": 8}}, 1)
    assert isinstance(learner, NetworkLearner)
    learner.fit(snapshot, train, tuning)
    return learner, snapshot, held


@pytest.mark.parametrize("task", ["binary", "multiclass", "survival"])
def test_planted_features_rank_first_in_every_layer(task: str) -> None:
    learner, snapshot, held = fitted("propagation", task=task, records=True)
    found = learner.attribute(snapshot, held)  # type: ignore[arg-type]
    assert found is not None and set(found) == {"rna", "mutations", "covariates", "records"}
    rna = found["rna"].importance()
    assert found["rna"].values.shape == (len(held), 60)
    assert set(np.argsort(-rna)[:5]) <= set(range(PLANTED))
    assert found["mutations"].importance().argmax() == 0
    assert found["records"].names[int(found["records"].importance().argmax())] in (
        PLANTED_CODE,
        PLANTED_CODE.split(".", maxsplit=1)[0],
    )


def test_a_row_without_the_layer_has_no_contributions_from_it() -> None:
    learner, snapshot, held = fitted("propagation", missing=0.3)
    found = learner.attribute(snapshot, held)  # type: ignore[arg-type]
    assert found is not None
    without = ~snapshot.layers["rna"].profiled[held]  # type: ignore[attr-defined]
    assert without.any() and not found["rna"].values[without].any() and found["rna"].values[~without].any(axis=1).all()


@pytest.mark.parametrize("name", ["propagation", "gru", "gru_d"])
def test_what_is_said_of_a_patient_of_several_labels_is_said_whoever_else_is_asked(name: str) -> None:
    learner, snapshot, held = fitted(name, task="multilabel", records=True)
    together = learner.attribute(snapshot, held[:12])  # type: ignore[arg-type]
    alone = [learner.attribute(snapshot, held[i : i + 1]) for i in range(12)]  # type: ignore[arg-type]
    assert together is not None
    for block, found in together.items():
        one_by_one = np.concatenate([one[block].values for one in alone if one is not None])
        np.testing.assert_allclose(found.values, one_by_one, atol=1e-4)


def test_of_a_linear_network_the_contributions_add_up() -> None:
    learner, snapshot, held = fitted("propagation", layers=("rna",), covariates=False, missing=0.0)
    silenced = [p for name, p in learner.network.named_parameters() if ".mlp.4." in name]
    assert silenced
    for parameter in silenced:
        torch.nn.init.zeros_(parameter)  # only the linear readout is left
    found = learner.attribute(snapshot, held)  # type: ignore[arg-type]
    assert found is not None
    p = learner.predict(snapshot, held)  # type: ignore[arg-type]
    rest = np.log(p / (1 - p)) - found["rna"].values.sum(1)
    assert rest.std() < 1e-4 and found["rna"].values.sum(1).std() > 0.1


@pytest.mark.parametrize("name", ["gru", "lstm", "gru_d", "sequence"])
def test_the_planted_code_carries_the_sequence(name: str) -> None:
    learner, snapshot, held = fitted(name, records=True, layers=(), covariates=False)
    found = learner.attribute(snapshot, held)  # type: ignore[arg-type]
    assert found is not None and set(found) == {"records"}
    share = dict(zip(found["records"].names, found["records"].importance(), strict=True))
    assert max(share, key=lambda code: share[code]) == PLANTED_CODE


def test_fusion_speaks_of_every_block() -> None:
    learner, snapshot, held = fitted("fusion", records=True)
    found = learner.attribute(snapshot, held[:7])  # type: ignore[arg-type]
    assert found is not None and set(found) == {"rna", "mutations", "covariates", "records"}
    assert all(len(block.values) == 7 for block in found.values())
    empty = learner.attribute(snapshot, held[:0])  # type: ignore[arg-type]
    assert empty is not None and empty["rna"].values.shape == (0, 60)


@pytest.mark.parametrize(
    "name",
    ["propagation", "gene_gnn", "hetero_gnn", "pathway_net", "patient_gnn", "gru", "gru_d", "sequence", "fusion"],
)
@pytest.mark.parametrize("what", ["one class", "nothing measured"])
def test_where_nothing_can_be_learnt_nothing_contributes(name: str, what: str) -> None:
    snapshot = make_snapshot(n=90, records=True, covariates=False)
    if what == "one class":
        snapshot = replace(snapshot, rows=snapshot.rows.with_columns(label=pl.lit(1, pl.Int64)))
    else:
        assert snapshot.events is not None
        unknown = {k: replace(v, profiled=np.zeros(90, dtype=bool)) for k, v in snapshot.layers.items()}
        snapshot = replace(snapshot, events=snapshot.events.head(0), layers=unknown)
    learner = make(name).with_setting({"plan": {"epochs": 2}}, 1)
    learner.fit(snapshot, np.arange(40), np.arange(40, 60))
    held = np.arange(60, 90)
    score, found = learner.predict(snapshot, held), learner.attribute(snapshot, held)
    assert np.isfinite(score).all() and np.ptp(score) < 0.05
    assert found is not None
    if what == "nothing measured":
        assert not any(block.values.any() for block in found.values())
