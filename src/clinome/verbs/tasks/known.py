"""What `[biomarkers] known` names: genes, or diseases whose genes the graph holds."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from clinome.loaders.errors import InputError

if TYPE_CHECKING:
    from clinome.graph import Graph
    from clinome.graphs.snapshot.snapshot import Snapshot
    from clinome.study import Study

ASSOCIATED = """
MATCH (gene:Gene)-[link:ASSOCIATED_WITH]->(disease:Diagnosis {id: $disease})
RETURN gene.id AS gene, link.source AS source ORDER BY gene, source
"""


@dataclass(frozen=True)
class KnownGenes:
    """genes: measured CURIEs. said: what the study names them by. sources: of the edges that say so. missing: names that
    no layer measures."""

    genes: frozenset[str]
    said: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()

    def as_json(self, found: Mapping[str, Any]) -> dict[str, Any]:
        """For biomarkers.json, with what the ranking says of them; {} where the study names none."""
        if not self.said:
            return {}
        return {"named": list(self.said), "sources": list(self.sources), "not_measured": list(self.missing), **found}


def associated_genes(graph: Graph, named: Sequence[str]) -> dict[str, list[tuple[str, str]]]:
    """Of each name that is a disease of the graph its genes, with the source of each edge (ASSOCIATED_WITH)."""
    found = {}
    for name in named:
        if ":" in name and not name.startswith(("NCBIGene:", "hgnc.symbol:")):
            rows = graph.query(ASSOCIATED, disease=name)
            if len(rows):
                found[name] = list(zip(rows["gene"], rows["source"], strict=True))
    return found


def known_of(
    snapshot: Snapshot, named: Sequence[str], associated: Mapping[str, list[tuple[str, str]]]
) -> KnownGenes:  # fmt: skip
    """The measured genes that these names mean.

    Raises: InputError for a CURIE that is neither a measured gene nor a disease with genes.
    """
    symbols: dict[str, str] = {}
    for layer in snapshot.layers.values():
        table = layer.var.drop_nulls("gene").select("symbol", "gene")
        for symbol, gene in table.iter_rows():
            symbols[gene.lower()] = gene
            symbols.setdefault(str(symbol or gene).lower(), gene)
    measured = set(symbols.values())
    genes, sources, missing = set(), set(), []
    for name in named:
        if name in associated:
            genes |= {gene for gene, _ in associated[name] if gene in measured}
            sources |= {source for _, source in associated[name]}
        elif name.lower() in symbols:
            genes.add(symbols[name.lower()])
        elif ":" in name and not name.startswith(("NCBIGene:", "hgnc.symbol:")):
            raise InputError(
                "no gene is associated with this disease in the graph", "[biomarkers] known", name,
                "genes, or a disease with ASSOCIATED_WITH edges", "add gene–disease [knowledge], or name the genes",
            )  # fmt: skip
        else:
            missing.append(name)
    return KnownGenes(frozenset(genes), tuple(named), tuple(sorted(sources)), tuple(missing))


def known_alone(study: Study, snapshot: Snapshot, genes: Collection[str]) -> dict[str, Any]:
    """How well a linear model predicts from the known genes and nothing else, on the folds of the run.

    Returns: learner, metric, mean, low, high; the metric is that of the run.
    """
    from clinome.models.base.specs import Learn
    from clinome.models.base.task import task_of
    from clinome.models.experiment.run import run
    from clinome.models.learners.registry import make

    layers = {}
    for name, layer in snapshot.layers.items():
        at = [j for j, gene in enumerate(layer.var["gene"]) if gene in genes]
        if at:
            layers[name] = replace(layer, var=layer.var[at], values=layer.values[:, at])
    metric = study.report.metric or task_of(snapshot.task).primary
    only = replace(snapshot, layers=layers, covariates=snapshot.covariates.select(), events=None, views={})
    learn = Learn(trials=2, workers=1)
    found = run(only, [make("ridge_late")], study.evaluate, learn, controls=False, metric=study.report.metric)
    one = found.metrics["ridge_late"].get(metric) or {}
    return {"learner": "ridge_late", "metric": metric, **{side: one.get(side) for side in ("mean", "low", "high")}}
