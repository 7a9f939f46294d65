"""Next visit: nothing of the visit or of what comes later is seen, and what follows what is learned from it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_batches import make_batch, sequence

from clinome.models.encoders.codes.next_visit import NextVisit, before, visit_at, visit_starts
from clinome.models.encoders.codes.transformer import SequenceEncoder
from clinome.models.training.batch import Tokens


def network() -> NextVisit:
    torch.manual_seed(0)
    made = sequence()
    assert isinstance(made, SequenceEncoder)
    return NextVisit(made)


def row(days: list[float], visits: list[int], dated: list[bool]) -> Tokens:
    blank = torch.zeros(1, len(days))
    return Tokens(
        code=torch.arange(2, 2 + len(days))[None], value=blank, measured=blank.bool(), age=blank,
        days=torch.tensor([days], dtype=torch.float32), visit=torch.tensor([visits]), dated=torch.tensor([dated]),
    )  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2)), min_size=1, max_size=9), st.integers(0, 3))
def test_visits_are_those_of_a_walk_through_the_events(events: list[tuple[int, int]], undated: int) -> None:
    ordered = sorted(events, key=lambda e: -e[0])
    days = [0.0] * undated + [float(day) for day, _ in ordered]
    visits = [0] * undated + [visit for _, visit in ordered]
    dated = [False] * undated + [True] * len(ordered)
    found = visit_starts(row(days, visits, dated))[0].tolist()
    for i, is_first in enumerate(found):
        if i == 0 or not dated[i]:
            wanted = False
        elif not dated[i - 1]:
            wanted = True
        elif visits[i] and visits[i - 1]:
            wanted = visits[i] != visits[i - 1]
        else:
            wanted = days[i] != days[i - 1]
        assert is_first == wanted


def test_only_what_lies_before_the_visit_is_seen_and_from_there() -> None:
    tokens = row([0, 90, 50, 50, 10], [0, 3, 2, 2, 1], [False, True, True, True, True])
    cut = torch.tensor([2])
    past = before(tokens, cut)
    assert past.code.tolist() == [[2, 3, 0, 0, 0]] and past.days.tolist() == [[0, 40, 0, 0, 0]]
    assert past.visit.tolist() == [[0, 1, 0, 0, 0]] and past.dated.tolist() == [[False, True, False, False, False]]
    wanted = visit_at(tokens, visit_starts(tokens), cut)
    assert wanted.tolist() == [[False, False, True, True, False]]
    other = replace(tokens, code=torch.tensor([[2, 3, 9, 9, 9]]), value=torch.tensor([[0.0, 0, 7, 7, 7]]))
    again = before(other, cut)
    assert all(torch.equal(a, b) for a, b in zip(vars(past).values(), vars(again).values(), strict=True))


def test_what_follows_what_is_learned() -> None:
    rng, batch = np.random.default_rng(0), make_batch(n=60, length=12)
    assert batch.tokens is not None
    walk = (2 + torch.tensor(rng.integers(0, 8, (60, 1)) + np.arange(12)) % 8) * batch.tokens.mask
    plain = replace(batch, tokens=replace(batch.tokens, code=walk, visit=torch.zeros_like(walk)))
    made = network()
    optimizer = torch.optim.Adam(made.parameters(), lr=2e-2)
    for _ in range(60):
        loss = made.train().loss(plain)
        assert loss is not None
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    judged, again = made.eval().loss(plain), made.loss(plain)
    assert judged is not None and again is not None and judged < 0.5 * np.log(8) and torch.equal(judged, again)
    alone = replace(
        batch, tokens=replace(batch.tokens, days=torch.zeros_like(batch.tokens.days), visit=torch.zeros_like(walk))
    )
    assert made.loss(alone) is None
    with pytest.raises(ValueError, match="without tokens"):
        made.loss(replace(plain, tokens=None))
