"""The notebook runs from top to bottom, finds what was planted, and ends in a picture."""

from __future__ import annotations

import base64
import struct
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).resolve().parents[2] / "notebooks" / "explore.ipynb"


def read() -> nbformat.NotebookNode:
    notebook: nbformat.NotebookNode = nbformat.read(NOTEBOOK, as_version=4)
    return notebook


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> nbformat.NotebookNode:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(tmp_path_factory.mktemp("notebook")))  # its folder is taken away with ours
        notebook = read()
        where = {"metadata": {"path": str(NOTEBOOK.parent)}}
        NotebookClient(notebook, timeout=300, resources=where).execute()
    return notebook


def shown(notebook: nbformat.NotebookNode, kind: str) -> list[str]:
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return [output["data"][kind] for output in outputs if kind in output.get("data", {})]


def test_it_is_committed_clean() -> None:
    """Without outputs, and valid."""
    notebook = read()
    nbformat.validate(notebook)
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in notebook.cells)


def test_it_shows_the_attrition_and_the_planted_biomarkers(executed: nbformat.NotebookNode) -> None:
    tables = shown(executed, "text/plain")
    (attrition,) = [table for table in tables if "in store" in table]
    assert "sequenced" in attrition
    assert "aged 50 or more" in attrition
    (biomarkers,) = [table for table in tables if "planted" in table and "stability" in table]
    assert biomarkers.count("True") >= 5


def test_it_ends_in_a_picture(executed: nbformat.NotebookNode) -> None:
    (picture,) = shown(executed, "image/png")
    content = base64.b64decode(picture)
    width, height = struct.unpack(">II", content[16:24])
    assert min(width, height) > 300
    assert len(content) > 20_000
