"""Pictures of two cohorts: Kaplan–Meier curves, and the effects of the features that differ most surely."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from clinome.plots.curves import survival_curves
from clinome.plots.run import BLUE, INK, ORANGE, SOFT, canvas, short, styled, svg

COLOURS = (BLUE, ORANGE)


@styled
def two_curves(frame: pl.DataFrame, names: tuple[str, str]) -> str:
    """Kaplan–Meier of both cohorts with 95% bands, numbers at risk below.

    Args:
        frame: duration_days, event, first (of the first cohort).
    """
    figure, (ax,) = canvas(7.4, 4.6)
    sides = zip((True, False), names, COLOURS, strict=True)
    survival_curves(ax, frame.rename({"first": "group"}), [(is_first, short(n, 40), c) for is_first, n, c in sides])
    return svg(figure, "Kaplan–Meier curves of both cohorts, numbers at risk below")


@styled
def effects(rows: Sequence[Mapping[str, Any]], measure: str, names: tuple[str, str]) -> str:
    """Effect and 95% interval of features in the order given, those with q below 0.05 filled.

    Args:
        rows: as of `models.biomarkers.contrast`. measure: value (Cliff's delta) or share (odds ratio, on a log axis).
    """
    figure, (ax,) = canvas(8.2, 0.3 * len(rows) + 1.0)
    none = 0.0 if measure == "value" else 1.0
    ax.axvline(none, color=SOFT, lw=1)
    for i, row in enumerate(rows):
        colour = COLOURS[0] if row["effect"] > none else COLOURS[1]
        sure = row["q"] is not None and row["q"] < 0.05
        ax.plot([row["low"], row["high"]], [i, i], color=colour, lw=1.8)
        ax.plot(row["effect"], i, "o", color=colour, ms=6, mfc=colour if sure else "white")
    if measure == "share":
        ax.set_xscale("log")
        ax.set_xlim(max(ax.get_xlim()[0], 1e-3), min(ax.get_xlim()[1], 1e3))
    else:
        ax.set_xlim(-1, 1)
    ax.set_yticks(
        range(len(rows)), [short(f"{row['symbol'] or row['feature']}  ·  {row['block']}", 40) for row in rows]
    )
    ax.set_ylim(len(rows) - 0.5, -0.5)
    what = "Cliff’s delta" if measure == "value" else "odds ratio"
    ax.set_xlabel(
        f"{what}; to the right: more in {short(names[0], 30)}, to the left: more in {short(names[1], 30)}", color=INK
    )
    ax.spines["left"].set_visible(False)
    ax.tick_params(axis="y", length=0)
    return svg(figure, f"{what} of the features that differ most surely, with 95% intervals")
