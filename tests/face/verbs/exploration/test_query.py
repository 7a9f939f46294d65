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


def test_an_answer_without_rows_says_which_name_means_nothing(clinome: Clinome, loaded: Path) -> None:
    def last(symbol: str) -> list[str]:
        ended = clinome("query", loaded, "patients_with_mutated_gene", "-p", f"symbol={symbol}")
        assert ended.code == 0
        return [str(line) for line in ended.out.splitlines()[1:]]

    assert last("TP35")[0] == "0 rows" and "did you mean 'TP53' (hgnc.symbol:TP53)?" in last("TP35")[1]
    assert last("qqqqqqqqq")[1] == "symbol: nothing in the graph is called 'qqqqqqqqq', or nearly so"
    assert "2 rows" in last("TP53") and not any(line.startswith("symbol:") for line in last("TP53"))


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
        (("SHOW INDEXES",), "write `clinome schema STUDY`"),
        (("MATCH (p:Patients) RETURN p.id AS id",), "did you mean Patient?"),
        (("MATCH (p:Patient) WHERE p.outcome RETURN p.id AS id",), "write p.outcome = 1"),
    ],
)
def test_a_question_that_cannot_be_asked_is_1(clinome: Clinome, loaded: Path, words: Sequence[str], says: str) -> None:
    ended = clinome("query", loaded, *words)
    assert ended.code == 1
    assert says in ended.err
    assert clinome("query", loaded, "MATCH (p:Patient) RETURN count(p) AS n", "--json").out.endswith(f"[[{ROWS}]]}}\n")


def test_a_file_is_looked_for_where_one_stands(
    clinome: Clinome, loaded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (loaded.parent / "who.cypher").write_text("MATCH (p:Patient) RETURN count(p) AS beside_the_study")
    monkeypatch.chdir(tmp_path)
    assert "beside_the_study" in clinome("query", loaded, "who.cypher").out
    (tmp_path / "who.cypher").write_text("MATCH (p:Patient) RETURN count(p) AS here")
    assert "here" in clinome("query", loaded, "who.cypher", "--out", "n.csv").out + (tmp_path / "n.csv").read_text()


def test_lists_and_durations_have_a_place_in_a_csv(clinome: Clinome, loaded: Path, tmp_path: Path) -> None:
    text = "MATCH (p:Patient)-[:MUTATED_IN]->(g) RETURN p.id AS id, collect(g.symbol) AS genes, p {.age} AS m, duration('P1M9D') AS d"
    assert clinome("query", loaded, text, "--out", tmp_path / "rows.csv").code == 0
    row = pl.read_csv(tmp_path / "rows.csv").sort("id").row(0, named=True)
    assert (json.loads(row["genes"]), json.loads(row["m"]), row["d"]) == (["TP53"], {"age": 40}, "P1M9D")
    shown = clinome("query", loaded, "MATCH (p:Patient {id: 'p0'}) RETURN p", "--json")
    assert json.loads(shown.out.splitlines()[-1])["rows"][0][0]["age"] == 40


def test_the_schema_of_a_graph(clinome: Clinome, loaded: Path) -> None:
    told = json.loads(clinome("schema", loaded, "--json").out.splitlines()[-1])
    patient = next(kind for kind in told["nodes"] if kind["label"] == "Patient")
    assert patient["count"] == ROWS
    assert {"name": "age", "types": ["INTEGER"], "count": ROWS} in patient["properties"]
    mutated = next(kind for kind in told["relationships"] if kind["type"] == "MUTATED_IN")
    assert (mutated["start"], mutated["end"], mutated["count"]) == ("Patient", "Gene", 3)
    assert {"label": "Patient", "properties": ["id"]} in told["constraints"]
    assert {"label": "Gene", "properties": ["symbol"]} in told["indexes"]
    shown = clinome("schema", loaded).out
    assert "(:Patient)-[:MUTATED_IN]->(:Gene)" in shown and "Patient.id" in shown and "LIST<STRING>" in shown
