"""`clinome finetune`: before and after on few labelled patients of another study; what is kept predicts like any run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command import Clinome
from platform_study import trained, write

import clinome
from clinome.run_folder.run import Run


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Run]:
    folder = tmp_path_factory.mktemp("home")
    return folder, trained(folder)


def test_few_labels_before_and_after_and_the_model_that_is_kept(
    home: tuple[Path, Run], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, run = home
    other, command = write(folder, "other", 90, 2, elsewhere=True), Clinome(capsys, monkeypatch)
    ended = command("finetune", run.folder, "--study", other, "--align", "quantile", "--draws", "3", "--json")
    assert ended.code == 0, ended.err
    told = json.loads(ended.out.strip().split("\n")[-1])
    assert [one["patients"] for one in told["points"]] == [10, 20, 50] and told["patients"] == 90
    assert told["metric"] == "auroc" and set(told["points"][0]["ways"]) == {
        "before", "recalibrated", "fine-tuned", "only the few",
    }  # fmt: skip
    kept = Path(told["finetuned"])
    assert json.loads((kept / "finetune.json").read_text())["align"] == {"rna": "quantile"}
    ended = command("predict", kept, "--study", other, "--align", "quantile")
    assert ended.code == 0, ended.err
    assert "the expected loss is not measured: the run's snapshot is not there" in ended.out
    about = json.loads((kept / "predict" / "other.json").read_text())
    assert about["metrics"]["auroc"]["mean"] > 0.8
    model = Run.open(kept).model
    assert model.about["fine_tuned"]["patients"] == 90 and "other1" not in (kept / "model" / "model.json").read_text()


def test_too_few_labelled_patients_are_a_plain_error(
    home: tuple[Path, Run], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, run = home
    few, command = write(folder, "few", 25, 4), Clinome(capsys, monkeypatch)
    ended = command("finetune", run.folder, "--study", few)
    assert ended.code == 1 and "too few labelled patients" in ended.err and "25 labelled" in ended.err
    found = clinome.finetune(run, write(folder, "some", 45, 4), patients=15, draws=2)
    assert found.table["patients"].tolist() == [10, 15, 20] and found.patients == 15
