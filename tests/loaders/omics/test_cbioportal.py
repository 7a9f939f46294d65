"""A whole cBioPortal study folder is one source: what each file becomes, who was looked at, and what is not read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import portal_study
import pytest

import clinome
from clinome.console import SILENT, Console
from clinome.graphs.tables.study_tables import Tables
from clinome.loaders.bundles.cbioportal import read_cbioportal
from clinome.loaders.bundles.meta_file import listed, read_meta
from clinome.loaders.errors import InputError
from clinome.loaders.specs import Bundle
from clinome.verbs.loading.load import load_study

LAYERS = {"gistic", "cna_long", "rna_seq_v2_mrna", "rppa", "methylation_hm450", "mutations", "structural_variants"}


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    study = portal_study.study(tmp_path_factory.mktemp("portal"))
    load_study(study, SILENT)
    return Tables(study.tables, study.name)


def layer(tables: Tables, name: str) -> pl.DataFrame:
    """sample, gene, value of one layer, 0 too."""
    omics = tables.read(f"omics.{name}").omics
    assert omics is not None
    x = omics.X.toarray() if hasattr(omics.X, "toarray") else omics.X
    frame = pl.DataFrame(np.asarray(x), schema=[str(s) for s in omics.var["symbol"]]).with_columns(
        sample=pl.Series([str(i) for i in omics.obs_names])
    )
    return frame.unpivot(index="sample", variable_name="gene", value_name="value")


def cell(frame: pl.DataFrame, sample: str, gene: str) -> float:
    return float(frame.filter((pl.col("sample") == sample) & (pl.col("gene") == gene))["value"].item())


def test_every_file_that_says_something_of_patients_is_a_section(loaded: Tables) -> None:
    assert {s.removeprefix("omics.") for s in loaded.sources() if s.startswith("omics.")} == LAYERS
    assert {"patients", "samples", "records.timeline"} <= set(loaded.sources())


def test_patients_have_their_own_attributes_and_those_in_which_their_samples_agree(loaded: Tables) -> None:
    patients = loaded.read("patients").patients
    assert patients is not None
    four = patients.filter(pl.col("subject_id") == "P4").row(0, named=True)
    assert (patients.height, four["AGE"], four["SUBTYPE"], four["SAMPLE_TYPE"]) == (6, 70, "luminal", None)
    assert patients.filter(pl.col("subject_id") == "P3")["OS_STATUS"].to_list() == [None]
    assert "SAMPLE_ID" not in patients.columns


def test_who_was_sequenced_and_for_which_genes(loaded: Tables) -> None:
    calls = layer(loaded, "mutations")
    assert set(calls["sample"]) == {"S1", "S2", "S3", "S4b", "S6"}  # S5: the matrix says NA; S4: nobody names it
    assert cell(calls, "S1", "TP53") == 1 and cell(calls, "S6", "BRCA2") == 0
    assert cell(calls, "S3", "TP53") == 0 and np.isnan(cell(calls, "S3", "BRCA2"))  # the panel has no BRCA2
    assert cell(calls, "S2", "EGFR") == 1
    assert "KRAS" not in set(calls["gene"])  # a silent variant alone


def test_structural_variants_are_events_of_both_genes(loaded: Tables) -> None:
    events = layer(loaded, "structural_variants")
    carried = events.filter(pl.col("value") == 1).sort("sample", "gene").select("sample", "gene").rows()
    assert carried == [("S1", "TP53"), ("S3", "ALK"), ("S3", "EML4")]
    assert set(events["sample"]) == {"S1", "S2", "S3", "S4"}


@pytest.mark.parametrize(
    ("name", "file", "first"),
    [("gistic", "data_cna.txt", "Hugo_Symbol"), ("rna_seq_v2_mrna", "data_rna.txt", "Hugo_Symbol")],
)
def test_matrices_hold_what_polars_counts(loaded: Tables, name: str, file: str, first: str) -> None:
    frame = pl.read_csv(loaded.folder.parent / "inv" / file, separator="\t", null_values=["NA"])
    truth = frame.drop("Entrez_Gene_Id").unpivot(index=first).drop_nulls()
    found = layer(loaded, name).filter(pl.col("value").is_not_nan())
    assert (found.height, found["value"].sum()) == (truth.height, truth["value"].sum())


def test_long_copy_numbers_become_the_same_matrix(loaded: Tables) -> None:
    found = layer(loaded, "cna_long")
    assert cell(found, "S1", "TP53") == -2 and cell(found, "S1", "KRAS") == 0 and cell(found, "S2", "TP53") == 1
    assert np.isnan(cell(found, "S2", "KRAS"))


def test_timelines_are_records_of_one_relative_clock(loaded: Tables) -> None:
    events = loaded.read("records.timeline").events
    assert events is not None
    assert set(events["code"]) == {"DRUG:cisplatin", "TIMELINE:status/progression"}


def test_what_is_not_read_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study = portal_study.study(tmp_path)
    clinome.load(study, dry_run=True, console=Console())
    said = capsys.readouterr()
    text = said.out + said.err
    assert "data_rna_z.txt is not read: z-scores over the whole cohort of what data_rna.txt holds" in text
    assert "data_supplement.txt is not read: no meta file names it" in text
    assert "data_mutsig.txt is not read" in text


def test_values_are_logged_where_they_are_counts(tmp_path: Path) -> None:
    study = portal_study.study(tmp_path)
    scales = {one.name: one.scale for one in study.omics}
    assert scales["rna_seq_v2_mrna"] == "log1p"
    assert scales["rppa"] == scales["gistic"] == "none"


def test_layers_choose_and_sections_of_the_study_file_go_first(tmp_path: Path) -> None:
    more = '[omics.rna_seq_v2_mrna]\nscale = "zscore"\n[patients]\nkeep = ["AGE"]\n'
    study = portal_study.study(tmp_path, more, bundle='layers = ["rna_seq_v2_mrna"]')
    assert [one.name for one in study.omics] == ["rna_seq_v2_mrna"]
    assert study.omics[0].scale == "zscore" and study.patients is not None and study.patients.keep == ("AGE",)
    with pytest.raises(InputError, match=r"no such profile.*rna_seq_v2_mrna"):
        portal_study.study(tmp_path, bundle='layers = ["proteins"]')


POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"data_rna__txt": POINTER}, "data_rna.txt is not read: is a Git LFS pointer"),
        ({"data_cna__txt": None}, "data_cna.txt is not read: is not in the folder"),
        ({"meta_cna__txt": "\x00\xff nonsense\n"}, "data_cna.txt is not read: no meta file names it"),
        ({"meta_rppa__txt": "genetic_alteration_type: PROTEIN_LEVEL\n"}, "meta_rppa.txt is not read: names no data file"),
        ({"meta_rppa__txt": "genetic_alteration_type: HOLOGRAM\ndata_filename: data_rppa.txt\n"}, "not known here (HOLOGRAM)"),
        ({"meta_rppa__txt": ""}, "meta_rppa.txt is not read: is empty"),
    ],
)  # fmt: skip
def test_a_missing_or_odd_file_is_named_and_the_rest_is_read(
    tmp_path: Path, changed: dict[str, str | None], said: str
) -> None:
    study = portal_study.study(tmp_path, "", "", **changed)
    assert any(said in line for line in study.unread), study.unread
    assert "mutations" in {one.name for one in study.omics}


def test_a_data_file_of_no_path_leaves_the_folder(tmp_path: Path) -> None:
    meta = "genetic_alteration_type: PROTEIN_LEVEL\ndata_filename: ../../secret.txt\n"
    (tmp_path / "secret.txt").write_text("x\n")
    study = portal_study.study(tmp_path, meta_rppa__txt=meta)
    assert all(path.parent == (tmp_path / "inv").resolve() for one in study.omics for path in one.path)


def test_clinical_tables_are_found_by_their_usual_names(tmp_path: Path) -> None:
    meta = portal_study.FILES["meta_clinical_sample.txt"].replace("data_clinical_sample.txt", "data_samples.txt")
    study = portal_study.study(tmp_path, meta_clinical_sample__txt=meta)
    assert study.samples is not None and study.samples.path[0].name == "data_clinical_sample.txt"


@pytest.mark.parametrize("what", ["folder", "metas", "samples", "several", "format"])
def test_a_folder_that_is_no_study_is_an_error_with_a_fix(tmp_path: Path, what: str) -> None:
    folder = tmp_path / "f"
    if what != "folder":
        folder.mkdir()
    if what == "samples":
        (folder / "meta_study.txt").write_text("cancer_study_identifier: x\n")
    head = 'name = "x"\nstore = "x.graph"\n'
    text = head + '[bundle.a]\npath = "f"\n' + ('[bundle.b]\npath = "f"\n' if what == "several" else "")
    (tmp_path / "study.toml").write_text(text + ('format = "zip"\n' if what == "format" else ""))
    with pytest.raises(InputError, match=r"Fix: "):
        clinome.Study.read(tmp_path / "study.toml")


def test_meta_files_of_any_form_are_read(tmp_path: Path) -> None:
    path = tmp_path / "meta.txt"
    path.write_bytes(b"\xef\xbb\xbfA : 1\r\nno key\r\n# b: 2\r\nC:\ta b\tc d\r\nc: again\r\n")
    meta = read_meta(path)
    assert meta == {"a": "1", "c": "a b\tc d"} and listed(meta, "c") == ["a b", "c d"]


def test_init_proposes_the_bundle_with_a_task(tmp_path: Path) -> None:
    portal_study.write(tmp_path / "inv")
    report = clinome.init(tmp_path / "inv")
    assert report.sources == ("bundle.study",)
    assert report.task is not None and "OS_MONTHS" in report.task
    assert clinome.Study.read(report.file).samples is not None


def test_panels_of_another_folder(tmp_path: Path) -> None:
    (tmp_path / "panels").mkdir()
    (tmp_path / "panels" / "data_gene_panel_wes.txt").write_text("stable_id: WES\ngene_list: TP53\n")
    portal_study.write(tmp_path / "inv")
    found = read_cbioportal(Bundle(tmp_path / "inv", "b", panels=tmp_path / "panels"))
    assert [Path(p).name for p in found.tables["omics"]["mutations"]["panel_genes"]] == [
        "data_gene_panel_small.txt",
        "data_gene_panel_wes.txt",
    ]


def test_segments_need_a_table_of_genes(tmp_path: Path) -> None:
    study = portal_study.study(tmp_path)
    assert any("data_cna_hg19.seg is not read" in line and "in hg19" in line for line in study.unread)
    (tmp_path / "genes_hg19.tsv").write_text("symbol\tchromosome\tstart\tend\nTP53\t17\t7565097\t7590856\n")
    with_genes = portal_study.study(tmp_path, bundle='positions = "genes_hg19.tsv"\nlayers = ["seg"]')
    load_study(with_genes, SILENT)
    found = layer(Tables(with_genes.tables, with_genes.name), "seg")
    assert cell(found, "S1", "TP53") == -0.5 and cell(found, "S2", "TP53") == 0.25


def test_columns_that_say_where_a_gene_lies_are_no_samples(tmp_path: Path) -> None:
    text = "Hugo_Symbol\tEntrez_Gene_Id\tCytoband\tS1\tS2\nTP53\t7157\t17p\t-1\t0\nKRAS\t3845\t12p\t2\t1\n"
    study = portal_study.study(tmp_path, bundle='layers = ["gistic"]', data_cna__txt=text)
    report = {one.source: one for one in load_study(study, SILENT)}
    assert report["omics.gistic"].losses == () and report["omics.gistic"].cells.written == 4
