"""What a run found, written back: (:Run)-[:RANKS]->(feature) and (:Run)-[:PREDICTS]->(:Patient)."""

from __future__ import annotations

import hashlib

import polars as pl

from . import schema
from .store import Edges, Nodes, Store

_CONTENT = "MATCH (r:Run {id: $id}) RETURN r.content AS content"
_LABEL = "MATCH (n) WHERE n.id IN $ids RETURN n.id AS id, labels(n)[0] AS label"
_BATCH = 20_000


def store_run(store: Store, name: str, ranked: pl.DataFrame, risks: pl.DataFrame) -> bool:
    """Keep a run's findings, one of each name. Killed in between, the next call goes on: the hash is written last.

    Args:
        store: open for writing; the caller saves it.
        ranked: biomarkers.csv: feature, effect, rank, stability, q.
        risks: subject_id, risk.
    Returns: False if these very findings are there already.
    """
    content = hashlib.sha256(f"{ranked.write_csv()}\0{risks.write_csv()}".encode()).hexdigest()
    found = store.run(_CONTENT, {"id": name})
    if found.height and found["content"][0] == content:
        return False
    source = f"run.{name}"
    for type in ("RANKS", "PREDICTS"):
        store.remove_edges(type, source)
    store.remove_nodes("Batch", sorted(store.batches(source)))
    node = pl.DataFrame({"id": name, "name": name})
    store.write_nodes(f"{source}.begin", source, Nodes("Run", node))
    for label, edges in _ranks(store, name, source, ranked):
        _write(store, source, Edges("RANKS", "Run", label, edges))
    edges = risks.select(start=pl.lit(name), end="subject_id", risk="risk", source=pl.lit(source))
    _write(store, source, Edges("PREDICTS", "Run", "Patient", edges))
    store.write_nodes(f"{source}.end", source, Nodes("Run", node.with_columns(content=pl.lit(content))))
    return True


def _ranks(store: Store, name: str, source: str, ranked: pl.DataFrame) -> list[tuple[str, pl.DataFrame]]:
    """RANKS by the label at which they end; a feature that is no node (a covariate) has none."""
    ends = store.run(_LABEL, {"ids": ranked["feature"].unique().to_list()}).cast(pl.String)  # no rows: no types
    ends = ends.filter(pl.col("label").is_in(schema.relationship("RANKS").end))
    rows = ranked.join(ends, left_on="feature", right_on="id").select(
        start=pl.lit(name), end="feature", layer="layer", score="effect", rank="rank", stability="stability", q="q",
        source=pl.lit(source), label="label",
    )  # fmt: skip
    return [(str(label), part.drop("label")) for (label,), part in rows.group_by("label", maintain_order=True)]


def _write(store: Store, load: str, edges: Edges) -> None:
    for first in range(0, edges.rows.height, _BATCH):
        part = Edges(edges.type, edges.start_label, edges.end_label, edges.rows.slice(first, _BATCH))
        store.write_edges(f"{load}.{edges.type}.{edges.end_label}.{first}", load, part)
