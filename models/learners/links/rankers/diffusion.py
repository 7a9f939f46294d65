"""Learned diffusion: candidates of similar queries, spread one and two hops, with a weight learned for each way."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy.optimize import minimize
from scipy.special import logsumexp

from ..graph import LinkGraph
from ..hold_out import inner
from ..learner import BaseLinkLearner
from ..profiles import interactions, joins, query_profiles, seeds, shared_sets

LINKS, NEGATIVES, RIDGE = 2000, 1000, 1e-3
"""Held-out links to learn the weights from, candidates that each is set against, and the penalty on the weights."""
_AT_ONCE = 256


class Diffusion(BaseLinkLearner):
    """Sum of w_k c_k with w >= 0; c_k: seeds s, A s, B s, A A s, B B s, A B s, B A s, and the typed join, each as the
    square root of its share of the query's largest.

    A: interactions, B: what candidates share, both symmetrically normalised; s: `profiles.seeds`. The weights minimise a
    listwise softmax over links held out inside the training part, as the run holds out: a graph network of generalised
    PageRank with fixed features, and convex, so that it takes seconds and has one solution.
    Source: GPR-GNN, Chien et al. 2021, arXiv:2006.07988, Eq. 1; listwise loss, Cao et al. 2007, doi:10.1145/1273496.1273513.
    """

    name = "diffusion"

    def fit(self, graph: LinkGraph) -> None:
        seen, held = inner(graph, self.seed)
        self.weight = _learned(_Channels(seen), held, np.random.default_rng([self.seed, 3]))
        self.channels = _Channels(graph)

    def score(self, queries: np.ndarray) -> np.ndarray:
        parts = [self.channels(part) @ self.weight for part in _chunks(queries)]
        return np.concatenate([np.zeros((0, self.channels.graph.shape[1])), *parts])

    def weights(self) -> dict[str, Any]:
        return dict(zip(self.channels.names, np.round(self.weight, 4).tolist(), strict=True))


class _Channels:
    """(q,) queries -> (q, candidates, channels) float32, 0 to 1."""

    def __init__(self, graph: LinkGraph) -> None:
        self.graph, self.profiles = graph, query_profiles(graph)
        self.a, self.b, self.join = interactions(graph), shared_sets(graph), joins(graph)
        self.names = ["seeds"]
        self.names += ["interactions", "interactions, twice"] if self.a else []
        self.names += ["shared", "shared, twice"] if self.b else []
        self.names += ["shared, then interactions", "interactions, then shared"] if self.a and self.b else []
        self.names += ["join"] if self.join is not None else []

    def __call__(self, queries: np.ndarray) -> np.ndarray:
        s = seeds(self.graph, self.profiles, queries)
        found = [s]
        first_a = self.a(s) if self.a else s
        first_b = self.b(s) if self.b else s
        if self.a:
            found += [first_a, self.a(first_a)]
        if self.b:
            found += [first_b, self.b(first_b)]
        if self.a and self.b:
            found += [self.a(first_b), self.b(first_a)]
        channels = [one.T for one in found]
        if self.join is not None:
            channels.append(self.join[queries].toarray())
        stacked = np.sqrt(np.maximum(np.stack(channels, axis=2), 0, dtype=np.float32))
        return np.asarray(stacked / np.maximum(stacked.max(axis=1, keepdims=True), 1e-12))


def _learned(channels: _Channels, held: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(channels,) non-negative weights that rank the (n, 2) held-out links first."""
    if len(held) > LINKS:
        held = held[rng.choice(len(held), LINKS, replace=False)]
    lists = np.concatenate(list(_lists(channels, held, rng)))
    start = np.ones(lists.shape[2])
    found = minimize(_loss, start, args=(lists,), jac=True, method="L-BFGS-B", bounds=[(0, None)] * len(start))
    return np.asarray(found.x)


def _lists(channels: _Channels, held: np.ndarray, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """(n, 1 + negatives, channels): each held-out link, then candidates that its query has no link to; new ones only,
    where the run holds out candidates."""
    graph = channels.graph
    linked, fresh = graph.matrix(), graph.degree() == 0
    for queries in _chunks(np.unique(held[:, 0])):
        found = channels(queries)
        for i, query in enumerate(queries):
            mine = held[held[:, 0] == query, 1]
            open_ = fresh.copy() if graph.hold_out == "candidates" else np.ones(graph.shape[1], dtype=bool)
            open_[linked[query].indices] = False
            open_[mine] = False
            others = np.flatnonzero(open_)
            if len(others):
                drawn = rng.choice(others, (len(mine), NEGATIVES))
                yield np.concatenate([found[i, mine][:, None], found[i, drawn]], axis=1)


def _loss(weight: np.ndarray, lists: np.ndarray) -> tuple[float, np.ndarray]:
    """Listwise softmax of the first of each list, and its gradient."""
    z = (lists @ weight.astype(np.float32)).astype(np.float64)
    total = logsumexp(z, axis=1)
    share = np.exp(z - total[:, None]).astype(np.float32)
    gradient = np.einsum("ij,ijk->k", share, lists, dtype=np.float64) - lists[:, 0].sum(axis=0, dtype=np.float64)
    value = (total - z[:, 0]).mean() + RIDGE * (weight**2).sum()
    return float(value), gradient / len(lists) + 2 * RIDGE * weight


def _chunks(queries: np.ndarray) -> Iterator[np.ndarray]:
    for begin in range(0, len(queries), _AT_ONCE):
        yield queries[begin : begin + _AT_ONCE]
