"""`clinome neo4j …`: a real Neo4j server without Docker, at home in `.clinome/neo4j` of the working folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from clinome.say import Say

app = typer.Typer(name="neo4j", help="A real Neo4j server without Docker.", no_args_is_help=True)

Folder = Annotated[Path, typer.Option("--in", metavar="DIR", help="The folder whose .clinome/neo4j is its home.")]
Json = Annotated[bool, typer.Option("--json", help="End with one line of JSON.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say only what went wrong.")]
HERE = Path()


@app.command()
def start(
    folder: Folder = HERE,
    version: Annotated[
        str | None, typer.Option(metavar="5.26|2026.09", help="Which Neo4j (default: the home's, 5.26 for a new one).")
    ] = None,
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Bolt port (default: the last one, 7687, or a free one).")
    ] = None,
    heap: Annotated[str | None, typer.Option(metavar="SIZE", help="Memory for queries, such as 2g.")] = None,
    pagecache: Annotated[str | None, typer.Option(metavar="SIZE", help="Memory for the graph's pages.")] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Start it, or find that it runs. The first time its jars are downloaded and a password is made."""
    from clinome.graphs import neo4j_server
    from clinome.graphs.neo4j_home import Home

    say = Say(quiet)
    server = neo4j_server.start(Home.of(folder), version, port, heap, pagecache, say)
    state = "runs" if server.began else "runs already"
    say(f"Neo4j {server.release} {state}: {server.uri}")
    say(f"user neo4j, password in {server.home.password_file}")
    if as_json:
        typer.echo(json.dumps(server.summary()))


@app.command()
def stop(folder: Folder = HERE, quiet: Quiet = False) -> None:
    """Stop it. Its data stay."""
    from clinome.graphs import neo4j_server
    from clinome.graphs.neo4j_home import Home

    stopped = neo4j_server.stop(Home.of(folder))
    Say(quiet)("Neo4j: stopped" if stopped else "Neo4j: does not run here")
