"""Pretrained encoder: what a sequence encoder learnt of records without any outcome, to start another study's from.

It knows codes by their CURIEs, so that it fits a study with other codes, other knowledge and other units: of a code that both
know it brings the vector, all others start as ever. It holds no number and no text of a patient.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

if TYPE_CHECKING:
    from .transformer import SequenceEncoder

OBJECTIVES = ("masked", "next_visit")
"""What is guessed: hidden codes (`masked_codes`), or the codes of the next visit (`next_visit`)."""
WIDTH, DEPTH = 32, 2
"""Of the transformer: those that the learner `sequence` has where no setting says otherwise."""
CODES = "embed.code.weight"
LEFT = ("out.", "embed.ancestors", CODES)
"""Of a `SequenceEncoder`: what depends on the task, or on the vocabulary."""


@dataclass(frozen=True)
class PretrainedEncoder:
    """Entries, their ancestors, and the weights of a `SequenceEncoder` without knowledge around its codes.

    objective: one of OBJECTIVES. basis: a hash of what it was made from. patients: how many records it has seen.
    entries, codes, parents: as in `models.preprocessing.tokens.tokenizer.Vocabulary`; the first two pad and stand for the unknown.
    weights: (entries, WIDTH) float32 of the codes, and the rest by the names of `SequenceEncoder`'s state.
    """

    objective: str
    basis: str
    patients: int
    entries: tuple[str, ...]
    codes: tuple[str, ...]
    parents: tuple[tuple[int, ...], ...]
    weights: Mapping[str, np.ndarray]

    @classmethod
    def of(cls, encoder: SequenceEncoder, **about: Any) -> PretrainedEncoder:
        """What is kept of an encoder that was trained."""
        kept = {
            name: value.detach().cpu().numpy().copy()
            for name, value in encoder.state_dict().items()
            if name == CODES or not name.startswith(LEFT)
        }
        return cls(weights=kept, **about)

    @property
    def fingerprint(self) -> str:
        """sha256 of all that another study takes from it."""
        found = hashlib.sha256(repr((self.objective, self.entries, self.codes, self.parents)).encode())
        for name in sorted(self.weights):
            found.update(name.encode() + np.ascontiguousarray(self.weights[name]).tobytes())
        return found.hexdigest()

    def unknown(self, codes: Collection[str]) -> list[str]:
        """Which of these codes it has never seen, sorted."""
        return sorted(set(codes) - set(self.codes))

    def start(self, encoder: SequenceEncoder, entries: Sequence[str], parents: Sequence[Sequence[int]]) -> None:
        """Give an encoder these weights, in place.

        Args:
            entries, parents: of the vocabulary that the encoder is built on (`models.preprocessing.tokens.pretrained_vocabulary`). An
                entry that is new here starts as the mean of its known ancestors, or as ever where it has none.
        """
        at = {name: i for i, name in enumerate(self.entries)}
        weights = encoder.state_dict()
        codes = weights[CODES].clone()
        old = torch.from_numpy(np.array(self.weights[CODES]))
        for i, name in enumerate(entries):
            if name in at:
                codes[i] = old[at[name]]
            elif above := [at[entries[p]] for p in parents[i] if entries[p] in at]:
                codes[i] = old[above].mean(0)
        rest = {name: torch.from_numpy(np.array(value)) for name, value in self.weights.items() if name != CODES}
        encoder.load_state_dict({**weights, **rest, CODES: codes})
