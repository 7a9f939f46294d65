"""Masked codes: what is hidden is hidden, what is guessed is learned from what stands around it, and no label is looked at."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import torch
from snapshots import make_snapshot
from tiny_batches import make_batch, sequence

from clinome.models.encoders.codes.masked_codes import UNKNOWN, MaskedCodes, masked
from clinome.models.encoders.codes.transformer import SequenceEncoder
from clinome.models.learners.registry import make


def encoder() -> SequenceEncoder:
    torch.manual_seed(0)
    made = sequence()
    assert isinstance(made, SequenceEncoder)
    return made


def test_what_is_hidden_says_neither_its_code_nor_its_value() -> None:
    tokens = make_batch(length=30).tokens
    assert tokens is not None
    hidden = (torch.arange(30) % 3 == 0).expand_as(tokens.code) & tokens.mask
    found = masked(tokens, hidden)
    assert (found.code[hidden] == UNKNOWN).all() and not found.value[hidden].any() and not found.measured[hidden].any()
    for name in ("code", "value", "measured"):
        assert torch.equal(getattr(found, name)[~hidden], getattr(tokens, name)[~hidden])
    assert torch.equal(found.days, tokens.days) and torch.equal(found.mask, tokens.mask)


def test_codes_are_guessed_from_those_around_them() -> None:
    """A code is followed by the next one: guessed from its neighbours, not from how often it comes."""
    rng, batch = np.random.default_rng(0), make_batch(n=60, length=12)
    assert batch.tokens is not None
    walk = 2 + torch.tensor(rng.integers(0, 8, (60, 1)) + np.arange(12)) % 8
    walk = walk * batch.tokens.mask
    plain = replace(batch, tokens=replace(batch.tokens, code=walk))
    network = MaskedCodes(encoder())
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-2)
    for _ in range(120):
        loss = network.train().loss(plain)
        assert loss is not None
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    judged = network.eval().loss(plain)
    again = network.loss(plain)  # judged on the same events each time
    assert judged is not None and again is not None and judged < 0.5 * np.log(8) and torch.equal(judged, again)
    nothing = replace(batch, tokens=replace(batch.tokens, code=batch.tokens.mask.long()))
    assert network.loss(nothing) is None
    with pytest.raises(ValueError, match="without tokens"):
        network.loss(replace(plain, tokens=None))


def test_the_warm_start_looks_at_no_label() -> None:
    snapshot = make_snapshot(n=80, layers=(), records=True, covariates=False)
    turned = replace(snapshot, rows=snapshot.rows.with_columns(label=1 - pl.col("label")))
    weights = []
    for one in (snapshot, turned):
        learner = make("sequence").with_setting({"pretrain": 3, "plan": {"epochs": 0}}, 1)
        learner.fit(one, np.arange(50), np.arange(50, 80))
        weights.append(learner.state()["weights"])
    same = [name for name in weights[0] if ".blocks." in name or ".embed." in name]
    assert len(same) > 10
    for name in same:
        np.testing.assert_array_equal(weights[0][name], weights[1][name])
    cold = make("sequence").with_setting({"plan": {"epochs": 0}}, 1)
    cold.fit(snapshot, np.arange(50), np.arange(50, 80))
    assert not np.array_equal(cold.state()["weights"][same[-1]], weights[0][same[-1]])
