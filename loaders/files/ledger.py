"""Ledger of a source: every row read ends written, merged or rejected, and the three add up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from .cells.number_words import Reason, missing_words, reason
from .losses import MISSING, REJECTED, UNSAID, Loss, too_many
from .removed_ids import EXPECTED, FIX
from .text_table import BROKEN, Cells

Rows = Sequence[int] | pl.Series
Text = str | pl.Series
MISSING_CELL = "cell left missing; its row is written"
READ_ANYWAY = "its row is written; correct the cell if it is not meant so"

REJECTS = {"source": pl.String, **BROKEN}
"""source, file, row, column, got, expected, fix: what was refused, why, and what to do. row counts from 1 at the first
data row."""

ROW = "row"
"""The column that carries each row's number in the ledger, until the row is written."""


@dataclass(frozen=True)
class Tally:
    """Rows (or cells) of one source: read = written + merged + rejected, always."""

    read: int
    written: int
    merged: int
    rejected: int

    def __post_init__(self) -> None:
        if self.read != self.written + self.merged + self.rejected or min(self.written, self.merged, self.rejected) < 0:
            raise ValueError(f"they do not add up: {self}")


class Ledger:
    """What became of the rows of one source, over all its files.

    Rows are counted from 1 over all files in the order in which they were opened; `frame` gives them back as the
    file's own. A row that is refused twice counts once.

    Example:
        >>> ledger = Ledger("patients", "p.csv")
        >>> ledger.read(3)
        >>> ledger.reject([2], "age", "old", "a number", "correct the cell")
        >>> ledger.tally()
        Tally(read=3, written=2, merged=0, rejected=1)
    """

    def __init__(self, source: str, file: str = "") -> None:
        self.source = source
        self._files = [(0, file)] if file else []
        self._read = self._merged = 0
        self._rejected: set[int] = set()
        self._parts: list[pl.DataFrame] = []
        self._counts: Counter[str] = Counter()
        self._losses: list[Loss] = []
        self._cells: Counter[str] = Counter()

    def begin(self, file: str) -> int:
        """A further file: what is read from now on is its. Returns the rows read before it."""
        self._files.append((self._read, file))
        return self._read

    def append(self, other: Ledger) -> int:
        """What another ledger of the source holds, behind what this one does. Returns the rows read before it."""
        offset = self._read
        self._files += [(offset + first, file) for first, file in other._files]
        self._read, self._merged = self._read + other._read, self._merged + other._merged
        self._rejected |= {offset + row for row in other._rejected}
        inside = pl.when(pl.col("row") > 0).then(pl.col("row") + offset).otherwise(0)
        self._parts += [part.with_columns(inside.alias("row")) for part in other._parts]
        self._counts.update(other._counts)
        self._losses += other._losses
        self._cells.update(other._cells)
        return offset

    def open(self, cells: Cells) -> pl.Series:
        """Count the rows of a file and refuse its broken ones. Returns: (rows of cells.frame,) their numbers here."""
        offset = self.begin(cells.path.name)
        self.read(cells.rows)
        self.refuse_broken(cells, offset, cells.path.name)
        return cells.numbers + offset

    def refuse_broken(self, cells: Cells, offset: int, called: str, quote: bool = True) -> None:
        """Refuse the rows of a file that could not be split or decoded; of too many of them the load ends.

        Args: offset: rows read before. called: the file, on the screen. quote: whether rejects.csv shows their text.
        """
        broken = cells.broken
        if broken.is_empty():
            return
        got = broken["got"] if quote else ""
        self.reject(broken["row"] + offset, broken["column"], got, broken["expected"], broken["fix"])
        expected, fix = broken.group_by("expected", "fix").len("n").sort("n", "expected").row(-1)[:2]
        self.lose_rows(called, broken["row"].n_unique(), cells.rows, Reason(f"not {expected}", "", fix))

    def lose_rows(self, where: str, lost: int, of: int, why: Reason) -> None:
        """Count rows that were refused because they cannot be read; of too many of them the load ends."""
        self.lose("rows", where, lost, of, why, said=REJECTED, ends=too_many(lost, of))

    def silence(self, rows: Rows, columns: pl.Series | None = None) -> None:
        """Forget what was noted of these rows, and under columns of these names: it would quote who was removed."""
        numbers = pl.Series("row", rows, dtype=pl.Int64)
        names = pl.Series("column", [], dtype=pl.String) if columns is None else columns
        hidden = pl.col("row").is_in(numbers.implode()) | pl.col("column").is_in(names.implode())
        self._parts = [part.filter(~hidden) for part in self._parts]

    def removed(self, rows: Rows, column: Text) -> None:
        """Refuse the rows of someone who was removed, and quote nothing of them."""
        self.silence(rows)
        self.reject(rows, column, "", EXPECTED, FIX)

    def files_of(self, rows: pl.Series) -> pl.Series:
        """Which file each row is of, counted from 0 in the order in which they were opened."""
        offsets = pl.Series([offset for offset, _ in self._files], dtype=pl.Int64)
        return offsets.search_sorted(rows - 1, side="right").cast(pl.Int64) - 1

    def read(self, rows: int) -> None:
        self._read += rows

    def merged(self, rows: int) -> None:
        self._merged += rows

    def reject(self, rows: Rows, column: Text, got: Text, expected: Text, fix: Text) -> None:
        """Refuse whole rows: they are not written."""
        self._note(rows, column, got, expected, fix)
        self._rejected.update(rows)

    def cell(self, rows: Rows, column: Text, got: Text, expected: Text) -> None:
        """Note cells that become missing while their rows are written."""
        self._note(rows, column, got, expected, MISSING_CELL)

    def unread(
        self, rows: Rows, column: str, cells: pl.Series, bad: pl.Series, expected: str, *,
        said: str = MISSING, whole: bool = False, places: pl.Series | None = None,
        of: int | None = None,
    ) -> None:  # fmt: skip
        """Note the cells of one column that are not what it holds, and count them as lost.

        Args:
            rows, cells, bad: (n,) the rows' numbers, the column as it stands, and which of its cells are not `expected`.
            said: what becomes of them: MISSING, or TEXT.
            whole: a column of which nothing is left ends the load.
            places: (n,) the column of each cell, where they are of several; of: how many cells there are, if more.
        """
        if not bad.any():
            return
        wrong, there = cells.filter(bad), cells.count() if of is None else of
        numbers = pl.Series("row", rows, dtype=pl.Int64).filter(bad)
        fix = MISSING_CELL if said == MISSING else READ_ANYWAY
        self._note(numbers, column if places is None else places.filter(bad), quoted(wrong), expected, fix)
        words = missing_words(wrong) if said == MISSING else pl.repeat(False, wrong.len(), eager=True)
        for part, become in ((~words, said), (words, UNSAID)):
            lost = wrong.filter(part)
            ends = whole and become == said and lost.len() == there
            self.lose("cells", column, lost.len(), there, reason(lost, expected), said=become, ends=ends)

    def lose(
        self, kind: str, where: str, lost: int, of: int, why: Reason, *, said: str = MISSING, ends: bool = False
    ) -> None:
        """Count what is lost of a kind: cells, samples, columns or names. ends: not without the user's leave."""
        if lost:
            self._losses.append(Loss(kind, where, lost, of, why, ends, said))

    def cells(self, read: int, written: int, merged: int = 0) -> None:
        """Count cells that hold something: what was not written or merged went with rows, samples or columns left out."""
        self._cells.update(read=read, written=written, merged=merged)

    def doubt(self, rows: Rows, column: Text, got: Text, expected: Text) -> None:
        """Note cells that may be meant otherwise than they were read: their rows are written."""
        self._note(rows, column, got, expected, READ_ANYWAY)

    def outside(self, column: Text, got: Text, expected: Text, fix: Text, count: int = 1) -> None:
        """Note what was left out and is no row: a sample that is a column. Its row number is 0."""
        self._note([0] * count, column, got, expected, fix)

    def count(self, said: Mapping[str, int]) -> None:
        """What was normalised or left out, in plain words, and how often; 0 is not worth a word."""
        self._counts.update({what: n for what, n in said.items() if n})

    @property
    def counts(self) -> dict[str, int]:
        return dict(self._counts)

    @property
    def losses(self) -> tuple[Loss, ...]:
        """What was lost, the most first."""
        return tuple(sorted(self._losses, key=lambda loss: -loss.lost))

    @property
    def unread_cells(self) -> int:
        """Cells left missing so far."""
        return sum(loss.lost for loss in self._losses if loss.kind == "cells" and loss.said in (MISSING, UNSAID))

    def cell_tally(self) -> Tally:
        """What became of the cells that hold something."""
        read, written, merged = (self._cells[name] for name in ("read", "written", "merged"))
        return Tally(read, written, merged, read - written - merged)

    def rejected(self) -> frozenset[int]:
        """The numbers of the rows refused so far."""
        return frozenset(self._rejected)

    def tally(self) -> Tally:
        rejected = len(self._rejected)
        return Tally(self._read, self._read - self._merged - rejected, self._merged, rejected)

    def frame(self) -> pl.DataFrame:
        """All that was noted, in the REJECTS layout."""
        noted = pl.concat([pl.DataFrame(schema=REJECTS), *self._parts])
        files = pl.DataFrame(self._files, schema={"offset": pl.Int64, "of": pl.String}, orient="row")
        if files.is_empty():
            return noted
        found = files["offset"].search_sorted(noted["row"].clip(1) - 1, side="right").cast(pl.Int64) - 1
        where = noted["row"] > 0
        return noted.with_columns(
            file=files["of"].gather(found),
            row=pl.when(where).then(noted["row"] - files["offset"].gather(found)).otherwise(0),
        )

    def _note(self, rows: Rows, column: Text, got: Text, expected: Text, fix: Text) -> None:
        numbers = pl.Series("row", rows, dtype=pl.Int64)
        if numbers.is_empty():
            return
        texts = {"column": column, "got": got, "expected": expected, "fix": fix}
        part = pl.DataFrame({"row": numbers}).with_columns(
            pl.lit(self.source).alias("source"),
            pl.lit("").alias("file"),
            *(
                (pl.lit(text) if isinstance(text, str) else text.cast(pl.String)).alias(name)
                for name, text in texts.items()
            ),
        )
        self._parts.append(part.select(*REJECTS))


def joined(frame: pl.DataFrame, key: str, numbers: pl.Series, ledger: Ledger) -> tuple[pl.DataFrame, pl.Series]:
    """Rows of one id from several files as one row, where no two of them say different things in one column.

    Args: as `one_row_each`. Returns: the rows, each at the place of its first; their numbers.
    """
    files = ledger.files_of(numbers)
    if frame.is_empty() or files.n_unique() < 2:
        return frame, numbers
    rest = [name for name in frame.columns if name != key]
    row, file = "\0row", "\0file"  # as no column of a file is called
    rows = frame.with_columns(files.alias(file), numbers.alias(row))
    each = rows.group_by(key, maintain_order=True).agg(
        *(pl.col(name).drop_nulls().n_unique().alias(f"\0{name}") for name in rest),
        pl.col(file).n_unique().alias("\0\0files"),
        pl.len().alias("\0\0rows"),
    )
    agree = pl.all_horizontal(pl.col("\0\0files") == pl.col("\0\0rows"), *(pl.col(f"\0{name}") <= 1 for name in rest))
    mine = each.filter(agree & (pl.col("\0\0rows") > 1))
    whole = rows.filter(rows[key].is_in(mine[key].implode()))
    first = [pl.col(name).drop_nulls().first() for name in rest]
    made = whole.group_by(key, maintain_order=True).agg(*first, pl.col(row).first())
    ledger.merged(whole.height - made.height)
    ledger.cells(0, 0, merged=held(whole.select(key, *rest)) - held(made.select(key, *rest)))
    ledger.count({"patients of several files, whose rows complete each other": made.height})
    others = rows.filter(~rows[key].is_in(mine[key].implode())).drop(file)
    found = pl.concat([made.select(others.columns), others]).sort(row)
    return found.drop(row), found[row]


def one_row_each(
    frame: pl.DataFrame, key: str, numbers: pl.Series, ledger: Ledger, cells: pl.DataFrame | None = None
) -> pl.DataFrame:
    """The first row of every id: its equal duplicates merge, its differing ones are rejected.

    Args:
        frame: rows, equal where all their columns are.
        key: the column that holds the id; no nulls.
        numbers: (rows,) the rows' numbers in the ledger.
        cells: (rows,) the file's cells behind them, to be counted; default: the frame itself.
    """
    if frame.is_empty():
        return frame
    rows = pl.DataFrame({"key": frame[key], "print": frame.hash_rows(seed=1), "number": numbers}).with_row_index("i")
    rows = rows.with_columns(first=pl.col("i").min().over("key"), same=pl.col("print").first().over("key"))
    again = rows.filter(pl.col("i") != pl.col("first"))
    differing = again.filter(pl.col("print") != pl.col("same"))
    ledger.merged(again.height - differing.height)
    merged = (frame if cells is None else cells).filter((rows["i"] != rows["first"]) & (rows["print"] == rows["same"]))
    ledger.cells(0, 0, merged=held(merged))
    ledger.reject(
        differing["number"],
        key,
        differing["key"],
        "one row an id",
        "keep one of the rows, or drop the columns that differ",
    )
    return frame.filter(rows["i"] == rows["first"])


def refuse(
    rows: pl.DataFrame, bad: pl.Expr, ledger: Ledger, column: str, *, got: str | None, expected: str, fix: str
) -> pl.DataFrame:
    """Reject the rows for which `bad` is true, and return the others.

    Args:
        rows: any columns and ROW.
        column: the file's column to blame. got: the column of `rows` to quote; None: the cell is empty.
    """
    wrong = rows.select(bad.fill_null(False)).to_series()
    if not wrong.any():
        return rows
    out = rows.filter(wrong)
    ledger.reject(out[ROW], column, quoted(out[got]) if got else "", expected, fix)
    return rows.filter(~wrong)


def refuse_unread(
    rows: pl.DataFrame, bad: pl.Series, ledger: Ledger, column: str, *, got: str, expected: str, fix: str
) -> pl.DataFrame:
    """As `refuse`, of rows whose cell in the column `got` cannot be read: of too many of them the load ends."""
    if not bad.any():
        return rows
    out = rows.filter(bad)
    ledger.reject(out[ROW], column, quoted(out[got]), expected, fix)
    why = Reason(f"not {expected}", reason(out[got], expected).form, fix)
    ledger.lose_rows(column, out.height, rows.height, why)
    return rows.filter(~bad)


def held(frame: pl.DataFrame) -> int:
    """How many cells of a table hold something."""
    return sum(column.count() for column in frame)


def quoted(cells: pl.Series) -> pl.Series:
    """What rejects.csv shows of cells: their beginning."""
    return cells.cast(pl.String).fill_null("").str.slice(0, 80)


def total(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """Counts of several columns or files, added; zeros left out."""
    out: dict[str, int] = {}
    for each in counts:
        for what, n in each.items():
            out[what] = out.get(what, 0) + n
    return {what: n for what, n in out.items() if n}
