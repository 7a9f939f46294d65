"""`clinome.embed`: a network's vectors of patients, genes, codes; `clinome.write_embeddings`: vectors onto the graph's nodes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from clinome.console import SILENT, Console
from clinome.graph import open_graph, open_store
from clinome.loaders.files.atomic import atomic_path
from clinome.study import Study, as_study

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import polars as pl

    from clinome.models.base.learner import Learner
    from clinome.run_folder.run import Run

PRETRAINED = "pretrained"
"""Of `embed`: the encoder itself, where another name is a learner's."""


def embed(
    study: Study | str | Path, learner: str = "hetero_gnn", *, name: str | None = None, console: Console = SILENT
) -> pd.DataFrame:
    """Embeddings of patients and of the graph's nodes, by a network, `pca` or `factor`, fitted on the whole cohort.

    For exploring, and for `clinome.write_embeddings`: no vector is held out, so nothing is to be judged by them. Every
    network has vectors of patients (what its head reads; of several rows of a patient the last), `pca` their principal
    components of one layer after the other, `factor` their factors behind all layers; `hetero_gnn` has them of
    features, codes and knowledge too, `sequence` and `fusion` of codes and the knowledge around them. "pretrained" is the encoder
    that the run's learners started from, as it was before any outcome: vectors of patients alone, for a linear probe.
    Args:
        study: a study, its file, or the folder that holds it; it has been trained.
        learner: its name. name: of the run; default: the study's.
        console: what is said; default: nothing.
    Returns: a row a node: label, id, learner, vector; kept in the run folder as embeddings.parquet (`run.embeddings`).
    Raises: InputError for a learner without embeddings, or that cannot run on this study.
    Example:
        table = clinome.embed("study.toml", "hetero_gnn")
        clinome.write_embeddings("study.toml", table, name="lung/hetero_gnn")
    """
    import numpy as np
    import polars as pl

    from clinome.loaders.errors import InputError
    from clinome.models.learners.base import BaseLearner, placed, with_head
    from clinome.models.learners.registry import reason_of
    from clinome.run_folder.run import EMBEDDINGS, Run

    study = as_study(study)
    run = Run.of(study, name)
    if learner == PRETRAINED:
        return _of_encoder(run, console)
    snapshot, made = run.snapshot, with_head(_started(run, learner), study.learn.survival_head)
    fitted = made.with_setting({}, study.evaluate.seed)
    where = f'learner "{learner}"'
    if (reason := reason_of(fitted, snapshot)) is not None:
        raise InputError(
            "it cannot run on this study", where, reason, fix="`clinome learners STUDY` lists those that can"
        )
    if getattr(type(fitted), "embeddings", BaseLearner.embeddings) is BaseLearner.embeddings:
        expected = "a network, pca or factor"
        raise InputError("it has no embeddings", where, expected=expected, fix='name one, such as "hetero_gnn"')
    train, tuning = _parts(snapshot.rows["subject_id"], study.evaluate.seed)
    fitted = placed(fitted, study.learn.placement)
    fitted.fit(snapshot, train, tuning)
    found = getattr(fitted, "embeddings")(snapshot, np.arange(snapshot.rows.height))  # noqa: B009
    if found is None:
        fix = "`clinome learners STUDY` lists others"
        raise InputError("it learnt no vectors", where, "too few patients with a layer", "twenty or more", fix)
    patients = pl.DataFrame({"id": snapshot.rows["subject_id"], "vector": found.rows.astype(np.float32).tolist()})
    patients = patients.unique("id", keep="last", maintain_order=True).with_columns(
        label=pl.lit("Patient"), subject_id="id"
    )
    labels = _labels(study, found.nodes)
    vectors = dict(zip(found.nodes, found.vectors.astype(np.float32).tolist(), strict=True))
    nodes = labels.with_columns(subject_id=pl.lit(""), vector=pl.Series([vectors[one] for one in labels["id"]]))
    columns = ("label", "id", "vector", "subject_id")
    parts = [one.select(columns).cast({"vector": pl.List(pl.Float32)}) for one in (patients, nodes) if one.height]
    table = pl.concat(parts).with_columns(learner=pl.lit(learner))
    with atomic_path(run.path(EMBEDDINGS)) as fresh:
        table.write_parquet(fresh)
    for (label,), mine in table.group_by("label", maintain_order=True):
        console(f"{label}: {mine.height:,} embeddings of {len(mine['vector'][0])} numbers by {learner}")
    return run.embeddings


def _parts(subjects: pl.Series, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows to train on, and of a seventh of the patients the rows that say when to stop."""
    import numpy as np

    names = subjects.unique().sort()
    stop = names.gather(np.random.default_rng(seed).permutation(len(names))[: max(1, len(names) // 7)])
    tuning = subjects.is_in(stop.implode()).to_numpy()
    return np.flatnonzero(~tuning), np.flatnonzero(tuning)


def _started(run: Run, learner: str) -> Learner:
    """A learner as the run began it: on its pretrained encoder, where it had one."""
    from clinome.models.inference.encoder_file import read_encoder
    from clinome.models.learners.registry import make
    from clinome.models.learners.sequence.pretraining import started
    from clinome.run_folder.run import ENCODER

    folder = run.path(ENCODER)
    return started(make(learner), read_encoder(folder)) if folder.is_dir() else make(learner)


def _of_encoder(run: Run, console: Console) -> pd.DataFrame:
    """The patients as the run's pretrained encoder reads them. Raises: InputError where the run has none."""
    import polars as pl

    from clinome.models.inference.encoder_file import read_encoder
    from clinome.models.learners.sequence.pretraining import patient_vectors
    from clinome.run_folder.run import EMBEDDINGS, ENCODER

    snapshot = run.snapshot
    vectors = patient_vectors(snapshot, read_encoder(run.path(ENCODER), f"{run.name}, pretrained"))
    table = pl.DataFrame(
        {"label": "Patient", "id": snapshot.rows["subject_id"], "vector": vectors.tolist(), "subject_id": snapshot.rows["subject_id"],
         "learner": PRETRAINED}, schema_overrides={"vector": pl.List(pl.Float32)}
    ).unique("id", keep="last", maintain_order=True)  # fmt: skip
    with atomic_path(run.path(EMBEDDINGS)) as fresh:
        table.write_parquet(fresh)
    console(f"Patient: {table.height:,} embeddings of {vectors.shape[1]} numbers by the pretrained encoder")
    return run.embeddings


def _labels(study: Study, ids: Sequence[str]) -> pl.DataFrame:
    """label and id of those that are nodes of the graph."""
    import polars as pl

    schema = {"label": pl.String, "id": pl.String}
    if not ids:
        return pl.DataFrame(schema=schema)
    with open_graph(study) as graph:
        query = "MATCH (n) WHERE n.id IN $ids RETURN labels(n)[0] AS label, n.id AS id ORDER BY label, id"
        found = graph.query(query, ids=list(ids))
    return pl.DataFrame({name: found[name].tolist() for name in schema}, schema=schema).unique(
        "id", keep="first", maintain_order=True
    )


def write_embeddings(
    study: Study | str | Path, table: pd.DataFrame, *, name: str, nearest: int = 10, console: Console = SILENT
) -> dict[str, int]:
    """Embeddings: write vectors onto the nodes that they are of, where `graph.similar` and Cypher find them.

    A node has `embedding`, a list of floats, and `embedding_of`, which says whose it is: STUDY/NAME. On Neo4j a vector
    index a label is made with them. Patients get (:Patient)-[:SIMILAR_TO]->(:Patient) to the nearest others. What the same name wrote before is replaced; a node keeps the last that was written,
    and loses it when its own data are loaded anew or the run is removed.
    Args:
        study: a study, its file, or the folder that holds it; it has been loaded.
        table: a row a node: label (`Patient`, `Gene`, …), id, vector (numbers, of a label all of one length).
        name: which run and learner made them: `lung/gene_gnn`.
        nearest: to how many others each patient is SIMILAR_TO, by cosine; at most 100, 0: none.
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
        written = write(store, pl.DataFrame(rows, schema={"label": pl.String, "id": pl.String, "vector": pl.List(pl.Float64)}), of, nearest)  # fmt: skip
    for label, count in written.items():
        console(f"{label}: {count:,} embeddings of {name}")
    return written
