"""Neighbour sampling: a graph network trained in mini-batches, for graphs of which one pass does not fit into memory.

python examples/neighbor_sampling.py [clinome-demo/study.toml]
"""

from __future__ import annotations

import sys
import warnings

import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

import clinome

with warnings.catch_warnings():
    warnings.simplefilter("ignore", FutureWarning)
    from torch_geometric.data import HeteroData
    from torch_geometric.nn import SAGEConv, to_hetero

EPOCHS = 5


class GNN(nn.Module):
    """Two rounds of messages: a batch needs two hops."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = SAGEConv((-1, -1), 32), SAGEConv((-1, -1), 1)

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        return self.conv2(self.conv1(x, edge_index).relu(), edge_index)


def logits(model: nn.Module, batch: HeteroData) -> tuple[Tensor, Tensor]:
    """(seeds,) logits and labels: the seeds are the first patients of a batch."""
    seeds = batch["patient"].batch_size
    out = model(batch.x_dict, batch.edge_index_dict)["patient"][:seeds, 0]
    return out, batch["patient"].y[:seeds].float()


def main(path: str = "clinome-demo/study.toml") -> None:
    study = clinome.Study.read(path)
    clinome.load(study)
    with clinome.open(study) as graph:
        snapshot = graph.snapshot(graph.cohort())
    features, edges = snapshot.stores(repeat=0, fold=0)  # or snapshot.hetero(), where the inputs fit into memory

    def loader(part: str, neighbors: list[int], shuffle: bool = False) -> object:
        seeds = ("patient", features["patient", f"{part}_mask", None])
        given = {"batch_size": 32, "shuffle": shuffle, "transform": features.complete}
        return clinome.neighbor_loader((features, edges), neighbors, seeds, **given)

    torch.manual_seed(1)
    first = next(iter(loader("train", [-1, -1])))
    model = to_hetero(GNN(), first.metadata())
    with torch.no_grad():
        logits(model, first)  # lazy layers learn their sizes
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=1e-2)
    for epoch in range(EPOCHS):
        losses = []
        for batch in loader("train", [10, 5], shuffle=True):
            loss = binary_cross_entropy_with_logits(*logits(model, batch))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        print(f"epoch {epoch + 1}: loss {sum(losses) / len(losses):.3f}")
    with torch.no_grad():  # whole neighbourhoods: a risk shall not depend on a draw
        parts = [logits(model, batch) for batch in loader("held_out", [-1, -1])]
    score, label = (torch.cat(part) for part in zip(*parts, strict=True))
    print(f"held-out AUROC {roc_auc_score(label, score):.3f} of {len(label)} patients")


if __name__ == "__main__":
    main(*sys.argv[1:])
