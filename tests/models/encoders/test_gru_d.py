"""GRU-D: its steps and inputs against a walk through every token; what time does to them."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_batches import ENTRIES, gru_d, make_batch

from clinome.models.encoders.codes.gru_d import HOURS, LONG, GRUDEncoder, Readings, Timeline, steps, timeline
from clinome.models.training.batch import Tokens

CHANNELS = 3


def tokens_of(rows: list[list[tuple[int, float, float | None]]]) -> Tokens:
    """Rows of (code, value, days), None for a static fact; as the tokenizer has them: static ones first, the oldest first."""
    length = max(1, *(len(row) for row in rows))
    ordered = [sorted(row, key=lambda t: -1e9 if t[2] is None else -t[2]) for row in rows]
    blank: tuple[int, float, float | None] = (0, 0.0, None)
    empty = [[blank] * (length - len(row)) for row in rows]
    table = [row + pad for row, pad in zip(ordered, empty, strict=True)]
    code = torch.tensor([[t[0] for t in row] for row in table])
    return Tokens(
        code=code,
        value=torch.tensor([[t[1] for t in row] for row in table]),
        measured=code > 0,
        days=torch.tensor([[t[2] or 0.0 for t in row] for row in table]),
        dated=torch.tensor([[t[2] is not None for t in row] for row in table]),
        age=torch.zeros(code.shape),
        visit=torch.zeros(code.shape, dtype=torch.int64),
    )


def naive(row: list[tuple[int, float, float | None]], most: int) -> list[dict[str, list[float]]]:
    """One row's steps, and the prediction, one token after the other."""
    moments = sorted({days for _, _, days in row if days is not None}, reverse=True)
    count = max(1, len(moments))
    step = {days: i if count <= most else i * most // count for i, days in enumerate(moments)}
    times = [min((d for d in moments if step[d] == i), default=0.0) for i in range(min(count, most))] + [0.0]
    out, last = list[dict[str, list[float]]](), dict[int, tuple[float, float]]()
    for i, now in enumerate(times):
        cell = {"value": [0.0] * CHANNELS, "seen": [0.0] * CHANNELS, "waited": [], "carried": []}
        found = {
            c: [
                v
                for code, v, d in row
                if code == c + 1 and (step[d] if d is not None else 0) == i and i < len(times) - 1
            ]
            for c in range(CHANNELS)
        }
        for c in range(CHANNELS):
            since, carried = last.get(c, (times[0], 0.0))
            cell["waited"].append(float(np.log1p(HOURS * (since - now)) / LONG))
            cell["carried"].append(carried)
            if found[c]:
                cell["seen"][c], cell["value"][c] = 1.0, float(np.mean(found[c]))
                last[c] = (now, cell["value"][c])
        out.append(cell)
    return out


rows = st.lists(
    st.lists(
        st.tuples(
            st.integers(1, CHANNELS + 1),  # the last of them is no channel
            st.floats(-2, 2, width=32),
            st.none() | st.sampled_from([0.0, 0.25, 0.5, 1.0, 2.0, 3.0, 8.0, 30.0]),
        ),
        max_size=9,
    ),
    min_size=1,
    max_size=4,
)


@settings(deadline=None, max_examples=60)
@given(rows)
def test_a_timeline_is_what_a_walk_through_the_tokens_finds(table: list[list[tuple[int, float, float | None]]]) -> None:
    tokens = tokens_of(table)
    channel = torch.where(tokens.code <= CHANNELS, tokens.code, 0)
    line = timeline(Readings()(tokens), tokens, channel, CHANNELS)
    assert torch.equal(line.valid.any(1), tokens.mask.any(1))
    for i, row in enumerate(table):
        if not row:
            continue
        expected = naive(row, 64)
        assert int(line.valid[i].sum()) == len(expected) and bool(line.valid[i, -len(expected) :].all())
        for name in ("value", "seen", "waited", "carried"):
            wanted = torch.tensor([cell[name] for cell in expected])
            torch.testing.assert_close(getattr(line, name)[i, -len(expected) :], wanted, atol=1e-5, rtol=1e-5)


@settings(deadline=None, max_examples=60)
@given(rows, st.integers(1, 4))
def test_of_too_many_moments_neighbours_share_a_step(
    table: list[list[tuple[int, float, float | None]]], most: int
) -> None:
    tokens = tokens_of(table)
    step, count = steps(tokens, most)
    assert int(count.max()) <= most
    for i, row in enumerate(table):
        moments = {d for _, _, d in row if d is not None}
        assert int(count[i]) == (min(most, max(1, len(moments))) if row else 0)
        mine = step[i][tokens.mask[i]]
        assert bool((mine.diff() >= 0).all()) and mine.unique().numel() == int(count[i])


def changed(line: Timeline, **parts: torch.Tensor) -> Timeline:
    return Timeline(**{**{f.name: getattr(line, f.name) for f in fields(Timeline)}, **parts})


def test_the_longer_the_wait_the_less_is_left_of_state_and_value() -> None:
    encoder = GRUDEncoder(torch.tensor([0, 0, 1]), 4)
    torch.nn.init.constant_(encoder.forget.weight, 1.0)
    tokens = tokens_of([[(2, 1.5, 30.0), (2, 1.5, 29.0)]])
    line = timeline(encoder.readings(tokens), tokens, torch.ones_like(tokens.code), 1)
    long = changed(line, waited=line.waited * torch.tensor([[[1.0], [1.0], [50.0]]]))
    with torch.no_grad():
        soon, late = (encoder.eval()._states(one)[0] for one in (line, long))
    assert torch.equal(soon[:, :2], late[:, :2]) and not torch.allclose(soon[:, 2], late[:, 2])
    kept = torch.exp(-torch.relu(encoder.forget(long.waited)))[0, 2]
    assert bool((kept < 1e-3).all())


def test_what_no_channel_stands_for_changes_nothing_but_when_something_happened() -> None:
    batch = make_batch()
    assert batch.tokens is not None
    encoder = GRUDEncoder(torch.arange(ENTRIES) * (torch.arange(ENTRIES) < 6), 16).eval()
    other = torch.where(batch.tokens.code >= 6, 17 - batch.tokens.code, batch.tokens.code)
    with torch.no_grad():
        one, two = (
            encoder(replace(batch, tokens=replace(batch.tokens, code=c)))[0] for c in (batch.tokens.code, other)
        )
    assert torch.equal(one, two)


@pytest.mark.parametrize("what", ["value", "days", "code"])
def test_values_masks_and_times_are_each_read(what: str) -> None:
    torch.manual_seed(0)
    encoder, batch = gru_d().eval(), make_batch()
    assert batch.tokens is not None
    tokens = batch.tokens
    other = {"value": tokens.value + tokens.mask.float(), "days": tokens.days * 3, "code": tokens.code.clamp(max=4)}[
        what
    ]
    with torch.no_grad():
        one, two = (encoder(replace(batch, tokens=t))[0] for t in (tokens, replace(tokens, **{what: other})))
    assert not torch.allclose(one[:-1], two[:-1], atol=1e-4)
