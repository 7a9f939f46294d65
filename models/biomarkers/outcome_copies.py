"""Target leakage: features that are the outcome under another name, found by how perfectly they tell it.

A biomarker, however strong, errs now and then; a copy of the outcome, or what it was made from, does not. Whether a
feature that never errs is a copy or the rare exception nobody can see from the values: what is found is a question.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass

import numpy as np
import polars as pl
from scipy import sparse
from scipy.special import gammaln

from ..base.snapshot import Snapshot
from ..base.task import task_of
from ..tasks.multilabel import labels_held
from ..tasks.responses import numbers
from .association import every_feature, one_row_a_subject

CHANCE = 1e-3
"""Features of noise expected to tell the outcome as perfectly, among all that were looked at, up to which one is named."""
GAP = 3.0
"""Standard deviations between two groups: measurements that overlap by nature leave no such gap."""
ENOUGH = 133
"""Rows from which a biomarker whose AUROC is .995 would order all of them right less than once in a hundred times."""
FEW = 3
"""Measurements of one block that part the groups without a gap: where more do, the groups differ by nature."""
_CELLS = 4_000_000  # values looked at at once: 32 MB


@dataclass(frozen=True)
class OutcomeCopy:
    """A feature that tells the outcome in every row in which it is known.

    tells: `label` (of several classes, or labels, `label=CLASS` where it tells one of them from the rest), `event` or
    `duration_days`.
    by: `value`, or `missing`: whether it is known at all. rows: one a subject.
    """

    block: str
    feature: str
    tells: str
    by: str
    rows: int

    def as_json(self) -> dict[str, object]:
        return asdict(self)


@dataclass(frozen=True)
class _Told:
    """Columns that tell something, in how many rows each is known, and whether they do so beyond what a measurement does."""

    tells: str
    by: str
    at: np.ndarray
    rows: np.ndarray
    sure: np.ndarray


def outcome_copies(snapshot: Snapshot) -> list[OutcomeCopy]:
    """Features of all layers, records and covariates that tell the outcome in every row: candidates for leakage.

    A feature is named if it has one value a class, or leaves a gap between classes, or parts them without a gap in so many
    rows that no biomarker would; of records and mutations, if those that have it are one class. Survival: the same for the
    event, and one order with the durations of those who had it; a number: one order with it. In each case noise must not do
    that by chance, given how many features there are.
    Returns: in the order of the blocks; [] where there is nothing to ask.
    """
    rows = one_row_a_subject(snapshot)
    outcome = snapshot.rows[rows]
    tables = every_feature(snapshot, rows)
    tested = max(sum(len(names) for _, _, names, _ in tables), 1)
    found: dict[tuple[str, str], OutcomeCopy] = {}
    for block, x, names, known in tables:
        for told in _telling(x, known, outcome, snapshot.task, tested):
            few = (~told.sure).sum() <= FEW
            for i, n in zip(
                *(one[told.sure | few & (told.rows >= ENOUGH)] for one in (told.at, told.rows)), strict=True
            ):
                copy = OutcomeCopy(block, names[i], told.tells, told.by, int(n))
                found.setdefault((block, names[i]), copy)
    return list(found.values())


def columns_that_tell(columns: pl.DataFrame, outcome: pl.DataFrame, task: str) -> list[str]:
    """Columns of a table that are the outcome or determine it: a test against it would say nothing.

    Args:
        columns: numbers, booleans or words. outcome: `label`, or `duration_days` and `event`, of the same rows.
    """
    everybody, found = np.ones(columns.height, dtype=bool), []
    for values in columns:
        told = _each_value_one_class(values, outcome, task)
        if not told and (values.dtype.is_numeric() or values.dtype == pl.Boolean):
            x = values.cast(pl.Float64).fill_null(float("nan")).to_numpy()[:, None]
            telling = _telling(x, everybody, outcome, task, columns.width)
            told = any(len(one.at) for one in telling if one.by == "value" and "=" not in one.tells)
        if told:
            found.append(values.name)
    return found


def _each_value_one_class(values: pl.Series, outcome: pl.DataFrame, task: str) -> bool:
    """Whether a column of few values determines the class."""
    if task_of(task).numeric or not task_of(task).exclusive:
        return False
    pairs = pl.DataFrame([values.alias("x"), _classes(outcome, task).alias("y")]).drop_nulls()
    kinds = pairs["x"].n_unique()
    if kinds > max(2, pairs.height // 10) or pairs["y"].n_unique() < 2:
        return False
    sizes = np.array([pairs["y"].value_counts()["count"].to_list()])
    return bool(pairs.n_unique() == kinds and _by_chance(sizes)[0] <= CHANCE)


def _classes(outcome: pl.DataFrame, task: str) -> pl.Series:
    return outcome["event" if task_of(task).over_time else "label"].cast(pl.String)


def _telling(
    x: np.ndarray | sparse.csr_matrix, known: np.ndarray, outcome: pl.DataFrame, task: str, tested: int
) -> Iterator[_Told]:
    """What columns tell of the outcome: all classes, one of several, the order of durations or of numbers."""
    if task_of(task).own_units:
        y = numbers(outcome["label"], int(outcome["label"].list.len().max() or 0))  # type: ignore[arg-type]
        for one in y.T if not sparse.issparse(x) else ():
            there = known & np.isfinite(one)
            yield _in_one_order(np.asarray(x)[there], one[there], tested * y.shape[1], "label")
        return
    if not task_of(task).exclusive:
        held = outcome["label"]
        for name in labels_held(held):
            has = held.list.contains(name).to_numpy()
            yield from _parting(x, [known & has, known & ~has], f"label={name}", tested)
        return
    if task_of(task).numeric:
        if not sparse.issparse(x):
            yield _in_one_order(np.asarray(x)[known], task_of(task).targets(outcome, ())[known], tested, "label")
        return
    label = _classes(outcome, task).to_numpy()
    names = [name for name in np.unique(label[known].astype(str)) if name]
    groups = [known & (label == name) for name in names]
    what = "event" if task_of(task).over_time else "label"
    splits = {what: groups}
    if len(groups) > 2:
        splits |= {f"{what}={name}": [one, known & ~one] for name, one in zip(names, groups, strict=True)}
    for tells, parts in splits.items() if len(groups) > 1 else ():
        yield from _parting(x, parts, tells, tested)
    if task_of(task).over_time and not sparse.issparse(x):
        died = known & outcome["event"].cast(pl.Float64).to_numpy().astype(bool)
        yield _in_one_order(
            np.asarray(x)[died], outcome["duration_days"].cast(pl.Float64).to_numpy()[died], tested, "duration_days"
        )


def _parting(x: np.ndarray | sparse.csr_matrix, groups: list[np.ndarray], tells: str, tested: int) -> Iterator[_Told]:
    """Columns that part the groups by their values, and by who has one."""
    size = np.array([group.sum() for group in groups])
    if sparse.issparse(x):
        held = (sparse.csr_matrix(x) != 0).astype(np.int64)
        at = _of_one_group(np.array([np.asarray(held[group].sum(axis=0)).ravel() for group in groups]), size, tested)
        yield _Told(tells, "value", at, np.full(len(at), size.sum()), np.ones(len(at), dtype=bool))
        return
    values, width = np.asarray(x), max(1, _CELLS // max(len(x), 1))
    found = [
        _apart(values[:, k : k + width].astype(np.float64), groups, tested, k) for k in range(0, values.shape[1], width)
    ]
    if not found:
        return
    at, rows, sure, absent = (np.concatenate(one) for one in zip(*found, strict=True))
    yield _Told(tells, "value", at, rows, sure)
    yield _Told(tells, "missing", absent, np.full(len(absent), size.sum()), np.full(len(absent), len(absent) <= FEW))


def _apart(
    x: np.ndarray, groups: list[np.ndarray], tested: int, first: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Columns in which the groups' ranges do not meet; rows known; whether a gap lies between; columns of one group."""
    parts = [x[group] for group in groups]
    count = np.array([(~np.isnan(part)).sum(axis=0) for part in parts])
    low = np.array([np.where(np.isnan(part), np.inf, part).min(axis=0, initial=np.inf) for part in parts])
    high = np.array([np.where(np.isnan(part), -np.inf, part).max(axis=0, initial=-np.inf) for part in parts])
    order = np.argsort(low, axis=0, kind="stable")
    low, high = np.take_along_axis(low, order, axis=0), np.take_along_axis(high, order, axis=0)
    at = np.flatnonzero((low[1:] > high[:-1]).all(axis=0) & (count > 0).all(axis=0))
    at = at[_by_chance(count[:, at].T) * tested <= CHANCE]
    spread = np.sqrt(np.mean([np.nanvar(part[:, at], axis=0) for part in parts], axis=0))
    sure = ((low[1:, at] - high[:-1, at]) > GAP * spread).all(axis=0)
    return (
        at + first,
        count[:, at].sum(axis=0),
        sure,
        first + _of_one_group(count, np.array([len(p) for p in parts]), tested),
    )


def _of_one_group(count: np.ndarray, size: np.ndarray, tested: int) -> np.ndarray:
    """Columns that everybody of one of two groups has, and nobody of the other.

    Args:
        count: (groups, columns) who has it. size: (groups,).
    """
    if len(size) != 2 or not size.all() or _by_chance(size[None, :])[0] * tested > CHANCE:
        return np.zeros(0, dtype=np.int64)
    return np.flatnonzero(
        ((count == 0) | (count == size[:, None])).all(axis=0) & (count.sum(axis=0) < size.sum()) & count.any(axis=0)
    )


def _in_one_order(x: np.ndarray, duration: np.ndarray, tested: int, tells: str) -> _Told:
    """Columns that never fall, or never rise, while the duration (or number) grows; coarse ones must have several values."""
    order = np.argsort(duration, kind="stable")
    start = np.flatnonzero(np.r_[True, np.diff(duration[order]) > 0]) if len(order) else np.zeros(0, dtype=np.int64)
    at = np.zeros(0, dtype=np.int64)
    ordered = x[order].astype(np.float64)
    if len(start) > 1 and x.shape[1]:
        found = np.zeros(x.shape[1], dtype=bool)
        for values in (ordered, -ordered):
            low = np.minimum.reduceat(np.where(np.isnan(values), np.inf, values), start, axis=0)
            high = np.maximum.reduceat(np.where(np.isnan(values), -np.inf, values), start, axis=0)
            found |= (low[1:] >= np.maximum.accumulate(high, axis=0)[:-1]).all(axis=0)
        at = np.flatnonzero(found)
    several = np.array([len(np.unique(column[~np.isnan(column)])) for column in ordered[:, at].T], dtype=np.float64)
    at = at[np.exp(np.log(2) - gammaln(several + 1)) * tested <= CHANCE]
    return _Told(tells, "value", at, (~np.isnan(ordered[:, at])).sum(axis=0), np.ones(len(at), dtype=bool))


def _by_chance(sizes: np.ndarray) -> np.ndarray:
    """(columns,) how likely groups of these sizes, (columns, groups), lie apart in a column of noise, in any order."""
    n, k = sizes.sum(axis=1), sizes.shape[1]
    chance: np.ndarray = np.exp(gammaln(k + 1.0) + gammaln(sizes + 1.0).sum(axis=1) - gammaln(n + 1.0))
    return chance
