"""Curves of held-out predictions: ROC, precision–recall, calibration, confusion, Kaplan–Meier by risk group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from clinome.plots.run import BLUE, INK, ORANGE, PALE, PALETTE, SOFT, canvas, short, styled, svg

_GRID = np.linspace(0, 1, 101)


@styled
def discrimination(predictions: Mapping[str, pl.DataFrame]) -> str:
    """ROC and precision–recall of a binary task; repeats are drawn as one mean curve.

    Args:
        predictions: learner -> repeat, y_true (0/1), score. The first is the one that matters.
    """
    figure, (roc, pr) = canvas(8.6, 4.2, 2)
    roc.plot([0, 1], [0, 1], color=PALE, lw=1)
    for (name, frame), colour, width in zip(predictions.items(), (BLUE, SOFT, ORANGE), (2.2, 1.5, 1.5), strict=False):
        tpr, precision = _mean_curves(frame, "score", 1)
        roc.plot(_GRID, tpr, color=colour, lw=width, label=name)
        pr.plot(_GRID[1:], precision[1:], color=colour, lw=width, label=name)
        pr.axhline(float(frame["y_true"].cast(pl.Float64).to_numpy().mean()), color=PALE, lw=1, zorder=0)
    roc.set(xlabel="false positives / negatives", ylabel="true positives / positives", title="ROC")
    pr.set(xlabel="recall", ylabel="precision", title="Precision–recall", ylim=(0, 1.02))
    roc.legend(loc="lower right")
    return svg(figure, "ROC and precision–recall curves of held-out predictions; pale lines: guessing")


@styled
def calibration(frame: pl.DataFrame) -> str:
    """Predicted against observed, in groups of equal size with Wilson intervals; below, how many got which score."""
    score = frame["score"].to_numpy().astype(float)
    y = frame["y_true"].cast(pl.Float64).to_numpy()
    points = []
    for rows in _equal_groups(score):
        p = float(y[rows].mean())
        points.append((float(score[rows].mean()), p, *_wilson(p, len(rows))))
    return _calibrated(score, points, "probability", "Calibration of held-out probabilities")


@styled
def survival_calibration(frame: pl.DataFrame, days: float) -> str:
    """Predicted risk until a day against what Kaplan–Meier says was seen, in groups of equal size with 95% intervals.

    Args:
        frame: duration_days, event, survival (the predicted probability of no event until then).
    """
    from lifelines import KaplanMeierFitter

    risk = 1 - frame["survival"].to_numpy().astype(float)
    duration, event = frame["duration_days"].to_numpy(), frame["event"].cast(pl.Int64).to_numpy()
    points = []
    for rows in _equal_groups(risk):
        fitted = KaplanMeierFitter().fit(duration[rows], event[rows], timeline=[0.0, days])
        low, high = 1 - fitted.confidence_interval_.to_numpy()[-1, ::-1]
        points.append((float(risk[rows].mean()), 1 - float(fitted.predict(days)), float(low), float(high)))
    return _calibrated(risk, points, f"risk within {days:,.0f} days", "Calibration of held-out survival risks")


def _equal_groups(score: np.ndarray) -> list[np.ndarray]:
    groups = int(np.clip(len(score) // 25, 4, 10))
    cut = np.unique(np.quantile(score, np.linspace(0, 1, groups + 1)[1:-1]))
    group = np.searchsorted(cut, score, side="right")
    return [np.flatnonzero(group == g) for g in np.unique(group)]


def _calibrated(score: np.ndarray, points: list[tuple[float, float, float, float]], what: str, title: str) -> str:
    """points: predicted, observed, low, high of each group."""
    figure, (ax,) = canvas(4.6, 4.4)
    ax.plot([0, 1], [0, 1], color=PALE, lw=1)
    for at, p, low, high in points:
        ax.plot([at, at], [low, high], color=BLUE, lw=1.5)
        ax.plot(at, p, "o", color=BLUE, ms=6)
    counts, edges = np.histogram(score, bins=40, range=(0, 1))
    ax.bar(edges[:-1], counts / max(counts.max(), 1) * 0.1, width=1 / 40, bottom=-0.14, align="edge", color=PALE)
    ax.text(1.0, -0.035, "how many got this score", ha="right", va="bottom", color=SOFT, fontsize=8.5)
    ax.set(xlabel=f"predicted {what}", ylabel="observed share", title="Calibration", xlim=(-0.02, 1.02))
    ax.set_ylim(-0.14, 1.02)
    ax.set_yticks(np.linspace(0, 1, 6))
    return svg(figure, f"{title}, with 95% intervals; the diagonal is perfect")


@styled
def decision(found: Mapping[str, Any]) -> str:
    """Net benefit over thresholds: learners, everyone, no one.

    Args:
        found: thresholds, and curves by name (results.json, `decision`).
    """
    figure, (ax,) = canvas(6.4, 4.0)
    at = np.array(found["thresholds"])
    curves = {name: np.array(values) for name, values in found["curves"].items()}
    learners = [name for name in curves if name not in ("everyone", "no one")]
    ax.axhline(0, color=SOFT, lw=1)
    ax.plot(at, curves["everyone"], color=SOFT, lw=1.2, ls=(0, (3, 3)), label="act on everyone")
    for name, colour, width in zip(learners, (BLUE, ORANGE), (2.2, 1.5), strict=False):
        ax.plot(at, curves[name], color=colour, lw=width, label=name)
    top = max(float(values.max()) for values in curves.values())
    ax.set(xlabel="risk at which one would act", ylabel="net benefit per patient", title="Decision curve")
    ax.set_ylim(-0.15 * max(top, 0.05), 1.1 * max(top, 0.05))
    ax.set_xlim(0, float(at.max()))
    ax.legend(loc="upper right")
    return svg(figure, "Net benefit of acting on predictions over thresholds, against acting on everyone and on no one")


@styled
def one_vs_rest(frame: pl.DataFrame, classes: Sequence[str]) -> str:
    """ROC of every class against the rest, and the confusion matrix of the most probable class."""
    figure, (roc, matrix) = canvas(9.0, 4.4, 2)
    roc.plot([0, 1], [0, 1], color=PALE, lw=1)
    for i, name in enumerate(classes[: len(PALETTE)]):
        tpr, _ = _mean_curves(frame, f"score_{name}", name)
        roc.plot(_GRID, tpr, color=PALETTE[i], lw=1.8, label=short(name, 20))
    roc.set(
        xlabel="false positives / negatives", ylabel="true positives / positives", title="Each class against the rest"
    )
    roc.legend(loc="lower right")
    best = frame.select(f"score_{name}" for name in classes).to_numpy().argmax(1)
    index = {name: i for i, name in enumerate(classes)}
    truth = np.array([index[y] for y in frame["y_true"].cast(pl.String)])
    count = np.zeros((len(classes), len(classes)), dtype=int)
    np.add.at(count, (truth, best), 1)
    share = count / np.maximum(count.sum(1, keepdims=True), 1)
    matrix.pcolormesh(share, cmap="Blues", vmin=0, vmax=1, edgecolor="white", linewidth=1.5)
    matrix.set_aspect("equal")
    matrix.invert_yaxis()
    for i, j in np.ndindex(*count.shape):
        colour = "white" if share[i, j] > 0.55 else INK
        matrix.text(
            j + 0.5, i + 0.5, f"{count[i, j]:,}\n{share[i, j]:.0%}", ha="center", va="center", color=colour, fontsize=9
        )
    ticks = [short(name, 12) for name in classes]
    matrix.set_xticks(np.arange(len(classes)) + 0.5, ticks, rotation=30 if max(map(len, ticks)) > 8 else 0)
    matrix.set_yticks(np.arange(len(classes)) + 0.5, ticks)
    matrix.set(xlabel="predicted", ylabel="true", title="Confusion (shares of the true class)")
    for side in ("left", "bottom"):
        matrix.spines[side].set_visible(False)
    matrix.tick_params(length=0)
    return svg(figure, "One-vs-rest ROC curves and confusion matrix of held-out predictions")


def survival_curves(ax: Any, frame: pl.DataFrame, groups: Sequence[tuple[Any, str, str]]) -> None:
    """Kaplan–Meier curves with 95% bands, and below the axis how many are at risk. A group without rows is left out.

    Args:
        frame: group, duration_days, event. groups: value of `group`, what it is called, its colour.
    """
    from lifelines import KaplanMeierFitter

    end = float(frame["duration_days"].quantile(0.98) or 1.0)
    ticks = np.array([t for t in ax.xaxis.get_major_locator().tick_values(0, end) if 0 <= t <= end])
    for i, (group, name, colour) in enumerate(groups):
        mine = frame.filter(pl.col("group") == group)
        if mine.is_empty():
            continue
        duration, event = mine["duration_days"].to_numpy(), mine["event"].to_numpy()
        fitted = KaplanMeierFitter().fit(duration, event)
        time, band = fitted.survival_function_.index.to_numpy(), fitted.confidence_interval_.to_numpy()
        ax.step(time, fitted.survival_function_.to_numpy()[:, 0], where="post", color=colour, lw=2, label=name)
        ax.fill_between(time, band[:, 0], band[:, 1], step="post", color=colour, alpha=0.13, lw=0)
        for t in ticks:
            at_risk, y = f"{(duration >= t).sum():,}", -0.25 - 0.065 * i
            ax.text(t, y, at_risk, ha="center", color=colour, fontsize=9, clip_on=False)
    ax.text(0, -0.185, "at risk", ha="center", color=SOFT, fontsize=8.5)
    ax.set(xlim=(0, end), ylim=(0, 1.02), xlabel="days from the prediction time", ylabel="without event")
    ax.set_xticks(ticks, [f"{t:,.0f}" for t in ticks])
    ax.legend(loc="upper right")


@styled
def kaplan_meier(frame: pl.DataFrame, groups: int = 3) -> tuple[str, float]:
    """Survival by third of predicted risk, with 95% bands, numbers at risk, and the log-rank test between the groups.

    Thirds are cut within each fold, because the risks of two folds come from two models and share no scale.

    Args:
        frame: one repeat of one learner: fold, duration_days, event, score (higher = sooner).
    Returns: the picture, and the p-value (NaN where one group has no rows).
    """
    from lifelines.statistics import multivariate_logrank_test

    third = (pl.col("score").rank("ordinal").over("fold") - 1) * groups // pl.len().over("fold")
    frame = frame.with_columns(group=third.cast(pl.Int64), event=pl.col("event").cast(pl.Int64))
    names = ("low risk", "middle", "high risk") if groups == 3 else tuple(f"group {g + 1}" for g in range(groups))
    figure, (ax,) = canvas(7.4, 4.8)
    colours = (BLUE, SOFT, ORANGE)
    survival_curves(ax, frame, [(g, names[g], colours[g % 3]) for g in range(groups)])
    test = multivariate_logrank_test(
        frame["duration_days"].to_numpy(), frame["group"].to_numpy(), frame["event"].to_numpy()
    )
    return svg(figure, "Kaplan–Meier curves by third of predicted risk, numbers at risk below"), float(test.p_value)


@styled
def learning(found: Mapping[str, Any], metric: str) -> str:
    """The metric over the number of training rows, a line a learner; the bands are 95% intervals of the best one.

    Args:
        found: results.json, `learning_curve`. metric: its name as people write it.
    """
    figure, (ax,) = canvas(7.4, 4.2)
    lines = {name: [p for p in points if p["mean"] is not None] for name, points in found["learners"].items()}
    lines = dict(sorted(((n, p) for n, p in lines.items() if p), key=lambda line: -line[1][-1]["mean"]))
    for i, (name, points) in enumerate(lines.items()):
        rows, mean = [p["rows"] for p in points], [p["mean"] for p in points]
        colour = PALETTE[i % len(PALETTE)]
        ax.plot(
            rows, mean, "o-", color=colour, lw=2.2 if i == 0 else 1.4, ms=5, label=short(name, 24), zorder=3 - (i > 0)
        )
        if i == 0:
            ax.fill_between(
                rows, [p["low"] for p in points], [p["high"] for p in points], color=colour, alpha=0.13, lw=0
            )
    ax.set(xlabel="training rows (mean over folds)", ylabel=f"{metric} on the same held-out rows")
    ax.set_xlim(left=0)
    figure.legend(loc="outside right upper")
    return svg(figure, f"{metric} of each plain learner on growing parts of the training rows")


def _mean_curves(frame: pl.DataFrame, score: str, positive: object) -> tuple[np.ndarray, np.ndarray]:
    """(101,) true positive rate over false positive rate, and (101,) precision over recall, means over repeats."""
    from sklearn.metrics import precision_recall_curve, roc_curve

    rates, precisions = [], []
    for _, part in frame.group_by("repeat", maintain_order=True):
        truth = (part["y_true"].cast(pl.String) == str(positive)).to_numpy()
        if truth.all() or not truth.any():
            continue
        given = part[score].to_numpy()
        fpr, tpr, _ = roc_curve(truth, given)
        rates.append(np.concatenate([[0.0], np.interp(_GRID[1:], fpr, tpr)]))
        precision, recall, _ = precision_recall_curve(truth, given)
        precisions.append(np.interp(_GRID, recall[::-1], precision[::-1]))
    if not rates:
        return np.full(101, np.nan), np.full(101, np.nan)
    return np.mean(rates, axis=0), np.mean(precisions, axis=0)


def _wilson(p: float, n: int, z: float = 1.96) -> tuple[float, float]:
    """Wilson 1927: an interval for a share that stays within 0..1."""
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * float(np.sqrt(p * (1 - p) / n + z * z / (4 * n * n)))
    return centre - half, centre + half
