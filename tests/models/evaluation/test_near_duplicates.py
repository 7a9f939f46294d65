"""Near-duplicates across a split: found where they are planted, silent where people only resemble one another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
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


Draw = Callable[[np.random.Generator, int], np.ndarray]


def _factors(k: int, noise: float) -> Draw:
    return lambda rng, n: rng.normal(size=(n, k)) @ rng.normal(size=(k, 120)) + noise * rng.normal(size=(n, 120))


def _subtypes(rng: np.random.Generator, n: int) -> np.ndarray:
    return 3 * rng.normal(size=(n // 4, 120))[rng.integers(0, n // 4, n)] + rng.normal(size=(n, 120))


def _counts(rng: np.random.Generator, n: int) -> np.ndarray:
    mean = 20 * np.exp(0.5 * rng.normal(size=(n, 3)) @ rng.normal(size=(3, 120)))
    return np.log1p(rng.poisson(mean)).astype(np.float64)


LAYERS: dict[str, Draw] = {
    "noise": lambda rng, n: rng.normal(size=(n, 120)), "two factors": _factors(2, 0.05), "five factors": _factors(5, 0.05),
    "twenty factors": _factors(20, 0.3), "subtypes": _subtypes, "counts": _counts,
}  # fmt: skip
"""Layers of many and of few effective dimensions: in the latter hundreds of pairs correlate by .99."""


def of_layers(**values: np.ndarray) -> Snapshot:
    """A snapshot of these layers, every second patient held out."""
    snapshot = make_snapshot("binary", n=len(next(iter(values.values()))), layers=("rna",), features=60)
    layer = snapshot.layers["rna"]
    layers = {}
    for name, x in values.items():
        names = [f"opaque:{k}" for k in range(x.shape[1])]
        var = pl.DataFrame({"feature": names, "symbol": names, "gene": [None] * len(names)})
        whole = np.ones(len(x), dtype=bool)
        layers[name] = replace(layer, name=name, var=var, values=x.astype(np.float32), profiled=whole)
    rows = np.arange(snapshot.rows.height)
    folds = pl.DataFrame({"repeat": 0, "fold": 0, "row": rows, "split": np.where(rows % 2, "held_out", "train")})
    return replace(snapshot, layers=layers, folds=folds)


def planted(x: np.ndarray, noise: float, seed: int, copies: int = 1) -> np.ndarray:
    """The first profile measured again under other ids, each an odd place further."""
    found = x.copy()
    rng = np.random.default_rng(seed)
    for k in range(copies):
        found[1 + 2 * k] = x[0] + noise * x.std(axis=0) * rng.normal(size=x.shape[1])
    return found


@pytest.mark.parametrize("kind", LAYERS)
@pytest.mark.parametrize("n", [60, 300])
def test_no_false_alarm_in_twenty_layers_of_each_kind(kind: str, n: int) -> None:
    found = [near_duplicates(of_layers(rna=LAYERS[kind](np.random.default_rng(seed), n))) for seed in range(20)]
    assert found == [{}] * 20


@pytest.mark.parametrize("kind", LAYERS)
def test_a_copy_is_found_in_every_kind_of_layer_and_a_second_measurement_where_there_is_enough_to_tell(
    kind: str,
) -> None:
    for seed in range(5):
        x = LAYERS[kind](np.random.default_rng(seed), 200)
        assert near_duplicates(of_layers(rna=planted(x, 0.0, seed))) == {"rna": 1}
        if kind not in ("two factors", "five factors"):
            assert near_duplicates(of_layers(rna=planted(x, 0.05, seed))) == {"rna": 1}


def test_several_copies_do_not_hide_one_another() -> None:
    x = np.random.default_rng(0).normal(size=(200, 120))
    assert near_duplicates(of_layers(rna=planted(x, 0.05, 0, copies=4))) == {"rna": 4}


def test_layers_agree_or_one_of_them_holds_a_copy() -> None:
    rng = np.random.default_rng(0)
    x, y = (LAYERS["twenty factors"](rng, 200) for _ in range(2))
    both = of_layers(rna=planted(x, 0.02, 0), mirna=planted(y, 0.02, 1))
    assert near_duplicates(both) == {"rna and mirna": 1}
    assert near_duplicates(of_layers(rna=planted(x, 0.0, 0), mirna=y)) == {"rna": 1}
    near = planted(x, 0.17, 0)
    assert near_duplicates(of_layers(rna=near)) == {"rna": 1}
    assert near_duplicates(of_layers(rna=near, mirna=y)) == {}


def test_calls_of_a_few_values_tell_nobody_apart() -> None:
    """Quiet genomes have equal copy numbers."""
    rng = np.random.default_rng(0)
    arms = rng.choice([-1, 0, 1], p=[0.05, 0.9, 0.05], size=(300, 12))
    assert near_duplicates(of_layers(cnv=np.repeat(arms, 20, axis=1).astype(np.float64))) == {}


@pytest.mark.parametrize("n", [2, 3, 8])
def test_a_handful_of_patients_raises_nothing(n: int) -> None:
    assert near_duplicates(of_layers(rna=np.random.default_rng(0).normal(size=(n, 120)))) == {}


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


def test_short_stays_with_common_codes_are_equal_by_chance() -> None:
    snapshot, rng = make_snapshot("binary", n=400, records=True), np.random.default_rng(2)
    assert snapshot.events is not None
    drawn = rng.random((400, 10)) < 0.15  # each of ten drugs is given or not, at one time
    names = np.where(drawn, "yes", "no")
    events = pl.DataFrame(
        {
            "row": np.repeat(np.arange(400), 10),
            "days": 3.0,
            "code": [f"DRUG:{k}:{names[i, k]}" for i in range(400) for k in range(10)],
            "numeric_value": None,
        }
    )
    events = events.cast({name: snapshot.events.schema[name] for name in events.columns})
    assert len(np.unique(drawn, axis=0)) < 350
    folds = pl.DataFrame({"repeat": 0, "fold": 0, "row": np.arange(400), "split": ["held_out", "train"] * 200})
    assert near_duplicates(replace(snapshot, events=events, folds=folds)) == {}
