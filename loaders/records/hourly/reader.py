"""Hourly vitals and labs, long or wide, as PhysioNet 2012 and 2019 and YAIB have them -> events on the relative clock."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import polars as pl

from ...errors import InputError
from ...files.cells.clock import FARTHEST_DAYS, offsets
from ...files.cells.dtypes import dates, numbers
from ...files.ledger import ROW, Ledger, refuse
from ...files.rows import SourceRows, among, identified, not_removed, once
from ...specs import Records
from ...tables import Known, Loaded
from ..shards import read_alone
from ..table_parts import Batch
from .columns import Layout, layout_of
from .files import Stays, Table, batches, parts_of
from .tables import CELLS, STAYS, tables

EXPECTED = "hours since admission: a number, 07:30, or a duration; within 200 years"
STEP = {"days": 24.0}
"""How many hours a row lasts, of times in days; else one."""


def read_hourly(spec: Records, known: Known) -> Loaded:
    """Read `[records.NAME]` of format hourly: one row a stay and hour, or one row a measurement.

    A long table has a column of names and one of values; in a wide one every column of numbers is a value. What says the
    same in each row of a stay describes it, and becomes a property. What is called like an outcome (SepsisLabel), or is
    named in `labels`, is an event that nobody knows: a cohort can ask for it, and no input holds it.

    Where every time is a whole hour, a row is an hour, and known when it is over; else it is known at its time.

    Returns: Loaded with events, and with patients: the properties, and observed from the first row to the end of the last.
        With visits instead, where the study names `visit`.
    Raises: InputError for a path or column that is not there, for dates, or where nothing is left to read.
    Source: https://physionet.org/content/challenge-2012/, https://physionet.org/content/challenge-2019/
    Example: read_hourly(Records((Path("training_setA"),), format="hourly", name="icu"), known)
    """
    layout, ledger = layout_of(spec), Ledger(spec.source)
    parts = parts_of(spec, layout.file_is_stay, known.removed)
    shards = [[part] for part in parts] if layout.visit is None else [parts]  # a visit may go over several
    read = partial(_read, spec=spec, layout=layout, known=known.alone())
    stays, cells = [], []
    for shard, offset in read_alone(read, shards, known, ledger):
        for those, theirs in shard:
            stays.append(those)
            cells.append(theirs.with_columns(pl.col(ROW) + offset))
    if not stays:
        raise InputError("holds no row", spec.path[0], "headers alone", "rows", "check how the files were made")
    return tables(pl.concat(stays), pl.concat(cells), spec, layout, ledger)


def _read(
    parts: Sequence[Table | Stays], ledger: Ledger, spec: Records, layout: Layout, known: Known
) -> list[tuple[pl.DataFrame, pl.DataFrame]]:
    """Of each batch of some parts its stays (stay, subject_id, `tables.STAYS`) and its cells (`tables.CELLS`)."""
    found, owners = [], pl.DataFrame(schema={"stay": pl.String, "owner": pl.String})
    for batch in (batch for part in parts for batch in batches(part, spec.missing, ledger)):
        rows = _of_known(batch, layout, known, ledger)
        if layout.visit is not None:
            rows, owners = _owned(rows, owners, layout.visit, ledger)
        rows = _once(_timed(rows, layout, ledger), spec, layout, ledger)
        stays = rows.group_by("stay", maintain_order=True).agg(pl.col("subject_id").first(), **STAYS)
        found.append((stays, _melted(rows, spec, layout, ledger)))
    return found


def _of_known(batch: Batch, layout: Layout, known: Known, ledger: Ledger) -> pl.DataFrame:
    """The rows of who is known and was not removed, with ROW, subject_id and stay: the visit, or the subject."""
    for name in layout.roles:
        if name not in batch.frame.columns:
            raise InputError(
                "not of the form of the first file", batch.where, expected=f"a column {name}", fix="leave it out"
            )
    rows = SourceRows(batch.where, batch.frame, batch.numbers, {})
    rows = not_removed(rows, layout.subject, known.removed, ledger)
    rows = among(identified(rows, layout.subject, ledger), layout.subject, known.subjects, ledger)
    if layout.visit is not None:
        rows = identified(rows, layout.visit, ledger)
    stay = rows.frame[layout.visit or layout.subject]
    return rows.frame.rename(_cell).with_columns(
        rows.numbers.alias(ROW), rows.frame[layout.subject].alias("subject_id"), stay.alias("stay")
    )


def _cell(column: str) -> str:
    """A file's column beside our own ones, which may have the same name."""
    return f"{_CELL}{column}"


_CELL = "cell "


def _owned(rows: pl.DataFrame, owners: pl.DataFrame, visit: str, ledger: Ledger) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The rows of stays of one patient each, the first that has it, and whose each stay is: stay, owner."""
    found = pl.concat([owners, rows.select("stay", owner="subject_id")])
    owners = found.unique("stay", keep="first", maintain_order=True)
    mine = rows.join(owners, on="stay", how="left", maintain_order="left")
    other, fix = pl.col("owner") != pl.col("subject_id"), "give each stay an id of its own"
    kept = refuse(mine, other, ledger, visit, got="stay", expected="a stay of one patient", fix=fix)
    return kept.drop("owner"), owners


def _timed(rows: pl.DataFrame, layout: Layout, ledger: Ledger) -> pl.DataFrame:
    """The rows with `hours`, when it was, and `over`, when it was known; null where only all rows together can say it."""
    said = {"hours": layout.time, "over": layout.end, "known": layout.known_time}
    for name, column in said.items():
        if column is None:
            rows = rows.with_columns(pl.lit(None, pl.Float64).alias(name))
            continue
        hours, bad = offsets(rows[_cell(column)], layout.unit)
        if bad.sum() > rows.height // 2 and not dates(rows[_cell(column)])[1].all():
            fix = "use format csv, which reads dates: `values`, or `codes` with `value`"
            raise InputError("a column of dates", layout.where, column, "hours since admission", fix)
        far = (hours.abs() > FARTHEST_DAYS * 24).fill_null(False)
        rows = rows.with_columns(hours.alias(name), (bad | far).alias("bad"))
        if name == "hours" or layout.time is None:
            empty = pl.col(_cell(column)).is_null()
            rows = refuse(rows, empty, ledger, column, got=None, expected=EXPECTED, fix="fill it in")
        rows = refuse(rows, pl.col("bad"), ledger, column, got=_cell(column), expected=EXPECTED, fix="correct the cell")
    if layout.time is None:
        rows = rows.with_columns(hours=pl.col("over") - STEP.get(layout.unit, 1.0))
    for name in ("over", "known"):
        column = said[name]
        if column is not None and column != layout.time:
            early = pl.col(name) < pl.col("hours")
            expected, fix = "not before the row's time", "correct it"
            rows = refuse(rows, early, ledger, column, got=_cell(column), expected=expected, fix=fix)
    return rows.with_columns(over=pl.coalesce("known", "over")).drop("known")


def _measured(rows: pl.DataFrame, spec: Records, layout: Layout) -> list[str]:
    """Of a wide table the columns that may be values."""
    there = [name.removeprefix(_CELL) for name in rows.columns if name.startswith(_CELL)]
    wanted = [*spec.values, *spec.labels, *spec.keep] if spec.values else there
    return [name for name in dict.fromkeys(wanted) if name in there and name not in (*layout.roles, *layout.clocks)]


def _once(rows: pl.DataFrame, spec: Records, layout: Layout, ledger: Ledger) -> pl.DataFrame:
    """Of a wide table each row once; in a long one it is measurements that come again."""
    if layout.long:
        return rows
    used = [_cell(name) for name in (*layout.roles, *_measured(rows, spec, layout))]
    each = once(rows, used)
    ledger.merged(rows.height - each.height)
    return each


def _melted(rows: pl.DataFrame, spec: Records, layout: Layout, ledger: Ledger) -> pl.DataFrame:
    """One line a cell that says something, in the layout of `tables.CELLS`."""
    if layout.long:
        return _of_long(rows, spec, layout, ledger)
    columns = [_cell(name) for name in _measured(rows, spec, layout)]
    index = [ROW, "stay", "hours", "over"]
    found = rows.select(*index, *columns).unpivot(columns, index=index, variable_name="name", value_name="cell")
    found = found.drop_nulls("cell").with_columns(pl.col("name").str.strip_prefix(_CELL), unit=pl.lit(None, pl.String))
    return _numbered(found, spec).drop_nulls("cell")


def _of_long(rows: pl.DataFrame, spec: Records, layout: Layout, ledger: Ledger) -> pl.DataFrame:
    """One line a row; a row without a name or a value says nothing, and is rejected."""
    assert layout.names is not None and layout.value is not None
    unit = pl.col(_cell(layout.value_unit)).str.strip_chars() if layout.value_unit else pl.lit(None, pl.String)
    name, cell = pl.col(_cell(layout.names)).str.strip_chars(), pl.col(_cell(layout.value))
    found = rows.select(ROW, "stay", "hours", "over", name=name, cell=cell, unit=unit)
    empty = pl.col("name").is_null() | (pl.col("name") == "")
    found = refuse(found, empty, ledger, layout.names, got=None, expected="a name", fix="fill it in")
    found = _numbered(found, spec)
    nothing = pl.col("cell").is_null()
    return refuse(found, nothing, ledger, layout.value, got=None, expected="a value", fix="nothing: it is missing")


def _numbered(found: pl.DataFrame, spec: Records) -> pl.DataFrame:
    """The cells with the number that each is (true is 1), null where it is none; a number that `missing` names is nothing."""
    value, _ = numbers(found["cell"])
    words = (value.is_null() & found["cell"].is_not_null()).arg_true()
    said = found["cell"].gather(words).str.to_lowercase()
    truth = pl.select(pl.when(said == "true").then(1.0).when(said == "false").then(0.0)).to_series()
    value = value.scatter(words, truth) if words.len() else value
    nothing, bad = numbers(pl.Series(spec.missing, dtype=pl.String))
    absent = value.is_in(nothing.filter(~bad).drop_nulls().implode()).fill_null(False)
    cells = found.with_columns(value.alias("value"))
    if absent.any():
        cells = cells.with_columns(pl.when(~absent).then(name).alias(name) for name in ("value", "cell"))
    return cells.select(list(CELLS)).cast(CELLS)  # type: ignore[arg-type]
