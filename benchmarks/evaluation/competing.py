"""Predicted risks beside a competing event, on a process whose incidence is known: competing.py [--seeds 20].

Hazards: of the event 0.1 e^x, of the competing one 0.15, of being lost 0.05. 1,500 rows train, 1,500 are held out; the score is x.
  own     the incidence that `follow` makes of the score, with the competing event
  truth   the planted incidence
  alone   the same score as if the competing event were the end of observation
Said: integrated Brier score (IPCW), mean risk at the last time, and of the truth how often the intervals of the calibration slope
and intercept hold 1 and 0; AUC over time of the score, with both definitions of a control, beside what it is of 200,000 rows of
whom none is lost, and beside scikit-survival's way with the competing event as the end of observation.
"""

from __future__ import annotations

import argparse
from dataclasses import replace

import numpy as np

from clinome.models.evaluation.calibration import calibrated
from clinome.models.evaluation.fold_scores import FoldScores
from clinome.models.evaluation.survival_curves import Rivals, follow, grid
from clinome.models.metrics.metric import SurvivalCurves
from clinome.models.metrics.survival import brier_rows, td_auc

HAZARD, RIVAL, LOST = 0.1, 0.15, 0.05


def patients(
    n: int, rng: np.random.Generator, lost: float = LOST, shared: float = 0.0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """x (n,), outcomes (n, 2), who had the competing event (n,). shared: log hazard ratio of the competing event a unit of x."""
    x = rng.normal(size=n)
    rates = (HAZARD * np.exp(x), RIVAL * np.exp(shared * x), np.full(n, lost))
    times = np.stack([rng.exponential(1 / rate) if rate.all() else np.full(n, np.inf) for rate in rates])
    first = times.argmin(axis=0)
    return x, np.column_stack([times.min(axis=0), first == 0]).astype(float), first == 1


def incidence(x: np.ndarray, at: np.ndarray) -> np.ndarray:
    mine = HAZARD * np.exp(x)[:, None]
    return np.asarray(mine / (mine + RIVAL) * (1 - np.exp(-(mine + RIVAL) * at)))


def one(seed: int) -> tuple[list[float], list[float], tuple[bool, bool]]:
    x, y, rival = patients(3000, np.random.default_rng(seed))
    train, held = slice(0, 1500), slice(1500, 3000)
    times = grid(y)
    own = follow(y[train], y[train], x[train], x[held], times, Rivals(rival[train], rival[train], rival[held]))
    alone = follow(y[train], y[train], x[train], x[held], times).curves
    curves = (own.curves, 1 - incidence(x[held], times), alone)
    brier = [float(brier_rows(y[held], replace(own, curves=one)).mean()) for one in curves]
    part = FoldScores("x", 0, 0, np.arange(1500), y[held], x[held], replace(own, curves=curves[1]))
    found = calibrated("survival", [part], np.arange(1500))
    assert found is not None and found.slope_low is not None and found.slope_high is not None
    holds = found.slope_low < 1 < found.slope_high, found.intercept_low < 0 < found.intercept_high
    return brier, [float((1 - one)[:, -1].mean()) for one in curves], holds


def aucs(x: np.ndarray, y: np.ndarray, rival: np.ndarray, times: np.ndarray) -> list[float]:
    """Controls free of either event; all who had not the event; and the competing event as the end of observation."""
    either = np.column_stack([y[:, 0], (y[:, 1] > 0) | rival])
    known = SurvivalCurves(either, times, np.ones((len(y), len(times))), rival)
    alone = replace(known, train=y, rival=None)
    return [td_auc(y, x, *how) or 0.0 for how in ((known,), (known, True), (alone,))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20)
    seeds = parser.parse_args().seeds
    brier, risk, holds = (np.array(part) for part in zip(*(one(seed) for seed in range(seeds)), strict=True))
    for name, each, level in zip(("own", "truth", "alone"), brier.T, risk.T, strict=True):
        print(
            f"{name:6} integrated Brier score {each.mean():.4f} (sd {each.std(ddof=1):.4f})  mean risk at the end {level.mean():.3f}"
        )
    print(f"truth: slope's interval holds 1 in {holds[:, 0].sum()} of {seeds}, intercept's 0 in {holds[:, 1].sum()}")
    at = np.array([1.0, 2.0, 4.0])
    for shared in (0.0, 1.0):
        truth = aucs(*patients(200_000, np.random.default_rng(1000), lost=0.0, shared=shared), at)
        found = np.array([aucs(*patients(1500, np.random.default_rng(n), shared=shared), at) for n in range(seeds)])
        print(f"AUC over time, the competing event's log hazard ratio {shared:.0f}")
        for name, each, real in zip(("td_auc", "incidence_auc", "alone"), found.T, truth, strict=True):
            print(f"  {name:14} {each.mean():.4f} (sd {each.std(ddof=1):.4f})  of 200,000 rows, none lost, {real:.4f}")


if __name__ == "__main__":
    main()
