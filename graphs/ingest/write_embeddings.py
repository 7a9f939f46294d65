"""Write embeddings: a table of vectors onto the nodes that they are of, under the name of the run and learner that made them.

Patients get (:Patient)-[:SIMILAR_TO {similarity, rank}]->(:Patient) to those of the nearest vectors, too.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from ...loaders.errors import InputError
from .. import schema
from ..store.protocol import Edges, Store, VectorStore
from ..store.similarity import neighbours
from .write_source import publish

_PRESENT = "MATCH (n:LABEL) WHERE n.id IN $ids RETURN count(n) AS n"
_TAKEN = (
    "MATCH (n:LABEL) WHERE n.id IN $ids AND n.embedding IS NOT NULL AND n.embedding_of IS NULL RETURN count(n) AS n"
)
_THERE = "MATCH (n:LABEL) WHERE n.embedding_of IS NOT NULL RETURN n.embedding_of AS name, count(n) AS nodes, min(size(n.embedding)) AS width"
_LIKE = "MATCH (:Patient)-[x:SIMILAR_TO]->(:Patient) RETURN DISTINCT x.source AS name"
_BATCH = 20_000
NEAREST = 10
"""Patients to whom each is said to be similar, unless another number is asked for."""
MOST = 100


def write_embeddings(store: VectorStore, table: pl.DataFrame, of: str, nearest: int = NEAREST) -> dict[str, int]:
    """Give nodes their vectors; what the same name gave before is replaced. A node has one embedding, the last that was
    written, until its own data are loaded anew.

    Args:
        store: open for writing.
        table: label, id, vector (lists of floats; of a label all of one length).
        of: STUDY/RUN/LEARNER.
        nearest: of each patient so many others get SIMILAR_TO, the nearest by cosine, exactly, at most 100; 0: none.
    Returns: label -> nodes that have one now.
    Raises: InputError, before anything is written, for vectors that are none, labels without embeddings, ids that are no
        nodes, and a property `embedding` of the study's own.
    """
    parts = {str(label): checked(str(label), part) for (label,), part in
             sorted(table.select("label", "id", "vector").partition_by("label", as_dict=True).items())}  # fmt: skip
    if not parts:
        raise InputError(
            "no embeddings", "embeddings", 0, "a row a node: label, id, vector", "give a table that has rows"
        )
    for label, part in parts.items():
        ids = {"ids": part["id"].to_list()}
        unknown = part.height - int(store.run(schema.cypher(_PRESENT, LABEL=label), ids)["n"][0])
        if unknown:
            fix = "write only those of this study, as it is loaded now"
            raise InputError(f"embeddings of what is not in the graph: {unknown}", f"embeddings {label}", expected="ids of its nodes", fix=fix)  # fmt: skip
        if store.run(schema.cypher(_TAKEN, LABEL=label), ids)["n"][0]:
            raise InputError("the study has a property of this name", f"{label}.embedding", fix="rename or leave out the column: [patients] keep")  # fmt: skip
    if not 0 <= nearest <= MOST:
        raise InputError("so many similar patients are not kept", "nearest", nearest, f"0 to {MOST}", "give fewer")
    _forget_similar(store, of)
    for label in schema.EMBEDDED:
        store.remove_vectors(label, of)
    for label, part in parts.items():
        store.write_vectors(label, of, part)
    if "Patient" in parts:
        _write_similar(store, parts["Patient"], of, nearest)
    publish(store)
    return {label: part.height for label, part in parts.items()}


def checked(label: str, part: pl.DataFrame) -> pl.DataFrame:
    """id, vector (lists of Float64) of one label. Raises: InputError for what no search could use."""
    where, fix = f"embeddings {label}", "leave such rows out"
    if label not in schema.EMBEDDED:
        raise InputError("no embeddings for this label", where, label, ", ".join(schema.EMBEDDED), "correct the label")
    rows = part.select(pl.col("id").cast(pl.String), pl.col("vector").cast(pl.List(pl.Float64)))
    lengths = rows["vector"].list.len().unique().to_list()
    if rows.null_count().sum_horizontal()[0] or len(lengths) != 1 or not lengths[0]:
        raise InputError("vectors of different lengths, or none", where, sorted(lengths, key=str), "one length", fix)
    if rows["id"].is_duplicated().any():
        raise InputError("several vectors of one id", where, int(rows["id"].is_duplicated().sum()), "one an id", fix)
    values = np.array(rows["vector"].to_list())
    bad = ~np.isfinite(values).all(axis=1) | ~values.any(axis=1)
    if bad.any():
        raise InputError("vectors that are no numbers, or nothing but 0", where, int(bad.sum()), "finite numbers", fix)
    return rows


def embeddings_of(store: Store) -> pl.DataFrame:
    """label, name, nodes, width of every embedding in the graph."""
    empty = pl.DataFrame(schema={"label": pl.String, "name": pl.String, "nodes": pl.Int64, "width": pl.Int64})
    found = [empty]
    for label in schema.EMBEDDED:
        rows = store.run(schema.cypher(_THERE, LABEL=label), {})
        if rows.height:
            found.append(rows.select(pl.lit(label).alias("label"), "name", "nodes", "width").cast(empty.schema))
    return pl.concat(found).sort("label", "name")


def _write_similar(store: VectorStore, patients: pl.DataFrame, of: str, nearest: int) -> None:
    rows = neighbours(patients["id"].to_list(), np.array(patients["vector"].to_list()), nearest)
    rows = rows.with_columns(source=pl.lit(of))
    for first in range(0, rows.height, _BATCH):
        batch = Edges("SIMILAR_TO", "Patient", "Patient", rows.slice(first, _BATCH))
        store.write_edges(f"{_similar(of)}.{first}", _similar(of), batch)


def _forget_similar(store: VectorStore, of: str) -> None:
    store.remove_edges("SIMILAR_TO", of)
    store.remove_nodes("Batch", sorted(store.batches(_similar(of))))


def _similar(of: str) -> str:
    """The batches of one embedding's SIMILAR_TO."""
    return f"similar.{of}"


def forget_embeddings(store: VectorStore, run: str) -> None:
    """Take the embeddings of a run (STUDY/RUN) off the nodes, and whom they said to be similar."""
    for name in store.run(_LIKE, {})["name"].cast(pl.String):
        if name.startswith(f"{run}/"):
            _forget_similar(store, name)
    for label, name in embeddings_of(store).select("label", "name").rows():
        if str(name).startswith(f"{run}/"):
            store.remove_vectors(label, name)
