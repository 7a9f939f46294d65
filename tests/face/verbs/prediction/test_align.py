"""`clinome predict --align`: another platform's values and names, aligned without labels, and what that costs said."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from command import Clinome
from platform_study import STUDY, trained, write

import clinome
from clinome.errors import InputError
from clinome.run_folder.run import Run


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Run]:
    folder = tmp_path_factory.mktemp("home")
    return folder, trained(folder)


def test_another_platform_is_aligned_and_its_loss_said(
    home: tuple[Path, Run], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, run = home
    other = write(folder, "other", 90, 2, elsewhere=True)
    ended = Clinome(capsys, monkeypatch)("predict", run.folder, "--study", other, "--align", "quantile")
    assert ended.code == 0, ended.err
    assert "layer rna: 5 old symbols were found under their new ones" in ended.out
    assert "layer rna: 10 of 30 features are missing here" in ended.out
    assert "layer rna: aligned (quantile) from its own 90 patients; median distance from the training" in ended.out
    assert "alignment: auroc" in ended.out and "without what is missing" in ended.out
    about = json.loads((run.folder / "predict" / "other.json").read_text())
    shift, pair, loss = about["shift"]["rna"], about["alignment"], about["expected_loss"]
    assert (shift["features"], shift["rows"], shift["shifted_after"]) == (20, 90, 0.0) and shift["before"] > 0.5
    assert pair["after"] > 0.8 and pair["low"] > 0 and about["metrics"]["auroc"]["mean"] == pair["after"]
    assert [arm["arm"] for arm in loss["arms"]] == ["as it is", "without what is missing", "and aligned"]
    assert all(abs(arm["mean"] - loss["arms"][0]["mean"]) < 0.06 for arm in loss["arms"])
    assert "home1" not in (run.folder / "model" / "model.json").read_text()


def test_without_alignment_one_is_warned(home: tuple[Path, Run]) -> None:
    folder, run = home
    other = write(folder, "unaligned", 90, 2, elsewhere=True)
    made = clinome.predict(run, other)
    (said,) = (note for note in made.notes if "--align quantile" in note)
    assert said.startswith("layer rna: values lie far from those of the training (median distance")
    assert "expected_loss" not in made.about
    same = clinome.predict(run, write(folder, "alike", 90, 3))
    assert not any("--align" in note for note in same.notes)
    named = clinome.predict(run, other, align={"rna": "none"})
    assert "alignment" not in named.about and len(named.about["expected_loss"]["arms"]) == 2
    assert named.scores.equals(made.scores)


def test_what_cannot_be_aligned_is_a_plain_error(
    home: tuple[Path, Run], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, run = home
    few = write(folder, "few", 6, 4)
    command = Clinome(capsys, monkeypatch)
    ended = command("predict", run.folder, "--study", few, "--align", "quantile")
    assert ended.code == 1 and "too few new patients to align by" in ended.err and "6 with the layer" in ended.err
    ended = command("predict", run.folder, "--study", few, "--align", "rna=rank")
    assert ended.code == 1 and "no such alignment" in ended.err
    with pytest.raises(InputError, match="no layer to align"):
        clinome.predict(run, few, align={"cnv": "quantile"})


def test_a_model_of_ranks_serves_a_single_patient_of_any_scale(tmp_path: Path) -> None:
    study = write(tmp_path, "ranked", 120, 1, scale='scale = "rank"')
    clinome.load(study)
    run = clinome.train(study)
    other = write(tmp_path, "logs", 60, 2)
    counts = pl.read_csv(tmp_path / "logs_rna.csv").with_columns(pl.exclude("patient_id").exp())
    made = clinome.predict(run, other)
    assert made.metrics["auroc"]["mean"] > 0.8
    other = write(tmp_path, "counts", 60, 2)
    counts.write_csv(tmp_path / "counts_rna.csv")
    pl.read_csv(tmp_path / "logs.csv").write_csv(tmp_path / "counts.csv")
    found = clinome.predict(run, other)
    np.testing.assert_allclose(found.scores["score"], made.scores["score"], atol=1e-6)
    for file in ("one.csv", "one_rna.csv"):
        pl.read_csv(tmp_path / file.replace("one", "logs")).head(1).write_csv(tmp_path / file)
    (tmp_path / "one.toml").write_text(STUDY.format(name="one", scale=""), encoding="utf-8")
    alone = clinome.predict(run, tmp_path / "one.toml")
    assert alone.scores["score"][0] == pytest.approx(made.scores["score"][0], abs=1e-6)
