"""Growing parts of the training rows: nested, in proportion, patients whole; judged where the run was; told in words."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from outcome_study import write
from snapshots import make_snapshot

import clinome
from clinome.loaders.errors import InputError
from clinome.models.base.folds import make_folds
from clinome.models.base.specs import Evaluate, Learn
from clinome.models.experiment import run as harness
from clinome.models.experiment.learning_curve import LEAST, SHARES, growing, learning_curve, plain, shares_of
from clinome.models.learners.registry import select
from clinome.reports import findings
from clinome.study import Study


def test_parts_grow_in_proportion_and_keep_patients_whole() -> None:
    snapshot = make_snapshot("binary", 300, layers=("rna",), rows_per_subject=2)
    rows = np.arange(40, 300)
    subject, label = snapshot.rows["subject_id"].to_numpy(), snapshot.rows["label"].to_numpy().astype(int)
    parts = [growing(snapshot, rows, share, 7) for share in (0.1, 0.3, 0.6, 1.0)]
    for smaller, larger in pairwise(parts):
        assert set(smaller) < set(larger)
    assert (parts[-1] == rows).all()
    for part, share in zip(parts, (0.1, 0.3, 0.6), strict=False):
        held = set(subject[part])
        assert not held & set(subject[np.setdiff1d(rows, part)])
        assert len(held) == round(share * len(set(subject[rows])))
        assert abs(label[part].mean() - label[rows].mean()) < 0.12
    assert (growing(snapshot, rows, 0.3, 7) == parts[1]).all() and (
        growing(snapshot, rows, 0.3, 8) != parts[1][: len(parts[1])]
    ).any()


def test_what_may_be_asked(tmp_path: Path) -> None:
    assert shares_of(Evaluate()) == () and shares_of(Evaluate(learning_curve=True)) == SHARES
    assert shares_of(Evaluate(learning_curve=(0.5, 1.0, 0.2))) == (0.2, 0.5)
    raw = {"name": "s", "store": "s.graph", "patients": {"path": "p.csv"}, "evaluate": {"learning_curve": [0.2, 1]}}
    assert Study.parse(raw, tmp_path).evaluate.learning_curve == (0.2, 1.0)
    for wrong in ([0.0], [50], "yes"):
        with pytest.raises(InputError, match="learning_curve"):
            Study.parse({**raw, "evaluate": {"learning_curve": wrong}}, tmp_path)


def test_more_rows_help_where_there_is_much_to_learn() -> None:
    snapshot = make_snapshot("binary", 400, layers=("rna",))
    evaluate = Evaluate(folds=3, learning_curve=(0.1, 0.11, 0.4))
    learn = Learn(trials=1, workers=1)
    learners, _ = select(snapshot, ("majority", "ridge_late", "best_feature"))
    folds = make_folds(snapshot.rows, "binary", evaluate)
    results = harness.run(snapshot, learners, evaluate, learn, controls=False)
    found = learning_curve(snapshot, folds, learners, results.predictions, evaluate, learn)
    assert [one.name for one in plain(learners)] == list(found["learners"]) or set(found["learners"]) == {
        "ridge_late",
        "best_feature",
    }
    points = found["learners"]["ridge_late"]
    assert [p["share"] for p in points] == found["shares"] and found["shares"][-1] == 1.0
    assert points[-1]["mean"] == pytest.approx(results.metrics["ridge_late"]["auroc"]["mean"])
    assert points[-1]["low"] == pytest.approx(results.metrics["ridge_late"]["auroc"]["low"])
    assert points[-1]["mean"] > points[0]["mean"]
    assert points[-1]["rows"] == pytest.approx(400 * 2 / 3, abs=1) and points[0]["rows"] == pytest.approx(
        400 * 2 / 30, abs=2
    )
    gain = found["gains"]["ridge_late"]
    assert gain["from"] == 0.4 and gain["difference"] == pytest.approx(points[-1]["mean"] - points[-2]["mean"])
    said = findings.learning_curve({"learning_curve": found})
    assert "From 40% of the training rows to all of them" in said and ("very likely help" in said) == (
        gain["low"] > 0 or "ridge" not in said
    )


def test_parts_that_hold_too_few_are_left_out_and_told() -> None:
    snapshot = make_snapshot("binary", 90, layers=("rna",))
    evaluate, learn = Evaluate(folds=2, learning_curve=(0.1, 0.8)), Learn(trials=1, workers=1)
    learners, _ = select(snapshot, ("ridge_late",))
    folds = make_folds(snapshot.rows, "binary", evaluate)
    nobody = pl.DataFrame(
        schema={"learner": pl.String, "repeat": pl.Int64, "fold": pl.Int64, "row": pl.Int64, "score": pl.Float64}
    )
    found = learning_curve(snapshot, folds, learners, nobody, evaluate, learn)
    assert found["too_small"] == [0.1] and LEAST == 10
    assert [p["share"] for p in found["learners"]["ridge_late"]] == [0.8] and found["gains"] == {}
    assert findings.learning_curve({"learning_curve": found}).startswith("Parts of 10% are left out")
    assert findings.learning_curve({}) == ""


@pytest.mark.slow
def test_a_curve_is_added_to_a_run_that_stands_and_goes_when_nobody_asks(tmp_path: Path) -> None:
    write(tmp_path / "s", "one", 4)
    file = tmp_path / "s" / "study.toml"
    text = file.read_text()
    run = clinome.run(Study.read(file))
    before = json.loads(run.path("results.json").read_text())
    assert "learning_curve" not in before and 'id="learning-curve"' not in run.path("report.html").read_text()
    file.write_text(text.replace("folds = 2", "folds = 2\nlearning_curve = [0.6, 0.8]"))
    clinome.run(Study.read(file))
    after = json.loads(run.path("results.json").read_text())
    curve = after.pop("learning_curve")
    assert after == before  # nothing was trained anew
    assert list(curve["learners"]) == ["ridge_late"] and [p["share"] for p in curve["learners"]["ridge_late"]] == [
        0.6,
        0.8,
        1.0,
    ]
    page = run.path("report.html").read_text()
    assert 'id="learning-curve"' in page and "From 60% of the training rows to all of them ridge_late" in page
    stamp = run.path("results.json").stat().st_mtime_ns
    clinome.run(Study.read(file))
    assert run.path("results.json").stat().st_mtime_ns == stamp
