"""Learners of your own beside Clinome's: the same folds, the same time fence, the same report.

    python examples/own_learner.py [clinome-demo/study.toml]
or  clinome run clinome-demo/study.toml --learner svm=examples/own_learner.py:svm
"""

from __future__ import annotations

import sys
import warnings

import torch
from sklearn.svm import LinearSVC
from torch import Tensor, nn

import clinome

with warnings.catch_warnings():
    warnings.simplefilter("ignore", FutureWarning)
    from torch_geometric.nn import SAGEConv


class Expressed(nn.Module):
    """Messages from genes to the patients who express them: x_dict, edge_index_dict -> (patients, 16)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = SAGEConv((-1, -1), 16)

    def forward(self, x_dict: dict[str, Tensor], edge_index_dict: dict[tuple[str, str, str], Tensor]) -> Tensor:
        genes_to_patients = edge_index_dict["gene", "rev_expresses", "patient"]
        return torch.as_tensor(self.conv((x_dict["gene"], x_dict["patient"]), genes_to_patients))


def svm() -> LinearSVC:
    """A scikit-learn estimator, as `--learner svm=examples/own_learner.py:svm` finds it."""
    return LinearSVC()


def main(path: str = "clinome-demo/study.toml") -> None:
    study = clinome.Study.read(path)
    mine = {"svm": clinome.sklearn(svm()), "expressed": clinome.pyg(Expressed(), "binary")}
    run = clinome.run(study, learners=mine, name="with-mine")
    for name, found in run.read_json("results.json")["learners"].items():
        auroc = found["metrics"]["auroc"]
        print(f"{name:12s} AUROC {auroc['mean']:.3f} ({auroc['low']:.3f} to {auroc['high']:.3f})")


if __name__ == "__main__":
    main(*sys.argv[1:])
