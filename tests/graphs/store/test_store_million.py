"""A million relationships through every store: written in parallel, read back value by value, one source of them removed."""

from __future__ import annotations

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from stores import Stores

from clinome.graphs.ingest.batches import cut, write_all
from clinome.graphs.store.protocol import Edges, Nodes, Store


@pytest.mark.slow
def test_a_million_relationships(stores: Stores) -> None:
    with stores.open() as store:
        store.prepare()
        _a_million(store)


def _a_million(store: Store) -> None:
    patients, each = 4_000, 250
    people_ids, genes = [f"p{i:04d}" for i in range(patients)], [f"g{i:03d}" for i in range(each)]
    store.write_nodes("p", "load", Nodes("Patient", pl.DataFrame({"id": people_ids})))
    store.write_nodes("g", "load", Nodes("Gene", pl.DataFrame({"id": genes})))
    rows = pl.DataFrame({"start": people_ids}).join(pl.DataFrame({"end": genes}), how="cross")
    source = pl.when(pl.col("start") < "p0200").then(pl.lit("omics.small")).otherwise(pl.lit("omics.large"))
    rows = rows.with_columns(value=pl.int_range(pl.len()).cast(pl.Float64) / 8, source=source)
    done: list[int] = []
    batches = ((f"e{n}", part) for n, part in enumerate(cut(Edges("EXPRESSES", "Patient", "Gene", rows), 20_000)))
    write_all(store, "load", batches, done.append)
    assert sum(done) == rows.height == 1_000_000
    text = "MATCH (p:Patient)-[x:EXPRESSES]->(g:Gene) RETURN p.id AS start, g.id AS end_, x.value AS value, x.source AS source"
    found = store.run(text, {}).rename({"end_": "end"}).sort("start", "end")
    assert_frame_equal(found, rows.sort("start", "end"))
    assert store.remove_edges("EXPRESSES", "omics.small") == 50_000
    left = store.run("MATCH (:Patient)-[x:EXPRESSES]->() RETURN x.source AS source, count(*) AS n", {})
    assert left.rows() == [("omics.large", 950_000)]
