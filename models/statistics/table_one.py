"""Table 1: who the groups of a cohort are, beside one another, with what is missing and how far they lie apart.

Standardised mean differences say how far, whatever the size of the cohort; p-values mostly say how large it is.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import combinations

import numpy as np
import polars as pl
from scipy import stats

from .rank_tests import kruskal

MOST = 12
"""Of a column of words the values that most have; the rest is one line."""
HEAD = ("variable", "level", "all")
TAIL = ("smd", "p")


def table_one(columns: pl.DataFrame, group: pl.Series, untested: Collection[str] = ()) -> pl.DataFrame:
    """A line a number, a line a value of a column of words; what is missing in a line of its own.

    Args:
        columns: one row a row of the cohort: numbers, booleans, words. Others, and words that hardly repeat (ids, free
            text), are left out: `described` says which stay.
        group: whose groups become columns, as text in order; rows without one count in `all` alone.
        untested: columns without smd and p: the grouping itself, and what determines it.
    Returns: variable, level, all, a column a group, smd, p. Numbers: median [lower quartile, upper quartile]; words: n (%)
        of those known. smd: of two groups, of more the largest between any two. p: Mann–Whitney or Kruskal–Wallis;
        Fisher's exact test for two values in two groups, else chi².
    Source: smd of words: Yang & Dalton 2012, SAS Global Forum 335.
    Example:
        >>> table_one(pl.DataFrame({"age": [50, 60, 70]}), pl.Series(["a", "a", "b"]))["all"].to_list()
        ['3', '60 [55, 65]']
    """
    names = sorted(group.drop_nulls().cast(pl.String).unique())
    label = group.cast(pl.String).to_numpy()
    masks = [np.ones(len(group), dtype=bool), *(label == name for name in names)]
    lines: list[list[object]] = [["n", "", *(f"{mask.sum():,}" for mask in masks), None, None]]
    for name in described(columns):
        values = columns[name]
        found = list(_numbers(values, masks) if is_number(values) else _words(values, masks))
        lines += [[*line[:-2], None, None] for line in found] if name in untested else found
    return pl.DataFrame(lines, schema=_schema(names), orient="row")


def _schema(names: Sequence[str]) -> dict[str, type[pl.DataType]]:
    """Of groups that are called like a column of ours the group's name gets a mark."""
    ours = {*HEAD, *TAIL}
    groups = [f"{name} " if name in ours else name for name in names]
    return {**{name: pl.String for name in (*HEAD, *groups)}, **{name: pl.Float64 for name in TAIL}}


def described(columns: pl.DataFrame) -> list[str]:
    """Columns that such a table can hold: numbers, booleans, and words of which at least half are not alone."""
    found = []
    for name in columns.columns:
        values = columns[name]
        plain = values.dtype.is_numeric() or values.dtype in (pl.Boolean, pl.String, pl.Categorical)
        known = values.drop_nulls()
        alone = known.len() > MOST and known.n_unique() > known.len() / 2 and not values.dtype.is_numeric()
        if plain and known.len() and not alone:
            found.append(name)
    return found


def is_number(values: pl.Series) -> bool:
    """Whether it is told by quartiles: a numeric column of more than two values."""
    return values.dtype.is_numeric() and values.drop_nulls().n_unique() > 2


def _numbers(values: pl.Series, masks: Sequence[np.ndarray]) -> Iterator[list[object]]:
    x = values.cast(pl.Float64).fill_nan(None).to_numpy()
    parts = [x[mask & ~np.isnan(x)] for mask in masks]
    p = None
    if len(masks) > 2:
        label = np.full(len(x), "", dtype=object)
        for k, mask in enumerate(masks[1:]):
            label[mask] = str(k)
        inside = label != ""
        p = _known(float(kruskal(x[inside, None], label[inside].astype(str))[0]))
    yield [values.name, "median [quartiles]", *map(_quartiles, parts), _largest(parts[1:], smd_numbers), p]
    yield from _missing(values.name, np.isnan(x), masks)


def _words(values: pl.Series, masks: Sequence[np.ndarray]) -> Iterator[list[object]]:
    text = _as_text(values)
    missing = text.is_null().to_numpy()
    counted = text.drop_nulls().value_counts(sort=True)
    levels = counted.sort(["count", text.name], descending=[True, False])[text.name].to_list()
    shown = sorted(levels[:MOST]) if len(levels) <= MOST else levels[: MOST - 1]
    place = {level: k for k, level in enumerate(shown)}
    at = np.array([-1 if v is None else place.get(v, len(shown)) for v in text], dtype=np.int64)
    counts = np.array([np.bincount(at[mask & ~missing], minlength=len(shown) + 1) for mask in masks])
    said = [*shown, f"{len(levels) - len(shown):,} others"][: len(shown) + (len(levels) > len(shown))]
    apart, p = _largest(list(counts[1:]), smd_words), words_p(counts[1:])
    for k, level in enumerate(said):
        cells = [_share(int(row[k]), int(row.sum())) for row in counts]
        yield [text.name, level, *cells, apart if k == 0 else None, p if k == 0 else None]
    yield from _missing(text.name, missing, masks)


def _as_text(values: pl.Series) -> pl.Series:
    """Booleans as yes and no, numbers without needless zeros."""
    if values.dtype == pl.Boolean:
        return values.cast(pl.Int8).replace_strict({1: "yes", 0: "no"})
    if values.dtype.is_float():
        known = values.fill_nan(None)
        return pl.Series(values.name, [None if v is None else f"{v:g}" for v in known], pl.String)
    return values.cast(pl.String)


def _missing(name: str, missing: np.ndarray, masks: Sequence[np.ndarray]) -> Iterator[list[object]]:
    if missing.any():
        yield [name, "missing", *(_share(int((missing & mask).sum()), int(mask.sum())) for mask in masks), None, None]


def smd_numbers(a: np.ndarray, b: np.ndarray) -> float | None:
    """|mean a − mean b| in units of the root of their mean variance; None where neither varies, or one has fewer than two."""
    if min(len(a), len(b)) < 2:
        return None
    spread = np.sqrt((a.var(ddof=1) + b.var(ddof=1)) / 2)
    return float(abs(a.mean() - b.mean()) / spread) if spread > 0 else None


def smd_words(a: np.ndarray, b: np.ndarray) -> float | None:
    """Mahalanobis' distance between the shares of all values but one.

    Args:
        a, b: (values,) counts.
    """
    if not (a.sum() and b.sum()):
        return None
    held = np.flatnonzero(a + b)[1:]
    if not len(held):
        return 0.0
    p, q = a / a.sum(), b / b.sum()
    spread = sum(np.diag(share[held]) - np.outer(share[held], share[held]) for share in (p, q)) / 2
    gap = (p - q)[held]
    squared = float(gap @ np.linalg.pinv(spread) @ gap)
    return float(np.sqrt(max(squared, 0.0))) if np.any(spread) else None


def words_p(counts: np.ndarray) -> float | None:
    """Fisher's exact test of a 2 × 2 table, else chi² without correction; None where there is nothing to compare.

    Args:
        counts: (groups, values).
    """
    table = counts[counts.sum(axis=1) > 0][:, counts.sum(axis=0) > 0]
    if min(table.shape) < 2:
        return None
    if table.shape == (2, 2):
        return float(stats.fisher_exact(table).pvalue)
    return float(stats.chi2_contingency(table, correction=False).pvalue)


def _largest(parts: Sequence[np.ndarray], apart: Callable[[np.ndarray, np.ndarray], float | None]) -> float | None:
    found = [apart(a, b) for a, b in combinations(parts, 2)]
    return max((value for value in found if value is not None), default=None)


def _quartiles(x: np.ndarray) -> str:
    if not len(x):
        return "–"
    low, middle, high = (short_number(float(v)) for v in np.quantile(x, (0.25, 0.5, 0.75)))
    return f"{middle} [{low}, {high}]"


def short_number(value: float) -> str:
    """Three digits or so: `1,234`, `12.3`, `0.123`."""
    if value == round(value) and abs(value) < 1e6:
        return f"{value:,.0f}"
    size = abs(value)
    return (
        f"{value:,.0f}"
        if size >= 100
        else f"{value:.1f}"
        if size >= 10
        else f"{value:.2f}"
        if size >= 0.1
        else f"{value:.2g}"
    )


def _share(count: int, of: int) -> str:
    return f"{count:,} ({count / of:.1%})" if of else "0"


def _known(value: float) -> float | None:
    return None if np.isnan(value) else value
