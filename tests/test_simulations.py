"""The simulations behind the default interval: they test what a run reports, and the pages say what they found."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from scipy import stats

from clinome.models import harness
from clinome.models.catalogue import make
from clinome.models.specs import Evaluate, Learn

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return importlib.import_module("false_alarms")


@pytest.fixture
def candidates(script: ModuleType) -> ModuleType:
    return importlib.import_module("candidates")


@pytest.mark.slow
def test_a_simulated_set_is_tested_as_a_run_tests_it(script: ModuleType, candidates: ModuleType) -> None:
    trial, reported = script.one_set(3, 0.0)
    assert candidates.CANDIDATES[candidates.DEFAULT](trial)[3] == pytest.approx(reported)
    learners = [make("majority"), make("ridge_late")]
    found = harness.run(script.make_set(3, 0.0), learners, Evaluate(), Learn(trials=1, workers=1), controls=False)
    of_run = {frozenset((c.a, c.b)): c.p for c in found.comparisons}
    assert of_run[frozenset(("majority", "ridge_late"))] == pytest.approx(reported)
    assert trial.nested.shape == (1, 5, 3) and np.isfinite(trial.nested).all()


def test_the_planted_risk_has_the_auroc_it_is_said_to_have(script: ModuleType) -> None:
    slope = script.slope_for(0.8)
    values = []
    for seed in range(40):
        made = script.make_set(seed, slope)
        risk = made.layers["rna"].values[:, : script.CARRYING].sum(axis=1)
        values.append(script.auroc(made.rows["label"].to_numpy(), risk))
    assert np.mean(values) == pytest.approx(0.8, abs=0.02)


def test_corrected_t_by_hand(candidates: ModuleType) -> None:
    d = np.array([0.01, 0.03, 0.02, 0.05, -0.01])
    nothing = np.zeros((1, 5, 2))
    trial = candidates.Trial(d[None], nothing, np.zeros(1), np.zeros((1, 2)), np.zeros((0, 5, 3)))
    mean, low, high, p = candidates.corrected(trial)
    error = np.sqrt((1 / 5 + 20 / 80) * d.var(ddof=1))
    assert mean == pytest.approx(d.mean())
    assert (high - low) / 2 == pytest.approx(stats.t.ppf(0.975, 4) * error)
    assert p == pytest.approx(2 * stats.t.sf(d.mean() / error, 4))
    assert candidates.naive(trial)[3] < p
