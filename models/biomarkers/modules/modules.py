"""Modules: connected groups of genes (INTERACTS_WITH) that carry the signal together, beyond what each gene does alone.

A module describes the rows that it was found in: its genes were looked for there. Whether the signal is there in others is
another question, which `held_out` answers: in each fold a module is looked for in the training part alone, and the mean of
its genes judged on the rows held out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import polars as pl

from ...base.snapshot import Snapshot
from ...base.task import task_of
from ...learners.links.graph import Relation
from ...learners.links.twins import shuffled
from ...metrics.concordance import c_index
from ...metrics.discrimination import auroc
from ...statistics.rank_tests import benjamini_hochberg
from ..association import one_row_a_subject
from ..ranking import corrected_interval
from .connected_search import Group, best_groups, cost_of
from .gene_scores import GeneValues, centred, feature_scores, gene_scores, gene_values, standardised

SHUFFLES, MOST_SHUFFLES, LEVEL, MODULES, CLASSES = 99, 999, 0.05, 5, 10
"""Shuffled networks, and of many layers and classes at the most; modules of a layer and direction beyond the first are kept
below this p, so many at the most; classes above which none are looked for."""
QUICK = 20_000
"""Interactions of measured genes up to which modules take a second or two."""
_EXCEEDED = 10
SCHEMA = {
    "module": pl.Int64, "layer": pl.String, "class": pl.String, "direction": pl.String, "gene": pl.String,
    "symbol": pl.String, "feature": pl.String, "score": pl.Float64, "joined_as": pl.String, "stability": pl.Float64,
    "genes": pl.Int64, "value": pl.Float64, "p": pl.Float64, "q": pl.Float64, "shuffles": pl.Int64,
    "measure": pl.String, "held_out": pl.Float64, "held_out_low": pl.Float64, "held_out_high": pl.Float64,
}  # fmt: skip
"""modules.csv (docs/results.md)."""


def interactions(snapshot: Snapshot) -> int:
    """How many links INTERACTS_WITH there are between genes that a layer measures."""
    genes = [gene for layer in snapshot.layers.values() for gene in layer.var["gene"].drop_nulls()]
    links = snapshot.links.filter(pl.col("predicate") == "INTERACTS_WITH")
    return links.filter(pl.col("subject").is_in(genes) & pl.col("object").is_in(genes)).height


@dataclass(frozen=True)
class _Search:
    """One layer, one column of the outcome, one direction: what is looked for, and in what."""

    layer: str
    column: str
    sign: int
    values: GeneValues
    edges: np.ndarray
    response: np.ndarray

    def scores(self, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Of the genes in this direction, of `feature_scores` that both directions share."""
        return gene_scores(self.values, self.sign * centred(features))

    def best(self, score: np.ndarray, most: int = 1) -> list[Group]:
        return best_groups(self.edges, score, cost_of(len(self.values.genes), len(self.edges)), most)


def modules(snapshot: Snapshot, *, shuffles: int | None = None, seed: int = 1) -> pl.DataFrame:
    """Modules of each layer and direction: the connected group of genes that stands out most, and others as sure as it.

    Genes of a module go in one direction: with more of the outcome (or sooner) they are all higher, or all lower. The
    size is chosen by the data (`connected_search`). The test is against the same scores on networks whose edges are
    shuffled, every gene keeping its degree: p is how often the best group there is worth as much. It asks whether
    the signal is connected, not whether there is any: that says `held_out`.

    Args:
        snapshot: with `links` INTERACTS_WITH and, for `held_out`, `folds`.
        shuffles: of the network; by default SHUFFLES, more where many layers and classes are tested at once. Fewer are made
            where ten have already exceeded the group (Besag and Clifford 1991).
    Returns: a row a gene of a module (`SCHEMA`): module (1..), direction (up, down), score (of the gene, a standard
        normal's where there is nothing), joined_as (signal, or bridge: it connects, and says little itself),
        stability (share of folds whose training part finds the gene in its module), genes (of the module), value, p, q
        (Benjamini–Hochberg over layers, classes, directions), shuffles, measure (auroc, c_index, correlation) and held_out with its
        interval over folds, of the modules that training parts find (of the first of a layer and direction). No rows
        without interactions, or where the outcome has more than ten columns.
    Source: Maslov & Sneppen 2002, doi:10.1126/science.1065103; Besag & Clifford 1991, doi:10.1093/biomet/78.2.301.
    """
    searches = list(_searches(snapshot))
    shuffles = shuffles or min(max(SHUFFLES, int(len(searches) / LEVEL) - 1), MOST_SHUFFLES)
    found: list[_Found] = []
    for _, of_layer in groupby(searches, key=lambda one: one.layer):
        candidates = []
        for _, both in groupby(of_layer, key=lambda one: one.column):
            candidates += _candidates(snapshot, list(both))
        for one, (p, made) in zip(candidates, _tested(candidates, shuffles, seed), strict=True):
            found.append(_Found(one.search, one.score, one.best, one.groups, one.folds, p, made))
    firsts = [one.p[0] for one in found]  # where nothing is connected there was a test, too
    q = benjamini_hochberg(np.array([*firsts, *[1.0] * (len(searches) - len(found))]))
    tables = [
        _table(snapshot, one, at, float(each))
        for one, each in zip(found, q, strict=False)
        for at, p in enumerate(one.p)
        if at == 0 or p <= LEVEL
    ]
    tables.sort(key=lambda one: (one["p"][0], -one["value"][0]))
    numbered = [one.with_columns(module=pl.lit(i)) for i, one in enumerate(tables, 1)]
    if not numbered:
        return pl.DataFrame(schema=SCHEMA)
    return pl.concat(numbered).select(pl.col(name).cast(kind) for name, kind in SCHEMA.items())


@dataclass(frozen=True)
class _Candidate:
    """What one search found: (g,) scores with the column of each gene's feature, and groups; and of each fold the genes
    that its training part finds, and what they told of the rows held out."""

    search: _Search
    score: np.ndarray
    best: np.ndarray
    groups: list[Group]
    folds: list[tuple[set[str], float]]


@dataclass(frozen=True)
class _Found(_Candidate):
    """The same, tested: p of each group, and of how many shuffled networks."""

    p: list[float]
    shuffles: int


def _candidates(snapshot: Snapshot, both: list[_Search]) -> list[_Candidate]:
    """The groups of both directions of a layer and column of the outcome, where there are any."""
    features = feature_scores(both[0].values.values, both[0].response)
    scored = [(search, *search.scores(features)) for search in both]
    groups = [search.best(score, MODULES) for search, score, _ in scored]
    with_group = [search for search, some in zip(both, groups, strict=True) if some]
    folds = dict(zip((one.sign for one in with_group), _in_folds(snapshot, with_group), strict=True))
    return [_Candidate(*each, some, folds[each[0].sign]) for each, some in zip(scored, groups, strict=True) if some]


def _searches(snapshot: Snapshot) -> Iterator[_Search]:
    """Every layer of genes that interact, column of the outcome and direction."""
    links = snapshot.links.filter(pl.col("predicate") == "INTERACTS_WITH")
    task = task_of(snapshot.task)
    if links.is_empty() or not task.supervised:
        return
    rows = one_row_a_subject(snapshot)
    response = task.working_response(task.targets(snapshot.rows[rows], snapshot.classes), len(snapshot.classes))
    names = [""] if response.shape[1] == 1 else list(snapshot.classes)
    if len(names) > CLASSES or len(names) != response.shape[1]:
        return
    linked = {*links["subject"], *links["object"]}
    for layer in snapshot.layers.values():
        values = gene_values(layer, rows, linked)
        values, edges = _network(values, links)
        for k, name in enumerate(names):
            for sign in (1, -1) if len(edges) else ():
                yield _Search(layer.name, name, sign, values, edges, response[:, k])


def _network(values: GeneValues, links: pl.DataFrame) -> tuple[GeneValues, np.ndarray]:
    """The measured genes that interact with another measured one; and (m, 2) edges between them, each once."""
    inside = links.filter(pl.col("subject").is_in(values.genes) & pl.col("object").is_in(values.genes))
    inside = inside.filter(pl.col("subject") != pl.col("object"))
    values = values.only({*inside["subject"], *inside["object"]})
    place = {name: i for i, name in enumerate(values.genes)}
    pairs = np.array([[place[a], place[b]] for a, b in inside.select("subject", "object").iter_rows()], dtype=np.int64)
    return values, np.unique(np.sort(pairs.reshape(-1, 2), axis=1), axis=0)


def _tested(candidates: list[_Candidate], shuffles: int, seed: int) -> list[tuple[list[float], int]]:
    """p of each candidate's groups against the best of every shuffled network; and how many were made.

    Candidates of one layer share its networks, which are a chain: the first well apart from the real one, the next ones a
    proposal for every edge apart, of which nearly all are made.
    """
    if not candidates:
        return []
    search = candidates[0].search
    rng, cost = np.random.default_rng([seed, 17]), cost_of(len(search.values.genes), len(search.edges))
    values = [np.array([one.value for one in each.groups]) for each in candidates]
    exceeded, made = [np.zeros(len(one), dtype=np.int64) for one in values], [0] * len(candidates)
    network = shuffled(Relation("INTERACTS_WITH", "Gene", "Gene", search.edges, np.ones(len(search.edges))), rng)
    for _ in range(shuffles):
        going = [i for i, one in enumerate(exceeded) if one[0] < _EXCEEDED]
        if not going:
            break
        for i in going:
            best = max((one.value for one in best_groups(network.pairs, candidates[i].score, cost)), default=-np.inf)
            exceeded[i] += best >= values[i]
            made[i] += 1
        network = shuffled(network, rng, 1)
    found = []
    for one, n in zip(exceeded, made, strict=True):
        stopped = one[0] >= _EXCEEDED and n < shuffles
        found.append(([float(each / n if stopped else (each + 1) / (n + 1)) for each in one], n))
    return found


def _in_folds(snapshot: Snapshot, both: list[_Search]) -> list[list[tuple[set[str], float]]]:
    """Of each direction and fold the genes of the module that its training part finds, and what their mean says of the rows held
    out."""
    folds = getattr(snapshot, "folds", None)
    found: list[list[tuple[set[str], float]]] = [[] for _ in both]
    if folds is None or not len(folds) or not both:
        return found
    at = {row: i for i, row in enumerate(one_row_a_subject(snapshot).tolist())}
    values = both[0].values
    for _, part in folds.group_by("repeat", "fold", maintain_order=True):
        held, train = (
            np.array([at[row] for row in part.filter(which)["row"] if row in at], dtype=np.int64)
            for which in (pl.col("split") == "held_out", pl.col("split") != "held_out")
        )
        features = feature_scores(values.values[train], both[0].response[train])
        for search, told in zip(both, found, strict=True):
            score, best = search.scores(features)
            group = next(iter(search.best(score)), None)
            if group is None:
                told.append((set(), float("nan")))
                continue
            x = standardised(values.values[:, best[group.nodes]], train)[held].mean(axis=1) * search.sign
            told.append(({values.genes[i] for i in group.nodes}, _told(snapshot, search, held, x)))
    return found


def _told(snapshot: Snapshot, search: _Search, held: np.ndarray, x: np.ndarray) -> float:
    """How well a number tells the outcome of these rows; NaN where that has no meaning."""
    task, y = task_of(snapshot.task), search.response[held]
    if len(held) < 2 or not np.ptp(y) or not np.ptp(x):
        return float("nan")
    if task.over_time:
        rows = snapshot.rows[one_row_a_subject(snapshot)[held]]
        both = task.targets(rows, snapshot.classes)
        value = c_index(both[:, 0], both[:, 1], x)
    elif task.numeric or task.own_units:
        value = float(np.corrcoef(x, y)[0, 1])
    else:
        value = auroc((y > 0.5).astype(np.int64), x)
    return float("nan") if value is None else float(value)


def _judged(snapshot: Snapshot, folds: list[tuple[set[str], float]]) -> tuple[str, list[float | None]]:
    """What `held_out` measures, and it with its interval over folds."""
    task = task_of(snapshot.task)
    measure = "c_index" if task.over_time else "correlation" if task.numeric or task.own_units else "auroc"
    values = np.array([value for _, value in folds])[:, None]
    if not np.isfinite(values).any():
        return measure, [None, None, None]
    repeats = snapshot.folds["repeat"].n_unique()  # type: ignore[attr-defined]
    told = corrected_interval(values, 1 / max(len(folds) / repeats - 1, 1))
    return measure, [None if np.isnan(one[0]) else float(one[0]) for one in told]


def _table(snapshot: Snapshot, found: _Found, at: int, q: float) -> pl.DataFrame:
    """The genes of one group, the strongest first. Of a second one folds cannot say which of theirs it is: not judged."""
    search, score, group = found.search, found.score, found.groups[at]
    var = snapshot.layers[search.layer].var
    nodes = group.nodes[np.argsort(-score[group.nodes], kind="stable")]
    genes, features = [search.values.genes[i] for i in nodes], search.values.feature[found.best[nodes]]
    least = np.sqrt(2 * cost_of(len(search.values.genes), len(search.edges)))
    measure, told = _judged(snapshot, found.folds if at == 0 else [])
    each = {
        "gene": genes,
        "symbol": var["symbol"][features].to_list(),
        "feature": var["feature"][features].to_list(),
        "score": score[nodes],
        "joined_as": ["signal" if score[i] >= least else "bridge" for i in nodes],
        "stability": [
            sum(gene in inside for inside, _ in found.folds) / len(found.folds) if found.folds else None
            for gene in genes
        ],
    }
    return pl.DataFrame(each, schema_overrides={"symbol": pl.String, "stability": pl.Float64}).with_columns(
        pl.lit(search.layer).alias("layer"),
        pl.lit(search.column).alias("class"),
        pl.lit("up" if search.sign > 0 else "down").alias("direction"),
        pl.lit(len(nodes)).alias("genes"),
        pl.lit(group.value).alias("value"),
        pl.lit(found.p[at]).alias("p"),
        pl.lit(max(q, found.p[at])).alias("q"),
        pl.lit(found.shuffles).alias("shuffles"),
        pl.lit(measure).alias("measure"),
        *(pl.lit(one, pl.Float64).alias(name)
          for name, one in zip(("held_out", "held_out_low", "held_out_high"), told, strict=True)),
    )  # fmt: skip
