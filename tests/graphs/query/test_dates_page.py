"""Every recipe of docs/dates.md runs on every store, finds somebody, and finds the same; what it calls refused is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from cohort_tables import CohortTables
from polars.testing import assert_frame_equal
from stores import Kind

from clinome.graphs.query.cypher import parse, run_lists, run_query
from clinome.graphs.store.embedded import EmbeddedStore
from clinome.graphs.store.protocol import Store
from clinome.loaders.errors import InputError

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "dates.md").read_text(encoding="utf-8")
RECIPES = re.findall(r"```cypher\n(.*?)```", PAGE, re.DOTALL)
REFUSED = re.findall(r"^\| `(.*?)` \| [^`|]*(?:`[^`]*`[^`|]*)?\| (.*) \|$", PAGE, re.MULTILINE)
TABLES = CohortTables(seed=2)


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    folder = tmp_path_factory.mktemp("dates") / "g"
    with EmbeddedStore(folder, write=True) as writer:
        TABLES.write(writer)
    with EmbeddedStore(folder, write=False) as reader:
        yield reader


@pytest.fixture(scope="module")
def store(kind: Kind, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    place = kind.empty(tmp_path_factory.mktemp("page"))
    with place.open() as writer:
        TABLES.write(writer)
    with place.open(write=False) as reader:
        yield reader


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_finds_the_same_everywhere(store: Store, embedded: Store, recipe: str) -> None:
    query = parse("recipe", recipe)
    found = run_query(store, query, {})
    assert found.height
    by = found.columns[0] if "ORDER BY" in recipe else found.columns
    assert_frame_equal(found.sort(by), run_query(embedded, query, {}).sort(by), abs_tol=1e-9)


def test_the_page_has_its_parts() -> None:
    assert len(RECIPES) >= 12 and len(REFUSED) == 5


@pytest.mark.parametrize(("text", "instead"), REFUSED)
def test_what_the_page_calls_refused_is(embedded: Store, text: str, instead: str) -> None:
    head = "MATCH (p:Patient)-[:ATTENDED]->(v:Visit) WITH p, v, v.start_time AS a, v.end_time AS b RETURN "
    with pytest.raises(InputError, match=r"write|compare"):
        run_lists(embedded, parse("refused", f"{head}{text} AS x"), {})
    for written in re.findall(r"`(.*?)`", instead):
        assert run_lists(embedded, parse("instead", f"{head}{written} AS x"), {})["x"]
