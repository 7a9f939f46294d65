"""Why a server did not start, in plain words: the last reason in its log, or what the log says where no word is known."""

from __future__ import annotations

import re

from .neo4j_home import Home

_KNOWN = (
    (r"Address already in use|BindException", "its port is taken. Fix: --port with another one"),
    (
        r"Could not reserve enough space|insufficient memory|OutOfMemoryError|Cannot allocate memory",
        "not enough memory. Fix: --heap and --pagecache with less, such as 512m",
    ),
    (r"has been locked by another process|FileLockException", "another server runs on this home"),
    (r"No space left on device", "the disk is full"),
    (r"Permission denied|AccessDeniedException", "a file of its home may not be read or written"),
    (r"Unrecognized setting|Error evaluating value for setting|Invalid (?:initial|maximum) heap size",
     "a setting is wrong: see conf/own.conf, --heap and --pagecache"),
)  # fmt: skip
_CAUSE = re.compile(r"^(?:Caused by: |.*\bERROR\b\s+)(?:[\w$]+\.)*([\w$]+.*)$")


def reason(home: Home) -> str:
    """One line for a person, with the place of the whole log."""
    try:
        text = home.console.read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    return f"{_words(text)}. The log: {home.console}"


def _words(text: str) -> str:
    for pattern, words in _KNOWN:
        if re.search(pattern, text):
            return words
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    causes = [match[1] for line in lines if (match := _CAUSE.match(line))]
    return (causes or lines or ["it said nothing; the system may have ended it for want of memory"])[-1][:300]
