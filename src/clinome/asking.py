"""`clinome query`: one question in, rows out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from clinome.graph import open_graph
from clinome.loaders.errors import InputError
from clinome.say import Say
from clinome.study import Study

if TYPE_CHECKING:
    import polars as pl


def show_library(say: Say) -> None:
    """The queries of neo4j/queries/: name, parameters, question."""
    from clinome.graphs.query import library

    for query in library():
        say(f"{query.name}({', '.join(p.name for p in query.params)})")
        say(f"    {query.question}")


def ask(study: Study, text: str, given: list[str], out: Path | None, say: Say, show: bool = True) -> pl.DataFrame:
    """Run a query of the library, a .cypher file or Cypher text; print the first rows, or write them all to `out`."""
    from clinome.graphs.query import find, parse_params, run_query

    query = find(text, study.folder)
    params = parse_params(query, given)
    with open_graph(study) as graph:
        rows = run_query(graph.store, query, params)
    if out is not None:
        match out.suffix:
            case ".csv":
                rows.write_csv(out)
            case ".parquet":
                rows.write_parquet(out)
            case other:
                raise InputError("unknown ending", "--out", other, ".csv or .parquet")
        say(f"{rows.height:,} rows written to {out}")
    elif show:
        say.table(rows.columns, rows.head(50).iter_rows())
        say(f"{rows.height:,} rows" + (", the first 50 shown; --out FILE writes all" if rows.height > 50 else ""))
    return rows
