"""Propagation: values spread over genes, pathways and codes in closed form, one subgraph a modality, and a small readout."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from ...base.snapshot import Snapshot
from ..network import NetworkLearner


class Propagation(NetworkLearner):
    """Messages patient <- feature <- knowledge (`encoders.propagation`), masked fusion, head.

    settings: `edges` = "none" is the same learner without knowledge, "shuffled" with its features' places exchanged.
    """

    name = "propagation"
    records = "messages"
    grid = ({}, {"directions": 0}, {"edges": "none"}, {"dropout": 0.5})
    plan: ClassVar = {"epochs": 60, "patience": 10, "lr": 3e-3, "weight_decay": 0.1, "batch_size": 512,
                      "full_batch": 2000, "warmup": 10}  # fmt: skip

    def space(self) -> Mapping[str, Any]:
        from scipy.stats import uniform

        return {
            "dropout": uniform(0.0, 0.6),
            "directions": [0, 8, 32],
            "edges": ["true", "none"],
            "plan": [{"lr": lr} for lr in (1e-3, 3e-3, 1e-2)],
        }

    def reason(self, snapshot: Snapshot) -> str | None:
        if snapshot.layers or snapshot.events is not None:
            return None
        return "the study has no omics and no records, so no graph"
