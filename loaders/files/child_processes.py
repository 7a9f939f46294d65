"""Child processes: what one inherits: no current folder on its path, no password of a database.

The current folder is often the study's, and a study may be another's: a `json.py` that lies in it must be imported by
nobody. `python -m` and `python -c` put the current folder first.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

PRIVATE = ("CLINOME_NEO4J_USER", "CLINOME_NEO4J_PASSWORD")
"""What only the process that speaks to a server needs."""
SAFE = {"PYTHONSAFEPATH": "1"}
"""Python's own switch: no folder goes in front of the path."""
INHERITED = {**SAFE, **dict.fromkeys(PRIVATE, "")}
"""The same for whoever can only add to an environment, not take away."""


def child_environment() -> dict[str, str]:
    """This process's environment, as a child of it may see it.

    Example:
        subprocess.Popen([sys.executable, "-P", "-m", "module"], env=child_environment())
    """
    return {name: value for name, value in os.environ.items() if name not in PRIVATE} | SAFE


@contextmanager
def as_child_environment(**more: str) -> Iterator[None]:
    """While a library starts processes that inherit ours: ours is what they may see, and `more`. Then as before."""
    before = dict(os.environ)
    _set(child_environment() | more)
    try:
        yield
    finally:
        _set(before)


def _set(wanted: dict[str, str]) -> None:
    for name in os.environ.keys() - wanted.keys():
        del os.environ[name]
    os.environ.update(wanted)
