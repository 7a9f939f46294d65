"""Names of features become CURIEs: what the table knows is NCBIGene, the rest stays itself and is counted."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from clinome.loaders.errors import InputError
from clinome.loaders.identifiers.genes import GeneTable, read_genes, with_entrez
from clinome.loaders.specs import NAMESPACES

HGNC = """hgnc_id\tsymbol\tlocus_group\talias_symbol\tprev_symbol\tentrez_id\tensembl_gene_id\tuniprot_ids
HGNC:11998\tTP53\tprotein-coding gene\tp53|LFS1\t\t7157\tENSG00000141510\tP04637
HGNC:2879\tSEPTIN1\tprotein-coding gene\tDIFF6|SHARED\tSEPT1\t1731\tENSG00000180096\tQ8WYJ6|A0A
HGNC:5\tA1BG\tprotein-coding gene\tSHARED|TP53\t\t1\tENSG00000121410\tP04217
HGNC:6\tC13orf42\tprotein-coding gene\t\t\t647166\t\t
HGNC:7\tNOENTREZ\tother\t\t\t\t\t
"""
GENE_INFO = """#tax_id\tGeneID\tSymbol\tSynonyms\tdbXrefs\ttype_of_gene
10090\t11287\tPzp\tA1m\t-\tprotein-coding
9606\t1\tA1BG\tA1B|ABG\tMIM:138670|HGNC:HGNC:5|Ensembl:ENSG00000121410\tprotein-coding
9606\t2\tA2M\t-\t-\tprotein-coding
"""


@pytest.fixture
def hgnc(tmp_path: Path) -> GeneTable:
    (tmp_path / "hgnc.txt").write_text(HGNC)
    return read_genes(tmp_path / "hgnc.txt")


def features(table: GeneTable, names: list[str | None], namespace: str) -> list[str | None]:
    return table.curies(pl.Series(names, dtype=pl.String), namespace)["feature"].to_list()


def test_symbols_old_and_new(hgnc: GeneTable) -> None:
    names = ["TP53", "SEPT1", "DIFF6", " A1BG ", "C13ORF42", "A1BG|1", "SEPT1_1731", "NOBODY", "A1BG|2", None]
    frame, counts = hgnc.counted(pl.Series(names), "symbol")
    genes = ["7157", "1731", "1731", "1", "647166", "1", "1731"]
    assert frame["feature"].to_list() == [
        *(f"NCBIGene:{g}" for g in genes), "hgnc.symbol:NOBODY", "NCBIGene:2", None,  # the number before the symbol
    ]  # fmt: skip
    assert frame["symbol"].to_list()[:2] == ["TP53", "SEPTIN1"]
    assert counts == {
        "symbols mapped to NCBIGene": 8, "symbols that no table maps": 1, "symbols brought up to date": 3,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "gene"),
    [
        ("?|100130426", "NCBIGene:100130426"), ("SHARED|647166", "NCBIGene:647166"), ("TP53 (7157)", "NCBIGene:7157"),
        ("OLD (1731)", "NCBIGene:1731"), ("ENSG00000141510|TP53", "NCBIGene:7157"), ("ENSG00000141510.18_TP53", "NCBIGene:7157"),
        ("AKT1|AKT_pS473", "hgnc.symbol:AKT1|AKT_pS473"), ("TP53 (x)", "hgnc.symbol:TP53 (x)"), ("A|0", "hgnc.symbol:A|0"),
    ],
)  # fmt: skip
def test_names_that_carry_two_ids(name: str, gene: str, hgnc: GeneTable) -> None:
    assert features(hgnc, [name], "symbol") == [gene]


def test_an_entrez_id_beside_brings_the_approved_symbol(hgnc: GeneTable) -> None:
    dates = hgnc.curies(pl.Series(["1-Sep", "TP53", "2-Mar"]), "symbol")
    found = with_entrez(dates, pl.Series(["1731", "1", "999999"]), hgnc)
    assert found["feature"].to_list() == ["NCBIGene:1731", "NCBIGene:7157", "NCBIGene:999999"]
    assert found["symbol"].to_list() == ["SEPTIN1", "TP53", None], "a date is no symbol"


def test_what_is_ambiguous_is_not_used(hgnc: GeneTable) -> None:
    assert features(hgnc, ["SHARED"], "symbol") == ["hgnc.symbol:SHARED"]
    assert features(hgnc, ["TP53"], "symbol") == ["NCBIGene:7157"]


def test_other_namespaces(hgnc: GeneTable) -> None:
    assert features(hgnc, ["ENSG00000141510.18", "ENSG9"], "ensembl") == ["NCBIGene:7157", "ENSEMBL:ENSG9"]
    assert features(hgnc, ["HGNC:5", "2879", "99"], "hgnc") == ["NCBIGene:1", "NCBIGene:1731", "HGNC:99"]
    assert features(hgnc, ["A0A", "Z9"], "uniprot") == ["NCBIGene:1731", "UniProtKB:Z9"]
    assert features(hgnc, ["12", "x"], "entrez") == ["NCBIGene:12", "opaque:x"]


@pytest.mark.parametrize("namespace", NAMESPACES)
def test_without_a_table_names_stay_themselves(namespace: str) -> None:
    frame = GeneTable.empty().curies(pl.Series(["cg0001", None]), namespace)
    assert frame.columns == ["feature", "symbol", "gene"]
    assert frame["feature"][0].endswith(":cg0001")
    assert frame.row(1) == (None, None, None)


def test_a_gene_of_its_own_only_where_the_name_is_one() -> None:
    genes = {n: GeneTable.empty().curies(pl.Series(["x"]), n)["gene"][0] for n in NAMESPACES}
    assert {n for n, gene in genes.items() if gene} == {"symbol", "ensembl", "entrez", "hgnc", "opaque"}


def test_gene_info_keeps_one_species(tmp_path: Path) -> None:
    (tmp_path / "gene_info").write_text(GENE_INFO)
    table = read_genes(tmp_path / "gene_info")
    assert features(table, ["A1B", "ENSG00000121410", "Pzp"], "symbol")[0] == "NCBIGene:1"
    assert features(table, ["ENSG00000121410"], "ensembl") == ["NCBIGene:1"]
    assert features(table, ["Pzp"], "symbol") == ["hgnc.symbol:Pzp"]


def test_a_shared_symbol_means_the_protein_coding_gene(tmp_path: Path) -> None:
    (tmp_path / "g.tsv").write_text("entrez\tsymbol\tgene_type\n5\tX\tpseudo\n6\tX\tprotein-coding\n")
    table = read_genes(tmp_path / "g.tsv")
    assert features(table, ["X"], "symbol") == ["NCBIGene:6"]
    assert table.counts == {"gene table: symbols of several genes": 1}


def test_checksums_tell_tables_apart(hgnc: GeneTable, tmp_path: Path) -> None:
    (tmp_path / "b.tsv").write_text("entrez\tsymbol\n5\tX\n")
    assert len({hgnc.checksum, read_genes(tmp_path / "b.tsv").checksum, GeneTable.empty().checksum}) == 3


@pytest.mark.parametrize("text", ["a\tb\n1\t2\n", "entrez\tsymbol\nx\tTP53\n"])
def test_what_is_no_gene_table(tmp_path: Path, text: str) -> None:
    (tmp_path / "g.tsv").write_text(text)
    with pytest.raises(InputError, match="no gene table"):
        read_genes(tmp_path / "g.tsv")


def test_entrez_ids_beside_symbols_only_where_a_table_is(hgnc: GeneTable) -> None:
    names, entrez = pl.Series(["TP53", "LOST", "GONE"]), pl.Series(["9", "77", None])
    with_table = with_entrez(hgnc.curies(names, "symbol"), entrez, hgnc)
    assert with_table["feature"].to_list() == ["NCBIGene:7157", "NCBIGene:77", "hgnc.symbol:GONE"]
    bare = GeneTable.empty()
    assert with_entrez(bare.curies(names, "symbol"), entrez, bare)["feature"][1] == "hgnc.symbol:LOST"


def test_an_unknown_namespace_is_named() -> None:
    with pytest.raises(InputError, match="ensembl"):
        GeneTable.empty().curies(pl.Series(["x"]), "refseq")
