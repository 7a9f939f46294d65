"""FHIR exports of our own making: what becomes an event, when it was known, what is refused and why."""

from __future__ import annotations

import datetime as dt
import gzip
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clinome.loaders.errors import InputError
from clinome.loaders.files.removed_ids import SUBJECT, add_removed
from clinome.loaders.identifiers.genes import GeneTable
from clinome.loaders.records.fhir.reader import read_fhir
from clinome.loaders.records.fhir.resources import READ
from clinome.loaders.specs import Records
from clinome.loaders.tables import CONCEPTS, EVENTS, NEVER, VISITS, Known, Loaded, Tally

ANYONE = Known(None, None, GeneTable.empty())
Resource = dict[str, Any]
P1 = {"reference": "Patient/p1"}
SCT, LOINC, RXNORM = "http://snomed.info/sct", "http://loinc.org", "http://www.nlm.nih.gov/research/umls/rxnorm"
ICD10CM = "http://hl7.org/fhir/sid/icd-10-cm"
T = dt.datetime


def concept(system: str, code: str, display: str | None = None) -> Resource:
    return {"coding": [{"system": system, "code": code, "display": display}]}


def patient(id: str = "p1", **more: Any) -> Resource:
    return {"resourceType": "Patient", "id": id, "gender": "female", "birthDate": "1950-02-03", **more}


def encounter(id: str = "e1", **more: Any) -> Resource:
    period = {"start": "2020-01-01T10:00:00Z", "end": "2020-01-05T12:00:00Z"}
    return {"resourceType": "Encounter", "id": id, "status": "finished", "class": {"code": "IMP"}, "subject": P1, "period": period, **more}  # fmt: skip


def condition(**more: Any) -> Resource:
    return {"resourceType": "Condition", "subject": P1, "code": concept(ICD10CM, "E119"), **more}


def observation(**more: Any) -> Resource:
    return {"resourceType": "Observation", "status": "final", "subject": P1, "effectiveDateTime": "2020-01-02T08:00:00Z",
            "code": concept(LOINC, "2160-0"), **more}  # fmt: skip


def order(**more: Any) -> Resource:
    return {"resourceType": "MedicationRequest", "status": "active", "intent": "order", "subject": P1, "authoredOn": "2020-01-02", **more}  # fmt: skip


def ndjson(file: Path, resources: Iterable[Resource | str]) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    text = "".join((one if isinstance(one, str) else json.dumps(one)) + "\n" for one in resources)
    file.write_bytes(gzip.compress(text.encode()) if file.suffix == ".gz" else text.encode())
    return file


def bundle(resources: Iterable[Resource], kind: str = "collection", urls: bool = False) -> Resource:
    entries = [{"fullUrl": f"urn:uuid:{r['id']}", "resource": r} if urls else {"resource": r} for r in resources]
    return {"resourceType": "Bundle", "type": kind, "entry": entries}


def read(path: Path, known: Known = ANYONE, **spec: Any) -> Loaded:
    loaded = read_fhir(Records((path,), name="ehr", format="fhir", **spec), known)
    tally = loaded.tally
    assert tally.read == tally.written + tally.merged + tally.rejected
    assert loaded.events is not None and loaded.events.schema == EVENTS
    return loaded


def events(tmp_path: Path, *resources: Resource | str, columns: str = "code time known_time") -> list[tuple[Any, ...]]:
    """The events of these resources, without births; None is an event that nobody says when it was known."""
    loaded = read(ndjson(tmp_path / "a.ndjson", resources))
    assert loaded.events is not None
    found = loaded.events.filter(~pl.col("code").str.starts_with("MEDS:"))
    return [tuple(None if cell == NEVER else cell for cell in row) for row in found.select(columns.split()).rows()]


# ------------------------------------------------------------------ patients and visits


def test_a_patient_has_properties_a_birth_and_a_death(tmp_path: Path) -> None:
    race = {"url": "http://hl7.org/fhir/us/core/StructureDefinition/us-core-race", "extension": [
        {"url": "ombCategory", "valueCoding": {"code": "2106-3", "display": "White"}}, {"url": "text", "valueString": "x"}]}  # fmt: skip
    loaded = read(
        ndjson(
            tmp_path / "Patient.ndjson",
            [
                patient(deceasedDateTime="2020-03-02", extension=[race, None], name=[{"family": "Doe"}]),
                patient("p2", gender="unknown", birthDate="1951", deceasedBoolean=True),
            ],
        )
    )
    assert loaded.patients is not None and loaded.events is not None
    assert loaded.patients.rows() == [("p1", "female", T(1950, 2, 3), "White"), ("p2", None, T(1951, 1, 1), None)]
    assert loaded.events.select("subject_id", "code", "time", "known_time").rows() == [
        ("p1", "MEDS:MEDS_BIRTH", T(1950, 2, 3), T(1950, 2, 3)),
        ("p1", "MEDS:MEDS_DEATH", T(2020, 3, 2, 23, 59, 59, 999999), T(2020, 3, 2, 23, 59, 59, 999999)),
        ("p2", "MEDS:MEDS_BIRTH", T(1951, 1, 1), T(1951, 1, 1)),
    ]
    assert loaded.counts["patients said to have died, without a date: no event"] == 1


def test_a_study_with_patients_keeps_its_own_and_only_them(tmp_path: Path) -> None:
    file = ndjson(tmp_path / "a.ndjson", [patient(), patient("p2"), condition(onsetDateTime="2020-01-01")])
    loaded = read(file, Known(frozenset(["p1"]), None, GeneTable.empty()))
    assert loaded.patients is None and loaded.tally == Tally(3, 2, 0, 1)
    assert loaded.events is not None and set(loaded.events["subject_id"]) == {"p1"}


def test_encounters_are_visits(tmp_path: Path) -> None:
    loaded = read(
        ndjson(
            tmp_path / "Encounter.ndjson",
            [
                encounter(type=[concept(SCT, "183452005", "Emergency admission")], hospitalization={"dischargeDisposition": {"coding": [{"code": "HOME"}]}}),
                encounter("e2", **{"class": "outpatient"}, period={"start": "2020-02-01", "end": "2020-02-01"}),
                encounter("e3", **{"class": [{"coding": [{"code": "EMER"}]}]}, period=None, actualPeriod={"start": "2020-03-01T00:30:00+01:00"}),
                encounter("e4", status="planned"),
                encounter("e5", period={"start": "2020-02-02", "end": "2020-02-01"}),
                encounter("e6", period={"end": "2020-02-01"}),
            ],
        )
    )  # fmt: skip
    assert loaded.visits is not None and loaded.visits.columns[: len(VISITS)] == list(VISITS)
    assert loaded.visits.select("visit_id", "start_time", "end_time", "kind", "encounter_type", "discharge_disposition").rows() == [
        ("e1", T(2020, 1, 1, 10), T(2020, 1, 5, 12), "inpatient", "Emergency admission", "HOME"),
        ("e2", T(2020, 2, 1), T(2020, 2, 1, 23, 59, 59, 999999), "outpatient", None, None),
        ("e3", T(2020, 2, 29, 23, 30), None, "emergency", None, None),
    ]  # fmt: skip
    assert loaded.rejects.sort("row").select("row", "column").rows() == [
        (4, "Encounter.status"), (5, "Encounter.period.end"), (6, "Encounter.period"),
    ]  # fmt: skip


# ------------------------------------------------------------------ when it happened, when it was known


@pytest.mark.parametrize(
    ("said", "time", "known"),
    [
        ({"onsetDateTime": "2015-03", "recordedDate": "2015-04-02T09:00:00+02:00"}, T(2015, 3, 1), T(2015, 4, 2, 7)),
        ({"onsetDateTime": "2015", "assertedDate": "2015"}, T(2015, 1, 1), T(2015, 12, 31, 23, 59, 59, 999999)),
        ({"recordedDate": "2015-04-02"}, T(2015, 4, 2), T(2015, 4, 2, 23, 59, 59, 999999)),
        ({"onsetPeriod": {"start": "2015-03-01", "end": "2016-01-01"}}, T(2015, 3, 1), None),
        ({"onsetDateTime": "2015-03-01"}, T(2015, 3, 1), None),
        ({"onsetDateTime": "2020-01-02", "encounter": {"reference": "Encounter/e1"}}, T(2020, 1, 2), T(2020, 1, 5, 12)),
        ({"encounter": {"reference": "Encounter/e1"}}, T(2020, 1, 1, 10), T(2020, 1, 5, 12)),
        ({"context": {"reference": "Encounter/open"}}, T(2020, 2, 1), None),
        ({"onsetDateTime": "2010-01-01T23:30:00-06:00", "recordedDate": "2010-01-01"}, T(2010, 1, 2, 5, 30), T(2010, 1, 2, 5, 30)),
    ],
)  # fmt: skip
def test_a_condition_is_known_when_it_was_recorded_else_at_the_visits_end_else_never(
    tmp_path: Path, said: Resource, time: dt.datetime, known: dt.datetime | None
) -> None:
    visits = encounter(), encounter("open", period={"start": "2020-02-01"})
    assert events(tmp_path, *visits, condition(**said)) == [("ICD10CM:E11.9", time, known)]


def test_procedures_drugs_vaccines_and_notes_are_known_when_they_say_so(tmp_path: Path) -> None:
    visit = {"reference": "Encounter/e1"}
    procedure = {
        "resourceType": "Procedure",
        "status": "completed",
        "subject": P1,
        "code": concept("http://www.ama-assn.org/go/cpt", "99213"),
    }
    given_drug = {
        "resourceType": "MedicationAdministration",
        "status": "completed",
        "subject": P1,
        "medicationCodeableConcept": concept(RXNORM, "1"),
    }
    found = events(
        tmp_path,
        encounter(),
        {**procedure, "performedPeriod": {"start": "2019-05-01T08:00:00Z", "end": "2019-05-01T09:00:00Z"}},
        {**procedure, "performedDateTime": "2020-01-02", "encounter": visit},
        {**given_drug, "effectivePeriod": {"start": "2020-01-02T08:00:00Z", "end": "2020-01-03T08:00:00Z"}},
        order(medicationCodeableConcept=concept(RXNORM, "2"), authoredOn="2020-01-03T10:00:00Z"),
        {"resourceType": "Immunization", "status": "completed", "patient": P1, "vaccineCode": concept("http://hl7.org/fhir/sid/cvx", "08"),
         "occurrenceDateTime": "2020-01-04", "recorded": "2020-01-06T00:00:01Z"},
        {"resourceType": "DocumentReference", "status": "current", "subject": P1, "type": concept(LOINC, "34117-2"), "date": "2020-01-07T10:00:00Z",
         "content": [{"attachment": {"contentType": "text/plain", "data": "U0VDUkVU"}}]},
        {"resourceType": "DiagnosticReport", "status": "final", "subject": P1, "code": concept(LOINC, "58410-2"), "issued": "2020-01-09T10:00:00Z",
         "effectiveDateTime": "2020-01-08T10:00:00Z", "conclusion": "SECRET", "conclusionCode": [concept(SCT, "195967001")]},
    )  # fmt: skip
    assert found == [
        ("CPT:99213", T(2019, 5, 1, 8), T(2019, 5, 1, 9)),
        ("CPT:99213", T(2020, 1, 2), T(2020, 1, 5, 12)),
        ("RXNORM:1", T(2020, 1, 2, 8), T(2020, 1, 2, 8)),
        ("RXNORM:2", T(2020, 1, 3, 10), T(2020, 1, 3, 10)),
        ("CVX:08", T(2020, 1, 4), T(2020, 1, 6, 0, 0, 1)),
        ("LOINC:34117-2", T(2020, 1, 7, 10), T(2020, 1, 7, 10)),
        ("LOINC:58410-2", T(2020, 1, 8, 10), T(2020, 1, 9, 10)),
        ("SNOMEDOBS:195967001", T(2020, 1, 8, 10), T(2020, 1, 9, 10)),
    ]


def test_an_order_without_a_date_begins_when_it_is_valid(tmp_path: Path) -> None:
    taken = [{"timing": {"repeat": {"boundsPeriod": {"start": "2020-02-01T08:00:00Z"}}}}]
    drug: Resource = {"medicationCodeableConcept": concept(RXNORM, "1"), "authoredOn": None}
    valid = {"validityPeriod": {"start": "2020-01-01T08:00:00Z", "end": "2021-01-01"}}
    found = events(
        tmp_path,
        order(**drug, dosageInstruction=taken),
        order(**drug, dosageInstruction=taken, dispenseRequest=valid),
        columns="time known_time",
    )
    assert found == [(T(2020, 1, 1, 8), T(2020, 1, 1, 8)), (T(2020, 2, 1, 8), T(2020, 2, 1, 8))]


def test_nothing_but_midnights_are_days(tmp_path: Path) -> None:
    days = [f"2020-01-0{d}T00:00:00Z" for d in (1, 2, 3)]
    found = events(tmp_path, *(condition(recordedDate=day) for day in days), columns="known_time")
    assert [known for (known,) in found] == [T(2020, 1, d, 23, 59, 59, 999999) for d in (1, 2, 3)]
    assert events(tmp_path, condition(recordedDate=days[0]), columns="known_time") == [(T(2020, 1, 1),)]


# ------------------------------------------------------------------ results


@pytest.mark.parametrize(
    ("said", "value", "text", "unit"),
    [
        ({"valueQuantity": {"value": 1.50, "unit": "milligrams", "code": "mg/dL", "system": "http://unitsofmeasure.org"}}, 1.5, None, "mg/dL"),
        ({"valueQuantity": {"value": 37, "unit": "C", "code": "x", "system": "http://other"}}, 37.0, None, "C"),
        ({"valueQuantity": {"value": 0.01, "comparator": "<", "unit": "g"}}, None, "<0.01", "g"),
        ({"valueInteger": 3}, 3.0, None, None),
        ({"valueBoolean": False}, None, "false", None),
        ({"valueString": " seen "}, None, "seen", None),
        ({"valueCodeableConcept": concept(SCT, "266919005", "Never smoker")}, None, "Never smoker", None),
        ({"valueCodeableConcept": {"text": "Positive"}}, None, "Positive", None),
        ({"valueRatio": {"numerator": {"value": 1}, "denominator": {"value": 128}}}, None, "1:128", None),
        ({}, None, None, None),
    ],
)  # fmt: skip
def test_results(tmp_path: Path, said: Resource, value: float | None, text: str | None, unit: str | None) -> None:
    found = events(tmp_path, observation(**said), columns="code numeric_value text_value unit")
    assert found == [("LOINC:2160-0", value, text, unit)]


def test_components_are_events_of_their_own(tmp_path: Path) -> None:
    parts = [
        {"code": concept(LOINC, code), "valueQuantity": {"value": value}}
        for code, value in (("8480-6", 120), ("8462-4", 80))
    ]
    lost = [
        {"code": concept(LOINC, "8478-0"), "dataAbsentReason": {"text": "x"}},
        {"code": {"text": "?"}, "valueInteger": 1},
    ]
    loaded = read(
        ndjson(tmp_path / "a.ndjson", [observation(code=concept(LOINC, "85354-9"), component=[*parts, *lost])])
    )
    assert loaded.events is not None
    assert loaded.events.select("code", "numeric_value").rows() == [("LOINC:8480-6", 120.0), ("LOINC:8462-4", 80.0)]
    assert loaded.tally == Tally(1, 1, 0, 0) and loaded.cells == Tally(5, 4, 0, 1)


def test_a_number_that_is_none_is_missing_and_said(tmp_path: Path) -> None:
    loaded = read(ndjson(tmp_path / "a.ndjson", [observation(valueQuantity={"value": "high"}), '{"resourceType": "Observation", "status": "final", "subject": {"reference": "Patient/p1"}, "effectiveDateTime": "2020", "code": {"coding": [{"system": "http://loinc.org", "code": "1-8"}]}, "valueQuantity": {"value": 1e999}}']))  # fmt: skip
    assert loaded.events is not None and loaded.events["numeric_value"].to_list() == [None, None]
    assert loaded.rejects.select("row", "column", "got").rows() == [
        (1, "Observation.value", "high"),
        (2, "Observation.value", "1e999"),
    ]


# ------------------------------------------------------------------ what is no event


@pytest.mark.parametrize(
    "resource",
    [
        condition(onsetDateTime="2020", verificationStatus=concept("http://x", "refuted")),
        condition(onsetDateTime="2020", verificationStatus="entered-in-error"),
        observation(status="cancelled"),
        observation(status="entered-in-error", valueInteger=1),
        observation(dataAbsentReason={"coding": [{"code": "not-performed"}]}),
        order(doNotPerform=True, medicationCodeableConcept=concept(RXNORM, "2")),
        order(intent="proposal", medicationCodeableConcept=concept(RXNORM, "2")),
        {"resourceType": "Procedure", "status": "not-done", "subject": P1, "code": concept(SCT, "80146002"), "performedDateTime": "2020"},
        {"resourceType": "Immunization", "notGiven": True, "patient": P1, "vaccineCode": concept("http://hl7.org/fhir/sid/cvx", "08"), "date": "2020"},
    ],
)  # fmt: skip
def test_what_did_not_happen_is_no_event_and_counted(tmp_path: Path, resource: Resource) -> None:
    loaded = read(ndjson(tmp_path / "a.ndjson", [patient(), resource]))
    assert loaded.events is not None and loaded.events["code"].to_list() == ["MEDS:MEDS_BIRTH"]
    assert loaded.tally == Tally(2, 1, 0, 1)
    assert sum(n for said, n in loaded.counts.items() if "are no events: " in said) == 1
    assert loaded.rejects["fix"].to_list() == ["nothing: it says so itself"]


def test_doubted_diagnoses_and_problem_lists_are_events_and_counted(tmp_path: Path) -> None:
    doubted = condition(onsetDateTime="2020-01-01", verificationStatus=concept("http://x", "differential"))
    listed = condition(onsetDateTime="2020-01-02", category=[concept("http://x", "problem-list-item"), None])
    loaded = read(ndjson(tmp_path / "a.ndjson", [doubted, listed]))
    assert loaded.events is not None and loaded.events.height == 2
    assert loaded.counts["conditions of a problem list"] == 1
    assert loaded.counts["conditions that are unconfirmed, provisional or differential, kept"] == 1


def test_rows_are_refused_with_a_reason(tmp_path: Path) -> None:
    loaded = read(
        ndjson(
            tmp_path / "Condition.ndjson",
            [
                condition(onsetDateTime="2020-01-01"),
                "{not json",
                "",
                '{"id": "no type"}',
                condition(),
                condition(onsetDateTime="2020-13"),
                condition(onsetDateTime="2020-01-01", code={"text": "words of a doctor"}),
                condition(onsetDateTime="2020-01-01", code=concept(ICD10CM, "NULL")),
                condition(onsetDateTime="2020-01-01", subject={"reference": "Group/1"}),
                condition(onsetDateTime="2020-01-01", subject={"reference": "#p"}, contained=[patient("p")]),
                condition(onsetDateTime="2020-01-01", subject=None),
                condition(onsetDateTime="2020-01-09", recordedDate="2020-01-01"),
            ],
        )
    )
    assert loaded.tally == Tally(read=11, written=1, merged=0, rejected=10)
    assert loaded.rejects.sort("row").select("row", "column").rows() == [
        (2, "line 2"), (3, "line 4"), (4, "Condition.time"), (5, "Condition.time"), (6, "Condition.code"), (7, "Condition.code"),
        (8, "subject"), (9, "subject"), (10, "subject"), (11, "Condition.recorded"),
    ]  # fmt: skip
    assert "words" not in str(loaded.rejects.rows())


def test_other_resources_are_counted_and_are_no_rows(tmp_path: Path) -> None:
    others = [{"resourceType": kind, "id": "1"} for kind in ("Claim", "Claim", "Zebra")]
    loaded = read(ndjson(tmp_path / "a.ndjson", [patient(), *others]))
    assert loaded.tally == Tally(1, 1, 0, 0)
    assert loaded.counts == {"Claim resources, which are no events": 2, "Zebra resources, which are no events": 1}
    with pytest.raises(InputError, match=r"no resource that is read.*Claim"):
        read(ndjson(tmp_path / "b.ndjson", others))


def test_versions_of_a_resource(tmp_path: Path) -> None:
    def version(id: str, value: int, changed: str | None) -> Resource:
        return observation(id=id, valueInteger=value, meta={"lastUpdated": changed} if changed else None)

    loaded = read(
        ndjson(
            tmp_path / "a.ndjson",
            [
                version("a", 1, "2020-01-01T00:00:00Z"), version("a", 2, "2021-01-01T00:00:00Z"),
                version("b", 3, None), version("b", 3, None), version("c", 4, None), version("c", 5, None),
            ],
        )
    )  # fmt: skip
    assert loaded.events is not None and loaded.events["numeric_value"].to_list() == [2.0, 3.0, 4.0]
    assert loaded.tally == Tally(6, 3, 2, 1)


# ------------------------------------------------------------------ codes


def test_the_first_vocabulary_of_the_order_is_the_event_and_the_rest_are_counted(tmp_path: Path) -> None:
    both = {
        "coding": [
            {"system": SCT, "code": "44054006", "display": "Diabetes"},
            {"system": ICD10CM, "code": "E11.9", "display": "T2DM"},
        ]
    }
    loaded = read(ndjson(tmp_path / "a.ndjson", [condition(onsetDateTime="2020-01-01", code=both)]))
    assert loaded.events is not None and loaded.events["code"].to_list() == ["ICD10CM:E11.9"]
    assert loaded.concepts is not None and loaded.concepts.schema == CONCEPTS
    assert loaded.concepts.select("id", "name").rows() == [("ICD10CM:E11.9", "T2DM")]
    assert loaded.counts["codings of known vocabularies beside the one that became the event"] == 1


def test_codes_say_what_they_are_and_those_of_unknown_systems_keep_its_name(tmp_path: Path) -> None:
    local = "http://mimic.mit.edu/fhir/mimic/CodeSystem/"
    found = events(
        tmp_path,
        condition(onsetDateTime="2020-01-01", code=concept(f"{local}mimic-diagnosis-icd9", "4019")),
        condition(onsetDateTime="2020-01-02", code=concept(f"{local}own", "x 1")),
        observation(code=concept(f"{local}mimic-d-labitems", "50912")),
        order(medicationCodeableConcept={"text": "Aspirin  81 mg"}, authoredOn="2020-01-03"),
        order(medicationCodeableConcept=concept(f"{local}mimic-medication-icu", "225152"), authoredOn="2020-01-04"),
        {"resourceType": "AllergyIntolerance", "patient": P1, "recordedDate": "2020-01-05", "code": concept(RXNORM, "7980")},
        condition(onsetDateTime="2020-01-06", code=concept(SCT, "44054006")),
        {"resourceType": "Procedure", "status": "completed", "subject": P1, "performedDateTime": "2020-01-07", "code": concept(SCT, "80146002")},
        {"resourceType": "DocumentReference", "status": "superseded", "subject": P1, "date": "2020-01-08", "type": concept(SCT, "371531000")},
        columns="code",
    )  # fmt: skip
    assert [code for (code,) in found] == [
        "ICD9CM:401.9", "LOCAL:own/x 1", "VALUE:mimic-d-labitems/50912", "DRUG:aspirin 81 mg", "DRUG:mimic-medication-icu/225152",
        "ALLERGY:RXNORM/7980", "SNOMED:44054006", "SNOMEDPROC:80146002", "SNOMEDOBS:371531000",
    ]  # fmt: skip


def test_a_drug_may_be_a_reference(tmp_path: Path) -> None:
    drug = {"resourceType": "Medication", "id": "d", "code": concept(RXNORM, "308182", "Amoxicillin")}
    ndjson(tmp_path / "x" / "MedicationRequest.ndjson", [
        order(id="1", medicationReference={"reference": "Medication/d"}), order(id="2", medicationReference={"reference": "Medication/none"}),
        order(id="3", authoredOn="2021-01-01", medicationReference={"reference": "#in"}, contained=[{**drug, "id": "in"}]),
        order(id="4", authoredOn="2022-01-01", medication={"reference": {"reference": "Medication/d"}}),
    ])  # fmt: skip
    ndjson(tmp_path / "x" / "Medication.ndjson", [drug])
    loaded = read(tmp_path / "x")
    assert loaded.events is not None and loaded.events["code"].to_list() == ["RXNORM:308182"] * 3
    assert loaded.concepts is not None and loaded.concepts["name"].to_list() == ["Amoxicillin"]
    assert loaded.tally == Tally(4, 3, 0, 1) and loaded.counts["Medication resources, read for their codes"] == 1


# ------------------------------------------------------------------ references and files


@pytest.mark.parametrize(
    "reference",
    [
        {"reference": "Patient/p1"}, {"reference": "Patient/p1/_history/2"}, {"reference": "https://h/fhir/Patient/p1"},
        {"reference": "urn:uuid:u-1"}, {"identifier": {"system": "urn:mrn", "value": "M1"}},
        {"reference": "Patient?identifier=urn:mrn|M1"}, {"reference": "Patient?identifier=M1"},
    ],
)  # fmt: skip
def test_references_find_their_patient(tmp_path: Path, reference: Resource) -> None:
    theirs = [condition(subject=reference, onsetDateTime="2020-01-01"), observation(subject=reference, valueInteger=4)]
    whole = bundle(theirs, "transaction")
    whole["entry"].append(
        {"fullUrl": "urn:uuid:u-1", "resource": patient(identifier=[{"system": "urn:mrn", "value": "M1"}])}
    )
    (tmp_path / "a.json").write_text(json.dumps(whole))
    loaded = read(tmp_path / "a.json")
    assert loaded.events is not None and loaded.events["subject_id"].to_list() == ["p1"] * 3
    named = read(tmp_path / "a.json", subject="urn:mrn")
    assert named.events is not None and named.patients is not None
    assert {*named.events["subject_id"], *named.patients["subject_id"]} == {"M1"}
    assert named.events["numeric_value"].to_list() == [None, None, 4.0]
    with pytest.raises(InputError, match=r"no patient has an identifier of this system.*urn:mrn"):
        read(tmp_path / "a.json", subject="urn:other")


def test_urns_belong_to_their_bundle(tmp_path: Path) -> None:
    """Two files call their patients the same by URN, and not by id; the third has no id but its URN."""
    for name, urn, person in (("a", "1", patient("a")), ("b", "1", patient("b")), ("c", "c", patient(""))):
        url = f"urn:uuid:{urn}"
        theirs = condition(subject={"reference": url}, onsetDateTime="2020-01-01")
        whole = {"resourceType": "Bundle", "entry": [{"fullUrl": url, "resource": person}, {"resource": theirs}]}
        (tmp_path / f"{name}.json").write_text(json.dumps(whole))
    loaded = read(tmp_path)
    assert loaded.events is not None
    assert loaded.events.filter(code="ICD10CM:E11.9")["subject_id"].to_list() == ["a", "b", "c"]


MANY = [
    *(patient(f"p{i}") for i in range(5)),
    *(encounter(f"e{i}", subject={"reference": f"Patient/p{i % 5}"}) for i in range(10)),
    *(
        condition(
            id=f"c{i}", subject={"reference": f"Patient/p{i % 5}"}, encounter={"reference": f"Encounter/e{i % 10}"}
        )
        for i in range(20)
    ),
    *(
        observation(
            id=f"o{i}", subject={"reference": f"Patient/p{i % 5}"}, valueInteger=i, note=[{"text": 'a "entry": [ ü'}]
        )
        for i in range(40)
    ),
]


def test_one_export_in_every_form_gives_the_same(tmp_path: Path) -> None:
    by_kind: dict[str, list[Resource]] = {}
    for one in MANY:
        by_kind.setdefault(one["resourceType"], []).append(one)
    for kind, resources in by_kind.items():
        ndjson(tmp_path / "bulk" / f"{kind}.000.ndjson", resources[::2])
        ndjson(tmp_path / "bulk" / f"{kind}.001.ndjson.gz", resources[1::2])
    (tmp_path / "bulk" / "manifest.json").write_text('{"output": []}')
    (tmp_path / "bulk" / "log.ndjson").write_text('{"eventId": "kickoff"}\n{"eventId": "done"}\n')
    (tmp_path / "one.json").write_text(json.dumps(bundle(MANY)))
    (tmp_path / "printed.json").write_text(json.dumps(bundle(MANY, "searchset"), indent=2), encoding="utf-8-sig")
    (tmp_path / "sorted.json").write_text(
        json.dumps(bundle(MANY), sort_keys=True, ensure_ascii=False), encoding="utf-8"
    )
    (tmp_path / "packed.json.gz").write_bytes(gzip.compress(json.dumps(bundle(MANY)).encode()))
    ndjson(tmp_path / "lines.json", MANY)
    ndjson(tmp_path / "bundles.ndjson", [bundle(MANY[:30]), bundle([bundle(MANY[30:])])])
    for i in range(5):
        mine = [r for r in MANY if f"Patient/p{i}" in json.dumps(r) or r["id"] == f"p{i}"]
        ndjson(tmp_path / "each" / "deeper" / f"Jane_Doe_{i}.json", [bundle(mine, "transaction", urls=True)])
    want = read(tmp_path / "one.json")
    assert want.events is not None and want.visits is not None and want.patients is not None
    assert want.tally == Tally(75, 75, 0, 0)
    for form in ("bulk", "printed.json", "sorted.json", "packed.json.gz", "lines.json", "bundles.ndjson", "each"):
        got = read(tmp_path / form)
        assert got.tally == want.tally, form
        for name in ("events", "visits", "patients"):
            frames = [getattr(one, name).sort(pl.all()) for one in (got, want)]
            assert frames[0].equals(frames[1]), (form, name)


def test_totals_are_those_of_a_plain_count(tmp_path: Path) -> None:
    """Counted in plain Python from the same resources."""
    file = tmp_path / "one.json"
    file.write_text(json.dumps(bundle(MANY)))
    inside = [entry["resource"] for entry in json.loads(file.read_text())["entry"]]
    loaded = read(file)
    assert loaded.events is not None and loaded.visits is not None
    assert loaded.tally.read == sum(one["resourceType"] in READ for one in inside)
    assert loaded.visits.height == sum(one["resourceType"] == "Encounter" for one in inside)
    stated = {
        (one["subject"]["reference"], one["encounter"]["reference"])
        for one in inside
        if one["resourceType"] == "Condition"
    }
    assert loaded.events.filter(code="ICD10CM:E11.9").height == len(stated)
    numbers = sum(one["valueInteger"] for one in inside if one["resourceType"] == "Observation")
    assert loaded.events["numeric_value"].sum() == numbers


@pytest.mark.parametrize("cut", [10, 200, -1, -25])
def test_a_bundle_that_breaks_off_is_lost_whole_and_the_others_are_read(tmp_path: Path, cut: int) -> None:
    whole = json.dumps(bundle(MANY))
    (tmp_path / "Ann_Smith.json").write_text(whole[:cut])
    ndjson(tmp_path / "Patient.ndjson", [patient("other")])
    loaded = read(tmp_path)
    assert loaded.patients is not None and loaded.patients["subject_id"].to_list() == ["other"]
    assert loaded.tally == Tally(2, 1, 0, 1) and "Ann" not in str(loaded.rejects.rows())
    assert loaded.counts["files that are broken, and lost from there on"] == 1


def test_xml_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text('<?xml version="1.0"?><Bundle xmlns="http://hl7.org/fhir"/>')
    loaded = read(tmp_path / "a.xml")
    assert loaded.tally == Tally(1, 0, 0, 1) and loaded.rejects["expected"].to_list() == ["JSON, not XML"]


def test_packed_lines_that_break_off(tmp_path: Path) -> None:
    data = gzip.compress("".join(json.dumps(one) + "\n" for one in MANY).encode(), compresslevel=0)
    (tmp_path / "a.ndjson.gz").write_bytes(data[: len(data) // 2])
    loaded = read(tmp_path / "a.ndjson.gz")
    assert 5 < loaded.tally.written < 75 and loaded.tally.rejected == 1


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", "null", "not json", '{"resourceType": "Bundle", "entry": []}', '{"resourceType": 5}']
)
def test_files_without_a_resource(tmp_path: Path, content: str) -> None:
    (tmp_path / "a.json").write_text(content)
    (tmp_path / "empty").mkdir()
    try:
        assert read(tmp_path / "a.json").tally.written == 0
    except InputError as error:
        assert "no resource that is read" in str(error)
    with pytest.raises(InputError, match="no FHIR file"):
        read(tmp_path / "empty")
    with pytest.raises(InputError, match="no such file"):
        read(tmp_path / "none.json")


def test_who_was_removed_is_refused_first_and_not_quoted(tmp_path: Path) -> None:
    who = "TWO-7731"
    theirs = [patient(who, birthDate="no day", deceasedDateTime=who), encounter("e9", subject={"reference": f"Patient/{who}"}),
              condition(subject={"reference": f"Patient/{who}"}, onsetDateTime=who, code=concept(ICD10CM, "C341", who))]  # fmt: skip
    ndjson(tmp_path / "x" / "a.ndjson", [*theirs, patient(), condition(onsetDateTime="2020-01-01")])
    removed = add_removed(tmp_path / "tables", [(SUBJECT, who)])
    loaded = read(tmp_path / "x", Known(None, None, GeneTable.empty(), removed=removed))
    assert loaded.tally == Tally(5, 2, 0, 3)
    tables = [loaded.events, loaded.patients, loaded.concepts, loaded.rejects]
    assert not any(who in str(table.rows()) for table in tables if table is not None) and loaded.visits is None


KEYS = (
    "reference", "coding", "system", "code", "display", "text", "value", "start", "end", "identifier", "event", "unit", "comparator", "extension",
    "url", "concept", "encounter",
)  # fmt: skip
WORDS = ("2020", "Patient/p1", "final", "http://loinc.org")
Json = st.SearchStrategy[Any]


def nested(inner: Json) -> Json:
    return st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4)


PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(WORDS)
ANYTHING = st.recursive(PLAIN, nested, max_leaves=12)
FIELDS = (
    "id", "meta", "subject", "patient", "encounter", "context", "status", "verificationStatus", "code", "onsetDateTime", "recordedDate", "period",
    "class", "type", "hospitalization", "component", "valueQuantity", "valueCodeableConcept", "valueRatio", "valueRange", "effectiveTiming",
    "effectiveDateTime", "issued", "medicationReference", "medicationCodeableConcept", "medication", "contained", "extension", "_birthDate",
    "birthDate", "gender", "deceasedDateTime", "identifier", "conclusionCode", "vaccineCode", "date", "authoredOn", "performedPeriod",
)  # fmt: skip


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    st.lists(
        st.tuples(st.sampled_from(READ), st.dictionaries(st.sampled_from(FIELDS), ANYTHING, max_size=8)),
        min_size=1,
        max_size=6,
    )
)
def test_whatever_a_field_holds_every_row_is_accounted_for(tmp_path: Path, drawn: list[tuple[str, Resource]]) -> None:
    resources = [{"resourceType": kind, "subject": P1, **fields} for kind, fields in drawn]
    loaded = read(ndjson(tmp_path / "a.ndjson", resources))
    assert loaded.tally.read == len(resources)
    refused = loaded.rejects.filter(~pl.col("fix").str.contains("its row is written"))
    assert refused["row"].n_unique() == loaded.tally.rejected == refused.height
    assert (
        loaded.events is not None
        and loaded.events["known_time"].null_count() == loaded.events["time"].null_count() == 0
    )
