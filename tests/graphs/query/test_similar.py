"""Embeddings in the graph: written, replaced, refused; the same neighbours on every store, of 5,000 patients too."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl
import pytest
from servers import session
from stores import Stores

from clinome.graphs.ingest.write_embeddings import embeddings_of, forget_embeddings, write_embeddings
from clinome.graphs.neo4j_store.driver import Connection
from clinome.graphs.neo4j_store.errors import Address
from clinome.graphs.neo4j_store.vector_index import index_width, search
from clinome.graphs.query.cypher import parse, run_query
from clinome.graphs.query.similar import similar
from clinome.graphs.store.fingerprint import fingerprint
from clinome.graphs.store.protocol import Nodes, VectorStore
from clinome.loaders.errors import InputError

OF = "lung/lung/gene_gnn"


@pytest.fixture
def store(stores: Stores) -> Iterator[VectorStore]:
    with stores.open() as opened:
        opened.prepare()
        yield opened


def people(store: VectorStore, count: int, batch: str = "people") -> list[str]:
    ids = [f"p{k:05d}" for k in range(count)]
    for first in range(0, count, 2000):
        store.write_nodes(f"{batch}{first}", "load", Nodes("Patient", pl.DataFrame({"id": ids[first : first + 2000], "age": 1.0})))  # fmt: skip
    return ids


def table(label: str, ids: list[str], vectors: np.ndarray) -> pl.DataFrame:
    return pl.DataFrame({"label": label, "id": ids, "vector": vectors.tolist()})


def by_hand(ids: list[str], vectors: np.ndarray, of: int, k: int) -> list[str]:
    """One at a time, with nothing of ours."""
    mine = vectors[of]
    cosine = {
        one: float(np.dot(vector, mine) / (np.linalg.norm(vector) * np.linalg.norm(mine)))
        for one, vector in zip(ids, vectors, strict=True)
    }
    return sorted((one for one in ids if one != ids[of]), key=lambda one: (-cosine[one], one))[:k]


def test_similar_patients_of_five_thousand(store: VectorStore) -> None:
    """In clusters, as embeddings lie, and among those of another study, which are nobody's neighbours here."""
    rng = np.random.default_rng(1)
    ids = people(store, 6000)
    centres = rng.normal(size=(25, 32))
    vectors = centres[rng.integers(0, 25, 6000)] + 0.3 * rng.normal(size=(6000, 32))
    write_embeddings(store, table("Patient", ids[:5000], vectors[:5000]), OF)
    write_embeddings(store, table("Patient", ids[5000:], vectors[5000:]), "other/run/vae")
    store.save()
    hits = 0
    asked = rng.choice(5000, 40, replace=False)
    for one in asked:
        found = similar(store, "Patient", ids[one], 10)
        assert found["similarity"].is_sorted(descending=True) and found["id"].n_unique() == 10
        hits += len(set(found["id"]) & set(by_hand(ids[:5000], vectors[:5000], int(one), 10)))
    assert hits / (10 * len(asked)) >= 0.98
    assert embeddings_of(store).rows() == [("Patient", OF, 5000, 32), ("Patient", "other/run/vae", 1000, 32)]
    found = similar(store, "Patient", ids[5500], 10)
    assert found["id"].to_list() == by_hand(ids[5000:], vectors[5000:], 500, 10)


def test_ties_names_and_fewer_than_asked_for(store: VectorStore) -> None:
    genes = ["g1", "g2", "g3", "g4"]
    store.write_nodes("genes", "load", Nodes("Gene", pl.DataFrame({"id": genes, "symbol": ["A", "B", None, "D"]})))
    vectors = np.array([[1.0, 0.0], [0.0, 2.0], [0.0, 0.5], [-3.0, 0.0]])
    assert write_embeddings(store, table("Gene", genes, vectors), OF) == {"Gene": 4}
    found = similar(store, "Gene", "g1", 10)
    assert found["id"].to_list() == ["g2", "g3", "g4"] and found["similarity"].to_list() == [0.0, 0.0, -1.0]
    assert found["name"].to_list()[::2] == ["B", "D"]
    rows = run_query(store, parse("q", "MATCH (g:Gene) WHERE g.embedding_of = 'lung/lung/gene_gnn' RETURN g.id AS id, g.embedding AS v, size(g.embedding) AS n"), {})  # fmt: skip
    assert sorted(rows.rows()) == [(one, vector, 2) for one, vector in zip(genes, vectors.tolist(), strict=True)]


def test_written_again_it_is_replaced_also_in_another_width(store: VectorStore) -> None:
    ids = people(store, 6)
    first = np.random.default_rng(1).normal(size=(6, 4))
    write_embeddings(store, table("Patient", ids, first), OF)
    before = fingerprint(store)
    write_embeddings(store, table("Patient", ids, first), OF)
    assert fingerprint(store) == before
    second = np.random.default_rng(2).normal(size=(4, 7))
    write_embeddings(store, table("Patient", ids[:4], second), OF)
    assert embeddings_of(store).rows() == [("Patient", OF, 4, 7)]
    assert similar(store, "Patient", ids[0], 3)["id"].to_list() == by_hand(ids[:4], second, 0, 3)
    with pytest.raises(InputError, match="this Patient has no embedding") as told:
        similar(store, "Patient", ids[5], 3)
    assert ids[5] not in str(told.value)
    store.write_nodes("again", "load", Nodes("Patient", pl.DataFrame({"id": ids[:1], "age": 2.0})))  # new data
    with pytest.raises(InputError, match="has no embedding"):
        similar(store, "Patient", ids[0], 3)
    forget_embeddings(store, "lung/lun")
    assert embeddings_of(store).height == 1
    forget_embeddings(store, "lung/lung")
    assert embeddings_of(store).height == 0


WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("no embeddings for this label", {"label": ["Load"], "id": ["p00000"], "vector": [[1.0]]}, "Load"),
    ("not in the graph: 1", {"label": ["Patient"], "id": ["stranger"], "vector": [[1.0]]}, "ids of its nodes"),
    (
        "different lengths",
        {"label": ["Patient"] * 2, "id": ["p00000", "p00001"], "vector": [[1.0], [1.0, 2.0]]},
        "1, 2",
    ),
    ("several vectors of one id", {"label": ["Patient"] * 2, "id": ["p00000"] * 2, "vector": [[1.0], [2.0]]}, "got 2"),
    ("nothing but 0", {"label": ["Patient"], "id": ["p00000"], "vector": [[0.0, 0.0]]}, "got 1"),
    ("no numbers", {"label": ["Patient"], "id": ["p00000"], "vector": [[float("nan"), 1.0]]}, "got 1"),
]


def test_what_no_search_could_use_is_refused_before_anything_is_written(store: VectorStore) -> None:
    people(store, 2)
    before = fingerprint(store)
    for why, given, got in WRONG:
        with pytest.raises(InputError, match=why) as told:
            write_embeddings(store, pl.DataFrame(given), OF)
        assert got in str(told.value) and "stranger" not in str(told.value)
    store.write_nodes("own", "load", Nodes("Patient", pl.DataFrame({"id": ["p00001"], "embedding": ["mine"]})))
    with pytest.raises(InputError, match="a property of this name"):
        write_embeddings(store, table("Patient", ["p00001"], np.ones((1, 2))), OF)
    for label, id, k in (("Load", "x", 1), ("Patient", "nobody", 1), ("Patient", "p00000", 0)):
        with pytest.raises(InputError):
            similar(store, label, id, k)
    store.remove_nodes("Patient", ["p00001"])
    store.write_nodes("back", "load", Nodes("Patient", pl.DataFrame({"id": ["p00001"], "age": [1.0]})))
    assert fingerprint(store) == before


def test_neo4j_answers_by_its_index(stores: Stores) -> None:
    """The index is there, of the width of the vectors, and a name that is not of the schema is in no query."""
    with stores.open() as store:
        store.prepare()
        ids = people(store, 50)
        vectors = np.random.default_rng(1).normal(size=(50, 3))
        write_embeddings(store, table("Patient", ids, vectors), OF)
    if stores.server is None:
        return
    with session(stores.server) as opened:
        found = opened.run("SHOW VECTOR INDEXES YIELD name, labelsOrTypes, properties, options, state").data()
    (index,) = [one for one in found if one["name"] == "Patient_embedding"]
    assert (index["labelsOrTypes"], index["properties"]) == (["Patient"], ["embedding"])
    assert index["options"]["indexConfig"]["vector.dimensions"] == 3 and index["state"] == "ONLINE"
    server = stores.server
    with Connection(Address.parse(server.uri), server.user, server.password) as connection:
        assert index_width(connection, "Patient") == 3 and index_width(connection, "Drug") is None
        near = search(connection, "Patient", OF, vectors[7], 6)
        assert set(near["id"]) == {ids[7], *by_hand(ids, vectors, 7, 5)}
        assert search(connection, "Patient", "another", vectors[7], 6) == {"id": [], "vector": []}
