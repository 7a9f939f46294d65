"""External validation: what metrics are worth where all patients have one outcome."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from snapshots import make_snapshot

from clinome.models.base.snapshot import DerivedSnapshot
from clinome.models.base.task import task_of
from clinome.models.evaluation.external import judge_external


def served(task: str) -> DerivedSnapshot:
    one = make_snapshot(task, n=40)
    parts = (one.task, one.rows, one.covariates, one.layers, one.events, one.links, one.clock, one.classes)
    return DerivedSnapshot(*parts)


@pytest.mark.parametrize("task", ["binary", "multiclass", "survival"])
def test_one_outcome_is_warned_of_and_not_told(task: str) -> None:
    whole = served(task)
    width = len(task_of(task).score_columns(whole.classes))
    score = np.random.default_rng(0).dirichlet(np.ones(max(width, 2)), 40)[:, : max(width, 1)]
    score = score if width > 1 else score[:, 0]
    column = "event" if task == "survival" else "label"
    told = set()
    for value in whole.rows[column].unique().sort():
        one = replace(whole, rows=whole.rows.with_columns(pl.lit(value).alias(column)))
        found, said = judge_external(one, score)
        if task == "survival" and value:
            assert said == []
            continue
        assert found and len(said) == 1 and "40 rows" in said[0]
        assert ("no metric" if task == "survival" else "not whether patients are told apart") in said[0]
        told |= set(said)
    assert len(told) == 1  # the same whichever outcome it is
    assert judge_external(whole, score)[1] == []


def test_where_all_have_the_same_labels_only_scores_that_there_are_are_spoken_of() -> None:
    whole = served("multilabel")
    one = replace(whole, rows=whole.rows.with_columns(label=pl.lit(["gout"], pl.List(pl.String))))
    found, said = judge_external(one, np.full((40, 3), 0.4))
    assert (
        found["macro_auroc"]["mean"] is None
        and found["brier"]["mean"] is not None
        and found["labels_judged"]["mean"] == 0
    )
    assert len(said) == 1 and "40 rows" in said[0] and "gout" not in said[0] and "accuracy" not in said[0]
    assert judge_external(whole, np.full((40, 3), 0.4))[1] == []
