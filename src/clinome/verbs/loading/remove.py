"""`clinome remove STUDY source NAME | run NAME | patient ID`: what is named is gone, everything else as if it never was.

Each can be stopped at any moment: the same command goes on.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from clinome.console import SILENT, Console
from clinome.graph import open_store, store_folder
from clinome.loaders.errors import InputError, UsageError
from clinome.loaders.specs import Knowledge
from clinome.run_folder.run import Run, run_names
from clinome.study import Study, as_study
from clinome.study_file.typed_toml import nearest
from clinome.verbs.loading.load import door_of, known_before, read_names
from clinome.verbs.loading.load_report import say_source

if TYPE_CHECKING:
    from clinome.graphs.store.protocol import Store, VectorStore
    from clinome.graphs.tables.study_tables import Tables


def remove(study: Study | str | Path, what: str, names: str | Sequence[str], *, console: Console = SILENT) -> None:
    """Remove sources, runs or patients from the graph, the tables and the run folders.

    Args:
        study: a study, its file, or the folder that holds it.
        what: source, run or patient.
        names: as the study file, the runs' folder and the source files have them; of patients `-` means one id a line
            on standard input, where no process list shows it.
        console: what is said while it runs; default: nothing.
    Raises: InputError for a name that is not there; nothing is removed then. UsageError for another word than these.
    Example:
        clinome.remove("study.toml", "run", "first-try")
    """
    from clinome.graphs.tables.study_tables import Tables

    study, names = as_study(study), [names] if isinstance(names, str) else names
    tables = Tables(study.tables, study.name)
    match what:
        case "source":
            _remove_sources(study, tables, names, console)
        case "run":
            _remove_runs(study, tables, names, console)
        case "patient":
            lines = (line.strip() for line in sys.stdin) if list(names) == ["-"] else names
            _remove_patients(study, tables, sorted({id for id in lines if id}), console)
        case _:
            raise UsageError(
                f"clinome remove: got {what!r}; nothing to remove is called so.",
                "clinome remove STUDY run NAME, source NAME or patient ID",
            )


@contextmanager
def _writing(study: Study, tables: Tables) -> Iterator[VectorStore]:
    """The study's store, open for writing. It holds no other study of this name; this one may have left it already."""
    from clinome.graphs.ingest.studies import check_entered, is_entered
    from clinome.graphs.ingest.upgrade_v1 import is_old

    with open_store(study, write=True) as store:
        store.prepare()
        if is_old(store, tables):
            raise InputError("the graph is of an older Clinome", study.file.name, fix="run `clinome load` on it first")
        if is_entered(store, tables):
            check_entered(store, tables)
        yield store


def _remove_sources(study: Study, tables: Tables, names: Sequence[str], console: Console) -> None:
    from clinome.graphs.ingest.load_source import remove_source

    stopped = tables.going()
    for name in names:
        if name not in {*tables.sources(), *stopped}:
            raise InputError(
                "this source is not loaded",
                "remove source",
                name,
                nearest(name, tables.sources()),
                "name a source as clinome load prints it",
            )
    with _writing(study, tables) as store:
        tables.clean()
        for name in names:
            if name in tables.sources():
                remove_source(store, tables, name)
            console(f"{name}: removed from the graph and the tables")
    named = {spec.source for spec in study.sources()} & set(names)
    if named:
        console(f"{study.file.name} still names {', '.join(sorted(named))}: the next load reads it again")


def _remove_runs(study: Study, tables: Tables, names: Sequence[str], console: Console) -> None:
    from clinome.graphs.ingest.studies import leave
    from clinome.graphs.ingest.write_back import forget_run, runs_of
    from clinome.graphs.ingest.write_embeddings import forget_embeddings
    from clinome.graphs.ingest.write_source import publish

    folder, folders = store_folder(study), run_names(study)
    there = folder is None or folder.exists()
    with _writing(study, tables) if there else nullcontext() as store:
        stored = runs_of(store, tables.study) if store else []
        for name in names:
            if name not in {*folders, *stored}:
                raise InputError(
                    "there is no such run",
                    "remove run",
                    name,
                    nearest(name, {*folders, *stored}) or "none",
                    "name a folder of runs/",
                )
        for name in names:
            if store:
                forget_embeddings(store, f"{tables.study}/{name}")
                forget_run(store, tables.study, name)
                leave(store, tables)
                publish(store)
            if name in folders:
                Run.of(study, name).remove()
            console(f"{name}: removed from the graph, and its folder")


@dataclass(frozen=True)
class People:
    """Patients on their way out.

    subjects: their ids in graph and tables. marks: (what, id) for the list of who was removed. quoted: ids of theirs
    as the source files have them. belongings: label -> ids of their visits and samples, in graph and tables.
    """

    subjects: frozenset[str]
    marks: frozenset[tuple[str, str]]
    quoted: frozenset[str]
    belongings: dict[str, frozenset[str]]


def _remove_patients(study: Study, tables: Tables, ids: Sequence[str], console: Console) -> None:
    from clinome.graphs.ingest.remove_patients import erase
    from clinome.graphs.ingest.write_back import recount
    from clinome.graphs.ingest.write_source import publish
    from clinome.loaders.files.removed_ids import add_removed
    from clinome.loaders.records.meds.subject_ids import forget_subjects
    from clinome.loaders.subjects.pseudonyms import forget_ids

    people = _people(study, tables, ids)
    with _writing(study, tables) as store:
        add_removed(study.tables, people.marks)  # first: whatever is stopped now, no load brings them back
        forget_ids(people.quoted, study.tables)
        forget_subjects(people.subjects, study.tables)
        _reread(study, store, tables, people, console)
        erase(store, tables, people.subjects, people.belongings)
        recount(store, tables.study)
        publish(store)
    tables.clean()
    held = [run for name in run_names(study) if (run := Run.of(study, name)).without(people.subjects, study.name)]
    people_gone = "1 patient" if len(ids) == 1 else f"{len(ids):,} patients"
    console(f"{people_gone} removed from the graph and the tables; no load brings them back")
    for run in held:
        console(
            f"runs/{run.name} held them: their rows and its snapshot are removed; its results and its model still count "
            f"them, until `clinome run {study.file.name}` makes them anew or `clinome remove` takes them out"
        )


def _people(study: Study, tables: Tables, ids: Sequence[str]) -> People:
    """Who is meant: ids as the source files have them, or as the graph has them.

    Raises: InputError if one is nobody's; it says how many, and quotes none.
    """
    import polars as pl

    from clinome.graphs.ingest.remove_patients import belongings
    from clinome.loaders.files.removed_ids import GRAPH, SAMPLE, SUBJECT, read_removed
    from clinome.loaders.subjects.pseudonyms import entered_id, file_ids

    spec, there, gone = study.patients, tables.subjects(), read_removed(study.tables)
    namespace, hashed = (spec.namespace, spec.pseudonymise) if spec else ("", False)
    subjects: set[str] = set()
    marks: set[tuple[str, str]] = set()
    unknown = 0
    for id in ids:
        inside, given = entered_id(id, namespace, hashed, study.tables), pl.Series([id])
        if inside in there:
            subjects.add(inside)
            marks |= {(SUBJECT, id), (GRAPH, inside)}
        elif id in there:
            subjects.add(id)
            marks |= {(GRAPH, id), (SUBJECT, file_ids(given, namespace, study.tables)[0] or id)}
        elif gone.holds(given)[0] or gone.holds(given, GRAPH)[0]:
            subjects |= {inside, id}  # a removal that was stopped, or has been done
        else:
            unknown += 1
    if unknown or not ids:
        raise InputError(
            "no patient of this study",
            "remove patient",
            f"{unknown} of {len(ids)} ids",
            "ids as in the files",
            "check the ids: they are case-sensitive",
        )
    theirs = belongings(tables, subjects)
    names = {
        label: file_ids(pl.Series(sorted(found), dtype=pl.String), namespace, study.tables)
        for label, found in theirs.items()
    }
    outside = {one for found in names.values() for one in found if one} | {id for _, id in marks} | set(ids)
    samples = {(SAMPLE, one) for one in names["Sample"] if one}
    return People(frozenset(subjects), frozenset(marks | samples), frozenset(outside), theirs)


def _reread(study: Study, store: Store, tables: Tables, people: People, console: Console) -> None:
    """Every source once more, without them; where its files are not what was loaded, its tables are cut as they stand."""
    from clinome.graphs.ingest.load_source import is_as_loaded, load_identity, load_source, remove_source
    from clinome.graphs.ingest.remove_patients import strip
    from clinome.graphs.ingest.write_source import write_source

    genes, loaded = read_names(study), tables.sources()
    specs = {spec.source: spec for spec in study.sources()}
    for source in sorted(loaded, key=lambda name: list(specs).index(name) if name in specs else len(specs)):
        spec = specs.get(source)
        if source.startswith("knowledge.") or isinstance(spec, Knowledge):
            continue
        load_id = None
        if spec is not None and is_as_loaded(tables, spec):
            known = known_before(study, spec, tables, genes)
            try:
                say_source(load_source(store, tables, spec, known, door=door_of(study, tables)), console)
                continue
            except InputError:  # without them no row of the files can be used
                load_id = load_identity(tables, spec, known)
        if strip(tables, source, people.subjects, people.quoted, load_id):
            write_source(store, tables, source)
            console(f"{source}: its files cannot be read again; they are out of its tables")
        else:
            remove_source(store, tables, source)
            console(
                f"{source}: nothing of it is left; removed. Take it out of {study.file.name}: the next load stops there"
            )
