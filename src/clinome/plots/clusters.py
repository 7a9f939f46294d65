"""Plots of clusters: how stable each number of them is, and how often pairs of patients fall together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from clinome.plots.style import PALETTE, SOFT, canvas, finished, styled, table_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from clinome.plots.style import Table


@styled
def cluster_numbers(table: Table) -> Figure:
    """Number of clusters: stability of every k (left), and how much tighter they are than those of a single cloud (right).

    Args:
        table: learner, k, stability (mean adjusted Rand index of resamples), gap, p, chosen (bool): a row a learner and k.
    Example:
        figure = clinome.plots.cluster_numbers(table)
    """
    frame = table_of(table, "learner", "k", "stability", "gap", "chosen")
    figure, (left, right) = canvas(8.6, 3.4, 2)
    right.axhline(0, color=SOFT, lw=1)
    for i, name in enumerate(frame["learner"].unique(maintain_order=True)):
        mine, colour = frame.filter(frame["learner"] == name).sort("k"), PALETTE[i % len(PALETTE)]
        k, picked = mine["k"].to_numpy(), mine["chosen"].to_numpy().astype(bool)
        for ax, column in ((left, "stability"), (right, "gap")):
            y = mine[column].to_numpy()
            ax.plot(k, y, "-o", color=colour, ms=4.5, lw=1.6, mfc="white", label=name)
            ax.plot(k[picked], y[picked], "o", color=colour, ms=7)
    left.set(xlabel="clusters", ylabel="stability", ylim=(min(0.0, float(frame["stability"].min() or 0)), 1.03))  # type: ignore[arg-type]
    right.set(xlabel="clusters", ylabel="gap to a single cloud (log)")
    left.legend(loc="lower right")
    return finished(figure, "Number of clusters: stability under resampling, and gap to a single normal distribution")


@styled
def consensus_matrix(table: Table, *, sizes: Sequence[int] = ()) -> Figure:
    """Consensus matrix (heat map): how often two patients fall into one cluster; white never, dark always.

    Args:
        table: row, column (places, patients ordered by cluster), consensus (the mean of such a cell, 0 to 1).
        sizes: patients of each cluster, in that order: where lines are drawn.
    Example:
        figure = clinome.plots.consensus_matrix(table, sizes=[40, 38, 22])
    """
    frame = table_of(table, "row", "column", "consensus")
    at, across = (frame[name].to_numpy().astype(int) for name in ("row", "column"))
    values = np.zeros((int(at.max(initial=-1)) + 1, int(across.max(initial=-1)) + 1))
    values[at, across] = frame["consensus"].to_numpy()
    figure, (ax,) = canvas(4.6, 4.2)
    shown = ax.imshow(values, cmap="Blues", vmin=0, vmax=1, interpolation="nearest")
    for edge in np.cumsum(sizes)[:-1] / max(sum(sizes), 1) * len(values) - 0.5:
        ax.axhline(edge, color=SOFT, lw=0.8)
        ax.axvline(edge, color=SOFT, lw=0.8)
    middle = (np.cumsum(sizes) - np.asarray(sizes) / 2) / max(sum(sizes), 1) * len(values) - 0.5
    names = [str(i + 1) for i in range(len(sizes))]
    ax.set_xticks(middle, names)
    ax.set_yticks(middle, names)
    ax.set(xlabel="subtype", ylabel="subtype")
    ax.grid(visible=False)
    figure.colorbar(shown, ax=ax, shrink=0.8, label="share of resamples together")
    return finished(figure, "Consensus matrix: how often two patients fall into one cluster, ordered by subtype")
