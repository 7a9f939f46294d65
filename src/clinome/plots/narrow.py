"""Narrow figures: a figure laid out anew for a page of 390 px, at the same size of type."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import numpy as np

from clinome.plots.style import SMALL, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 3.7
"""Inches: what a telephone of 390 px shows beside its margins."""
_LABEL, _AXIS, _TITLE = 18, 36, 30
"""Characters of a line: of names beside an axis, below it, and above a panel."""
_LINE = 0.11
"""Inches of a further line of a name; the first one has some room to spare."""
_TICKS = 4


@styled
def narrowed(figure: Figure) -> Figure:
    """A figure for narrow pages: panels below one another, long names on several lines, fewer ticks, type as large as before.

    Args:
        figure: of any function of `clinome.plots`; it is changed, and must not have been drawn.
    Returns: the same figure, 3.7 inches wide.
    Example:
        figure = narrowed(clinome.plots.model_comparison(table))
    """
    if figure.get_figwidth() <= WIDTH:  # it was drawn for such a page
        return figure
    axes = figure.axes
    height = figure.get_figheight()
    stacked = len(axes) > 1 and _in_a_row(axes)
    if stacked:
        height = _stack(figure, axes, height)
    lines = [_wrap(ax) for ax in axes]
    further = sum(lines) if stacked else max(lines, default=0)
    for ax in axes:
        _thin(ax)
    figure.set_size_inches(WIDTH, height + _LINE * further)
    return figure


def _in_a_row(axes: list[Axes]) -> bool:
    """Whether all panels stand side by side."""
    specs = [ax.get_subplotspec() for ax in axes]
    return all(one is not None and one.get_gridspec().nrows == 1 for one in specs)


def _stack(figure: Figure, axes: list[Axes], height: float) -> float:
    """Panels below one another; the height that they take: of names one line each, else square enough to be read."""
    from matplotlib.gridspec import GridSpec

    named = any(_names(ax) for ax in axes)
    grid = GridSpec(len(axes), 1, figure=figure)
    for k, ax in enumerate(axes):
        ax.set_subplotspec(grid[k, 0])
    return (height if named else 0.9 * WIDTH) * len(axes)


def _names(ax: Axes) -> bool:
    """Whether names stand along the vertical axis, of this panel or of one that shares it."""
    from matplotlib.ticker import FixedFormatter, FuncFormatter

    return isinstance(ax.yaxis.get_major_formatter(), FixedFormatter | FuncFormatter)


def _wrap(ax: Axes) -> int:
    """Long words on several lines; how many lines that adds to the axis of names, whose rows are of one height."""
    named, added = _names(ax), 0
    if named:
        ax.tick_params(axis="y", labelleft=True)
        labels = ax.get_yticklabels()
        looks = [(label.get_fontweight(), label.get_color()) for label in labels]
        told = [_lines(label.get_text().replace("\n", " "), _LABEL) for label in labels]
        ax.set_yticks(ax.get_yticks(), told)
        for label, (weight, colour) in zip(ax.get_yticklabels(), looks, strict=True):
            label.set(fontweight=weight, color=colour, fontsize=SMALL)
        added = len(told) * max((text.count("\n") for text in told), default=0)  # rows are as high as the highest
    ax.set_xlabel(_lines(ax.get_xlabel(), _AXIS - 8 if named else _AXIS))
    ax.set_ylabel(_lines(ax.get_ylabel(), _AXIS))
    ax.set_title(_lines(ax.get_title("left"), _TITLE), loc="left")
    _fold_legend(ax)
    return added


def _fold_legend(ax: Axes) -> None:
    """A legend above the panel in two columns."""
    legend = ax.get_legend()
    if legend is None or getattr(legend, "_ncols", 1) < 3:
        return
    handles, names = (
        [one for one in legend.legend_handles if one is not None],
        [text.get_text() for text in legend.get_texts()],
    )
    columns = 2 if max(map(len, names)) <= 11 else 1
    ax.legend(
        handles, [_lines(name, _LABEL) for name in names], loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=columns,
        handletextpad=0.2, columnspacing=0.8,
    )  # fmt: skip


def _lines(text: str, width: int) -> str:
    """Each line of the text in lines of so many characters; names with underscores break there."""
    wrapped = []
    for line in text.split("\n"):
        parts = textwrap.wrap(line.replace("_", "_ "), width) or [""]
        wrapped += [part.replace("_ ", "_") for part in parts]
    return "\n".join(wrapped)


def _thin(ax: Axes) -> None:
    """Fewer ticks along the horizontal axis; numbers below a tick (those at risk) go with it."""
    from matplotlib.ticker import FixedLocator, MaxNLocator

    locator = ax.xaxis.get_major_locator()
    if isinstance(locator, MaxNLocator):
        ax.locator_params(axis="x", nbins=_TICKS)
        return
    at = np.asarray(ax.get_xticks(), dtype=float)
    if not isinstance(locator, FixedLocator) or len(at) <= _TICKS + 1 or _words(ax):
        return
    step = int(np.ceil(len(at) / _TICKS))
    gone = np.delete(at, np.arange(0, len(at), step))
    ax.set_xticks(at[::step], [label.get_text() for label in ax.get_xticklabels()][::step])
    for text in list(ax.texts):
        if text.get_position()[1] < 0 and np.isclose(gone, text.get_position()[0]).any():
            text.remove()


def _words(ax: Axes) -> bool:
    """Whether the horizontal axis names classes, of which none may be left out."""
    return any(
        label.get_text().strip("−-").replace(",", "").replace(".", "").isalpha() for label in ax.get_xticklabels()
    )
