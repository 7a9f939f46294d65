"""Sequence transformer over each row's codes, with time between them, on the graph of the codes (`encoders.codes.transformer`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import polars as pl

from ...base.snapshot import Snapshot
from ..network import NetworkLearner
from .twin import with_edges

if TYPE_CHECKING:
    from ..network import Inputs


class Sequence(NetworkLearner):
    """Codes in their order and time; covariates beside them, where the study names some.

    What a code is comes from what it is linked to as well (`encoders.codes.code_network`). settings: `edges` = "none" is the same
    learner on a study without knowledge, "shuffled" on one whose codes are in each other's places; `pretrain`: passes over
    the training rows in which hidden codes are guessed, before any label is looked at (`encoders.codes.masked_codes`).
    """

    name = "sequence"
    codes_on_graph = True
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
            "edges": ["true", "none"],
            "plan": [{"lr": lr} for lr in (5e-4, 2e-3, 5e-3)],
        }

    def reason(self, snapshot: Snapshot) -> str | None:
        return None if snapshot.events is not None else "the study has no records"

    def on_graph(self, snapshot: Snapshot) -> bool:
        if snapshot.events is None:
            return False
        codes = snapshot.events["code"].unique().implode()
        return not snapshot.links.filter(pl.col("subject").is_in(codes) | pl.col("object").is_in(codes)).is_empty()

    def fit(self, snapshot: Snapshot, train: np.ndarray, tuning: np.ndarray) -> None:
        super().fit(self._seen(snapshot), train, tuning)

    def inputs(self, snapshot: Snapshot, hidden: frozenset[str] = frozenset()) -> Inputs:
        return super().inputs(self._seen(snapshot), hidden)

    def _seen(self, snapshot: Snapshot) -> Snapshot:
        """Counts of what lies above a code are knowledge too: a twin has to go without these as well."""
        return with_edges(snapshot, self.setting.get("edges", "true"), self.seed)
