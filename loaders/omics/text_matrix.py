"""Text matrix: a table of text -> one matrix, samples by features, whichever way round the file has it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ..errors import InputError
from ..files.cells.number_words import Reason, missing_words, misspelt, reason
from ..files.ledger import Ledger
from ..files.rows import SourceRows, identified, source_rows
from ..files.text_table import Cells, has_header, numbers, parquet_frame, read_bytes, read_cells, resolve
from ..identifiers.name_column import name_column
from ..specs import Omics
from ..subjects.barcodes import finder, known_ids
from ..subjects.id_forms import joined_by, no_known_id
from ..tables import Known
from .mutation_cells import as_numbers

SYMBOL, ENTREZ = "Hugo_Symbol", "Entrez_Gene_Id"
_TOLD = 5  # columns told one by one
_FEW = 60  # columns searched for the ids before all are
_SPELT = (
    r"(?i)^\s*tcga[-._]|[^\x00-\x7f]"  # ids that may be spelt in several ways: all others are looked up as they stand
)


@dataclass(frozen=True)
class Matrix:
    """One file's measurements; NaN is not measured.

    samples: (n,) ids as the file has them. names: (m,) features as the file has them. values: (n, m) float32.
    numbers: the file's rows in the ledger: (n,) where samples are rows, (m,) where features are. entrez: (m,) or None.
    """

    where: str
    samples: pl.Series
    names: pl.Series
    values: NDArray[np.float32]
    numbers: pl.Series
    samples_in_rows: bool
    entrez: pl.Series | None = None
    cells: int = 0  # of the file, that hold something

    def take(self, samples: NDArray[np.bool_] | None = None, features: NDArray[np.bool_] | None = None) -> Matrix:
        """The samples and features of these masks alone."""
        part = self
        if samples is not None and not samples.all():
            kept = pl.Series(samples)
            numbers = part.numbers.filter(kept) if part.samples_in_rows else part.numbers
            part = replace(part, samples=part.samples.filter(kept), values=part.values[samples], numbers=numbers)
        if features is not None and not features.all():
            kept = pl.Series(features)
            numbers = part.numbers if part.samples_in_rows else part.numbers.filter(kept)
            entrez = None if part.entrez is None else part.entrez.filter(kept)
            names = part.names.filter(kept)
            part = replace(part, names=names, values=part.values[:, features], numbers=numbers, entrez=entrez)
        return part


def read_matrix(path: Path, spec: Omics, known: Known, ledger: Ledger) -> Matrix:
    """Read one csv, tsv, txt or Parquet file.

    Raises: InputError where the known ids are neither in a column nor in the header.
    """
    cells = _cells(path, spec, known)
    rows = source_rows([cells], ledger)
    ledger.count(rows.counts)
    header = list(cells.header) or cells.frame.columns
    column, in_rows = _orientation(rows, header, spec, known, ledger)
    if column == SYMBOL and ENTREZ in rows.frame.columns:  # cBioPortal: either may be blank
        blank = rows.frame[SYMBOL].is_null() | (rows.frame[SYMBOL].cast(pl.String).str.strip_chars() == "")
        named = rows.frame[SYMBOL].cast(pl.String).zip_with(~blank, rows.frame[ENTREZ].cast(pl.String))
        rows = replace(rows, frame=rows.frame.with_columns(named.alias(SYMBOL)))
    rows = identified(rows, column, ledger)
    if in_rows:
        return _samples_in_rows(rows, header, column, spec, known, ledger)
    return _features_in_rows(rows, header, column, spec, known, ledger)


def _cells(path: Path, spec: Omics, known: Known) -> Cells:
    """The file; of a Parquet file the numbers stay numbers, which spares writing and reading them as text."""
    missing = () if spec.kind == "mutation" else spec.missing  # there a word that means missing is no empty cell
    if not (path.name.endswith(".parquet") or spec.format == "parquet"):
        return read_cells(
            path,
            missing=missing,
            header=has_header(spec.id),
            format=spec.format,
            sheet=spec.sheet,
            fractions=_no_measurements(spec, known),
        )
    cells = read_cells(path, missing=missing, format=spec.format, sheet=spec.sheet)
    native = parquet_frame(path, read_bytes(path)[0])
    numeric = [name for name, dtype in native.schema.items() if dtype.is_numeric() and name != spec.id]
    return replace(cells, frame=cells.frame.with_columns(native.select(numeric)))


def _no_measurements(spec: Omics, known: Known) -> list[str] | None:
    """Columns that hold names whatever they look like; None where any may: a known id is a number with a fraction, or
    nobody knows the ids; and of mutations, whose cells are words."""
    ids = known_ids(known)
    if ids is None or spec.kind == "mutation" or isinstance(spec.id, int):
        return None
    if pl.Series([*ids], dtype=pl.String).str.contains(r"^\s*[+-]?\d*\.\d").any():
        return None
    return [name for name in (spec.id, SYMBOL, ENTREZ) if name is not None]


def _orientation(
    rows: SourceRows, header: Sequence[str], spec: Omics, known: Known, ledger: Ledger
) -> tuple[str, bool]:
    """The column that holds the ids of the rows, and whether they are samples."""
    frame = rows.frame
    asked = {None: None, "samples_in_rows": True, "samples_in_columns": False}[spec.orientation]

    def named(columns: Sequence[str]) -> str:
        """Of the first columns that are no samples the one that holds the features' names."""
        some = {name: frame[name] for name in columns[:_FEW] if frame[name].dtype == pl.String or name == columns[0]}
        found = name_column(some, known.genes, spec.features)
        ledger.count({f"feature names taken from the column {found!r}": int(found != columns[0]) * frame.height})
        return found

    if spec.id is not None:
        return resolve(spec.id, frame, rows.where), asked is not False
    ids = known_ids(known)
    whose = finder(known)
    by_name = [name for name in (SYMBOL, ENTREZ) if name in frame.columns]
    if ids is None or asked is False:
        in_rows = (not by_name) if asked is None else asked
        return (
            by_name[0] if by_name and not in_rows else frame.columns[0] if in_rows else named(frame.columns)
        ), in_rows
    in_header = sum(whose(name) is not None for name in header)
    best, found = _column_of(frame, ids, whose, all_of_them=2 * in_header < min(len(header), len(ids)))
    if asked or found > in_header:
        if best is None:
            raise _unjoined(rows, header, ids)
        return best, True
    if not in_header:
        raise _unjoined(rows, header, ids)
    return (by_name[0] if by_name else named([n for n in frame.columns if whose(n) is None])), False


def _column_of(
    frame: pl.DataFrame, ids: frozenset[str], whose: Callable[[str], str | None], *, all_of_them: bool = True
) -> tuple[str | None, int]:
    """The text column that holds most of the known ids, and how many of its cells do.

    all_of_them: False where the header holds most ids: then only the first columns are searched.
    """
    text = [name for name, dtype in frame.schema.items() if dtype == pl.String]
    table = pl.Series(sorted(ids))
    for names in (text[:_FEW], text[_FEW:] if all_of_them else []):
        if not names:
            continue
        hits = frame.select(pl.col(names).str.strip_chars().is_in(table.implode()).sum()).row(0)
        best = int(np.argmax(hits))
        if hits[best]:
            return names[best], int(hits[best])
    for name in text[:_FEW]:  # whole barcodes where the study knows their beginnings, and other spellings
        other = frame[name].filter(frame[name].str.contains(_SPELT).fill_null(False)).unique()
        hit = sum(whose(value.strip()) is not None for value in other)
        if hit:
            return name, hit
    if not all_of_them:
        return None, 0
    for name, dtype in frame.schema.items():  # integers of a Parquet file: ids where all differ and most are known
        cells = frame[name].cast(pl.String) if dtype.is_integer() else pl.Series([], dtype=pl.String)
        hit = int(cells.is_in(table.implode()).sum())
        if 2 * hit >= max(1, cells.len()) and cells.n_unique() == cells.len():
            return name, hit
    return None, 0


def _unjoined(rows: SourceRows, header: Sequence[str], ids: frozenset[str]) -> InputError:
    """What the header's names look like, and the cells of the first column, whichever a simple change would join."""
    first = rows.frame.to_series(0).cast(pl.String).drop_nulls().to_list()
    names = [name for name in header if name][1:]
    return no_known_id(rows.where, first if joined_by(first, ids) else names or first, ids)


def _samples_in_rows(
    rows: SourceRows, header: Sequence[str], id: str, spec: Omics, known: Known, ledger: Ledger
) -> Matrix:
    frame = rows.frame
    columns, names = [], []
    for column, name in zip(frame.columns, header, strict=True):
        if column == id or name in spec.drop or not name:
            continue
        if spec.suffix is None or (name.endswith(spec.suffix) and name != spec.suffix):
            columns.append(column)
            names.append(name.removesuffix(spec.suffix or ""))
    held = _calls(rows.frame.select(columns), names, spec, known, ledger)
    values, text, cells, wrong = _numbers(held, rows.frame.height)
    _tell_unread(rows, wrong, cells, ledger, named=True)
    _tell_text(pl.Series(names, dtype=pl.String).filter(pl.Series(text)), len(names), ledger)
    matrix = Matrix(rows.where, frame[id], pl.Series(names, dtype=pl.String), values, rows.numbers, True, cells=cells)
    return matrix.take(features=~text)


def _calls(frame: pl.DataFrame, names: Sequence[str], spec: Omics, known: Known | None, ledger: Ledger) -> pl.DataFrame:
    """Of a mutation matrix the cells as numbers; any other layer's as they stand, but for what is below a limit.

    Args: names: (columns,) of features where `known` is given, else of known samples, "" for another column.
    """
    if spec.kind != "mutation":
        return _below(frame, spec, ledger)
    named = pl.Series(names, dtype=pl.String)
    mapped = (
        named != ""
        if known is None
        else known.genes.curies(named, spec.features)["feature"].str.starts_with("NCBIGene:")
    )
    sure = [column for column, yes in zip(frame.columns, mapped.fill_null(False), strict=True) if yes]
    found, said = as_numbers(frame, sure, samples_in_rows=known is not None, unknown=spec.missing)
    ledger.count(said)
    return found


def _below(frame: pl.DataFrame, spec: Omics, ledger: Ledger) -> pl.DataFrame:
    """Cells below a written limit (`<0.01`) as that share of it which `below` says: low, and not missing."""
    if spec.below is None:
        return frame
    text = [name for name, dtype in frame.schema.items() if dtype == pl.String]
    limits = frame.select(
        pl.col(text).str.extract(r"^\s*(?:<|≤|<=)\s*=?\s*([0-9.]+(?:[eE][-+]?\d+)?)\s*$").cast(pl.Float64, strict=False)
    )
    ledger.count({f"cells below a written limit: {spec.below:g} of it": sum(column.count() for column in limits)})
    low = (limits * spec.below).cast(pl.String)
    return frame.with_columns(low[name].fill_null(frame[name]) for name in text if limits[name].count())


def _tell_text(names: pl.Series, of: int, ledger: Ledger) -> None:
    """Columns without one number: no measurements, by name where they are features', for a layer may need them."""
    few = ", ".join(name for name in names.head(5) if name) + (", …" if names.len() > 5 and names[0] else "")
    why = Reason("they hold no number", "", "nothing, if they are no features")
    ledger.lose("columns", few, names.len(), of, why, said="of text, left out")


def _lost_samples(
    rows: SourceRows, columns: Sequence[tuple[str, str]], of: int, known: Known, ledger: Ledger
) -> frozenset[str]:
    """Columns without one number that are samples of the study: theirs would be missing, and nobody would know."""
    whose = finder(known) if known_ids(known) is not None else lambda name: name
    lost = [column for column, name in columns if whose(name) is not None]
    if lost:
        cells = pl.concat(
            [rows.frame[column].cast(pl.String).drop_nulls().head(100).alias("") for column in lost[:100]]
        )
        ledger.lose("samples", "", len(lost), of, reason(cells), said="of the study without a number", ends=True)
    return frozenset(lost)


def _features_in_rows(
    rows: SourceRows, header: Sequence[str], feature: str, spec: Omics, known: Known, ledger: Ledger
) -> Matrix:
    names = rows.frame[feature]
    out = names.is_in(list(spec.drop))
    ledger.reject(rows.numbers.filter(out), feature, names.filter(out), "no name in `drop`", "nothing: you left it out")
    if spec.suffix is not None:
        other = ~names.str.ends_with(spec.suffix) & ~out
        ledger.reject(rows.numbers.filter(other), feature, names.filter(other), "the layer's suffix", "nothing to do")
        out = out | other
    rows = rows.rows(~out)
    names = rows.frame[feature].str.strip_suffix(spec.suffix or "")
    columns = [
        (column, name)
        for column, name in zip(rows.frame.columns, header, strict=True)
        if column not in (feature, SYMBOL, ENTREZ) and name and name not in spec.drop
    ]
    whose = finder(known) if spec.kind == "mutation" and known_ids(known) is not None else lambda name: name
    mine = [name if whose(name) is not None else "" for _, name in columns]
    held = _calls(rows.frame.select([column for column, _ in columns]), mine, spec, None, ledger)
    values, text, cells, wrong = _numbers(held, rows.frame.height, wide=False)
    label = _labels(held, values)
    _tell_unread(rows, [(c, each, bad & ~pl.Series(label)) for c, each, bad in wrong], cells, ledger, named=False)
    if label.any():
        out, expected, fix = pl.Series(label), "a number in some sample", "nothing, if it is a second header"
        ledger.reject(rows.numbers.filter(out), feature, names.filter(out), expected, fix)
        rows, names, values = rows.rows(~out), names.filter(~out), values[~label]
    out_of = [column for column, is_text in zip(columns, text, strict=True) if is_text]
    lost = _lost_samples(rows, out_of, len(columns), known, ledger)
    others = [name for column, name in out_of if column not in lost]
    _tell_text(pl.Series(["" for _ in others], dtype=pl.String), len(columns), ledger)
    samples = pl.Series([name for _, name in columns], dtype=pl.String)
    entrez = rows.frame[ENTREZ] if ENTREZ in rows.frame.columns and feature != ENTREZ else None
    matrix = Matrix(rows.where, samples, names, np.ascontiguousarray(values.T), rows.numbers, False, entrez, cells)
    return matrix.take(samples=~text)


def _labels(frame: pl.DataFrame, values: NDArray[np.float32]) -> NDArray[np.bool_]:
    """(rows,) which of them hold words and not one number, however spelt: second headers and labels, if others hold
    numbers."""
    label: NDArray[np.bool_] = np.asarray(np.isnan(values).all(axis=1), dtype=bool)
    if not frame.width or not label.any() or label.all():
        return np.zeros(len(values), bool)
    cells = frame.filter(pl.Series(label)).select(pl.selectors.string())
    word = np.zeros(int(label.sum()), bool)
    for column in cells:
        spoken = numbers(column)[1] & ~misspelt(column) & ~missing_words(column)
        word |= spoken.to_numpy()
    label[label] = word
    return label


Wrong = list[tuple[str, pl.Series, pl.Series]]
"""Columns with cells that are no number: name, cells, which."""


def _numbers(
    frame: pl.DataFrame, height: int, *, wide: bool = True
) -> tuple[NDArray[np.float32], NDArray[np.bool_], int, Wrong]:
    """(rows, columns) float32; which columns hold text and not one number; how many cells hold something; what is wrong.

    A column of numbers that are all misspelt is no column of text: its cells are lost.
    wide: False where the samples are columns, so that turned around they lie row by row.
    """
    if not frame.width:
        return np.zeros((height, 0), np.float32), np.zeros(0, bool), 0, []
    other = [name for name, dtype in frame.schema.items() if dtype != pl.Float32]
    cast = frame.with_columns(pl.col(other).cast(pl.Float32, strict=False)) if other else frame
    before, after = (np.array(f.null_count().row(0)) for f in (frame, cast))
    values = cast.to_numpy(writable=True, order="c" if wide else "fortran").astype(np.float32, copy=False)
    text = (after == frame.height) & (before < frame.height)
    wrong: Wrong = []
    for j in np.flatnonzero((before != after) | np.isinf(values).any(axis=0)):
        cells = frame.to_series(int(j))
        number, bad = numbers(cells)
        with np.errstate(over="ignore"):
            column = number.to_numpy().astype(np.float32)
        large = pl.Series(np.isinf(column))
        column[large.to_numpy()] = np.nan
        values[:, j] = column
        text[j] = text[j] and not number.count() and 2 * int(misspelt(cells).sum()) <= cells.count()
        if not text[j]:
            wrong.append((cells.name, cells, bad | large))
    return values, text, frame.width * frame.height - int(before.sum()), wrong


def _tell_unread(rows: SourceRows, wrong: Wrong, of: int, ledger: Ledger, *, named: bool) -> None:
    """Note every cell that is no number, of so many that hold something. named: a few columns are told one by one; a sample's name is nobody's to read."""
    wrong = [each for each in wrong if each[2].any()]
    if named and len(wrong) <= _TOLD:
        for column, cells, bad in wrong:
            ledger.unread(rows.numbers, column, cells.cast(pl.String), bad, "a number")
    elif wrong:
        some = pl.concat([cells.cast(pl.String).alias("") for _, cells, _ in wrong])
        lost = pl.concat([bad.alias("") for _, _, bad in wrong])
        places = pl.concat([pl.repeat(column, rows.numbers.len(), eager=True) for column, _, _ in wrong])
        numbered = pl.concat([rows.numbers.alias("")] * len(wrong))
        ledger.unread(
            numbered, f"{len(wrong):,} columns" if named else "", some, lost, "a number", places=places, of=of
        )
