"""Links: genes of diseases, ranked by Clinome's learners and by a graph network of your own, on invented knowledge.

python examples/link_prediction.py [clinome-links]
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

import clinome

with warnings.catch_warnings():
    warnings.simplefilter("ignore", FutureWarning)
    from torch_geometric.nn import GCNConv

STUDY = """name = "links"
store = "links.graph"
knowledge.ppi = {path = "ppi.csv", predicate = "INTERACTS_WITH", subject = "a", object = "b"}
knowledge.genes = {path = "genes.csv", predicate = "ASSOCIATED_WITH", subject = "gene", object = "disease"}
[task]
kind = "links"
predicate = "ASSOCIATED_WITH"
query = "Diagnosis"
candidate = "Gene"
hold_out = "edges"
[learn]
learners = ["popularity", "random_walk", "diffusion"]
"""


def invent(folder: Path) -> Path:
    """Genes of one module interact, and belong to the same diseases."""
    rng, folder = np.random.default_rng(1), folder.with_suffix("")
    folder.mkdir(parents=True, exist_ok=True)
    genes = [[f"GENE{m}N{i}" for i in range(12)] for m in range(10)]
    pairs = [(a, b) for module in genes for a in module for b in rng.choice(module, 3, replace=False) if a < b]
    drawn = [(m, d, rng.choice(genes[m], 4, replace=False)) for m in range(10) for d in range(6)]
    links = [(gene, f"OMIM:{m}0{d}") for m, d, chosen in drawn for gene in chosen]
    (folder / "ppi.csv").write_text("\n".join(["a,b", *map(",".join, pairs)]) + "\n")
    (folder / "genes.csv").write_text("\n".join(["gene,disease", *map(",".join, links)]) + "\n")
    (folder / "study.toml").write_text(STUDY)
    return folder / "study.toml"


class GCN(nn.Module):
    """Two GCN layers over the interactions, an embedding a disease, and their product."""

    def fit(self, graph: clinome.LinkGraph) -> None:
        torch.manual_seed(0)
        self.embed = nn.ModuleList([nn.Embedding(n, 16) for n in graph.shape])
        self.convs = nn.ModuleList([GCNConv(16, 16), GCNConv(16, 16)])
        (ppi,) = [torch.from_numpy(one.pairs.T) for one in graph.relations if one.predicate == "INTERACTS_WITH"]
        self.edges, (query, gene) = torch.cat([ppi, ppi.flip(0)], dim=1), torch.from_numpy(graph.links).T
        optimizer = torch.optim.Adam(self.parameters(), lr=0.02, weight_decay=1e-4)
        for _ in range(150):
            optimizer.zero_grad()
            nn.functional.cross_entropy(self()[query], gene).backward()
            optimizer.step()

    def forward(self) -> Tensor:
        h = self.convs[1](self.convs[0](self.embed[1].weight, self.edges).relu(), self.edges)
        return self.embed[0].weight @ h.T

    def score(self, queries: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return self()[torch.from_numpy(queries)].numpy()


if __name__ == "__main__":
    run = clinome.run(invent(Path([*sys.argv, "clinome-links"][1])), learners={"mine": GCN()})
    print(run.metrics.query("metric == 'mrr'")[["learner", "mean", "low", "high"]].to_string(index=False))
    print(run.ranking.query("rank <= 3").head(6)[["query", "list", "rank", "candidate"]].to_string(index=False))
