"""From a number of a run to the files it came from; and a run, with its embeddings, leaves nothing behind: on every store."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_study import build
from stopping import Crash, stopping
from stores import Stores

from clinome.graphs.ingest.write_back import draw, forget_run, is_of_runs, store_run, write_back
from clinome.graphs.ingest.write_embeddings import forget_embeddings, write_embeddings
from clinome.graphs.query.cypher import find, run_query
from clinome.graphs.store.fingerprint import fingerprint
from clinome.graphs.store.protocol import Edges, Nodes, Store, VectorStore
from clinome.graphs.store.similarity import nearest, neighbours
from clinome.graphs.tables.files_read import _names, files_read
from clinome.loaders.files.removed_ids import NOBODY, Removed

PATIENTS = [f"p{i}" for i in range(5)]
RANKED = pl.DataFrame(
    {"layer": "rna", "feature": ["g2", "w"], "effect": [3.0, 2.0], "rank": [1, 2], "stability": 1.0, "q": [0.1, None]}
)
RISKS = pl.DataFrame({"subject_id": PATIENTS[:3], "risk": [0.25, 0.5, 0.75]})
ROWS = pl.DataFrame({"subject_id": PATIENTS[:3], "prediction_time": [None] * 3})
ABOUT = {
    "learner": "ridge_late", "metric": "auroc", "value": 0.75, "low": 0.5, "high": 0.875, "seed": 1, "versions": "{}",
    "study_sha256": "5" * 64, "inputs": ["omics.rna", "patients"], "loads": ["lung/1", "lung/2"],
    "files": ["rna.csv", "patients.csv"], "sha256": ["a" * 64, "b" * 64],
}  # fmt: skip
VECTORS = pl.DataFrame(
    {"label": ["Patient"] * 5 + ["Gene"], "id": [*PATIENTS, "g1"],
     "vector": [[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [0.1, 1.0], [-1.0, 0.0], [1.0, 2.0]]}
)  # fmt: skip


def loaded(store: Store) -> None:
    store.prepare()
    store.write_nodes("p", "l", Nodes("Patient", pl.DataFrame({"id": PATIENTS})))
    store.write_nodes("g", "l", Nodes("Gene", pl.DataFrame({"id": ["g1", "g2"], "symbol": ["AAA", "BBB"]})))
    store.write_nodes("w", "l", Nodes("Pathway", pl.DataFrame({"id": ["w"], "name": ["First"]})))
    store.write_nodes("s", "l", Nodes("Study", pl.DataFrame({"id": ["lung"]})))
    loads = pl.DataFrame(
        {"id": ["lung/1", "lung/2"], "source": ["lung/omics.rna", "lung/patients"], "state": "complete"}
    )
    store.write_nodes("a", "l", Nodes("Load", loads))
    store.write_edges("b", "l", Edges("LOADED", "Study", "Load", pl.DataFrame({"start": "lung", "end": loads["id"]})))


def cohort(store: Store, of_runs: bool, patients: list[str] = PATIENTS[:3]) -> None:
    node: dict[str, Any] = {"id": "lung/lung", "name": "lung", "study": "lung", "rows": len(patients)}
    if of_runs and is_of_runs(store, "lung/lung"):
        node["of_runs"] = True
    rows = pl.DataFrame({"start": "lung/lung", "end": patients, "label": 1})
    write_back(store, "Cohort", pl.DataFrame([node]), [Edges("INCLUDES", "Cohort", "Patient", rows)])
    draw(store, "lung/lung", "lung")


def run(store: Store, name: str = "first") -> bool:
    return store_run(store, name, RANKED, RISKS, "lung", ABOUT, ("lung/lung", ROWS))


def embedded(store: VectorStore, name: str = "first", k: int = 2) -> None:
    write_embeddings(store, VECTORS, f"lung/{name}/gnn", k)


def ask(store: Store, name: str, **params: object) -> list[dict[str, Any]]:
    query = find(name, Path())
    found = run_query(store, query, params)
    assert found.columns == [column for column, _ in query.columns]
    return found.to_dicts()


def test_one_query_leads_from_a_rank_or_a_risk_to_files_and_checksums(stores: Stores) -> None:
    with stores.open() as store:
        loaded(store)
        cohort(store, of_runs=True)
        assert run(store)
        assert not run(store)
        for named in ("BBB", "g2"):
            found = ask(store, "source_of_number", feature=named)
            assert [(row["input"], row["file"], row["sha256"]) for row in found] == [
                ("omics.rna", "rna.csv", "a" * 64), ("patients", "patients.csv", "b" * 64)
            ]  # fmt: skip
            for row in found:
                assert {key: row[key] for key in ABOUT if key in row and key != "sha256"} == {
                    "learner": "ridge_late", "metric": "auroc", "value": 0.75, "low": 0.5, "high": 0.875, "seed": 1,
                    "study_sha256": "5" * 64,
                }  # fmt: skip
                assert (row["run"], row["rank"], row["score"], row["q"]) == ("lung/first", 1, 3.0, 0.1)
                assert (row["cohort"], row["cohort_rows"], row["as_drawn"], row["still_loaded"]) == (
                    "lung",
                    3,
                    True,
                    True,
                )
        assert ask(store, "source_of_number", feature="BBB", study="other") == []
        risk = ask(store, "source_of_risk", patient="p1")
        assert {(row["risk"], row["file"], row["as_drawn"]) for row in risk} == {
            (0.5, "rna.csv", True), (0.5, "patients.csv", True)
        }  # fmt: skip
        findings = ask(store, "run_findings", run="first")
        assert [(row["rank"], row["name"], row["label"]) for row in findings] == [
            (1, "BBB", "Gene"),
            (2, "First", "Pathway"),
        ]
        walk = "MATCH (:Run)-[:USED]->(:Cohort)-[:DRAWN_FROM]->(l:Load) RETURN l.id AS id ORDER BY id"
        assert store.run(walk, {})["id"].to_list() == ["lung/1", "lung/2"]


def test_what_has_changed_since_is_said(stores: Stores) -> None:
    with stores.open() as store:
        loaded(store)
        cohort(store, of_runs=True)
        run(store)
        cohort(store, of_runs=False)  # the same, now for its own sake
        assert not is_of_runs(store, "lung/lung")
        assert not run(store)
        assert all(row["as_drawn"] for row in ask(store, "source_of_number", feature="BBB"))
        store.remove_nodes("Load", ["lung/1"])  # loaded anew, from another file
        found = ask(store, "source_of_number", feature="BBB")
        assert [(row["file"], row["still_loaded"] or False) for row in found] == [
            ("rna.csv", False),
            ("patients.csv", True),
        ]
        cohort(store, of_runs=False, patients=PATIENTS)
        assert {row["as_drawn"] for row in ask(store, "source_of_number", feature="BBB")} == {False}
        assert run(store), "it was not trained on this cohort"
        assert {row["cohort"] for row in ask(store, "source_of_number", feature="BBB")} == {None}
        store_run(store, "old", RANKED, RISKS, "lung")
        old = [row for row in ask(store, "source_of_number", feature="BBB") if row["run"] == "lung/old"]
        assert [(row["rank"], row["file"], row["learner"]) for row in old] == [(1, None, None)], (
            "a run of long ago has its row"
        )


@pytest.mark.parametrize("of_runs", [False, True])
def test_a_run_with_embeddings_leaves_the_graph_as_it_was(stores: Stores, of_runs: bool) -> None:
    with stores.open() as store:
        loaded(store)
        if not of_runs:
            cohort(store, of_runs=False)
        before, bare = fingerprint(store), fingerprint(store, provenance=False) if of_runs else ""
        cohort(store, of_runs=True)
        run(store)
        embedded(store)
        whole = fingerprint(store)
        assert not run(store)
        embedded(store)
        assert fingerprint(store) == whole != before, "written twice"
        forget_embeddings(store, "lung/first")
        assert not of_runs or fingerprint(store, provenance=False) == bare
        forget_run(store, "lung", "first")
        assert fingerprint(store) == before
        left = "MATCH (b:Batch) WHERE b.load <> 'l' AND b.load <> 'cohort.lung/lung' RETURN b.id AS id"
        assert not store.run(left, {}).height


def test_another_run_keeps_its_own(stores: Stores) -> None:
    with stores.open() as store:
        loaded(store)
        cohort(store, of_runs=True)
        run(store, "other")
        one = fingerprint(store)
        run(store)
        write_embeddings(store, VECTORS.head(3), "lung/first/gnn")
        write_embeddings(store, VECTORS.tail(3), "lung/other/gnn")
        forget_embeddings(store, "lung/first")
        forget_run(store, "lung", "first")
        assert {row["run"] for row in ask(store, "similar_patients", patient="p3")} == {"lung/other/gnn"}
        forget_embeddings(store, "lung/other")
        assert fingerprint(store) == one
        assert not store.run("MATCH (:Patient)-[x:SIMILAR_TO]->() RETURN x.rank AS rank", {}).height


def test_similar_patients_are_those_that_the_store_finds_nearest(stores: Stores) -> None:
    with stores.open() as store:
        loaded(store)
        embedded(store)
        for patient, vector in VECTORS.head(5).select("id", "vector").rows():
            near = store.nearest("Patient", "lung/first/gnn", np.array(vector), 3).filter(pl.col("id") != patient)
            found = ask(store, "similar_patients", patient=patient)
            assert [(row["similar"], row["similarity"], row["rank"]) for row in found] == [
                (id, similarity, rank) for rank, (id, similarity) in enumerate(near.rows(), 1)
            ]
        embedded(store, k=0)
        assert ask(store, "similar_patients", patient="p1") == []


@pytest.mark.parametrize("after", [False, True])
def test_stopped_anywhere_it_goes_on(stores: Stores, after: bool) -> None:
    with stores.open() as store:
        loaded(store)
        before = fingerprint(store)

    def whole(opened: VectorStore) -> None:
        cohort(opened, of_runs=True)
        run(opened)
        embedded(opened)

    with stores.open() as store:
        whole(store)
        want = fingerprint(store)
        forget_embeddings(store, "lung/first")
        forget_run(store, "lung", "first")
        for work, wanted in ((whole, want), (_gone, before)):
            for at in range(1, 12):
                with stopping(store, at, after):
                    try:
                        work(store)
                    except Crash:
                        continue
                break
            work(store)
            assert fingerprint(store) == wanted


def _gone(store: VectorStore) -> None:
    forget_embeddings(store, "lung/first")
    forget_run(store, "lung", "first")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(-2, 2), st.integers(-2, 2)).filter(any), max_size=12), st.integers(0, 4))
def test_neighbours_are_the_nearest_of_each(points: list[tuple[int, int]], k: int) -> None:
    ids = [f"p{i}" for i in range(len(points))][::-1]
    vectors = np.array(points, dtype=float).reshape(-1, 2)
    found = neighbours(ids, vectors, k)
    for n, id in enumerate(ids):
        others = [i for i in range(len(ids)) if i != n]
        want = nearest([ids[i] for i in others], vectors[others], vectors[n], k) if others else pl.DataFrame()
        got = found.filter(pl.col("start") == id)
        assert got["end"].to_list() == (want["id"].to_list() if others else [])
        assert got["rank"].to_list() == list(range(1, got.height + 1))


@pytest.mark.parametrize(
    ("file", "hidden"), [("TWO-7731.vcf", True), ("calls_p1.maf", True), ("p10.csv", False), ("rna.csv", False)]
)
def test_a_file_name_that_holds_an_id_is_found(file: str, hidden: bool) -> None:
    ids = ("TWO-7731", "p1", "a")
    assert _names(file, frozenset(ids), NOBODY) == hidden
    removed = Removed(b"key")
    removed = Removed(b"key", frozenset(removed.mark(id) for id in ids))
    assert _names(file, frozenset(), removed) == hidden


def test_many_files_are_one_line_and_names_hold_no_patient(tmp_path: Path) -> None:
    tables = build(tmp_path, patients=4)
    one = min(tables.subjects())
    sums = [str(n) * 64 for n in (5, 3, 1, 4, 2, 6)]
    tables.note("omics.rna", sha256=[["rna.csv", "a" * 64]])
    tables.note("omics.meth", sha256=[[f"of_{one}.csv", "b" * 64], ["rest.csv", "c" * 64]])
    tables.note("omics.mutations", sha256=[[f"{n}.maf", sum] for n, sum in enumerate(sums)])
    found = {(line["input"], line["file"]): line["sha256"] for line in files_read(tables)}
    whole = hashlib.sha256("".join(f"{sum}\n" for sum in sorted(sums)).encode()).hexdigest()
    assert found == {
        ("omics.rna", "rna.csv"): "a" * 64, ("omics.meth", "omics.meth/1"): "b" * 64,
        ("omics.meth", "omics.meth/2"): "c" * 64, ("omics.mutations", "omics.mutations: 6 files"): whole,
    }  # fmt: skip
    assert {line["load"] for line in files_read(tables, "omics.rna")} == {tables.load_of("omics.rna")}
    spec = tables.record("patients")["spec"]
    tables.note("patients", spec={**spec, "pseudonymise": True})
    assert [line["file"] for line in files_read(tables, "omics.rna")] == ["omics.rna/1"]
