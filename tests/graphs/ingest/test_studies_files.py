"""Study files that share a graph: what `clinome load` takes, and what it refuses with a word."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from loadable_study import FILES, load, print_of, study

import clinome
from clinome.console import SILENT, Console
from clinome.graphs.store.embedded import EmbeddedStore
from clinome.graphs.store.protocol import Edges
from clinome.loaders.errors import InputError
from clinome.verbs.loading.load import load_study


def another(folder: Path, name: str, store: Path, more: str = "", tables: str = "") -> clinome.Study:
    """The study of test_load under this name, in this store."""
    study(folder)
    text = (folder / "study.toml").read_text()
    text = text.replace('name = "small"', f'name = "{name}"').replace('"small.graph"', f'"{store}"' + tables)
    (folder / "study.toml").write_text(text.replace('id = "patient_id"\n', f'id = "patient_id"\n{more}\n'))
    return clinome.Study.read(folder)


def test_the_same_patients_need_a_namespace(tmp_path: Path) -> None:
    first = study(tmp_path / "first")
    load(first)
    alone = print_of(first)
    second = another(tmp_path / "second", "second", tmp_path / "first" / "small.graph")
    with pytest.raises(InputError, match=r'\[patients\] namespace = "second:"') as refused:
        load(second)
    assert "p1" not in str(refused.value)
    assert not list(second.tables.glob("*/record.json"))
    with pytest.raises(InputError, match="does not hold the study"), clinome.open(second) as graph:
        graph.cohort(clinome.Study.parse({**COHORT, "name": "second", "store": second.store}, second.folder))
    assert print_of(first) == alone
    second = another(tmp_path / "second", "second", tmp_path / "first" / "small.graph", 'namespace = "second:"')
    load(second)
    with clinome.open(first) as graph:
        ids = graph.query("MATCH (p:Patient) RETURN p.id AS id")["id"]
        assert sorted(ids) == sorted([f"{prefix}p{i}" for prefix in ("", "second:") for i in range(1, 5)])
        knowledge = graph.query("MATCH (l:Load) WHERE l.section = 'knowledge' RETURN l.id AS id")
        assert len(knowledge) == 2
        links = graph.query("MATCH (:Gene)-[x:IN_PATHWAY]->() RETURN count(x) AS n")
        assert links["n"].to_list() == [4]
    for made in (first, second):
        assert not any(report.changed for report in load(made).values())


COHORT = {
    "patients": {"path": "patients.csv"},
    "cohort": {"query": "MATCH (p:Patient) RETURN p.id AS subject_id, p.age AS label"},
    "task": {"kind": "binary"},
}


def test_another_study_of_the_same_name_is_refused(tmp_path: Path) -> None:
    first = study(tmp_path / "first")
    load(first)
    other = another(tmp_path / "other", "small", tmp_path / "first" / "small.graph")
    (other.folder / "patients.csv").write_text(FILES["patients.csv"] + "p9,1,M\n")
    with pytest.raises(InputError, match="another study of this name is in this graph"):
        load(other)
    assert not other.tables.exists()


def test_a_second_question_to_the_same_tables_is_the_same_study(tmp_path: Path) -> None:
    first = study(tmp_path / "first")
    load(first)
    before = print_of(first)
    question = another(
        tmp_path / "first", "question", tmp_path / "first" / "small.graph", tables='\ntables = "small.tables"'
    )
    assert question.name == "question"
    assert not any(report.changed for report in load(question).values())
    assert print_of(question) == before


def test_a_copy_of_a_whole_study_is_independent_and_a_copy_of_its_tables_is_refused(tmp_path: Path) -> None:
    first = study(tmp_path / "first")
    load(first)
    shutil.copytree(tmp_path / "first", tmp_path / "copy")
    assert not any(report.changed for report in load(clinome.Study.read(tmp_path / "copy")).values())
    same = another(tmp_path / "copy", "small", tmp_path / "first" / "small.graph")
    with pytest.raises(InputError, match="from another folder of tables"):
        load(same)


def test_half_a_load_of_another_study_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    first = study(tmp_path / "first")
    second = another(tmp_path / "second", "second", tmp_path / "first" / "small.graph", 'namespace = "second:"')
    whole = EmbeddedStore.write_edges

    def stop(store: EmbeddedStore, batch: str, load_id: str, edges: Edges) -> None:
        whole(store, batch, load_id, edges)
        if edges.type == "DIAGNOSED":
            raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(EmbeddedStore, "write_edges", stop)
        load(first)
    load_study(second, Console())
    assert "a load of another study was stopped in the middle (small): load it again" in capsys.readouterr().out
    load_study(first, Console())
    assert "stopped" not in capsys.readouterr().out
    load_study(second, SILENT)
    with clinome.open(second) as graph:
        assert graph.query("MATCH (s:Study) RETURN count(s) AS n")["n"].to_list() == [2]
