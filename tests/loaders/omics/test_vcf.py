"""VCF with the file's own consequences: what a plain reader of its lines finds, whatever the size of the blocks."""

from __future__ import annotations

import gzip
import random
from pathlib import Path

import numpy as np
import pytest

from clinome.loaders.errors import InputError
from clinome.loaders.identifiers.genes import GeneTable
from clinome.loaders.omics import vcf
from clinome.loaders.omics.mutations import read_mutations
from clinome.loaders.specs import Omics
from clinome.loaders.tables import Known, Loaded

AB = Known(frozenset("AB"), None, GeneTable.empty())
ANN = '##INFO=<ID=ANN,Number=.,Type=String,Description="x">'
CSQ = '##INFO=<ID=CSQ,Number=.,Type=String,Description="VEP. Format: Allele|Consequence|SYMBOL|Gene|HGVSp">'


def text(*records: str, info: str = ANN, samples: str = "A B", head: str = "##reference=GRCh38.fa") -> str:
    columns = "#CHROM POS ID REF ALT QUAL FILTER INFO FORMAT " + samples
    return (
        "\n".join(
            ["##fileformat=VCFv4.3", head, info, columns.replace(" ", "\t"), *(r.replace(" ", "\t") for r in records)]
        )
        + "\n"
    )


def load(folder: Path, content: str, name: str = "x.vcf", known: Known = AB) -> Loaded:
    path = folder / name
    path.write_bytes(gzip.compress(content.encode()) if name.endswith(".gz") else content.encode())
    return read_mutations(Omics(path=(path,), name="mut", kind="mutation"), known)


def cells(loaded: Loaded) -> dict[tuple[str, str], float]:
    omics = loaded.omics
    assert omics is not None
    x = omics.X.toarray()
    return {
        (str(s), str(g)): float(x[i, j])
        for i, s in enumerate(omics.obs_names)
        for j, g in enumerate(omics.var["symbol"])
    }


def ann(allele: str, term: str, gene: str, protein: str = "") -> str:
    return f"{allele}|{term}|X|{gene}|{gene}|transcript|T|protein_coding||c.|{protein}"


@pytest.mark.parametrize("name", ["x.vcf", "x.vcf.gz"])
def test_alleles_filters_and_no_calls(tmp_path: Path, name: str) -> None:
    loaded = load(
        tmp_path,
        text(
            f"chr17 7674220 . C T . PASS DP=9;ANN={ann('T', 'missense_variant', 'TP53', 'p.R273H')} GT:AD 0/1:15,5 0/0:9,0",
            f"12 100 . A G,T . . ANN={ann('G', 'missense_variant', 'KRAS')},{ann('T', 'synonymous_variant', 'KRAS')} GT 0/2 1|0",
            f"12 200 . A G . q10 ANN={ann('G', 'stop_gained', 'EGFR')} GT 1/1 1/1",
            f"12 300 . A G . PASS ANN={ann('G', 'stop_gained', 'BRAF')} GT 1/1 ./.",
            "12 400 . A G . PASS DP=3 GT 1/1 0/1",
            "12 500 . A G",
        ),
        name,
    )
    found = cells(loaded)
    assert found["A", "TP53"] == 1 and found["B", "TP53"] == 0
    assert found["A", "KRAS"] == 0 and found["B", "KRAS"] == 1  # A carries the silent allele
    assert found["A", "BRAF"] == 1 and np.isnan(found["B", "BRAF"])
    assert not any(gene == "EGFR" for _, gene in found)
    assert (loaded.tally.read, loaded.tally.rejected) == (6, 1)
    assert loaded.omics is not None
    variants = {row["variant"]: row for row in loaded.omics.uns["variants"].iter_rows(named=True)}
    assert (
        variants["GRCh38:17-7674220-C-T"]["fraction"] == 0.25
        and variants["GRCh38:17-7674220-C-T"]["protein"] == "p.R273H"
    )


def test_vep_writes_indels_without_their_first_base(tmp_path: Path) -> None:
    record = "1 5 . CA C,CAT . PASS CSQ=-|frameshift_variant|AAA|E1|x:p.1,AT|intron_variant|AAA|E1|,AT|missense_variant||ENSG2| GT 0/1 0/2"
    found = cells(load(tmp_path, text(record, info=CSQ)))
    assert found["A", "AAA"] == 1 and found["B", "AAA"] == 0 and found["B", "ENSG2"] == 1


def test_of_tumour_and_normal_the_tumour(tmp_path: Path) -> None:
    head = "##tumor_sample=A\n##normal_sample=N"
    record = f"1 5 . C T . PASS ANN={ann('T', 'stop_gained', 'AAA')} GT 0/1 0/1"
    loaded = load(tmp_path, text(record, samples="TUMOR NORMAL", head=head))
    assert cells(loaded) == {("A", "AAA"): 1}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("##fileformat=VCFv4.2\n", "is no VCF"),
        (text(info="##x=1"), "which gene it changes"),
        ("##fileformat=VCFv4.2\n" + ANN + "\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n", "no genotypes"),
        (text(samples="X Y"), "none of the study"),
        ("nothing\n", "is no VCF"),
    ],
)
def test_what_cannot_be_read_says_why(tmp_path: Path, content: str, said: str) -> None:
    with pytest.raises(InputError, match=f"(?s){said}.*Fix"):
        load(tmp_path, content)


def test_a_torn_file_is_an_error(tmp_path: Path) -> None:
    whole = gzip.compress(
        text(*(f"1 {i} . C T . PASS ANN={ann('T', 'stop_gained', f'G{i}')} GT 0/1 0/1" for i in range(99))).encode()
    )
    (tmp_path / "x.vcf.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="unpacked"):
        read_mutations(Omics(path=(tmp_path / "x.vcf.gz",), name="m", kind="mutation"), AB)


def test_small_blocks_and_a_plain_reader_find_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(3)
    truth: dict[tuple[str, str], bool] = {}
    records = []
    for i in range(300):
        gene, term = f"G{rng.randrange(20)}", rng.choice(["missense_variant", "intron_variant", "stop_gained"])
        genotypes = [rng.choice(["0/0", "0/1", "1|1"]) for _ in "AB"]
        records.append(f"1 {i + 1} . C T . PASS ANN={ann('T', term, gene)} GT {' '.join(genotypes)}")
        for who, genotype in zip("AB", genotypes, strict=True):
            truth[who, gene] = truth.get((who, gene), False) or ("1" in genotype and term != "intron_variant")
    whole = cells(load(tmp_path, text(*records)))
    monkeypatch.setattr(vcf, "BLOCK", 700)
    assert (
        cells(load(tmp_path, text(*records)))
        == whole
        == {pair: float(yes) for pair, yes in truth.items() if pair in whole}
    )
    assert {pair for pair, yes in truth.items() if yes} == {pair for pair, value in whole.items() if value == 1}


def test_what_is_no_genotype_is_no_allele(tmp_path: Path) -> None:
    record = f"1 5 . C T . PASS ANN={ann('T', 'stop_gained', 'AAA')}"
    loaded = load(
        tmp_path, text(f"{record} DP 15 30", f"1 9 . C T . PASS ANN={ann('T', 'stop_gained', 'BBB')} GT 0/1 0/0")
    )
    assert set(cells(loaded)) == {("A", "BBB"), ("B", "BBB")}
    assert loaded.counts["records without genotypes (GT): no mutations"] == 1
