"""Plots of many studies: critical-difference diagram of mean ranks, and each study's difference from the reference."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from clinome.plots.style import (
    BLUE,
    INK,
    ORANGE,
    PALE,
    SMALL,
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

_LINE = 0.34
"""Inches a learner."""


@styled
def critical_difference(table: Table, *, marked: Sequence[str] = ("chosen",)) -> Figure:
    """Critical-difference diagram: mean ranks over studies, bars join learners that are not shown to differ (Nemenyi, 5%).

    Args:
        table: study, learner, mean (higher is better), as benchmark.csv. Learners without a mean on every study are left out.
        marked: learners to draw in blue.
    Raises: InputError if a column is missing. ValueError if fewer than two learners ran on every study.
    Source: Demšar 2006, JMLR 7:1–30, Fig. 1.
    Example:
        figure = clinome.plots.critical_difference(pd.read_csv("benchmark.csv"))
    """
    from clinome.models.evaluation.study_ranks import rank

    known = table_of(table, "study", "learner", "mean").filter(pl.col("mean").is_not_null())
    wide = known.pivot("learner", index="study", values="mean", maintain_order=True).drop("study")
    wide = wide.select(name for name in wide.columns if not wide[name].null_count())
    if wide.width < 2:
        raise ValueError(f"learners that ran on every study: got {wide.width}; expected two or more")
    scores = wide.to_numpy()
    order = np.argsort(rank(scores).mean, kind="stable")
    names, ranking = [wide.columns[i] for i in order], rank(scores[:, order])
    k = len(names)
    left = (k + 1) // 2
    lanes = _lanes(ranking.groups)
    depth = max(lanes, default=-1) + 1
    figure, (ax,) = canvas(8.6, _LINE * (left + 1) + 0.17 * depth + 0.85)
    top = 0.6 + 0.5 * depth
    ax.plot([1, k], [0, 0], color=INK, lw=1.2)
    for tick in range(1, k + 1):
        ax.plot([tick, tick], [0, -0.16], color=INK, lw=1.2)
        ax.text(tick, -0.3, str(tick), ha="center", va="bottom", color=SOFT, fontsize=SMALL)
    reach = 0.06 * (k - 1)
    for i, name in enumerate(names):
        mean, on_left = float(ranking.mean[i]), i < left
        y = top + (i if on_left else k - 1 - i)
        end = 1 - reach if on_left else k + reach
        colour = BLUE if name in marked else INK
        ax.plot([mean, mean, end], [0, y, y], color=colour if name in marked else SOFT, lw=1.1, zorder=1)
        ax.plot(mean, 0, "o", color=colour, ms=5, zorder=3)
        text = f"{short(name, 24)}  {mean:.2f}" if on_left else f"{mean:.2f}  {short(name, 24)}"
        weight = "bold" if name in marked else "normal"
        ax.text(end - 0.1 * reach if on_left else end + 0.1 * reach, y, text, ha="right" if on_left else "left",
                va="center", color=colour, fontweight=weight)  # fmt: skip
    for (first, last), lane in zip(ranking.groups, lanes, strict=True):
        ends = [float(ranking.mean[first]) - 0.1 * reach, float(ranking.mean[last]) + 0.1 * reach]
        ax.plot(ends, [0.35 + 0.5 * lane] * 2, color=ORANGE, lw=4, solid_capstyle="round", zorder=2)
    if ranking.difference is not None:
        _ruler(ax, ranking.difference, k)
    ax.set_xlim(1 - 5.5 * reach, k + 5.5 * reach)
    ax.set_ylim(top + left - 0.4, -1.9 if ranking.difference is not None else -0.9)
    ax.axis("off")
    return finished(figure, "Critical-difference diagram: mean rank of each learner over studies, best on the left")


def _ruler(ax: Axes, difference: float, k: int) -> None:
    end = min(1 + difference, k)
    ax.plot([1, end], [-1.3, -1.3], color=INK, lw=1.5)
    for x in (1, end):
        ax.plot([x, x], [-1.42, -1.18], color=INK, lw=1.5)
    ax.text(
        end + 0.015 * (k - 1), -1.3, f"critical difference {difference:.2f}", va="center", fontsize=SMALL, color=SOFT
    )


def _lanes(groups: Sequence[tuple[int, int]]) -> list[int]:
    """A height for each bar, so that none touches another."""
    ends: list[int] = []
    lanes = []
    for first, last in groups:
        lane = next((i for i, end in enumerate(ends) if end < first), len(ends))
        ends[lane : lane + 1] = [last]
        lanes.append(lane)
    return lanes


@styled
def study_differences(table: Table, *, order: Sequence[str] = ()) -> Figure:
    """Differences from the reference: each study's paired difference, and the mean over studies with its 95% interval.

    Args:
        table: learner, reference (one learner), difference, outcome (`win`, `tie`, `loss`), as benchmark.csv; lines without
            a difference are left out.
        order: learners in the order to draw; default: best mean first.
    Example:
        figure = clinome.plots.study_differences(pd.read_csv("benchmark.csv"))
    """
    from clinome.models.evaluation.study_ranks import mean_interval

    found = table_of(table, "learner", "reference", "difference", "outcome").filter(pl.col("difference").is_not_null())
    reference = str(found["reference"][0]) if found.height else "the reference"
    mean = (
        found.group_by("learner")
        .agg(pl.col("difference").mean())
        .sort(["difference", "learner"], descending=[True, False])
    )
    learners = [name for name in order or mean["learner"] if name in set(mean["learner"])]
    figure, (ax,) = canvas(8.6, 0.42 * len(learners) + 1.0)
    colour = {"win": BLUE, "tie": SOFT, "loss": ORANGE}
    ax.axvline(0, color=SOFT, lw=1)
    for i, name in enumerate(learners):
        mine = found.filter(pl.col("learner") == name)
        points = sorted(mine.select("difference", "outcome").iter_rows())
        spread = np.resize([-0.12, 0.0, 0.12], len(points))
        for outcome in ("tie", "win", "loss"):
            at = [(value, i + 0.14 + y) for (value, kind), y in zip(points, spread, strict=True) if kind == outcome]
            if at:
                x, y = zip(*at, strict=True)
                ax.plot(x, y, "o", ls="", ms=4.5, alpha=0.75, mfc=colour[outcome], mec="white", mew=0.4)
        differences = mine["difference"].to_numpy()
        if bounds := mean_interval(differences):
            ax.plot(bounds, [i - 0.24] * 2, color=INK, lw=2)
        ax.plot(float(differences.mean()), i - 0.24, "D", color=INK, ms=5)
        ax.axhline(i + 0.5, color=PALE, lw=0.8)
    category_axis(ax, [short(name, 24) for name in learners])
    ax.set_xlabel(f"difference from {reference} in the primary metric of each study")
    for outcome, text in (("win", "better"), ("tie", "not shown to differ"), ("loss", "worse")):
        ax.plot([], [], "o", ls="", ms=5, color=colour[outcome], label=text)
    ax.plot([], [], "D-", color=INK, ms=5, label="mean over studies (95% CI)")
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=4, handletextpad=0.3)
    return finished(figure, f"Difference of each learner from {reference} on every study, and its mean over studies")
