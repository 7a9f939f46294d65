"""Which column holds the names of genes, which names are none of a gene, and what several ids in one name mean."""

from __future__ import annotations

import polars as pl
import pytest

from clinome.loaders.identifiers.genes import GeneTable, read_genes
from clinome.loaders.identifiers.name_column import is_numbering, name_column, strange_names
from clinome.loaders.identifiers.not_genes import why_no_gene

TABLE = (
    "symbol\tentrez_id\tensembl_gene_id\tuniprot_ids\tprev_symbol\talias_symbol\n"
    "TP53\t7157\tENSG00000141510\tP04637\t\tp53, LFS1\n"
    "EGFR\t1956\tENSG00000146648\tP00533\tERBB\tERBB1;HER1\n"
    "KRAS\t3845\tENSG00000133703\tP01116\tKRAS2\t\n"
    "SEPTIN2\t4735\tENSG00000168385\tQ15019\tNEDD5, SEPT2\tDIFF6\n"
)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> GeneTable:
    path = tmp_path_factory.mktemp("genes") / "genes.tsv"
    path.write_text(TABLE)
    return read_genes(path)


def genes(table: GeneTable, names: list[str], namespace: str) -> list[str | None]:
    return table.curies(pl.Series(names), namespace)["gene"].to_list()


@pytest.mark.parametrize(
    ("name", "namespace", "gene"),
    [
        ("p53", "symbol", 7157), ("LFS1", "symbol", 7157), ("HER1", "symbol", 1956), ("SEPT2", "symbol", 4735),
        ("NEDD5", "symbol", 4735), ("TP53|7157", "symbol", 7157), ("TP53 (7157)", "symbol", 7157),
        ("TP53_7157", "symbol", 7157), ("TP53,1.0", "symbol", 7157), ("TP53;TP53", "symbol", 7157),
        ("TP53 /// TP53", "symbol", 7157), ("ENSG00000141510.17|TP53", "symbol", 7157), ("P04637-2", "uniprot", 7157),
        ("sp|P00533|EGFR_HUMAN", "uniprot", 1956), ("P01116;P01116-2", "uniprot", 3845),
    ],
)  # fmt: skip
def test_several_ids_in_one_name_mean_the_gene_that_they_agree_on(
    table: GeneTable, name: str, namespace: str, gene: int
) -> None:
    assert genes(table, [name], namespace) == [f"NCBIGene:{gene}"]


@pytest.mark.parametrize(
    ("name", "namespace"), [("TP53;EGFR", "symbol"), ("P04637;P00533", "uniprot"), ("TP53_1", "symbol")]
)
def test_ids_of_several_genes_are_no_one_gene(table: GeneTable, name: str, namespace: str) -> None:
    (found,) = genes(table, [name], namespace)
    assert found is None or not found.startswith("NCBIGene:")


@pytest.mark.parametrize(
    ("name", "namespace"),
    [
        ("2-Sep", "symbol"), ("1-Mar", "symbol"), ("Sep-02", "symbol"), ("01-Dec-19", "symbol"), ("2019-09-02", "symbol"),
        ("2019-03-01 00:00:00", "symbol"), ("02/09/2019", "symbol"), ("-", "entrez"), ("--", "symbol"), (".", "symbol"),
        ("COMPLEX:P04637_P01116", "uniprot"), ("9606.ENSP00000269305", "ensembl"), ("ENST00000269305.9", "symbol"),
        ("ENSMUSP00000001234", "ensembl"), ("CON__P02769", "uniprot"), ("REV__Q9Y6K9", "uniprot"),
    ],
)  # fmt: skip
def test_what_names_no_gene_is_no_node(table: GeneTable, name: str, namespace: str) -> None:
    frame, said = table.counted(pl.Series([name]), namespace)
    assert frame.row(0) == (None, None, None)
    assert [n for what, n in said.items() if what.startswith("names that are")] == [1]


@pytest.mark.parametrize(
    "name", ["TP53", "SEPTIN2", "DEC1", "MARCHF1", "NKX2-1", "HLA-A", "C1orf112", "7SK", "1060P11.3"]
)
def test_names_of_genes_are_left_alone(name: str) -> None:
    assert why_no_gene(pl.Series([name]), "symbol").to_list() == [None]


def test_the_name_column_is_the_one_that_the_table_maps(table: GeneTable) -> None:
    symbols = pl.Series(["TP53", "EGFR", "KRAS"])
    probes = pl.Series(["7157_at", "1956_at", "3845_at"])
    labels = pl.Series(["x", "x", "x"])
    numbering = pl.Series(["0", "1", "2"])
    for first in (probes, labels, numbering):
        assert name_column({"first": first, "gene": symbols, "more": labels}, table, "symbol") == "gene"
        assert name_column({"gene": symbols, "first": first}, table, "symbol") == "gene"
    assert name_column({"first": probes, "gene": symbols}, table, "opaque") == "first", "no gene is asked for"
    assert name_column({"first": numbering, "gene": symbols}, GeneTable.empty(), "symbol") == "gene"
    assert name_column({"first": probes, "gene": symbols}, GeneTable.empty(), "symbol") == "first", "nobody can tell"


@pytest.mark.parametrize(
    ("names", "namespace", "fix"),
    [
        (["ENSG00000141510", "ENSG00000146648", "ENSG00000133703"], "symbol", 'features = "ensembl"'),
        (["P04637", "P00533", "P01116"], "symbol", 'features = "uniprot"'),
        (["7157", "1956", "3845"], "symbol", 'features = "entrez"'),
        (["cg00000029", "cg00000108", "cg00000109"], "symbol", 'features = "cpg"'),
        (["hsa-miR-21", "hsa-let-7a", "hsa-miR-155"], "symbol", 'features = "mirbase"'),
        (["0", "1", "2"], "symbol", "name the column of names with `id`, or put it first"),
    ],
)
def test_names_of_something_else_are_told_with_what_they_are(
    table: GeneTable, names: list[str], namespace: str, fix: str
) -> None:
    found = table.curies(pl.Series(names), namespace)["feature"]
    odd = strange_names(pl.Series(names), found, table, namespace)
    assert odd is not None and odd.fix == fix


def test_a_layer_that_the_table_knows_in_part_is_one(table: GeneTable) -> None:
    names = pl.Series(["TP53", "ODD1", "ODD2", "ODD3"])
    assert strange_names(names, table.curies(names, "symbol")["feature"], table, "symbol") is None


def test_row_numbers_begin_with_nought_or_one() -> None:
    assert is_numbering(pl.Series(["0", "1", "2", "3"])) and is_numbering(pl.Series(["1.0", "2.0", "3.0"]))
    assert not is_numbering(pl.Series(["1", "3", "2"])) and not is_numbering(pl.Series(["1", "2"]))
