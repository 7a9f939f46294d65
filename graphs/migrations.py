"""From the schema that a graph was written with to this version's: numbered steps, in order, each safe to do twice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ..loaders.errors import EngineError
from . import schema
from .store import Store


@dataclass(frozen=True)
class Step:
    """What a store of the version before needs to become one of this version.

    Args:
        to: the version that it makes.
        change: works on a store that is open for writing and has this version's constraints. A kill may come at any
            moment: the step is then done again from its beginning.
    """

    to: int
    change: Callable[[Store], None]


STEPS: tuple[Step, ...] = ()


def check_version(version: int, place: object) -> None:
    """Raises: EngineError for a graph that a newer Clinome wrote."""
    if version > schema.VERSION:
        raise EngineError(
            f"{place}: the graph has schema version {version}, this Clinome knows {schema.VERSION}. Update Clinome."
        )


def migrate(
    store: Store, version: int, settle: Callable[[int], Any], steps: Sequence[Step] = STEPS, last: int = schema.VERSION
) -> None:
    """Bring a store from its version to the last one, a step at a time; a killed migration goes on at its step.

    Args:
        version: the store's; 0 for a new one, which needs no step.
        settle: notes in the store which version it has now.
    """
    for step in steps:
        if 0 < version < step.to:
            step.change(store)
            settle(step.to)
    if version == 0:
        settle(last)
