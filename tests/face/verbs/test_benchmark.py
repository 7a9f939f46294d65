"""`clinome benchmark`: a folder of small studies -> one table, with learners of one's own, failures told, nothing twice."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from command import Clinome
from outcome_study import write

from clinome import plots
from clinome import user_learners as own
from clinome.loaders.errors import InputError, UsageError
from clinome.models.evaluation.study_ranks import rank
from clinome.reports.comparison.benchmark.scoreboard import scoreboard
from clinome.reports.html import svg
from clinome.run_folder.run import Run
from clinome.study import Study
from clinome.verbs.benchmark import study_files

MINE = """
import torch
from sklearn.linear_model import LogisticRegression
from torch_geometric.nn import SAGEConv


class Expressed(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = SAGEConv((-1, -1), 4)

    def forward(self, x_dict, edge_index_dict):
        relation = next(r for r in edge_index_dict if r[2] == "patient")
        return self.conv((x_dict[relation[0]], x_dict["patient"]), edge_index_dict[relation])


def logistic():
    return LogisticRegression(C=0.1)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two binary studies in one folder, a survival study deeper, one that cannot be read; and a file of learners."""
    place = tmp_path_factory.mktemp("benchmark")
    write(place / "all" / "first", "first", 1)
    write(place / "all" / "second", "second", 2)
    write(place / "all" / "deep" / "third", "third", 3, "survival")
    (place / "all" / "broken").mkdir()
    (place / "all" / "broken" / "study.toml").write_text('name = "broken"\nstorey = "x"\n')
    (place / "mine.py").write_text(MINE)
    return place


@pytest.fixture
def clinome(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Clinome:
    return Clinome(capsys, monkeypatch)


@pytest.mark.slow
def test_one_table_of_all_studies(folder: Path, clinome: Clinome) -> None:
    words = ("benchmark", folder / "all", "--json")
    ended = clinome(*words)
    assert ended.code == 1  # one study is wrong; the others went on
    found = json.loads(ended.out.splitlines()[-1])
    assert found["studies"] == ["deep/third", "first", "second"]
    assert list(found["failed"]) == ["broken"] and "storey" in found["failed"]["broken"]
    assert "too few for a rank test" in ended.out
    table = pl.read_csv(folder / "all" / "benchmark.csv")
    assert table.height == 9 and set(table["learner"]) == {"majority", "ridge_late", "chosen"}
    assert set(table["metric"]) == {"auroc", "c_index"}
    for study in ("first", "second"):  # the run's own figures and intervals
        run = json.loads((folder / "all" / study / "runs" / study / "results.json").read_text())
        mine = {row["learner"]: row for row in table.filter(pl.col("study") == study).iter_rows(named=True)}
        pair = next(p for p in run["comparisons"] if (p["a"], p["b"]) == ("chosen", "ridge_late"))
        assert mine["chosen"]["mean"] == run["learners"]["chosen"]["metrics"]["auroc"]["mean"]
        for column, key in (("difference", "difference"), ("difference_low", "low"), ("difference_high", "high")):
            assert mine["chosen"][column] == pytest.approx(pair[key])
        assert mine["majority"]["difference_high"] < 0 and mine["majority"]["outcome"] == "loss"
    row = next(row for row in found["learners"] if row["learner"] == "majority")
    assert (row["wins"], row["ties"], row["losses"]) == (0, 0, 3)
    page = (folder / "all" / "benchmark.html").read_text(encoding="utf-8")
    assert not re.search(r"url\((?!#)|@import|<script [^>]*src|<link|<img", page)
    assert "critical difference" not in page and 'href="first/runs/first/report.html"' in page
    assert all(f"first{i}<" not in page for i in range(80))
    stamps = {p: p.stat().st_mtime_ns for p in (folder / "all").rglob("results.json")}
    assert clinome(*words, "--quiet").out.count("\n") == 1
    assert stamps == {p: p.stat().st_mtime_ns for p in (folder / "all").rglob("results.json")}


@pytest.mark.slow
def test_learners_of_ones_own_join_every_table_by_one_line_each(folder: Path, clinome: Clinome) -> None:
    mine = folder / "mine.py"
    own_ones = ("--learner", f"logistic={mine}:logistic", "--learner", f"expressed={mine}:Expressed")
    words = ("benchmark", folder / "all", "--only", "majority,ridge_late", "--trials", "1", *own_ones, "--json")
    found = json.loads(clinome(*words).out.splitlines()[-1])
    table = pl.read_csv(folder / "all" / "benchmark.csv")
    assert set(table.filter(pl.col("study") == "first")["learner"]) == {
        "majority",
        "ridge_late",
        "chosen",
        "logistic",
        "expressed",
    }
    # a classifier is not for survival: it stays out, the study goes on, and the page says so
    assert set(table.filter(pl.col("study") == "deep/third")["learner"]) == {
        "majority",
        "ridge_late",
        "chosen",
        "expressed",
    }
    page = (folder / "all" / "benchmark.html").read_text(encoding="utf-8")
    assert (
        "logistic did not run on deep/third: " in page
        and "Not ranked, as they did not run on every study: logistic" in page
    )
    rows = {row["learner"]: row for row in found["learners"]}
    assert (
        rows["logistic"]["mean_rank"] is None and rows["logistic"]["studies"] == 2 and rows["expressed"]["studies"] == 3
    )
    run = folder / "all" / "first" / "runs" / "benchmark"
    assert {"logistic", "expressed"} <= set(pl.read_parquet(run / "predictions.parquet")["learner"])
    report = (run / "report.html").read_text(encoding="utf-8")
    assert "<td>logistic</td>" in report and "<td>expressed</td>" in report
    before = (run / "results.json").stat().st_mtime_ns
    clinome(*words)
    assert (run / "results.json").stat().st_mtime_ns == before
    mine.write_text(MINE.replace("SAGEConv((-1, -1), 4)", "SAGEConv((-1, -1), 5)"))
    clinome(*words)  # one's own code has changed: that is run again
    assert (run / "results.json").stat().st_mtime_ns != before


def _run(folder: Path, name: str, means: dict[str, float]) -> Run:
    """A trained run, as far as the scoreboard looks at it: scores of the wanted quality for each learner."""
    rng = np.random.default_rng(len(name))
    n = 60
    y = np.arange(n) % 2
    run = Run(name, folder / name)
    rows = pl.DataFrame({"subject_id": [f"p{i}" for i in range(n)], "prediction_time": [None] * n, "label": y})
    rows.write_parquet(run.path("snapshot", "rows.parquet"))
    run.write_json("snapshot/manifest.json", {"task": "binary", "clock": "dated", "classes": ["0", "1"]})
    learners, parts = {}, []
    for learner, skill in means.items():
        score = 1 / (1 + np.exp(-(skill * (2 * y - 1) + rng.normal(size=n))))
        frame = {"learner": learner, "repeat": 0, "fold": 0, "row": np.arange(n), "y_true": y, "score": score}
        parts.append(pl.DataFrame(frame))
        from sklearn.metrics import roc_auc_score

        learners[learner] = {"metrics": {"auroc": {"mean": float(roc_auc_score(y, score)), "low": None, "high": None}}}
    pl.concat(parts).write_parquet(run.path("predictions.parquet"))
    run.write_json("results.json", {"metric": "auroc", "learners": learners})
    return run


def test_a_better_learner_is_found_over_studies(tmp_path: Path) -> None:
    skill = {"majority": 0.0, "ridge_late": 0.6, "mine": 2.0, "chosen": 0.6}
    runs = {f"s{i}": _run(tmp_path, "s" * (i + 1), skill) for i in range(8)}
    board = scoreboard(runs, dict.fromkeys(runs, 1))
    assert board.reference == "ridge_late" and board.ranked[0] == "mine" and board.ranked[-1] == "majority"
    best = board.rows[0]
    assert best["wins"] >= 6 and best["p_holm"] < 0.05 and best["low"] > 0
    assert board.ranking.p is not None and board.ranking.p < 0.001
    assert any(word.startswith("Against ridge_late over studies") and "mine is better" in word for word in board.words)
    ranks = board.table.filter(pl.col("study") == "s0").sort("rank")
    assert ranks["learner"][0] == "mine" and ranks["rank"].sum() == 10
    assert scoreboard(runs, dict.fromkeys(runs, 1), "mine").rows[0]["wins"] is None
    with pytest.raises(InputError, match="ran on no study"):
        scoreboard(runs, dict.fromkeys(runs, 1), "forest")


def test_the_picture_joins_those_not_shown_to_differ() -> None:
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(15, 5)) + np.array([0, 0.1, 0.2, 3, 6])
    order = np.argsort(rank(scores).mean)
    found = rank(scores[:, order])
    table = pl.DataFrame(
        [{"study": f"s{s}", "learner": f"l{i}", "mean": scores[s, i]} for s in range(15) for i in range(5)]
    )
    picture = svg(plots.critical_difference(table, marked=("l4",)))
    assert f"critical difference {found.difference:.2f}" in picture and all(
        f"l{i}  " in picture or f"  l{i}" in picture for i in range(5)
    )
    assert picture.count("stroke: #d55e00") == len(found.groups) > 0


@pytest.mark.slow
def test_a_learner_of_ones_own_joins_one_run_by_one_option(tmp_path: Path, clinome: Clinome) -> None:
    write(tmp_path / "one", "one", 5)
    (tmp_path / "joining.py").write_text("from sklearn.naive_bayes import GaussianNB\n")
    study, where = tmp_path / "one", f"bayes={tmp_path / 'joining.py'}:GaussianNB"
    assert clinome("load", study, "--quiet").code == 0
    assert clinome("train", study, "--learner", where, "--name", "mine", "--quiet").code == 0
    found = json.loads((study / "runs" / "mine" / "results.json").read_text())
    assert list(found["learners"]) == ["majority", "ridge_late", "bayes", "chosen"]
    assert clinome("run", study, "--learner", where.replace("bayes", "forest"), "--quiet").code == 1


def test_what_an_engine_says_of_a_patient_is_not_repeated(
    tmp_path: Path, clinome: Clinome, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "all" / "one", "one", 1)
    (tmp_path / "booms.py").write_text("def boom():\n    raise ValueError('patient one17')\n")
    ended = clinome("benchmark", tmp_path / "all", "--learner", f"mine={tmp_path / 'booms.py'}:boom", "--json")
    page = (tmp_path / "all" / "benchmark.html").read_text(encoding="utf-8")
    assert ended.code == 1 and "mine did not run on one: making it raised ValueError (booms.py line 2)" in page
    assert "one17" not in page + ended.out + ended.err

    def fails(*_: object, **__: object) -> None:
        raise ValueError("patient one17")

    monkeypatch.setattr("clinome.verbs.benchmark.run", fails)
    ended = clinome("benchmark", tmp_path / "all", "--json")
    found = json.loads(ended.out.splitlines()[-1])
    assert ended.code == 3 and found["studies"] == [] and "(ValueError)" in found["failed"]["one"]
    page = (tmp_path / "all" / "benchmark.html").read_text(encoding="utf-8")
    assert "No study could be run." in page and "one failed" in page and "one17" not in page + ended.out + ended.err


def test_studies_are_named_by_where_they_lie(tmp_path: Path) -> None:
    for place in ("b", "a/x", "."):
        (tmp_path / "all" / place).mkdir(parents=True, exist_ok=True)
        (tmp_path / "all" / place / "study.toml").write_text("")
    assert list(study_files(tmp_path / "all")) == ["a/x", "b", "all"]
    for empty, what in ((tmp_path / "none", "no such folder"), (tmp_path / "all" / "b" / "c", "no study below")):
        if what == "no study below":
            empty.mkdir()
        with pytest.raises(InputError, match=what):
            study_files(empty)


def test_words_for_learners_that_cannot_be(tmp_path: Path, clinome: Clinome) -> None:
    (tmp_path / "odd_ones.py").write_text("import nothing_like_it\n")
    (tmp_path / "fine_ones.py").write_text("value = 3\n")
    for word, what in (
        ("mine", "Fix: NAME="),
        ("mine=x", "Fix: NAME="),
        (f"mine={tmp_path}/none.py:x", "no such file"),
        ("mine=no_such_module:x", "no such module"),
        (f"mine={tmp_path}/odd_ones.py:x", "needs a module"),
        (f"mine={tmp_path}/fine_ones.py:valu", "nothing of this name"),
        (f"forest={tmp_path}/fine_ones.py:value", "one of Clinome's own"),
    ):
        with pytest.raises((InputError, UsageError), match=what):
            own.read_learners([word])
    study = Study.parse({"name": "s", "store": "s.graph", "patients": {"path": "p.csv"}}, tmp_path)
    with pytest.raises(InputError, match="no learner"):
        own.learner_of(3, "mine", study)
    assert clinome("benchmark", tmp_path, "--only", "forrest").code == 2
    assert clinome("benchmark", tmp_path / "nowhere").code == 1
