"""Forty hostile values in every place where data meet a store: kept as they are or rejected, and none of them executed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unicodedata import normalize

import polars as pl
import pytest
from stores import Stores

from clinome.graphs.ingest.load_source import load_source
from clinome.graphs.query.cypher import find, run_query
from clinome.graphs.store.protocol import Edges, Nodes, Store
from clinome.graphs.tables.study_tables import Tables
from clinome.loaders.errors import ClinomeError
from clinome.loaders.identifiers.genes import GeneTable
from clinome.loaders.specs import Patients
from clinome.loaders.tables import Known

HOSTILE = (
    "'", '"', "`", "``", "\\", "\\'", '\\"', "\\`", "$id", "{id: 'x'}", "//", "/* */", ";", "\n", "\r\n", "\t",
    "'}) DETACH DELETE n //", "\"}) DETACH DELETE n //", "`}) DETACH DELETE n //", "x`: 1}) MATCH (n) DETACH DELETE n //",
    "' OR 1 = 1 //", "'; MATCH (n) DETACH DELETE n;", "x\\u0027}) MATCH (n) DETACH DELETE n //",
    "x\\u0060: 1}) MATCH (n) DETACH DELETE n //", "\\u0060]->() DETACH DELETE s //", "\u02bc}) DETACH DELETE n //",
    "\uff07}) DETACH DELETE n //", "\u2018}) MATCH (n) DETACH DELETE n //", "\uff40: 1}) DETACH DELETE n //",
    "CALL db.labels()", "LOAD CSV FROM 'file:///etc/passwd' AS r RETURN r", "RETURN 1 //", "null", "NaN",
    "\u202etxet\u202c", "e\u0301\u00e9", "a\0b", "\x1b[31m", "\U0001f9ec\u200d", "x" * 1_000_000,
)  # fmt: skip
CANARIES = 3
PLACES: dict[str, Callable[[Store, str], list[Any]]] = {}


def place(function: Callable[[Store, str], list[Any]]) -> Callable[[Store, str], list[Any]]:
    """Writes the value in one place, and returns what came back of it: [value] if it was kept."""
    PLACES[function.__name__] = function
    return function


@place
def an_id(store: Store, value: str) -> list[Any]:
    store.write_nodes("b", "hostile", Nodes("Gene", pl.DataFrame({"id": [value]})))
    return asked(store, "MATCH (n:Gene {id: $value}) RETURN n.id AS v", value)


@place
def a_symbol(store: Store, value: str) -> list[Any]:
    store.write_nodes("b", "hostile", Nodes("Gene", pl.DataFrame({"id": ["g"], "symbol": [value]})))
    return asked(store, "MATCH (n:Gene) WHERE n.symbol = $value RETURN n.symbol AS v", value)


@place
def a_code(store: Store, value: str) -> list[Any]:
    store.write_nodes("b", "hostile", Nodes("Diagnosis", pl.DataFrame({"id": [f"ICD10CM:{value}"]})))
    rows = pl.DataFrame({"start": ["canary 0"], "end": [f"ICD10CM:{value}"], "source": ["s"]})
    store.write_edges("c", "hostile", Edges("DIAGNOSED", "Patient", "Diagnosis", rows))
    query = find("patients_with_code", Path())
    found = run_query(store, query, {"code": f"ICD10CM:{value}"})
    return [value] if found["subject_id"].to_list() == ["canary 0"] else []


@place
def a_property_name_of_a_node(store: Store, value: str) -> list[Any]:
    store.write_nodes("b", "hostile", Nodes("Gene", pl.DataFrame({"id": ["g", "h"], value: ["1", "2"]})))
    found = asked(store, "MATCH (n:Gene {id: 'h'}) RETURN n[$value] AS v", value)
    return [value] if found == ["2"] else found


@place
def a_property_name_of_relationships(store: Store, value: str) -> list[Any]:
    store.write_nodes("b", "hostile", Nodes("Gene", pl.DataFrame({"id": ["g", "h"]})))
    rows = pl.DataFrame(
        {"start": ["canary 0"] * 2, "end": ["g", "h"], value: ["1", "2"], f"{value} everywhere": ["3"] * 2}
    )
    store.write_edges("c", "hostile", Edges("EXPRESSES", "Patient", "Gene", rows))
    found = asked(store, "MATCH (:Patient)-[x:EXPRESSES]->(:Gene {id: 'h'}) RETURN x[$value] AS v", value)
    return [value] if found == ["2"] else found


@place
def a_value_of_relationships(store: Store, value: str) -> list[Any]:
    store.write_nodes("b", "hostile", Nodes("Gene", pl.DataFrame({"id": ["g", "h"]})))
    rows = pl.DataFrame({"start": ["canary 0"] * 2, "end": ["g", "h"], "text": [value, "other"], "source": [value] * 2})
    store.write_edges("c", "hostile", Edges("EXPRESSES", "Patient", "Gene", rows))
    found = asked(
        store, "MATCH ()-[x:EXPRESSES]->() WHERE x.text = $value AND x.source = $value RETURN x.text AS v", value
    )
    assert store.remove_edges("EXPRESSES", value) == 2
    return found


@place
def a_batch(store: Store, value: str) -> list[Any]:
    store.write_nodes(value, f"hostile {value}", Nodes("Gene", pl.DataFrame({"id": ["g"]})))
    return sorted(store.batches(f"hostile {value}"))


@place
def a_parameter(store: Store, value: str) -> list[Any]:
    return asked(
        store, "MATCH (p:Patient) WHERE p.id <> $value WITH count(p) AS n WHERE n = 3 RETURN $value AS v", value
    )


@place
def a_parameter_of_a_library_query(store: Store, value: str) -> list[Any]:
    found = run_query(store, find("patients_with_mutated_gene", Path()), {"symbol": value})
    return [value] if found.is_empty() else found.rows()


def asked(store: Store, text: str, value: str) -> list[Any]:
    return store.run(text, {"value": value})["v"].to_list()


def canaries(store: Store) -> list[Any]:
    text = "MATCH (p:Patient)-[x:ATTENDED]->(v:Visit) RETURN p.id AS p, x.source AS s, v.id AS v ORDER BY p"
    nodes = store.run("MATCH (n) WHERE n:Patient OR n:Visit RETURN count(n) AS n", {})["n"].to_list()
    return [*nodes, *store.run(text, {}).rows()]


@pytest.fixture
def store(stores: Stores) -> Iterator[Store]:
    with stores.open() as opened:
        opened.prepare()
        ids = [f"canary {i}" for i in range(CANARIES)]
        opened.write_nodes("canaries", "safe", Nodes("Patient", pl.DataFrame({"id": ids})))
        opened.write_nodes("visits", "safe", Nodes("Visit", pl.DataFrame({"id": ids})))
        rows = pl.DataFrame({"start": ids, "end": ids, "source": ids})
        opened.write_edges("attended", "safe", Edges("ATTENDED", "Patient", "Visit", rows))
        yield opened


def sweep(store: Store, value: str) -> None:
    for label in ("Gene", "Diagnosis"):
        found = store.run(
            "MATCH (n:Gene) RETURN n.id AS id" if label == "Gene" else "MATCH (n:Diagnosis) RETURN n.id AS id", {}
        )
        store.remove_nodes(label, found["id"].cast(pl.String).to_list())
    for load in ("hostile", f"hostile {value}"):
        store.remove_nodes("Batch", sorted(store.batches(load)))


def test_there_are_forty() -> None:
    assert len(set(HOSTILE)) == 40


@pytest.mark.parametrize("where", PLACES)
def test_kept_as_it_is_or_rejected_and_nothing_executed(store: Store, where: str) -> None:
    before, kept = canaries(store), 0
    for value in HOSTILE:
        try:
            assert PLACES[where](store, value) == [value], f"{value[:40]!r} came back as another"
            kept += 1
        except (ClinomeError, pl.exceptions.PolarsError) as refused:
            assert len(value) < 4 or value not in str(refused), f"{value[:40]!r} is shown"
        sweep(store, value)
        assert canaries(store) == before, f"{value[:40]!r} was executed"
    assert kept >= len(HOSTILE) - 4, f"{len(HOSTILE) - kept} of {len(HOSTILE)} rejected"


def test_from_a_file_to_the_graph(store: Store, tmp_path: Path) -> None:
    before = canaries(store)
    file = tmp_path / "patients.csv"
    pl.DataFrame({"patient_id": HOSTILE, "note": HOSTILE}).write_csv(file)
    tables = Tables(tmp_path / "tables", "hostile")
    report = load_source(store, tables, Patients((file,), id="patient_id"), Known(None, None, GeneTable.empty()))
    assert report.tally.read == report.tally.written + report.tally.merged + report.tally.rejected
    found = store.run("MATCH (p:Patient) WHERE NOT p.id STARTS WITH 'canary' RETURN p.id AS id, p.note AS note", {})
    assert found.height == report.tally.written > 0
    given = {normalize("NFC", value.strip()) for value in HOSTILE}  # an id's letters are composed at the door
    assert {id.strip() for id in found["id"]} <= given
    store.remove_nodes("Patient", found["id"].to_list())
    assert canaries(store) == before
