"""Link graph: known links between queries and candidates, and the relations around them, as index arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
import scipy.sparse as sp

from ....loaders.errors import InputError
from ...base.specs import LinkTask

SAME = "MAPS_TO"
"""The predicate that says of two nodes that they mean the same."""


@dataclass(frozen=True)
class Relation:
    """Edges of one predicate between nodes of two labels.

    pairs: (n, 2) int64 positions among the nodes of `source` and `target`. weight: (n,) float32, positive.
    """

    predicate: str
    source: str
    target: str
    pairs: np.ndarray
    weight: np.ndarray

    def turned(self) -> Relation:
        """The same edges read from the other end."""
        return Relation(self.predicate, self.target, self.source, self.pairs[:, ::-1], self.weight)


@dataclass(frozen=True)
class LinkGraph:
    """What a learner of links sees: queries, candidates, the known links between them, and relations around them.

    query, candidate: labels. nodes: label -> ids, sorted. links: (n, 2) int64, query and candidate; a held-out link is
    not among them. years: (n,) float64, NaN where a link carries none. relations: all others; none of them was derived
    from the links. hold_out: how links are held out, inside the training part as outside.

    Example:
        >>> links = np.array([[0, 0], [0, 1], [1, 1]])
        >>> nodes = {"Diagnosis": ("d1", "d2"), "Gene": ("g1", "g2", "g3")}
        >>> graph = LinkGraph("Diagnosis", "Gene", nodes, links, np.full(3, np.nan), ())
        >>> graph.without(np.array([True, False, False])).matrix().toarray().tolist()
        [[0.0, 1.0, 0.0], [0.0, 1.0, 0.0]]
    """

    query: str
    candidate: str
    nodes: Mapping[str, tuple[str, ...]]
    links: np.ndarray
    years: np.ndarray
    relations: tuple[Relation, ...]
    hold_out: str = "edges"

    @property
    def shape(self) -> tuple[int, int]:
        """How many queries and candidates there are."""
        return len(self.nodes[self.query]), len(self.nodes[self.candidate])

    def matrix(self) -> sp.csr_matrix:
        """(queries, candidates) float32: 1 for a known link."""
        ones = np.ones(len(self.links), dtype=np.float32)
        return sp.csr_matrix((ones, (self.links[:, 0], self.links[:, 1])), shape=self.shape)

    def degree(self) -> np.ndarray:
        """(candidates,) int64: known links of each."""
        return np.bincount(self.links[:, 1], minlength=self.shape[1])

    def without(self, held: np.ndarray) -> LinkGraph:
        """The graph that lacks some links. held: (n,) bool."""
        return replace(self, links=self.links[~held], years=self.years[~held])

    def of(self, label: str) -> list[Relation]:
        """The relations of a label, read from it; one that joins nodes of this label comes once."""
        found = [one for one in self.relations if one.source == label]
        return found + [one.turned() for one in self.relations if one.target == label != one.source]

    def adjacency(self, relation: Relation) -> sp.csr_matrix:
        """(source, target) float32 weights of a relation; equal pairs count once, with the largest weight."""
        shape = len(self.nodes[relation.source]), len(self.nodes[relation.target])
        order = np.lexsort((-relation.weight, relation.pairs[:, 1], relation.pairs[:, 0]))
        pairs, weight = relation.pairs[order], relation.weight[order]
        first = np.ones(len(pairs), dtype=bool)
        first[1:] = (pairs[1:] != pairs[:-1]).any(axis=1)
        return sp.csr_matrix((weight[first], (pairs[first, 0], pairs[first, 1])), shape=shape, dtype=np.float32)

    def groups(self, label: str) -> np.ndarray:
        """(nodes of the label,) int64: nodes that MAPS_TO joins, be it in several steps, share a group."""
        n = len(self.nodes[label])
        pairs = [one.pairs for one in self.relations if one.predicate == SAME and one.source == one.target == label]
        both = np.concatenate([np.zeros((0, 2), dtype=np.int64), *pairs])
        joined = sp.coo_matrix((np.ones(len(both)), (both[:, 0], both[:, 1])), shape=(n, n))
        return np.asarray(sp.csgraph.connected_components(joined, directed=False)[1], dtype=np.int64)


def link_graph(edges: pl.DataFrame, task: LinkTask) -> LinkGraph:
    """Link graph of a table of knowledge.

    Relations of the task's own predicate between other labels are left out: gene–phenotype tables, say, are derived
    through the gene's diseases, and would tell a held-out gene–disease link.

    Args:
        edges: subject, subject_label, predicate, object, object_label, score, year.
        task: which of them are the links.
    Raises: InputError where there are no links to learn.
    """
    table = edges.filter(pl.col("subject") != pl.col("object"))
    ends = pl.concat([table.select(label=f"{end}_label", id=end) for end in ("subject", "object")]).unique()
    nodes = {
        str(label): tuple(part["id"].sort().to_list())
        for (label,), part in sorted(ends.partition_by("label", as_dict=True).items())
    }
    place = {label: {id: i for i, id in enumerate(ids)} for label, ids in nodes.items()}
    keys = ["predicate", "subject_label", "object_label"]
    links, years, relations = np.zeros((0, 2), dtype=np.int64), np.zeros(0), []
    for (predicate, source, target), part in sorted(table.partition_by(*keys, as_dict=True).items()):
        sorted_ = part.sort("subject", "object", "score", "year", nulls_last=True)
        ends_of = sorted_.select("subject", "object").iter_rows()
        rows = [[place[str(source)][a], place[str(target)][b]] for a, b in ends_of]
        pairs = np.array(rows, dtype=np.int64).reshape(-1, 2)
        if predicate != task.predicate:
            relations.append(Relation(str(predicate), str(source), str(target), pairs, _weights(sorted_["score"])))
        elif {source, target} == {task.query, task.candidate}:
            turned = pairs if source == task.query else pairs[:, ::-1]
            links, years = _once(turned, sorted_["year"].cast(pl.Float64).fill_null(np.nan).to_numpy())
    if not len(links):
        raise InputError(
            "there are no links to learn", "[task]", f"no {task.predicate} between {task.query} and {task.candidate}",
            "a [knowledge.NAME] that brings some", "name its predicate in [task], and load it",
        )  # fmt: skip
    return LinkGraph(task.query, task.candidate, nodes, links, years, tuple(relations), task.hold_out)


def _weights(score: pl.Series) -> np.ndarray:
    """Scores as weights, where all of them are positive numbers; else each edge counts one."""
    values = score.cast(pl.Float64).fill_null(np.nan).to_numpy()
    if not np.isfinite(values).all() or (values <= 0).any():
        values = np.ones(len(values))
    return values.astype(np.float32)


def _once(pairs: np.ndarray, years: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each link once, with the first year that any source gives it."""
    order = np.lexsort((years, pairs[:, 1], pairs[:, 0]))  # NaN sorts last
    pairs, years = pairs[order], years[order]
    first = np.ones(len(pairs), dtype=bool)
    first[1:] = (pairs[1:] != pairs[:-1]).any(axis=1)
    return pairs[first], years[first]
