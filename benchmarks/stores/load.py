"""Loading and reading, ours against a hand-written way on the same graph: load.py URI [--millions 0.1 1] [--runs 3].

The database of the server is emptied first; user and password as everywhere (CLINOME_NEO4J_USER, CLINOME_NEO4J_PASSWORD).
20,000 patients and 20,000 genes, hubs among the genes as in real data, so many millions of relationships with a value and
a source. By hand: what one would write without Clinome for this very graph, grouped by patient, two workers, each batch
exactly-once; of the embedded store its engine's own UNWIND … CREATE, without batches' nodes and checks. Ours: the store
that every load goes through, for any properties. Read by hand: this query's three columns collected, as lists of
Python's; ours: the query as a user writes it, checked to be one that only reads, nulls kept, as a polars frame. So ours
does more in both, and is timed with all of it: cutting into batches, grouping, locks; neither is timed with making the
rows, the nodes, the connections. Both ways alternate in one process, on the same server and the same rows (reads four
times as often: one takes a second, and the next a third more or less); each line holds medians, their ratio (more is
better), the transactions that were run again, and the peak of this process's memory.
"""

from __future__ import annotations

import argparse
import gc
import logging
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import neo4j
import numpy as np
import polars as pl

from clinome.graphs.ingest.batches import cut, write_all
from clinome.graphs.neo4j_server.home import credentials
from clinome.graphs.neo4j_store.store import Neo4jStore
from clinome.graphs.store.embedded import EmbeddedStore
from clinome.graphs.store.kglite_process import Engine
from clinome.graphs.store.protocol import Edges, Nodes, Store

PATIENTS = GENES = 20_000
BATCH = 20_000
BY_HAND = """
CREATE (:Batch {id: $batch}) WITH 1 AS one UNWIND $rows AS r MATCH (p:Patient {id: r[0]})
UNWIND range(0, size(r[1]) - 1) AS i MATCH (g:Gene {id: r[1][i]})
CREATE (p)-[:EXPRESSES {value: r[2][i], source: $source}]->(g)
"""
EMBEDDED_BY_HAND = """
UNWIND $rows AS r MATCH (p:Patient {id: r.start}), (g:Gene {id: r.`end`})
CREATE (p)-[:EXPRESSES {value: r.value, source: $source}]->(g)
"""
READ = "MATCH (p:Patient)-[e:EXPRESSES]->(g:Gene) RETURN p.id AS p, g.id AS g, e.value AS v"
READ_BY_HAND = """
MATCH (p:Patient)-[e:EXPRESSES]->(g:Gene)
RETURN collect(p.id) AS p, collect(g.id) AS g, collect(e.value) AS v
"""
SOURCE = "omics.benchmark"


class Retries(logging.Handler):
    """Counts what the driver runs again by itself, and only logs."""

    count = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.count += "retried" in record.getMessage()


def relationships(n: int) -> pl.DataFrame:
    """start, end, value of n relationships, sorted by patient."""
    rng = np.random.default_rng(0)
    table = {
        "start": np.sort(rng.integers(0, PATIENTS, n)), "end": rng.zipf(1.3, n) % GENES, "value": rng.normal(size=n),
    }  # fmt: skip
    named = (pl.format("Patient:{}", pl.col("start").cast(pl.String).str.zfill(5)), pl.format("Gene:{}", "end"))
    return pl.DataFrame(table).with_columns(start=named[0], end=named[1]).sort("start")


def nodes(store: Store) -> None:
    store.prepare()
    for label, n in (("Patient", PATIENTS), ("Gene", GENES)):
        ids = [f"{label}:{i:05d}" if label == "Patient" else f"{label}:{i}" for i in range(n)]
        for k, part in enumerate(pl.DataFrame({"id": ids}).iter_slices(5_000)):
            store.write_nodes(f"{label} {k}", "benchmark", Nodes(label, part))


def ours(store: Store, rows: pl.DataFrame, load: str) -> None:
    edges = Edges("EXPRESSES", "Patient", "Gene", rows.with_columns(source=pl.lit(SOURCE)))
    write_all(store, load, ((f"{load}/{n}", part) for n, part in enumerate(cut(edges, BATCH))))


def by_hand(driver: neo4j.Driver, rows: pl.DataFrame, load: str) -> None:
    """Groups of a patient, in parallel by patient, each batch exactly-once."""
    groups = rows.group_by("start", maintain_order=True).agg("end", "value").rows()
    per = max(1, BATCH * len(groups) // rows.height)

    def write(first: int) -> None:
        given = {"batch": f"{load}/{first}", "rows": groups[first : first + per], "source": SOURCE}
        driver.execute_query(BY_HAND, given)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(write, range(0, len(groups), per)))


def compared(
    hand: Callable[[str], object], own: Callable[[str], object], runs: int, after: Callable[[], object]
) -> tuple[float, float]:
    """Median seconds of both, in turns; the first of each is not counted: engines have to get warm."""
    times: tuple[list[float], list[float]] = ([], [])
    for run in range(runs + 1):
        for took, act, way in zip(times, (hand, own), ("hand", "own"), strict=True):
            begun = time.perf_counter()
            act(f"{way} {run}")
            took.append(time.perf_counter() - begun)
            after()
    return statistics.median(times[0][1:]), statistics.median(times[1][1:])


def line(what: str, n: int, unit: str, times: tuple[float, float], more: str = "") -> str:
    hand, own = times
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return (
        f"{what}: {n / own:,.0f} {unit}/s in {own:.2f} s, by hand {n / hand:,.0f}, "
        f"ratio {hand / own:.2f}{more}; peak of this process {peak:,.0f} MB"
    )


def on_server(uri: str, sizes: list[float], runs: int) -> Iterator[str]:
    user, password = credentials(uri, [Path.cwd()])
    retries = Retries()
    logging.getLogger("neo4j").addHandler(retries)
    with neo4j.GraphDatabase.driver(uri, auth=(user, password), notifications_min_severity="OFF") as driver:

        def run(text: str) -> None:
            with driver.session() as session:
                session.run(text).consume()  # type: ignore[arg-type]

        def wipe() -> None:
            run("MATCH ()-[r]->() CALL (r) { DELETE r } IN TRANSACTIONS OF 20000 ROWS")
            run("MATCH (b:Batch) WHERE b.id CONTAINS '/' DELETE b")

        wipe()
        run("MATCH (n) CALL (n) { DELETE n } IN TRANSACTIONS OF 20000 ROWS")
        with Neo4jStore(uri, user, password, write=True) as store:
            logging.getLogger("neo4j").setLevel(logging.WARNING)  # by hand they are only logged
            nodes(store)
            store.save()
            for size in sizes:
                rows = relationships(round(size * 1e6))
                again = store.retried, retries.count
                loads = compared(partial(by_hand, driver, rows), partial(ours, store, rows), runs, wipe)
                more = f", run again {store.retried - again[0]} (by hand {retries.count - again[1]})"
                yield line(f"Neo4j load, {size:g} M", rows.height, "relationships", loads, more)
                ours(store, rows, "to be read")
                reads = compared(lambda _: driver.execute_query(READ_BY_HAND), lambda _: store.run(READ, {}), 4 * runs, gc.collect)  # fmt: skip
                yield line(f"Neo4j read, {size:g} M", 3 * rows.height, "values", reads)
                wipe()


def embedded(folder: Path, size: float, runs: int) -> Iterator[str]:
    """Each load into a store of its own, which is open and has its nodes; each read by a reader."""
    rows = relationships(round(size * 1e6))
    ways = [f"{way} {run}" for run in range(runs + 1) for way in ("hand", "own")]
    for way in ways:
        with EmbeddedStore(folder / way, write=True) as store:
            nodes(store)
    engines = {way: Engine(folder / way / "graph.kgl", write=True) for way in ways if way.startswith("hand")}
    stores = {way: EmbeddedStore(folder / way, write=True) for way in ways if way.startswith("own")}

    def hand(load: str) -> None:
        for part in rows.iter_slices(BATCH):
            engines[load].cypher(EMBEDDED_BY_HAND, {"rows": part.to_dicts(), "source": SOURCE}, write=True)
        engines[load].save()

    def own(load: str) -> None:
        ours(stores[load], rows, load)
        stores[load].save()

    yield line(f"embedded load, {size:g} M", rows.height, "relationships", compared(hand, own, runs, gc.collect))
    for opened in (*engines.values(), *stores.values()):
        opened.close()
    engine = Engine(folder / "own 0" / "graph.kgl", write=False)
    with EmbeddedStore(folder / "own 0", write=False) as store:
        reads = compared(lambda _: engine.cypher(READ, {}), lambda _: store.run(READ, {}), 4 * runs, gc.collect)
        yield line(f"embedded read, {size:g} M", 3 * rows.height, "values", reads)
    engine.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("uri")
    parser.add_argument("--millions", type=float, nargs="+", default=[0.1, 1.0])
    parser.add_argument("--runs", type=int, default=3)
    args = parser.parse_args()
    for said in on_server(args.uri, args.millions, args.runs):
        print(said, flush=True)
    for size in args.millions:
        with tempfile.TemporaryDirectory() as folder:
            for said in embedded(Path(folder), size, args.runs):
                print(said, flush=True)


if __name__ == "__main__":
    main()
