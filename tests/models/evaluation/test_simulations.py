"""The simulations behind the default interval: they test what a run reports, and the pages say what they found."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from scipy import stats

from clinome.models.base.specs import Evaluate, Learn
from clinome.models.experiment import run as harness
from clinome.models.learners.registry import make
from clinome.reports import sentences

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks" / "evaluation"))
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


def _coverage() -> dict[str, list[float]]:
    """candidate -> how often its intervals over folds held what is expected, in each setting."""
    found: dict[str, list[float]] = {}
    for line in (ROOT / "benchmarks" / "results" / "coverage.txt").read_text(encoding="utf-8").splitlines():
        row = re.match(r"  (\S.*?)\s{2,}([\d.]+)%\s+[\d.]+%\s+[\d.]+", line)
        if row:
            found.setdefault(row[1], []).append(float(row[2]))
    return found


def _tests() -> dict[str, tuple[int, float]]:
    """test -> false alarms and power."""
    text = (ROOT / "benchmarks" / "results" / "false_alarms.txt").read_text(encoding="utf-8")
    rows = re.findall(r"^(\S.*?)\s{2,}(\d+) \(\s*[\d.]+%\)\s+([\d.]+)%", text, re.MULTILINE)
    return {name: (int(alarms), float(power)) for name, alarms, power in rows}


def test_the_default_keeps_what_is_asked_of_it(candidates: ModuleType) -> None:
    """At most 32 false alarms of 400, power 0.8, and no other candidate's worst coverage is nearer to 95."""
    alarms, power = _tests()[candidates.DEFAULT]
    assert alarms <= 32 and power >= 80
    worst = {name: max(95 - min(found), 0) for name, found in _coverage().items()}
    width = {name: max(found) for name, found in _coverage().items()}
    kept = [name for name, short in worst.items() if short <= 1]
    assert min(kept, key=lambda name: width[name]) == candidates.DEFAULT
    assert _tests()["as a run reports it"] == (alarms, power)


def test_fixed_splits_cover_as_they_say() -> None:
    text = (ROOT / "benchmarks" / "results" / "coverage.txt").read_text(encoding="utf-8")
    split = text.split("One fixed split", 1)[1].split("\n\n", 1)[0]
    covers = [float(value) for value in re.findall(r"([\d.]+)%", split)]
    assert len(covers) == 5 and all(92.5 <= value <= 97.5 for value in covers)


def test_the_pages_say_what_the_simulations_found(candidates: ModuleType) -> None:
    page = (ROOT / "docs" / "honesty.md").read_text(encoding="utf-8")
    for name, found in _coverage().items():
        alarms, power = _tests()[name]
        assert f"| {name} | {min(found):.1f}, {max(found):.1f} | {alarms} | {power} % |" in page
    default = _coverage()[candidates.DEFAULT]
    assert (int(min(default)), int(max(default))) == sentences.COVERED


def test_choosing_costs_little_and_the_page_says_what_was_found() -> None:
    """No cohort's loss above 0.03, and none on average above 0.005."""
    rows = re.findall(
        r"^(\w+) +(\w+) +(\w+) +([\d.]+) +([\d.]+) +([+-][\d.]+) \((\S+) to (\S+)\) +(\w+) ([\d.]+)$",
        (ROOT / "benchmarks" / "results" / "chosen.txt").read_text(encoding="utf-8"), re.MULTILINE)  # fmt: skip
    page = (ROOT / "docs" / "honesty.md").read_text(encoding="utf-8")
    assert len(rows) == 6
    for cohort, metric, plain, its, chosen, difference, low, high, best, value in rows:
        assert (
            f"| {cohort} | {metric} | `{plain}` | {its} | {chosen} | {difference} ({low} to {high}) | `{best}` {value} |"
            in page
        )
    differences = [float(row[5]) for row in rows]
    assert min(differences) >= -0.03 and np.mean(differences) >= -0.005
