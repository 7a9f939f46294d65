"""Pathway network learner: patients' values on the genes, summed along the hierarchy of pathways."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import polars as pl

from ...base.snapshot import Snapshot
from ...encoders.pathway_graph import PATHWAY, PathwayGraph, pathway_graph
from ...preprocessing.gene_values import genes_of
from .gene_gnn import DIM, GeneGNN


class PathwayNet(GeneGNN):
    """`encoders.pathway_network` over every layer whose features are genes or of genes; a head of the task.

    settings: `edges` = "none" is the same network without pathways, "shuffled" with its genes' and pathways' places exchanged.
    """

    name = "pathway_net"
    grid = ({}, {"edges": "none"}, {"dropout": 0.4})

    def space(self) -> Mapping[str, Any]:
        from scipy.stats import uniform

        return {
            "dropout": uniform(0.0, 0.6),
            "edge_dropout": uniform(0.0, 0.5),
            "edges": ["true", "none"],
            "plan": [{"lr": lr} for lr in (3e-3, 1e-2)],
        }

    def reason(self, snapshot: Snapshot) -> str | None:
        genes = {gene for name in snapshot.layers for gene in genes_of(snapshot, name).values()}
        if not genes:
            return "the study has no omics layer whose features are of genes"
        if not len(pathway_graph(sorted(genes), snapshot.links).level):
            return f"no knowledge says which pathways the measured genes are in ({PATHWAY})"
        return None

    def _topology(self, snapshot: Snapshot) -> PathwayGraph:
        rng = np.random.default_rng(self.seed)
        return pathway_graph(self.genes, snapshot.links, self.setting.get("edges", "true"), rng)

    def _encoder(self) -> Any:
        from ...encoders.pathway_network import PathwayNetwork

        return PathwayNetwork(
            self.graph, list(self.values), self.masked, DIM, width=self.setting.get("width", 8),
            dropout=self.setting.get("dropout", 0.1), edge_dropout=self.setting.get("edge_dropout", 0.1),
        )  # fmt: skip

    def restore(self, state: Mapping[str, Any]) -> Self:
        return super().restore(state)
