"""Small batches, and one of every encoder to read them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from clinome.models.encoders.codes.gru_d import GRUDEncoder
from clinome.models.encoders.codes.recurrent import Recurrence, RecurrentEncoder
from clinome.models.encoders.codes.transformer import SequenceEncoder
from clinome.models.encoders.masked_fusion import MaskedFusion
from clinome.models.encoders.message_encoder import MessageEncoder
from clinome.models.training.batch import Batch, Tokens

DIM, WIDTH, ENTRIES = 8, 5, 12


def make_batch(n: int = 6, length: int = 7, seed: int = 0) -> Batch:
    """Rows of different lengths; the last row has neither tokens nor the layer."""
    rng = np.random.default_rng(seed)
    mask = np.arange(length)[None] < np.r_[rng.integers(2, length + 1, n - 1), 0][:, None]
    days = np.sort(rng.uniform(0, 400, (n, length)), axis=1)[:, ::-1] * mask
    tokens = Tokens(
        code=torch.tensor(rng.integers(1, ENTRIES, (n, length)) * mask),
        value=torch.tensor(rng.normal(size=(n, length)) * mask, dtype=torch.float32),
        measured=torch.tensor(mask & (rng.uniform(size=mask.shape) < 0.5)),
        days=torch.tensor(days.copy(), dtype=torch.float32),
        dated=torch.tensor(mask),
        age=torch.tensor(rng.normal(size=(n, length)) * mask, dtype=torch.float32),
        visit=torch.tensor(rng.integers(0, 4, (n, length)) * mask),
    )
    present = torch.tensor([True] * (n - 1) + [False])
    layer = torch.tensor(rng.normal(size=(n, WIDTH)), dtype=torch.float32) * present[:, None]
    return Batch(n, {"rna": layer}, {"rna": present}, tokens)


def message() -> nn.Module:
    return MessageEncoder("rna", 1, WIDTH, DIM)


def sequence(timed: bool = True) -> nn.Module:
    return SequenceEncoder(ancestors(), 16, out=DIM, timed=timed)


def recurrent(cell: str = "gru", depth: int = 1, timed: bool = True) -> nn.Module:
    return RecurrentEncoder(ancestors(), Recurrence(cell, 16, depth), out=DIM, timed=timed)


def gru_d() -> nn.Module:
    return GRUDEncoder(torch.arange(ENTRIES), 16, out=DIM)


def ancestors() -> torch.Tensor:
    return torch.stack([torch.arange(ENTRIES), torch.arange(ENTRIES) % 3], 1)


def fusion() -> nn.Module:
    return MaskedFusion({"rna": message(), "sequence": sequence()}, DIM)


ENCODERS: dict[str, Callable[[], nn.Module]] = {
    "message": message,
    "sequence": sequence,
    "ordered": lambda: sequence(False),
    "gru": recurrent,
    "lstm": lambda: recurrent("lstm", 2),
    "ordered gru": lambda: recurrent(timed=False),
    "gru_d": gru_d,
    "fusion": fusion,
    "cross_attention": lambda: MaskedFusion({"rna": message(), "sequence": sequence()}, DIM, attention=True),
}
