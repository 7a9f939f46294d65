"""Ridge of many dense rows: the same model as that of few, without a copy of what it is fitted on."""

from __future__ import annotations

import numpy as np
import pytest

from clinome.models.base.task import task_of
from clinome.models.estimators import ridge
from clinome.models.estimators.ridge import fit_ridge


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression", "survival"])
@pytest.mark.parametrize("columns", [30, 400])
def test_many_rows_give_the_model_of_the_plain_way(task: str, columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    n = 300
    x = rng.normal(size=(n, columns)).astype(np.float32)
    cause = x[:, 0] - x[:, 1]
    y: np.ndarray
    match task:
        case "binary":
            y = (cause + rng.normal(size=n) > 0).astype(float)
        case "multiclass":
            y = np.digitize(cause, [-0.7, 0.7])
        case "regression":
            y = 50 + 10 * cause + rng.normal(size=n)
        case _:
            y = np.column_stack([np.exp(-cause + rng.normal(size=n)), rng.integers(0, 2, n)])
    classes = 3 if task == "multiclass" else 2 if task == "binary" else 0
    part = np.where(np.arange(n) % 5 == 0, 0, -1)
    monkeypatch.setattr(ridge, "SMALL", 100)
    plain = fit_ridge(x, y, part, task, classes)
    monkeypatch.setattr(ridge, "_DENSE", 100)
    found = fit_ridge(x, y, part, task, classes)
    assert found.c == plain.c and found.gamma == 0.0
    scale = np.abs(plain.score(x)).max()
    np.testing.assert_allclose(found.score(x) / scale, plain.score(x) / scale, atol=5e-3)
    scored = part >= 0
    np.testing.assert_allclose(found.oof[scored] / scale, plain.oof[scored] / scale, atol=5e-3)
    assert np.isnan(found.oof[~scored]).all() and task_of(task).width(classes) == found.coef.shape[1]


def test_principal_coordinates_of_many_columns_need_no_whole_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(80, 300)).astype(np.float32), rng.integers(0, 2, 80).astype(float)
    part = np.arange(80) % 3
    plain = fit_ridge(x, y, part, "binary", 2)
    monkeypatch.setattr(ridge, "_DENSE", 100)
    monkeypatch.setattr(ridge, "_COLUMNS", 70)
    found = fit_ridge(x, y, part, "binary", 2)
    assert (found.c, found.gamma) == (plain.c, plain.gamma)
    np.testing.assert_allclose(found.coef, plain.coef, atol=1e-5)
