"""`clinome neo4j …`: a real Neo4j server without Docker, at home in `.clinome/neo4j` of the working folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from clinome.console import Console

app = typer.Typer(name="neo4j", help="A real Neo4j server without Docker.", no_args_is_help=True)

Folder = Annotated[Path, typer.Option("--in", metavar="DIR", help="The folder whose .clinome/neo4j is its home.")]
Json = Annotated[bool, typer.Option("--json", help="End with one line of JSON.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say only what went wrong.")]
Version = Annotated[
    str | None, typer.Option(metavar="5.26|2026.09", help="Which Neo4j (default: the home's, 5.26 for a new one).")
]
HERE = Path()


@app.command()
def start(
    folder: Folder = HERE,
    version: Version = None,
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Bolt port (default: the last one, 7687, or a free one).")
    ] = None,
    heap: Annotated[str | None, typer.Option(metavar="SIZE", help="Memory for queries, such as 2g.")] = None,
    pagecache: Annotated[str | None, typer.Option(metavar="SIZE", help="Memory for the graph's pages.")] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Start it, or find that it runs. The first time its jars are downloaded and a password is made."""
    from clinome.graphs.neo4j_server import process as neo4j_server
    from clinome.graphs.neo4j_server.home import Home

    console = Console(quiet)
    server = neo4j_server.start(Home.of(folder), version, port, heap, pagecache, console)
    state = "runs" if server.began else "runs already"
    console(f"Neo4j {server.which.version} {state}: {server.uri}")
    console(f"user neo4j, password in {server.home.password_file}")
    _end(as_json, server.summary())


@app.command()
def stop(folder: Folder = HERE, quiet: Quiet = False) -> None:
    """Stop it. Its data stay."""
    from clinome.graphs.neo4j_server import process as neo4j_server
    from clinome.graphs.neo4j_server.home import Home

    stopped = neo4j_server.stop(Home.of(folder))
    Console(quiet)("Neo4j: stopped" if stopped else "Neo4j: does not run here")


@app.command()
def status(folder: Folder = HERE, as_json: Json = False, quiet: Quiet = False) -> None:
    """Whether it runs, where, and how large it is."""
    from clinome.graphs.neo4j_server.home import Home
    from clinome.graphs.neo4j_server.status import status_of

    found, console = status_of(Home.of(folder)), Console(quiet)
    console(f"Neo4j: {found['state']}")
    for name, value in found.items():
        if name not in ("state", "running") and value is not None:
            console(f"    {name}: {value}")
    _end(as_json, found)


@app.command("import")
def bulk_import(
    study: Annotated[Path, typer.Argument(metavar="STUDY", help="The study file, or the folder that holds it.")],
    csv: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write the files only, for a server that is not Clinome's.")
    ] = None,
    folder: Folder = HERE,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """A first load of a large study into an empty database: the graph that `clinome load` makes, in a fraction of the time."""
    from clinome.study import Study
    from clinome.verbs.loading import bulk_import as importing
    from clinome.verbs.loading.load_report import LoadReport

    read, console = Study.read(study), Console(quiet)
    reports = importing.write_files(read, csv, console) if csv else importing.import_study(read, folder, console)
    _end(as_json, LoadReport(tuple(reports)).summary())


@app.command()
def dump(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A new file, which only you may read.")],
    folder: Folder = HERE,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Back it up into one file. It is stopped for this, and started again if it ran."""
    from clinome.graphs.neo4j_server import backup as neo4j_backup
    from clinome.graphs.neo4j_server.home import Home

    console = Console(quiet)
    size = neo4j_backup.dump(Home.of(folder), file, console)
    console(f"{file}: {size:,} bytes")
    _end(as_json, {"file": str(file), "bytes": size})


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What dump wrote, on this or an older version.")],
    folder: Folder = HERE,
    version: Version = None,
    replace: Annotated[bool, typer.Option("--replace", help="Replace the data that are there.")] = False,
    quiet: Quiet = False,
) -> None:
    """Bring a backup into a home that holds no data."""
    from clinome.graphs.neo4j_server import backup as neo4j_backup
    from clinome.graphs.neo4j_server.home import Home

    neo4j_backup.restore(Home.of(folder), file, version, replace, Console(quiet))
    Console(quiet)(f"{file}: restored")


def _end(as_json: bool, result: dict[str, object]) -> None:
    if as_json:
        typer.echo(json.dumps(result))
