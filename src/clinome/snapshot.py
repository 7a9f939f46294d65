"""Snapshot: a frozen, fenced cohort, and one fold of it as PyTorch Geometric's HeteroData."""

from __future__ import annotations

import warnings
from dataclasses import fields
from typing import TYPE_CHECKING

import numpy as np

from clinome.graphs.snapshot import snapshot as frozen

if TYPE_CHECKING:
    from clinome.graphs.snapshot.fold_data import FoldData
    from clinome.graphs.snapshot.hetero_data import Fold


class Snapshot(frozen.Snapshot):
    """What the learners see of a cohort: rows, covariates, omics layers, events, knowledge, folds. Nothing in it is fitted.

    `read(folder)` has it back from a run's `snapshot/`; `save(folder)` writes it.
    Example:
        snapshot = clinome.Snapshot.read("runs/lung/snapshot")
        data = snapshot.hetero(repeat=0, fold=0)
    """

    @classmethod
    def of(cls, snapshot: frozen.Snapshot) -> Snapshot:
        """The same contents."""
        return cls(**{one.name: getattr(snapshot, one.name) for one in fields(snapshot)})

    def hetero(self, repeat: int = 0, fold: int = 0, threshold: float = 2.0) -> FoldData:
        """One fold as HeteroData; `clinome.graphs.snapshot.hetero_data` says what is in it.

        Values come from the preprocessing of `ridge_late` and every other learner (`models.preprocessing.fold`), fitted
        on the fold's training rows alone, so that tuning rows can say when to stop. (A learner that does not stop early
        fits on both.)
        Args:
            threshold: a patient has an edge to each feature of a dense layer that was measured at |z| >= threshold. Values
                are winsorised at 1 and 99 % of the training rows: beyond 2.3 or so only skewed features have edges.
        Raises: InputError if there is no such fold, or the snapshot has neither layers nor records.
        Example:
            data = snapshot.hetero(repeat=0, fold=0)
            data["patient"].x[data["patient"].train_mask]
        """
        from clinome.graphs.snapshot.hetero_data import fold_of

        return self._hetero(fold_of(self, repeat, fold), threshold)

    def hetero_for(self, train: np.ndarray, tuning: np.ndarray, threshold: float = 2.0) -> FoldData:
        """The same for rows of one's own choice: fitted on `train`, every row in neither is held out."""
        from clinome.graphs.snapshot.hetero_data import Fold

        masks = np.zeros((2, self.rows.height), dtype=bool)
        masks[0, train] = masks[1, tuning] = True
        return self._hetero(Fold(masks[0], masks[1], np.asarray(~masks.any(axis=0))), threshold)

    def _hetero(self, fold: Fold, threshold: float) -> FoldData:
        with warnings.catch_warnings():  # torch_geometric announces to everybody that torch.jit will go
            warnings.simplefilter("ignore", FutureWarning)
            from torch_geometric.data import HeteroData  # noqa: F401
        from clinome.graphs.snapshot.hetero_data import hetero_data
        from clinome.models.preprocessing.fold import FoldPreprocessing

        fitted = FoldPreprocessing.fit(self, np.flatnonzero(fold.train))
        return hetero_data(self, fold, fitted.graph_inputs(self), threshold)
