"""Ontologies, mappings, annotations, hierarchies: golden links, every row accounted for, the graph's own relationships."""

import gzip
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import networkx as nx
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clinome.graphs.schema import link_ends
from clinome.loaders.errors import InputError
from clinome.loaders.files import regular_file
from clinome.loaders.identifiers.genes import GeneTable
from clinome.loaders.knowledge.hpoa import CLASSES, read_hpoa
from clinome.loaders.knowledge.obo import stanzas
from clinome.loaders.knowledge.structure import STRUCTURE
from clinome.loaders.registry import read_source
from clinome.loaders.specs import Knowledge
from clinome.loaders.tables import CONCEPTS, Known, Loaded, Tally

EMPTY = Known(None, None, GeneTable.empty())
OBO = """\
format-version: 1.2
data-version: hp/2025-01-16
ontology: hp

[Term]
id: HP:0000001
name: All ! of it
xref: UMLS:C0444868

[Term]
id: HP:0000002
name: Body height \\{odd\\}
alt_id: HP:0009999
def: "What is a: not a tag." [url]
xref: UMLS:C4025901 "seen there"
xref: ICD10CM:R62
is_a: HP:0000001 {source="x"} ! All
relationship: part_of UBERON:1 ! body
relationship: regulates HP:0000001

[Term]
id: HP:0000003
name: obsolete short
is_obsolete: true
replaced_by: HP:0000002

[Term]
id: HP:0000004
name: obsolete long
is_obsolete: true

[Term]
id: HP:0000002
name: another
is_a: HP:0000001

[Term]
name: without an id

[Term]
id: HP:0000001
name: All ! of it
xref: UMLS:C0444868

[Typedef]
id: part_of
name: part of
"""
HPOA = """\
#description: "HPO annotations"
#version: 2025-01-16
database_id\tdisease_name\tqualifier\thpo_id\treference\tevidence\tonset\tfrequency\tsex\tmodifier\taspect\tbiocuration
OMIM:1\tOne\t\tHP:0000001\tPMID:1\tPCS\t\t1/2\t\t\tP\tx
OMIM:1\tOne\t\tHP:0000001\tPMID:2\tPCS\t\t3/5\t\t\tP\tx
ORPHA:2\tTwo\t\tHP:0000001\tO\tTAS\t\tHP:0040281\t\t\tP\tx
ORPHA:2\tTwo\tNOT\tHP:0000002\tO\tTAS\t\t\t\t\tP\tx
OMIM:1\tOne\t\tHP:0000006\tPMID:1\tPCS\t\t\t\t\tI\tx
OMIM:1\tOne\t\tHP:0000003\tPMID:1\tPCS\t\t0/7\t\t\tP\tx
DECIPHER:3\tThree\t\tHP:0000003\tD\tIEA\t\t12%\t\t\tP\tx
OMIM:1\tOne\t\tHP:0000004\tPMID:1\tPCS\t\toften\t\t\tP\tx
OMIM:1\tOne\t\tphenotype\tPMID:1\tPCS\t\t\t\t\tP\tx
"""
SSSOM = """\
# curie_map:
#   MONDO: http://purl.obolibrary.org/obo/MONDO_
#   orpha: http://www.orpha.net/ORDO/Orphanet_
# license: https://creativecommons.org/publicdomain/zero/1.0/
# mapping_set_version: 2026-08-04
subject_id\tsubject_label\tpredicate_id\tobject_id\tobject_label\tmapping_justification\tconfidence
MONDO:0000088\tprecocious puberty\tskos:exactMatch\tICD10CM:E301\tPrecocious puberty\tsemapv:x\t0.9
MONDO:0000088\tprecocious puberty\tskos:exactMatch\tOMIM:176400\tpuberty\tsemapv:x\t
MONDO:0000088\tprecocious puberty\tskos:broadMatch\tICD10CM:E30\tDisorders of puberty\tsemapv:x\t
MONDO:0000001\tdisease\tskos:narrowMatch\tMONDO:0000088\tprecocious puberty\tsemapv:x\t
MONDO:0000088\tprecocious puberty\toboInOwl:hasDbXref\tICD9:259.1\t\tsemapv:x\t
MONDO:0000009\tdisorder\tskos:exactMatch\thttp://www.orpha.net/ORDO/Orphanet_42\t\tsemapv:x\t
MONDO:0000088\tprecocious puberty\tskos:closeMatch\tICD10CM:E30.1\tPrecocious puberty\tsemapv:x\t
MONDO:0000010\tnothing\tskos:exactMatch\tno term\t\tsemapv:x\t
"""


def write(path: Path, text: str) -> Path:
    path.write_bytes(gzip.compress(text.encode()) if path.name.endswith(".gz") else text.encode())
    return path


def read(path: Path, **more: Any) -> Loaded:
    loaded = read_source(Knowledge((path,), name="k", **more), EMPTY)
    assert loaded.concepts is not None and loaded.concepts.schema == CONCEPTS and loaded.links is not None
    assert set(loaded.links["subject"]) | set(loaded.links["object"]) <= set(loaded.concepts["id"])
    return loaded


def links(loaded: Loaded) -> set[tuple[Any, ...]]:
    """What the file says, without what the codes say of themselves."""
    assert loaded.links is not None
    said = loaded.links.filter(pl.col("source") != STRUCTURE)
    columns = [name for name in ("subject", "predicate", "object", "mapping", "score") if name in loaded.links.columns]
    return set(said.select(columns).rows())


@pytest.mark.parametrize("name", ["hp.obo", "hp.obo.gz"])
def test_an_ontology(tmp_path: Path, name: str) -> None:
    loaded = read(write(tmp_path / name, OBO), licence="HPO")
    assert loaded.tally == Tally(read=7, written=4, merged=1, rejected=2)
    assert loaded.rejects.filter(pl.col("column") == "id")["row"].sort().to_list() == [5, 6]
    assert links(loaded) == {
        ("HP:0000002", "IS_A", "HP:0000001", None, None), ("HP:0009999", "MAPS_TO", "HP:0000002", "alt_id", None),
        ("HP:0000003", "MAPS_TO", "HP:0000002", "replaced_by", None),
        ("HP:0000002", "PART_OF", "UBERON:1", None, None),
    }  # fmt: skip
    assert loaded.concepts is not None and loaded.links is not None
    names = dict(loaded.concepts.select("id", "name").iter_rows())
    assert names["HP:0000001"] == "All ! of it" and names["HP:0000002"] == names["HP:0009999"] == "Body height {odd}"
    assert set(loaded.links["release"]) == {"hp/2025-01-16"} and set(loaded.links["licence"]) == {"HPO"}
    said = " ".join(loaded.counts)
    assert "(regulates)" in said and "without a successor" in said and "cross-references" in said
    fitting, left = link_ends(loaded.links, loaded.concepts)
    assert fitting.height == 3 and left == {"links left out: PART_OF does not join their ends": 1}


def test_cross_references_are_mappings_only_where_they_are_asked_for(tmp_path: Path) -> None:
    path = write(tmp_path / "hp.obo", OBO)
    found = {one for one in links(read(path, xref=("ICD10CM",))) if one[3] == "xref"}
    assert found == {("ICD10CM:R62", "MAPS_TO", "HP:0000002", "xref", None)}, "from what patients have to the term"
    assert len({one for one in links(read(path, xref=("umls", "ICD10CM"))) if one[3] == "xref"}) == 3


def test_pathways_are_part_of_pathways(tmp_path: Path) -> None:
    text = "[Term]\nid: GO:1\nname: cycle\nis_a: GO:2\nrelationship: part_of GO:3\nalt_id: GO:9\n\n[Term]\nid: GO:2\nis_a: GO:1\n"
    loaded = read(write(tmp_path / "go.obo", text))
    found = {one[:3] for one in links(loaded)}
    assert found == {("GO:1", "PART_OF", "GO:2"), ("GO:1", "PART_OF", "GO:3"), ("GO:9", "MAPS_TO", "GO:1")}
    assert loaded.rejects.select("column", "expected").rows() == [("is_a", "no cycle")] and loaded.tally.written == 2
    assert loaded.concepts is not None and set(loaded.concepts["label"]) == {"Pathway"}


def test_what_is_no_ontology(tmp_path: Path) -> None:
    for data, what in (
        (b"format-version: 1.2\n", "holds no"),
        (b"\xff\xfe[\x00", "no UTF-8"),
        (b"\x1f\x8bno", "unpacked"),
    ):
        (tmp_path / "a.obo").write_bytes(data)
        with pytest.raises(InputError, match=what):
            read(tmp_path / "a.obo")
    with zipfile.ZipFile(tmp_path / "a.obo.zip", "w") as archive:
        archive.writestr("a.obo", OBO)
    assert read(tmp_path / "a.obo.zip").tally.read == 7
    with zipfile.ZipFile(tmp_path / "a.obo.zip", "a") as archive:
        archive.writestr("b.obo", OBO)
    with pytest.raises(InputError, match="a zip of several files"):
        read(tmp_path / "a.obo.zip")
    with pytest.raises(InputError, match="no such file"):
        read(tmp_path / "b.obo")


def test_a_text_that_never_ends_a_line_is_refused_before_it_fills_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(regular_file, "LINE", 100)
    with pytest.raises(InputError, match="lines or a size that no text has"):
        read(write(tmp_path / "a.obo.gz", "[Term]\nid: HP:0000001\nname: " + "x" * 200))


IDS = st.integers(1, 8).map(lambda i: f"HP:{i:07d}")


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(edges=st.lists(st.tuples(IDS, IDS), max_size=25))
def test_any_is_a_becomes_a_hierarchy_without_cycles(
    tmp_path_factory: pytest.TempPathFactory, edges: list[tuple[str, str]]
) -> None:
    """Rows add up, no cycle is left, and what is left out is one edge of a cycle each."""
    terms: dict[str, list[str]] = {}
    for child, parent in edges:
        terms.setdefault(child, []).append(parent)
    text = "".join(f"[Term]\nid: {c}\n" + "".join(f"is_a: {p}\n" for p in up) + "\n" for c, up in terms.items())
    path = write(tmp_path_factory.mktemp("obo") / "a.obo", text or "[Term]\nid: HP:0000001\n")
    assert [one.values("is_a") for one in stanzas(path, {})] == (list(terms.values()) or [[]])
    loaded = read(path)
    graph = nx.DiGraph([(s, o) for s, _, o, *_ in links(loaded)])
    assert nx.is_directed_acyclic_graph(graph)
    full = nx.DiGraph([edge for edge in edges if edge[0] != edge[1]])
    lost = [edge for edge in full.edges if not graph.has_edge(*edge)]
    assert all(nx.has_path(graph, parent, child) for child, parent in lost)
    assert loaded.tally == Tally(max(1, len(terms)), max(1, len(terms)), 0, 0)


def test_annotations_of_phenotypes(tmp_path: Path) -> None:
    loaded = read(write(tmp_path / "phenotype.hpoa.gz", HPOA))
    assert loaded.tally == Tally(read=9, written=4, merged=1, rejected=4)
    assert links(loaded) == {
        ("OMIM:1", "HAS_PHENOTYPE", "HP:0000001", 4 / 7), ("ORPHA:2", "HAS_PHENOTYPE", "HP:0000001", 0.895),
        ("DECIPHER:3", "HAS_PHENOTYPE", "HP:0000003", 0.12), ("OMIM:1", "HAS_PHENOTYPE", "HP:0000004", None),
    }  # fmt: skip
    why = Counter(loaded.rejects.filter(pl.col("fix").str.starts_with("nothing"))["column"])
    assert why == {"aspect": 1, "qualifier": 1, "frequency": 1}
    assert loaded.losses[0].lost == 1 and loaded.links is not None and set(loaded.links["release"]) == {"2025-01-16"}
    assert link_ends(loaded.links, loaded.concepts)[1] == {}, "a disease of DECIPHER is a Diagnosis"
    old = HPOA.replace("database_id", "DatabaseID").replace("hpo_id", "HPO_ID").replace("aspect", "Aspect")
    assert read(write(tmp_path / "old.hpoa", old)).tally.read == 9
    with pytest.raises(InputError, match="no HPO annotations"):
        read(write(tmp_path / "no.hpoa", "a\tb\n1\t2\n"))


FREQUENCY = st.one_of(
    st.tuples(st.integers(0, 5), st.integers(5, 9)).map(lambda one: f"{one[0]}/{one[1]}"),
    st.integers(0, 100).map(lambda one: f"{one}%"), st.sampled_from([*CLASSES, ""]),
)  # fmt: skip


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.tuples(st.integers(1, 3), FREQUENCY), min_size=1, max_size=12))
def test_how_often_a_phenotype_is_seen_is_that_of_a_loop(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[int, str]]
) -> None:
    head = "database_id\thpo_id\tfrequency\taspect\n"
    text = head + "".join(f"OMIM:{disease}\tHP:0000001\t{often}\tP\n" for disease, often in rows)
    path = write(tmp_path_factory.mktemp("hpoa") / "a.hpoa", text)
    loaded = read_hpoa(Knowledge((path,), name="k"), EMPTY)
    wanted: dict[str, float | None] = {}
    for disease in {disease for disease, _ in rows}:
        said = [often for one, often in rows if one == disease and often]
        pairs = [tuple(map(int, often.split("/"))) for often in said if "/" in often]
        rest = [
            float(often[:-1]) / 100 if often.endswith("%") else CLASSES[often] for often in said if "/" not in often
        ]
        score = (
            sum(a for a, _ in pairs) / sum(b for _, b in pairs) if pairs else sum(rest) / len(rest) if rest else None
        )
        if score != 0:
            wanted[f"OMIM:{disease}"] = score
    assert loaded.links is not None
    found = dict(loaded.links.select("subject", "score").iter_rows())
    assert found.keys() == wanted.keys()
    assert all(found[one] == pytest.approx(wanted[one]) for one in wanted)
    assert loaded.tally.read == len(rows) and loaded.tally.written == len(wanted)


def test_exact_mappings_lead_from_records_to_genes(tmp_path: Path) -> None:
    loaded = read(write(tmp_path / "mondo.sssom.tsv.gz", SSSOM))
    assert loaded.tally == Tally(read=8, written=3, merged=0, rejected=5)
    assert links(loaded) == {
        ("ICD10CM:E30.1", "MAPS_TO", "MONDO:0000088", "exactMatch", 0.9),
        ("MONDO:0000088", "MAPS_TO", "OMIM:176400", "exactMatch", None),
        ("MONDO:0000009", "MAPS_TO", "ORPHA:42", "exactMatch", None),
    }  # fmt: skip
    assert loaded.concepts is not None and loaded.links is not None
    assert dict(loaded.concepts.select("id", "name").iter_rows())["ICD10CM:E30.1"] == "Precocious puberty"
    assert set(loaded.links["licence"]) == {"https://creativecommons.org/publicdomain/zero/1.0/"}
    assert link_ends(loaded.links, loaded.concepts)[1] == {}


def test_other_mappings_go_from_the_narrower_term_to_the_broader(tmp_path: Path) -> None:
    path = write(tmp_path / "mondo.sssom.tsv", SSSOM)
    loaded = read(path, matches=("broad", "narrow", "dbxref", "close"), prefixes={"ICD9": "ICD9CM"})
    assert {one[:4] for one in links(loaded)} == {
        ("MONDO:0000088", "MAPS_TO", "ICD10CM:E30", "broadMatch"), ("MONDO:0000088", "MAPS_TO", "MONDO:0000001", "broadMatch"),
        ("ICD9CM:259.1", "MAPS_TO", "MONDO:0000088", "hasDbXref"), ("ICD10CM:E30.1", "MAPS_TO", "MONDO:0000088", "closeMatch"),
    }  # fmt: skip
    both = read(path, matches=("exact", "close"))
    assert both.tally == Tally(read=8, written=3, merged=1, rejected=4), (
        "a close one beside the exact one merges into it"
    )
    with pytest.raises(
        InputError, match=r'no mapping of the kinds that are wanted.*matches = \["broad", "close", "dbxref"'
    ):
        read(path, matches=("related",))
    with pytest.raises(InputError, match="unknown word"):
        read(path, matches=("same",))
    with pytest.raises(InputError, match="a column predicate_id"):
        read(write(tmp_path / "no.sssom.tsv", "subject_id\tobject_id\nA:1\tB:1\n"))


def test_a_hierarchy_of_bare_codes(tmp_path: Path) -> None:
    text = "code,parent,description\nA00-A09,,Intestinal\nA00,A00-A09,Cholera\nA000,A00,\nA000,A00,\nA09,A09,loop\n,A00,\nA00-A09,A000,back\n"
    path = write(tmp_path / "icd.csv", text)
    loaded = read(path, format="hierarchy", codes={"code": "ICD10CM", "parent": "ICD10CM"})
    assert loaded.tally == Tally(read=7, written=3, merged=1, rejected=3)
    cycle = {("A00", "A00-A09"), ("A00.0", "A00"), ("A00-A09", "A00.0")}
    found = {
        (child.removeprefix("ICD10CM:"), parent.removeprefix("ICD10CM:")) for child, _, parent, *_ in links(loaded)
    }
    assert len(found) == 2 and found < cycle, "one edge of the cycle is rejected"
    assert loaded.concepts is not None
    assert dict(loaded.concepts.select("id", "name").iter_rows())["ICD10CM:A00-A09"] == "Intestinal"
    with pytest.raises(InputError, match="two columns"):
        read(write(tmp_path / "x.csv", "a,b\n1,2\n"), format="hierarchy")
    assert read_source(Knowledge((path,), name="k", format="hierarchy"), EMPTY).tally.written == 0, (
        "bare, and nobody says of what"
    )


def test_a_hierarchy_across_vocabularies_and_without_a_header(tmp_path: Path) -> None:
    text = "ICD9,label,PheCode\n001,x,008\n001.0,y,008\n"
    found = links(
        read(write(tmp_path / "p.csv", text), format="hierarchy", codes={"ICD9": "ICD9CM", "PheCode": "PHECODE"})
    )
    assert {one[:3] for one in found} == {
        ("ICD9CM:001", "IS_A", "PHECODE:008"),
        ("ICD9CM:001.0", "IS_A", "PHECODE:008"),
    }
    bare = write(tmp_path / "b.csv", "TREE:1,TREE:0\nTREE:2,TREE:0\n")
    assert len(links(read(bare, format="hierarchy", subject=0, object=1))) == 2


def test_a_key_of_another_format_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "hp.obo", OBO)
    for more in ({"matches": ("close",)}, {"codes": {"a": "ICD10CM"}}):
        with pytest.raises(InputError, match="no key of this format"):
            read(path, **more)
    with pytest.raises(InputError, match="no key of this format"):
        read(write(tmp_path / "e.csv", "gene_a,gene_b\nA,B\n"), xref=("ICD10CM",))
