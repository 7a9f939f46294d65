"""The demo's cohort: the same bytes for the same seed, the planted truth in the files, and what should be wrong in them."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from clinome.demo.synthetic_cohort import RATE, Truth, read_truth, write_cohort
from clinome.study import Study

PATIENTS = 600


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Truth]:
    folder = tmp_path_factory.mktemp("cohort")
    return folder, write_cohort(folder, seed=7, patients=PATIENTS)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(f.relative_to(folder)): f.read_bytes() for f in sorted(folder.rglob("*")) if f.is_file()}


def truth_table(folder: Path) -> pl.DataFrame:
    return pl.read_parquet(folder / "truth.parquet")


def index_dates(folder: Path) -> pl.DataFrame:
    return pl.read_csv(folder / "patients.csv", try_parse_dates=True).select(
        subject_id="patient_id", index=pl.col("index_date").cast(pl.Datetime("us")), outcome="outcome"
    )


def diagnoses(folder: Path) -> pl.DataFrame:
    """subject_id, code, time, known_time of every diagnosis in both record files; times that are no dates are null."""
    meds = pl.read_parquet(folder / "meds" / "data" / "0.parquet").select("subject_id", "code", "time", "known_time")
    rows = pl.read_csv(folder / "encounters.csv", infer_schema=False)
    moment = pl.col("admitted", "discharged").str.to_datetime("%Y-%m-%d", strict=False, time_unit="us")
    visits = rows.with_columns(moment).unpivot(
        ["diag_1", "diag_2"], index=["patient_id", "admitted", "discharged"], value_name="code"
    )
    coded = visits.drop_nulls("code").select(
        subject_id="patient_id", code="ICD10CM:" + pl.col("code"), time="admitted", known_time="discharged"
    )
    return pl.concat([meds.filter(pl.col("code").str.starts_with("ICD10CM:")), coded])


def before(folder: Path, code: str, clocks: tuple[str, ...]) -> pl.Series:
    """Subjects who have the code where every one of these clocks is at or before the index date."""
    found = diagnoses(folder).filter(pl.col("code") == code).join(index_dates(folder), on="subject_id")
    return found.filter(pl.all_horizontal(pl.col(c) <= pl.col("index") for c in clocks))["subject_id"].unique()


def test_equal_seeds_make_equal_bytes_and_another_seed_others(tmp_path: Path) -> None:
    first, second, other = (tmp_path / name for name in "abc")
    assert write_cohort(first, 3, 60) == write_cohort(second, 3, 60)
    write_cohort(other, 4, 60)
    assert contents(first) == contents(second)
    fixed = {"study.toml", "icd10.csv", "meds/metadata/codes.parquet"}
    changed = {name for name, content in contents(first).items() if contents(other)[name] != content}
    assert set(contents(first)) - fixed <= changed


def test_it_takes_seconds(tmp_path: Path) -> None:
    start = time.process_time()
    write_cohort(tmp_path, 1, 800)
    assert time.process_time() - start < 20


def test_too_few_patients_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least 40"):
        write_cohort(tmp_path, 1, 39)


def test_the_study_file_is_one(made: tuple[Path, Truth]) -> None:
    study = Study.read(made[0])
    assert {o.kind for o in study.omics} == {"expression", "methylation", "copy_number", "mutation"}
    for source in study.sources():
        assert all(path.exists() for path in source.path)


def test_there_are_enough_features(made: tuple[Path, Truth]) -> None:
    folder = made[0]
    rna = pl.read_csv(folder / "rna.tsv.gz", separator="\t").height
    others = [pl.read_csv(folder / "methylation.csv").width, pl.read_parquet(folder / "copy_number.parquet").width]
    mutated = pl.read_csv(folder / "mutations.maf", separator="\t")["Hugo_Symbol"].n_unique()
    assert rna + sum(others) - 2 + mutated >= 1500


def test_truth_is_kept(made: tuple[Path, Truth]) -> None:
    folder, truth = made
    assert read_truth(folder) == truth
    table = truth_table(folder)
    assert table["label"].to_list() == index_dates(folder)["outcome"].to_list()
    assert truth.rate == pytest.approx(table["label"].mean())


def test_auroc_of_the_true_risk(made: tuple[Path, Truth]) -> None:
    """By ranks here, by scikit-learn there; and near what the issue asks for over several cohorts."""
    folder, truth = made
    table = truth_table(folder)
    assert truth.auroc == pytest.approx(roc_auc_score(table["label"], table["risk"]))
    assert table["risk"].mean() == pytest.approx(RATE, abs=1e-6)
    assert truth.auroc == pytest.approx(0.80, abs=0.06)


def test_the_planted_genes_move_with_the_risk_and_nothing_like_it_does(made: tuple[Path, Truth]) -> None:
    folder, truth = made
    rna = pl.read_csv(folder / "rna.tsv.gz", separator="\t")
    ids = [name.removesuffix("-T1") for name in rna.columns[1:]]
    values = rna.drop("gene").to_numpy().T.astype(float)
    label = truth_table(folder).filter(pl.col("subject_id").is_in(ids))["label"].to_numpy()
    z = np.abs(stats.ttest_ind(values[label == 1], values[label == 0], nan_policy="omit").statistic)
    planted = np.isin(rna["gene"].to_numpy(), list(truth.genes))
    assert planted.sum() == 10
    assert np.median(z[planted]) > np.quantile(z[~planted], 0.99)


def test_the_planted_pathway_holds_the_ten_genes(made: tuple[Path, Truth]) -> None:
    folder, truth = made
    sets = {line.split("\t")[0]: line.split("\t")[1:] for line in (folder / "pathways.gmt").read_text().splitlines()}
    assert sets[truth.pathway][0] == truth.pathway_id
    assert set(sets[truth.pathway][1:]) == set(truth.genes)
    entrez = dict(pl.read_csv(folder / "genes.tsv", separator="\t").select("symbol", "entrez_id").iter_rows())
    assert {s: f"NCBIGene:{entrez[s]}" for s in truth.genes} == truth.genes
    assert truth.mutation not in truth.genes


def carriers(folder: Path, truth: Truth) -> pl.DataFrame:
    """Those sequenced: label, and whether the planted gene is mutated."""
    maf = pl.read_csv(folder / "mutations.maf", separator="\t").filter(pl.col("Hugo_Symbol") == truth.mutation)
    sequenced = [line.removesuffix("-T1") for line in (folder / "sequenced.txt").read_text().split()]
    mutated = maf["Tumor_Sample_Barcode"].str.strip_suffix("-T1")
    table = truth_table(folder).filter(pl.col("subject_id").is_in(sequenced))
    return table.with_columns(has=pl.col("subject_id").is_in(mutated.implode()))


def test_the_mutation_and_the_earlier_diagnosis_raise_the_risk(made: tuple[Path, Truth]) -> None:
    folder, truth = made
    diagnosed = before(folder, truth.diagnosis, ("time", "known_time"))
    second = truth_table(folder).with_columns(has=pl.col("subject_id").is_in(diagnosed.implode()))
    for table in (carriers(folder, truth), second):
        has, lacks = table.filter("has")["label"].mean(), table.filter(~pl.col("has"))["label"].mean()
        assert isinstance(has, float)
        assert isinstance(lacks, float)
        assert has > lacks + 0.1


def test_the_decoy_is_known_only_after_the_fact(made: tuple[Path, Truth]) -> None:
    """No fence on two clocks lets it in; a fence on one clock does, and would gain from it."""
    folder, truth = made
    assert before(folder, truth.decoy, ("time", "known_time")).is_empty()
    label = truth_table(folder)
    early = before(folder, truth.decoy, ("time",))
    assert len(early) > 0.05 * PATIENTS
    anyone = diagnoses(folder).filter(pl.col("code") == truth.decoy)["subject_id"].unique()
    for who in (early, anyone):
        with_decoy = label.filter(pl.col("subject_id").is_in(who.implode()))["label"].mean()
        assert isinstance(with_decoy, float)
        assert with_decoy > 0.8


def test_someone_lacks_each_layer_and_the_records(made: tuple[Path, Truth]) -> None:
    folder = made[0]
    have = {
        "rna": pl.read_csv(folder / "rna.tsv.gz", separator="\t").width - 1,
        "copy_number": pl.read_parquet(folder / "copy_number.parquet").height,
        "mutations": len((folder / "sequenced.txt").read_text().split()),
        "records": pl.read_csv(folder / "encounters.csv")["patient_id"].n_unique() - 1,
    }
    for name, count in have.items():
        assert 0.85 * PATIENTS < count < PATIENTS, name


def test_there_are_gaps_and_rows_that_no_loader_should_let_in(made: tuple[Path, Truth]) -> None:
    folder = made[0]
    rna = pl.read_csv(folder / "rna.tsv.gz", separator="\t").drop("gene")
    assert 0 < sum(rna.null_count().row(0)) < 0.02 * rna.height * rna.width
    assert "UNKNOWN-T1" in pl.read_csv(folder / "methylation.csv")["sample_id"].to_list()
    assert "2019-02-31" in pl.read_csv(folder / "encounters.csv", infer_schema=False)["admitted"].to_list()
    assert pl.read_parquet(folder / "meds" / "data" / "0.parquet")["code"].null_count() == 1
