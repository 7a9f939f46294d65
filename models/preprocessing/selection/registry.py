"""Selectors by name, and the selection of one fitted block's columns."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from typing import Any

import numpy as np

from ....loaders.errors import InputError
from ...base.lookup import look_up
from ...base.snapshot import Snapshot
from ...base.task import task_of
from ..omics_layer import DenseBlock, by_name
from .selector import Selector

HERE = "clinome.models.preprocessing.selection"
SELECTORS: dict[str, str] = {
    "variance": f"{HERE}.variance:Variance",
    "univariate": f"{HERE}.univariate:Univariate",
    "mutual_information": f"{HERE}.mutual_information:MutualInformation",
    "minimum_redundancy": f"{HERE}.minimum_redundancy:MinimumRedundancy",
    "lasso": f"{HERE}.penalised:LassoSelection",
    "elastic_net": f"{HERE}.penalised:ElasticNetSelection",
    "stability": f"{HERE}.stability:StabilitySelection",
}
"""`[learn] select` -> where its class is."""
NONE = "none"
BLIND = (NONE, "variance")
"""Those that look at no outcome."""


def method_of(layer: Any) -> str:
    """By which method a fold selects among a layer's features; NONE where it does not say."""
    return str(getattr(layer, "select", NONE))


def by_outcome(layers: Mapping[str, Any]) -> bool:
    """Whether features of any of these layers are selected by the outcome."""
    return any(method_of(layer) not in BLIND for layer in layers.values())


def make_selector(name: str, task: str, classes: int) -> Selector:
    """A selector by its name. Raises: InputError for one that there is not."""
    if name not in SELECTORS:
        raise InputError("unknown selection", "[learn] select", name, ", ".join((*SELECTORS, NONE)), "rename it")
    found: Selector = look_up(SELECTORS, name, "selector")(task, classes)
    return found


def selected(block: DenseBlock, snapshot: Snapshot, rows: np.ndarray, name: str) -> tuple[DenseBlock, np.ndarray]:
    """The fitted block with the columns alone that are selected on these rows, and the (columns,) score of each it had.

    Rows that the layer lacks are left out. Nothing is taken where the rows hold one outcome.
    """
    task = task_of(snapshot.task)
    here = rows[block.present(snapshot, rows)]
    y = task.targets(snapshot.rows[here], snapshot.classes)
    if not len(block.kept):
        return block, np.zeros(0)
    if len(here) < 2 or len(np.unique(task.groups(y))) < 2:
        kept, scores = np.zeros(len(block.kept), dtype=bool), np.zeros(len(block.kept))
    else:
        selector = make_selector(name, snapshot.task, len(snapshot.classes))
        layer = by_name(snapshot, block.name, block.names)
        raw = getattr(selector, "raw", False)
        x = block.steps.values(layer, here)[:, block.kept] if raw else block.transform(snapshot, here)
        kept, scores = selector.fit(x, y).get_support(), selector.scores
    made = copy(block)
    made.kept, made.scale = block.kept[kept], block.scale.take(np.flatnonzero(kept))
    return made, scores
