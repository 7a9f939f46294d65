"""Figures of omics: oncoprint, heat map with clusters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from clinome.loaders.errors import InputError
from clinome.plots.style import (
    AMBER,
    BLUE,
    GREEN,
    ORANGE,
    PALE,
    PURPLE,
    SKY,
    SOFT,
    canvas,
    finished,
    short,
    styled,
    table_of,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from clinome.plots.style import Table

MOST_COLUMNS, MOST_ROWS = 400, 60
"""Patients and features that a picture can tell apart."""
_ALTERED = {
    "mutation": (GREEN, 0.36),
    "gain": (ORANGE, 0.86),
    "loss": (BLUE, 0.86),
    "high": (AMBER, 0.62),
    "low": (SKY, 0.62),
}
"""Kind of alteration -> colour, and height of its bar: several lie over one another in a cell."""


@styled
def oncoprint(table: Table, *, order: Sequence[str] = (), most: int = 20, everybody: int | None = None) -> Figure:
    """Oncoprint: which patients have an alteration in which gene, genes by how often, patients sorted so that alike ones lie together.

    Args:
        table: patient, gene, kind (mutation, gain, loss, high, low), a row an alteration.
        order: genes from top to bottom (default: the most altered first). most: genes at the most.
        everybody: how many patients were looked at, for the percentages (default: those with an alteration).
    Raises: InputError for another kind.
    Example:
        figure = clinome.plots.oncoprint(alterations, everybody=193)
    """
    full = table_of(table, "patient", "gene", "kind").select(pl.col("patient").cast(pl.String), "gene", "kind").unique()
    unknown = sorted(set(full["kind"]) - _ALTERED.keys())
    if unknown:
        raise InputError(
            "a kind of alteration that has no colour",
            "the table to plot, kind",
            unknown[0],
            ", ".join(_ALTERED),
            "rename it",
        )
    counts = full.group_by("gene").agg(n=pl.col("patient").n_unique()).sort("n", "gene", descending=[True, False])
    genes = [gene for gene in order if gene in set(counts["gene"])] or counts["gene"].to_list()
    genes, held = genes[:most], dict(counts.iter_rows())
    shown = full.filter(pl.col("gene").is_in(genes))
    has = {gene: set(part["patient"]) for (gene,), part in shown.group_by("gene")}
    patients = sorted(shown["patient"].unique(), key=lambda one: (*(one not in has[gene] for gene in genes), one))[
        :MOST_COLUMNS
    ]
    of = everybody or full["patient"].n_unique()
    figure, (ax,) = canvas(9.0, 0.3 * len(genes) + 1.2)
    place, row = {one: i for i, one in enumerate(patients)}, {gene: i for i, gene in enumerate(genes)}
    for i in range(len(genes)):
        ax.barh(i, len(patients), left=-0.5, height=0.86, color=PALE, alpha=0.45)
    for kind, (colour, height) in _ALTERED.items():
        mine = [(place[p], row[g]) for p, g, k in shown.iter_rows() if k == kind and p in place]
        if mine:
            left, y = np.array(mine).T
            ax.barh(y, 0.9, left=left - 0.45, height=height, color=colour, label=kind)
    ax.set_yticks(range(len(genes)), [f"{gene}  {held[gene] / of:.0%}" for gene in genes])
    ax.set_ylim(len(genes) - 0.4, -0.6)
    ax.set_xlim(-0.5, len(patients) - 0.5)
    ax.set_xticks([])
    for side in ("left", "bottom"):
        ax.spines[side].set_visible(False)
    more = shown["patient"].n_unique() - len(patients)
    ax.set_xlabel(
        f"{len(patients):,} of {of:,} patients with an alteration in these genes"
        + (f"; {more:,} more are not drawn" if more else "")
    )
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=5)
    return finished(figure, "Oncoprint: alterations of the most altered genes, a column a patient")


@styled
def heat_map(table: Table, *, groups: Mapping[str, str] | None = None, limit: float = 3.0) -> Figure:
    """Heat map with clusters: standardised values, rows and columns ordered by average-linkage clustering, groups above.

    Args:
        table: the first column names the feature, every other one is a patient; numbers, null where not known.
        groups: patient -> its group (outcome, subtype), drawn as a bar above.
        limit: values beyond are drawn in the last colour.
    Raises: InputError for a table of more features or patients than a picture can tell apart.
    Source: UPGMA, Sokal & Michener 1958, with optimal leaf ordering, Bar-Joseph et al. 2001, doi:10.1093/bioinformatics/17.suppl_1.S22.
    Example:
        figure = clinome.plots.heat_map(values, groups=dict(zip(cohort.subject_id, cohort.label)))
    """
    full = table if isinstance(table, pl.DataFrame) else pl.from_pandas(table)
    features, patients = full.to_series(0).cast(pl.String).to_list(), full.columns[1:]
    if len(features) > MOST_ROWS or len(patients) > MOST_COLUMNS:
        got = f"{len(features):,} features, {len(patients):,} patients"
        fix = "draw the first biomarkers, or a sample of the patients"
        raise InputError(
            "more than a picture can tell apart",
            "the table to plot",
            got,
            f"{MOST_ROWS} features, {MOST_COLUMNS} patients",
            fix,
        )
    x = full[:, 1:].cast(pl.Float64).to_numpy()
    sd = np.nanstd(x, axis=1, keepdims=True)
    z = (x - np.nanmean(x, axis=1, keepdims=True)) / np.where(sd > 0, sd, 1)
    rows, columns = _leaves(z), _leaves(z.T)
    figure, (ax,) = canvas(9.0, 0.24 * len(features) + 1.6)
    drawn = ax.imshow(
        z[rows][:, columns], cmap="RdBu_r", vmin=-limit, vmax=limit, aspect="auto", interpolation="nearest"
    )
    ax.set_facecolor(PALE)
    ax.set_yticks(range(len(features)), [short(features[i], 26) for i in rows])
    ax.tick_params(axis="y", length=0)
    ax.set_xticks([])
    ax.set_xlabel(f"{len(patients):,} patients" + (", grey: not known" if np.isnan(x).any() else ""))
    names = sorted({groups[p] for p in patients if p in groups}) if groups else []
    colours = dict(zip(names, (BLUE, ORANGE, GREEN, PURPLE, SKY, AMBER), strict=False))
    for name in names:
        mine = [i for i, j in enumerate(columns) if groups and groups.get(patients[j]) == name]
        ax.bar(mine, 0.8, bottom=-1.6, width=1.0, color=colours.get(name, SOFT), label=short(str(name), 20))
    if names:
        ax.set_ylim(len(features) - 0.5, -1.7)
        ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=min(6, len(names)))
    figure.colorbar(drawn, ax=ax, shrink=0.6, label="standard deviations from the mean", extend="both")
    return finished(figure, "Heat map: standardised values, features and patients ordered by clustering")


def _leaves(z: np.ndarray) -> list[int]:
    """The order of the rows by clustering; what is not known counts as the mean."""
    from scipy.cluster.hierarchy import leaves_list, linkage

    if len(z) < 3:
        return list(range(len(z)))
    return [int(i) for i in leaves_list(linkage(np.nan_to_num(z), method="average", optimal_ordering=len(z) <= 200))]
