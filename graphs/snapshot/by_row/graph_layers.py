"""Omics values by row from the graph itself, as the snapshot has them: for learning on a graph that does not fit here."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from scipy import sparse

from ....loaders.errors import InputError
from ...schema import LAYER, cypher, feature_labels
from ...store.protocol import Store
from ...tables.study_tables import Tables
from ..fence import Fence, fence
from ..layers import dense_values, layer_sources, picked_samples
from ..snapshot import Snapshot

_VALUES = """
UNWIND $ids AS id MATCH (p:Patient {id: id})-[x:TYPE]->(f:FINISH) WHERE x.source = $source
RETURN p.id AS subject_id, x.sample AS sample_id, f.id AS feature, x.value AS value
"""


class GraphLayers:
    """Dense layers of a snapshot, read from the graph by the ids of the rows that are asked for.

    Which sample is a row's own is decided by the time fence, from the tables; its values come by Cypher, joined by id,
    whatever the order in which a store answers.
    Args:
        store: open; embedded or Neo4j. tables: the study's. snapshot: frozen from both.
    Raises: InputError for a layer of which the graph holds a part: the section must say `graph = "all"`.
    """

    def __init__(self, store: Store, tables: Tables, snapshot: Snapshot, fence: Fence = fence) -> None:
        self.store, self.tables, self.snapshot = store, tables, snapshot
        index = snapshot.rows.select(
            pl.int_range(pl.len(), dtype=pl.Int64).alias("row"), "subject_id", "prediction_time"
        )
        self._picked: dict[str, pl.DataFrame] = {}
        for name, sources in layer_sources(tables).items():
            if name not in snapshot.layers or sparse.issparse(snapshot.layers[name].values):
                continue
            parts = []
            for source in sources:
                if tables.record(source)["spec"].get("graph") != "all":
                    raise InputError(
                        "the graph holds only some values of this layer", source, tables.record(source)["spec"].get("graph"),
                        'graph = "all"', "set it in the study file and load again, or read from the tables: snapshot.stores()",
                    )  # fmt: skip
                obs = tables.table(source, "obs")
                assert obs is not None
                picked, _ = picked_samples(index, tables, source, fence)
                parts.append(picked.with_columns(sample_id=obs["sample_id"].gather(picked["sample"])))
            self._picked[name] = pl.concat(parts).join(index.select("row", "subject_id"), on="row")

    def __call__(self, layer: str, rows: np.ndarray) -> np.ndarray:
        """(rows, features) float32, NaN where not measured, in the order of `rows` and of the layer's `var`.

        Raises: InputError if the graph is not the one that was frozen.
        """
        known = self.snapshot.layers[layer]
        asked = pl.DataFrame({"row": np.unique(rows)}).with_row_index("new")
        picked = self._picked[layer].join(asked.cast({"row": pl.Int64}), on="row").drop("row")
        picked = picked.rename({"new": "row"}).cast({"row": pl.Int64}).sort("source", "row")
        columns = np.arange(known.var.height)
        blocks = {source: (self._values(layer, source, part), columns)
                  for (source,), part in picked.partition_by("source", as_dict=True, maintain_order=True).items()}  # fmt: skip
        values, measured = dense_values(blocks, picked, (asked.height, known.var.height))
        if not np.array_equal(measured, known.profiled[asked["row"].to_numpy()]):
            fix = "freeze the cohort again: graph.snapshot(graph.cohort())"
            raise InputError("the graph is not the one that was frozen: values of its patients are gone or new", f"layer {layer}", fix=fix)  # fmt: skip
        found: np.ndarray = values[np.searchsorted(asked["row"].to_numpy(), rows)]
        return found

    def _values(self, layer: str, source: str, picked: pl.DataFrame) -> np.ndarray:
        """(picked samples, features) of one source."""
        about = self.snapshot.layers[layer]
        kinds = feature_labels(about.var.rename({"feature": "id"}), about.kind)
        params = {"ids": picked["subject_id"].unique().to_list(), "source": self.tables.name_of(source)}
        asked = [cypher(_VALUES, TYPE=LAYER[about.kind][0], FINISH=label) for label in sorted(kinds.unique())]
        found = pl.concat([self.store.run(text, params).cast(_ANSWER) for text in asked])
        found = found.with_columns(pl.coalesce("sample_id", "subject_id").alias("sample_id"))
        columns = about.var.select("feature", column=pl.int_range(pl.len()))
        cells = picked.with_row_index("at").join(found, on=["subject_id", "sample_id"]).join(columns, on="feature")
        values = np.full((picked.height, about.var.height), np.nan, dtype=np.float32)
        values[cells["at"].to_numpy(), cells["column"].to_numpy()] = cells["value"].to_numpy()
        return values


_ANSWER: Any = {"subject_id": pl.String, "sample_id": pl.String, "feature": pl.String, "value": pl.Float64}
