"""Autoencoders find what bends through a layer's features; experts multiply as normals do; one layer foretells another."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from clinome.models.encoders.latent.autoencoder import Autoencoder
from clinome.models.encoders.latent.multimodal_vae import MultimodalVAE, ProductOfExperts
from clinome.models.learners.latent.latent_block import LayerRows
from clinome.models.training import trainer
from clinome.models.training.batch import Batch
from clinome.models.training.course import Network, TrainingPlan

PLAN = TrainingPlan(epochs=60, patience=60, lr=3e-3, batch_size=64, weight_decay=1e-4, seed=1)


def ring(n: int = 900, p: int = 300) -> tuple[np.ndarray, np.ndarray]:
    """Two hidden numbers bent into p features, scaled; and whether they lie outside of a circle."""
    rng = np.random.default_rng(1)
    z = rng.normal(size=(n, 2))
    x = np.cos(1.2 * z @ rng.normal(size=(2, p)) + rng.uniform(0, 2 * np.pi, p)) + 0.5 * rng.normal(size=(n, p))
    return ((x - x.mean(0)) / x.std(0)).astype(np.float32), np.hypot(*z.T) > 1.18


def auroc(z: np.ndarray, y: np.ndarray, train: int) -> float:
    from sklearn.metrics import roc_auc_score
    from sklearn.svm import SVC

    z = (z - z[:train].mean(0)) / z[:train].std(0)
    return float(roc_auc_score(y[train:], SVC().fit(z[:train], y[:train]).decision_function(z[train:])))


@pytest.mark.parametrize("network", [Autoencoder("rna", 300, 2), MultimodalVAE({"rna": 300}, 2)])
def test_two_latent_numbers_hold_a_ring_that_two_principal_components_do_not(network: Network) -> None:
    from sklearn.decomposition import PCA

    x, y = ring()
    rows = LayerRows({"rna": x}, {"rna": np.ones(len(x), dtype=bool)})
    trainer.fit(network, rows, np.arange(500), np.arange(0), PLAN)
    found = trainer.encode(network, rows, np.arange(len(x)))
    assert found.shape == (900, 2)
    plain = auroc(PCA(2).fit(x[:500]).transform(x), y, 500)
    assert auroc(found, y, 500) > plain + 0.15  # .70 of the components, .98 and .96


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31), st.lists(st.booleans(), min_size=2, max_size=2))
def test_experts_multiply_as_normals_do(seed: int, present: list[bool]) -> None:
    torch.manual_seed(seed)
    experts = ProductOfExperts({"a": 3, "b": 4}, 1)
    layers = {"a": torch.randn(1, 3), "b": torch.randn(1, 4)}
    here = {name: torch.tensor([one]) for name, one in zip(layers, present, strict=True)}
    with torch.no_grad():
        mean, variance = experts.posterior(layers, here)
        grid = np.linspace(-12, 12, 48_001)  # the naive product, point by point
        log = -(grid**2) / 2
        for name, expert, there in zip(layers, experts.experts, present, strict=True):
            m, v = expert(layers[name])[0].tolist()
            log = log - (grid - m) ** 2 / (2 * np.exp(v)) * there
    weight = np.exp(log - log.max())
    weight /= weight.sum()
    assert mean.item() == pytest.approx((weight * grid).sum(), abs=1e-4)
    assert variance.item() == pytest.approx((weight * grid**2).sum() - (weight * grid).sum() ** 2, abs=1e-4)


def test_a_layer_is_foretold_by_another_and_a_row_without_any_is_the_prior() -> None:
    rng = np.random.default_rng(5)
    z = rng.normal(size=(800, 2))
    layers = {name: (z @ rng.normal(size=(2, p)) + 0.3 * rng.normal(size=(800, p))).astype(np.float32) for name, p in (("rna", 30), ("protein", 10))}  # fmt: skip
    present = {name: rng.random(800) > 0.2 for name in layers}
    rows = LayerRows({name: x * present[name][:, None] for name, x in layers.items()}, present)
    network = MultimodalVAE({"rna": 30, "protein": 10}, 2)
    trainer.fit(network, rows, np.arange(500), np.arange(500, 600), PLAN)
    held, hidden = np.arange(600, 800), np.zeros(200, dtype=bool)
    batch = LayerRows({name: x[held] for name, x in layers.items()}, {"rna": ~hidden, "protein": hidden}).take(
        np.arange(200)
    )
    with torch.no_grad():
        told = network.foretell(batch)["protein"].numpy()
        nothing = Batch(2, {"rna": torch.ones(2, 30), "protein": torch.ones(2, 10)}, dict.fromkeys(layers, torch.zeros(2, dtype=torch.bool)))  # fmt: skip
        mean, here = network.encoder(nothing)
    true = layers["protein"][held]
    assert ((told - true) ** 2).mean() < 0.35 * true.var()
    assert not mean.any() and not here.any()
    assert network.loss(nothing) is None
