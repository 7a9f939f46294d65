"""A run, whole and with its embeddings, and then removed, by its verbs: the graph is what it was; on both stores."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from gene_ring import write
from stores import Kind

import clinome
from clinome.console import SILENT
from clinome.verbs.loading.remove import remove

LEARN = '[evaluate]\nfolds = 2\n[learn]\nlearners = ["ridge_late"]\ntrials = 1\n'


def study_on(kind: Kind, folder: Path, monkeypatch: pytest.MonkeyPatch) -> clinome.Study:
    write(folder, 60, 2.0, LEARN)
    kind.empty(folder)
    if kind.server is not None:
        monkeypatch.setenv("CLINOME_NEO4J_USER", kind.server.user)
        monkeypatch.setenv("CLINOME_NEO4J_PASSWORD", kind.server.password)
        text = (folder / "study.toml").read_text()
        line = next(one for one in text.splitlines() if one.startswith("store"))
        (folder / "study.toml").write_text(text.replace(line, f'store = "{kind.server.uri}"'))
    return clinome.Study.read(folder)


def print_of(study: clinome.Study) -> str:
    with clinome.open(study) as graph:
        return graph.fingerprint()


@pytest.mark.parametrize("kind", ["embedded", "neo4j 5.26"], indirect=True)  # of each version: test_trail.py
def test_before_and_after(kind: Kind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = study_on(kind, tmp_path, monkeypatch)
    clinome.load(study)
    before = print_of(study)
    clinome.train(study)
    clinome.embed(study, "pca")
    run = clinome.biomarkers(study)
    with clinome.open(study) as graph:
        found = graph.query("source_of_number", feature=run.biomarkers["feature"][0])
        files = dict(zip(found["file"], found["sha256"], strict=True))
        similar = graph.query("MATCH (:Patient)-[x:SIMILAR_TO]->() RETURN count(x) AS n")["n"][0]
    assert similar == 60 * 10
    named = {name: hashlib.sha256((tmp_path / name).read_bytes()).hexdigest() for name in files}
    assert files == named and len(files) >= 3
    row = found.iloc[0]
    chosen = run.metrics.query("learner == 'chosen' and metric == @row.metric").iloc[0]
    assert (row.value, row.low, row.high, row.learner) == (chosen["mean"], chosen.low, chosen.high, "ridge_late")
    assert row.score == run.biomarkers["effect"][0] and row.as_drawn and row.still_loaded
    assert row.study_sha256 == hashlib.sha256((tmp_path / "study.toml").read_bytes()).hexdigest()
    whole = print_of(study)
    clinome.run(study)
    assert print_of(study) == whole, "done twice it changes nothing"
    remove(study, "run", [run.name], console=SILENT)
    assert print_of(study) == before
    if kind.server is not None:  # what follows is the same there: tests/graphs/ingest/test_trail.py
        return
    clinome.cohort(study)
    kept = print_of(study)
    clinome.run(study)
    remove(study, "run", [run.name], console=SILENT)
    assert print_of(study) == kept != before, "a cohort that was asked for stays"
