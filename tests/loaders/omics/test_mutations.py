"""Pairs, MAF and 0/1 matrices give the same sparse layer; who was not profiled is unknown, not wild-type."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from clinome.loaders.errors import InputError
from clinome.loaders.identifiers.genes import GeneTable, read_genes
from clinome.loaders.omics.mutations import read_mutations
from clinome.loaders.specs import Omics
from clinome.loaders.tables import Known, Loaded

ABC = Known(frozenset("ABC"), None, GeneTable.empty())
COLUMNS = (
    "Hugo_Symbol", "Tumor_Sample_Barcode", "Variant_Classification", "NCBI_Build", "Chromosome", "Start_Position",
    "Reference_Allele", "Tumor_Seq_Allele1", "Tumor_Seq_Allele2", "HGVSp_Short", "Entrez_Gene_Id",
)  # fmt: skip
TP53_A = "TP53 A Missense_Mutation 37 17 7577120 C C T p.R273H 7157"
TP53_B = "TP53 B Silent GRCh37 chr17 7577121 G G A p.R273= 7157"
KRAS_B = "KRAS B Missense_Mutation hg19 12 25398284 C A C p.G12V 3845"


def load(folder: Path, text: str, name: str = "x.csv", known: Known = ABC, **spec: object) -> Loaded:
    (folder / name).write_text(text)
    return read_mutations(Omics(path=(folder / name,), name="mut", kind="mutation", **spec), known)  # type: ignore[arg-type]


def maf(folder: Path, *rows: str, **spec: object) -> Loaded:
    lines = ["#version 2.4", "\t".join(COLUMNS), *("\t".join(row.split(" ")) for row in rows)]
    return load(folder, "\n".join(lines) + "\n", "x.maf", **spec)  # type: ignore[arg-type]


def carried(loaded: Loaded) -> dict[str, set[str]]:
    """Profiled sample -> the genes that are mutated in it."""
    assert loaded.omics is not None
    assert loaded.omics.X.format == "csr"
    assert set(loaded.omics.X.data) <= {1.0}
    rows = loaded.omics.X.tolil().rows
    return {s: {loaded.omics.var["name"].iloc[j] for j in rows[i]} for i, s in enumerate(loaded.omics.obs_names)}


def tally(loaded: Loaded) -> tuple[int, int, int, int]:
    t = loaded.tally
    return t.read, t.written, t.merged, t.rejected


def test_three_forms_of_the_same(tmp_path: Path) -> None:
    want = {"A": {"TP53"}, "B": {"TP53", "KRAS"}}
    named = load(tmp_path, "who,what\nA,TP53\nB,TP53\nB,KRAS\nB,KRAS\n", subject="who", gene="what")
    bare = load(tmp_path, "A\tTP53\nB\tTP53\nB\tKRAS\n", "x.txt", subject=0, gene=1)
    matrix = load(tmp_path, "id,TP53,KRAS\nA,1,0\nB,1,1\n")
    table = maf(tmp_path, TP53_A, KRAS_B, TP53_B.replace("Silent", "Nonsense_Mutation"))
    for loaded in (named, bare, matrix, table):
        assert carried(loaded) == want
    assert [tally(x) for x in (named, bare, matrix, table)] == [(4, 3, 1, 0), (3, 3, 0, 0), (2, 2, 0, 0), (3, 3, 0, 0)]


def test_silent_variants_stand_in_variants_and_mutate_nothing(tmp_path: Path) -> None:
    loaded = maf(tmp_path, TP53_A, TP53_B, KRAS_B, TP53_A)
    assert carried(loaded) == {"A": {"TP53"}, "B": {"KRAS"}}
    assert loaded.omics is not None
    columns = ["subject_id", "variant", "gene", "consequence", "protein"]
    assert loaded.omics.uns["variants"].select(columns).rows() == [
        ("A", "GRCh37:17-7577120-C-T", "hgnc.symbol:TP53", "Missense_Mutation", "p.R273H"),
        ("B", "GRCh37:17-7577121-G-A", "hgnc.symbol:TP53", "Silent", "p.R273="),
        ("B", "GRCh37:12-25398284-C-A", "hgnc.symbol:KRAS", "Missense_Mutation", "p.G12V"),
    ]
    assert tally(loaded) == (4, 3, 1, 0)
    assert loaded.counts["silent variants: they mutate no gene"] == 1


@pytest.mark.parametrize(
    ("columns", "cells", "want"),
    [
        ("t_alt_count,t_ref_count", "30,70", 0.3), ("t_vaf", "0.25", 0.25), ("VAF", "25", 0.25), ("vaf", "35%", 0.35), ("t_alt_count", "30", None),
        ("t_alt_count,t_ref_count", "0,0", None), ("vaf", "-1", None), ("t_vaf", "high", None), ("t_vaf", ".", None),
    ],
)  # fmt: skip
def test_the_share_of_reads_with_a_variant(tmp_path: Path, columns: str, cells: str, want: float | None) -> None:
    text = f"Hugo_Symbol,Tumor_Sample_Barcode,HGVSp_Short,{columns}\nTP53,A,p.R273H,{cells}\n"
    loaded = load(tmp_path, text)
    assert loaded.omics is not None
    assert loaded.omics.uns["variants"]["fraction"].to_list() == [want]
    lost = loaded.counts.get("allele fractions that are no share of reads between 0 and 1, left out", 0)
    assert lost == (want is None and cells not in ("30", "."))


def test_a_variant_without_a_place_goes_by_its_protein_change(tmp_path: Path) -> None:
    text = "hugo_symbol,tumor_sample_barcode,Protein_Change\nTP53,A,p.R273H\nKRAS,B,\n"
    loaded = load(tmp_path, text)
    assert carried(loaded) == {"A": {"TP53"}, "B": {"KRAS"}}
    assert loaded.omics is not None
    assert loaded.omics.uns["variants"]["variant"].to_list() == ["variant:TP53:p.R273H"]


def test_a_word_that_the_study_calls_missing_is_no_wild_type(tmp_path: Path) -> None:
    loaded = load(tmp_path, "case,TP53,KRAS\nA,0,NA\nB,1,dropout\nC,0,1\n", missing=("", "NA", "dropout"))
    assert loaded.omics is not None
    cells = loaded.omics.X.toarray()
    x = {(s, g): cells[i, j] for i, s in enumerate(loaded.omics.obs["subject_id"])
         for j, g in enumerate(loaded.omics.var["name"])}  # fmt: skip
    assert {pair for pair, value in x.items() if np.isnan(value)} == {("A", "KRAS"), ("B", "KRAS")}
    assert {pair for pair, value in x.items() if value == 1} == {("B", "TP53"), ("C", "KRAS")}


@pytest.mark.parametrize(
    "line", ["#Sequenced_Samples: A B C Z", "#sequenced_samples:A\tB\tC", "## a\n#sequenced_samples: A,B,C"]
)
def test_a_file_may_say_who_was_sequenced(tmp_path: Path, line: str) -> None:
    rows = f"{line}\nHugo_Symbol\tTumor_Sample_Barcode\tVariant_Classification\nTP53\tA\tMissense_Mutation\n"
    loaded = load(tmp_path, rows, "data_mutations.txt")
    assert loaded.omics is not None
    assert set(loaded.omics.obs["subject_id"]) == {"A", "B", "C"}
    assert carried(loaded) == {"A": {"TP53"}, "B": set(), "C": set()}


@pytest.mark.parametrize(("profiled", "want"), [("file", "AB"), ("patients", "ABC"), ("list", "ABC")])
def test_who_was_profiled(tmp_path: Path, profiled: str, want: str) -> None:
    (tmp_path / "list.txt").write_text("sample\nC\nZ\n")
    name = str(tmp_path / "list.txt") if profiled == "list" else profiled
    loaded = load(tmp_path, "A\tTP53\nB\tKRAS\n", subject=0, gene=1, profiled=name)
    assert list(carried(loaded)) == list(want)
    assert carried(loaded).get("C", set()) == set()


def test_one_whose_every_variant_is_silent_was_profiled(tmp_path: Path) -> None:
    assert carried(maf(tmp_path, TP53_A, TP53_B)) == {"A": {"TP53"}, "B": set()}


def test_all_profiled_needs_patients(tmp_path: Path) -> None:
    nobody = Known(None, None, GeneTable.empty())
    assert carried(load(tmp_path, "Q\tTP53\n", known=nobody, subject=0, gene=1)) == {"Q": {"TP53"}}
    with pytest.raises(InputError, match="nobody is known"):
        load(tmp_path, "Q\tTP53\n", known=nobody, subject=0, gene=1, profiled="patients")


def test_rows_without_gene_or_subject_are_rejected(tmp_path: Path) -> None:
    loaded = load(tmp_path, "who,what\nA,TP53\nA,\n,TP53\nZ,TP53\nB,Unknown\n", subject="who", gene="what")
    assert carried(loaded) == {"A": {"TP53"}, "B": set()}
    assert tally(loaded) == (5, 1, 0, 4)
    assert sorted(loaded.rejects["row"]) == [2, 3, 4, 5]


def test_barcodes_find_their_patient_but_not_from_normal_tissue(tmp_path: Path) -> None:
    known = Known(frozenset(["TCGA-05-4244", "TCGA-05-4245"]), None, GeneTable.empty())
    tumour, normal = "TCGA-05-4244-01A-01D-1105-08", "TCGA-05-4245-11A-01D-1105-08"
    loaded = maf(tmp_path, TP53_A.replace(" A ", f" {tumour} "), TP53_A.replace(" A ", f" {normal} "), known=known)
    assert carried(loaded) == {"TCGA-05-4244": {"TP53"}}
    assert tally(loaded) == (2, 1, 0, 1)


def test_the_table_of_genes_joins_old_and_new_names(tmp_path: Path) -> None:
    (tmp_path / "genes.tsv").write_text("symbol\tentrez\tprev_symbol\nSEPTIN1\t1731\tSEPT1\n")
    known = Known(frozenset("AB"), None, read_genes(tmp_path / "genes.tsv"))
    loaded = load(tmp_path, "A\tSEPT1\nA\tSEPTIN1\nB\tSEPTIN1\n", known=known, subject=0, gene=1)
    assert tally(loaded) == (3, 2, 1, 0)
    assert loaded.omics is not None
    assert list(loaded.omics.var_names) == ["NCBIGene:1731"]


def test_empty_cells_mean_no_and_an_empty_sample_was_not_looked_at(tmp_path: Path) -> None:
    loaded = load(tmp_path, "id,TP53,KRAS\nA,1,\nB,,\nC,0,2\n")
    assert carried(loaded) == {"A": {"TP53"}, "C": {"KRAS"}}  # nothing is known of B
    assert loaded.counts["cells of a 0/1 matrix that are neither: taken as mutated"] == 1
    assert tally(loaded) == (3, 2, 0, 1)


WORDS = "case,STUDY,TP53,KRAS,EGFR\nA,s,R273H,0,NA\nB,s,WT,G12D,NP\nC,s,,wt,NS\n"


@pytest.mark.parametrize("turned", [False, True])
def test_a_matrix_of_words_is_read_cell_by_cell(tmp_path: Path, turned: bool) -> None:
    """A protein change is one, WT and empty are none, NA, NS and NP nobody knows; a column of labels is no gene."""
    rows = [line.split(",") for line in WORDS.splitlines()]
    lines = [row[:1] + row[2:] for row in rows] if turned else rows
    text = "\n".join(",".join(line) for line in (zip(*lines, strict=True) if turned else lines)) + "\n"
    loaded = load(tmp_path, text)
    assert loaded.omics is not None
    x = loaded.omics.X.toarray()
    seen = {(row, column): x[i, j] for i, row in enumerate(loaded.omics.obs["subject_id"])
            for j, column in enumerate(loaded.omics.var["name"])}  # fmt: skip
    assert {pair for pair, value in seen.items() if value == 1} == {("A", "TP53"), ("B", "KRAS")}
    assert {pair for pair, value in seen.items() if np.isnan(value)} == {("A", "EGFR"), ("B", "EGFR"), ("C", "EGFR")}
    assert set(loaded.omics.obs["subject_id"]) == {"A", "B", "C"}
    assert "STUDY" not in set(loaded.omics.var["name"])


def test_what_cannot_be_read_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no VCF"):
        load(tmp_path, "##fileformat=VCFv4.2\n", "x.vcf")
    with pytest.raises(InputError, match="both"):
        load(tmp_path, "who,what\nA,TP53\n", subject="who")
    with pytest.raises(InputError, match="none of the study's ids"):
        load(tmp_path, "Y\tTP53\nZ\tTP53\n", subject=0, gene=1)
    with pytest.raises(InputError, match="no column Hugo_Symbol and Tumor_Sample_Barcode"):
        load(tmp_path, "a,b\nA,TP53\n", format="maf")
