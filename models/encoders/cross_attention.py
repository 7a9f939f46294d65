"""Cross-attention between modalities: what one says of a patient is read in the light of what the others say."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

HEADS = 2


class CrossAttention(nn.Module):
    """A transformer block over the modalities of a row: each asks all that the row has, itself among them.

    h' = h + W_o a(h + e), h'' = h' + f(h' + e), where e says which modality it is, a is softmax attention over the present
    ones, and f a small perceptron. Both answers begin at zero, so that a network starts as the sum that `MaskedFusion` makes,
    which no product of two modalities can enter, and leaves it only for a reason.
    Args:
        modalities: how many. dim: columns of each one's vector.
    Input: h (n, modalities, dim) float32; mask (n, modalities) bool: which of them the row has. The others are not looked at.
    Returns: (n, modalities, dim); of those that the row lacks, what is of no use.
    Source: Vaswani 2017, arXiv:1706.03762; between modalities Tsai 2019, arXiv:1906.00295.
    Example:
        >>> h, mask = torch.ones(4, 3, 8), torch.tensor([[True, False, True]]).expand(4, 3)
        >>> CrossAttention(3, 8)(h, mask).shape
        torch.Size([4, 3, 8])
    """

    def __init__(self, modalities: int, dim: int) -> None:
        super().__init__()
        self.which = nn.Parameter(0.1 * torch.randn(modalities, dim))
        self.width = math.ceil(dim / HEADS)
        self.ask = nn.Linear(dim, 3 * HEADS * self.width)
        self.answer = nn.Linear(HEADS * self.width, dim)
        self.mlp = nn.Sequential(nn.Linear(dim, 2 * dim), nn.GELU(), nn.Linear(2 * dim, dim))
        last = self.mlp[-1]
        assert isinstance(last, nn.Linear)
        for one in (self.answer, last):
            nn.init.normal_(one.weight, std=0.01)
            nn.init.zeros_(one.bias)

    def forward(self, h: Tensor, mask: Tensor) -> Tensor:
        h = h + self.answer(self._heard(h + self.which, mask))
        return h + torch.as_tensor(self.mlp(h + self.which))

    def _heard(self, h: Tensor, mask: Tensor) -> Tensor:
        """(n, modalities, heads * width): what each hears; a row with none hears all alike, and is not read."""
        n, m, _ = h.shape
        query, key, value = self.ask(h).view(n, m, 3, HEADS, self.width).permute(2, 0, 3, 1, 4)
        some = (mask | ~mask.any(1, keepdim=True))[:, None, None, :]
        heard = nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=some)
        return heard.transpose(1, 2).reshape(n, m, -1)
