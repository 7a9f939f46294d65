"""Plots of one run: cohort selection, missing data, model comparison, subgroups, biomarkers, controls, learning curve."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import polars as pl

from clinome.plots.style import (
    BLUE,
    INK,
    ORANGE,
    PALE,
    PALETTE,
    SKY,
    SMALL,
    SOFT,
    bare,
    canvas,
    category_axis,
    finished,
    interval,
    notebook_figure,
    short,
    styled,
    table_of,
    values_of,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from clinome.plots.style import Table

_INTERVAL = {"low": None, "high": None}
DIFFERENCES = 5
"""Steps of an axis of differences: with a sign and two decimals no more fit into a narrow panel."""


@styled
def attrition(steps: Table) -> Figure:
    """Cohort selection: rows left after each step of the cohort query, and rows lost by it.

    Args:
        steps: step (text), count (rows left); in order, as attrition.csv.
    Raises: InputError if a column is missing.
    Example:
        figure = clinome.plots.attrition(pd.read_csv("runs/lung/attrition.csv"))
    """
    table = table_of(steps, "step", "count")
    names, counts = [str(name) for name in table["step"]], [int(count) for count in table["count"]]
    figure, (ax,) = canvas(8.2, 0.42 * len(names) + 0.3)
    largest = max([*counts, 1])
    for i, count in enumerate(counts):
        last = i == len(counts) - 1
        ax.barh(i, count, height=0.62, color=BLUE if last else SKY, alpha=1.0 if last else 0.55)
        lost = f"−{counts[i - 1] - count:,}" if i and counts[i - 1] > count else ""
        ax.text(count + largest * 0.012, i, f"{count:,}", va="center", fontweight="bold" if last else "normal")
        ax.text(largest * 1.2, i, lost, va="center", ha="left", color=SOFT)
    bare(ax)
    category_axis(ax, [short(name, 44) for name in names])
    ax.set_xlim(0, largest * (1.32 if min(counts, default=0) < max(counts, default=0) else 1.12))
    return finished(figure, "Cohort selection: rows left after each step of the cohort query")


@styled
def missing_data(available: Table, most: int = 16, *, unit: str = "rows") -> Figure:
    """Missing data: which layers rows have together (UpSet plot), and how many have each layer.

    Args:
        available: a boolean column a layer, true where a row has it; `count`, if there is one, says for how many rows a
            line stands.
        most: patterns to draw, the most frequent ones. unit: what is counted.
    Source: Lex 2014, doi:10.1109/TVCG.2014.2346248.
    Example:
        figure = clinome.plots.missing_data(pd.DataFrame({"rna": [True, True, False], "records": [True, False, True]}))
    """

    table = table_of(available, optional={"count": 1})
    layers = [name for name in table.columns if name != "count"]
    patterns = table.group_by(layers).agg(pl.col("count").sum()).sort(["count", *layers], descending=True)
    shown, rest = patterns.head(most), int(patterns.tail(-most)["count"].sum())
    total = {name: int(table.filter(pl.col(name))["count"].sum()) for name in layers}
    everyone = max(int(table["count"].sum()), 1)

    wide = max(0.46 * shown.height, 1.2)
    figure = notebook_figure()(figsize=(min(wide + 3.8, 9.4), 0.34 * len(layers) + 2.0), layout="constrained")
    grid = figure.add_gridspec(2, 2, width_ratios=[wide, 2.0], height_ratios=[1.5, 0.34 * len(layers) + 0.15])
    top, dots, side = figure.add_subplot(grid[0, 0]), figure.add_subplot(grid[1, 0]), figure.add_subplot(grid[1, 1])
    top.bar(range(shown.height), shown["count"].to_list(), width=0.6, color=BLUE)
    for i, pattern in enumerate(shown.iter_rows(named=True)):
        top.annotate(f"{pattern['count']:,}", (i, pattern["count"]), (0, 3), textcoords="offset points", ha="center",
                     fontsize=SMALL)  # fmt: skip
        has = [j for j, name in enumerate(layers) if pattern[name]]
        dots.plot([i] * len(layers), range(len(layers)), "o", color=PALE, ms=7, ls="")
        dots.plot([i] * len(has), has, "o-", color=BLUE, ms=7, lw=1.5)
    bare(dots)
    bare(side)
    top.set_ylim(0, max([*shown["count"], 1]) * 1.18)
    top.set_ylabel(unit)
    top.set_xticks([])
    top.spines["bottom"].set_visible(False)
    if rest:
        said = f"{patterns.height - most} rarer patterns ({rest:,} {unit}) not drawn"
        top.set_title(said, color=SOFT, fontweight="normal")
    for ax in (top, dots):
        ax.set_xlim(-0.6, shown.height - 0.4)
    category_axis(dots, [short(name, 20) for name in layers])
    side.barh(range(len(layers)), [total[name] for name in layers], height=0.55, color=SKY, alpha=0.55)
    for j, name in enumerate(layers):
        share = f"{total[name]:,} ({total[name] / everyone:.0%})"
        side.text(total[name] + everyone * 0.03, j, share, va="center", fontsize=SMALL)
    side.set_xlim(0, max([*total.values(), 1]) * 1.75)
    category_axis(side, [""] * len(layers))
    return finished(figure, f"Missing data: {unit} by pattern of available layers, and {unit} with each layer")


@styled
def model_comparison(
    learners: Table, differences: Table | None = None, *, metric: str = "score", chance: float | None = None
) -> Figure:
    """Model comparison: each learner's held-out performance with its 95% interval, and paired differences.

    Args:
        learners: learner, mean, low, high (the 95% interval), folds (a list, each fold's value; may be missing); drawn in
            this order. The learner called `chosen` is drawn in blue.
        differences: learner, difference (`chosen` minus it), low, high; None: no right side.
        metric: the axis label. chance: a dashed line, where a guess would be.
    Example:
        figure = clinome.plots.model_comparison(table, metric="AUROC", chance=0.5)
    """
    table = table_of(learners, "learner", "mean", optional={**_INTERVAL, "folds": None})
    pairs = {} if differences is None else {
        str(row["learner"]): row for row in table_of(differences, "learner", "difference", optional=_INTERVAL).to_dicts()
    }  # fmt: skip
    two, names = bool(pairs), [str(name) for name in table["learner"]]
    figure, axes = canvas(8.6, 0.36 * len(names) + 0.9, 1 + two, sharey=True, width_ratios=[3, 2] if two else [1])
    left = axes[0]
    for i, row in enumerate(table.iter_rows(named=True)):
        folds = values_of(row)
        left.plot(folds, [i] * len(folds), "|", color=SOFT, ms=7, alpha=0.55)
        interval(left, i, row, BLUE if row["learner"] == "chosen" else INK)
    if chance is not None:
        left.axvline(chance, color=SOFT, lw=1, ls=(0, (3, 3)))
    left.set_xlabel(f"{metric}, held out (95% CI)" + (", dashed: chance" if chance is not None else ""))
    if two:
        right = axes[1]
        right.axvline(0, color=SOFT, lw=1)
        right.spines["left"].set_visible(False)
        for i, name in enumerate(names):
            if pair := pairs.get(name):
                interval(right, i, {**pair, "mean": pair["difference"]}, INK)
        right.set_xlabel(f"difference in {metric}:\nchosen − learner (95% CI)")
        right.locator_params(axis="x", nbins=DIFFERENCES)
        right.tick_params(axis="y", length=0)
    category_axis(left, [short(name, 24) for name in names])
    finished(figure, f"Model comparison: {metric} of each learner with 95% interval, and paired differences")
    for label in left.get_yticklabels():
        if label.get_text() == "chosen":
            label.set(fontweight="bold", color=BLUE)
    return figure


@styled
def biomarkers(table: Table, top: int = 20) -> Figure:
    """Biomarkers: effect of the first features on the score with 95% intervals, coloured by layer; importance of those
    of several classes, where an effect has no direction.

    Args:
        table: rank, feature, layer, effect (change of the score per standard deviation of the feature), low, high,
            importance, name or symbol (may be missing), as biomarkers.csv. Rows without an effect are left out, unless
            none has one.
        top: how many to draw.
    Example:
        figure = clinome.plots.biomarkers(pd.read_csv("runs/lung/biomarkers.csv"), top=10)
    """
    names = {"symbol": None, "name": None, "importance": None}
    full = table_of(table, "rank", "feature", "layer", "effect", optional={**_INTERVAL, **names})
    first = full.sort("rank").head(top)
    value = "importance" if first["effect"].is_null().all() and first["importance"].count() else "effect"
    shown = first.filter(pl.col(value).is_not_null())
    figure, (ax,) = canvas(8.2, 0.3 * shown.height + 1.1)
    colours = {name: PALETTE[i % len(PALETTE)] for i, name in enumerate(shown["layer"].unique(maintain_order=True))}
    seen: set[str] = set()
    for i, row in enumerate(shown.iter_rows(named=True)):
        colour, layer = colours[row["layer"]], str(row["layer"])
        ax.plot([0, row[value]], [i, i], color=colour, lw=1.2, alpha=0.5)
        if value == "effect" and row["low"] is not None:
            ax.plot([row["low"], row["high"]], [i, i], color=colour, lw=3.2, alpha=0.3, solid_capstyle="butt")
        ax.plot(row[value], i, "o", color=colour, ms=6, label=None if layer in seen else layer)
        seen.add(layer)
    ax.axvline(0, color=SOFT, lw=1)
    ax.spines["left"].set_visible(False)
    labels = [short(str(row["name"] or row["symbol"] or row["feature"])) for row in shown.iter_rows(named=True)]
    category_axis(ax, labels)
    if value == "effect":
        ax.set_xlabel("effect: change of the score per standard deviation (95% interval over folds)")
    else:
        ax.set_xlabel("importance: share of all attribution, mean over folds (no direction: several classes)")
    if shown.height:
        ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=min(len(colours), 5), handletextpad=0.2)
    what = (
        "effect of the first features with 95% intervals" if value == "effect" else "importance of the first features"
    )
    return finished(figure, f"Biomarkers: {what}, by layer")


@styled
def subgroups(table: Table, *, metric: str = "score") -> Figure:
    """Subgroups (forest plot): performance in each group, and its difference from all other rows, with 95% intervals.

    Args:
        table: by (the variable), group, mean, low, high; gap, gap_low, gap_high (group minus all others; may be missing
            or null). Groups without a mean are left out.
        metric: the axis label.
    Example:
        figure = clinome.plots.subgroups(table, metric="AUROC")
    """
    gaps = {"gap": None, "gap_low": None, "gap_high": None}
    full = table_of(table, "by", "group", "mean", optional={**_INTERVAL, **gaps})
    shown = full.filter(pl.col("mean").is_not_null()).to_dicts()
    figure, (left, right) = canvas(8.6, 0.34 * len(shown) + 0.9, 2, sharey=True, width_ratios=[3, 2])
    right.axvline(0, color=SOFT, lw=1)
    for i, row in enumerate(shown):
        interval(left, i, row, BLUE)
        if row["gap"] is not None:
            interval(right, i, {"mean": row["gap"], "low": row["gap_low"], "high": row["gap_high"]}, INK)
        if i and row["by"] != shown[i - 1]["by"]:
            for ax in (left, right):
                ax.axhline(i - 0.5, color=PALE, lw=1)
    left.set_xlabel(f"{metric}, held out (95% CI)")
    right.set_xlabel(f"difference in {metric}:\ngroup − all others (95% CI)")
    right.locator_params(axis="x", nbins=DIFFERENCES)
    right.spines["left"].set_visible(False)
    right.tick_params(axis="y", length=0)
    category_axis(left, [short(f"{row['by']}: {row['group']}", 30) for row in shown])
    return finished(figure, f"Subgroups: {metric} by group, and difference from all other rows, with 95% intervals")


def _control_label(row: Mapping[str, Any]) -> str:
    """A control in words, `permuted labels (ridge_late)`; a learner by its own name."""
    name = str(row["control"])
    control, bracket, learner = name.partition(" (")
    return name if name in (row["learner"], "chosen") else control.replace("_", " ") + bracket + learner


@styled
def controls(table: Table, *, metric: str = "score", chance: float | None = None) -> Figure:
    """Controls: performance of the chosen learner beside negative controls, such as permuted labels.

    Args:
        table: control (name; `chosen` is drawn in blue), mean, low, high, folds (a list, each value; may be missing),
            learner (may be missing: where it is the control's name, the row is no control but the learner itself).
        metric: the axis label. chance: a dashed line, where a guess would be.
    Example:
        figure = clinome.plots.controls(table, metric="AUROC", chance=0.5)
    """
    rows = table_of(table, "control", "mean", optional={**_INTERVAL, "folds": None, "learner": None}).to_dicts()
    figure, (ax,) = canvas(8.2, 0.42 * len(rows) + 0.8)
    for i, row in enumerate(rows):
        values = values_of(row)
        ax.plot(values, [i] * len(values), "|", color=SOFT, ms=8, alpha=0.6)
        colour = BLUE if row["control"] == "chosen" else INK if row["control"] == row["learner"] else ORANGE
        interval(ax, i, row, colour)
    if chance is not None:
        ax.axvline(chance, color=SOFT, lw=1, ls=(0, (3, 3)))
    category_axis(ax, [_control_label(row) for row in rows])
    ax.set_xlabel(f"{metric} (95% CI)" + (", dashed: chance" if chance is not None else ""))
    return finished(figure, f"Controls: {metric} of the chosen learner and of each control")


@styled
def learning_curve(table: Table, *, metric: str = "score") -> Figure:
    """Learning curve: held-out performance over the number of training rows, the band a 95% interval of the best learner.

    Args:
        table: learner, rows (training rows, mean over folds), mean, low, high. Points without a mean are left out.
        metric: the axis label.
    Example:
        figure = clinome.plots.learning_curve(table, metric="AUROC")
    """
    found = table_of(table, "learner", "rows", "mean", optional=_INTERVAL).filter(pl.col("mean").is_not_null())
    lines: Mapping[str, pl.DataFrame] = {
        str(name[0]): points.sort("rows") for name, points in found.group_by("learner", maintain_order=True)
    }
    order = sorted(lines, key=lambda name: -float(lines[name]["mean"][-1]))
    figure, (ax,) = canvas(7.4, 4.2)
    for i, name in enumerate(order):
        points, colour, best = lines[name], PALETTE[i % len(PALETTE)], i == 0
        rows, width = points["rows"].to_numpy(), 2.2 if best else 1.4
        ax.plot(
            rows,
            points["mean"].to_numpy(),
            "o-",
            color=colour,
            lw=width,
            ms=5,
            label=short(name, 24),
            zorder=3 - (not best),
        )
        band = points.drop_nulls(["low", "high"])
        if best and band.height:
            low, high = band["low"].to_numpy(), band["high"].to_numpy()
            ax.fill_between(band["rows"].to_numpy(), low, high, color=colour, alpha=0.13, lw=0)
    ax.set(xlabel="training rows (mean over folds)", ylabel=f"{metric}, held out")
    ax.set_xlim(left=0)
    figure.legend(loc="outside right upper")
    return finished(figure, f"Learning curve: held-out {metric} of each learner over the number of training rows")
