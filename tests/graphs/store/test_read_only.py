"""What may run and what may not: a table of texts, and refused texts in every disguise."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clinome.graphs.query.cypher import library
from clinome.graphs.store.embedded import EmbeddedStore
from clinome.graphs.store.read_only import check_read_only
from clinome.loaders.errors import InputError

ALLOWED = (
    "RETURN 1 AS x",
    "RETURN 1 AS x;",
    "match (p:Patient) return p.id as subject_id",
    "MATCH (p:Patient) WHERE p.name = 'CREATE (n)' RETURN p",
    'MATCH (p:Patient) WHERE p.name = "DELETE \\" LOAD CSV" RETURN p',
    "MATCH (p:Patient) WHERE p.name = 'it\\'s // LOAD CSV' RETURN p",
    "MATCH (p:Patient) // DETACH DELETE p\nRETURN p.id AS id",
    "MATCH (p:Patient) /* LOAD CSV FROM 'x' AS row */ RETURN p.id AS id",
    "MATCH (p:`Set`) WHERE p.`create` = 1 RETURN p.`delete me` AS `merge`",
    "MATCH (p:`LOAD CSV`) RETURN p",
    "MATCH (p) WHERE p.set = 1 AND p.remove = 2 RETURN p.create AS made, p.load AS load",
    "MATCH (p:Set)-[:REMOVE|DELETE]->(q:Create) RETURN q",
    "MATCH (p {set: 1, create: $create}) RETURN p",
    "RETURN $set AS x, $delete AS y",
    "MATCH (p) WITH p.created AS created, p.dataset AS dataset RETURN created, dataset, offset",
    "MATCH (p) WHERE EXISTS { MATCH (p)-[:MUTATED_IN]->(:Gene) } RETURN COUNT { MATCH (p)--() } AS n",
    "CALL { MATCH (p:Patient) RETURN p LIMIT 1 } RETURN p.id AS id",
    "MATCH (p:Patient) CALL (p) { MATCH (p)-[:GAVE]->(s) RETURN count(s) AS n } RETURN n",
    "RETURN duration.between($a, $b) AS d, date.truncate('month', $a) AS m, datetime.realtime() AS t",
    "MATCH (p) WHERE p.a IN ['LOAD', 'CSV'] RETURN load, p",
    "UNWIND [1, 2] AS `set` RETURN `set`",
    "MATCH (p) RETURN p.value * 1.5e-3 AS x ORDER BY x DESC SKIP 1 LIMIT 2",
    "MATCH (p) RETURN p UNION ALL MATCH (q) RETURN q AS p",
    "RETURN 'ümläut 漢字 🧬' AS x",
    "RETURN '' AS x, \"\" AS y",
)
REFUSED = (
    "CREATE (n:Patient {id: 'x'})",
    "create (n)",
    "MATCH (p) SET p.a = 1",
    "MATCH (p) SET p += {a: 1}",
    "MATCH (p) SET p:Dead",
    "MATCH (p) SET `p`.a = 1",
    "MATCH (p)\nREMOVE p.a",
    "MATCH (p) DELETE p",
    "MATCH (p) DELETE(p)",
    "MATCH (p) DETACH DELETE p",
    "MATCH (p) NODETACH DELETE p",
    "MERGE (p:Patient {id: 1}) RETURN p",
    "MATCH (p) WITH p MERGE (p)-[:X]->(q) RETURN p",
    "INSERT (p:Patient)",
    "FOREACH (x IN [1] | CREATE (:Patient {id: x}))",
    "MATCH (p) FOREACH(x IN [p] | SET x.a = 1)",
    "LOAD CSV FROM 'file:///etc/passwd' AS row RETURN row",
    "load csv with headers from $url as row return row",
    "LOAD\nCSV FROM 'x' AS row RETURN row",
    "LOAD/* */CSV FROM 'x' AS row RETURN row",
    "LOAD // hidden\nCSV FROM 'x' AS row RETURN row",
    "LOAD\u00a0CSV FROM 'x' AS row RETURN row",
    "LOAD\u180eCSV FROM 'x' AS row RETURN row",
    "MATCH (p) LOAD CSV FROM 'x' AS row RETURN row",
    "MATCH (p) WITH 1.LOAD CSV FROM 'x' AS row RETURN row",
    "CALL { LOAD CSV FROM 'x' AS row RETURN row } RETURN row",
    "RETURN 'it' // '\nLOAD CSV FROM 'x' AS row RETURN row",
    "CALL db.labels()",
    "CALL apoc.load.json('x') YIELD value RETURN value",
    "CALL dbms.listConfig",
    "CALL `apoc`.`cypher`.`doIt`('CREATE (n)', {})",
    "RETURN apoc.cypher.runFirstColumnSingle('CREATE (n)', {}) AS x",
    "RETURN `apoc`.create.uuid() AS x, apoc.create.uuid() AS y",
    "RETURN gds.util.asNode(1) AS x",
    "CALL { CREATE (n) RETURN n } RETURN n",
    "CALL { MATCH (p) RETURN p } IN TRANSACTIONS RETURN p",
    "USE other MATCH (p) RETURN p",
    "SHOW CONSTRAINTS",
    "DROP INDEX x",
    "CREATE CONSTRAINT FOR (n:Patient) REQUIRE n.id IS UNIQUE",
    "ALTER USER neo4j SET PASSWORD 'x'",
    "GRANT ROLE admin TO me",
    "TERMINATE TRANSACTION 'x'",
    "MATCH (p) RETURN p; CREATE (n)",
    "RETURN 1 AS x; RETURN 2 AS x",
    "RETURN 'open AS x",
    'RETURN "open AS x',
    "RETURN `open AS x",
    "RETURN \\u0031 AS x",
    "RETURN '\\u0027 CREATE (n) //' AS x",
    "MATCH (p:`a\\`b`) RETURN p",
    "MATCH (p) RETURN p\x00",
    "RETURN 1 AS x //\rCREATE (n)",
    "RETURN 1 AS x //\u2028CREATE (n)",
    "",
    " \n // nothing\n",
)
FILLERS = (" ", "\n", "\t", " /* RETURN 1 */ ", " // MATCH\n", "\r\n")


@pytest.mark.parametrize("text", ALLOWED)
def test_reading_passes(text: str) -> None:
    check_read_only(text)


@pytest.mark.parametrize("text", REFUSED)
def test_all_else_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        check_read_only(text)


def test_the_whole_library_passes() -> None:
    queries = library()
    for query in queries:
        check_read_only(query.text)
    assert len(queries) >= 8


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_no_space_comment_or_case_hides_a_refused_word(data: st.DataObject) -> None:
    words = data.draw(st.sampled_from([text for text in REFUSED if text.isascii() and text.replace(" ", "").isalpha()] + [
        "MATCH (p) SET p.a = 1", "MATCH (p) DETACH DELETE p", "LOAD CSV FROM $f AS row RETURN row", "CALL db . labels ( )",
    ])).split(" ")  # fmt: skip
    text = words[0]
    for word in words[1:]:
        cased = "".join(data.draw(st.sampled_from([c.lower(), c.upper()])) for c in word)
        text += "".join(data.draw(st.lists(st.sampled_from(FILLERS), min_size=1, max_size=3))) + cased
    with pytest.raises(InputError):
        check_read_only(text)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=40))
def test_any_text_is_either_passed_or_refused_plainly(text: str) -> None:
    try:
        check_read_only(text)
    except InputError as error:
        assert str(error).startswith("query: ")


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(blacklist_categories=("Cc", "Zl", "Zp", "Cs"), blacklist_characters="'\\"), max_size=30))
def test_whatever_stands_in_a_string_passes(inside: str) -> None:
    check_read_only(f"RETURN '{inside} LOAD CSV DELETE' AS x")


def test_the_engine_itself_refuses_writes_that_the_guard_would_miss(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two fences: with the first one away, the second still holds for writes."""
    monkeypatch.setattr("clinome.graphs.store.embedded.check_read_only", lambda text: None)
    with EmbeddedStore(tmp_path / "g", write=True) as store:
        store.prepare()
        for text in ("CREATE (:Patient {id: 'x'})", "MERGE (:Patient {id: 'x'})", "MATCH (n) DETACH DELETE n"):
            with pytest.raises(InputError):
                store.run(text, {})
        assert store.run("MATCH (p:Patient) RETURN count(p) AS n", {})["n"].to_list() == [0]
