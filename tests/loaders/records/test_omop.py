"""OMOP CDM: concepts by their vocabularies, visits, results, periods; each row told of; nothing known before its visit ends."""

from __future__ import annotations

import datetime as dt
import sys
import zipfile
from pathlib import Path

import duckdb
import polars as pl
import pytest

from clinome.loaders.errors import InputError
from clinome.loaders.files.removed_ids import Removed
from clinome.loaders.identifiers.genes import GeneTable
from clinome.loaders.records.omop.reader import read_omop
from clinome.loaders.specs import Records
from clinome.loaders.tables import EVENTS, NEVER, VISITS, Known, Loaded

ANYONE = Known(None, None, GeneTable.empty())
CDM = {
    "PERSON": "person_id,gender_concept_id,year_of_birth,month_of_birth,day_of_birth,birth_datetime,race_source_value\n"
    "1,8507,1950,4,9,,white\n2,8532,1961,,,,\n3,0,1970,1,2,1970-01-02 03:00:00,\n",
    "DEATH": "person_id,death_date,death_datetime,cause_concept_id\n2,2020-05-01,,201826\n",
    "OBSERVATION_PERIOD": "observation_period_id,person_id,observation_period_start_date,observation_period_end_date\n"
    "1,1,2018-01-01,2018-12-31\n2,1,2019-03-01,2021-06-30\n",
    "VISIT_OCCURRENCE": "visit_occurrence_id,person_id,visit_concept_id,visit_start_date,visit_start_datetime,visit_end_date,visit_end_datetime\n"
    "11,1,9201,2020-01-02,2020-01-02 10:00:00,2020-01-05,2020-01-05 09:30:00\n12,2,0,2020-02-01,,,\n13,2,9202,2020-03-04,,2020-03-01,\n",
    "CONDITION_OCCURRENCE": "condition_occurrence_id,person_id,condition_concept_id,condition_start_date,condition_start_datetime,"
    "visit_occurrence_id,condition_source_value,condition_source_concept_id\n"
    "1,1,201826,2020-01-02,2020-01-02 11:00:00,11,E11.9,45533017\n2,1,201826,2020-01-02,2020-01-02 11:00:00,11,E11.9,45533017\n"
    "3,2,201826,2020-02-01,,12,,0\n4,2,0,2020-02-01,,,I10,0\n5,2,777,2020-02-02,,,,0\n6,2,0,2020-02-03,,,,0\n7,9,201826,2020-01-01,,,,0\n",
    "PROCEDURE_OCCURRENCE": "procedure_occurrence_id,person_id,procedure_concept_id,procedure_date\n1,1,4301351,2020-01-03\n",
    "MEASUREMENT": "measurement_id,person_id,measurement_concept_id,measurement_date,measurement_datetime,operator_concept_id,"
    "value_as_number,value_as_concept_id,unit_concept_id,unit_source_value,visit_occurrence_id,value_source_value\n"
    "1,1,3004501,2020-01-02,2020-01-02 12:00:00,,140,,8840,mg/dL,11,\n2,1,3004501,2020-01-03,2020-01-03 08:00:00,4171756,5,,8840,mg/dL,11,\n"
    "3,1,3004501,2020-01-04,2020-01-04 08:00:00,,,9191,,mg/dL,,positive\n4,1,3004501,2020-01-04,,,oops,,,mg,,\n",
    "CONCEPT": "concept_id,concept_name,vocabulary_id,concept_code\n201826,Type 2 diabetes mellitus,SNOMED,44054006\n"
    "201820,Diabetes mellitus,SNOMED,73211009\n45533017,Type 2 diabetes mellitus without complications,ICD10CM,E11.9\n"
    "4301351,Surgical procedure,SNOMED,387713003\n3004501,Glucose,LOINC,2345-7\n8840,milligram per deciliter,UCUM,mg/dL\n"
    "9191,Positive,SNOMED,10828004\n8507,MALE,Gender,M\n8532,FEMALE,Gender,F\n9201,Inpatient Visit,Visit,IP\n",
    "CONCEPT_RELATIONSHIP": "concept_id_1,concept_id_2,relationship_id,invalid_reason\n201826,201820,Is a,\n201820,201826,Subsumes,\n",
    "COST": "cost_id\n1\n",
}  # fmt: skip


def write(folder: Path, tables: dict[str, str] = CDM) -> Path:
    for name, text in tables.items():
        (folder / f"{name}.csv").write_text(text)
    return folder


def read(path: Path, known: Known = ANYONE, **keys: object) -> Loaded:
    return read_omop(Records((path,), format="omop", name="ehr", **keys), known)  # type: ignore[arg-type]


@pytest.fixture
def cdm(tmp_path: Path) -> Loaded:
    return read(write(tmp_path))


def events(loaded: Loaded, code: str) -> list[dict[str, object]]:
    assert loaded.events is not None
    return loaded.events.filter(pl.col("code") == code).rows(named=True)


def test_tables_have_their_layouts_and_rows_add_up(cdm: Loaded) -> None:
    assert cdm.events is not None and cdm.events.schema == EVENTS
    assert cdm.visits is not None and cdm.visits.schema == VISITS
    assert cdm.clock == "dated"
    read_rows = sum(text.count("\n") - 1 for name, text in CDM.items() if not name.startswith(("CONCEPT", "COST")))
    assert cdm.tally.read == read_rows
    assert cdm.tally.merged == 1  # the condition that comes twice
    refused = cdm.rejects.group_by("column").len().sort("column")
    assert refused.rows() == [("condition_concept_id", 1), ("value_as_number", 1), ("visit_end_date", 1)]
    assert any("cost" in said for said in cdm.counts)


def test_codes_are_those_of_the_vocabularies(cdm: Loaded) -> None:
    (diabetes,) = [one for one in events(cdm, "SNOMED:44054006") if one["subject_id"] == "1"]
    assert diabetes["visit_id"] == "11"
    assert events(cdm, "SNOMEDPROC:387713003")  # a procedure, which SNOMED alone would make a disease
    assert events(cdm, "OMOP:777")  # what CONCEPT does not hold keeps its id, and is counted
    assert events(cdm, "OMOP:condition/I10")  # and a source value of no named vocabulary its words
    assert cdm.counts["codes left as OMOP's own ids: CONCEPT does not hold them"] == 1
    assert cdm.links is not None
    found = set(cdm.links.select("subject", "predicate", "object").rows())
    assert ("ICD10CM:E11.9", "MAPS_TO", "SNOMED:44054006") in found
    assert ("SNOMED:44054006", "IS_A", "SNOMED:73211009") in found
    assert cdm.concepts is not None
    assert dict(cdm.concepts.select("id", "name").rows())["SNOMED:73211009"] == "Diabetes mellitus"


def test_a_diagnosis_is_known_when_its_visit_ends(cdm: Loaded) -> None:
    (first,) = [one for one in events(cdm, "SNOMED:44054006") if one["visit_id"] == "11"]
    assert (first["time"], first["known_time"]) == (dt.datetime(2020, 1, 2, 11), dt.datetime(2020, 1, 5, 9, 30))
    open_visit = [one for one in events(cdm, "SNOMED:44054006") if one["visit_id"] == "12"]
    assert [one["known_time"] for one in open_visit] == [NEVER]
    (procedure,) = events(cdm, "SNOMEDPROC:387713003")  # of no visit: when its day is over
    assert procedure["known_time"] == dt.datetime(2020, 1, 3, 23, 59, 59, 999999)


def test_results_are_numbers_limits_and_words(cdm: Loaded) -> None:
    rows = events(cdm, "LOINC:2345-7")
    assert [(one["numeric_value"], one["text_value"]) for one in rows] == [
        (140.0, None), (None, "<5"), (None, "oops"), (None, "Positive"),
    ]  # fmt: skip
    assert rows[0]["unit"] == "mg/dL"


def test_people_periods_and_deaths(cdm: Loaded) -> None:
    assert cdm.patients is not None
    one, two, _ = cdm.patients.sort("subject_id").rows(named=True)
    assert (one["gender"], one["race"], one["year_of_birth"]) == ("male", "white", 1950)
    assert one["observed_from"] == dt.datetime(2018, 1, 1)
    assert one["observed_until"] == dt.datetime(2021, 6, 30, 23, 59, 59, 999999)
    assert two["observed_from"] is None
    born = {row["subject_id"]: row["time"] for row in events(cdm, "MEDS:MEDS_BIRTH")}
    assert born == {"1": dt.datetime(1950, 4, 9), "2": dt.datetime(1961, 1, 1), "3": dt.datetime(1970, 1, 2, 3)}
    (died,) = events(cdm, "MEDS:MEDS_DEATH")
    assert died["known_time"] == dt.datetime(2020, 5, 1, 23, 59, 59, 999999)


def test_source_values_in_the_vocabulary_that_the_study_names(tmp_path: Path) -> None:
    tables = {name: text for name, text in CDM.items() if not name.startswith("CONCEPT")}
    loaded = read(write(tmp_path, tables), codes={"condition_source_value": "ICD10CM"})
    assert loaded.events is not None
    assert {"ICD10CM:E11.9", "ICD10CM:I10"} <= set(loaded.events["code"])


def test_a_zip_and_parquet_and_other_cases_are_the_same(tmp_path: Path, cdm: Loaded) -> None:
    folder = tmp_path / "parquet" / "measurement"
    folder.mkdir(parents=True)
    with zipfile.ZipFile(tmp_path / "cdm.zip", "w") as archive:
        for name, text in CDM.items():
            archive.writestr(f"export/{name.lower()}.csv", text)
            if name == "MEASUREMENT":
                pl.read_csv(text.encode(), infer_schema=False).write_parquet(folder / "part-0.parquet")
            else:
                (folder.parent / f"{name.lower()}.csv").write_text(text.upper() if name == "COST" else text)
    for path in (tmp_path / "cdm.zip", folder.parent):
        again = read(path)
        assert again.events is not None and cdm.events is not None
        assert again.events.equals(cdm.events)
        assert again.tally == cdm.tally


def test_strangers_and_removed_patients(tmp_path: Path) -> None:
    write(tmp_path)
    loaded = read(tmp_path, Known(frozenset({"1"}), None, GeneTable.empty()))
    assert loaded.events is not None and set(loaded.events["subject_id"]) == {"1"}
    key = Removed(b"key")
    gone = Removed(b"key", frozenset({key.mark("2")}))
    without = read(tmp_path, Known(None, None, GeneTable.empty(), removed=gone))
    assert without.events is not None and without.patients is not None
    assert "2" not in {*without.events["subject_id"], *without.patients["subject_id"]}


def test_what_is_no_cdm_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        read(tmp_path / "none")
    (tmp_path / "a.csv").write_text("x\n1\n")
    with pytest.raises(InputError, match="a table person"):
        read(tmp_path)
    write(tmp_path, {**CDM, "MEASUREMENT": "measurement_id,person_id\n1,1\n"})
    with pytest.raises(InputError, match="measurement_concept_id"):
        read(tmp_path)


def database(file: Path, tables: dict[str, str] = CDM) -> Path:
    with duckdb.connect(str(file)) as base:
        for name, text in tables.items():
            rows = pl.read_csv(text.encode(), infer_schema=False)
            base.register("rows", rows.to_arrow())
            base.execute(f"CREATE TABLE {name} AS SELECT * FROM rows")
            base.unregister("rows")
    return file


def test_a_duckdb_database_is_the_same(tmp_path: Path, cdm: Loaded) -> None:
    folder = tmp_path / "base"
    folder.mkdir()
    file = database(folder / "cdm.duckdb")
    before = file.read_bytes()
    loaded = read(file)
    assert loaded.events is not None and cdm.events is not None and loaded.visits is not None and cdm.visits is not None
    assert loaded.events.equals(cdm.events) and loaded.visits.equals(cdm.visits) and loaded.tally == cdm.tally
    assert loaded.counts["tables of the database that hold no events, or are not read"] == 1
    assert file.read_bytes() == before and [*folder.iterdir()] == [file]


def test_a_view_of_a_database_reads_no_other_file(tmp_path: Path) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("person_id,note\n1,secret\n")
    file = database(tmp_path / "cdm.duckdb", {"PERSON": CDM["PERSON"]})
    with duckdb.connect(str(file)) as base:
        base.execute(f"CREATE VIEW death AS SELECT *, '2020-01-01' AS death_date FROM read_csv('{secret}')")
    loaded = read(file)
    assert loaded.events is not None and not events(loaded, "MEDS:MEDS_DEATH")
    assert loaded.counts["views of the database, which are not read: write them as tables"] == 1


def test_a_database_that_is_none_or_says_a_table_twice(tmp_path: Path) -> None:
    file = database(tmp_path / "cdm.duckdb")
    with duckdb.connect(str(file)) as base:
        base.execute("CREATE SCHEMA other; CREATE TABLE other.person AS SELECT * FROM main.person")
    with pytest.raises(InputError, match="person in main, other"):
        read(file)
    broken = tmp_path / "broken.duckdb"
    broken.write_bytes(file.read_bytes()[:100])
    with pytest.raises(InputError, match="cannot be read"):
        read(broken)
    with pytest.raises(InputError, match="a table person"):
        read(database(tmp_path / "empty.duckdb", {"COST": CDM["COST"]}))


def test_without_the_package_the_error_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = database(tmp_path / "cdm.duckdb", {"PERSON": CDM["PERSON"]})
    monkeypatch.setitem(sys.modules, "duckdb", None)
    with pytest.raises(InputError, match=r"clinome\[duckdb\]"):
        read(file)


def test_a_table_with_a_header_alone_is_a_table_without_rows(tmp_path: Path) -> None:
    empty = {**CDM, "DEATH": "person_id,death_date,death_datetime,cause_concept_id\n"}
    loaded = read(write(tmp_path, empty))
    assert not events(loaded, "MEDS:MEDS_DEATH")
    assert loaded.counts["tables with a header alone (death)"] == 1
    (tmp_path / "DEATH.csv").unlink()
    pl.DataFrame(schema={"person_id": pl.Int64, "death_date": pl.Date}).write_parquet(tmp_path / "DEATH.parquet")
    assert read(tmp_path).counts["tables with a header alone (death)"] == 1


def test_concepts_that_have_a_name_alone_and_births_without_a_month(tmp_path: Path) -> None:
    """As a site exports them: CONCEPT without codes, a month 0 for one that is not told, a folder of parts a table."""
    person = "person_id,gender_concept_id,year_of_birth,month_of_birth,day_of_birth\n1,8507,1987,0,0\n"
    condition = "condition_occurrence_id,person_id,condition_concept_id,condition_start_date\n1,1,201826,2020-01-02\n"
    concept = "concept_id,concept_name,vocabulary_id,concept_code\n201826,Type 2 diabetes mellitus,SNOMED,\n8507,Male,Gender,\n"
    for table, text in {"person": person, "condition_occurrence": condition, "concept": concept}.items():
        (tmp_path / table).mkdir()
        (tmp_path / table / "part-0.csv").write_text(text)
    loaded = read(tmp_path)
    assert loaded.rejects.is_empty()
    assert events(loaded, "MEDS:MEDS_BIRTH")[0]["time"] == dt.datetime(1987, 1, 1)
    assert len(events(loaded, "OMOP:201826")) == 1
    assert loaded.concepts is not None
    assert (
        loaded.concepts.row(by_predicate=pl.col("id") == "OMOP:201826", named=True)["name"]
        == "Type 2 diabetes mellitus"
    )
