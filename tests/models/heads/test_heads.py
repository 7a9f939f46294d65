"""Heads: every loss against a naive reference, and never a zero for what is not finite."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchsurv.loss.cox import neg_partial_log_likelihood

from clinome.models.base.task import task_of
from clinome.models.heads.cox import cox_loss
from clinome.models.heads.head import Head
from clinome.models.training.batch import Target


def naive_cox(risk: np.ndarray, time: np.ndarray, event: np.ndarray, ties: str) -> float:
    """Event by event, as the books write it."""
    total, seen = 0.0, 0
    for moment in sorted(set(time[event])):
        dying = event & (time == moment)
        deaths = int(dying.sum())
        for place in range(deaths):
            share = place / deaths if ties == "efron" else 0.0
            total += math.log(np.exp(risk[time >= moment]).sum() - share * np.exp(risk[dying]).sum())
        total -= risk[dying].sum()
        seen += deaths
    return total / seen


rows = st.lists(st.tuples(st.floats(-3, 3), st.integers(1, 6), st.booleans()), min_size=2, max_size=25)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
@settings(max_examples=60, deadline=None)
@given(rows=rows)
def test_cox_is_the_books_formula_with_ties(ties: str, rows: list[tuple[float, int, bool]]) -> None:
    risk, time, event = (np.array(column) for column in zip(*rows, strict=True))
    event[0] = True
    got = cox_loss(torch.tensor(risk), torch.tensor(time.astype(float)), torch.tensor(event), ties)
    assert float(got) == pytest.approx(naive_cox(risk, time, event, ties), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_cox_agrees_with_torchsurv(ties: str) -> None:
    rng = np.random.default_rng(1)
    risk = torch.tensor(rng.normal(size=60))
    time, event = torch.tensor(rng.integers(1, 20, 60).astype(float)), torch.tensor(rng.uniform(size=60) < 0.5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # it announces the ties
        theirs = neg_partial_log_likelihood(risk.float(), event, time.float(), ties_method=ties, reduction="sum")
    # its mean is over moments with an event, ours over events
    assert float(cox_loss(risk, time, event, ties)) == pytest.approx(float(theirs / event.sum()), rel=1e-5)


def test_the_least_cox_loss_lies_at_the_coefficient_of_lifelines() -> None:
    from lifelines import CoxPHFitter

    rng = np.random.default_rng(2)
    x = rng.normal(size=200)
    time, event = np.ceil(20 * rng.exponential(np.exp(-0.7 * x))), rng.uniform(size=200) < 0.7
    fitted = CoxPHFitter().fit(pd.DataFrame({"x": x, "time": time, "event": event}), "time", "event")
    beta = torch.tensor(float(fitted.params_["x"]), dtype=torch.float64, requires_grad=True)
    loss = cox_loss(beta * torch.tensor(x), torch.tensor(time), torch.tensor(event))
    (slope,) = torch.autograd.grad(loss, beta)
    assert abs(float(slope)) < 1e-4
    assert float(loss.detach()) == pytest.approx(-fitted.log_likelihood_ / event.sum(), rel=1e-6)


def test_cox_does_not_depend_on_the_order_of_rows_nor_on_a_constant() -> None:
    rng = np.random.default_rng(3)
    risk, time = torch.tensor(rng.normal(size=40)), torch.tensor(rng.integers(1, 8, 40).astype(float))
    event = torch.tensor(rng.uniform(size=40) < 0.6)
    order = torch.randperm(40)
    whole = float(cox_loss(risk, time, event))
    assert float(cox_loss(risk[order], time[order], event[order])) == pytest.approx(whole)
    assert float(cox_loss(risk + 500, time, event)) == pytest.approx(whole)
    with pytest.raises(ValueError, match="expected 'efron' or 'breslow'"):
        cox_loss(risk, time, event, "exact")


def test_binary_and_multiclass_are_cross_entropy_in_the_users_units() -> None:
    h = torch.randn(7, 4)
    binary, multi = task_of("binary").head(4), task_of("multiclass").head(4, 3)
    p, y = binary(h).detach().double(), torch.tensor([0.0, 1, 1, 0, 1, 0, 0])
    naive = -(y * p.log() + (1 - y) * (1 - p).log()).mean()
    loss = binary.loss(binary.raw(h), Target(y=y))
    assert loss is not None and float(loss.detach()) == pytest.approx(float(naive), rel=1e-5)
    q, k = multi(h).detach().double(), torch.tensor([0, 2, 1, 1, 0, 2, 2])
    loss = multi.loss(multi.raw(h), Target(y=k))
    assert loss is not None and float(loss.detach()) == pytest.approx(
        float(-q[torch.arange(7), k].log().mean()), rel=1e-5
    )
    assert torch.allclose(q.sum(1), torch.ones(7, dtype=torch.float64)) and bool(((p > 0) & (p < 1)).all())


def test_without_any_input_a_head_says_what_the_training_rows_say() -> None:
    none = torch.zeros(3, 4)
    binary, multi = task_of("binary").head(4), task_of("multiclass").head(4, 3)
    binary.start(Target(y=torch.tensor([1.0, 0, 0, 0])))
    multi.start(Target(y=torch.tensor([0] * 60 + [1] * 30 + [2] * 10)))
    assert torch.allclose(binary(none), torch.full((3,), 0.25))
    assert torch.allclose(multi(none)[0], torch.tensor([0.6, 0.3, 0.1]), atol=0.01)


def test_a_head_starts_as_the_readout_that_it_is_given() -> None:
    multi = task_of("multiclass").head(6, 3)
    multi.read(2.0)
    h = torch.zeros(1, 6)
    h[0, :3] = torch.tensor([1.0, 0.0, -1.0])
    raw = multi.raw(h)[0] - multi.linear.bias
    assert torch.allclose(raw, torch.tensor([2.0, 0.0, -2.0]))


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
@pytest.mark.parametrize("task", ["binary", "multiclass", "survival"])
def test_a_loss_that_is_not_finite_raises(task: str, bad: float) -> None:
    head = task_of(task).head(2, 3)
    raw = torch.zeros(4, head.linear.out_features)
    raw[1] = bad
    time, event = torch.tensor([4.0, 3.0, 2.0, 1.0]), torch.tensor([True, True, True, False])
    target = Target(duration_days=time, event=event) if task == "survival" else Target(y=torch.tensor([1, 0, 1, 0]))
    with pytest.raises(FloatingPointError, match="expected a finite number"):
        head.loss(raw, target)


def test_rows_without_an_event_say_nothing() -> None:
    head = task_of("survival").head(2)
    target = Target(duration_days=torch.ones(3), event=torch.zeros(3, dtype=torch.bool))
    assert head.loss(torch.zeros(3, 1), target) is None


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(
        ValueError, match="expected one of binary, multiclass, multilabel, regression, responses, survival"
    ):
        task_of("ranking").head(4)
    survival: Head = task_of("survival").head(4)
    with pytest.raises(ValueError, match="without duration_days"):
        survival.loss(torch.zeros(2, 1), Target(y=torch.zeros(2)))
    with pytest.raises(ValueError, match="without y"):
        task_of("binary").head(4).loss(torch.zeros(1, 1), Target(duration_days=torch.ones(1), event=torch.ones(1) > 0))
