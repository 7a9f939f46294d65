"""One contract over every encoder: shape, gradient, padding, order of rows, missing rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from typing import Any

import pytest
import torch
from tiny_batches import DIM, ENCODERS, ancestors, fusion, make_batch, message, recurrent, sequence
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from clinome.models.encoders.codes import transformer
from clinome.models.encoders.codes.transformer import GAPS, KNOTS, gap_bins, gap_bucket, gap_hats, hat_table, near_first
from clinome.models.encoders.masked_fusion import MaskedFusion
from clinome.models.encoders.message_encoder import MessageEncoder
from clinome.models.training.batch import Batch, Tokens

every = pytest.mark.parametrize("make", ENCODERS.values(), ids=ENCODERS)


def encode(encoder: nn.Module, batch: Batch) -> tuple[Tensor, Tensor]:
    with torch.no_grad():
        h, mask = encoder.eval()(batch)
    return h, mask


def pick(batch: Batch, rows: Tensor) -> Batch:
    assert batch.tokens is not None
    tokens = Tokens(**{f.name: getattr(batch.tokens, f.name)[rows] for f in fields(Tokens)})
    layers = {name: x[rows] for name, x in batch.layers.items()}
    return Batch(len(rows), layers, {name: x[rows] for name, x in batch.present.items()}, tokens)


def padded(tokens: Tokens, more: int) -> Tokens:
    return Tokens(**{f.name: nn.functional.pad(getattr(tokens, f.name), (0, more)) for f in fields(Tokens)})


@every
def test_one_finite_vector_a_row_and_a_mask(make: Callable[[], nn.Module]) -> None:
    h, mask = encode(make(), make_batch())
    assert h.shape == (6, DIM) and h.dtype == torch.float32 and bool(torch.isfinite(h).all())
    assert mask.dtype == torch.bool and mask.tolist() == [True] * 5 + [False]


@every
def test_the_gradient_reaches_every_parameter(make: Callable[[], nn.Module]) -> None:
    torch.manual_seed(1)
    encoder = make().train()
    encoder(make_batch())[0].add(0.1).square().sum().backward()
    for name, parameter in encoder.named_parameters():
        timeless = name.endswith("days") and not getattr(encoder, "timed", True)
        assert timeless or (parameter.grad is not None and bool(parameter.grad.abs().sum() > 0)), name


@every
def test_rows_do_not_see_each_other(make: Callable[[], nn.Module]) -> None:
    encoder, batch = make(), make_batch()
    h, mask = encode(encoder, batch)
    order = torch.tensor([3, 5, 0, 4, 2, 1])
    moved, moved_mask = encode(encoder, pick(batch, order))
    assert torch.allclose(moved, h[order], atol=1e-6) and torch.equal(moved_mask, mask[order])
    alone, _ = encode(encoder, pick(batch, torch.tensor([2])))
    assert torch.allclose(alone[0], h[2], atol=1e-6)


@every
def test_padding_and_what_lies_in_it_change_nothing(make: Callable[[], nn.Module]) -> None:
    encoder, batch = make(), make_batch()
    assert batch.tokens is not None
    h, _ = encode(encoder, batch)
    longer = padded(batch.tokens, 4)
    dirt = torch.where(longer.mask, longer.days, torch.full_like(longer.days, 77.0))
    for tokens in (longer, replace(longer, days=dirt)):
        assert torch.allclose(encode(encoder, replace(batch, tokens=tokens))[0], h, atol=1e-6)


def test_a_missing_layer_is_zero_whatever_its_numbers_say() -> None:
    encoder, batch = message(), make_batch()
    h, _ = encode(encoder, batch)
    assert not h[-1].any()
    loud = batch.layers["rna"].clone()
    loud[-1] = 1e6
    assert torch.equal(encode(encoder, replace(batch, layers={"rna": loud}))[0], h)


def test_fusion_lets_a_missing_modality_weigh_nothing_and_serves_a_row_with_none() -> None:
    encoder, batch = fusion(), make_batch()
    assert isinstance(encoder, MaskedFusion)
    encoder.nothing.data.fill_(0.5)
    h, mask = encode(encoder, batch)
    assert not mask[-1] and torch.equal(h[-1], torch.full((DIM,), 0.5))
    without = replace(batch, present={"rna": torch.zeros(6, dtype=torch.bool)})
    alone, _ = encode(encoder, without)
    only, _ = encode(encoder.encoders[1], batch)
    assert torch.allclose(alone[:-1], encoder.weight[1] * only[:-1], atol=1e-6)


def test_modality_dropout_never_takes_the_last_one() -> None:
    encoder = MaskedFusion({"a": message(), "b": message(), "c": message()}, DIM, drop=0.9).train()
    mask = torch.rand(500, 3) < 0.6
    kept = encoder.keep(mask)
    assert bool((kept <= mask).all()) and torch.equal(kept.any(1), mask.any(1))
    assert kept.sum() < 0.7 * mask.sum()
    assert torch.equal(encoder.eval().keep(mask), mask)


@pytest.mark.parametrize("make", [sequence, recurrent, lambda timed=True: recurrent("lstm", timed=timed)])
def test_the_order_of_two_events_matters_and_only_days_tell_time(make: Callable[..., nn.Module]) -> None:
    torch.manual_seed(0)
    encoder, batch = make(), pick(make_batch(), torch.tensor([0]))
    assert batch.tokens is not None
    h, _ = encode(encoder, batch)
    swapped = torch.tensor([1, 0, *range(2, 7)])
    turned = replace(batch, tokens=replace(batch.tokens, code=batch.tokens.code[:, swapped]))
    assert not torch.allclose(encode(encoder, turned)[0], h, atol=1e-4)
    late = replace(batch, tokens=replace(batch.tokens, days=batch.tokens.days * 3))
    assert not torch.allclose(encode(encoder, late)[0], h, atol=1e-4)
    ordered = make(timed=False)
    assert torch.equal(encode(ordered, late)[0], encode(ordered, batch)[0])


def test_hats_sum_to_one_and_peak_at_their_knots() -> None:
    knots = torch.tensor(KNOTS)
    gap = torch.sign(knots) * (2 ** knots.abs() - 1)
    assert torch.allclose(gap_hats(gap[None, None])[0, :, 0], torch.eye(len(KNOTS)), atol=1e-5)
    anything = torch.linspace(-3000, 3000, 501)[None, None]
    assert torch.allclose(gap_hats(anything).sum(1), torch.ones(1, 1, 501), atol=1e-5)


def test_batches_refuse_what_does_not_fit() -> None:
    batch = make_batch()
    assert batch.tokens is not None
    with pytest.raises(ValueError, match=r"tokens.value: got torch.float64"):
        replace(batch.tokens, value=batch.tokens.value.double())
    with pytest.raises(ValueError, match=r"batch.present: got \[\]"):
        Batch(6, batch.layers, {})
    with pytest.raises(ValueError, match="6 rows"):
        replace(batch, present={"rna": batch.present["rna"]}, size=6, layers={"rna": batch.layers["rna"][:3]})
    with pytest.raises(ValueError, match="at most as many"):
        MessageEncoder("rna", 9, 12, 8)


def test_the_bin_of_a_gap_has_the_hats_of_the_gap() -> None:
    batch = make_batch(6, seed=2)
    tokens = batch.tokens
    assert tokens is not None
    looked_up = torch.nn.functional.embedding(gap_bins(tokens), hat_table())
    gap = tokens.days[:, None, :] - tokens.days[:, :, None]
    both = tokens.dated[:, :, None] & tokens.dated[:, None, :] & tokens.mask[:, None, :]
    exact = gap_hats(gap).permute(0, 2, 3, 1) * both[..., None]
    assert bool(both.any()) and torch.allclose(looked_up[..., :-1], exact, atol=1 / 32)
    assert torch.equal(looked_up[..., -1] > 0, ~tokens.mask[:, None, :].expand_as(both))


def test_rows_encoded_in_parts_are_those_encoded_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    encoder, batch = sequence(), make_batch(6, seed=2)
    whole, mask = encode(encoder, batch)
    monkeypatch.setattr(transformer, "PAIRS", 1)
    apart, same = encode(encoder, batch)
    assert torch.allclose(apart, whole, atol=1e-6) and torch.equal(mask, same)


@pytest.mark.parametrize("timed", [True, False])
def test_attended_to_by_some_places_at_a_time_the_gradient_is_the_same(
    monkeypatch: pytest.MonkeyPatch, timed: bool
) -> None:
    torch.manual_seed(0)
    encoder, batch = sequence(timed), make_batch(6, 11, seed=2)
    found = {}
    for pairs in (1 << 17, 25):
        monkeypatch.setattr(transformer, "PAIRS", pairs)
        encoder.zero_grad()
        h = encoder.eval()(batch)[0]
        h.square().sum().backward()
        found[pairs] = (h.detach(), *(p.grad.clone() for p in encoder.parameters() if p.grad is not None))
    for whole, apart in zip(*found.values(), strict=True):
        torch.testing.assert_close(apart, whole, atol=1e-5, rtol=1e-4)


class Largest(TorchDispatchMode):
    """The most numbers in what any single operation makes."""

    numbers = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        made = func(*args, **kwargs or {})
        for one in made if isinstance(made, tuple | list) else [made]:
            if isinstance(one, Tensor):
                self.numbers = max(self.numbers, one.numel())
        return made


def counted(length: int) -> tuple[int, int]:
    """Numbers kept for the gradient of one row of so many events; the most that an operation makes on either way."""
    kept: dict[int, int] = {}
    encoder, batch = sequence().train(), pick(make_batch(2, 2 * length), torch.tensor([0]))
    assert batch.tokens is not None
    first = {f.name: getattr(batch.tokens, f.name)[:, :1].expand(1, length) for f in fields(Tokens)}
    days = torch.arange(length, 0, -1.0)[None]

    def keep(one: Tensor) -> Tensor:
        kept[one.untyped_storage().data_ptr()] = one.untyped_storage().nbytes() // 4
        return one

    with Largest() as largest:  # type: ignore[no-untyped-call]
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda one: one):
            h = encoder(replace(batch, tokens=Tokens(**{**first, "days": days})))[0]
        at_once = sum(kept.values())
        h.sum().backward()
    return at_once, largest.numbers


def test_what_attention_keeps_and_makes_grows_with_the_events_and_not_with_their_pairs() -> None:
    (kept, made), (more, larger) = counted(512), counted(2048)
    assert more < 4.5 * kept and larger <= 1.1 * max(made, 8 * transformer.PAIRS)
    assert more < 2048**2 / 2  # of one head's scores of one block there are 2048 ** 2


@pytest.mark.parametrize("heads", [1, 2, 3, 4, 8])
def test_attention_starts_with_penalties_that_grow_with_the_gap_in_events_as_those_of_alibi(heads: int) -> None:
    bias = near_first(heads)
    assert bias.shape == (2 * GAPS + 1, heads) and bool((bias[GAPS] == 0).all())
    half = max(1, heads // 2)
    for gap in (0, 1, 3, 7, 15, 31, 255):  # where a bucket's end is a whole number of events
        for either in (gap, -gap):
            expected = [-gap * 4.0 ** -(1 + head % half) for head in range(heads)]
            assert bias[gap_bucket(torch.tensor(float(either)))].tolist() == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("length", [8, 64, 256])
def test_the_event_before_has_its_share_of_attention_however_long_the_record(length: int) -> None:
    encoder, batch = transformer.SequenceEncoder(ancestors()), make_batch()
    assert batch.tokens is not None
    tokens = Tokens(**{f.name: getattr(batch.tokens, f.name)[:1, :1].expand(1, length) for f in fields(Tokens)})
    with torch.no_grad():
        bias = encoder._bias(tokens, slice(0, 2), slice(length - 1, length))
    share = torch.softmax(bias, -1)[:, 0, 0, length - 2]
    assert float(share[0]) > 0.15 and float(share[1]) > 0.05
