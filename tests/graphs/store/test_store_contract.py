"""What every store promises (graphs/store/protocol.py), on each of them (tests/support/stores.py)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta, timezone
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from stores import Stores

from clinome.graphs import schema
from clinome.graphs.store.protocol import Edges, Nodes, NoGraph, Store
from clinome.loaders.errors import EngineError, InputError

TEXTS = (
    "", " ", "it's", 'a "quoted" word', "`tick`", "back\\slash", "\\u0027", "ümläut 漢字 🧬 \u200f", "two\nlines\tand a tab",
    "\r\n", "$parameter", "{id: 1}", "null", "NaN", "1", "'} ) DETACH DELETE n //",
)  # fmt: skip
VALUES: dict[str, list[Any]] = {
    "integer": [0, -(2**63), 2**63 - 1, None],
    "fraction": [0.1, -1e308, 5e-324, None],
    "truth": [True, False, None, True],
    "moment": [datetime(2020, 2, 29, 23, 59, 59, 999999), datetime(1700, 1, 1), datetime(9999, 12, 31), None],
    "day": [date(2020, 2, 29), date(1850, 1, 1), None, date(2000, 1, 1)],
    "texts": [["a", "it's"], ["漢"], None, ["", "x"]],
    "od`d \"näme'\n": ["a", None, "b", "c"],
}


@pytest.fixture
def store(stores: Stores) -> Iterator[Store]:
    with stores.open() as opened:
        opened.prepare()
        yield opened


def people(*ids: str, **columns: Any) -> Nodes:
    return Nodes("Patient", pl.DataFrame({"id": list(ids), **columns}, schema_overrides={"id": pl.String}))


def fill(store: Store) -> None:
    """Three patients, two genes, a source of three edges (two of them parallel) and another of one."""
    store.write_nodes("n1", "load", people("a", "b", "c"))
    store.write_nodes("n2", "load", Nodes("Gene", pl.DataFrame({"id": ["g1", "g2"], "symbol": ["X", "Y"]})))
    store.write_edges("e1", "load", expresses([("a", "g1", 1.0), ("a", "g1", 1.0), ("b", "g2", 2.0)], "omics.one"))
    store.write_edges("e2", "load", expresses([("a", "g2", 3.0)], "omics.two"))


def expresses(rows: list[tuple[str, str, float | None]], source: str) -> Edges:
    schema = {"start": pl.String, "end": pl.String, "value": pl.Float64}
    table = pl.DataFrame(rows, schema=schema, orient="row").with_columns(source=pl.lit(source))
    return Edges("EXPRESSES", "Patient", "Gene", table)


def edges_of(store: Store) -> list[tuple[Any, ...]]:
    text = "MATCH (p:Patient)-[x:EXPRESSES]->(g:Gene) RETURN p.id AS p, g.id AS g, x.value AS v, x.source AS s"
    return sorted(store.run(text, {}).rows(), key=str)


def count(store: Store, label: str = "Patient") -> int:
    return int(store.run("MATCH (n:LABEL) RETURN count(n) AS n".replace("LABEL", schema.label(label)), {})["n"][0])


def test_it_is_a_store(store: Store, stores: Stores) -> None:
    assert isinstance(store, Store)
    assert store.name == stores.name
    store.prepare()
    assert count(store) == 0


def test_nodes_merge_by_id_and_what_is_given_replaces_all_they_had(store: Store) -> None:
    store.write_nodes("1", "load", people("a", "b", age=[30, 40], sex=["F", None]))
    store.write_nodes("2", "load", people("b", "c", weight=[70.5, float("nan")]))
    got = store.run("MATCH (p:Patient) RETURN p.id AS id, keys(p) AS keys, p.age AS age, p.weight AS w ORDER BY id", {})
    assert [(i, sorted(set(k) - {"id"}), a, w) for i, k, a, w in got.rows()] == [
        ("a", ["age", "sex"], 30, None), ("b", ["weight"], None, 70.5), ("c", [], None, None),
    ]  # fmt: skip


def test_new_nodes_may_bring_properties_that_no_other_has(store: Store) -> None:
    store.write_nodes("1", "load", people("a", age=[30]))
    store.write_nodes("2", "load", people("b", "c", weight=[70.5, None], note=["x", "x"]))
    store.write_nodes("3", "load", people("d", weight=["heavy"], age=[None]))
    got = store.run("MATCH (p:Patient) RETURN p.id AS id, keys(p) AS keys ORDER BY id", {})
    assert [(i, set(k)) for i, k in got.rows()] == [
        ("a", {"id", "age"}), ("b", {"id", "weight", "note"}), ("c", {"id", "note"}), ("d", {"id", "weight"}),
    ]  # fmt: skip
    assert store.batches("load") == {"1", "2", "3"}


def test_a_node_without_a_name_has_none(store: Store) -> None:
    store.write_nodes("1", "load", people("a", "b"))
    store.write_nodes("2", "load", people("c", "d", name=["C", None]))
    store.write_nodes("3", "load", people("b", "c", age=[1, 2]))
    store.write_nodes("4", "load", people("a", name=["A"]))
    got = store.run(
        "MATCH (p:Patient) RETURN p.id AS id, p.name AS name, p[$key] AS again ORDER BY id", {"key": "name"}
    )
    assert got.rows() == [("a", "A", "A"), ("b", None, None), ("c", None, None), ("d", None, None)]


def test_nodes_of_two_labels_may_share_an_id(store: Store) -> None:
    store.write_nodes("1", "load", people("a"))
    store.write_nodes("2", "load", Nodes("Gene", pl.DataFrame({"id": ["a"]})))
    assert (count(store), count(store, "Gene")) == (1, 1)


def test_edges_are_created_as_often_as_they_are_given(store: Store) -> None:
    fill(store)
    one, two = "omics.one", "omics.two"
    assert edges_of(store) == [
        ("a", "g1", 1.0, one), ("a", "g1", 1.0, one), ("a", "g2", 3.0, two), ("b", "g2", 2.0, one),
    ]  # fmt: skip


def test_a_batch_is_written_once(store: Store) -> None:
    fill(store)
    before = edges_of(store)
    with pytest.raises(EngineError):
        store.write_edges("e1", "load", expresses([("c", "g1", 9.0)], "omics.one"))
    with pytest.raises(EngineError):
        store.write_nodes("n1", "load", people("d"))
    with pytest.raises(EngineError):
        store.write_nodes("e2", "another load", people("a", age=[1]))
    assert edges_of(store) == before
    assert count(store) == 3
    assert store.run("MATCH (p:Patient) WHERE p.age = 1 RETURN p.id AS id", {}).is_empty()
    assert store.batches("load") == {"n1", "n2", "e1", "e2"}
    assert store.batches("another load") == set()


@pytest.mark.parametrize(("start", "end"), [("nobody", "g1"), ("a", "nothing"), ("g1", "a"), ("A", "g1")])
def test_an_edge_without_its_ends_writes_nothing(store: Store, start: str, end: str) -> None:
    fill(store)
    before = edges_of(store)
    with pytest.raises(EngineError) as refused:
        store.write_edges("e3", "load", expresses([("a", "g1", 1.0), (start, end, 1.0)], "omics.one"))
    assert "nobody" not in str(refused.value)
    assert edges_of(store) == before
    assert "e3" not in store.batches("load")


def test_a_source_is_taken_out_and_others_stay(store: Store) -> None:
    fill(store)
    assert store.remove_edges("EXPRESSES", "omics.one") == 3
    assert store.remove_edges("EXPRESSES", "omics.one") == 0
    assert store.remove_edges("MUTATED_IN", "omics.one") == 0
    assert edges_of(store) == [("a", "g2", 3.0, "omics.two")]


def test_edges_that_may_start_at_several_labels_are_all_taken_out(store: Store) -> None:
    for label in ("MicroRNA", "Drug", "Gene"):
        store.write_nodes(label, "load", Nodes(label, pl.DataFrame({"id": ["x"]})))
    rows = pl.DataFrame({"start": ["x"], "end": ["x"], "source": ["s"]})
    for label in ("MicroRNA", "Drug"):
        store.write_edges(f"{label} e", "load", Edges("TARGETS", label, "Gene", rows))
    assert store.remove_edges("TARGETS", "s") == 2


def test_nodes_leave_with_their_edges(store: Store) -> None:
    fill(store)
    assert store.remove_nodes("Patient", ["a", "not there"]) == 1
    assert store.remove_nodes("Patient", []) == 0
    assert edges_of(store) == [("b", "g2", 2.0, "omics.one")]
    assert count(store) == 2


def test_a_removed_batch_can_be_written_again(store: Store) -> None:
    fill(store)
    store.remove_edges("EXPRESSES", "omics.two")
    store.remove_nodes("Batch", ["e2"])
    store.write_edges("e2", "load", expresses([("c", "g2", None)], "omics.two"))
    assert ("c", "g2", None, "omics.two") in edges_of(store)


def test_what_was_committed_is_there_for_the_next_writer(stores: Stores) -> None:
    with stores.open() as store:
        store.prepare()
        store.save()
        fill(store)
        before = edges_of(store)
    with stores.open() as store:
        store.prepare()
        assert store.batches("load") == {"n1", "n2", "e1", "e2"}
        assert edges_of(store) == before
        with pytest.raises(EngineError):
            store.write_nodes("n1", "load", people("d"))


def test_a_reader_finds_nothing_before_the_first_save(stores: Stores) -> None:
    with pytest.raises(NoGraph, match="no graph here yet"):
        stores.open(write=False)
    with stores.open() as store:
        store.prepare()
        with pytest.raises(NoGraph):
            stores.open(write=False)
        store.save()
        with stores.open(write=False) as reader:
            assert count(reader) == 0


def test_one_process_writes_at_a_time(stores: Stores) -> None:
    with stores.open() as store:
        store.prepare()
        store.save()
        with pytest.raises(EngineError, match="another process is writing"):
            stores.open()
        with stores.open(write=False) as reader:
            assert count(reader) == 0
        store.write_nodes("1", "load", people("a"))
    with stores.open() as store:
        assert count(store) == 1


def test_a_reader_cannot_write(stores: Stores) -> None:
    with stores.open() as store:
        store.prepare()
        fill(store)
        store.save()
    with stores.open(write=False) as reader:
        for write in (
            lambda: reader.write_nodes("n9", "load", people("z")),
            lambda: reader.write_edges("e9", "load", expresses([("a", "g1", 1.0)], "omics.one")),
            lambda: reader.remove_edges("EXPRESSES", "omics.one"),
            lambda: reader.remove_nodes("Patient", ["a"]),
            reader.save,
        ):
            with pytest.raises(EngineError, match="reading"):
                write()
        assert count(reader) == 3
        assert len(edges_of(reader)) == 4


@pytest.mark.parametrize("values", VALUES.items(), ids=lambda pair: pair[0][:8])
def test_values_come_back_as_they_were_given(store: Store, values: tuple[str, list[Any]]) -> None:
    name, column = values
    ids = [f"p{i}" for i in range(len(column))]
    given = pl.DataFrame({"id": ids, name: column})
    store.write_nodes("n", "load", Nodes("Patient", given))
    store.write_nodes("g", "load", Nodes("Gene", pl.DataFrame({"id": ["g"]})))
    store.write_edges("e", "load", Edges("EXPRESSES", "Patient", "Gene", given.rename({"id": "start"}).with_columns(end=pl.lit("g"))))  # fmt: skip
    got = store.run("MATCH (p:Patient) RETURN p.id AS id, p[$key] AS value ORDER BY id", {"key": name})
    assert_frame_equal(got, given.rename({name: "value"}))
    text = "MATCH (p:Patient)-[x:EXPRESSES]->(:Gene) RETURN p.id AS id, x[$key] AS value ORDER BY id"
    assert_frame_equal(store.run(text, {"key": name}), given.rename({name: "value"}))


def test_text_comes_back_as_it_was_given_also_as_an_id(store: Store) -> None:
    store.write_nodes("n", "load", people(*TEXTS, copy=list(TEXTS)))
    got = store.run("MATCH (p:Patient) RETURN p.id AS id, p.copy AS copy", {})
    assert sorted(got["id"]) == sorted(TEXTS)
    assert got["id"].to_list() == got["copy"].to_list()
    for text in TEXTS:
        found = store.run("MATCH (p:Patient {id: $id}) WHERE p.copy = $id RETURN count(p) AS n", {"id": text})
        assert found["n"].to_list() == [1]


def test_a_long_text_is_stored_and_as_an_id_too_or_rejected(store: Store) -> None:
    long = "x" * 1_000_000
    store.write_nodes("n", "load", people("a", copy=[long]))
    assert store.run("MATCH (p:Patient) RETURN p.copy AS copy", {})["copy"].to_list() == [long]
    try:
        store.write_nodes("m", "load", people(long))
    except EngineError as error:
        assert "xxx" not in str(error)
        assert count(store) == 1
    else:
        assert store.run("MATCH (p:Patient {id: $id}) RETURN count(p) AS n", {"id": long})["n"].to_list() == [1]


def test_a_nul_is_stored_as_it_is_or_rejected(store: Store) -> None:
    odd = "a\0b"
    try:
        store.write_nodes("n", "load", people(odd, copy=[odd]))
    except EngineError:
        assert count(store) == 0
    else:
        assert store.run("MATCH (p:Patient) RETURN p.id AS id, p.copy AS copy", {}).rows() == [(odd, odd)]


def test_a_batch_of_one_value_keeps_it(store: Store) -> None:
    store.write_nodes("n", "load", people("a", "b", sex=["F", "F"], age=[None, None]))
    assert store.run("MATCH (p:Patient) RETURN p.sex AS sex", {})["sex"].to_list() == ["F", "F"]
    keys = store.run("MATCH (p:Patient) UNWIND keys(p) AS key RETURN DISTINCT key AS key", {})["key"]
    assert set(keys) == {"id", "sex"}


def test_frames_without_rows_or_properties_are_batches_too(store: Store) -> None:
    store.write_nodes("n0", "load", people())
    store.write_nodes("n1", "load", people("a", "b"))
    store.write_edges("e0", "load", expresses([], "omics.one"))
    rows = pl.DataFrame({"start": ["a"], "end": ["v"]})
    store.write_nodes("n2", "load", Nodes("Visit", pl.DataFrame({"id": ["v"]})))
    store.write_edges("e1", "load", Edges("ATTENDED", "Patient", "Visit", rows))
    assert store.batches("load") == {"n0", "n1", "n2", "e0", "e1"}
    assert store.run("MATCH (p)-[:ATTENDED]->(v) RETURN p.id AS p, v.id AS v", {}).rows() == [("a", "v")]


def test_names_outside_the_schema_never_reach_the_store(store: Store) -> None:
    with pytest.raises(ValueError, match="schema"):
        store.write_nodes("n", "load", Nodes("Patient) DETACH DELETE (n", pl.DataFrame({"id": ["a"]})))
    with pytest.raises(ValueError, match="schema"):
        store.remove_edges("EXPRESSES|GAVE", "s")


def test_parameters_keep_their_kind(store: Store) -> None:
    moment = datetime(2020, 1, 2, 3, 4, 5, 678901)
    zoned = datetime(2020, 1, 2, 5, 4, 5, 678901, tzinfo=timezone(timedelta(hours=2)))
    given = {
        "moment": moment,
        "zoned": zoned,
        "day": date(2020, 1, 2),
        "n": None,
        "list": ["a", "b"],
        "f": 0.1,
        "q": "'",
    }
    text = "RETURN " + ", ".join(f"${name} AS {name}" for name in given)
    (row,) = store.run(text, given).to_dicts()
    assert row == {**given, "zoned": moment}
    series = store.run("RETURN size($ids) AS n", {"ids": pl.Series(["a", "b", "c"])})
    assert series["n"].to_list() == [3]


def test_times_compare_with_parameters(store: Store) -> None:
    noon = datetime(2020, 1, 1, 12)
    store.write_nodes("n", "load", people("a", "b", seen=[noon, noon + timedelta(microseconds=1)]))
    text = "MATCH (p:Patient) WHERE p.seen <= $at RETURN p.id AS id"
    assert store.run(text, {"at": noon})["id"].to_list() == ["a"]
    got = store.run("MATCH (p:Patient {id: 'a'}) WHERE p.seen <= $at + $window RETURN p.id AS id", {"at": noon - timedelta(days=2), "window": timedelta(days=2)})  # fmt: skip
    assert got["id"].to_list() == ["a"]


def test_an_answer_without_rows_keeps_its_columns(store: Store) -> None:
    got = store.run("MATCH (p:Patient) RETURN p.id AS id, p.age AS age", {})
    assert got.columns == ["id", "age"]
    assert got.is_empty()


@pytest.mark.parametrize(
    "text",
    [
        "CREATE (:Patient {id: 'z'})",
        "MATCH (p:Patient) SET p.age = 1 RETURN p.id AS id",
        "MATCH (p:Patient) DETACH DELETE p",
        "MERGE (p:Patient {id: 'z'}) RETURN p.id AS id",
        "LOAD CSV FROM 'file:///etc/hostname' AS row RETURN row",
        "CALL db.labels()",
        "MATCH (p:Patient RETURN p",
        "MATCH (p:Patient) RETURN q.id AS id",
        "RETURN $nowhere AS x",
        "",
    ],
)
def test_a_query_that_is_wrong_or_does_more_than_read_is_an_input_error(store: Store, text: str) -> None:
    fill(store)
    before = edges_of(store)
    with pytest.raises(InputError):
        store.run(text, {})
    assert count(store) == 3
    assert edges_of(store) == before
    assert store.run("MATCH (p:Patient) WHERE p.age = 1 RETURN p.id AS id", {}).is_empty()


def test_a_query_that_takes_too_long_is_stopped_and_the_store_goes_on(store: Store) -> None:
    store.write_nodes("n", "load", people(*map(str, range(3000))))
    endless = "MATCH (a:Patient), (b:Patient), (c:Patient) WHERE a.id + b.id = c.id + 'x' RETURN count(*) AS n"
    with pytest.raises(EngineError, match="longer than"):
        store.run(endless, {}, timeout_s=0.2)
    assert count(store) == 3000


def test_a_closed_store_says_so(stores: Stores) -> None:
    store = stores.open().__enter__()
    store.prepare()
    store.close()
    store.close()
    with pytest.raises(EngineError, match="closed"):
        store.run("RETURN 1 AS x", {})
    with pytest.raises(EngineError, match="closed"):
        store.write_nodes("n", "load", people("a"))


def test_nulls_of_a_long_answer_stay_in_their_rows(store: Store) -> None:
    text = """
    UNWIND range(0, $last) AS i
    RETURN i AS n, CASE WHEN i % 7 = 0 THEN null ELSE i END AS some, CASE WHEN i < 60000 THEN null ELSE 'late' END AS late
    """
    n = pl.col("n")
    want = pl.DataFrame({"n": range(120_000)}).with_columns(
        some=pl.when(n % 7 != 0).then(n), late=pl.when(n >= 60_000).then(pl.lit("late"))
    )
    for _ in range(2):  # a text that was asked before goes a shorter way
        assert_frame_equal(store.run(text, {"last": 119_999}), want)
