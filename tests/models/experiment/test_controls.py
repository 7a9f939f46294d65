"""Controls: each sees what it names and nothing else, finds it where it is planted, and is silent where it is not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from snapshots import make_snapshot

from clinome.graphs.snapshot.freeze import LABELS
from clinome.graphs.snapshot.snapshot import Snapshot
from clinome.models.base.specs import Evaluate, Learn
from clinome.models.experiment import controls as c
from clinome.models.experiment.run import run
from clinome.models.learners.baselines.majority import Majority
from clinome.models.learners.registry import make, on_graph


def told(snapshot: Snapshot) -> dict[str, float]:
    """Each control's mean over two folds."""
    found = run(snapshot, [Majority()], Evaluate(folds=2), Learn(trials=1, workers=1)).controls
    return {name: float(one["mean"]) for name, one in found.items()}


def label_of(snapshot: Snapshot) -> np.ndarray:
    return snapshot.rows["label"].cast(pl.Int64).to_numpy().astype(bool)


def test_who_was_measured_is_found_out_and_nothing_else() -> None:
    snapshot = make_snapshot("binary", n=160, layers=("rna",), signal=0.0, missing=0.0)
    rna = snapshot.layers["rna"]
    hidden = label_of(snapshot) & (np.random.default_rng(0).random(160) < 0.8)
    values = np.where(hidden[:, None], np.nan, np.asarray(rna.values))
    telling = replace(snapshot, layers={"rna": replace(rna, values=values, profiled=~hidden)})
    assert told(telling)[c.MISSINGNESS] > 0.8
    assert c.MISSINGNESS not in told(
        replace(snapshot, covariates=snapshot.covariates.select([]))
    )  # nobody lacks anything


def test_missingness_does_not_see_values() -> None:
    snapshot = make_snapshot("binary", n=80, layers=("rna", "mutations"), records=True)
    rna = snapshot.layers["rna"]
    other = np.asarray(rna.values) * -3 + 1
    events = snapshot.events
    assert events is not None
    changed = replace(
        snapshot,
        layers={**snapshot.layers, "rna": replace(rna, values=other)},
        events=events.with_columns(pl.col("numeric_value") * 7),
    )
    assert c.missingness(changed).covariates.equals(c.missingness(snapshot).covariates)


def test_missingness_knows_how_often_and_how_lately_a_lab_was_taken() -> None:
    snapshot = make_snapshot("binary", n=40, layers=(), records=True)
    assert snapshot.events is not None
    lab = snapshot.events.filter(pl.col("code") == "LOINC:2160-0")
    found = c.missingness(snapshot).covariates
    for row in range(40):
        days = lab.filter(pl.col("row") == row)["days"].to_list()
        assert found["LOINC:2160-0 taken"][row] == pytest.approx(np.log1p(len(days)))
        assert found["LOINC:2160-0 recent"][row] == pytest.approx(1 / (1 + min(days)) if days else 0)
    assert "LOINC:2160-0 recent" not in c.missingness(replace(snapshot, clock="order")).covariates.columns


def test_a_batch_that_goes_with_the_outcome_is_found_out() -> None:
    snapshot = make_snapshot("binary", n=160, layers=("rna",), signal=0.0)
    rng = np.random.default_rng(0)
    plate = np.where(label_of(snapshot) ^ (rng.random(160) < 0.15), "p1", "p2")
    found = told(replace(snapshot, origin=pl.DataFrame({"rna batch": plate})))
    assert found[c.BATCH] > 0.75
    by_chance = told(replace(snapshot, origin=pl.DataFrame({"rna batch": rng.permutation(plate)})))
    assert 0.35 < by_chance[c.BATCH] < 0.65
    assert c.BATCH not in told(snapshot)


def test_the_clock_is_shown_where_there_are_records_or_people_are_asked_again() -> None:
    once = make_snapshot("binary", n=60, records=True)
    again = make_snapshot("binary", n=60, records=True, rows_per_subject=3)
    assert c.clock(replace(once, events=None)).covariates.width == 0
    assert c.clock(replace(once, clock="order")).covariates.columns == ["events"]
    assert once.events is not None
    first = once.events.group_by("row").agg(pl.col("days").max(), pl.len()).sort("row")
    seen = c.clock(once).covariates
    assert seen.columns == ["events", "history"] and seen["history"].to_list() == first["days"].to_list()
    np.testing.assert_allclose(np.expm1(seen["events"].to_numpy()), first["len"].to_numpy())
    table = c.clock(again).covariates
    assert set(table["turn"]) == {1.0, 2.0, 3.0}
    time = again.rows.select(pl.col("prediction_time") - pl.col("prediction_time").min().over("subject_id"))
    assert table["since"].to_list() == [t.total_seconds() / 86_400 for t in time.to_series()]
    late = table["turn"].to_numpy() == 3.0
    assert told(replace(again, rows=again.rows.with_columns(label=pl.Series(late.astype(int)))))[c.CLOCK] > 0.95


def test_views_hold_no_layer_no_record_and_no_label() -> None:
    snapshot = make_snapshot("survival", n=60, records=True, rows_per_subject=2)
    plates = replace(snapshot, origin=pl.DataFrame({"rna batch": ["a", "b"] * 30}))
    for name in (c.MISSINGNESS, c.BATCH, c.CLOCK):
        view = c.seen(plates, name, seed=1)
        assert not view.layers and view.events is None and view.covariates.width
        assert view.rows.equals(plates.rows)
        other = plates.rows.with_columns(pl.col("duration_days") * 2, event=1 - pl.col("event").cast(pl.Int64))
        assert c.seen(replace(plates, rows=other), name, seed=1).covariates.equals(view.covariates)


def test_what_says_the_outcome_beside_the_label_is_no_batch() -> None:
    """Of what a frozen cohort keeps of the outcome no column is taken for a site: an event's time would tell all of it."""
    for task in ("binary", "survival"):
        snapshot = make_snapshot(task, n=60)
        more = {name: pl.Series(range(60)) % 2 for name in LABELS if name not in snapshot.rows.columns}
        assert c.BATCH not in c.controls(replace(snapshot, rows=snapshot.rows.with_columns(**more)), ["majority"])


def test_the_graphs_twins_run_where_a_graph_is_learnt_on() -> None:
    snapshot = make_snapshot("binary", n=60, records=True)
    graphless = c.controls(snapshot, ["majority"])
    assert not {c.kind_of(name) for name in graphless} & set(c.TWINS)
    found = c.controls(snapshot, ["majority", *on_graph()])
    twins = [f"{twin}:{name}" for name in on_graph() for twin in (c.SHUFFLED, c.EDGELESS)]
    assert found == [*graphless, *twins] == c.in_order(found[::-1])
    assert [c.setting_of(name)["edges"] for name in twins] == ["shuffled", "none"] * len(on_graph())
    assert c.seen(snapshot, twins[0], seed=1) is snapshot


def test_the_sequences_have_twins_where_knowledge_is_of_their_codes() -> None:
    snapshot = make_snapshot("binary", n=60, records=True)
    genes = snapshot.links.filter(pl.col("subject").str.starts_with("NCBIGene"))
    assert f"{c.EDGELESS}:sequence" in c.controls(snapshot, ["sequence"])
    assert f"{c.EDGELESS}:sequence" not in c.controls(replace(snapshot, links=genes), ["sequence"])


def test_who_learns_from_pairs_has_a_twin_without() -> None:
    snapshot = make_snapshot("binary", n=60, records=True)
    assert not [name for name in c.controls(snapshot, ["fusion"]) if c.kind_of(name) == c.UNPAIRED]
    (name,) = [name for name in c.controls(snapshot, ["contrastive"]) if c.kind_of(name) == c.UNPAIRED]
    assert c.learner_of(name) == "contrastive" and c.setting_of(name) == {"pairs": "shuffled"}
    assert c.in_order([name, c.PERMUTED]) == [c.PERMUTED, name]
    assert c.seen(snapshot, name, seed=1) is snapshot


def test_each_twin_is_judged_beside_its_learner() -> None:
    snapshot = make_snapshot("binary", n=60, features=12)
    learner = make("propagation")
    learner.plan = {"epochs": 1}  # type: ignore[attr-defined]
    found = run(snapshot, [learner], Evaluate(folds=2), Learn(trials=1, workers=1)).controls
    for twin in c.TWINS:
        one = found[f"{twin}:propagation"]
        assert one["learner"] == "propagation" and len(one["folds"]) == 3


def test_an_unknown_control_is_named() -> None:
    with pytest.raises(ValueError, match="'odd'"):
        c.seen(make_snapshot("binary", n=20), "odd", seed=1)
