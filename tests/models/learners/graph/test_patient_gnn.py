"""The patient network finds what only neighbours tell; nobody hears its own outcome; nothing is found where nothing is."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import polars as pl
import pytest
from explained import explained
from snapshots import make_snapshot

from clinome.graphs.snapshot.append_rows import append_rows
from clinome.graphs.snapshot.snapshot import Layer
from clinome.models.experiment.controls import permuted
from clinome.models.inference.disclosure import carried_rows, inputs_of
from clinome.models.inference.model import member_of
from clinome.models.learners.graph.patient_gnn import PatientGNN, PatientInputs
from clinome.models.learners.registry import make, select
from clinome.models.metrics.task_metrics import inner_score, targets
from clinome.snapshot import Snapshot

TRAIN, TUNING, HELD = np.arange(350), np.arange(350, 400), np.arange(400, 700)


@cache
def subtypes(n: int = 700, kinds: int = 40, hidden: int = 8, features: int = 120) -> Snapshot:
    """Forty subtypes, each with a risk of its own: who is of the same subtype tells, and no direction does."""
    rng = np.random.default_rng(0)
    centre, risky = rng.normal(size=(kinds, hidden)), rng.permutation(kinds) < kinds // 2
    kind = rng.integers(0, kinds, n)
    z = centre[kind] + 0.15 * rng.normal(size=(n, hidden))
    x = z @ rng.normal(size=(hidden, features)) / np.sqrt(hidden) + rng.normal(size=(n, features))
    label = (rng.random(n) < np.where(risky[kind], 0.9, 0.1)).astype(np.int64)
    names = [f"NCBIGene:{g}" for g in range(features)]
    var = pl.DataFrame({"feature": names, "symbol": names, "gene": names})
    plain = make_snapshot("binary", n=n, covariates=False)
    layer = Layer("rna", "expression", "none", var, x.astype(np.float32), np.ones(n, dtype=bool))
    return replace(plain, rows=plain.rows.with_columns(label=pl.Series(label)), layers={"rna": layer})


def auroc(snapshot: Snapshot, name: str = "patient_gnn", **setting: object) -> float:
    learner = make(name).with_setting(setting, 1)
    learner.fit(snapshot, TRAIN, TUNING)
    y = targets(snapshot.rows[HELD], "binary", snapshot.classes)
    return inner_score("binary", y, learner.predict(snapshot, HELD))


def inputs(snapshot: Snapshot, **setting: object) -> PatientInputs:
    learner = PatientGNN({"plan": {"epochs": 1}, **setting}, 1)
    learner.fit(snapshot, np.arange(60), np.arange(60, 80))
    return learner.inputs(snapshot)


def test_what_only_neighbours_tell_is_found_and_less_by_its_twins() -> None:
    snapshot = subtypes()
    true, shuffled, edgeless = (auroc(snapshot, edges=edges) for edges in ("true", "shuffled", "none"))
    assert true > 0.79 and true > max(shuffled, edgeless) + 0.01  # .827, .799, .777
    assert true > auroc(snapshot, "ridge_late") + 0.06


def test_permuted_labels_teach_nothing() -> None:
    """Nor does hearing outcomes: one's own is never among them."""
    found = []
    for seed in range(3):
        lie = replace(subtypes(), rows=permuted(subtypes(), seed).rows)
        found.append(auroc(lie))
    assert abs(np.mean(found) - 0.5) < 0.06  # one standard error of the mean is 0.019


@pytest.mark.parametrize("edges", ["true", "shuffled"])
def test_neighbours_are_training_rows_of_others_in_the_same_modality(edges: str) -> None:
    snapshot = make_snapshot("binary", n=120, records=True, rows_per_subject=2, features=24)
    found, subject = inputs(snapshot, edges=edges, neighbors=7), snapshot.rows["subject_id"].to_numpy()
    everybody = np.arange(120)
    batch = found.take(everybody)
    assert set(found.sending) == {"rna", "mutations", "covariates", "records"}
    for name, sending in found.sending.items():
        assert (sending < 80).all() and found.edges[name].present(snapshot, sending).all()
        place, weight = found.near(name, everybody)
        assert not (weight * (subject[sending[place]] == subject[:, None])).any()
        used = batch.neighbours[name].weight.sum(1).numpy()
        np.testing.assert_allclose(used, batch.present[name].numpy().astype(float), atol=1e-5)


def test_a_row_s_own_outcome_reaches_it_in_no_way() -> None:
    """Turning it turns what the others hear, and nothing that the row itself is given. What is heard is scaled by all."""
    snapshot = make_snapshot("binary", n=120, rows_per_subject=2, features=24)
    turned = snapshot.rows["label"].to_numpy().copy()
    turned[[10, 11, 20, 21]] = [1, 1, 0, 0]
    other = turned.copy()
    other[[10, 11, 20, 21]] = [0, 0, 1, 1]  # as many of each: the mean and the scale stay
    one, two = (replace(snapshot, rows=snapshot.rows.with_columns(label=pl.Series(y))) for y in (turned, other))
    learner = PatientGNN({"plan": {"epochs": 1}}, 1)
    learner.fit(one, np.arange(60), np.arange(60, 80))
    rows = np.arange(80)
    first, second = learner.inputs(one).take(rows), learner.inputs(two).take(rows)
    for name, near in first.neighbours.items():
        heard = near.sent * near.weight[..., None]
        same = (heard == second.neighbours[name].sent * near.weight[..., None]).flatten(1).all(1).numpy()
        whose = [learner.inputs(one).near(name, rows)[0]]
        sending = learner.inputs(one).sending[name]
        reached = (np.isin(sending[whose[0]], [10, 11, 20, 21]) & (near.weight.numpy() > 0)).any(1)
        assert reached.any() and (same == ~reached).all()
        own = np.isin(sending[whose[0][10]], [10, 11]) & (near.weight[10].numpy() > 0)
        assert not own.any()


def test_held_out_rows_say_nothing_to_each_other() -> None:
    snapshot, learner = subtypes(), PatientGNN({"plan": {"epochs": 3}}, 1)
    learner.fit(snapshot, TRAIN, TUNING)
    score = learner.predict(snapshot, HELD)
    values = np.asarray(snapshot.layers["rna"].values).copy()
    values[HELD[1:]] = 9.0
    label = snapshot.rows["label"].to_numpy().copy()
    label[HELD] = 0
    layers = {"rna": replace(snapshot.layers["rna"], values=values)}
    other = replace(snapshot, layers=layers, rows=snapshot.rows.with_columns(label=pl.Series(label)))
    assert learner.predict(other, HELD)[0] == score[0]


def test_its_file_holds_no_patient_and_it_predicts_new_ones_beside_the_run_s_snapshot() -> None:
    snapshot, learner = subtypes(), PatientGNN({"plan": {"epochs": 5}}, 1)
    learner.fit(snapshot, TRAIN, TUNING)
    state = {
        name: one for name, one in learner.state().items() if name != "senders"
    }  # where they stand, as in POSITIONS
    rows = np.arange(400)
    seen = [*inputs_of(learner, snapshot, rows), learner.inputs(snapshot).directions("rna", rows)]
    assert carried_rows(state, seen, {400, 350}, set(snapshot.rows["subject_id"])) is None
    assert member_of(learner).with_training
    training = replace(snapshot, rows=snapshot.rows[:400], layers={"rna": _part(snapshot, rows)})
    new = replace(snapshot, rows=snapshot.rows[400:], layers={"rna": _part(snapshot, HELD)})
    both = append_rows(training, new)
    np.testing.assert_allclose(learner.predict(both, HELD), learner.predict(snapshot, HELD), atol=1e-6)
    with pytest.raises(ValueError, match="without the rows that it was fitted on"):
        learner.predict(new, np.arange(10))


def _part(snapshot: Snapshot, rows: np.ndarray) -> Layer:
    layer = snapshot.layers["rna"]
    return replace(layer, values=layer.values[rows], profiled=layer.profiled[rows])


@pytest.mark.parametrize("task", ["multiclass", "survival"])
def test_it_learns_every_task_from_layers_covariates_and_records(task: str) -> None:
    snapshot = make_snapshot(task, n=240, layers=("rna", "mutations"), signal=2.0, features=30, records=True)
    learner = make("patient_gnn").with_setting({}, 1)
    learner.fit(snapshot, np.arange(120), np.arange(120, 150))
    rows = np.arange(150, 240)
    y = targets(snapshot.rows[rows], task, snapshot.classes)
    assert inner_score(task, y, learner.predict(snapshot, rows)) > (0.5 if task == "multiclass" else 0.7)
    assert explained(learner, snapshot, 200).edges.height


def test_neighbours_with_the_outcome_raised_the_risk_and_the_others_did_not() -> None:
    snapshot, learner = subtypes(), PatientGNN({}, 1)
    learner.fit(snapshot, TRAIN, TUNING)
    outcome = dict(snapshot.rows.select("subject_id", "label").iter_rows())
    for_it: list[float] = []
    against: list[float] = []
    for row in HELD[:20]:
        edges = explained(learner, snapshot, int(row)).edges
        assert edges["attention"].sum() == pytest.approx(1, abs=1e-4) and len(edges) == 20
        for source, score in edges.select("source", "score").iter_rows():
            (for_it if outcome[source] else against).append(score)
    assert np.mean(for_it) > 0 > np.mean(against)


def test_it_says_why_it_cannot_run_and_runs_where_it_is_named() -> None:
    snapshot = make_snapshot("binary", n=60)
    learners, left_out = select(snapshot, ["default"])
    assert "patient_gnn" not in [one.name for one in learners] and "snapshot" in left_out["patient_gnn"]
    assert "patient_gnn" in [one.name for one in select(snapshot, ["default", "patient_gnn"])[0]]
    nothing = replace(snapshot, layers={}, covariates=pl.DataFrame())
    assert "no omics" in (make("patient_gnn").reason(nothing) or "")
    many = make_snapshot("binary", n=60, layers=("rna",))
    long = replace(many, rows=pl.concat([many.rows] * 2000))
    assert "120,000 rows" in (PatientGNN().aside(long) or "")
