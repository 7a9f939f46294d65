"""Asking: the same answers on every store, to all questions; what is told agrees with the graph counted by hand."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from small_knowledge import HUB, fill, gene
from stores import Stores

from clinome.graphs.entities.around import around
from clinome.graphs.entities.biomarkers import biomarkers
from clinome.graphs.entities.gene import gene as one_gene
from clinome.graphs.entities.paths import paths
from clinome.graphs.entities.patient import patient
from clinome.graphs.entities.story import story
from clinome.graphs.entities.subgraph import Subgraph
from clinome.graphs.ingest.write_embeddings import write_embeddings
from clinome.graphs.search.find import Search
from clinome.graphs.store.embedded import EmbeddedStore
from clinome.graphs.store.protocol import VectorStore
from clinome.loaders.errors import InputError

ALIASES = pl.DataFrame({"name": ["SEPT7", "P53"], "gene": [gene(5), gene(1)], "how": ["old symbol", "alias"]})
ASKED = ("tp53", "TP35", "P53", "sept7", "C34", "icd10cm:c34.1", "lung", "erlotinb", "hart failure", "pathway c", "p00", "SYM1", "nothing like it")  # fmt: skip


def told(found: Subgraph) -> Any:
    return found.title, found.nodes.rows(), found.edges.rows(), found.rows.rows(), found.cut, dict(found.about)


def answers(store: VectorStore) -> dict[str, Any]:
    search = Search(store, ALIASES)
    near = np.array([[1.0, i / 10] for i in range(30)])
    write_embeddings(store, pl.DataFrame({"label": "Patient", "id": [f"p{i:02d}" for i in range(30)], "vector": near.tolist()}), "small/small/vae")  # fmt: skip
    return {
        **{f"find {text}": search.find(text, 8).rows() for text in ASKED},
        **{f"around {hops} {limit}": told(around(search, HUB, hops, limit)) for hops, limit in ((1, 25), (2, 9), (3, 90))},
        "around a diagnosis": told(around(search, "ICD10CM:C34", 2, 30)),
        "around a run": told(around(search, "small/small", 1, 30)),
        "gene": told(one_gene(search, "sept7", 20)),
        "patient": told(patient(store, "p00", 12)),
        "story": told(story(store, "p00", 12, 3)),
        "paths": told(paths(search, "EGFR", "C34", 40)),
        "paths of a partner": told(paths(search, "TP53", "C34", 9)),
        "biomarkers": told(biomarkers(store, "small/small", 6, 3)),
    }  # fmt: skip


@pytest.fixture(scope="module")
def by_embedded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    with EmbeddedStore(tmp_path_factory.mktemp("asking") / "a.graph", write=True) as store:
        fill(store)
        return answers(store)


def test_every_store_answers_alike(stores: Stores, by_embedded: dict[str, Any]) -> None:
    with stores.open() as store:
        fill(store)
        found = answers(store)
    for asked, answer in by_embedded.items():
        assert found[asked] == answer, asked


@pytest.fixture(scope="module")
def search(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with EmbeddedStore(tmp_path_factory.mktemp("asked") / "a.graph", write=True) as store:
        fill(store)
        yield Search(store, ALIASES)


def test_a_gene_is_told_with_its_names_its_ranks_and_its_patients_as_counts(search: Search) -> None:
    found = one_gene(search, "p53")
    assert (
        found.about["symbol"] == "TP53" and found.about["found_by"] == "alias" and found.about["other_names"] == ["P53"]
    )
    assert found.about["mutated_in"] == 4 and found.about["ranks"][0]["rank"] == 1
    patients = found.nodes.filter(label="Patient")
    assert patients["role"].to_list() == ["fold", "fold"] and set(patients["number"]) == {4, 30}


def test_a_story_is_in_the_order_in_which_things_were_known(search: Search) -> None:
    found = story(search.store, "p00", 12)  # type: ignore[arg-type]
    rows = found.rows.filter(pl.col("what") != "SIMILAR_TO")
    at = rows.select(pl.coalesce("known_time", "time"))["known_time"]
    assert at.is_sorted() and not at.null_count()
    assert sorted(rows["what"].unique()) == ["ATTENDED", "DIAGNOSED", "MEASURED", "PREDICTS", "PROFILED"]
    measured = rows.filter(what="MEASURED")
    assert measured["value"].to_list() == [1.1, 1.2, 1.0] and measured["unit"].unique().to_list() == ["mg/dL"]
    assert rows.filter(what="PREDICTS")["time"].to_list() == [datetime(2020, 2, 1)]
    assert any("no embedding" in sentence for sentence in found.cut)


def test_paths_are_those_that_were_planted(search: Search) -> None:
    found = paths(search, "EGFR", "ICD10CM:C34")
    kinds = found.rows.group_by("kind", maintain_order=True).len()
    assert {"known", "drug", "phenotype"} <= set(kinds["kind"])
    known, drug = (found.rows.filter(kind=kind)["path"][0] for kind in ("known", "drug"))
    assert known == "EGFR – lung carcinoma" and drug == "EGFR – erlotinib – Malignant neoplasm of bronchus and lung"
    few = found.rows.filter(kind="patients")["path"][0]
    assert few == "fewer than 10 patients have both" and found.nodes.filter(role="fold")["number"].to_list() == [None]
    with pytest.raises(InputError, match="did you mean 'Heart failure'"):
        paths(search, "EGFR", "Heart failur")


def test_a_search_for_paths_that_finds_none_says_so(search: Search) -> None:
    found = paths(search, "SYM32", "Heart failure")
    assert not found.rows.height and len(found.nodes) == 2
    assert any(one.startswith("No way was found from SYM32") for one in found.cut)


def test_biomarkers_are_the_first_genes_and_the_smallest_sets_that_tell_them_apart(search: Search) -> None:
    found = biomarkers(search.store, "small/small", 6, 3)
    assert found.rows["rank"].to_list() == [1, 2, 3, 4, 5, 6]
    assert found.nodes.filter(label="Gene")["effect"].to_list() == [0.5, 0.4, 0.3, 0.2, 0.1, 0.0]
    sets = found.nodes.filter(label="Pathway")["name"].to_list()
    assert sets[0] == "Pathway A" and len(sets) <= 3
    assert any("4 genes of later ranks" in one for one in found.cut) and any("1 lab test" in one for one in found.cut)
    with pytest.raises(InputError, match="did you mean 'small/small'"):
        biomarkers(search.store, "small/smal")
    with pytest.raises(InputError, match="ranks no gene"):
        biomarkers(search.store, "small/other")


@pytest.mark.parametrize("asked", ["patient", "story", "around"])
def test_no_error_quotes_a_patient(search: Search, asked: str) -> None:
    with pytest.raises(InputError) as error:
        {"patient": lambda: patient(search.store, "p77"), "story": lambda: story(search.store, "p77"), "around": lambda: around(search, "p77")}[asked]()  # type: ignore[arg-type]  # fmt: skip
    assert "p77" not in str(error.value) and "Fix:" in str(error.value)


def test_reading_leaves_the_folder_as_it_was(tmp_path: Path) -> None:
    with EmbeddedStore(tmp_path / "a.graph", write=True) as store:
        fill(store)
    before = {file.name: file.read_bytes() for file in (tmp_path / "a.graph").iterdir()}
    with EmbeddedStore(tmp_path / "a.graph", write=False) as store:
        around(Search(store), HUB, 2, 40)
        one_gene(Search(store), "TP53")
    assert {file.name: file.read_bytes() for file in (tmp_path / "a.graph").iterdir()} == before
