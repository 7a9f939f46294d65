"""Connected search: the group of nodes of a network that stands out most, of whatever size.

A group of s nodes with scores w has the log-likelihood ratio of one shifted mean, (Σw)² / 2s, and pays for how many such
groups there are: a graph of mean degree d has about (e (d − 1))ˢ connected ones around a node. So the size is chosen by
the data, and nothing is to be tuned. The search is greedy: from each of the strongest nodes the best neighbour is added,
or a weak neighbour together with the strong node behind it, as long as the value rises.
Source: Bollobás 2006, The Art of Mathematics, problem 45 (the bound); Ideker 2002, doi:10.1093/bioinformatics/18.suppl_1.S233
(connected groups of a network that stand out).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

SEEDS, MOST = 50, 100
"""Nodes that the search begins at; nodes of a group at the most."""


@dataclass(frozen=True)
class Group:
    """A connected group: its value, and (s,) its nodes in the order in which they came."""

    value: float
    nodes: np.ndarray


def cost_of(nodes: int, edges: int) -> float:
    """What a node costs: 1 + log(d − 1), of the mean degree d; 1 where the network is a tree or sparser.

    Example:
        >>> round(cost_of(1500, 4464), 2)
        2.6
    """
    return 1.0 + float(np.log(max(2 * edges / max(nodes, 1) - 1, 1.0)))


def value_of(total: float, size: int, cost: float) -> float:
    """(Σw)² / 2s − s · cost."""
    return total**2 / (2 * size) - size * cost


def best_groups(edges: np.ndarray, score: np.ndarray, cost: float, most: int = 1) -> list[Group]:
    """The connected groups of highest value that share no node, best first.

    Args:
        edges: (m, 2) int64, undirected. score: (n,) >= 0, each about the size of a standard normal where there is nothing.
        cost: of a node (`cost_of`).
        most: groups at the most.
    Returns: fewer where no other has a value above that of its strongest node alone.
    """
    order, near, bridges = _relevant(edges, score, cost)
    w = score[order]
    free = np.ones(len(order), dtype=bool)
    found: list[Group] = []
    while len(found) < most:
        best = Group(-np.inf, np.empty(0, dtype=np.int64))
        for seed in np.flatnonzero(free)[:SEEDS]:
            if seed not in best.nodes:
                group = _grown(int(seed), w, near, bridges, cost, free)
                best = max(best, group, key=lambda one: one.value)
        if len(best.nodes) < 2:
            break
        free[best.nodes] = False
        found.append(Group(best.value, order[best.nodes]))
    return found


def _relevant(edges: np.ndarray, score: np.ndarray, cost: float) -> tuple[np.ndarray, list[np.ndarray], np.ndarray]:
    """The nodes that a group can hold, by falling score; the neighbours of each; and pairs of a weak with a strong one, best
    first. A node alone raises no group unless its score is √(2 cost), two together not unless theirs are twice that.
    """
    least = float(np.sqrt(2 * cost))
    first, second = edges.T if len(edges) else np.empty((2, 0), dtype=np.int64)
    strong = score >= least
    together = (score[first] + score[second] >= 2 * least) & (strong[first] | strong[second])
    kept = strong.copy()
    kept[first[together]] = kept[second[together]] = True
    order = np.flatnonzero(kept)
    order = order[np.argsort(-score[order], kind="stable")]
    place = np.full(len(score), -1, dtype=np.int64)
    place[order] = np.arange(len(order))
    inside = kept[first] & kept[second]
    ends = np.column_stack([place[first[inside]], place[second[inside]]])
    both = np.concatenate([ends, ends[:, ::-1]])
    both = both[np.argsort(both[:, 0], kind="stable")]
    near = np.split(both[:, 1], np.searchsorted(both[:, 0], np.arange(1, len(order)))) if len(order) else []
    w = score[order]
    pairs = both[(w[both].sum(axis=1) >= 2 * least) & (w[both[:, 1]] >= least)]
    return order, near, pairs[np.argsort(-w[pairs].sum(axis=1), kind="stable")]


def _grown(
    seed: int, w: np.ndarray, near: list[np.ndarray], bridges: np.ndarray, cost: float, free: np.ndarray
) -> Group:
    """From one node; nodes are numbered by falling score, so that the first of the neighbours is the best."""
    group, total = [seed], float(w[seed])
    best = value_of(total, 1, cost)
    inside, edge = np.zeros(len(w), dtype=bool), np.zeros(len(w), dtype=bool)
    inside[seed] = True
    edge[near[seed]] = True
    edge &= free & ~inside
    while len(group) < MOST and edge.any():
        added = [int(edge.argmax())]
        value = value_of(total + w[added[0]], len(group) + 1, cost)
        if value <= best:
            far = edge[bridges[:, 0]] & ~(edge | inside)[bridges[:, 1]] & free[bridges[:, 1]]
            if not far.any():
                break
            added = [int(one) for one in bridges[far.argmax()]]
            value = value_of(total + w[added].sum(), len(group) + 2, cost)
            if value <= best:
                break
        best, total = value, total + float(w[added].sum())
        group += added
        inside[added] = True
        for one in added:
            edge[near[one]] = True
        edge &= free & ~inside
    return Group(best, np.array(group))
