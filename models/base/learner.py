"""Learner: the protocol of everything that learns, from `fit` and `predict` to what a run may ask beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np

from .attribution import Attribution
from .snapshot import Snapshot

Setting = Mapping[str, Any]
"""One set of hyperparameters; {} is the default."""


@runtime_checkable
class FitPredict(Protocol):
    """The smallest learner: `fit` and `predict`, nothing else."""

    def fit(self, snapshot: Snapshot, train: np.ndarray, tuning: np.ndarray) -> object: ...
    def predict(self, snapshot: Snapshot, rows: np.ndarray) -> np.ndarray: ...


@runtime_checkable
class Learner(Protocol):
    """What learns: an object with `fit(snapshot, train, tuning)` and `predict(snapshot, rows)` is enough.

        class Mean:
            def fit(self, snapshot, train, tuning):
                rows = np.concatenate([train, tuning])
                self.rate = snapshot.rows["label"].gather(rows).mean()

            def predict(self, snapshot, rows):
                return np.full(len(rows), self.rate)

        clinome.run(study, learners={"mean": Mean()})

    `train` and `tuning` are disjoint (n,) int64 indices into `snapshot.rows`, both in the training part of a fold: stop
    early on tuning, or learn from both. Nothing may be fitted on any other row. Each fit works on a fresh copy of the
    object given. `predict` answers for any rows, in their order:

    | task       | answer            | is                                              |
    |------------|-------------------|-------------------------------------------------|
    | binary     | `(n,)`            | probability of the event, 0 to 1                |
    | multiclass | `(n, classes)`    | probabilities, in the order of `snapshot.classes` |
    | multilabel | `(n, labels)`     | probability of each label, in the order of `snapshot.classes` |
    | regression | `(n,)`            | the number, in the outcome's unit               |
    | responses  | `(n, endpoints)`  | each number in its endpoint's unit, in the order of `snapshot.classes` |
    | survival   | `(n,)`            | risk, higher = sooner; any finite numbers       |

    What may be added, each by itself (`models.learners.adapters.fit_predict` fills in what is not there):

    - `seed`: an attribute; each copy gets its own, so that runs repeat.
    - `reason(snapshot)`: None if it can run on this study, else why not in plain words; or `supports(snapshot)`, a bool.
    - `space`: {parameter: values or a scipy distribution}, from which the study's `trials` draws; what is drawn is set
      as attributes of the copy. Or `settings(trials)`: the settings themselves, the default {} first.
    - `state()` and `restore(state)`: what was fitted, as arrays, numbers, text, None, lists and dicts; then it can be
      part of the run's model, and `clinome.predict(run, study, learners={"mean": Mean()})` serves new patients.
    - `attribute(snapshot, rows)`: {block: `Attribution(names, values)`} (`clinome.models.base.attribution`), a block
      being a layer's name, "records" or "covariates"; then its features are ranked as biomarkers.

    This class is the whole of it, as a run sees every learner; `models.learners.base.BaseLearner` brings defaults for
    all but fit and predict.
    """

    name: str

    def supports(self, snapshot: Snapshot) -> bool:
        """Whether it can run on this study."""

    def reason(self, snapshot: Snapshot) -> str | None:
        """Why it cannot run on this study, in plain words; None where it can."""

    def settings(self, trials: int) -> Sequence[Setting]:
        """At most `trials` settings to try, the default first. The same on every call."""

    def with_setting(self, setting: Setting, seed: int) -> Learner:
        """A fresh, unfitted learner of this kind."""

    def fit(self, snapshot: Snapshot, train: np.ndarray, tuning: np.ndarray) -> None:
        """Learn from these rows, and from no other."""

    def predict(self, snapshot: Snapshot, rows: np.ndarray) -> np.ndarray:
        """Scores of these rows, in their order: (n,), of multiclass and multilabel (n, classes)."""

    def state(self) -> dict[str, Any]:
        """Everything fitted, as arrays, numbers, text, None, lists and dicts: what is saved, and what the garbage test
        compares."""

    def unsaved(self) -> str | None:
        """None if `state` holds all that `predict` needs; else, in plain words, why this fitted learner is not saved."""

    def restore(self, state: Mapping[str, Any]) -> Learner:
        """As if fitted: of `state` makes, in a learner of the same name, one that predicts the same. Returns itself."""

    def attribute(self, snapshot: Snapshot, rows: np.ndarray) -> Mapping[str, Attribution] | None:
        """What each feature contributed to each row's score, by block: a layer's name, "records" or "covariates".
        None where the learner cannot say."""
