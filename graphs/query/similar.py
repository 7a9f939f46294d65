"""Similar nodes: those whose embedding lies nearest to that of one node."""

from __future__ import annotations

import numpy as np
import polars as pl

from ...loaders.errors import InputError
from ..schema import EMBEDDED, cypher
from ..store.protocol import VectorStore

_VECTOR = "MATCH (n:LABEL {id: $id}) RETURN n.embedding AS vector, n.embedding_of AS name"
_NAMES = "UNWIND $ids AS id MATCH (n:LABEL {id: id}) RETURN n.id AS id, n.symbol AS symbol, n.name AS name"


def similar(store: VectorStore, label: str, id: str, k: int) -> pl.DataFrame:
    """id, name, similarity of the k nodes nearest to this one, itself left out; ties by id.

    Raises: InputError for a label or a node without an embedding; the id of a patient is not quoted.
    """
    if label not in EMBEDDED:
        raise InputError("no embeddings for this label", "similar", label, ", ".join(EMBEDDED), "correct the label")
    if k < 1:
        raise InputError("nothing to look for", "similar", k, "k of 1 or more", "give k")
    found = store.lists(cypher(_VECTOR, LABEL=label), {"id": id})
    if not found["vector"] or found["vector"][0] is None or found["name"][0] is None:
        fix = "clinome.write_embeddings(study, table, name=…); graph.embeddings shows which there are"
        what = "has no embedding" if found["vector"] else "is not in the graph"
        raise InputError(f"this {label} {what}", "similar", expected="an id of a node with one", fix=fix)
    near = store.nearest(label, str(found["name"][0]), np.array(found["vector"][0], dtype=np.float64), k + 1)
    near = near.filter(pl.col("id") != id).head(k)
    if label == "Patient":
        return near.select("id", pl.col("id").alias("name"), "similarity")
    known = store.run(cypher(_NAMES, LABEL=label), {"ids": near["id"].to_list()}).cast(pl.String)
    named = known.select("id", pl.coalesce("symbol", "name", "id").alias("name"))
    return near.join(named, on="id", how="left", maintain_order="left").select("id", "name", "similarity")
