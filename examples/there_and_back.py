"""A fold's graph in networkx, in pandas and in the study's own store, and what is found there back on the nodes.

python examples/there_and_back.py [clinome-demo/study.toml]
"""

from __future__ import annotations

import sys
import warnings

import networkx as nx
import pandas as pd
import torch

import clinome

with warnings.catch_warnings():
    warnings.simplefilter("ignore", FutureWarning)
    from torch_geometric.nn import SAGEConv


def column(values: pd.Series, ids: list[str]) -> torch.Tensor:
    """(nodes, 1) of a table with an index of ids, in the order of the nodes; 0 where it says nothing."""
    return torch.tensor(values.reindex(ids).fillna(0.0).to_numpy(), dtype=torch.float32)[:, None]


def main(path: str = "clinome-demo/study.toml") -> None:
    study = clinome.Study.read(path)
    clinome.load(study)
    with clinome.open(study) as graph:
        data = graph.snapshot(graph.cohort()).hetero(repeat=0, fold=0)
        genes = data.ids("gene")

        # networkx: which genes are central among genes and pathways?
        knowledge = data.node_type_subgraph(["gene", "pathway"]).to_networkx()
        rank = pd.Series(
            {id: score for (kind, id), score in nx.pagerank(nx.Graph(knowledge)).items() if kind == "gene"}
        )
        print("most central:", ", ".join(data.names("gene")[data.index("gene")[id]] for id in rank.nlargest(3).index))

        # pandas: in how many training patients is each gene mutated?
        mutated = data.edges("patient", "mutated_in", "gene").groupby("target").size()

        # Cypher, on the embedded store or Neo4j: how many pathways is each gene in?
        counted = graph.query("MATCH (g:Gene)-[:IN_PATHWAY]->(w:Pathway) RETURN g.id AS id, count(w) AS pathways")

    # and back: what was found are the genes' inputs, in the order of the graph's nodes
    found = [rank * len(rank), mutated, counted.set_index("id")["pathways"]]
    data["gene"].x = torch.cat([column(one, genes) for one in found], dim=1)
    print(data.nodes("gene").head(3).to_string(index=False))

    # a network's embeddings go to the nodes of the store, where everybody can search them (yours would be trained)
    torch.manual_seed(1)
    conv = SAGEConv((data["gene"].x.shape[1], data["patient"].x.shape[1]), 16)
    with torch.no_grad():
        z = conv((data["gene"].x, data["patient"].x), data["gene", "rev_mutated_in", "patient"].edge_index)
    table = pd.DataFrame({"label": "Patient", "id": data.ids("patient"), "vector": z.tolist()})
    clinome.write_embeddings(study, table.drop_duplicates("id"), name="example/sage")
    with clinome.open(study) as graph:
        near = graph.similar("Patient", data.ids("patient")[0], k=3)
        print(graph.embeddings.to_string(index=False))
        print("similarity of the nearest three:", ", ".join(f"{one:.3f}" for one in near["similarity"]))


if __name__ == "__main__":
    main(*sys.argv[1:])
