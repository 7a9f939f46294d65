"""Disclosure: what of its patients a fitted model carries: their rows (it is not saved), or parts that few of them stand behind
(it is saved with a mark)."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
from scipy import sparse

from ..base.learner import Learner
from ..base.snapshot import Snapshot
from ..estimators.tree_arrays import TreeArrays
from ..estimators.univariate import Matrix

FEW = 10
"""A part that fewer patients stand behind may tell of one of them."""
_AT_ONCE = 2048


def carried_rows(
    state: Mapping[str, Any], seen: Sequence[Matrix], rows: Collection[int], subjects: Collection[str]
) -> str | None:
    """Which part of a state holds training rows or one value a training row; None where none does.

    A nearest-neighbour or kernel model keeps its patients: from the folder alone their profiles and outcomes could be
    rebuilt. A row is known by its values, whatever the type; a value a row by its count, where nothing else has it.
    Args:
        seen: (n, p) what the learner was fitted on, as it may have kept it.
        rows: how many rows were fitted on: all, those to train, those to tune. subjects: their ids.
    Example:
        >>> carried_rows({"kept": np.eye(3)[1:]}, [np.eye(3)], [3], [])
        'kept holds training rows'
    """
    prints: dict[int, set[bytes]] = {}
    for x in (one for one in seen if one.shape[1] > 1):
        prints.setdefault(x.shape[1], set()).update(_prints(x))
    told = {int(n) for one in dict(state.get("params", {})).values() for n in re.findall(r"\d+", str(one))}
    sizes = told | {x.shape[1] + more for x in seen for more in (0, 1)}  # features, an intercept, a layer's width
    for place, value in _leaves(state, ""):
        if isinstance(value, str) and value in subjects:
            return f"{place} holds an id of a patient"
        if not isinstance(value, np.ndarray) or not value.size:
            continue
        for table in (value, value.T) if value.ndim == 2 else ():
            known = prints.get(table.shape[1])
            if known is not None and known & _prints(table):
                return f"{place} holds training rows"
        if any(n in rows and n not in sizes for n in value.shape):
            return f"{place} holds a value of every training row"
    return None


def _leaves(value: Any, place: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for name, one in value.items():
            yield from _leaves(one, f"{place}/{name}" if place else str(name))
            yield place, name
    elif isinstance(value, list | tuple):
        numbers = all(isinstance(one, int | float | np.number) and not isinstance(one, bool) for one in value)
        nested = bool(value) and all(isinstance(one, list | tuple) for one in value)
        if (numbers or nested) and (array := _as_array(value)) is not None:
            yield place, array
        else:
            for one in value:
                yield from _leaves(one, place)
    else:
        yield place, value


def _as_array(value: Any) -> np.ndarray | None:
    try:
        made = np.asarray(value)
    except ValueError:  # of several lengths
        return None
    return made if made.dtype.kind in "biuf" else None


def _prints(x: Matrix) -> set[bytes]:
    """A print of each row that is not blank: its values as float32."""
    found: set[bytes] = set()
    for first in range(0, x.shape[0], _AT_ONCE):
        part = x[first : first + _AT_ONCE]
        dense = np.asarray(part.toarray() if sparse.issparse(part) else part, dtype=np.float32) + np.float32(0)
        varied = (np.ptp(np.nan_to_num(dense), axis=1) > 0) if dense.shape[1] else np.zeros(len(dense), bool)
        found.update(row.tobytes() for row in dense[varied])
    return found


def inputs_of(fitted: Learner, snapshot: Snapshot, rows: np.ndarray) -> list[Matrix]:
    """What a learner may have kept of these rows: its own features of them, each layer, and the covariates' numbers."""
    found: list[Matrix] = [layer.values[rows] for layer in snapshot.layers.values()]
    if snapshot.covariates.width:
        numbers = snapshot.covariates[rows].select(pl.selectors.numeric() | pl.selectors.boolean())
        found.append(numbers.cast(pl.Float64).to_numpy())
    block = getattr(fitted, "block", None)
    if block is not None and hasattr(block, "transform"):
        found.append(block.transform(snapshot, rows))
    return found


def few_patients(snapshot: Snapshot, members: Mapping[str, Learner]) -> dict[str, int]:
    """How much of a model fewer than FEW patients stand behind: codes, words of covariates, and leaves of trees.

    Codes and words are in the model as text, a leaf as thresholds between the values of the patients in it: whoever has the
    model may learn that somebody had the code, or what that somebody's values are near to.
    Returns: what -> how many; nothing that is 0.
    """
    found = {"codes": 0, "words of covariates": 0, "leaves of trees": 0}
    subjects = snapshot.rows["subject_id"]
    if snapshot.events is not None:
        owners = snapshot.events.select("code", subject=subjects.gather(snapshot.events["row"]))
        counts = owners.group_by("code").agg(pl.col("subject").n_unique())
        found["codes"] = counts.filter(pl.col("subject") < FEW).height
    for name in snapshot.covariates.select(pl.selectors.string()).columns:
        words = pl.DataFrame({"word": snapshot.covariates[name], "subject": subjects}).drop_nulls("word")
        counts = words.group_by("word").agg(pl.col("subject").n_unique())
        found["words of covariates"] += counts.filter(pl.col("subject") < FEW).height
    for learner in members.values():
        found["leaves of trees"] += sum(_few_leaves(one, learner, snapshot) for one in getattr(learner, "models", ()))
    return {what: n for what, n in found.items() if n}


def _few_leaves(trees: Any, learner: Learner, snapshot: Snapshot) -> int:
    table = getattr(learner, "table", None)
    if not isinstance(trees, TreeArrays) or table is None:
        return 0
    count = np.zeros(len(trees.trees.left), dtype=np.int64)
    for first in range(0, snapshot.rows.height, _AT_ONCE):
        rows = np.arange(first, min(first + _AT_ONCE, snapshot.rows.height))
        count += np.bincount(trees.trees.leaves(table.transform(snapshot, rows)).ravel(), minlength=len(count))
    leaf = trees.trees.left == np.arange(len(count))
    return int((leaf & (count < FEW)).sum())


def in_words(few: Mapping[str, int]) -> str | None:
    """The mark, as a sentence; None where there is nothing to say."""
    if not few:
        return None
    parts = " and ".join(f"{n:,} {what}" for what, n in few.items())
    return (
        f"the model holds {parts} that fewer than {FEW} patients stand behind: keep it where the patients' data may lie"
    )
