"""Sequence transformer over each row's codes, with time between them (`encoders.transformer`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from ...base.snapshot import Snapshot
from ..network import NetworkLearner


class Sequence(NetworkLearner):
    """Codes in their order and time; covariates beside them, where the study names some."""

    name = "sequence"
    records = "both"
    layers = False
    grid = ({}, {"dropout": 0.4, "depth": 1})
    plan: ClassVar = {"epochs": 30, "patience": 3, "lr": 2e-3, "weight_decay": 1e-2, "batch_size": 64}

    def space(self) -> Mapping[str, Any]:
        from scipy.stats import uniform

        return {
            "dropout": uniform(0.0, 0.6),
            "depth": [1, 2],
            "width": [16, 32, 64],
            "plan": [{"lr": lr} for lr in (5e-4, 2e-3, 5e-3)],
        }

    def reason(self, snapshot: Snapshot) -> str | None:
        return None if snapshot.events is not None else "the study has no records"
