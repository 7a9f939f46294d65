"""One patient's page: a risk beside what became of others with it, facts that add up, and a warning for whoever is unlike them."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

import clinome
from clinome.cli.main import app
from clinome.loaders.errors import InputError
from clinome.models.evaluation.decisions.novelty import novelty
from clinome.models.evaluation.decisions.observed_near import observed, observed_near
from clinome.models.inference.model import Model
from clinome.verbs.prediction.patient_facts import contributions

STUDY = """
name = "{name}"
store = "{name}.graph"
[patients]
path = "patients.csv"
keep = ["age", "dose", "sex", "outcome", "days", "kind", "size"]
[omics.rna]
path = "rna.csv"
kind = "expression"
features = "opaque"
[records.ehr]
format = "csv"
path = "events.csv"
subject = "patient_id"
visit = "visit"
time = "time"
end = "end"
codes = {{dx = "ICD10CM"}}
[cohort]
query = "MATCH (p:Patient) RETURN p.id AS subject_id, datetime('2020-06-01') AS prediction_time, {label}"
[task]
kind = "{kind}"
label = "{of}"
covariates = ["age", "dose", "sex"]
[evaluate]
folds = 2
[learn]
learners = ["ridge_late"]
"""
TASKS = {
    "binary": ("p.outcome AS label", "label"), "multiclass": ("p.kind AS label", "label"), "regression": ("p.size AS label", "label"),
    "survival": ("p.days AS duration_days, p.outcome AS event", "event"),
}  # fmt: skip


def write(folder: Path, kind: str, name: str, n: int, first: int = 0, **changed: object) -> Path:
    """changed: what the first patient's row says instead."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(first)
    age, dose = rng.normal(60, 8, n).round(1), rng.normal(0, 1, n).round(3)
    outcome = (dose + rng.normal(0, 0.7, n) > 0).astype(int)
    people = pl.DataFrame({
        "patient_id": [f"MRN-{first + i:05}" for i in range(n)], "age": age, "dose": dose, "sex": rng.choice(["f", "m"], n), "outcome": outcome,
        "days": (400 * np.exp(-dose) * rng.exponential(1, n) + 1).round(1), "kind": np.array(["a", "b", "c"])[np.digitize(dose, [-0.5, 0.5])],
        "size": (10 + 3 * dose + rng.normal(0, 1, n)).round(2),
    })  # fmt: skip
    for column, value in changed.items():
        people = people.with_columns(pl.Series(column, [value, *people[column][1:]], strict=False))
    people.write_csv(folder / "patients.csv")
    ill = dose + rng.normal(0, 1, n) > 0
    rows = [(one, f"V-{one}", "2020-01-02", "2020-01-05", "E11.9" if sick else "J45.2")
            for one, sick in zip(people["patient_id"], ill, strict=True)]  # fmt: skip
    rna = rng.normal(5, 1, (n, 30)).round(3)
    rna[0] += 30 if changed else 0
    pl.DataFrame({"id": people["patient_id"], **{f"x{j}": rna[:, j] for j in range(30)}}).write_csv(folder / "rna.csv")
    pl.DataFrame(rows, ["patient_id", "visit", "time", "end", "dx"], orient="row").write_csv(folder / "events.csv")
    label, of = TASKS[kind]
    (folder / "study.toml").write_text(STUDY.format(name=name, label=label, kind=kind, of=of))
    return folder


def text_of(page: Path) -> str:
    body = re.sub(r"<style>.*?</style>", "", page.read_text(), flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", body))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write(tmp_path_factory.mktemp("home"), "binary", "home", 250)
    clinome.run(folder)
    return folder


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("other"), "binary", "other", 30, 5000)


def test_a_page_says_risk_neighbours_facts_and_is_for_its_owner(home: Path, other: Path) -> None:
    scores = clinome.predict(home / "runs" / "home", other).table
    between = scores.assign(away=(scores["score"] - 0.5).abs()).sort_values("away")["subject_id"].head(2).tolist()
    made = clinome.predict(home / "runs" / "home", other, patients=between)
    assert [page.name for page in made.pages] == [f"other-{one}.html" for one in between]
    page, row = made.pages[0], made.table.set_index("subject_id")["score"][between[0]]
    said = text_of(page)
    assert page.stat().st_mode & 0o777 == 0o600 and between[1] not in said
    assert "where the model starts from" in said and "percentile" in said
    assert f"{row:.0%} predicted risk" in said and "Outside of what was seen" not in said
    assert re.search(r"Of the 50 patients .* \d+ of 50 had the outcome: \d+% \(\d+% to \d+%\)", said)
    assert re.search(r"(E11\.9|J45\.2).*1 time, last 15\d days before", said) and "Of the 50 most similar" in said
    log = (home / "runs" / "home" / "log.jsonl").read_text()
    assert "MRN" not in log


def test_a_page_goes_with_its_patient(home: Path, other: Path, tmp_path: Path) -> None:
    shutil.copytree(home / "runs", tmp_path / "runs")
    run = clinome.Run.open(tmp_path / "runs" / "home")
    made = clinome.predict(run, other, patients="MRN-05002")  # one name is one patient
    assert made.pages[0].is_file() and run.without(["MRN-05002"], "other") and not made.pages[0].exists()
    assert run.patient_page("other", "a/b") != run.patient_page("other", "a_b")


def test_parts_add_up_to_the_score(home: Path) -> None:
    run = clinome.Run.open(home / "runs" / "home")
    model: Model = run.model
    served = model.serve(run.snapshot).snapshot
    found = contributions(model, served, np.arange(40), {})
    p = model.predict(run.snapshot)[:40]
    rest = np.log(p / (1 - p)) - found.values.sum(axis=1)
    assert np.ptp(rest) < 1e-6 and np.ptp(found.values.sum(axis=1)) > 1


def test_who_is_unlike_the_training_is_warned_of(home: Path, tmp_path: Path) -> None:
    far = write(tmp_path / "far", "binary", "far", 30, 9000, dose=40.0, sex="x")
    plain = text_of(clinome.predict(home / "runs" / "home", far, patients=["MRN-09001"]).pages[0])
    said = text_of(clinome.predict(home / "runs" / "home", far, patients=["MRN-09000"]).pages[0])
    assert "further from the training patients" not in plain
    for words in (
        "layer rna: 100% of its features",
        "dose is 40, beyond everybody's",
        "nobody in the training was 'x'",
    ):
        assert words.replace("'", "&#39;") in said
    own = text_of(clinome.predict(home / "runs" / "home", home, patients=["MRN-00007"]).pages[0])
    assert "trained on a patient of this id" in own


@pytest.mark.parametrize(("kind", "words"), [
    ("multiclass", [r"Most probable: [abc], \d+%", r"cannot be ruled out, at 90%", r"[abc]: (fewer than 10|\d+) of 50"]),
    ("regression", [r"90% were within [\d.−-]+ to [\d.]+", r"Of the 50 most similar half were between"]),
    ("survival", [r"Of the 50 patients .* within \d+ days; by Kaplan–Meier \d+% \(\d+% to \d+%\)", r"higher than that of \d+% of the held-out"]),
])  # fmt: skip
def test_other_tasks(tmp_path: Path, kind: str, words: list[str]) -> None:
    run = clinome.run(write(tmp_path / "home", kind, "home", 250))
    other = write(tmp_path / "other", kind, "other", 10, 7000)
    pages = clinome.predict(run, other, patients=[f"MRN-{7000 + i:05}" for i in range(10)]).pages
    said = " ".join(map(text_of, pages))
    assert [word for word in words if not re.search(word, said)] == []


def test_the_command_and_its_errors(home: Path, other: Path, tmp_path: Path) -> None:
    words = [
        "predict",
        str(home / "runs" / "home"),
        "--study",
        str(other),
        "--patient",
        "MRN-05001",
        "--json",
        "--quiet",
    ]
    ended = CliRunner().invoke(app, words)
    assert json.loads(ended.output.splitlines()[-1])["pages"] == [
        str(home / "runs" / "home" / "predict" / "other-MRN-05001.html")
    ]
    with pytest.raises(InputError, match=r"number 1: this patient is not in the cohort") as raised:
        clinome.predict(home / "runs" / "home", other, patients=["nobody-such"])
    assert "nobody-such" not in str(raised.value)
    shutil.copytree(home / "runs" / "home", tmp_path / "runs" / "home")
    shutil.rmtree(tmp_path / "runs" / "home" / "snapshot")
    with pytest.raises(InputError, match="needs the run's snapshot"):
        clinome.predict(tmp_path / "runs" / "home", other, patients=["MRN-05001"])


def test_small_counts_are_not_told() -> None:
    score = np.linspace(0, 1, 250)
    rare = np.zeros(250, dtype=bool)
    rare[120:126] = True
    found = observed_near(score, rare, 0.49)
    assert (found.patients, found.events, found.share) == (50, None, None)
    assert observed_near(score, np.zeros(250, dtype=bool), 0.49).events == 0
    assert observed(np.arange(5), score, rare).events is None  # of fewer than ten patients nothing is told


def test_novelty_is_a_naive_share() -> None:
    rng = np.random.default_rng(3)
    known, one = rng.normal(size=(40, 3)), rng.normal(size=3) * 2

    def mean(point: np.ndarray, others: np.ndarray) -> float:
        return float(np.sort(np.linalg.norm(others - point, axis=1))[:5].mean())

    own = [mean(known[i], np.delete(known, i, axis=0)) for i in range(40)]
    assert novelty(known, one) == np.mean(np.array(own) < mean(one, known))
