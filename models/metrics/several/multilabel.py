"""Multilabel: discrimination and Brier score over labels (macro), and over all pairs of row and label at once (micro).

A label that all of the rows have, or none, cannot be ranked: it is left out of a macro mean, and `labels_judged` says how
many are left.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from ..discrimination import AUROC, AveragePrecision, auroc, macro, mean_known, ranked
from ..metric import Drawn, Measure, Metric, Scored, mean

_ALONE = "every label is had by all of the held-out part, or by none"


class _Macro(Metric):
    """of: what is averaged over labels."""

    why_null = _ALONE
    of: ClassVar[str]

    def measure(self, part: Scored) -> Measure:
        return macro([ranked(part.y[:, k], part.score[:, k])[self.of] for k in range(part.y.shape[1])])


class MacroAUROC(_Macro):
    """Mean over labels of the area under the ROC curve."""

    key, label, chance, of = "macro_auroc", "macro AUROC", 0.5, "auroc"

    def value(self, part: Scored) -> float | None:
        return macro_auroc(part.y, part.score)


class MacroAveragePrecision(_Macro):
    """Mean over labels of the average precision. Chance is the labels' mean prevalence."""

    key, label, of = "macro_auprc", "macro AUPRC", "auprc"

    def value(self, part: Scored) -> float | None:
        one = AveragePrecision()
        return mean_known([one.value(Scored(part.y[:, k], part.score[:, k])) for k in range(part.y.shape[1])])


class MicroAUROC(Metric):
    """Area under the ROC curve of all pairs of row and label: also which labels are common is told. Its chance is above 0.5
    for who predicts the prevalences."""

    key, label, why_null = "micro_auroc", "micro AUROC", _ALONE
    of = "auroc"

    def value(self, part: Scored) -> float | None:
        return AUROC().value(_flat(part))

    def measure(self, part: Scored) -> Measure:
        flat = _flat(part)
        measure, labels = ranked(flat.y, flat.score)[self.of], part.y.shape[1]

        def micro(w: np.ndarray) -> Drawn:
            """A few resamples at a time: as many weights are held at once as one label would need."""
            some = np.array_split(w, min(labels, len(w)))
            up, down = zip(*(measure(np.repeat(one, labels, axis=1)) for one in some), strict=True)
            return np.concatenate(up), np.concatenate(down)

        return micro


class MicroAveragePrecision(MicroAUROC):
    """Average precision of all pairs of row and label."""

    key, label = "micro_auprc", "micro AUPRC"
    of = "auprc"

    def value(self, part: Scored) -> float | None:
        return AveragePrecision().value(_flat(part))


class MultilabelBrier(Metric):
    """Brier score, the mean over labels."""

    key, label, higher_is_better = "brier", "macro Brier score", False

    def value(self, part: Scored) -> float:
        return float(np.mean((part.score - part.y) ** 2))

    def measure(self, part: Scored) -> Measure:
        return mean(((part.score - part.y) ** 2).mean(axis=1))


class LabelsJudged(Metric):
    """How many labels some of the held-out part have and some have not: the others are in no macro mean."""

    key, label, high, chooses, counts = "labels_judged", "labels judged", np.inf, False, True

    def value(self, part: Scored) -> float:
        return float(judged(part.y).sum())

    def measure(self, part: Scored) -> Measure:
        here = self.value(part)
        return lambda w: (np.full(len(w), here), np.ones(len(w)))


def judged(y: np.ndarray) -> np.ndarray:
    """(labels,) bool: of which (n, labels) both values are there."""
    return np.asarray(y.any(axis=0) & ~y.all(axis=0)) if len(y) else np.zeros(y.shape[1], dtype=bool)


def macro_auroc(y: np.ndarray, score: np.ndarray) -> float | None:
    """Mean AUROC over the labels that can be judged; None where none can.

    Example:
        >>> macro_auroc(np.array([[0, 1], [1, 1]]), np.array([[0.1, 0.9], [0.8, 0.2]]))
        1.0
    """
    return mean_known([auroc(y[:, k], score[:, k]) for k in range(y.shape[1])])


def _flat(part: Scored) -> Scored:
    return Scored(part.y.ravel(), part.score.ravel())
