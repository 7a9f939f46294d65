"""Figures of ranked features: volcano, adjusted effects, stability of the ranking."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from clinome.plots.style import (
    AMBER,
    BLUE,
    INK,
    ORANGE,
    PALE,
    SOFT,
    canvas,
    category_axis,
    finished,
    short,
    styled,
    table_of,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from clinome.plots.style import Table


@styled
def volcano(table: Table, *, effect: str = "effect", q: str = "q", most: int = 12, level: float = 0.05) -> Figure:
    """Volcano plot: effect of each feature against its significance, the first ones named, no name over another.

    Args:
        table: effect, q (of a test of each alone), feature; name or symbol (may be missing), as biomarkers.csv or features.csv.
        effect, q: which columns. most: names at the most; those that find no free place are left out.
        level: above the line are features with q below it.
    Example:
        figure = clinome.plots.volcano(run.biomarkers)
    """
    full = table_of(table, effect, q, "feature", optional={"symbol": None, "name": None})
    shown = full.filter(pl.col(effect).is_finite() & pl.col(q).is_not_null()).sort(q, effect)
    x = shown[effect].to_numpy().astype(float)
    y = -np.log10(np.clip(shown[q].to_numpy().astype(float), 1e-300, 1.0))
    sure = shown[q].to_numpy() < level
    figure, (ax,) = canvas(7.0, 5.0)
    colour = np.where(~sure, PALE, np.where(x > 0, ORANGE, BLUE))
    ax.scatter(x, y, s=np.where(sure, 22, 12), c=list(colour), edgecolors=SOFT, linewidths=0.3)
    ax.axhline(-np.log10(level), color=SOFT, lw=1, ls=":")
    ax.axvline(0, color=SOFT, lw=1)
    ax.margins(0.1)
    ax.set_xlabel(f"{effect} (right: raises the score)" if effect == "effect" else effect)
    ax.set_ylabel(f"−log₁₀ {q}")
    ax.set_title(f"{int(sure.sum()):,} of {len(x):,} features below {level:g}")
    names = [
        short(str(row["name"] or row["symbol"] or row["feature"]), 22)
        for row in shown.head(3 * most).iter_rows(named=True)
    ]
    _named(figure, ax, x[: len(names)], y[: len(names)], names, sure[: len(names)], most)
    return finished(figure, "Volcano plot: effect of each feature against the significance of its own test")


def _named(
    figure: Figure, ax: Axes, x: np.ndarray, y: np.ndarray, names: Sequence[str], wanted: np.ndarray, most: int
) -> None:
    """Names beside their dots, the first first; one that would lie over another, or leave the axes, is not written."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    drawn_on: Any = FigureCanvasAgg(figure)
    figure.draw_without_rendering()
    dots = ax.transData.transform(np.column_stack([x, y]))
    taken = [(a - 3, b - 3, a + 3, b + 3) for a, b in dots.tolist()]
    full = len(taken) + most
    inside = ax.get_window_extent()
    for a, b, name, wants in zip(x, y, names, wanted, strict=True):
        if not wants or len(taken) == full:
            continue
        for dx, dy, ha in ((6, 4, "left"), (-6, 4, "right"), (6, -10, "left"), (-6, -10, "right")):
            text = ax.annotate(name, (a, b), (dx, dy), textcoords="offset points", ha=ha, fontsize=8.5, color=INK)
            box = text.get_window_extent(drawn_on.get_renderer())
            here = (box.x0, box.y0, box.x1, box.y1)
            free = all(here[2] < o[0] or o[2] < here[0] or here[3] < o[1] or o[3] < here[1] for o in taken)
            if free and inside.x0 <= box.x0 and box.x1 <= inside.x1 and box.y1 <= inside.y1:
                taken.append(here)
                break
            text.remove()


@styled
def adjusted_effects(table: Table, top: int = 15) -> Figure:
    """Forest plot of adjusted effects: odds, hazard ratio or difference of each feature with 95 % intervals, beside n and q.

    Args:
        table: feature, adjusted, adjusted_low, adjusted_high, adjusted_measure; name or symbol and q (may be missing), as
            biomarkers.csv. One measure in a figure: the commonest; rows without an estimate are left out.
        top: how many, in the order of the table.
    Example:
        figure = clinome.plots.adjusted_effects(run.biomarkers)
    """
    columns = ("feature", "adjusted", "adjusted_low", "adjusted_high", "adjusted_measure")
    full = table_of(table, *columns, optional={"symbol": None, "name": None, "q": None}).filter(
        pl.col("adjusted").is_finite()
    )
    counts = full["adjusted_measure"].value_counts(sort=True)
    measure = str(counts["adjusted_measure"][0]) if counts.height else "effect"
    shown = full.filter(pl.col("adjusted_measure") == measure).head(top).to_dicts()
    ratio = "ratio" in measure
    figure, (ax,) = canvas(8.2, 0.3 * len(shown) + 1.0)
    ax.axvline(1.0 if ratio else 0.0, color=SOFT, lw=1)
    for i, row in enumerate(shown):
        up = row["adjusted"] > (1.0 if ratio else 0.0)
        ax.plot([row["adjusted_low"], row["adjusted_high"]], [i, i], color=ORANGE if up else BLUE, lw=1.8)
        sure = row["q"] is not None and row["q"] < 0.05
        ax.plot(
            row["adjusted"],
            i,
            "s",
            color=ORANGE if up else BLUE,
            ms=6,
            mfc=(ORANGE if up else BLUE) if sure else "white",
        )
    if ratio and shown:
        from matplotlib.ticker import ScalarFormatter

        ax.set_xscale("log")
        ax.margins(x=0.05)
        ax.xaxis.set_major_formatter(ScalarFormatter())
        ax.xaxis.set_minor_formatter(ScalarFormatter())
    category_axis(ax, [short(str(row["name"] or row["symbol"] or row["feature"]), 34) for row in shown])
    ax.set_xlabel(f"{measure}, adjusted (95% CI); filled: q < 0.05 by itself")
    ax.spines["left"].set_visible(False)
    return finished(figure, f"Forest plot: {measure} of the first features, adjusted, with 95% intervals")


@styled
def ranking_stability(table: Table, top: int = 20) -> Figure:
    """Stability of a ranking: the share of folds in which each feature is among the first, and the spread of its percentile.

    Args:
        table: feature, stability (0 to 1), rank; percentile_low and percentile_high (may be missing), name or symbol.
        top: how many, by rank.
    Example:
        figure = clinome.plots.ranking_stability(run.biomarkers)
    """
    optional = {"symbol": None, "name": None, "percentile_low": None, "percentile_high": None}
    shown = table_of(table, "feature", "stability", "rank", optional=optional).sort("rank").head(top).to_dicts()
    spread = any(row["percentile_low"] is not None for row in shown)
    figure, axes = canvas(8.2, 0.28 * len(shown) + 1.0, 2 if spread else 1, **({"sharey": True} if spread else {}))
    for i, row in enumerate(shown):
        axes[0].barh(i, row["stability"], height=0.62, color=BLUE if row["stability"] >= 0.5 else AMBER)
        if spread and row["percentile_low"] is not None:
            axes[1].plot(
                [row["percentile_low"], row["percentile_high"]], [i, i], color=INK, lw=2.2, solid_capstyle="round"
            )
    axes[0].set_xlim(0, 1)
    axes[0].set_xlabel("share of folds in which it is\namong the first 20")
    if spread:
        axes[1].set_xlabel("percentile of the ranking,\nleast to greatest over folds")
        axes[1].tick_params(axis="y", length=0)
    category_axis(axes[0], [short(str(row["name"] or row["symbol"] or row["feature"]), 34) for row in shown])
    return finished(figure, "Stability: in how many folds the first features are found")
