"""`clinome export`: OMOP -> MEDS -> graph is OMOP -> graph; the standard's own schema accepts it; splits come back as folds."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
import pytest
from meds import schema as meds

import clinome
from clinome.errors import InputError

PEOPLE = 24
COHORT = """
[cohort]
query = '''
// param at: datetime
// store: any
MATCH (p:Patient)
RETURN p.id AS subject_id, $at AS prediction_time, p.gender = "male" AS label
'''
params = {at = 2020-06-01T00:00:00}
[task]
kind = "binary"
covariates = ["year_of_birth"]
[learn]
learners = ["majority", "covariates"]
workers = 1
trials = 1
[evaluate]
"""


def cdm(folder: Path) -> None:
    """Synthetic persons with visits, diagnoses, results, a limit, words, an open visit, a parent of a code."""
    folder.mkdir()
    who = range(1, PEOPLE + 1)
    tables = {
        "person": ["person_id,gender_source_value,year_of_birth,race_source_value", *(f"{i},{'male' if i % 2 else 'female'},{1940 + i},r{i % 3}" for i in who)],
        "observation_period": ["person_id,observation_period_start_date,observation_period_end_date", *(f"{i},2018-01-01,2021-12-31" for i in who)],
        "visit_occurrence": ["visit_occurrence_id,person_id,visit_concept_id,visit_start_date,visit_end_date", *(f"{100 + i},{i},9201,2020-01-{i:02d},{'' if i == 3 else f'2020-02-{i:02d}'}" for i in who)],
        "condition_occurrence": ["person_id,condition_concept_id,condition_start_date,visit_occurrence_id,condition_source_value,condition_source_concept_id",
                                 *(f"{i},201826,2020-01-{i:02d},{100 + i},E11.9,45533017" for i in who), "2,0,2020-01-05,,a//b,0"],
        "measurement": ["person_id,measurement_concept_id,measurement_date,operator_concept_id,value_as_number,unit_source_value,value_source_value",
                        *(f"{i},3004501,2020-03-{i:02d},,{100.1 + i / 3},mg/dL," for i in who), "1,3004501,2020-03-09,4171756,5,mg/dL,", "1,3004501,2020-03-10,,,,positive", "1,3004501,2020-03-11,,1e300,,"],
        "death": ["person_id,death_date", "5,2021-03-01"],
        "concept": ["concept_id,concept_name,vocabulary_id,concept_code", "201826,Type 2 diabetes mellitus,SNOMED,44054006", "201820,Diabetes mellitus,SNOMED,73211009",
                    "45533017,Type 2 diabetes,ICD10CM,E11.9", "3004501,Glucose,LOINC,2345-7", "9201,Inpatient Visit,Visit,IP"],
        "concept_relationship": ["concept_id_1,concept_id_2,relationship_id,invalid_reason", "201826,201820,Is a,"],
    }  # fmt: skip
    for name, lines in tables.items():
        (folder / f"{name}.csv").write_text("\n".join(lines) + "\n")


def study(folder: Path, name: str, format: str, path: str, rest: str = "") -> Path:
    file = folder / f"{name}.toml"
    file.write_text(
        f'name = "one"\nstore = "{name}.graph"\ntables = "{name}.tables"\n[records.ehr]\nformat = "{format}"\npath = "{path}"\n{rest}'
    )
    return file


def prints(file: Path, provenance: bool = False) -> str:
    with clinome.open(file) as graph:
        return graph.fingerprint(provenance=provenance)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("export")
    cdm(folder / "cdm")
    file = study(folder, "one", "omop", "cdm/", COHORT + "folds = 3\n")
    clinome.load(file)
    clinome.train(file)
    report = clinome.export(file, out=folder / "meds")
    assert any("first of the run's 3 folds" in note for note in report.notes)
    assert report.counts["codes with a description"] >= 2
    return folder


def test_omop_to_meds_to_graph_is_omop_to_graph(exported: Path) -> None:
    again = study(exported, "two", "meds", "meds/")
    report = clinome.load(again)
    assert report.to_frame()["rejected"].sum() == 0
    assert prints(again) == prints(exported / "one.toml")
    assert prints(again, True) != prints(exported / "one.toml", True)  # of which files it is, a graph knows
    table = exported / "cdm" / "death.csv"
    changed = table.read_text()
    table.write_text(changed.replace("2021-03-01", "2021-03-02"))
    other = study(exported, "other", "omop", "cdm/")
    clinome.load(other)
    table.write_text(changed)
    assert prints(other) != prints(again)


def test_the_standards_own_schema_accepts_it(exported: Path) -> None:
    out = exported / "meds"
    shards = sorted((out / meds.data_subdirectory).glob("*.parquet"))
    for shard in shards:
        table = pq.read_table(shard)
        meds.DataSchema.validate(table)
        frame = pl.from_arrow(table)
        assert isinstance(frame, pl.DataFrame)
        assert frame.equals(frame.sort("subject_id", "time", nulls_last=False, maintain_order=True))
        assert {"GENDER//male", "VISIT_START//inpatient visit", "MEDS_DEATH", "MEDS_BIRTH"} <= set(frame["code"])
    codes = pq.read_table(out / meds.code_metadata_filepath)
    meds.CodeMetadataSchema.validate(codes)
    described = {row["code"]: row for row in codes.to_pylist()}
    assert described["SNOMED:44054006"] == {"code": "SNOMED:44054006", "description": "Type 2 diabetes mellitus", "parent_codes": ["SNOMED:73211009"]}  # fmt: skip
    assert set(pl.concat([pl.read_parquet(shard)["code"] for shard in shards])) <= set(described)
    meds.SubjectSplitSchema.validate(pq.read_table(out / meds.subject_splits_filepath))
    meds.LabelSchema.validate(pq.read_table(out / "labels" / "one.parquet"))
    meds.DatasetMetadataSchema.validate(json.loads((out / meds.dataset_metadata_filepath).read_text()))
    assert stat.S_IMODE((exported / "one.tables" / "meds_subjects.csv").stat().st_mode) == 0o600


def test_its_splits_are_folds(exported: Path) -> None:
    file = study(exported, "three", "meds", "meds/", COHORT + 'folds = "meds/metadata/subject_splits.parquet"\n')
    clinome.load(file)
    run = clinome.train(file)
    first = clinome.Run.open(exported / "runs" / "one")
    assert run.snapshot.folds["fold"].unique().to_list() == [0]
    mine = run.snapshot.folds.sort("row")
    theirs = first.snapshot.folds.filter(pl.col("fold") == 0).sort("row")
    assert mine["split"].to_list() == theirs["split"].to_list()


def test_a_folder_of_something_else_is_not_written_over(exported: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(InputError, match="something else"):
        clinome.export(exported / "one.toml", out=tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "mine"
    with pytest.raises(InputError, match="unknown format"):
        clinome.export(exported / "one.toml", out=tmp_path / "x", format="omop")
