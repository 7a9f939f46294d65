"""A real Neo4j Community server as a process of its own: started detached, asked whether it answers, stopped by its id.

The process is known by three things together: its id, the moment it began, and the home on its command line. A process
that only has the id of one that ended long ago is never touched.
"""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..loaders.errors import EngineError, InputError
from .neo4j_admin import set_initial_password
from .neo4j_errors import ServerAway
from .neo4j_home import PORT, USER, Home, Record
from .neo4j_jars import Release, jars, java, release
from .neo4j_reasons import reason

if TYPE_CHECKING:
    import psutil

DEFAULT = "5.26"
READY_S = 300.0  # five seconds on a machine of its own
STOP_S = 120.0
OPENS = tuple(
    f"--add-opens=java.base/{package}=ALL-UNNAMED"
    for package in ("java.nio", "java.io", "sun.nio.ch", "java.util.concurrent")
)


@dataclass(frozen=True)
class Server:
    """A server that answers."""

    home: Home
    version: str
    release: str
    port: int
    pid: int
    began: bool

    @property
    def uri(self) -> str:
        return f"bolt://127.0.0.1:{self.port}"

    def summary(self) -> dict[str, object]:
        """What `clinome neo4j start --json` ends with."""
        return {
            "uri": self.uri,
            "user": USER,
            "password_file": str(self.home.password_file),
            "version": self.version,
            "release": self.release,
            "pid": self.pid,
            "started": self.began,
        }


def start(
    home: Home,
    version: str | None = None,
    port: int | None = None,
    heap: str | None = None,
    pagecache: str | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> Server:
    """Start the server of this home, or find that it runs; it answers a query when this returns.

    Args:
        version: "5.26" or "2026.09"; default: the home's own, 5.26 LTS for a new one.
        port: default: the home's last one, else 7687, else any that is free.
        heap, pagecache: as Neo4j writes sizes; default: the home's last, else a quarter and an eighth of the memory.
        say: is told what takes long.
    Raises: InputError if the home is another version's; UsageError without Java or jars; EngineError with the log's
        reason if it does not start.
    """
    from filelock import FileLock

    home.make()
    with FileLock(home.lock):
        record = home.read()
        which = _release(home, record, version)
        if record and running(home):
            return Server(home, which.line, which.version, record.port, record.pid, began=False)
        binary, folder = java(which), jars(which, say)
        record = Record(
            version=which.line,
            port=_port(port, record),
            heap=heap or (record.heap if record else _share(4)),
            pagecache=pagecache or (record.pagecache if record else _share(8)),
        )
        home.write_settings(record)
        if not (home.path / "data" / "databases").exists():
            set_initial_password(home, which, binary, folder)
        say(f"Neo4j {which.version}: starting")
        return _launch(home, which, record, binary, folder)


def _launch(home: Home, which: Release, record: Record, binary: Path, folder: Path) -> Server:
    import psutil

    with home.console.open("wb") as log:
        process = subprocess.Popen(
            [
                binary, f"-Xmx{record.heap}", *OPENS, "-cp", f"{folder}/*", which.main,
                f"--home-dir={home.path}", f"--config-dir={home.path / 'conf'}", "--console-mode",
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=home.path,
            env={"PATH": os.environ.get("PATH", ""), "HOME": str(home.path)},  # no secret of this process
            start_new_session=True,  # it outlives the terminal
        )  # fmt: skip
    home.write(replace(record, pid=process.pid, created=psutil.Process(process.pid).create_time()))
    server = Server(home, which.line, which.version, record.port, process.pid, began=True)
    end = time.monotonic() + READY_S
    while process.poll() is None:
        if _answers(home, server.uri):
            return server
        if time.monotonic() > end:
            stop(home)
            raise EngineError(f"Neo4j did not answer within {READY_S:.0f} s: {reason(home)}")
        time.sleep(0.1)
    home.forget_process()
    raise EngineError(f"Neo4j did not start: {reason(home)}")


def _answers(home: Home, uri: str) -> bool:
    """Whether it answers a query of its user. Raises EngineError if it refuses the home's password."""
    from .neo4j_driver import ping

    try:
        ping(uri, USER, home.password())
    except ServerAway:
        return False
    return True


def stop(home: Home) -> bool:
    """Stop the server of this home and wait until it is gone. Returns False if none runs.

    Raises: EngineError if it does not end by itself in two minutes (it is not killed: it may be writing).
    """
    import psutil

    process = running(home)
    if process is None:
        home.forget_process()
        return False
    process.terminate()
    try:
        process.wait(STOP_S)
    except psutil.TimeoutExpired:
        raise EngineError(f"Neo4j (process {process.pid}) has not stopped within {STOP_S:.0f} s.") from None
    home.forget_process()
    return True


def running(home: Home) -> psutil.Process | None:
    """The server's process, if it is still that very one."""
    import psutil

    record = home.read()
    if record is None or not record.pid:
        return None
    try:
        process = psutil.Process(record.pid)
        same = abs(process.create_time() - record.created) < 1 and f"--home-dir={home.path}" in process.cmdline()
        return process if same and process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.Error:
        return None


def _release(home: Home, record: Record | None, version: str | None) -> Release:
    which = release(version or (record.version if record else DEFAULT))
    if record and record.version != which.line:
        raise InputError(
            "this home is another version's",
            home.path,
            which.line,
            record.version,
            f"start it as it is, or move its data: clinome neo4j dump FILE; move this folder away; "
            f"clinome neo4j start --version {which.line}; clinome neo4j restore FILE",
        )
    return which


def _port(asked: int | None, record: Record | None) -> int:
    if asked is not None:
        if not _free(asked):
            raise EngineError(
                f"port {asked} of this machine is taken. Fix: --port with another, or none to get a free one."
            )
        return asked
    for port in (record.port if record else PORT, PORT):
        if _free(port):
            return port
    with closing(socket.socket()) as any_port:
        any_port.bind(("127.0.0.1", 0))
        return int(any_port.getsockname()[1])


def _free(port: int) -> bool:
    with closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except (OSError, OverflowError):
            return False
    return True


def _share(part: int) -> str:
    """A part of this machine's memory, at least 512 MB and at most 8 GB."""
    import psutil

    return f"{min(max(psutil.virtual_memory().total // part // 2**20, 512), 8192)}m"
