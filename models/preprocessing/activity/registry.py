"""Methods of activity by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from ....loaders.errors import InputError
from .gene_sets import GeneSets
from .linear_model import linear_model
from .over_representation import over_representation
from .single_sample import single_sample
from .weighted_mean import weighted_mean

Method = Callable[[np.ndarray, GeneSets], np.ndarray]
METHODS: Mapping[str, Method] = {
    "ulm": linear_model, "wmean": weighted_mean, "ora": over_representation, "ssgsea": single_sample,
}  # fmt: skip
"""`[omics.NAME] activity` -> (n, genes) values and sets -> (n, sets) scores."""
_ROWS = 500
"""Whose values are scored at a time."""


def activity(x: np.ndarray, sets: GeneSets, method: str) -> np.ndarray:
    """(n, sets) float64 the activity of each set in each row; some rows at a time, for each is by itself.

    Args:
        x: (n, genes), no NaN.
    Raises: InputError for a method that there is not.
    """
    if method not in METHODS:
        raise InputError("unknown method of activity", "activity", method, ", ".join(METHODS), "name one of these")
    parts = [METHODS[method](x[at : at + _ROWS].astype(np.float64), sets) for at in range(0, len(x), _ROWS)]
    return np.vstack([np.zeros((0, len(sets.names))), *parts])
