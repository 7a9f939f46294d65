"""Matched controls: for each exposed row the controls that are like it, exactly and by propensity; and the balance reached."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from ..base.specs import Matching
from .table_one import described, is_number, smd_numbers, smd_words

BALANCE = {"variable": pl.String, "smd_before": pl.Float64, "smd_after": pl.Float64}


def match(exposed: np.ndarray, columns: pl.DataFrame, spec: Matching, seed: int = 1) -> np.ndarray:
    """Matching without replacement: the set of each row, -1 for a row that is in none.

    Within each value of the exact columns the nearest control by the logit of the propensity, no further than the caliper;
    the most probable of the exposed first, whose controls are rarest, and all of them once before any a second time.
    Without a propensity any control of the same values, drawn by lot.
    Args:
        exposed: (n,) bool. columns: the n rows of everything that the specification names. seed: of the lot.
    Returns: (n,) int64.
    Source: Austin 2011, doi:10.1002/pst.433 (caliper of 0.2 standard deviations of the logit).
    Example:
        >>> ages = pl.DataFrame({"age": [50, 51, 70, 90]})
        >>> match(np.array([True, False, True, False]), ages, Matching("drug", exact=("age",))).tolist()
        [-1, -1, -1, -1]
    """
    n = len(exposed)
    logit = propensity(exposed, columns.select(spec.propensity)) if spec.propensity else np.zeros(n)
    width = spec.caliper * float(logit.std()) if spec.propensity else np.inf
    order = np.random.default_rng(seed).permutation(n)  # who comes first among equals is no matter of ids
    sets = np.full(n, -1, np.int64)
    for rows in _strata(columns.select(spec.exact), order):
        cases = rows[exposed[rows]]
        controls = rows[~exposed[rows]]
        cases = cases[np.argsort(-logit[cases], kind="stable")]
        _nearest(cases, controls, logit, width, spec.ratio, sets)
    return sets


def _strata(exact: pl.DataFrame, order: np.ndarray) -> list[np.ndarray]:
    """The rows of each combination of values, in this order; one without a value is in none."""
    if not exact.width:
        return [order]
    rows = exact.with_columns(pl.Series("_row", np.arange(exact.height))).select(
        pl.struct(exact.columns).alias("_key"), "_row", whole=pl.all_horizontal(pl.col(exact.columns).is_not_null())
    )
    rows = rows[order].filter("whole")
    return [part["_row"].to_numpy() for part in rows.partition_by("_key", maintain_order=True)]


def _nearest(
    cases: np.ndarray, controls: np.ndarray, logit: np.ndarray, width: float, ratio: int, sets: np.ndarray
) -> None:
    free = np.ones(len(controls), bool)
    for _ in range(ratio):
        for case in cases:
            gap = np.where(free, np.abs(logit[controls] - logit[case]), np.inf)
            best = int(gap.argmin()) if len(gap) else -1
            if best >= 0 and free[best] and gap[best] <= width:
                free[best] = False
                sets[case] = sets[controls[best]] = case


def propensity(exposed: np.ndarray, columns: pl.DataFrame) -> np.ndarray:
    """(n,) the logit of the probability of being exposed: logistic regression, numbers in standard deviations, words one
    by one, what is missing as a value of its own.

    Source: Rosenbaum & Rubin 1983, doi:10.1093/biomet/70.1.41.
    """
    from sklearn.linear_model import LogisticRegression

    x = np.column_stack([part for name in columns.columns for part in _coded(columns[name])])
    return np.asarray(LogisticRegression(max_iter=1000).fit(x, exposed).decision_function(x))


def _coded(values: pl.Series) -> list[np.ndarray]:
    missing = values.is_null().to_numpy().astype(float)
    also = [missing] if missing.any() else []
    if values.dtype.is_numeric():
        x = values.cast(pl.Float64).fill_nan(None)
        missing = x.is_null().to_numpy().astype(float)
        known = x.drop_nulls()
        spread = float(known.std() or 0.0) or 1.0  # type: ignore[arg-type]
        middle = float(known.mean() or 0.0)  # type: ignore[arg-type]
        return [((x.fill_null(middle) - middle) / spread).to_numpy(), *([missing] if missing.any() else [])]
    text = values.cast(pl.String)
    return [
        *((text == one).fill_null(False).to_numpy().astype(float) for one in sorted(text.drop_nulls().unique())),
        *also,
    ]


def balance(exposed: np.ndarray, sets: np.ndarray, columns: pl.DataFrame) -> pl.DataFrame:
    """Balance: standardised mean differences between exposed and controls before and after matching; |d| below 0.1 is small.

    After: each control counts as its share of its set, so that a set of three weighs as one of two.
    Returns: variable, smd_before, smd_after (null where neither varies).
    """
    kept, lines = sets >= 0, []
    share = np.zeros(len(sets))
    sizes = np.bincount(sets[kept & ~exposed], minlength=len(sets) + 1)
    share[kept & exposed] = 1.0
    share[kept & ~exposed] = 1.0 / sizes[sets[kept & ~exposed]]
    for name in described(columns):
        values = columns[name]
        lines.append((name, _apart(values, exposed, np.ones(len(sets))), _apart(values, exposed, share)))
    return pl.DataFrame(lines, schema=BALANCE, orient="row")


def _apart(values: pl.Series, exposed: np.ndarray, weight: np.ndarray) -> float | None:
    parts: Sequence[np.ndarray] = (exposed & (weight > 0), ~exposed & (weight > 0))
    if is_number(values):
        x = values.cast(pl.Float64).fill_nan(None).to_numpy()
        a, b = (np.flatnonzero(part & ~np.isnan(x)) for part in parts)
        if (weight[b] == 1).all():
            return smd_numbers(x[a], x[b])
        if min(len(a), len(b)) < 2:
            return None
        mean = np.average(x[b], weights=weight[b])
        spread = np.sqrt((x[a].var(ddof=1) + np.average((x[b] - mean) ** 2, weights=weight[b])) / 2)
        return float(abs(x[a].mean() - mean) / spread) if spread > 0 else None
    text = values.cast(pl.String)
    levels = sorted(text.drop_nulls().unique())
    counts = [
        np.array([weight[part & (text == one).fill_null(False).to_numpy()].sum() for one in levels]) for part in parts
    ]
    return smd_words(counts[0], counts[1])
