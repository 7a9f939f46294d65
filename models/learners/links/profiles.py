"""Profiles and paths of a link graph: what queries share, and how candidates reach each other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from .graph import LinkGraph, Relation

IS_A = "IS_A"
SHARP, PLAIN = 3, 1
"""Powers of the similarity between queries: the most similar count alone, or all that are alike."""
LARGEST = 300
"""Nodes that join more candidates than this say nothing of two of them."""
_DEPTH = 64


@dataclass(frozen=True)
class Path:
    """Symmetrically normalised adjacency D^-1/2 M D^-1/2 of candidates, kept as factors.

    direct: (c, c) itself; or through: (c, k), of which M is through through' without its diagonal.
    """

    direct: sp.csr_matrix | None = None
    through: sp.csr_matrix | None = None
    diagonal: np.ndarray | None = None

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """(c, n) -> (c, n): one hop."""
        if self.direct is not None:
            return np.asarray(self.direct @ x)
        assert self.through is not None and self.diagonal is not None
        return np.asarray(self.through @ (self.through.T @ x) - self.diagonal[:, None] * x)


def query_profiles(graph: LinkGraph, links: bool = True) -> sp.csr_matrix:
    """(queries, k) float32, unit rows: information-weighted neighbours of each query, as for cosine similarity.

    Neighbours over the query's relations, with all that they are by IS_A (a phenotype's ancestors), and where `links`
    the known links; each relation has the same share. A neighbour's information is log(n / queries that have it)
    (Resnik 1995, arXiv:cmp-lg/9511007).
    """
    blocks = [
        _expanded(graph, one) for one in graph.of(graph.query) if one.target not in (graph.query, graph.candidate)
    ]
    blocks += [graph.matrix()] if links else []
    found = [unit(informative(block)) for block in blocks if block.nnz]
    return unit(sp.hstack(found, format="csr")) if found else sp.csr_matrix((graph.shape[0], 1), dtype=np.float32)


def seeds(graph: LinkGraph, profiles: sp.csr_matrix, queries: np.ndarray, power: int = SHARP) -> np.ndarray:
    """(candidates, n) float32: candidates of the query and of queries like it, by similarity to a power."""
    similar = np.asarray((profiles[queries] @ profiles.T).power(power).toarray(), dtype=np.float32)
    similar[np.arange(len(queries)), queries] = 1.0
    return np.ascontiguousarray(graph.matrix().T @ similar.T)


def interactions(graph: LinkGraph) -> Path | None:
    """One hop from candidate to candidate (an interaction network, a hierarchy); None where nothing joins them."""
    found = [one for one in graph.of(graph.candidate) if one.target == graph.candidate and len(one.pairs)]
    if not found:
        return None
    joined = sum(
        (_scaled(graph.adjacency(one)) for one in found), sp.csr_matrix((graph.shape[1],) * 2, dtype=np.float32)
    )
    return Path(direct=_symmetric(joined.maximum(joined.T).tocsr()))


def shared_sets(graph: LinkGraph, largest: int | None = LARGEST) -> Path | None:
    """One hop from candidate to candidate through what they share (pathways); None where they share nothing.

    A set of k candidates joins each two of them by 1 / (k - 1), so that a large one says little of each; one of more
    than `largest` is left out.
    """
    member = memberships(graph)
    if member is None:
        return None
    size = np.asarray(member.sum(axis=0)).ravel()
    kept = (size >= 2) & (size <= (largest or np.inf))
    if not kept.any():
        return None
    through = (member[:, kept] @ sp.diags((size[kept] - 1) ** -0.5)).tocsr()
    diagonal = np.asarray(through.multiply(through).sum(axis=1)).ravel()
    degree = np.asarray(through @ (through.T @ np.ones(through.shape[0]))).ravel() - diagonal
    scale = np.where(degree > 1e-9, degree, 1.0) ** -0.5
    return Path(
        through=(sp.diags(scale) @ through).astype(np.float32).tocsr(),
        diagonal=(scale**2 * diagonal).astype(np.float32),
    )


def memberships(graph: LinkGraph) -> sp.csr_matrix | None:
    """(candidates, k) 0/1: what each candidate is linked to, apart from candidates and queries; None without any."""
    other = (graph.query, graph.candidate)
    blocks = [_expanded(graph, one) for one in graph.of(graph.candidate) if one.target not in other and len(one.pairs)]
    if not blocks:
        return None
    joined = sp.hstack(blocks, format="csr").astype(np.float32)
    joined.data[:] = 1.0
    return joined


def joins(graph: LinkGraph) -> sp.csr_matrix | None:
    """(queries, candidates) float32: cosine of what a query and a candidate are both linked to (a drug's target that is
    the disease's gene), weighted by information; None where no label lies between them."""
    total: sp.csr_matrix | None = None
    ends = (graph.query, graph.candidate)
    for a in (one for one in graph.of(graph.query) if one.target not in ends):
        for b in (one for one in graph.of(graph.candidate) if one.target == a.target):
            left, right = _expanded(graph, a), _expanded(graph, b)
            if left.nnz and right.nnz:
                seen = np.asarray(left.sum(axis=0) + right.sum(axis=0)).ravel()
                weight = sp.diags(np.log((sum(graph.shape) + 1) / np.maximum(seen, 1)))
                part = unit(left @ weight) @ unit(right @ weight).T
                total = part if total is None else total + part
    return None if total is None else sp.csr_matrix(total, dtype=np.float32)


def _expanded(graph: LinkGraph, relation: Relation) -> sp.csr_matrix:
    """(source, target) 0/1 of a relation, the target's ancestors by IS_A among its own label included."""
    found = graph.adjacency(relation)
    found.data[:] = 1.0
    for one in graph.relations:
        if one.predicate == IS_A and one.source == one.target == relation.target:
            found = found @ _closure(graph.adjacency(one))
            found.data[:] = 1.0
    return found.tocsr()


def _closure(parents: sp.csr_matrix) -> sp.csr_matrix:
    """(n, n) 0/1: each node's ancestors, and itself."""
    step = (parents + sp.identity(parents.shape[0], dtype=np.float32)).tocsr()
    step.data[:] = 1.0
    reached = step
    for _ in range(_DEPTH):
        further = (reached @ step).tocsr()
        further.data[:] = 1.0
        if further.nnz == reached.nnz:
            break
        reached = further
    return reached


def informative(block: sp.csr_matrix) -> sp.csr_matrix:
    seen = np.asarray((block != 0).sum(axis=0)).ravel()
    return (block @ sp.diags(np.log((block.shape[0] + 1) / np.maximum(seen, 1)))).tocsr()


def unit(rows: sp.csr_matrix) -> sp.csr_matrix:
    """Rows of length one; an empty row stays so."""
    length = np.sqrt(np.asarray(rows.multiply(rows).sum(axis=1)).ravel())
    return (sp.diags(1 / np.maximum(length, 1e-9)) @ rows).astype(np.float32).tocsr()


def _scaled(adjacency: sp.csr_matrix) -> sp.csr_matrix:
    """Weights of one relation around one, so that none of several drowns the others."""
    return (adjacency / max(float(adjacency.data.mean()), 1e-12)).tocsr()


def _symmetric(adjacency: sp.csr_matrix) -> sp.csr_matrix:
    degree = np.asarray(adjacency.sum(axis=1)).ravel()
    scale = sp.diags(np.where(degree > 0, degree, 1.0) ** -0.5)
    return (scale @ adjacency @ scale).astype(np.float32).tocsr()
