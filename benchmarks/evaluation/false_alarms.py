"""How often a learner is found better than guessing where there is nothing to find: false_alarms.py OUT.

400 sets of 150 patients and 50 features of noise; `ridge_late` against `majority`, AUROC over 5 folds; two-sided tests at
5 %, by each candidate of benchmarks/evaluation/candidates.py on the same predictions. Then the same where 5 of the 50 features carry
a risk whose own AUROC is 0.80: that is power. Writes what it prints to OUT, and goes on where it was ended. One process, one thread: a quarter of an hour.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import polars as pl
from candidates import CANDIDATES, DEFAULT, FOLDS, Trial
from scipy import stats
from threadpoolctl import threadpool_limits

from clinome.graphs.snapshot.snapshot import Layer, Snapshot
from clinome.models.base.folds import make_folds, parts
from clinome.models.base.learner import Learner
from clinome.models.base.specs import Evaluate
from clinome.models.evaluation.comparison import compare
from clinome.models.evaluation.fold_scores import FoldScores, LearnerScores, draw, judge
from clinome.models.experiment.tuning import seed_of
from clinome.models.learners.registry import make
from clinome.models.metrics.discrimination import auroc

PATIENTS, FEATURES, CARRYING = 150, 50, 5
TRUE_AUROC = 0.80
REPORTED = "as a run reports it"


def slope_for(target: float, carrying: int = CARRYING) -> float:
    """The logistic slope of the sum of so many standard normal features at which the true risk's AUROC is `target`."""
    rng = np.random.default_rng(0)
    risk, u = rng.normal(0, np.sqrt(carrying), 200_000), rng.random(200_000)
    low, high = 0.0, 20.0
    for _ in range(40):
        slope = (low + high) / 2
        y = (u < 1 / (1 + np.exp(-slope * risk))).astype(int)
        low, high = (slope, high) if (auroc(y, risk) or 0.5) < target else (low, slope)
    return slope


def make_set(seed: int, slope: float) -> Snapshot:
    """One cohort of noise (slope 0: outcomes first, then features, as the generator of planted studies draws them)."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, PATIENTS)
    x = rng.normal(size=(PATIENTS, FEATURES))
    if slope:
        y = (rng.random(PATIENTS) < 1 / (1 + np.exp(-slope * x[:, :CARRYING].sum(axis=1)))).astype(int)
    names = [f"opaque:F{j:04d}" for j in range(FEATURES)]
    var = pl.DataFrame({"feature": names}).with_columns(pl.lit(None, pl.String).alias(c) for c in ("symbol", "gene"))
    layer = Layer("rna", "expression", "none", var, x.round(4).astype(np.float32), np.ones(PATIENTS, dtype=bool))
    rows = pl.DataFrame({"subject_id": [f"P{i:06d}" for i in range(PATIENTS)], "label": y})
    rows = rows.insert_column(1, pl.lit(None, pl.Datetime("us")).alias("prediction_time"))
    snapshot = Snapshot(task="binary", rows=rows, covariates=pl.DataFrame(), layers={"rna": layer}, events=None,
                        links=pl.DataFrame(), folds=pl.DataFrame(), clock="dated", classes=("0", "1"))  # fmt: skip
    return Snapshot(**{**vars(snapshot), "folds": make_folds(rows, "binary", Evaluate(folds=FOLDS))})


def held_out(snapshot: Snapshot, learner: Learner, fold: int) -> FoldScores:
    """One fold as the harness runs it with `trials = 1`."""
    train, tuning, held = parts(snapshot.folds, 0, fold)
    seed = seed_of(seed_of(Evaluate().seed, 0, fold), learner.name)
    return _scored(snapshot, learner, train, tuning, held, fold=fold, seed=seed)


def _scored(
    snapshot: Snapshot,
    learner: Learner,
    train: np.ndarray,
    tuning: np.ndarray,
    held: np.ndarray,
    *,
    fold: int,
    seed: int,
) -> FoldScores:
    fitted = learner.with_setting({}, seed)
    fitted.fit(snapshot, train, tuning)
    y = snapshot.rows["label"].to_numpy()[held]
    return FoldScores(learner.name, 0, fold, held, y, fitted.predict(snapshot, held))


def nested_terms(snapshot: Snapshot, learner: Learner, outer: LearnerScores) -> np.ndarray:
    """(1, folds, 3) of nested cross-validation on the folds themselves: a model without two of them judges both."""
    held = [parts(snapshot.folds, 0, fold)[2] for fold in range(FOLDS)]
    inner = np.full((FOLDS, FOLDS), np.nan)
    for k in range(FOLDS):
        for m in range(k):
            train = np.sort(np.concatenate([held[i] for i in range(FOLDS) if i not in (k, m)]))
            none = np.zeros(0, dtype=np.int64)
            both = np.concatenate([held[k], held[m]])
            one = _scored(snapshot, learner, train, none, both, fold=k, seed=seed_of(k, m))
            cut = len(held[k])
            inner[k, m] = (auroc(one.y[cut:], one.score[cut:]) or 0.5) - 0.5
            inner[m, k] = (auroc(one.y[:cut], one.score[:cut]) or 0.5) - 0.5
    value = np.array([v or 0.5 for v in outer.values["auroc"]]) - 0.5
    return np.stack([np.nanmean(inner, axis=1), value, outer.drawn["auroc"].var(axis=1)], axis=-1)[None]


def one_set(seed: int, slope: float) -> tuple[Trial, float]:
    """The trial, and the p of the comparison as a run reports it."""
    snapshot = make_set(seed, slope)
    everyone = [make(name) for name in ("majority", "ridge_late")]
    scores = {one.name: [held_out(snapshot, one, fold) for fold in range(FOLDS)] for one in everyone}
    resamples = draw(snapshot, [one.rows for one in scores["majority"]], Evaluate().seed)
    judged = {name: judge(snapshot, found, resamples) for name, found in scores.items()}
    reported = compare("ridge_late", judged["ridge_late"], "majority", judged["majority"], "auroc")
    ridge = judged["ridge_late"]
    order = np.argsort(np.concatenate([one.rows for one in scores["ridge_late"]]))
    whole = {"rows": np.arange(PATIENTS), "y": snapshot.rows["label"].to_numpy(),
             "score": np.concatenate([one.score for one in scores["ridge_late"]])[order]}  # fmt: skip
    pooled = judge(snapshot, [FoldScores("ridge_late", 0, 0, **whole)], resamples)
    trial = Trial(
        folds=np.array([ridge.values["auroc"]], dtype=np.float64) - 0.5,
        drawn=ridge.drawn["auroc"][None] - 0.5,
        pooled=np.array(pooled.values["auroc"], dtype=np.float64) - 0.5,
        pooled_drawn=pooled.drawn["auroc"] - 0.5,
        nested=nested_terms(snapshot, make("ridge_late"), ridge),
    )
    return trial, float(1.0 if reported.p is None else reported.p)


def p_values(sets: int, slope: float, first: int, kept: Path) -> pl.DataFrame:
    """A row a set: its mean AUROC, and the p of every candidate. kept: what was done before an end, and is not again."""
    lines = kept.read_text(encoding="utf-8").splitlines() if kept.exists() else []
    done = [json.loads(line) for line in lines]
    found = {row["seed"]: row for row in done if row["slope"] == slope}
    for seed in range(first, first + sets):
        if seed in found:
            continue
        trial, reported = one_set(seed, slope)
        tests = {name: candidate(trial)[3] for name, candidate in CANDIDATES.items()}
        found[seed] = {"seed": seed, "slope": slope, "AUROC": trial.value + 0.5, **tests, REPORTED: reported}
        with kept.open("a", encoding="utf-8") as file:
            file.write(json.dumps(found[seed]) + "\n")
    return pl.DataFrame([found[seed] for seed in range(first, first + sets)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--sets", type=int, default=400)
    parser.add_argument("--first", type=int, default=1, help="the first seed")
    args = parser.parse_args()
    seeds = f"{args.sets} sets each, seeds {args.first} to {args.first + args.sets - 1}"
    what = f"ridge_late against majority, AUROC, {FOLDS} folds, {PATIENTS} patients, {FEATURES} features"
    lines = [f"{what}; {seeds}; rejected at two-sided 5 %"]
    args.out.parent.mkdir(parents=True, exist_ok=True)
    kept = args.out.with_suffix(".part.jsonl")
    with threadpool_limits(1):
        null = p_values(args.sets, 0.0, args.first, kept)
        planted = p_values(args.sets, slope_for(TRUE_AUROC), args.first, kept)
    bound = int(stats.binom.ppf(0.999, args.sets, 0.05))
    some = f"{CARRYING} features planted, AUROC of the true risk {TRUE_AUROC:.2f}"
    lines += [
        f"nothing planted: mean AUROC {null['AUROC'].mean():.3f}, sd {null['AUROC'].std():.3f}",
        f"{some}: mean AUROC {planted['AUROC'].mean():.3f}, sd {planted['AUROC'].std():.3f}",
        "",
        f"{'test':42s} {'false alarms':>14s} {'power':>7s}",
    ]
    for name in (*CANDIDATES, REPORTED):
        alarms, found = ((table[name] < 0.05).sum() for table in (null, planted))
        mark = "  <- the default" if name == DEFAULT else ""
        lines.append(f"{name:42s} {alarms:6d} ({alarms / args.sets:5.1%}) {found / args.sets:7.1%}{mark}")
    lines += ["", f"A test that keeps its 5 % exceeds {bound} of {args.sets} once in a thousand times."]
    print("\n".join(lines))
    args.out.write_text("\n".join(lines) + "\n", encoding="utf-8")
    kept.unlink()


if __name__ == "__main__":
    main()
