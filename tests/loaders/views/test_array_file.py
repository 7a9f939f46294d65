"""Arrays of vectors: the same source as the table with the same numbers, and nothing that could run, or blow up, is read."""

from __future__ import annotations

import io
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import clinome
from clinome import Study
from clinome.loaders.errors import InputError
from clinome.loaders.identifiers.genes import GeneTable
from clinome.loaders.registry import read_source
from clinome.loaders.specs import Images
from clinome.loaders.tables import Known

KNOWN = Known(frozenset({"1", "2"}), None, GeneTable.empty())
IDS = pl.DataFrame({"mrn": ["1", "2", "2", "9"], "at": ["2020-01-01", "2020-01-02T08:00", "2020-01-03", "2020-01-01"]})
VECTORS = np.array([[1.5, 2, -3], [0.25, np.nan, 4], [5, 6, 7], [8, 9, 10]])


def _spec(path: Path, **more: object) -> Images:
    return Images((path,), name="ct", subject="mrn", time="at", **more)  # type: ignore[arg-type]


def _written(folder: Path, name: str = "ct.npy", vectors: np.ndarray = VECTORS) -> Images:
    IDS.write_csv(folder / "ids.csv")
    np.save(folder / name, vectors)
    return _spec(folder / name, ids=folder / "ids.csv")


def test_an_array_is_the_table_of_its_numbers(tmp_path: Path) -> None:
    IDS.hstack(pl.DataFrame(VECTORS, schema=["f0", "f1", "f2"]).fill_nan(None)).write_csv(tmp_path / "ct.csv")
    table = read_source(_spec(tmp_path / "ct.csv"), KNOWN)
    assert table.vectors is not None
    for vectors in (VECTORS, VECTORS.astype(np.float32), np.asfortranarray(VECTORS)):
        loaded = read_source(_written(tmp_path, vectors=vectors), KNOWN)
        assert loaded.vectors is not None and loaded.vectors.equals(table.vectors)
        assert (loaded.tally, loaded.cells, loaded.clock) == (table.tally, table.cells, table.clock)
    IDS.write_parquet(tmp_path / "ids.parquet")
    again = read_source(replace(_written(tmp_path), ids=tmp_path / "ids.parquet"), KNOWN)
    assert again.vectors is not None and again.vectors.equals(table.vectors)


def test_an_npz_brings_its_own_ids(tmp_path: Path) -> None:
    at = np.array(IDS["at"].to_list(), dtype="datetime64[s]")
    np.savez_compressed(tmp_path / "ct.npz", vectors=VECTORS, mrn=np.array([1, 2, 2, 9]), at=at)
    loaded = read_source(_spec(tmp_path / "ct.npz"), KNOWN)
    assert loaded.vectors is not None
    assert loaded.vectors["subject_id"].to_list() == ["1", "2", "2"]
    assert loaded.vectors["time"].dt.hour().to_list() == [0, 8, 0] and loaded.vectors["f0"].to_list() == [
        1.5,
        0.25,
        5.0,
    ]


def test_rows_and_ids_must_be_as_many_and_ids_be_named(tmp_path: Path) -> None:
    spec = _written(tmp_path, vectors=VECTORS[:3])
    with pytest.raises(InputError, match=r"not the same rows; got '4 and 3'"):
        read_source(spec, KNOWN)
    with pytest.raises(InputError, match="nobody says whose"):
        read_source(replace(spec, ids=None), KNOWN)
    with pytest.raises(InputError, match="several files"):
        read_source(replace(spec, path=(*spec.path, *spec.path)), KNOWN)
    _written(tmp_path)
    IDS.rename({"mrn": "f1"}).write_csv(tmp_path / "ids.csv")
    with pytest.raises(InputError, match="called as a feature"):
        read_source(replace(_spec(tmp_path / "ct.npy"), subject="f1", ids=tmp_path / "ids.csv"), KNOWN)


class _Bomb:
    def __reduce__(self) -> tuple[object, ...]:
        return (pytest.fail, ("a pickle was run",))


def _claims(shape: tuple[int, ...]) -> bytes:
    """An .npy whose header promises a shape that its bytes do not have."""
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": "<f8", "fortran_order": False, "shape": shape})
    return file.getvalue() + b"\0" * 80


def test_no_pickle_is_read_and_no_header_believed(tmp_path: Path) -> None:
    spec = _written(tmp_path)
    path = tmp_path / "ct.npy"
    np.save(path, np.array([[_Bomb()]], dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match="pickled objects are never read"):
        read_source(spec, KNOWN)
    records = np.zeros(4, dtype=[("a", "f4"), ("b", "f4")])
    for data in (b"", b"\x93NUMPY", b"\x80\x04.", _claims((10**14, 10**3)), _claims((4, 3)), VECTORS.tobytes()):
        path.write_bytes(data)
        with pytest.raises(InputError, match="no array that can be read"):
            read_source(spec, KNOWN)
    for odd in (records, VECTORS[0], VECTORS.reshape(2, 2, 3), np.array([["a", "b"]] * 4), VECTORS + 1j):
        np.save(path, odd)
        with pytest.raises(InputError, match=r"no array (of vectors|that can be read)"):
            read_source(spec, KNOWN)
    broken = tmp_path / "ct.npz"
    broken.write_bytes(b"PK\x03\x04 no archive")
    with pytest.raises(InputError, match="no array that can be read"):
        read_source(_spec(broken), KNOWN)
    with zipfile.ZipFile(broken, "w") as archive:
        archive.writestr("vectors.npy", _claims((10**14, 10**3)))
    with pytest.raises(InputError, match="no array that can be read"):
        read_source(_spec(broken), KNOWN)


def test_a_study_of_an_array_loads_anew_where_its_ids_change(tmp_path: Path) -> None:
    _written(tmp_path)
    raw = {
        "name": "s", "store": "s.graph",
        "images": {"ct": {"path": "ct.npy", "ids": "ids.csv", "subject": "mrn", "time": "at"}},
    }  # fmt: skip
    study = Study.parse(raw, tmp_path)
    assert clinome.load(study).changed and not clinome.load(study).changed
    IDS.with_columns(mrn=pl.Series(["1", "1", "2", "9"])).write_csv(tmp_path / "ids.csv")
    assert clinome.load(study).changed
    raw["images"]["ct"]["path"] = "ids.csv"  # type: ignore[index]
    with pytest.raises(InputError, match="ids go with an array"):
        Study.parse(raw, tmp_path)
