"""Masked fusion of all encoders: messages of every layer and view (notes, images), the records' messages and their sequence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from ..base.snapshot import Snapshot
from .base import several_views
from .network import NetworkLearner


class Fusion(NetworkLearner):
    """A patient is served by whatever there is; modality dropout in training."""

    name = "fusion"
    records = "both"
    grid = ({}, {"dropout": 0.4, "drop_modality": 0.4})
    plan: ClassVar = {"epochs": 30, "patience": 3, "lr": 2e-3, "weight_decay": 1e-2, "batch_size": 64}

    def space(self) -> Mapping[str, Any]:
        from scipy.stats import uniform

        return {
            "dropout": uniform(0.0, 0.6),
            "drop_modality": uniform(0.0, 0.5),
            "directions": [0, 8, 32],
            "plan": [{"lr": lr} for lr in (5e-4, 2e-3, 5e-3)],
        }

    def modalities(self, snapshot: Snapshot) -> list[str]:
        return [*super().modalities(snapshot), *snapshot.views]

    def reason(self, snapshot: Snapshot) -> str | None:
        if several_views(snapshot):
            return None
        return "there is nothing to fuse: the study has one of omics, records, notes and images"
