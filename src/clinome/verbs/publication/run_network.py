"""Biomarker network of a run, for its report: drawn, drawn for narrow pages, and to search."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clinome.console import Console
from clinome.graph import open_graph
from clinome.loaders.errors import EngineError, InputError
from clinome.reports.publication.network_figure import NetworkFigure
from clinome.run_folder.run import Run
from clinome.study import Study

if TYPE_CHECKING:
    from clinome.explore.network import Network

GENES, PATHWAYS = 30, 12
FEW_GENES, FEW_PATHWAYS, NARROW = 12, 4, 3.7
"""What a page of 390 pixels can hold."""


def run_network(study: Study, run: Run, console: Console) -> NetworkFigure | None:
    """The network as the graph holds it; None where the run ranks no gene, or the graph is away, which is said."""
    if not (run.folder / "biomarkers.csv").is_file():
        return None
    try:
        with open_graph(study) as graph:
            found = graph.biomarkers(run.name, genes=GENES, pathways=PATHWAYS)
            few = graph.biomarkers(run.name, genes=FEW_GENES, pathways=FEW_PATHWAYS)
    except InputError:  # it ranks no gene, or is not in the graph
        return None
    except EngineError as error:
        console(f"the report has no network: {error}")
        return None
    return _figure(found, few)


def _figure(found: Network, few: Network) -> NetworkFigure:
    return NetworkFigure(found.figure, lambda: few.figure(width=NARROW), found.html())
