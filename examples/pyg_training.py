"""PyTorch Geometric training loop on one fold of a snapshot, with early stopping on the tuning patients.

python examples/pyg_training.py [clinome-demo/study.toml]
"""

from __future__ import annotations

import sys
import warnings

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

import clinome

with warnings.catch_warnings():
    warnings.simplefilter("ignore", FutureWarning)
    from torch_geometric.data import HeteroData
    from torch_geometric.nn import SAGEConv, to_hetero

EPOCHS, PATIENCE = 100, 10


class GNN(nn.Module):
    """Two rounds of messages; `to_hetero` makes one convolution a relationship type of it."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = SAGEConv((-1, -1), 32), SAGEConv((-1, -1), 1)

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        return self.conv2(self.conv1(x, edge_index).relu(), edge_index)


def fold(path: str) -> HeteroData:
    """The first fold of a study with a binary task; what is loaded and unchanged is not loaded again."""
    study = clinome.Study.read(path)
    clinome.load(study)
    with clinome.open(study) as graph:
        return graph.snapshot(graph.cohort()).hetero(repeat=0, fold=0)


def train(data: HeteroData) -> tuple[Tensor, list[float]]:
    """(patients,) risks at the epoch with the lowest loss on the tuning patients; and that loss at every epoch."""
    patient = data["patient"]
    model = to_hetero(GNN(), data.metadata())
    with torch.no_grad():
        model(data.x_dict, data.edge_index_dict)  # lazy layers learn their sizes
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=1e-2)
    tuning: list[float] = []
    risks = torch.zeros(patient.num_nodes)
    for _ in range(EPOCHS):
        logits = model(data.x_dict, data.edge_index_dict)["patient"].squeeze(-1)
        losses = binary_cross_entropy_with_logits(logits, patient.y.float(), reduction="none")
        tuning.append(losses[patient.tuning_mask].mean().item())
        best = tuning.index(min(tuning))
        if best == len(tuning) - 1:  # chosen inside the training part
            risks = torch.sigmoid(logits.detach())
        if len(tuning) - best > PATIENCE:
            break
        optimizer.zero_grad()
        losses[patient.train_mask].mean().backward()
        optimizer.step()
    return risks, tuning


def main(path: str = "clinome-demo/study.toml") -> None:
    data = fold(path)
    torch.manual_seed(1)
    risks, tuning = train(data)
    held_out = data["patient"].held_out_mask
    print(f"tuning loss {tuning[0]:.3f} -> {min(tuning):.3f} in {len(tuning)} epochs")
    print(f"held-out risks of {int(held_out.sum())} patients, the first three: {risks[held_out][:3].tolist()}")


if __name__ == "__main__":
    main(*sys.argv[1:])
