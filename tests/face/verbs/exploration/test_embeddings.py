"""`clinome.embed`: vectors of patients and nodes come out of a run, go onto the graph, and leave with the patient."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from gene_ring import GENES, write

import clinome
from clinome.errors import InputError
from clinome.run_folder.run import Run

PEOPLE = 60
LEARN = """[evaluate]
folds = 2
[learn]
learners = ["majority"]
trials = 1
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write(tmp_path_factory.mktemp("embeddings"), PEOPLE, 2.0, LEARN)
    clinome.load(folder)
    clinome.train(folder)
    return folder


def test_patients_genes_and_pathways_have_vectors_that_the_graph_finds_again(folder: Path) -> None:
    table = clinome.embed(folder, "hetero_gnn")
    assert dict(table.groupby("label").size()) == {"Gene": GENES, "Pathway": 2, "Patient": PEOPLE}
    assert list(table) == ["label", "id", "vector", "learner"] and not table["id"].duplicated().any()
    assert all(np.isfinite(vector).all() for vector in table["vector"])
    assert clinome.embed(folder, "hetero_gnn")["vector"].map(list).tolist() == table["vector"].map(list).tolist()
    assert Run.of(clinome.Study.read(folder)).embeddings.equals(clinome.embed(folder, "hetero_gnn"))
    written = clinome.write_embeddings(folder, table, name="small/hetero_gnn")
    assert written == {"Gene": GENES, "Pathway": 2, "Patient": PEOPLE}
    vectors = np.stack(table.query("label == 'Patient'")["vector"].to_list()).astype(np.float64)
    ids = table.query("label == 'Patient'")["id"].tolist()
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    order = np.argsort(-(unit @ unit[0]), kind="stable")
    with clinome.open(folder) as graph:
        found = graph.similar("Patient", ids[0], k=5)["id"].tolist()
    assert set(found) == {ids[i] for i in order[1:6]}


def test_factors_and_components_are_embeddings_too_and_ridge_has_none(folder: Path) -> None:
    for name in ("factor", "pca"):
        vectors = np.stack(clinome.embed(folder, name)["vector"].to_list())
        assert len(vectors) == PEOPLE and np.isfinite(vectors).all() and vectors.std(axis=0).max() > 0.5
    with pytest.raises(InputError, match="no embeddings") as found:
        clinome.embed(folder, "ridge_late")
    assert found.value.fix


def test_alike_patients_are_near(folder: Path) -> None:
    table = clinome.embed(folder, "hetero_gnn").query("label == 'Patient'").set_index("id")
    label = pl.read_csv(folder / "patients.csv")
    x = np.stack(table.loc[label["id"].to_list(), "vector"].to_list())
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    near = unit @ unit.T - 2 * np.eye(PEOPLE)
    y = label["label"].to_numpy()
    assert (y[near.argmax(1)] == y).mean() > 0.8


@pytest.mark.parametrize("name", ["propagation", "gene_gnn", "pathway_net"])
def test_every_network_has_vectors_of_patients(folder: Path, name: str) -> None:
    table = clinome.embed(folder, name)
    assert set(table["label"]) == {"Patient"} and len(table) == PEOPLE and set(table["learner"]) == {name}


def test_who_has_none_says_so(folder: Path) -> None:
    with pytest.raises(InputError, match="it has no embeddings"):
        clinome.embed(folder, "ridge_late")
    with pytest.raises(InputError, match="cannot run on this study"):
        clinome.embed(folder, "sequence")
    with pytest.raises(InputError, match="unknown learner"):
        clinome.embed(folder, "hetero")


def test_a_removed_patient_leaves_the_embeddings_too(folder: Path) -> None:
    clinome.embed(folder, "hetero_gnn")
    run = Run.of(clinome.Study.read(folder))
    assert run.without(["P07"], "small")
    left = run.embeddings
    assert "P07" not in set(left["id"]) and len(left) == PEOPLE - 1 + GENES + 2
