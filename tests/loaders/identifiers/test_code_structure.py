"""Structure of codes: golden values of the published lists, and what holds of every code."""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinome.graphs.ingest.nodes import nodes
from clinome.loaders.identifiers.code_shapes import can_be
from clinome.loaders.identifiers.code_structure import STRUCTURED, chain, links_above, parent, range_names
from clinome.loaders.identifiers.curie import codes
from clinome.loaders.identifiers.genes import GeneTable
from clinome.loaders.registry import read_source
from clinome.loaders.specs import Knowledge, Records
from clinome.loaders.tables import Known
from clinome.models.preprocessing.records.code_hierarchy import CodeHierarchy

ANYONE = Known(None, None, GeneTable.empty())

GOLDEN = {
    # ICD-9-CM tabular list 2015 (CMS, version 32)
    "ICD9CM:428.21": ["428.2", "428", "420-429", "390-459"],
    "ICD9CM:250.00": ["250.0", "250", "249-259", "240-279"],
    "ICD9CM:008.45": ["008.4", "008", "001-009", "001-139"],
    "ICD9CM:042": ["001-139"],
    "ICD9CM:745.10": ["745.1", "745", "740-759"],
    "ICD9CM:E880.9": ["E880", "E880-E888", "E000-E999"],
    "ICD9CM:V45.81": ["V45.8", "V45", "V40-V49", "V01-V91"],
    "ICD9CM:999.9": ["999", "996-999", "800-999"],
    "ICD9PROC:45.13": ["45.1", "45", "42-54"],
    "ICD9PROC:00.66": ["00.6", "00"],
    # ICD-10-CM tabular list (CDC, April 2026)
    "ICD10CM:A00.0": ["A00", "A00-A09", "A00-B99"],
    "ICD10CM:S00.01XA": ["S00.01", "S00.0", "S00", "S00-S09", "S00-T88"],
    "ICD10CM:T36.0X1A": ["T36.0X1", "T36.0X", "T36.0", "T36", "T36-T50", "T07-T88", "S00-T88"],
    "ICD10CM:W11.XXXA": ["W11", "W00-W19", "W00-X58", "V00-X58", "V00-Y99"],
    "ICD10CM:C4A.30": ["C4A.3", "C4A", "C43-C44", "C00-C75", "C00-C96", "C00-D49"],
    "ICD10CM:M1A.00X0": ["M1A.00", "M1A.0", "M1A", "M05-M14", "M00-M25", "M00-M99"],
    "ICD10CM:O9A.211": ["O9A.21", "O9A.2", "O9A", "O94-O9A", "O00-O9A"],
    # ICD-10 (WHO): chapters only
    "ICD10:A17.0†": ["A17.0", "A17", "A00-B99"],
    "ICD10:D48.9": ["D48", "C00-D48"],
    # ATC index (WHO), enalapril; ICD-10-PCS (CMS), resection of appendix; phecode map 1.2
    "ATC:C09AA02": ["C09AA", "C09A", "C09", "C"],
    "ICD10PCS:0DTJ4ZZ": ["0DTJ", "0DT", "0D", "0"],
    "PHECODE:250.21": ["250.2", "250"],
}  # fmt: skip


@pytest.mark.parametrize("code", GOLDEN)
def test_what_lies_above_a_code_is_what_the_published_list_says(code: str) -> None:
    prefix = code.partition(":")[0]
    assert list(chain(code)) == [f"{prefix}:{above}" for above in GOLDEN[code]]
    assert set(CodeHierarchy({}).ancestors(code)) == set(chain(code)), "one ancestors for codes"


def test_codes_without_dots_are_the_codes_with_dots() -> None:
    bare = ["4280", "42821", "E8809", "V4581", "0042", "00845", "042", " 25000", "e8809"]
    dotted = ["428.0", "428.21", "E880.9", "V45.81", "004.2", "008.45", "042", "250.00", "E880.9"]
    for vocabulary in ("ICD9CM", "ICD-9-CM"):
        found, same = (codes(pl.Series(each), vocabulary)[0].to_list() for each in (bare, dotted))
        assert found == same == [f"ICD9CM:{code}" for code in dotted]
    assert codes(pl.Series(["A000", "S0001XA"]), "ICD10CM")[0].to_list() == ["ICD10CM:A00.0", "ICD10CM:S00.01XA"]
    assert codes(pl.Series(["4513", "0066"]), "ICD9PROC")[0].to_list() == ["ICD9PROC:45.13", "ICD9PROC:00.66"]


def test_what_has_no_structure_or_no_proper_form_has_nothing_above_it() -> None:
    for code in ("LOINC:2345-7", "SNOMED:73211009", "ICD9CM:45.13", "ICD10CM:", "ICD9CM:999999", "ICD10CM:?", "MEDS:X",
                 "ATC:C", "ICD9CM:390-459", "", "ICD10CM:I10-"):  # fmt: skip
        assert parent(code) is None, code


def test_every_block_is_named_and_lies_in_one_chapter() -> None:
    roots: dict[str, set[str]] = {}
    for curie in range_names():
        prefix, _, local = curie.partition(":")
        first, _, last = local.partition("-")
        assert range_names()[curie] and first < last
        roots.setdefault(prefix, set()).add((curie, *chain(curie))[-1])
    sizes = {prefix: len(found) for prefix, found in roots.items()}
    assert sizes == {"ICD9CM": 19, "ICD9": 19, "ICD9PROC": 16, "ICD10CM": 22, "ICD10": 22}


SHAPES = {
    "ICD9CM": r"([0-9]{3}|V[0-9]{2})(\.[0-9]{1,2})?|E[0-9]{3}(\.[0-9])?", "ICD9PROC": r"[0-9]{2}(\.[0-9]{1,2})?",
    "ICD10CM": r"[A-Z][0-9][0-9A-Z](\.[0-9A-Z]{1,4})?", "ICD10": r"[A-Z][0-9][0-9](\.[0-9]{1,2})?[*†]?",
    "ATC": r"[A-Z]([0-9]{2}([A-Z]([A-Z]([0-9]{2})?)?)?)?", "ICD10PCS": r"[0-9BCDFGHX][0-9A-HJ-NP-Z]{6}",
    "PHECODE": r"[0-9]{3}(\.[0-9]{1,2})?",
}  # fmt: skip
ANY = st.one_of(
    [st.builds("{}:{}".format, st.just(v), st.from_regex(shape, fullmatch=True)) for v, shape in SHAPES.items()]
)


@given(ANY)
def test_a_walk_upwards_ends_at_a_root_and_never_comes_back(code: str) -> None:
    above = list(chain(code))
    assert code not in above and len(set(above)) == len(above) <= 8
    assert all(one.partition(":")[0] == code.partition(":")[0] for one in above)
    assert parent((code, *above)[-1]) is None
    assert links_above([code]).height == len(above)


@given(st.text(max_size=12), st.sampled_from(STRUCTURED))
def test_no_text_breaks_the_structure(local: str, vocabulary: str) -> None:
    assert len(list(chain(f"{vocabulary}:{local}"))) <= 12


@given(st.from_regex(SHAPES["ICD9CM"], fullmatch=True))
def test_a_code_with_its_dot_and_without_is_one_code_and_is_spelled_once(local: str) -> None:
    spelled, _ = codes(pl.Series([local, local.replace(".", "")]), "ICD9CM")
    again, changes = codes(spelled, "ICD9CM")
    assert spelled.n_unique() == 1 and again.to_list() == spelled.to_list() and not changes


@given(st.lists(ANY, max_size=5))
def test_links_are_the_naive_walk_of_each_code(found: list[str]) -> None:
    naive = {(below, above) for code in found for below, above in zip((code, *chain(code)), chain(code), strict=False)}
    assert set(links_above(found).iter_rows()) == naive
    assert links_above(found).height == len(naive)


def test_a_source_brings_what_lies_above_its_codes(tmp_path: Path) -> None:
    file = tmp_path / "e.csv"
    file.write_text("patient_id,time,icd\np1,2020-01-01,42821\np2,2020-01-02,4280\np2,2020-01-02,E8809\n")
    spec = Records((file,), name="ehr", format="csv", subject="patient_id", time="time", codes={"icd": "ICD9CM"})
    loaded = read_source(spec, ANYONE)
    assert loaded.links is not None and loaded.concepts is not None and loaded.tally.written == 3
    assert set(loaded.links["predicate"]) == {"IS_A"}
    assert set(loaded.links.select("subject", "object").iter_rows()) == {
        ("ICD9CM:428.21", "ICD9CM:428.2"), ("ICD9CM:428.2", "ICD9CM:428"), ("ICD9CM:428.0", "ICD9CM:428"),
        ("ICD9CM:428", "ICD9CM:420-429"), ("ICD9CM:420-429", "ICD9CM:390-459"),
        ("ICD9CM:E880.9", "ICD9CM:E880"), ("ICD9CM:E880", "ICD9CM:E880-E888"), ("ICD9CM:E880-E888", "ICD9CM:E000-E999"),
    }  # fmt: skip
    diagnoses = nodes(loaded, spec)["Diagnosis"]
    assert dict(diagnoses.select("id", "name").iter_rows())["ICD9CM:420-429"] == "Other forms of heart disease"
    assert {"ICD9CM:428", "ICD9CM:390-459"} <= set(diagnoses["id"])


def test_mappings_bring_what_lies_above_where_they_end(tmp_path: Path) -> None:
    file = tmp_path / "tree.csv"
    file.write_text("code,parent\nLOCAL:1,ICD10CM:I50.9\n")
    loaded = read_source(Knowledge((file,), name="k", format="hierarchy"), ANYONE)
    assert loaded.links is not None
    assert ("ICD10CM:I50.9", "ICD10CM:I50") in set(loaded.links.select("subject", "object").iter_rows())


def test_every_code_that_the_structure_makes_has_the_shape_of_its_vocabulary() -> None:
    for code, found in GOLDEN.items():
        prefix = code.partition(":")[0]
        for above in found:
            assert re.fullmatch(r"[A-Z]?[0-9A-Z]+-[0-9A-Z]+", above) or can_be(above, prefix) or prefix == "ICD10PCS"
