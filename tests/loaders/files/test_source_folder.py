"""A study in the folder of its data does not read what it wrote there."""

from __future__ import annotations

from pathlib import Path

import clinome
from clinome.graphs.tables.digest import sha256
from clinome.loaders.files.source_folder import files_within

CDM = {
    "PERSON": "person_id,gender_concept_id,year_of_birth\n1,0,1950\n2,0,1960\n",
    "VISIT_OCCURRENCE": "visit_occurrence_id,person_id,visit_start_date,visit_end_date\n1,1,2020-01-01,2020-01-03\n",
    "CONDITION_OCCURRENCE": "condition_occurrence_id,person_id,condition_concept_id,condition_start_date,condition_source_value,visit_occurrence_id\n1,1,0,2020-01-01,E11.9,1\n",
}
STUDY = 'name = "ehr"\nstore = "ehr.graph"\n[records.ehr]\nformat = "omop"\npath = "."\ncodes = {condition_source_value = "ICD10CM"}\n'


def test_what_clinome_writes_is_no_data(tmp_path: Path) -> None:
    for name in ("b.csv", "hosp/a.csv", ".hidden.csv", "runs/x/predictions.csv", "s.tables/study.json", "s.tables/p.parquet",
                 "s.graph/graph.kgl", "study.toml"):  # fmt: skip
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    assert [path.relative_to(tmp_path).as_posix() for path in files_within(tmp_path)] == ["b.csv", "hosp/a.csv"]
    before = sha256([tmp_path])
    (tmp_path / "runs" / "y.csv").write_text("y")
    assert sha256([tmp_path]) == before
    (tmp_path / "hosp" / "a.csv").write_text("z")
    assert sha256([tmp_path]) != before


def test_a_study_in_the_folder_of_its_tables_loads_them_once(tmp_path: Path) -> None:
    for name, text in CDM.items():
        (tmp_path / f"{name}.csv").write_text(text)
    (tmp_path / "study.toml").write_text(STUDY)
    first = clinome.load(tmp_path).sources[0]
    again = clinome.load(tmp_path).sources[0]
    assert (first.changed, again.changed) == (True, False)
    assert first.tally == again.tally and first.tally.read == 4
    with clinome.open(tmp_path) as graph:
        found = graph.query(
            "MATCH (p:Patient)-[d:DIAGNOSED]->(x) RETURN p.id AS patient, x.id AS code, d.known_time AS known"
        )
    assert found["patient"].tolist() == ["1"] and found["code"].tolist() == ["ICD10CM:E11.9"]
    assert str(found["known"][0]).startswith("2020-01-03 23:59:59")
