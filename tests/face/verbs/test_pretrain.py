"""`clinome pretrain`, and a study that starts from it: who is in no cohort teaches it, who is in one never does."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

import clinome
from clinome.cli.main import app
from clinome.graph import open_graph
from clinome.graphs.snapshot.unlabelled import unlabelled
from clinome.loaders.errors import InputError
from clinome.models.inference.encoder_file import read_encoder
from clinome.models.learners.sequence import pretraining
from clinome.verbs.pretrain import unlabelled_of

START = datetime(2020, 1, 1)
LABELLED, PEOPLE = 60, 110
STUDY = """
name = "few"
store = "few.graph"
[patients]
path = "patients.csv"
id = "patient_id"
[records.ehr]
format = "csv"
path = "events.csv"
subject = "patient_id"
time = "time"
codes = {code = "ICD10CM"}
[cohort]
query = "MATCH (p:Patient) WHERE p.outcome IS NOT NULL RETURN p.id AS subject_id, p.index_time AS prediction_time, p.outcome AS label"
[task]
kind = "binary"
label = "label"
[evaluate]
folds = 2
[learn]
learners = ["majority", "sequence"]
trials = 1
workers = 1
"""


def write(folder: Path, codes: str = "C", learn: str = "", top: str = "") -> Path:
    rng = np.random.default_rng(3)
    people = [f"P{i:03d}" for i in range(PEOPLE)]
    outcome = [i % 2 if i < LABELLED else None for i in range(PEOPLE)]
    folder.mkdir(parents=True)
    index = [START + timedelta(days=400)] * PEOPLE
    pl.DataFrame({"patient_id": people, "outcome": outcome, "index_time": index}).write_csv(folder / "patients.csv")
    rows = [(who, START + timedelta(days=int(day)), f"{codes}{rng.integers(10, 16)}")
            for who in people for day in rng.choice(380, 8, replace=False)]  # fmt: skip
    pl.DataFrame(rows, ["patient_id", "time", "code"], orient="row").write_csv(folder / "events.csv")
    (folder / "study.toml").write_text(top + STUDY + learn)
    return folder / "study.toml"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(pretraining, "SEEN", 3_000)
        study = write(tmp_path_factory.mktemp("pretrain") / "a", learn='pretrain = "next_visit"\n')
        clinome.load(study)
        run = clinome.run(study)
        assert run.folder.is_dir()
    return study


def test_nobody_of_the_cohort_is_seen_and_nothing_later_than_asked(made: Path) -> None:
    with open_graph(made) as graph:
        found = unlabelled_of(graph)
        assert found is not None and found.events is not None
        assert found.rows["subject_id"].to_list() == [f"P{i:03d}" for i in range(LABELLED, PEOPLE)]
        assert found.events.height == 8 * (PEOPLE - LABELLED) and found.task == "" and "label" not in found.rows.columns
        until = START + timedelta(days=100)
        early = unlabelled(graph.tables, [], "dated", until)
        assert early is not None and early.events is not None
        assert (early.rows["prediction_time"] <= until).all()
        records = pl.read_csv(made.parent / "events.csv", try_parse_dates=True)
        # a date alone is known when the day is over
        assert early.events.height == records.filter(pl.col("time") < until).height
        assert unlabelled(graph.tables, [f"P{i:03d}" for i in range(PEOPLE)], "dated") is None


def test_a_run_keeps_its_encoder_says_so_and_is_not_done_again(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = clinome.Run.open(made.parent / "runs" / "few")
    encoder = read_encoder(run.path("encoder"))
    assert encoder.objective == "next_visit" and encoder.patients == PEOPLE - LABELLED
    settings = json.loads((run.folder / "results.json").read_text())["learners"]["sequence"]["settings"]
    assert [one["setting"] for one in settings] == [{}, {}]
    told = json.loads((run.folder / "summary.json").read_text())["warnings"]
    assert any(
        "pretrained on 50 patients (next_visit): of this cohort's 6 codes it does not know 0" in one for one in told
    )
    before = (run.folder / "results.json").stat().st_mtime_ns
    monkeypatch.setattr(pretraining, "pretrain", lambda *_, **__: pytest.fail("pretrained again"))
    clinome.train(made)
    assert (run.folder / "results.json").stat().st_mtime_ns == before
    vectors = clinome.embed(made, "pretrained")
    assert len(vectors) == LABELLED and {len(one) for one in vectors["vector"]} == {64}


def test_another_study_starts_from_the_folder_and_says_what_it_does_not_know(made: Path, tmp_path: Path) -> None:
    found = CliRunner().invoke(
        app, ["pretrain", str(made), "--objective", "masked", "--out", str(tmp_path / "e"), "--json"]
    )
    assert found.exit_code == 0, found.output
    assert json.loads(found.output.splitlines()[-1])["patients"] == PEOPLE - LABELLED
    other = write(tmp_path / "b", codes="D", learn='encoder = "../e"\n')
    clinome.load(other)
    run = clinome.train(other)
    told = json.loads((run.folder / "summary.json").read_text())["warnings"]
    assert any("of this cohort's 6 codes it does not know 6 (100.0% of events)" in one for one in told)
    assert any("cannot be seen from it" in one for one in told)
    predicted = clinome.predict(run, other)
    assert len(predicted.scores) == LABELLED


@pytest.mark.parametrize(
    ("learn", "message"),
    [
        ('pretrain = "maskd"\n', "unknown word"),
        ('pretrain = "masked"\nencoder = "e"\n', "one of the two"),
        ('encoder = "nowhere"\n', "no pretrained encoder here"),
    ],
)
def test_a_mistake_is_told(made: Path, learn: str, message: str) -> None:
    text = made.read_text().replace('pretrain = "next_visit"\n', learn)
    other = made.parent / "mistake.toml"
    other.write_text(text)
    with pytest.raises(InputError, match=message):
        clinome.train(other, name="mistake")


def test_too_few_patients_to_pretrain_on_are_told(made: Path) -> None:
    other = made.parent / "all.toml"
    other.write_text(
        made.read_text().replace("WHERE p.outcome IS NOT NULL ", "").replace("p.outcome AS label", "1 AS label")
    )
    with pytest.raises(InputError, match="too few patients without a row in the cohort"):
        clinome.pretrain(other)
