"""Batches in parallel by patient: none is lost, none doubled, no patient written twice at a time, and failures stop it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinome.graphs.ingest.batches import cut, write_all
from clinome.graphs.store.protocol import Edges, Store
from clinome.loaders.errors import EngineError


def edges(starts: list[str], start_label: str = "Patient") -> Edges:
    return Edges("EXPRESSES", start_label, "Gene", pl.DataFrame({"start": starts, "end": [f"g{i}" for i in range(len(starts))]}, schema={"start": pl.String, "end": pl.String}))  # fmt: skip


@given(st.lists(st.sampled_from("abcdefg"), max_size=60).map(sorted), st.integers(1, 12))
def test_batches_are_cut_where_another_node_begins(starts: list[str], size: int) -> None:
    parts = list(cut(edges(starts), size))
    assert pl.concat([edges([]).rows, *(part.rows for part in parts)]).equals(edges(starts).rows)
    assert all(0 < part.rows.height <= size for part in parts)
    for one, other in pairwise(parts):
        if one.rows["start"][-1] == other.rows["start"][0]:
            assert starts.count(one.rows["start"][-1]) > size


class Recorder:
    """Stands where the store stands, and notes who writes at the same time. Not a database: the threads are the subject."""

    def __init__(self, workers: int, fails: str = "") -> None:
        self.workers, self.fails = workers, fails
        self.now: dict[str, Edges] = {}
        self.done: list[str] = []
        self.most = 0
        self.lock = threading.Lock()

    def write_edges(self, batch: str, load_id: str, given: Edges) -> None:
        with self.lock:
            for other in self.now.values():
                assert given.start_label == other.start_label == "Patient"
                assert not set(given.rows["start"]) & set(other.rows["start"])
            self.now[batch] = given
            self.most = max(self.most, len(self.now))
        time.sleep(0.002)
        if batch == self.fails:
            raise EngineError("refused")
        with self.lock:
            del self.now[batch]
            self.done.append(batch)


def plan() -> Iterator[tuple[str, Edges]]:
    kinds = [
        edges(sorted("aabbccddeeff")),
        edges(list("abcdef")),
        edges(["a"] * 9 + ["b"] * 3),
        edges(list("xyz"), "Gene"),
    ]
    yield from ((str(n), part) for n, part in enumerate(part for kind in kinds for part in cut(kind, 3)))


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_every_batch_once_and_no_patient_twice_at_a_time(workers: int) -> None:
    store: Any = Recorder(workers)
    seen: list[int] = []
    write_all(store, "load", plan(), seen.append)
    names, parts = zip(*plan(), strict=True)
    assert sorted(store.done) == sorted(names)
    assert sum(seen) == sum(part.rows.height for part in parts)
    assert 1 <= store.most <= workers
    assert workers == 1 or store.most > 1


def test_after_a_failure_no_further_batch_is_begun() -> None:
    store: Any = Recorder(2, fails="2")
    with pytest.raises(EngineError, match="refused"):
        write_all(store, "load", plan())
    assert len(store.done) < len(list(plan())) - 3
    assert isinstance(store, Recorder)
    assert not isinstance(store, Store)
