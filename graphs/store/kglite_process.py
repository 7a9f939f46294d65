"""kglite in a process of its own, spoken to over a pipe. The only module that imports kglite.

Why a process: on Linux kglite takes 1.5 of the 1.7 KB of static thread storage that glibc keeps for libraries loaded
later; torch and scikit-learn each bring an OpenMP runtime that needs some too, so that whichever of the three came last
could not be imported. Apart, a crash or a runaway query of the engine does not take the user's session along either.
"""

from __future__ import annotations

import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO, Any

from ...loaders.files.child_processes import child_environment

PATIENCE_S = 3.0
"""How long to wait for a writer's lease: the engine of a killed process needs a moment to notice."""

_NEVER_MIB = 1 << 20
"""Of log, after which the engine would write a checkpoint by itself: beside a copy of the graph, and so often that a load
would grow with the square of its rows."""
_OPTIONS: dict[str, Any] = {
    "disabled_passes": ["fuse_order_by_top_k"],  # it returns nulls for CALL { … ORDER BY … LIMIT … }
    "hide_structural_keys": True,
}


class EngineFailure(Exception):
    """What the engine refused. kind: lease, timeout, refused, broken or gone; the message may quote the query."""

    def __init__(self, kind: str, message: str) -> None:
        self.kind = kind
        super().__init__(message)


class Engine:
    """One open graph file in an engine process of its own.

    Args:
        path: the checkpoint file; its log lies beside it. `save` replaces it by a new one, and nothing else does.
        write: True takes the writer's lease until `close()`; False reads the file as it is, without the log.
    Raises: EngineFailure.
    """

    def __init__(self, path: Path, write: bool) -> None:
        debug = os.environ.get("CLINOME_DEBUG")
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=None if debug else subprocess.DEVNULL,  # the engine's own words may quote ids
            env=child_environment(),
        )
        self._lock = threading.Lock()
        try:
            self.schema_version = int(self._ask("open", str(path), write))
        except EngineFailure:
            self.close()
            raise

    def cypher(
        self, text: str, params: dict[str, Any], write: bool = False, timeout_ms: int = 0
    ) -> dict[str, list[Any]]:
        """Columns by name."""
        found: dict[str, list[Any]] = self._ask("cypher", text, params, write, timeout_ms)
        return found

    def changed(self) -> dict[str, int]:
        """What the last write changed: nodes_deleted, relationships_deleted, ..."""
        stats: dict[str, int] = self._ask("changed")
        return stats

    def save(self, schema_version: int | None = None) -> None:
        """Write a checkpoint: all that was committed is in the file afterwards."""
        self._ask("save", schema_version)
        self.schema_version = self.schema_version if schema_version is None else schema_version

    def close(self) -> None:
        """End the engine; what was committed and not saved stays in its log."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except BrokenPipeError:
                    continue  # the engine is gone already
        self._process.wait()

    def _ask(self, verb: str, *args: Any) -> Any:
        assert self._process.stdin is not None and self._process.stdout is not None
        with self._lock:
            try:
                _send(self._process.stdin, (verb, args))
                kind, answer = _receive(self._process.stdout)
            except (EOFError, OSError, ValueError) as error:
                raise EngineFailure("gone", "the engine's process has ended") from error
        if kind != "ok":
            raise EngineFailure(kind, answer)
        return answer


def _send(pipe: IO[bytes], message: Any) -> None:
    data = pickle.dumps(message, protocol=5)
    pipe.write(len(data).to_bytes(8, "little"))
    pipe.write(data)
    pipe.flush()


def _receive(pipe: IO[bytes]) -> Any:
    """The next message. Pickle is safe here: both ends are ours, over a pipe that nobody else holds."""
    size = pipe.read(8)
    data = pipe.read(int.from_bytes(size, "little")) if len(size) == 8 else b""
    if len(size) < 8 or len(data) < int.from_bytes(size, "little"):
        raise EOFError
    return pickle.loads(data)


def _serve(requests: IO[bytes], answers: IO[bytes]) -> None:
    """The engine's side: answer until the pipe closes. A reader thread ends the process at once when it does, even in
    the middle of a query: a killed client must not leave a writer behind."""
    waiting: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def listen() -> None:
        while True:
            try:
                waiting.put(_receive(requests))
            except (EOFError, OSError):
                os._exit(0)

    threading.Thread(target=listen, daemon=True).start()
    graph: Any = None
    while True:
        verb, args = waiting.get()
        try:
            graph, answer = _answer(graph, verb, args)
        except Exception as error:  # noqa: BLE001  every failure goes back to the client, who raises it
            _send(answers, (_kind(error), str(error)))
        else:
            _send(answers, ("ok", answer))


def _answer(graph: Any, verb: str, args: tuple[Any, ...]) -> tuple[Any, Any]:
    match verb, args:
        case "open", (path, write):
            graph = _open(path, write)
            return graph, graph.schema_version
        case "cypher", (text, params, write, timeout_ms):
            graph.read_only(not write)
            view = graph.cypher(text, params=params, timeout_ms=timeout_ms, **_OPTIONS)
            return graph, {name: list(view.column(name)) for name in view.columns}
        case "changed", ():
            return graph, dict(graph.last_mutation_stats or {})
        case "save", (version,):
            graph.read_only(False)
            if version is not None:
                graph.set_schema_version(version)
            graph.save()
            return graph, None
    raise ValueError(verb)


def _open(path: str, write: bool) -> Any:
    import warnings

    import kglite

    warnings.simplefilter("ignore")  # a reader takes the file as it is
    kglite.set_query_warning_policy("silent")
    if not write:
        return kglite.load(path)
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            return kglite.open(path, durable="normal", auto_checkpoint_wal_mib=_NEVER_MIB)
        except kglite.WriterLeaseHeldError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)


def _kind(error: Exception) -> str:
    import kglite

    match error:
        case kglite.WriterLeaseHeldError():
            return "lease"
        case kglite.CypherTimeoutError():
            return "timeout"
        case kglite.FileIoError() if "limit is" in str(error):  # a checkpoint's relationships beyond 2 GiB
            return "too large"
        case kglite.FileError() | kglite.FileIoError() | kglite.FileFormatError() | OSError():
            return "broken"
        case _:
            return "refused"


def main() -> None:
    """The engine's process: requests on stdin, answers on what was stdout; nothing else may print there."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the client's
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    _serve(os.fdopen(0, "rb", closefd=False), answers)


if __name__ == "__main__":
    main()
