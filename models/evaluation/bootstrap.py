"""Bootstrap: patients drawn anew, a thousand times, and what each metric would have been.

A resample is a weight a patient (how often it was drawn), so that each score is sorted once and all resamples are scored
together; all rows of a patient, in whatever fold or repeat, are drawn together. Parts of more than MANY rows are scored
to the first order (`models.metrics.influence`): seconds also for 70,000 rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from ..metrics.metric import Drawn, Measure

RESAMPLES = 1000
_CELLS = 4_000_000  # weights held at once: 32 MB


@dataclass(frozen=True)
class Resamples:
    """weights: (resamples, patients) how often each was drawn. patient: (rows,) each row's patient; -1 never held out."""

    weights: np.ndarray
    patient: np.ndarray

    @classmethod
    def of(cls, subject: np.ndarray, held_out: np.ndarray, seed: int, times: int = RESAMPLES) -> Resamples:
        """Draw among the subjects of the held-out rows, with replacement, as many as there are.

        Args:
            subject: (rows,) any ids. held_out: indices of the rows that were held out, each any number of times.
        """
        known, index = np.unique(subject[held_out], return_inverse=True)
        patient = np.full(len(subject), -1, dtype=np.int64)
        patient[held_out] = index
        rng = np.random.default_rng(seed)
        weights = np.empty((times, len(known)), dtype=np.uint8)
        for one in weights:
            drawn = np.bincount(rng.integers(0, len(known), len(known)), minlength=len(known))
            one[:] = np.minimum(drawn, 255)
        return cls(weights, patient)

    def blocks(self, rows: np.ndarray) -> Iterator[np.ndarray]:
        """(some resamples, rows) float64 weights, one block after the other."""
        index = self.patient[rows]
        size = max(1, _CELLS // max(len(rows), 1))
        for start in range(0, len(self.weights), size):
            yield self.weights[start : start + size, index].astype(np.float64)

    def totals(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """(patients, k) what each patient's rows have together. columns: (n, k), of rows (n,) that may come several times."""
        patient, patients = self.patient[rows], self.weights.shape[1]
        return np.column_stack([np.bincount(patient, column, patients) for column in columns.T])

    def sums(self, each: np.ndarray) -> np.ndarray:
        """(resamples, k) sums over the patients drawn, of what each patient has: (patients, k)."""
        size = max(1, _CELLS // max(self.weights.shape[1], 1))
        starts = range(0, len(self.weights), size)
        return np.concatenate([self.weights[at : at + size].astype(np.float64) @ each for at in starts])

    def score(self, rows: np.ndarray, measures: Mapping[str, Measure]) -> dict[str, Drawn]:
        """name -> (resamples,) numerators and denominators of each measure on these rows."""
        found: dict[str, list[Drawn]] = {name: [] for name in measures}
        for block in self.blocks(rows):
            for name, measure in measures.items():
                found[name].append(measure(block))
        return {name: (np.concatenate([u for u, _ in parts]), np.concatenate([d for _, d in parts]))
                for name, parts in found.items()}  # fmt: skip


def quotient(up: np.ndarray, down: np.ndarray) -> np.ndarray:
    """up / down; NaN where there is nothing below, as in a resample that cannot be scored."""
    return np.asarray(np.divide(up, down, out=np.full(np.shape(up), np.nan), where=down > 0))
