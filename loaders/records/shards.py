"""Shards of records: what can be read each by itself, here or in several processes, as if one ledger had seen all of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TypeVar

from ..files.ledger import Ledger
from ..files.source_folder import on_threads
from ..tables import Known

Part = TypeVar("Part")
Made = TypeVar("Made")


def read_alone(
    read: Callable[[Part, Ledger], Made], parts: Sequence[Part], known: Known, ledger: Ledger
) -> Iterator[tuple[Made, int]]:
    """Read parts each by itself, as `known.shards` does, else on threads, and append their ledgers to one, in the order of
    the parts.

    Args:
        read: a function of a module, with its further arguments bound (`functools.partial`): it crosses processes, so that of
            `known` it is given `known.alone()`. What it makes of a part depends on nothing that another part says.
        parts: files, tables, or some files together.
    Returns: what was made of each part, and how many rows the ledger held before it: its row numbers begin there.
    Example:
        for rows, offset in read_alone(partial(_rows, known=known.alone()), files, known, ledger):
            frames.append(rows.with_columns(pl.col(ROW) + offset))
    """
    shards = known.shards or on_threads
    for made, own in shards(partial(_with_ledger, read=read, source=ledger.source), parts):
        yield made, ledger.append(own)


def _with_ledger(part: Part, read: Callable[[Part, Ledger], Made], source: str) -> tuple[Made, Ledger]:
    ledger = Ledger(source)
    return read(part, ledger), ledger
