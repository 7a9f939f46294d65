"""Backup: dump a home's database into one file, and restore it; offline, as a Community server asks for.

Nothing is lost on the way: a dump appears under its name when it is whole, and a restore replaces what is there when
the new data are whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import DEVNULL, CompletedProcess
from tempfile import TemporaryDirectory
from typing import IO

from ...loaders.errors import EngineError, InputError
from .admin import admin
from .home import USER, Home
from .jars import jars, java, release
from .log_reasons import words
from .process import chosen_release, prepare, running, start, stop

DATABASE = "neo4j"
_ANY = "MATCH (n) WHERE NOT n:Clinome WITH n LIMIT 1 RETURN count(n) AS n"  # a Clinome holds no data: the writer's lock


def dump(home: Home, file: Path, say: Callable[[str], None] = lambda line: None) -> int:
    """Write the database into a new file, mode 600. A server that runs is stopped for it and started again.

    Returns: bytes written.
    Raises: InputError if the file is there or no server ever was here; EngineError if Neo4j cannot dump.
    """
    if file.exists():
        raise InputError("there is such a file already", file, fix="name a new one")
    if not file.resolve().parent.is_dir():
        raise InputError("there is no such folder", file.parent, fix="make it, or name another")
    if home.read() is None or not home.database(DATABASE).exists():
        raise InputError(
            "no server's data are here", home.path, fix="go to the folder where it was started, or use --in"
        )
    with home.held(), offline(home, say), TemporaryDirectory(dir=file.resolve().parent, prefix=".dump-") as folder:
        _recover(home, say)
        say("dumping")
        ended = _tool(home, "dump", f"--to-path={folder}")
        if ended.returncode:
            raise EngineError(
                f"Neo4j could not dump: {words(ended.stdout + ended.stderr)}.",
                "make room on the disk, then give the same command again",
            )
        new = Path(folder) / f"{DATABASE}.dump"
        new.chmod(0o600)
        new.rename(file)
    return file.stat().st_size


def restore(
    home: Home,
    file: Path,
    version: str | None = None,
    replace: bool = False,
    say: Callable[[str], None] = lambda line: None,
) -> None:
    """Load a dump into a home that holds no data yet. A server that runs is stopped for it and started again.

    Args:
        version: as for `start`. An older version's dump can be loaded by a newer one.
        replace: True replaces what the home holds.
    Raises: InputError if the home holds data, or the file is no dump.
    """
    if not file.is_file():
        raise InputError("there is no such file", file, fix="name a file that clinome neo4j dump wrote")
    home.make()
    with home.held():
        which = chosen_release(home, home.read(), version)
        if not replace and home.database(DATABASE).exists() and not _is_empty(home, say):
            raise InputError("it holds data already", home.path, fix="dump them first, then restore with --replace")
        if home.read() is None:
            prepare(home, which, None)
        with offline(home, say), file.open("rb") as source:
            say("restoring")
            _load(home, source, str(file))


@contextmanager
def offline(home: Home, say: Callable[[str], None]) -> Iterator[None]:
    """The server does not run in here; afterwards it does if it did."""
    ran = running(home) is not None
    if ran:
        say("Neo4j: stopping for this; it is started again afterwards")
        stop(home)
    try:
        yield
    finally:
        if ran:
            start(home, say=say)


def _recover(home: Home, say: Callable[[str], None]) -> None:
    """Let a server that was ended from outside bring its data in order: it does so when it starts."""
    record = home.read()
    if record and record.pid and not running(home):
        say("Neo4j: it was not stopped by us; it starts once, to recover")
        start(home, say=say)
        stop(home)


def _load(home: Home, source: IO[bytes], where: str) -> None:
    """Load a dump beside what is there, then put it in its place."""
    with TemporaryDirectory(dir=home.path, prefix="restore-") as folder:
        new = Path(folder) / "new"
        elsewhere = Path(folder) / "elsewhere.conf"
        elsewhere.write_text(f"server.directories.data={new}\n", encoding="utf-8")
        ended = _tool(home, "load", "--from-stdin", f"--additional-config={elsewhere}", source=source)
        if b"valid Neo4j archive" in ended.stderr:
            raise InputError("not a dump of Neo4j", where, fix="name a file that clinome neo4j dump wrote")
        if ended.returncode:
            raise EngineError(
                f"Neo4j could not load it: {words(ended.stdout + ended.stderr)}.",
                "check the dump, or take another; what was there before stays",
            )
        put(home, new)


def put(home: Home, new: Path) -> None:
    """Put a database in the place of the home's own, whose server does not run.

    Args:
        new: the data folder that it was made in, on the same disk.
    """
    with TemporaryDirectory(dir=home.path, prefix="old-") as old:
        for part in ("databases", "transactions"):
            place = home.path / "data" / part / DATABASE
            if place.exists():
                place.rename(Path(old) / part)
            place.parent.mkdir(parents=True, exist_ok=True)
            (new / part / DATABASE).rename(place)


def _tool(home: Home, *args: str, source: IO[bytes] | int = DEVNULL) -> CompletedProcess[bytes]:
    record = home.read()
    assert record is not None
    which = release(record.version)
    return admin(home, java(which), jars(which), ["database", *args, "--verbose", DATABASE], source=source)


def _is_empty(home: Home, say: Callable[[str], None]) -> bool:
    """Whether there are no data. Only the server knows, so it is started for the question if need be."""
    from ..neo4j_store.driver import Connection
    from ..neo4j_store.errors import Address

    server = start(home, say=say)
    try:
        with Connection(Address.parse(server.uri), USER, home.password()) as connection:
            return connection.read(_ANY, {})["n"] == [0]
    finally:
        if server.began:
            stop(home)
