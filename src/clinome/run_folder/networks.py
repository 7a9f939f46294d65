"""Networks of a run: the modules that hold a gene, and what two runs rank first."""

from __future__ import annotations

import polars as pl

from clinome.explore.network import Network
from clinome.graphs.entities.subgraph import ASKED, MOST, Drawing, counted

FIRST = 20
"""First places of a run that are drawn, and of which it is told how many both runs have."""


def module_network(modules: pl.DataFrame, gene: str, links: pl.DataFrame) -> Network:
    """The modules that hold a gene: their genes, and which of them interact.

    Args:
        modules: rows as of `modules.csv`. gene: symbol or id, whatever its case. links: of the snapshot (subject, predicate,
            object, score).
    """
    name = gene.lower()
    meant = pl.any_horizontal(pl.col(one).cast(pl.String).str.to_lowercase() == name for one in ("gene", "symbol"))
    held = modules.filter(pl.col("module").is_in(modules.filter(meant)["module"].unique().to_list()))
    drawing = Drawing(MOST)
    for one in held.iter_rows(named=True):
        sign = -1 if one["direction"] == "down" else 1
        id, symbol = str(one["gene"]), str(one["symbol"] or one["gene"])
        drawing.node(
            id, "Gene", symbol, role=ASKED if name in (id.lower(), symbol.lower()) else None,
            effect=sign * one["score"], size=one["stability"],
            note=f"module {one['module']} of {one['layer']}, {one['joined_as']}, score {one['score']:.2g}",
        )  # fmt: skip
    for source, target, score in _interactions(links).iter_rows():
        if source != target and (target, source, "INTERACTS_WITH") not in drawing.edges:
            drawing.edge(source, target, "INTERACTS_WITH", score)
    if not held.height:
        drawing.cut.append(f"No module holds {gene}: {counted(modules['module'].n_unique(), 'module')} in this run.")
    sure = [float(q) for q in held["q"].drop_nulls()]
    said = f"{counted(held['module'].n_unique(), 'module')} with {gene}"
    return Network(drawing.finished(f"{said}, q {min(sure):.2g}" if sure else said, held))


def _interactions(links: pl.DataFrame) -> pl.DataFrame:
    found = links.filter(pl.col("predicate") == "INTERACTS_WITH")
    return found.group_by("subject", "object").agg(pl.col("score").max()).sort("subject", "object")


def comparison_network(a: str, b: str, features: pl.DataFrame) -> Network:
    """Two runs and the features that either ranks among its first twenty, each linked to the runs that do.

    Args:
        a, b: their names. features: as `RunComparison.table` has them.
    """
    drawing = Drawing(MOST)
    for mark, run in (("a", a), ("b", b)):
        drawing.node(f"run {mark}", "Run", run, role=ASKED)
    if features.height:
        _ranked(drawing, a, b, features)
    else:
        drawing.cut.append("One of the runs has no ranking yet: clinome biomarkers STUDY.")
    return Network(drawing.finished(f"First {FIRST} of {a} and of {b}", features))


def _ranked(drawing: Drawing, a: str, b: str, features: pl.DataFrame) -> None:
    for one in features.filter(pl.min_horizontal("rank_a", "rank_b") <= FIRST).iter_rows(named=True):
        ranks = [(mark, run, one[f"rank_{mark}"]) for mark, run in (("a", a), ("b", b))]
        ranks = [each for each in ranks if each[2] is not None]
        id = f"{one['layer']}: {one['feature']}"
        told = ", ".join(f"rank {rank:,} in {run}" for _, run, rank in ranks)
        effects = [one[f"effect_{mark}"] for mark in "ab" if one[f"effect_{mark}"] is not None]
        drawing.node(
            id, "Feature", one["name"] or one["feature"], note=f"{one['layer']}, {told}",
            effect=sum(effects) / len(effects) if effects else None,
        )  # fmt: skip
        for mark, _, rank in ranks:
            if rank <= FIRST:
                drawing.edge(f"run {mark}", id, "RANKS", 1 / rank)
