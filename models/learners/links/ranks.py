"""Ranks of held-out links, and metrics of a query: MRR, recall@20, hits@10, AUROC against degree-matched negatives."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl

from .graph import LinkGraph

KNOWN, NEW = "known", "new"
"""Lists of candidates: with a link to any query in the training part, and without."""
NEAREST, FEWEST, NEGATIVES = 200, 20, 50
"""Negatives of a held-out link: so many at most, drawn from the candidates nearest to it by degree: a twentieth of all,
within these bounds."""
METRICS = ("mrr", "recall@20", "hits@1", "hits@10", "auroc_matched")
LABEL = {
    "mrr": "MRR", "recall@20": "recall@20", "hits@1": "hits@1", "hits@10": "hits@10", "auroc_matched": "AUROC (matched)",
}  # fmt: skip
SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "query": pl.Int64, "candidate": pl.Int64, "list": pl.String, "score": pl.Float64, "rank": pl.Float64,
    "rank_in_list": pl.Float64, "wins": pl.Float64,
}  # fmt: skip


def held_out_ranks(
    graph: LinkGraph, held: np.ndarray, queries: np.ndarray, score: np.ndarray, seed: int
) -> pl.DataFrame:
    """Rank of every held-out link among the candidates that its query has no link to (filtered ranks, Bordes 2013).

    Equal scores share the mean of their ranks, so that a learner that knows nothing gains nothing by it.

    Args:
        graph: the training part. held: (n, 2) held-out links. queries: (q,) those that they are of, sorted.
        score: (q, candidates). seed: of the negatives.
    Returns: a row a held-out link: rank among all candidates, rank_in_list among the known or among the new ones, and
        wins, the share of its degree-matched negatives that score lower.
    Raises: ValueError for a score that is no number.
    Example:
        >>> links = np.array([[0, 0], [1, 1]])
        >>> nodes = {"Drug": ("a", "b"), "Diagnosis": ("x", "y", "z")}
        >>> graph = LinkGraph("Drug", "Diagnosis", nodes, links, np.full(2, np.nan), ())
        >>> found = held_out_ranks(graph, np.array([[0, 2]]), np.array([0]), np.array([[9.0, 1.0, 1.0]]), seed=1)
        >>> found.row(0, named=True)["rank"], found["list"].item()
        (1.5, 'new')
    """
    if not np.isfinite(score).all():
        raise ValueError("score: got NaN or infinity; expected numbers")
    linked, known = graph.matrix(), graph.degree() > 0
    near = _Nearest(graph)
    at = np.searchsorted(queries, held[:, 0])
    order = np.argsort(at, kind="stable")
    begins = np.searchsorted(at[order], np.arange(len(queries) + 1))
    parts: list[tuple[np.ndarray, ...]] = []
    for i, query in enumerate(queries):
        mine = held[order[begins[i] : begins[i + 1]], 1]
        open_ = np.ones(graph.shape[1], dtype=bool)
        open_[linked.indices[linked.indptr[query] : linked.indptr[query + 1]]] = False
        open_[mine] = False
        s = score[i].astype(np.float64)
        own, among, old = s[mine], s[open_], known[open_]
        over, ties = among > own[:, None], among == own[:, None]
        places = over + ties / 2
        whole = 1 + places.sum(axis=1)
        inside = 1 + np.where(known[mine], places @ old, places @ ~old)
        wins = near.wins(s, open_, mine, np.random.default_rng([seed, int(query)]))
        parts.append((np.full(len(mine), query), mine, np.where(known[mine], KNOWN, NEW), own, whole, inside, wins))
    columns = [np.concatenate(one) for one in zip(*parts, strict=True)]
    return pl.DataFrame(dict(zip(SCHEMA, columns, strict=True)), schema=SCHEMA)


def per_query(ranks: pl.DataFrame, hold_out: str) -> pl.DataFrame:
    """Metrics of every query: repeat, fold, query, and METRICS; a query of several folds has several rows.

    MRR and hits are of its best held-out candidate, recall of all of them. Held-out candidates are ranked among the new
    ones (by `hold_out` "candidates"), else among all.
    Example:
        >>> ranks = pl.DataFrame({"repeat": 0, "fold": 0, "query": [1, 1], "rank": [2.0, 50.0], "wins": [1.0, 0.5]})
        >>> per_query(ranks, "edges").row(0, named=True)["mrr"]
        0.5
    """
    rank = pl.col("rank_in_list" if hold_out == "candidates" else "rank")
    return _metrics(ranks, rank)


def per_list(ranks: pl.DataFrame, which: str) -> pl.DataFrame:
    """The same of held-out candidates of one list, KNOWN or NEW, each ranked among its own."""
    return _metrics(ranks.filter(pl.col("list") == which), pl.col("rank_in_list"))


def _metrics(ranks: pl.DataFrame, rank: pl.Expr) -> pl.DataFrame:
    found: Mapping[str, pl.Expr] = {
        "mrr": 1 / rank.min(), "recall@20": (rank <= 20).mean(), "hits@1": (rank.min() <= 1).cast(pl.Float64),
        "hits@10": (rank.min() <= 10).cast(pl.Float64), "auroc_matched": pl.col("wins").mean(),
    }  # fmt: skip
    by = ("repeat", "fold", "query")
    return ranks.group_by(by).agg(**found).sort(by)


class _Nearest:
    """Candidates in the order of their known links, then of all their other edges: who stands near is as well studied."""

    def __init__(self, graph: LinkGraph) -> None:
        studied = np.zeros(graph.shape[1])
        for one in graph.of(graph.candidate):
            studied += np.bincount(one.pairs[:, 0], minlength=graph.shape[1])
            if one.source == one.target:
                studied += np.bincount(one.pairs[:, 1], minlength=graph.shape[1])
        self.order = np.lexsort((studied, graph.degree()))
        self.wide = max(FEWEST, min(NEAREST, len(self.order) // 20))
        self.place = np.empty_like(self.order)
        self.place[self.order] = np.arange(len(self.order))

    def wins(self, score: np.ndarray, open_: np.ndarray, mine: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """(n,) of each held-out candidate the share of its negatives that score lower; equal scores count one half."""
        out = np.full(len(mine), 0.5)
        for i, one in enumerate(mine):
            begin = int(np.clip(self.place[one] - self.wide // 2, 0, max(len(self.order) - self.wide, 0)))
            window = self.order[begin : begin + self.wide]
            window = window[open_[window]]
            if len(window):
                drawn = score[rng.choice(window, min(NEGATIVES, len(window)), replace=False)]
                out[i] = (drawn < score[one]).mean() + (drawn == score[one]).mean() / 2
        return out
