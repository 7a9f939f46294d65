"""CSV records: encounters, or plain lists of events, as a study describes their columns -> visits and events."""

from __future__ import annotations

import polars as pl

from ..errors import InputError
from ..files.cells.clock import check_unit, order, relative
from ..files.cells.date_order import fix_of
from ..files.cells.number_words import Reason
from ..files.column_types import typed_and_told
from ..files.ledger import ROW, Ledger, held, one_row_each, refuse, refuse_unread, total
from ..files.rows import SourceRows, among, identified, not_removed, once, read_rows
from ..files.text_table import dates, ends, has_header, numbers, resolve
from ..identifiers.code_shapes import LEADING_ZEROS
from ..identifiers.curie import KNOWN_LATE, codes, vocabulary
from ..identifiers.property_names import is_reserved, safe_names
from ..specs import Column, Records
from ..tables import EVENTS, VISITS, Known, Loaded
from .events import as_events, never_known, refuse_times, result

ROLES = ("subject", "visit", "time", "order", "known_time", "end", "value", "value_unit")
TIMES = {"time": "time", "end": "end_time", "known_time": "known_time"}
RESULT = ("code", "numeric_value", "text_value", "unit")


def read_encounters(spec: Records, known: Known) -> Loaded:
    """Read `[records.NAME]` of format csv.

    With `visit`, a row is a visit; its codes, columns and values are events of it. Without, a row is only events.
    What is diagnosed or done in a visit is known at its end, anything else when it happens, unless known_time is named.
    Where that cell is empty, nobody says when it was known, and it is no input. A date without a time is a whole day:
    what ends or becomes known on it does so at its end.

    In a long table (`value`, `value_unit`) each row's result is that of its code.
    A result in words ("neg", "<0.01") is an event with a text_value: that it was measured is known.

    Returns: Loaded with events, and with visits where the study names `visit`.
    Raises: InputError for a file or column that is not there, or a spec that names no time or nothing to read.
    Example: read_encounters(Records((Path("a.csv"),), subject="id", time="date", codes={"dx": "ICD10CM"}), known)
    """
    _check(spec)
    ledger = Ledger(spec.source)
    named: dict[str, Column] = {role: c for role in ROLES if (c := getattr(spec, role)) is not None}
    source_rows = read_rows(spec, ledger, has_header(*named.values()))
    at = {role: resolve(column, source_rows.frame, source_rows.where) for role, column in named.items()}
    columns = [
        resolve(c, source_rows.frame, source_rows.where) for c in (*spec.codes, *spec.columns, *spec.values, *spec.keep)
    ]
    used = list(dict.fromkeys((*at.values(), *columns)))
    read = held(source_rows.frame.select(used))
    source_rows = not_removed(source_rows, at["subject"], known.removed, ledger)
    source_rows = among(identified(source_rows, at["subject"], ledger), at["subject"], known.subjects, ledger)
    if "visit" in at:
        source_rows = identified(source_rows, at["visit"], ledger)
    rows = _timed(spec, source_rows, at, ledger)
    rows = _each_once(rows, at, used, ledger)
    if "order" in at:
        day = order(rows[_cell(at["order"])], rows["subject_id"])
        rows = rows.with_columns(day.alias("time"), day.alias("over"))
    _doubt_numbers(spec, rows, source_rows.numeric, ledger)
    events, counts = _events(spec, rows, ledger)
    visits = _visits(spec, rows, ledger) if "visit" in at else None
    ledger.cells(read, held(rows.select(_cell(column) for column in used)) - ledger.unread_cells)
    return Loaded(
        spec.source,
        ledger.tally(),
        ledger.frame(),
        visits=visits,
        events=events,
        clock="order" if "order" in at else "relative" if spec.unit else "dated",
        counts=counts,
        cells=ledger.cell_tally(),
        losses=ledger.losses,
    )


def _check(spec: Records) -> None:
    where = f"[{spec.source}]"
    if spec.subject is None:
        raise InputError("no subject", where, expected="subject: the column of patient ids", fix="name it")
    if (spec.time is None) == (spec.order is None):
        got = "neither" if spec.time is None else "both"
        raise InputError("when it happened", where, got, "time, or order where there are no times", "name one of them")
    if spec.order is not None and not (spec.known_time is None and spec.end is None and spec.unit is None):
        raise InputError("times beside an order", where, expected="no end, known_time, unit", fix="take them out")
    if spec.unit is not None:
        check_unit(spec.unit, where)
    if spec.visit is None and not (spec.codes or spec.columns or spec.values):
        raise InputError("nothing to read", where, expected="visit, codes, columns or values", fix="name the columns")
    if spec.visit is None and spec.codes and spec.values:
        fix = f'if it is the result of its row\'s code: value = {next(iter(spec.values))!r} and value_unit = "…"; else name `visit`'
        raise InputError("a value beside a code, and no visit", where, ", ".join(spec.values), "either alone", fix)
    if spec.value is not None and (len(spec.codes) != 1 or spec.columns or spec.values):
        raise InputError("`value` is the result of one code a row", where, f"{len(spec.codes)} columns of codes",
                         "one, without columns and values", "give each its own section")  # fmt: skip
    if spec.value_unit is not None and spec.value is None:
        raise InputError("a unit of nothing", where, "value_unit", "value", "name the column of results")
    if spec.visit is None and (spec.end is not None or spec.keep):
        raise InputError("end and keep belong to a visit", where, expected="visit", fix="name the column of visit ids")


def _cell(column: str) -> str:
    """A file's column beside our own ones, which may have the same name."""
    return f"cell {column}"


def _timed(spec: Records, source_rows: SourceRows, at: dict[str, str], ledger: Ledger) -> pl.DataFrame:
    """Every cell as text, subject_id, visit_id, and the times that the rows have; rows without a time are rejected.

    over: when the row's `time` is over, which is when what happened then is known.
    """
    rows = source_rows.frame.rename(_cell).with_columns(
        source_rows.numbers.alias(ROW), source_rows.frame[at["subject"]].alias("subject_id")
    )
    visit = source_rows.frame[at["visit"]] if "visit" in at else pl.lit(None, dtype=pl.String)
    rows = rows.with_columns(visit.alias("visit_id"))
    for role in ("time", "order"):
        if role in at:
            missing = pl.col(_cell(at[role])).is_null()
            expected = "a time" if role == "time" else "a rank"
            rows = refuse(rows, missing, ledger, at[role], got=None, expected=expected, fix="fill it in")
    expected = f"a number of {spec.unit}, within 200 years" if spec.unit else "an ISO date or datetime"
    for role, name in TIMES.items():
        if role not in at:
            rows = rows.with_columns(pl.lit(None, dtype=pl.Datetime("us")).alias(name))
            continue
        cells = rows[_cell(at[role])]
        times, bad = _parsed(cells, spec, at[role])
        over = times if spec.unit else ends(times, cells, None if role == "time" else rows["time"])
        rows = rows.with_columns((times if role == "time" else over).alias(name))
        rows = rows.with_columns(over.alias("over")) if role == "time" else rows
        fix = "correct the cell" if spec.unit else fix_of(cells.filter(bad))
        rows = refuse_unread(rows, bad, ledger, at[role], got=_cell(at[role]), expected=expected, fix=fix)
    named = {TIMES[role]: column for role, column in at.items() if role in TIMES}
    rows = rows.with_columns(
        pl.col(_cell(at[role])).alias(f"the {role}") for role in ("value", "value_unit") if role in at
    )
    return refuse_times(rows, ledger, named, {name: _cell(column) for name, column in named.items()})


def _parsed(cells: pl.Series, spec: Records, column: str) -> tuple[pl.Series, pl.Series]:
    if spec.unit is None:
        return dates(cells)
    offsets, no_number = numbers(cells)
    times, far = relative(offsets, spec.unit, f"[{spec.source}] {column}")
    return times, no_number | far | (cells.is_not_null() & times.is_null())


def _each_once(rows: pl.DataFrame, at: dict[str, str], used: list[str], ledger: Ledger) -> pl.DataFrame:
    """Each visit once, or without visits each row once, by the columns that the study names."""
    cells = [_cell(column) for column in used]
    if "visit" in at:
        one_row_each(rows.select(pl.col(_cell(c)).alias(c) for c in used), at["visit"], rows[ROW], ledger)
        return rows.unique("visit_id", keep="first", maintain_order=True)
    each = once(rows, cells)
    ledger.merged(rows.height - each.height)
    ledger.cells(0, 0, merged=held(rows.select(cells)) - held(each.select(cells)))
    return each


def _events(spec: Records, rows: pl.DataFrame, ledger: Ledger) -> tuple[pl.DataFrame, dict[str, int]]:
    parts: list[pl.DataFrame] = []
    counts: list[dict[str, int]] = []
    for column, name in spec.codes.items():
        cells = rows[_cell(column)]
        code, changed = codes(cells, name)
        bad = code.is_null() & cells.is_not_null()
        ledger.unread(rows[ROW], column, cells, bad, f"a code of {name}", whole=True)
        counts.append(changed)
        parts.append(_part(rows, code=code, **(_results(rows, spec, ledger) if spec.value is not None else {})))
    for column, prefix in spec.columns.items():
        text = rows[_cell(column)].str.strip_chars()
        there = text.is_not_null() & ~text.is_in(["", *spec.absent])
        code = pl.select(pl.when(there).then(pl.lit(f"{vocabulary(prefix)}:{column}"))).to_series()
        parts.append(_part(rows, code=code, text_value=text))
    for column, unit in spec.values.items():
        cells = rows[_cell(column)]
        value, text = result(rows, column, cells, ledger)
        code = pl.select(pl.when(value.is_not_null() | text.is_not_null()).then(pl.lit(f"VALUE:{column}"))).to_series()
        unit_of = pl.lit(unit or None, pl.String)
        parts.append(_part(rows, code=code, numeric_value=value, text_value=text, unit=unit_of))
    found = pl.concat(parts) if parts else pl.DataFrame(schema=EVENTS)
    events = as_events(found.with_columns(known_time=_known_time(spec)) if parts else found, spec.source)
    merged = {"equal events of one row or several, merged": found.height - events.height}
    return events, total([*counts, merged, never_known(events)])


def _known_time(spec: Records) -> pl.Expr:
    """When an event was known: what the study names says it, else the visit's end of what is coded then, else its time."""
    if spec.known_time is not None:
        return pl.col("known_time")
    if spec.end is None:
        return pl.col("over")
    late = pl.col("code").str.extract(r"^([^:]+):").is_in(list(KNOWN_LATE))
    return pl.when(late).then("end_time").otherwise("over")


def _results(rows: pl.DataFrame, spec: Records, ledger: Ledger) -> dict[str, pl.Series]:
    """Of a long table the result of each row's code, and its unit."""
    at = {role: rows[f"the {role}"] for role in ("value", "value_unit") if f"the {role}" in rows.columns}
    value, text = result(rows, str(spec.value), at["value"], ledger)
    unit = (
        at["value_unit"].str.strip_chars()
        if "value_unit" in at
        else pl.repeat(None, rows.height, dtype=pl.String, eager=True)
    )
    return {"numeric_value": value, "text_value": text, "unit": unit}


def _doubt_numbers(spec: Records, rows: pl.DataFrame, numeric: frozenset[str], ledger: Ledger) -> None:
    """Codes that a typed file holds as numbers: without its zeros 008.45, an infection, has become 845, a sprain."""
    for column, name in spec.codes.items():
        if column in numeric and vocabulary(name) in (*LEADING_ZEROS, "ICD10CM", "ICD10"):
            there = rows[_cell(column)].count()
            why = Reason("a column of numbers: leading and last zeros of codes are lost", "", "export it as text")
            ledger.lose("cells", column, there, there, why, said="would be read from numbers", ends=True)


def _part(rows: pl.DataFrame, **result: pl.Series | pl.Expr) -> pl.DataFrame:
    """The events of one column: those of its rows that have a code."""
    base = rows.select("subject_id", "time", "end_time", "known_time", "over", "visit_id")
    empty = {c: pl.lit(None, EVENTS[c]) for c in RESULT if c not in result}
    return base.with_columns(**result, **empty).select(*base.columns, *RESULT).drop_nulls("code")


def _visits(spec: Records, rows: pl.DataFrame, ledger: Ledger) -> pl.DataFrame:
    """The visits table; without a column of ends a visit ends when its `time` is over, an empty cell says it has not."""
    cells = rows.select(pl.col(_cell(column)).alias(column) for column in dict.fromkeys(spec.keep))
    kept = typed_and_told(cells, rows[ROW], ledger, spec.categorical)
    return rows.select(
        "visit_id",
        "subject_id",
        pl.col("time").alias("start_time"),
        pl.col("end_time" if spec.end is not None else "over").alias("end_time"),
        kind=pl.lit("encounter"),
        source=pl.lit(spec.source),
    ).hstack(kept.rename(safe_names(kept.columns, lambda name: is_reserved(name) or name.lower() in VISITS)))
