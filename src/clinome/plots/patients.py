"""Figures of patients: embedding map, layers by patient, timeline with both clocks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from clinome.plots.style import (
    BLUE,
    INK,
    PALE,
    PALETTE,
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

MOST_GROUPS = 6
"""Colours that are told apart; the groups behind them are drawn in grey."""
_DOTS: Any = {
    "s": 22,
    "alpha": 0.85,
    "edgecolors": "white",
    "linewidths": 0.3,
}  # matplotlib types its settings one by one


@styled
def embedding_map(table: Table, *, by: str | None = None) -> Figure:
    """Embedding map: nodes or patients by the first two principal components of their vectors, coloured by anything.

    Args:
        table: vector (lists of one length); and `by`: words (a colour each) or numbers (a scale).
        by: the column that colours.
    Source: principal components: an embedding's distances, which UMAP and t-SNE do not keep, are kept as far as two axes can.
    Example:
        figure = clinome.plots.embedding_map(run.embeddings.query("label == 'Patient'"))
    """
    full = table_of(table, "vector", *([by] if by else []))
    x = np.stack([np.asarray(one, dtype=float) for one in full["vector"].to_list()])
    centred = x - x.mean(axis=0)
    _, size, axes = np.linalg.svd(centred, full_matrices=False)
    share = size**2 / max(float((size**2).sum()), 1e-12)
    sign = np.sign(axes[np.arange(min(2, len(axes))), np.abs(axes[:2]).argmax(axis=1)])  # the same picture every time
    place = centred @ (axes[:2] * sign[:, None]).T
    place = place if place.shape[1] == 2 else np.column_stack([place, np.zeros(len(place))])
    figure, (ax,) = canvas(6.6, 5.2)
    if by is None:
        ax.scatter(*place.T, color=BLUE, **_DOTS)
    elif full[by].dtype.is_numeric() and full[by].n_unique() > MOST_GROUPS:
        known = full[by].cast(pl.Float64).fill_nan(None).is_not_null().to_numpy()
        ax.scatter(*place[~known].T, color=PALE, **_DOTS)
        drawn = ax.scatter(
            place[known, 0], place[known, 1], c=full[by].to_numpy()[known].astype(float), cmap="cividis", **_DOTS
        )
        figure.colorbar(drawn, ax=ax, shrink=0.7, label=by)
    else:
        _groups(ax, place, full[by].cast(pl.String).fill_null("not known").to_list(), by)
    ax.set_xlabel(f"first component ({share[0]:.0%} of the variance)")
    ax.set_ylabel(f"second component ({share[1] if len(share) > 1 else 0:.0%})")
    return finished(figure, f"Embedding map: two principal components{f', coloured by {by}' if by else ''}")


def _groups(ax: Axes, place: np.ndarray, groups: Sequence[str], by: str) -> None:
    counts = pl.Series(groups).value_counts(sort=True)
    names = counts.sort(["count", ""], descending=[True, False]).to_series(0).to_list()
    at = np.array(groups)
    for i, name in enumerate(names):
        colour = PALETTE[i] if i < MOST_GROUPS else SOFT
        label = f"{short(name, 22)} ({int((at == name).sum())})" if i < MOST_GROUPS else None
        ax.scatter(*place[at == name].T, color=colour, label=label, **_DOTS)
    more = f", {len(names) - MOST_GROUPS} more in grey" if len(names) > MOST_GROUPS else ""
    ax.legend(title=f"{short(by, 24)}{more}", loc="upper left", bbox_to_anchor=(1.0, 1.0))


@styled
def layers_by_patient(table: Table) -> Figure:
    """Layers by patient: which patients have which layers (rows of equal patterns together), and how many have each.

    Args:
        table: the columns are layers, a row a patient: true where it was measured.
    Example:
        figure = clinome.plots.layers_by_patient(pd.DataFrame({"rna": [True, True], "cnv": [True, False]}))
    """
    full = table if isinstance(table, pl.DataFrame) else pl.from_pandas(table)
    layers = sorted(full.columns, key=lambda name: (-int(full[name].sum()), name))
    x = full.select(pl.col(layers).cast(pl.Boolean)).to_numpy()
    patterns, counts = np.unique(x, axis=0, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    figure, (ax,) = canvas(8.2, 0.34 * len(layers) + 1.3)
    left = 0
    for pattern, n in zip(patterns[order], counts[order], strict=True):
        for i, has in enumerate(pattern):
            ax.barh(i, n, left=left, height=0.8, color=BLUE if has else PALE, edgecolor="white", linewidth=0.8)
        left += int(n)
    category_axis(ax, [f"{short(name, 24)}  {int(full[name].sum()):,}" for name in layers])
    ax.set_xlim(0, len(x))
    ax.set_xlabel(f"{len(x):,} patients in {len(counts):,} patterns, the commonest first; blue: measured")
    for side in ("left",):
        ax.spines[side].set_visible(False)
    return finished(figure, "Layers by patient: who was measured in what")


@styled
def patient_timeline(table: Table, *, prediction: float | None = None, most: int = 24) -> Figure:
    """Patient timeline with both clocks: when each event happened (dot) and when it was known (end of the line).

    Args:
        table: name, kind, time, known_time (both days since the first, or datetimes), a row an event; known_time may be missing.
        prediction: when the prediction was made, on the same clock: what was known later lies in grey.
        most: names at the most, those with the latest events first.
    Example:
        figure = clinome.plots.patient_timeline(graph.story("P017").table(), prediction=120.0)
    """
    full = table_of(table, "name", "kind", "time", optional={"known_time": None}).filter(pl.col("time").is_not_null())
    if full["time"].dtype.is_temporal():
        start = full["time"].min()
        full = full.with_columns(
            ((pl.col(c) - start).dt.total_minutes() / 1440).alias(c)
            for c in ("time", "known_time")
            if full[c].dtype.is_temporal()
        )
    full = full.with_columns(
        known_time=pl.coalesce(pl.col("known_time").cast(pl.Float64), pl.col("time").cast(pl.Float64))
    )
    last = (
        full.group_by("kind", "name")
        .agg(last=pl.col("time").max(), first=pl.col("time").min())
        .sort("last", "name", descending=[True, False])
    )
    shown = last.head(most).sort("kind", "first", "name")
    kinds = shown["kind"].unique(maintain_order=True).to_list()
    figure, (ax,) = canvas(9.0, 0.28 * shown.height + 1.4)
    for i, (kind, name) in enumerate(shown.select("kind", "name").iter_rows()):
        colour = PALETTE[kinds.index(kind) % len(PALETTE)]
        for time, known in (
            full.filter((pl.col("kind") == kind) & (pl.col("name") == name)).select("time", "known_time").iter_rows()
        ):
            late = prediction is not None and known > prediction
            ax.plot([time, known], [i, i], color=SOFT if late else colour, lw=1.6, alpha=0.6)
            ax.plot(time, i, "o", color=SOFT if late else colour, ms=5.5, mfc="white" if late else colour)
    if prediction is not None:
        ax.axvline(prediction, color=INK, lw=1.2, ls="--")
        ax.annotate(
            "prediction", (prediction, -0.9), ha="center", va="bottom", fontsize=9, color=INK, annotation_clip=False
        )
    for k, kind in enumerate(kinds):
        ax.plot([], [], "o", color=PALETTE[k % len(PALETTE)], label=short(str(kind), 20))
    category_axis(ax, [short(str(name), 34) for name in shown["name"]])
    ax.set_ylim(shown.height - 0.5, -0.9)
    more = last.height - shown.height
    said = "; hollow: not yet known at the prediction" if prediction is not None else ""
    ax.set_xlabel(
        f"days; dot: when it was, line: until it was known{said}{f'; {more:,} more names are not drawn' if more else ''}"
    )
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.02), ncols=5)
    return finished(figure, "Patient timeline: events by when they were and when they were known")
