"""Cross-attention between modalities, and contrastive alignment of their sources."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from clinome.models.encoders.contrastive_alignment import ContrastiveAlignment
from clinome.models.encoders.cross_attention import CrossAttention
from clinome.models.encoders.masked_fusion import MaskedFusion
from clinome.models.encoders.message_encoder import MessageEncoder
from clinome.models.training.batch import Batch

WIDTH, DIM = 6, 8


def batch(rng: np.random.Generator, n: int, shared: float = 2.0) -> Batch:
    """rna and records tell the same two numbers, each in its own way; mutations are noise."""
    hidden = rng.normal(size=(n, 2)) * shared
    layers = {
        name: torch.tensor(hidden @ mixing + rng.normal(size=(n, WIDTH)), dtype=torch.float32)
        for name, mixing in (("rna", MIXED[0]), ("records", MIXED[1]), ("mutations", np.zeros((2, WIDTH))))
    }
    return Batch(n, layers, dict.fromkeys(layers, torch.ones(n, dtype=torch.bool)))


MIXED = np.random.default_rng(7).normal(size=(2, 2, WIDTH))
SOURCES = {"rna": "omics", "mutations": "omics", "records": "records"}


def fusion() -> MaskedFusion:
    torch.manual_seed(0)
    return MaskedFusion({name: MessageEncoder(name, 1, WIDTH, DIM, dropout=0.0) for name in SOURCES}, DIM, 0.0)


def fitted(module: nn.Module, loss: object, steps: int, lr: float = 1e-2) -> None:
    assert callable(loss)
    optimiser = torch.optim.Adam(module.parameters(), lr)
    for _ in range(steps):
        optimiser.zero_grad()
        loss().backward()
        optimiser.step()


class TestCrossAttention:
    def test_what_a_row_lacks_is_not_looked_at(self) -> None:
        torch.manual_seed(0)
        attention, h = CrossAttention(3, DIM), torch.randn(5, 3, DIM)
        mask = torch.tensor([[True, False, True]] * 4 + [[False] * 3])
        other = h.clone()
        other[:, 1] = 99.0
        one, two = attention(h, mask), attention(other, mask)
        assert torch.equal(one[:4, [0, 2]], two[:4, [0, 2]])
        assert torch.isfinite(one).all()

    def test_it_starts_close_to_the_sum(self) -> None:
        torch.manual_seed(0)
        h = torch.randn(50, 3, DIM)
        moved = CrossAttention(3, DIM)(h, torch.ones(50, 3, dtype=torch.bool)) - h
        assert 0 < moved.abs().mean() < 0.05

    @pytest.mark.parametrize(("attention", "least", "most"), [(True, 0.7, 1.0), (False, -1.0, 0.2)])
    def test_a_product_of_two_modalities_is_learned_and_a_sum_has_none(
        self, attention: bool, least: float, most: float
    ) -> None:
        def product(x: Tensor) -> tuple[Batch, Tensor]:
            layers = {"a": x[:, :1], "b": x[:, 1:]}
            present = dict.fromkeys(layers, torch.ones(len(x), dtype=torch.bool))
            return Batch(len(x), layers, present), x.prod(1)

        torch.manual_seed(1)
        encoders = {name: MessageEncoder(name, 1, 1, DIM, dropout=0.0) for name in ("a", "b")}
        network = MaskedFusion(encoders, DIM, 0.0, attention=attention)
        read = nn.Linear(DIM, 1)
        seen, wanted = product(torch.randn(400, 2))
        fitted(
            nn.ModuleList([network, read]),
            lambda: (read(network(seen)[0])[:, 0] - wanted).square().mean(), 250, 2e-2,
        )  # fmt: skip
        unseen, truth = product(torch.randn(600, 2))
        with torch.no_grad():
            error = (read(network.eval()(unseen)[0])[:, 0] - truth).square().mean()
        assert least < float(1 - error / truth.var()) <= most


class TestContrastiveAlignment:
    def test_its_loss_is_that_of_a_plain_loop(self) -> None:
        loss = ContrastiveAlignment(fusion(), SOURCES).eval()
        told = batch(np.random.default_rng(0), 5)
        h, mask = loss.fusion.answers(told)
        names = loss.fusion.names
        vectors = []
        for source in ("omics", "records"):
            whole = sum(h[:, i] for i, name in enumerate(names) if SOURCES[name] == source)
            one = loss.maps[loss.sources.index(source)](whole)
            vectors.append(one / one.norm(dim=1, keepdim=True))
        assert mask.all()
        found = 0.0
        for i in range(5):
            for one, other in (vectors, vectors[::-1]):
                scores = torch.stack([one[i] @ other[j] * torch.exp(loss.sharpness) for j in range(5)])
                found -= float(torch.log_softmax(scores, 0)[i].detach()) / 10
        value = loss.loss(told)
        assert value is not None and float(value.detach()) == pytest.approx(found, abs=1e-5)

    def test_nothing_to_pair_has_no_loss(self) -> None:
        loss = ContrastiveAlignment(fusion(), SOURCES)
        told = batch(np.random.default_rng(0), 4)
        nobody = {**told.present, "records": torch.zeros(4, dtype=torch.bool)}
        assert loss.loss(Batch(4, told.layers, nobody)) is None
        assert ContrastiveAlignment(fusion(), dict.fromkeys(SOURCES, "omics")).pairs == []

    @pytest.mark.parametrize("shuffled", [False, True])
    def test_records_of_new_patients_are_told_from_their_omics_unless_pairs_were_shuffled(self, shuffled: bool) -> None:
        loss, rng = ContrastiveAlignment(fusion(), SOURCES, shuffled=shuffled), np.random.default_rng(1)
        fitted(loss, lambda: loss.loss(batch(rng, 64)), 100)
        loss.eval()
        told = batch(np.random.default_rng(2), 100)
        vectors, _ = loss._of_sources(*loss.fusion.answers(told))
        scores = (vectors["omics"] @ vectors["records"].T).detach()
        rank = (scores > scores.diagonal()[:, None]).sum(1).float().mean()  # 49.5 by chance
        assert float(rank) > 35 if shuffled else float(rank) < 15
