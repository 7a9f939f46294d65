"""Neo4j's own AdminTool, run offline on a home: first password, dump, load, bulk import."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from ...loaders.errors import EngineError
from .home import Home
from .jars import Release

MAIN = "org.neo4j.cli.AdminTool"


def admin(
    home: Home,
    binary: Path,
    folder: Path,
    args: Sequence[str],
    heap: str = "512m",
    source: IO[bytes] | int = subprocess.DEVNULL,
    target: IO[bytes] | int = subprocess.PIPE,
    flags: Sequence[str] = (),
    where: Path | None = None,
) -> subprocess.CompletedProcess[bytes]:
    """Run AdminTool on a home whose server does not run. Its exit code is the caller's to judge.

    Args:
        folder: the jars'.
        flags: of Java.
        where: the folder in which it runs; default: the home.
    """
    command = [str(binary), f"-Xmx{heap}", "-XX:-UsePerfData", *flags, "-cp", f"{folder}/*", MAIN, *args]
    said, cwd = subprocess.PIPE, where or home.path
    return subprocess.run(
        command, stdin=source, stdout=target, stderr=said, env=environment(home), cwd=cwd, check=False
    )


def environment(home: Home) -> dict[str, str]:
    """What Java sees of this process's environment: no secret of it, but the user's flags for Java."""
    kept = {name: os.environ[name] for name in ("PATH", "JDK_JAVA_OPTIONS") if name in os.environ}
    return kept | {"HOME": str(home.path), "NEO4J_HOME": str(home.path), "NEO4J_CONF": str(home.path / "conf")}


def set_initial_password(home: Home, which: Release, binary: Path, folder: Path) -> None:
    """Give a new home its password; read by the tool from the file (`@FILE`), so that no process list shows it."""
    home.password()
    ended = admin(home, binary, folder, ["dbms", "set-initial-password", f"@{home.password_file}"])
    if ended.returncode:
        raise EngineError(
            f"Neo4j {which.version}: the first password could not be set (exit {ended.returncode}).",
            "give the same command again in an empty folder (--in)",
        )
