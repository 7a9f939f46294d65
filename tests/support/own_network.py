"""A PyTorch Geometric module as a user would write it."""

from __future__ import annotations

import warnings

import torch
from torch import Tensor, nn


class Sage(nn.Module):
    """Genes to patients, beside what the patient has."""

    def __init__(self, width: int) -> None:
        super().__init__()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            from torch_geometric.nn import SAGEConv
        self.conv = SAGEConv((-1, -1), 8)
        self.out = nn.Linear(8, width)

    def forward(self, x: dict[str, Tensor], edges: dict[tuple[str, str, str], Tensor]) -> Tensor:
        h = self.conv((x["gene"], x["patient"]), edges["gene", "rev_expresses", "patient"])
        return torch.as_tensor(self.out(torch.relu(h)))


PLAN = {"epochs": 40, "patience": 10, "lr": 1e-2}
