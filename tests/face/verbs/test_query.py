"""`clinome query`: by name, as text, into a file; and what cannot be asked (docs/study.md)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest
from command import ROWS, Clinome, write_study


@pytest.fixture
def clinome(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Clinome:
    return Clinome(capsys, monkeypatch)


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A loaded study; tests of this module only read it."""
    from clinome import Study, load

    study = write_study(tmp_path_factory.mktemp("loaded"))
    load(Study.read(study))
    return study


def test_query_list_names_questions_and_parameters(clinome: Clinome) -> None:
    ended = clinome("query", "--list")
    assert ended.code == 0
    names = [line.split("(")[0] for line in ended.out.splitlines() if line and not line.startswith(" ")]
    assert len(names) >= 8
    assert "patients_with_mutated_gene(symbol)" in ended.out


@pytest.mark.parametrize("ending", ("csv", "parquet"))
def test_query_by_name(clinome: Clinome, loaded: Path, tmp_path: Path, ending: str) -> None:
    out = tmp_path / f"rows.{ending}"
    asked = ("query", loaded, "patients_with_mutated_gene", "-p", "symbol=TP53")
    ended = clinome(*asked, "--json")
    assert ended.code == 0
    told = json.loads(ended.out.splitlines()[-1])
    assert told["columns"] == ["subject_id", "gene"]
    assert sorted(row[0] for row in told["rows"]) == ["p0", "p1"]
    assert clinome(*asked, "--out", out).code == 0
    written = pl.read_csv(out) if ending == "csv" else pl.read_parquet(out)
    assert written["subject_id"].sort().to_list() == ["p0", "p1"]


def test_query_prints_a_table(clinome: Clinome, loaded: Path) -> None:
    ended = clinome("query", loaded, "MATCH (p:Patient) RETURN p.id AS id, p.age AS age ORDER BY id LIMIT 2")
    assert ended.out.splitlines() == ["id  age", "p0   40", "p1   41", "2 rows"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("MATCH (p:Patient) DELETE p",), "it may only read"),
        (("LOAD CSV FROM 'file:///etc/passwd' AS row RETURN row",), "it may only read"),
        (("MATCH (p:Patient RETURN p",), "cannot be run"),
        (("patients_with_mutatd_gene",), "patients_with_mutated_gene"),
        (("patients_with_mutated_gene",), "a parameter is missing"),
        (("patients_with_mutated_gene", "-p", "symbl=TP53"), "did you mean 'symbol'"),
        (("patients_with_mutated_gene", "-p", "symbol"), "name=value"),
        (("patients_with_mutated_gene", "-p", "symbol=TP53", "--out", "rows.txt"), ".csv or .parquet"),
        (("patients_with_mutated_gene", "-p", "symbol=TP53", "--out", "no/rows.csv"), "no such folder"),
        (("missing.cypher",), "no such query file"),
    ],
)
def test_a_question_that_cannot_be_asked_is_1(clinome: Clinome, loaded: Path, words: Sequence[str], says: str) -> None:
    ended = clinome("query", loaded, *words)
    assert ended.code == 1
    assert says in ended.err
    assert clinome("query", loaded, "MATCH (p:Patient) RETURN count(p) AS n", "--json").out.endswith(f"[[{ROWS}]]}}\n")
