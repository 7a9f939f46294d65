"""Association of single features with the outcome: p-values by ranks, many features at once.

Ranks, because one outlier must not make a biomarker, and because they answer alike before and after log or scaling.
Missing values are left out feature by feature.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from scipy import sparse

from ..base.snapshot import Snapshot
from ..base.task import task_of
from ..preprocessing.activity.activity_block import activity_names
from ..preprocessing.fold import FoldPreprocessing
from ..preprocessing.records.event_counts import counts
from ..statistics.rank_tests import cox_score, kruskal, spearman
from ..tasks.multilabel import labels_held
from ..tasks.responses import numbers

_CELLS = 4_000_000  # values ranked at once: 32 MB a matrix


def p_values(snapshot: Snapshot, block: str, feature: Sequence[str]) -> np.ndarray:
    """p-value of each feature of one block against the outcome, over one row a subject (the first labelled one).

    Binary: Mann–Whitney; multiclass: Kruskal–Wallis; survival: Cox score test on ranks (for 0/1 features the log-rank
    test); a number: Spearman, of several that which goes with it most, times their number; several labels: so with
    Mann–Whitney. A code
    with numbers is tested by its last number, any other by how often it, or a code below it, occurs; a covariate as
    number, `column=value` as 0/1, a column of text by its values (Bonferroni).

    Args:
        block: a layer's name, "records" or "covariates".
        feature: names within the block; one that the snapshot does not hold as such gives NaN.
    Returns: (p,) p-values; NaN without variance, or with one group only.
    """
    rows = one_row_a_subject(snapshot)
    outcome = snapshot.rows[rows]
    profiled = _profiled(snapshot, block)[rows]
    out = np.full(len(feature), np.nan)
    todo = dict(enumerate(feature))
    for values, names in feature_tables(snapshot, block):
        column = {name: j for j, name in enumerate(names)}
        at = [(i, column[name]) for i, name in todo.items() if name in column]
        todo = {i: name for i, name in todo.items() if name not in column}
        mine = values[rows] if at and len(rows) else None
        for part in np.array_split(np.array(at).reshape(-1, 2), max(1, -(-len(at) * len(rows) // _CELLS))):
            if mine is None or not len(part):
                continue
            x = _dense(mine[:, part[:, 1]])
            x[~profiled] = np.nan
            out[part[:, 0]] = association(snapshot.task, x, outcome)
    for i in [i for i, name in todo.items() if block == "covariates" and name in snapshot.covariates.columns]:
        out[i] = _text(snapshot, feature[i])
    return out


def _text(snapshot: Snapshot, column: str) -> float:
    """The smallest p of a text column's values, times their number; two values are one test."""
    values = snapshot.covariates[column].drop_nulls().unique().sort().to_list()
    p = p_values(snapshot, "covariates", [f"{column}={value}" for value in values])
    if np.isnan(p).all():
        return float("nan")
    return min(1.0, float(np.nanmin(p)) * (1 if len(values) == 2 else len(values)))


def association(task: str, x: np.ndarray, outcome: pl.DataFrame) -> np.ndarray:
    """(p,) p-values of the columns of x (n, p), NaN is missing, against the outcome of these rows."""
    if task_of(task).over_time:
        duration = outcome["duration_days"].to_numpy().astype(np.float64)
        return cox_score(x, duration, outcome["event"].cast(pl.Float64).to_numpy().astype(bool))
    if task_of(task).numeric:
        return spearman(x, task_of(task).targets(outcome, ()))
    if task_of(task).own_units:
        y = numbers(outcome["label"], int(outcome["label"].list.len().max() or 0))  # type: ignore[arg-type]
        each = [spearman(x[known], one[known]) for one in y.T for known in [np.isfinite(one)]]
        best = np.fmin.reduce([np.full(x.shape[1], np.nan), *each])
        return np.asarray(np.minimum(1.0, best * len(each)))
    if not task_of(task).exclusive:
        names = labels_held(outcome["label"])
        each = [kruskal(x, outcome["label"].list.contains(one).to_numpy()) for one in names]
        best = np.fmin.reduce([np.full(x.shape[1], np.nan), *each])
        return np.asarray(np.minimum(1.0, best * len(names)))
    return kruskal(x, outcome["label"].cast(pl.String).to_numpy())


def one_row_a_subject(snapshot: Snapshot) -> np.ndarray:
    """Rows of one subject are no independent tests: the first labelled one stands for it."""
    rows = (
        snapshot.rows.with_row_index("row")
        .drop_nulls(task_of(snapshot.task).outcome)
        .unique("subject_id", keep="first", maintain_order=True)
    )
    return rows["row"].to_numpy().astype(np.int64)


def every_feature(
    snapshot: Snapshot, rows: np.ndarray
) -> list[tuple[str, np.ndarray | sparse.csr_matrix, list[str], np.ndarray]]:
    """Of these rows all blocks: its name, (n, features) values, the features' names, and (n,) bool, who was measured."""
    records = ["records"] if snapshot.events is not None else []
    blocks = [*snapshot.layers, *records, *(["covariates"] if snapshot.covariates.width else []), *snapshot.views]
    whole = np.array_equal(rows, np.arange(snapshot.rows.height))  # no copy of a layer that may fill the memory
    return [
        (block, x if whole else x[rows], names, _profiled(snapshot, block)[rows])
        for block in blocks
        for x, names in feature_tables(snapshot, block)
    ]


def _profiled(snapshot: Snapshot, block: str) -> np.ndarray:
    """(rows of the snapshot,) bool."""
    of_genes = activity_names(snapshot).get(block, (block, ""))[0]
    layer = snapshot.layers.get(block) or snapshot.views.get(block) or snapshot.layers.get(of_genes)
    return layer.profiled if layer is not None else np.ones(snapshot.rows.height, dtype=bool)


def feature_tables(snapshot: Snapshot, block: str) -> list[tuple[np.ndarray | sparse.csr_matrix, list[str]]]:
    """(rows, features) values of a block with the names of their columns; where a name comes twice the first counts."""
    if block in snapshot.layers or block in snapshot.views:
        layer = snapshot.layers.get(block) or snapshot.views[block]
        return [(layer.values, layer.var["feature"].to_list())]
    if block in activity_names(snapshot):
        rows = np.arange(snapshot.rows.height)
        scored = FoldPreprocessing.fit(snapshot, rows, [block]).blocks[block]
        return [(np.asarray(scored.transform(snapshot, rows)), scored.names)]
    if block == "records" and snapshot.events is not None:
        c = counts(snapshot)
        last = np.where(c.measured.toarray() > 0, c.values.toarray(), np.nan)
        return [(last, c.numeric), (c.total, c.tokens)]
    return [_covariates(snapshot.covariates)] if block == "covariates" else []


def _covariates(table: pl.DataFrame) -> tuple[np.ndarray, list[str]]:
    columns: dict[str, np.ndarray] = {}
    for series in table:
        if series.dtype == pl.String:
            for value in series.drop_nulls().unique().sort():
                columns[f"{series.name}={value}"] = _floats(series == value)
        else:
            columns[series.name] = _floats(series)
    if not columns:
        return np.empty((table.height, 0)), []
    return np.column_stack(list(columns.values())), list(columns)


def _floats(series: pl.Series) -> np.ndarray:
    return series.cast(pl.Float64).fill_null(float("nan")).to_numpy()


def _dense(x: np.ndarray | sparse.csr_matrix) -> np.ndarray:
    return np.array(x.toarray() if isinstance(x, sparse.csr_matrix) else x, dtype=np.float64)
