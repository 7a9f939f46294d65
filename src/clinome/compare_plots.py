"""Pictures of two cohorts: Kaplan–Meier curves, and the effects of the features that differ most surely."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from clinome.plots import BLUE, INK, ORANGE, SOFT, canvas, short, styled, svg

COLOURS = (BLUE, ORANGE)


@styled
def two_curves(frame: pl.DataFrame, names: tuple[str, str]) -> str:
    """Kaplan–Meier of both cohorts with 95% bands, numbers at risk below.

    Args:
        frame: duration_days, event, first (of the first cohort).
    """
    from lifelines import KaplanMeierFitter

    figure, (ax,) = canvas(7.4, 4.6)
    end = float(frame["duration_days"].quantile(0.98) or 1.0)
    ticks = np.array([t for t in ax.xaxis.get_major_locator().tick_values(0, end) if 0 <= t <= end])
    for i, (name, colour) in enumerate(zip(names, COLOURS, strict=True)):
        mine = frame.filter(pl.col("first") == (i == 0))
        duration, event = mine["duration_days"].to_numpy(), mine["event"].to_numpy()
        fitted = KaplanMeierFitter().fit(duration, event)
        time, band = fitted.survival_function_.index.to_numpy(), fitted.confidence_interval_.to_numpy()
        ax.step(
            time, fitted.survival_function_.to_numpy()[:, 0], where="post", color=colour, lw=2, label=short(name, 40)
        )
        ax.fill_between(time, band[:, 0], band[:, 1], step="post", color=colour, alpha=0.13, lw=0)
        for t in ticks:
            ax.text(
                t, -0.26 - 0.07 * i, f"{(duration >= t).sum():,}", ha="center", color=colour, fontsize=9, clip_on=False
            )
    ax.text(0, -0.19, "at risk", ha="center", color=SOFT, fontsize=8.5)
    ax.set(xlim=(0, end), ylim=(0, 1.02), xlabel="days from the prediction time", ylabel="without event")
    ax.set_xticks(ticks, [f"{t:,.0f}" for t in ticks])
    ax.legend(loc="upper right")
    return svg(figure, "Kaplan–Meier curves of both cohorts, numbers at risk below")


@styled
def effects(rows: Sequence[Mapping[str, Any]], measure: str, names: tuple[str, str]) -> str:
    """Effect and 95% interval of features in the order given, those with q below 0.05 filled.

    Args:
        rows: as of `models.contrast`. measure: value (Cliff's delta) or share (odds ratio, on a log axis).
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
