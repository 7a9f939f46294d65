"""Log of a server that did not start: its last reason in plain words, or as it stands where none is known."""

from __future__ import annotations

import re

from .home import Home

_PORT = r"Address already in use|BindException"
_KNOWN = (
    (_PORT, "its port is taken. Fix: --port with another one"),
    (
        r"Could not reserve enough space|insufficient memory|Cannot allocate memory|exceeds physical memory",
        "not enough memory. Fix: --heap and --pagecache with less, such as 512m",
    ),
    ("OutOfMemoryError", "its heap is too small. Fix: --heap with more, such as 2g"),
    (r"has been locked by another process|FileLockException", "another server runs on this home"),
    (
        r"metadata store|UnderlyingStorageException|StoreFailure",
        "its files are broken. Fix: restore a dump into a new home (clinome neo4j restore FILE)",
    ),
    ("Active logical log", "it was not stopped cleanly. Fix: clinome neo4j start, then stop"),
    (r"No space left on device", "the disk is full"),
    (r"Permission denied|AccessDeniedException", "a file of its home may not be read or written"),
    (r"Unrecognized setting|Error evaluating value for setting|Invalid (?:initial|maximum) heap size",
     "a setting is wrong: see conf/own.conf, --heap and --pagecache"),
)  # fmt: skip
_CAUSE = re.compile(r"^(?:Caused by: |.*\bERROR\b\s+)(?:[\w$]+\.)*([\w$]+.*)$")


def reason(home: Home) -> str:
    """Why the server of this home did not start, and where the whole log is."""
    return f"{words(_said(home))}. The log: {home.console}"


def port_was_taken(home: Home) -> bool:
    """Whether that was the reason."""
    return re.search(_PORT, _said(home).decode("utf-8", errors="replace")) is not None


def words(said: bytes) -> str:
    """What a server or a tool of Neo4j's said at its end, in one line for a person."""
    if ours := known(said):
        return ours
    text = said.decode("utf-8", errors="replace")
    causes = [match[1] for line in text.splitlines() if (match := _CAUSE.match(line.strip()))]
    return causes[-1][:300] if causes else "no reason was given"


def known(said: bytes) -> str | None:
    """The reason in our words, if we have words for it: what a tool says that reads data may quote them."""
    text = said.decode("utf-8", errors="replace")
    return next((ours for pattern, ours in _KNOWN if re.search(pattern, text)), None)


def _said(home: Home) -> bytes:
    try:
        return home.console.read_bytes()
    except OSError:
        return b""
