"""Search: found as it is written, by what it was called before, and with a slip of the pen; never a guess before a sure way."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_knowledge import fill, gene

from clinome.graphs.search.find import Search
from clinome.graphs.store.embedded import EmbeddedStore
from clinome.loaders.identifiers.genes import other_names, read_genes

ALIASES = pl.DataFrame({"name": ["SEPT7", "P53"], "gene": [gene(5), gene(1)], "how": ["old symbol", "alias"]})


@pytest.fixture(scope="module")
def search(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Search]:
    with EmbeddedStore(tmp_path_factory.mktemp("find") / "a.graph", write=True) as store:
        fill(store)
        yield Search(store, ALIASES)


@pytest.mark.parametrize(
    ("text", "id", "how"),
    [
        ("TP53", "NCBIGene:1", "symbol"), ("tp53", "NCBIGene:1", "symbol"), ("NCBIGene:1", "NCBIGene:1", "id"),
        ("SEPT7", "NCBIGene:5", "old symbol"), ("p53", "NCBIGene:1", "alias"), ("TP35", "NCBIGene:1", "spelling"),
        ("C34.1", "ICD10CM:C34.1", "code"), ("c34", "ICD10CM:C34", "code"), ("heart FAILURE", "ICD10CM:I50", "name"),
        ("lung carc", "MONDO:0005138", "beginning"), ("carcinma", "MONDO:0005138", "part of the name"),
        ("erlotinb", "DRUG:erlotinib", "spelling"), ("Epidermal growth factor recepter", "NCBIGene:2", "spelling"),
        ("p00", "p00", "id"), (" EGFR ", "NCBIGene:2", "symbol"),
    ],
)  # fmt: skip
def test_it_is_found(search: Search, text: str, id: str, how: str) -> None:
    found = search.find(text)
    assert (found["id"][0], found["how"][0]) == (id, how)
    assert found["score"].is_sorted(descending=True) and found["score"].is_between(0, 1).all()
    assert not found.select("label", "id").is_duplicated().any()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_one_slip_in_a_symbol_still_finds_it(search: Search, data: st.DataObject) -> None:
    symbol = data.draw(st.sampled_from(["EGFR", "SEPTIN7", "SYM38", "KRAS"]))
    at = data.draw(st.integers(1, len(symbol) - 2))
    slips = (symbol[:at] + symbol[at + 1] + symbol[at] + symbol[at + 2 :], symbol[:at] + "Q" + symbol[at + 1 :], symbol[:at] + "Q" + symbol[at:])  # fmt: skip
    found = search.find(data.draw(st.sampled_from(slips)), 40)
    assert symbol in found["name"].to_list()


def test_a_patient_is_found_by_the_whole_id_alone(search: Search) -> None:
    assert "Patient" not in search.find("p0")["label"].to_list()
    assert "Patient" not in search.find("p001")["label"].to_list()


@pytest.mark.parametrize(
    "text", ["", "   ", "zzzzzzzzzzzz", "'); MATCH (n) DETACH DELETE n //", "\x00", "%", "💊" * 50]
)
def test_what_means_nothing_finds_nothing(search: Search, text: str) -> None:
    assert search.find(text).height == 0


def test_other_names_are_those_of_the_gene_table(tmp_path: object) -> None:
    file = __import__("pathlib").Path(str(tmp_path)) / "genes.tsv"
    file.write_text(
        "symbol\tentrez\tprev_symbol\talias_symbol\nSEPTIN7\t989\tSEPT7|CDC10\tNBLA02942\nTP53\t7157\t\tp53\n"
    )
    found = other_names(read_genes(file)).sort("name").rows()
    assert ("SEPT7", "NCBIGene:989", "old symbol") in found and ("CDC10", "NCBIGene:989", "old symbol") in found
    assert {how for _, _, how in found} == {"old symbol", "alias"}
