"""`clinome load`: every source of a study in order, each row accounted for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from clinome.console import SILENT, Console
from clinome.graph import open_store, store_folder
from clinome.loaders.errors import InputError
from clinome.loaders.files.source_folder import Shards
from clinome.loaders.specs import AnySource, Knowledge, Patients, Samples
from clinome.loaders.tables import Known, Loaded
from clinome.study import Study, as_study
from clinome.verbs.loading.known import known_of
from clinome.verbs.loading.load_report import LoadReport, last_line, say_source
from clinome.verbs.loading.shards import shards_of

if TYPE_CHECKING:
    import polars as pl

    from clinome.graphs.ingest.load_source import SourceReport
    from clinome.graphs.store.protocol import Store
    from clinome.graphs.tables.study_tables import Tables
    from clinome.loaders.identifiers.genes import GeneTable

Door = Callable[[Loaded], Loaded]
"""What every source's tables pass on their way in: namespace and pseudonyms."""
Ready = Callable[["Tables", str], None]
"""Is shown a source once its tables are there, before it is written into the graph."""


def _nothing(tables: Tables, source: str) -> None:
    pass


@dataclass
class _Size:
    """Says once, before much is written into a server that holds nothing, that a bulk import is faster."""

    store: Store
    console: Console
    relationships: int = 0
    empty: bool | None = None

    def see(self, tables: Tables, source: str) -> None:
        from clinome.graphs.ingest.estimate import MANY, relationships

        if self.empty is None:
            self.empty = self.store.run("MATCH (l:Load) RETURN count(l) AS n", {})["n"][0] == 0
        before, self.relationships = self.relationships, self.relationships + relationships(tables, source)
        if self.empty and before < MANY <= self.relationships:
            self.console(
                f"more than {MANY // 1_000_000} M relationships into an empty database: `clinome neo4j import STUDY` is "
                "faster; stop this load for it, what is read is not read again"
            )


@dataclass
class _Limit:
    """Refuses what an embedded store could not save, before hours of writing."""

    folder: Path
    relationships: int = 0

    def see(self, tables: Tables, source: str) -> None:
        from clinome.graphs.ingest.estimate import MOST_EMBEDDED, relationships
        from clinome.graphs.store.embedded import TOO_LARGE

        self.relationships += relationships(tables, source)
        if self.relationships > MOST_EMBEDDED:
            most = f"{MOST_EMBEDDED // 1_000_000} million at the most, and about 15 million of events"
            what = "more relationships than an embedded store can save"
            raise InputError(what, self.folder.name, f"{self.relationships:,} with {source}", most, TOO_LARGE)


def load(study: Study | str | Path, *, dry_run: bool = False, console: Console = SILENT) -> LoadReport:
    """Load a study: files -> tables -> graph, source by source; what is there and unchanged stays.

    Args:
        study: a study, its file, or the folder that holds it.
        dry_run: read everything, and write nothing: neither tables nor graph.
        console: what is said while it runs (`clinome.console.Console()`); default: nothing.
    Returns: what became of every source's rows and cells: read = written + merged + rejected.
    Raises: InputError for a source that cannot be read, gave no row, or would lose too much that the section does not
        `accept`; EngineError if the store is locked or away.
    Example:
        clinome.load("study.toml").to_frame()
    """
    if dry_run:
        from clinome.verbs.loading.dry_run import dry_run as read_only

        return read_only(as_study(study), console)
    return LoadReport(tuple(load_study(as_study(study), console)))


def load_study(study: Study, console: Console) -> list[SourceReport]:
    """Load every source; sources that the study no longer names are taken out. Nothing changes twice."""
    with open_store(study, write=True) as store:
        folder = store_folder(study)
        return load_into(study, store, console, _Size(store, console).see if folder is None else _Limit(folder).see)


def load_into(study: Study, store: Store, console: Console, ready: Ready = _nothing) -> list[SourceReport]:
    """`load_study` into a store that is open for writing. ready: is shown every source before it is written."""
    from clinome.graphs.ingest.load_source import TooMuchLost, load_source
    from clinome.graphs.tables.study_tables import Tables

    tables = Tables(study.tables, study.name)
    genes = read_names(study)
    reports = []
    store.prepare()
    if _enter(study, store, tables, genes):
        console("the graph is of an older Clinome: it is brought to this one's form")
    _forget(study, store, tables, console)
    for line in study.unread:
        console(line)
    with shards_of(study) as shards:
        for spec in study.sources():
            known = known_before(study, spec, tables, genes, shards)
            door, there = door_of(study, tables), partial(ready, tables, spec.source)
            with console.working(spec.source) as progress:
                try:
                    reports.append(load_source(store, tables, spec, known, door=door, progress=progress, ready=there))
                except TooMuchLost as lost:
                    say_source(lost.report, console)
                    raise
            say_source(reports[-1], console)
    if store.retried:
        console(f"{store.retried:,} transactions were run again: others were in their way, or the server was away")
    _say_stopped(store, tables, console)
    _say_all(reports, tables, console)
    return reports


def read_names(study: Study) -> GeneTable:
    """The study's table of gene names; an empty one where it names none."""
    from clinome.loaders.identifiers.genes import GeneTable, read_genes

    return read_genes(study.identifiers.genes) if study.identifiers.genes else GeneTable.empty()


def _enter(study: Study, store: Store, tables: Tables, genes: GeneTable) -> bool:
    """Refuse a study whose name is another's in this graph; take over what an older Clinome wrote for this one."""
    from clinome.graphs.ingest.load_source import load_identity
    from clinome.graphs.ingest.studies import enter
    from clinome.graphs.ingest.upgrade_v1 import upgrade_v1

    first = study.sources()[0]
    load_id = "" if tables.sources() else load_identity(tables, first, known_before(study, first, tables, genes))
    enter(store, tables, study.file.name, store_folder(study), load_id)
    return upgrade_v1(store, tables)


def known_before(
    study: Study, spec: AnySource, tables: Tables, genes: GeneTable, shards: Shards | None = None
) -> Known:
    """What is known before this source is read; ids as they stand in the files. shards: how files are read."""
    from clinome.loaders.subjects.pseudonyms import file_samples

    loaded = () if isinstance(spec, Patients) else tables.sources()
    patients = tables.read("patients").patients if study.patients and "patients" in loaded else None
    sampled = study.samples is not None and "samples" in loaded and not isinstance(spec, Samples)
    samples = tables.read("samples").samples if sampled else None
    namespace = study.patients.namespace if study.patients else ""
    return known_of(
        study, genes, opaque=tables.opaque_names() if isinstance(spec, Knowledge) else {},
        subjects=None if patients is None else _ids(patients["subject_id"], namespace, study),
        samples=None if samples is None else file_samples(samples, namespace, study.tables), shards=shards,
    )  # fmt: skip


def _ids(subjects: pl.Series, namespace: str, study: Study) -> frozenset[str]:
    """Ids as they stand in the files."""
    from clinome.loaders.subjects.pseudonyms import file_ids

    return frozenset(i for i in file_ids(subjects, namespace, study.tables) if i is not None)


def door_of(study: Study, tables: Tables) -> Door:
    from clinome.loaders.subjects.pseudonyms import door

    if study.patients is None:
        return lambda loaded: loaded
    return door(study.patients.namespace, study.patients.pseudonymise, Path(study.tables))


def _forget(study: Study, store: Store, tables: Tables, console: Console) -> None:
    from clinome.graphs.ingest.load_source import remove_source

    named = {spec.source for spec in study.sources()}
    for source in tables.sources():
        if source not in named:
            remove_source(store, tables, source)
            console(f"{source}: no longer in the study; removed")


def _say_stopped(store: Store, tables: Tables, console: Console) -> None:
    """Readers of an embedded store never see half a load, nor what was loaded beside it."""
    from clinome.graphs.ingest.write_source import stopped

    others = sorted({name.partition("/")[0] for name in stopped(store) if not tables.owns(name)})
    if others:
        console(f"a load of another study was stopped in the middle ({', '.join(others)}): load it again; until then readers "
            "of an embedded store see neither")  # fmt: skip


def _say_all(reports: list[SourceReport], tables: Tables, console: Console) -> None:
    if not any(r.changed for r in reports):
        console("nothing has changed since the last load")
    else:
        _say_coverage(tables, console)
    console(last_line(reports, f"{tables.folder.name}/rejects.csv"))


def _say_coverage(tables: Tables, console: Console) -> None:
    """How many of the recorded diagnoses reach diseases and genes, where knowledge maps codes."""
    from clinome.graphs.query.code_coverage import code_coverage

    covered = code_coverage(tables)
    if covered.is_empty():
        return

    from clinome.reports.quality.sentences import SENTENCES

    for row in covered.iter_rows(named=True):
        console(SENTENCES["code_coverage"](row, ""))
