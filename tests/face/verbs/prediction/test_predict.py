"""From a trained run to another study's patients: the same features by name, behind the same fence, gaps served and said."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from command import Clinome
from small_study import QUERY, build, fill, save

import clinome as package
from clinome.graphs.store.embedded import EmbeddedStore
from clinome.graphs.tables.study_tables import Tables
from clinome.loaders.errors import InputError
from clinome.loaders.specs import Omics, Records
from clinome.run_folder.run import Run
from clinome.snapshot import Snapshot
from clinome.study import Study
from clinome.verbs.prediction.predict import PredictionReport

STUDY = '''
name = "NAME"
store = "NAME.graph"
[patients]
path = "patients.csv"
[cohort]
query = """QUERY"""
[task]
kind = "binary"
covariates = ["age", "sex"]
[evaluate]
folds = 2
[learn]
learners = ["covariates", "ridge_late", "boosting", "sequence"]
trials = 1
workers = 1
'''
RNA = Omics((Path("rna.csv"),), name="rna", kind="expression")
EHR = Records((Path("ehr.csv"),), name="ehr")


Y = QUERY.replace("p.subtype AS label", "p.subtype = 'y' AS label")
"""Two texts have no direction: the query says which is 1."""


def write_study(folder: Path, name: str, text: str = STUDY, query: str = Y) -> Study:
    file = folder / f"{name}.toml"
    file.write_text(text.replace("NAME", name).replace("QUERY", query), encoding="utf-8")
    return Study.read(file)


def loaded(folder: Path, name: str, **how: Any) -> Study:
    """A study whose tables are there already."""
    tables = build(folder / f"{name}.tables", study=name, **how)
    graph(folder / f"{name}.graph", tables)
    return write_study(folder, name)


def graph(folder: Path, tables: Tables) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    with EmbeddedStore(folder, write=True) as store:
        fill(store, tables)
        store.save()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> tuple[Study, Run]:
    folder = tmp_path_factory.mktemp("home")
    study = loaded(folder, "home", patients=60)
    return study, package.train(study)


def predicted(home: tuple[Study, Run], study: Study, out: Path, **more: Any) -> PredictionReport:
    return package.predict(home[1].folder, study, out=out / "out.parquet", **more)


def test_on_the_study_it_was_trained_on_it_says_what_the_model_says_of_the_snapshot(
    home: tuple[Study, Run], tmp_path: Path
) -> None:
    study, run = home
    made = predicted(home, study, tmp_path)
    snapshot = Snapshot.read(run.folder / "snapshot")
    labelled = made.scores.join(
        snapshot.rows, on=["subject_id", "prediction_time"], how="inner", maintain_order="right"
    )
    np.testing.assert_array_equal(labelled["score"], run.model.predict(snapshot))
    assert made.scores.equals(pl.read_parquet(tmp_path / "out.parquet"))
    assert made.scores.columns == ["subject_id", "prediction_time", "score"]
    assert any("48 of 48 patients have ids of patients whom the model was trained on" in note for note in made.notes)


def test_another_order_of_features_changes_nothing(home: tuple[Study, Run], tmp_path: Path) -> None:
    expected = predicted(home, home[0], tmp_path).scores
    study = loaded(tmp_path, "turned", patients=60)
    tables = Tables(study.tables, study.name)
    for name, kind in {"rna": "expression", "mutations": "mutation", "meth": "methylation"}.items():
        omics = tables.read(f"omics.{name}").omics
        assert omics is not None
        spec = replace(RNA, name=name, layer=name, kind=kind)
        save(tables, spec, omics=omics[:, np.random.default_rng(1).permutation(omics.n_vars)].copy())
    graph(tmp_path / "turned.graph", tables)
    np.testing.assert_array_equal(predicted(home, study, tmp_path).scores["score"], expected["score"])


def test_other_patients_with_gaps_are_served_and_the_gaps_said(home: tuple[Study, Run], tmp_path: Path) -> None:
    study = loaded(tmp_path, "other", patients=40, seed=2)
    tables = Tables(study.tables, study.name)
    shutil.rmtree(tables.folder / "omics.meth")
    rna, ehr = tables.read("omics.rna").omics, tables.read("records.ehr")
    assert rna is not None and ehr.events is not None
    rna = rna[:, [5, 3, 4, 0, 11, 10]].copy()
    rna.var_names = [*rna.var_names[:5], "NCBIGene:777"]
    save(tables, RNA, omics=rna)
    code = pl.when(pl.col("code") == "ICD10CM:B02").then(pl.lit("ICD10CM:X99")).otherwise("code").alias("code")
    save(tables, EHR, events=ehr.events.with_columns(code), visits=ehr.visits, clock="dated")
    graph(tmp_path / "other.graph", tables)
    made = predicted(home, study, tmp_path)
    assert made.scores.height == 32 and made.scores["score"].is_finite().all()
    assert "layer meth is missing for all 32 patients" in made.notes
    assert "layer rna: 7 of 12 features are missing here" in made.notes
    assert "layer rna: 1 features are unknown to the model, and are not used" in made.notes
    assert any(note.startswith("1 of 7 codes are unknown to the model (") for note in made.notes)
    assert set(made.metrics) >= {"auroc", "brier"} and made.metrics["auroc"]["low"] < made.metrics["auroc"]["high"]
    beside = json.loads((tmp_path / "out.json").read_text())
    assert beside["counted"]["layers"]["meth"]["missing_rows"] == 32 and beside["metrics"] == made.metrics
    manifest = json.loads((home[1].folder / "snapshot" / "manifest.json").read_text())
    assert beside["trained_on"] == manifest["sha256"]


def test_what_happens_after_the_prediction_changes_none(home: tuple[Study, Run], tmp_path: Path) -> None:
    found = [
        predicted(home, loaded(tmp_path, f"f{future}", patients=40, seed=3, future=future), tmp_path).scores["score"]
        for future in (0, 5, 6)
    ]
    assert found[0].equals(found[1]) and found[0].equals(found[2])


def test_without_outcomes_everybody_is_predicted_and_nothing_judged(home: tuple[Study, Run], tmp_path: Path) -> None:
    loaded(tmp_path, "new", patients=40, seed=2)
    nameless = Y.replace("WHERE p.subtype IS NOT NULL\n// step: has a subtype\n", "").replace(
        ", p.subtype = 'y' AS label", ""
    )
    text = STUDY[: STUDY.index("[task]")]  # no task either: the model's own
    made = predicted(home, write_study(tmp_path, "new", text, nameless), tmp_path)
    assert made.scores.height == 40 and made.metrics == {}
    some = predicted(
        home,
        write_study(tmp_path, "new", query=nameless.replace("RETURN", "RETURN p.subtype = 'y' AS label,")),
        tmp_path,
    )
    assert some.scores.equals(made.scores) and "auroc" in some.metrics
    assert "8 rows without a label to predict, and not to judge by" in some.notes


def test_covariates_that_it_lacks_or_that_changed_their_kind_are_missing(
    home: tuple[Study, Run], tmp_path: Path
) -> None:
    study = loaded(tmp_path, "bare", patients=40, seed=2)
    tables = Tables(study.tables, study.name)
    people = tables.read("patients").patients
    assert people is not None
    from clinome.loaders.specs import Patients

    save(tables, Patients((Path("patients.csv"),)), patients=people.drop("sex").with_columns(age=pl.lit("old")))
    graph(tmp_path / "bare.graph", tables)
    made = predicted(home, study, tmp_path)
    assert "covariate sex is missing for all 32 patients" in made.notes
    assert "covariate age is missing for all 32 patients (it is text here)" in made.notes
    assert made.scores["score"].is_finite().all()


def test_the_command_writes_beside_the_run_and_ends_with_json(
    home: tuple[Study, Run], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    command = Clinome(capsys, monkeypatch)
    ended = command("predict", home[1].folder, "--study", home[0].file, "--json")
    assert ended.code == 0
    told = json.loads(ended.out.strip().split("\n")[-1])
    assert Path(told["predictions"]) == home[1].folder / "predict" / "home.parquet"
    assert told["rows"] == 48 and told["metrics"]["auroc"]["mean"] > 0.5
    assert "s00" not in ended.out
    ended = command("predict", home[1].folder, "--study", home[0].file, "--quiet", "--out", tmp_path / "p.csv")
    assert (ended.code, ended.out) == (0, "")
    assert pl.read_csv(tmp_path / "p.csv").height == 48


def test_what_cannot_be_predicted_is_a_plain_error(
    home: tuple[Study, Run], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    command = Clinome(capsys, monkeypatch)
    study, run = home

    def says(words: str, *given: str | Path) -> None:
        ended = command("predict", *given)
        assert ended.code == 1 and words in ended.err and not ended.out

    says("there is no such run", tmp_path / "nowhere", "--study", study.file)
    says("there is no model here", tmp_path, "--study", study.file)
    says("there is no such study file", run.folder, "--study", tmp_path / "no.toml")
    says("unknown ending", run.folder, "--study", study.file, "--out", tmp_path / "x.txt")
    survival = STUDY.replace('kind = "binary"', 'kind = "survival"')
    says("a model of another task", run.folder, "--study", write_study(tmp_path, "survival", survival).file)
    shutil.copytree(run.folder, tmp_path / "spoilt")
    (tmp_path / "spoilt" / "model" / "model.safetensors").write_bytes(b"nothing")
    says("a file was changed", tmp_path / "spoilt", "--study", study.file)
    assert command("predict", run.folder).code == 2


@pytest.mark.parametrize("kind", ["sklearn", "pyg"])
def test_a_learner_of_ones_own_is_given_again(kind: str, tmp_path: Path) -> None:
    from own_network import PLAN, Sage
    from sklearn.linear_model import LogisticRegression

    text = STUDY.replace('"covariates", "ridge_late", "boosting", "sequence"', '"majority"')
    loaded(tmp_path, "mine", patients=60)
    study = write_study(tmp_path, "mine", text)
    mine = package.sklearn(LogisticRegression()) if kind == "sklearn" else package.pyg(Sage(1), "binary", plan=PLAN)
    run = package.train(study, learners={"mine": mine})
    model = run.model
    assert model.name == "mine" and model.needs_training == (kind == "pyg")
    with pytest.raises(InputError, match="learner of your own"):
        package.predict(run, study)
    again = package.sklearn(LogisticRegression()) if kind == "sklearn" else package.pyg(Sage(1), "binary", plan=PLAN)
    made = package.predict(run, study, learners={"mine": again})
    snapshot = Snapshot.read(run.folder / "snapshot")
    fitted = model.members[0].restored({"mine": again})
    np.testing.assert_allclose(made.scores["score"], fitted.predict(snapshot, np.arange(48)), atol=1e-6)
    assert made.scores["score"].n_unique() > 10
    other = package.predict(run, loaded(tmp_path, "other", patients=40, seed=2), learners={"mine": again})
    assert other.scores.height == 32 and other.scores["score"].is_finite().all()
    wrong = package.sklearn(LogisticRegression(C=3.0)) if kind == "sklearn" else package.pyg(Sage(5), "binary")
    with pytest.raises(InputError, match=r"not the (estimator|module) that was fitted"):
        package.predict(run, study, learners={"mine": wrong})


def test_a_run_that_keeps_no_model_leaves_no_older_one(home: tuple[Study, Run], tmp_path: Path) -> None:
    from clinome.console import SILENT
    from clinome.graphs.cohort.cohort import Cohort
    from clinome.run_folder.model import keep_model
    from clinome.run_folder.prepared import Prepared

    shutil.copytree(home[1].folder, tmp_path / "run")
    run = Run.open(tmp_path / "run")
    snapshot = Snapshot.read(run.folder / "snapshot")
    cohort = Cohort("x", snapshot.rows, (), "", {}, "dated")
    keep_model(Prepared(home[0], run, Tables(home[0].tables), cohort, snapshot), None, SILENT)
    with pytest.raises(InputError, match="there is no model here"):
        _ = run.model
