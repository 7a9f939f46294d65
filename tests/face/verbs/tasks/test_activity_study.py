"""Pathway activity from the study file to biomarkers and a prediction for others; what its sets cannot do is said."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from outcome_study import write

import clinome
from clinome.errors import InputError

ASKED = 'features = "opaque"\nactivity = "{method}"\npathways = "{sets}"\nleast_genes = {least}\n[knowledge.sets]\npath = "sets.gmt"'
FACTORS = '\n[knowledge.factors]\npath = "factors.csv"\npredicate = "IN_PATHWAY"\nsubject = "target"\nobject = "source"\nscore = "weight"'


def study(folder: Path, name: str, seed: int, *, method: str = "wmean", sets: str = "factors", least: int = 2) -> Path:
    """Of eight genes the first two tell the outcome: a set, and a factor that represses them."""
    write(folder, name, seed, learners=("ridge_late",))
    sets_of = {"Cause": ["G0", "G1", "TTN"], "Other": ["G4", "G5", "G6"], "Lonely": ["G7", "TP53"]}
    text = "\n".join("\t".join([one, "a collection", *genes]) for one, genes in sets_of.items())
    (folder / "sets.gmt").write_text(text, encoding="utf-8")
    edges = [("OFF", "G0", -1.0), ("OFF", "G1", -0.5), ("ON", "G5", 1.0), ("ON", "G6", 1.0)]
    pl.DataFrame(edges, schema=["source", "target", "weight"], orient="row").write_csv(folder / "factors.csv")
    asked = ASKED.format(method=method, sets=sets, least=least) + FACTORS
    file = folder / "study.toml"
    file.write_text(file.read_text(encoding="utf-8").replace('features = "opaque"', asked), encoding="utf-8")
    return file


def test_a_factor_that_represses_is_low_in_the_ill(tmp_path: Path) -> None:
    run = clinome.run(study(tmp_path / "one", "one", 1))
    first = pl.read_csv(run.folder / "biomarkers.csv").filter(pl.col("layer") == "rna.factors").sort("rank")
    assert first["feature"][0] == "PATHWAY:OFF" and first["name"][0] == "OFF" and first["effect"][0] < 0
    assert first["q"][0] < 0.01
    told = "rna.factors: 2 of 2 gene sets scored by wmean, each with 2 measured genes or more; 4 of the 4 genes in the sets"
    assert told in (run.folder / "report.html").read_text(encoding="utf-8")
    with clinome.open(tmp_path / "one" / "study.toml") as graph:
        ranked = graph.query("MATCH (:Run)-[r:RANKS]->(w:Pathway) RETURN w.id AS id, r.layer AS layer ORDER BY r.rank")
    assert ranked.iloc[0].tolist() == ["PATHWAY:OFF", "rna.factors"]
    write(tmp_path / "two", "two", 2)
    clinome.load(tmp_path / "two" / "study.toml")  # which has no knowledge
    assert clinome.predict(run, tmp_path / "two" / "study.toml").metrics["auroc"]["mean"] > 0.75


def test_sets_of_which_too_little_is_measured_are_left_out(tmp_path: Path) -> None:
    file = study(tmp_path / "one", "one", 1, method="ulm", sets="sets")
    clinome.load(file)
    with clinome.open(file) as graph:
        counts = graph.snapshot(graph.cohort()).counts
    assert [n for what, n in counts.items() if what.startswith("rna.sets: ")] == [2, 6]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"method": "ora"}, "no signs"),
        ({"least": 5}, "no gene set has enough"),
        ({"sets": "ppi"}, "holds no gene sets"),
    ],
)
def test_what_the_sets_cannot_do_is_said(asked: dict[str, object], said: str, tmp_path: Path) -> None:
    file = study(tmp_path / "one", "one", 1, **asked)  # type: ignore[arg-type]
    (tmp_path / "one" / "ppi.csv").write_text("gene_a,gene_b\nG0,G1\n", encoding="utf-8")
    text = file.read_text(encoding="utf-8") + '\n[knowledge.ppi]\npath = "ppi.csv"\n'
    file.write_text(text, encoding="utf-8")
    clinome.load(file)
    with clinome.open(file) as graph, pytest.raises(InputError, match=said) as found:
        graph.snapshot(graph.cohort())
    assert found.value.fix
