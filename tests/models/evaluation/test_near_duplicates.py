"""Near-duplicates across a split: found where they are planted, silent where people only resemble one another."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
from snapshots import make_snapshot

from clinome.graphs.snapshot.snapshot import Snapshot
from clinome.models.base.folds import make_folds
from clinome.models.base.specs import Evaluate
from clinome.models.evaluation.near_duplicates import near_duplicates


def split(snapshot: Snapshot) -> Snapshot:
    folds = make_folds(snapshot.rows, snapshot.task, Evaluate(folds=3))
    return replace(snapshot, folds=folds)


def test_people_who_only_share_a_cohort_are_not_alike() -> None:
    assert near_duplicates(split(make_snapshot("binary", n=200, layers=("rna", "cnv"), records=True))) == {}


def test_a_profile_that_comes_twice_is_found_once() -> None:
    snapshot = make_snapshot("binary", n=200, layers=("rna",), features=80)
    layer = snapshot.layers["rna"]
    values = np.array(layer.values)
    there = np.flatnonzero(layer.profiled)
    first, second = there[0], there[1]
    values[second] = values[first] + 0.01 * np.random.default_rng(0).normal(size=values.shape[1])
    twin = replace(snapshot, layers={"rna": replace(layer, values=values)})
    folds = pl.DataFrame({"repeat": 0, "fold": 0, "row": np.arange(200), "split": ["train"] * 200})
    apart = folds.with_columns(split=pl.when(pl.col("row") == int(first)).then(pl.lit("held_out")).otherwise("split"))
    assert near_duplicates(replace(twin, folds=apart)) == {"rna": 1}
    assert near_duplicates(replace(twin, folds=folds)) == {}


def test_rows_of_one_subject_are_no_duplicates() -> None:
    snapshot = make_snapshot("binary", n=120, layers=("rna",), features=80, rows_per_subject=2)
    layer = snapshot.layers["rna"]
    values = np.repeat(np.asarray(layer.values)[::2], 2, axis=0)
    assert near_duplicates(split(replace(snapshot, layers={"rna": replace(layer, values=values)}))) == {}


def test_a_record_under_two_ids_is_found_whatever_its_dates() -> None:
    snapshot = make_snapshot("binary", n=60, records=True)
    rng = np.random.default_rng(1)
    days = np.sort(rng.uniform(1, 300, 12))[::-1]
    codes = [f"ICD10CM:X{k}" for k in rng.integers(0, 40, 12)]
    assert snapshot.events is not None
    mine = snapshot.events.filter(~pl.col("row").is_in([0, 1]))

    def record(row: int, later: float) -> pl.DataFrame:
        table = pl.DataFrame({"row": row, "days": days + later, "code": codes})
        return table.cast({"row": mine.schema["row"], "days": mine.schema["days"]})

    events = pl.concat([record(0, 0.0), record(1, 37.0), mine], how="diagonal").sort("row", maintain_order=True)
    folds = pl.DataFrame({"repeat": 0, "fold": 0, "row": np.arange(60), "split": ["held_out"] + ["train"] * 59})
    assert near_duplicates(replace(snapshot, events=events, folds=folds)) == {"records": 1}
