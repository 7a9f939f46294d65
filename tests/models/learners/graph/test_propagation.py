"""Propagation: held-out patients send nothing, knowledge is used, twins without or with shuffled edges run."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from scipy import sparse
from snapshots import make_snapshot

from clinome.models.base.folds import parts
from clinome.models.encoders.knowledge_graph import KnowledgeGraph, knowledge, subgraph
from clinome.models.encoders.propagation import fit_messages
from clinome.models.learners.registry import make
from clinome.models.metrics.task_metrics import inner_score, targets
from clinome.snapshot import Snapshot

LINKS = pl.DataFrame(
    [("A", "INTERACTS_WITH", "B", 0.5), ("B", "INTERACTS_WITH", "C", 1.0), ("A", "IN_PATHWAY", "P", None),
     ("C", "IN_PATHWAY", "P", None), ("X", "INTERACTS_WITH", "Y", 1.0), ("A", "LOCATED_IN", "Z", None)],
    schema={"subject": pl.String, "predicate": pl.String, "object": pl.String, "score": pl.Float64}, orient="row",
)  # fmt: skip


def garbage(snapshot: Snapshot, rows: np.ndarray) -> Snapshot:
    """Everything about these rows replaced: values, covariates, events; their labels too."""
    rng = np.random.default_rng(0)
    layers = {}
    for name, layer in snapshot.layers.items():
        if isinstance(layer.values, np.ndarray):
            values = layer.values.copy()
            values[rows] = 1e4
        else:
            loud = layer.values.toarray()
            loud[rows] = rng.integers(0, 2, loud[rows].shape)
            values = sparse.csr_matrix(loud)
        layers[name] = replace(layer, values=values)
    mine = pl.Series(np.isin(np.arange(len(snapshot.rows)), rows))
    covariates = snapshot.covariates.with_columns(age=pl.when(mine).then(-500.0).otherwise("age"))
    label = snapshot.rows.with_columns(label=pl.when(mine).then(1 - pl.col("label")).otherwise("label"))
    events = snapshot.events
    if events is not None:
        theirs = pl.Series(np.isin(events["row"].to_numpy(), rows))
        events = events.with_columns(code=pl.when(theirs).then(pl.lit("X:garbage")).otherwise("code"))
    return replace(snapshot, layers=layers, covariates=covariates, rows=label, events=events)


def same(one: object, two: object) -> bool:
    if isinstance(one, dict) and isinstance(two, dict):
        return one.keys() == two.keys() and all(same(one[k], two[k]) for k in one)
    return np.array_equal(one, np.asarray(two)) if isinstance(one, np.ndarray) else one == two


@pytest.mark.parametrize(
    "name", ["propagation", "gene_gnn", "hetero_gnn", "pathway_net", "gru", "gru_d", "sequence", "fusion"]
)
def test_held_out_patients_send_nothing(name: str) -> None:
    snapshot = make_snapshot(n=150, records=True)
    train, tuning, held = parts(snapshot.folds, 0, 0)
    other = garbage(snapshot, held[1:])
    first, second = (make(name).with_setting({"plan": {"epochs": 3}}, 1) for _ in range(2))
    first.fit(snapshot, train, tuning)
    second.fit(other, train, tuning)
    assert same(first.state(), second.state())
    one, two = first.predict(snapshot, held), second.predict(other, held)
    assert one[0] == pytest.approx(two[0], rel=1e-5)
    assert np.abs(one[1:] - two[1:]).max() > 1e-3


@pytest.mark.parametrize("setting", [{}, {"edges": "none"}, {"edges": "shuffled"}, {"directions": 0}])
@pytest.mark.parametrize("task", ["binary", "multiclass", "survival"])
def test_the_network_and_its_twins_find_the_planted_cause(task: str, setting: dict[str, object]) -> None:
    snapshot = make_snapshot(task, n=180, signal=2.0, records=True, layers=("rna", "mutations", "methylation"))
    train, tuning, held = parts(snapshot.folds, 0, 0)
    learner = make("propagation").with_setting({**setting, "plan": {"epochs": 15}}, 1)
    learner.fit(snapshot, train, tuning)
    score = learner.predict(snapshot, held)
    assert inner_score(task, targets(snapshot.rows[held], task, snapshot.classes), score) > 0.65
    reach = {name: one.restart for name, one in learner.messages.items()}  # type: ignore[attr-defined]
    if setting.get("edges") == "none":
        assert set(reach.values()) == {1.0}


def test_the_subgraph_is_what_two_steps_reach() -> None:
    graph = subgraph(["A", None, "probe", "A"], {"probe": "B"}, LINKS)
    assert graph.nodes[:4] == ("A", "#1", "probe", "A") and set(graph.nodes[4:]) == {"B", "C", "P"}
    assert set(graph.relations) == {"INTERACTS_WITH", "IN_PATHWAY", "OF_GENE", "SAME_AS"}
    index, weight = graph.relations["INTERACTS_WITH"]
    names = [(graph.nodes[i], graph.nodes[j]) for i, j in index.T]
    assert names == [("A", "B"), ("B", "C")] and weight.tolist() == [0.5, 1.0]
    assert knowledge(subgraph(["Q", None], {}, LINKS), 2) is None


def test_messages_spread_and_fade_and_hubs_do_no_harm() -> None:
    columns = [f"G{i}" for i in range(30)]
    star = [("G0", "INTERACTS_WITH", f"G{i}", 1.0) for i in range(2, 30)] + [("G1", "INTERACTS_WITH", "G2", 1.0)]
    made = knowledge(subgraph(columns, {}, pl.DataFrame(star, schema=LINKS.schema, orient="row")), 30)
    assert isinstance(made, KnowledgeGraph)
    x = np.eye(30, dtype=np.float32)
    heard = made.propagate(x, 0.3)
    assert np.allclose(heard, heard.T, atol=1e-6) and np.linalg.eigvalsh(heard).max() <= 1 + 1e-5
    assert heard[1, 1] > heard[1, 2] > heard[1, 0] > 0  # itself, its neighbour, the neighbour's neighbour
    assert np.array_equal(made.propagate(x, 1.0), x)


def test_shuffling_keeps_every_degree() -> None:
    columns = [f"NCBIGene:{i + 1}" for i in range(60)]
    graph = subgraph(columns, {}, make_snapshot(n=9).links)
    plain, mixed = knowledge(graph, 60), knowledge(graph, 60, np.random.default_rng(1))
    assert plain is not None and mixed is not None
    assert (plain.adjacency != mixed.adjacency).nnz > 0
    degrees = [np.sort(np.diff(k.adjacency.indptr)) for k in (plain, mixed)]
    assert np.array_equal(degrees[0], degrees[1])


def test_a_training_rows_readout_does_not_know_its_own_label() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(80, 200)).astype(np.float32)
    y = (rng.uniform(size=80) < 0.5).astype(float)
    noise = [
        inner_score("binary", y, fit_messages(lambda r: x[r], np.arange(80), y[:, None], None, seed=s).readout[:, 0])
        for s in range(5)
    ]
    assert np.mean(noise) < 0.6  # nothing was planted; readouts that had seen the labels would reach 1


def test_readouts_are_those_of_a_ridge_that_never_saw_the_row() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(60, 15)).astype(np.float32)
    y = x[:, :1].astype(np.float64) + rng.normal(size=(60, 1))
    made = fit_messages(lambda r: x[r], np.arange(60), y, None)
    found = made.receive(x)[:, 0]
    assert np.corrcoef(found, x[:, 0])[0, 1] > 0.8 and made.error < 1
    assert np.std(made.readout) == pytest.approx(1, abs=0.05)
    assert np.corrcoef(made.readout[:, 0], found)[0, 1] > 0.9


def module_study(seed: int) -> tuple[float, float]:
    """AUROC on new rows with the graph and with a shuffled one; 20 neighbours of 300 genes carry a weak signal each."""
    rng = np.random.default_rng(seed)
    n, genes, effect = 160, 300, 0.15

    def draw(rows: int) -> tuple[np.ndarray, np.ndarray]:
        y = rng.permutation(np.arange(rows) % 2).astype(float)
        x = rng.normal(size=(rows, genes)).astype(np.float32)
        x[:, :20] += effect * (2 * y[:, None] - 1)
        return x, y

    (x, y), (new, label) = draw(n), draw(2000)
    ring = [(f"G{i}", "INTERACTS_WITH", f"G{(i + d) % 20}", 1.0) for i in range(20) for d in (1, 2, 3)]
    rest = [(f"G{i}", "INTERACTS_WITH", f"G{rng.integers(20, genes)}", 1.0) for i in range(20, genes) for _ in range(3)]
    links = pl.DataFrame(ring + rest, schema=LINKS.schema, orient="row")
    graph = subgraph([f"G{i}" for i in range(genes)], {}, links)

    def auroc(shuffle: np.random.Generator | None) -> float:
        made = fit_messages(lambda r: x[r], np.arange(n), y[:, None], knowledge(graph, genes, shuffle))
        return inner_score("binary", label, made.receive(new)[:, 0])

    return auroc(None), auroc(np.random.default_rng(seed + 100))


def test_a_module_of_neighbours_is_heard_through_the_graph() -> None:
    true, shuffled = np.mean([module_study(seed) for seed in range(6)], axis=0)
    assert true > shuffled + 0.08
