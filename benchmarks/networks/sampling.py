"""Neighbour sampling: edges drawn a second, an epoch in mini-batches against full batch, memory on a graph of 20 M facts.

    python benchmarks/networks/sampling.py OUT

Planted patients with random genes (a quarter of the genes has half of the edges), genes in pathways; a two-layer
heterogeneous SAGE network of width 64. Each part runs in a process of its own; one thread where nothing else is said.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Self

import numpy as np
import polars as pl
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from clinome.graphs.snapshot.snapshot import Layer
from clinome.models.training.neighbor_sampler import NeighborSampler, neighbor_loader
from clinome.snapshot import Snapshot

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from torch_geometric.data import HeteroData
    from torch_geometric.nn import HeteroConv, SAGEConv
    from torch_geometric.sampler import NodeSamplerInput

COUNTS, BATCH = [10, 5], 1024


def graph(patients: int, genes: int, facts: int) -> HeteroData:
    """patient - gene (facts, and their reverse), gene - pathway; x of width 32, and a label that the genes decide."""
    rng = np.random.default_rng(1)
    data = HeteroData()
    data["patient"].x = torch.from_numpy(rng.normal(size=(patients, 32)).astype(np.float32))
    data["gene"].x = torch.from_numpy(rng.normal(size=(genes, 32)).astype(np.float32))
    data["pathway"].x = torch.ones(genes // 20, 1)
    patient = rng.integers(0, patients, facts)
    gene = (rng.random(facts) ** 2 * genes).astype(np.int64)
    part = np.repeat(np.arange(genes), 3), rng.integers(0, genes // 20, 3 * genes)
    for start, name, end, ends in (("patient", "has", "gene", (patient, gene)), ("gene", "in", "pathway", part)):
        index = torch.from_numpy(np.stack(ends))
        data[start, name, end].edge_index = index
        data[end, f"rev_{name}", start].edge_index = index.flip(0).contiguous()
    score = np.bincount(patient, weights=data["gene"].x[:, 0].numpy()[gene], minlength=patients)
    data["patient"].y = torch.from_numpy((score > np.median(score)).astype(np.float32))
    return data


class Network(nn.Module):
    """Two layers over every relation, and a logit a patient."""

    def __init__(self, data: HeteroData) -> None:
        super().__init__()
        self.convs = nn.ModuleList(
            HeteroConv({one: SAGEConv((-1, -1), 64) for one in data.edge_types}) for _ in range(2)
        )
        self.out = nn.Linear(64, 1)

    def forward(self, x: Any, edges: Any) -> Tensor:
        for conv in self.convs:
            x = {kind: value.relu() for kind, value in conv(x, edges).items()}
        return torch.as_tensor(self.out(x["patient"]).squeeze(-1))


def step(model: Network, optimizer: torch.optim.Optimizer, batch: HeteroData, seeds: int) -> float:
    loss = binary_cross_entropy_with_logits(
        model(batch.x_dict, batch.edge_index_dict)[:seeds], batch["patient"].y[:seeds]
    )
    optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    return loss.item()


def training(data: HeteroData) -> tuple[Network, torch.optim.Optimizer]:
    torch.manual_seed(1)
    model = Network(data)
    (batch,) = neighbor_loader(data, [2, 2], ("patient", torch.arange(8)), batch_size=8)
    with torch.no_grad():
        model(batch.x_dict, batch.edge_index_dict)  # lazy sizes
    return model, torch.optim.AdamW(model.parameters(), lr=1e-3)


def sampled_epoch(data: HeteroData, model: Network, optimizer: torch.optim.Optimizer) -> tuple[float, int]:
    loader = neighbor_loader(data, COUNTS, "patient", batch_size=BATCH, shuffle=True)
    losses, edges = [], 0
    for batch in loader:
        losses.append(step(model, optimizer, batch, batch["patient"].batch_size))
        edges += batch.num_edges
    return float(np.mean(losses)), edges


def sampler() -> str:
    """Edges a second, by seeds in a batch and neighbours a hop."""
    data, lines = graph(20_000, 5_000, 1_000_000), []
    for counts in (COUNTS, [25, 10]):
        for size in (256, BATCH):
            for replace in (False, True):
                draws = NeighborSampler(data, counts, replace=replace)
                found, begin = 0, time.perf_counter()
                for first in range(0, 20_000, size):
                    seeds = NodeSamplerInput(None, torch.arange(first, min(20_000, first + size)), input_type="patient")
                    found += sum(map(len, draws.sample_from_nodes(seeds).row.values()))
                rate = found / (time.perf_counter() - begin) / 1e6
                lines.append(f"neighbours {counts}, batch {size}, {'with' if replace else 'without'} replacement: {rate:.1f} M edges/s")  # fmt: skip
    return "\n".join(lines)


def epoch() -> str:
    """Seconds an epoch, sampled and full batch, taken in turns; the median of five."""
    data = graph(20_000, 5_000, 1_000_000)
    times: dict[str, list[float]] = {"sampled": [], "full": []}
    model, optimizer = training(data)
    for _ in range(5):
        begin = time.perf_counter()
        loss, edges = sampled_epoch(data, model, optimizer)
        times["sampled"].append(time.perf_counter() - begin)
        begin = time.perf_counter()
        step(model, optimizer, data, 20_000)
        times["full"].append(time.perf_counter() - begin)
    sampled, full = (float(np.median(times[name])) for name in ("sampled", "full"))
    return (f"{data.num_edges:,} edges, {torch.get_num_threads()} threads: sampled {COUNTS}, batch {BATCH}: {sampled:.2f} s an epoch "
            f"({edges:,} edges, loss {loss:.3f} in the fifth); full batch {full:.2f} s a pass; ratio {sampled / full:.2f}")  # fmt: skip


def memory() -> str:
    """Peak of the process over one sampled epoch on 20 M facts, both directions."""
    data = graph(200_000, 20_000, 20_000_000)
    made = _peak()
    model, optimizer = training(data)
    begin = time.perf_counter()
    loss, edges = sampled_epoch(data, model, optimizer)
    return (f"{data.num_edges:,} edges (20 M facts, both directions): one sampled epoch over 200,000 patients in "
            f"{time.perf_counter() - begin:.0f} s ({edges:,} edges, loss {loss:.3f}); peak {_peak():.2f} GB, "
            f"of which the graph and its making {made:.2f} GB")  # fmt: skip


def in_memory() -> str:
    """Memory of a fold whose dense layer lies in a file, as tensors."""
    return _with_a_large_layer(lambda snapshot: (snapshot.hetero(), None))


def by_row() -> str:
    """The same, its patients' inputs read by row through PyG's stores."""

    def stores(snapshot: Snapshot) -> tuple[Any, Any]:
        features, edges = snapshot.stores()
        return (features, edges), features.complete

    return _with_a_large_layer(stores)


def _with_a_large_layer(way: Callable[[Snapshot], tuple[Any, Any]]) -> str:
    with tempfile.TemporaryDirectory() as folder:
        snapshot, size = _large(Path(folder), 8_000, 20_000)
        with _Anonymous() as memory:
            data, transform = way(snapshot)
            begin, began = time.perf_counter(), time.process_time()
            train = snapshot.folds.filter(split="train")["row"].to_torch()
            loader = neighbor_loader(data, [10, 2], ("patient", train), batch_size=256, transform=transform)
            rows = sum(len(batch["patient"].x) for batch in loader)
            took, used = time.perf_counter() - begin, time.process_time() - began
    return (f"a layer of {size:.2f} GB in a file: beside its pages the process holds {memory.peak:.2f} GB; one epoch of batches "
            f"without a network in {took:.0f} s, {used:.1f} s of them on the processor ({rows:,} patients in them)")  # fmt: skip


def _large(folder: Path, rows: int, features: int) -> tuple[Snapshot, float]:
    rng = np.random.default_rng(1)
    values = np.lib.format.open_memmap(folder / "rna.npy", mode="w+", dtype=np.float32, shape=(rows, features))
    for first in range(0, rows, 1000):
        values[first : first + 1000] = rng.normal(size=(1000, features)).astype(np.float32)
    values.flush()
    genes = [f"NCBIGene:{k + 1}" for k in range(features)]
    var = pl.DataFrame({"feature": genes, "symbol": genes, "gene": genes})
    layer = Layer(
        "rna", "expression", "none", var, np.load(folder / "rna.npy", mmap_mode="r"), np.ones(rows, dtype=bool)
    )
    split = np.where(np.arange(rows) % 5 == 0, "held_out", np.where(np.arange(rows) % 5 == 1, "tuning", "train"))
    people = pl.DataFrame({"subject_id": [f"s{k}" for k in range(rows)], "prediction_time": [datetime(2020, 1, 1)] * rows,
                           "label": rng.integers(0, 2, rows)})  # fmt: skip
    columns = ("subject", "predicate", "object", "source")
    links = pl.DataFrame(schema={**dict.fromkeys(columns, pl.String), "score": pl.Float64})
    folds = pl.DataFrame({"repeat": 0, "fold": 0, "row": np.arange(rows), "split": split})
    made = Snapshot("binary", people, people.select([]), {"rna": layer}, None, links, folds, "dated", ("0", "1"))
    return made, values.nbytes / 1e9


class _Anonymous:
    """Peak of what the process holds beside pages of files, which the system takes back when it needs them, in GB."""

    def __enter__(self) -> Self:
        self.peak, self._ended = 0.0, threading.Event()
        self._watch = threading.Thread(target=self._look)
        self._watch.start()
        return self

    def _look(self) -> None:
        while not self._ended.wait(0.02):
            status = Path("/proc/self/status").read_text().partition("RssAnon:")[2]
            self.peak = max(self.peak, int(status.split()[0]) / 1e6)

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._watch.join()


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


PARTS: dict[str, Callable[[], str]] = {
    "sampler": sampler,
    "epoch": epoch,
    "memory": memory,
    "in memory": in_memory,
    "by row": by_row,
}


def main(out: str) -> None:
    lines = []
    for name in PARTS:
        told = subprocess.run([sys.executable, __file__, "--part", name], capture_output=True, text=True, check=True)
        lines.append(f"{name}\n{told.stdout}")
        print(lines[-1])
    Path(out).write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1] == "--part":
        print(PARTS[sys.argv[2]]())
    else:
        main(sys.argv[1])
