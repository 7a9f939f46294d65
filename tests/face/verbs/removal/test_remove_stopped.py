"""`clinome remove` stopped anywhere: the same command goes on, and ends where it would have."""

from __future__ import annotations

import pydoc
import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from removal_study import WHO, folders, here, loaded, places, print_of, removed, study, whole
from stopping import Crash, stopping

import clinome
from clinome.console import SILENT
from clinome.graphs.store.embedded import EmbeddedStore
from clinome.verbs.loading import remove as removing
from clinome.verbs.loading.load import load_study

__all__ = ["here", "loaded"]  # fixtures

WHAT = {"patient": WHO, "source": "omics.rna", "run": "final"}


@pytest.mark.slow
@pytest.mark.parametrize("what", WHAT)
def test_stopped_anywhere_the_same_command_goes_on(
    here: clinome.Study, tmp_path: Path, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("secrets.token_bytes", lambda n: b"k" * n)  # the loads of both are then called the same
    folders(here, "final", "other")
    shutil.copytree(here.folder, tmp_path / "before")
    removed(here, what, WHAT[what])
    want, files = print_of(here), _contents(here)
    writes = _writes(tmp_path, what, monkeypatch)
    assert writes > 3
    for at in sorted({1, 2, writes // 4, writes // 2, 3 * writes // 4, writes - 1, writes}):
        folder = tmp_path / f"at {at}"
        shutil.copytree(tmp_path / "before", folder)
        made = clinome.Study.read(folder)
        with pytest.raises(Crash):
            _stopped(made, what, at, monkeypatch)
        removed(made, what, WHAT[what])
        assert print_of(made) == want, f"stopped at write {at}"
        assert _contents(made) == files, f"stopped at write {at}"


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["add_removed", "forget_ids", "erase", "recount", "clean", "without", "rename", "rmtree"]
)
def test_stopped_between_its_steps_the_same_command_goes_on(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Just after each step of removing a patient, also those that write no graph."""
    made = study(tmp_path / "study", "pseudonymise = true")
    whole(made, "final")
    folders(made, "final")
    owners = {
        "add_removed": "clinome.loaders.files.removed_ids.add_removed", "forget_ids": "clinome.loaders.subjects.pseudonyms.forget_ids",
        "erase": "clinome.graphs.ingest.remove_patients.erase", "recount": "clinome.graphs.ingest.write_back.recount",
        "clean": "clinome.graphs.tables.study_tables.Tables.clean", "without": "clinome.run_folder.run.Run.without",
        "rename": "clinome.graphs.tables.study_tables.write_atomic", "rmtree": "shutil.rmtree",
    }  # fmt: skip
    step = pydoc.locate(owners[name])
    assert callable(step)

    def then_stop(*given: Any, **named: Any) -> Any:
        step(*given, **named)
        raise Crash

    with monkeypatch.context() as patch, pytest.raises(Crash):
        patch.setattr(owners[name], then_stop)
        removed(made, "patient", WHO)
    removed(made, "patient", WHO)
    assert list(places(made, WHO)) == []
    assert not any(report.changed for report in load_study(made, SILENT))
    map = pl.read_csv(made.tables / "pseudonyms.csv")
    assert not map["id"].str.contains(WHO).any()
    assert map.height > 3


def _writes(folder: Path, what: str, monkeypatch: pytest.MonkeyPatch) -> int:
    shutil.copytree(folder / "before", folder / "count")
    return _stopped(clinome.Study.read(folder / "count"), what, 0, monkeypatch)


def _stopped(made: clinome.Study, what: str, at: int, monkeypatch: pytest.MonkeyPatch) -> int:
    """The command, stopped at a write of the graph; how many there were."""
    with EmbeddedStore(Path(made.store), write=True) as store:
        with monkeypatch.context() as patch, stopping(store, at) as begun:
            patch.setattr(removing, "open_store", lambda study, write: _Open(store))
            removed(made, what, WHAT[what])
        return len(begun)


class _Open:
    """A store that is open already, and stays open."""

    def __init__(self, store: EmbeddedStore) -> None:
        self.store = store

    def __enter__(self) -> EmbeddedStore:
        return self.store

    def __exit__(self, *error: object) -> None:
        pass


def _contents(made: clinome.Study) -> dict[str, Any]:
    """Every file of tables and runs, apart from keys, and logs of when."""
    found: dict[str, Any] = {}
    for folder in (made.tables, made.folder / "runs"):
        for path in sorted(folder.rglob("*")):
            if path.is_file() and path.name not in ("removed.json", "study.json", "log.jsonl", "record.json"):
                name = "/".join(part for part in path.relative_to(made.folder).parts if len(part) != 16)
                found[name] = path.read_bytes()
    return found
