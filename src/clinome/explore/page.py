"""Page of a network: one file with the interactive picture in it, which fetches nothing; or the same as a part of a page."""

from __future__ import annotations

import html as markup
import json
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import polars as pl

from clinome.plots.networks.layout import HIGH, LOW, MIDDLE, look, places, shade

if TYPE_CHECKING:
    from clinome.graphs.entities.subgraph import Subgraph

CYTOSCAPE = "cytoscape-3.35.0.min.js"
_SCALE = 80
_GLYPHS = {
    "ellipse": "●", "round-rectangle": "■", "hexagon": "⬢", "diamond": "◆", "pentagon": "⬟", "triangle": "▲", "vee": "▼",
    "octagon": "⯃", "star": "★", "rhomboid": "▰", "heptagon": "●",
}  # fmt: skip
_POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:"
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<title>{title}</title>
<style>:root {{ color-scheme: light dark; }} body {{ margin: 12px; }}</style>
</head>
<body>
{body}
</body>
</html>
"""


def html(found: Subgraph, script: bool = True) -> str:
    """The interactive network as a part of another page.

    Args:
        script: False for all but the first network of a page: the script is half a megabyte, and draws every one.
    Returns: markup in which no name of the data can be anything but text.
    Example:
        clinome.explore.page.html(graph.biomarkers().found)
    """
    section = (
        f'<section class="clinome-network" aria-label="{markup.escape(found.title)}">'
        f'<script type="application/json">{_inside(payload(found))}</script></section>'
    )
    if not script:
        return section
    return f'{section}\n<style>\n{css()}</style>\n<script type="module">\n{javascript()}</script>'


def page(found: Subgraph) -> str:
    """The interactive network as one file, which works without any network connection."""
    return _PAGE.format(policy=_POLICY, title=markup.escape(found.title), body=html(found))


def payload(found: Subgraph) -> dict[str, Any]:
    """What the script draws: columns of nodes and edges, kinds, legend, sentences."""
    nodes, edges = found.nodes, found.edges
    at = places(nodes["id"].to_list(), edges.select("source", "target").iter_rows())
    labels = list(dict.fromkeys(nodes["label"]))
    types = edges["type"].unique().sort().to_list()
    place = {id: i for i, id in enumerate(nodes["id"])}
    strongest = max((abs(effect) for effect in nodes["effect"].drop_nulls()), default=0.0)
    coloured = [None if effect is None else shade(effect, strongest) for effect in nodes["effect"]]
    return {
        "title": found.title, "cut": list(found.cut), "types": types, "legend": _legend(nodes["effect"], types, found.measure),
        "kinds": [_kind(label, nodes.filter(label=label)["effect"].count() > 0) for label in labels],
        "nodes": {
            "id": nodes["id"].to_list(), "name": nodes["name"].to_list(), "kind": [labels.index(label) for label in nodes["label"]],
            "note": nodes["note"].fill_null("").to_list(), "role": nodes["role"].to_list(), "colour": coloured,
            "size": [round(16 + 16 * min(1.0, max(0.0, size)), 1) if size is not None else 20 for size in nodes["size"]],
            "x": [round(_SCALE * at[id][0], 1) for id in nodes["id"]], "y": [round(-_SCALE * at[id][1], 1) for id in nodes["id"]],
        },
        "edges": {
            "source": [place[id] for id in edges["source"]], "target": [place[id] for id in edges["target"]],
            "type": [types.index(type) for type in edges["type"]], "score": edges["score"].to_list(), "number": edges["number"].to_list(),
        },
    }  # fmt: skip


@cache
def javascript() -> str:
    """The script, as a module: cytoscape.js in a room of its own, then ours."""
    library = f"const cytoscape = (() => {{ let define, exports, module;\n{_file(CYTOSCAPE)}\nreturn globalThis.cytoscape; }})();\n"
    return library + _file("network.js")


@cache
def css() -> str:
    """The style of the interactive network, light and dark."""
    return _file("network.css")


def _file(name: str) -> str:
    return (files("clinome") / "explore" / "static" / name).read_text(encoding="utf-8")


def _inside(value: object) -> str:
    """JSON that ends no script element and opens no comment, whatever its texts are."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _kind(label: str, coloured: bool) -> dict[str, str]:
    """A kind in the legend. coloured: its nodes have colours of their own, by their effects."""
    kind = look(label)
    words = {"colour": MIDDLE, "glyph": "○"} if coloured else {"colour": kind.colour, "glyph": _GLYPHS[kind.shape]}
    return {"words": label, "shape": kind.shape, **words}


def _legend(effects: pl.Series, types: list[str], measure: str) -> list[dict[str, str]]:
    known, told = effects.drop_nulls(), []
    for colour, words, extreme in ((LOW, f"{measure} down to", known.min()), (HIGH, f"{measure} up to", known.max())):
        if isinstance(extreme, float) and (extreme < 0 if colour == LOW else extreme > 0):
            told.append({"glyph": "●", "colour": colour, "words": f"{words} {extreme:+.2g}"})
    return told + ([{"glyph": "┄", "words": "INTERACTS_WITH"}] if "INTERACTS_WITH" in types else [])
