"""Plots of a predicted number: predicted against observed, and residuals."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from clinome.plots.style import BLUE, ORANGE, PALE, SOFT, canvas, finished, styled, table_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from clinome.plots.style import Table

_MANY = 3000
"""Rows beyond which dots would cover one another: they are counted in hexagons."""


@styled
def predicted_observed(predictions: Table) -> Figure:
    """Regression: observed against predicted values, and the residuals, observed − predicted, over what was predicted.

    The line through the residuals is their median in groups of equal size, the bars their quartiles: away from zero a model
    is wrong in one direction there. Both axes of the left panel have one scale, so that it is seen how far predictions
    shrink to the mean.
    Args:
        predictions: y_true, score (numbers in one unit), each row once. More than 3,000 rows are drawn as hexagons.
    Example:
        figure = clinome.plots.predicted_observed(predictions.query("learner == 'chosen' and repeat == 0"))
    """
    frame = table_of(predictions, "y_true", "score")
    y, score = (frame[name].to_numpy().astype(float) for name in ("y_true", "score"))
    figure, (left, right) = canvas(8.6, 4.2, 2)
    both = np.concatenate([y, score])
    low, high = (float(edge) for edge in (both.min(), both.max()))
    margin = 0.04 * (high - low or 1.0)
    left.plot([low, high], [low, high], color=SOFT, lw=1)
    _cloud(left, score, y)
    left.set(xlabel="predicted", ylabel="observed", title="Predicted against observed")
    left.set(xlim=(low - margin, high + margin), ylim=(low - margin, high + margin))
    right.axhline(0, color=SOFT, lw=1)
    _cloud(right, score, y - score)
    at, quartiles = _quartiles(score, y - score)
    right.vlines(at, quartiles[:, 0], quartiles[:, 2], color=ORANGE, lw=1.5)
    right.plot(at, quartiles[:, 1], "o-", color=ORANGE, ms=4.5, lw=1.5)
    right.set(xlabel="predicted", ylabel="observed − predicted", title="Residuals: median and quartiles by group")
    return finished(figure, "Regression: observed against predicted values of held-out rows, and residuals")


def _cloud(ax: Axes, x: np.ndarray, y: np.ndarray) -> None:
    if len(x) > _MANY:
        ax.hexbin(x, y, gridsize=40, bins="log", cmap="Blues", mincnt=1, linewidths=0.0)
    else:
        ax.plot(x, y, "o", color=BLUE, ms=4, alpha=float(np.clip(60 / max(len(x), 1), 0.15, 0.6)), mec=PALE, mew=0.2)


def _quartiles(score: np.ndarray, residual: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(g,) mean prediction and (g, 3) quartiles of the residuals, in groups of equal size."""
    groups = np.array_split(np.argsort(score, kind="stable"), int(np.clip(len(score) // 25, 1, 10)))
    at = np.array([score[rows].mean() for rows in groups])
    return at, np.array([np.quantile(residual[rows], (0.25, 0.5, 0.75)) for rows in groups])
