"""Lightning with neighbour sampling: one process, or several, each with its own part of the patients of every epoch.

python examples/lightning_sampling.py [clinome-demo/study.toml] [processes]
"""

from __future__ import annotations

import sys
import tempfile
import warnings
from pathlib import Path

import lightning.pytorch as pl
import torch
from sklearn.metrics import roc_auc_score
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.utils.data import DistributedSampler

import clinome
from clinome.models.training.several_processes import LocalDDP

with warnings.catch_warnings():
    warnings.simplefilter("ignore", FutureWarning)
    from torch_geometric.data import HeteroData
    from torch_geometric.nn import HeteroConv, SAGEConv

EPOCHS = 5


class Patients(pl.LightningModule):
    """Two rounds of messages over every relation; the patients that a batch is about come first in it."""

    def __init__(self, data: HeteroData) -> None:
        super().__init__()
        layers = [HeteroConv({one: SAGEConv((-1, -1), width) for one in data.edge_types}) for width in (32, 1)]
        self.convs, self.data = torch.nn.ModuleList(layers), data
        with torch.no_grad():
            self(data)  # lazy layers learn their sizes

    def forward(self, batch: HeteroData) -> torch.Tensor:
        x = self.convs[0](batch.x_dict, batch.edge_index_dict)
        x = {kind: value.relu() for kind, value in x.items()}
        return self.convs[1](x, batch.edge_index_dict)["patient"][:, 0]

    def training_step(self, batch: HeteroData, _: int) -> torch.Tensor:
        seeds = batch["patient"].batch_size
        return binary_cross_entropy_with_logits(self(batch)[:seeds], batch["patient"].y[:seeds].float())

    def train_dataloader(self) -> object:
        seeds = ("patient", self.data["patient"].train_mask)
        mine = DistributedSampler(range(int(seeds[1].sum())), self.trainer.world_size, self.global_rank)
        return clinome.neighbor_loader(self.data, [10, 5], seeds, batch_size=32, sampler=mine)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW(self.parameters(), lr=1e-3, weight_decay=1e-2)


def main(path: str = "clinome-demo/study.toml", processes: str = "1") -> None:
    study = clinome.Study.read(path)
    clinome.load(study)
    with clinome.open(study) as graph:
        data = graph.snapshot(graph.cohort()).hetero(repeat=0, fold=0)
    pl.seed_everything(1, verbose=False)
    model, off = Patients(data), {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    with tempfile.TemporaryDirectory() as folder:
        given = {"devices": int(processes), "strategy": LocalDDP(Path(folder)) if int(processes) > 1 else "auto"}
        pl.Trainer(max_epochs=EPOCHS, accelerator="cpu", use_distributed_sampler=False, **given, **off).fit(model)
    held_out = data["patient"].held_out_mask
    with torch.no_grad():
        score = model(data)[held_out]
    print(f"held-out AUROC {roc_auc_score(data['patient'].y[held_out], score):.3f} of {len(score)} patients")


if __name__ == "__main__":
    main(*sys.argv[1:])
