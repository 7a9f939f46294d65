"""Store protocol, the contract of every graph store: exactly-once batches, replace by source, Cypher into columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self, runtime_checkable

import numpy as np
import polars as pl

from ...loaders.errors import InputError
from ..schema import LABELS


@dataclass(frozen=True)
class Nodes:
    """Nodes of one label: rows has `id` (text, unique) and properties as columns; nulls and NaN are left out."""

    label: str
    rows: pl.DataFrame


@dataclass(frozen=True)
class Edges:
    """Relationships of one type: rows has `start`, `end` (ids) and properties as columns; nulls and NaN are left out."""

    type: str
    start_label: str
    end_label: str
    rows: pl.DataFrame


@dataclass(frozen=True)
class Index:
    """What a store looks nodes up by. unique: a constraint, no two nodes of the label have the same."""

    label: str
    properties: tuple[str, ...]
    unique: bool


def indexes(found: Sequence[tuple[bool, Mapping[str, list[Any]]]]) -> list[Index]:
    """What SHOW CONSTRAINTS (unique: True) and then SHOW INDEXES say, of the labels of the schema.

    Args:
        found: columns labelsOrTypes and properties of each.
    """
    made: dict[tuple[str, tuple[str, ...]], Index] = {}
    for unique, columns in found:
        for labels, names in zip(columns["labelsOrTypes"], columns["properties"], strict=True):
            for label in labels or ():
                if label in LABELS:
                    made.setdefault((label, tuple(names or ())), Index(label, tuple(names or ()), unique))
    return [made[key] for key in sorted(made)]


class NoGraph(InputError):
    """A reader finds nothing here that was ever saved."""

    def __init__(self, where: str | Path) -> None:
        super().__init__("there is no graph here yet", where, fix="run `clinome load` on the study first")


@runtime_checkable
class Store(Protocol):
    """What graphs/ asks of a database. Every implementation passes tests/graphs/store/test_store_contract.py."""

    name: str  # "embedded" or "neo4j": a query's header may ask for one
    workers: int  # how many threads may write at once, each its own batches; 1: one after another

    @property
    def retried(self) -> int:
        """How many transactions were run again since the store was opened, because others were in their way."""

    def prepare(self) -> None:
        """Constraints and indexes before data; refuses a newer schema version. Idempotent."""

    def batches(self, load_id: str) -> set[str]:
        """Ids of the batches of this load that are committed."""

    def write_nodes(self, batch: str, load_id: str, nodes: Nodes) -> None:
        """MERGE nodes by id and create the batch's own node, in one transaction.

        The properties given replace all that the node had: what a node holds never depends on its history.
        Raises: EngineError if the batch is committed already; nothing is written then.
        """

    def write_edges(self, batch: str, load_id: str, edges: Edges) -> None:
        """CREATE relationships (parallel ones too) and the batch's own node, in one transaction.

        Raises: EngineError if an end does not exist or the batch is committed already; nothing is written then.
        """

    def remove_edges(self, type: str, source: str) -> int:
        """Delete the relationships of this type whose `source` is this one; how many."""

    def remove_nodes(self, label: str, ids: list[str]) -> int:
        """DETACH DELETE these nodes; how many there were."""

    def run(self, text: str, params: Mapping[str, Any], timeout_s: float | None = None) -> pl.DataFrame:
        """Read-only Cypher into columns; datetimes naive UTC, in microseconds. Keeps its columns when empty.

        Args:
            text: Cypher in the portable subset (docs), which neither writes nor reads files.
            params: dates as naive datetimes; lists and maps as they are.
            timeout_s: None: ten minutes.
        Raises: InputError for a query that is wrong or not read-only, EngineError if it takes too long.
        """

    def lists(self, text: str, params: Mapping[str, Any], timeout_s: float | None = None) -> dict[str, list[Any]]:
        """The same answer as plain values, before a column's type is made of all that is in it (`columns.table`).

        For whoever wants some of the rows: what other studies call by the same name shall not decide their types.
        """

    def indexes(self) -> list[Index]:
        """Constraints and indexes of the graph's labels, by label; an index that a constraint brings is not named again."""

    def save(self) -> None:
        """Make what was written visible to readers; before the first time a reader is told that there is no graph.

        A server's readers see each batch as it is committed, and need no second save.
        """

    def close(self) -> None:
        """End. What was written and not saved is kept for the next writer; readers do not see it."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


@runtime_checkable
class VectorStore(Store, Protocol):
    """A store whose nodes may have embeddings, and that finds the nearest: both of them."""

    def write_vectors(self, label: str, of: str, vectors: pl.DataFrame) -> None:
        """Give nodes `embedding` and `embedding_of`, in place of what they had; killed in between, it is done again.

        Args:
            of: whose embedding it is. vectors: id, vector (lists of one length).
        Raises: EngineError if a node does not exist.
        """

    def remove_vectors(self, label: str, of: str) -> int:
        """Take this embedding off the label's nodes; how many had it."""

    def nearest(self, label: str, of: str, vector: np.ndarray, k: int) -> pl.DataFrame:
        """id, similarity: the k nodes of this embedding nearest to a vector, as `similarity.nearest` ranks them all."""
