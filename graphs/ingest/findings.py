"""What a run found, written back: (:Run)-[:RANKS]->(feature) and (:Run)-[:PREDICTS]->(:Patient)."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from .. import schema
from ..store.protocol import Edges, Store
from .write_back import keep

_THERE = "MATCH (n:LABEL) WHERE n.id IN $ids RETURN n.id AS id"
_RUNS = "MATCH (r:Run) WHERE r.study = $study RETURN r.name AS name"


def store_run(store: Store, name: str, ranked: pl.DataFrame, risks: pl.DataFrame, study: str) -> bool:
    """Keep a run's findings, one of each name.

    Args:
        store: open for writing.
        study: whose run it is (`Tables.study`); another study may have one of the same name.
        ranked: biomarkers.csv: layer, feature, effect, rank, stability, q.
        risks: subject_id, risk.
    Returns: False if these very findings are there already.
    """
    id = f"{study}/{name}"
    predicts = risks.select(start=pl.lit(id), end="subject_id", risk="risk")
    edges = [*_ranks(store, id, ranked), Edges("PREDICTS", "Run", "Patient", predicts)]
    return keep(store, "Run", pl.DataFrame({"id": id, "name": name, "study": study}), edges)


def runs_of(store: Store, study: str) -> list[str]:
    """Names of the study's runs in the graph."""
    return sorted(store.run(_RUNS, {"study": study})["name"].cast(pl.String))


def _ranks(store: Store, run: str, ranked: pl.DataFrame) -> Iterator[Edges]:
    """RANKS by the label at which they end; a feature that is no node (a covariate) has none."""
    rows = ranked.select(
        start=pl.lit(run), end="feature", layer="layer", score="effect", rank="rank", stability="stability", q="q"
    )
    ids = rows["end"].unique().to_list()
    for label in sorted(schema.relationship("RANKS").end):  # by label: the id is indexed for each
        there = store.run(_THERE.replace("LABEL", schema.label(label)), {"ids": ids})["id"].cast(pl.String)
        part = rows.filter(pl.col("end").is_in(there.implode()))
        if part.height:
            yield Edges("RANKS", "Run", label, part)
