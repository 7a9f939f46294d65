"""Pictures of many studies: critical differences of mean ranks, and every study's difference from the reference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from clinome.plots.run import BLUE, INK, ORANGE, PALE, SOFT, canvas, short, styled, svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from clinome.models.evaluation.study_ranks import Ranking

_LINE = 0.34
"""Inches a learner."""


@styled
def critical_difference(names: Sequence[str], ranking: Ranking, marked: Sequence[str] = ()) -> str:
    """Mean ranks on one axis, best on the left; bars join learners that are not shown to differ (Demšar 2006, Fig. 1).

    Args:
        names: learners in the order of `ranking.mean`, which is sorted. marked: those to draw in blue.
    """
    k = len(names)
    left = (k + 1) // 2
    lanes = _lanes(ranking.groups)
    depth = max(lanes, default=-1) + 1
    figure, (ax,) = canvas(8.6, _LINE * (left + 1) + 0.17 * depth + 0.85)
    top = 0.6 + 0.5 * depth
    ax.plot([1, k], [0, 0], color=INK, lw=1.2)
    for tick in range(1, k + 1):
        ax.plot([tick, tick], [0, -0.16], color=INK, lw=1.2)
        ax.text(tick, -0.3, str(tick), ha="center", va="bottom", color=SOFT, fontsize=9.5)
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
    return svg(figure, "Mean rank of each learner over studies, best on the left; bars join those not shown to differ")


def _ruler(ax: Axes, difference: float, k: int) -> None:
    end = min(1 + difference, k)
    ax.plot([1, end], [-1.3, -1.3], color=INK, lw=1.5)
    for x in (1, end):
        ax.plot([x, x], [-1.42, -1.18], color=INK, lw=1.5)
    ax.text(end + 0.015 * (k - 1), -1.3, f"critical difference {difference:.2f}", va="center", fontsize=9.5, color=SOFT)


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
def differences(
    rows: Sequence[Mapping[str, Any]], each: Mapping[str, Sequence[tuple[float, str]]], reference: str
) -> str:
    """A line a learner: each study's difference from the reference, the mean over studies with its interval in front.

    Args:
        rows: learner, difference, low, high. each: learner -> (difference, win, tie or loss) of each study.
    """
    figure, (ax,) = canvas(8.6, 0.42 * len(rows) + 1.0)
    colour = {"win": BLUE, "tie": SOFT, "loss": ORANGE}
    ax.axvline(0, color=SOFT, lw=1)
    for i, row in enumerate(rows):
        points = sorted(each[row["learner"]])
        spread = np.resize([-0.12, 0.0, 0.12], len(points))
        for outcome, mark in (("tie", "o"), ("win", "o"), ("loss", "o")):
            at = [(value, i + 0.14 + y) for (value, kind), y in zip(points, spread, strict=True) if kind == outcome]
            if at:
                x, y = zip(*at, strict=True)
                ax.plot(x, y, mark, ls="", ms=4.5, alpha=0.75, mfc=colour[outcome], mec="white", mew=0.4)
        if row["low"] is not None:
            ax.plot([row["low"], row["high"]], [i - 0.24] * 2, color=INK, lw=2)
        ax.plot(row["difference"], i - 0.24, "D", color=INK, ms=5)
        ax.axhline(i + 0.5, color=PALE, lw=0.8)
    ax.set_yticks(range(len(rows)), [short(str(row["learner"]), 24) for row in rows])
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.set_xlabel(f"difference from {reference} in the main metric of each study")
    ax.tick_params(axis="y", length=0)
    for outcome, text in (("win", "better"), ("tie", "not shown to differ"), ("loss", "worse")):
        ax.plot([], [], "o", ls="", ms=5, color=colour[outcome], label=text)
    ax.plot([], [], "D-", color=INK, ms=5, label="mean over studies")
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=4, handletextpad=0.3)
    return svg(figure, f"Difference of each learner from {reference} on every study, and its mean over studies")
