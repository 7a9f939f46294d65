"""Clinical tables: a folder (or a zip) of tables as hospitals export them, OMOP's or MIMIC's -> checked rows, by table.

What a format says of its tables is that format's own file; here is what all of them need: files by the names of tables,
subjects, times, and what becomes of each row.
"""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import polars as pl

from ..errors import InputError
from ..files.cells.date_order import fix_of
from ..files.ledger import ROW, Ledger, refuse, refuse_unread
from ..files.rows import id_text, once, source_rows
from ..files.source_folder import files_within
from ..files.text_table import dates, ends, read_cells
from ..specs import Records
from ..tables import EVENTS, NEVER, Known
from .events import as_events, refuse_strangers, refuse_times, result

PACKED = (".gz", ".zip")
TABLES = (".csv", ".tsv", ".txt", ".parquet")
_BESIDE = frozenset(("license", "readme", "sha256sums"))
"""Texts that PhysioNet puts beside the tables."""
ISO = "an ISO date or datetime"
PAIR = r"^\s*\d+(?:\.\d+)?\s*/\s*\d+(?:\.\d+)?\s*$"
"""Two numbers in one cell, as blood pressure is written."""


@dataclass(frozen=True)
class ClinicalTables:
    """The tables of one source.

    files: table, in lower case -> its files (`measurement.csv`, `MEASUREMENT.csv.gz`, a folder measurement/ of parts).
    subject: the column of patient ids.
    """

    spec: Records
    known: Known
    ledger: Ledger
    files: dict[str, list[Path]]
    subject: str

    def rows(self, table: str, needed: Sequence[str], others: Sequence[str] = ()) -> pl.DataFrame | None:
        """The rows of a table that are of a subject of the study: ROW, subject_id, and these columns as text.

        A column of `others` that the table lacks is null. Returns: None where there is no such table.
        Raises: InputError for a table without a needed column.
        """
        if table not in self.files:
            return None
        cells = [read_cells(path, missing=self.spec.missing, empty=True) for path in self.files[table]]
        found = source_rows(cells, self.ledger, self.spec.date_order)
        if not found.frame.height and not any(one.rows for one in cells):
            self.ledger.count({f"tables with a header alone ({table})": 1})
        frame = lower_case(found.frame)
        for column in (self.subject, *needed):
            if column not in frame.columns:
                raise InputError(
                    "a column is missing", self.files[table][0], f"no {column}", f"the columns of the table {table}",
                    f"export it with its columns, or take the file away where it is no {self.spec.format} table",
                )  # fmt: skip
        nothing = pl.lit(None, pl.String)
        rows = frame.select(
            found.numbers.alias(ROW),
            id_text(frame[self.subject]).alias("subject_id"),
            *(pl.col(one) if one in frame.columns else nothing.alias(one) for one in dict.fromkeys((*needed, *others))),
        )
        return refuse_strangers(rows, self.known, self.ledger, self.subject)

    def lookup(self, table: str, columns: Sequence[str]) -> pl.DataFrame:
        """A table of names, not of patients, as text: its rows are not counted. Empty where there is none of this name."""
        frames = []
        for path in self.files.get(table, []):
            frame = lower_case(_names(path))
            there = [one for one in columns if one in frame.columns]
            frames.append(frame.select(there))
        layout = pl.DataFrame(schema=dict.fromkeys(columns, pl.String))
        return pl.concat([layout, *frames], how="diagonal")

    def unread(self, read: Sequence[str]) -> dict[str, int]:
        """Tables that are there and were not read, in words for the ledger."""
        rest = sorted(set(self.files) - set(read) - _BESIDE)
        said = ", ".join(rest[:12]) + (", …" if len(rest) > 12 else "")
        return {f"tables that hold no events, or are not read ({said})": len(rest)} if rest else {}


@contextmanager
def clinical_tables(spec: Records, known: Known, ledger: Ledger, subject: str) -> Iterator[ClinicalTables]:
    """The tables of a folder, of a zip that holds such a folder, or of the files named one by one.

    Raises: InputError where there is nothing of the kind.
    """
    with tempfile.TemporaryDirectory(prefix="clinome-") as unpacked:
        files: dict[str, list[Path]] = {}
        for path in spec.path:
            for file in _files_of(path, Path(unpacked)):
                files.setdefault(table_of(file), []).append(file)
        if not files:
            expected = f"the tables of {spec.format} ({', '.join(TABLES)})"
            raise InputError("holds no table", spec.path[0], expected=expected, fix="give the folder of the export")
        yield ClinicalTables(spec, known, ledger, files, subject)


def timed(
    rows: pl.DataFrame, columns: Sequence[str], name: str, ledger: Ledger, *, needed: bool = False
) -> pl.DataFrame:
    """`name` and `name`_over: when it was, and when that is over: a date alone is a whole day.

    Args:
        columns: of which the first that holds something counts: a datetime, else a date.
        needed: a row without it is rejected; so is, always, one whose cell is no time.
    """
    nothing = pl.lit(None, pl.Datetime("us"))
    rows = rows.with_columns(nothing.alias(name), nothing.alias(f"{name}_over"))
    for column in columns:
        times, bad = dates(rows[column])
        rows = rows.with_columns(times.alias("when"), ends(times, rows[column]).alias("over"))
        fix = fix_of(rows[column].filter(bad))
        rows = refuse_unread(rows, bad, ledger, column, got=column, expected=ISO, fix=fix)
        rows = rows.with_columns(
            pl.coalesce(name, "when").alias(name), pl.coalesce(f"{name}_over", "over").alias(f"{name}_over")
        ).drop("when", "over")
    if needed:
        missing = pl.col(name).is_null()
        rows = refuse(rows, missing, ledger, columns[-1], got=None, expected="a time", fix="fill it in")
    return rows


def valued(rows: pl.DataFrame, column: str, ledger: Ledger) -> pl.DataFrame:
    """numeric_value, and text_value where the result is in words, a limit or a pair ("neg", "<0.01", "120/80")."""
    pair = rows[column].str.contains(PAIR).fill_null(False)
    value, words = result(rows, column, rows[column].set(pair, None), ledger)
    words = rows[column].zip_with(pair, words)
    ledger.cells(rows[column].count(), value.count() + words.count())
    return rows.with_columns(value.alias("numeric_value"), words.alias("text_value"))


def at_discharge(rows: pl.DataFrame, visits: pl.DataFrame | None) -> pl.Series:
    """(rows,) when what is coded at the end of a visit is known: then, and never where the visit has not ended.

    Without a visit: when the row's own time is over. A row whose visit no table holds is known to nobody.
    Args: rows: visit_id, time_over. visits: visit_id, end_time; None where the source has no visits.
    """
    ends_of = pl.DataFrame(schema={"visit_id": pl.String, "end_time": pl.Datetime("us")})
    ends_of = ends_of if visits is None else visits.select("visit_id", "end_time")
    joined = rows.select("visit_id", "time_over").join(ends_of, on="visit_id", how="left", maintain_order="left")
    late = pl.max_horizontal("end_time", "time_over")
    known = pl.when(pl.col("visit_id").is_null()).then("time_over").when(pl.col("end_time").is_not_null()).then(late)
    return joined.select(known.fill_null(NEVER).alias("known_time")).to_series()


def events_of(parts: Sequence[pl.DataFrame], spec: Records, ledger: Ledger) -> pl.DataFrame:
    """The events table of all parts, each event once; rows of which no event is left have merged.

    Args: parts: ROW and columns of EVENTS. Rows with a time that no calendar has are rejected.
    """
    layout = {ROW: pl.Int64, **{name: kind for name, kind in EVENTS.items() if name != "source"}}
    if not parts:
        return as_events(pl.DataFrame(schema=layout), spec.source)
    rows = pl.concat([
        one.select(pl.col(c).cast(t) if c in one.columns else pl.lit(None, t).alias(c) for c, t in layout.items())
        for one in parts
    ])  # fmt: skip
    rows = refuse_times(rows, ledger, {"time": "time", "known_time": "known_time"})
    each = once(rows, [c for c in layout if c != ROW])
    ledger.merged(rows[ROW].n_unique() - each[ROW].n_unique())
    return as_events(each, spec.source)


def _files_of(path: Path, unpacked: Path) -> Iterator[Path]:
    if path.is_dir():
        yield from (one for one in files_within(path) if _is_table(one.name))
    elif not path.exists():
        raise InputError("no such folder", path, fix="correct the path; it is relative to the study file")
    elif zipfile.is_zipfile(path) and len(members := _members(path)) > 1:
        folder = unpacked / str(len([*unpacked.iterdir()]))
        with zipfile.ZipFile(path) as archive:
            for name in members:
                yield Path(archive.extract(name, folder))  # extract keeps names within the folder
    else:
        yield path


def _members(path: Path) -> list[str]:
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if _is_table(name) and not name.startswith("__MACOSX/")]
    return sorted(name for name in names if not PurePosixPath(name).name.startswith("."))


def _is_table(name: str) -> bool:
    bare = name.lower()
    for packed in PACKED:
        bare = bare.removesuffix(packed)
    return bare.endswith(TABLES) and not PurePosixPath(name).name.startswith(".")


def table_of(path: Path) -> str:
    """The table that a file is of, or is a part of: `measurement/part-3.parquet` is of measurement."""
    return path.parent.name.lower() if is_part(path) else path.name.lower().split(".")[0]


def is_part(path: Path) -> bool:
    """Whether a file is one part of a table that is a folder."""
    stem = path.name.lower().split(".")[0]
    return stem.startswith(("part-", "part_", "0000")) or stem.isdigit()


def _names(path: Path) -> pl.DataFrame:
    """A table of names: vocabularies are large, and written with tabs and without quotes, so they are scanned."""
    if path.suffix.lower() not in (".csv", ".tsv", ".txt"):
        return read_cells(path, empty=True).frame
    with path.open("rb") as file:
        tabs = b"\t" in file.readline()
    return pl.read_csv(
        path, separator="\t" if tabs else ",", quote_char=None if tabs else '"', infer_schema=False,
        truncate_ragged_lines=True, encoding="utf8-lossy",
    )  # fmt: skip


def lower_case(frame: pl.DataFrame) -> pl.DataFrame:
    """Columns in lower case, as OMOP and MIMIC mean them, however they were exported; of two of one name the first."""
    found = {name: name.strip().lower() for name in reversed(frame.columns)}
    first = {lower: name for name, lower in found.items()}
    return frame.select(pl.col(name).alias(lower) for lower, name in reversed([*first.items()]))
