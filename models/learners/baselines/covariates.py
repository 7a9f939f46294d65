"""The covariates that the study names, alone: what age, sex and stage already say."""

from __future__ import annotations

from ...base.snapshot import Snapshot
from ...preprocessing.blocks import Block, CovariateBlock, JoinedBlocks
from .ridge_late import RidgeLate


class Covariates(RidgeLate):
    """A ridge on the covariates (logistic, multinomial or Cox)."""

    name = "covariates"
    grid = ({},)

    def reason(self, snapshot: Snapshot) -> str | None:
        return None if snapshot.covariates.width else "the study names no covariates ([task] covariates)"

    def blocks(self, snapshot: Snapshot) -> list[Block | JoinedBlocks]:
        return [CovariateBlock()]
