"""Plots of several endpoints: how well each is told, by every learner, and beside the covariates alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from clinome.plots.style import BLUE, INK, ORANGE, PALE, SMALL, SOFT, canvas, finished, short, styled, table_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from clinome.plots.style import Table


@styled
def endpoint_correlations(endpoints: Table, learner: str = "chosen", reference: str = "covariates") -> Figure:
    """Endpoints: the distribution of Spearman's correlation over endpoints for every learner, and one learner against another.

    Left: a dot an endpoint, box and median. Right: each endpoint's correlation by the reference and by the learner; above the
    line the learner tells it better.
    Args:
        endpoints: learner, endpoint, spearman, as endpoints.csv.
        learner, reference: who is compared on the right; without the reference there is no right panel.
    Example:
        figure = clinome.plots.endpoint_correlations(polars.read_csv("runs/gdsc/endpoints.csv"))
    """
    frame = table_of(endpoints, "learner", "endpoint", "spearman").drop_nulls("spearman")
    middle = dict(frame.group_by("learner", maintain_order=True).agg(pl.col("spearman").median()).iter_rows())
    names = sorted(middle, key=lambda name: (name == learner, middle[name]))  # the best on top
    two = learner in names and reference in names and learner != reference
    figure, axes = canvas(9.0 if two else 6.0, max(2.6, 0.42 * len(names) + 1.6, 3.6 * two), 1 + two)
    _distributions(
        axes[0], [frame.filter(frame["learner"] == name)["spearman"].to_numpy() for name in names], names, learner
    )
    if two:
        wide = frame.pivot("learner", index="endpoint", values="spearman").drop_nulls([learner, reference])
        _against(axes[1], wide[reference].to_numpy(), wide[learner].to_numpy(), reference, learner)
    return finished(
        figure, "Spearman correlation of each endpoint: distribution by learner, and beside the covariates alone"
    )


def _distributions(ax: Axes, values: list[np.ndarray], names: list[str], marked: str) -> None:
    rng = np.random.default_rng(0)
    ax.axvline(0, color=SOFT, lw=1)
    for at, (one, name) in enumerate(zip(values, names, strict=True)):
        colour = BLUE if name == marked else INK
        alpha = float(np.clip(40 / max(len(one), 1), 0.15, 0.7))
        ax.plot(one, at + rng.uniform(-0.22, 0.22, len(one)), "o", color=colour, ms=3, alpha=alpha, mec="none")
        low, middle, high = np.quantile(one, (0.25, 0.5, 0.75))
        ax.plot([low, high], [at, at], color=colour, lw=4, alpha=0.6, solid_capstyle="butt")
        ax.plot([middle], [at], "|", color=ORANGE, ms=13, mew=2.2)
        ax.text(
            1.02, at, f"{middle:.2f}", transform=ax.get_yaxis_transform(), va="center", fontsize=SMALL, color=colour
        )
    ax.set_yticks(range(len(names)), [short(name, 22) for name in names])
    ax.set(xlabel="Spearman correlation of an endpoint", title="Endpoints by learner", ylim=(-0.6, len(names) - 0.4))


def _against(ax: Axes, x: np.ndarray, y: np.ndarray, reference: str, learner: str) -> None:
    low, high = float(min(x.min(), y.min())), float(max(x.max(), y.max()))
    margin = 0.05 * (high - low or 1.0)
    ends = (low - margin, high + margin)
    ax.plot(ends, ends, color=SOFT, lw=1)
    ax.plot(x, y, "o", color=BLUE, ms=4, alpha=0.55, mec=PALE, mew=0.2)
    ax.set(xlabel=f"{reference}, Spearman", ylabel=f"{learner}, Spearman", xlim=ends, ylim=ends)
    ax.set_title(f"Better for {int((y > x).sum())} of {len(x)} endpoints")
