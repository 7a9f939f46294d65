"""Models saved when a learner had another name: they are read, and predict what they did."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from snapshots import make_snapshot

from clinome.loaders.errors import InputError
from clinome.models.base.serialization import read_state, write_state
from clinome.models.inference.model import FORMAT, Model

SAVED = Path(__file__).parents[2] / "data" / "hetero_gnn_model.zip"
"""A stack of `ridge_late` and what was `hetero_gnn`, as format 3 had it, and what it predicted for its own rows."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with zipfile.ZipFile(SAVED) as packed:
        packed.extractall(tmp_path)
    return tmp_path / "model"


def test_a_model_of_the_old_name_is_read_and_predicts_the_same(folder: Path, tmp_path: Path) -> None:
    snapshot = make_snapshot("binary", n=60, layers=("rna", "mutations"), records=True, features=8)
    with zipfile.ZipFile(SAVED) as packed:
        expected = np.load(io.BytesIO(packed.read("predicted.npy")))
    model = Model.read(folder)
    assert [member.name for member in model.members] == ["ridge_late", "propagation"]
    assert model.choice.share() == pytest.approx({"ridge_late": 0.6, "propagation": 0.4})
    assert "hetero_gnn" not in repr(model.choice)
    np.testing.assert_allclose(model.predict(snapshot), expected, rtol=1e-5)
    model.save(tmp_path / "again")
    assert read_state(tmp_path / "again")["format"] == FORMAT
    np.testing.assert_array_equal(Model.read(tmp_path / "again").predict(snapshot), model.predict(snapshot))


def test_the_old_name_is_no_learner_in_todays_format(folder: Path, tmp_path: Path) -> None:
    write_state(tmp_path / "odd", {**read_state(folder), "format": FORMAT})
    with pytest.raises(InputError, match="not as one is saved"):
        Model.read(tmp_path / "odd")


def test_networks_without_a_code_graph_or_times_are_read_and_predict_the_same(tmp_path: Path) -> None:
    """A stack of `sequence` and `hetero_gnn` as format 4 had them."""
    with zipfile.ZipFile(SAVED.with_name("format4_model.zip")) as packed:
        packed.extractall(tmp_path)
        expected = np.load(io.BytesIO(packed.read("predicted.npy")))
    snapshot = make_snapshot("binary", n=60, layers=("rna",), records=True, features=8)
    model = Model.read(tmp_path / "model")
    assert [member.name for member in model.members] == ["sequence", "hetero_gnn"]
    np.testing.assert_allclose(model.predict(snapshot), expected, rtol=1e-5)
    model.save(tmp_path / "again")
    np.testing.assert_array_equal(Model.read(tmp_path / "again").predict(snapshot), model.predict(snapshot))


@pytest.mark.parametrize("part", ["members", "choice"])
@pytest.mark.parametrize("value", [None, 3, ["hetero_gnn"], {"name": ["hetero_gnn"], "weights": "hetero_gnn"}])
def test_a_damaged_part_of_an_old_model_is_refused(folder: Path, tmp_path: Path, part: str, value: object) -> None:
    write_state(tmp_path / "odd", {**read_state(folder), part: value})
    with pytest.raises(InputError, match="not as one is saved"):
        Model.read(tmp_path / "odd")
