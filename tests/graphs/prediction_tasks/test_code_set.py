"""Code sets: descendants, mapped codes, value sets as csv and as OHDSI concept sets."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from timelines import timelines

from clinome.graphs.prediction_tasks.code_set import CodeSet, read_code_set
from clinome.graphs.prediction_tasks.records import Records
from clinome.graphs.tables.study_tables import Tables
from clinome.loaders.errors import InputError

CODES = [
    "ICD9CM:428",
    "ICD9CM:428.0",
    "ICD9CM:428.21",
    "ICD9CM:428.2",
    "ICD9CM:42",
    "ICD9CM:398.91",
    "SNOMED:84114007",
    "SNOMED:42343007",
    "X:4280",
]
LINKS = [
    ("ICD9CM:398.91", "IS_A", "PHECODE:428"), ("ICD9CM:428", "IS_A", "PHECODE:428"), ("SNOMED:84114007", "MAPS_TO", "MONDO:5"),
    ("SNOMED:42343007", "IS_A", "SNOMED:84114007"), ("MONDO:5", "IS_A", "MONDO:4"), ("PHECODE:428", "MAPS_TO", "MONDO:4"),
    ("MONDO:4", "IS_A", "MONDO:5"),
]  # fmt: skip
"""With a circle: it ends where it closes."""


@pytest.fixture
def tables(tmp_path: Path) -> Tables:
    return timelines(tmp_path / "tables", events=[("a", 1, code) for code in CODES], links=LINKS)


@pytest.mark.parametrize(
    ("codes", "flags", "want"),
    [
        (["ICD9CM:428"], {}, {"ICD9CM:428"}),
        (["ICD9CM:428"], {"descendants": True}, {"ICD9CM:428", "ICD9CM:428.0", "ICD9CM:428.2", "ICD9CM:428.21"}),
        (["PHECODE:428"], {"descendants": True}, {"ICD9CM:428", "ICD9CM:428.0", "ICD9CM:428.2", "ICD9CM:428.21", "ICD9CM:398.91"}),
        (["MONDO:5"], {"maps": True}, {"SNOMED:84114007", "SNOMED:42343007"}),
        (["MONDO:4"], {"maps": True, "descendants": True}, {*CODES[:4], "ICD9CM:398.91", "SNOMED:84114007", "SNOMED:42343007"}),
        (["SNOMED:84114007"], {"descendants": True, "without": ("SNOMED:42343007",)}, {"SNOMED:84114007"}),
    ],
)  # fmt: skip
def test_what_lies_below(tables: Tables, codes: list[str], flags: dict[str, bool], want: set[str]) -> None:
    assert CodeSet.of(codes, **flags).expand(tables) == want


def test_codes_that_the_study_has_not(tables: Tables) -> None:
    codes = CodeSet.of(["ICD9CM:429"])
    with pytest.raises(
        InputError, match=r"no event of this study has one of these codes; got 'ICD9CM:429'; expected .*42"
    ):
        Records(tables).events({"x": codes})
    with pytest.raises(InputError, match="with such a number"):
        Records(tables).events({"x": CodeSet.of(["ICD9CM:428"], low=3.0)})
    assert Records(tables, lenient=True).events({"x": codes}).is_empty()


@pytest.mark.parametrize(
    ("name", "text", "want"),
    [
        ("a.csv", "code,name\nICD9CM:428,Heart failure\nicd9cm:4280,other\n", ("ICD9CM:428", "ICD9CM:428.0")),
        ("a.csv", "Code;Vocabulary\n4280;ICD9CM\n84114007;SNOMED\n", ("ICD9CM:428.0", "SNOMED:84114007")),
        ("a.tsv", "vocabulary_id\tconcept_code\nRxNorm\t123\n\t\n", ("RXNORM:123",)),
    ],
)  # fmt: skip
def test_a_value_set_as_csv(tmp_path: Path, name: str, text: str, want: tuple[str, ...]) -> None:
    (tmp_path / name).write_text(text)
    found = read_code_set(tmp_path / name, True)
    assert found.codes == want and found.descendants


def item(
    code: str,
    vocabulary: str,
    *,
    out: bool = False,
    down: bool = False,
    mapped: bool = False,
    domain: str = "Condition",
) -> object:
    concept = {"CONCEPT_ID": 1, "CONCEPT_CODE": code, "VOCABULARY_ID": vocabulary, "DOMAIN_ID": domain}
    return {"concept": concept, "isExcluded": out, "includeDescendants": down, "includeMapped": mapped}


def test_a_concept_set_of_ohdsi(tmp_path: Path, tables: Tables) -> None:
    items = [item("428", "ICD9CM", down=True), item("428.2", "ICD9CM", out=True, down=True), item("84114007", "SNOMED"),
             item("387713003", "SNOMED", domain="Procedure")]  # fmt: skip
    for held in ({"items": items}, {"name": "hf", "expression": {"items": items}}):
        (tmp_path / "hf.json").write_text(json.dumps(held))
        found = read_code_set(tmp_path / "hf.json")
        assert found.codes == ("ICD9CM:428", "SNOMED:84114007", "SNOMEDPROC:387713003") and found.without == (
            "ICD9CM:428.2",
        )
        assert found.expand(tables) == {"ICD9CM:428", "ICD9CM:428.0", "ICD9CM:428.21", "SNOMED:84114007"}


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.csv", "name\nx\n", "without a column of codes"), ("a.csv", "code\n", "without a code"), ("a.csv", "code\n428\n", "a.csv: a code without its vocabulary"),
        ("a.csv", "code,vocabulary\n428,ICD9CM\n250,\n", "a.csv: a code without its vocabulary; got '250'"),
        ("a.csv", "code,vocabulary\nnan,ICD9CM\n", "no code of its vocabulary"), ("a.json", "[", "no OHDSI concept set"),
        ("a.json", "[1]", "no OHDSI concept set"), ("a.json", '{"items": []}', "without a code"), ("a.json", '{"items": [3]}', "no OHDSI"),
        ("a.json", json.dumps({"items": [item("84114007", "SNOMED", out=True)]}), "takes everything out"),
    ],
)  # fmt: skip
def test_files_that_hold_no_codes(name: str, text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=message):
        read_code_set(tmp_path / name)
