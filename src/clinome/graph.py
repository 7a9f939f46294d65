"""Graph of a study, open: query it in Cypher, take a cohort from it, freeze the cohort into a snapshot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from clinome.explore.questions import Questions
from clinome.loaders.errors import InputError
from clinome.study import SERVERS, Study, as_study

if TYPE_CHECKING:
    import pandas as pd

    from clinome.graphs.cohort.cohort import AttritionStep
    from clinome.graphs.cohort.cohort import Cohort as TakenCohort
    from clinome.graphs.snapshot.by_row.pyg_stores import FoldEdges, FoldFeatures
    from clinome.graphs.store.protocol import VectorStore
    from clinome.graphs.tables.study_tables import Tables
    from clinome.snapshot import Snapshot


def open_store(study: Study, write: bool) -> VectorStore:
    """The study's store. One process writes at a time; readers neither wait nor block."""
    if study.store.startswith(SERVERS):
        from clinome.graphs.neo4j_server.home import credentials
        from clinome.graphs.neo4j_store.store import Neo4jStore

        user, password = credentials(study.store, (Path.cwd(), study.folder))
        return Neo4jStore(study.store, user, password, write=write)
    from clinome.graphs.store.embedded import EmbeddedStore

    return EmbeddedStore(Path(study.store), write=write)


def store_folder(study: Study) -> Path | None:
    """The folder of an embedded store; None: a server."""
    return None if study.store.startswith(SERVERS) else Path(study.store)


@dataclass(frozen=True)
class Cohort:
    """Cohort: which patients, when the prediction is made, the outcome; with its attrition.

    taken: the cohort as graphs/ holds it (polars).
    Example:
        cohort = clinome.cohort("study.toml")
        cohort.frame["label"].value_counts()
    """

    taken: TakenCohort

    @property
    def name(self) -> str:
        """What it is called in the graph: the study's name."""
        return self.taken.name

    @property
    def frame(self) -> pd.DataFrame:
        """One row a (subject_id, prediction_time): label, or duration_days (days) and event, then the query's columns."""
        return self.taken.frame.to_pandas()

    @property
    def attrition(self) -> pd.DataFrame:
        """Cohort selection: a row a step, with `step` and `count`, the patients left after it."""
        import pandas as pd

        return pd.DataFrame({"step": [s.step for s in self.steps], "count": [s.count for s in self.steps]})

    @property
    def steps(self) -> tuple[AttritionStep, ...]:
        """The attrition as objects with `step` and `count`."""
        return self.taken.steps

    @property
    def notes(self) -> tuple[str, ...]:
        """What was done to labels and rows, in plain words."""
        return self.taken.notes

    @property
    def balance(self) -> pd.DataFrame | None:
        """Of a matched cohort a row a variable: smd_before, smd_after; None of another."""
        return None if self.taken.balance is None else self.taken.balance.to_pandas()

    def summary(self) -> dict[str, object]:
        """What `clinome cohort --json` ends with."""
        return {"cohort": self.name, "steps": [{"step": s.step, "count": s.count} for s in self.steps]}


class Graph(Questions):
    """Graph: a study's graph, open for reading. A context manager.

    Example:
        with clinome.open("study.toml") as graph:
            table = graph.query("MATCH (g:Gene {symbol: $symbol}) RETURN g.id AS id", symbol="TP53")
    """

    def __init__(self, study: Study) -> None:
        from clinome.graphs.tables.study_tables import Tables

        self.study = study
        self.store: VectorStore = open_store(study, write=False)
        self.tables: Tables = Tables(study.tables, study.name)

    def query(self, query: str, **params: Any) -> pd.DataFrame:
        """Cypher, read-only, into a DataFrame: a row a record, a column a RETURN name.

        Args:
            query: Cypher text, a .cypher file beside the study, or a name in the library (`queries`).
            params: its parameters.
        Raises: InputError for Cypher that fails or would write, EngineError if the store does.
        """
        from clinome.graphs.query.cypher import find, run_query
        from clinome.graphs.query.kept_out import refuse_kept_out

        asked = find(query, self.study.folder)
        refuse_kept_out(asked.text, self.tables, "query")
        return run_query(self.store, asked, params).to_pandas()

    @property
    def queries(self) -> pd.DataFrame:
        """The library of queries that come with Clinome: name, parameters, question."""
        import pandas as pd

        from clinome.graphs.query.cypher import library

        rows = [(query.name, ", ".join(param.name for param in query.params), query.question) for query in library()]
        return pd.DataFrame(rows, columns=["name", "parameters", "question"])

    def cohort(self, study: Study | str | Path | None = None, *, params: Mapping[str, object] | None = None) -> Cohort:
        """Cohort: run the study's cohort query.

        Args:
            study: whose `[cohort]` and `[task]` count (default: the graph's own).
            params: instead of those of the study file.
        Raises: InputError for rows that cannot be a cohort, and if nobody is left.
        """
        return Cohort(cohort_of(self, None if study is None else as_study(study), params))

    def snapshot(self, cohort: Cohort) -> Snapshot:
        """Snapshot: freeze a cohort behind the time fence, with the folds that the study asks for.

        Args:
            cohort: from `cohort`.
        Raises: InputError for a covariate that is the label, or that nothing holds.
        """
        return snapshot_of(self, cohort.taken)

    @property
    def embeddings(self) -> pd.DataFrame:
        """The embeddings that nodes have: label, name (STUDY/RUN/LEARNER), nodes, width."""
        from clinome.graphs.ingest.write_embeddings import embeddings_of

        return embeddings_of(self.store).to_pandas()

    def similar(self, label: str, id: str, k: int = 10) -> pd.DataFrame:
        """Similarity search: the nodes whose embedding is nearest to that of one node, by cosine.

        The same answer on every store: exact on the embedded one, by a vector index on Neo4j, whose finds are ranked
        exactly. Only embeddings of one learner are compared with each other.
        Args:
            label: `Patient`, `Gene`, … id: of the node, as in the graph. k: how many.
        Returns: id, name (a gene's symbol; of patients the id), similarity (-1 to 1), the highest first.
        Raises: InputError for a label without embeddings, and a node that has none (`clinome.write_embeddings`).
        Example:
            graph.similar("Patient", "P017", k=10)
        """
        from clinome.graphs.query.similar import similar

        return similar(self.store, label, id, k).to_pandas()

    def stores(
        self, snapshot: Snapshot, repeat: int = 0, fold: int = 0, threshold: float = 2.0
    ) -> tuple[FoldFeatures, FoldEdges]:
        """PyTorch Geometric's (FeatureStore, GraphStore) of one fold, whose dense values are read from this graph by Cypher,
        by the ids of the patients in a batch; while the graph is open, in this process (`num_workers=0`).

        Args:
            snapshot: frozen from this graph. repeat, fold, threshold: as in `snapshot.stores`, which reads from the tables.
        Raises: InputError for a layer that is not in the graph as a whole (`graph = "all"`), or has changed.
        Example:
            with clinome.open("study.toml") as graph:
                features, edges = graph.stores(graph.snapshot(graph.cohort()))
        """
        from clinome.graphs.snapshot.by_row.graph_layers import GraphLayers

        return snapshot.stores(repeat, fold, threshold, values=GraphLayers(self.store, self.tables, snapshot))

    def fingerprint(self, *, provenance: bool = True) -> str:
        """Fingerprint: a hash of what the graph holds, apart from clocks and run ids; equal on both stores.

        provenance: False leaves out loads, cohorts and runs, so that graphs of equal contents are equal whatever the files.
        """
        from clinome.graphs.store.fingerprint import fingerprint

        return fingerprint(self.store, provenance)

    def close(self) -> None:
        """Close the store."""
        self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_graph(study: Study | str | Path) -> Graph:
    """Open the graph of a study that has been loaded.

    Args:
        study: a study, its file, or the folder that holds it.
    Returns: a `Graph`, to be used as a context manager.
    Raises: InputError if nothing has been loaded yet, EngineError if the store is broken or away.
    Example:
        with clinome.open("study.toml") as graph:
            print(graph.fingerprint())
    """
    from clinome.graphs.store.protocol import NoGraph

    study = as_study(study)
    try:
        return Graph(study)
    except NoGraph:
        fix = f"clinome load {study.file.name}"
        raise InputError("nothing has been loaded yet", study.file.name, fix=fix) from None


def cohort_of(graph: Graph, study: Study | None = None, params: Mapping[str, object] | None = None) -> TakenCohort:
    """The study's cohort: its query run on an open graph, its target's labels."""
    from clinome.graphs.cohort.cohort import make_cohort
    from clinome.models.base.task import task_of

    study = study or graph.study
    spec, task = study.need_cohort(), study.need_task()
    made = make_cohort(
        graph.store,
        spec.query,
        {**spec.params, **(params or {})},
        label_type=task_of(task.kind).label_type,
        label=task.label,
        name=study.name,
        base=study.folder,
        tables=graph.tables,
        target=study.prediction_task,
        layer=task.layer,
        measured=task.measured,
    )
    if study.matching is None:
        return made
    from clinome.study_file.matched_cohort import matched

    return matched(made, graph.tables, study.matching)


def snapshot_of(graph: Graph, cohort: TakenCohort) -> Snapshot:
    """A cohort frozen behind the time fence, with the folds that the study asks for."""
    from clinome.models.base.folds import make_folds

    task = graph.study.need_task()
    snapshot = frozen(graph, cohort, task.covariates)
    return snapshot.with_folds(make_folds(snapshot.rows, task.kind, graph.study.evaluate))


def frozen(graph: Graph, cohort: TakenCohort, covariates: tuple[str, ...]) -> Snapshot:
    """A cohort frozen behind the time fence, with what the study's folds are made by."""
    from clinome.graphs.snapshot.freeze import freeze
    from clinome.models.base.splits import grouped
    from clinome.snapshot import Snapshot

    task, evaluate = graph.study.need_task(), graph.study.evaluate
    keep = tuple(name for name in (evaluate.site, evaluate.stratify) if name is not None)
    group = evaluate.group if evaluate.group != "subject_id" else None
    also = () if group is None else (group,)
    snapshot = Snapshot.of(
        freeze(
            cohort, graph.tables, task.kind, covariates, keep=(*keep, *also),
            interleaved=graph.study.learn.fusion == "interleaved",
        )
    )  # fmt: skip
    if group is None:
        return snapshot
    rows = grouped(snapshot.rows, snapshot.rows[group])
    return replace(snapshot, rows=rows if group in keep else rows.drop(group))
