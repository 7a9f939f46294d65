"""Look-ahead of a query: honest ones lose nobody in any future; each way to look past the prediction time loses rows there."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_study import QUERY, build, cohort_frame

from clinome.graphs.cohort.look_ahead import PATIENTS, CannotAsk, Future, look_ahead
from clinome.graphs.query.cypher import parse
from clinome.graphs.tables.study_tables import Tables

RETURN = "\nRETURN p.id AS subject_id, p.index_time AS prediction_time, p.subtype AS label"
WHO = "MATCH (p:Patient) WHERE p.subtype IS NOT NULL\n"
HONEST = {
    "what it was": QUERY,
    "diagnosed by then": WHO + "WITH p WHERE EXISTS { MATCH (p)-[d:DIAGNOSED]->() WHERE d.known_time <= p.index_time }" + RETURN,
    "not yet diagnosed": WHO + "WITH p WHERE NOT EXISTS { MATCH (p)-[d:DIAGNOSED]->(:Diagnosis {id: 'ICD10CM:A01.1'}) WHERE d.time <= p.index_time }" + RETURN,
    "a visit that has begun": WHO + "WITH p WHERE EXISTS { MATCH (p)-[:ATTENDED]->(v:Visit) WHERE v.start_time <= p.index_time }" + RETURN,
    "by the hierarchy": WHO + "WITH p WHERE EXISTS { MATCH (p)-[d:DIAGNOSED]->(c:Diagnosis)-[:IS_A]->(:Diagnosis {id: 'ICD10CM:A01'}) WHERE d.known_time <= p.index_time }" + RETURN,
    "by a layer": WHO + "WITH p WHERE EXISTS { MATCH (p)-[:MUTATED_IN]->(:Gene {id: 'NCBIGene:1'}) }" + RETURN,
    "sequenced": WHO + "WITH p WHERE EXISTS { MATCH (p)-[:PROFILED {layer: 'mutations'}]->() }" + RETURN,
}  # fmt: skip
AHEAD = {
    "comes back": WHO + "// step: known\nWITH p WHERE EXISTS { MATCH (p)-[:ATTENDED]->(v:Visit) WHERE v.start_time > p.index_time }\n// step: comes back" + RETURN,
    "is diagnosed at any time": WHO + "// step: known\nWITH p WHERE EXISTS { MATCH (p)-[d:DIAGNOSED]->() WHERE d.known_time > p.index_time }\n// step: is diagnosed" + RETURN,
}  # fmt: skip


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    """Twenty-four patients with much that happens after their prediction time."""
    return build(tmp_path_factory.mktemp("study"), future=5)


def asked(text: str, tables: Tables, folder: Path) -> tuple[Future, ...]:
    return look_ahead(parse("asked", text), {}, cohort_frame(tables), tables, folder)


@pytest.mark.parametrize("name", HONEST)
def test_a_query_of_what_was_known_loses_nobody(name: str, tables: Tables, tmp_path: Path) -> None:
    found = asked(HONEST[name], tables, tmp_path)
    assert {one.future for one in found} == {"nothing", "return"}
    assert all(one.of > 2 and one.gone == 0 and one.step is None for one in found), found


@pytest.mark.parametrize("name", AHEAD)
def test_a_query_of_what_came_after_loses_everybody_at_that_step(name: str, tables: Tables, tmp_path: Path) -> None:
    nothing = next(one for one in asked(AHEAD[name], tables, tmp_path) if one.future == "nothing")
    assert 0 < nothing.gone == nothing.of <= PATIENTS
    assert nothing.step == ("comes back" if name == "comes back" else "is diagnosed")


def test_being_the_last_visit_is_lost_where_one_comes_back(tables: Tables, tmp_path: Path) -> None:
    text = "MATCH (p:Patient)-[:ATTENDED]->(v:Visit) WHERE p.subtype IS NOT NULL WITH p, max(v.end_time) AS at RETURN p.id AS subject_id, at AS prediction_time"
    query = parse("last", text)
    from clinome.graphs.ingest.load_source import rebuild  # the cohort as the query gives it
    from clinome.graphs.query.cypher import run_query
    from clinome.graphs.store.embedded import EmbeddedStore

    store = EmbeddedStore(tmp_path / "graph", write=True)
    rebuild(store, tables)
    members = run_query(store, query, {})
    store.close()
    (tmp_path / "copies").mkdir()
    nothing, back = look_ahead(query, {}, members, tables, tmp_path / "copies")
    assert (nothing.gone, back.gone) == (0, back.of) and back.of == members.height


def test_what_cannot_be_asked_says_why(tables: Tables, tmp_path: Path) -> None:
    with pytest.raises(CannotAsk, match="needs neo4j"):
        look_ahead(
            parse("asked", "// store: neo4j\n// returns: subject_id text\n" + QUERY),
            {},
            cohort_frame(tables),
            tables,
            tmp_path,
        )
    with pytest.raises(CannotAsk, match="no row of patients copied"):
        asked(QUERY.replace("p.subtype IS NOT NULL", "p.id = 'nobody'"), tables, tmp_path / "one")
    undated = build(tmp_path / "undated", records=False)
    with pytest.raises(CannotAsk, match="nothing in the study is dated"):
        asked(QUERY, undated, tmp_path / "two")
