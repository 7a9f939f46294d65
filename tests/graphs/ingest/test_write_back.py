"""Cohorts and runs in the graph: one of each name, replaced by content, whole again after a stop."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from clinome.graphs.ingest import write_back as module
from clinome.graphs.ingest.write_back import store_run, write_back
from clinome.graphs.store.embedded import EmbeddedStore
from clinome.graphs.store.protocol import Edges, Nodes

NODE = pl.DataFrame({"id": ["c"], "name": ["c"], "query": ["MATCH …"]})


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EmbeddedStore]:
    with EmbeddedStore(tmp_path / "g", write=True) as opened:
        opened.prepare()
        opened.write_nodes("p", "l", Nodes("Patient", pl.DataFrame({"id": [f"p{i}" for i in range(10)]})))
        opened.write_nodes("g", "l", Nodes("Gene", pl.DataFrame({"id": ["g1", "g2"]})))
        opened.write_nodes("w", "l", Nodes("Pathway", pl.DataFrame({"id": ["w"]})))
        yield opened


def included(n: int, label: int = 1) -> list[Edges]:
    rows = pl.DataFrame({"start": "c", "end": [f"p{i}" for i in range(n)], "label": label})
    return [Edges("INCLUDES", "Cohort", "Patient", rows)]


def rows(store: EmbeddedStore) -> list[tuple[Any, ...]]:
    text = "MATCH (c:Cohort)-[i:INCLUDES]->(p) RETURN c.id AS c, p.id AS p, i.label AS label, i.source AS source"
    return sorted(store.run(text, {}).rows())


def test_the_same_is_kept_once(store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_BATCH", 3)
    assert write_back(store, "Cohort", NODE, included(10))
    assert rows(store) == [("c", f"p{i}", 1, "cohort.c") for i in range(10)]
    assert not write_back(store, "Cohort", NODE, included(10))
    assert write_back(store, "Cohort", NODE, included(10, label=0))
    assert write_back(store, "Cohort", NODE.with_columns(query=pl.lit("another")), included(10, label=0))
    assert write_back(store, "Cohort", NODE, included(4))
    assert rows(store) == [("c", f"p{i}", 1, "cohort.c") for i in range(4)]
    assert write_back(store, "Cohort", NODE, included(0))
    assert not write_back(store, "Cohort", NODE, included(0))
    assert rows(store) == []


def test_another_name_stays(store: EmbeddedStore) -> None:
    write_back(store, "Cohort", NODE, included(3))
    other = [Edges(e.type, e.start_label, e.end_label, e.rows.with_columns(start=pl.lit("d"))) for e in included(2)]
    assert write_back(store, "Cohort", NODE.with_columns(id=pl.lit("d"), name=pl.lit("d")), other)
    write_back(store, "Cohort", NODE, included(1))
    assert [(c, p) for c, p, _, _ in rows(store)] == [("c", "p0"), ("d", "p0"), ("d", "p1")]


def test_it_is_kept_again_when_a_patient_has_gone(store: EmbeddedStore) -> None:
    write_back(store, "Cohort", NODE, included(3))
    store.remove_nodes("Patient", ["p1"])
    store.write_nodes("again", "l", Nodes("Patient", pl.DataFrame({"id": ["p1"]})))
    assert write_back(store, "Cohort", NODE, included(3))
    assert len(rows(store)) == 3


@pytest.mark.parametrize("at", range(1, 8))
def test_stopped_at_any_write_it_goes_on(store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    monkeypatch.setattr(module, "_BATCH", 2)
    write_back(store, "Cohort", NODE, included(3, label=0))
    left = at

    def failing(whole: Any) -> Any:
        def call(*given: Any) -> Any:
            nonlocal left
            left -= 1
            if left == 0:
                raise KeyboardInterrupt
            return whole(*given)

        return call

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        for name in ("remove_edges", "remove_nodes", "write_nodes", "write_edges"):
            patch.setattr(store, name, failing(getattr(store, name)))
        write_back(store, "Cohort", NODE, included(6))
    assert write_back(store, "Cohort", NODE, included(6))
    assert rows(store) == [("c", f"p{i}", 1, "cohort.c") for i in range(6)]
    assert not write_back(store, "Cohort", NODE, included(6))


def test_a_run_ranks_what_is_in_the_graph_and_predicts_its_patients(store: EmbeddedStore) -> None:
    features = ["g2", "w", "age", "g1"]
    ranked = pl.DataFrame({"layer": "rna", "feature": features, "effect": [3.0, 2.0, 1.0, -1.0], "rank": [1, 2, 3, 4], "stability": 1.0, "q": [0.1, 0.2, 0.3, None]})  # fmt: skip
    risks = pl.DataFrame({"subject_id": ["p0", "p1"], "risk": [0.25, 0.75]})
    assert store_run(store, "mine", ranked, risks, "lung")
    assert not store_run(store, "mine", ranked, risks, "lung")
    got = store.run(
        "MATCH (r:Run)-[x:RANKS]->(f) RETURN r.id AS r, f.id AS f, x.score AS s, x.q AS q ORDER BY x.rank", {}
    )
    assert got.rows() == [("lung/mine", "g2", 3.0, 0.1), ("lung/mine", "w", 2.0, 0.2), ("lung/mine", "g1", -1.0, None)]
    got = store.run("MATCH (:Run)-[x:PREDICTS]->(p) RETURN p.id AS p, x.risk AS risk ORDER BY p", {})
    assert got.rows() == [("p0", 0.25), ("p1", 0.75)]
    unsigned = ranked.with_columns(effect=pl.lit(None, pl.Float64), importance=pl.Series([0.4, 0.3, 0.2, 0.1]))
    assert store_run(store, "classes", unsigned, risks.head(0), "lung")
    got = store.run("MATCH (r:Run {name: 'classes'})-[x:RANKS]->() RETURN x.score AS s ORDER BY x.rank", {})
    assert got["s"].to_list() == [0.4, 0.3, 0.1]  # of several classes an effect has no sign
    assert store_run(store, "classes", ranked.head(0), risks.head(0), "lung")
    assert store_run(store, "mine", ranked.head(0), risks.head(0), "lung")
    assert store.run("MATCH (:Run)-[x]->() RETURN count(x) AS n", {})["n"].to_list() == [0]
