"""Network pictures: no two labels overlap, measured; the same picture every time; what has no room is counted."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure

from clinome import plots
from clinome.loaders.errors import InputError
from clinome.plots.networks.layout import HIGH, LOW, MIDDLE, places, shade
from clinome.plots.networks.network import overlapping

HOSTILE = [
    "$x^2$",
    "</svg><script>",
    "a\nb",
    "—" * 60,
    "𝔾ene",
    "",
    "  ",
    "very long name of a pathway that nobody can read in one line at all",
]


def drawn(n: int, links: int, seed: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    rng = np.random.default_rng(seed)
    kinds = ["Gene", "Pathway", "Patient", "Diagnosis", "LabTest", "Run", "Cohort"]
    names = [
        HOSTILE[i] if i < len(HOSTILE) and seed % 2 else f"Name {'long ' * int(rng.integers(0, 8))}{i}"
        for i in range(n)
    ]
    nodes = pl.DataFrame({
        "id": [f"n{i}" for i in range(n)], "label": [kinds[int(k)] for k in rng.integers(0, len(kinds), n)], "name": names,
        "effect": [float(e) if i % 2 else None for i, e in enumerate(rng.normal(size=n))], "size": rng.random(n),
        "role": [["", "asked", "fold"][int(k)] for k in rng.choice(3, n, p=[0.8, 0.1, 0.1])],
    })  # fmt: skip
    ends = rng.integers(0, n, (links, 2))
    return nodes, pl.DataFrame({"source": [f"n{a}" for a, _ in ends], "target": [f"n{b}" for _, b in ends],
                                "type": rng.choice(["IN_PATHWAY", "INTERACTS_WITH"], links).tolist()})  # fmt: skip


@settings(max_examples=6, deadline=None)
@given(n=st.integers(1, 40), density=st.floats(0, 2), seed=st.integers(0, 10_000))
def test_no_two_labels_overlap(n: int, density: float, seed: int) -> None:
    nodes, edges = drawn(n, int(n * density), seed)
    figure = plots.network(nodes, edges, title="Anything", cut=["Not drawn: 12 genes of later ranks."] * 4)
    assert overlapping(figure) == []


def test_what_overlaps_is_seen() -> None:
    figure = Figure()
    figure.text(0.5, 0.5, "one")
    figure.text(0.51, 0.5, "two")
    figure.text(0.1, 0.9, "three")
    assert overlapping(figure) == [("one", "two")]


def test_a_crowd_is_bounded_and_says_how_many_labels_are_left_out() -> None:
    nodes, edges = drawn(160, 500, 2)
    figure = plots.network(nodes, edges)
    assert overlapping(figure) == [] and max(figure.get_size_inches()) <= 21
    assert any("labels are left out" in text.get_text() for text in figure.texts)


def test_layout_is_the_same_whatever_the_order_and_keeps_nodes_apart() -> None:
    nodes, edges = drawn(40, 60, 4)
    pairs = list(edges.select("source", "target").iter_rows())
    at = places(nodes["id"].to_list(), pairs)
    assert at == {id: places(nodes["id"].to_list()[::-1], [(b, a) for a, b in pairs[::-1]])[id] for id in at}
    points = np.array(list(at.values()))
    far = np.sqrt(((points[:, None] - points[None]) ** 2).sum(axis=2))[~np.eye(40, dtype=bool)]
    assert far.min() > 0.6


def test_colours_run_from_below_zero_to_above() -> None:
    assert (shade(-1, 1).upper(), shade(0, 1), shade(1, 1).upper()) == (LOW.upper(), MIDDLE, HIGH.upper())
    assert shade(3, 0) == MIDDLE


def test_it_is_readable_on_both_grounds_and_needs_its_columns() -> None:
    nodes, edges = drawn(8, 8, 1)
    for dark, ground in ((False, (1.0, 1.0, 1.0)), (True, (0x14 / 255, 0x18 / 255, 0x1D / 255))):
        figure = plots.network(nodes, edges, dark=dark)
        assert figure.get_facecolor()[:3] == pytest.approx(ground)
        ink = str(figure.axes[0].texts[0].get_color())
        assert contrast(ink, ground) > 7
    with pytest.raises(InputError, match="no column"):
        plots.network(nodes.drop("name"), edges)


def contrast(colour: str, ground: tuple[float, float, float]) -> float:
    """WCAG's ratio."""

    def light(parts: tuple[float, ...]) -> float:
        linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((light(tuple(int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))), light(ground)))
    return (high + 0.05) / (low + 0.05)
