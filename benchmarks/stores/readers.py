"""Readers during a load: readers.py URI [--seconds 120] [--readers 8].

The database of the server is emptied first; user and password as everywhere (CLINOME_NEO4J_USER, CLINOME_NEO4J_PASSWORD).
One loads rounds of patients, each with the same number of mutated genes of one pathway, and takes every third round's
out again; each reader, with a connection of its own, runs cohort queries of the library over and over. Every patient
whom a query returns must have all genes: a batch is seen whole or not at all, while it comes and while it goes. Prints
counts and times; ends with 1 if there was an error or a half-written patient.
"""

from __future__ import annotations

import argparse
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import polars as pl

from clinome.graphs.ingest.batches import cut, write_all
from clinome.graphs.neo4j_server.home import credentials
from clinome.graphs.neo4j_store.driver import Connection
from clinome.graphs.neo4j_store.errors import Address
from clinome.graphs.neo4j_store.store import Neo4jStore
from clinome.graphs.query.cypher import find, run_query
from clinome.graphs.store.protocol import Edges, Nodes

GENES, PATIENTS, BATCH = 40, 100, 600  # genes of the pathway, patients a round, rows a batch
MOST = 30_000  # patients: the queries read them all, and shall not become the load
QUERIES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("patients_with_mutated_pathway", {"pathway": "PATHWAY:W"}),
    ("patients_with_mutated_gene", {"symbol": "G7"}),
    ("patients_in_age_window", {"low": 40, "high": 60}),
    ("patients_with_label", {"property": "sex"}),
)


def opened(uri: str, write: bool) -> Neo4jStore:
    return Neo4jStore(uri, *credentials(uri, [Path.cwd()]), write=write)


def read(uri: str, until: float) -> dict[str, float]:
    """One reader: cohort queries until the time is over."""
    found: dict[str, float] = {"queries": 0, "half": 0, "errors": 0, "seconds": 0.0, "slowest": 0.0}
    with opened(uri, write=False) as store:
        while time.time() < until:
            for name, params in QUERIES:
                begun = time.perf_counter()
                try:
                    rows = run_query(store, find(name, Path()), params)
                except Exception as error:  # noqa: BLE001  whatever it is, it is counted
                    print(f"{name}: {error}", file=sys.stderr)
                    found["errors"] += 1
                    continue
                took = time.perf_counter() - begun
                found["queries"] += 1
                found["seconds"] += took
                found["slowest"] = max(found["slowest"], took)
                if "mutated_genes" in rows.columns:
                    found["half"] += rows.filter(pl.col("mutated_genes") != GENES).height
    return found


def write(uri: str, until: float) -> dict[str, int]:
    """The load: round after round of patients, their relationships in batches."""
    genes = [f"NCBIGene:{n}" for n in range(GENES)]
    written = batches = 0
    with opened(uri, write=True) as store:
        while time.time() < until and written < MOST:
            ids = [f"r{written + n:06d}" for n in range(PATIENTS)]
            load = f"round {written}"
            people = pl.DataFrame({"id": ids, "age": [30.0 + n % 50 for n in range(PATIENTS)], "sex": ["F"] * PATIENTS})
            store.write_nodes(f"{load}/patients", load, Nodes("Patient", people))
            rows = pl.DataFrame({"start": ids}).join(pl.DataFrame({"end": genes}), how="cross")
            edges = Edges("MUTATED_IN", "Patient", "Gene", rows.with_columns(source=pl.lit(load)))
            parts = [(f"{load}/{n}", part) for n, part in enumerate(cut(edges, BATCH))]
            write_all(store, load, parts)
            if written % (3 * PATIENTS) == 0:
                store.remove_edges("MUTATED_IN", load)
            written, batches = written + PATIENTS, batches + len(parts)
        return {"patients": written, "batches": batches, "retried": store.retried}


def prepare(uri: str) -> None:
    with Connection(Address.parse(uri), *credentials(uri, [Path.cwd()])) as connection:
        connection.alone("MATCH (n) CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF 10000 ROWS", {})
    with opened(uri, write=True) as store:
        store.prepare()
        genes = pl.DataFrame({"id": [f"NCBIGene:{n}" for n in range(GENES)], "symbol": [f"G{n}" for n in range(GENES)]})
        store.write_nodes("genes", "knowledge", Nodes("Gene", genes))
        # the schema is closed: until a patient has an age, a question for it is refused
        first = pl.DataFrame({"id": ["first"], "age": [50.0], "sex": ["F"]})
        store.write_nodes("first", "knowledge", Nodes("Patient", first))
        store.write_nodes("pathway", "knowledge", Nodes("Pathway", pl.DataFrame({"id": ["PATHWAY:W"], "name": ["W"]})))
        members = genes.select(start="id", end=pl.lit("PATHWAY:W"), source=pl.lit("knowledge"))
        store.write_edges("members", "knowledge", Edges("IN_PATHWAY", "Gene", "Pathway", members))
        store.save()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("uri")
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--readers", type=int, default=8)
    args = parser.parse_args()
    prepare(args.uri)
    until = time.time() + args.seconds
    with ThreadPoolExecutor(args.readers + 1) as pool:
        readers = [pool.submit(read, args.uri, until) for _ in range(args.readers)]
        loaded = pool.submit(write, args.uri, until).result()
        found = [reader.result() for reader in readers]
    total = {key: sum(one[key] for one in found) for key in ("queries", "half", "errors")}
    mean, slowest = sum(one["seconds"] for one in found) / total["queries"], max(one["slowest"] for one in found)
    print(f"load: {loaded['patients']:,} patients in {loaded['batches']:,} batches, {loaded['retried']} retried")
    print(f"{args.readers} readers: {total['queries']:,} queries, mean {mean:.3f} s, slowest {slowest:.2f} s")
    print(f"half-written patients seen: {total['half']}; errors: {total['errors']}")
    raise SystemExit(1 if total["half"] or total["errors"] else 0)


if __name__ == "__main__":
    main()
