"""Message encoder: how one modality's propagated values are read by a network."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from ..training.batch import Batch


class MessageEncoder(nn.Module):
    """Read one modality's messages: the linear readout as it is, and what a small perceptron makes of all of them.

    The perceptron starts close to zero: the network starts as the linear readout, and leaves it only for a reason.
    Args:
        name: modality. linear: leading columns that hold the closed-form readout. width: all columns.
    Input: batch.layers[name] (n, width) float32, about unit variance.
    Returns: (n, dim), its first `linear` columns starting as the readout, zero where absent; the (n,) bool mask.
    """

    def __init__(self, name: str, linear: int, width: int, dim: int = 16, *, dropout: float = 0.2) -> None:
        super().__init__()
        if linear > dim:
            raise ValueError(f"message encoder: got {linear} readouts for dim {dim}; expected at most as many")
        self.name, self.linear, self.dim = name, linear, dim
        self.mlp = nn.Sequential(
            nn.Dropout(dropout), nn.Linear(width, 2 * dim), nn.GELU(), nn.Dropout(dropout), nn.Linear(2 * dim, dim)
        )
        last = self.mlp[-1]
        assert isinstance(last, nn.Linear)
        nn.init.normal_(last.weight, std=0.01)
        nn.init.zeros_(last.bias)

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor]:
        x, present = batch.layers[self.name], batch.present[self.name]
        h = functional.pad(x[:, : self.linear], (0, self.dim - self.linear)) + self.mlp(x)
        return h * present[:, None], present
