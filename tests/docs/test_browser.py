"""Neo4j Browser: the style names what the schema has in the plots' colours; every saved query and every recipe runs."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from neo4j.graph import Path as Walk
from servers import VERSIONS, Server, clear, session

from clinome.graphs import schema
from clinome.graphs.neo4j_store.store import Neo4jStore
from clinome.graphs.store.protocol import Edges, Nodes
from clinome.plots.style import INK, PALE, PALETTE, SOFT

ROOT = Path(__file__).resolve().parents[2]
SAVED = sorted((ROOT / "neo4j" / "browser").glob("*.cypher"))
PAGE = (ROOT / "docs" / "browser.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```cypher\n(.*?)```", PAGE, re.DOTALL)
RULE = re.compile(r"(node|relationship)\.(\w+) \{(.*?)\}\n", re.DOTALL)
GIVEN = {
    "first": 20, "run": "lung/first", "symbol": "TP53", "code": "ICD10CM:I50", "patient": "p1"
}  # fmt: skip
EMPTY = ("what_is_here",)
"""Of these the server answers with nodes of its own, no path."""


@pytest.fixture(scope="module", params=VERSIONS)
def explored(request: pytest.FixtureRequest, servers: Callable[[str], Server]) -> Iterator[Server]:
    """A server with something for every query to find."""
    server = servers(request.param)
    clear(server)
    nodes = {
        "Patient": ["p1", "p2"], "Gene": ["g1", "g2", "g3"], "Pathway": ["w"], "Diagnosis": ["ICD10CM:I50", "ICD10CM:I50.1"],
        "Phenotype": ["HP:1"], "Run": ["lung/first", "lung/other"], "Cohort": ["lung/lung"], "Load": ["lung/1"],
    }  # fmt: skip
    symbols = pl.DataFrame({"id": nodes["Gene"], "symbol": ["TP53", "ATM", "BBB"]})
    ranks = {"start": ["lung/first"] * 2 + ["lung/other"], "end": ["g1", "g2", "g1"], "rank": [1, 2, 1], "score": 1.0}
    edges: list[tuple[str, str, str, dict[str, Any]]] = [
        ("RANKS", "Run", "Gene", ranks),
        ("USED", "Run", "Cohort", {"start": "lung/first", "end": "lung/lung"}),
        ("DRAWN_FROM", "Cohort", "Load", {"start": "lung/lung", "end": "lung/1"}),
        ("SIMILAR_TO", "Patient", "Patient", {"start": "p1", "end": "p2", "similarity": 0.5, "rank": 1}),
        ("INTERACTS_WITH", "Gene", "Gene", {"start": ["g1", "g1"], "end": ["g2", "g3"], "score": 0.5}),
        ("IN_PATHWAY", "Gene", "Pathway", {"start": ["g1", "g2"], "end": "w"}),
        ("ASSOCIATED_WITH", "Gene", "Phenotype", {"start": "g1", "end": "HP:1"}),
        ("IS_A", "Diagnosis", "Diagnosis", {"start": "ICD10CM:I50.1", "end": "ICD10CM:I50"}),
        ("DIAGNOSED", "Patient", "Diagnosis", {"start": "p1", "end": "ICD10CM:I50.1"}),
    ]
    with Neo4jStore(server.uri, server.user, server.password, write=True) as store:
        store.prepare()
        for label, ids in nodes.items():
            store.write_nodes(label, "l", Nodes(label, symbols if label == "Gene" else pl.DataFrame({"id": ids})))
        for type, start, end, rows in edges:
            store.write_edges(type, "l", Edges(type, start, end, pl.DataFrame(rows)))
        store.save()
    yield server
    clear(server)


@pytest.mark.parametrize("file", SAVED, ids=lambda file: file.stem)
def test_a_saved_query_draws_something(explored: Server, file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    asked = re.findall(r"// :param (\w+) => ", text)
    assert text.startswith("// ") and set(asked) == set(re.findall(r"\$(\w+)", text)) <= set(GIVEN)
    with session(explored) as opened:
        found = list(opened.run(text, **{name: GIVEN[name] for name in asked}))  # type: ignore[arg-type]
    assert found
    assert file.stem in EMPTY or all(isinstance(record["path"], Walk) for record in found)
    assert f"| `{file.stem}` |" in PAGE


@pytest.mark.parametrize("text", [one for one in BLOCKS if "gds." not in one])
def test_a_recipe_finds_something(explored: Server, text: str) -> None:
    with session(explored) as opened:
        assert list(opened.run(text))


def test_the_page_says_which_recipes_are_not_run() -> None:
    plain, gds = PAGE.split("## Recipes with GDS")
    assert "gds." not in plain and len([one for one in BLOCKS if "gds." not in one]) >= 4
    assert "GPL-3.0" in gds and "not run in our tests" in gds


def test_the_style_is_the_schema_in_the_plots_colours() -> None:
    text = (ROOT / "neo4j" / "browser" / "clinome.grass").read_text(encoding="utf-8")
    rules = {(kind, name): body for kind, name, body in RULE.findall(text)}
    assert {name for kind, name in rules if kind == "node"} == set(schema.LABELS)
    assert {name for kind, name in rules if kind == "relationship"} <= set(schema.RELATIONSHIPS)
    for (kind, name), body in rules.items():
        colour = re.search(r"\bcolor: (#\w{6});", body)
        assert colour is not None and colour[1] in (*PALETTE, INK, SOFT, PALE), name
        if kind == "node":
            written, caption = (
                re.search(r"text-color-internal: (#\w{6});", body),
                re.search(r'caption: "\{(\w+)\}"', body),
            )
            assert written is not None and contrast(colour[1], written[1]) >= 4.5, name
            assert caption is not None and caption[1] in {"id", "name", *schema.NODE_PROPERTIES[name]}, name


def contrast(one: str, other: str) -> float:
    """WCAG 2.1: from 1 to 21."""
    low, high = sorted(map(luminance, (one, other)))
    return (high + 0.05) / (low + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
