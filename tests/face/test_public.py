"""The public surface: every name resolves, is documented, is called in one way; a run folder gives all that it holds."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from outcome_study import write

import clinome
from clinome.console import SILENT
from clinome.errors import InputError
from clinome.study import as_study

VERBS = ("write_embeddings", "embed", "benchmark", "biomarkers", "cohort", "compare", "export", "finetune", "init", "learners", "load", "open", "predict", "quality", "remove", "report", "run",
         "schema", "table_one", "train")  # fmt: skip
FIRST = {"benchmark": "folder", "finetune": "run", "init": "folder", "predict": "run"}
ORDER = ("learners", "name", "out", "console")


@pytest.mark.parametrize("name", clinome.__all__)
def test_every_name_resolves_and_has_a_docstring(name: str) -> None:
    found = getattr(clinome, name)
    first = (found.__doc__ or "").strip().splitlines()
    assert (first and first[0].endswith((".", ":", ",", ";"))) or len(first[0]) > 20
    assert name in dir(clinome)


def test_the_names_are_those_of_the_table() -> None:
    assert dir(clinome) == sorted(clinome.__all__)
    with pytest.raises(AttributeError, match="nothing"):
        _ = clinome.nothing
    assert set(clinome.errors.__all__) == {"ClinomeError", "EngineError", "InputError", "NotBuilt", "UsageError"}


@pytest.mark.parametrize("name", VERBS)
def test_a_verb_takes_a_study_first_and_the_rest_by_name_in_one_order(name: str) -> None:
    parameters = list(inspect.signature(getattr(clinome, name)).parameters.values())
    assert parameters[0].name == FIRST.get(name, "study")
    by_name = [p.name for p in parameters if p.kind is inspect.Parameter.KEYWORD_ONLY]
    ours = [p for p in by_name if p in ORDER]
    assert ours == sorted(ours, key=ORDER.index)
    assert by_name[len(by_name) - 1 :] == (["console"] if name != "open" else [])
    assert not {p.name for p in parameters if p.kind is not inspect.Parameter.KEYWORD_ONLY} & set(ORDER)


@pytest.mark.parametrize("name", [*VERBS, "pyg", "sklearn"])
def test_a_function_says_what_it_takes_and_gives_an_example(name: str) -> None:
    text = inspect.getdoc(getattr(clinome, name)) or ""
    assert "Example:" in text
    if name in VERBS:
        assert "Args:" in text and "Raises:" in text
        for parameter in inspect.signature(getattr(clinome, name)).parameters:
            assert f"{parameter}:" in text or f"{parameter}," in text, parameter


@pytest.mark.parametrize("kind", ["Cohort", "Graph", "LoadReport", "Network", "Run", "Snapshot", "Study"])
def test_public_members_have_docstrings(kind: str) -> None:
    members = {n: m for n, m in vars(getattr(clinome, kind)).items() if not n.startswith("_")}
    bare = [name for name, member in members.items()
            if isinstance(member, property | classmethod) or inspect.isfunction(member)
            if not (inspect.getdoc(member) or "").strip()]  # fmt: skip
    assert not bare


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("public") / "small"
    write(place, "small", 1)
    clinome.load(place)
    clinome.run(place / "study.toml")
    return place


def test_a_study_is_itself_its_file_or_its_folder(folder: Path) -> None:
    study = clinome.Study.read(folder)
    assert as_study(study) is study
    assert as_study(folder) == as_study(str(folder / "study.toml")) == study


def test_a_load_is_counted_in_a_table(folder: Path) -> None:
    again = clinome.load(folder)
    table = again.to_frame()
    assert not again.changed and not table["changed"].any()
    assert list(table["source"]) == ["patients", "omics.rna"] == [report.source for report in again.sources]
    assert list(table["read"]) == [80, 80] and set(table) >= {"written", "merged", "rejected", "seconds"}


def test_a_graph_answers_in_pandas(folder: Path) -> None:
    with clinome.open(folder) as graph:
        patients = graph.query("MATCH (p:Patient) RETURN p.id AS id, p.outcome AS outcome")
        cohort = graph.cohort()
        snapshot = graph.snapshot(cohort)
        library = graph.queries
        assert graph.fingerprint()
    assert isinstance(patients, pd.DataFrame) and len(patients) == 80
    assert "patients_with_label" in set(library["name"])
    assert len(cohort.frame) == 80 == snapshot.rows.height
    assert list(cohort.attrition["count"]) == [80] * len(cohort.attrition)
    taken = clinome.cohort(folder)
    pd.testing.assert_frame_equal(taken.frame, cohort.frame)


def test_embeddings_leave_and_are_searched(folder: Path) -> None:
    with clinome.open(folder) as graph:
        ids = list(graph.query("MATCH (p:Patient) RETURN p.id AS id ORDER BY id")["id"])
    vectors = [[float(k), 1.0] for k in range(len(ids))]
    table = pd.DataFrame({"label": "Patient", "id": ids, "vector": vectors})
    assert clinome.write_embeddings(folder, table, name="small/vae") == {"Patient": 80}
    with clinome.open(folder) as graph:
        assert graph.embeddings.to_dict("records") == [
            {"label": "Patient", "name": "small/small/vae", "nodes": 80, "width": 2}
        ]
        near = graph.similar("Patient", ids[0], k=2)
        assert list(near["id"]) == ids[1:3] and list(near) == ["id", "name", "similarity"]
        with pytest.raises(InputError, match="no embeddings for this label"):
            graph.similar("Study", "small")
    with pytest.raises(InputError, match="a column is missing"):
        clinome.write_embeddings(folder, table.drop(columns="id"), name="small/vae")
    with pytest.raises(InputError, match="no run and learner"):
        clinome.write_embeddings(folder, table, name="vae")


def test_the_stores_of_a_graph_need_the_layer_as_a_whole(folder: Path, tmp_path: Path) -> None:
    with clinome.open(folder) as graph, pytest.raises(InputError, match="only some values"):
        graph.stores(graph.snapshot(graph.cohort()))
    place = tmp_path / "whole"
    write(place, "small", 1)
    file = place / "study.toml"
    file.write_text(file.read_text().replace("[omics.rna]", '[omics.rna]\ngraph = "all"'))
    clinome.load(place)
    with clinome.open(place) as graph:
        snapshot = graph.snapshot(graph.cohort())
        features, edges = graph.stores(snapshot)
        x = snapshot.hetero()["patient"].x
        assert (features["patient", "x", [7, 3]] == x[[7, 3]]).all()
        assert len(edges.get_all_edge_attrs()) == len(snapshot.hetero().edge_types)


def test_tables_that_leave_are_pandas(folder: Path) -> None:
    table = clinome.table_one(folder, by="label")
    assert isinstance(table, pd.DataFrame) and {"outcome 0", "outcome 1"} <= set(table)
    found = clinome.learners(folder)
    assert found.set_index("learner")["why_not"]["ridge_late"] is None
    low, high = (f"MATCH (p:Patient) WHERE p.outcome = {k} RETURN p.id AS subject_id" for k in (0, 1))
    compared = clinome.compare(folder, low, high, console=SILENT)
    assert isinstance(compared.table, pd.DataFrame)
    assert compared.features["feature"].iloc[0] in {"opaque:G0", "opaque:G1"}
    predicted = clinome.predict(folder / "runs" / "small", folder)
    assert isinstance(predicted.table, pd.DataFrame) and len(predicted.table) == 80


def test_a_run_folder_gives_all_that_it_holds(folder: Path) -> None:
    run = clinome.Run.open(folder / "runs" / "small")
    assert run == clinome.Run.of(clinome.Study.read(folder)) and clinome.Run.open(run) is run
    assert len(run.cohort) == 80 and {"subject_id", "label"} <= set(run.cohort)
    assert run.snapshot.rows.height == 80
    assert clinome.Snapshot.read(str(run.folder / "snapshot")).checksums() == run.snapshot.checksums()
    assert set(run.predictions["learner"]) == {"majority", "ridge_late", "chosen"}
    auroc = run.metrics.query("metric == 'auroc'").set_index("learner")["mean"]
    assert auroc["ridge_late"] > 0.7 > auroc["majority"]
    assert auroc["chosen"] == run.read_json("results.json")["learners"]["chosen"]["metrics"]["auroc"]["mean"]
    assert set(run.comparisons["a"]) >= {"chosen"} and {"difference", "low", "high"} <= set(run.comparisons)
    assert set(run.biomarkers.head(2)["feature"]) == {"opaque:G0", "opaque:G1"}
    assert {"adjusted", "adjusted_why", "percentile_low", "known", "flag"} <= set(run.biomarkers)
    assert run.biomarkers["adjusted"].head(2).notna().all()
    assert run.modules.empty and len(run.module("G0")) == 0
    assert run.module("G0").cut == ("No module holds G0: 0 modules in this run.",)
    assert isinstance(run.enrichment, pd.DataFrame)
    assert run.model.name in {"ridge_late", "stack"}
    assert run.report.read_text(encoding="utf-8").lower().startswith("<!doctype html>")
    with pytest.raises(InputError, match="this run has no embeddings"):
        _ = run.embeddings


MADE_BY = {"cohort": "train", "snapshot": "train", "predictions": "train", "metrics": "train", "comparisons": "train",
           "operating_points": "train", "odds_ratios": "train", "model": "train", "biomarkers": "biomarkers", "modules": "biomarkers", "effects_by_class": "biomarkers", "layer_agreement": "biomarkers", "enrichment": "biomarkers", "report": "report"}  # fmt: skip


@pytest.mark.parametrize(("what", "verb"), MADE_BY.items())
def test_what_a_run_has_not_is_an_error_that_names_the_verb(what: str, verb: str, tmp_path: Path) -> None:
    run: Any = clinome.Run.open(tmp_path)
    with pytest.raises(InputError, match=f"clinome {verb}"):
        getattr(run, what)
    with pytest.raises(InputError, match="no such run"):
        clinome.Run.open(tmp_path / "nothing")
