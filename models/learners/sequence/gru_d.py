"""GRU-D over each row's measurements: masks and times since are inputs (`encoders.codes.gru_d`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ...base.snapshot import Snapshot
from .sequence import Sequence

if TYPE_CHECKING:
    from ...preprocessing.tokens.tokenizer import Vocabulary

CHANNELS = 128
"""Measurements and codes that are read, those that most training rows have."""


class GRUD(Sequence):
    """For vitals and labs by the hour; counts and covariates beside them, as in `sequence`.

    Times are durations: a study whose clock is an order has none.
    """

    name = "gru_d"
    codes_on_graph = False
    pretrains = False
    fitted = (*Sequence.fitted, "channels")
    grid = ({}, {"plan": {"lr": 1e-3}})
    plan: ClassVar = {"epochs": 30, "patience": 4, "lr": 2e-3, "weight_decay": 1e-2, "batch_size": 64}

    def space(self) -> Mapping[str, Any]:
        from scipy.stats import uniform

        return {
            "dropout": uniform(0.0, 0.6), "width": [16, 32, 64], "edges": ["true", "none"],
            "plan": [{"lr": lr} for lr in (1e-3, 2e-3, 5e-3)],
        }  # fmt: skip

    def reason(self, snapshot: Snapshot) -> str | None:
        if snapshot.events is not None and snapshot.clock == "order":
            return "the records have an order and no times"
        return super().reason(snapshot)

    def aside(self, snapshot: Snapshot) -> str | None:
        return "it is made for measurements by the hour"

    def _longest(self, rows: int) -> int:
        return 4096  # what is more than its steps shares them

    def _vocabulary(self, snapshot: Snapshot, rows: np.ndarray) -> Vocabulary | None:
        from ...preprocessing.tokens.tokenizer import commonest

        vocabulary = super()._vocabulary(snapshot, rows)
        self.channels = np.zeros(0, dtype=np.int64)
        if vocabulary is not None:
            self.channels = commonest(snapshot, rows, vocabulary, CHANNELS)
        return vocabulary

    def _sequence_encoder(self, vocabulary: Vocabulary, dropout: float) -> Any:
        import torch

        from ...encoders.codes.gru_d import GRUDEncoder

        channel = torch.zeros(len(vocabulary), dtype=torch.int64)
        channel[torch.from_numpy(self.channels)] = torch.arange(1, 1 + len(self.channels))
        return GRUDEncoder(
            channel, self.setting.get("width", 32), dropout=dropout, out=self.width, quiet=bool(self.messages)
        )
