"""Plots of held-out predictions: ROC, precision–recall, calibration, decision curve, confusion matrix, survival by risk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from clinome.plots.cohorts import cumulative_incidence, kaplan_meier
from clinome.plots.style import (
    BLUE,
    ON_CELL,
    ORANGE,
    PALE,
    PALETTE,
    SMALL,
    SOFT,
    canvas,
    finished,
    short,
    styled,
    table_of,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from clinome.plots.style import Table

_GRID = np.linspace(0, 1, 101)
RISK_GROUPS = ("low risk", "middle", "high risk")


@styled
def discrimination(predictions: Table) -> Figure:
    """Discrimination of a binary outcome: ROC curve and precision–recall curve; repeats are drawn as one mean curve.

    Args:
        predictions: y_true (0/1), score (probability); learner (a curve each, the first drawn strongest; three at most)
            and repeat may be missing. predictions.parquet of a run, some learners of it.
    Example:
        figure = clinome.plots.discrimination(predictions[predictions.learner == "chosen"])
    """
    frame = table_of(predictions, "y_true", "score", optional={"learner": "predictions", "repeat": 0})
    figure, (roc, pr) = canvas(8.6, 4.2, 2)
    roc.plot([0, 1], [0, 1], color=PALE, lw=1)
    learners = frame.group_by("learner", maintain_order=True)
    for ((name,), mine), colour, width in zip(learners, (BLUE, SOFT, ORANGE), (2.2, 1.5, 1.5), strict=False):
        tpr, precision = _mean_curves(mine, "score", 1)
        roc.plot(_GRID, tpr, color=colour, lw=width, label=str(name))
        pr.plot(_GRID[1:], precision[1:], color=colour, lw=width, label=str(name))
        pr.axhline(float(mine["y_true"].cast(pl.Float64).to_numpy().mean()), color=PALE, lw=1, zorder=0)
    _roc_labels(roc, "ROC curve")
    pr.set(xlabel="recall (sensitivity)", ylabel="precision (PPV)", title="Precision–recall curve", ylim=(0, 1.02))
    return finished(figure, "Discrimination: ROC and precision–recall curves of held-out predictions")


@styled
def calibration(predictions: Table) -> Figure:
    """Calibration plot of a binary outcome: mean predicted against observed risk in groups of equal size.

    Intervals are Wilson's 95%; the histogram below counts predictions.
    Args:
        predictions: y_true (0/1), score (probability), each row once.
    Example:
        figure = clinome.plots.calibration(predictions.query("learner == 'chosen' and repeat == 0"))
    """
    from clinome.models.statistics.contingency import wilson

    frame = table_of(predictions, "y_true", "score")
    score = frame["score"].to_numpy().astype(float)
    y = frame["y_true"].cast(pl.Float64).to_numpy()
    groups = _equal_groups(score)
    shares = wilson(np.array([y[rows].sum() for rows in groups]), np.array([len(rows) for rows in groups]))
    predicted = [float(score[rows].mean()) for rows in groups]
    points = list(zip(predicted, *(one.tolist() for one in shares), strict=True))
    return _calibration(score, points, "probability", "Calibration plot of held-out probabilities")


@styled
def survival_calibration(predictions: Table, horizon_days: float) -> Figure:
    """Calibration plot of survival: predicted against observed risk within a horizon, in groups of equal size.

    Observed is one minus Kaplan–Meier; where another event can come first, Aalen and Johansen's incidence. Intervals are
    pointwise 95% (log–log); the histogram below counts predictions.
    Args:
        predictions: duration_days, event (0/1), survival (predicted probability of no event within the horizon), each row
            once; where another event can come first, competing (0/1: that came first).
    Example:
        figure = clinome.plots.survival_calibration(predictions, horizon_days=365)
    """
    from clinome.models.metrics.cumulative_incidence import cumulative_incidence
    from clinome.models.metrics.kaplan_meier import kaplan_meier as estimate
    from clinome.models.metrics.kaplan_meier import step

    frame = table_of(predictions, "duration_days", "event", "survival", optional={"competing": 0})
    risk, at = 1 - frame["survival"].to_numpy().astype(float), np.array([float(horizon_days)])
    duration, event = frame["duration_days"].to_numpy(), frame["event"].cast(pl.Float64).to_numpy()
    rival = frame["competing"].cast(pl.Float64).to_numpy()
    points = []
    for rows in _equal_groups(risk):
        if rival.any():
            incidence = cumulative_incidence(duration[rows], event[rows], rival[rows])
            place = np.searchsorted(incidence.times, at, side="right")
            low, high = (float(np.append(0.0, bound)[place][0]) for bound in incidence.interval())
            points.append((float(risk[rows].mean()), float(incidence.at(at)[0]), low, high))
            continue
        curve = estimate(duration[rows], event[rows])
        low, high = (1 - float(step(curve.times, bound, at)[0]) for bound in reversed(curve.interval()))
        points.append((float(risk[rows].mean()), 1 - float(curve.at(at)[0]), low, high))
    what = f"risk within {horizon_days:,.0f} days"
    return _calibration(risk, points, what, "Calibration plot of held-out survival risks")


@styled
def decision_curve(net_benefit: Table) -> Figure:
    """Decision curve: net benefit of each learner over threshold probabilities, against treat all and treat none.

    Args:
        net_benefit: threshold (probability), everyone (treat all), and a column for each learner (two at most); net
            benefit in true positives a row. A column `no one` is zero by definition and is not drawn.
    Source: Vickers & Elkin 2006, doi:10.1177/0272989X06295361.
    Example:
        curves = results["decision"]
        figure = clinome.plots.decision_curve(pd.DataFrame({"threshold": curves["thresholds"], **curves["curves"]}))
    """
    table = table_of(net_benefit, "threshold", "everyone")
    at = table["threshold"].to_numpy()
    learners = [name for name in table.columns if name not in ("threshold", "everyone", "no one")]
    figure, (ax,) = canvas(6.4, 4.0)
    ax.axhline(0, color=SOFT, lw=1, label="treat none")
    ax.plot(at, table["everyone"].to_numpy(), color=SOFT, lw=1.2, ls=(0, (3, 3)), label="treat all")
    for name, colour, width in zip(learners, (BLUE, ORANGE), (2.2, 1.5), strict=False):
        ax.plot(at, table[name].to_numpy(), color=colour, lw=width, label=name)
    top = max(0.05, *(float(table[name].max()) for name in ("everyone", *learners)))  # type: ignore[arg-type]
    ax.set(xlabel="threshold probability", ylabel="net benefit (true positives per row)")
    ax.set_ylim(-0.15 * top, 1.1 * top)
    ax.set_xlim(0, float(at.max()))
    ax.legend(loc="upper right")
    return finished(figure, "Decision curve: net benefit over threshold probabilities, with treat all and treat none")


@styled
def one_vs_rest(predictions: Table, classes: Sequence[str] = ()) -> Figure:
    """Discrimination of several classes: one-vs-rest ROC curves and the confusion matrix of the most probable class.

    Args:
        predictions: y_true (class), a column score_CLASS for each class (probability), each row once; repeat may be missing.
        classes: in the order to draw; default: the order of the columns.
    Example:
        figure = clinome.plots.one_vs_rest(predictions.query("learner == 'chosen' and repeat == 0"))
    """
    frame = table_of(predictions, "y_true", *(f"score_{name}" for name in classes), optional={"repeat": 0})
    classes = classes or [name.removeprefix("score_") for name in frame.columns if name.startswith("score_")]
    figure, (roc, matrix) = canvas(9.0, 4.4, 2)
    roc.plot([0, 1], [0, 1], color=PALE, lw=1)
    for i, name in enumerate(classes[: len(PALETTE)]):
        tpr, _ = _mean_curves(frame, f"score_{name}", name)
        roc.plot(_GRID, tpr, color=PALETTE[i], lw=1.8, label=short(name, 20))
    _roc_labels(roc, "ROC curves, one class vs rest")
    best = frame.select(f"score_{name}" for name in classes).to_numpy().argmax(1)
    index = {name: i for i, name in enumerate(classes)}
    truth = np.array([index[y] for y in frame["y_true"].cast(pl.String)])
    count = np.zeros((len(classes), len(classes)), dtype=int)
    np.add.at(count, (truth, best), 1)
    _confusion(matrix, count, [short(name, 18) for name in classes])
    return finished(figure, "Discrimination: one-vs-rest ROC curves and confusion matrix of held-out predictions")


@styled
def label_curves(predictions: Table, labels: Sequence[str] = (), called: Mapping[str, str] | None = None) -> Figure:
    """Discrimination of several labels at once: a ROC curve and a precision–recall curve of each.

    Args:
        predictions: y_true (a list of the labels that a row has), a column score_LABEL for each label (probability), each row
            once; repeat may be missing.
        labels: in the order to draw; default: those that most rows have, six at most.
        called: names of labels that are codes, shown before the code.
    Example:
        figure = clinome.plots.label_curves(predictions.query("learner == 'chosen' and repeat == 0"))
    """
    frame = table_of(predictions, "y_true", *(f"score_{name}" for name in labels), optional={"repeat": 0})
    has = {name.removeprefix("score_"): frame["y_true"].list.contains(name.removeprefix("score_"))
           for name in frame.columns if name.startswith("score_")}  # fmt: skip
    shown = labels or sorted(has, key=lambda name: -int(has[name].sum()))[: len(PALETTE)]
    figure, (roc, pr) = canvas(9.0, 4.2, 2)
    roc.plot([0, 1], [0, 1], color=PALE, lw=1)
    for name, colour in zip(shown, PALETTE, strict=False):
        one = frame.select("repeat", score=f"score_{name}").with_columns(has[name].cast(pl.Int8).alias("y_true"))
        tpr, precision = _mean_curves(one, "score", 1)
        roc.plot(_GRID, tpr, color=colour, lw=1.8, label=_coded(name, (called or {}).get(name)))
        pr.plot(_GRID[1:], precision[1:], color=colour, lw=1.8)
    _roc_labels(roc, "ROC curve of each label")
    pr.set(
        xlabel="recall (sensitivity)",
        ylabel="precision (PPV)",
        title="Precision–recall curve of each label",
        ylim=(0, 1.02),
    )
    return finished(figure, "Discrimination: ROC and precision–recall curves of each label, held-out predictions")


def survival_by_risk(predictions: Table, groups: int = 3) -> Figure:
    """Discrimination of survival: Kaplan–Meier curves by group of predicted risk, with 95% bands and numbers at risk.

    Args:
        predictions: one repeat of one learner: fold, duration_days, event (0/1), score (higher: sooner).
        groups: how many, of equal size within each fold (`risk_groups`).
    Example:
        figure = clinome.plots.survival_by_risk(predictions.query("learner == 'chosen' and repeat == 0"))
    """
    named, names, colours = _by_risk(risk_groups(predictions, groups), groups)
    return kaplan_meier(named, "predicted risk", order=names, colours=colours)


def incidence_by_risk(predictions: Table, groups: int = 3) -> Figure:
    """Discrimination beside a competing event: cumulative incidence of the event by group of predicted risk, with 95% bands.

    Args:
        predictions: as `survival_by_risk`, and competing (0/1). groups: as there.
    Example:
        figure = clinome.plots.incidence_by_risk(predictions.query("learner == 'chosen' and repeat == 0"))
    """
    frame, names, colours = _by_risk(risk_groups(predictions, groups), groups)
    return cumulative_incidence(frame, "predicted risk", order=names, colours=colours)


def _by_risk(frame: pl.DataFrame, groups: int) -> tuple[pl.DataFrame, tuple[str, ...], Sequence[str]]:
    names = RISK_GROUPS if groups == 3 else tuple(f"risk group {g + 1}" for g in range(groups))
    named = frame.with_columns(pl.col("group").replace_strict(dict(enumerate(names))).alias("predicted risk"))
    return named, names, (BLUE, SOFT, ORANGE) if groups == 3 else PALETTE


def risk_groups(predictions: Table, groups: int = 3) -> pl.DataFrame:
    """The predictions with `group`, 0 for the lowest risk, cut within each fold: risks of two models share no scale."""
    frame = table_of(predictions, "fold", "duration_days", "event", "score")
    place = (pl.col("score").rank("ordinal").over("fold") - 1) * groups // pl.len().over("fold")
    return frame.with_columns(group=place.cast(pl.Int64), event=pl.col("event").cast(pl.Int64))


def log_rank(grouped: pl.DataFrame) -> float:
    """Log-rank test between the groups: its p-value; NaN where there is one group only.

    Args:
        grouped: duration_days, event, group (`risk_groups`).
    """
    from clinome.models.statistics.contingency import log_rank as test

    duration, event, group = (grouped[name].to_numpy() for name in ("duration_days", "event", "group"))
    return test(duration, event, group)


def _coded(code: str, name: str | None) -> str:
    return f"{short(name, 30)} ({code})" if name else short(code, 24)


def _equal_groups(score: np.ndarray) -> list[np.ndarray]:
    groups = int(np.clip(len(score) // 25, 4, 10))
    cut = np.unique(np.quantile(score, np.linspace(0, 1, groups + 1)[1:-1]))
    group = np.searchsorted(cut, score, side="right")
    return [np.flatnonzero(group == g) for g in np.unique(group)]


def _calibration(score: np.ndarray, points: list[tuple[float, float, float, float]], what: str, title: str) -> Figure:
    """points: predicted, observed, low, high of each group."""
    figure, (ax,) = canvas(4.6, 4.4)
    ax.plot([0, 1], [0, 1], color=PALE, lw=1)
    for at, p, low, high in points:
        ax.plot([at, at], [low, high], color=BLUE, lw=1.5)
        ax.plot(at, p, "o", color=BLUE, ms=6)
    counts, edges = np.histogram(score, bins=40, range=(0, 1))
    ax.bar(edges[:-1], counts / max(counts.max(), 1) * 0.1, width=1 / 40, bottom=-0.14, align="edge", color=PALE)
    ax.text(1.0, -0.035, "distribution of predictions", ha="right", va="bottom", color=SOFT, fontsize=SMALL)
    ax.set(xlabel=f"predicted {what}", ylabel="observed fraction (95% CI)", xlim=(-0.02, 1.02))
    ax.set_ylim(-0.14, 1.02)
    ax.set_yticks(np.linspace(0, 1, 6))
    return finished(figure, f"{title} with 95% intervals; on the diagonal predicted and observed agree")


def _confusion(ax: Axes, count: np.ndarray, names: list[str]) -> None:
    """count: (true, predicted) rows."""
    share = count / np.maximum(count.sum(1, keepdims=True), 1)
    ax.pcolormesh(share, cmap="Blues", vmin=0, vmax=1, edgecolor="white", linewidth=1.5)
    ax.set_aspect("equal")
    ax.invert_yaxis()
    for i, j in np.ndindex(*count.shape):
        text: dict[str, Any] = {"color": "white" if share[i, j] > 0.55 else ON_CELL, "fontsize": SMALL}
        ax.text(j + 0.5, i + 0.5, f"{count[i, j]:,}\n{share[i, j]:.0%}", ha="center", va="center", **text)
    ax.set_xticks(np.arange(len(names)) + 0.5, names, rotation=30 if max(map(len, names)) > 8 else 0)
    ax.set_yticks(np.arange(len(names)) + 0.5, names)
    ax.set(xlabel="predicted class", ylabel="true class", title="Confusion matrix (% of true class)")
    for side in ("left", "bottom"):
        ax.spines[side].set_visible(False)
    ax.tick_params(length=0)


def _roc_labels(ax: Axes, title: str) -> None:
    ax.set(xlabel="false positive rate (1 − specificity)", ylabel="true positive rate (sensitivity)", title=title)
    ax.legend(loc="lower right")


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
