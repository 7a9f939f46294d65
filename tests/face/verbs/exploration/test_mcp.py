"""The MCP server, asked by the official client: ten questions are answered; no attempt writes, reads files or lists patients."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from gene_ring import GENES, write

import clinome
from clinome.errors import InputError
from clinome.graphs.language.parser import parse
from clinome.graphs.query.without_persons import check_without_persons
from clinome.verbs.exploration.agents.answers import limited, table, told
from clinome.verbs.exploration.agents.tools import StudyTools

PEOPLE = 60
LEARN = '[evaluate]\nfolds = 2\n[learn]\nlearners = ["ridge_late"]\ntrials = 1\n'
ID = re.compile(r"\bP\d\d\b")
"""Ids of the study's patients."""

ATTEMPTS = (
    # writes
    "CREATE (g:Gene {id: 'x'}) RETURN g", "MATCH (g:Gene) SET g.symbol = 'x' RETURN g", "MATCH (g:Gene) DETACH DELETE g",
    "MERGE (r:Run {id: 'x'}) RETURN r", "MATCH (g:Gene) CALL (g) { CREATE (x:Gene {id: 'y'}) RETURN x } RETURN x",
    "MATCH (g:Gene) FOREACH (i IN [1] | SET g.symbol = 'x')", "MATCH (g:Gene) REMOVE g.symbol RETURN g",
    "RETURN 1 AS one; CREATE (g:Gene {id: 'x'})",
    # files and procedures
    "LOAD CSV FROM 'file:///etc/passwd' AS line RETURN line", "MATCH (g:Gene) LOAD CSV FROM g.id AS line RETURN line",
    "CALL apoc.load.json('file:///etc/passwd') YIELD value RETURN value", "RETURN apoc.load.csv('file:///etc/passwd') AS x",
    "CALL db.labels() YIELD label RETURN label", "SHOW PROCEDURES",
    # patients
    "MATCH (p:Patient) RETURN p.id AS id", "MATCH (n) RETURN n", "MATCH (n) WHERE n.id STARTS WITH 'P' RETURN n.id AS id",
    "MATCH (p:`Patient`) WITH p AS q RETURN collect(q.id) AS ids", "MATCH (p:Gene|Patient) RETURN properties(p) AS p",
    "MATCH (p:!Gene) RETURN p {.*} AS p", "MATCH (p:%) RETURN p", "MATCH (p:\\u0050atient) RETURN p",
    "MATCH (g:Gene)<-[r:EXPRESSES]-() RETURN startNode(r) AS p", "MATCH (g:Gene)--(x) RETURN x.id AS id",
    "MATCH (g:Gene) RETURN [(g)<-[:EXPRESSES]-(p) | p.id] AS ids", "MATCH path = (g:Gene)-[*1..2]-(x) RETURN nodes(path) AS n",
    "MATCH (x)-[:IN_PATHWAY*0..1]-(y) RETURN x.id AS id", "MATCH (x)-[:IN_PATHWAY*0x0..1]-(y) RETURN x.id AS id",
    "MATCH (g:Gene) CALL (g) { MATCH (p:Patient) RETURN p.id AS id } RETURN id",
    "MATCH (g:Gene) RETURN g.id AS id UNION MATCH (p:Patient) RETURN p.id AS id",
    "MATCH (g:Gene) WHERE EXISTS { (:Patient {id: 'P01'}) } RETURN g.id AS id",
    "MATCH (g:Gene) RETURN COUNT { (:Patient {label: 1}) } AS n", "MATCH (c:Cohort)-[:INCLUDES]->(p) RETURN p.id AS id",
    "MATCH (c:Cohort) RETURN c.params AS ids", "MATCH (:Run)-[x:PREDICTS]->(p) RETURN p.id AS id, x.risk AS risk",
    "MATCH (a:Gene) OPTIONAL MATCH (b) WHERE b.id = 'P01' RETURN b", "UNWIND $ids AS i MATCH (p {id: i}) RETURN p",
    "MATCH (n:$($label)) RETURN n", "MATCH (n IS Patient) RETURN n", "EXPLAIN MATCH (p:Patient) RETURN p",
    "CYPHER 25 MATCH (p:Patient) RETURN p", "MATCH ((a)-[:IS_A]->(b)){0,1} RETURN a",
)  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = write(tmp_path_factory.mktemp("agents"), PEOPLE, 2.0, LEARN)
    clinome.load(made)
    clinome.train(made)
    clinome.biomarkers(made)
    return made


def ask(folder: Path, calls: list[tuple[str, Mapping[str, Any]]], *more: str) -> list[tuple[bool, Any]]:
    """One server, one client, these tools one after the other: whether each was refused, and what it said."""
    from mcp import Client
    from mcp.client.stdio import StdioServerParameters

    program = "from clinome.cli.main import main; main()"
    server = StdioServerParameters(command=sys.executable, args=["-c", program, "mcp", str(folder), *more])

    async def asked() -> list[tuple[bool, Any]]:
        found = []
        async with Client(server) as client:
            assert {tool.name for tool in (await client.list_tools()).tools} >= {name for name, _ in calls}
            for name, given in calls:
                result = await client.call_tool(name, dict(given))
                said = result.structured_content if not result.is_error else None
                text = "".join(getattr(part, "text", "") for part in result.content)
                found.append((bool(result.is_error), said if said is not None else text))
        return found

    return asyncio.run(asked())


def test_ten_questions_are_answered_and_nobody_is_listed(folder: Path) -> None:
    study = clinome.Study.read(folder)
    first = clinome.biomarkers(study).biomarkers
    found = ask(
        folder,
        [
            ("about", {}), ("schema", {}), ("queries", {}),
            ("query", {"cypher": "MATCH (g:Gene)-[:IN_PATHWAY]->(w:Pathway) RETURN w.id AS w, count(g) AS n ORDER BY w"}),
            ("query", {"cypher": "MATCH (:Run)-[k:RANKS]->(f) WHERE k.rank <= $n RETURN f.id AS id ORDER BY k.rank", "params": {"n": 3}}),
            ("library_query", {"name": "source_of_number", "params": {"feature": first["feature"][0]}}),
            ("count_patients", {"property": "label", "equals": 1}), ("cohort", {}), ("run_results", {"run": "small"}),
            ("biomarkers", {"run": "small", "first": 3}),
        ],
    )  # fmt: skip
    assert [refused for refused, _ in found] == [False] * 10, found
    about, schema, queries, sets, ranks, source, count, cohort, results, markers = (said for _, said in found)
    assert (about["study"], about["runs"], about["patient_rows_allowed"]) == ("small", ["small"], False)
    assert {one["label"]: one["count"] for one in schema["nodes"]}["Patient"] == told(PEOPLE)
    asked = {one["name"]: one["may_be_asked"] for one in queries["result"]}
    assert asked["source_of_number"] and not asked["patients_with_code"] and not asked["source_of_risk"]
    assert sets["rows"] == [["PATHWAY:0", GENES // 2], ["PATHWAY:1", GENES // 2]]
    assert [row[0] for row in ranks["rows"]] == first["feature"].tolist()[:3]
    assert {row[source["columns"].index("file")] for row in source["rows"]} >= {"patients.csv", "rna.csv"}
    events = int((clinome.cohort(study).frame["label"] == 1).sum())
    assert count == {"patients": told(events), "of": told(PEOPLE)}
    assert cohort["outcome"] == {"0": told(PEOPLE - events), "1": told(events)}
    assert results["chosen"] == "ridge_late" and results["metrics"]["rows"]
    assert [row[2] for row in markers["features"]["rows"]] == first["feature"].tolist()[:3]
    assert not ID.search(json.dumps([said for _, said in found]))


def test_no_attempt_writes_reads_files_or_lists_patients(folder: Path) -> None:
    with clinome.open(folder) as graph:
        before = graph.fingerprint()
    calls: list[tuple[str, Mapping[str, Any]]] = [
        ("query", {"cypher": text, **({"params": {"ids": ["P01"]}} if "$ids" in text else {})}) for text in ATTEMPTS
    ]
    calls += [
        ("library_query", {"name": "source_of_risk", "params": {"patient": "P01"}}),
        ("library_query", {"name": "patients_with_label", "params": {"property": "label"}}),
        ("library_query", {"name": "../../secret.cypher"}), ("run_results", {"run": "../.."}),
        ("biomarkers", {"run": "/etc"}), ("count_patients", {"property": "nothing", "equals": 1}),
        ("query", {"cypher": "MATCH (g:Gene) RETURN g.id AS id LIMIT 100000"}), ("count_patients", {"gene": "TP53"}), ("cohort", {"of": "x"}),
    ]  # fmt: skip
    found = ask(folder, calls)
    assert "did you mean mutated_gene" in found[-2][1]  # dropped, it would be a count of everybody
    passed = [call for call, (refused, _) in zip(calls, found, strict=True) if not refused]
    assert passed == []
    assert not ID.search(" ".join(str(said) for _, said in found))
    assert all("Fix" in said or "engine" in said or "cannot be run" in said for _, said in found), found
    with clinome.open(folder) as graph:
        assert graph.fingerprint() == before


def test_one_patient_is_told_as_nobody(folder: Path) -> None:
    tools = StudyTools(clinome.Study.read(folder))
    one, nobody = (tools.count_patients(property="id", equals=id) for id in ("P01", "nobody"))
    assert one == nobody == {"patients": "<10", "of": 60}


def test_patients_are_listed_where_the_user_allows_it(folder: Path) -> None:
    writes = ("query", {"cypher": "MATCH (p:Patient) DETACH DELETE p"})
    rows = ("query", {"cypher": "MATCH (p:Patient) RETURN p.id AS id ORDER BY id LIMIT 3"})
    (refused, _), (listed, said), (_, count) = ask(folder, [writes, rows, ("count_patients", {})], "--patients")
    assert refused and not listed
    assert said["rows"] == [["P00"], ["P01"], ["P02"]] and count == {"patients": PEOPLE, "of": PEOPLE}


@pytest.mark.parametrize(
    "text",
    [
        "MATCH (d:Diagnosis)<-[:IS_A*0..8]-(x:Diagnosis) RETURN x.id AS id",
        "MATCH p = shortestPath((a:Gene)-[:INTERACTS_WITH*1..3]-(b:Gene)) RETURN p", "RETURN 1 AS one",
        "MATCH (r:Run)-[k:RANKS]->(f)-[:IN_PATHWAY]->(w) RETURN w.name AS w, collect(f.id) AS genes",
    ],
)  # fmt: skip
def test_what_stays_away_from_persons_passes(text: str) -> None:
    check_without_persons(text)


def test_every_query_of_the_library_that_may_be_asked_returns_no_person() -> None:
    tools = StudyTools.__new__(StudyTools)
    object.__setattr__(tools, "patients", False)
    free = {one["name"]: one["columns"] for one in tools.queries() if one["may_be_asked"]}
    assert {"source_of_number", "run_findings"} <= set(free)
    assert not any({"subject_id", "patient", "risk", "visit_id", "similar"} & set(columns) for columns in free.values())


def test_answers_are_bounded() -> None:
    def limit(text: str) -> str:
        return limited(text, parse(text))

    assert limit("MATCH (g:Gene) RETURN g.id AS id // all\n").splitlines()[-1] == "LIMIT 201"
    assert limit("MATCH (g:Gene) RETURN g.id AS id;").endswith("id\nLIMIT 201")
    assert limit("RETURN 1 AS x LIMIT 7") == "RETURN 1 AS x LIMIT 7"
    for text in ("RETURN 1 AS x LIMIT 201", "RETURN 1 AS x LIMIT $n", "RETURN 1 AS x UNION RETURN 2 AS x", "RETURN 1 AS x LIMIT 9+9"):  # fmt: skip
        with pytest.raises(InputError):
            limit(text)
    found = table({"x": [float("nan"), "a" * 5000, list(range(80))]})
    assert [found["rows"][0][0], len(found["rows"][1][0]), len(found["rows"][2][0]), found["more"]] == [
        None,
        2002,
        50,
        True,
    ]
    assert [told(n) for n in (0, 9, 10, 12, 13, 1001)] == ["<10", "<10", 10, 10, 15, 1000]
