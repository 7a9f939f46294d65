"""Masked fusion of all encoders: messages of every layer and view (notes, images), the records' messages and their sequence.

Three learners: the plain sum, cross-attention before it, and a contrastive warm start.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ..base.learner import Setting
from ..base.snapshot import Snapshot
from ..preprocessing.covariates import COVARIATES
from ..preprocessing.records.records_block import RECORDS
from .base import several_views
from .network import SEQUENCE, Inputs, NetworkLearner

if TYPE_CHECKING:
    from ..training.trainer import TrainingPlan

OMICS = "omics"


class Fusion(NetworkLearner):
    """A patient is served by whatever there is; modality dropout in training."""

    name = "fusion"
    records = "both"
    grid: tuple[Setting, ...] = ({}, {"dropout": 0.4, "drop_modality": 0.4})
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


class CrossAttentionFusion(Fusion):
    """`cross_attention`: modalities hear each other before they are summed (`models.encoders.cross_attention`).

    For what one says only in the light of another: a marker that counts under a treatment. A sum of encoders cannot say it.
    """

    name = "cross_attention"
    attention: ClassVar[bool] = True
    # what only two modalities together tell is learned late, after some hundred steps in which the loss stands still
    plan: ClassVar = {
        "epochs": 100, "patience": 6, "least_steps": 1500, "lr": 5e-3, "weight_decay": 1e-2, "batch_size": 64,
    }  # fmt: skip

    def aside(self, snapshot: Snapshot) -> str | None:
        return "it is taken where it is named"


class ContrastiveFusion(Fusion):
    """`contrastive`: the encoders first learn which records belong to which omics (`models.encoders.contrastive_alignment`).

    On the rows that it is fitted on, without their outcomes. Settings: align, the passes (20); pairs: "shuffled" is the
    control, in which omics go with the records of somebody else.
    """

    name = "contrastive"
    grid: tuple[Setting, ...] = ({}, {"align": 60}, {"dropout": 0.4, "drop_modality": 0.4})

    def space(self) -> Mapping[str, Any]:
        return {**super().space(), "align": [5, 20, 60]}

    def aside(self, snapshot: Snapshot) -> str | None:
        return "it is taken where it is named"

    def _pretrain(self, inputs: Inputs, rows: np.ndarray, plan: TrainingPlan) -> None:
        from ..encoders.contrastive_alignment import ContrastiveAlignment
        from ..encoders.masked_fusion import MaskedFusion
        from ..training import trainer as training

        super()._pretrain(inputs, rows, plan)
        views = inputs.snapshot.views
        fusion = self.network.encoder
        assert isinstance(fusion, MaskedFusion)
        sources = {name: _source(name, views) for name in fusion.names}
        with training.reproducible(plan.seed):
            loss = ContrastiveAlignment(fusion, sources, shuffled=self.setting.get("pairs") == "shuffled")
        if loss.pairs:
            passes = self.setting.get("align", 20)
            training.fit(loss, inputs, rows, rows[:0], replace(plan, epochs=passes))


def _source(name: str, views: Mapping[str, Any]) -> str:
    """Covariates go with the records: both are what the clinic knows."""
    if name in (SEQUENCE, RECORDS, COVARIATES):
        return RECORDS
    return name if name in views else OMICS
