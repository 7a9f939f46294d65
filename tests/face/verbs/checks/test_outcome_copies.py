"""A feature that is the outcome is asked about on the screen, in results.json and in the report; names come from the graph."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from command import Clinome
from outcome_study import write

import clinome as package
from clinome.graphs.tables.study_tables import Tables
from clinome.verbs.biomarkers import named


@pytest.mark.parametrize("kind", ["binary", "multiclass", "survival"])
def test_it_is_asked_before_the_learners_begin_and_at_the_end(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "one"
    write(folder, "one", 1, kind, learners=("majority",))
    people = pl.read_csv(folder / "patients.csv")
    copy = {"binary": people["outcome"], "multiclass": people["grade"].rank("dense"), "survival": people["days"]}[kind]
    genes = pl.read_csv(folder / "rna.csv")
    genes.with_columns(copy.cast(pl.Float64).alias("Follow")).write_csv(folder / "rna.csv")
    ended = Clinome(capsys, monkeypatch)("run", folder)
    question = "Is Follow (rna) the outcome?"
    lines = ended.out.splitlines()
    asked = [k for k, line in enumerate(lines) if line.startswith(question)]
    learnt = next(k for k, line in enumerate(lines) if line.startswith("majority:"))
    assert ended.code == 0 and len(asked) == 2 and asked[0] < learnt < asked[1]
    assert 'leave it out by [omics.rna] drop = ["Follow"]' in lines[asked[0]]
    run = folder / "runs" / "one"
    (found,) = json.loads((run / "results.json").read_text())["outcome_copies"]
    tells = {"survival": "duration_days"}.get(kind, "label")
    assert found | {"rows": 0} == {
        "block": "rna",
        "feature": "opaque:Follow",
        "name": "Follow",
        "tells": tells,
        "by": "value",
        "rows": 0,
    }
    assert question in (run / "report.html").read_text(encoding="utf-8")
    again = Clinome(capsys, monkeypatch)("run", folder)
    assert again.out.count(question) == 1  # the results stand, and so does the question
    text = (folder / "study.toml").read_text(encoding="utf-8")
    (folder / "study.toml").write_text(text.replace('features = "opaque"', 'features = "opaque"\ndrop = ["Follow"]'))
    dropped = Clinome(capsys, monkeypatch)("run", folder)
    assert dropped.code == 0 and "the outcome?" not in dropped.out


@pytest.mark.parametrize(
    ("kind", "untested"),
    [
        ("binary", {"outcome", "days", "level"}),
        ("multiclass", {"grade", "days", "level"}),
        ("survival", {"days", "died", "days followed", "level"}),
    ],
)
def test_table_one_does_not_test_the_outcome_against_itself(kind: str, untested: set[str], tmp_path: Path) -> None:
    """Nor what determines it: this study’s days and level are made from the number that its outcome and grade are cut from."""
    write(tmp_path / "one", "one", 1, kind, learners=("majority",))
    package.load(tmp_path / "one")
    table = pl.from_pandas(package.table_one(tmp_path / "one"))
    measured = table["variable"].str.starts_with("measured") | (table["variable"] == "n")
    tested = table.filter(~measured).group_by("variable").agg(pl.col("p").count(), pl.col("smd").count())
    assert (
        set(tested.filter(pl.col("p") == 0)["variable"])
        == untested
        == set(tested.filter(pl.col("smd") == 0)["variable"])
    )


def test_features_are_called_what_the_graph_calls_them(tmp_path: Path) -> None:
    """A code by the description of its vocabulary, in whatever unit, a gene by its symbol, and neither by its own code."""
    concepts = pl.DataFrame({"id": ["LOINC:2345-7", "LOINC:1"], "name": ["Glucose in serum", "LOINC:1"]})

    class Described(Tables):
        def sources(self) -> tuple[str, ...]:
            return ("records.ehr",)

        def table(self, source: str, name: str) -> pl.DataFrame | None:
            return concepts if name == "concepts" else None

    names = Described(tmp_path).concept_names()
    assert names == {"LOINC:2345-7": "Glucose in serum"}
    features = ["LOINC:2345-7", "LOINC:2345-7 [mmol/L]", "LOINC:1", "NCBIGene:7157"]
    layers = ["records", "records", "records", "rna"]
    table = pl.DataFrame({"layer": layers, "feature": features, "symbol": [None, None, None, "TP53"]})
    assert named(table, names)["name"].to_list() == ["Glucose in serum", "Glucose in serum", None, "TP53"]
    assert named(table, {})["name"].to_list() == [None, None, None, "TP53"]
