"""`clinome.write_embeddings`: vectors of patients, genes, codes onto the nodes of a study's graph, to be searched there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from clinome.console import SILENT, Console
from clinome.graph import open_store
from clinome.study import Study, as_study

if TYPE_CHECKING:
    import pandas as pd


def write_embeddings(
    study: Study | str | Path, table: pd.DataFrame, *, name: str, console: Console = SILENT
) -> dict[str, int]:
    """Embeddings: write vectors onto the nodes that they are of, where `graph.similar` and Cypher find them.

    A node has `embedding`, a list of floats, and `embedding_of`, which says whose it is: STUDY/NAME. On Neo4j a vector
    index a label is made with them. What the same name wrote before is replaced; a node keeps the last that was written,
    and loses it when its own data are loaded anew or the run is removed.
    Args:
        study: a study, its file, or the folder that holds it; it has been loaded.
        table: a row a node: label (`Patient`, `Gene`, …), id, vector (numbers, of a label all of one length).
        name: which run and learner made them: `lung/gene_gnn`.
        console: what is said; default: nothing.
    Returns: label -> nodes that have one now.
    Raises: InputError, before anything is written, for vectors that are none and ids that are no nodes; EngineError if
        another process writes.
    Example:
        table = pd.DataFrame({"label": "Patient", "id": data.ids("patient"), "vector": z.tolist()})
        clinome.write_embeddings(study, table, name="lung/gene_gnn")
        with clinome.open(study) as graph:
            graph.similar("Patient", "P017", k=10)
    """
    import polars as pl

    from clinome.graphs.ingest.write_embeddings import write_embeddings as write
    from clinome.graphs.tables.study_tables import Tables
    from clinome.loaders.errors import InputError

    study = as_study(study)
    missing = [column for column in ("label", "id", "vector") if column not in table.columns]
    if missing:
        raise InputError("a column is missing", "embeddings", missing, "label, id, vector", "add or rename it")
    if len([part for part in name.split("/") if part.strip()]) != 2:
        raise InputError("the name says no run and learner", "name", name, "RUN/LEARNER", 'give "lung/gene_gnn"')
    vectors = [[float(one) for one in vector] for vector in table["vector"]]
    rows = {"label": table["label"].astype(str).tolist(), "id": table["id"].astype(str).tolist(), "vector": vectors}
    of = f"{Tables(study.tables, study.name).study}/{name}"
    with open_store(study, write=True) as store:
        store.prepare()
        written = write(store, pl.DataFrame(rows, schema={"label": pl.String, "id": pl.String, "vector": pl.List(pl.Float64)}), of)  # fmt: skip
    for label, count in written.items():
        console(f"{label}: {count:,} embeddings of {name}")
    return written
