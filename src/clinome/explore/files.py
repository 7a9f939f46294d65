"""Files of a network: GraphML, Cytoscape JSON, pictures, and one interactive page."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clinome.loaders.files.atomic import atomic_path
from clinome.plots.networks.layout import places

if TYPE_CHECKING:
    import networkx as nx
    from matplotlib.figure import Figure

    from clinome.graphs.entities.subgraph import Subgraph

_SCALE = 70
"""Pixels of Cytoscape between neighbours."""


def write(found: Subgraph, path: Path) -> None:
    """Write a network by the ending of its file."""
    ending = path.suffix.lower()
    forms: dict[str, Callable[[Subgraph], bytes]] = {".graphml": _graphml, ".cyjs": _cyjs, ".html": _page}
    content = forms[ending](found) if ending in forms else _picture(found, ending[1:])
    with atomic_path(path) as fresh:
        fresh.write_bytes(content)


def elements(found: Subgraph) -> dict[str, list[dict[str, Any]]]:
    """Nodes and edges in Cytoscape's JSON, each node at the place of the printed picture."""
    at = places(found.nodes["id"].to_list(), found.edges.select("source", "target").iter_rows())
    nodes = [
        {"data": _known(one), "position": {"x": round(_SCALE * at[one["id"]][0], 1), "y": round(-_SCALE * at[one["id"]][1], 1)}}
        for one in found.nodes.iter_rows(named=True)
    ]  # fmt: skip
    edges = [{"data": {"id": f"e{i}", **_known(one)}} for i, one in enumerate(found.edges.iter_rows(named=True))]
    return {"nodes": nodes, "edges": edges}


def to_networkx(found: Subgraph) -> nx.MultiDiGraph[str]:
    """networkx: nodes by id and links, each with what is known of it."""
    import networkx as nx

    graph: nx.MultiDiGraph[str] = nx.MultiDiGraph(title=found.title)
    for one in found.nodes.iter_rows(named=True):
        graph.add_node(one["id"], **{k: v for k, v in _known(one).items() if k != "id"})
    for one in found.edges.iter_rows(named=True):
        about = {k: v for k, v in _known(one).items() if k not in ("source", "target")}
        graph.add_edge(one["source"], one["target"], **about)
    return graph


def to_figure(found: Subgraph, dark: bool = False, width: float | None = None) -> Figure:
    """The printed picture."""
    from clinome.plots.networks.network import network

    return network(
        found.nodes, found.edges, title=found.title, cut=found.cut, measure=found.measure, dark=dark, width=width
    )


def svg(found: Subgraph, cut: bool = True) -> str:
    """The picture as SVG to stand in a page, without a header of XML."""
    text = _picture(found if cut else replace(found, cut=()), "svg").decode()
    return text[text.index("<svg") :]


def _graphml(found: Subgraph) -> bytes:
    import networkx as nx

    out = io.BytesIO()
    nx.write_graphml(to_networkx(found), out)
    return out.getvalue()


def _cyjs(found: Subgraph) -> bytes:
    whole = {"data": {"name": found.title, "cut": list(found.cut)}, "elements": elements(found)}
    return json.dumps(whole, ensure_ascii=False, indent=1).encode()


def _page(found: Subgraph) -> bytes:
    from clinome.explore.page import page

    return page(found).encode()


def _picture(found: Subgraph, form: str) -> bytes:
    import matplotlib as mpl

    from clinome.plots.style import STYLE

    figure, out = to_figure(found), io.BytesIO()
    date = {"svg": {"Date": None}, "pdf": {"CreationDate": None, "ModDate": None}}.get(form)
    with mpl.rc_context({**STYLE, "svg.hashsalt": "clinome"}):
        figure.savefig(
            out, format=form, metadata=date, dpi=200 if form == "png" else "figure", facecolor=figure.get_facecolor()
        )
    return out.getvalue()


def _known(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if value is not None and value != ""}
