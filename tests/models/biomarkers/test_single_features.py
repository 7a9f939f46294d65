"""Single features that tell too much: copies, one above all plausible, codes of one class; noise, and natural groups, are not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from quality_study import clean
from sklearn.metrics import roc_auc_score

from clinome.graphs.snapshot.snapshot import Snapshot
from clinome.models.biomarkers.single_features import PLAUSIBLE, single_features
from clinome.models.metrics.concordance import c_index
from clinome.models.statistics.data_quality.finding import Finding
from clinome.models.statistics.data_quality.outcome import Outcome


def found(snapshot: Snapshot) -> list[Finding]:
    return list(single_features(snapshot, Outcome.of(snapshot)).findings)


def rna(snapshot: Snapshot, **columns: np.ndarray) -> Snapshot:
    """The cohort with features of the layer replaced, by their names."""
    layer = snapshot.layers["rna"]
    values, names = np.array(layer.values), layer.var["feature"].to_list()
    for name, column in columns.items():
        values[:, names.index(name)] = np.where(layer.profiled, column, np.nan)
    return replace(snapshot, layers={**snapshot.layers, "rna": replace(layer, values=values)})


def by_lot(seed: int, task: str = "binary") -> Snapshot:
    """A cohort whose outcome nothing tells."""
    snapshot = clean(seed, task=task)[1]
    assert snapshot.events is not None
    days = (pl.col("prediction_time") - pl.col("time")).dt.total_microseconds() / 86_400_000_000.0
    events = snapshot.events.with_columns(days=days, age=pl.lit(None, pl.Float32), visit=pl.lit(None, pl.Int64))
    links = pl.DataFrame(
        schema={"subject": pl.String, "predicate": pl.String, "object": pl.String, "score": pl.Float64}
    )
    return replace(snapshot, events=events, links=links)


def coded(snapshot: Snapshot, code: str, rows: np.ndarray, days: float | None = 1.0) -> Snapshot:
    """The cohort with one more code in these rows."""
    assert snapshot.events is not None
    more = pl.DataFrame({"row": rows.astype(np.int64), "code": [code] * len(rows), "days": [days] * len(rows)},
                        schema_overrides={"days": pl.Float64})  # fmt: skip
    return replace(snapshot, events=pl.concat([snapshot.events, more], how="diagonal_relaxed").sort("row"))


def label_of(snapshot: Snapshot) -> np.ndarray:
    return snapshot.rows["label"].to_numpy()


@pytest.mark.parametrize("task", ["binary", "multiclass", "survival"])
def test_an_outcome_by_lot_is_told_by_nothing(task: str) -> None:
    assert [one.kind for seed in range(3) for one in found(by_lot(seed, task))] == []


def test_a_copy_is_said_once() -> None:
    snapshot = by_lot(1)
    (one,) = found(rna(snapshot, rna5=label_of(snapshot) * 2.0))
    assert (one.kind, one.where, one.severity, one.facts["tells"]) == ("outcome_copy", "rna5", "serious", "label")


@pytest.mark.parametrize("sign", [1, -1])
def test_one_alone_has_the_auroc_of_scikit_learn_and_an_interval_of_permuted_labels(sign: int) -> None:
    snapshot = by_lot(2)
    y = label_of(snapshot)
    noisy = sign * (y + np.random.default_rng(0).normal(0, 0.45, len(y)))
    (one,) = found(rna(snapshot, rna5=noisy))
    known = snapshot.layers["rna"].profiled
    auroc = roc_auc_score(y[known], sign * noisy[known].astype(np.float32))
    assert PLAUSIBLE <= auroc < 1 and one.facts["value"] == pytest.approx(auroc)
    assert one.kind == "too_good_alone" and 0.38 < one.facts["low"] < 0.5 < one.facts["high"] < 0.62
    assert one.severity == ("serious" if auroc >= 0.98 else "check")


def test_survival_is_by_concordance() -> None:
    snapshot = by_lot(3, "survival")
    days = snapshot.rows["duration_days"].to_numpy()
    noisy = -np.log(days) + np.random.default_rng(0).normal(0, 0.1, len(days))
    (one,) = found(rna(snapshot, rna5=noisy))
    known = snapshot.layers["rna"].profiled
    event = snapshot.rows["event"].to_numpy().astype(bool)
    c = c_index(days[known], event[known], noisy[known].astype(np.float32))
    assert (one.kind, one.facts["measure"]) == ("too_good_alone", "C-index") and one.facts["value"] == pytest.approx(c)


def test_several_classes_each_against_the_rest() -> None:
    snapshot = by_lot(4, "multiclass")
    y = (snapshot.rows["label"] == "y").to_numpy().astype(float)
    (one,) = found(rna(snapshot, rna5=y + np.random.default_rng(0).normal(0, 0.4, len(y))))
    assert one.kind == "too_good_alone"


def test_groups_that_differ_by_nature_are_no_finding() -> None:
    """Where many features tell the outcome, as of sexes and tissues, none of them is too good alone."""
    snapshot = by_lot(5)
    y, rng = label_of(snapshot), np.random.default_rng(0)
    assert found(rna(snapshot, **{f"rna{j}": y + rng.normal(0, 0.45, len(y)) for j in range(10)})) == []


@pytest.mark.parametrize("days", [1.0, None])
def test_a_code_of_one_class_only(days: float | None) -> None:
    snapshot = by_lot(6)
    ill = np.flatnonzero(label_of(snapshot) == 1)[:40]
    (one,) = found(coded(snapshot, "OWN:hospice", ill, days))
    assert (one.kind, one.where, one.facts["class"], one.facts["rows"]) == ("of_one_class", "OWN:hospice", "1", 40)
    assert one.facts.get("undated", 0.0) == (1.0 if days is None else 0.0)
    few = np.r_[ill[:20], np.flatnonzero(label_of(snapshot) == 0)[:10]]
    assert found(coded(snapshot, "OWN:common", few, days)) == []
