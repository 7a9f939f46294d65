"""Network layout: a place for every node, the same whenever it is asked for, and what each kind of node looks like.

Connected parts are laid out one by one (Kamada and Kawai 1989; large ones by Fruchterman and Reingold 1991, with a seed),
nodes that lie on each other are pushed apart, and the parts are packed side by side, what touches nothing last.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from clinome.plots.style import AMBER, BLUE, GREEN, ORANGE, PURPLE, SKY, SOFT

if TYPE_CHECKING:
    import networkx as nx

ALONE = 150
"""Nodes of a part above which springs are used: the other way takes the cube of it."""


@dataclass(frozen=True)
class Look:
    """Colour, matplotlib's marker and Cytoscape's shape of a kind of node: told apart without colour too."""

    colour: str
    marker: str
    shape: str


LOOKS = {
    "Gene": Look(SKY, "o", "ellipse"),
    "Pathway": Look(GREEN, "s", "round-rectangle"),
    "Patient": Look(PURPLE, "h", "hexagon"),
    "Diagnosis": Look(AMBER, "D", "diamond"),
    "Phenotype": Look(AMBER, "p", "pentagon"),
    "Medication": Look(ORANGE, "^", "triangle"),
    "Drug": Look(ORANGE, "^", "triangle"),
    "Procedure": Look(BLUE, "v", "vee"),
    "LabTest": Look(BLUE, "P", "octagon"),
    "Run": Look(SOFT, "*", "star"),
    "Protein": Look(SKY, "8", "octagon"),
    "Variant": Look(SKY, "d", "rhomboid"),
}
OTHER = Look(SOFT, "o", "heptagon")
LOW, MIDDLE, HIGH = BLUE, "#f2f2f2", ORANGE
"""Effects: below zero, none, above."""


def look(label: str) -> Look:
    """What a kind of node looks like."""
    return LOOKS.get(label, OTHER)


def shade(effect: float, strongest: float) -> str:
    """Colour of an effect, between LOW and HIGH.

    Example:
        >>> shade(0.0, 1.0) == MIDDLE, shade(-2.0, 1.0).upper() == LOW
        (True, True)
    """
    share = 0.0 if strongest <= 0 else float(np.clip(effect / strongest, -1, 1))
    end, start = (HIGH if share > 0 else LOW), MIDDLE
    parts = [(int(start[i : i + 2], 16), int(end[i : i + 2], 16)) for i in (1, 3, 5)]
    return "#" + "".join(f"{round(a + (b - a) * abs(share)):02x}" for a, b in parts)


def places(nodes: Sequence[str], edges: Iterable[tuple[str, str]]) -> dict[str, tuple[float, float]]:
    """x and y of every node, y upwards; neighbours lie about one apart, and none nearer than that.

    Args:
        nodes: ids, each once. edges: pairs of them.
    Example:
        >>> places(["a"], [])
        {'a': (0.5, 0.5)}
    """
    import networkx as nx

    graph: nx.Graph[str] = nx.Graph()
    graph.add_nodes_from(sorted(nodes))
    graph.add_edges_from(sorted((min(a, b), max(a, b)) for a, b in edges if a != b))
    parts = sorted((sorted(part) for part in nx.connected_components(graph)), key=lambda part: (-len(part), part[0]))
    boxes = [_apart(_part(graph.subgraph(part), part)) for part in parts]
    offsets = _packed(
        [box.max(axis=0) - box.min(axis=0) + (1.0 if len(box) > 1 else 0.9) for box in boxes],
        sum(len(part) > 1 for part in parts),
    )
    found: dict[str, tuple[float, float]] = {}
    for part, box, offset in zip(parts, boxes, offsets, strict=True):
        moved = box - box.min(axis=0) + 0.5 + offset
        found |= {node: (round(float(x), 4), round(float(y), 4)) for node, (x, y) in zip(part, moved, strict=True)}
    return {node: found[node] for node in nodes}


def _part(graph: nx.Graph[str], part: list[str]) -> np.ndarray:
    """(nodes, 2): one connected part, its neighbours about one apart."""
    import networkx as nx

    if len(part) == 1:
        return np.zeros((1, 2))
    start = {
        node: (np.cos(2 * np.pi * i / len(part)), np.sin(2 * np.pi * i / len(part))) for i, node in enumerate(part)
    }
    if len(part) <= ALONE:
        placed = nx.kamada_kawai_layout(graph, pos=start)
    else:
        placed = nx.spring_layout(graph, pos=start, seed=1, iterations=40, k=2.5 / np.sqrt(len(part)), method="force")
    found = np.array([placed[node] for node in part], dtype=float)
    scaled: np.ndarray = found * (0.62 * np.sqrt(len(part)) / max(1e-9, float(np.abs(found).max())))
    return scaled


def _apart(found: np.ndarray, nearest: float = 1.0, rounds: int = 120) -> np.ndarray:
    """Push nodes that are nearer than this away from each other, a little at a time."""
    from scipy.spatial import cKDTree

    found = found.copy()
    for turn in range(rounds):
        pairs = cKDTree(found).query_pairs(nearest, output_type="ndarray")
        if not len(pairs):
            break
        step = found[pairs[:, 0]] - found[pairs[:, 1]]
        far = np.sqrt((step**2).sum(axis=1, keepdims=True))
        angle = pairs.sum(axis=1) + turn  # of two on one spot: apart by their order
        step = np.where(far < 1e-9, np.stack([np.cos(angle), np.sin(angle)], axis=1), step / np.maximum(far, 1e-9))
        push = 0.3 * step * (nearest - far)
        np.add.at(found, pairs[:, 0], push)
        np.add.at(found, pairs[:, 1], -push)
    return found


def _packed(sizes: list[np.ndarray], linked: int) -> list[np.ndarray]:
    """Lower left corners of boxes on shelves, in their order, about half again as wide as high; after the first `linked`
    of them, which hold more than one node, a new shelf begins."""
    wide = max([size[0] for size in sizes] + [1.6 * float(np.sqrt(sum(size[0] * size[1] for size in sizes)))])
    x = y = shelf = 0.0
    corners = []
    for place, (width, height) in enumerate(sizes):
        if x and (x + width > wide or place == linked):
            x, y, shelf = 0.0, y - shelf, 0.0
        corners.append(np.array([x, y - height]))
        x, shelf = x + width, max(shelf, height)
    low = min(corner[1] for corner in corners) if corners else 0.0
    return [corner - (0.0, low) for corner in corners]
