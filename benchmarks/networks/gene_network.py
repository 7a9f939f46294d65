"""How fast the gene network is: gene_network.py [--patients 1000] [--genes 600] [--layers 2] [--edges 3500] [--epochs 5] [--keep FILE].

One epoch (forward, backward, a step of AdamW, in batches of 32) of the encoder of `gene_gnn` as the learner trains it, with
dropped edges, against the same mathematics written by hand in torch with one sparse matrix, without dropout of edges: the
median of the epochs, in seconds of one core. Two layers are three channels (two values and their product).
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import torch
from torch import Tensor, nn

from clinome.models.encoders.genes.gene_graph import GeneGraph, gene_graph
from clinome.models.encoders.genes.gene_network import GeneNetwork, channels
from clinome.models.heads.binary import BinaryHead
from clinome.models.training.batch import Batch, Target
from clinome.models.training.course import Network

BATCH, WIDTH, HEADS, DIM = 32, 16, 4, 16


def topology(genes: int, edges: int, rng: np.random.Generator) -> GeneGraph:
    """So many directed edges; no pathways."""
    names = [f"G{i:05d}" for i in range(genes)]
    pairs: set[tuple[int, int]] = set()
    while len(pairs) < edges // 2:
        a, b = sorted(rng.choice(genes, 2, replace=False).tolist())
        pairs.add((a, b))
    table = [(names[a], "INTERACTS_WITH", names[b], 1.0) for a, b in sorted(pairs)]
    return gene_graph(names, pl.DataFrame(table, schema=["subject", "predicate", "object", "score"], orient="row"))


class ByHand(nn.Module):
    """What `GeneNetwork` does, as one would write it for this study alone: no classes, no masks, one sparse matrix."""

    def __init__(self, graph: GeneGraph, channels: int) -> None:
        super().__init__()
        start = np.r_[0, np.cumsum(np.bincount(graph.edge_index[1], minlength=graph.genes))]
        parts = torch.from_numpy(start), torch.from_numpy(graph.edge_index[0]), torch.from_numpy(graph.weight)
        self.a = torch.sparse_csr_tensor(*parts, (graph.genes, graph.genes))
        self.heard = nn.ModuleList(nn.Linear(c, 2 * WIDTH) for c in (channels, WIDTH))
        self.own = nn.ModuleList(nn.Linear(c, 2 * WIDTH, bias=False) for c in (channels, WIDTH))
        self.gate, self.gate_of = nn.Linear(2 * WIDTH, HEADS), nn.Parameter(torch.zeros(graph.genes, 1, HEADS))
        self.out, self.head = nn.Linear(2 * WIDTH * HEADS, DIM), nn.Linear(DIM, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(genes, n, channels) -> (n,) logits."""
        outputs = []
        for heard, own in zip(self.heard, self.own, strict=True):
            a = (self.a @ x.reshape(len(x), -1)).view_as(x)
            one, by = heard(a).chunk(2, -1)
            other, modulated = own(x).chunk(2, -1)
            step = torch.relu(one + other + modulated * by)
            x = step if not outputs else x + step
            outputs.append(x)
        every = torch.cat(outputs, -1)
        gate = torch.sigmoid(self.gate(every) + self.gate_of)
        read = torch.einsum("gnk,gnd->nkd", gate, every).flatten(1) / len(x) ** 0.5
        return torch.as_tensor(self.head(self.out(read))[:, 0])


def epochs(module: nn.Module, loss_of: Callable[[np.ndarray], Tensor], patients: int, count: int) -> list[float]:
    """Seconds of one core for each epoch; the first one, which warms up, is left out."""
    optimizer, rng, seconds = torch.optim.AdamW(module.parameters(), 1e-2, fused=True), np.random.default_rng(0), []
    for _ in range(count + 1):
        begun = time.process_time()
        for rows in np.array_split(rng.permutation(patients), -(-patients // BATCH)):
            optimizer.zero_grad()
            loss_of(rows).backward()
            optimizer.step()
        seconds.append(time.process_time() - begun)
    return seconds[1:]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("patients", 1000), ("genes", 600), ("layers", 2), ("edges", 3500), ("epochs", 5)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--keep", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    rng = np.random.default_rng(1)
    graph = topology(args.genes, args.edges, rng)
    names = [f"layer{i}" for i in range(args.layers)]
    values = rng.normal(size=(args.layers, args.patients, args.genes, 2)).astype(np.float32)
    values[..., 1] = 1
    x = dict(zip(names, torch.from_numpy(values), strict=True))
    y, here = torch.from_numpy(rng.integers(0, 2, args.patients).astype(np.float32)), torch.ones(args.patients) > 0
    network = Network(GeneNetwork(graph, names, [], DIM, width=WIDTH, heads=HEADS), BinaryHead(DIM))
    values_of = channels(x, names, []).contiguous()
    hand = ByHand(graph, values_of.shape[-1])

    def shipped(rows: np.ndarray) -> Tensor:
        batch = Batch(
            len(rows), {n: one[rows] for n, one in x.items()}, {n: here[rows] for n in x}, None, Target(y[rows])
        )
        loss = network.train().loss(batch)
        assert loss is not None
        return loss

    def by_hand(rows: np.ndarray) -> Tensor:
        return nn.functional.binary_cross_entropy_with_logits(hand(values_of[:, rows]), y[rows])

    mine = epochs(network, shipped, args.patients, args.epochs)
    its = epochs(hand, by_hand, args.patients, args.epochs)
    one, other = float(np.median(mine)), float(np.median(its))
    cells = args.patients * args.genes
    line = (
        f"{args.patients} patients x {args.genes} genes x {values_of.shape[-1]} channels, {graph.edge_index.shape[1]} edges: "
        f"gene_gnn {one:.2f} s an epoch, by hand {other:.2f} s, {one / other:.2f} x; {1e6 * one / cells:.2f} us a gene of a patient"
    )
    print(line)
    if args.keep:
        with args.keep.open("a") as file:
            file.write(line + "\n")


if __name__ == "__main__":
    main()
