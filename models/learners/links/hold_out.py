"""Hold-outs of links: edges, whole candidates, whole queries, or what came to be known after a year."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ....loaders.errors import InputError
from .graph import LinkGraph

_INNER = 0.2
"""Share of the training part that is held out inside it."""


@dataclass(frozen=True)
class HoldOut:
    """One split. held: (links,) bool, those that no learner sees."""

    repeat: int
    fold: int
    held: np.ndarray


def hold_outs(graph: LinkGraph, folds: int, repeats: int, seed: int, after: int | None = None) -> Iterator[HoldOut]:
    """The splits of a study, by `graph.hold_out`.

    edges: each query's links are dealt out over the folds, so that it keeps some; the only link of a query is never held
    out. candidates, queries: all links of a fold's candidates or queries. time: one split, links of the year `after`
    and later; undated links are training. Nodes that MAPS_TO joins are held out together.

    Raises: InputError where nothing can be held out so.
    Example:
        >>> links = np.array([[0, 0], [0, 1], [1, 2]])
        >>> nodes = {"Drug": ("a", "b"), "Diagnosis": ("x", "y", "z")}
        >>> graph = LinkGraph("Drug", "Diagnosis", nodes, links, np.full(3, np.nan), (), "edges")
        >>> sum(one.held.astype(int) for one in hold_outs(graph, 2, 1, seed=1)).tolist()
        [1, 1, 0]
    """
    if graph.hold_out == "time":
        held = graph.years >= (np.inf if after is None else after)
        _check(held, f"links of {after} and later, and some from before")
        yield HoldOut(0, 0, held)
        return
    for repeat in range(repeats):
        place = _dealt(graph, folds, np.random.default_rng([seed, repeat]))
        for fold in range(folds):
            held = place == fold
            _check(held, f"{graph.hold_out} enough for {folds} folds")
            yield HoldOut(repeat, fold, held)


def inner(graph: LinkGraph, seed: int) -> tuple[LinkGraph, np.ndarray]:
    """A hold-out inside the training part, of the same kind: the graph without it, and the (n, 2) links held out.

    By time: the latest fifth of what is dated; where nothing is, edges.
    """
    rng = np.random.default_rng([seed, 7])
    dated = graph.years[np.isfinite(graph.years)]
    if graph.hold_out == "time" and len(np.unique(dated)) > 1:
        year = max(np.quantile(dated, 1 - _INNER), np.unique(dated)[1])
        held = graph.years >= year
    else:
        held = _dealt(graph, round(1 / _INNER), rng) == 0
    return graph.without(held), graph.links[held]


def _dealt(graph: LinkGraph, folds: int, rng: np.random.Generator) -> np.ndarray:
    """(links,) the fold that each link is held out in; -1: in none."""
    queries, candidates = (
        graph.groups(label)[graph.links[:, i]] for i, label in enumerate((graph.query, graph.candidate))
    )
    match graph.hold_out:
        case "candidates":
            return _shared_out(candidates, folds, rng)
        case "queries":
            return _shared_out(queries, folds, rng)
        case _:
            return _per_query(queries, candidates, folds, rng)


def _shared_out(groups: np.ndarray, folds: int, rng: np.random.Generator) -> np.ndarray:
    _, place = np.unique(groups, return_inverse=True)
    return np.asarray(rng.permutation(np.arange(place.max() + 1) % folds)[place])


def _per_query(queries: np.ndarray, candidates: np.ndarray, folds: int, rng: np.random.Generator) -> np.ndarray:
    """Links of a group of queries to a group of candidates stay together; a query's groups go round the folds."""
    units, place = np.unique(np.stack([queries, candidates], axis=1), axis=0, return_inverse=True)
    order = np.lexsort((rng.random(len(units)), units[:, 0]))
    _, first, count = np.unique(units[order, 0], return_index=True, return_counts=True)
    within = np.arange(len(units)) - np.repeat(first, count)
    fold = (within + np.repeat(rng.integers(folds, size=len(first)), count)) % folds
    out = np.empty(len(units), dtype=np.int64)
    out[order] = np.where(np.repeat(count, count) > 1, fold, -1)
    return out[place.reshape(-1)]


def _check(held: np.ndarray, expected: str) -> None:
    if not held.any() or held.all():
        raise InputError(
            "these links cannot be held out", "[task] hold_out", f"{int(held.sum())} of {len(held)} links held out",
            expected, "choose another hold_out, fewer folds, or another year",
        )  # fmt: skip
