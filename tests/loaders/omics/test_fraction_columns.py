"""Columns of measurements are read as numbers at once: with the values and the counts that their text has."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clinome.loaders.files.text_table import read_cells
from clinome.loaders.identifiers.genes import GeneTable
from clinome.loaders.omics import text_matrix
from clinome.loaders.omics.layer import read_omics
from clinome.loaders.specs import Omics
from clinome.loaders.tables import Known, Loaded

SAMPLES = [f"P{i}" for i in range(24)]
KNOWN = Known(frozenset(SAMPLES), None, GeneTable.empty())
PLAIN = st.floats(-1e6, 1e6, width=32).map(lambda x: f"{x:.5f}")
ODD = st.sampled_from(
    ["", "NA", "nan", "inf", "1e5", "+1.5", " 1.5", "1.5 ", "1,5", "<0.1", "x", "007", "1e50", ".5", "5.", "1e-50", "0x1",
     "1_0", "\N{MINUS SIGN}1.5", "3", "0.0", "16777217.5", "0.1234567890123", '"2.5"']
)  # fmt: skip


def written(folder: Path, cells: list[list[str]], turned: bool) -> Path:
    """cells: samples by features."""
    features = [f"G{j}" for j in range(len(cells[0]))]
    if turned:
        lines = [
            ["id", *SAMPLES],
            *([name, *column] for name, column in zip(features, zip(*cells, strict=True), strict=True)),
        ]
    else:
        lines = [["id", *features], *([name, *row] for name, row in zip(SAMPLES, cells, strict=True))]
    (folder / "x.tsv").write_text("".join("\t".join(line) + "\n" for line in lines))
    return folder / "x.tsv"


def both_ways(path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Loaded, Loaded]:
    spec = Omics((path,), name="rna", kind="expression")
    at_once = read_omics(spec, KNOWN)
    with monkeypatch.context() as patched:
        patched.setattr(text_matrix, "_no_measurements", lambda spec, known: None)
        return at_once, read_omics(spec, KNOWN)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    data=st.data(),
    turned=st.booleans(),
    odd=st.lists(st.tuples(st.integers(0, 23), st.integers(0, 3), ODD), max_size=4),
)
def test_the_same_as_by_way_of_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: st.DataObject, turned: bool, odd: list[tuple[int, int, str]]
) -> None:
    rng = np.random.default_rng(data.draw(st.integers(0, 9)))
    cells = [[f"{x:.5f}" for x in row] for row in rng.normal(5, 3, (24, 4))]
    cells[0][0] = data.draw(PLAIN)
    for i, j, cell in odd:
        cells[i][j] = cell
    at_once, by_text = both_ways(written(tmp_path, cells, turned), monkeypatch)
    assert at_once.omics is not None
    assert by_text.omics is not None
    np.testing.assert_array_equal(np.asarray(at_once.omics.X), np.asarray(by_text.omics.X))
    assert at_once.omics.obs.equals(by_text.omics.obs)
    assert at_once.omics.var.equals(by_text.omics.var)
    assert (at_once.tally, at_once.cells, at_once.counts) == (by_text.tally, by_text.cells, by_text.counts)
    told = [[replace(loss, why=None) for loss in one.losses] for one in (at_once, by_text)]  # type: ignore[arg-type]
    assert told[0] == told[1]


def test_a_column_of_ids_stays_text(tmp_path: Path) -> None:
    path = tmp_path / "x.tsv"
    path.write_text("n\tid\tvalue\twhole\n" + "".join(f"{i}.5\t{i}.0\t{i}.25\t{i}\n" for i in range(30)))
    types = read_cells(path, fractions=[]).frame.schema
    assert [str(types[name]) for name in ("n", "id", "value", "whole")] == ["String", "String", "Float32", "String"]
    assert set(map(str, read_cells(path).frame.dtypes)) == {"String"}


def test_where_a_known_id_has_a_fraction_all_is_text(tmp_path: Path) -> None:
    path = tmp_path / "x.tsv"
    path.write_text("n\tid\tTP53\n" + "".join(f"a{i}\t{i}.5\t{i}.25\n" for i in range(30)))
    known = Known(frozenset(f"{i}.5" for i in range(30)), None, GeneTable.empty())
    found = read_omics(Omics((path,), name="rna", kind="expression"), known).omics
    assert found is not None
    assert list(found.obs_names) == [f"{i}.5" for i in range(30)]
