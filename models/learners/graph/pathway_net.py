"""Pathway network learner: patients' values on the genes, summed along the hierarchy of pathways."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ...base.snapshot import Snapshot
from ...encoders.genes.pathway_graph import PART, PATHWAY, PathwayGraph, pathway_graph
from .on_genes import DIM, OnGenes, genes_in

if TYPE_CHECKING:
    from torch import nn

    from ...training.batch import Batch
    from .edge_gradients import Ends


class PathwayNet(OnGenes):
    """`encoders.genes.pathway_network` over every layer whose features are genes or of genes; a head of the task.

    settings: `edges` = "none" is the same network without pathways, "shuffled" with the places of genes, and of pathways
    of one level, exchanged.
    """

    name = "pathway_net"
    seconds = 0.5e-6  # 850 rows of 600 genes, 12 passes: 3 s
    grid = ({}, {"edges": "none"}, {"dropout": 0.4})
    plan: ClassVar[Mapping[str, Any]] = {**OnGenes.plan, "lr": 3e-3}

    def space(self) -> Mapping[str, Any]:
        from scipy.stats import uniform

        return {
            "dropout": uniform(0.0, 0.6),
            "edge_dropout": uniform(0.0, 0.3),
            "edges": ["true", "none"],
            "plan": [{"lr": lr} for lr in (1e-3, 3e-3, 1e-2)],
        }

    def reason(self, snapshot: Snapshot) -> str | None:
        missing = f"no knowledge says which pathways the measured genes are in ({PATHWAY})"
        known = len(pathway_graph(genes_in(snapshot), snapshot.links).level)
        return super().reason(snapshot) or (None if known else missing)

    def aside(self, snapshot: Snapshot) -> str | None:
        known = PART in snapshot.links["predicate"]
        missing = f'of its pathways no knowledge says what they are part of ({PART}): learners = ["default", "{self.name}"] asks for it'
        return super().aside(snapshot) if known else missing

    def _graph(self, snapshot: Snapshot, genes: list[str]) -> PathwayGraph:
        rng = np.random.default_rng(self.seed)
        return pathway_graph(genes, snapshot.links, self.setting.get("edges", "true"), rng)

    def _restored(self, state: Mapping[str, Any]) -> PathwayGraph:
        return PathwayGraph.restored(state)

    def _heard(self, graph: PathwayGraph, share: np.ndarray) -> np.ndarray:
        gene, pathway = graph.members
        size = np.maximum(np.bincount(pathway, minlength=len(graph.level)), 1)
        mean = np.bincount(pathway, share[gene], minlength=len(graph.level)) / size
        found = np.zeros(graph.genes)
        np.maximum.at(found, gene, mean[pathway])
        return found

    def _ends(self, snapshot: Snapshot, batch: Batch) -> dict[str, Ends]:
        ids, (gene, pathway), (part, larger) = self.graph.ids, self.graph.members, self.graph.parts
        return {
            PATHWAY: ([self.genes[i] for i in gene], [ids[i] for i in pathway], None),
            PART: ([ids[i] for i in part], [ids[i] for i in larger], None),
        }

    def _encoder(self) -> nn.Module:
        from ...encoders.genes.pathway_network import PathwayNetwork

        return PathwayNetwork(
            self.graph, list(self.values), self.masked, DIM, width=self.setting.get("width", 8),
            dropout=self.setting.get("dropout", 0.1), edge_dropout=self.setting.get("edge_dropout", 0.0),
        )  # fmt: skip
