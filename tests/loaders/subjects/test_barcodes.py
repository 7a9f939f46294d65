"""Barcodes: every level finds its sample or its patient, and no sample's value becomes an undated patient's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from clinome.loaders.identifiers.genes import GeneTable
from clinome.loaders.omics.layer import read_omics
from clinome.loaders.omics.mutations import read_mutations
from clinome.loaders.specs import Omics
from clinome.loaders.subjects.barcodes import matched
from clinome.loaders.tables import SAMPLES, Known

PATIENTS = ("TCGA-ZZ-0001", "TCGA-ZZ-0002")
SAMPLE_TYPES = ("01", "06", "03", "11")
LEVELS = ("", "-{t}", "-{t}A", "-{t}A-11R", "-{t}A-11R-0001-07", "-{t}B-01D-1105-08")


def known(subjects: list[str], samples: list[str] | None = None) -> Known:
    if samples is None:
        return Known(frozenset(subjects), None, GeneTable.empty())
    rows = [{"sample_id": s, "subject_id": s[:12]} for s in samples]
    table = pl.DataFrame(rows, schema=SAMPLES)  # type: ignore[arg-type]
    return Known(frozenset(subjects), table, GeneTable.empty())


def naive(text: str, subjects: list[str], samples: list[str] | None) -> str | None:
    """The rule, id by id: as it stands, else the longest known beginning at a level; with samples a sample's or nobody's."""
    whole = text.upper().replace(".", "-")
    ids = {**{s: s for s in subjects}, **{s: s for s in samples or []}}
    if whole in ids:
        return whole
    field = whole.split("-")[3] if whole.count("-") > 2 else ""
    if field.startswith("1"):
        return None
    among = samples if samples is not None and field else list(ids)
    ends = [s for s in among if whole.startswith(s) and (whole[len(s)] == "-" or len(s) in (12, 15, 16))]
    return max(ends, key=len, default=None)


barcodes = st.builds(
    lambda p, t, level, spell: spell((p + level).format(t=t)),
    st.sampled_from((*PATIENTS, "TCGA-ZZ-0003")),
    st.sampled_from(SAMPLE_TYPES),
    st.sampled_from(LEVELS),
    st.sampled_from((str, str.lower, lambda s: s.replace("-", "."), lambda s: s.lower().replace("-", "."))),
)
at_level = st.lists(
    st.builds(lambda p, t, level: (p + level).format(t=t), st.sampled_from(PATIENTS), st.sampled_from(SAMPLE_TYPES),
              st.sampled_from(LEVELS[1:4])), unique=True, max_size=4,
)  # fmt: skip


@given(st.lists(barcodes, min_size=1, max_size=6), st.none() | at_level, st.booleans())
def test_a_barcode_is_whose_it_says(ids: list[str], samples: list[str] | None, at_sample: bool) -> None:
    subjects = [f"{p}-01" for p in PATIENTS] if at_sample else list(PATIENTS)
    found = matched(pl.Series(ids), known(subjects, samples))
    assert found["sample_id"].to_list() == [naive(text, subjects, samples) for text in ids]


def matrix(tmp_path: Path, header: list[str], known_: Known) -> tuple[pl.DataFrame, dict[str, int]]:
    file = tmp_path / "rna.tsv"
    file.write_text("gene\t" + "\t".join(header) + "\nTP53\t" + "\t".join(map(str, range(len(header)))) + "\n")
    loaded = read_omics(Omics(path=(file,), name="rna", kind="expression"), known_)
    assert loaded.omics is not None
    values = np.asarray(loaded.omics.X)[:, 0].tolist()
    return pl.DataFrame({"id": list(loaded.omics.obs_names), "value": values}).sort("id"), dict(loaded.counts)


def test_an_aliquot_is_its_dated_sample_s_and_never_the_patient_s(tmp_path: Path) -> None:
    aliquots = ["TCGA-ZZ-0001-01A-11R-0001-07", "TCGA-ZZ-0002-02A-11R-0001-07"]
    found, counts = matrix(tmp_path, aliquots, known(list(PATIENTS), ["TCGA-ZZ-0001-01"]))
    assert found.rows() == [("TCGA-ZZ-0001-01", 0.0)]
    assert counts["samples of nobody in the study"] == 1


def test_without_samples_the_primary_tumour_is_the_patient_s_in_any_order(tmp_path: Path) -> None:
    for header, value in (
        (["TCGA-ZZ-0001-06A", "TCGA-ZZ-0001-01A"], 1.0),
        (["TCGA-ZZ-0001-01A", "TCGA-ZZ-0001-06A"], 0.0),
    ):
        found, counts = matrix(tmp_path, [*header, "TCGA-ZZ-0002-06A"], known(list(PATIENTS)))
        assert found.rows() == [("TCGA-ZZ-0001", value), ("TCGA-ZZ-0002", 2.0)]
        assert counts["samples left out: a primary tumour of the patient is there"] == 1


def test_letters_composed_or_not_are_one_id(tmp_path: Path) -> None:
    found, _ = matrix(tmp_path, ["Jo\u0308rg"], known(["J\u00f6rg", "Ann"]))
    assert found.rows() == [("J\u00f6rg", 0.0)]


def test_a_metastasis_mutates_no_gene_of_a_patient_whose_primary_is_there(tmp_path: Path) -> None:
    file = tmp_path / "m.maf"
    rows = ["TP53\tTCGA-ZZ-0001-06A\tMissense_Mutation", "KRAS\tTCGA-ZZ-0001-01A\tMissense_Mutation",
            "EGFR\tTCGA-ZZ-0002-06A\tMissense_Mutation"]  # fmt: skip
    file.write_text("\n".join(["Hugo_Symbol\tTumor_Sample_Barcode\tVariant_Classification", *rows]) + "\n")
    spec = Omics(path=(file,), name="mut", kind="mutation")
    loaded = read_mutations(spec, known(list(PATIENTS)))
    assert loaded.omics is not None
    i, j = loaded.omics.X.nonzero()
    pairs = {(loaded.omics.obs_names[a], loaded.omics.var["symbol"].iloc[b]) for a, b in zip(i, j, strict=True)}
    assert pairs == {("TCGA-ZZ-0001", "KRAS"), ("TCGA-ZZ-0002", "EGFR")}
    assert loaded.tally.rejected == 1
