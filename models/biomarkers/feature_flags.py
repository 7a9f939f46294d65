"""Flags of ranked features: what else a feature may stand for than biology: batch, site, sex, who is measured, the cohort itself.

A flag is a reason to look, not a verdict: a gene of the Y chromosome marks sex, and may matter all the same.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
import polars as pl
from scipy import stats

from ..base.snapshot import Snapshot
from ..base.task import task_of
from ..preprocessing.covariates import COVARIATES
from .association import association, one_row_a_subject
from .feature_effects import feature_values

FIRST, LARGE, LEVEL, ALMOST, FEW = 100, 0.14, 0.01, 0.95, 5
"""Features by rank that are looked at; share of a feature's variance (by rank) that lies between groups from which on it is
called large (Cohen 1988); p after Bonferroni; share of rows that hold it from which on the cohort is defined by it; rows
below which nothing is said."""
SEX = ("sex", "gender", "is_female", "is_male", "female", "male")


def feature_flags(
    snapshot: Snapshot, ranked: pl.DataFrame, *, site: str | None = None, copies: Collection[tuple[str, str]] = ()
) -> pl.DataFrame:
    """The ranking with a column `flag`: words, missing where nothing is to be said or a feature is not among the first.

    Args:
        ranked: layer, feature, rank. site: a column of the snapshot's rows. copies: (layer, feature) that may be the outcome.
    Returns: ranked and flag: "batch (0.41)", "site (…)", "sex (…)": the share of its variance, by rank, that lies between
        batches, sites, sexes (epsilon squared; Kruskal–Wallis, p after Bonferroni below LEVEL); "who is measured": whether it is known goes with
        the outcome; "the cohort": almost every row holds it; "the outcome": it may be the outcome itself.
    """
    rows = one_row_a_subject(snapshot)
    first = ranked.filter(pl.col("rank") <= FIRST)
    groups = _groups(snapshot, site)
    tests = max(1, first.height * (len(groups) + 2))
    said: dict[tuple[str, str], str] = {}
    for (layer,), part in first.group_by("layer", maintain_order=True):
        names = part["feature"].to_list()
        values = feature_values(snapshot, str(layer), names, rows)
        beside = dict(groups)
        if (batch := _batch(snapshot, str(layer))) is not None:
            beside["batch"] = batch
        for name, x in zip(names, values.T, strict=True):
            words = [
                f"{what} ({share:.2f})"
                for what, group in beside.items()
                if not _is(str(layer), name, what, site) and (share := _share(x, group[rows], tests))
            ]
            words += _measured(snapshot, x, rows, tests)
            words += ["the outcome"] if (layer, name) in copies else []
            if words:
                said[str(layer), name] = "; ".join(words)
    flags = [said.get(key) for key in ranked.select("layer", "feature").iter_rows()]
    return ranked.with_columns(flag=pl.Series(flags, dtype=pl.String))


def _is(layer: str, name: str, what: str, site: str | None) -> bool:
    """Whether a feature is the site or the sex itself."""
    column = name.partition("=")[0]
    return layer == COVARIATES and (column.lower() in SEX if what == "sex" else what == "site" and column == site)


def _groups(snapshot: Snapshot, site: str | None) -> Mapping[str, np.ndarray]:
    """Of each row its site and its sex, as text, "" where it is not known."""
    found = {}
    if site and site in snapshot.rows.columns:
        found["site"] = _text(snapshot.rows[site])
    for table in (snapshot.covariates, snapshot.rows):
        for name in table.columns:
            if name.lower() in SEX:
                found.setdefault("sex", _text(table[name]))
    return found


def _text(series: pl.Series) -> np.ndarray:
    return series.cast(pl.String).fill_null("").to_numpy().astype(str)


def _batch(snapshot: Snapshot, layer: str) -> np.ndarray | None:
    if layer not in snapshot.layers or snapshot.layers[layer].batch is None:
        return None
    return np.asarray(snapshot.layers[layer].batch).astype(str)


def _share(x: np.ndarray, group: np.ndarray, tests: int) -> float | None:
    """Epsilon squared of a feature over groups, where it is large and sure; else None."""
    known = np.isfinite(x) & (group != "")
    names, index, count = np.unique(group[known], return_inverse=True, return_counts=True)
    if len(names) < 2 or known.sum() <= len(names) or (count >= FEW).sum() < 2:
        return None
    ranked = stats.rankdata(x[known])
    total = float(((ranked - ranked.mean()) ** 2).sum())
    if total <= 0:
        return None
    mean = np.bincount(index, weights=ranked) / count
    n, k = len(ranked), len(names)
    h = (n - 1) * float((count * (mean - ranked.mean()) ** 2).sum()) / total
    share = (h - k + 1) / (n - k)
    return share if share >= LARGE and stats.chi2.sf(h, k - 1) * tests <= LEVEL else None


def _measured(snapshot: Snapshot, x: np.ndarray, rows: np.ndarray, tests: int) -> list[str]:
    known = np.isfinite(x)
    words = []
    if min(known.sum(), (~known).sum()) >= FEW:
        p = association(snapshot.task, known.astype(np.float64)[:, None], snapshot.rows[rows])[0]
        if task_of(snapshot.task).supervised and p * tests <= LEVEL:
            words.append("who is measured")
    held = x[known]
    if len(held) >= FEW and np.isin(held, (0.0, 1.0)).all() and held.mean() >= ALMOST:
        words.append("the cohort")
    return words
