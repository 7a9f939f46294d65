"""Bulk import by Neo4j itself: from files to a database that lies beside the server's own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from ...loaders.errors import EngineError
from .admin import admin
from .backup import DATABASE
from .home import Home
from .jars import jars, java, release
from .log_reasons import known
from .process import OPENS

VERB = ("database", "import", "full", DATABASE)


def build(
    home: Home, files: Path, arguments: Sequence[str], target: Path, say: Callable[[str], None] = lambda line: None
) -> None:
    """Make a database of these files in the folder `target`. The home's own stays as it is, and its server may run.

    Args:
        arguments: from `Files.arguments`; paths are relative to `files`.
        target: on the home's disk; is made.
        say: is told what takes long.
    Raises: EngineError without the tool's own words: they may quote ids.
    """
    record = home.read()
    assert record is not None, "a server was started here once"
    which = release(record.version)
    binary, parts = java(which), jars(which, say)
    elsewhere = files / "elsewhere.conf"
    elsewhere.write_text(f"server.directories.data={target}\n", encoding="utf-8")
    verb = [*VERB, f"--additional-config={elsewhere}", *arguments]
    ended = admin(home, binary, parts, verb, record.heap, flags=OPENS, where=files)
    if ended.returncode:
        why = known(ended.stderr) or f"its exit code was {ended.returncode}"
        raise EngineError(
            f"Neo4j's import failed: {why}. The graph is as it was.", "mend that, then give the same command again"
        )
