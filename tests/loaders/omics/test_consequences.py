"""Consequences: one classifier of MAF classes and Sequence Ontology terms, the worst of several counts."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinome.loaders.identifiers.genes import GeneTable
from clinome.loaders.omics.consequences import CHANGING, DRIVEN_BY_PROMOTER, PROMOTER, UNCHANGING, change
from clinome.loaders.omics.mutations import read_mutations
from clinome.loaders.specs import Omics
from clinome.loaders.tables import Known

words = st.lists(st.sampled_from(sorted(CHANGING | UNCHANGING | {"new_class"})), min_size=1, max_size=4)


def naive(words: list[str], gene: str) -> tuple[bool, bool, bool]:
    loud = any(word in CHANGING for word in words)
    promoter = gene in DRIVEN_BY_PROMOTER and any(word in PROMOTER for word in words)
    unknown = all(word not in CHANGING and word not in UNCHANGING for word in words)
    return loud or promoter or unknown, promoter and not loud, unknown


@given(
    st.lists(
        st.tuples(words, st.sampled_from(("TP53", "TERT", "7015")), st.sampled_from(",&;|")), min_size=1, max_size=5
    )
)
def test_the_worst_word_counts(variants: list[tuple[list[str], str, str]]) -> None:
    classes = pl.Series([between.join(words).title() for words, _, between in variants])
    found = change(classes, pl.Series([gene for _, gene, _ in variants]))
    assert found.rows() == [naive(words, gene) for words, gene, _ in variants]


def test_no_word_is_of_both_kinds_and_a_class_that_is_not_told_mutates() -> None:
    assert not CHANGING & UNCHANGING
    assert PROMOTER <= UNCHANGING
    assert change(pl.Series([None, "", " "], dtype=pl.String), pl.Series(["A", "B", "C"]))["changing"].all()


@pytest.mark.parametrize(
    ("text", "mutated"),
    [
        ("Missense_Mutation", True), ("Splice_Site", True), ("3'UTR", False), ("5'Flank", False), ("IGR", False),
        ("splice_acceptor_variant,intron_variant", True), ("intron_variant&non_coding_transcript_variant", False),
        ("synonymous_variant,NMD_transcript_variant", False), ("upstream_gene_variant", False),
        ("stop_gained&splice_region_variant", True), ("5_prime_UTR_variant", False),
    ],
)  # fmt: skip
def test_as_the_formats_say(text: str, mutated: bool) -> None:
    assert change(pl.Series([text]), pl.Series(["EGFR"]))["changing"].to_list() == [mutated]


def test_promoters_and_unknown_classes_are_said(tmp_path: Path) -> None:
    file = tmp_path / "m.maf"
    rows = ["TERT\tP1\t5'Flank", "EGFR\tP2\t5'Flank", "KRAS\tP3\tSomething_New"]
    file.write_text("\n".join(["Hugo_Symbol\tTumor_Sample_Barcode\tVariant_Classification", *rows]) + "\n")
    spec = Omics(path=(file,), name="mut", kind="mutation")
    loaded = read_mutations(spec, Known(frozenset(("P1", "P2", "P3")), None, GeneTable.empty()))
    assert loaded.omics is not None
    assert set(loaded.omics.var["symbol"]) == {"TERT", "KRAS"}
    assert loaded.counts["variants of a promoter that drives cancers (TERT): they mutate its gene"] == 1
    assert loaded.counts["variants of a class that is not known: they mutate their gene"] == 1
    assert loaded.rejects.filter(pl.col("column") == "consequence")["got"].to_list() == ["Something_New"]
