"""The fingerprint: equal for equal contents whatever their history, different for every difference that is one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clinome.graphs import schema
from clinome.graphs.ingest.write_back import store_run
from clinome.graphs.store.embedded import EmbeddedStore
from clinome.graphs.store.fingerprint import fingerprint
from clinome.graphs.store.protocol import Edges, Nodes
from clinome.graphs.tables.digest import _canonical
from clinome.graphs.tables.digest import digest as digest_of

PEOPLE = pl.DataFrame({"id": ["a", "b", "c"], "age": [1, 2, None], "seen": [datetime(2020, 1, 1), None, None]})
GENES = pl.DataFrame({"id": ["g", "h"], "symbol": ["X", None]})
EDGES = pl.DataFrame({"start": ["a", "a", "b"], "end": ["g", "g", "h"], "value": [1.5, 1.5, None], "source": ["s"] * 3})


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EmbeddedStore]:
    with EmbeddedStore(tmp_path / "g", write=True) as opened:
        opened.prepare()
        yield opened


def fill(store: EmbeddedStore, people: pl.DataFrame = PEOPLE, edges: pl.DataFrame = EDGES, load: str = "l") -> None:
    store.write_nodes(f"{load}1", load, Nodes("Patient", people))
    store.write_nodes(f"{load}2", load, Nodes("Gene", GENES))
    store.write_edges(f"{load}3", load, Edges("EXPRESSES", "Patient", "Gene", edges))


def wipe(store: EmbeddedStore) -> None:
    for label in ("Patient", "Gene", "Batch"):
        store.remove_nodes(
            label,
            store.run("MATCH (n:LABEL) RETURN n.id AS id".replace("LABEL", schema.label(label)), {})["id"]
            .cast(pl.String)
            .to_list(),
        )


def test_an_empty_graph_has_one(store: EmbeddedStore, tmp_path: Path) -> None:
    with EmbeddedStore(tmp_path / "other", write=True) as other:
        other.prepare()
        assert fingerprint(store) == fingerprint(other)
    assert len(fingerprint(store)) == 64
    assert int(fingerprint(store), 16)


def test_order_batches_and_history_do_not_count(store: EmbeddedStore) -> None:
    fill(store)
    first = fingerprint(store)
    assert fingerprint(store) == first
    store.write_nodes("more", "l", Nodes("Patient", pl.DataFrame({"id": ["z"], "age": [9]})))
    assert fingerprint(store) != first
    store.remove_nodes("Patient", ["z"])
    assert fingerprint(store) == first
    wipe(store)
    fill(store, PEOPLE.reverse().select("seen", "id", "age"), EDGES.reverse(), load="another name")
    assert fingerprint(store) == first


def test_readers_and_writers_see_the_same(store: EmbeddedStore, tmp_path: Path) -> None:
    fill(store)
    store.save()
    with EmbeddedStore(tmp_path / "g", write=False) as reader:
        assert fingerprint(reader) == fingerprint(store)


CHANGES: dict[str, Callable[[EmbeddedStore], None]] = {
    "a value": lambda s: fill(s, PEOPLE.with_columns(age=pl.Series([1, 3, None]))),
    "a value's kind": lambda s: fill(s, PEOPLE.with_columns(age=pl.Series(["1", "2", None]))),
    "a date for a datetime": lambda s: fill(s, PEOPLE.with_columns(seen=pl.Series([date(2020, 1, 1), None, None]))),
    "a microsecond": lambda s: fill(s, PEOPLE.with_columns(seen=pl.Series([datetime(2020, 1, 1, 0, 0, 0, 1), None, None]))),
    "a null that is 0": lambda s: fill(s, PEOPLE.with_columns(age=pl.Series([1, 2, 0]))),
    "a property's name": lambda s: fill(s, PEOPLE.rename({"age": "years"})),
    "a property more": lambda s: fill(s, PEOPLE.with_columns(sex=pl.lit("F"))),
    "a node": lambda s: fill(s, pl.concat([PEOPLE, PEOPLE.head(1).with_columns(id=pl.lit("d"))])),
    "an edge fewer": lambda s: fill(s, edges=EDGES.tail(2)),
    "an edge's end": lambda s: fill(s, edges=EDGES.with_columns(end=pl.Series(["g", "h", "h"]))),
    "an edge's start": lambda s: fill(s, edges=EDGES.with_columns(start=pl.Series(["a", "b", "b"]))),
    "an edge's value": lambda s: fill(s, edges=EDGES.with_columns(value=pl.Series([1.5, 1.5000000000000002, None]))),
    "values the other way round": lambda s: fill(s, edges=EDGES.with_columns(value=pl.Series([1.5, None, 1.5]))),
    "text that looks like a null": lambda s: fill(s, edges=EDGES.with_columns(note=pl.lit("n;"))),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_every_difference_counts(store: EmbeddedStore, change: Callable[[EmbeddedStore], None]) -> None:
    fill(store)
    first = fingerprint(store)
    wipe(store)
    change(store)
    assert fingerprint(store) != first


def test_an_edge_type_counts(store: EmbeddedStore) -> None:
    fill(store)
    first = fingerprint(store)
    store.remove_edges("EXPRESSES", "s")
    store.write_edges("x", "l", Edges("METHYLATED_AT", "Patient", "Gene", EDGES))
    assert fingerprint(store) != first


def test_whole_floats_are_integers_and_not_measured_is_nothing(store: EmbeddedStore) -> None:
    fill(store)
    first = fingerprint(store)
    wipe(store)
    fill(store, PEOPLE.with_columns(pl.col("age").cast(pl.Float64).fill_null(float("nan"))))
    assert fingerprint(store) == first


def test_who_ran_it_and_when_does_not_count(store: EmbeddedStore) -> None:
    fill(store)
    store.write_nodes("c", "c", Nodes("Cohort", pl.DataFrame({"id": ["c"], "created": [datetime(2020, 1, 1)]})))
    base = fingerprint(store)
    store.write_nodes("d", "c", Nodes("Cohort", pl.DataFrame({"id": ["c"], "created": [datetime(2021, 1, 1)]})))
    assert fingerprint(store) == base

    def run(name: str, score: float, risk: float = 0.5) -> str:
        table = pl.DataFrame({"layer": ["rna"], "feature": ["g"], "effect": [score], "rank": [1], "stability": [1.0], "q": [0.1]})  # fmt: skip
        assert store_run(store, name, table, pl.DataFrame({"subject_id": ["a"], "risk": [risk]}), "lung")
        found = fingerprint(store)
        store.remove_nodes("Run", [f"lung/{name}"])
        assert fingerprint(store) == base
        return found

    assert run("one", 0.5) == run("two", 0.5) != base
    assert run("three", 0.5) != run("four", 0.6)
    assert run("five", 0.5) != run("six", 0.5, risk=0.6)


CELLS = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False),
    st.text("ab:;=0nsi1", max_size=4), st.datetimes(datetime(1, 1, 1), datetime(9999, 1, 1)), st.dates(),
)  # fmt: skip


def same(a: Any, b: Any) -> bool:
    """Numbers by value, everything else by kind and value."""
    number = (int, float)
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    if isinstance(a, number) and isinstance(b, number):
        return a == b
    return type(a) is type(b) and bool(a == b)


@settings(max_examples=400, deadline=None)
@given(CELLS, CELLS)
def test_two_values_have_one_text_only_if_they_are_the_same(a: Any, b: Any) -> None:
    one, other = (_canonical(pl.Series("v", [value]))[0] for value in (a, b))
    assert (one == other) == same(a, b)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(*[st.one_of(st.none(), st.text("ab:", max_size=3))] * 3), max_size=5), st.randoms())
def test_rows_are_a_multiset(rows: list[tuple[str | None, ...]], random: Any) -> None:
    def digest(given: list[tuple[str | None, ...]], order: tuple[str, ...] = ("p", "q", "r")) -> str:
        schema = {name: pl.String for name in ("p", "q", "r")}
        frame = pl.DataFrame(given, schema=schema, orient="row").select(order)
        return digest_of(frame.select(sorted(frame.columns)))

    shuffled = random.sample(rows, len(rows))
    assert digest(rows) == digest(shuffled)
    assert digest([*rows, ("a", None, None)]) != digest(rows)
    assert digest([*rows, ("a", None, None)]) != digest([*rows, (None, "a", None)])
    assert digest([*rows, ("a", "b", None)]) != digest([*rows, ("a", None, "b")])


@settings(max_examples=100, deadline=None)
@given(st.lists(st.one_of(st.none(), st.lists(st.text("ab;", max_size=2), max_size=3)), min_size=2, max_size=2))
def test_lists_count_by_their_members_in_order(lists: list[list[str] | None]) -> None:
    one, other = _canonical(pl.Series("v", lists, dtype=pl.List(pl.String)))
    assert (one == other) == (lists[0] == lists[1])
