"""A store that stops at its n-th write, before or after it is committed, as if the power went."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from clinome.graphs.store.protocol import Store

WRITES = ("write_nodes", "write_edges", "remove_edges", "remove_nodes")


class Crash(Exception):
    """The power went."""


@contextmanager
def stopping(store: Store, at: int, after: bool = False) -> Iterator[list[str]]:
    """Raise Crash at write number `at`, counted from 1; 0 never. Gives the list of the writes that were begun."""
    begun: list[str] = []

    def failing(name: str, whole: Callable[..., Any]) -> Callable[..., Any]:
        def write(*given: Any) -> Any:
            begun.append(name)
            if len(begun) == at and not after:
                raise Crash
            done = whole(*given)
            if len(begun) == at:
                raise Crash
            return done

        return write

    for name in WRITES:
        setattr(store, name, failing(name, getattr(store, name)))
    try:
        yield begun
    finally:
        for name in WRITES:
            delattr(store, name)
