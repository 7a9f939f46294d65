"""Covariates alone, those that the study names: what age, sex and stage already say."""

from __future__ import annotations

import numpy as np

from ...base.snapshot import Snapshot
from ...preprocessing.blocks import Block, JoinedBlocks
from ...preprocessing.covariates import COVARIATES
from ...preprocessing.fold import FoldPreprocessing
from .ridge_late import RidgeLate


class Covariates(RidgeLate):
    """A ridge on the covariates (logistic, multinomial or Cox)."""

    name = "covariates"
    grid = ({},)

    def reason(self, snapshot: Snapshot) -> str | None:
        return None if snapshot.covariates.width else "the study names no covariates ([task] covariates)"

    def blocks(self, snapshot: Snapshot, rows: np.ndarray) -> list[Block | JoinedBlocks]:
        return [FoldPreprocessing.fit(snapshot, rows, [COVARIATES]).blocks[COVARIATES]]
