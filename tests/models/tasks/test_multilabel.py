"""Multilabel: targets, strata, losses, heads and metrics, each label as if it were alone."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from clinome.models.base.folds import make_folds
from clinome.models.base.specs import Evaluate
from clinome.models.base.task import task_of
from clinome.models.estimators.losses import logistic_loss, multilabel_loss
from clinome.models.estimators.ridge import fit_ridge
from clinome.models.estimators.univariate import association
from clinome.models.metrics.task_metrics import evaluate, measures

TASK = task_of("multilabel")
NAMES = ("a", "b", "c")


def cohort(y: np.ndarray) -> pl.DataFrame:
    held = [[name for name, one in zip(NAMES, row, strict=True) if one] for row in y]
    return pl.DataFrame(
        {"subject_id": [f"p{i}" for i in range(len(y))], "label": pl.Series(held, dtype=pl.List(pl.String))}
    )


@settings(deadline=None)
@given(st.lists(st.tuples(*[st.booleans()] * 3), min_size=1, max_size=60))
def test_targets_are_what_was_held(rows: list[tuple[bool, bool, bool]]) -> None:
    y = np.array(rows).astype(np.int64)
    frame = cohort(y)
    np.testing.assert_array_equal(TASK.targets(frame, NAMES), y)
    np.testing.assert_array_equal(TASK.targets(frame, NAMES[::-1]), y[:, ::-1])
    many = TASK.grouped(frame["label"])
    assert many is not None and [int(one[0]) for one in many] == np.minimum(y.sum(1), 2).tolist()


@given(st.integers(0, 10**6))
@settings(max_examples=40, deadline=None)
def test_strata_hold_enough_rows_and_the_rare_label_is_spread(seed: int) -> None:
    rng = np.random.default_rng(seed)
    y = (rng.random((150, 3)) < np.array([0.5, 0.2, 0.1])).astype(np.int64)
    strata = TASK.strata(cohort(y))
    assert np.bincount(strata).min() >= 10
    if y[:, 2].sum() >= 10:  # c is the rarest: whoever has it is of one stratum
        assert len(set(strata[y[:, 2] > 0])) == 1 or y[:, 2].sum() >= y[:, 1].sum()
    folds = make_folds(cohort(y), "multilabel", Evaluate(folds=5))
    held = folds.filter(pl.col("split") == "held_out")
    counts = [int(y[held.filter(pl.col("fold") == f)["row"].to_numpy(), 2].sum()) for f in range(5)]
    if y[:, 2].sum() >= 10 and y[:, 2].sum() < y[:, 1].sum():
        assert max(counts) - min(counts) <= 2


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6))
def test_metrics_are_scikit_learns_over_the_labels_that_can_be_judged(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(3, 40))
    y = (rng.random((n, 3)) < rng.random(3)).astype(np.int64)
    score = rng.integers(0, 9, (n, 3)) / 8
    found = evaluate("multilabel", y, score, NAMES)
    both = [k for k in range(3) if 0 < y[:, k].sum() < n]
    assert found["labels_judged"] == len(both)
    assert found["brier"] == pytest.approx(
        np.mean([sk.brier_score_loss(y[:, k], score[:, k], labels=[0, 1]) for k in range(3)])
    )
    for name, one in (("auroc", sk.roc_auc_score), ("auprc", sk.average_precision_score)):
        macro = np.mean([one(y[:, k], score[:, k]) for k in both]) if both else None
        assert found[f"macro_{name}"] == (None if macro is None else pytest.approx(macro, abs=1e-9))
        micro = one(y.ravel(), score.ravel()) if 0 < y.sum() < y.size else None
        assert found[f"micro_{name}"] == (None if micro is None else pytest.approx(micro, abs=1e-9))
    weights = rng.integers(0, 3, (3, n)).astype(float)
    weights[0] = 1
    for name, measure in measures("multilabel", y, score, 3).items():
        up, down = measure(weights)
        for b, row in enumerate(weights):
            again = np.repeat(np.arange(n), row.astype(int))
            if name != "labels_judged" and len(again):
                value = evaluate("multilabel", y[again], score[again], NAMES)[name]
                drawn = up[b] / down[b] if down[b] > 0 else None
                assert drawn == (None if value is None else pytest.approx(value, abs=1e-9)), name


def test_each_label_is_learnt_as_if_alone() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(80, 3))
    y = (x + rng.normal(size=(80, 3)) > np.array([0.0, 0.8, -0.5])).astype(np.int64)
    eta = rng.normal(size=(80, 3))
    value, pull = multilabel_loss(y)(eta)
    alone = [logistic_loss(y[:, k])(eta[:, [k]]) for k in range(3)]
    assert value == pytest.approx(sum(one for one, _ in alone))
    np.testing.assert_allclose(pull, np.hstack([one for _, one in alone]))
    part = np.arange(80) % 3
    together = fit_ridge(x, y, part, "multilabel", 3)
    for k in range(3):
        one = fit_ridge(x, y[:, k], part, "binary", 2)
        if one.c == together.c:
            np.testing.assert_allclose(together.score(x)[:, k], one.score(x)[:, 0], atol=1e-2)
    single = association(x, y[:, :1].astype(float)) + association(x, y[:, 1:2].astype(float))
    np.testing.assert_allclose(association(x, y[:, :2].astype(float)) * 2, single, atol=1e-9)


def test_a_head_starts_with_the_rates_and_its_loss_is_the_mean_over_labels() -> None:
    y = np.array([[0, 1, 1], [0, 1, 0], [1, 1, 0], [0, 0, 0]])
    target = TASK.tensors(y)
    head = TASK.head(4, 3)
    head.start(target)
    torch.nn.init.zeros_(head.linear.weight)
    np.testing.assert_allclose(head(torch.randn(2, 4)).detach().numpy(), [[0.25, 0.75, 0.25]] * 2, atol=1e-3)
    raw = torch.randn(4, 3)
    value, _ = multilabel_loss(y)(raw.numpy().astype(float))
    assert float(head.loss(raw, target)) == pytest.approx(value / 3, rel=1e-5)


def test_a_network_tells_of_the_label_by_which_a_row_stands_out_whoever_is_asked_with_it() -> None:
    head = TASK.head(4, 3)
    head.start(TASK.tensors(np.array([[0, 1, 1], [0, 1, 0], [1, 1, 0], [0, 0, 0]])))  # a quarter, three, a quarter
    raw = torch.tensor([[-1.0, 1.0, 2.0], [0.0, 1.0, -1.0], [-2.0, 3.0, -2.0]])
    assert head.told(raw).tolist() == [2, 0, 1]
    assert [int(head.told(one[None])) for one in raw] == [2, 0, 1]


def test_what_an_attribution_tells_of_is_not_always_the_commonest_label() -> None:
    logits = np.array([[3.0, -2.0], [2.0, -1.0], [2.5, -4.0]])
    assert TASK.told(logits).tolist() == [0, 1, 0]
