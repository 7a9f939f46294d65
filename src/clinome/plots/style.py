"""Plot style: one set of fonts, colours and sizes for every figure, and the tables that the figures are drawn from.

One palette (Okabe and Ito 2008, told apart by colour-blind readers and in grey print), text as text, no pyplot: a figure
is a `matplotlib.figure.Figure` that belongs to whoever asked for it, and nothing stays behind.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, wraps
from io import BytesIO
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import polars as pl

from clinome.loaders.errors import InputError

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    Table = pl.DataFrame | pd.DataFrame

BLUE, ORANGE, GREEN, PURPLE, SKY, AMBER = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00"
PALETTE = (BLUE, ORANGE, GREEN, PURPLE, SKY, AMBER)
INK, SOFT, PALE = "#1f2933", "#6b7785", "#d9dee4"
ON_CELL = "#111827"
"""Text on a pale cell, which stays pale where the page is dark."""
STYLE: Any = {  # matplotlib types its settings as one closed set of literals
    "svg.fonttype": "none",
    "text.parse_math": False,  # a name of the study's with dollars in it is a name
    "font.size": 10.5,
    "axes.labelsize": 10.5,
    "xtick.labelsize": 9.5,
    "ytick.labelsize": 9.5,
    "legend.fontsize": 9.5,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": SOFT,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "axes.titlesize": 10.5,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
}
SMALL = 9.0
"""Points: numbers beside bars and dots."""

P = ParamSpec("P")
T = TypeVar("T")


def styled(draw: Callable[P, T]) -> Callable[P, T]:
    """Draw in our style, and leave matplotlib's settings as they were."""

    @wraps(draw)
    def inside(*args: P.args, **kwargs: P.kwargs) -> T:
        import matplotlib as mpl

        with mpl.rc_context(STYLE):
            return draw(*args, **kwargs)

    return inside


@cache
def notebook_figure() -> type[Figure]:
    """A `Figure` that a notebook shows as a picture when a cell ends with it; pyplot, which would see to that, is never asked."""
    from matplotlib.figure import Figure

    class NotebookFigure(Figure):
        def _repr_png_(self) -> bytes:
            out = BytesIO()
            self.savefig(out, format="png", dpi=90, facecolor="white")
            return out.getvalue()

    return NotebookFigure


def canvas(width: float, height: float, columns: int = 1, **layout: Any) -> tuple[Figure, list[Axes]]:
    """A figure of its own (inches) with a row of axes."""
    figure = notebook_figure()(figsize=(width, height), layout="constrained")
    return figure, list(figure.subplots(1, columns, squeeze=False, **layout)[0])


def finished(figure: Figure, what: str) -> Figure:
    """The figure with its description: alternative text of the picture, and the salt of its SVG ids.

    Ticks are made when a figure is drawn, which may be anywhere: their looks are fixed here.
    """
    for ax in figure.axes:
        for axis in ("x", "y"):
            ax.tick_params(axis=axis, labelsize=STYLE[f"{axis}tick.labelsize"], color=SOFT, labelcolor=INK)
    figure.set_label(what)
    return figure


def table_of(table: Table, *columns: str, optional: Mapping[str, Any] | None = None) -> pl.DataFrame:
    """A pandas or polars table as polars, with the columns that a figure needs.

    Args:
        optional: column -> what stands in it where the table has no such column.
    Raises: InputError if a column is missing.
    """
    found = table if isinstance(table, pl.DataFrame) else pl.from_pandas(table)
    missing = [name for name in columns if name not in found.columns]
    if missing:
        got, wanted = ", ".join(found.columns) or "no column", ", ".join(columns)
        raise InputError(
            f"no column {', '.join(missing)}", "the table to plot", got, wanted, "give a table with these columns"
        )
    absent = {name: value for name, value in (optional or {}).items() if name not in found.columns}
    return found.with_columns(pl.lit(value).alias(name) for name, value in absent.items())


def short(text: str, most: int = 34) -> str:
    """A label that fits beside an axis."""
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def interval(ax: Axes, y: float, row: Mapping[str, Any], colour: str) -> None:
    """A dot at `mean`, and a line from `low` to `high` where both are known."""
    if row.get("low") is not None and row.get("high") is not None:
        ax.plot([row["low"], row["high"]], [y, y], color=colour, lw=1.8)
    ax.plot(row["mean"], y, "o", color=colour, ms=6.5)


def values_of(row: Mapping[str, Any], name: str = "folds") -> list[float]:
    """The known numbers of a list column; none where the column is null."""
    return [float(value) for value in (row.get(name) or []) if value is not None]


def category_axis(ax: Axes, labels: list[str]) -> None:
    """Names from top to bottom, a line each."""
    ax.set_yticks(range(len(labels)), labels)
    ax.set_ylim(len(labels) - 0.5, -0.5)
    ax.tick_params(axis="y", length=0)


def bare(ax: Axes) -> None:
    """No axes lines and no ticks, for bars that carry their numbers."""
    for side in ("left", "bottom"):
        ax.spines[side].set_visible(False)
    ax.tick_params(axis="both", length=0)
    ax.set_xticks([])
