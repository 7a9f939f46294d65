"""Rows of several files of the same form -> one table of text with its ids checked; every table loader begins here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from ..specs import Source
from .cells.date_order import iso_dates
from .ledger import Ledger
from .removed_ids import Removed
from .text_table import Cells, read_cells

LONGEST = 512
CONTROL = r"[\x00-\x1f\x7f-\x9f]"
"""No id and no code is longer, or holds one of these."""
_PLACE = "place of a row"


@dataclass(frozen=True)
class SourceRows:
    """Rows of all files of a source. where: the first file, for messages; numbers: the rows' numbers in the ledger.

    counts: what was changed on reading. unnamed: columns to which the files give no name. numeric: those that a typed
    file holds as numbers.
    """

    where: str
    frame: pl.DataFrame
    numbers: pl.Series
    counts: Mapping[str, int]
    unnamed: frozenset[str] = frozenset()
    numeric: frozenset[str] = frozenset()

    def rows(self, mask: pl.Series) -> SourceRows:
        """The rows of this mask alone."""
        return replace(self, frame=self.frame.filter(mask), numbers=self.numbers.filter(mask))


def read_rows(spec: Source, ledger: Ledger, header: bool = True) -> SourceRows:
    """Read every file of a source; a column that one of them lacks is missing there."""
    return source_rows(
        [
            read_cells(path, missing=spec.missing, header=header, format=spec.format, sheet=spec.sheet)
            for path in spec.path
        ],
        ledger,
        spec.date_order,
    )


def source_rows(files: list[Cells], ledger: Ledger, date_order: str | None = None) -> SourceRows:
    """The rows of files that were read, in their order; dates in this order (`cells.date_order`) as ISO dates."""
    numbers = pl.concat([ledger.open(cells) for cells in files])
    counts: Counter[str] = Counter()
    for cells in files:
        counts.update(cells.counts)
    frame = files[0].frame if len(files) == 1 else pl.concat([cells.frame for cells in files], how="diagonal")
    frame = iso_dates(frame, date_order)
    unnamed = frozenset(n for c in files for n, name in zip(c.frame.columns, c.header, strict=False) if not name)
    numeric = frozenset(name for cells in files for name in cells.numeric)
    return SourceRows(files[0].path.name, frame, numbers, dict(counts), unnamed, numeric)


def id_text(cells: pl.Series) -> pl.Series:
    """Ids as every source has them: text in composed letters (NFC), without white space around it; null for none.

    A column of nothing but whole decimal numbers (101.0) is one of integers, of which a cell was missing.
    Example:
        >>> id_text(pl.Series([101.0, None, 102.0])).to_list()
        ['101', None, '102']
    """
    text = cells.cast(pl.String)
    seen = text.unique()
    ids = seen.str.strip_chars().str.normalize("NFC")
    ids = ids.set(ids == "", None)
    if ids.count() and ids.drop_nulls().str.contains(r"^-?\d+\.0$").all():
        ids = ids.str.strip_suffix(".0")
    if (ids.eq_missing(seen)).all():
        return text
    table = pl.DataFrame({"text": seen, "id": ids})
    found = text.alias("text").to_frame().join(table, on="text", how="left", nulls_equal=True, maintain_order="left")
    return found["id"].rename(cells.name)


def identified(rows: SourceRows, column: str, ledger: Ledger) -> SourceRows:
    """The rows whose id can be one (`id_text`); the others, and headers that come again, are rejected."""
    ids = id_text(rows.frame[column])
    whole = replace(rows, frame=rows.frame.with_columns(ids.alias(column)))
    if not any(part.any() for part in _faults(ids.unique(), column)):
        return whole
    empty, odd, heading = _faults(ids, column)
    ledger.reject(rows.numbers.filter(heading), column, ids.filter(heading), "an id", "nothing: the row is a header")
    ledger.reject(rows.numbers.filter(empty), column, "", "an id", "fill it in")
    ledger.reject(
        rows.numbers.filter(odd), column, ids.filter(odd).str.slice(0, 40), "an id of one line, at most 512 long",
        "check the delimiter and the quotes",
    )  # fmt: skip
    return whole.rows(~(empty | odd | heading))


def _faults(ids: pl.Series, column: str) -> tuple[pl.Series, pl.Series, pl.Series]:
    """Which ids are none: empty, odd, or a header that comes again."""
    odd = (ids.str.len_chars() > LONGEST) | ids.str.contains(CONTROL)
    heading = ids.str.starts_with("CDE_ID:").fill_null(False)
    if not column.isdigit():  # a file without a header calls its columns 0, 1, …
        heading = heading | (ids.str.to_lowercase() == column.lower()).fill_null(False)
    return ids.is_null(), odd.fill_null(False), heading


def not_removed(rows: SourceRows, column: str, removed: Removed, ledger: Ledger) -> SourceRows:
    """The rows of those who were not removed; asked before anything else looks at a row."""
    if not removed.marks:
        return rows
    gone = removed.holds(rows.frame[column]) | removed.holds(id_text(rows.frame[column]))
    ledger.removed(rows.numbers.filter(gone), column)
    return rows.rows(~gone)


def among(
    rows: SourceRows, column: str, known: frozenset[str] | None, ledger: Ledger, where: str = "[patients]"
) -> SourceRows:
    """The rows whose id is known; the others are rejected. None: whatever comes is known."""
    if known is None:
        return rows
    stranger = ~rows.frame[column].is_in(list(known))
    ledger.reject(
        rows.numbers.filter(stranger), column, rows.frame[column].filter(stranger), f"an id in {where}",
        "add the patient, or leave the row",
    )  # fmt: skip
    return rows.rows(~stranger)


def repeated(hashes: pl.Series) -> pl.Series:
    """Which numbers come more than once: as `is_duplicated`, a third quicker where few do.

    Example:
        >>> repeated(pl.Series([3, 1, 3])).to_list()
        [True, False, True]
    """
    ordered = np.sort(hashes.to_numpy())
    twice = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    return hashes.is_in(pl.Series(twice, dtype=hashes.dtype).implode())


def once(rows: pl.DataFrame, by: Sequence[str] | None = None) -> pl.DataFrame:
    """`rows.unique(by, keep="first", maintain_order=True)`, several times as quick where few rows repeat, and no copy where none
    does: only rows of one hash are compared.

    Args:
        by: columns in which rows are alike; default: all.
    Example:
        >>> once(pl.DataFrame({"code": ["b", "a", "b"]}))["code"].to_list()
        ['b', 'a']
    """
    by = rows.columns if by is None else list(by)
    hashes = rows.select(by).hash_rows()
    if hashes.n_unique() == rows.height:
        return rows
    alike = repeated(hashes)
    place = pl.Series(_PLACE, np.flatnonzero(alike))
    first = rows.select(by).filter(alike).with_columns(place).unique(by, keep="first", maintain_order=True)[_PLACE]
    kept = ~alike.to_numpy()
    kept[first.to_numpy()] = True
    return rows.filter(pl.Series(kept))
