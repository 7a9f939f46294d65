"""`run.explain`: the nodes and edges that moved one held-out prediction of the run, with their ids, kinds and names."""

from __future__ import annotations

from dataclasses import replace

import networkx as nx
import numpy as np
import polars as pl
import pytest
from gene_ring import GENES, write

import clinome
from clinome.errors import InputError
from clinome.run_folder.explanation import Explanation, _of_label, explain
from clinome.run_folder.run import Run

PEOPLE = 48
LEARN = """[evaluate]
folds = 2
seed = 5
[learn]
learners = ["patient_gnn"]
trials = 1
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = write(tmp_path_factory.mktemp("explained"), PEOPLE, 0.4, LEARN)
    clinome.load(folder)
    return clinome.train(folder)


@pytest.fixture(scope="module")
def of_genes(run: Run) -> Explanation:
    """Of a learner that the run had not: with its default setting."""
    return run.explain("P07", learner="gene_gnn", most=100)


def test_what_is_explained_is_the_held_out_prediction_of_the_run(run: Run) -> None:
    found = run.explain("P07", learner="patient_gnn")
    told = run.predictions.query("learner == 'patient_gnn' and subject_id == 'P07'")["score"].item()
    assert found.held_out and found.risk == pytest.approx(told, abs=1e-6)
    assert found.score == pytest.approx(np.log(told / (1 - told)), abs=1e-4)


def test_genes_pathways_and_their_edges_have_ids_kinds_and_names(of_genes: Explanation) -> None:
    found = of_genes
    assert found.held_out
    assert dict(found.nodes.groupby("kind").size()) == {"Gene": GENES, "Pathway": 2}
    assert set(found.edges["relation"]) == {"INTERACTS_WITH", "IN_PATHWAY"} and len(found.edges) == 3 * GENES
    assert found.edges["score"].sum() == pytest.approx(found.score - found.unlinked, abs=0.02)
    genes = found.nodes.query("kind == 'Gene'")
    assert genes["score"].sum() == pytest.approx(found.score - found.typical, abs=0.02)
    assert found.nodes["id"].is_unique and set(genes["name"]) == {f"G{j}" for j in range(GENES)}


def test_no_more_is_shown_than_asked_for(run: Run) -> None:
    few, whole = (run.explain("P07", learner="patient_gnn", most=most) for most in (3, 100))
    assert len(few.edges) == 3 and few.edges.equals(whole.edges.head(3)) and len(few.nodes) <= 9
    assert set(few.edges["source"]) | set(few.edges["target"]) <= set(few.nodes["id"])


def test_neighbours_are_patients_of_the_training_part(run: Run) -> None:
    found = run.explain("P07", learner="patient_gnn", most=50)
    folds = run.snapshot.folds.filter((pl.col("row") == 7) & (pl.col("split") == "held_out"))
    there = run.snapshot.folds.filter((pl.col("fold") == folds["fold"][0]) & (pl.col("split") == "held_out"))["row"]
    held_out = set(run.snapshot.rows["subject_id"].gather(there))
    assert set(found.edges["target"]) == {"P07"} and set(found.edges["relation"]) == {"rna"}
    assert not set(found.edges["source"]) & held_out
    assert set(found.nodes.query("kind == 'Patient'")["id"]) == {"P07", *found.edges["source"]}
    assert "P0" not in repr(found) and "P0" not in (run.folder / "log.jsonl").read_text()


def test_the_model_of_the_run_predicts_beside_its_snapshot(run: Run) -> None:
    study = clinome.Study.read(run.folder.parent.parent)
    assert run.model.name == "patient_gnn" and run.model.needs_training
    told = clinome.predict(run, study)
    assert len(told.table) == PEOPLE and told.table["score"].between(0, 1).all()
    assert any("beside the rows that it was trained on" in note for note in told.notes)


def test_it_goes_to_networkx_in_a_line(of_genes: Explanation) -> None:
    found, graph = of_genes, of_genes.to_networkx()
    assert isinstance(graph, nx.MultiDiGraph) and set(graph) == set(found.nodes["id"])
    assert graph.number_of_edges() == len(found.edges)
    source, target, about = next(iter(graph.edges(data=True)))
    assert set(about) == {"relation", "score", "attention"} and graph.nodes[source]["kind"] in ("Gene", "Pathway")
    assert len(found.nodes.columns) == 4 and target in graph  # the tables are as they were


def test_what_cannot_be_explained_says_so_without_an_id(run: Run) -> None:
    with pytest.raises(InputError, match="not in the cohort") as error:
        run.explain("Mrs Smith")
    assert "Smith" not in str(error.value)
    with pytest.raises(InputError, match="explains no single prediction"):
        run.explain("P07", learner="ridge_late")
    with pytest.raises(InputError, match="cannot run on this study"):
        snapshot = run.snapshot
        explain(replace(snapshot, links=snapshot.links.clear()), "P07", "gene_gnn", 5, [], 1)
    with pytest.raises(InputError, match="nothing to show"):
        run.explain("P07", most=0)


def test_of_several_labels_the_risk_is_that_of_the_label_which_is_explained(run: Run) -> None:
    several = replace(run.snapshot, task="multilabel", classes=("asthma", "gout"))
    score = float(np.log(0.2 / 0.8))
    assert _of_label(several, np.array([0.7, 0.2]), score) == (0.2, "gout")
    assert _of_label(replace(several, task="multiclass"), np.array([0.7, 0.3]), 9.0) == (0.7, "asthma")
    assert _of_label(run.snapshot, np.float64(0.4), 0.0) == (0.4, "")
