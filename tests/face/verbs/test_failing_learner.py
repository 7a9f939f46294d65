"""A learner of the user's own that fails is named with its fold and left out; the run goes on; nobody's data is said."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from command import Clinome
from failing_learners import FAILING, SECRET, RaisesInFit
from outcome_study import write
from smallest_learners import Genes, Mean
from snapshots import make_snapshot

import clinome as package
from clinome.loaders.errors import InputError
from clinome.models.base.specs import Evaluate, Learn
from clinome.models.experiment import run as harness
from clinome.models.learners.adapters.fit_predict import FitPredictLearner
from clinome.models.learners.registry import make
from clinome.run_folder.run import Run
from clinome.study import Study


@pytest.fixture(scope="module", params=[1, 2], ids=["this process", "two processes"])
def ran(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("failing")
    write(folder / "one", "one", 1)
    study = Study.read(folder / "one" / "study.toml")
    study = replace(study, learn=replace(study.learn, workers=request.param))
    return package.run(study, learners={**{name: given for name, (given, _) in FAILING.items()}, "genes": Genes()})


def test_each_is_named_with_its_fold_and_reason_and_is_in_nothing_else(ran: Run) -> None:
    results = ran.read_json("results.json")
    assert list(results["learners"]) == ["majority", "ridge_late", "genes", "chosen"]
    found = {name: [one for one in results["failed"] if one["learner"] == name] for name in FAILING}
    for name, (_, said) in FAILING.items():
        assert found[name] and all(said in one["reason"] for one in found[name]), name
        assert all(set(one) == {"learner", "repeat", "fold", "reason"} for one in found[name])
    assert {len(found[name]) for name in FAILING if name not in ("reason", "unmade", "once")} == {2}
    assert len(found["once"]) == 1 and found["once"][0]["fold"] in (0, 1)
    assert found["reason"][0]["fold"] is None and found["unmade"][0]["fold"] is None
    names = {"majority", "ridge_late", "genes", "chosen"}
    assert set(pl.read_parquet(ran.path("predictions.parquet"))["learner"]) == names
    assert {one[side] for one in results["comparisons"] for side in ("a", "b")} <= names
    assert {"genes", "ridge_late"} & set(results["model"]["weights"])


def test_the_report_says_so_and_quotes_nothing(ran: Run) -> None:
    page = ran.path("report.html").read_text(encoding="utf-8")
    for name, (_, said) in FAILING.items():
        assert f"{name} failed and is left out" in page and said.partition(" (")[0] in page
    written = [page, *(path.read_text(encoding="utf-8") for path in ran.folder.glob("*.json*"))]
    for secret in (SECRET, "one17", "3.14159"):
        assert not any(secret in text for text in written)


def test_on_the_screen_and_with_quiet_on_standard_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "one", "one", 2)
    where = ("--learner", "bad=failing_learners:RaisesInFit", "--learner", "good=smallest_learners:Mean")
    clinome = Clinome(capsys, monkeypatch)
    said = "bad failed and is left out (fold 0 and 1 more): fit raised ValueError (failing_learners.py line"
    ended = clinome("run", tmp_path / "one", *where, "--json")
    assert ended.code == 0 and said in ended.out and "bad: 2 folds" in ended.out and "failed in 2 of them" in ended.out
    assert '"failed": ["bad"]' in ended.out.splitlines()[-1] and "one17" not in ended.out + ended.err
    ended = clinome("run", tmp_path / "one", *where, "--quiet")
    assert ended.code == 0 and not ended.out and said in ended.err


def test_a_failing_learner_does_not_stop_the_learning_curve_or_one_fixed_split(tmp_path: Path) -> None:
    write(tmp_path / "one", "one", 3)
    file = tmp_path / "one" / "study.toml"
    asked = file.read_text(encoding="utf-8").replace("folds = 2", 'folds = "folds.csv"\nlearning_curve = [0.5]')
    file.write_text(asked, encoding="utf-8")
    folds = pl.DataFrame({"fold": 0, "subject_id": [f"one{i}" for i in range(30)], "split": "held_out"})
    folds.write_csv(tmp_path / "one" / "folds.csv")
    run = package.run(file, learners={"bad": RaisesInFit(), "mean": Mean()})
    results = run.read_json("results.json")
    assert [one["learner"] for one in results["failed"]] == ["bad"] and "bad" not in results["learners"]
    assert "bad" not in results["learning_curve"]["learners"] and "mean" in results["learning_curve"]["learners"]


def test_where_all_fail_it_is_an_error_that_names_each() -> None:
    snapshot = make_snapshot("binary", n=60, layers=("rna",), features=10)
    both = [FitPredictLearner(RaisesInFit(), name) for name in ("first", "second")]
    with pytest.raises(
        InputError, match=r"every learner failed.*first in fold 0: fit raised ValueError.*second"
    ) as found:
        harness.run(snapshot, both, Evaluate(folds=2), Learn(trials=1, workers=1))
    assert found.value.exit_code == 1 and "one17" not in str(found.value)


def test_what_ours_raise_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    snapshot = make_snapshot("binary", n=60, layers=("rna",), features=10)
    ridge = make("ridge_late")

    def fit(self: object, *_: np.ndarray) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(type(ridge), "fit", fit)
    with pytest.raises(ZeroDivisionError):
        harness.run(snapshot, [make("majority"), ridge], Evaluate(folds=2), Learn(trials=1, workers=1), controls=False)
