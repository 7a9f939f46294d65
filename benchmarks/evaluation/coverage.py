"""Do 95 % intervals hold the truth 95 times in a hundred? coverage.py OUT [--sims 1000].

One fixed split: the interval that a run reports, against what the very model is worth on new patients. Several folds: every
candidate of benchmarks/evaluation/candidates.py, against the mean over cohorts of what the models of the folds are worth ("expected"),
and against what the models of this very cohort are worth ("own"). Cohorts are simulated, learners are quick ones. Writes
what it prints to OUT, table by table, and goes on where it was ended. One process, one thread: half an hour.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from candidates import CANDIDATES, DEFAULT, FOLDS, Trial
from false_alarms import slope_for
from scipy import stats
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import StratifiedKFold

from clinome.models.estimators.ridge import fit_cox
from clinome.models.evaluation.bootstrap import Resamples
from clinome.models.evaluation.intervals import spread
from clinome.models.metrics.concordance import c_index
from clinome.models.metrics.discrimination import auroc
from clinome.models.metrics.task_metrics import measures

NEW, NEW_SURVIVAL = 20_000, 4000
"""New patients on whom the truth is measured, the same ones in all simulations of a scenario."""
RESAMPLES = 500
SPLITS = 2
"""Splits of nested cross-validation."""

Predict = Callable[[np.ndarray], np.ndarray]
Learn = Callable[[np.ndarray, np.ndarray], Predict]


@dataclass(frozen=True)
class Scenario:
    """A cohort, what is learnt on it, and what that is compared with (None: with guessing)."""

    name: str
    patients: int
    features: int
    carrying: int
    true_auroc: float
    learn: Learn
    rival: Learn | None = None
    metric: str = "auroc"

    @property
    def learners(self) -> list[Learn]:
        return [learn for learn in (self.learn, self.rival) if learn is not None]

    @property
    def slope(self) -> float:
        return slope_for(self.true_auroc, self.carrying) if self.true_auroc > 0.5 else 0.0

    def cohort(self, rng: np.random.Generator, n: int, slope: float) -> tuple[np.ndarray, np.ndarray]:
        """Features, and outcomes: 0/1, or (n, 2) duration and event."""
        x = rng.normal(size=(n, self.features))
        risk = slope * x[:, : self.carrying].sum(axis=1)
        if self.metric == "c_index":
            died, lost = rng.exponential(np.exp(-risk)), rng.exponential(1.5, n)
            return x, np.column_stack([np.minimum(died, lost), died <= lost]).astype(float)
        return x, (rng.random(n) < 1 / (1 + np.exp(-risk))).astype(int)

    def new(self, slope: float) -> tuple[np.ndarray, np.ndarray]:
        return self.cohort(np.random.default_rng(0), NEW_SURVIVAL if self.metric == "c_index" else NEW, slope)

    def value(self, y: np.ndarray, score: np.ndarray) -> float:
        if self.metric == "c_index":
            return c_index(y[:, 0], y[:, 1], score) or 0.5
        return float(np.mean((score >= 0.5) == y)) if self.metric == "accuracy" else auroc(y, score) or 0.5

    def drawn(self, y: np.ndarray, score: np.ndarray, rows: np.ndarray, resamples: Resamples) -> np.ndarray:
        task = "survival" if self.metric == "c_index" else "binary"
        up, down = resamples.score(rows, {self.metric: measures(task, y, score)[self.metric]})[self.metric]
        return np.asarray(np.divide(up, down, out=np.full(len(up), np.nan), where=down > 0))


def ridge(penalty: float, columns: int | None = None) -> Learn:
    """L2-penalised logistic regression by Newton's method, on the first columns."""

    def learn(x: np.ndarray, y: np.ndarray) -> Predict:
        x = np.column_stack([np.ones(len(x)), x[:, :columns]])
        w, lift = np.zeros(x.shape[1]), penalty * np.eye(x.shape[1])
        lift[0, 0] = 1e-6
        for _ in range(6):
            p = 1 / (1 + np.exp(-x @ w))
            w -= np.linalg.solve((x.T * (p * (1 - p) + 1e-9)) @ x + lift, x.T @ (p - y) + lift @ w)
        return lambda new: np.asarray(1 / (1 + np.exp(-(w[0] + new[:, :columns] @ w[1:]))))

    return learn


def forest(x: np.ndarray, y: np.ndarray) -> Predict:
    model = RandomForestClassifier(40, min_samples_leaf=3, random_state=0).fit(x, y)
    return lambda new: np.asarray(model.predict_proba(new)[:, 1])


def cox(x: np.ndarray, y: np.ndarray) -> Predict:
    coef = fit_cox(x, y[:, 0], y[:, 1], 0.01)
    return lambda new: np.asarray(new @ coef)


SCENARIOS = (
    Scenario("nothing to learn", 150, 50, 5, 0.5, ridge(30)),
    Scenario("a weak risk (0.65)", 150, 50, 5, 0.65, ridge(30)),
    Scenario("a risk of 0.80", 150, 50, 5, 0.80, ridge(30)),
    Scenario("a risk of 0.80, more patients", 600, 50, 5, 0.80, ridge(10)),
    Scenario("a strong risk (0.95)", 150, 20, 5, 0.95, ridge(10)),
    Scenario("accuracy, a risk of 0.80", 150, 50, 5, 0.80, ridge(30), metric="accuracy"),
    Scenario("survival, C-index", 150, 50, 5, 0.75, cox, metric="c_index"),
    Scenario("difference, nothing to learn", 150, 50, 5, 0.5, ridge(30), ridge(30, 10)),
    Scenario("difference, all against ten features", 150, 50, 5, 0.80, ridge(30), ridge(30, 10)),
    Scenario("difference, strong against weak penalty", 300, 50, 5, 0.65, ridge(100), ridge(1)),
    Scenario("difference, forest against ridge", 150, 20, 5, 0.80, forest, ridge(10)),
)  # fmt: skip


def _parts(scenario: Scenario, y: np.ndarray, seed: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    outcome = y[:, 1] if scenario.metric == "c_index" else y
    yield from StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(y, outcome)


def trial(
    scenario: Scenario, seed: int, repeats: int, nested: bool, *, slope: float, new: tuple[np.ndarray, np.ndarray]
) -> Trial:
    """One cohort, cross-validated; differences from the rival, or from guessing (0.5) where there is none."""
    x, y = scenario.cohort(np.random.default_rng(seed), scenario.patients, slope)
    resamples = Resamples.of(np.arange(len(y)), np.arange(len(y)), seed, RESAMPLES)
    found, drawn, own, pooled, pooled_drawn = [], [], [], [], []
    for repeat in range(repeats):
        whole = np.zeros((2, len(y)))
        for train, held in _parts(scenario, y, 1000 * seed + repeat):
            models = [learn(x[train], y[train]) for learn in scenario.learners]
            scores = [model(x[held]) for model in models]
            found.append(_less([scenario.value(y[held], s) for s in scores]))
            own.append(_less([scenario.value(new[1], model(new[0])) for model in models]))
            drawn.append(_less([scenario.drawn(y[held], s, held, resamples) for s in scores]))
            for i, score in enumerate(scores):
                whole[i, held] = score
        both = whole[: len(scenario.learners)]
        pooled.append(_less([scenario.value(y, s) for s in both]))
        pooled_drawn.append(_less([scenario.drawn(y, s, np.arange(len(y)), resamples) for s in both]))
    terms = [_nested(scenario, x, y, 77 * seed + i, resamples) for i in range(SPLITS if nested else 0)]
    return Trial(
        folds=np.array(found).reshape(repeats, FOLDS), drawn=np.array(drawn).reshape(repeats, FOLDS, -1),
        pooled=np.array(pooled), pooled_drawn=np.array(pooled_drawn),
        nested=np.concatenate([np.zeros((0, FOLDS, 3)), *terms]), own=float(np.mean(own)),
    )  # fmt: skip


def _less(values: list[Any]) -> Any:
    return values[0] - (values[1] if len(values) > 1 else 0.5)


def _nested(scenario: Scenario, x: np.ndarray, y: np.ndarray, seed: int, resamples: Resamples) -> np.ndarray:
    """(1, folds, 3): inner mean, outer value, its variance; a model without two folds judges both."""
    held = [h for _, h in _parts(scenario, y, seed)]

    def judged(train: np.ndarray, rows: list[np.ndarray], variance: bool = False) -> list[tuple[float, float]]:
        models = [learn(x[train], y[train]) for learn in scenario.learners]
        out = []
        for part in rows:
            scores = [model(x[part]) for model in models]
            value = _less([scenario.value(y[part], s) for s in scores])
            spread_ = (
                np.nanvar(_less([scenario.drawn(y[part], s, part, resamples) for s in scores])) if variance else 0.0
            )
            out.append((value, float(spread_)))
        return out

    inner, outer = np.full((FOLDS, FOLDS), np.nan), []
    for k in range(FOLDS):
        outer += judged(np.concatenate([held[i] for i in range(FOLDS) if i != k]), [held[k]], variance=True)
        for m in range(k):
            train = np.concatenate([held[i] for i in range(FOLDS) if i not in (k, m)])
            (inner[m, k], _), (inner[k, m], _) = judged(train, [held[k], held[m]])
    return np.column_stack([np.nanmean(inner, axis=1), np.array(outer)])[None]


def folds_table(scenario: Scenario, sims: int, repeats: int, nested: bool) -> list[str]:
    slope = scenario.slope
    new = scenario.new(slope)
    names = [name for name in CANDIDATES if nested or not name.startswith("nested")]
    values, own, ends = np.zeros(sims), np.zeros(sims), np.zeros((sims, len(names), 2))
    for i in range(sims):
        one = trial(scenario, i + 1, repeats, nested, slope=slope, new=new)
        values[i], own[i] = one.value, one.own
        ends[i] = [CANDIDATES[name](one)[1:3] for name in names]
    expected = float(own.mean())
    lines = [
        f"{scenario.name}; {scenario.patients} patients, {FOLDS} folds x {repeats}; {sims} cohorts",
        f"  expected {expected:+.3f}, found {values.mean():+.3f}, sd {values.std(ddof=1):.3f}",
        f"  {'interval':42s} {'expected':>9s} {'own':>7s} {'width':>7s}",
    ]
    for k, name in enumerate(names):
        low, high = ends[:, k].T
        covers, mine = (np.mean((low <= aim) & (aim <= high)) for aim in (expected, own))
        mark = "  <- the default" if name == DEFAULT else ""
        lines.append(f"  {name:42s} {covers:9.1%} {mine:7.1%} {np.mean(high - low):7.3f}{mark}")
    return lines


SPLIT_SCENARIOS = (
    Scenario("AUROC", 300, 20, 5, 0.80, ridge(10)),
    Scenario("AUROC, nothing to learn", 300, 20, 5, 0.5, ridge(10)),
    Scenario("accuracy", 300, 20, 5, 0.80, ridge(10), metric="accuracy"),
    Scenario("C-index", 300, 20, 5, 0.80, cox, metric="c_index"),
    Scenario("difference of two AUROCs", 300, 20, 5, 0.80, ridge(10), ridge(10, 3)),
)


def split_table(sims: int, train: int = 200) -> list[str]:
    """The interval of one fixed split, against what its very model is worth."""
    lines = [
        f"One fixed split, {train} train, 100 held out; {sims} cohorts",
        f"  {'what':42s} {'covers':>7s} {'width':>7s}",
    ]
    for scenario in SPLIT_SCENARIOS:
        slope = scenario.slope
        new, held = scenario.new(slope), np.arange(train, scenario.patients)
        ends, truth = np.zeros((sims, 2)), np.zeros(sims)
        for i in range(sims):
            x, y = scenario.cohort(np.random.default_rng(i + 1), scenario.patients, slope)
            resamples = Resamples.of(np.arange(len(y)), held, i)
            models = [learn(x[:train], y[:train]) for learn in scenario.learners]
            value = _less([scenario.value(y[held], model(x[held])) for model in models])
            drawn = _less([scenario.drawn(y[held], model(x[held]), held, resamples) for model in models])
            truth[i] = _less([scenario.value(new[1], model(new[0])) for model in models])
            ends[i] = spread(value, drawn, several=False)[:2]
        covers = np.mean((ends[:, 0] <= truth) & (truth <= ends[:, 1]))
        lines.append(f"  {scenario.name:42s} {covers:7.1%} {np.mean(ends[:, 1] - ends[:, 0]):7.3f}")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path, help="tables that it holds already are not made again")
    parser.add_argument("--sims", type=int, default=1000)
    args = parser.parse_args()
    args.out.parent.mkdir(parents=True, exist_ok=True)
    made = args.out.read_text(encoding="utf-8") if args.out.exists() else ""
    tables: list[tuple[str, Callable[[], list[str]]]] = [("One fixed split", partial(split_table, args.sims))]
    for scenario in SCENARIOS:
        for repeats in (1, 3) if scenario.learn is not forest else (1,):
            nested = repeats == 1 and scenario.learn is not forest
            title = f"{scenario.name}; {scenario.patients} patients, {FOLDS} folds x {repeats};"
            tables.append((title, partial(folds_table, scenario, args.sims, repeats, nested)))
    if not made:
        error = stats.norm.ppf(0.975) * np.sqrt(0.95 * 0.05 / args.sims)
        made = f"95 % intervals; of {args.sims} simulations a coverage errs by {error:.1%}\n"
    for title, table in tables:
        if f"\n{title}" not in made:
            made += "\n" + "\n".join(table()) + "\n"
            args.out.write_text(made, encoding="utf-8")
    print(made)


if __name__ == "__main__":
    main()
