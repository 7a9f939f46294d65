"""Whatever studies load, change and take out, in whatever order: the graph is that of a fresh load of what is left."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from small_study import EVENT, fill
from stopping import Crash, stopping

from clinome.graphs.ingest.load_source import remove_source
from clinome.graphs.ingest.nodes import nodes
from clinome.graphs.ingest.write_source import write_source
from clinome.graphs.store.embedded import EmbeddedStore
from clinome.graphs.store.fingerprint import fingerprint
from clinome.graphs.tables.source_spec import about
from clinome.graphs.tables.study_tables import Tables
from clinome.loaders.specs import AnySource, Knowledge, Records
from clinome.loaders.tables import CONCEPTS, LINKS, REJECTS, Loaded, Tally

STUDIES = ("a", "knowledge", "z")
"""A study's name says nothing of how its sources rank, not even this one."""
SOURCES = ("knowledge.one", "knowledge.two", "records.ehr")


def load(tables: Tables, source: str, version: int, rng: np.random.Generator) -> None:
    """A version of a source: pathways and codes, some of them named, some by other words."""
    parts: dict[str, Any] = {}
    names = [None, "x", "y", 'q"\n']
    ids = [f"PATHWAY:{k}" for k in range(4) if rng.random() < 0.7] or ["PATHWAY:0"]
    told = (source, "2024" if rng.random() < 0.5 else None, None)
    concepts = [(id, "Pathway", names[int(rng.integers(4))], None, *told) for id in ids]
    links = [(f"NCBIGene:{g}", "IN_PATHWAY", id, None, *told) for id in ids for g in range(int(rng.integers(1, 4)))]
    parts["concepts"] = pl.DataFrame(concepts, schema=CONCEPTS, orient="row")
    parts["links"] = pl.DataFrame(links, schema=LINKS, orient="row")
    spec: AnySource = Knowledge((Path("x.gmt"),), name=source.split(".")[1])
    if source.startswith("records"):
        spec = Records((Path("x.csv"),), name="ehr")
        rows = [(f"{tables.study}{i}", None, f"PATHWAY:{i}", None, None, None, None, None, source) for i in range(3)]
        parts["events"] = pl.DataFrame(rows[: int(rng.integers(1, 4))], schema=EVENT, orient="row")
    loaded = Loaded(source, Tally(1, 1, 0, 0), pl.DataFrame(schema=REJECTS), **parts)
    tables.save(loaded, f"v{version}", {**about(spec), "files": {}, "sampled": False}, nodes(loaded, spec))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_only_what_is_loaded_counts(seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    studies = [Tables(tmp_path / name, name) for name in STUDIES]
    with EmbeddedStore(tmp_path / "store", write=True) as store:
        store.prepare()
        for step in range(30):
            tables = studies[int(rng.integers(3))]
            source = SOURCES[int(rng.integers(3))]
            if rng.random() < 0.3 and source in tables.sources():
                if rng.random() < 0.3:
                    with pytest.raises(Crash), stopping(store, int(rng.integers(1, 30))):
                        remove_source(store, tables, source)
                        raise Crash
                if source in tables.sources():
                    remove_source(store, tables, source)
            else:
                version = int(rng.integers(5))  # of one version all studies have the same content
                load(tables, source, version, np.random.default_rng(version))
                if rng.random() < 0.3:
                    with pytest.raises(Crash), stopping(store, int(rng.integers(1, 12))):
                        write_source(store, tables, source)
                        raise Crash
                else:
                    write_source(store, tables, source)
            if step % 10 == 9:
                for each in studies:
                    fill(store, each)
                assert fingerprint(store) == fresh(studies, tmp_path / "fresh"), f"seed {seed}, step {step}"
        assert store.run("MATCH (n) WHERE n.told IS NOT NULL RETURN count(n) AS n", {})["n"][0]


def fresh(studies: list[Tables], folder: Path) -> str:
    shutil.rmtree(folder, ignore_errors=True)
    with EmbeddedStore(folder, write=True) as store:
        for tables in reversed(studies):
            fill(store, tables)
        return fingerprint(store)
