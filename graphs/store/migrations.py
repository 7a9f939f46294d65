"""Migrations from the schema that a graph was written with to this version's: numbered steps, safe to do twice.

Constraints and indexes are no step: `prepare()` makes those of this version in every older graph before its steps.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ...loaders.errors import EngineError
from .. import schema
from .protocol import Store


@dataclass(frozen=True)
class Migration:
    """What a graph of the version before needs to become one of this version.

    Args:
        to: the version that it makes.
        change: works on a store that is open for writing. A kill may come at any moment: it is then done again, from its
            beginning. None: there is nothing to change but constraints and indexes.
    """

    to: int
    change: Callable[[Store], None] | None


STEPS = (
    # the label Study; what version 1 wrote under bare names is taken over by the load of the study whose tables hold it
    # (graphs/ingest/upgrade_v1.py): the graph alone does not know whose it is
    Migration(2, None),
    # the trail from a run to its files (USED, DRAWN_FROM, SIMILAR_TO): an older Clinome would leave them behind when it
    # takes a run out. What is there stays as it is; the next load, cohort and run write theirs
    Migration(3, None),
)


def check_version(version: int, place: object) -> None:
    """Raises: EngineError for a graph that a newer Clinome wrote."""
    if version > schema.VERSION:
        raise EngineError(
            f"{place}: the graph has schema version {version}, this Clinome knows {schema.VERSION}.", "update Clinome"
        )


def migrate(store: Store, version: int, settle: Callable[[int], Any]) -> None:
    """Bring a graph from its version to this one's, a step at a time; a killed migration goes on at its step.

    Args:
        version: the graph's; 0 for a new one, which needs no step.
        settle: notes in the graph which version it has now.
    """
    for step in STEPS if version else ():
        if version < step.to:
            if step.change is not None:
                step.change(store)
            settle(step.to)
    if not version:
        settle(schema.VERSION)
