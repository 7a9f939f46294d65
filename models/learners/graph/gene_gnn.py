"""Gene network learner: patients' values on the genes, messages over interactions, weights shared by all genes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from ...base.snapshot import Snapshot
from ...encoders.genes.gene_graph import INTERACTS, PATHWAY, GeneGraph, gene_graph, interactions, pathway_ids
from .on_genes import DIM, OnGenes, genes_in

if TYPE_CHECKING:
    from torch import nn

    from ...training.batch import Batch
    from .edge_gradients import Ends


class GeneGNN(OnGenes):
    """`encoders.genes.gene_network` over every layer whose features are genes or of genes; a head of the task.

    settings: `edges` = "none" is the same network without interactions and pathways, "shuffled" with its genes' places
    exchanged.
    """

    name = "gene_gnn"
    seconds = 1.4e-6  # benchmarks/networks/gene_network.py
    grid = ({}, {"edges": "none"}, {"dropout": 0.4})

    def space(self) -> Mapping[str, Any]:
        from scipy.stats import uniform

        return {
            "dropout": uniform(0.0, 0.6),
            "edge_dropout": uniform(0.0, 0.5),
            "depth": [1, 2, 3],
            "edges": ["true", "none"],
            "plan": [{"lr": lr} for lr in (3e-3, 1e-2)],
        }

    def reason(self, snapshot: Snapshot) -> str | None:
        known = pl.Series(genes_in(snapshot), dtype=pl.String).implode()
        among = interactions(snapshot.links).filter(pl.col("subject").is_in(known) & pl.col("object").is_in(known))
        missing = "no knowledge says which of the measured genes interact (INTERACTS_WITH)"
        return super().reason(snapshot) or (missing if among.is_empty() else None)

    def _graph(self, snapshot: Snapshot, genes: list[str]) -> GeneGraph:
        return gene_graph(genes, snapshot.links, self.setting.get("edges", "true"), np.random.default_rng(self.seed))

    def _restored(self, state: Mapping[str, Any]) -> GeneGraph:
        return GeneGraph.restored(state)

    def _heard(self, graph: GeneGraph, share: np.ndarray) -> np.ndarray:
        return np.bincount(graph.edge_index[1], graph.weight * share[graph.edge_index[0]], minlength=graph.genes)

    def _ends(self, snapshot: Snapshot, batch: Batch) -> dict[str, Ends]:
        import torch

        sender, receiver = self.graph.edge_index
        found: dict[str, Ends] = {INTERACTS: (self._ids(sender), self._ids(receiver), None)}
        if self.graph.pathways:
            encoder: Any = self.network.encoder
            encoder.eval()
            with torch.no_grad():
                attention = encoder.pool(encoder.heard(batch))[1][:, 0, 0].double().numpy()
            ids, (gene, pathway) = pathway_ids(self.genes, snapshot.links), self.graph.members
            found[PATHWAY] = (self._ids(gene), [ids[i] for i in pathway], attention[pathway])
        return found

    def _ids(self, places: np.ndarray) -> list[str]:
        return [self.genes[i] for i in places]

    def _encoder(self) -> nn.Module:
        from ...encoders.genes.gene_network import GeneNetwork

        return GeneNetwork(
            self.graph, list(self.values), self.masked, DIM, width=self.setting.get("width", 16),
            depth=self.setting.get("depth", 2), dropout=self.setting.get("dropout", 0.1),
            edge_dropout=self.setting.get("edge_dropout", 0.1),
        )  # fmt: skip
