"""Snapshot: a frozen, fenced cohort, and one fold of it as PyTorch Geometric's HeteroData."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from clinome.graphs.snapshot import snapshot as frozen

if TYPE_CHECKING:
    import pandas as pd

    from clinome.graphs.snapshot.by_row.pyg_stores import FoldEdges, FoldFeatures
    from clinome.graphs.snapshot.fold_data import FoldData
    from clinome.graphs.snapshot.hetero_data import Fold
    from clinome.models.preprocessing.fold import FoldPreprocessing, GraphInputs

_ROWS = 500
"""Whose dense values are read and scaled at a time: that takes several times the memory of the values."""
LayerValues = Callable[[str, np.ndarray], np.ndarray]
"""Layer, row numbers -> (rows, features) float32, as `Layer.values` has them."""


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

    def stores(
        self, repeat: int = 0, fold: int = 0, threshold: float = 2.0, *, values: LayerValues | None = None
    ) -> tuple[FoldFeatures, FoldEdges]:
        """PyTorch Geometric's (FeatureStore, GraphStore) of one fold: the inputs of patients are read and scaled by row.

        What `clinome.neighbor_loader` takes in place of `hetero()`, where the patients' inputs do not fit beside the
        network; `on_disk` keeps them out of memory. Same preprocessing, same edges: held-out patients send nothing.
        Args:
            threshold: as in `hetero`.
            values: reads the layers elsewhere; `graph.stores(snapshot)` gives it, for a graph in Neo4j.
        Raises: as `hetero`.
        Example:
            features, edges = snapshot.stores()
            train = features["patient", "train_mask", None]
            loader = clinome.neighbor_loader((features, edges), [10, 5], ("patient", train), transform=features.complete)
        """
        from clinome.graphs.snapshot.by_row.pyg_stores import FoldEdges, FoldFeatures
        from clinome.graphs.snapshot.hetero_data import fold_of, patient_x
        from clinome.models.preprocessing.fold import FoldPreprocessing
        from clinome.models.preprocessing.omics_layer import DenseBlock

        where = fold_of(self, repeat, fold)
        fitted = FoldPreprocessing.fit(self, np.flatnonzero(where.train))
        fitted = fitted.serving(self, np.flatnonzero(where.tuning), np.flatnonzero(where.held_out))

        called = self._called(fitted, threshold)
        data = self._hetero(where, threshold, called)
        one = fitted.graph_inputs(self._part(np.zeros(1, dtype=np.int64), values))
        x, slices = patient_x(one)
        width, rest = x.shape[1], slices["covariates"]
        dense = {name: block for name, block in fitted.blocks.items() if isinstance(block, DenseBlock)}

        def rows(asked: np.ndarray) -> np.ndarray:
            made = np.empty((len(asked), width), dtype=np.float32)
            for name, block in dense.items():
                columns = made[:, slice(*slices[name])]
                if values is None:
                    block.write(self.layers[name], asked, columns)
                    continue
                for first in range(0, len(asked), _ROWS):
                    part = self._part(some := asked[first : first + _ROWS], values).layers[name]
                    block.write(part, np.arange(len(some)), columns[first : first + _ROWS])
            if not rest[1]:  # neither layers nor covariates
                made[:] = 1
            elif rest[1] > rest[0]:
                made[:, slice(*rest)] = called.covariates[asked]
            return made

        data["patient"].layer_slices = slices
        del data["patient"].x
        return FoldFeatures(data, rows, width), FoldEdges(data)

    def layer_prediction(self, layer: str, seed: int = 1) -> pd.DataFrame:
        """Cross-layer prediction: how well the other layers tell each feature of one, on held-out rows.

        Args:
            layer: of numbers, such as proteins.
        Returns: a row a feature, the best told first: feature, symbol, rows, error (root mean square, in spreads of the
            training rows) and r2 with r2_low, r2_high by ridge regression; error_vae, r2_vae by the multimodal variational
            autoencoder. docs/methods/layer_prediction.md has the method.
        Raises: InputError for a layer that is not there or of mutations, and where no other one is.
        Example:
            clinome.Run.open("runs/my").snapshot.layer_prediction("proteins").head()
        """
        from clinome.models.learners.latent.layer_prediction import predict_layer

        return predict_layer(self, self.folds, layer, seed).to_pandas()

    def on_disk(self, folder: str | Path) -> Snapshot:
        """The same snapshot, whose dense layers lie in memory-mapped files in a folder: what is not read takes no memory.

        Args:
            folder: is made; a file a layer, as large as its values. Keep it as long as the snapshot is used.
        """
        from clinome.loaders.files.atomic import atomic_path

        place = Path(folder)
        place.mkdir(parents=True, exist_ok=True)
        layers = dict(self.layers)
        for number, (name, layer) in enumerate(sorted(self.layers.items())):
            if isinstance(layer.values, np.ndarray):
                file = place / f"layer{number}.npy"
                with atomic_path(file) as fresh, fresh.open("wb") as opened:
                    np.save(opened, layer.values)
                layers[name] = replace(layer, values=np.load(file, mmap_mode="r"))
        return replace(self, layers=layers)

    def _called(self, fitted: FoldPreprocessing, threshold: float) -> GraphInputs:
        """What `hetero` makes edges of, some rows at a time; of dense layers nothing else."""
        from scipy import sparse

        from clinome.models.preprocessing.fold import LayerInputs

        dense, whole = fitted.dense(), fitted.others().graph_inputs(self)
        parts: dict[str, list[sparse.csr_matrix]] = {name: [] for name in dense.blocks}
        layers = dict(whole.layers)
        for first in range(0, self.rows.height, _ROWS):
            some = np.arange(first, min(first + _ROWS, self.rows.height))
            for name, layer in dense.graph_inputs(self._part(some, None)).layers.items():
                row, column = np.nonzero((np.abs(np.asarray(layer.values)) >= threshold) & layer.measured)
                entries = (layer.values[row, column], (row, column))
                parts[name].append(sparse.csr_matrix(entries, shape=layer.values.shape))
                layers[name] = layer
        for name, found in parts.items():
            layers[name] = LayerInputs(layers[name].features, sparse.csr_matrix(sparse.vstack(found)), None)
        return replace(whole, layers=layers)

    def _part(self, rows: np.ndarray, values: LayerValues | None) -> Snapshot:
        """Some rows, in this order, without events."""
        layers = {}
        for name, layer in self.layers.items():
            elsewhere = values is not None and isinstance(layer.values, np.ndarray)
            found = values(name, rows) if values is not None and elsewhere else layer.values[rows]
            batch = None if layer.batch is None else layer.batch[rows]
            layers[name] = replace(layer, values=found, profiled=layer.profiled[rows], batch=batch)
        covariates = self.covariates[rows] if self.covariates.width else self.covariates
        return replace(self, rows=self.rows[rows], covariates=covariates, layers=layers, events=None)

    def _hetero(self, fold: Fold, threshold: float, inputs: GraphInputs | None = None) -> FoldData:
        from clinome.graphs.snapshot.hetero_data import hetero_data
        from clinome.models.preprocessing.fold import FoldPreprocessing

        if inputs is None:
            fitted = FoldPreprocessing.fit(self, np.flatnonzero(fold.train))
            fitted = fitted.serving(self, np.flatnonzero(fold.tuning), np.flatnonzero(fold.held_out))
            inputs = fitted.graph_inputs(self)
        return hetero_data(self, fold, inputs, threshold)
