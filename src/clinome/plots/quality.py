"""Plots of data quality: missing features, missing by outcome, outcome by group, components, distributions, records over time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from clinome.plots.style import (
    BLUE,
    INK,
    ORANGE,
    PALETTE,
    SKY,
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


@styled
def missing_features(curve: Table) -> Figure:
    """Missing data by feature: how much is missing of the features of each layer that lacks any, from the most complete to the least.

    Args:
        curve: layer, features (share of them, 0 to 1), missing (share of samples without a value).
    Example:
        figure = clinome.plots.missing_features(clinome.quality("study.toml").tables["missing_curve"])
    """
    table = table_of(curve, "layer", "features", "missing").filter(pl.col("missing").max().over("layer") > 0)
    figure, (ax,) = canvas(7.4, 3.4)
    for i, ((layer,), rows) in enumerate(table.group_by("layer", maintain_order=True)):
        ax.plot(rows["features"], rows["missing"], color=PALETTE[i % len(PALETTE)], lw=2, label=short(str(layer), 24))
    ax.set(xlim=(0, 1), ylim=(0, max(0.05, 1.08 * max(table["missing"], default=0.0))))
    ax.set(xlabel="features, the most complete first", ylabel="samples without a value")
    _percent(ax, "xy")
    ax.legend(loc="upper left")
    return finished(figure, "Missing data by feature: share of samples without a value, by layer")


@styled
def missing_by_outcome(tests: Table, top: int = 15) -> Figure:
    """Missing data by outcome (dumbbells): share missing in the outcome with least and in the one with most of it.

    Args:
        tests: name, what, least, most (shares), q; drawn in this order, filled where q < 0.05.
        top: how many to draw.
    Example:
        figure = clinome.plots.missing_by_outcome(clinome.quality("study.toml").tables["missing_tests"])
    """
    table = table_of(tests, "name", "what", "least", "most", "q").head(top)
    figure, (ax,) = canvas(8.2, 0.3 * max(table.height, 1) + 0.9)
    for i, row in enumerate(table.iter_rows(named=True)):
        sure = row["q"] is not None and row["q"] < 0.05
        colour = ORANGE if sure else SOFT
        ax.plot([row["least"], row["most"]], [i, i], color=colour, lw=2.2, alpha=0.8)
        ax.plot([row["least"], row["most"]], [i, i], "o", color=colour, ms=6, mfc=colour if sure else "white", ls="")
    words = {"layer": "layer", "cells": "cells of layer", "covariate": "covariate", "records": "any record", "code": ""}
    labels = [
        f"{words.get(w, w)} {n}".strip() if w != "records" else words[w]
        for w, n in table.select("what", "name").iter_rows()
    ]
    category_axis(ax, [short(label, 40) for label in labels])
    ax.set_xlabel("share missing, in the outcome with least and with most of it (filled: q < 0.05)", color=INK)
    ax.set_xlim(left=0)
    _percent(ax, "x")
    ax.spines["left"].set_visible(False)
    return finished(figure, "Missing data by outcome: share missing in the outcomes with least and most of it")


@styled
def outcome_by_group(
    table: Table, *, by: str = "", measure: str = "share with the outcome", reference: float | None = None
) -> Figure:
    """Outcome by batch, site or period: share with 95% interval, observed to expected events, or shares of classes.

    Args:
        table: group, patients, value, low, high (the 95% interval); or group, patients, class, value.
        by: what the groups are. measure: the axis label. reference: a dashed line; default: the mean of everybody.
    Example:
        figure = clinome.plots.outcome_by_group(sites, by="site")
    """
    found = table_of(table, "group", "patients", "value", optional={"low": None, "high": None})
    names = found["group"].unique(maintain_order=True).to_list()
    counts = dict(found.select("group", "patients").unique("group").iter_rows())
    figure, (ax,) = canvas(7.8, 0.3 * max(len(names), 1) + 1.0)
    if "class" in found.columns:
        _class_bars(ax, found, names)
    else:
        for i, row in enumerate(found.iter_rows(named=True)):
            if row["low"] is not None:
                ax.plot([row["low"], row["high"]], [i, i], color=BLUE, lw=1.8)
            ax.plot(row["value"], i, "o", color=BLUE, ms=6)
        if reference is None and found.height:
            reference = float(np.average(found["value"].to_numpy(), weights=found["patients"].to_numpy()))
        if reference is not None:
            ax.axvline(reference, color=SOFT, lw=1, ls=(0, (3, 3)))
    category_axis(ax, [f"{short(str(name), 26)} (n = {counts[name]:,})" for name in names])
    ax.set_xlabel(measure + (", 95% CI" if "class" not in found.columns else ""))
    if measure.startswith("share"):
        _percent(ax, "x")
    ax.spines["left"].set_visible(False)
    return finished(figure, f"Outcome by {by or 'group'}: {measure}")


def _class_bars(ax: Axes, found: pl.DataFrame, names: list[str]) -> None:
    left = np.zeros(len(names))
    for k, name in enumerate(found["class"].unique().sort()):
        mine = dict(found.filter(pl.col("class") == name).select("group", "value").iter_rows())
        width = np.array([mine.get(group, 0.0) for group in names])
        ax.barh(
            range(len(names)),
            width,
            left=left,
            height=0.66,
            color=PALETTE[k % len(PALETTE)],
            label=short(str(name), 20),
        )
        left = left + width
    ax.set_xlim(0, 1)
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=5)


@styled
def sample_components(table: Table, most: int = 6) -> Figure:
    """Principal components of each layer's samples, coloured by batch; samples far from all others are ringed.

    Args:
        table: layer, first, second (components), batch (text or null), far (bool), share_first, share_second (of the
            variance).
        most: layers to draw.
    Example:
        figure = clinome.plots.sample_components(clinome.quality("study.toml").tables["components"])
    """
    full = table_of(table, "layer", "first", "second", "batch", "far", "share_first", "share_second")
    layers = full["layer"].unique(maintain_order=True).to_list()[:most]
    batches = full["batch"].drop_nulls().value_counts(sort=True)["batch"].to_list()[: len(PALETTE)]
    columns = min(3, max(len(layers), 1))
    rows = -(-max(len(layers), 1) // columns)
    from matplotlib.figure import Figure as Canvas

    figure = Canvas(figsize=(2.9 * columns + 0.6, 2.8 * rows + (0.5 if batches else 0.1)), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for ax, layer in zip(axes, layers, strict=False):
        mine = full.filter(pl.col("layer") == layer)
        for k, batch in enumerate([*batches, None]):
            chosen = mine.filter(
                ~pl.col("batch").is_in(batches).fill_null(False) if batch is None else pl.col("batch") == batch
            )
            colour = (SOFT if batches else BLUE) if batch is None else PALETTE[k]
            ax.plot(
                chosen["first"],
                chosen["second"],
                "o",
                ls="",
                ms=3.2,
                color=colour,
                alpha=0.55,
                mew=0,
                rasterized=mine.height > 1_000,
            )
        far = mine.filter("far")
        ax.plot(far["first"], far["second"], "o", ls="", ms=8, mfc="none", mec=INK, mew=1)
        ax.set_title(short(layer, 26))
        if mine.height:
            ax.set_xlabel(f"component 1 ({mine['share_first'][0]:.0%})")
            ax.set_ylabel(f"component 2 ({mine['share_second'][0]:.0%})")
        ax.set_xticks([])
        ax.set_yticks([])
    for ax in axes[len(layers) :]:
        ax.set_visible(False)
    if batches:
        from matplotlib.lines import Line2D

        marks = [
            Line2D([], [], marker="o", ls="", color=PALETTE[k], label=short(name, 16)) for k, name in enumerate(batches)
        ]
        figure.legend(handles=marks, loc="outside upper left", ncols=6)
    return finished(figure, "Principal components of the samples of each layer, by batch; outlying samples ringed")


@styled
def distributions(histograms: Table, most: int = 12) -> Figure:
    """Distributions of numeric variables, from the 1st to the 99th percentile.

    Args:
        histograms: name, low, high (edges of a bin), n (values in it); a panel a name, in this order.
        most: panels to draw.
    Example:
        figure = clinome.plots.distributions(clinome.quality("study.toml").tables["histograms"])
    """
    table = table_of(histograms, "name", "low", "high", "n")
    names = table["name"].unique(maintain_order=True).to_list()[:most]
    columns = 4
    rows = -(-max(len(names), 1) // columns)
    from matplotlib.figure import Figure as Canvas

    figure = Canvas(figsize=(8.6, 1.55 * rows + 0.1), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for ax, name in zip(axes, names, strict=False):
        mine = table.filter(pl.col("name") == name)
        width = (mine["high"] - mine["low"]).to_numpy()
        ax.bar(mine["low"], mine["n"], width=width, align="edge", color=SKY, alpha=0.8, lw=0)
        ax.set_title(short(name, 24), fontsize=SMALL)
        ax.set_yticks([])
        ax.spines["left"].set_visible(False)
        ax.locator_params(axis="x", nbins=4)
    for ax in axes[len(names) :]:
        ax.set_visible(False)
    return finished(figure, "Distributions of numeric variables, from the 1st to the 99th percentile")


@styled
def records_over_time(monthly: Table) -> Figure:
    """Records over calendar time: events a month of each source.

    Args:
        monthly: month (date or datetime), source, n.
    Example:
        figure = clinome.plots.records_over_time(clinome.quality("study.toml").tables["events_by_month"])
    """
    table = table_of(monthly, "month", "source", "n").with_columns(pl.col("month").cast(pl.Datetime("us")))
    figure, (ax,) = canvas(8.2, 2.9)
    months = (
        table.select(pl.datetime_range(pl.min("month"), pl.max("month"), "1mo").alias("month"))
        if table.height
        else table.select("month")
    )
    for i, ((source,), rows) in enumerate(table.group_by("source", maintain_order=True)):
        each = months.join(rows, on="month", how="left").with_columns(pl.col("n").fill_null(0)).sort("month")
        ax.plot(
            each["month"].to_numpy(),
            each["n"].to_numpy(),
            color=PALETTE[i % len(PALETTE)],
            lw=1.8,
            label=short(str(source), 28),
        )
    ax.set_ylim(bottom=0)
    ax.set_ylabel("events a month")
    if table["source"].n_unique() > 1:
        ax.legend(loc="upper left")
    return finished(figure, "Records over calendar time: events a month, by source")


def _percent(ax: Axes, which: str) -> None:
    from matplotlib.ticker import PercentFormatter

    for axis in which:
        low, high = ax.get_xlim() if axis == "x" else ax.get_ylim()
        ticks = PercentFormatter(1.0, decimals=0 if high - low > 0.1 else 1)
        (ax.xaxis if axis == "x" else ax.yaxis).set_major_formatter(ticks)
