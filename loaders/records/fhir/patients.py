"""FHIR Patient and Encounter -> rows of patients and visits, in the resource's own words."""

from __future__ import annotations

from typing import Any, NamedTuple

from .references import reference_text
from .resources import Table, codings, nothing, table, tables, text_of

CLASSES = {
    "AMB": "ambulatory", "IMP": "inpatient", "ACUTE": "inpatient", "NONAC": "inpatient", "EMER": "emergency",
    "FLD": "field", "HH": "home", "VR": "virtual", "OBSENC": "observation", "SS": "short stay", "PRENC": "preadmission",
}  # fmt: skip
"""ActCode -> kind of visit; another code is the kind as it stands, in lower case."""


class Person(NamedTuple):
    """A Patient: birth and death as they stand; dead: whether it says so without a date."""

    birth: str | None
    death: str | None
    dead: bool
    gender: str | None
    race: str | None
    ethnicity: str | None


class Visit(NamedTuple):
    """An Encounter: whose, its period and class, and how the patient came and left."""

    subject: str | None
    left: str | None
    start: str | None
    end: str | None
    kind: str
    encounter_type: str | None
    admit_source: str | None
    discharge_disposition: str | None


def person(patient: Table) -> Person:
    """Birth with its time where `patient-birthTime` gives it; gender; race and ethnicity of the US core extensions."""
    extensions = {_tail(one.get("url")): one for one in tables(patient.get("extension"))}
    born = {_tail(one.get("url")): one for one in tables(table(patient.get("_birthDate")).get("extension"))}
    birth = text_of(table(born.get("patient-birthTime")).get("valueDateTime")) or text_of(patient.get("birthDate"))
    death = text_of(patient.get("deceasedDateTime"))
    gender = (text_of(patient.get("gender")) or "").lower()
    if gender in ("", "unknown"):
        code = text_of(table(extensions.get("us-core-birthsex")).get("valueCode"))
        gender = {"F": "female", "M": "male"}.get(code or "", "")
    return Person(
        birth, death, patient.get("deceasedBoolean") is True and death is None, gender or None,
        _category(extensions.get("us-core-race")), _category(extensions.get("us-core-ethnicity")),
    )  # fmt: skip


def visit(encounter: Table) -> Visit:
    """Period, class (a Coding, a concept, or a word), type, and where from and to."""
    period = table(encounter.get("period") or encounter.get("actualPeriod"))
    stay = table(encounter.get("hospitalization") or encounter.get("admission"))
    return Visit(
        reference_text(encounter.get("subject") or encounter.get("patient"), "Patient"), nothing(encounter), text_of(period.get("start")), text_of(period.get("end")),
        _class(encounter.get("class")), _label(encounter.get("type")), _label(stay.get("admitSource")),
        _label(stay.get("dischargeDisposition")),
    )  # fmt: skip


def identifiers(resource: Table) -> list[tuple[str, str]]:
    """system and value of every identifier of a resource; its type's code is a system too (`MR`)."""
    found = []
    for one in tables(resource.get("identifier")):
        value, system = text_of(one.get("value")), text_of(one.get("system"))
        if value is not None:
            found += [
                (name, value) for name in (system or "", *(code for _, code, _ in codings(one.get("type")) if code))
            ]
    return found


def _class(value: Any) -> str:
    first = (tables(value) or [{}])[0]
    code = text_of(value) or text_of(first.get("code")) or next((code for _, code, _ in codings(first) if code), None)
    return CLASSES.get(code.upper(), code.lower()) if code else "encounter"


def _label(concept: Any) -> str | None:
    """What the first coding is called; its code where it has no name."""
    return next((display or code for _, code, display in codings(concept)), None)


def _category(extension: Any) -> str | None:
    """The categories of the US core extension for race or ethnicity; its text where it has none."""
    parts = tables(table(extension).get("extension"))
    found = [text_of(table(one.get("valueCoding")).get("display")) for one in parts if one.get("url") == "ombCategory"]
    said = next((text_of(one.get("valueString")) for one in parts if one.get("url") == "text"), None)
    older = _label(table(extension).get("valueCodeableConcept"))
    return "; ".join(sorted(one for one in found if one)) or said or older


def _tail(url: Any) -> str:
    return str(url or "").rpartition("/")[2]
