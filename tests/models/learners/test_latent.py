"""Latent-variable learners: contributions add up to the score, a patient with one layer is served, nothing is made of nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from snapshots import make_snapshot

from clinome.models.experiment.controls import permuted
from clinome.models.learners.latent.factor_block import FactorBlock
from clinome.models.learners.latent.latent_block import LatentBlock
from clinome.models.learners.latent.latent_ridge import AutoencoderRidge, FactorRidge, LatentRidge, PCARidge, VAERidge
from clinome.models.metrics.task_metrics import inner_score, targets
from clinome.snapshot import Snapshot

TRAIN, TUNING, HELD = np.arange(120), np.arange(120, 150), np.arange(150, 240)
EACH = pytest.mark.parametrize("kind", [AutoencoderRidge, VAERidge, PCARidge, FactorRidge])
TOGETHER = pytest.mark.parametrize("kind", [VAERidge, FactorRidge])
QUICK = {"plan": {"epochs": 25}}


def planted() -> Snapshot:
    return make_snapshot("binary", n=240, layers=("rna", "mutations"), features=24, signal=2.0, covariates=False)


def fitted(kind: type[LatentRidge], snapshot: Snapshot) -> LatentRidge:
    learner = kind(QUICK if kind.on_torch else {}, 1)
    learner.fit(snapshot, TRAIN, TUNING)
    return learner


def auroc(learner: LatentRidge, snapshot: Snapshot) -> float:
    y = targets(snapshot.rows[HELD], "binary", snapshot.classes)
    return inner_score("binary", y, learner.predict(snapshot, HELD))


@EACH
def test_planted_signal_passes_and_permuted_labels_teach_nothing(kind: type[LatentRidge]) -> None:
    snapshot = planted()
    assert auroc(fitted(kind, snapshot), snapshot) > 0.7
    lies = [replace(snapshot, rows=permuted(snapshot, seed).rows) for seed in range(4)]
    assert abs(np.mean([auroc(fitted(kind, lie), lie) for lie in lies]) - 0.5) < 0.1  # one standard error is 0.03


@EACH
def test_contributions_add_up_to_the_score(kind: type[LatentRidge]) -> None:
    """A block's score less that of the training mean. (The burden of mutations is no gene's: its share has no name.)"""
    snapshot = planted()
    snapshot = replace(snapshot, layers={"rna": snapshot.layers["rna"]})
    block, model, _ = fitted(kind, snapshot).members[0]
    assert isinstance(block, LatentBlock | FactorBlock)
    here = HELD[block.present(snapshot, HELD)]
    coef = np.broadcast_to(model.coef[:, 0], (len(here), len(model.coef)))
    found = block.contributions(snapshot, here, coef)["rna"][1].sum(axis=1)
    score = block.transform(snapshot, here) @ model.coef[:, 0]
    assert score.std() > 0.1
    assert (score - found).std() < 0.002 * score.std()  # the score of the mean itself is in all of them


@TOGETHER
def test_a_patient_with_one_layer_of_two_is_served_and_one_without_any_too(kind: type[LatentRidge]) -> None:
    snapshot = planted()
    learner = fitted(kind, snapshot)
    rna = snapshot.layers["rna"]
    none = replace(snapshot, layers={**snapshot.layers, "rna": replace(rna, profiled=np.zeros(240, dtype=bool))})
    assert np.isfinite(learner.predict(none, HELD)).all()
    unseen = {name: replace(layer, profiled=np.zeros(240, dtype=bool)) for name, layer in snapshot.layers.items()}
    nobody = replace(snapshot, layers=unseen)
    assert np.ptp(learner.predict(nobody, HELD)) < 1e-9
    found = learner.embeddings(nobody, HELD)
    assert found is not None and found.rows.shape == (90, 8) and not found.rows.any()


def test_an_autoencoder_has_its_numbers_of_each_layer() -> None:
    snapshot = planted()
    found = fitted(AutoencoderRidge, snapshot).embeddings(snapshot, HELD)
    assert found is not None and found.rows.shape == (90, 16)
    assert "omics layer" in (AutoencoderRidge().reason(replace(snapshot, layers={})) or "")
