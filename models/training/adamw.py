"""AdamW on a processor: torch's own fused step, without `torch.optim.Optimizer`.

That class loads torch's compiler with its first object, for more than a second a process: longer than many a small
network learns. Source: Loshchilov & Hutter 2019, arXiv:1711.05101.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.optim.adamw import adamw

BETAS, EPS = (0.9, 0.999), 1e-8


class AdamW:
    """The steps of `torch.optim.AdamW(fused=True)`, to the last bit (tested).

    Args:
        parameters: of which those without a gradient stay as they are.
    Example:
        optimizer = AdamW(network.parameters(), weight_decay=0.01)
        loss.backward()
        optimizer.step(lr=1e-3)
    """

    def __init__(self, parameters: Sequence[nn.Parameter], weight_decay: float) -> None:
        self.parameters, self.weight_decay = list(parameters), weight_decay
        self.mean = [torch.zeros_like(p) for p in self.parameters]
        self.square = [torch.zeros_like(p) for p in self.parameters]
        self.count = [torch.zeros(()) for _ in self.parameters]

    def zero_grad(self) -> None:
        for p in self.parameters:
            p.grad = None

    @torch.no_grad()
    def step(self, lr: float) -> None:
        """Move every parameter down its gradient."""
        moved = [(i, p.grad) for i, p in enumerate(self.parameters) if p.grad is not None]
        at = [i for i, _ in moved]

        def those(all_of: Sequence[Tensor]) -> list[Tensor]:
            return [all_of[i] for i in at]

        adamw(
            those(self.parameters), [grad for _, grad in moved], those(self.mean), those(self.square), [],
            those(self.count), fused=True, amsgrad=False, beta1=BETAS[0], beta2=BETAS[1], lr=lr,
            weight_decay=self.weight_decay, eps=EPS, maximize=False,
        )  # fmt: skip
