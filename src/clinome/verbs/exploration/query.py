"""`clinome query`: a Cypher query, read-only, as a table."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from clinome.console import Console
from clinome.graph import open_graph
from clinome.loaders.errors import InputError
from clinome.loaders.files.spreadsheet_csv import write_csv
from clinome.study import Study, as_study

if TYPE_CHECKING:
    import polars as pl

    from clinome.graph import Graph

NAMING = ("feature", "symbol", "code", "diagnosis", "drug", "pathway")
"""Parameters of our queries that name a node which is no patient."""


def show_library(console: Console) -> None:
    """The queries of neo4j/queries/: name, parameters, question."""
    from clinome.graphs.query.cypher import library

    for query in library():
        console(f"{query.name}({', '.join(p.name for p in query.params)})")
        console(f"    {query.question}")


def ask(
    study: Study | str | Path, text: str, given: list[str], out: Path | None, console: Console, *, show: bool = True
) -> pl.DataFrame:
    """Run a query of the library, a .cypher file or Cypher text; print the first rows, or write them all to `out`."""
    from clinome.graphs.query.cypher import find, parse_params, run_query
    from clinome.graphs.query.kept_out import refuse_kept_out

    if out is not None:
        check_out(out)
    study = as_study(study)
    query = find(text, Path.cwd(), study.folder)
    params = parse_params(query, given)
    with open_graph(study) as graph:
        refuse_kept_out(query.text, graph.tables, "query")
        rows = run_query(graph.store, query, params)
        unmet = [] if rows.height else _names_nothing(graph, params)
    if out is not None:
        if out.suffix == ".csv":
            write_csv(_in_cells(rows), out)
        else:
            rows.write_parquet(out)
        console(f"{rows.height:,} rows written to {out}")
    elif show:
        console.table(rows.columns, rows.head(50).iter_rows())
        console(f"{rows.height:,} rows" + (", the first 50 shown; --out FILE writes all" if rows.height > 50 else ""))
    for told in unmet:
        console(told)
    return rows


def _names_nothing(graph: Graph, params: Mapping[str, object]) -> list[str]:
    """Of an answer without rows which parameters no node is called by, and what was likely meant, old symbols too."""
    told = []
    for name in NAMING:
        asked = params.get(name)
        if not isinstance(asked, str):
            continue
        found = graph.find(asked, 1)
        if not len(found):
            told.append(f"{name}: nothing in the graph is called {asked!r}, or nearly so")
        elif asked not in (found["id"][0], found["name"][0]):
            told.append(
                f"{name}: nothing in the graph is called {asked!r}; did you mean {found['name'][0]!r} ({found['id'][0]})?"
            )
    return told


def _in_cells(rows: pl.DataFrame) -> pl.DataFrame:
    """Lists and maps as JSON text: a csv cell holds one value."""
    import polars as pl

    from clinome.graphs.store.columns import as_text

    nested = [column for column in rows if column.dtype.is_nested()]
    return rows.with_columns(pl.Series(c.name, [as_text(value) for value in c.to_list()], pl.String) for c in nested)


def check_out(out: Path) -> None:
    """A file to write a table to; asked before the work, which may take long."""
    if out.suffix not in (".csv", ".parquet"):
        raise InputError("unknown ending", "--out", out.suffix, ".csv or .parquet", "rename the file")
    if not out.parent.is_dir():
        raise InputError("there is no such folder", "--out", str(out.parent), "a folder that is there", "make it first")
