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
from ..profiles import PLAIN, interactions, joins, query_profiles, seeds, shared_sets

LINKS, NEGATIVES, RIDGE = 1000, 500, 1e-3
"""Held-out links to learn the weights from, candidates that each is set against, and the penalty on the weights."""
_AT_ONCE = 256


class Diffusion(BaseLinkLearner):
    """Sum of w_k c_k with w >= 0; c_k: seeds s, A s, B s, A A s, B B s, A B s, B A s, the plain seeds, and the typed
    join, each as the square root of its share of the query's largest.

    A: interactions, B: what candidates share, both symmetrically normalised; s: `profiles.seeds` of the queries that are
    most alike, plain ones of all that are. The weights minimise a listwise softmax over links held out inside the
    training part, as the run holds out: a graph network of generalised PageRank with fixed features, and convex, so that
    it takes seconds and has one solution.
    Source: GPR-GNN, Chien et al. 2021, arXiv:2006.07988, Eq. 1; listwise loss, Cao et al. 2007, doi:10.1145/1273496.1273513.
    """

    name = "diffusion"

    def fit(self, graph: LinkGraph) -> None:
        seen, held = inner(graph, self.seed)
        self.weight = _learned(_Channels(seen), held, np.random.default_rng([self.seed, 3]))
        self.channels = _Channels(graph)

    def score(self, queries: np.ndarray) -> np.ndarray:
        out = np.zeros((len(queries), self.channels.graph.shape[1]), dtype=np.float32)
        for begin, part in _chunks(queries):
            mixed = sum(
                w * one for w, one in zip(self.weight.astype(np.float32), self.channels(part), strict=True) if w > 0
            )
            out[begin : begin + len(part)] = np.transpose(mixed) if np.ndim(mixed) else 0.0
        return out

    def weights(self) -> dict[str, Any]:
        return dict(zip(self.channels.names, np.round(self.weight, 4).tolist(), strict=True))


class _Channels:
    """Ways from a query to candidates, each (candidates, queries) float32 from 0 to 1."""

    def __init__(self, graph: LinkGraph) -> None:
        self.graph, self.profiles = graph, query_profiles(graph)
        self.a, self.b, self.join = interactions(graph), shared_sets(graph), joins(graph)
        self.names = ["seeds"]
        self.names += ["interactions", "interactions, twice"] if self.a else []
        self.names += ["shared", "shared, twice"] if self.b else []
        self.names += ["shared, then interactions", "interactions, then shared"] if self.a and self.b else []
        self.names += ["seeds, plain"] + (["join"] if self.join is not None else [])

    def __call__(self, queries: np.ndarray) -> Iterator[np.ndarray]:
        """The channels in the order of `names`, one after the other, so that no two lie in memory."""
        s = seeds(self.graph, self.profiles, queries)
        near = self.a(s) if self.a else s
        like = self.b(s) if self.b else s
        yield _share(s)
        if self.a:
            yield from (_share(near), _share(self.a(near)))
        if self.b:
            yield from (_share(like), _share(self.b(like)))
        if self.a and self.b:
            yield from (_share(self.a(like)), _share(self.b(near)))
        yield _share(seeds(self.graph, self.profiles, queries, PLAIN))
        if self.join is not None:
            yield _share(self.join[queries].toarray().T)


def _share(channel: np.ndarray) -> np.ndarray:
    """Square root of each value's share of the query's largest."""
    largest = np.maximum(channel.max(axis=0), 1e-12)
    return np.asarray(np.sqrt(np.maximum(channel, 0) / largest), dtype=np.float32)


def _learned(channels: _Channels, held: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(channels,) non-negative weights that rank the (n, 2) held-out links first."""
    if len(held) > LINKS:
        held = held[rng.choice(len(held), LINKS, replace=False)]
    lists = np.concatenate(
        [np.zeros((0, 1 + NEGATIVES, len(channels.names)), np.float32), *_lists(channels, held, rng)]
    )
    start = np.ones(lists.shape[2])
    if not len(lists):
        return start
    found = minimize(_loss, start, args=(lists,), jac=True, method="L-BFGS-B", bounds=[(0, None)] * len(start))
    return np.asarray(found.x)


def _lists(channels: _Channels, held: np.ndarray, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """(n, 1 + NEGATIVES, channels): each held-out link, then candidates drawn from those that its query has no link to;
    from the new ones only, where the run holds out candidates."""
    graph = channels.graph
    linked = graph.matrix()
    fresh = graph.degree() == 0 if graph.hold_out == "candidates" else np.ones(graph.shape[1], dtype=bool)
    held = held[np.argsort(held[:, 0], kind="stable")]
    for _, queries in _chunks(np.unique(held[:, 0])):
        mine = held[np.isin(held[:, 0], queries)]
        rows = np.searchsorted(queries, mine[:, 0])
        taken = linked[queries].toarray() > 0
        taken[rows, mine[:, 1]] = True
        others = [np.flatnonzero(fresh & ~one) for one in taken]
        kept = np.array([len(others[row]) > 0 for row in rows])
        mine, rows = mine[kept], rows[kept]
        drawn = [rng.choice(others[row], NEGATIVES) for row in rows]
        places = np.array([[link, *none] for link, none in zip(mine[:, 1], drawn, strict=True)], dtype=np.int64)
        if len(places):
            yield np.stack([one[places, rows[:, None]] for one in channels(queries)], axis=2)


def _loss(weight: np.ndarray, lists: np.ndarray) -> tuple[float, np.ndarray]:
    """Listwise softmax of the first of each list, and its gradient."""
    z = (lists @ weight.astype(np.float32)).astype(np.float64)
    total = logsumexp(z, axis=1)
    share = np.exp(z - total[:, None]).astype(np.float32)
    gradient = np.einsum("ij,ijk->k", share, lists, dtype=np.float64) - lists[:, 0].sum(axis=0, dtype=np.float64)
    value = (total - z[:, 0]).mean() + RIDGE * (weight**2).sum()
    return float(value), gradient / len(lists) + 2 * RIDGE * weight


def _chunks(queries: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    for begin in range(0, len(queries), _AT_ONCE):
        yield begin, queries[begin : begin + _AT_ONCE]
