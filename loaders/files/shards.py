"""Shards of a source: files that are read each by itself, one after the other or several at once, with the same result."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, TypeVar

Part = TypeVar("Part")
Made = TypeVar("Made")


class Shards(Protocol):
    """How the shards of a source are read: here, in worker processes, or on Ray."""

    def __call__(self, read: Callable[[Part], Made], parts: Sequence[Part]) -> Iterator[Made]:
        """What was made of each part, in the order of the parts, whoever ended first.

        Args:
            read: a function of a module, with some of its arguments bound; it crosses processes. What it makes may depend
                on its part alone.
        """


def one_by_one(read: Callable[[Part], Made], parts: Sequence[Part]) -> Iterator[Made]:
    """Shards read in this process.

    Example:
        >>> list(one_by_one(len, ["a", "bcd"]))
        [1, 3]
    """
    return map(read, parts)
