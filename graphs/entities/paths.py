"""Paths from a gene to a diagnosis, through knowledge: known links, partners, shared pathways, drugs, phenotypes, patients.

A closed list of kinds of path, each a question with an end, instead of every path in the graph: most of those go
through a hub and say nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from textwrap import shorten
from typing import Any

import polars as pl

from ...loaders.errors import InputError
from ..search.find import Search, nearest
from ..store.protocol import Store
from .gene import SURE, gene_of
from .subgraph import ASKED, FOLD, Drawing, Subgraph, counted, frame, new

_LARGEST = 200
"""Genes of a pathway above which it joins two of them by chance."""
_MOST_CODES = 500
_BELOW = """
MATCH (d:Diagnosis {id: $id})<-[:IS_A*0..8]-(x)
RETURN DISTINCT x.id AS id, coalesce(x.name, x.id) AS name ORDER BY id LIMIT $limit
"""
_MAPPED_OUT = """
UNWIND $ids AS id MATCH (x:Diagnosis {id: id})-[:MAPS_TO]->(y)
RETURN x.id AS source, y.id AS target, labels(y)[0] AS label, coalesce(y.name, y.id) AS name ORDER BY source, target LIMIT $limit
"""
_MAPPED_IN = """
UNWIND $ids AS id MATCH (x:Diagnosis {id: id})<-[:MAPS_TO]-(y)
RETURN y.id AS source, x.id AS target, labels(y)[0] AS label, coalesce(y.name, y.id) AS name ORDER BY source, target LIMIT $limit
"""
_GENES = """
UNWIND $ids AS id MATCH (d:Diagnosis {id: id})<-[r:ASSOCIATED_WITH]-(g:Gene)
RETURN g.id AS gene, coalesce(g.symbol, g.name, g.id) AS symbol, d.id AS disease, max(r.score) AS score
ORDER BY coalesce(score, 0.0) DESC, gene, disease LIMIT 5000
"""
_PARTNERS = """
MATCH (a:Gene {id: $id})-[r:INTERACTS_WITH]-(b:Gene) WHERE b.id IN $genes AND b.id <> a.id
RETURN b.id AS gene, max(r.score) AS score ORDER BY coalesce(score, 0.0) DESC, gene LIMIT $limit
"""
_SHARED = """
MATCH (a:Gene {id: $id})-[:IN_PATHWAY]->(p:Pathway)
WITH p, COUNT { MATCH (p)<-[:IN_PATHWAY]-() } AS members WHERE members <= $largest
MATCH (p)<-[:IN_PATHWAY]-(b:Gene) WHERE b.id IN $genes AND b.id <> $id
RETURN p.id AS pathway, coalesce(p.name, p.id) AS name, members, b.id AS gene ORDER BY members, pathway, gene LIMIT $limit
"""
_DRUGS = """
MATCH (a:Gene {id: $id})<-[:TARGETS]-(d:Drug)
WITH DISTINCT d MATCH (d)-[:TREATS]->(x:Diagnosis) WHERE x.id IN $ids
RETURN d.id AS drug, coalesce(d.name, d.id) AS name, x.id AS disease ORDER BY drug, disease LIMIT $limit
"""
_PHENOTYPES = """
MATCH (a:Gene {id: $id})-[:ASSOCIATED_WITH]->(h:Phenotype)
WITH DISTINCT h MATCH (h)<-[:HAS_PHENOTYPE]-(x:Diagnosis) WHERE x.id IN $ids
RETURN h.id AS phenotype, coalesce(h.name, h.id) AS name, x.id AS disease ORDER BY phenotype, disease LIMIT $limit
"""
_PATIENTS = """
UNWIND $ids AS id MATCH (x:Diagnosis {id: id})<-[:DIAGNOSED]-(p:Patient)
WITH DISTINCT p WHERE EXISTS { MATCH (p)-[:MUTATED_IN]->(:Gene {id: $id}) }
RETURN count(p) AS n
"""
ROWS = {"kind": pl.String, "path": pl.String, "score": pl.Float64, "members": pl.Int64}
SMALL_COUNT = 10
"""Patients below which a count is not told."""


def diagnosis_of(search: Search, text: str) -> tuple[str, str]:
    """id and name of the diagnosis that a code or name means.

    Raises: InputError where none does, or several do; the nearest is named.
    """
    found = search.find(text, 10, ("Diagnosis",)).filter(pl.col("score") >= SURE)
    if not found.height:
        fix = nearest(search, text, ("Diagnosis",))
        raise InputError("no diagnosis of this name", "the graph", text, "a code or a name, such as ICD10CM:C34", fix)
    best = found.filter(pl.col("score") == found["score"].max())
    if best.height > 1:
        raise InputError(
            "several diagnoses are called so", "the graph", text, ", ".join(best["id"]), "give the id of one"
        )
    return best["id"][0], best["name"][0]


def paths(search: Search, gene: str, diagnosis: str, limit: int = 60) -> Subgraph:
    """Ways from a gene to a diagnosis, what is below it, and the diseases that these map to.

    Args:
        gene: symbol or id. diagnosis: code or name. limit: nodes at the most.
    Returns: rows: kind, path (the names in order), score, members (genes of the pathway); the shortest kinds first.
    Raises: InputError for names that mean nothing in the graph.
    """
    id, symbol, _ = gene_of(search, gene)
    code, name = diagnosis_of(search, diagnosis)
    store, drawing = search.store, new(limit, 4)
    drawing.node(id, "Gene", symbol, role=ASKED, size=1.0)
    drawing.node(code, "Diagnosis", name, role=ASKED, size=1.0)
    found = _Ways(drawing, id, symbol, code, _targets(store, drawing, code))
    ids = list(found.targets)
    known = frame(
        store.lists(_GENES, {"ids": ids}), gene=pl.String, symbol=pl.String, disease=pl.String, score=pl.Float64
    )
    for one in known.filter(pl.col("gene") == id).iter_rows(named=True):
        found.add("known", [], one["disease"], ["ASSOCIATED_WITH"], one["score"])
    others = known.filter(pl.col("gene") != id).unique("gene", keep="first", maintain_order=True)
    by_gene = {row["gene"]: row for row in others.iter_rows(named=True)}
    asked: dict[str, Any] = {"id": id, "ids": ids, "genes": list(by_gene), "limit": 2 * limit, "largest": _LARGEST}
    for drug, called, disease in _zip(store, _DRUGS, asked, "drug", "name", "disease"):
        found.add("drug", [("Drug", drug, called)], disease, ["TARGETS", "TREATS"])
    for phenotype, called, disease in _zip(store, _PHENOTYPES, asked, "phenotype", "name", "disease"):
        found.add("phenotype", [("Phenotype", phenotype, called)], disease, ["ASSOCIATED_WITH", "HAS_PHENOTYPE"])
    for partner, score in _zip(store, _PARTNERS, asked, "gene", "score"):
        end = by_gene[partner]
        found.add(
            "partner", [("Gene", partner, end["symbol"])], end["disease"], ["INTERACTS_WITH", "ASSOCIATED_WITH"], score
        )
    for pathway, called, size, partner in _zip(store, _SHARED, asked, "pathway", "name", "members", "gene"):
        end = by_gene[partner]
        middle = [("Pathway", pathway, called), ("Gene", partner, end["symbol"])]
        found.add("pathway", middle, end["disease"], ["IN_PATHWAY", "IN_PATHWAY", "ASSOCIATED_WITH"], None, size)
    found.patients(int(store.lists(_PATIENTS, {"id": id, "ids": ids})["n"][0]))
    if not known.height:
        drawing.cut.append(
            f"No gene is associated with {shorten(name, 60)}, nor with {counted(len(ids) - 1, 'other code or disease', 'other codes and diseases')} "
            "that count as it. Genes come with knowledge of genes and diseases, and mappings from codes to diseases."
        )
    if not found.rows and not found.left:
        drawing.cut.append(
            f"No way was found from {symbol}: none known, by a drug, a phenotype, a partner or a shared pathway of {_LARGEST} genes "
            "or fewer, and no patient has both."
        )
    if found.left:
        drawing.cut.append(f"No room among {limit} nodes for {counted(found.left, 'longer or less specific path')}.")
    return drawing.finished(f"{symbol} and {name}", pl.DataFrame(found.rows, schema=ROWS, strict=False, orient="row"))


class _Ways:
    """Paths as they are found, each drawn whole or not at all."""

    def __init__(self, drawing: Drawing, id: str, symbol: str, code: str, targets: dict[str, tuple[str, str]]) -> None:
        self.drawing, self.id, self.symbol, self.code, self.targets = drawing, id, symbol, code, targets
        self.rows: list[tuple[str, str, float | None, int | None]] = []
        self.left = 0

    def add(
        self, kind: str, middle: list[tuple[str, str, str]], disease: str, types: list[str], score: float | None = None, members: int | None = None
    ) -> None:  # fmt: skip
        end, how = self.targets[disease]
        steps = [*middle, ("Diagnosis", disease, end)] if disease != self.code else middle
        names = [self.symbol, *(name for _, _, name in middle), end]
        fresh = {step[1] for step in steps} - self.drawing.nodes.keys()
        if len(fresh) > self.drawing.room:
            self.left += 1
            return
        for label, id, name in steps:
            self.drawing.node(id, label, name)
        chain = [self.id, *(id for _, id, _ in middle), disease]
        for a, b, type in zip(chain, chain[1:], types, strict=False):
            self.drawing.edge(
                *_direction(self.drawing, a, b, type), type, score if type != "ASSOCIATED_WITH" or not middle else None
            )
        if disease != self.code:
            self.drawing.edge(disease, self.code, how)
        self.rows.append((kind, " – ".join(names), score, members))

    def patients(self, number: int) -> None:
        """How many patients have both, where enough have for a count to be told."""
        if not number:
            return
        few = number < SMALL_COUNT
        name = f"fewer than {SMALL_COUNT} patients" if few else counted(number, "patient")
        if self.drawing.node(
            "fold:patients",
            "Patient",
            name,
            role=FOLD,
            number=None if few else number,
            note="mutated in the gene, and diagnosed so",
        ):
            self.drawing.edge("fold:patients", self.id, "MUTATED_IN", number=SMALL_COUNT if few else number)
            self.drawing.edge("fold:patients", self.code, "DIAGNOSED", number=SMALL_COUNT if few else number)
        self.rows.append(("patients", f"{name} have both", None, None))


def _targets(store: Store, drawing: Drawing, code: str) -> dict[str, tuple[str, str]]:
    """id -> name, and how it hangs on the diagnosis, of all that counts as it."""
    below = frame(store.lists(_BELOW, {"id": code, "limit": _MOST_CODES}), id=pl.String, name=pl.String)
    found = {id: (name, "IS_A") for id, name in below.iter_rows()}
    if len(found) == _MOST_CODES:
        drawing.cut.append(f"Of the codes below this diagnosis the first {_MOST_CODES} count.")
    asked = {"ids": list(found), "limit": _MOST_CODES}
    for text, far in ((_MAPPED_OUT, "target"), (_MAPPED_IN, "source")):
        for id, label, name in _zip(store, text, asked, far, "label", "name"):
            if label == "Diagnosis":
                found.setdefault(id, (name, "MAPS_TO"))
    return found


def _direction(drawing: Drawing, a: str, b: str, type: str) -> tuple[str, str]:
    """Ends in the direction of the schema: a drug targets a gene, a gene is in a pathway."""
    from ..schema import relationship

    rule = relationship(type)
    return (a, b) if drawing.nodes[a]["label"] in rule.start and drawing.nodes[b]["label"] in rule.end else (b, a)


def _zip(store: Store, text: Any, asked: dict[str, Any], *names: str) -> Iterable[tuple[Any, ...]]:
    found = store.lists(text, asked)
    return zip(*(found[name] for name in names), strict=True)
