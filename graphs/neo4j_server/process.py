"""Server process: a real Neo4j Community server, started detached, asked whether it answers, stopped by its id.

The process is known by three things together: its id, the moment it began, and the home on its command line. A process
that only has the id of one that ended long ago is never touched.
"""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ...loaders.errors import EngineError, InputError
from .admin import environment, set_initial_password
from .home import PORT, USER, Home, Record
from .jars import Release, jars, java, release
from .log_reasons import port_was_taken, reason
from .readiness import answers, listens

if TYPE_CHECKING:
    import psutil

DEFAULT = "5.26"
READY_S = 300.0  # five seconds on a machine of its own
STOP_S = 120.0
_CLOCK_S = 60.0  # the clock may have been set meanwhile, and the moments with it
OPENS = tuple(
    f"--add-opens=java.base/{package}=ALL-UNNAMED"
    for package in ("java.nio", "java.io", "sun.nio.ch", "java.util.concurrent")
)


class PortTaken(EngineError):
    """Another process listens on the port."""


@dataclass(frozen=True)
class Server:
    """A server that answers. began: it did not run before."""

    home: Home
    which: Release
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
            "version": self.which.line,
            "release": self.which.version,
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
    which = chosen_release(home, home.read(), version)
    binary, folder = java(which), jars(which, say)
    home.make()
    with home.held():
        record = home.read()
        which = chosen_release(home, record, version)  # it may have been made while we waited
        process = running(home)
        if record and process:
            if (port or record.port, heap or record.heap, pagecache or record.pagecache) != (
                record.port, record.heap, record.pagecache,
            ):  # fmt: skip
                say("Neo4j: it runs as it was started; what you ask for counts once it was stopped")
            return _ready(Server(home, which, record.port, process.pid, began=False), process)
        kept = prepare(home, which, record, port)
        if not home.database("system").exists():
            set_initial_password(home, which, binary, folder)
        say(f"Neo4j {which.version}: starting")
        for again in (True, True, False):
            asked = replace(kept, heap=heap or kept.heap, pagecache=pagecache or kept.pagecache)
            home.write_settings(asked, which.settings)
            process = _launch(home, which, asked, binary, folder)
            running_now = replace(kept, pid=process.pid, created=process.create_time())
            home.write(running_now)
            try:
                server = _ready(Server(home, which, kept.port, process.pid, began=True), process)
            except PortTaken:  # by somebody who was faster
                if port is not None or not again:
                    raise
                kept = prepare(home, which, kept)
            else:
                home.write(replace(running_now, heap=asked.heap, pagecache=asked.pagecache))  # they work: remembered
                return server
    raise AssertionError("not reached")


def prepare(home: Home, which: Release, record: Record | None, port: int | None = None) -> Record:
    """Write the settings and the record of a home whose server does not run."""
    record = Record(
        version=which.line,
        port=_port(port, record),
        heap=record.heap if record else _share(4),
        pagecache=record.pagecache if record else _share(8),
    )
    home.write_settings(record, which.settings)
    home.write(record)
    return record


def _launch(home: Home, which: Release, record: Record, binary: Path, folder: Path) -> psutil.Process:
    import psutil

    command = [
        str(binary), f"-Xmx{record.heap}", *OPENS, "-cp", f"{folder}/*", which.main,
        f"--home-dir={home.path}", f"--config-dir={home.path / 'conf'}", "--console-mode",
    ]  # fmt: skip
    with home.console.open("wb") as log:
        return psutil.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=home.path,
            env=environment(home),
            start_new_session=True,  # it outlives the terminal
        )


def _ready(server: Server, process: psutil.Process) -> Server:
    """Wait until it answers; if one that was just started does not, nothing of it is left."""
    home, end = server.home, time.monotonic() + READY_S
    try:
        while alive(process):
            if listens(process, server.port) and answers(server.uri, home):
                return server
            if time.monotonic() > end:
                raise EngineError(
                    f"Neo4j did not answer within {READY_S:.0f} s: {reason(home)}", "mend that, then start it again"
                )
            time.sleep(0.1)
    except EngineError:
        if server.began:
            stop(home)
        raise
    if process.wait(STOP_S) == -signal.SIGKILL:
        raise EngineError(
            "Neo4j did not start: it was ended from outside; perhaps the system was short of memory.",
            "give the same command again with more memory free",
        )
    home.forget_process()
    raise (PortTaken if port_was_taken(home) else EngineError)(f"Neo4j did not start: {reason(home)}")


def stop(home: Home) -> bool:
    """Stop the server of this home and wait until it is gone. Returns False if none runs.

    Raises: EngineError if it does not end by itself in two minutes (it is not killed: it may be writing).
    """
    import psutil

    if home.read() is None:
        return False
    with home.held():
        process = running(home)
        if process:
            process.terminate()
            try:
                process.wait(STOP_S)
            except psutil.TimeoutExpired:
                raise EngineError(
                    f"Neo4j (process {process.pid}) has not stopped within {STOP_S:.0f} s.", "wait, or end that process"
                ) from None
        home.forget_process()
    return process is not None


def running(home: Home) -> psutil.Process | None:
    """The server's process, if it is still that very one."""
    import psutil

    record = home.read()
    if record is None or not record.pid:
        return None
    try:
        process = psutil.Process(record.pid)
        same = abs(process.create_time() - record.created) < _CLOCK_S and f"--home-dir={home.path}" in process.cmdline()
        return process if same and alive(process) else None
    except psutil.Error:
        return None


def alive(process: psutil.Process) -> bool:
    """Whether it runs; one that ended and that nobody has waited for does not."""
    import psutil

    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def chosen_release(home: Home, record: Record | None, version: str | None) -> Release:
    """The release asked for, the home's own, or the default. Raises InputError if the home is another's."""
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
