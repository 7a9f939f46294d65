"""MEDS 0.4 data set -> events; its code metadata -> concepts and IS_A links. What Clinome wrote comes back whole."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import polars as pl

from ...errors import InputError
from ...files.ledger import ROW, Ledger, refuse, total
from ...files.source_folder import files_within
from ...files.text_table import numbers, parquet_frame, read_bytes
from ...identifiers.curie import meds_codes
from ...specs import Records
from ...tables import EVENTS, Known, Loaded, PolarsType, as_concepts, as_links
from ..events import as_events, never_known, refuse_strangers, refuse_times
from ..shards import read_alone
from .extension import ABOUT, DOUBLE, OF_TABLE, own_codes, read_extensions

DATA, CODES = "data", Path("metadata", "codes.parquet")  # as meds.data_subdirectory, meds.code_metadata_filepath
TIME = pl.Datetime("us")
OPTIONAL = ("numeric_value", "text_value", "known_time", "visit_id", "unit")
RESULT = r"^LAB//RESULT//[^/]+//(.+)$"
"""MIMIC-IV's labs as its own ETL writes them: the result, known when it was stored, with its unit in the code. (The other
form, LAB//SPECIMEN_COLLECTED, has no value.)"""
NO_UNIT = "UNK"


def read_meds(spec: Records, known: Known) -> Loaded:
    """Read `[records.NAME]` of format meds: a folder, its data folder, or single Parquet files.

    subject_id may be int64 or text, a null time is static; of further columns known_time, visit_id and unit are read.
    Where a file has known_time, an empty cell of it says that nobody knows when the event was known: it is no input.
    Rows that are equal in all of these merge. Files are read each by itself (`Known.shards`).

    Returns: Loaded with events; with concepts and links where the data set has metadata/codes.parquet.
    Raises: InputError for a folder without Parquet files, a file that is none, or one without MEDS's columns.
    Source: Medical Event Data Standard 0.4, https://github.com/Medical-Event-Data-Standard/meds
    """
    ledger = Ledger(spec.source)
    parts, counts, metadata, extensions = [], [], [], []
    for path in spec.path:
        root, files = _files(path)
        own = (root / ABOUT).is_file()
        for (rows, changed), offset in read_alone(partial(_read, known=known.alone(), own=own), files, known, ledger):
            parts.append(rows.with_columns(pl.col(ROW) + offset))
            counts.append(changed)
        if own:
            extensions.append(root)
        elif (root / CODES).is_file():
            metadata.append(root / CODES)
    rows = pl.concat(parts).drop(OF_TABLE)
    if ledger.tally().read == 0:
        raise InputError("holds no row", spec.path[0], expected="events", fix="check how the data set was made")
    events = as_events(rows, spec.source)
    ledger.merged(rows.height - events.height)
    concepts, links, described = _metadata(metadata, spec)
    beside = read_extensions(extensions, spec, known, ledger)
    return Loaded(
        spec.source,
        ledger.tally(),
        ledger.frame(),
        events=events,
        patients=beside.patients,
        visits=beside.visits,
        concepts=_both(concepts, beside.concepts),
        links=_both(links, beside.links),
        clock=beside.clock,
        cells=ledger.cell_tally(),
        losses=ledger.losses,
        counts=total(
            [
                *counts,
                described,
                {"static events": events["time"].null_count()},
                never_known(events),
            ]
        ),
    )


def _files(path: Path) -> tuple[Path, list[Path]]:
    """The root of the data set and its data files, in order of name."""
    if path.is_file():
        return (path.parent.parent if path.parent.name == DATA else path.parent), [path]
    if not path.exists():
        raise InputError("no such folder", path, fix="correct the path; it is relative to the study file")
    data = path / DATA if (path / DATA).is_dir() else path
    files = [p for p in files_within(data) if p.suffix == ".parquet" and p.parent.name != CODES.parent.name]
    if not files:
        raise InputError("holds no Parquet file", path, expected="data/*.parquet", fix="give the folder above data/")
    return (data.parent if data.name == DATA else data), files


def _read(file: Path, ledger: Ledger, known: Known, own: bool) -> tuple[pl.DataFrame, dict[str, int]]:
    """The events of one file, and what was changed in its codes. own: Clinome wrote it."""
    rows, changed = _rows(file, known, ledger, own)
    return _of_records(rows, ledger) if own else rows, changed


def _rows(file: Path, known: Known, ledger: Ledger, own: bool) -> tuple[pl.DataFrame, dict[str, int]]:
    """The rows of one shard that are events, as text, times and numbers. own: Clinome wrote them."""
    frame = parquet_frame(file, read_bytes(file)[0])
    _check(file, frame)
    offset = ledger.begin(file.name)
    ledger.read(frame.height)
    rows = frame.select(
        pl.int_range(offset + 1, offset + 1 + pl.len(), dtype=pl.Int64).alias(ROW),
        pl.col("subject_id").cast(pl.String).str.strip_chars().str.normalize("NFC"),
        _time(frame["time"]),
        pl.col("code").cast(pl.String),
        *(frame[c] if c in frame.columns else pl.lit(None, dtype=EVENTS[c]).alias(c) for c in OPTIONAL),
        *(frame[c] if c in frame.columns else pl.lit(None, dtype=t).alias(c) for c, t in _OWN.items()),
    )
    rows = refuse_strangers(rows, known, ledger, "subject_id")
    code, counts = (own_codes(rows["code"]), dict[str, int]()) if own else meds_codes(rows["code"])
    rows = rows.with_columns(code.alias("curie"))
    rows = refuse(rows, pl.col("curie").is_null(), ledger, "code", got="code", expected="a code", fix="correct it")
    known_time = _time(rows["known_time"] if "known_time" in frame.columns else rows["time"].alias("known_time"))
    unit = pl.col("code").str.extract(RESULT)
    unit = pl.coalesce(pl.col("unit").cast(pl.String), pl.when(unit != NO_UNIT).then(unit))
    rows = rows.with_columns(known_time, unit=unit, code="curie").drop("curie")
    rows = refuse_times(rows, ledger, {"time": "time", "known_time": "known_time"})
    value, bad = numbers(rows["numeric_value"])
    ledger.unread(rows[ROW], "numeric_value", rows["numeric_value"].cast(pl.String), bad, "a finite number")
    exact, wrong = numbers(rows[DOUBLE])
    value = pl.select(pl.coalesce(exact, value).alias("numeric_value")).to_series()
    ledger.cells(value.count() + int((bad | wrong).sum()), value.count())
    texts = [pl.col(c).cast(pl.String) for c in ("text_value", "visit_id", "unit", OF_TABLE)]
    return rows.with_columns(value, *texts).drop(DOUBLE), counts


_OWN: dict[str, PolarsType] = {DOUBLE: pl.Float64, OF_TABLE: pl.String}
"""Columns that Clinome writes, and no other tool."""


def _of_records(rows: pl.DataFrame, ledger: Ledger) -> pl.DataFrame:
    """The events that do not repeat the tables of the extension."""
    mine = rows.filter(pl.col(OF_TABLE).is_null())
    ledger.merged(rows.height - mine.height)
    return mine


def _both(first: pl.DataFrame | None, second: pl.DataFrame | None) -> pl.DataFrame | None:
    found = [one for one in (first, second) if one is not None]
    return pl.concat(found, how="diagonal").unique(maintain_order=True) if found else None


def _check(file: Path, frame: pl.DataFrame) -> None:
    """Whether the columns are MEDS's, in types that keep what they say."""
    for name in ("subject_id", "time", "code"):
        if name not in frame.columns:
            raise InputError(
                "no MEDS events", file, expected=f"a column {name}", fix="write MEDS 0.4, or name a format"
            )
    texts = (pl.String, pl.Categorical, pl.Enum)
    whole = frame["subject_id"].dtype
    if not (whole.is_integer() or isinstance(whole, texts)):
        raise InputError("subject_id", file, str(whole), "int64 or text", "cast the column")
    wanted: dict[str, tuple[type[pl.DataType], ...]] = {
        "time": (pl.Datetime, pl.Date, pl.Null), "known_time": (pl.Datetime, pl.Date, pl.Null), "code": texts,
    }  # fmt: skip
    for name, dtypes in wanted.items():
        if name in frame.columns and not isinstance(frame[name].dtype, dtypes):
            raise InputError(name, file, str(frame[name].dtype), dtypes[0].__name__.lower(), "cast the column")
    for name in OPTIONAL:
        if name in frame.columns and frame[name].dtype.is_nested():
            raise InputError("a nested column", file, name, "plain cells", "write it as a plain column")


def _time(column: pl.Series) -> pl.Series:
    """Naive UTC microseconds."""
    if isinstance(column.dtype, pl.Datetime) and column.dtype.time_zone:
        column = column.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    return column.cast(TIME)


def _metadata(files: list[Path], spec: Records) -> tuple[pl.DataFrame | None, pl.DataFrame | None, dict[str, int]]:
    """codes.parquet -> concepts with their description, IS_A links to their parents."""
    frames = []
    for file in files:
        frame = parquet_frame(file, read_bytes(file)[0])
        if "code" not in frame.columns:
            raise InputError("no code metadata", file, expected="a column code", fix="write MEDS 0.4, or take it away")
        described = "description" in frame.columns
        parents = frame.schema.get("parent_codes") == pl.List(pl.String)
        frames.append(
            frame.select(
                pl.col("code").cast(pl.String),
                name=pl.col("description").cast(pl.String, strict=False) if described else pl.lit(None, pl.String),
                parent=pl.col("parent_codes") if parents else pl.lit(None, pl.List(pl.String)),
            )
        )
    if not frames:
        return None, None, {}
    told = pl.concat(frames)
    told = told.with_columns(id=meds_codes(told["code"], recorded=False)[0])
    malformed = told["id"].null_count()
    told = told.drop_nulls("id")
    links = told.select("id", "parent").explode("parent").drop_nulls("parent")
    links = links.with_columns(object=meds_codes(links["parent"], recorded=False)[0]).drop_nulls("object")
    links = links.filter(pl.col("id") != pl.col("object")).select(subject="id", object="object")
    links = links.unique(maintain_order=True)
    names = told.select("id", "name").sort(pl.col("name").is_null(), maintain_order=True)
    parents_alone = links.select(id="object", name=pl.lit(None, pl.String))
    concepts = pl.concat([names, parents_alone]).unique("id", keep="first", maintain_order=True)
    return (
        as_concepts(concepts, spec),
        as_links(links.with_columns(predicate=pl.lit("IS_A")), spec),
        {"codes described": told.height, "descriptions whose code is malformed": malformed},
    )
