"""The notebooks run from top to bottom: on the small demo, one of them on Neo4j; stored with what they show."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from servers import Server

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
NAMES = ("biomarkers", "cohort", "knowledge", "own_gnn", "patient")
LINE = "study = small_demo()"
"""The one line that is another study's."""


def read(name: str) -> nbformat.NotebookNode:
    notebook: nbformat.NotebookNode = nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)
    return notebook


def executed(notebook: nbformat.NotebookNode, folder: Path) -> nbformat.NotebookNode:
    NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(folder)}}).execute()
    return notebook


def shown(notebook: nbformat.NotebookNode, kind: str) -> list[str]:
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return [output["data"][kind] for output in outputs if kind in output.get("data", {})]


@dataclass(frozen=True)
class Place:
    """A folder whose temporary files the notebooks share, so that the demo runs once."""

    folder: Path


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("notebooks")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(folder))
        patch.setenv("OMP_NUM_THREADS", "1")
        yield Place(folder)


@pytest.mark.parametrize("name", NAMES)
def test_it_is_stored_with_what_it_shows(name: str) -> None:
    notebook = read(name)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.execution_count for cell in code) and len(shown(notebook, "text/plain")) >= 3
    text = (FOLDER / f"{name}.ipynb").read_text(encoding="utf-8")
    assert "Traceback" not in text and len(text) < 1_500_000
    for word in ("/tmp", "/home", "/root", "/work"):  # nothing of the machine it was run on
        assert word not in text, word


def test_every_notebook_is_here() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.ipynb")) == sorted(NAMES)
    for name in NAMES:  # one's own study is one line
        lines = [line for cell in read(name).cells for line in cell.source.splitlines() if "small_demo(" in line]
        assert len(lines) == 1 and "your own: clinome.Study.read(" in lines[0]


def test_the_cohort(place: Place) -> None:
    made = executed(read("cohort"), place.folder)
    tables = shown(made, "text/plain")
    assert any("patients in the store" in table and "300" in table for table in tables)
    assert len(shown(made, "image/png")) == 1


def test_the_biomarkers(place: Place) -> None:
    made = executed(read("biomarkers"), place.folder)
    tables = shown(made, "text/plain")
    assert any("SYN" in table and "stability" in table for table in tables)
    assert any("sha256" in table for table in tables)  # the number's source
    assert len(shown(made, "image/png")) == 2 and any("<svg" in page for page in shown(made, "text/html"))


def test_one_patient(place: Place) -> None:
    made = executed(read("patient"), place.folder)
    assert all(len(base64.b64decode(one)) > 8_000 for one in shown(made, "image/png"))
    said = "".join(o.get("text", "") for cell in made.cells for o in cell.get("outputs", []))
    assert "of the 20 nearest" in said and "had the outcome" in said


def test_a_network_of_ones_own(place: Place) -> None:
    made = executed(read("own_gnn"), place.folder)
    (scores,) = [
        table for table in shown(made, "text/plain") if "ridge_late" in table and "mine" in table and "mean" in table
    ]
    assert "majority" in scores


def test_knowledge_of_ones_own(place: Place) -> None:
    made = executed(read("knowledge"), place.folder)
    tables = shown(made, "text/plain")
    assert sum("sunarib" in table for table in tables) >= 2


def test_the_cohort_on_neo4j(place: Place, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    notebook = read("cohort")
    monkeypatch.setenv("CLINOME_NEO4J_USER", server.user)
    monkeypatch.setenv("CLINOME_NEO4J_PASSWORD", server.password)
    for cell in notebook.cells:
        if LINE in cell.source:
            more = f"\nfrom dataclasses import replace\nstudy = replace(study, store={server.uri!r}, tables=study.folder / 'server.tables')\n"
            cell.source = cell.source.replace("\nclinome.load", f"{more}clinome.load")
    tables = shown(executed(notebook, place.folder), "text/plain")
    assert any("patients in the store" in table and "300" in table for table in tables)
