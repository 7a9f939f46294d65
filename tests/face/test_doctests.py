"""Doctests: every example in a docstring runs, in every module of Clinome."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "src" / "clinome"
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def modules_with_examples(folder: Path, name: str = "clinome") -> list[str]:
    """Names of the modules below a folder, links followed, that hold a `>>>`."""
    found = []
    for path in sorted(folder.iterdir()):
        if path.is_dir():
            found += modules_with_examples(path, f"{name}.{path.name}")
        elif path.suffix == ".py" and ">>> " in path.read_text(encoding="utf-8"):
            found.append(name if path.stem == "__init__" else f"{name}.{path.stem}")
    return found


MODULES = modules_with_examples(PACKAGE)


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In an empty folder: an example neither needs a file nor leaves one."""
    monkeypatch.chdir(tmp_path)
    ended = doctest.testmod(importlib.import_module(name), optionflags=FLAGS)
    assert ended.attempted, f"{name}: its >>> stands where doctest does not look"
    assert not ended.failed, f"{name}: see the output"
    assert not list(tmp_path.iterdir())


def test_each_room_and_the_face_have_examples() -> None:
    for room in ("loaders", "graphs", "models"):
        assert sum(name.startswith(f"clinome.{room}.") for name in MODULES) >= 5
    assert "clinome.study" in MODULES
