"""Biomarker network of a run: its first genes, the most specific pathways that hold two of them or more, who meets whom."""

from __future__ import annotations

from collections import Counter, defaultdict
from difflib import get_close_matches

import polars as pl

from ...loaders.errors import InputError
from ..store.protocol import Store
from .gene_sets import members, merged
from .subgraph import Drawing, Subgraph, counted, frame, listed, new, noun, plural
from .walk import links

MOST_SETS = 2_000
LARGEST = 500
"""Genes of a set above which it says little of two that are in it."""
_RUNS = "MATCH (r:Run) RETURN r.id AS id ORDER BY id"
_FIRST = """
MATCH (r:Run {id: $run})-[k:RANKS]->(g:Gene)
RETURN g.id AS id, coalesce(g.symbol, g.name, g.id) AS name, k.layer AS layer, k.rank AS rank, k.score AS effect,
       k.stability AS stability, k.q AS q
ORDER BY rank, id, layer LIMIT $limit
"""
_OTHERS = (
    "MATCH (r:Run {id: $run})-[k:RANKS]->(n) RETURN labels(n)[0] AS label, count(DISTINCT n.id) AS n ORDER BY label"
)
_SETS = """
UNWIND $ids AS id MATCH (g:Gene {id: id})-[:IN_PATHWAY]->(p:Pathway)
WITH p, collect(DISTINCT g.id) AS genes WHERE size(genes) >= 2
WITH p, genes, COUNT { MATCH (p)<-[:IN_PATHWAY]-() } AS members WHERE members <= $largest
RETURN p.id AS id, p.name AS name, genes, members ORDER BY members, id LIMIT $limit
"""
_GENE = {"id": pl.String, "name": pl.String, "layer": pl.String, "rank": pl.Int64, "effect": pl.Float64, "stability": pl.Float64, "q": pl.Float64}  # fmt: skip
_SET = {"id": pl.String, "name": pl.String, "genes": pl.List(pl.String), "members": pl.Int64}


def biomarkers(store: Store, run: str, genes: int = 30, pathways: int = 12) -> Subgraph:
    """What a run found, as one network.

    Args:
        run: STUDY/RUN. genes: the first so many by rank. pathways: so many of the most specific ones that hold two of them.
    Returns: rows: rank, id, name, layer, effect, stability, q, pathways, interactions.
    Raises: InputError for a run that is not in the graph, and one that ranks no gene.
    """
    if genes < 1 or pathways < 0:
        got = f"genes={genes}, pathways={pathways}"
        raise InputError("nothing to draw", "biomarkers", got, "genes of 1 or more", "give how many to show")
    drawing = new(genes + pathways)
    ranked = _ranked(store, run, genes)
    for one in ranked.iter_rows(named=True):
        drawing.node(one["id"], "Gene", one["name"], effect=one["effect"], size=one["stability"], note=_note(one))
    ids = ranked["id"].to_list()
    held = _pathways(store, drawing, ids, pathways) if pathways else {}
    for source, target, score, number in links(store, "Gene", ids, "INTERACTS_WITH", ids).iter_rows():
        if source != target and (target, source, "INTERACTS_WITH") not in drawing.edges:
            drawing.edge(source, target, "INTERACTS_WITH", score, number)
    _said_of_others(store, drawing, run, ranked.height)
    met = Counter(end for s, t, type in drawing.edges if type == "INTERACTS_WITH" for end in (s, t))
    rows = ranked.select(
        "rank", "id", "name", "layer", "effect", "stability", "q",
        pl.Series("pathways", ["; ".join(held.get(id, ())) for id in ids], dtype=pl.String),
        pl.Series("interactions", [met[id] for id in ids], dtype=pl.Int64),
    )  # fmt: skip
    return drawing.finished(f"Biomarkers of {run.rsplit('/', 1)[-1]}", rows)


def _ranked(store: Store, run: str, genes: int) -> pl.DataFrame:
    """Each of the first genes once, by its foremost rank; `layers`: where else it is ranked."""
    runs = [str(id) for id in store.lists(_RUNS, {})["id"]]
    if run not in runs:
        near = get_close_matches(run, runs, n=1, cutoff=0.0)
        fix = f"did you mean {near[0]!r}?" if near else "clinome run STUDY"
        raise InputError("the graph holds no such run", "run", run, ", ".join(runs) or "none yet", fix)
    found = frame(store.lists(_FIRST, {"run": run, "limit": 8 * genes}), **_GENE)
    if not found.height:
        fix = "run.biomarkers holds what it ranks, codes and covariates too"
        raise InputError("this run ranks no gene", "run", run, "a run with omics of genes", fix)
    also = found.group_by("id").agg(layers=pl.col("layer").unique().sort())
    return (
        found.unique("id", keep="first", maintain_order=True)
        .head(genes)
        .join(also, on="id", how="left", maintain_order="left")
    )


def _pathways(store: Store, drawing: Drawing, ids: list[str], most: int) -> dict[str, list[str]]:
    """Draw the sets; gene -> the names of its shown ones."""
    found = frame(store.lists(_SETS, {"ids": ids, "limit": MOST_SETS, "largest": LARGEST}), **_SET)
    if not found.height:
        drawing.cut.append(f"No pathway of {LARGEST} genes or fewer holds two of them.")
        return {}
    hits = {id: frozenset(genes) for id, genes in found.select("id", "genes").iter_rows()}
    first: dict[frozenset[str], str] = {}
    for id in found["id"]:
        first.setdefault(hits[id], id)  # of sets that hold the same of the shown genes the smallest
    distinct = list(first.values())
    sets = merged(distinct, members(store, distinct[: 10 * most]))
    names, sizes = dict(found.select("id", "name").iter_rows()), dict(found.select("id", "members").iter_rows())
    like: dict[str, list[str]] = defaultdict(list)
    for one in sets:
        like[one.id] += one.like
    for id in found["id"]:
        if (other := first[hits[id]]) != id and other in like:
            like[other].append(id)
    shown, held = sets[:most], defaultdict(list)
    for one in shown:
        same = f"; like it: {listed(names[other] or other for other in like[one.id])}" if like[one.id] else ""
        drawing.node(one.id, "Pathway", names[one.id], note=f"{len(hits[one.id])} of its {counted(sizes[one.id], 'gene')} are shown{same}")  # fmt: skip
        for gene in sorted(hits[one.id]):
            drawing.edge(gene, one.id, "IN_PATHWAY")
            held[gene].append(names[one.id] or one.id)
    if alike := found.height - len(sets):
        drawing.cut.append(f"Drawn as one with a smaller pathway, which holds the same of these genes or half of all their genes: {counted(alike, 'pathway')}.")  # fmt: skip
    if len(sets) > most:
        drawing.cut.append(f"Not drawn: {counted(len(sets) - most, 'larger pathway')} with two or more of these genes.")
    return held


def _said_of_others(store: Store, drawing: Drawing, run: str, shown: int) -> None:
    found = store.lists(_OTHERS, {"run": run})
    others = dict(zip(found["label"], found["n"], strict=True))
    if (left := others.pop("Gene", shown) - shown) > 0:
        drawing.cut.append(f"Not drawn: {counted(left, 'gene')} of later ranks.")
    if others:
        told = listed((counted(n, noun(label), plural(noun(label))) for label, n in others.items()), 6)
        drawing.cut.append(f"The run also ranks {told}: run.biomarkers has them.")


def _note(one: dict[str, object]) -> str:
    layers = ", ".join(str(layer) for layer in one["layers"] or ())  # type: ignore[attr-defined]
    parts = [f"rank {one['rank']}", f"effect {one['effect']:+.3g}" if one["effect"] is not None else "", f"stability {one['stability']:.2f}" if one["stability"] is not None else "", f"q {one['q']:.2g}" if one["q"] is not None else "", layers]  # fmt: skip
    return ", ".join(part for part in parts if part)
