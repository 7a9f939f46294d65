"""The files of a bulk import hold every value as it is, or say that they do not; read here as Neo4j's tool reads them."""

from __future__ import annotations

import math
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from bulk_files import read
from hypothesis import given, settings
from hypothesis import strategies as st

from clinome.graphs.neo4j_store.bulk_csv_files import BETWEEN, Files
from clinome.graphs.store.protocol import Edges, Nodes

HOSTILE = (
    "", " ", "it's", 'a "quoted" word', '"', '""', "\\", '\\"', "`tick`", "\\u0027", "ümläut 漢字 🧬 \u200f", "a,b", ";", "'",
    "two\nlines\tand a tab", "\r\n", "\r", "\n", BETWEEN, "\x00nul\x00", "\uffff", "\ufeffmark", "\x0b\x0c\x85\u2028", "PK\x03\x04",
    "$parameter", "{id: 1}", "null", "NaN", "1", "'} ) DETACH DELETE n //", "  lead and trail  ", "#", "=1+1", "true",
)  # fmt: skip
NAMES = (
    "age",
    "a b",
    "a:b",
    "a,b",
    'a "b"',
    "ID",
    ":LABEL",
    "a[]",
    "a (b)",
    "{a}",
    "a\nb",
    "a\rb",
    " ",
    "",
    "é\x00",
    "x:long",
)

texts = st.one_of(st.sampled_from(HOSTILE), st.text(st.characters(exclude_categories=["Cs"])))
kinds: dict[pl.DataType, st.SearchStrategy[Any]] = {
    pl.String(): texts,
    pl.Int64(): st.integers(-(2**63), 2**63 - 1),
    pl.Float64(): st.floats(),
    pl.Float32(): st.floats(width=32),
    pl.Boolean(): st.booleans(),
    pl.Datetime("us"): st.datetimes(),
    pl.Date(): st.dates(),
    pl.List(pl.String()): st.lists(st.one_of(st.none(), texts), max_size=3),
    pl.List(pl.Int64()): st.lists(st.integers(-(2**63), 2**63 - 1), max_size=3),
    pl.List(pl.Float64()): st.lists(st.floats(), max_size=3),
    pl.List(pl.Boolean()): st.lists(st.booleans(), max_size=3),
    pl.List(pl.Datetime("us")): st.lists(st.datetimes(), max_size=3),
    pl.List(pl.List(pl.Int64())): st.lists(st.lists(st.integers(0, 9), max_size=2), max_size=2),
    pl.Null(): st.none(),
}


@st.composite
def tables(draw: st.DrawFn, *keys: str) -> pl.DataFrame:
    """Columns of any name and type, any value missing."""
    names = draw(st.lists(st.sampled_from(NAMES), unique=True, max_size=5))
    height = draw(st.integers(1, 6))
    columns = {key: pl.Series(draw(st.lists(texts, min_size=height, max_size=height)), dtype=pl.String) for key in keys}
    if len(keys) == 1:
        columns[keys[0]] = pl.Series([f"{n} {one}" for n, one in enumerate(columns[keys[0]])])
    for name in names:
        kind = draw(st.sampled_from(list(kinds)))
        values = draw(st.lists(st.one_of(st.none(), kinds[kind]), min_size=height, max_size=height))
        columns[name] = pl.Series(name, values, dtype=kind)
    return pl.DataFrame(columns)


def rows_of(frame: pl.DataFrame) -> list[dict[str, Any]]:
    """Each row as a store has it: what is null or NaN is left out."""
    rows = [{name: one for name, one in row.items() if one is not None} for row in frame.to_dicts()]
    return [{k: v for k, v in row.items() if not (isinstance(v, float) and math.isnan(v))} for row in rows]


def same(one: list[dict[str, Any]], other: list[dict[str, Any]]) -> bool:
    return sorted(map(exact, one)) == sorted(map(exact, other))


def exact(row: dict[str, Any]) -> str:
    return repr(sorted(row.items()))  # tells True from 1, 1 from 1.0, -0.0 from 0.0, and nan is nan


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


@settings(max_examples=100, deadline=None)
@given(frame=tables("id"))
def test_nodes_are_in_the_files_or_told(frame: pl.DataFrame) -> None:
    with tempfile.TemporaryDirectory() as folder:
        files = Files(Path(folder))
        unsaid = files.nodes(Nodes("Patient", frame))
        got = {row["id"]: row for what, row in read(files) if what == "nodes=Patient"}
    assert set(got) == set(frame["id"])
    told = {row["id"]: row for row in rows_of(unsaid.rows)}
    assert same(list((got | told).values()), rows_of(frame))


@settings(max_examples=100, deadline=None)
@given(frame=tables("start", "end"))
def test_relationships_are_in_the_files_or_told_and_never_both(frame: pl.DataFrame) -> None:
    with tempfile.TemporaryDirectory() as folder:
        files = Files(Path(folder))
        unsaid = files.edges(Edges("MAPS_TO", "Diagnosis", "Phenotype", frame))
        got = [{"start": row.pop("START_"), "end": row.pop("END_"), **row} for _, row in read(files)]
    assert same(got + rows_of(unsaid.rows), rows_of(frame))


def test_what_ordinary_tables_hold_is_all_in_the_files(files: Files) -> None:
    """Otherwise a large import would end in a slow load."""
    frame = pl.DataFrame(
        {
            "id": [f"{n}{text}" for n, text in enumerate(HOSTILE)],
            "text": HOSTILE,
            "sources": [["omics.rna", text.replace(BETWEEN, "")] for text in HOSTILE],
            "age": [1.5] * len(HOSTILE),
            "seen": [datetime(2020, 1, 1)] * len(HOSTILE),
        }
    )
    assert files.nodes(Nodes("Patient", frame)).rows.is_empty()
    assert same([row for _, row in read(files)], rows_of(frame))
    assert files.n_nodes == len(HOSTILE)


def test_pieces_of_one_kind_lie_in_one_file_and_others_beside_it(files: Files) -> None:
    for part in (["a", "b"], ["c"]):
        files.nodes(Nodes("Gene", pl.DataFrame({"id": part, "symbol": part})))
    files.nodes(Nodes("Gene", pl.DataFrame({"id": ["d"], "symbol": [1]})))
    assert [path.name for path in sorted(files.folder.iterdir())] == ["0000-Gene.csv", "0001-Gene.csv"]
    assert [row["symbol"] for _, row in read(files)] == ["a", "b", "c", 1]


def test_a_row_beyond_the_tools_buffer_is_announced(files: Files) -> None:
    files.nodes(Nodes("Patient", pl.DataFrame({"id": ["a"], "note": ["x" * 3_000_000], "more": ["y" * 3_000_000]})))
    size = next(a for a in files.arguments() if a.startswith("--read-buffer-size="))
    assert int(size.partition("=")[2]) > 6_000_001


def test_a_label_that_the_schema_does_not_hold_makes_no_file(files: Files) -> None:
    with pytest.raises(ValueError, match="no label"):
        files.nodes(Nodes("../Patient", pl.DataFrame({"id": ["a"]})))
    assert not list(files.folder.iterdir())
