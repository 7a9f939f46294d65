"""`graph.around` on the gene of most relationships: around.py OUT [--neo4j 5.26 2026.09] [--millions 5] [--parallel].

A graph of about so many million relationships: nine tenths values of 20,000 patients on 20,000 genes, by Zipf, so that
one gene has a value of every patient; --parallel: of many layers and times, so that it has more than a million. The rest is
knowledge: partners of genes, gene sets of 5 to 2,000 genes, diseases. The hub of the values is that of the knowledge too.
Prints, for each store, the median and the highest of nine calls (the first, which warms the store, apart) for 1 and 2 hops
and limits of 100 and 1,000, with how many nodes came: of the gene of most relationships, and of the one of most that has
few enough of each kind of knowledge for all of them to be looked at. Neo4j's servers are made in OUT, and stopped at the
end; what a call before has loaded is not loaded again.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
from load import GENES, nodes, relationships

from clinome.graphs.entities.around import around
from clinome.graphs.entities.walk import HUB
from clinome.graphs.ingest.batches import cut, write_all
from clinome.graphs.neo4j_server.home import USER, Home
from clinome.graphs.neo4j_server.process import start, stop
from clinome.graphs.neo4j_store.store import Neo4jStore
from clinome.graphs.search.find import Search
from clinome.graphs.store.embedded import EmbeddedStore
from clinome.graphs.store.protocol import Edges, Nodes, VectorStore

BATCH, SETS, DISEASES = 20_000, 2_500, 5_000
_GENES = """
MATCH (g:Gene)
WITH g, COUNT { MATCH (g)<-[:EXPRESSES]-() } AS values, COUNT { MATCH (g)-[:INTERACTS_WITH]-() } AS partners,
     COUNT { MATCH (g)-[:IN_PATHWAY]->() } AS sets, COUNT { MATCH (g)-[:ASSOCIATED_WITH]->() } AS diseases
WHERE partners <= $most AND sets <= $most AND diseases <= $most
RETURN g.id AS id, values, partners, sets, diseases
ORDER BY values + partners + sets + diseases DESC, id LIMIT 1
"""
_ALL = "MATCH ()-[x]->() RETURN count(x) AS n"


def knowledge(n: int) -> Iterator[Edges]:
    """About n relationships: half partners, a third memberships, the rest diseases."""
    rng = np.random.default_rng(1)

    def genes(size: int) -> np.ndarray:
        return rng.zipf(1.5, size) % GENES

    def table(type: str, label: str, start: np.ndarray, end: np.ndarray) -> Edges:
        rows = pl.DataFrame({"start": start, "end": end}).unique(maintain_order=True)
        named = rows.select(start=pl.format("Gene:{}", "start"), end=pl.format(f"{label}:{{}}", "end"))
        rows = named.with_columns(score=pl.Series(rng.random(named.height)), source=pl.lit("benchmark"))
        return Edges(type, "Gene", label, rows.sort("start", "end"))

    yield table("INTERACTS_WITH", "Gene", genes(n // 2), rng.integers(0, GENES, n // 2))
    sizes = np.clip(rng.zipf(1.4, SETS) + 4, 5, 2_000)
    sets = np.repeat(np.arange(SETS), sizes)
    yield table("IN_PATHWAY", "Pathway", genes(len(sets)), sets)
    yield table("ASSOCIATED_WITH", "Diagnosis", genes(n // 6), rng.integers(0, DISEASES, n // 6))


def fill(store: VectorStore, millions: float, parallel: bool) -> None:
    nodes(store)
    for label, count in (("Pathway", SETS), ("Diagnosis", DISEASES)):
        rows = pl.DataFrame(
            {"id": [f"{label}:{i}" for i in range(count)], "name": [f"{label} number {i}" for i in range(count)]}
        )
        store.write_nodes(label, "benchmark", Nodes(label, rows))
    values = relationships(round((0.93e6 if parallel else 3.2e6) * millions))
    if not parallel:
        values = values.unique(["start", "end"], keep="first", maintain_order=True)
    values = values.with_columns(source=pl.lit("omics.benchmark"), z=pl.col("value"))
    parts = [Edges("EXPRESSES", "Patient", "Gene", values), *knowledge(round(0.2e6 * millions))]
    for edges in parts:
        write_all(store, edges.type, ((f"{edges.type}/{n}", part) for n, part in enumerate(cut(edges, BATCH))))
    store.save()


def measured(store: VectorStore) -> Iterator[str]:
    yield f"{int(store.run(_ALL, {})['n'][0]):,} relationships"
    search = Search(store)
    for most in (10**9, HUB):
        id, values, partners, sets, diseases = store.run(_GENES, {"most": most}).row(0)
        yield f"{id}: {values:,} values, {partners:,} partners, {sets:,} sets, {diseases:,} diseases"
        for hops in (1, 2):
            for limit in (100, 1_000):
                times = []
                for _ in range(10):
                    begun = time.perf_counter()
                    found = around(search, id, hops, limit)
                    times.append(time.perf_counter() - begun)
                    assert found.nodes.height <= limit
                yield (
                    f"  hops {hops}, limit {limit:5,}: median {statistics.median(times[1:]):.3f} s, highest {max(times[1:]):.3f}, "
                    f"first {times[0]:.3f}; {found.nodes.height:,} nodes, {found.edges.height:,} links"
                )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--neo4j", nargs="*", default=[])
    parser.add_argument("--millions", type=float, default=5.0)
    parser.add_argument("--parallel", action="store_true")
    args = parser.parse_args()
    folder = args.out / "around.graph"
    if not folder.exists():
        with EmbeddedStore(folder, write=True) as store:
            store.prepare()
            fill(store, args.millions, args.parallel)
    with EmbeddedStore(folder, write=False) as store:
        for said in measured(store):
            print(f"embedded: {said}", flush=True)
    for version in args.neo4j:
        home = Home.of(args.out / version)
        uri = start(home, version, 7700, heap="1g", pagecache="512m").uri
        try:
            with Neo4jStore(uri, USER, home.password(), write=True) as store:
                store.prepare()
                if not store.run(_ALL, {})["n"][0]:
                    fill(store, args.millions, args.parallel)
            with Neo4jStore(uri, USER, home.password(), write=False) as store:
                for said in measured(store):
                    print(f"Neo4j {version}: {said}", flush=True)
        finally:
            stop(home)


if __name__ == "__main__":
    main()
