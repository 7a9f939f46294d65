"""Discrete-time survival: the loss against a naive one, curves, planted hazards, and who may ask for it."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from snapshots import make_snapshot

from clinome.models.base.folds import parts
from clinome.models.base.specs import Evaluate, Learn
from clinome.models.experiment import run as harness
from clinome.models.experiment.tuning import seed_of
from clinome.models.heads.logistic_hazard import LogisticHazardHead
from clinome.models.heads.survival import head_of
from clinome.models.learners.base import with_head
from clinome.models.learners.registry import make
from clinome.models.metrics.task_metrics import inner_score, targets
from clinome.models.training.batch import Target

rows = st.lists(st.tuples(st.floats(0, 9), st.booleans()), min_size=2, max_size=20)


def started(days: np.ndarray, event: np.ndarray, bins: int = 3, dim: int = 2) -> tuple[LogisticHazardHead, Target]:
    torch.manual_seed(0)
    head = LogisticHazardHead(dim, bins)
    target = Target(duration_days=torch.tensor(days, dtype=torch.float64), event=torch.tensor(event))
    head.start(target)
    return head, target


def naive(raw: np.ndarray, days: np.ndarray, event: np.ndarray, ends: np.ndarray) -> float:
    """Bin by bin and row by row, as the paper says it."""
    total = 0.0
    for logits, day, died in zip(raw, days, event, strict=True):
        begin = 0.0
        for logit, end in zip(logits, ends, strict=True):
            hazard = 1 / (1 + math.exp(-logit))
            if died and day <= ends[-1]:
                if day <= end:
                    total -= math.log(hazard)
                    break
                total -= math.log(1 - hazard)
            elif day >= (begin + end) / 2:
                total -= math.log(1 - hazard)
            begin = end
    return total / len(days)


@settings(max_examples=60, deadline=None)
@given(rows=rows, seed=st.integers(0, 5))
def test_the_loss_is_the_papers(rows: list[tuple[float, bool]], seed: int) -> None:
    days, event = (np.array(column) for column in zip(*rows, strict=True))
    event[0] = True
    head, target = started(days, event)
    raw = np.random.default_rng(seed).normal(size=(len(days), 3))
    loss = head.loss(torch.tensor(raw), target)
    assert loss is not None
    assert float(loss) == pytest.approx(naive(raw, days, event, head.ends.numpy()), rel=1e-9, abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(rows=rows, seed=st.integers(0, 5), asked=st.lists(st.floats(0, 20), min_size=2, max_size=9))
def test_a_curve_begins_at_one_and_never_rises(rows: list[tuple[float, bool]], seed: int, asked: list[float]) -> None:
    days, event = (np.array(column) for column in zip(*rows, strict=True))
    event[0] = True
    head, _ = started(days, event)
    raw = torch.tensor(np.random.default_rng(seed).normal(size=(4, 3)))
    curve = head.survival(raw, torch.tensor([0.0, *sorted(asked)], dtype=torch.float64)).numpy()
    assert (np.diff(curve, axis=1) <= 1e-12).all() and (curve > 0).all() and (curve <= 1).all()
    if head.ends[0] > 0:
        np.testing.assert_allclose(curve[:, 0], 1.0)
    at_ends = head.survival(raw, head.ends).numpy()
    if len(set(head.ends.tolist())) == 3:
        np.testing.assert_allclose(at_ends, np.cumprod(1 - torch.sigmoid(raw).numpy(), axis=1), rtol=1e-9)
    np.testing.assert_allclose(head.score(raw).numpy(), np.log(-np.log(at_ends[:, -1])), rtol=1e-6)


def test_before_it_learns_everyone_has_the_curve_of_kaplan_and_meier() -> None:
    from clinome.models.metrics.kaplan_meier import kaplan_meier

    rng = np.random.default_rng(1)
    time, stop = rng.exponential(400, 3000), rng.uniform(0, 1500, 3000)
    days, event = np.minimum(time, stop), time <= stop
    head, _ = started(days, event, bins=10)
    curve = head.survival(head.raw(torch.zeros(1, 2)), head.ends)[0].detach().numpy()
    np.testing.assert_allclose(
        curve[:-1], kaplan_meier(days, event.astype(float)).at(head.ends.numpy())[:-1], atol=0.02
    )


def fit(x: np.ndarray, days: np.ndarray, event: np.ndarray) -> LogisticHazardHead:
    """The head alone on these columns."""
    head, target = started(days, event, bins=20, dim=x.shape[1])
    inputs = torch.tensor(x, dtype=torch.float32)
    optimizer = torch.optim.LBFGS(head.parameters(), max_iter=60)

    def step() -> torch.Tensor:
        optimizer.zero_grad()
        loss = head.loss(head.raw(inputs), target)
        assert loss is not None
        loss.backward()
        return loss

    optimizer.step(step)
    return head


def crossing(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two groups whose hazards cross at day 10: .02 and .10 a day before, .10 and .02 after."""
    rng = np.random.default_rng(seed)
    group = rng.integers(0, 2, 6000)
    early, late = np.where(group, 0.10, 0.02), np.where(group, 0.02, 0.10)
    drawn = rng.exponential(1.0, 6000)
    days = np.where(drawn < 10 * early, drawn / early, 10 + (drawn - 10 * early) / late)
    stop = rng.uniform(5, 60, 6000)
    return group, np.minimum(days, stop), days <= stop


def test_planted_hazards_that_cross_are_recovered() -> None:
    group, days, event = crossing(0)
    head = fit(group[:, None].astype(float), days, event)
    at = np.array([5.0, 10.0, 20.0])
    with torch.no_grad():
        curve = head.survival(head.raw(torch.tensor([[0.0], [1.0]])), torch.tensor(at)).numpy()
    true = np.exp(-np.array([[0.1, 0.2, 1.2], [0.5, 1.0, 1.2]]))
    np.testing.assert_allclose(curve, true, atol=0.04)  # one relative hazard would give two curves that never meet


def test_shuffled_outcomes_give_everyone_one_curve() -> None:
    group, days, event = crossing(1)
    order = np.random.default_rng(2).permutation(len(days))
    head = fit(group[:, None].astype(float), days[order], event[order])
    with torch.no_grad():
        curve = head.survival(head.raw(torch.tensor([[0.0], [1.0]])), torch.tensor([5.0, 10.0, 20.0])).numpy()
    assert np.abs(curve[0] - curve[1]).max() < 0.04


@pytest.mark.parametrize("name", ["propagation", "pathway_net", "sequence"])
def test_networks_take_it_by_a_setting(name: str) -> None:
    snapshot = make_snapshot("survival", n=200, layers=("rna", "mutations"), records=True, signal=1.5, features=24)
    held, days = np.arange(130, 200), np.array([0.0, 30.0, 300.0, 900.0, 1e6])
    plain, made = make(name), with_head(make(name), "discrete")
    assert with_head(plain, "cox") is plain
    learner = made.with_setting({}, 0)
    learner.fit(snapshot, np.arange(100), np.arange(100, 130))
    score, curve = learner.predict(snapshot, held), learner.survival(snapshot, held, days)  # type: ignore[attr-defined]
    assert curve.shape == (70, 5) and (np.diff(curve, axis=1) <= 0).all() and (curve[:, 0] == 1).all()
    assert np.corrcoef(np.argsort(np.argsort(score)), np.argsort(np.argsort(-curve[:, -1])))[0, 1] > 0.999
    assert inner_score("survival", targets(snapshot.rows[held], "survival", ()), score) > 0.6
    attributed = learner.attribute(snapshot, held)
    assert attributed and all(np.isfinite(one.values).all() for one in attributed.values())
    again = make(name).with_setting(learner.setting, 0).restore(learner.state())  # type: ignore[attr-defined]
    np.testing.assert_array_equal(again.predict(snapshot, held), score)
    np.testing.assert_array_equal(again.survival(snapshot, held, days), curve)  # type: ignore[attr-defined]


def test_other_learners_give_risks_alone() -> None:
    snapshot = make_snapshot("survival", n=110, layers=("rna",), features=24)
    ridge = make("ridge_late")
    assert with_head(ridge, "discrete") is ridge
    learner = make("propagation").with_setting({"plan": {"epochs": 2}}, 0)
    learner.fit(snapshot, np.arange(60), np.arange(60, 80))
    assert learner.survival(snapshot, np.arange(80, 110), np.array([1.0])) is None  # type: ignore[attr-defined]


def test_a_head_that_cannot_be_is_an_error(tmp_path: Path) -> None:
    import clinome
    from clinome.loaders.errors import InputError

    with pytest.raises(ValueError, match="survival_head"):
        head_of("binary", 4, 2, {"survival_head": "discrete"})
    text = (
        'name = "a"\nstore = "a.graph"\n[patients]\npath = "p.csv"\nid = "id"\n[cohort]\nquery = "RETURN 1"\n'
        '[task]\nkind = "KIND"\nlabel = "event"\n[learn]\nsurvival_head = "HEAD"\n'
    )
    (tmp_path / "p.csv").write_text("id\nx\n")
    for kind, head, said in (("survival", "hazards", "survival_head"), ("binary", "discrete", "another task")):
        (tmp_path / "study.toml").write_text(text.replace("KIND", kind).replace("HEAD", head))
        with pytest.raises(InputError, match=said):
            clinome.Study.read(tmp_path / "study.toml")
    (tmp_path / "study.toml").write_text(text.replace("KIND", "survival").replace("HEAD", "discrete"))
    assert clinome.Study.read(tmp_path / "study.toml").learn.survival_head == "discrete"


def test_a_run_judges_a_network_by_its_own_curves() -> None:
    """Beside a competing event its curves come from its risks: the hazard of one event is no probability beside another."""
    snapshot = make_snapshot("survival", n=120, layers=("rna",), features=24)
    tracked = pl.Series("competing", np.arange(120) % 3 == 0) & ~snapshot.rows["event"].cast(pl.Boolean)
    rivalled = replace(snapshot, rows=snapshot.rows.with_columns(competing=tracked))
    learn = Learn(trials=1, workers=1, survival_head="discrete")
    for cohort, own in ((snapshot, True), (rivalled, False)):
        found = harness.run(cohort, [make("propagation")], Evaluate(folds=2), learn, controls=False)
        assert ("incidence_auc" in found.metrics["propagation"]) != own
        assert found.metrics["propagation"]["ibs"]["mean"] < 0.3 and "propagation" in found.calibration
        predicted = found.predictions.filter(learner="propagation", fold=0)
        train, tuning, held = parts(cohort.folds, 0, int(predicted["fold"][0]))
        learner = with_head(make("propagation"), "discrete").with_setting({}, seed_of(seed_of(1, 0, 0), "propagation"))
        learner.fit(cohort, train, tuning)
        assert found.horizon_days is not None
        curve = learner.survival(cohort, held, np.array([found.horizon_days]))[:, 0]  # type: ignore[attr-defined]
        assert np.allclose(predicted.sort("row")["survival"].to_numpy(), curve[np.argsort(held)], atol=1e-6) == own
