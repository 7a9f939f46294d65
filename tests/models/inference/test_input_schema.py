"""Another study in a model's shape: what it lacks is missing, what only it holds is left out, and both are counted and said."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal
from scipy import sparse
from snapshots import make_snapshot

from clinome.graphs.cohort.labels import with_any_label
from clinome.graphs.snapshot.append_rows import append_rows
from clinome.loaders.errors import InputError
from clinome.models.base.snapshot import DerivedSnapshot
from clinome.models.evaluation.external import judge_external
from clinome.models.inference.input_schema import InputSchema
from clinome.models.preprocessing.omics_layer import by_name
from clinome.snapshot import Snapshot

N = 40


def _study(seed: int = 0, task: str = "binary", n: int = N) -> Snapshot:
    return make_snapshot(task, n=n, seed=seed, layers=("rna", "mutations"), records=True, features=24, missing=0.0)


def _dense(values: Any) -> np.ndarray:
    return np.asarray(values.toarray() if sparse.issparse(values) else values)


def test_the_study_that_was_seen_is_served_as_it_is_and_nothing_is_said() -> None:
    snapshot = _study()
    seen = InputSchema.of(snapshot)
    served = InputSchema.restored(seen.state()).serve(snapshot)
    assert InputSchema.restored(seen.state()) == seen
    assert served.gaps.words() == [
        f"covariate {name} is missing for {snapshot.covariates[name].null_count()} of 40 patients"
        for name in ("age", "sex")
    ]
    assert_frame_equal(served.snapshot.covariates, snapshot.covariates)
    assert served.snapshot.events is not None and snapshot.events is not None
    assert_frame_equal(served.snapshot.events, snapshot.events)
    for name, layer in snapshot.layers.items():
        np.testing.assert_array_equal(_dense(served.snapshot.layers[name].values), _dense(layer.values))


def test_nothing_at_all_is_served_as_missing_throughout() -> None:
    seen, other = InputSchema.of(_study()), replace(_study(1), layers={}, covariates=pl.DataFrame(), events=None)
    served = seen.serve(replace(other, links=other.links.clear()))
    assert served.gaps.words() == [
        f"{what} missing for all 40 patients"
        for what in ("layer rna is", "layer mutations is", "covariate age is", "covariate sex is", "covariate smoker is", "records are")
    ]  # fmt: skip
    made = served.snapshot
    assert not made.layers["rna"].profiled.any() and np.isnan(_dense(made.layers["rna"].values)).all()
    assert made.covariates.null_count().row(0) == (N, N, N) and made.events is not None and made.events.is_empty()
    assert dict(made.covariates.schema) == dict(_study().covariates.schema)


def test_what_the_model_does_not_know_is_left_out_but_counts_towards_the_burden_of_mutations() -> None:
    seen, other = InputSchema.of(_study()), _study(1)
    layers = {}
    for name, layer in other.layers.items():
        var = layer.var.with_columns(feature=pl.col("feature").replace("NCBIGene:2", "NCBIGene:999"))
        layers[name] = replace(layer, var=var)
    events = other.events
    assert events is not None
    events = events.with_columns(code=pl.col("code").replace("LOINC:718-7", "LOINC:1-1"))
    extra = replace(other.layers["rna"], name="cnv")
    covariates = other.covariates.with_columns(stage=pl.lit("II"))
    served = seen.serve(replace(other, layers={**layers, "cnv": extra}, events=events, covariates=covariates))
    mutations = served.snapshot.layers["mutations"]
    assert mutations.var["feature"].to_list()[-1] == "NCBIGene:999" and mutations.var.height == 25
    np.testing.assert_array_equal(
        _dense(mutations.values).sum(axis=1), _dense(other.layers["mutations"].values).sum(axis=1)
    )
    assert served.snapshot.layers["rna"].var["feature"].to_list() == seen.layers["rna"].features
    assert np.isnan(_dense(served.snapshot.layers["rna"].values)[:, 1]).all()
    assert served.snapshot.covariates.columns == ["age", "sex", "smoker"]
    hit = int((events["code"] == "LOINC:1-1").sum())
    said = served.gaps.words()
    assert [line for line in said if "covariate" not in line] == [
        "layer rna: 1 of 24 features are missing here",
        "layer rna: 1 features are unknown to the model, and are not used",
        "layer mutations: 1 of 24 features are not found in anyone here",
        "layer mutations: 1 features are unknown to the model, and only count towards how many there are",
        "layer cnv is unknown to the model, and not used",
        f"1 of {events['code'].n_unique()} codes are unknown to the model ({hit} of {events.height} events)",
    ]


def test_a_patient_with_none_of_the_features_has_not_been_measured() -> None:
    layer = _study().layers["rna"]
    values = np.asarray(layer.values).copy()
    values[3, :2] = np.nan
    made = by_name(
        replace(_study(), layers={"rna": replace(layer, values=values)}), "rna", layer.var["feature"].to_list()[:2]
    )
    assert not made.profiled[3] and made.profiled[4] == bool(np.isfinite(values[4, :2]).any())


def test_codes_keep_their_ancestors_where_the_other_study_has_no_hierarchy() -> None:
    seen, other = InputSchema.of(_study()), _study(1)
    own = pl.DataFrame([("ICD10CM:J44.1", "IS_A", "ICD10CM:ELSE", None, "x"), ("ICD10CM:Z1", "IS_A", "ICD10CM:Z", None, "x")],
                       schema=other.links.schema, orient="row")  # fmt: skip
    links = seen.serve(replace(other, links=own)).snapshot.links
    pairs = set(links.filter(predicate="IS_A").select("subject", "object").iter_rows())
    mine = set(_study().links.filter(predicate="IS_A").select("subject", "object").iter_rows())
    assert pairs == mine | {("ICD10CM:Z1", "ICD10CM:Z")}


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        (pl.Series("x", ["1", "2.5", None, "old"]), "number", [1.0, 2.5, None, None]),
        (pl.Series("x", [True, False]), "number", [1.0, 0.0]),
        (pl.Series("x", [1.0, 2.0, None]), "text", ["1", "2", None]),
        (pl.Series("x", [1.5, 2.0]), "text", ["1.5", "2.0"]),
        (pl.Series("x", [1, 0, None]), "boolean", [True, False, None]),
        (pl.Series("x", [1, 2]), "boolean", [None, None]),
        (pl.Series("x", ["yes"]), "boolean", [None]),
        (pl.Series("x", [3, 4]), "number", [3, 4]),
    ],
)
def test_a_covariate_of_another_kind_is_taken_where_it_says_the_same(
    values: pl.Series, kind: str, expected: list[Any]
) -> None:
    rows = pl.DataFrame({"subject_id": [str(i) for i in range(len(values))]})
    seen = InputSchema("binary", ("0", "1"), "dated", {}, {"x": kind}, None, ([], []))
    nothing = pl.DataFrame(
        schema={
            "subject": pl.String,
            "predicate": pl.String,
            "object": pl.String,
            "score": pl.Float64,
            "source": pl.String,
        }
    )
    served = seen.serve(DerivedSnapshot("binary", rows, values.to_frame(), {}, None, nothing, "dated", ("0", "1")))
    assert served.snapshot.covariates["x"].to_list() == expected


def test_what_cannot_be_served_is_an_error() -> None:
    seen, other = InputSchema.of(_study()), _study(1)
    with pytest.raises(InputError, match="another task"):
        seen.serve(_study(task="survival"))
    with pytest.raises(InputError, match="layer of another kind"):
        seen.serve(replace(other, layers={"rna": replace(other.layers["rna"], kind="methylation")}))
    with pytest.raises(InputError, match="only have an order"):
        seen.serve(replace(other, clock="order"))
    ordered = replace(seen, clock="order").serve(other)
    assert ordered.snapshot.clock == "order"


def test_another_scale_is_said() -> None:
    other = _study(1)
    rna = replace(other.layers["rna"], scale="none")
    said = InputSchema.of(_study()).serve(replace(other, layers={**other.layers, "rna": rna})).gaps.words()
    assert "layer rna: scale is none, not log1p as where the model was trained" in said


def test_new_rows_lie_behind_the_training_ones_and_change_nothing_in_front() -> None:
    training, other = _study(), _study(1, n=15)
    both = append_rows(training, InputSchema.of(training).serve(other).snapshot)
    assert both.rows.height == N + 15 and both.rows["subject_id"][N:].to_list() == other.rows["subject_id"].to_list()
    for name, layer in both.layers.items():
        np.testing.assert_array_equal(_dense(layer.values)[:N], _dense(training.layers[name].values))
        np.testing.assert_array_equal(_dense(layer.values)[N:], _dense(other.layers[name].values))
    one, two = training.hetero_for(np.arange(30), np.arange(30, 40)), both.hetero_for(np.arange(30), np.arange(30, 40))
    assert [one.ids[kind] for kind in one.node_types if kind != "patient"] == [
        two.ids[kind] for kind in two.node_types if kind != "patient"
    ]
    np.testing.assert_array_equal(one["patient"].x.numpy(), two["patient"].x.numpy()[:N])
    assert two.validate()


def test_only_rows_with_an_outcome_that_the_model_knows_are_judged() -> None:
    for task in ("binary", "multiclass", "regression", "survival"):
        snapshot = _study(task=task, n=80)
        served = InputSchema.of(snapshot).serve(snapshot).snapshot
        rng = np.random.default_rng(0)
        score = rng.dirichlet(np.ones(3), 80) if task == "multiclass" else rng.random(80)
        whole, said = judge_external(served, score)
        name = {"survival": "c_index", "regression": "spearman"}.get(task, "auroc")
        assert whole[name]["low"] < whole[name]["mean"] < whole[name]["high"] and said == []
        assert not {"ibs", "td_auc"} & set(whole)
        column = "event" if task == "survival" else "label"
        half = served.rows.with_columns(pl.when(pl.int_range(pl.len()) < 40).then(column).alias(column))
        part, _ = judge_external(replace(served, rows=half), score)
        first = replace(served, rows=served.rows[:40])
        assert part == judge_external(first, score[:40])[0] != whole
        assert judge_external(replace(served, rows=half.drop(column)), score) == ({}, [])
        if task == "multiclass":
            strange = served.rows.with_columns(
                pl.when(pl.int_range(pl.len()) < 3).then(pl.lit("new")).otherwise("label").alias("label")
            )
            found, said = judge_external(replace(served, rows=strange), score)
            assert found == judge_external(replace(served, rows=served.rows[3:]), score[3:])[0]
            assert said == ["3 rows have a class that the model does not know: they are not judged"]


ROWS = {"subject_id": ["a", "b", "c"], "prediction_time": [None, None, None]}


def test_labels_are_taken_where_there_are_any() -> None:
    frame = pl.DataFrame({**ROWS, "outcome": ["yes", None, "no"], "age": [1, 2, 3]})
    found = with_any_label(frame, "boolean", "outcome")
    assert found.rows["label"].to_list() == [1, None, 0] and found.rows["age"].to_list() == [1, 2, 3]
    assert (found.patients, found.unlabelled, found.notes) == (2, 1, ("label: 'no' is 0, 'yes' is 1",))
    none = with_any_label(frame.drop("outcome"), "boolean", "outcome")
    assert none.rows["label"].to_list() == [None] * 3 and none.unlabelled == 3
    multi = with_any_label(frame.rename({"outcome": "label"}), "categorical", "label")
    assert multi.rows["label"].to_list() == ["yes", None, "no"] and multi.classes == ("no", "yes")


def test_time_without_risk_is_no_outcome() -> None:
    frame = pl.DataFrame({**ROWS, "duration_days": [10.0, 0.0, None], "died": [True, True, False]})
    found = with_any_label(frame, "time_to_event", "died")
    assert found.rows.select("duration_days", "event").rows() == [(10.0, 1), (None, None), (None, None)]
    assert (found.unlabelled, found.no_risk) == (1, 1)
    timeless = with_any_label(frame.drop("duration_days"), "time_to_event", "died")
    assert timeless.rows.select("duration_days", "event").null_count().row(0) == (3, 3)
