"""`clinome remove` where the store is a Neo4j server, which holds another study too."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from removal_study import RANKED, WHO, data, never_had, places, removed, study
from servers import Server, clear

import clinome
from clinome.console import SILENT
from clinome.graph import open_store
from clinome.graphs.ingest.write_back import store_run
from clinome.graphs.store.fingerprint import fingerprint
from clinome.loaders.errors import InputError
from clinome.verbs.cohort import take_cohort
from clinome.verbs.loading.load import load_study


def on_server(folder: Path, server: Server, name: str, more: str = "") -> clinome.Study:
    study(folder, more)
    text = (folder / "study.toml").read_text().replace('"small.graph"', f'"{server.uri}"')
    (folder / "study.toml").write_text(text.replace('name = "small"', f'name = "{name}"'))
    return clinome.Study.read(folder)


def print_of(made: clinome.Study) -> str:
    with open_store(made, write=False) as store:
        return fingerprint(store)


def test_a_patient_a_run_and_a_source_leave_one_of_two_studies(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLINOME_NEO4J_USER", server.user)
    monkeypatch.setenv("CLINOME_NEO4J_PASSWORD", server.password)
    clear(server)
    made = on_server(tmp_path / "small", server, "small")
    load_study(made, SILENT)
    frame = take_cohort(made, SILENT).frame
    with open_store(made, write=True) as store:
        for name in ("final", "first"):
            store_run(store, name, RANKED, frame.select("subject_id", risk=pl.lit(0.5)), "small")
    with pytest.raises(InputError, match="namespace"):
        load_study(on_server(tmp_path / "other", server, "other"), SILENT)
    other = on_server(tmp_path / "other", server, "other", 'namespace = "other:"')
    load_study(other, SILENT)
    removed(made, "patient", WHO)
    removed(made, "run", "first")
    assert f"other:{WHO}" in str(data(other)["Patient"])
    assert all("other:" in line for line in data(made)["Patient"] if WHO in line)
    for source in ("patients", "samples", "omics.rna", "omics.meth", "omics.mut", "records.ehr", "knowledge.sets"):
        removed(other, "source", source)
    assert list(places(made, WHO)) == []
    bare = study(tmp_path / "bare")
    (bare.tables).mkdir()
    (bare.tables / "removed.json").write_bytes((made.tables / "removed.json").read_bytes())
    assert print_of(made) == never_had(bare, tmp_path / "never", "final")
