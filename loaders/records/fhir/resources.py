"""FHIR resources -> what they state: of each type where its codes, times, result and status stand (R4; STU3, DSTU2 and R5
where they only call a field otherwise)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from .references import reference_text

Table = dict[str, Any]


class Form(NamedTuple):
    """Where a type of resource says what it says.

    codes: its concepts. times: its fields of time, the first that is there counts. known: when it was recorded.
    unsaid: what known_time is where nobody says it: "time", when it is over; "start", when it begins; "visit", the end of
    the visit, else when it is over; "nobody", the end of the visit, else never.
    about: condition, drug, result, procedure, allergy or report: what its codes are.
    """

    codes: tuple[str, ...]
    times: tuple[str, ...]
    known: tuple[str, ...] = ()
    unsaid: str = "time"
    about: str = "report"


_RECORDED = ("recordedDate", "assertedDate", "dateRecorded")
_EFFECTIVE = ("effectiveDateTime", "effectivePeriod", "effectiveInstant", "effectiveTiming", "issued")
_DRUG = ("medicationCodeableConcept", "medication")
_GIVEN = (
    "effectiveDateTime", "effectivePeriod", "effectiveTimeDateTime", "effectiveTimePeriod", "occurenceDateTime",
    "occurencePeriod", "occurrenceDateTime", "occurrencePeriod",
)  # fmt: skip
FORMS = {
    "Condition": Form(("code",), ("onsetDateTime", "onsetPeriod", *_RECORDED), _RECORDED, "nobody", "condition"),
    "AllergyIntolerance": Form(("code", "substance"), ("onsetDateTime", "onsetPeriod", "onset", *_RECORDED), _RECORDED, "nobody", "allergy"),
    "Procedure": Form(("code",), ("performedDateTime", "performedPeriod", "occurrenceDateTime", "occurrencePeriod"), ("recorded",), "visit", "procedure"),
    "MedicationRequest": Form(_DRUG, ("authoredOn",), ("authoredOn",), about="drug"),
    "MedicationOrder": Form(_DRUG, ("dateWritten",), ("dateWritten",), about="drug"),
    "MedicationAdministration": Form(_DRUG, _GIVEN, ("recorded",), "start", "drug"),
    "MedicationDispense": Form(_DRUG, ("whenHandedOver", "whenPrepared"), ("recorded",), about="drug"),
    "MedicationStatement": Form(_DRUG, ("effectiveDateTime", "effectivePeriod", "dateAsserted"), ("dateAsserted",), "nobody", "drug"),
    "Immunization": Form(("vaccineCode",), ("occurrenceDateTime", "date", "recorded"), ("recorded",), about="drug"),
    "Observation": Form(("code",), _EFFECTIVE, ("issued",), about="result"),
    "DiagnosticReport": Form(("code", "conclusionCode", "codedDiagnosis"), _EFFECTIVE, ("issued",)),
    "DocumentReference": Form(("type",), ("date", "created", "indexed"), ("date", "created", "indexed")),
}  # fmt: skip
"""Type -> where its events are. DocumentReference: that there is such a note; its text is not read."""

READ = ("Patient", "Encounter", *FORMS)
"""Types of which each resource is a row of the ledger."""

NOTHING = frozenset({
    "entered-in-error", "refuted", "not-done", "not-taken", "cancelled", "draft", "preparation", "declined", "registered",
    "planned", "proposed",
})  # fmt: skip
"""Words of a status that say that nothing happened, or that there is no result yet. A note that was superseded later had
been there."""
_NEGATED = ("doNotPerform", "notDone", "notGiven", "wasNotGiven", "wasNotTaken", "prohibited")
_INTENDED = frozenset({"proposal", "plan", "option"})
_DOUBTED = frozenset({"unconfirmed", "provisional", "differential"})


class Statement(NamedTuple):
    """One event that a resource states, in its own words; null is nothing said.

    left: the word that says that it is none. when, until, known: times as they stand. drug: the Medication that it refers
    to. value: a number as it stands. codings: system, code, display of each.
    """

    kind: str
    subject: str | None
    visit: str | None
    left: str | None
    when: str | None
    until: str | None
    known: str | None
    drug: str | None
    value: str | None
    text: str | None
    unit: str | None
    codings: tuple[tuple[str | None, str | None, str | None], ...]


def statements(resource: Table) -> Iterator[Statement]:
    """The events of a resource of one of FORMS, one a concept: of an Observation one a component, too."""
    kind = resource["resourceType"]
    form = FORMS[kind]
    subject = reference_text(resource.get("subject") or resource.get("patient"), "Patient")
    visit = reference_text(_visit(resource), "Encounter")
    when, until = moment(resource, form.times)
    if when is None and kind in ("MedicationRequest", "MedicationOrder"):
        when = _valid_from(resource)
    known, _ = moment(resource, form.known)
    left = nothing(resource)
    for concept, drug, result in _concepts(resource, form):
        value, text, unit, absent = result
        yield Statement(
            kind, subject, visit, left or absent, when, until, known, drug, value, text, unit,
            codings(concept, by_text=form.about == "drug"),
        )  # fmt: skip


Result = tuple[str | None, str | None, str | None, str | None]  # value, text, unit, why there is none
_NONE: Result = (None, None, None, None)


def _concepts(resource: Table, form: Form) -> Iterator[tuple[Any, str | None, Result]]:
    """Each concept of a resource, the Medication it refers to in its place, and the result."""
    if form.about == "drug" and "vaccineCode" not in form.codes:
        yield _medication(resource)
        return
    if form.about == "result":
        yield from _results(resource)
        return
    found = [concept for field in form.codes for concept in tables(resource.get(field))]
    for concept in found or [{}]:
        yield concept, None, _NONE


def _results(observation: Table) -> Iterator[tuple[Any, str | None, Result]]:
    """The observation where it has a result of its own or no component, then its components."""
    parts = tables(observation.get("component"))
    own = result(observation)
    if own[:2] != (None, None) or not parts:
        yield observation.get("code"), None, own
    for part in parts:
        yield part.get("code"), None, result(part)


def _medication(resource: Table) -> tuple[Any, str | None, Result]:
    """The concept of the drug: its own, that of a contained Medication, or a reference; R5 has both in one field."""
    concept, reference = resource.get("medicationCodeableConcept"), resource.get("medicationReference")
    both = resource.get("medication")
    if isinstance(both, dict):
        concept, reference = concept or both.get("concept"), reference or both.get("reference")
        reference = both if isinstance(reference, str) else reference
    named = reference_text(reference, "Medication")
    if concept is None and isinstance(reference, dict):
        if named is not None and named.startswith("#"):
            inside = (one for one in tables(resource.get("contained")) if one.get("id") == named[1:])
            contained = next(inside, {})
            return medication_concept(contained), None, _NONE
        if named is None:
            return {"text": reference.get("display")}, None, _NONE
    return concept, named if concept is None else None, _NONE


def medication_concept(medication: Table) -> Any:
    """The concept of a Medication; of one without a code that of its only ingredient."""
    if tables(medication.get("code")):
        return medication["code"]
    inside = tables(medication.get("ingredient"))
    return (inside[0].get("itemCodeableConcept") or inside[0].get("item")) if len(inside) == 1 else None


def result(holder: Table) -> Result:
    """The result of an observation or of a component: number, text, unit; or the word that says that there is none.

    A limit (`<0.01`) is no value: it stays text, as do coded results, in the words of their display.
    """
    quantity = holder.get("valueQuantity")
    if isinstance(quantity, dict) and quantity.get("value") is not None:
        value, unit = text_of(quantity.get("value")), _unit(quantity)
        comparator = quantity.get("comparator")
        return (None, f"{comparator}{value}", unit, None) if comparator else (value, None, unit, None)
    if (whole := holder.get("valueInteger")) is not None:
        return text_of(whole), None, None, None
    said = _said(holder)
    absent = "dataAbsentReason" if said is None and holder.get("dataAbsentReason") else None
    return None, said, None, absent


def _said(holder: Table) -> str | None:
    """A result that is no number, as text."""
    if (concept := holder.get("valueCodeableConcept")) is not None:
        found = codings(concept, by_text=True)
        return next((display or code for _, code, display in found if display or code), None)
    if isinstance(flag := holder.get("valueBoolean"), bool):
        return "true" if flag else "false"
    for field in ("valueString", "valueDateTime", "valueTime"):
        if (said := text_of(holder.get(field))) is not None:
            return said
    if isinstance(ratio := holder.get("valueRatio"), dict):
        ends = [text_of(table(ratio.get(end)).get("value")) for end in ("numerator", "denominator")]
        return ":".join(end or "?" for end in ends)
    if isinstance(limits := holder.get("valueRange"), dict):
        ends = [text_of(table(limits.get(end)).get("value")) for end in ("low", "high")]
        return "-".join(end or "?" for end in ends)
    return None


def _unit(quantity: Table) -> str | None:
    """The UCUM code, else the unit as people write it, else a code of another system."""
    code, unit = text_of(quantity.get("code")), text_of(quantity.get("unit"))
    ucum = str(quantity.get("system") or "").rstrip("/").endswith("unitsofmeasure.org")
    return code if code is not None and (ucum or unit is None) else unit


def nothing(resource: Table) -> str | None:
    """The word of a resource that says that nothing happened; None where it did."""
    for field in ("status", "verificationStatus", "docStatus"):
        word = status_word(resource.get(field))
        if word in NOTHING:
            return word
    if any(resource.get(flag) is True for flag in _NEGATED):
        return "not-done"
    if resource.get("intent") in _INTENDED and not (
        resource.get("reportedBoolean") or resource.get("reportedReference")
    ):
        return str(resource["intent"])
    return None


def remarks(condition: Table) -> list[str]:
    """What a load says of diagnoses that are events like all others: they are doubted, or stand in a problem list."""
    said = []
    if status_word(condition.get("verificationStatus")) in _DOUBTED:
        said.append("conditions that are unconfirmed, provisional or differential, kept")
    if any(code == "problem-list-item" for _, code, _ in codings(condition.get("category"))):
        said.append("conditions of a problem list")
    return said


def status_word(status: Any) -> str | None:
    """A status, be it a code or, as R4's verificationStatus, a concept."""
    if isinstance(status, str):
        return status.strip().lower()
    found = codings(status)
    return found[0][1].strip().lower() if found and found[0][1] else None


def moment(holder: Table, fields: tuple[str, ...]) -> tuple[str | None, str | None]:
    """When the first of these fields that says a time says it was, and until when; of a period without a start its end."""
    for field in fields:
        value = holder.get(field)
        if (said := text_of(value)) is not None:
            return said, None
        if isinstance(value, dict):
            events = value.get("event")  # of a Timing
            first = text_of(events[0]) if isinstance(events, list) and events else None
            start, end = first or text_of(value.get("start")), text_of(value.get("end"))
            if start or end:
                return start or end, end if start else None
    return None, None


def _valid_from(order: Table) -> str | None:
    """When an order without a date begins: to be dispensed, else to be taken."""
    begins = [table(order.get("dispenseRequest")).get("validityPeriod")]
    begins += [
        table(table(one.get("timing")).get("repeat")).get(bounds)
        for one in tables(order.get("dosageInstruction"))
        for bounds in ("boundsPeriod", "bounds")
    ]
    return next((start for period in begins if (start := text_of(table(period).get("start"))) is not None), None)


def codings(concept: Any, *, by_text: bool = False) -> tuple[tuple[str | None, str | None, str | None], ...]:
    """system, code, display of every coding of a concept. by_text: its text in lower case is a code where it has none."""
    found = []
    for one in tables(concept):
        for coding in tables(one.get("coding")):
            if (code := text_of(coding.get("code"))) is not None:
                found.append((text_of(coding.get("system")), code, text_of(coding.get("display"))))
        if by_text and not found:
            named = text_of(one.get("text")) or next(
                (d for c in tables(one.get("coding")) if (d := text_of(c.get("display")))), None
            )
            if named is not None:
                found.append((None, " ".join(named.lower().split()), named))
    return tuple(found)


def _visit(resource: Table) -> Any:
    """encounter; STU3 called it context, and a document's lies in its context."""
    found = resource.get("encounter") or resource.get("context")
    if isinstance(found, list):
        found = found[0] if found else None
    inside = found.get("encounter") if isinstance(found, dict) else None
    if inside:
        return inside[0] if isinstance(inside, list) else inside
    return found if isinstance(found, dict) and ("reference" in found or "identifier" in found) else None


def table(value: Any) -> Table:
    return value if isinstance(value, dict) else {}


def tables(value: Any) -> list[Table]:
    """The objects of a field, be they one or a list; what is none is left out."""
    if isinstance(value, dict):
        return [value]
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def text_of(value: Any) -> str | None:
    """A text that says something, stripped; numbers come as their text already."""
    return (value.strip() or None) if isinstance(value, str) else None
