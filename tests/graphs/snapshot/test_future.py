"""Nothing beyond the prediction time reaches a model, over every path: events, visits, samples; from file to prediction.

The future of every patient (of training patients too) is rewritten in the source files: values, codes, order, number.
"""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import clinome
from clinome.demo.synthetic_cohort import write_cohort
from clinome.graphs.snapshot.fence import Fence, fence, no_fence
from clinome.graphs.snapshot.freeze import freeze
from clinome.graphs.snapshot.snapshot import Snapshot
from clinome.models.base.folds import make_folds, parts
from clinome.models.learners.registry import make

LATE = 12
"""So many patients gave their sample only after the index date."""


@pytest.fixture(scope="module")
def two_futures(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The same study twice: as it was, and with everything after the index dates rewritten."""
    one, other = tmp_path_factory.mktemp("one") / "s", tmp_path_factory.mktemp("other") / "s"
    write_cohort(one, 5, 120)
    samples = pl.read_csv(one / "samples.tsv", separator="\t", infer_schema=False)
    index = pl.read_csv(one / "patients.csv", infer_schema=False).select("patient_id", "index_date")
    late = samples.join(index, on="patient_id", maintain_order="left").with_row_index()
    collected = pl.when(pl.col("index") < LATE).then(pl.lit("2035-01-01")).otherwise("collected")
    late.with_columns(collected=collected).select(samples.columns).write_csv(one / "samples.tsv", separator="\t")
    shutil.copytree(one, other)
    rewrite_events(other, index)
    rewrite_encounters(other, index)
    rewrite_samples(other, set(samples["sample_id"][:LATE]))
    return one, other


def rewrite_events(folder: Path, index: pl.DataFrame) -> None:
    (file,) = (folder / "meds" / "data").glob("*.parquet")
    rows = pl.read_parquet(file)
    at = rows.join(index, left_on="subject_id", right_on="patient_id", how="left")["index_date"].str.to_datetime()
    known = rows["known_time"] if "known_time" in rows.columns else rows["time"]
    after = ((rows["time"] > at) | (known > at)).fill_null(False)
    assert after.sum() > 50
    changed = rows.filter(after).with_columns(
        code=pl.lit("ICD10CM:Z99.9"), numeric_value=pl.lit(1e6).cast(rows.schema["numeric_value"])
    )
    pl.concat([rows.filter(~after), changed, changed.sample(fraction=0.5, seed=1)]).sort(
        "subject_id", "time", maintain_order=True
    ).write_parquet(file)


def rewrite_encounters(folder: Path, index: pl.DataFrame) -> None:
    rows = pl.read_csv(folder / "encounters.csv", infer_schema=False)
    at = rows.join(index, on="patient_id", how="left", maintain_order="left")["index_date"].str.to_date()
    ends = rows["discharged"].str.slice(0, 10).str.to_date(strict=False)
    after = (ends > at).fill_null(False)
    assert after.sum() > 20
    spoilt = pl.when(after).then(pl.lit("Z999"))
    rows.with_columns(
        diag_1=spoilt.otherwise("diag_1"), diag_2=spoilt.otherwise("diag_2"), ward=spoilt.otherwise("ward")
    ).write_csv(folder / "encounters.csv")


def rewrite_samples(folder: Path, late: set[str]) -> None:
    with gzip.open(folder / "rna.tsv.gz") as file:
        rows = pl.read_csv(file.read(), separator="\t", infer_schema=False)
    there = [c for c in rows.columns if c in late]
    assert there
    with gzip.open(folder / "rna.tsv.gz", "wb") as file:
        file.write(rows.with_columns(pl.lit("99").alias(c) for c in there).write_csv(separator="\t").encode())


def frozen(folder: Path, how: Fence) -> Snapshot:
    study = clinome.Study.read(folder)
    clinome.load(study)
    with clinome.open(study) as graph:
        cohort = graph.cohort().taken
        snapshot = freeze(cohort, graph.tables, "binary", ("age", "sex"), fence=how)
    return snapshot.with_folds(make_folds(snapshot.rows, "binary", study.evaluate))


def test_the_future_changes_no_input_and_no_prediction(two_futures: tuple[Path, Path]) -> None:
    one, other = (frozen(folder, fence) for folder in two_futures)
    assert one.checksums() == other.checksums()
    train, tuning, held_out = parts(one.folds, 0, 0)
    for name in ("ridge_late", "boosting", "fusion"):
        scores = []
        for snapshot in (one, other):
            learner = make(name).with_setting({}, 1)
            learner.fit(snapshot, train, tuning)
            scores.append(learner.predict(snapshot, held_out))
        assert np.array_equal(scores[0], scores[1]), name


def test_without_the_fence_the_same_check_fails(two_futures: tuple[Path, Path]) -> None:
    one, other = (frozen(folder, no_fence) for folder in two_futures)
    differ = {name for name, found in one.checksums().items() if other.checksums()[name] != found}
    assert any("events" in name for name in differ)
    assert any("rna" in name for name in differ)
