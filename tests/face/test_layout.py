"""Guards on the layout itself (docs/layout.md). They need a git checkout and fail, not skip, without one."""

from __future__ import annotations

import ast
import subprocess
import sys
import zipfile
from pathlib import Path

import grimp
import networkx
import pytest

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("graphs", "models", "loaders")
FLOOR = {"loaders": {"errors", "specs", "schema", "tables", "registry"}, "graphs": {"schema"}, "models": set[str]()}


def tracked(*paths: str) -> list[str]:
    out = subprocess.run(["git", "ls-files", *paths], cwd=ROOT, capture_output=True, text=True, check=True)
    return out.stdout.splitlines()


@pytest.mark.parametrize("part", (*PARTS, "neo4j"))
def test_links(part: str) -> None:
    link = ROOT / "src" / "clinome" / part
    assert link.is_symlink()
    assert link.resolve() == ROOT / part


def test_every_code_folder_has_an_init() -> None:
    for part in PARTS:
        for py in (ROOT / part).rglob("*.py"):
            assert (py.parent / "__init__.py").is_file(), f"{py.parent} has no __init__.py"


def test_neo4j_folders_hold_no_python() -> None:
    for folder in (ROOT / "neo4j", ROOT / "tests" / "neo4j"):
        assert not list(folder.rglob("*.py*")), f"Python under {folder} can hide the driver"
    for folder in (ROOT, ROOT / "tests", ROOT / "notebooks", ROOT / "src"):
        assert not (folder / "neo4j.py").exists()


@pytest.mark.parametrize("cwd", (".", "notebooks", "tests"))
def test_import_neo4j_is_the_driver(cwd: str) -> None:
    code = "import neo4j; assert neo4j.__file__, 'a bare folder'; print(neo4j.__file__)"
    out = subprocess.run([sys.executable, "-c", code], cwd=ROOT / cwd, capture_output=True, text=True, check=True)
    assert not Path(out.stdout.strip()).is_relative_to(ROOT / "neo4j")


@pytest.mark.parametrize("part", PARTS)
def test_flat_name_is_refused(part: str) -> None:
    out = subprocess.run(
        [sys.executable, "-c", f"import {part}"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert "ImportError" in out.stderr


def test_importing_clinome_leaves_no_file_and_no_torch(tmp_path: Path) -> None:
    code = "import clinome, clinome.cli.main, sys; assert 'torch' not in sys.modules; import logging; assert not logging.root.handlers"
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)
    assert not list(tmp_path.iterdir())


def test_no_module_imports_itself_in_a_circle() -> None:
    """Whatever the import: at the top, inside a function, for the type checker alone."""
    graph = grimp.build_graph("clinome", cache_dir=None)
    imports = networkx.DiGraph(
        (module, imported) for module in graph.modules for imported in graph.find_modules_directly_imported_by(module)
    )
    circles = [sorted(circle) for circle in networkx.strongly_connected_components(imports) if len(circle) > 1]
    assert imports.number_of_edges() > 500
    assert not circles


def test_a_folder_is_taken_in_at_a_look() -> None:
    """About twelve entries; beside them what every package has, and the links of the face."""
    beside = {"__init__.py", "py.typed", *PARTS, "neo4j"}
    entries: dict[str, set[str]] = {}
    for path in map(Path, tracked(*PARTS, "src/clinome", "tests")):
        for folder in path.parents:
            entries.setdefault(str(folder), set()).add(path.relative_to(folder).parts[0])
    rooms = {folder: names for folder, names in entries.items() if folder not in {".", "src", "tests/support"}}
    full = {folder: len(names - beside) for folder, names in rooms.items() if len(names - beside) > 14}
    assert len(rooms) > 40
    assert not full


def test_every_package_says_what_it_is() -> None:
    for path in tracked(*PARTS, "src/clinome"):
        if path.endswith("/__init__.py"):
            assert ast.get_docstring(ast.parse((ROOT / path).read_text(encoding="utf-8"))), path


def test_the_floor_of_a_room_is_named() -> None:
    """What lies beside the folders of a room is what its folders share (docs/layout.md)."""
    for part, modules in FLOOR.items():
        beside = {path.stem for path in map(Path, tracked(f"{part}/*.py")) if path.parent == Path(part)}
        assert beside - {"__init__"} <= modules, part


def test_lock_names_no_host() -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert "://" not in lock
    assert "index-url" not in lock
    assert lock.count("==") >= 100
    for block in lock.replace("\\\n", " ").splitlines():
        assert not block.strip() or "--hash=sha256:" in block


@pytest.mark.packaging
def test_wheel_holds_exactly_the_tracked_files(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "build", "--no-isolation", "-o", str(tmp_path), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    want = {
        "clinome/" + f.removeprefix("src/clinome/")
        for f in tracked("src/clinome", *PARTS, "neo4j")
        if not (ROOT / f).is_symlink()
    }
    (wheel,) = tmp_path.glob("*.whl")
    have = {n for n in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in n}
    assert have == want
