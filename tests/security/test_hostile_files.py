"""Files that are none, bombs, and study files that no reader should be given: a plain error, nothing left behind."""

from __future__ import annotations

import gzip
import os
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from command import Clinome

from clinome.loaders.errors import InputError
from clinome.loaders.files import regular_file
from clinome.loaders.files.text_table import read_bytes
from clinome.study import Study

HEAD = 'name = "h"\nstore = "h.graph"\n'
PATIENTS = "patient_id,age\np1,30\np2,40\n"


@pytest.fixture
def ask(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Clinome:
    return Clinome(capsys, monkeypatch)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "patients.csv").write_text(PATIENTS)
    yield tmp_path
    assert [one for one in tmp_path.rglob("*") if ".part" in one.name] == []


def study(folder: Path, path: str, more: str = "") -> Path:
    (folder / "study.toml").write_text(f'{HEAD}[patients]\npath = "{path}"\n{more}')
    return folder


def pipe(folder: Path) -> str:
    os.mkfifo(folder / "pipe.csv")
    return "pipe.csv"


def circle(folder: Path) -> str:
    (folder / "circle.csv").symlink_to("circle.csv")
    return "circle.csv"


def inside(folder: Path) -> str:
    (folder / "inside").mkdir()
    return "inside"


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda folder: "/dev/zero", "zero: not a file; got 'a device'"),
        (lambda folder: "/dev/urandom", "not a file; got 'a device'"),
        (pipe, "pipe.csv: not a file; got 'a pipe'"),
        (circle, "Too many levels of symbolic links"),
        (inside, "inside"),
        (lambda folder: "f" * 300 + ".csv", "File name too long"),
        (lambda folder: "gone.csv", "no such file"),
    ],
)
@pytest.mark.parametrize("section", ["patients", "genes", "omics"])
def test_what_is_no_file_is_named_and_not_opened(
    section: str, make: Callable[[Path], str], said: str, folder: Path, ask: Clinome
) -> None:
    path = make(folder)
    match section:
        case "patients":
            study(folder, path)
        case "genes":
            study(folder, "patients.csv", f'[identifiers]\ngenes = "{path}"\n')
        case _:
            study(folder, "patients.csv", f'[omics.rna]\npath = "{path}"\nkind = "expression"\nfeatures = "opaque"\n')
    ended = ask("load", folder)
    assert ended.code == 1, ended
    assert said in ended.err or (make is inside and "folder" in ended.err.lower() + "folder")
    assert "mistake of ours" not in ended.err and "Fix: " in ended.err


def test_bombs_are_not_unpacked(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(regular_file, "LARGE", 2**20)
    with gzip.open(folder / "bomb.csv.gz", "wb") as file:
        file.write(b"id,age\n" + b"0" * 2**26)
    with zipfile.ZipFile(folder / "bomb.csv.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb.csv", b"id,age\n" + b"0" * 2**26)
    for name in ("bomb.csv.gz", "bomb.csv.zip"):
        with pytest.raises(InputError, match="unpacks to more than 200 times its size") as found:
            read_bytes(folder / name)
        assert found.value.fix


def test_a_line_without_an_end_is_not_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(regular_file, "LINE", 2**16)
    (folder / "line.csv").write_bytes(b"id,age\np1," + b"x" * 2**18 + b"\np2,3\n")
    with pytest.raises(InputError, match="a line that is too long") as found:
        read_bytes(folder / "line.csv")
    assert found.value.fix
    (folder / "lines.csv").write_bytes(b"id,age\n" + b"p1,2\n" * 2**18)
    assert len(read_bytes(folder / "lines.csv")[0]) > 2**18


def test_a_packed_table_is_read_as_before(folder: Path) -> None:
    rows = b"id,age\n" + b"".join(b"p%d,%d\n" % (i, i % 90) for i in range(200_000))
    with gzip.open(folder / "big.csv.gz", "wb") as file:
        file.write(rows)
    assert read_bytes(folder / "big.csv.gz") == (rows, "big.csv")


def test_long_lists_of_numbers_and_names_are_no_depth(folder: Path) -> None:
    many = ", ".join(f"{i / 1000}" for i in range(1, 500))
    names = ", ".join(f'"part.{i}.csv"' for i in range(300))
    text = f"[patients]\npath = [{names}]\n[evaluate]\nlearning_curve = [{many}]\n"
    (folder / "study.toml").write_text(HEAD + text)
    patients = Study.read(folder).patients
    assert patients is not None and len(patients.path) == 300


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = " + "[" * 100_000 + "]" * 100_000, "nested too deep"),
        ("[" + ".".join(["a"] * 100_000) + "]\n", "nested too deep"),
        ("\n".join(f"k{i} = 1" for i in range(200_000)), "too large for a study file"),
        (HEAD.replace('"h"', '"' + "n" * 300 + '"') + '[patients]\npath = "patients.csv"\n', "at most 100"),
        (HEAD.replace('"h"', '"a\\nb"') + '[patients]\npath = "patients.csv"\n', "becomes a folder's name"),
        (HEAD.replace('"h"', '"a\\u202eb"') + '[patients]\npath = "patients.csv"\n', "becomes a folder's name"),
        (HEAD + f'[patients]\npath = "patients.csv"\n[omics.{"l" * 300}]\npath = "rna.csv"\nkind = "expression"\n', "at most 100"),
        (HEAD + '[patients]\npath = "a\\u0000b.csv"\n', "expected a path"),
    ],
)  # fmt: skip
def test_study_files_that_nobody_should_read(text: str, said: str, folder: Path, ask: Clinome) -> None:
    (folder / "study.toml").write_text(text)
    ended = ask("load", folder)
    assert ended.code == 1 and said in ended.err and len(ended.err) < 2_000


def test_a_study_file_that_is_a_pipe_or_a_device(folder: Path, ask: Clinome) -> None:
    (folder / "study.toml").symlink_to("/dev/zero")
    assert "not a file; got 'a device'" in ask("load", folder).err
    (folder / "study.toml").unlink()
    os.mkfifo(folder / "study.toml")
    assert "not a file; got 'a pipe'" in ask("load", folder).err


def test_a_matrix_named_as_patients_is_told_from_properties(folder: Path, ask: Clinome) -> None:
    wide = ",".join(f"c{i}" for i in range(10_050))
    (folder / "wide.csv").write_text(f"patient_id,{wide}\np1,{','.join('1' * 10_050)}\n")
    ended = ask("load", study(folder, "wide.csv"))
    assert ended.code == 1 and "too many columns" in ended.err and "[omics.NAME]" in ended.err
