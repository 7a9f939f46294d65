"""`clinome share`: no byte of a patient in what leaves, small counts suppressed, and a check that can fail."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

import clinome
from clinome.cli.main import app
from clinome.loaders.errors import InputError
from clinome.models.inference.disclosure import FEW
from clinome.run_folder.sharing.shared_model import NAMELESS, rare_codes
from clinome.run_folder.sharing.suppression import (
    shared_attrition,
    shared_features,
    shared_results,
    shared_table_one,
)
from clinome.run_folder.sharing.traces import found_in

NAMES = ("Zebulon Quillfeather", "zephyrine-lowercase", "Ünal Đorđević")
STUDY = """
name = "s"
store = "s.graph"
[patients]
path = "patients.csv"
keep = ["age", "sex", "doctor", "outcome"]
[records.ehr]
format = "csv"
path = "events.csv"
subject = "patient_id"
visit = "visit"
time = "time"
end = "end"
codes = {dx = "ICD10CM"}
[notes.text]
path = "notes.csv"
subject = "patient_id"
time = "time"
text = "text"
[cohort]
query = "MATCH (p:Patient) RETURN p.id AS subject_id, datetime('2020-06-01') AS prediction_time, p.outcome AS label"
[task]
kind = "binary"
label = "label"
covariates = ["age", "doctor"]
[evaluate]
folds = 2
[learn]
learners = ["ridge_late"]
"""


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A study with planted names, dates, ids and notes; its folder, and what was shared."""
    folder = tmp_path_factory.mktemp("share")
    rng = np.random.default_rng(0)
    ids = [f"MRN-{70000 + i}" for i in range(120)]
    outcome = rng.integers(0, 2, 120)
    doctor = [NAMES[i] if i < 3 else ("north", "south")[i % 2] for i in range(120)]
    people = {"patient_id": ids, "age": 50 + 5 * outcome + rng.normal(0, 3, 120).round(1), "sex": [("f", "m")[i % 2] for i in range(120)],
              "doctor": doctor, "outcome": outcome}  # fmt: skip
    pl.DataFrame(people).write_csv(folder / "patients.csv")
    rows = [(one, f"VIS-{one}-{k}", f"2019-03-{1 + (i + k) % 28:02}", f"2019-04-{1 + (i + k) % 28:02}", code)
            for i, one in enumerate(ids) for k, code in enumerate(["E11.9", "Q99.8" if i < 3 else "J45.2"])]  # fmt: skip
    pl.DataFrame(rows, ["patient_id", "visit", "time", "end", "dx"], orient="row").write_csv(folder / "events.csv")
    note = "patient seen in clinic today for follow up of diabetes and asthma with her daughter"
    texts = [f"{note} {NAMES[i] if i < 3 else ''}".strip() for i in range(120)]
    pl.DataFrame({"patient_id": ids, "time": ["2019-05-17"] * 120, "text": texts}).write_csv(folder / "notes.csv")
    (folder / "study.toml").write_text(STUDY)
    clinome.run(folder)
    return folder, clinome.share(folder / "runs" / "s").folder


def test_nothing_planted_is_in_any_byte(shared: tuple[Path, Path]) -> None:
    folder, out = shared
    planted = [
        *NAMES,
        *(word for name in NAMES for word in name.split()),
        "MRN-7",
        "VIS-",
        "2019-0",
        "Q99.8",
        "2020-06-01",
    ]
    files = [path for path in out.rglob("*") if path.is_file()]
    assert {"results.json", "biomarkers.csv", "table1.csv", "README.md"} <= {path.name for path in files}
    for path in files:
        text = path.read_bytes().decode("utf-8", "replace")
        text += json.dumps(json.loads(text), ensure_ascii=False) if path.suffix == ".json" else ""
        assert not [one for one in planted if one in text], path.name
    before = json.loads((folder / "runs" / "s" / "model" / "model.json").read_text())
    assert "Q99.8" in json.dumps(before)  # what is looked for was there to be found


def test_the_model_stays_where_few_have_a_word_of_a_covariate(shared: tuple[Path, Path]) -> None:
    folder, _ = shared
    assert "3 words of covariates" in clinome.share(folder / "runs" / "s").withheld["the model"]


def test_a_model_goes_without_the_names_of_rare_codes(shared: tuple[Path, Path], tmp_path: Path) -> None:
    folder = tmp_path / "s"
    shutil.copytree(shared[0], folder)
    text = (folder / "study.toml").read_text()
    a, b = text.index("[notes.text]"), text.index("[cohort]")
    (folder / "study.toml").write_text((text[:a] + text[b:]).replace('"doctor"]\n[eval', '"sex"]\n[eval'))
    run = clinome.run(folder)
    made = clinome.share(run)
    model = json.loads((made.folder / "model" / "model.json").read_text())
    assert "Q99" not in json.dumps(model) and f"{NAMELESS}000000" in json.dumps(model)
    assert "ICD10CM:Q99.8" in rare_codes(run.snapshot) and "ICD10CM:E11.9" not in rare_codes(run.snapshot)
    here, there = clinome.predict(run, folder), clinome.predict(made.folder, folder)
    at_home, elsewhere = here.table["score"].to_numpy(), there.table["score"].to_numpy()
    had = np.array([int(str(one)[4:]) < 70003 for one in here.table["subject_id"]])
    assert np.allclose(at_home[~had], elsewhere[~had]) and not np.allclose(at_home[had], elsewhere[had])
    assert clinome.Run.open(made.folder).metrics["mean"].notna().any()
    assert there.path == folder / "predict" / "s.parquet" and not (made.folder / "predict").exists()
    with pytest.raises(InputError, match="a shared run already"):
        clinome.share(made.folder)


def test_what_is_found_stops_it_and_is_told_at_home_alone(shared: tuple[Path, Path], tmp_path: Path) -> None:
    folder = tmp_path / "s"
    shutil.copytree(shared[0], folder)
    path = folder / "runs" / "s" / "results.json"
    results = json.loads(path.read_text())
    results["model"]["name"] = f"a model for {NAMES[2]} and MRN-70017"
    path.write_text(json.dumps(results))
    with pytest.raises(InputError, match=r"something of a patient.*2 in results.json") as raised:
        clinome.share(folder / "runs" / "s", out=tmp_path / "out")
    assert not (tmp_path / "out").exists() and "MRN" not in str(raised.value)
    told = folder / "runs" / "s" / "share_found.csv"
    assert "MRN-70017" in told.read_text() and told.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(("name", "text", "found"), [
    ("a.json", '{"x": "\\u00dcnal"}', ["Ünal"]), ("a.json", '{"subject_id": 3}', ["subject_id"]), ("a.csv", "row,visit_id\n1,2\n", ["visit_id"]),
    ("a.csv", "n\n123456\n", ["123456"]), ("a.csv", "n\n0.123456\n", []), ("a.md", "born 2019-03-04.", ["2019-03-04"]), ("b", "x Ünal y", ["Ünal"]),
])  # fmt: skip
def test_traces_are_found_in_every_form(tmp_path: Path, name: str, text: str, found: list[str]) -> None:
    (tmp_path / name).write_text(text)
    assert found_in(tmp_path, frozenset({"Ünal", "123456", "2019-03-04"})) == ({name: found} if found else {})


@given(st.lists(st.integers(0, 60), min_size=1, max_size=8))
def test_no_difference_of_two_shown_counts_is_small(counts: list[int]) -> None:
    steps = pl.DataFrame({"step": [str(k) for k in range(len(counts))], "count": sorted(counts, reverse=True)})
    shown = shared_attrition(steps)[0]["count"].drop_nulls().to_list()
    assert not [1 for a in shown for b in shown if 0 < abs(a - b) < FEW] and not [n for n in shown if 0 < n < FEW]


def test_table_one_loses_what_few_stand_behind() -> None:
    rows = [("n", "", "100", "60", "40"), ("sex", "f", "50 (50%)", "30 (50%)", "20 (50%)"), ("sex", "m", "50 (50%)", "30 (50%)", "20 (50%)"),
            ("stage", "1", "97 (97%)", "60 (100%)", "37 (92%)"), ("stage", "2", "3 (3%)", "0 (0%)", "3 (8%)"),
            ("age", "median [quartiles]", "60 [50, 70]", "61 [50, 70]", "59 [50, 70]"), ("age", "missing", "4", "4", "0")]  # fmt: skip
    table = pl.DataFrame(rows, ["variable", "level", "all", "outcome 0", "outcome 1"], orient="row")
    left, small = shared_table_one(table)
    assert left is not None and left["variable"].to_list() == ["n", "sex", "sex"] and small == ["stage", "age"]
    assert shared_table_one(table.with_columns(pl.lit("8").alias("outcome 1")))[0] is None


def test_rows_of_few_leave_results() -> None:
    told = {"covariate": "x", "rows": 50, "events": 20}
    results = {
        "decision": [1], "subgroups": [{"by": "sex", "group": "f", "patients": 93}, {"by": "sex", "group": "m", "patients": 7}],
        "odds_ratios": {"lines": [told, {**told, "events": 45}, {**told, "rows": 95, "events": 30}]},
        "operating": {"points": [{"threshold": 0.5, "sensitivity": {"mean": 0.5}, "specificity": {"mean": s}} for s in (0.5, 0.95)]},
        "learners": {"a": {"metrics": {"auroc": {"mean": 0.7, "folds": [0.6, 0.8]}}, "seconds": 3}},
    }  # fmt: skip
    left, out = shared_results(results, rows=100, events=40)
    assert "decision" not in left and left["learners"] == {"a": {"metrics": {"auroc": {"mean": 0.7}}}}
    assert left["odds_ratios"]["lines"] == [told] and len(left["operating"]["points"]) == 1
    assert left["subgroups"] == [] and out == 5  # the other sex would tell how many of the small one there are


def test_features_of_few_leave_the_ranking() -> None:
    table = pl.DataFrame({"layer": ["mut", "mut", "x"], "feature": ["a", "b", "c"]})
    assert shared_features(table, {("mut", "a"): 10, ("mut", "b"): 9})[0]["feature"].to_list() == ["a"]


def test_the_verb(shared: tuple[Path, Path], tmp_path: Path) -> None:
    run = str(shared[0] / "runs" / "s")
    ended = CliRunner().invoke(app, ["share", run, "--out", str(tmp_path / "o"), "--json", "--quiet"])
    assert json.loads(ended.output.splitlines()[-1])["shared"] == str(tmp_path / "o")
    (tmp_path / "mine").mkdir()
    with pytest.raises(InputError, match="no shared run"):
        clinome.share(run, out=tmp_path / "mine")
