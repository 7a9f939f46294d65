"""Several files of the same form -> one table of text with its ids checked; what every table loader begins with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from ..specs import Source
from .ledger import Ledger
from .removed_ids import Removed
from .text_table import Cells, read_cells

LONGEST_ID = 512
_CONTROL = r"[\x00-\x1f\x7f-\x9f]"


@dataclass(frozen=True)
class Stack:
    """Rows of all files of a source. where: the first file, for messages; numbers: the rows' numbers in the ledger.

    counts: what was changed on reading. unnamed: columns to which the files give no name.
    """

    where: str
    frame: pl.DataFrame
    numbers: pl.Series
    counts: Mapping[str, int]
    unnamed: frozenset[str] = frozenset()

    def rows(self, mask: pl.Series) -> Stack:
        """The rows of this mask alone."""
        return Stack(self.where, self.frame.filter(mask), self.numbers.filter(mask), self.counts, self.unnamed)


def stacked(spec: Source, ledger: Ledger, header: bool = True) -> Stack:
    """Read every file of a source; a column that one of them lacks is missing there."""
    return stack(
        [read_cells(path, missing=spec.missing, header=header, format=spec.format) for path in spec.path], ledger
    )


def stack(files: list[Cells], ledger: Ledger) -> Stack:
    """The rows of files that were read, in their order."""
    numbers = pl.concat([ledger.open(cells) for cells in files])
    counts: Counter[str] = Counter()
    for cells in files:
        counts.update(cells.counts)
    frame = files[0].frame if len(files) == 1 else pl.concat([cells.frame for cells in files], how="diagonal")
    unnamed = frozenset(n for c in files for n, name in zip(c.frame.columns, c.header, strict=False) if not name)
    return Stack(files[0].path.name, frame, numbers, dict(counts), unnamed)


def identified(rows: Stack, column: str, ledger: Ledger) -> Stack:
    """The rows whose id can be one, white space around it taken off; the others are rejected."""
    ids = rows.frame[column].str.strip_chars()
    ids = ids.set(ids == "", None)
    odd = (ids.str.len_chars() > LONGEST_ID) | ids.str.contains(_CONTROL)
    empty, odd = ids.is_null(), odd.fill_null(False)
    ledger.reject(rows.numbers.filter(empty), column, "", "an id", "fill it in")
    ledger.reject(
        rows.numbers.filter(odd), column, ids.filter(odd).str.slice(0, 40), "an id of one line, at most 512 long",
        "check the delimiter and the quotes",
    )  # fmt: skip
    return Stack(rows.where, rows.frame.with_columns(ids.alias(column)), rows.numbers, rows.counts, rows.unnamed).rows(
        ~(empty | odd)
    )


def staying(rows: Stack, column: str, removed: Removed, ledger: Ledger) -> Stack:
    """The rows of those who were not removed; asked before anything else looks at a row."""
    gone = removed.holds(rows.frame[column])
    ledger.removed(rows.numbers.filter(gone), column)
    return rows.rows(~gone)


def among(rows: Stack, column: str, known: frozenset[str] | None, ledger: Ledger, where: str = "[patients]") -> Stack:
    """The rows whose id is known; the others are rejected. None: whatever comes is known."""
    if known is None:
        return rows
    stranger = ~rows.frame[column].is_in(list(known))
    ledger.reject(
        rows.numbers.filter(stranger), column, rows.frame[column].filter(stranger), f"an id in {where}",
        "add the patient, or leave the row",
    )  # fmt: skip
    return rows.rows(~stranger)
