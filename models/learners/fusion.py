"""All encoders together: every layer's messages, the records' messages and their sequence, masked."""

from __future__ import annotations

from typing import ClassVar

from ..data import Snapshot
from .network import NetworkLearner


class Fusion(NetworkLearner):
    """A patient is served by whatever there is; modality dropout in training."""

    name = "fusion"
    records = "both"
    grid = ({}, {"dropout": 0.4, "drop_modality": 0.4})
    plan: ClassVar = {"epochs": 30, "patience": 5, "lr": 2e-3, "weight_decay": 1e-2, "batch_size": 64}

    def supports(self, snapshot: Snapshot) -> str | None:
        if snapshot.layers and snapshot.events is not None:
            return None
        return "the study has no omics" if snapshot.events is not None else "the study has no records"
