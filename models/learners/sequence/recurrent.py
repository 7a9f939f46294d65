"""Recurrent networks over each row's codes, GRU and LSTM: what most published models of records are compared with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from ...base.snapshot import Snapshot
from .sequence import Sequence

if TYPE_CHECKING:
    from ...preprocessing.tokens.tokenizer import Vocabulary


class Recurrent(Sequence):
    """`sequence`, its tokens read one after the other (`encoders.codes.recurrent`) instead of all at once.

    Counts, covariates, knowledge and twins are those of `sequence`. It has no `pretrain`: a state that only looks back
    guesses what is hidden from half of what is known.
    """

    cell: ClassVar[str]
    pretrains = False
    grid = ({}, {"dropout": 0.4})
    plan: ClassVar = {
        "epochs": 30, "patience": 3, "least_steps": 600, "lr": 5e-3, "weight_decay": 1e-2, "batch_size": 64,
    }  # fmt: skip

    def space(self) -> Mapping[str, Any]:
        return {**super().space(), "plan": [{"lr": lr} for lr in (2e-3, 5e-3, 1e-2)]}

    def aside(self, snapshot: Snapshot) -> str | None:
        return "`sequence` reads the same tokens"

    def _sequence_encoder(self, vocabulary: Vocabulary, dropout: float) -> Any:
        from ...encoders.codes.recurrent import Recurrence, RecurrentEncoder

        shape = Recurrence(self.cell, self.setting.get("width", 32), self.setting.get("depth", 1), dropout)
        return RecurrentEncoder(
            vocabulary.ancestor_table(), shape, timed=self.clock != "order", out=self.width, quiet=bool(self.messages),
            graph=self.code_graph,
        )  # fmt: skip


class GRU(Recurrent):
    """Gated recurrent units."""

    name = "gru"
    cell = "gru"


class LSTM(Recurrent):
    """Long short-term memory."""

    name = "lstm"
    cell = "lstm"
