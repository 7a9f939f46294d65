"""`clinome neo4j import`: a study into an empty Neo4j database by Neo4j's own bulk import."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from clinome.console import Console
from clinome.loaders.errors import InputError
from clinome.study import SERVERS, Study
from clinome.verbs.loading.load import load_into

if TYPE_CHECKING:
    from clinome.graphs.ingest.load_source import SourceReport
    from clinome.graphs.neo4j_server.home import Home
    from clinome.graphs.store.protocol import Store

_README = """\
The study {name} as files for Neo4j's own import: {nodes:,} nodes, {edges:,} relationships.
They name patients: keep them to yourself, and remove them afterwards.

1. Stop the server, go into this folder on its machine, and run
   neo4j-admin database import full neo4j --overwrite-destination @arguments
   It replaces whatever the database holds.
2. Start the server, set CLINOME_NEO4J_USER and CLINOME_NEO4J_PASSWORD, and run
   clinome load {file}
   It makes constraints and indexes, writes what files cannot say ({rest:,} rows), and then has nothing to do.
"""


def import_study(study: Study, folder: Path, console: Console) -> list[SourceReport]:
    """Files -> tables -> graph, as `clinome load`; the graph by bulk import. The server runs when this returns.

    Args:
        folder: where `clinome neo4j start` was called.
    Raises: InputError if the database holds anything but a stopped load of this study, or is no server of ours; what a load raises; EngineError if Neo4j's
        import fails. The graph is then as it was.
    """
    from tempfile import TemporaryDirectory

    from clinome.graphs.neo4j_server.backup import offline, put
    from clinome.graphs.neo4j_server.bulk_import import build
    from clinome.graphs.neo4j_server.process import start
    from clinome.graphs.neo4j_store.bulk_csv_store import CsvStore

    home = _home(study, folder)
    with home.held():
        start(home, say=console)
        _check_empty(study, folder)
        _sweep(home)
        with TemporaryDirectory(dir=home.path, prefix="import-") as place:
            files, new = Path(place) / "files", Path(place) / "new"
            files.mkdir()
            with CsvStore(files) as written:
                reports = load_into(study, written, console)
                arguments = written.finish()
                console(f"{written.files.n_nodes:,} nodes and {written.files.n_edges:,} relationships: importing")
                began = time.perf_counter()
                build(home, files, arguments, new, console)
                console(f"imported in {time.perf_counter() - began:.1f} s")
                with offline(home, console):
                    put(home, new)
                with _open(study, folder) as graph:
                    rest = written.settle(graph)
        if rest:
            console(f"{rest:,} rows that files cannot say, written one by one")
        console("the graph is there, with its constraints and indexes; the server runs")
    return reports


def write_files(study: Study, folder: Path, console: Console) -> list[SourceReport]:
    """Only the files, and how to import them into a server that is not ours.

    Args:
        folder: is made, or is empty.
    Raises: InputError if it holds anything, and what a load raises.
    """
    from clinome.graphs.neo4j_store.bulk_csv_store import CsvStore

    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise InputError("this folder is not empty", folder, fix="name a new one")
    with CsvStore(folder) as written:
        reports = load_into(study, written, console)
        arguments = written.finish()
        rows = {"nodes": written.files.n_nodes, "edges": written.files.n_edges, "rest": written.unsaid}
    (folder / "arguments").write_text("\n".join(arguments) + "\n", encoding="utf-8")
    (folder / "README.txt").write_text(_README.format(name=study.name, file=study.file.name, **rows), encoding="utf-8")
    console(
        f"{rows['nodes']:,} nodes and {rows['edges']:,} relationships in files. How to go on: {folder / 'README.txt'}"
    )
    return reports


def _home(study: Study, folder: Path) -> Home:
    from clinome.graphs.neo4j_server.home import home_of

    if not study.store.startswith(SERVERS):
        raise InputError(
            "the study's store is no server", f"{study.file.name} store", Path(study.store).name,
            "bolt://127.0.0.1:7687", "name the server that `clinome neo4j start` showed, or run clinome load",
        )  # fmt: skip
    home = home_of(study.store, _places(study, folder))
    if home is None:
        raise InputError(
            "this server was not started here by `clinome neo4j start`", f"{study.file.name} store",
            fix="go to the folder where it was, or use --in; for any other server write the files with --csv DIR, and "
            "run its own neo4j-admin as DIR/README.txt says",
        )  # fmt: skip
    return home


def _open(study: Study, folder: Path) -> Store:
    from clinome.graphs.neo4j_server.home import credentials
    from clinome.graphs.neo4j_store.store import Neo4jStore

    return Neo4jStore(study.store, *credentials(study.store, _places(study, folder)), write=True)


def _places(study: Study, folder: Path) -> tuple[Path, ...]:
    return folder, Path(), study.folder


def _check_empty(study: Study, folder: Path) -> None:
    from clinome.graphs.neo4j_store.bulk_csv_store import may_replace
    from clinome.graphs.tables.study_tables import Tables

    sources = [spec.source for spec in study.sources()]
    with _open(study, folder) as graph:
        if not may_replace(graph, Tables(study.tables, study.name), sources):
            raise InputError(
                "the database is not empty", f"{study.file.name} store",
                expected="one that holds nothing but what a stopped load of this study wrote",
                fix="clinome load adds the study to what is there; or start an empty server elsewhere: "
                "clinome neo4j start --in DIR",
            )  # fmt: skip


def _sweep(home: Home) -> None:
    """What an import that was killed has left: its files name patients."""
    import shutil

    for old in home.path.glob("import-*"):
        shutil.rmtree(old, ignore_errors=True)
