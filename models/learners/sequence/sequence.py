"""Sequence transformer over each row's codes, with time between them, on the graph of the codes (`encoders.codes.transformer`)."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence as Several
from copy import copy
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import polars as pl

from ...base.learner import Setting
from ...base.snapshot import Snapshot
from ..network import NetworkLearner
from ..search_space import budgeted
from .twin import with_edges

if TYPE_CHECKING:
    from ...encoders.codes.pretrained import PretrainedEncoder
    from ...encoders.relational_graph import RelationalGraph
    from ...preprocessing.tokens.tokenizer import Vocabulary
    from ..network import Inputs


class Sequence(NetworkLearner):
    """Codes in their order and time; covariates beside them, where the study names some.

    What a code is comes from what it is linked to as well (`encoders.codes.code_network`). settings: `edges` = "none" is the same
    learner on a study without knowledge, "shuffled" on one whose codes are in each other's places; `pretrain`: passes over
    the training rows in which hidden codes are guessed, before any label is looked at (`encoders.codes.masked_codes`).
    On a pretrained encoder (`sequence.pretraining`) it starts from that one's weights and codes, of the encoder's size and without
    messages from the knowledge around them; `pretrained` = 0 is the same learner without it, and is tried beside it.
    """

    name = "sequence"
    codes_on_graph = True
    records = "both"
    layers = False
    grid = ({}, {"dropout": 0.4, "depth": 1})
    plan: ClassVar = {
        "epochs": 30, "patience": 3, "least_steps": 900, "lr": 2e-3, "weight_decay": 1e-2, "batch_size": 64,
    }  # fmt: skip
    pretrains: ClassVar[bool] = True
    """Whether it can start from a pretrained encoder."""
    encoder: PretrainedEncoder | None = None
    """The one that it starts from; no setting, and nothing that is saved."""

    def on_encoder(self, encoder: PretrainedEncoder) -> Self:
        """The same learner, started from there."""
        made = copy(self)
        made.encoder = encoder
        return made

    def with_setting(self, setting: Setting, seed: int) -> Self:
        made = super().with_setting(setting, seed)
        made.encoder = self.encoder
        return made

    def settings(self, trials: int) -> Several[Setting]:
        if self.encoder is None:
            return super().settings(trials)
        listed: tuple[Setting, ...] = (
            {},
            {"pretrained": 0},
            {"dropout": 0.4},
            {"dropout": 0.4, "depth": 1, "pretrained": 0},
        )
        space = {name: values for name, values in self.space().items() if name not in ("width", "depth", "edges")}
        return budgeted(listed, space, trials)

    @property
    def start(self) -> PretrainedEncoder | None:
        """What this setting starts from."""
        return self.encoder if self.setting.get("pretrained", 1) else None

    def _vocabulary(self, snapshot: Snapshot, rows: np.ndarray) -> Vocabulary | None:
        from ...preprocessing.tokens.pretrained_vocabulary import extended

        own = super()._vocabulary(snapshot, rows)
        return own if own is None or self.start is None else extended(own, self.start)

    def _code_graph(self, snapshot: Snapshot) -> RelationalGraph | None:
        return None if self.start is not None else super()._code_graph(snapshot)

    def _sequence_encoder(self, vocabulary: Vocabulary, dropout: float) -> Any:
        made = super()._sequence_encoder(vocabulary, dropout)
        if self.start is not None:
            self.start.start(made, vocabulary.entries, vocabulary.parents)
        return made

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
