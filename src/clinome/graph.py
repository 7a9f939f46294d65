"""Graph of a study, open: query it in Cypher, take a cohort from it, freeze the cohort into a snapshot."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from clinome.loaders.errors import InputError
from clinome.study import SERVERS, Study

if TYPE_CHECKING:
    import pandas as pd

    from clinome.graphs.cohort.cohort import Cohort
    from clinome.graphs.store.protocol import Store
    from clinome.graphs.tables.study_tables import Tables
    from clinome.snapshot import Snapshot


def open_store(study: Study, write: bool) -> Store:
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


class Graph:
    """An open graph, read-only. Use as a context manager.

    Example:
        with clinome.open(study) as graph:
            table = graph.query("MATCH (g:Gene {symbol: $symbol}) RETURN g.id AS id", symbol="TP53")
    """

    def __init__(self, study: Study) -> None:
        from clinome.graphs.tables.study_tables import Tables

        self.study = study
        self.store: Store = open_store(study, write=False)
        self.tables: Tables = Tables(study.tables, study.name)

    def query(self, query: str, **params: Any) -> pd.DataFrame:
        """Read-only Cypher, or the name of a query in the library, into a DataFrame."""
        from clinome.graphs.query.cypher import find, run_query

        return run_query(self.store, find(query, self.study.folder), params).to_pandas()

    def cohort(self, study: Study | None = None, params: Mapping[str, object] | None = None) -> Cohort:
        """The study's cohort: who is in, when the prediction is made, the label; with its attrition."""
        from clinome.graphs.cohort.cohort import make_cohort
        from clinome.models.base.task import task_of

        study = study or self.study
        spec, task = study.need_cohort(), study.need_task()
        return make_cohort(
            self.store,
            spec.query,
            {**spec.params, **(params or {})},
            label_type=task_of(task.kind).label_type,
            label=task.label,
            name=study.name,
            base=study.folder,
            tables=self.tables,
        )

    def snapshot(self, cohort: Cohort) -> Snapshot:
        """Freeze a cohort behind the time fence, with the folds that the study asks for."""
        from clinome.graphs.snapshot.freeze import freeze
        from clinome.models.base.folds import make_folds
        from clinome.snapshot import Snapshot

        task, evaluate = self.study.need_task(), self.study.evaluate
        keep = tuple(name for name in (evaluate.site, evaluate.stratify) if name is not None)
        snapshot = Snapshot.of(freeze(cohort, self.tables, task.kind, task.covariates, keep=keep))
        return snapshot.with_folds(make_folds(snapshot.rows, task.kind, evaluate))

    def fingerprint(self) -> str:
        """A hash of what the graph holds, apart from clocks and run ids: equal contents, equal print."""
        from clinome.graphs.store.fingerprint import fingerprint

        return fingerprint(self.store)

    def close(self) -> None:
        self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_graph(study: Study | str | Path) -> Graph:
    """`clinome.open`: the graph of a study that has been loaded."""
    from clinome.graphs.store.protocol import NoGraph

    study = study if isinstance(study, Study) else Study.read(study)
    try:
        return Graph(study)
    except NoGraph:
        fix = f"clinome load {study.file.name}"
        raise InputError("nothing has been loaded yet", study.file.name, fix=fix) from None
