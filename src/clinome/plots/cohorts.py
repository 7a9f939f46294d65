"""Plots of cohorts: Kaplan–Meier curves with numbers at risk, and the effects of features that differ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from clinome.plots.style import (
    BLUE,
    INK,
    ORANGE,
    PALETTE,
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
    from matplotlib.figure import Figure

    from clinome.plots.style import Table


@styled
def kaplan_meier(
    table: Table, by: str | None = None, *, order: Sequence[Any] = (), colours: Sequence[str] = PALETTE
) -> Figure:
    """Kaplan–Meier curves of groups with pointwise 95% bands (log–log), numbers at risk below.

    Args:
        table: duration_days (from the prediction time to event or censoring), event (0/1 or bool), and the column `by`.
        by: a curve for each of its values; None: one curve of all rows.
        order: values of `by` in the order to draw; default: sorted. colours: one a group, in turn.
    Example:
        figure = clinome.plots.kaplan_meier(cohort, by="arm")
    """
    from clinome.models.metrics.kaplan_meier import kaplan_meier as estimate

    needed = ("duration_days", "event", *([by] if by else []))
    group = pl.col(by) if by else pl.lit("all")
    frame = table_of(table, *needed).with_columns(
        pl.col("duration_days").cast(pl.Float64), pl.col("event").cast(pl.Float64), group.alias("group")
    ).drop_nulls(["duration_days", "event", "group"])  # fmt: skip
    found = frame["group"].unique().sort().to_list()
    groups = [value for value in order if value in found] if order else found
    figure, (ax,) = canvas(7.4, 4.2 + 0.2 * max(len(groups), 1))
    end = float(frame["duration_days"].quantile(0.98) or 1.0)
    ticks = np.array([t for t in ax.xaxis.get_major_locator().tick_values(0, end) if 0 <= t <= end])
    for i, value in enumerate(groups):
        mine, colour = frame.filter(pl.col("group") == value), colours[i % len(colours)]
        curve = estimate(mine["duration_days"].to_numpy(), mine["event"].to_numpy())
        time, (low, high) = np.append(0.0, curve.times), curve.interval()
        name = short(str(value), 40)
        ax.step(time, np.append(1.0, curve.survival), where="post", color=colour, lw=2, label=name)
        ax.fill_between(time, np.append(1.0, low), np.append(1.0, high), step="post", color=colour, alpha=0.13, lw=0)
        for t in ticks:
            at_risk, y = f"{(mine['duration_days'] >= t).sum():,}", -0.25 - 0.065 * i
            ax.text(t, y, at_risk, ha="center", fontsize=SMALL, clip_on=False)
        mark = -0.235 - 0.065 * i  # the line's colour, beside its numbers
        ax.plot([-0.1, -0.07], [mark, mark], color=colour, lw=2.5, transform=ax.get_yaxis_transform(), clip_on=False)
    ax.text(0, -0.185, "number at risk", ha="center", color=SOFT, fontsize=SMALL)
    ax.set(xlim=(0, end), ylim=(0, 1.02), xlabel="days from the prediction time", ylabel="event-free probability")
    ax.set_xticks(ticks, [f"{t:,.0f}" for t in ticks])
    if by:
        ax.legend(loc="upper right")
    return finished(figure, f"Kaplan–Meier curves{f' by {by}' if by else ''} with 95% bands, numbers at risk below")


@styled
def cumulative_incidence(
    table: Table, by: str | None = None, *, order: Sequence[Any] = (), colours: Sequence[str] = PALETTE
) -> Figure:
    """Cumulative incidence of an event beside a competing one (Aalen–Johansen), with pointwise 95% bands.

    Without `by` also that of the competing event (dashed), and, pale, one minus Kaplan–Meier, which overstates the event.

    Args:
        table: duration_days, event (0/1 or bool), competing (0/1 or bool: that came first), and the column `by`.
        by: a curve of the event for each of its values; None: all rows.
        order: values of `by` in the order to draw; default: sorted. colours: one a group, in turn.
    Example:
        figure = clinome.plots.cumulative_incidence(cohort)
    """
    from clinome.models.metrics.cumulative_incidence import cumulative_incidence as estimate
    from clinome.models.metrics.kaplan_meier import kaplan_meier as survival

    names, group = ("duration_days", "event", "competing"), pl.col(by) if by else pl.lit("the event")
    frame = table_of(table, *names, *([by] if by else [])).with_columns(
        *(pl.col(name).cast(pl.Float64) for name in names), group.alias("group")
    ).drop_nulls([*names, "group"])  # fmt: skip
    found = frame["group"].unique().sort().to_list()
    figure, (ax,) = canvas(7.4, 4.2)
    end, top = float(frame["duration_days"].quantile(0.98) or 1.0), 0.05
    for i, value in enumerate([one for one in order if one in found] if order else found):
        mine, colour = frame.filter(pl.col("group") == value), colours[i % len(colours)]
        duration, event, competing = (mine[name].to_numpy() for name in names)
        curve = estimate(duration, event, competing)
        time, (low, high) = np.append(0.0, curve.times), curve.interval()
        ax.step(time, np.append(0, curve.event), where="post", color=colour, lw=2, label=short(str(value), 40))
        ax.fill_between(time, np.append(0, low), np.append(0, high), step="post", color=colour, alpha=0.13, lw=0)
        shown = [curve.event, high]
        if not by:
            naive = 1 - survival(duration, event).survival
            ax.step(
                time,
                np.append(0, curve.competing),
                where="post",
                color=ORANGE,
                lw=2,
                ls="--",
                label="the competing event",
            )
            ax.step(time, np.append(0, naive), where="post", color=SOFT, lw=1, label="1 − Kaplan–Meier of the event")
            shown += [curve.competing, naive]
        top = max(top, *(float(one[curve.times <= end].max(initial=0.0)) for one in shown))
    ax.set(
        xlim=(0, end),
        ylim=(0, min(1.02, 1.1 * top)),
        xlabel="days from the prediction time",
        ylabel="cumulative incidence",
    )
    ax.legend(loc="upper left")
    return finished(figure, f"Cumulative incidence{f' by {by}' if by else ''} beside a competing event, with 95% bands")


@styled
def differential_features(table: Table, *, names: tuple[str, str] = ("A", "B"), top: int = 15) -> Figure:
    """Differential features of two cohorts (forest plot): effects with 95% intervals, filled where q < 0.05.

    Args:
        table: feature, block, measure (all `value`: Cliff's delta; or all `share`: odds ratio, drawn on a log axis), effect,
            low, high, q, name or symbol (may be missing), as features.csv of `clinome compare`; drawn in this order.
        names: what the cohorts are called. top: how many to draw.
    Raises: InputError if a column is missing. ValueError for a table of both measures.
    Example:
        figure = clinome.plots.differential_features(features[features.measure == "value"], names=("treated", "control"))
    """
    columns = ("feature", "block", "measure", "effect", "low", "high", "q")
    full = table_of(table, *columns, optional={"symbol": None, "name": None})
    if full["measure"].n_unique() > 1:
        raise ValueError(f"measure: got {', '.join(full['measure'].unique().sort())}; expected one of them in a figure")
    rows = full.filter(pl.col("effect").is_not_null()).head(top).to_dicts()
    value = not rows or rows[0]["measure"] == "value"
    none, what = (0.0, "Cliff’s delta") if value else (1.0, "odds ratio")
    figure, (ax,) = canvas(8.2, 0.3 * len(rows) + 1.0)
    ax.axvline(none, color=SOFT, lw=1)
    for i, row in enumerate(rows):
        colour = BLUE if row["effect"] > none else ORANGE
        sure = row["q"] is not None and row["q"] < 0.05
        ax.plot([row["low"], row["high"]], [i, i], color=colour, lw=1.8)
        ax.plot(row["effect"], i, "o", color=colour, ms=6, mfc=colour if sure else "white")
    if value:
        ax.set_xlim(-1, 1)
    else:
        ax.set_xscale("log")
        ax.set_xlim(max(ax.get_xlim()[0], 1e-3), min(ax.get_xlim()[1], 1e3))
    category_axis(
        ax, [short(f"{row['name'] or row['symbol'] or row['feature']}  ·  {row['block']}", 40) for row in rows]
    )
    a, b = (short(name, 30) for name in names)
    ax.set_xlabel(f"{what} (95% CI)\n← higher in {b}        higher in {a} →", color=INK)
    ax.spines["left"].set_visible(False)
    return finished(figure, f"Differential features: {what} with 95% intervals, by increasing p")
