"""Clusterer: what every learner of subtypes is: factors of the inputs, a division of the training patients, a centre a cluster.

A new patient is given the cluster whose centre is nearest, in the blocks that the patient has. Nothing of an outcome is
looked at.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from ...base.snapshot import Snapshot
from ...base.task import task_of
from ..base import BaseLearner
from .factors import Factors, filled_in
from .number import MOST, REFERENCES, RESAMPLES, NumberOfClusters

AT_MOST = 400
"""Training patients who are divided: of more so many are drawn; the others are given the nearest centre."""
EACH = 10
"""Patients to a cluster, at least, on the mean."""


@dataclass(frozen=True)
class Division:
    """Training patients in clusters.

    labels: (n,) from 0. number: how many clusters, and what said so. consensus: (n, n) at this number; None where the
    learner has none.
    """

    labels: np.ndarray
    number: NumberOfClusters
    consensus: np.ndarray | None = None


class Clusterer(BaseLearner):
    """A learner of subtypes; a subclass says how training patients are divided.

    Settings: k, the number of clusters where it is given; most, up to how many are looked for (8); resamples (20);
    references (15).
    """

    measured_by: ClassVar[str] = "stability"
    """The column of the table of k by which its number is chosen."""

    def reason(self, snapshot: Snapshot) -> str | None:
        if task_of(snapshot.task).supervised:
            return 'it divides patients without an outcome: [task] kind = "clustering"'
        if not snapshot.layers and not snapshot.views and snapshot.events is None:
            return "the study has no omics, records, notes or images to divide patients by"
        return None

    @abstractmethod
    def divide(self, parts: Sequence[np.ndarray]) -> Division:
        """Divide patients.

        Args: parts: each block's (n, d) factors, those filled in that a patient lacks (`factors.filled_in`).
        """

    def fit(self, snapshot: Snapshot, train: np.ndarray, tuning: np.ndarray) -> None:
        rows = np.sort(np.concatenate([train, tuning]))
        self.factors = Factors.fit(snapshot, rows, self.seed)
        if len(rows) > AT_MOST:
            rows = np.sort(np.random.default_rng([self.seed, 3]).choice(rows, AT_MOST, replace=False))
        parts, present = self.factors.parts(snapshot, rows)
        some = present.any(axis=1)
        parts, present = [part[some] for part in parts], present[some]
        one = Division(np.zeros(len(present), dtype=np.int64), NumberOfClusters(1, []))
        found = self.divide(filled_in(parts, present)) if parts else one
        self.division = Division(by_size(found.labels), found.number, found.consensus)
        self._learn(parts, present)
        self.kept = float((self.assigned(parts, present) == self.division.labels).mean()) if len(present) else 1.0

    def _learn(self, parts: Sequence[np.ndarray], present: np.ndarray) -> None:
        """What `predict` needs of the training patients: here the centre of each cluster, block by block."""
        labels = self.division.labels
        self.centres = [
            np.stack([_mean(x[(labels == c) & has]) for c in range(int(labels.max(initial=0)) + 1)])
            for x, has in zip(parts, present.T, strict=True)
        ]

    def predict(self, snapshot: Snapshot, rows: np.ndarray) -> np.ndarray:
        """(n,) int64 cluster, 0 the largest of the training part; 0 too for who has no input at all."""
        return self.assigned(*self.factors.parts(snapshot, rows))

    def assigned(self, parts: Sequence[np.ndarray], present: np.ndarray) -> np.ndarray:
        """The cluster of each of (n, d) factors a block."""
        far = np.zeros((len(present), len(self.centres[0]) if self.centres else 1))
        for x, has, centre in zip(parts, present.T, self.centres, strict=True):
            far += has[:, None] * ((x[:, None] - centre) ** 2).sum(axis=2)
        return np.asarray(far.argmin(axis=1), dtype=np.int64)

    def ks(self, n: int) -> list[int]:
        """The numbers of clusters above one that n patients are divided into."""
        most = min(int(self.setting.get("most", MOST)), n // EACH)
        return [int(self.setting["k"])] if "k" in self.setting else list(range(2, most + 1))

    @property
    def resamples(self) -> int:
        return int(self.setting.get("resamples", RESAMPLES))

    @property
    def references(self) -> int:
        return 0 if "k" in self.setting else int(self.setting.get("references", REFERENCES))

    def state(self) -> dict[str, Any]:
        return {"factors": self.factors.state(), "centres": self.centres}

    def restore(self, state: Mapping[str, Any]) -> Self:
        self.factors, self.centres = Factors.restored(state["factors"]), state["centres"]
        return self


def by_size(labels: np.ndarray) -> np.ndarray:
    """Clusters numbered by their size, the largest 0; of equal ones the one whose first row comes first.

    Example:
        >>> by_size(np.array([4, 4, 1, 0, 1, 1])).tolist()
        [1, 1, 0, 2, 0, 0]
    """
    found, first, count = np.unique(labels, return_index=True, return_counts=True)
    order = np.lexsort((first, -count))
    place = np.empty(len(found), dtype=np.int64)
    place[order] = np.arange(len(found))
    return np.asarray(place[np.searchsorted(found, labels)])


def _mean(x: np.ndarray) -> np.ndarray:
    """The mean of rows; 0 of none, which is the mean of the training part."""
    return np.asarray(x.mean(axis=0) if len(x) else np.zeros(x.shape[1]))
