"""Pretrained vocabulary: the codes of a pretrained encoder and those of the training rows, as one vocabulary."""

from __future__ import annotations

from dataclasses import replace

from ...encoders.codes.pretrained import PretrainedEncoder
from .tokenizer import Vocabulary


def extended(own: Vocabulary, encoder: PretrainedEncoder) -> Vocabulary:
    """The encoder's entries in their places, then those that only the training rows hold.

    A code of the encoder keeps the ancestors that it had there, so that its vector means what it meant. How numbers and ages
    are scaled comes from the training rows alone.
    Example:
        extended(fit_vocabulary(snapshot, train), encoder).index("ICD10CM:I10", "ICD10CM:I10")
    """
    new = [i for i, name in enumerate(own.entries) if name not in set(encoder.entries)]
    entries = (*encoder.entries, *(own.entries[i] for i in new))
    place = {name: i for i, name in enumerate(entries)}
    parents = tuple(tuple(place[own.entries[p]] for p in own.parents[i]) for i in new)
    return replace(
        own,
        entries=entries,
        codes=(*encoder.codes, *(own.codes[i] for i in new)),
        parents=(*encoder.parents, *parents),
        known={name: i for name, i in place.items() if i > 1},
    )
