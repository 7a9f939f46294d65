"""Records that are kept out of the graph: inputs and outcomes as before, no relationships, and no query that finds nobody."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

import clinome
from clinome.loaders.errors import InputError

STUDY = """
name = "s"
store = "s.graph"
[patients]
path = "patients.csv"
[records.ehr]
format = "csv"
path = "events.csv"
subject = "patient_id"
visit = "visit"
time = "time"
end = "end"
codes = {{dx = "ICD10CM"}}
{graph}
[cohort]
query = "{query}"
[task]
kind = "binary"
target = {{codes = ["ICD10CM:I50"], descendants = true}}
horizon_days = 365
[evaluate]
folds = 2
"""
EVERYBODY = "MATCH (p:Patient) RETURN p.id AS subject_id, datetime('2020-06-01') AS prediction_time"
WHOEVER_WAS_ILL = "MATCH (p:Patient)-[:DIAGNOSED]->(:Diagnosis) RETURN DISTINCT p.id AS subject_id, datetime('2020-06-01') AS prediction_time"


def study(folder: Path, graph: str = "", query: str = EVERYBODY) -> Path:
    folder.mkdir(exist_ok=True)
    ids = [f"P{i:02}" for i in range(40)]
    pl.DataFrame({"patient_id": ids, "observed_until": ["2022-01-01"] * 40}).write_csv(folder / "patients.csv")
    rows = [(one, f"{one}-{k}", f"20{year}-03-0{1 + i % 9}", f"20{year}-03-1{i % 9}", code)
            for i, one in enumerate(ids) for k, (year, code) in enumerate([(19, "E11.9"), (21, "I50.1" if i % 2 else "J45")])]  # fmt: skip
    pl.DataFrame(rows, ["patient_id", "visit", "time", "end", "dx"], orient="row").write_csv(folder / "events.csv")
    file = folder / "study.toml"
    file.write_text(STUDY.format(graph=graph, query=query))
    return file


def test_a_snapshot_is_the_same_with_and_without_the_events_in_the_graph(tmp_path: Path) -> None:
    seen = {}
    for name, graph in (("all", ""), ("none", 'graph = "none"')):
        file = study(tmp_path / name, graph)
        clinome.load(file)
        with clinome.open(file) as opened:
            seen[name] = opened.snapshot(opened.cohort()).checksums()
            kinds = opened.query("MATCH (d:Diagnosis) RETURN count(d) AS codes")["codes"][0]
            visits = opened.query("MATCH (:Patient)-[a:ATTENDED]->(:Visit) RETURN count(a) AS n")["n"][0]
            events = opened.store.run("MATCH (:Patient)-[d:DIAGNOSED]->() RETURN count(d) AS n", {})["n"][0]
            assert (kinds > 2, visits, events) == (True, 80, 80 if name == "all" else 0)
    assert seen["all"] == seen["none"]


@pytest.mark.parametrize("text", [
    WHOEVER_WAS_ILL, "MATCH (p:Patient)-[x]->(d:Diagnosis) RETURN count(x) AS n", "MATCH (a)-[x]->(b) RETURN count(x) AS n",
    "MATCH (p:Patient) WHERE EXISTS { MATCH (p)-[:DIAGNOSED|ATTENDED]->() } RETURN count(p) AS n",
])  # fmt: skip
def test_a_query_over_events_that_the_graph_does_not_hold_is_refused(tmp_path: Path, text: str) -> None:
    file = study(tmp_path, 'graph = "none"')
    clinome.load(file)
    with (
        clinome.open(file) as graph,
        pytest.raises(InputError, match=r"(?s)does not hold these events.*DIAGNOSED.*target"),
    ):
        graph.query(text)


def test_a_cohort_over_them_is_refused_and_others_are_not(tmp_path: Path) -> None:
    file = study(tmp_path, 'graph = "none"', WHOEVER_WAS_ILL)
    clinome.load(file)
    with pytest.raises(InputError, match=r"cohort query.*DIAGNOSED"):
        clinome.cohort(file)
    with clinome.open(file) as graph:
        assert graph.query("MATCH (p:Patient)-[:ATTENDED]->(v:Visit) RETURN count(v) AS n")["n"][0] == 80
        assert graph.query("MATCH (d:Diagnosis)-[:IS_A]->(e) RETURN count(e) AS n")["n"][0] > 0


def test_the_whole_run_goes_without_them(tmp_path: Path) -> None:
    file = study(tmp_path, 'graph = "none"')
    file.write_text(file.read_text() + '[learn]\nlearners = ["ridge_late"]\n')
    assert clinome.run(file).metrics.query("metric == 'auroc'")["mean"].notna().all()


def test_putting_them_in_later_is_one_load(tmp_path: Path) -> None:
    file = study(tmp_path, 'graph = "none"', WHOEVER_WAS_ILL)
    clinome.load(file)
    study(tmp_path, "", WHOEVER_WAS_ILL)
    clinome.load(file)
    assert len(clinome.cohort(file).frame) == 40


def test_the_word_is_checked(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"records.ehr\] graph.*some.*all, none"):
        clinome.Study.read(study(tmp_path, 'graph = "some"'))


def test_more_than_an_embedded_store_can_save_is_refused_before_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = study(tmp_path)
    monkeypatch.setattr("clinome.graphs.ingest.estimate.MOST_EMBEDDED", 167)  # 80 visits, 80 events, 8 of the hierarchy
    with pytest.raises(InputError, match=r'(?s)can save.*168 with records.ehr.*Neo4j.*graph = "none"'):
        clinome.load(file)
    study(tmp_path, 'graph = "none"')
    assert not clinome.load(file).to_frame().empty
