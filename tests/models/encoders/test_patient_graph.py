"""The patient graph: the nearest others, never oneself, closer ones louder; the encoder sends one step by PyG's own sum."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from clinome.models.encoders.patients import patient_graph
from clinome.models.encoders.patients.patient_graph import exchanged, nearest
from clinome.models.encoders.patients.patient_network import NeighbourEncoder
from clinome.models.training.batch import Batch, Neighbours


@given(st.integers(0, 10**6), st.integers(1, 12), st.integers(0, 15), st.integers(0, 6), st.sampled_from([8, 10**6]))
@settings(max_examples=80, deadline=None)
def test_neighbours_are_the_closest_of_others(seed: int, n: int, m: int, k: int, at_once: int) -> None:
    rng = np.random.default_rng(seed)
    x, senders = rng.normal(size=(n, 3)).astype(np.float32), rng.normal(size=(m, 3)).astype(np.float32)
    subject, sender = rng.integers(0, 4, n), rng.integers(0, 4, m)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(patient_graph, "AT_ONCE", at_once)
        place, weight = nearest(x, subject, senders, sender, k)
    assert place.shape == weight.shape == (n, min(k, m))
    for i in range(n):
        others = [j for j in range(m) if sender[j] != subject[i]]
        expected = sorted(others, key=lambda j: float(((x[i] - senders[j]) ** 2).sum()))[:k]
        assert place[i][weight[i] > 0].tolist() == expected
        assert weight[i].sum() == pytest.approx(1 if expected else 0, abs=1e-5)
        assert (np.diff(weight[i][weight[i] > 0]) <= 1e-6).all()


def test_exchanged_places_keep_the_count_and_leave_out_oneself() -> None:
    place, weight = np.array([[0, 1], [1, 2]]), np.full((2, 2), 0.5, dtype=np.float32)
    found = exchanged(place, weight, np.array([7, 8]), np.array([7, 8, 9]), np.array([2, 0, 1]))
    assert found[0].tolist() == [[2, 0], [0, 1]]
    assert found[1].tolist() == [[1.0, 0.0], [1.0, 0.0]]  # the first would hear itself, and so would the second


def test_a_row_hears_its_own_neighbours_by_weight_and_nobody_else() -> None:
    torch.manual_seed(0)
    made = NeighbourEncoder("rna", 1, 4, 6, 5).eval()
    torch.nn.init.normal_(made.bent.weight)
    x, sent, weight = torch.randn(3, 4), torch.randn(3, 2, 6), torch.tensor([[0.7, 0.3], [1.0, 0.0], [0.0, 0.0]])
    present = torch.tensor([True, True, False])

    def answer(sent: torch.Tensor) -> torch.Tensor:
        found = made(Batch(3, {"rna": x}, {"rna": present}, neighbours={"rna": Neighbours(sent, weight)}))
        return torch.as_tensor(found[0])

    with torch.no_grad():
        heard = made.heard(x, Neighbours(sent, weight))
        mean = (sent * weight[..., None]).sum(1)
        torch.testing.assert_close(heard, made.conv.lin_rel(mean) + made.conv.lin_root(x))
        right = answer(sent)
        assert not right[2].any()
        other = sent.clone()
        other[0, 0] += 1
        other[1, 1] += 1  # of weight 0
        assert (answer(other) != right).any(1).tolist() == [True, False, False]


def test_batches_of_neighbours_have_their_shape() -> None:
    near = Neighbours(torch.zeros(2, 3, 4), torch.zeros(2, 3))
    with pytest.raises(ValueError, match=r"neighbours\.weight"):
        Neighbours(torch.zeros(2, 3, 4), torch.zeros(2, 2))
    with pytest.raises(ValueError, match="2; expected 5 rows"):
        Batch(5, neighbours={"rna": near})
    assert Batch(2, neighbours={"rna": near}).to("cpu").neighbours["rna"].sent.shape == (2, 3, 4)
