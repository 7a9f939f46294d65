"""Atomic writes: the old or the new content, whatever fails in between, and nothing left beside it."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from clinome.loaders.files.atomic import atomic_folder, atomic_path, write_atomic


def test_a_file_is_replaced_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    write_atomic(file, "old")
    write_atomic(file, "né")
    assert file.read_bytes() == "né".encode() and list(tmp_path.iterdir()) == [file]
    write_atomic(file, b"\x00\r\n")
    assert file.read_bytes() == b"\x00\r\n"


def test_a_private_file_is_private_from_its_first_moment(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("open to all")
    file.chmod(0o644)
    write_atomic(file, "secret", private=True)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    before = os.umask(0o022)
    try:
        write_atomic(tmp_path / "shared", "")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "shared").stat().st_mode) == 0o644


def test_what_fails_changes_nothing(tmp_path: Path) -> None:
    file, folder = tmp_path / "file", tmp_path / "folder"
    write_atomic(file, "old")
    folder.mkdir()
    (folder / "old").touch()
    with pytest.raises(RuntimeError), atomic_path(file) as fresh:
        fresh.write_text("half")
        raise RuntimeError
    with pytest.raises(RuntimeError), atomic_folder(folder) as fresh:
        (fresh / "half").touch()
        raise RuntimeError
    assert file.read_text() == "old" and [path.name for path in folder.iterdir()] == ["old"]
    assert sorted(tmp_path.iterdir()) == [file, folder]


def test_a_folder_is_replaced_whole_and_what_a_killed_one_left_is_cleared(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    for name in ("old", "new"):
        with atomic_folder(folder) as fresh:
            (fresh / name).touch()
        left = tmp_path / "model.part"
        left.mkdir()
        (left / "of one who was killed").touch()
    assert [path.name for path in folder.iterdir()] == ["new"]


@pytest.mark.parametrize("how", ["atomic_path", "atomic_folder"])
def test_killed_in_the_middle_the_old_one_stands(tmp_path: Path, how: str) -> None:
    place = tmp_path / "place"
    write_atomic(place, "old") if how == "atomic_path" else place.mkdir()
    code = (
        f"import os, pathlib; from clinome.loaders.files.atomic import {how} as how\n"
        f"with how(pathlib.Path({str(place)!r})) as fresh:\n"
        "    (fresh / 'half' if fresh.is_dir() else fresh).write_text('half'); os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -9
    assert place.read_text() == "old" if place.is_file() else not list(place.iterdir())
    assert [path.suffix for path in tmp_path.iterdir() if path != place] == [".part"]


def test_two_processes_may_write_the_same_file(tmp_path: Path) -> None:
    file = tmp_path / "rejects.csv"
    code = (
        "import pathlib, sys; from clinome.loaders.files.atomic import write_atomic\n"
        f"for _ in range(200): write_atomic(pathlib.Path({str(file)!r}), sys.argv[1] * 100_000, private=True)"
    )
    writers = [subprocess.Popen([sys.executable, "-c", code, letter]) for letter in "ab"]
    seen = set()
    while any(writer.poll() is None for writer in writers):
        seen.add(file.read_text() if file.exists() else "")
    assert [writer.returncode for writer in writers] == [0, 0]
    assert seen <= {"", "a" * 100_000, "b" * 100_000}
    assert list(tmp_path.iterdir()) == [file]
