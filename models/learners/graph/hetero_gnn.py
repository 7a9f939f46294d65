"""Heterogeneous graph network learner: all modalities in one graph of typed relations, a head of the task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from ...base.embedding import Embeddings
from ...base.snapshot import Snapshot
from ...encoders.relational_graph import RelationalGraph, relational_graph
from ...preprocessing.graph_edges import GraphEdges
from ...preprocessing.records.event_times import KNOTS
from ..network import FEW, NetworkLearner
from .centred import Centred

if TYPE_CHECKING:
    import torch

    from .edge_gradients import GraphAttribution

QUICK = 5.0
"""Seconds that a fit may take for `default` to have it: a run makes five or more in each fold."""
STEP, EACH = 2e-3, 2e-7
"""Seconds of a step of training, by one core, and of each node and edge in it, measured."""


class HeteroGNN(NetworkLearner):
    """`encoders.hetero_network` over every layer, the records and the covariates; a head of the task.

    Inductive: a patient hears of its features and codes, and sends nothing. settings: `edges` = "none" is the same network
    without knowledge, "shuffled" with its features' places exchanged; `times` = "none" does not see when a code was recorded.
    """

    name = "hetero_gnn"
    records = "messages"
    grid = ({}, {"edges": "none"}, {"dropout": 0.4})
    plan: ClassVar[Mapping[str, Any]] = {"epochs": 25, "patience": 6, "lr": 1e-2, "weight_decay": 0.1, "batch_size": 32}

    def space(self) -> Mapping[str, Any]:
        from scipy.stats import uniform

        return {
            "dropout": uniform(0.0, 0.6),
            "depth": [1, 2],
            "edges": ["true", "none"],
            "times": ["true", "none"],
            "plan": [{"lr": lr} for lr in (3e-3, 1e-2)],
        }

    def reason(self, snapshot: Snapshot) -> str | None:
        if not snapshot.layers and snapshot.events is None:
            return "the study has no omics and no records, so no graph"
        return "no knowledge links what was measured" if snapshot.links.is_empty() else None

    def aside(self, snapshot: Snapshot) -> str | None:
        nodes = sum(layer.var.height for layer in snapshot.layers.values())
        nodes += 0 if snapshot.events is None else snapshot.events["code"].n_unique()
        steps = self.plan["epochs"] * len(snapshot.rows) / self.plan["batch_size"]
        seconds = steps * (STEP + EACH * (nodes + 2 * snapshot.links.height))
        if seconds <= QUICK:
            return None
        return (
            f"a fit would take about {seconds:,.0f} s ({len(snapshot.rows):,} rows, {nodes:,} features and codes, "
            f'{snapshot.links.height:,} links): learners = ["default", "{self.name}"] asks for it'
        )

    def _fit_messages(self, snapshot: Snapshot, rows: np.ndarray, y: np.ndarray) -> dict[str, np.ndarray]:
        columns: list[str | None] = []
        genes: dict[str, str] = {}
        for name in self.modalities(snapshot):
            edges = GraphEdges(name, timed=self.setting.get("times") != "none").fit(snapshot, rows)
            here = rows[edges.present(snapshot, rows)]
            if len(here) < FEW or not edges.scale.any():
                continue
            self.edges[name], self.messages[name] = edges, Centred.of(partial(edges.take, snapshot), here)
            columns += edges.columns
            genes |= edges.genes
        rng = np.random.default_rng(self.seed)
        self.graph = relational_graph(columns, genes, snapshot.links, self.setting.get("edges", "true"), rng)
        return {}

    def _encoder(self, start: Mapping[str, float]) -> Any:
        from ...encoders.hetero_network import HeteroNetwork

        times = {name: (len(one.tokens), len(KNOTS)) for name, one in self.edges.items() if one.tokens}
        return HeteroNetwork(
            self.graph, {name: len(one.columns) for name, one in self.edges.items()}, self.width, times=times,
            width=self.setting.get("width", 16), depth=self.setting.get("depth", 2), dropout=self.setting.get("dropout", 0.1),
        )  # fmt: skip

    def embeddings(self, snapshot: Snapshot, rows: np.ndarray) -> Embeddings:
        import torch

        encoder: Any = self.network.encoder
        with torch.no_grad():
            vectors = encoder.nodes().numpy()
        first = {
            one: i for i, one in reversed([*enumerate(self.graph.ids)]) if one
        }  # of two columns of an entity the first
        return replace(super().embeddings(snapshot, rows), nodes=tuple(first), vectors=vectors[[*first.values()]])

    def explain(self, snapshot: Snapshot, row: int) -> GraphAttribution:
        """What moved the score of one row: its values, and messages of knowledge (`edge_gradients`)."""
        import torch

        from ...encoders.hetero_network import EDGES
        from .edge_gradients import STEPS, explain

        inputs, network = self.inputs(snapshot).serving(np.arange(len(snapshot.rows))), self.network
        batch = inputs.take(np.array([row]))
        flat = {name: torch.zeros_like(x) for name, x in batch.layers.items()}
        (sender, receiver), kind = self.graph.edge_index, self.graph.edge_type
        of = [np.flatnonzero(kind == i) for i in range(len(self.graph.relations))]
        ends = {name: (self._ids(sender[at]), self._ids(receiver[at]), None)
                for name, at in zip(self.graph.relations, of, strict=True)}  # fmt: skip
        place = torch.from_numpy(np.concatenate([np.zeros(0, np.int64), *of]))
        encoder: Any = network.encoder

        def masked(masks: Mapping[str, torch.Tensor]) -> torch.Tensor:
            every = torch.cat([torch.zeros(0), *masks.values()])
            mask = torch.zeros(len(kind)).index_copy(0, place, every)
            return torch.as_tensor(network.head.raw(encoder(batch, {EDGES: mask})[0]))

        nodes = self.contributions(snapshot, row, STEPS)
        return explain(network, batch, replace(batch, layers=flat), nodes, ends, masked)

    def _ids(self, places: np.ndarray) -> list[str]:
        return [self.graph.ids[i] for i in places]

    def state(self) -> dict[str, Any]:
        return {**super().state(), "graph": self.graph.state()}

    def restore(self, state: Mapping[str, Any]) -> Self:
        self.graph = RelationalGraph.restored(state["graph"])
        return super().restore({name: one for name, one in state.items() if name != "graph"})

    def _restored(self, state: Mapping[str, Any]) -> Centred:
        return Centred(**state)
