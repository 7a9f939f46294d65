"""A bulk import against Neo4j's own tool on the same files: bulk.py OUT [--relationships 100000 1000000] [--version 5.26].

A planted study, half of its relationships values of a dense layer, half dated diagnoses and visits; its tables are there,
as after reading. Prints one line a size: seconds for planning and writing the files, for Neo4j's import of them, for the
same by hand, for the stop and start around it, for constraints; and the ratio that counts, plain / (files + import). In
brackets the same in processor seconds, which other work on the machine hardly changes. Memory: the highest so far. The
server of OUT is made, and stopped at the end.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
from anndata import AnnData

from clinome.graphs.ingest.nodes import nodes
from clinome.graphs.ingest.write_source import write_source
from clinome.graphs.neo4j_server.admin import MAIN
from clinome.graphs.neo4j_server.backup import offline, put
from clinome.graphs.neo4j_server.bulk_import import VERB, build
from clinome.graphs.neo4j_server.home import USER, Home
from clinome.graphs.neo4j_server.jars import jars, java, release
from clinome.graphs.neo4j_server.process import OPENS, start, stop
from clinome.graphs.neo4j_store.bulk_csv_store import CsvStore
from clinome.graphs.neo4j_store.store import Neo4jStore
from clinome.graphs.tables.source_spec import about
from clinome.graphs.tables.study_tables import Tables
from clinome.loaders.specs import AnySource, Omics, Records
from clinome.loaders.tables import EVENTS, REJECTS, VISITS, Loaded, Tally

GENES, CODES, PER_VISIT = 1_000, 15_000, 4


def plain(home: Home, files: Path, arguments: list[str], target: Path) -> None:
    """The tool as one calls it by hand, with what it takes by itself."""
    record = home.read()
    assert record is not None
    which = release(record.version)
    (target / "conf").mkdir(parents=True)
    environment = {"NEO4J_HOME": str(target), "NEO4J_CONF": str(target / "conf"), "PATH": os.environ["PATH"]}
    command = [java(which), *OPENS, "-cp", f"{jars(which, print)}/*", MAIN, *VERB, *arguments]
    subprocess.run(command, env=environment, cwd=files, check=True, capture_output=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--relationships", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--version", default="5.26")
    asked = parser.parse_args()
    home = Home.of(asked.out)
    start(home, asked.version)
    try:
        for n in asked.relationships:
            print(one(home, asked.out / f"{n}", n), flush=True)
    finally:
        stop(home)


def one(home: Home, folder: Path, n: int) -> str:
    shutil.rmtree(folder, ignore_errors=True)
    tables = planted(folder / "tables", n)
    took: dict[str, tuple[float, float]] = {}
    (folder / "files").mkdir()
    with CsvStore(folder / "files") as written:
        with clock(took, "files"):
            written.prepare()
            for source in tables.sources():
                write_source(written, tables, source)
            arguments = written.finish()
        for turn in ("", " again"):
            for what, run in (("plain", plain), ("import", build)):
                shutil.rmtree(folder / "new", ignore_errors=True)
                with clock(took, what + turn):
                    run(home, folder / "files", arguments, folder / "new")
        with clock(took, "stop and start"), offline(home, lambda line: None):
            put(home, folder / "new")
        with (
            clock(took, "constraints"),
            Neo4jStore(f"bolt://127.0.0.1:{port(home)}", USER, home.password(), True) as store,
        ):
            written.settle(store)
        size = sum(file.stat().st_size for file in (folder / "files").iterdir()) / 2**20
        rows = written.files.n_edges
    shutil.rmtree(folder)
    parts = ", ".join(f"{what} {seconds:.1f} ({busy:.1f})" for what, (seconds, busy) in took.items())
    by_clock, by_processor = (ratio({what: times[i] for what, times in took.items()}) for i in (0, 1))
    own, tool = (resource.getrusage(who).ru_maxrss / 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return (
        f"{rows:,} relationships, {size:.0f} MB: {parts}; plain / (files + import): {by_clock:.2f} ({by_processor:.2f}); "
        f"peak of this process {own:,.0f} MB, of Neo4j's import {tool:,.0f} MB"
    )


def ratio(took: dict[str, float]) -> float:
    """The better of two turns each: whichever else runs on the machine only makes them longer."""
    return min(took["plain"], took["plain again"]) / (took["files"] + min(took["import"], took["import again"]))


def planted(folder: Path, n: int) -> Tables:
    """n / 2 values of a dense layer, and about n / 2 diagnoses, visits and what goes with them."""
    rng = np.random.default_rng(1)
    people = [f"TCGA-{i:06}" for i in range(max(1, n // 2 // GENES))]
    tables = Tables(folder, "planted")
    rna = Omics((Path("rna.tsv"),), name="rna", kind="expression", graph="all")
    genes = [f"NCBIGene:{g}" for g in range(1, GENES + 1)]
    obs = pl.DataFrame({"sample_id": people, "subject_id": people}).to_pandas().set_index("sample_id")
    var = (
        pl.DataFrame({"id": genes, "symbol": [f"G{g}" for g in range(GENES)], "gene": genes})
        .to_pandas()
        .set_index("id")
    )
    save(tables, rna, omics=AnnData(X=rng.normal(size=(len(people), GENES)).astype(np.float32), obs=obs, var=var))
    visits = n // 2 // (PER_VISIT + 1)
    whose, begin = rng.integers(0, len(people), visits), rng.integers(0, 5_000 * 24, visits)
    start = pl.Series(begin).cast(pl.Int64) * 3_600_000_000
    seen = pl.DataFrame(
        {"visit_id": [f"v{i}" for i in range(visits)], "subject_id": [people[i] for i in whose], "start_time": start}
    ).with_columns(
        pl.col("start_time").cast(pl.Duration("us")) + datetime(2008, 1, 1),
        source=pl.lit("records.ehr"),
        kind=pl.lit("inpatient"),
    )
    seen = seen.with_columns(end_time=pl.col("start_time") + timedelta(days=3))
    codes = pl.Series("code", [f"ICD10CM:{k}" for k in rng.integers(0, CODES, visits * PER_VISIT)])
    events = pl.concat([seen] * PER_VISIT).select(
        "subject_id", "visit_id", "source", codes, time="start_time", known_time="end_time"
    )
    ehr = Records((Path("ehr.csv"),), name="ehr")
    save(tables, ehr, events=whole(events, EVENTS), visits=whole(seen, VISITS), clock="dated")
    return tables


def whole(table: pl.DataFrame, columns: dict[str, pl.DataType]) -> pl.DataFrame:
    missing = [pl.lit(None, kind).alias(name) for name, kind in columns.items() if name not in table.columns]
    return table.with_columns(missing).select(pl.col(name).cast(kind) for name, kind in columns.items())


def save(tables: Tables, spec: AnySource, **parts: object) -> None:
    loaded = Loaded(spec.source, Tally(1, 1, 0, 0), pl.DataFrame(schema=REJECTS), **parts)  # type: ignore[arg-type]
    tables.save(loaded, f"load-{spec.source}", {**about(spec), "files": {}, "sampled": False}, nodes(loaded, spec))


def port(home: Home) -> int:
    record = home.read()
    assert record is not None
    return record.port


@contextmanager
def clock(took: dict[str, tuple[float, float]], what: str) -> Iterator[None]:
    """Seconds by the clock and of processors, children's too."""
    began, busy = time.perf_counter(), sum(os.times()[:4])
    yield
    took[what] = time.perf_counter() - began, sum(os.times()[:4]) - busy


if __name__ == "__main__":
    main()
