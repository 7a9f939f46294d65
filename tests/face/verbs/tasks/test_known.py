"""What a study names as known: genes by symbol or CURIE, diseases by the edges of the graph; the rest is said."""

from __future__ import annotations

import pytest
from snapshots import make_snapshot

from clinome.errors import InputError
from clinome.verbs.tasks.known import known_of

ASSOCIATED = {"UMLS:C1": [("NCBIGene:3", "knowledge.disgenet"), ("NCBIGene:9999", "knowledge.disgenet")]}


def test_genes_and_diseases_and_what_is_not_measured() -> None:
    found = known_of(make_snapshot("binary"), ["g1", "NCBIGene:2", "NPM1", "UMLS:C1"], ASSOCIATED)
    assert found.genes == {"NCBIGene:1", "NCBIGene:2", "NCBIGene:3"}
    assert found.missing == ("NPM1",)
    assert found.as_json({"genes": 60})["sources"] == ["knowledge.disgenet"]
    assert known_of(make_snapshot("binary"), [], {}).as_json({"genes": 60}) == {}


def test_a_disease_without_genes_is_an_error_with_a_fix() -> None:
    with pytest.raises(InputError, match="no gene is associated") as error:
        known_of(make_snapshot("binary"), ["UMLS:C2"], ASSOCIATED)
    assert "ASSOCIATED_WITH" in str(error.value)
