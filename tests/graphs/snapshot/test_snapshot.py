"""Snapshots: nothing beyond the fence is in them, not even an order; what is in them is what the tables say."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy import sparse
from small_study import INDEX, build, cohort_frame, save
from snapshots import make_snapshot

from clinome.graphs.cohort.cohort import Cohort
from clinome.graphs.snapshot.events import frozen_events
from clinome.graphs.snapshot.fence import Fence, fence, no_fence
from clinome.graphs.snapshot.freeze import freeze
from clinome.graphs.snapshot.snapshot import Layer, Snapshot
from clinome.graphs.tables.study_tables import Tables
from clinome.loaders.errors import InputError
from clinome.loaders.specs import Omics
from clinome.loaders.tables import EVENTS, in_layout

COVARIATES = ("age", "sex", "ward")


def cohort(tables: Tables, rows_per_subject: int = 1) -> Cohort:
    frame = cohort_frame(tables, rows_per_subject)
    frame = frame.with_columns(visit_id=pl.col("subject_id") + "-v0", dose=pl.int_range(pl.len()) % 3)
    return Cohort("small", frame, (), "MATCH …", {"at": INDEX, "within": timedelta(days=3)}, "dated", ("0", "1"))


def frozen(folder: Path, future: int = 0, fence: Fence = fence, rows_per_subject: int = 1) -> Snapshot:
    tables = build(folder, future=future)
    return freeze(cohort(tables, rows_per_subject), tables, "binary", COVARIATES, fence=fence)


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    return build(tmp_path_factory.mktemp("tables"))


@pytest.fixture(scope="module")
def snapshot(tables: Tables) -> Snapshot:
    return freeze(cohort(tables), tables, "binary", COVARIATES)


def test_the_future_leaves_every_byte_as_it_is(tmp_path: Path) -> None:
    past = frozen(tmp_path / "0")
    for future in (1, 2, 3, 4):
        other = frozen(tmp_path / str(future), future)
        assert other.checksums() == past.checksums()
        assert (other.static, other.counts) == (past.static, past.counts)


def test_without_the_fence_the_same_test_fails(tmp_path: Path) -> None:
    past, other = (frozen(tmp_path / str(future), future, no_fence).checksums() for future in (1, 2))
    changed = {name for name in past if past[name] != other[name]}
    assert {"events.parquet", "layers/rna/dense.parquet", "links.parquet"} <= changed


def test_rows_and_covariates(tables: Tables, snapshot: Snapshot) -> None:
    assert snapshot.rows.columns == ["subject_id", "prediction_time", "label"]
    assert snapshot.rows["subject_id"].is_sorted()
    people = tables.table("patients", "patients")
    assert people is not None
    want = snapshot.rows.join(people, on="subject_id", how="left", maintain_order="left")
    assert snapshot.covariates.select("age", "sex").equals(want.select("age", "sex"))
    assert set(snapshot.covariates["ward"].drop_nulls()) == {"n", "s"}


def test_visit_properties_are_null_until_the_visit_ends(tables: Tables) -> None:
    taken = cohort(tables)
    visits = tables.table("records.ehr", "visits")
    assert visits is not None
    starts = dict(visits.select("visit_id", "start_time").iter_rows())
    early = taken.frame.with_columns(prediction_time=pl.col("visit_id").replace_strict(starts))
    got = freeze(replace(taken, frame=early), tables, "binary", ("ward",))
    assert got.covariates["ward"].null_count() == early.height
    assert got.counts["rows whose visit had not ended: its properties are null"] == early.height


def test_a_layer_holds_the_last_sample_before_the_prediction(tables: Tables, snapshot: Snapshot) -> None:
    omics = tables.read("omics.rna").omics
    assert omics is not None
    layer = snapshot.layers["rna"]
    for row, subject in enumerate(snapshot.rows["subject_id"]):
        of_subject = [s for s in omics.obs_names if s.startswith(subject)]
        assert layer.profiled[row] == bool(of_subject)
        want = np.full(layer.var.height, np.nan)
        if of_subject:
            want = np.asarray(omics[max(of_subject), layer.var["feature"].to_list()].X)[0]
        np.testing.assert_array_equal(layer.values[row], want)


def test_mutations_are_sparse_and_unknown_is_not_negative(tables: Tables, snapshot: Snapshot) -> None:
    layer = snapshot.layers["mutations"]
    assert sparse.issparse(layer.values)
    omics = tables.read("omics.mutations").omics
    assert omics is not None
    for row, subject in enumerate(snapshot.rows["subject_id"]):
        assert layer.profiled[row] == (subject in omics.obs_names)
        want = {g for g in omics.var_names if subject in omics.obs_names and omics[subject, g].X.sum()}
        assert want == set(layer.var["feature"].gather(layer.values[row].indices))
    assert snapshot.static["omics.mutations"] == layer.profiled.sum()


def test_several_undated_samples_are_counted(tables: Tables) -> None:
    people = tables.table("patients", "patients")
    assert people is not None
    frame = people.head(1).select("subject_id", pl.col("index_time").alias("prediction_time"), label=pl.lit(1))
    got = freeze(Cohort("one", frame, (), "", {}, "dated", ("0", "1")), tables, "binary")
    assert got.counts["omics.mutations: rows with several undated samples, of which the first was taken"] == 1
    assert got.counts["layers left out, for no row has a value: meth"] == 1 and "meth" not in got.layers


def test_events_are_the_fenced_ones_in_order(tables: Tables, snapshot: Snapshot) -> None:
    events, all_events = snapshot.events, tables.table("records.ehr", "events")
    assert events is not None and all_events is not None
    mine = all_events.filter(pl.col("subject_id").is_in(snapshot.rows["subject_id"].implode()))
    assert events.height == mine.height
    assert events["row"].is_sorted() and (events["days"].drop_nulls() >= 0).all()
    for _, part in events.group_by("row"):
        assert part["days"].is_sorted(descending=True, nulls_last=False)
    undated = events.filter(pl.col("days").is_null())
    assert undated.height == snapshot.static["records.ehr"] == snapshot.rows.height
    assert undated["visit"].null_count() == undated.height
    assert events["age"].drop_nulls().is_between(30, 75).all() and events["age"].null_count() == undated.height
    assert events.group_by("row").agg(pl.col("visit").n_unique() - 1)["visit"].max() == 3


def test_a_later_row_of_a_patient_sees_more(tmp_path: Path) -> None:
    events = frozen(tmp_path, future=1, rows_per_subject=2).events
    assert events is not None
    per_row = events.group_by("row").len().sort("row")["len"]
    assert (per_row.gather_every(2, 1) >= per_row.gather_every(2)).all() and per_row.gather_every(
        2, 1
    ).sum() > per_row.gather_every(2).sum()


def test_links_reach_up_from_what_was_seen(snapshot: Snapshot) -> None:
    links = {(s, p, o) for s, p, o, *_ in snapshot.links.rows()}
    assert ("ICD10CM:A01.1", "IS_A", "ICD10CM:A01") in links
    assert ("ICD10CM:A01", "MAPS_TO", "MONDO:1") in links
    assert ("NCBIGene:3", "ASSOCIATED_WITH", "MONDO:1") in links
    assert not [link for link in links if "NCBIGene:900" in link or "ICD10CM:Z99" in link or "ICD10CM:A01.5" in link]


def test_two_sources_of_one_layer_complete_each_other(tmp_path: Path) -> None:
    tables = build(tmp_path)
    omics = tables.read("omics.rna").omics
    assert omics is not None
    lacking = sorted(set(cohort(tables).frame["subject_id"]) - set(omics.obs["subject_id"]))
    more = omics[: len(lacking)].copy()
    more.obs["subject_id"] = lacking
    more.obs_names = [f"{subject}-more" for subject in lacking]
    more.X[:] = 7
    save(tables, Omics((Path("more.csv"),), name="more", layer="rna", kind="expression"), omics=more)
    layer = freeze(cohort(tables), tables, "binary").layers["rna"]
    assert layer.profiled.all()
    filled = [row for row, s in enumerate(cohort(tables).frame["subject_id"]) if s in lacking]
    assert (layer.values[filled] == 7).all() and not (layer.values == 7).all()


def dense(layer: Layer) -> Any:
    values: Any = layer.values
    return values.toarray() if sparse.issparse(values) else values


def test_saved_and_read_again(tmp_path: Path, snapshot: Snapshot) -> None:
    folds = pl.DataFrame({"repeat": 0, "fold": 0, "row": range(snapshot.rows.height), "split": "train"})
    saved = snapshot.with_folds(folds).save(tmp_path / "snapshot")
    again = Snapshot.read(tmp_path / "snapshot")
    assert again.manifest == saved.manifest and again.checksums() == saved.manifest["sha256"]
    assert again.manifest["params"] == {"at": INDEX.isoformat(), "within": 3.0}
    assert again.rows.equals(saved.rows) and again.covariates.equals(saved.covariates)
    for name, layer in saved.layers.items():
        other = again.layers[name]
        assert (other.kind, other.scale) == (layer.kind, layer.scale) and other.var.equals(layer.var)
        np.testing.assert_array_equal(dense(layer), dense(other))
        np.testing.assert_array_equal(layer.profiled, other.profiled)
    saved.save(tmp_path / "snapshot")
    (tmp_path / "snapshot" / "rows.parquet").write_bytes(b"x")
    with pytest.raises(InputError, match=r"rows\.parquet"):
        Snapshot.read(tmp_path / "snapshot")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("label", "what shall be predicted"), ("outcome", "what shall be predicted"), ("event", "what shall be predicted"),
        ("wards", "'ward'"), ("birth_date", "a covariate of this type"), ("observed_until", "what shall be predicted"),
        ("subtype", "tells the label"),
    ],
)  # fmt: skip
def test_covariates_that_cannot_be(tables: Tables, name: str, message: str) -> None:
    taken = replace(cohort(tables, rows_per_subject=2), label="outcome")
    with pytest.raises(InputError, match=message):
        freeze(taken, tables, "binary", (name,))


def test_a_duration_in_other_units_is_no_covariate(tables: Tables) -> None:
    taken = cohort(tables, rows_per_subject=2)
    frame = taken.frame.drop("label").with_columns(
        duration_days=pl.int_range(pl.len()) * 30.0 + 5, event=pl.int_range(pl.len()) % 2, months=pl.int_range(pl.len())
    )
    with pytest.raises(InputError, match="is the duration"):
        freeze(replace(taken, frame=frame), tables, "survival", ("months",))


def test_what_folds_need_is_kept_beside_the_label(tables: Tables) -> None:
    got = freeze(cohort(tables), tables, "binary", keep=("sex", "dose", "label"))
    assert got.rows.columns == ["subject_id", "prediction_time", "label", "sex", "dose"]
    assert got.covariates.width == 0 and got.with_input().all()


def test_dated_samples_need_a_prediction_time(tables: Tables) -> None:
    taken = cohort(tables)
    timeless = taken.frame.with_columns(prediction_time=pl.lit(None, pl.Datetime("us")))
    with pytest.raises(InputError, match="samples are dated"):
        freeze(replace(taken, frame=timeless), tables, "binary")


def test_a_study_without_records_has_no_events(tmp_path: Path) -> None:
    tables = build(tmp_path, records=False)
    got = freeze(replace(cohort(tables), frame=cohort_frame(tables)), tables, "binary")
    assert got.events is None
    got.save(tmp_path / "s")
    assert Snapshot.read(tmp_path / "s").events is None


def test_what_is_printed_of_a_snapshot_fits_a_screen_and_names_nobody() -> None:
    snapshot = make_snapshot("binary", n=90, layers=("rna", "mutations"), records=True, rows_per_subject=2)
    shown = repr(snapshot)
    assert len(shown.splitlines()) < 20 and max(map(len, shown.splitlines())) < 120
    assert not any(one in shown for one in snapshot.rows["subject_id"])
    assert "90 rows of 45 subjects" in shown and "layer rna: expression, 60 features" in shown and "folds: 3" in shown
    layers = {f"rna{k}": replace(snapshot.layers["rna"], name=f"rna{k}") for k in range(40)}
    many = pl.DataFrame({f"column {k}": [0.0] * 90 for k in range(300)})
    wide = repr(replace(snapshot, layers=layers, covariates=many, events=None, links=snapshot.links.clear()))
    assert len(wide.splitlines()) < 20 and "and 32 more layers" in wide and "and 292 more" in wide


@pytest.mark.parametrize("block", [1, 40, 300])
def test_subjects_frozen_some_at_a_time_are_the_same_bytes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, block: int
) -> None:
    """Also where numbers in several units lie in different blocks, and where one unit is told only beyond the fence."""
    study = build(tmp_path, future=3)
    units = pl.DataFrame([
        (f"p{n:03}", INDEX + timedelta(days=day), "LOINC:1-1", 1.0 * n, unit)
        for n in range(24) for day, unit in ((-9, "mg/dL" if n < 12 else " MG/DL"), (-5, "mmol/L" if n == 20 else None), (5, "g/L"))
    ], schema=["subject_id", "time", "code", "numeric_value", "unit"], orient="row")  # fmt: skip
    ids = cohort(study).frame["subject_id"].unique().sort()
    units = units.with_columns(subject_id=pl.Series([ids[n % len(ids)] for n in range(24) for _ in range(3)]))
    more = in_layout(units, EVENTS)
    index = cohort(study, 2).frame.sort("subject_id", "prediction_time").with_row_index("row")
    index = index.select(pl.col("row").cast(pl.Int64), "subject_id", "prediction_time")
    whole = frozen_events(index, study, fence, ("ODD:x",), more)
    monkeypatch.setattr("clinome.graphs.snapshot.events.BLOCK", block)
    found = frozen_events(index, study, fence, ("ODD:x",), more)
    assert whole.table is not None and found.table is not None and found.table.equals(whole.table)
    assert (found.units, found.undated, found.parts) == (whole.units, whole.undated, whole.parts)
    assert {"LOINC:1-1 [mmol/L]", "LOINC:1-1 [no unit]"} <= set(whole.parts)
    assert frozen_events(index.clear(), study, fence).table.is_empty()  # type: ignore[union-attr]
