"""The learner protocol: fit on training rows, predict any rows; and what the harness needs to know beside that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np

from .snapshot import Snapshot

Setting = Mapping[str, Any]
"""One set of hyperparameters; {} is the default."""


@runtime_checkable
class Learner(Protocol):
    """One way to learn. An instance is one setting, fitted once.

    train and tuning are disjoint arrays of row indices, both inside the training part of a fold. A learner that stops
    early does so on tuning; one that does not learns from both. Nothing is fitted on any other row.
    """

    name: str

    def supports(self, snapshot: Snapshot) -> str | None:
        """None if it can run on this study, else the reason in plain words."""

    def settings(self, trials: int) -> Sequence[Setting]:
        """At most `trials` settings to try, the default first. The same on every call."""

    def with_setting(self, setting: Setting, seed: int) -> Learner:
        """A fresh, unfitted learner of this kind."""

    def fit(self, snapshot: Snapshot, train: np.ndarray, tuning: np.ndarray) -> None: ...

    def predict(self, snapshot: Snapshot, rows: np.ndarray) -> np.ndarray:
        """Scores. binary: (n,) probability of the event; multiclass: (n, classes) probabilities;
        survival: (n,) risk, higher = sooner."""

    def state(self) -> dict[str, Any]:
        """Everything fitted, as arrays, numbers, text, None, lists and dicts: what is saved, and what the garbage test
        compares."""

    def unsaved(self) -> str | None:
        """None if `state` holds all that `predict` needs; else, in plain words, why this fitted learner is not saved."""

    def restore(self, state: Mapping[str, Any]) -> Learner:
        """As if fitted: of `state` makes, in a learner of the same name, one that predicts the same. Returns itself."""

    def attribute(self, snapshot: Snapshot, rows: np.ndarray) -> dict[str, np.ndarray] | None:
        """Contribution of each feature to each row's score, {layer name or "records" or "covariates": (n, features)};
        None where the learner cannot say. For "records" the features are `self.codes()`, for a layer its var."""

    def codes(self) -> list[str]:
        """Names of the features of the "records" block in `attribute`, in order."""
