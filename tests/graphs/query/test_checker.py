"""What is refused before a query runs, alike on every store, with what to write instead; and what only one engine cannot."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

import pytest
from cohort_tables import CohortTables
from hypothesis import given
from hypothesis import strategies as st
from stores import Kind

from clinome.graphs import schema
from clinome.graphs.language.kglite_dialect import quoted
from clinome.graphs.language.parser import NotUnderstood
from clinome.graphs.language.parser import parse as parse_cypher
from clinome.graphs.language.tokens import without_comments
from clinome.graphs.query.catalog import Catalog
from clinome.graphs.query.cypher import Query, library, parse, run_lists
from clinome.graphs.query.describe import describe
from clinome.graphs.store.protocol import Store
from clinome.loaders.errors import InputError

TABLES = CohortTables(seed=1)
P, V = "MATCH (p:Patient) ", "MATCH (p:Patient)-[d:DIAGNOSED]->(c:Diagnosis) "

REFUSED = (
    # words that the graph does not have
    ("MATCH (p:Patients) RETURN p.id AS id", "did you mean Patient?"),
    ("MATCH (p:patient) RETURN p.id AS id", "did you mean Patient?"),
    ("MATCH (g:Gene|Pathwy) RETURN g.id AS id", "did you mean Pathway?"),
    ("MATCH (p:Patient)-[:MUTATED]->(g) RETURN g.id AS id", "did you mean MUTATED_IN?"),
    ("MATCH (p:Patient)-[:MUTATED_IN|ATTENDS]->(g) RETURN g.id AS id", "did you mean ATTENDED?"),
    (f"{P}WHERE EXISTS {{ (p)-[:DIAGNOSE]->() }} RETURN p.id AS id", "did you mean DIAGNOSED?"),
    (f"{P}WHERE p:Patint RETURN p.id AS id", "did you mean Patient?"),
    (f"{P}RETURN p.fab AS x", "no such property of Patient"),
    (f"{P}WHERE p.agee > 3 RETURN p.id AS id", "did you mean age?"),
    (f"{P}WHERE p['agee'] > 3 RETURN p.id AS id", "did you mean age?"),
    (f"{P}WHERE p[$key] > 3 RETURN p.id AS id", "did you mean age?"),
    (f"{P}RETURN p {{.id, .stages}} AS m", "did you mean stage?"),
    ("MATCH (g:Gene {symbl: 'TP53'}) RETURN g.id AS id", "did you mean symbol?"),
    (f"{V}WHERE d.tme IS NOT NULL RETURN p.id AS id", "did you mean time?"),
    (f"{V}RETURN c.title AS x", "no such property of Diagnosis"),
    ("MATCH (p:Patient)-[:ATTENDED]->(v) RETURN v.wards AS w", "did you mean ward?"),
    (f"{P}WITH p AS q RETURN q.agee AS x", "did you mean age?"),
    (f"{P}WITH collect(p) AS ps RETURN [q IN ps | q.agee] AS x", "did you mean age?"),
    (f"{P}CALL (p) {{ MATCH (p)-[:ATTENDED]->(v) RETURN v.wardd AS w }} RETURN w", "did you mean ward?"),
    # predicates on what is no boolean
    (f"{P}WHERE p.outcome RETURN p.id AS id", "write p.outcome = 1"),
    (f"{P}WHERE NOT p.stage RETURN p.id AS id", "and no boolean"),
    (f"{P}WHERE p.sex = 'F' AND p.age RETURN p.id AS id", "write p.age > 0"),
    (f"{P}RETURN CASE WHEN p.outcome THEN 1 ELSE 0 END AS x", "write p.outcome = 1"),
    (f"{P}WITH p.outcome AS died WHERE died RETURN died", "write died = 1"),
    (f"{P}WHERE p RETURN p.id AS id", "is a node"),
    (f"{P}WITH collect(p.stage) AS s WHERE s RETURN s", "size(s) > 0"),
    (f"{P}WHERE any(x IN [p.outcome] WHERE x) RETURN p.id AS id", "write x = 1"),
    (f"{P}WHERE p.smoker = 'true' RETURN p.id AS id", "true or false is no text"),
    (f"{P}WHERE p.smoker = 1 RETURN p.id AS id", "true or false is no text"),
    # numbers and text: what never holds finds nobody, and nobody would know why
    (f"{P}WHERE p.stage >= 2 RETURN p.id AS id", "text is compared with a number"),
    (f"{P}WHERE 65 < p.sex RETURN p.id AS id", "text is compared with a number"),
    (f"{P}WHERE p['stage'] >= 2.5 RETURN p.id AS id", "text is compared with a number"),
    (f"{P}WHERE p.stage IN [1, 2] RETURN p.id AS id", "text is compared with a number"),
    # times of two types
    (f"{P}WHERE p.index_date >= date('2020-01-01') RETURN p.id AS id", "date(p.index_date) >= date("),
    (f"{P}WHERE date('2020-01-01') < p.index_date RETURN p.id AS id", "date('…') < date(p.index_date)"),
    (f"{P}WHERE p.index_date = '2020-01-01' RETURN p.id AS id", "p.index_date = localdatetime('…')"),
    (f"{P}WHERE p.index_date < datetime() RETURN p.id AS id", "localdatetime(datetime())"),
    (f"{P}WHERE p.index_date > $text RETURN p.id AS id", "localdatetime($text)"),
    (f"{P}WHERE p.index_date IN [date('2020-01-01')] RETURN p.id AS id", "one type"),
    (f"{P}WHERE p.index_date > 2020 RETURN p.id AS id", "one type"),
    (f"{P}WITH min(p.index_date) AS first MATCH (q:Patient) WHERE q.index_date = date(first) RETURN q.id AS id", "date("),
    (f"{V}WITH p, coalesce(d.time, p.index_date) AS t WHERE t >= date('2020-01-01') RETURN p.id AS id", "date(t)"),
    (f"{P}WHERE localdatetime('2020-01-01') <= p.index_date <= date('2021-01-01') RETURN p.id AS id", "a date"),
    (f"{V}WITH collect({{t: d.time}}) AS h WHERE h[0].t > date('2020-01-01') RETURN h", "date(h[0].t)"),
    (f"{P}RETURN p.index_date - p.birth_date AS x", "duration.inDays(p.birth_date, p.index_date).days"),
    (f"{P}WHERE duration.between(p.birth_date, p.index_date) > duration('P18Y') RETURN p.id AS id", "have no order"),
    (f"{P}RETURN p.index_date.epochSeconds AS x", "datetime(…).epochSeconds"),
    (f"{P}RETURN p.index_date.years AS x", "did you mean year?"),
    # what differs from store to store
    (f"{P}RETURN id(p) AS x", "write p.id"), (f"{P}RETURN elementId(p) AS x", "write p.id"),
    (f"{P}RETURN median(p.age) AS x", "no such function"), (f"{P}RETURN p.sex.x AS y", "has no properties"),
    ("SHOW INDEXES", "clinome schema"), ("CALL db.labels() YIELD label RETURN label", "clinome schema"),
)  # fmt: skip
ONLY_NEO4J = (
    (f"{P}RETURN COLLECT {{ MATCH (p)-[:MUTATED_IN]->(g) RETURN g.id }} AS x", "CALL (p)"),
    (f"{P}OPTIONAL CALL (p) {{ MATCH (p)-[:ATTENDED]->(v) RETURN v }} RETURN p.id AS id", "OPTIONAL MATCH"),
    (f"{P}WHERE EXISTS {{ MATCH (p)-[:ATTENDED]->(v) WITH count(v) AS n WHERE n > 1 RETURN n }} RETURN p.id AS id", "CALL (p)"),
    ("MATCH (n:!Gene) RETURN count(n) AS n", "WHERE"), ("RETURN btrim('xax', 'x') AS x", "replace"),
    ("MATCH (v:Visit) RETURN avg(duration.inDays(v.start_time, v.end_time)) AS x", "duration.inDays(a, b).days"),
    ("MATCH (p:Patient) WHERE coalesce(p.smoker, p.stage) = 'I' OR {a: true}[p.id] RETURN count(p) AS n", "= true"),
    ("MATCH (a:Gene {id: 'g0'}) (()-[:INTERACTS_WITH]->()){1,2} (b:Gene) RETURN b.id AS id", "Fix"),
)  # fmt: skip
GIVEN = {"key": "agee", "text": "2020-01-01"}


@pytest.fixture(scope="module")
def store(kind: Kind, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    place = kind.empty(tmp_path_factory.mktemp("checked"))
    with place.open() as writer:
        TABLES.write(writer)
    with place.open(write=False) as reader:
        yield reader


@pytest.mark.parametrize(("text", "fix"), REFUSED)
def test_it_is_refused_alike_with_what_to_write(store: Store, text: str, fix: str) -> None:
    params = {name: value for name, value in GIVEN.items() if f"${name}" in text}
    with pytest.raises(InputError) as refused:
        run_lists(store, parse("question", text), params)
    assert fix in str(refused.value)
    assert "2020-01-01" not in str(refused.value) and "TP53" not in str(refused.value)


@pytest.mark.parametrize(("text", "fix"), ONLY_NEO4J)
def test_what_one_engine_cannot_it_says(store: Store, text: str, fix: str) -> None:
    if store.name == "neo4j":
        assert run_lists(store, parse("question", text), {})
    else:
        with pytest.raises(InputError, match=re.escape(fix)):
            run_lists(store, parse("question", text), {})


def test_what_the_page_of_the_schema_says_can_be_asked(store: Store) -> None:
    """Every property of the schema is known, though this graph has few of them; nothing of another label is."""
    catalog = Catalog(store)
    for label in schema.LABELS:
        for name in ("id", *schema.NODE_PROPERTIES.get(label, {})):
            assert catalog.property("NODE", frozenset({label}), name) is not None
    for type, names in schema.RELATIONSHIP_PROPERTIES.items():
        assert all(catalog.property("RELATIONSHIP", frozenset({type}), name) for name in ("source", *names))
    assert catalog.property("NODE", frozenset({"Gene"}), "ward") is None
    assert catalog.property("NODE", frozenset(), "ward") is not None


def test_a_property_that_few_nodes_have_is_found(store: Store) -> None:
    """The catalog looks at some nodes; what these lack is asked for."""
    catalog = Catalog(store)
    catalog._nodes["Patient"] = {}
    found = catalog.property("NODE", frozenset({"Patient"}), "smoker")
    assert found is not None and found.name == "BOOLEAN"
    assert catalog.property("NODE", frozenset({"Patient"}), "smokes") is None


@pytest.mark.parametrize("query", library(), ids=lambda query: query.name)
def test_the_library_can_be_read(query: Query) -> None:
    assert quoted(without_comments(query.text)) == without_comments(query.text)
    assert parse_cypher(query.text).singles


def test_a_description_counts_all_that_is_there(store: Store) -> None:
    found = describe(store)
    nodes = {kind.label: kind for kind in found.nodes}
    assert nodes["Patient"].count == TABLES.patients.height and nodes["Visit"].count == TABLES.visits.height
    properties = {one.name: one for one in nodes["Patient"].properties}
    assert properties["smoker"].types == ("BOOLEAN",) and properties["index_date"].types == ("LOCAL DATETIME",)
    assert properties["age"].count == TABLES.patients["age"].count()
    kinds = {(r.type, r.start, r.end): r for r in found.relationships}
    assert kinds["DIAGNOSED", "Patient", "Diagnosis"].count == TABLES.diagnosed.height
    assert {one.name for one in kinds["INTERACTS_WITH", "Gene", "Gene"].properties} == {"score", "source"}
    assert {i.label for i in found.indexes if i.unique and i.properties == ("id",)} == set(schema.LABELS)
    assert ("Gene", ("symbol",)) in {(i.label, i.properties) for i in found.indexes if not i.unique}


@pytest.mark.parametrize(
    "text", ["MATCH (p:Patient RETURN p", "RETURN", "MATCH (p) RETURN p.", "RETURN 1 +", "RETURN (1", "FOO"]
)
def test_what_cannot_be_read_says_where(text: str) -> None:
    with pytest.raises(NotUnderstood, match=r"line 1, column \d+"):
        parse_cypher(text)


NAMES = st.sampled_from(["p", "end", "starts", "is", "x1", "`a b`", "in"])
ATOMS = st.one_of(
    NAMES, st.sampled_from(["1", "2.5", "'it\\'s'", "null", "$v", "[1, 2]", "{a: 1}", "p.age", "count(*)"])
)
EXPRESSIONS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.builds("({} {} {})".format, inner, st.sampled_from(["+", "-", "AND", "<", "IN", "STARTS WITH", "=~"]), inner),
        st.builds("[x IN {} WHERE {} | {}]".format, inner, inner, inner),
        st.builds("CASE {} WHEN {} THEN {} END".format, inner, inner, inner), st.builds("(NOT {})".format, inner),
        st.builds("coalesce({}, {})".format, inner, inner), st.builds("({} IS NOT NULL)".format, inner),
        st.builds("{}[{}]".format, ATOMS, inner), st.builds("EXISTS {{ (p)-[:GAVE]->() WHERE {} }}".format, inner),
    ),
    max_leaves=12,
)  # fmt: skip


@given(EXPRESSIONS)
def test_every_part_stands_for_its_own_text(expression: str) -> None:
    """Parts lie inside what holds them, in order, and a query read again after quoting is the same query."""
    text = f"MATCH (p) /* RETURN */ RETURN {expression} AS x // end"
    bare = without_comments(text)
    assert len(bare) == len(text)
    tree = parse_cypher(bare)
    for part in tree.walk():
        inner = part.parts()
        assert all(part.start <= one.start <= one.end <= part.end for one in inner)
        assert all(a.end <= b.start for a, b in pairwise(inner))
    again = parse_cypher(quoted(bare))
    assert [type(part) for part in again.walk()] == [type(part) for part in tree.walk()]
