"""A study whose store is a Neo4j server: the same commands, the same graph, the same cohort and snapshot."""

from __future__ import annotations

import re
import runpy
import shutil
from pathlib import Path

import polars as pl
import pytest
from command import Clinome, write_study
from notes_study import SECRET, write_notes_study
from servers import Server, clear

import clinome
from clinome.console import SILENT
from clinome.demo.synthetic_cohort import write_cohort
from clinome.graph import open_store
from clinome.study import Study
from clinome.verbs.loading.load import load_study

LEFT_OUT = r"\[omics\.(methylation|copy_number)\][^\[]*"
"""Sections of the study that only cost time here."""


@pytest.fixture
def credentials(server: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    monkeypatch.setenv("CLINOME_NEO4J_USER", server.user)
    monkeypatch.setenv("CLINOME_NEO4J_PASSWORD", server.password)
    clear(server)
    return server


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Clinome:
    return Clinome(capsys, monkeypatch)


def on_server(file: Path, server: Server) -> Path:
    """The study, with the server as its store."""
    file.write_text(re.sub(r'store = "[^"]+"', f'store = "{server.uri}?database=neo4j"', file.read_text()))
    return file


def test_commands(credentials: Server, tmp_path: Path, run: Clinome) -> None:
    file = on_server(write_study(tmp_path), credentials)
    early = run("query", file, "MATCH (p:Patient) RETURN count(p) AS n")
    assert early.code == 1
    assert "nothing has been loaded yet" in early.err
    first = run("load", file)
    assert first.code == 0, first.err
    assert "unchanged" not in first.out
    again = run("load", file)
    assert again.code == 0
    assert "nothing has changed since the last load" in again.out
    asked = run("query", file, "MATCH (p:Patient) WHERE p.age > $age RETURN count(p) AS n", "-p", "age=43", "--json")
    assert '"rows": [[2]]' in asked.out
    for refused in ("LOAD CSV FROM 'file:///etc/hostname' AS row RETURN row", "MATCH (p:Patient) DELETE p"):
        assert run("query", file, refused).code == 1
    cohort = run("cohort", file)
    assert cohort.code == 0, cohort.err
    removed = run("remove", file, "source", "omics.mutations")
    assert removed.code == 0, removed.err


def test_a_wrong_password_is_refused_and_not_shown(
    credentials: Server, tmp_path: Path, run: Clinome, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = on_server(write_study(tmp_path), credentials)
    monkeypatch.setenv("CLINOME_NEO4J_PASSWORD", "not-the-password")
    ended = run("load", file)
    assert ended.code == 3
    assert "refused the user or the password" in ended.err
    assert "not-the-password" not in ended.out + ended.err


def test_a_second_load_at_the_same_time_is_refused(credentials: Server, tmp_path: Path, run: Clinome) -> None:
    file = on_server(write_study(tmp_path), credentials)
    with open_store(Study.read(file), write=True):
        ended = run("load", file)
    assert ended.code == 3
    assert "another process is writing" in ended.err
    assert run("load", file).code == 0


@pytest.mark.slow
def test_the_same_graph_cohort_and_snapshot_as_on_the_embedded_store(credentials: Server, tmp_path: Path) -> None:
    here, there = tmp_path / "embedded", tmp_path / "neo4j"
    write_cohort(here, seed=3, patients=60)
    file = here / "study.toml"
    file.write_text(re.sub(LEFT_OUT, "", file.read_text()))
    shutil.copytree(here, there)
    found = []
    for study in (Study.read(file), Study.read(on_server(there / "study.toml", credentials))):
        load_study(study, SILENT)
        with clinome.open(study) as graph:
            cohort = graph.cohort()
            found.append((graph.fingerprint(), cohort.taken, graph.snapshot(cohort).checksums()))
    (print_here, cohort_here, sums_here), (print_there, cohort_there, sums_there) = found
    assert cohort_here.frame.equals(cohort_there.frame)
    assert cohort_here.frame.schema == cohort_there.frame.schema
    assert cohort_here.steps == cohort_there.steps
    assert print_here == print_there
    assert sums_here == sums_there
    assert isinstance(cohort_here.frame["prediction_time"].dtype, pl.Datetime)


def test_notes_and_images_are_the_same_on_a_server(credentials: Server, tmp_path: Path) -> None:
    """The graph knows of a note and an image when, and of what kind; no text of one stands in it."""
    here = write_notes_study(tmp_path / "embedded", n=30)
    there = on_server(write_notes_study(tmp_path / "neo4j", n=30), credentials)
    told = "MATCH (p:Patient)-[h:HAD]->(c:Code) RETURN c.id AS id, count(h) AS n, min(h.time) AS first ORDER BY id"
    found = []
    for study in (Study.read(here), Study.read(there)):
        load_study(study, SILENT)
        with clinome.open(study) as graph:
            found.append((graph.fingerprint(), graph.query(told).to_dict("list")))
    assert found[0] == found[1]
    assert found[1][1]["id"] == ["IMAGE:ct", "NOTE:discharge summary", "NOTE:progress note"]
    with open_store(Study.read(there), write=False) as store:
        held = [store.run(f"MATCH {one} RETURN properties(x) AS all", {})["all"] for one in ("(x)", "()-[x]->()")]
    assert len(held[0]) > 30 and SECRET not in str(held)


@pytest.mark.slow
def test_the_example_of_there_and_back_on_a_server(
    credentials: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What it finds in Cypher, and where the embeddings end, is the server; the neighbours are those of the embedded store."""
    script = Path(__file__).resolve().parents[3] / "examples" / "there_and_back.py"
    write_cohort(tmp_path / "embedded", seed=3, patients=60)
    file = tmp_path / "embedded" / "study.toml"
    file.write_text(re.sub(LEFT_OUT, "", file.read_text()))
    shutil.copytree(tmp_path / "embedded", tmp_path / "neo4j")
    said = []
    for study in (file, on_server(tmp_path / "neo4j" / "study.toml", credentials)):
        runpy.run_path(str(script))["main"](str(study))
        said.append(capsys.readouterr().out)
        with clinome.open(study) as graph:
            assert graph.store.name == ("embedded" if study == file else "neo4j")
            (one,) = graph.query("MATCH (p:Patient) WHERE p.embedding_of IS NOT NULL RETURN p.id AS id LIMIT 1")["id"]
            assert len(graph.similar("Patient", one, k=5)) == 5
    assert said[0] == said[1] and "example/sage" in said[0]
