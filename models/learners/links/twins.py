"""Twins of a link graph: with shuffled edges, degrees kept, and without edges; what a graph learner is compared with."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .graph import LinkGraph, Relation

ROUNDS = 20
"""Proposals of a swap for each edge."""
SHUFFLED, EDGELESS = "shuffled_edges", "edgeless"


def twin(graph: LinkGraph, kind: str, seed: int) -> LinkGraph:
    """The same graph with the candidates' relations shuffled or taken away; links and the queries' relations stay."""
    rng = np.random.default_rng([seed, 13])
    found = []
    for one in graph.relations:
        if graph.candidate not in (one.source, one.target):
            found.append(one)
        elif kind == SHUFFLED:
            found.append(shuffled(one, rng))
    return replace(graph, relations=tuple(found))


def shuffled(relation: Relation, rng: np.random.Generator, rounds: int = ROUNDS) -> Relation:
    """Edges swapped in pairs (a–b, c–d -> a–d, c–b), so that every node keeps its degree; no loop, no edge twice.

    Args: rounds: each proposes a swap for every edge.
    Source: Maslov & Sneppen 2002, doi:10.1126/science.1065103.
    Example:
        >>> edges = Relation("IN_PATHWAY", "Gene", "Pathway", np.array([[0, 0], [1, 1], [2, 2]]), np.ones(3))
        >>> shuffled(edges, np.random.default_rng(0)).pairs[:, 1].tolist() != [0, 1, 2]
        True
    """
    one_label = relation.source == relation.target
    pairs, wide = relation.pairs.copy(), int(relation.pairs.max(initial=0)) + 1
    for _ in range(rounds):
        if one_label:  # an edge without a direction may be taken by either end
            turn = rng.random(len(pairs)) < 0.5
            pairs[turn] = pairs[turn, ::-1]
        order = rng.permutation(len(pairs))
        a, b = order[: len(order) // 2], order[len(order) // 2 : 2 * (len(order) // 2)]
        fresh = np.stack([pairs[a], pairs[b]])
        fresh[0, :, 1], fresh[1, :, 1] = pairs[b, 1], pairs[a, 1]
        keys = _keys(fresh.reshape(-1, 2), wide, one_label).reshape(2, -1)
        good = _new(keys, np.sort(_keys(pairs, wide, one_label))).all(axis=0)
        if one_label:
            good &= (fresh[:, :, 0] != fresh[:, :, 1]).all(axis=0)
        pairs[a[good]], pairs[b[good]] = fresh[0, good], fresh[1, good]
    return replace(relation, pairs=pairs)


def _new(keys: np.ndarray, there: np.ndarray) -> np.ndarray:
    """Which keys come once among them, and not among those that are there, sorted."""
    if not keys.size:
        return np.ones(keys.shape, dtype=bool)
    at = np.minimum(np.searchsorted(there, keys), len(there) - 1)
    in_order = np.sort(keys.ravel())
    twice = in_order[1:][in_order[1:] == in_order[:-1]]
    return np.asarray((there[at] != keys) & ~np.isin(keys, twice))


def _keys(pairs: np.ndarray, wide: int, one_label: bool) -> np.ndarray:
    ends = np.sort(pairs, axis=1) if one_label else pairs
    return np.asarray(ends[:, 0] * wide + ends[:, 1])
