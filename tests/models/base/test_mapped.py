"""Layers in a file: every process reads the same numbers, by the file's name, and finds what it found in memory."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from equal_results import equal
from snapshots import make_snapshot

from clinome.graphs.snapshot.snapshot import Snapshot as Frozen
from clinome.graphs.tables import matrices
from clinome.models.base import mapped as module
from clinome.models.base.learner import Learner
from clinome.models.base.mapped import by_file, let_go, mapped, taken
from clinome.models.base.snapshot import Snapshot
from clinome.models.base.specs import Evaluate, Learn
from clinome.models.experiment import run as harness
from clinome.models.experiment.processes import Processes, with_given
from clinome.models.learners.registry import select


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every layer counts as large, and is read seven rows at a time."""
    monkeypatch.setattr(module, "LARGE", 1)
    monkeypatch.setattr(module, "_ROWS", 7)


def kept_in(snapshot: Snapshot, learners: Sequence[Learner], one: int) -> tuple[str, float]:
    values = snapshot.layers["rna"].values
    return type(values).__name__, float(np.nansum(values))


@pytest.mark.usefixtures("small")
def test_rows_and_columns_are_those_of_the_matrix(tmp_path: Path) -> None:
    snapshot = make_snapshot(views=True)
    found = mapped(snapshot, tmp_path / "values.part")
    rows, values = np.array([30, 2, 2, 119, *range(40)]), snapshot.layers["rna"].values
    held = found.layers["rna"].values
    assert isinstance(held, np.memmap)
    assert not isinstance(found.layers["mutations"].values, np.memmap)
    for columns in (slice(None), slice(5, 9), slice(50, 90)):
        part = taken(held, rows, columns)
        assert type(part) is np.ndarray
        np.testing.assert_array_equal(part, values[rows, columns])
        np.testing.assert_array_equal(taken(values, rows, columns), values[rows, columns])
    let_go(found)
    np.testing.assert_array_equal(held, values)
    with pytest.raises(ValueError, match="read-only"):
        held[0, 0] = 1


def test_a_small_study_stays_as_it_is(tmp_path: Path) -> None:
    snapshot = make_snapshot()
    assert mapped(snapshot, tmp_path / "values.part") is snapshot
    assert not (tmp_path / "values.part").exists()


@pytest.mark.usefixtures("small")
def test_another_process_is_told_the_file_and_of_a_part_the_numbers(tmp_path: Path) -> None:
    held = mapped(make_snapshot(), tmp_path).layers["rna"].values
    assert isinstance(held, np.memmap)
    make, how = by_file(held)[:2]
    assert how[0] == str(held.filename)
    np.testing.assert_array_equal(make(*how), held)
    part = held[3:9]
    assert isinstance(part, np.memmap)
    make, how = by_file(part)[:2]
    assert make is not np.memmap
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(part)), part)


@pytest.mark.usefixtures("small")
def test_two_workers_find_in_a_file_what_one_finds_in_memory(tmp_path: Path) -> None:
    snapshot = make_snapshot(n=60, features=12, rows_per_subject=2)
    learners = select(snapshot, ("majority", "ridge_late"))[0]
    in_file = mapped(snapshot, tmp_path)
    with Processes(2, networks=False) as processes:
        processes.give(in_file, learners)
        assert (processes.folder / "given.pickle").stat().st_size < 200_000
        kind, total = processes.submit(with_given, processes.folder, kept_in, 0).result()
    assert (kind, total) == ("memmap", float(np.nansum(snapshot.layers["rna"].values)))
    one, two = (
        harness.run(given, learners, Evaluate(), Learn(trials=1, workers=workers), keep=True)
        for given, workers in ((snapshot, 1), (in_file, 2))
    )
    equal(two, one)


def test_a_saved_layer_is_read_a_row_group_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pyarrow.parquet as pq

    monkeypatch.setattr(matrices, "_CELLS", 600)
    snapshot = make_snapshot()
    snapshot.save(tmp_path / "snapshot")
    assert pq.read_metadata(tmp_path / "snapshot/layers/rna/dense.parquet").num_row_groups == 12
    read = Frozen.read(tmp_path / "snapshot")
    for name, layer in snapshot.layers.items():
        if isinstance(layer.values, np.ndarray):
            np.testing.assert_array_equal(read.layers[name].values, layer.values)
    (tmp_path / "broken").write_bytes(b"PAR1 and no more")
    with pytest.raises(OSError, match="no Parquet file"):
        matrices.read_vectors(tmp_path / "broken", 1, 1)
