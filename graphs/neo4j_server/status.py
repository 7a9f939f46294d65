"""Status of a home's server: whether it runs and answers, since when, how large."""

from __future__ import annotations

from datetime import UTC, datetime

from ...loaders.errors import EngineError
from .home import Home
from .jars import RELEASES
from .process import running
from .readiness import answers


def status_of(home: Home) -> dict[str, object]:
    """Facts for a person or a program, in the order in which one asks for them; None where there is none.

    state: "no server was started here", "stopped", "runs", or "runs, but does not answer" with the reason.
    """
    import psutil

    record = home.read()
    if record is None:
        return {"state": "no server was started here", "running": False, "home": str(home.path)}
    uri, process = record.uri, running(home)
    facts: dict[str, object] = {
        "state": "stopped",
        "running": process is not None,
        "uri": uri,
        "version": record.version,
        "release": RELEASES[record.version].version if record.version in RELEASES else None,
        "home": str(home.path),
        "password_file": str(home.password_file),
        "log": str(home.console),
        "heap": record.heap,
        "pagecache": record.pagecache,
        "data_mb": round(sum(f.stat().st_size for f in (home.path / "data").rglob("*") if f.is_file()) / 2**20, 1),
    }
    if process is None:
        return facts
    try:
        facts |= {
            "pid": process.pid,
            "since": datetime.fromtimestamp(process.create_time(), UTC).isoformat(timespec="seconds"),
            "memory_mb": round(process.memory_info().rss / 2**20),
        }
        facts["state"] = "runs" if answers(uri, home) else "runs, but does not answer (yet)"
    except EngineError as error:
        facts["state"] = f"runs, but does not answer: {error}"
    except psutil.Error:
        facts |= {"state": "stopped", "running": False}  # at this moment
    return facts
