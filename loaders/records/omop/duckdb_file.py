"""DuckDB database of a CDM -> its tables as Parquet, one after the other in batches; nothing in it is run or changed."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from ...errors import InputError
from ...files.ledger import Ledger
from ...specs import Records

MAGIC, AT = b"DUCK", 8
"""What a DuckDB file has, and where."""
BATCH = 200_000
"""Rows that are held at once."""
LOCKED: dict[str, str | bool | int | float | list[str]] = {"enable_external_access": "false", "autoload_known_extensions": "false", "autoinstall_known_extensions": "false",
          "lock_configuration": "true"}  # fmt: skip
"""A database that somebody sent reads no other file and fetches nothing."""


def is_duckdb(path: Path) -> bool:
    """Whether a file is a DuckDB database, by its first bytes."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(AT + len(MAGIC))[AT:] == MAGIC


@contextmanager
def without_duckdb(spec: Records, wanted: Collection[str], ledger: Ledger) -> Iterator[Records]:
    """The source with the wanted tables of each database as Parquet files in its place, until the block ends.

    Args: wanted: names of tables, in lower case; the others, and views, are named in the ledger.
    Raises: InputError where the package duckdb is not there, for a database that it cannot read, and for a table that is
        in several schemas.
    """
    if not any(map(is_duckdb, spec.path)):
        yield spec
        return
    with tempfile.TemporaryDirectory(prefix="clinome-") as folder:
        paths: list[Path] = []
        for i, path in enumerate(spec.path):
            paths += _tables(path, Path(folder, str(i)), wanted, ledger) if is_duckdb(path) else [path]
        yield replace(spec, path=tuple(paths))


def _tables(path: Path, folder: Path, wanted: Collection[str], ledger: Ledger) -> list[Path]:
    try:
        import duckdb
    except ModuleNotFoundError:
        fix = 'pip install "clinome[duckdb]", or export the tables as Parquet'
        raise InputError("a DuckDB database needs the package duckdb", path, fix=fix) from None
    folder.mkdir()
    try:
        with duckdb.connect(str(path), read_only=True, config=LOCKED) as base:
            found = _wanted(base, path, wanted, ledger)
            return [_export(base, schema, table, folder / f"{table.lower()}.parquet") for schema, table in found]
    except duckdb.Error as error:
        fix = "close who writes it, or write it with the DuckDB that is installed here"
        raise InputError("the database cannot be read", path, type(error).__name__, "a DuckDB database", fix) from None


def _wanted(base: Any, path: Path, wanted: Collection[str], ledger: Ledger) -> list[tuple[str, str]]:
    """Schema and name of the tables to be read."""
    every = base.execute("SELECT table_schema, table_name, table_type FROM information_schema.tables").fetchall()
    tables = sorted((schema, name) for schema, name, kind in every if kind == "BASE TABLE")
    found = [(schema, name) for schema, name in tables if name.lower() in wanted]
    for name in {name.lower() for _, name in found}:
        schemas = [schema for schema, one in found if one.lower() == name]
        if len(schemas) > 1:
            got, fix = f"{name} in {', '.join(schemas)}", "take the others out, or export one schema as Parquet"
            raise InputError("a table in several schemas", path, got, "one of each", fix)
    if not found:
        shown = ", ".join(name for _, name in tables[:8])
        raise InputError("no OMOP CDM", path, shown or None, "a table person", "give the database of the CDM")
    views = sum(kind == "VIEW" for *_, kind in every)
    ledger.count({
        "views of the database, which are not read: write them as tables": views,
        "tables of the database that hold no events, or are not read": len(tables) - len(found),
    })  # fmt: skip
    return found


def _export(base: Any, schema: str, table: str, file: Path) -> Path:
    name = ".".join('"' + one.replace('"', '""') + '"' for one in (schema, table))
    reader = base.sql(f"SELECT * FROM {name}").to_arrow_reader(BATCH)
    with pq.ParquetWriter(file, reader.schema) as out:
        for batch in reader:
            out.write_batch(batch)
    return file
