"""Several studies in one graph: apart what is each one's own, once what they share, and each can go as if never there."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from small_study import build, cohort_frame, fill, save
from stopping import Crash, stopping
from stores import Stores

from clinome.graphs import schema
from clinome.graphs.cohort.cohort import Cohort, make_cohort, store_cohort
from clinome.graphs.ingest import write_source as write
from clinome.graphs.ingest.load_source import remove_source
from clinome.graphs.ingest.studies import enter
from clinome.graphs.ingest.write_back import store_run
from clinome.graphs.ingest.write_source import write_source
from clinome.graphs.store.embedded import EmbeddedStore
from clinome.graphs.store.fingerprint import fingerprint
from clinome.graphs.store.protocol import Store
from clinome.graphs.tables.study_tables import Tables
from clinome.loaders.errors import InputError
from clinome.loaders.specs import Knowledge, Patients
from clinome.loaders.tables import CONCEPTS, LINKS

SETS = Knowledge((Path("sets.gmt"),), name="sets")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with EmbeddedStore(tmp_path / "store", write=True) as opened:
        opened.prepare()
        yield opened


@pytest.fixture
def every(stores: Stores) -> Iterator[Store]:
    """Each store in turn."""
    with stores.open() as opened:
        opened.prepare()
        yield opened


@pytest.fixture
def one(tmp_path: Path) -> Tables:
    return build(tmp_path / "one.tables", patients=12, study="one")


@pytest.fixture
def two(tmp_path: Path) -> Tables:
    """Other patients, other values, the same knowledge."""
    return build(tmp_path / "two.tables", patients=9, seed=2, study="two", namespace="two:")


def alone(folder: Path, *studies: Tables) -> str:
    """The fingerprint of a store that never held another study."""
    with EmbeddedStore(folder, write=True) as store:
        for tables in studies:
            fill(store, tables)
        return fingerprint(store)


def empty(store: Store, tables: Tables) -> None:
    for source in tables.sources():
        remove_source(store, tables, source)


def rows(store: Store, text: str, **params: Any) -> list[tuple[Any, ...]]:
    return sorted(store.run(text, params).rows())


def knows(tables: Tables, pathways: dict[str, str | None], genes: int = 3, section: str = "sets") -> None:
    """A source of knowledge that gives these names to pathways, and puts each of the first genes into all of them."""
    spec = Knowledge((Path("sets.gmt"),), name=section)
    told = (spec.source, "", "")
    concepts = [(f"PATHWAY:{id}", "Pathway", name, None, *told) for id, name in pathways.items()]
    links = [
        (f"NCBIGene:{g}", "IN_PATHWAY", f"PATHWAY:{id}", None, *told) for id in pathways for g in range(1, genes + 1)
    ]
    save(
        tables, spec, concepts=pl.DataFrame(concepts, schema=CONCEPTS, orient="row"),
        links=pl.DataFrame(links, schema=LINKS, orient="row"),
    )  # fmt: skip


def test_whichever_study_comes_first_and_whichever_goes_the_other_is_as_if_alone(
    every: Store, one: Tables, two: Tables, tmp_path: Path
) -> None:
    both = alone(tmp_path / "both", two, one)
    fill(every, one)
    fill(every, two)
    assert fingerprint(every) == both
    empty(every, two)
    assert fingerprint(every) == alone(tmp_path / "one", one)
    fill(every, build(tmp_path / "again", patients=9, seed=2, study="two", namespace="two:"))
    assert fingerprint(every) == both
    empty(every, one)
    two = Tables(tmp_path / "again", "two")
    assert fingerprint(every) == alone(tmp_path / "two", two)
    empty(every, two)
    assert not rows(every, "MATCH (n) WHERE labels(n)[0] <> 'Clinome' RETURN n.id AS id")


def test_source_by_source_in_turns_is_the_same(store: Store, one: Tables, two: Tables, tmp_path: Path) -> None:
    for source in one.sources():
        write_source(store, one, source)
        write_source(store, two, source)
    assert fingerprint(store) == alone(tmp_path / "both", one, two)
    remove_source(store, one, "omics.rna")
    remove_source(store, one, "knowledge.sets")
    assert fingerprint(store) == alone(tmp_path / "less", two, one)


def test_what_is_loaded_and_unchanged_is_not_written_again(store: Store, one: Tables, two: Tables) -> None:
    fill(store, one)
    fill(store, two)
    with stopping(store, 1):
        for tables in (one, two):
            for source in tables.sources():
                write_source(store, tables, source)


def test_a_changed_source_touches_nothing_of_the_other_study(
    store: Store, one: Tables, two: Tables, tmp_path: Path
) -> None:
    fill(store, one)
    fill(store, two)
    own = "MATCH (p:Patient)-[x]->(n) WHERE x.source STARTS WITH 'two/' RETURN id(x) AS id, n.id AS n"
    before = rows(store, own)
    assert len(before) > 100
    build(tmp_path / "one.tables", patients=12, seed=5, study="one")
    changed = Tables(tmp_path / "one.tables", "one")
    for source in changed.sources():  # small_study calls a source's loads all the same: make this a new one
        home, record = changed.folder / source, changed.record(source)
        (home / record["load_id"][:16]).rename(home / f"new-{source}"[:16])
        (home / "record.json").write_text(json.dumps({**record, "load_id": f"new-{source}"}))
    fill(store, changed)
    assert rows(store, own) == before
    assert fingerprint(store) == alone(tmp_path / "fresh", changed, two)


def test_the_same_knowledge_is_there_once_until_the_last_study_lets_go(store: Store, one: Tables, two: Tables) -> None:
    links = "MATCH (:Gene)-[x:IN_PATHWAY]->(:Pathway) RETURN count(x) AS n"
    users = "MATCH (s:Study)-[:LOADED]->(l:Load) WHERE l.section = 'knowledge' RETURN s.id AS s, l.id AS l"
    fill(store, one)
    once = rows(store, links)
    name = one.name_of("knowledge.sets")
    fill(store, two)
    assert rows(store, links) == once
    assert rows(store, users) == [("one", name), ("two", name)]
    remove_source(store, one, "knowledge.sets")
    assert rows(store, links) == once
    assert rows(store, users) == [("two", name)]
    remove_source(store, two, "knowledge.sets")
    assert rows(store, links) == [(0,)]
    assert rows(store, "MATCH (p:Pathway) RETURN p.id AS id") == rows(store, users) == []


def test_other_content_under_the_same_name_is_another_load(
    store: Store, one: Tables, two: Tables, tmp_path: Path
) -> None:
    knows(one, {"P0": "zero", "P9": "nine"})
    fill(store, one)
    fill(store, two)
    assert len(rows(store, "MATCH (l:Load) WHERE l.section = 'knowledge' RETURN l.id AS id")) == 2
    named = "MATCH (p:Pathway) RETURN p.id AS id, p.name AS name"
    assert {id for id, _ in rows(store, named)} == {f"PATHWAY:P{k}" for k in (0, 1, 2, 9)}
    assert fingerprint(store) == alone(tmp_path / "both", two, one)
    knows(one, {"P0": "null", "P8": "eight"})
    write_source(store, one, "knowledge.sets")
    assert fingerprint(store) == alone(tmp_path / "again", two, one)
    knows(two, {"P0": "null", "P8": "eight"})
    write_source(store, two, "knowledge.sets")
    assert rows(store, named) == [("PATHWAY:P0", "null"), ("PATHWAY:P8", "eight")]
    empty(store, one)
    assert rows(store, named) == [("PATHWAY:P0", "null"), ("PATHWAY:P8", "eight")]
    assert fingerprint(store) == alone(tmp_path / "two", two)


def test_a_shared_node_is_what_its_sources_say_whoever_goes(
    every: Store, one: Tables, two: Tables, tmp_path: Path
) -> None:
    """one calls P0 alpha; two does not name it in its first source, and calls it beta in its second."""
    knows(one, {"P0": "alpha", "P1": "same"})
    knows(two, {"P0": None, "P1": "same"})
    knows(two, {"P0": 'be"ta\n'}, section="zz")
    fill(every, one)
    fill(every, two)
    about = "MATCH (p:Pathway {id: $id}) RETURN p.name AS name, p.sources AS sources, p.told AS told"
    (name, sources, told), = every.run(about, {"id": "PATHWAY:P0"}).rows()  # fmt: skip
    assert name == "alpha"
    assert sources == sorted(
        [one.name_of("knowledge.sets"), two.name_of("knowledge.sets"), two.name_of("knowledge.zz")]
    )
    says = dict(zip(sources, json.loads(told), strict=True))
    empty_texts = {"licence": "", "release": ""}
    assert says[one.name_of("knowledge.sets")] == {"name": "alpha", **empty_texts}
    assert says[two.name_of("knowledge.sets")] == empty_texts
    assert every.run(about, {"id": "PATHWAY:P1"})["told"][0] is None
    only_two = alone(tmp_path / "two", two)
    shutil.copytree(one.folder, tmp_path / "kept")
    empty(every, one)
    assert every.run(about, {"id": "PATHWAY:P0"})["name"][0] == 'be"ta\n'
    assert fingerprint(every) == only_two
    one = Tables(tmp_path / "kept", "one")
    fill(every, one)
    assert every.run(about, {"id": "PATHWAY:P0"})["name"][0] == "alpha"
    empty(every, two)
    assert fingerprint(every) == alone(tmp_path / "one", one)


def test_ids_of_another_study_are_refused_and_nothing_is_written(every: Store, one: Tables, tmp_path: Path) -> None:
    fill(every, one)
    before = fingerprint(every)
    same = build(tmp_path / "same", patients=5, study="three")
    for source in ("patients", "omics.rna", "records.ehr"):
        with pytest.raises(InputError, match=r'\[patients\] namespace = "three:"') as refused:
            write_source(every, same, source)
        assert "another study has in this graph (one)" in str(refused.value)
        assert "s00" not in str(refused.value)
    assert fingerprint(every) == before
    write_source(every, same, "knowledge.sets")
    remove_source(every, same, "knowledge.sets")
    assert fingerprint(every) == before


def test_cohorts_and_runs_of_one_name_stay_apart(every: Store, one: Tables, two: Tables) -> None:
    fill(every, one)
    fill(every, two)
    ranked = pl.DataFrame({"layer": ["rna"], "feature": ["NCBIGene:1"], "effect": 1.0, "rank": 1, "stability": 1.0, "q": 0.1})  # fmt: skip
    for tables in (one, two):
        frame = cohort_frame(tables)
        cohort = Cohort("main", frame, (), "MATCH …", {}, "dated")
        assert store_cohort(every, cohort, tables.study)
        assert store_run(every, "main", ranked, frame.select("subject_id", risk=pl.lit(0.5)), tables.study)
    for label in ("Cohort", "Run"):
        text = "MATCH (c:LABEL)-[x]->(p:Patient) RETURN c.id AS c, c.name AS name, c.study AS study, count(x) AS n"
        sizes = [cohort_frame(tables).height for tables in (one, two)]
        assert rows(every, text.replace("LABEL", label)) == [
            ("one/main", "main", "one", sizes[0]), ("two/main", "main", "two", sizes[1]),
        ]  # fmt: skip
    empty(every, two)
    assert rows(every, "MATCH (s:Study) RETURN s.id AS id") == [("one",), ("two",)]  # its cohort is still here


def test_a_cohort_takes_the_studys_own_patients(store: Store, one: Tables, two: Tables, tmp_path: Path) -> None:
    fill(store, one)
    fill(store, two)
    text = "MATCH (p:Patient) WHERE p.subtype IS NOT NULL RETURN p.id AS subject_id, p.index_time AS prediction_time, p.subtype AS label"  # fmt: skip
    for tables in (one, two):
        given = {"label_type": "categorical", "label": "label", "name": "c", "base": tmp_path}
        cohort = make_cohort(store, text, {}, tables=tables, **given)  # type: ignore[arg-type]
        assert cohort.frame["subject_id"].to_list() == cohort_frame(tables)["subject_id"].to_list()
        counts = {step.step: step.count for step in cohort.steps}
        assert counts["in store"] == 21
        assert counts["returned"] == sum(cohort_frame(each).height for each in (one, two))
        assert counts["of this study"] == cohort.frame.height
    strangers = build(tmp_path / "same", patients=5, study="three")
    with pytest.raises(InputError, match="does not hold the study"):
        make_cohort(store, text, {}, tables=strangers, **given)  # type: ignore[arg-type]


@pytest.mark.slow
@pytest.mark.parametrize("after", [False, True])
def test_a_second_study_that_stops_anywhere_goes_on_and_goes_out(
    store: Store, one: Tables, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: bool
) -> None:
    """Its load is stopped, and goes on; then its removal is stopped, and goes on."""
    monkeypatch.setattr(write, "BATCH", 60)
    knows(one, {"P0": "alpha", "P7": "seven"})
    only_one = alone(tmp_path / "only", one)

    tables = build(tmp_path / "tables", patients=4, seed=2, study="two", namespace="two:")
    knows(tables, {"P0": "beta"}, section="zz")
    both = alone(tmp_path / "both", one, tables)
    shutil.copytree(tables.folder, tmp_path / "kept")
    fill(store, one)
    with stopping(store, 0) as loading:
        fill(store, tables)
    with stopping(store, 0) as leaving:
        empty(store, tables)
    for part in range(4):
        shutil.copytree(tmp_path / "kept", tables.folder, dirs_exist_ok=True)
        with pytest.raises(Crash), stopping(store, 1 + part * (len(loading) - 1) // 3, after):
            fill(store, tables)
        fill(store, one)  # the other study may come in between
        fill(store, tables)
        assert fingerprint(store) == both
        with pytest.raises(Crash), stopping(store, 1 + part * (len(leaving) - 1) // 3, after):
            empty(store, tables)
        fill(store, one)
        empty(store, tables)
        assert fingerprint(store) == only_one
        assert set(rows(store, "MATCH (l:Load) RETURN DISTINCT l.state AS s")) == {("complete",)}
        assert not rows(store, "MATCH (b:Batch) WHERE b.load STARTS WITH 'clearing' RETURN b.id AS id")


def test_what_other_studies_hold_decides_no_type(store: Store, tmp_path: Path) -> None:
    """In one study the label is a number, and a duration too; in the other both are words."""
    studies = []
    for name, values, days in (
        ("one", [0, 1, 1], [1.5, 2.5, 3.5]),
        ("two", ["no", "yes", "no"], ["short", "long", "long"]),
    ):
        people = {"subject_id": [f"{name}{i}" for i in range(3)], "outcome": values, "days": days}
        studies.append(Tables(tmp_path / name, name))
        save(studies[-1], Patients((Path("p.csv"),)), patients=pl.DataFrame(people))
        fill(store, studies[-1])
    text = (
        "MATCH (p:Patient) RETURN p.id AS subject_id, p.outcome AS label, p.days AS duration_days, p.outcome AS event"
    )
    given = {"name": "c", "base": tmp_path, "params": {}}
    for tables in studies:
        cohort = make_cohort(store, text, label_type="boolean", label="label", tables=tables, **given)  # type: ignore[arg-type]
        assert cohort.frame["label"].sort().to_list() == ([0, 1, 1] if tables.study == "one" else [0, 0, 1])
    cohort = make_cohort(store, text, label_type="time_to_event", label="event", tables=studies[0], **given)  # type: ignore[arg-type]
    assert cohort.frame["duration_days"].to_list() == [1.5, 2.5, 3.5]


def test_a_study_enters_once_and_is_known_again(store: Store, one: Tables, tmp_path: Path) -> None:
    enter(store, one, "study.toml", tmp_path)
    fill(store, one)
    enter(store, Tables(tmp_path / "one.tables", "one"), "study.toml", tmp_path)
    (tmp_path / "new").mkdir()
    shutil.move(tmp_path / "one.tables", tmp_path / "new")
    moved = Tables(tmp_path / "new" / "one.tables", "another file's name")
    assert moved.study == "one"
    enter(store, moved, "study.toml", tmp_path)
    shutil.copytree(tmp_path / "new", tmp_path / "copy")
    with pytest.raises(InputError, match="from another folder of tables"):
        enter(store, Tables(tmp_path / "copy" / "one.tables", "one"), "study.toml", tmp_path)
    assert rows(store, "MATCH (s:Study) RETURN s.id AS id") == [("one",)]


def test_two_studies_of_one_name_are_refused(store: Store, one: Tables, tmp_path: Path) -> None:
    enter(store, one, "study.toml", tmp_path)
    other = Tables(tmp_path / "other.tables", "one")
    with pytest.raises(InputError, match='give one of them another name = "…"'):
        enter(store, other, "study.toml", tmp_path)
    assert not other.folder.exists()
    enter(store, Tables(tmp_path / "other.tables", "other"), "study.toml", tmp_path)
    assert rows(store, "MATCH (s:Study) RETURN s.id AS id") == [("one",), ("other",)]


def test_lost_tables_are_known_by_the_files(store: Store, one: Tables, tmp_path: Path) -> None:
    enter(store, one, "study.toml", tmp_path)
    fill(store, one)
    shutil.rmtree(one.folder)
    with pytest.raises(InputError, match="another study of this name"):
        enter(store, Tables(one.folder, "one"), "study.toml", tmp_path, "the load of other files")
    enter(store, Tables(one.folder, "one"), "study.toml", tmp_path, "load-patients")


def test_shared_labels_bring_nothing_that_told_does_not_hold(one: Tables) -> None:
    for source in one.sources():
        for label in set(one.labels(source)) & set(schema.SHARED):
            found = one.nodes(source, label)
            assert found is not None
            assert set(found.columns) <= {"id", "symbol", "name", "release", "licence"}
