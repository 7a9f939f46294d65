"""Pictures of tables, as SVG that lies in the page: attrition, presence, learners, biomarkers, controls.

One palette (Okabe and Ito 2008, told apart by colour-blind readers and in grey print), text as text, nothing global:
figures are made by `canvas` and turned into markup by `svg`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from io import StringIO
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import polars as pl

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, PURPLE, SKY, AMBER = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00"
PALETTE = (BLUE, ORANGE, GREEN, PURPLE, SKY, AMBER)
INK, SOFT, PALE = "#1f2933", "#6b7785", "#d9dee4"
STYLE: Any = {  # matplotlib types its settings as one closed set of literals
    "svg.fonttype": "none",
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


def canvas(width: float, height: float, columns: int = 1, **layout: Any) -> tuple[Figure, list[Axes]]:
    """A figure of its own (inches) with a row of axes; no pyplot, so nothing stays behind."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, list(figure.subplots(1, columns, squeeze=False, **layout)[0])


def svg(figure: Figure, what: str) -> str:
    """The figure as one <svg> element with a name for readers who do not see it, the same bytes every time."""
    import matplotlib as mpl

    text = StringIO()
    with mpl.rc_context({"svg.hashsalt": what}):  # ids must differ between the figures of one page
        figure.savefig(
            text, format="svg", transparent=True, metadata=dict.fromkeys(("Date", "Creator", "Format", "Type"))
        )
    markup = text.getvalue()
    markup = markup[markup.index("<svg") :].strip()
    markup = re.sub(r'<g id="[^"]*"', "<g", markup)  # figure_1, axes_1 would come once a figure
    markup = re.sub(r"font(-family)?: ([^;\"]*?)('[^\";]*sans-serif)", r"font\1: \2inherit", markup)
    markup = re.sub(r' xmlns:xlink="[^"]*"', "", markup).replace("xlink:href", "href")
    width, height = (float(v) for v in re.findall(r'(?:width|height)="([\d.]+)pt"', markup)[:2])
    label = what.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
    head = f'<svg role="img" aria-label="{label}" style="max-width:{width * 4 / 3:.0f}px" viewBox="0 0 {width:g} {height:g}"'
    return re.sub(r"^<svg[^>]*>", head + ' xmlns="http://www.w3.org/2000/svg">', markup)


def short(text: str, most: int = 34) -> str:
    """A label that fits beside an axis."""
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


@styled
def attrition(steps: Sequence[tuple[str, int]]) -> str:
    """How many were left after each step, and how many each step cost."""
    figure, (ax,) = canvas(8.2, 0.42 * len(steps) + 0.3)
    largest = max(*(count for _, count in steps), 1)
    for i, (_, count) in enumerate(steps):
        last = i == len(steps) - 1
        ax.barh(i, count, height=0.62, color=BLUE if last else SKY, alpha=1.0 if last else 0.55)
        lost = f"   −{steps[i - 1][1] - count:,}" if i and steps[i - 1][1] > count else ""
        ax.text(count + largest * 0.012, i, f"{count:,}", va="center", fontweight="bold" if last else "normal")
        ax.text(largest * 1.12, i, lost, va="center", ha="left", color=SOFT)
    ax.set_yticks(range(len(steps)), [short(step, 44) for step, _ in steps])
    ax.set_xlim(0, largest * 1.25)
    ax.invert_yaxis()
    _bare(ax)
    return svg(figure, "Attrition: rows left after each step of the cohort query")


@styled
def presence(patterns: Sequence[Mapping[str, Any]], layers: Sequence[str], most: int = 16) -> str:
    """Who has which layers: a column a pattern, a row a layer, after Lex 2014 (UpSet)."""
    ranked = sorted(patterns, key=lambda p: (-int(p["count"]), list(p["has"])))
    shown, rest = ranked[:most], sum(int(p["count"]) for p in ranked[most:])
    total = {name: sum(int(p["count"]) for p in patterns if name in p["has"]) for name in layers}
    everyone = sum(int(p["count"]) for p in patterns)
    from matplotlib.figure import Figure

    wide = max(0.42 * len(shown), 1.2)
    figure = Figure(figsize=(min(wide + 3.6, 9.0), 0.32 * len(layers) + 2.0), layout="constrained")
    grid = figure.add_gridspec(2, 2, width_ratios=[wide, 2.0], height_ratios=[1.5, 0.32 * len(layers) + 0.15])
    top, dots, side = figure.add_subplot(grid[0, 0]), figure.add_subplot(grid[1, 0]), figure.add_subplot(grid[1, 1])
    top.bar(range(len(shown)), [int(p["count"]) for p in shown], width=0.6, color=BLUE)
    for i, pattern in enumerate(shown):
        top.text(
            i, int(pattern["count"]), f"{int(pattern['count']):,}\n", ha="center", va="center_baseline", fontsize=9
        )
        has = [j for j, name in enumerate(layers) if name in pattern["has"]]
        dots.plot([i] * len(layers), range(len(layers)), "o", color=PALE, ms=7, ls="")
        dots.plot([i] * len(has), has, "o-", color=BLUE, ms=7, lw=1.5)
    top.set_ylim(0, max(int(p["count"]) for p in shown) * 1.18)
    top.set_ylabel("rows")
    top.set_xticks([])
    top.spines["bottom"].set_visible(False)
    if rest:
        top.set_title(
            f"{len(ranked) - most} rarer patterns, {rest:,} rows, are not drawn", color=SOFT, fontweight="normal"
        )
    for ax in (top, dots):
        ax.set_xlim(-0.6, len(shown) - 0.4)
    dots.set_yticks(range(len(layers)), [short(name, 20) for name in layers])
    dots.set_xticks([])
    side.barh(range(len(layers)), [total[name] for name in layers], height=0.55, color=SKY, alpha=0.55)
    for j, name in enumerate(layers):
        side.text(
            total[name] + everyone * 0.03,
            j,
            f"{total[name]:,} ({total[name] / max(everyone, 1):.0%})",
            va="center",
            fontsize=9,
        )
    side.set_xlim(0, max([*total.values(), 1]) * 1.75)
    side.set_yticks([])
    for ax in (dots, side):
        ax.set_ylim(len(layers) - 0.5, -0.5)
        _bare(ax)
    return svg(figure, "Who has which layers: rows by pattern of presence, and rows by layer")


@styled
def learners(
    table: Sequence[Mapping[str, Any]], differences: Mapping[str, Mapping[str, Any]], metric: str, chance: float | None
) -> str:
    """Left: every learner with its interval and folds. Right: chosen minus each other learner, paired.

    Args:
        table: name, mean, low, high, folds; best first.
        differences: learner -> difference, low, high of `chosen` minus it.
    """
    two = bool(differences)
    figure, axes = canvas(8.6, 0.36 * len(table) + 0.9, 1 + two, sharey=True, width_ratios=[3, 2] if two else [1])
    ax = axes[0]
    for i, row in enumerate(table):
        chosen = row["name"] == "chosen"
        colour = BLUE if chosen else INK
        ax.plot(row["folds"], [i] * len(row["folds"]), "|", color=SOFT, ms=7, alpha=0.55)
        _interval(ax, i, row, colour, filled=True)
    if chance is not None:
        ax.axvline(chance, color=SOFT, lw=1, ls=(0, (3, 3)))
    ax.set_yticks(range(len(table)), [str(row["name"]) for row in table])
    for label in ax.get_yticklabels():
        if label.get_text() == "chosen":
            label.set_fontweight("bold")
            label.set_color(BLUE)
    ax.set_xlabel(f"{metric} on held-out rows" + (", dashed: guessing" if chance is not None else ""))
    ax.set_ylim(len(table) - 0.5, -0.5)
    ax.tick_params(axis="y", length=0)
    if two:
        right = axes[1]
        right.axvline(0, color=SOFT, lw=1)
        right.spines["left"].set_visible(False)
        for i, row in enumerate(table):
            if pair := differences.get(str(row["name"])):
                _interval(right, i, {**pair, "mean": pair["difference"]}, INK, filled=True)
        right.set_xlabel(f"chosen minus it, {metric}")
        right.tick_params(axis="y", length=0)
    return svg(figure, f"{metric} of every learner with its interval, and paired differences from the chosen one")


@styled
def biomarkers(table: pl.DataFrame) -> str:
    """Effect and interval of the first features, coloured by layer, in rank order."""
    figure, (ax,) = canvas(8.2, 0.3 * table.height + 1.1)
    colours = {name: PALETTE[i % len(PALETTE)] for i, name in enumerate(table["layer"].unique(maintain_order=True))}
    seen: set[str] = set()
    for i, row in enumerate(table.iter_rows(named=True)):
        colour, layer = colours[row["layer"]], str(row["layer"])
        ax.plot([0, row["effect"]], [i, i], color=colour, lw=1.2, alpha=0.5)
        if row["low"] is not None:
            ax.plot([row["low"], row["high"]], [i, i], color=colour, lw=3.2, alpha=0.3, solid_capstyle="butt")
        ax.plot(row["effect"], i, "o", color=colour, ms=6, label=None if layer in seen else layer)
        seen.add(layer)
    ax.axvline(0, color=SOFT, lw=1)
    ax.spines["left"].set_visible(False)
    ax.set_yticks(range(table.height), [short(str(r["symbol"] or r["feature"])) for r in table.iter_rows(named=True)])
    ax.set_ylim(table.height - 0.5, -0.5)
    ax.set_xlabel("effect: change of the score per standard deviation of the feature")
    ax.tick_params(axis="y", length=0)
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=min(len(colours), 5), handletextpad=0.2)
    return svg(figure, "Effect of the first biomarkers with intervals, by layer")


@styled
def subgroups(rows: Sequence[Mapping[str, Any]], metric: str) -> str:
    """Left: each group with its interval. Right: its gap to everybody else.

    Args:
        rows: by, group, mean, low, high, gap (mean, low, high, or None); those without a mean are left out.
    """
    shown = [row for row in rows if row["mean"] is not None]
    figure, (left, right) = canvas(8.6, 0.34 * len(shown) + 0.9, 2, sharey=True, width_ratios=[3, 2])
    right.axvline(0, color=SOFT, lw=1)
    for i, row in enumerate(shown):
        _interval(left, i, row, BLUE, filled=True)
        if row["gap"]:
            _interval(right, i, row["gap"], INK, filled=True)
        if i and row["by"] != shown[i - 1]["by"]:
            for ax in (left, right):
                ax.axhline(i - 0.5, color=PALE, lw=1)
    left.set_yticks(range(len(shown)), [short(f"{row['by']}: {row['group']}", 30) for row in shown])
    left.set_ylim(len(shown) - 0.5, -0.5)
    left.set_xlabel(f"{metric} on held-out rows")
    right.set_xlabel(f"gap to everybody else, {metric}")
    right.spines["left"].set_visible(False)
    for ax in (left, right):
        ax.tick_params(axis="y", length=0)
    return svg(figure, f"{metric} of the chosen learner by subgroup, and each group's gap to everybody else")


@styled
def controls(rows: Sequence[Mapping[str, Any]], metric: str, chance: float | None) -> str:
    """The chosen learner beside what the same procedure makes of permuted labels or a shuffled graph."""
    figure, (ax,) = canvas(8.2, 0.42 * len(rows) + 0.8)
    for i, row in enumerate(rows):
        values = [value for value in row["values"] if value is not None]
        ax.plot(values, [i] * len(values), "|", color=SOFT, ms=8, alpha=0.6)
        _interval(ax, i, row, BLUE if row["name"] == "chosen" else ORANGE, filled=True)
    if chance is not None:
        ax.axvline(chance, color=SOFT, lw=1, ls=(0, (3, 3)))
    ax.set_yticks(range(len(rows)), [str(row["name"]).replace("_", " ") for row in rows])
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.set_xlabel(metric)
    ax.tick_params(axis="y", length=0)
    return svg(figure, f"{metric} of the chosen learner and of the controls")


def _interval(ax: Axes, y: float, row: Mapping[str, Any], colour: str, *, filled: bool) -> None:
    if row.get("low") is not None and row.get("high") is not None:
        ax.plot([row["low"], row["high"]], [y, y], color=colour, lw=1.8)
    ax.plot(row["mean"], y, "o", color=colour, ms=6.5, mfc=colour if filled else "white")


def _bare(ax: Axes) -> None:
    for side in ("left", "bottom"):
        ax.spines[side].set_visible(False)
    ax.tick_params(axis="both", length=0)
    ax.set_xticks([])
