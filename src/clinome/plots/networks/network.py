"""Plot of a network: genes, pathways, codes and patients with their links, of which no two labels overlap.

Labels are measured at the figure's own size and set one after the other, what was asked about first, beside their node
wherever no label, no node and no edge of the picture is in the way; what fits nowhere is shortened, then left out and
counted.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from clinome.plots.networks.layout import HIGH, LOW, MIDDLE, look, places, shade
from clinome.plots.style import INK, SOFT, finished, notebook_figure, styled, table_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    from clinome.plots.style import Table

_UNIT, _FONT, _NOTE = 0.72, 8.5, 8.5  # inches between neighbours; points
_WIDE, _HIGH = (6.5, 15.0), (3.0, 16.0)  # inches
_DARK = {"ground": "#14181d", "ink": "#e8ecf1", "soft": "#9aa7b4", "edge": "#5d6874"}
_LIGHT = {"ground": "#ffffff", "ink": INK, "soft": SOFT, "edge": "#aab4bf"}
_FORMS = ((26, 2), (26, 1), (14, 1))  # characters of a line, lines: the first that fits
_ROUND = ((0, -1), (0, 1), (1, 0), (-1, 0), (1, -1), (-1, -1), (1, 1), (-1, 1))
_AIR = 2.0  # pixels between any two labels
_STYLE = {"INTERACTS_WITH": "dotted"}


@styled
def network(
    nodes: Table, edges: Table, *, title: str = "", cut: Sequence[str] = (), measure: str = "effect", dark: bool = False,
    width: float | None = None,
) -> Figure:  # fmt: skip
    """Network of nodes and links, in which no two labels overlap.

    Args:
        nodes: id, label (its kind), name; optional effect (signed: its colour), size (0 to 1), role (`asked`: bold, `fold`:
            hollow).
        edges: source, target, type.
        title: above the picture.
        cut: sentences below it, on what it does not show.
        measure: what `effect` is, in the legend.
        dark: on a dark ground.
        width: in inches (default: what the nodes need, 6.5 to 15).
    Raises: InputError if a column is missing.
    Example:
        figure = clinome.plots.network(found.nodes, found.edges, title=found.title)  # found = graph.biomarkers()
    """
    shown = table_of(nodes, "id", "label", "name", optional={"effect": None, "size": None, "role": ""}).with_columns(
        pl.col("effect", "size").cast(pl.Float64).fill_nan(None),
        name=pl.coalesce("name", "id"),
        role=pl.col("role").fill_null(""),
    )
    links = table_of(edges, "source", "target", "type")
    at = places(shown["id"].to_list(), links.select("source", "target").iter_rows())
    colours = _DARK if dark else _LIGHT
    legend = _handles(shown, links, colours, measure)
    figure, ax, wide = _sheet(at, legend, [*cut, _left_out(shown.height, shown.height)], bool(title), colours, width)
    _edges(ax, links, at, colours)
    radii = _nodes(ax, shown, at, colours)
    missing = _labels(figure, ax, shown, links, at, radii, colours)
    notes = _wrapped([*cut, *([_left_out(missing, shown.height)] if missing else [])], wide)
    high = figure.get_figheight()
    if title:
        figure.text(0.02, 1 - 0.12 / high, title, ha="left", va="top", fontsize=11, fontweight="bold", color=colours["ink"])  # fmt: skip
    figure.text(0.02, 0.1 / high, "\n".join(notes), ha="left", va="bottom", fontsize=_NOTE, color=colours["soft"], linespacing=1.25)  # fmt: skip
    return finished(figure, f"Network: {title or 'nodes and links'}, {shown.height} nodes, {links.height} links")


def _left_out(missing: int, all: int) -> str:
    return f"{missing:,} of {all:,} labels are left out, for want of room."


def _sheet(
    at: dict[str, tuple[float, float]],
    legend: list[Line2D],
    notes: Sequence[str],
    titled: bool,
    colours: dict[str, str],
    asked: float | None = None,
) -> tuple[Figure, Axes, float]:
    """A figure with the room that its nodes, legend and notes need: the figure, the axes of the nodes, its width in inches."""
    wide, high = (max((place[axis] for place in at.values()), default=0.0) + 0.5 for axis in (0, 1))
    width = asked or min(max(_UNIT * wide + 0.8, _WIDE[0]), _WIDE[1])
    body = min(max(_UNIT * high + 0.5, _HIGH[0]), _HIGH[1])
    columns = max(1, min(len(legend), int(width / 1.6)))
    below = 0.17 * (len(_wrapped(notes, width)) + 1) + 0.26 * -(-len(legend) // columns) + 0.2
    figure = notebook_figure()(figsize=(width, body + below + (0.4 if titled else 0.1)), facecolor=colours["ground"])
    whole = figure.get_figheight()
    ax = figure.add_axes((0.02, below / whole, 0.96, body / whole))
    ax.set_axis_off()
    unit = min(0.96 * width / max(wide, 1e-9), body / max(high, 1e-9))
    ax.set_xlim(wide / 2 - 0.48 * width / unit, wide / 2 + 0.48 * width / unit)
    ax.set_ylim(high / 2 - 0.5 * body / unit, high / 2 + 0.5 * body / unit)
    if legend:
        figure.legend(handles=legend, loc="upper left", bbox_to_anchor=(0.01, below / whole), ncols=columns, fontsize=8.5,
                      labelcolor=colours["ink"], handletextpad=0.3, columnspacing=1.2, borderaxespad=0.2)  # fmt: skip
    return figure, ax, width


def overlapping(figure: Figure) -> list[tuple[str, str]]:
    """Pairs of texts of a figure whose boxes overlap, measured at its own size.

    Example:
        overlapping(graph.biomarkers().figure())  # []
    """
    from matplotlib.text import Text

    renderer = _renderer(figure)
    figure.draw(renderer)  # a legend is placed when it is drawn
    texts = [
        one for one in figure.findobj(Text) if isinstance(one, Text) and one.get_text().strip() and one.get_visible()
    ]
    boxes = [(one.get_text(), one.get_window_extent(renderer)) for one in texts]
    return [
        (a, b) for i, (a, one) in enumerate(boxes) for b, other in boxes[i + 1 :]
        if min(one.x1, other.x1) - max(one.x0, other.x0) > 0.01 and min(one.y1, other.y1) - max(one.y0, other.y0) > 0.01
    ]  # fmt: skip


@dataclass(frozen=True)
class _Box:
    """A rectangle, in pixels."""

    x0: float
    y0: float
    x1: float
    y1: float

    def meets(self, other: _Box, air: float = 0.0) -> bool:
        return (
            self.x0 < other.x1 + air
            and other.x0 < self.x1 + air
            and self.y0 < other.y1 + air
            and other.y0 < self.y1 + air
        )


def _edges(ax: Axes, links: pl.DataFrame, at: dict[str, tuple[float, float]], colours: dict[str, str]) -> None:
    from matplotlib.collections import LineCollection

    for (type,), part in sorted(links.partition_by("type", as_dict=True).items()):
        lines = [(at[source], at[target]) for source, target in part.select("source", "target").iter_rows()]
        ax.add_collection(
            LineCollection(
                lines, colors=colours["edge"], linewidths=1.0, linestyles=_STYLE.get(str(type), "solid"), zorder=1
            ),
            autolim=False,
        )


def _nodes(
    ax: Axes, shown: pl.DataFrame, at: dict[str, tuple[float, float]], colours: dict[str, str]
) -> dict[str, float]:
    """Draw the nodes; their radii in points."""
    strongest = max((abs(e) for e in shown["effect"].drop_nulls()), default=0.0)
    radii = {}
    for one in shown.iter_rows(named=True):
        kind = look(one["label"])
        size = 6.5 + 5.5 * min(1.0, max(0.0, one["size"])) if one["size"] is not None else 7.5
        colour = kind.colour if one["effect"] is None else shade(one["effect"], strongest)
        fold = one["role"] == "fold"
        face = colours["ground"] if fold else colour
        edge = colour if fold else colours["ink"]
        x, y = at[one["id"]]
        ax.plot(x, y, kind.marker, ms=size + 3 * fold, mfc=face, mec=edge, mew=1.8 if fold else 0.7, zorder=3)
        radii[one["id"]] = (size + 3 * fold) / 2 + 1
    return radii


def _labels(
    figure: Figure, ax: Axes, shown: pl.DataFrame, links: pl.DataFrame, at: dict[str, tuple[float, float]],
    radii: dict[str, float], colours: dict[str, str],
) -> int:  # fmt: skip
    """Set the labels, and count those that fit nowhere."""
    renderer, point = _renderer(figure), figure.dpi / 72
    frame = ax.get_window_extent(renderer)
    bounds = _Box(frame.x0, frame.y0, frame.x1, frame.y1)
    centre = {id: tuple(ax.transData.transform(place)) for id, place in at.items()}
    rings = {id: _Box(x - radii[id] * point, y - radii[id] * point, x + radii[id] * point, y + radii[id] * point) for id, (x, y) in centre.items()}  # fmt: skip
    degree = dict.fromkeys(at, 0)
    for source, target in links.select("source", "target").iter_rows():
        degree[source] += 1
        degree[target] += 1
    order = sorted(
        shown.iter_rows(named=True),
        key=lambda one: (
            {"asked": 0, "fold": 1}.get(one["role"], 2),
            -degree[one["id"]],
            -(one["size"] or 0),
            one["id"],
        ),
    )
    lines = [(centre[s], centre[t]) for s, t in links.select("source", "target").iter_rows()]
    taken: list[_Box] = []
    missing = 0
    for one in order:
        bold = one["role"] == "asked" or one["label"] == "Pathway"
        for said in dict.fromkeys(_shortened(str(one["name"]), *form) for form in _FORMS):
            text = ax.text(0, 0, said, fontsize=_FONT, fontweight="bold" if bold else "normal", color=colours["ink"], zorder=5, ha="center", va="center", linespacing=1.05)  # fmt: skip
            extent = text.get_window_extent(renderer)
            spot = _spot(centre[one["id"]], radii[one["id"]] * point, (extent.width, extent.height), bounds, taken, rings.values(), lines)  # fmt: skip
            if spot is not None:
                text.set_position(
                    tuple(ax.transData.inverted().transform(((spot.x0 + spot.x1) / 2, (spot.y0 + spot.y1) / 2)))
                )
                text.set_bbox({"facecolor": colours["ground"], "alpha": 0.72, "pad": 0.3, "linewidth": 0})
                taken.append(spot)
                break
            text.remove()
        else:
            missing += 1
    return missing


def _shortened(name: str, width: int, lines: int) -> str:
    """A name in so many lines of so many characters; what is longer ends in an ellipsis."""
    whole = textwrap.wrap(name, width, max_lines=lines, placeholder="…")
    return "\n".join(whole).replace("\n…", "…") or name[: width - 1] + "…"


def _spot(
    centre: tuple[float, ...], radius: float, size: tuple[float, float], bounds: _Box, taken: Sequence[_Box],
    rings: Iterable[_Box], lines: Sequence[tuple[Any, Any]],
) -> _Box | None:  # fmt: skip
    """Where a label of this size goes: the free place that the fewest edges cross; None where none is free."""
    best: tuple[int, int] | None = None
    found = None
    near = [line for line in lines if _reaches(line, centre, size[0] + 3 * radius + 20)]
    nodes = [ring for ring in rings if abs(ring.x0 - centre[0]) < 2 * size[0] + 40 and abs(ring.y0 - centre[1]) < 80]
    for rank, (step, (dx, dy)) in enumerate((step, way) for step in (2.5, 8.0, 15.0) for way in _ROUND):
        x = centre[0] + dx * (radius * (0.8 if dy else 1) + step + size[0] / 2) * (1 if not dy else 0.75)
        y = centre[1] + dy * (radius + step + size[1] / 2)
        box = _Box(x - size[0] / 2, y - size[1] / 2, x + size[0] / 2, y + size[1] / 2)
        inside = box.x0 >= bounds.x0 and box.x1 <= bounds.x1 and box.y0 >= bounds.y0 and box.y1 <= bounds.y1
        if not inside or any(box.meets(other, _AIR) for other in taken) or any(box.meets(ring) for ring in nodes):
            continue
        crossed = sum(_crosses(line, box) for line in near)
        if best is None or (crossed, rank) < best:
            best, found = (crossed, rank), box
    return found


def _reaches(line: tuple[Sequence[float], Sequence[float]], centre: tuple[float, ...], far: float) -> bool:
    (x0, y0), (x1, y1) = line
    return min(x0, x1) - far < centre[0] < max(x0, x1) + far and min(y0, y1) - far < centre[1] < max(y0, y1) + far


def _crosses(line: tuple[Any, Any], box: _Box) -> bool:
    """Whether a line goes through a box (Liang and Barsky 1984)."""
    (x0, y0), (x1, y1) = line
    first, last = 0.0, 1.0
    for step, low, high in ((x1 - x0, box.x0 - x0, box.x1 - x0), (y1 - y0, box.y0 - y0, box.y1 - y0)):
        if abs(step) < 1e-12:
            if low > 0 or high < 0:
                return False
            continue
        a, b = sorted((low / step, high / step))
        first, last = max(first, a), min(last, b)
    return first <= last


def _handles(shown: pl.DataFrame, links: pl.DataFrame, colours: dict[str, str], measure: str) -> list[Line2D]:
    """What the legend names: kinds of node, the ends of the colours, folded nodes, dotted links."""
    from matplotlib.lines import Line2D

    def dot(
        words: str, marker: str, face: str, edge: str = colours["ink"], line: float = 0.7, size: float = 7
    ) -> Line2D:
        return Line2D([], [], marker=marker, ls="", mfc=face, mec=edge, mew=line, ms=size, label=words)

    handles = []
    for label in dict.fromkeys(shown["label"]):
        coloured = shown.filter(pl.col("label") == label)["effect"].count() > 0
        handles.append(dot(_words(str(label)), look(label).marker, MIDDLE if coloured else look(label).colour))
    measured = [float(effect) for effect in shown["effect"].drop_nulls()]
    if measured and min(measured) < 0:
        handles.append(dot(f"{measure} down to {min(measured):+.2g}", "o", LOW))
    if measured and max(measured) > 0:
        handles.append(dot(f"{measure} up to {max(measured):+.2g}", "o", HIGH))
    if (shown["role"] == "fold").any():
        handles.append(dot("many in one", "o", colours["ground"], colours["soft"], 1.8, 9))
    for type in links["type"].unique().sort():
        if type in _STYLE:
            handles.append(Line2D([], [], color=colours["edge"], ls=_STYLE[type], lw=1.4, label=type))
    return handles


def _wrapped(sentences: Sequence[str], width: float) -> list[str]:
    return textwrap.wrap(" ".join(sentences), max(30, int(width * 14.5)))


def _words(label: str) -> str:
    """`Lab test` of LabTest."""
    if label == "MicroRNA":
        return label
    return "".join(f" {c.lower()}" if c.isupper() and i else c for i, c in enumerate(label))


def _renderer(figure: Figure) -> Any:
    """Agg at the figure's own size: what it measures is what is drawn."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas: Any = FigureCanvasAgg(figure)
    return canvas.get_renderer()
