"""Network, the answer to a question about the graph: a table, a picture, networkx, a file, a widget."""

from __future__ import annotations

import html as markup
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clinome.loaders.errors import InputError

if TYPE_CHECKING:
    import networkx as nx
    import pandas as pd
    from matplotlib.figure import Figure

    from clinome.graphs.entities.subgraph import Subgraph

SUFFIXES = (".graphml", ".cyjs", ".svg", ".pdf", ".png", ".html")


@dataclass(frozen=True, repr=False)
class Network:
    """Network: part of a graph, bounded, with what was left out in `cut`.

    found: the part as graphs/ holds it (polars).
    Example:
        found = graph.around("NCBIGene:7157", hops=1, limit=60)
        found.table(), found.cut
        found.save("tp53.svg")
    """

    found: Subgraph

    @property
    def title(self) -> str:
        """What was asked about."""
        return self.found.title

    @property
    def cut(self) -> tuple[str, ...]:
        """Sentences on what is not shown, folded or merged, and how much of it."""
        return self.found.cut

    @property
    def about(self) -> Mapping[str, Any]:
        """What is known of the node that was asked about, by name; of a gene id, other names, ranks in runs."""
        return self.found.about

    @property
    def nodes(self) -> pd.DataFrame:
        """Nodes: id, label, name, role (`asked`, `fold`: many in one), effect, size (0 to 1), number (of a fold), note."""
        return self.found.nodes.to_pandas()

    @property
    def edges(self) -> pd.DataFrame:
        """Links: source, target, type, score, number (how many relationships it stands for)."""
        return self.found.edges.to_pandas()

    def table(self) -> pd.DataFrame:
        """The answer as rows to read; its columns are those that the question's docstring names."""
        return self.found.rows.to_pandas()

    def networkx(self) -> nx.MultiDiGraph[str]:
        """networkx: nodes by id with label, name and what else is known of them; links with type, score, number."""
        from clinome.explore.files import to_networkx

        return to_networkx(self.found)

    def figure(self, *, dark: bool = False, width: float | None = None) -> Figure:
        """Picture for print, in which no two labels overlap (`clinome.plots.network`).

        Args:
            dark: on a dark ground.
            width: in inches (default: what the nodes need, 6.5 to 15).
        """
        from clinome.explore.files import to_figure

        return to_figure(self.found, dark, width)

    def html(self, script: bool = True) -> str:
        """The interactive network as a part of another page, which then fetches nothing either.

        Args:
            script: False for all but the first network of a page: the script is half a megabyte, and draws every one.
        """
        from clinome.explore.page import html

        return html(self.found, script)

    def show(self) -> Any:
        """Interactive network in a notebook: search, hover, legend; it fetches nothing from any network.

        Raises: InputError where the extra is missing: `pip install 'clinome[viz]'`.
        """
        from clinome.explore.widget import widget

        return widget(self.found)

    def save(self, path: str | Path) -> Path:
        """Write the network, by the ending of the file: .graphml, .cyjs (Cytoscape), .svg, .pdf, .png, or .html (interactive).

        Args:
            path: where to; its folder must be there.
        Returns: the path.
        Raises: InputError for another ending, and a folder that is not there.
        """
        from clinome.explore.files import write

        path = Path(path)
        if not path.parent.is_dir():
            raise InputError(
                "there is no such folder", path.parent, expected="a folder that is there", fix="make it first"
            )
        if path.suffix.lower() not in SUFFIXES:
            raise InputError(
                "no such form of a network", path, path.suffix, ", ".join(SUFFIXES), "end the name in one of them"
            )
        write(self.found, path)
        return path

    def __len__(self) -> int:
        return self.found.nodes.height

    def __repr__(self) -> str:
        """In counts: no id of a patient."""
        return f"Network({len(self):,} nodes, {self.found.edges.height:,} links, {len(self.cut)} notes on what is cut)"

    def _repr_html_(self) -> str:
        """The picture, for notebooks, stored ones too."""
        from clinome.explore.files import svg

        said = "".join(f"<li>{markup.escape(one)}</li>" for one in self.cut)
        return f"<div>{svg(self.found, cut=False)}<ul style='font-size:90%'>{said}</ul></div>"
