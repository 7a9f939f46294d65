"""Survival heads by name: which of them a network's setting `survival_head` asks for, and the curves of one that has any."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch

from ..base.task import task_of
from .cox import CoxHead
from .head import Head
from .logistic_hazard import LogisticHazardHead

HEADS: Mapping[str, Callable[[int], Head]] = {"cox": CoxHead, "discrete": LogisticHazardHead}


def head_of(task: str, dim: int, classes: int, setting: Mapping[str, Any]) -> Head:
    """The last layer of a network: the task's own, or the one that `survival_head` of its setting names.

    Raises: ValueError for a name that there is not, and for a task without a time.
    Example:
        >>> type(head_of("survival", 4, 0, {"survival_head": "discrete"})).__name__
        'LogisticHazardHead'
    """
    named = setting.get("survival_head")
    if named is None:
        made: Head = task_of(task).head(dim, classes)
        return made
    if named not in HEADS or not task_of(task).over_time:
        raise ValueError(f"survival_head: got {named!r} for {task}; expected one of {', '.join(HEADS)}, for survival")
    return HEADS[named](dim)


def curves(head: Any, encoded: Callable[[], np.ndarray], days: np.ndarray) -> np.ndarray | None:
    """(n, t) survival at these days of rows as an encoder made them, (n, dim); None of a head that has no curves."""
    if not isinstance(head, LogisticHazardHead):
        return None
    with torch.no_grad():
        raw = head.raw(torch.from_numpy(encoded()).float())
        return head.survival(raw, torch.from_numpy(np.asarray(days, dtype=np.float64))).numpy()
