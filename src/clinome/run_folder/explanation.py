"""Explanation of one patient's prediction: the nodes and edges of the graph that moved it, as tables and in networkx."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from clinome.loaders.errors import InputError

if TYPE_CHECKING:
    import networkx as nx
    import pandas as pd
    import polars as pl

    from clinome.snapshot import Snapshot


@dataclass(frozen=True)
class Explanation:
    """What moved the prediction of one patient, as a bounded part of the graph.

    risk: what the learner predicts; of several classes the probability of the most probable one, of several labels at once
        of the one that is explained: by which the patient stands out most. label: which class or label; "" where there is
        one risk alone. score: the same before it
        becomes a probability (a logit, a log hazard; of several classes the logit above their mean).
    nodes: kind, id, name, score: what the patient's own values of a node contributed; all of them, those left out too, sum
        to `score` less `typical`, the score at the training mean of every value. Of what has no value of its own (a pathway,
        a neighbour) it is the sum of its edges.
    edges: relation, source, target, score, attention: what the message along an edge contributed; all of them sum to `score`
        less `unlinked`, the score of the same network without messages. attention: what the network weighed the edge by,
        where it weighs them.
    held_out: whether the network was fitted without this patient.
    """

    learner: str
    risk: float
    score: float
    typical: float
    unlinked: float
    held_out: bool
    label: str
    nodes: pd.DataFrame
    edges: pd.DataFrame

    def __repr__(self) -> str:
        """In counts: no id, no value of a patient."""
        return f"Explanation({self.learner}: {len(self.nodes):,} nodes, {len(self.edges):,} edges)"

    def to_networkx(self) -> nx.MultiDiGraph[str]:
        """networkx: nodes by id, with kind, name, score; edges with relation, score, attention."""
        import networkx as nx

        graph: nx.MultiDiGraph[str] = nx.MultiDiGraph()
        for one in self.nodes.itertuples(index=False):
            graph.add_node(str(one.id), kind=one.kind, name=one.name, score=one.score)
        for one in self.edges.itertuples(index=False):
            graph.add_edge(
                str(one.source), str(one.target), relation=one.relation, score=one.score, attention=one.attention
            )
        return graph


def explain(
    snapshot: Snapshot, patient: str, learner: str, most: int, settings: Sequence[Mapping[str, Any]], seed: int
) -> Explanation:
    """What `Run.explain` gives.

    Args:
        settings: of this learner in each fold (`results.json`). seed: of the run's folds.
    """
    import numpy as np
    import pandas as pd

    from clinome.models.base.threads import one_thread
    from clinome.models.learners.registry import make, on_graph, reason_of

    where = f'learner "{learner}"'
    able = [name for name in on_graph() if hasattr(make(name), "explain")]
    if learner not in able:
        raise InputError("it explains no single prediction", where, expected=", ".join(able), fix=f'name one, such as "{able[0]}"')  # fmt: skip
    if (reason := reason_of(make(learner), snapshot)) is not None:
        fix = "`clinome learners STUDY` lists those that can"
        raise InputError("it cannot run on this study", where, reason, fix=fix)
    if most < 1:
        raise InputError("nothing to show", "most", most, "1 or more", "give how many edges, and nodes, to show")
    rows = np.flatnonzero((snapshot.rows["subject_id"] == patient).to_numpy())
    if not len(rows):
        fix = "run.cohort holds those that are"
        raise InputError("this patient is not in the cohort", "patient", expected="a subject_id of the run", fix=fix)
    row = int(rows[-1])  # of several the last, as in `clinome.embed`
    fold = _fold(snapshot, row)
    with one_thread(make(learner)):
        fitted, held_out = _fitted(snapshot, learner, fold, row, settings, seed)
        found, risk = fitted.explain(snapshot, row), fitted.predict(snapshot, np.array([row]))
    edges = found.edges.head(most)
    nodes = _nodes(found, edges, most)
    kinds = _kinds(snapshot, edges)
    names = {one: symbol for layer in snapshot.layers.values() for one, symbol in _symbols(layer.var)}
    told = [{"kind": kinds.get(i, "Patient" if i == patient else ""), "id": i, "name": names.get(i, i), "score": score}
            for i, score in nodes.items()]  # fmt: skip
    table = pd.DataFrame(told, columns=["kind", "id", "name", "score"])
    share, label = _of_label(snapshot, np.asarray(risk)[0], found.score)
    return Explanation(
        learner, share, found.score, found.typical, found.unlinked, held_out, label, table, edges.to_pandas()
    )


def _of_label(snapshot: Snapshot, risk: Any, score: float) -> tuple[float, str]:
    """The risk that is explained, and of which class or label it is.

    risk: () or (classes,). score: of several labels at once the logit of the one that is explained.
    """
    import numpy as np

    from clinome.models.base.task import task_of

    if not np.ndim(risk):
        return float(risk), ""
    exclusive = task_of(snapshot.task).exclusive
    at = int(np.argmax(risk) if exclusive else np.abs(risk - 1 / (1 + np.exp(-score))).argmin())
    return float(risk[at]), snapshot.classes[at]


def _fold(snapshot: Snapshot, row: int) -> tuple[int, int]:
    """The first fold in which the row is held out; the first of all where it never is."""
    import polars as pl

    folds = snapshot.folds.select("repeat", "fold", "row", "split").sort("repeat", "fold")
    out = folds.filter((pl.col("row") == row) & (pl.col("split") == "held_out"))
    first = (out if out.height else folds).row(0, named=True)
    return first["repeat"], first["fold"]


def _fitted(
    snapshot: Snapshot, learner: str, fold: tuple[int, int], row: int, settings: Sequence[Mapping[str, Any]], seed: int
) -> tuple[Any, bool]:
    """The learner as the run fitted it in this fold, setting and seed; with its default setting where the run had it not."""
    from clinome.models.base.folds import parts
    from clinome.models.experiment.tuning import seed_of
    from clinome.models.learners.registry import make

    setting: Mapping[str, Any] = next((one["setting"] for one in settings if (one["repeat"], one["fold"]) == fold), {})
    train, tuning, held_out = parts(snapshot.folds, *fold)
    fitted: Any = make(learner).with_setting(setting, seed_of(seed_of(seed, *fold), learner))
    fitted.fit(snapshot, train, tuning)
    return fitted, bool(row in held_out)


def _nodes(found: Any, edges: pl.DataFrame, most: int) -> dict[str, float]:
    """Id -> score of the ends of these edges, and of the values that moved the score most; what matters most first."""
    own = dict(found.nodes.iter_rows())
    of_edges: dict[str, float] = {}
    for source, target, score in found.edges.select("source", "target", "score").iter_rows():
        for one in {source, target} - own.keys():
            of_edges[one] = of_edges.get(one, 0.0) + score
    ends = {one for side in ("source", "target") for one in edges[side]}
    shown = {**{one: of_edges[one] for one in ends if one in of_edges}, **{one: own[one] for one in ends if one in own}}
    shown |= {one: score for one, score in found.nodes.filter(found.nodes["score"] != 0).head(most).iter_rows()}
    return dict(sorted(shown.items(), key=lambda one: (-abs(one[1]), one[0])))


def _symbols(var: pl.DataFrame) -> list[tuple[str, str]]:
    import polars as pl

    both = [var.select("feature", "symbol"), var.select(pl.col("gene").alias("feature"), "symbol")]
    return [(one, symbol) for table in both[::-1] for one, symbol in table.drop_nulls().iter_rows()]


def _kinds(snapshot: Snapshot, edges: pl.DataFrame) -> dict[str, str]:
    """Id -> its label in the graph; of what is no node of it: Covariate, or what it is a part of (Layer, Records)."""
    import polars as pl

    from clinome.graphs.schema import code_labels, feature_labels, link_ends

    kinds: dict[str, str] = {}
    for layer in snapshot.layers.values():
        var = layer.var.rename({"feature": "id"})
        kinds |= dict.fromkeys(var["gene"].drop_nulls().to_list(), "Gene") if "gene" in var.columns else {}
        kinds |= dict(zip(var["id"].to_list(), feature_labels(var, layer.kind).to_list(), strict=True))
    if snapshot.events is not None:
        kinds |= dict(code_labels(snapshot.events["code"]).select("code", "label").iter_rows())
    ends = pl.concat([edges["source"], edges["target"]]).unique().implode()
    links = snapshot.links.filter(pl.col("subject").is_in(ends) | pl.col("object").is_in(ends))
    known = pl.DataFrame(
        {"id": list(kinds), "label": list(kinds.values())}, schema={"id": pl.String, "label": pl.String}
    )
    for side, label in (("subject", "start_label"), ("object", "end_label")):
        kinds = dict(link_ends(links, known)[0].select(side, label).iter_rows()) | kinds
    own: Mapping[str, str] = {
        **dict.fromkeys(snapshot.layers, "Layer"), **dict.fromkeys(snapshot.covariates.columns, "Covariate"),
        "records": "Records", "covariates": "Covariate",
    }  # fmt: skip
    return {**own, **kinds, **dict.fromkeys(snapshot.rows["subject_id"].to_list(), "Patient")}
