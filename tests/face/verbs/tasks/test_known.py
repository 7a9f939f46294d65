"""What a study names as known: genes by symbol or CURIE, diseases by the edges of the graph; the rest is said."""

from __future__ import annotations

import polars as pl
import pytest
from snapshots import make_snapshot
from stores import Stores

from clinome.errors import InputError
from clinome.graphs.query.cypher import parse, run_query
from clinome.graphs.store.protocol import Edges, Nodes
from clinome.verbs.tasks.known import ASSOCIATED, known_of

EDGES = {"UMLS:C1": [("NCBIGene:3", "knowledge.disgenet"), ("NCBIGene:9999", "knowledge.disgenet")]}


def test_genes_and_diseases_and_what_is_not_measured() -> None:
    found = known_of(make_snapshot("binary"), ["g1", "NCBIGene:2", "NPM1", "UMLS:C1"], EDGES)
    assert found.genes == {"NCBIGene:1", "NCBIGene:2", "NCBIGene:3"}
    assert found.missing == ("NPM1",)
    assert found.as_json({"genes": 60})["sources"] == ["knowledge.disgenet"]
    assert known_of(make_snapshot("binary"), [], {}).as_json({"genes": 60}) == {}


def test_a_disease_without_genes_is_an_error_with_a_fix() -> None:
    with pytest.raises(InputError, match="no gene is associated") as error:
        known_of(make_snapshot("binary"), ["UMLS:C2"], EDGES)
    assert "ASSOCIATED_WITH" in str(error.value)


def test_the_genes_of_a_disease_are_the_same_on_every_store(stores: Stores) -> None:
    with stores.open() as store:
        store.prepare()
        store.write_nodes("g", "load", Nodes("Gene", pl.DataFrame({"id": ["NCBIGene:1", "NCBIGene:2", "NCBIGene:3"]})))
        store.write_nodes("d", "load", Nodes("Diagnosis", pl.DataFrame({"id": ["UMLS:C1", "UMLS:C2"]})))
        ends = pl.DataFrame(
            {"start": ["NCBIGene:2", "NCBIGene:1", "NCBIGene:3"], "end": ["UMLS:C1", "UMLS:C1", "UMLS:C2"]}
        )
        rows = ends.with_columns(source=pl.lit("knowledge.disgenet"))
        store.write_edges("a", "knowledge.disgenet", Edges("ASSOCIATED_WITH", "Gene", "Diagnosis", rows))
        found = run_query(store, parse("known", ASSOCIATED), {"disease": "UMLS:C1"})
    assert found.rows() == [("NCBIGene:1", "knowledge.disgenet"), ("NCBIGene:2", "knowledge.disgenet")]
