"""Edges of knowledge for a links study: every link of every source with the labels of its ends, frozen as Parquet."""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from ...loaders.files.atomic import atomic_folder
from ...loaders.tables import LINKS, in_layout
from ..schema import VERSION, link_ends
from ..tables.study_tables import Tables
from .snapshot import FORMAT, MANIFEST

EDGES = ("subject", "subject_label", "predicate", "object", "object_label", "score", "year", "source")


@dataclass(frozen=True)
class LinkEdges:
    """What rankers of links may see, before anything is held out.

    edges: EDGES, sorted. nodes: id, label, name of every end. manifest: after `save` the sha256 of every file.
    """

    edges: pl.DataFrame
    nodes: pl.DataFrame
    manifest: dict[str, object] = field(default_factory=dict)

    def save(self, folder: Path) -> LinkEdges:
        """Write edges.parquet, nodes.parquet and manifest.json; an older snapshot in the folder is replaced at once."""
        files = {}
        for name, table in (("edges.parquet", self.edges), ("nodes.parquet", self.nodes)):
            out = io.BytesIO()
            table.write_parquet(out)
            files[name] = out.getvalue()
        sums = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
        manifest: dict[str, object] = {"format": FORMAT, "schema": VERSION, "task": "links", "sha256": sums}
        with atomic_folder(folder) as fresh:
            for name, content in files.items():
                (fresh / name).write_bytes(content)
            (fresh / MANIFEST).write_text(json.dumps(manifest, indent=1, sort_keys=True), "utf-8")
        return LinkEdges(self.edges, self.nodes, manifest)


def freeze_links(tables: Tables) -> LinkEdges:
    """Every edge of knowledge that the study's tables hold, with labels by the closed schema.

    From the tables and not the store, so that both stores give the same bytes.
    """
    parts = [pl.DataFrame(schema={**LINKS, "year": pl.Int64, "start_label": pl.String, "end_label": pl.String})]
    named = [pl.DataFrame(schema={"id": pl.String, "label": pl.String, "name": pl.String})]
    for source in tables.sources():
        links, concepts = tables.table(source, "links"), tables.table(source, "concepts")
        if links is not None:
            fitting, _ = link_ends(in_layout(links, {**LINKS, "year": pl.Int64}), concepts)
            parts.append(fitting)
        if concepts is not None:
            named.append(concepts.select("id", "label", name=pl.coalesce("symbol", "name")))
    edges = pl.concat(parts).rename({"start_label": "subject_label", "end_label": "object_label"})
    edges = edges.select(EDGES).unique().sort(EDGES, nulls_last=True)
    ends = [edges.select(id=end, label=f"{end}_label") for end in ("subject", "object")]
    names = pl.concat(named).drop_nulls("name").unique("id", keep="first", maintain_order=True).select("id", "name")
    nodes = pl.concat(ends).unique().join(names, on="id", how="left").sort("label", "id")
    return LinkEdges(edges, nodes)
