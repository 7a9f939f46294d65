"""A network leaves as table, networkx, picture, file and page; whatever its names are, they stay text."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import networkx as nx
import pandas as pd
import polars as pl
import pytest
from browser import Browser
from outcome_study import write
from small_knowledge import HUB, fill

import clinome
from clinome.explore.network import SUFFIXES, Network
from clinome.explore.page import css, javascript, payload
from clinome.graphs.entities.biomarkers import biomarkers
from clinome.graphs.entities.subgraph import EDGES, NODES, Subgraph
from clinome.graphs.store.embedded import EmbeddedStore
from clinome.loaders.errors import InputError

EVIL = [
    "</script><script>alert(1)</script>",
    "<!--",
    "]]>",
    "\u2028x",
    '"><img src=x onerror=alert(1)>',
    "${alert(1)}",
    "O'Neil & <b>",
]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Network:
    with EmbeddedStore(tmp_path_factory.mktemp("network") / "a.graph", write=True) as store:
        fill(store)
        return Network(biomarkers(store, "small/small"))


def hostile() -> Network:
    ids = [f"n{i}" for i in range(len(EVIL))]
    nodes = pl.DataFrame({"id": [*ids[:-1], EVIL[0]], "label": ["Gene", "Pathway", "<svg>"] + ["Gene"] * (len(EVIL) - 3), "name": EVIL, "role": "", "note": EVIL[::-1]}, schema_overrides=NODES)  # fmt: skip
    nodes = nodes.with_columns(pl.lit(None, kind).alias(c) for c, kind in NODES.items() if c not in nodes.columns).select(list(NODES))  # fmt: skip
    edges = pl.DataFrame({"source": ids[:2], "target": ids[1:3], "type": [EVIL[0], "IN_PATHWAY"], "score": [None, 1.0], "number": [1, 2]}, schema=EDGES)  # fmt: skip
    return Network(Subgraph(EVIL[0], nodes, edges, pl.DataFrame(), (EVIL[0], EVIL[4])))


def test_it_is_a_table_and_networkx_and_says_what_it_is_in_counts(found: Network) -> None:
    table = found.table()
    assert isinstance(table, pd.DataFrame) and list(table["rank"]) == list(range(1, 11))
    graph = found.networkx()
    assert set(graph) == set(found.nodes["id"]) and graph.number_of_edges() == len(found.edges)
    assert graph.nodes[HUB]["name"] == "TP53" and graph.nodes[HUB]["effect"] == 0.5
    assert (
        repr(found) == f"Network({len(found)} nodes, {len(found.edges)} links, {len(found.cut)} notes on what is cut)"
    )
    assert found._repr_html_().startswith("<div><svg") and "TP53" in found._repr_html_()


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("which", ["found", "hostile"])
def test_it_is_saved_by_the_ending_and_twice_the_same(found: Network, which: str, suffix: str, tmp_path: Path) -> None:
    network = found if which == "found" else hostile()
    path = network.save(tmp_path / f"a{suffix}")
    first = path.read_bytes()
    assert path == network.save(str(path)) and first and path.read_bytes() == first
    if suffix == ".graphml":
        read = nx.read_graphml(path, force_multigraph=True)
        assert set(read) == set(network.nodes["id"]) and read.number_of_edges() == len(network.edges)
    if suffix == ".cyjs":
        read = json.loads(first)
        assert [one["data"]["id"] for one in read["elements"]["nodes"]] == list(network.nodes["id"])
        assert {"x", "y"} == set(read["elements"]["nodes"][0]["position"])


def test_another_ending_is_refused(found: Network, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such form of a network"):
        found.save(tmp_path / "a.docx")


def test_no_name_ends_a_script(tmp_path: Path) -> None:
    text = hostile().html()
    assert text.count("</script>") == text.count("<script") == 2 and "<img" not in text and "<!--" not in text.replace(javascript(), "")  # fmt: skip
    data = text.partition('<script type="application/json">')[2].partition("</script>")[0]
    assert json.loads(data) == json.loads(json.dumps(payload(hostile().found)))
    assert "http-equiv" in hostile().save(tmp_path / "a.html").read_text() and "<title>&lt;/script&gt;" in (tmp_path / "a.html").read_text()  # fmt: skip


def test_one_page_stays_small_and_a_second_network_brings_no_second_script(found: Network) -> None:
    assert len((javascript() + css()).encode()) < 500_000
    assert len(found.html().encode()) < 600_000
    assert len(found.html(script=False).encode()) < 20_000
    assert "import " not in javascript().split("return globalThis.cytoscape; })();")[1]


def test_the_largest_network_is_still_one_small_file(tmp_path: Path) -> None:
    ids = [f"NCBIGene:{i}" for i in range(2_000)]
    nodes = pl.DataFrame({"id": ids, "label": "Gene", "name": [f"GENE{i}" for i in range(2_000)], "role": ""})
    nodes = nodes.with_columns(pl.lit(None, kind).alias(c) for c, kind in NODES.items() if c not in nodes.columns).select(list(NODES))  # fmt: skip
    edges = pl.DataFrame({"source": ids[:-1], "target": ids[1:], "type": "INTERACTS_WITH", "score": None, "number": 1}, schema_overrides=EDGES)  # fmt: skip
    assert len(json.dumps(payload(Subgraph("", nodes, edges, nodes)), separators=(",", ":"))) < 200_000


def test_the_widget_is_the_script_of_the_page(found: Network) -> None:
    shown = found.show()
    assert shown._esm == javascript() and shown._css == css() and shown.network == payload(found.found)


def test_without_the_extra_it_says_what_to_install() -> None:
    code = ("import sys; sys.modules['anywidget'] = None; from clinome.explore.widget import widget; "
            "from clinome.errors import InputError\ntry: widget(None)\nexcept InputError as e: assert 'clinome[viz]' in str(e)\nelse: raise SystemExit(1)")  # fmt: skip
    subprocess.run([sys.executable, "-c", code], check=True)


def test_in_a_browser_it_searches_tells_and_asks_no_network(found: Network, tmp_path: Path) -> None:
    file = found.save(tmp_path / "a.html")
    with Browser() as browser:
        page = browser.open(file)
        wait(page, "document.querySelector('section').dataset.labels")
        assert page.evaluate("document.querySelector('section').network.nodes().length") == len(found)
        page.evaluate("document.querySelector('input[type=search]').focus()")
        page.type("tp53")
        assert page.evaluate("document.querySelector('.count').textContent") == f"1 of {len(found)} nodes"
        page.press("Enter")
        assert "TP53" in page.evaluate("document.querySelector('.told').textContent")
        page.evaluate(
            "document.querySelector('section').network.stop(true, true); document.querySelector('section').network.fit(undefined, 40); null"
        )
        x, y = page.evaluate(
            "(() => { const s = document.querySelector('section'), n = s.network.nodes('[name = \"EGFR\"]')[0].renderedPosition(),"
            " b = s.querySelector('.canvas').getBoundingClientRect(); return [b.x + n.x, b.y + n.y]; })()"
        )
        page.move(x + 40, y + 40)
        page.move(x, y)
        wait(page, "document.querySelector('.told').textContent.includes('EGFR')")
        assert "rank 2" in page.evaluate("document.querySelector('.told').textContent")
        assert page.errors == [] and page.requests == [file.resolve().as_uri()]
        evil = browser.open(hostile().save(tmp_path / "evil.html"), dark=True)
        wait(evil, "document.querySelector('section').dataset.labels")
        assert evil.evaluate("document.querySelectorAll('script').length") == 2
        assert evil.evaluate("document.querySelector('h2').textContent") == EVIL[0]
        assert evil.evaluate("document.querySelectorAll('img').length") == 0 and evil.errors == []


def wait(page: Any, code: str) -> None:
    page.evaluate(
        f"(async () => {{ for (let i = 0; i < 100 && !({code}); i++) await new Promise((go) => setTimeout(go, 50)); }})()"
    )
    assert page.evaluate(f"Boolean({code})")


def test_an_open_graph_answers(tmp_path: Path) -> None:
    place = tmp_path / "small"
    write(place, "small", 1)
    clinome.load(place)
    run = clinome.run(place)
    with clinome.open(place) as graph:
        some = graph.query("MATCH (p:Patient) RETURN p.id AS id ORDER BY id LIMIT 1")["id"][0]
        assert list(graph.find("opaque:G0")) == ["label", "id", "name", "how", "score"]
        for network in (graph.patient(some), graph.story(some), graph.around(some, limit=9), graph.biomarkers(run), graph.biomarkers()):  # fmt: skip
            assert len(network) > 1 and len(network.table()) and some not in repr(network)
        with pytest.raises(InputError, match="no gene of this name"):
            graph.gene("TP53")
