"""Cohorts: attrition, labels, one row a patient and time, what is refused, and the cohort kept in the graph."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from small_study import QUERY, build, fill

from clinome.graphs.cohort.cohort import AttritionStep, Cohort, make_cohort, store_cohort
from clinome.graphs.cohort.labels import with_label
from clinome.graphs.store.embedded import EmbeddedStore
from clinome.graphs.store.protocol import Nodes
from clinome.graphs.tables.study_tables import Tables
from clinome.loaders.errors import InputError

SURVIVAL = "MATCH (p:Patient) RETURN p.id AS subject_id, p.index_time AS prediction_time, p.os_event AS event, "


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[EmbeddedStore, Tables]]:
    folder = tmp_path_factory.mktemp("study")
    tables = build(folder / "tables")
    with EmbeddedStore(folder / "store", write=True) as store:
        fill(store, tables)
        others = pl.DataFrame(
            {"id": ["other1", "other2"], "subtype": ["x", "y"], "index_time": [datetime(2020, 1, 1)] * 2}
        )
        store.write_nodes("others", "others", Nodes("Patient", others))
        yield store, tables


def people(tables: Tables) -> pl.DataFrame:
    table = tables.table("patients", "patients")
    assert table is not None
    return table


Y = QUERY.replace("p.subtype AS label", "p.subtype = 'y' AS label")
"""Two texts have no direction: the query says which is 1."""


def take(study: tuple[EmbeddedStore, Tables], query: str = Y, label_type: str = "boolean", **more: Any) -> Cohort:
    store, tables = study
    rest = {"label": "label", "name": "small", "base": Path(), "params": {}, **more}
    return make_cohort(store, query, rest.pop("params"), label_type=label_type, tables=tables, **rest)


def test_attrition_counts_others_and_named_steps(study: tuple[EmbeddedStore, Tables]) -> None:
    got = take(study)
    everybody = people(study[1])
    labelled = everybody["subtype"].count()
    assert got.steps == (
        AttritionStep("in store", everybody.height + 2), AttritionStep("has a subtype", labelled + 2), AttritionStep("returned", labelled + 2),
        AttritionStep("of this study", labelled), AttritionStep("labelled", labelled),
    )  # fmt: skip
    assert got.with_step("with input", 3).steps[-1] == AttritionStep("with input", 3)


def test_two_texts_are_never_zero_and_one_by_the_alphabet(study: tuple[EmbeddedStore, Tables]) -> None:
    with pytest.raises(InputError, match="which of its texts is 1") as refused:
        take(study, QUERY)
    assert "CASE p.status WHEN" in refused.value.fix
    got = take(study)
    want = people(study[1]).drop_nulls("subtype").sort("subject_id")
    assert got.frame["subject_id"].to_list() == want["subject_id"].to_list()
    assert got.frame["label"].to_list() == [int(s == "y") for s in want["subtype"]]
    assert got.classes == ("0", "1") and got.clock == "dated"


def test_multiclass_keeps_the_text(study: tuple[EmbeddedStore, Tables]) -> None:
    got = take(study, query=QUERY, label_type="categorical")
    assert got.classes == ("x", "y") and set(got.frame["label"]) == {"x", "y"}


def test_a_label_under_another_name_and_rows_without_one(study: tuple[EmbeddedStore, Tables]) -> None:
    query = "MATCH (p:Patient) RETURN p.id AS subject_id, p.index_time AS prediction_time, p.subtype = 'y' AS mine, p.age AS age"
    got = take(study, query, label="mine")
    assert got.frame.columns == ["subject_id", "prediction_time", "label", "age"] and got.label == "mine"
    missing = people(study[1])["subtype"].null_count()
    assert got.notes == (f"{missing:,} rows without a label left out",)


def test_survival_counts_who_is_not_at_risk(study: tuple[EmbeddedStore, Tables]) -> None:
    got = take(study, SURVIVAL + "p.os_days AS duration_days", "time_to_event", label="label")
    durations = people(study[1])["os_days"].to_numpy()
    assert got.frame.columns[:4] == ["subject_id", "prediction_time", "duration_days", "event"]
    assert got.frame.height == (durations > 0).sum() and (got.frame["duration_days"] > 0).all()
    assert got.steps[-1] == AttritionStep("at risk", int((durations > 0).sum())) and "time at risk" in got.notes[-1]


def test_equal_rows_merge_and_differing_ones_are_refused(study: tuple[EmbeddedStore, Tables]) -> None:
    twice = "MATCH (p:Patient)-[:ATTENDED]->(v:Visit) RETURN p.id AS subject_id, p.index_time AS prediction_time, p.sex = 'M' AS label"
    visits = study[1].table("records.ehr", "visits")
    assert visits is not None
    got = take(study, twice)
    assert got.frame.height == visits["subject_id"].n_unique()
    assert got.notes[-1] == f"{visits.height - got.frame.height:,} equal rows merged"
    with pytest.raises(InputError, match="differing rows"):
        take(study, twice + ", v.id AS visit_id")


@pytest.mark.parametrize(
    ("query", "label_type", "message"),
    [
        ("MATCH (p:Patient) RETURN p.id AS patient, p.sex = 'M' AS label", "boolean", "no column subject_id"),
        ("MATCH (p:Patient) RETURN p.id AS subject_id, p.sex = 'M' AS label", "boolean", "without prediction_time"),
        ("MATCH (p:Patient) RETURN p.id AS subject_id, p.sex AS prediction_time", "boolean", "that is no time"),
        ("MATCH (p:Patient) RETURN p.id AS subject_id, p.age AS prediction_time", "boolean", "that is no time"),
        ("MATCH (p:Patient) RETURN p.id AS subject_id", "boolean", "needs a label"),
        ("MATCH (p:Patient) RETURN p AS subject_id", "boolean", "subject_id is a node; got 'a Patient'; expected its id"),
        ("MATCH (p:Patient)-[a:ATTENDED]->() RETURN p.id AS subject_id, a AS label", "boolean", "label is a relationship"),
        ("MATCH (p:Patient) RETURN p.id AS subject_id, collect(p.age) AS ages", "boolean", "ages is a list"),
        ("MATCH (p:Patient) RETURN p {.age} AS subject_id", "boolean", "subject_id is a map"),
        ("MATCH path = (p:Patient)-[:ATTENDED]->() RETURN path AS prediction_time", "boolean", "is a path"),
        ("MATCH (p:Patients) RETURN p.id AS subject_id", "boolean", "did you mean Patient"),
        ("MATCH (p:Patient)\n// step: all\nWHERE p.subtpe = 'x' RETURN p.id AS subject_id", "boolean", "did you mean subtype"),
        (SURVIVAL + "1 AS duration_days, 1 AS label", "time_to_event", "two columns could tell"),
        (SURVIVAL + "1 AS x", "time_to_event", "needs duration_days"), (SURVIVAL + "'a' AS duration_days", "time_to_event", "no number"),
        (QUERY.replace("p.subtype AS", "p.age AS"), "boolean", "different values"),
        (QUERY.replace("IS NOT NULL", "= 'unheard'"), "boolean", "nobody is left"),
        ("MATCH (p:Patient)\nWHERE p.age > 3 AND\n// step: half\np.age < 9 RETURN p.id AS subject_id", "boolean", "step 'half'"),
    ],
)  # fmt: skip
def test_what_cannot_be_a_cohort(
    study: tuple[EmbeddedStore, Tables], query: str, label_type: str, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        take(study, query, label_type)


def test_dates_and_zoned_times_become_naive_utc(study: tuple[EmbeddedStore, Tables]) -> None:
    for literal in ("date('2020-03-01')", "'2020-03-01'", "datetime('2020-03-01T00:00:00Z')", "$at"):
        query = f"MATCH (p:Patient) RETURN p.id AS subject_id, {literal} AS prediction_time, p.sex = 'M' AS label"
        got = take(study, query, params={"at": datetime(2020, 3, 1)} if literal == "$at" else {})
        assert got.frame["prediction_time"].unique().to_list() == [datetime(2020, 3, 1)]


def test_without_records_nobody_needs_a_prediction_time(tmp_path: Path) -> None:
    tables = build(tmp_path / "tables", records=False)
    with EmbeddedStore(tmp_path / "store", write=True) as store:
        fill(store, tables)
        got = take((store, tables), "patients_with_label", params={"property": "sex", "positive": "M"})
    assert got.frame["prediction_time"].null_count() == got.frame.height == people(tables).height
    assert got.query.startswith("// Patients") and got.params == {"property": "sex", "positive": "M"}
    assert got.notes == ("label: 'F' is 0, 'M' is 1",)
    assert got.frame["label"].to_list() == [int(s == "M") for s in people(tables).sort("subject_id")["sex"]]


def test_a_cohort_is_kept_in_the_graph_once(study: tuple[EmbeddedStore, Tables]) -> None:
    store, _ = study
    got = take(study)
    asked = "MATCH (c:Cohort)-[i:INCLUDES]->(p:Patient) RETURN p.id AS subject_id, i.prediction_time AS prediction_time, i.label AS label"
    assert store_cohort(store, got, "lung")
    assert store.run(asked, {}).sort("subject_id").equals(got.frame)
    assert not store_cohort(store, got, "lung")
    fewer = replace(got, frame=got.frame.head(5))
    assert store_cohort(store, fewer, "lung") and store.run(asked, {}).height == 5
    assert store_cohort(store, got, "lung") and store.run(asked, {}).height == got.frame.height
    assert store.run("MATCH (c:Cohort) RETURN count(c) AS n", {})["n"][0] == 1


def test_a_killed_write_of_a_cohort_goes_on(
    study: tuple[EmbeddedStore, Tables], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, _ = study
    got = replace(take(study), name="killed")
    whole = store.write_edges

    def killed(*given: Any) -> None:
        whole(*given)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(store, "write_edges", killed)
        with pytest.raises(KeyboardInterrupt):
            store_cohort(store, got, "lung")
    assert store_cohort(store, got, "lung") and not store_cohort(store, got, "lung")
    count = "MATCH (:Cohort {name: 'killed'})-[i:INCLUDES]->(:Patient) RETURN count(i) AS n"
    assert store.run(count, {})["n"][0] == got.frame.height


@pytest.mark.parametrize(
    ("texts", "events"),
    [
        (["LIVING", "DECEASED"], [0, 1]), (["0:LIVING", "1:DECEASED"], [0, 1]), (["Progression free", "Progressed"], [0, 1]),
        (["Dead", "Alive"], [1, 0]), (["DiseaseFree", "1:Recurred/Progressed"], [0, 1]), (["No event", "Event"], [0, 1]),
        (["0", "1"], [0, 1]), (["dead", "dead"], [1, 1]),
    ],
)  # fmt: skip
def test_events_are_what_their_words_say(texts: list[str], events: list[int]) -> None:
    rows = pl.DataFrame({"subject_id": ["a", "b"], "duration_days": [1.0, 2.0], "event": texts})
    assert with_label(rows, "time_to_event", "event").rows["event"].to_list() == events


@pytest.mark.parametrize(
    "texts", [["x", "y"], ["Alive", "Not Reported"], ["1:LIVING", "0:DECEASED"], ["2:a", "1:DECEASED"]]
)
def test_an_event_is_never_told_by_the_alphabet(texts: list[str]) -> None:
    rows = pl.DataFrame({"subject_id": ["a", "b"], "duration_days": [1.0, 2.0], "event": texts})
    with pytest.raises(InputError, match="which of its texts is 1 is not known") as error:
        with_label(rows, "time_to_event", "event")
    assert all(repr(text) in str(error.value) for text in texts)


@pytest.mark.parametrize(
    ("texts", "fix"),
    [
        (["Alive", "Dead", "Not Reported"], "CASE p.status WHEN 'Dead' THEN 1 WHEN 'Alive' THEN 0 END AS event"),
        (["Alive", "Gestorben"], "CASE p.status WHEN 'Gestorben' THEN 1 WHEN 'Alive' THEN 0 END AS event"),
        (["a", "b"], "CASE p.status WHEN 'b' THEN 1 WHEN 'a' THEN 0 END AS event"), (["x"], "WHEN 'x' THEN 1 WHEN '…' THEN 0"),
    ],
)  # fmt: skip
def test_the_fix_for_an_event_in_words_is_the_query_to_write(texts: list[str], fix: str) -> None:
    rows = pl.DataFrame({"subject_id": texts, "duration_days": [1.0] * len(texts), "event": texts})
    with pytest.raises(InputError) as error:
        with_label(rows, "time_to_event", "event")
    assert fix in str(error.value)


def test_labels_with_a_direction_have_it() -> None:
    rows = pl.DataFrame({"subject_id": ["a", "b"], "label": ["DECEASED", "LIVING"]})
    found = with_label(rows, "boolean", "label")
    assert found.rows["label"].to_list() == [1, 0]
    assert found.notes == ("label: 'DECEASED' is 1, 'LIVING' is 0",)
