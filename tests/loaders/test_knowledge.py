"""Gene sets and edges: identifiers found, headers found, every row accounted for."""

import gzip
from pathlib import Path
from typing import Any

import networkx as nx
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clinome.loaders.errors import InputError
from clinome.loaders.identifiers.genes import GeneTable, read_genes
from clinome.loaders.knowledge.edge_list import KINDS, closing_edges, read_edges
from clinome.loaders.knowledge.gmt import GeneSet, parse, read_gmt
from clinome.loaders.specs import Knowledge
from clinome.loaders.tables import CONCEPTS, LINKS, Known, Loaded, Tally

EMPTY = Known(None, None, GeneTable.empty())
SYMBOLS = {"TP53": 7157, "EGFR": 1956, "KRAS": 3845, "BRAF": 673}


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Known:
    path = tmp_path_factory.mktemp("genes") / "genes.tsv"
    path.write_text("symbol\tentrez_id\n" + "".join(f"{s}\t{e}\n" for s, e in SYMBOLS.items()))
    return Known(None, None, read_genes(path), {"G0001": "opaque:G0001", "G0002": "opaque:G0002"})


def _spec(path: Path, **more: object) -> Knowledge:
    return Knowledge((path,), name="k", **more)  # type: ignore[arg-type]


def _gmt(folder: Path, known: Known, *lines: str, **more: object) -> Loaded:
    path = folder / "sets.gmt"
    path.write_text("\n".join(lines))
    return read_gmt(_spec(path, **more), known)


def _edges(folder: Path, known: Known, text: str, name: str = "edges.csv", **more: Any) -> Loaded:
    path = folder / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return read_edges(_spec(path, **more), known)


def _pairs(loaded: Loaded) -> list[tuple[str, str, float | None]]:
    assert loaded.links is not None and loaded.links.schema == LINKS
    return loaded.links.select("subject", "object", "score").rows()


@pytest.mark.parametrize(
    ("line", "id", "name"),
    [
        ("Cell cycle\tR-HSA-1640170\tTP53", "REACT:R-HSA-1640170", "Cell cycle"),
        ("GDNF%WikiPathways_2022%WP23%Homo sapiens\thttp://x/WP23_r1\t1", "WP:WP23", "GDNF"),
        ("GDNF WP23\thttps://www.wikipathways.org/instance/WP23_r1\t1", "WP:WP23", "GDNF WP23"),
        ("HALLMARK_HYPOXIA\thttp://msigdb/HALLMARK_HYPOXIA\tTP53", "PATHWAY:HALLMARK_HYPOXIA", "HALLMARK_HYPOXIA"),
        ("Apoptosis%GOBP%GO:0006915\tapoptosis\tTP53", "GO:0006915", "Apoptosis"),
        ("KEGG:hsa04110\tcycle\tTP53", "KEGG:hsa04110", "KEGG:hsa04110"),
        ("My set\t\tTP53", "PATHWAY:My set", "My set"),
    ],
)
def test_what_a_set_is_called(line: str, id: str, name: str) -> None:
    found = parse(line)
    assert isinstance(found, GeneSet)
    assert (str(found.id), found.name) == (id, name)


def test_gene_sets(tmp_path: Path, known: Known) -> None:
    loaded = _gmt(
        tmp_path, known, "A\tR-HSA-1\tTP53\tEGFR\tTP53\t", "B\tna\tTP53\tNOGENE\tG0001", "A\tR-HSA-1\tEGFR\tTP53",
        "A\tR-HSA-1\tEGFR", "C\tna", "", "D", release="2022", licence="CC0",
    )  # fmt: skip
    assert loaded.tally == Tally(read=6, written=2, merged=1, rejected=3)
    assert loaded.concepts is not None and loaded.concepts.schema == CONCEPTS
    assert loaded.concepts.select("id", "label", "symbol").rows() == [
        ("REACT:R-HSA-1", "Pathway", None), ("PATHWAY:B", "Pathway", None), ("NCBIGene:7157", "Gene", "TP53"),
        ("NCBIGene:1956", "Gene", "EGFR"), ("hgnc.symbol:NOGENE", "Gene", "NOGENE"), ("opaque:G0001", "Gene", "G0001"),
    ]  # fmt: skip
    assert set(_pairs(loaded)) == {
        ("NCBIGene:7157", "REACT:R-HSA-1", None), ("NCBIGene:1956", "REACT:R-HSA-1", None),
        ("NCBIGene:7157", "PATHWAY:B", None),
        ("hgnc.symbol:NOGENE", "PATHWAY:B", None), ("opaque:G0001", "PATHWAY:B", None),
    }  # fmt: skip
    assert loaded.links is not None and loaded.links["licence"].unique().to_list() == ["CC0"]
    assert loaded.counts["genes named again in their set"] == 1
    assert loaded.counts["names found among opaque ones"] == 1


def test_entrez_sets_need_no_table(tmp_path: Path) -> None:
    loaded = _gmt(tmp_path, EMPTY, "A\tna\t7157\t1956", features="entrez")
    assert {s for s, _, _ in _pairs(loaded)} == {"NCBIGene:7157", "NCBIGene:1956"}


def test_what_is_no_gmt_is_an_input_error(tmp_path: Path, known: Known) -> None:
    with pytest.raises(InputError):
        _gmt(tmp_path, known, "a,b,c", "d,e,f")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(raw=st.binary(max_size=60) | st.text(alphabet="AB\t\n:%", max_size=60).map(str.encode))
def test_any_bytes_as_gmt_add_up(tmp_path: Path, known: Known, raw: bytes) -> None:
    path = tmp_path / "sets.gmt"
    path.write_bytes(raw)
    try:
        loaded = read_gmt(_spec(path), known)
    except InputError:
        return
    assert loaded.concepts is not None and loaded.links is not None
    assert loaded.concepts.filter(pl.col("label") == "Pathway").height == loaded.tally.written
    assert set(loaded.links["subject"]) | set(loaded.links["object"]) == set(loaded.concepts["id"])


def test_edges_without_a_header(tmp_path: Path, known: Known) -> None:
    text = "TP53\tEGFR\t2.5\nEGFR\tTP53\t2.5\nKRAS\tBRAF\t1\nBRAF\tKRAS\t9\nTP53\tTP53\t1\nKRAS\tEGFR\thigh\n"
    loaded = _edges(tmp_path, known, text, "net.txt.gz", subject=0, object=1, score=2)
    assert _pairs(loaded) == [
        ("NCBIGene:1956", "NCBIGene:7157", 2.5), ("NCBIGene:3845", "NCBIGene:673", 1.0),
        ("NCBIGene:1956", "NCBIGene:3845", None),
    ]  # fmt: skip
    assert loaded.tally == Tally(read=6, written=3, merged=1, rejected=2)
    assert loaded.rejects["row"].sort().to_list() == [4, 5, 6]
    assert loaded.counts == {"symbols mapped to NCBIGene": 4}


@pytest.mark.parametrize(
    ("text", "more"),
    [
        ("gene_a,gene_b,weight\nTP53,EGFR,1\n", {"subject": "gene_a", "object": "gene_b", "score": "weight"}),
        ("x,y,z\nTP53,EGFR,1\n", {"subject": 0, "object": 1, "score": 2}),
        ("TP53,EGFR,1\n", {"subject": 0, "object": 1, "score": 2}),
        ("TP53;EGFR;1\n", {"score": 2}),
        ("x,y,z\nTP53,EGFR,1\n", {"header": True, "score": 2}),
    ],
)
def test_headers_are_found(tmp_path: Path, known: Known, text: str, more: dict[str, Any]) -> None:
    loaded = _edges(tmp_path, known, text, **more)
    assert _pairs(loaded) == [("NCBIGene:1956", "NCBIGene:7157", 1.0)]
    assert loaded.tally.read == 1


def test_two_columns_with_and_without_a_header(tmp_path: Path, known: Known) -> None:
    for text in ("TP53,EGFR\nKRAS,BRAF\n", "gene_a,gene_b\nTP53,EGFR\nKRAS,BRAF\n"):
        assert _edges(tmp_path, known, text).tally == Tally(2, 2, 0, 0)


def test_opaque_ends(tmp_path: Path, known: Known) -> None:
    for more in ({"features": "opaque"}, {}):
        loaded = _edges(tmp_path, known, "a,b\nG0001,G0002\n", subject="a", object="b", **more)
        assert _pairs(loaded) == [("opaque:G0001", "opaque:G0002", None)]
        assert loaded.concepts is not None and loaded.concepts["label"].to_list() == ["Gene", "Gene"]


def test_a_hierarchy_of_codes(tmp_path: Path, known: Known) -> None:
    text = "child,parent\nTREE:03.07,TREE:03\nICD10CM:C341,ICD10CM:C34\nX,Y\nY,X\nTREE:03,TREE:03\n"
    loaded = _edges(tmp_path, known, text, predicate="IS_A", subject="child", object="parent")
    assert [(s, o) for s, o, _ in _pairs(loaded)] == [
        ("TREE:03.07", "TREE:03"), ("ICD10CM:C34.1", "ICD10CM:C34"), ("MEDS:X", "MEDS:Y"),
    ]  # fmt: skip
    assert loaded.concepts is not None and loaded.concepts["label"].null_count() == loaded.concepts.height
    assert loaded.tally == Tally(5, 3, 0, 2)
    assert loaded.counts["edges that would close a cycle"] == 1


def test_other_predicates(tmp_path: Path, known: Known) -> None:
    paths = _edges(tmp_path, known, "gene,pathway\nTP53,Apoptosis\nTP53,GO:0006915\n", predicate="IN_PATHWAY")
    assert [o for _, o, _ in _pairs(paths)] == ["PATHWAY:Apoptosis", "GO:0006915"]
    assert not any(
        "MEDS" in what for what in paths.counts
    )  # a bare name is a pathway's, and no code without a vocabulary
    disease = _edges(tmp_path, known, "gene,disease\nTP53,MONDO:0005233\nTP53,cancer\n", predicate="ASSOCIATED_WITH")
    assert disease.tally == Tally(2, 1, 0, 1)
    drug = _edges(
        tmp_path, known, "drug,gene\nCHEBI:49668,EGFR\nHP:1,HP:2\n", predicate="TARGETS", subject="drug", object="gene"
    )
    assert drug.tally == Tally(2, 1, 0, 1)
    assert drug.concepts is not None and drug.concepts["label"].to_list() == ["Drug", "Gene"]


def test_an_unknown_predicate_or_column_is_an_input_error(tmp_path: Path, known: Known) -> None:
    for more in ({"predicate": "LIKES"}, {"subject": "nothing"}, {"score": 7}):
        with pytest.raises(InputError):
            _edges(tmp_path, known, "a,b\nTP53,EGFR\n", **more)


@given(st.lists(st.tuples(st.sampled_from("abcde"), st.sampled_from("abcde")), max_size=14, unique=True))
def test_without_the_closing_edges_there_is_no_cycle(edges: list[tuple[str, str]]) -> None:
    edges = [(a, b) for a, b in edges if a != b]
    closing = closing_edges([a for a, _ in edges], [b for _, b in edges])
    left = nx.DiGraph([edge for i, edge in enumerate(edges) if i not in closing])
    assert nx.is_directed_acyclic_graph(left)
    assert bool(closing) == (not nx.is_directed_acyclic_graph(nx.DiGraph(edges)))


_name = st.sampled_from(["TP53", "EGFR", "G0001", "NOGENE", "NCBIGene:673", "ICD10CM:I10", "", "x y", "NA"])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.tuples(_name, _name, st.sampled_from(["1", "2.5", "", "high"])), min_size=1, max_size=8),
    predicate=st.sampled_from(sorted(KINDS)),
)
def test_any_edges_add_up(tmp_path: Path, known: Known, rows: list[tuple[str, str, str]], predicate: str) -> None:
    text = "s,o,w\n" + "\n".join(",".join(row) for row in rows)
    loaded = _edges(tmp_path, known, text, predicate=predicate, subject="s", object="o", score="w")
    assert loaded.concepts is not None and loaded.links is not None
    assert loaded.tally.read == len(rows) and loaded.tally.written == loaded.links.height
    assert set(loaded.links["subject"]) | set(loaded.links["object"]) == set(loaded.concepts["id"])
    if not KINDS[predicate].directed:
        pairs = {frozenset((s, o)) for s, o, _ in _pairs(loaded)}
        assert len(pairs) == loaded.links.height and all(len(pair) == 2 for pair in pairs)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(raw=st.binary(max_size=60))
def test_any_bytes_as_edges_add_up(tmp_path: Path, known: Known, raw: bytes) -> None:
    path = tmp_path / "edges.csv"
    path.write_bytes(raw)
    try:
        loaded = read_edges(_spec(path), known)
    except InputError:
        return
    assert loaded.links is not None and loaded.links.height == loaded.tally.written


@pytest.mark.parametrize(
    ("cell", "gene"), [("TP53,1.0", "TP53"), ("TP53,0.5e-3", "TP53"), ("TP53", "TP53"), ("HLA-A,x", "HLA-A,x")]
)
def test_enrichr_s_weights_are_no_part_of_a_gene(cell: str, gene: str) -> None:
    found = parse(f"Set\t\t{cell}")
    assert not isinstance(found, str)
    assert found.genes == (gene,)
