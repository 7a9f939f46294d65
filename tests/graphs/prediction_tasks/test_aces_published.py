"""ACES's own sample tasks as they are published, against a walk through each patient in plain Python.

The tasks: https://github.com/justin13601/ACES, sample_configs/ (MIT, © 2024 Justin Xu, Matthew McDermott), in a shorter spelling.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from timelines import at, timelines

from clinome.graphs.prediction_tasks.aces.labels import with_aces
from clinome.graphs.prediction_tasks.aces.task import parse_aces
from clinome.graphs.prediction_tasks.records import Records
from clinome.loaders.errors import InputError

SPO2 = "lab_name//O2 saturation pulseoxymetry (%)"
STAYS = 'admission: {code: {regex: "ADMISSION//.*"}}\n  discharge: {code: {regex: "DISCHARGE//.*"}}'
OPEN = "start_inclusive: False, end_inclusive: True"
CLOSED = "start_inclusive: True, end_inclusive: True"
ABNORMAL_LAB = f"""
predicates:
  spo2: {{code: "{SPO2}"}}
  normal_spo2: {{code: "{SPO2}", value_min: 90, value_max: 120, value_min_inclusive: True, value_max_inclusive: True}}
  abnormally_low_spo2: {{code: "{SPO2}", value_max: 90, value_max_inclusive: False}}
  abnormally_high_spo2: {{code: "{SPO2}", value_min: 120, value_min_inclusive: False}}
  abnormal_spo2: {{expr: "or(abnormally_low_spo2, abnormally_high_spo2)"}}
trigger: normal_spo2
windows:
  input: {{start: NULL, end: trigger, {CLOSED}, index_timestamp: end}}
  gap: {{start: trigger, end: start + 24h, {OPEN}}}
  target: {{start: gap.end, end: start + 7 days, {OPEN}, has: {{spo2: "(1, None)"}}, label: abnormal_spo2}}
"""
IMMINENT = f"""
predicates: {{death: {{code: DEATH}}}}
trigger: _ANY_EVENT
windows:
  gap: {{start: trigger, end: start + 2 hours, {CLOSED}, index_timestamp: end}}
  target: {{start: gap.end, end: start + 24 hours, {OPEN}, label: death}}
"""
INHOSPITAL = f"""
predicates:
  {STAYS}
  death: {{code: DEATH}}
  discharge_or_death: {{expr: "or(discharge, death)"}}
patient_demographics: {{male: {{code: SEX//male}}}}
trigger: admission
windows:
  input: {{start: NULL, end: trigger + 24h, {CLOSED}, has: {{_ANY_EVENT: "(5, None)"}}, index_timestamp: end}}
  gap: {{start: trigger, end: start + 48h, {OPEN}, has: {{admission: "(None, 0)", discharge: "(None, 0)", death: "(None, 0)"}}}}
  target: {{start: gap.end, end: start -> discharge_or_death, {OPEN}, label: death}}
"""
WEANING = f"""
predicates:
  procedure_start: {{code: PROCEDURE_START}}
  procedure_end: {{code: PROCEDURE_END}}
  ventilation: {{code: procedure//Invasive Ventilation}}
  ventilation_start: {{expr: "and(procedure_start, ventilation)"}}
  ventilation_end: {{expr: "and(procedure_end, ventilation)"}}
trigger: ventilation_start
windows:
  input: {{start: NULL, end: trigger, {CLOSED}, index_timestamp: end}}
  target: {{start: trigger, end: start -> ventilation_end, {OPEN}}}
"""
RECURRENCE = f"""
predicates:
  {STAYS}
  diagnosis_ICD9CM_41071: {{code: diagnosis//ICD9CM_41071}}
  diagnosis_ICD10CM_I214: {{code: diagnosis//ICD10CM_I214}}
  myocardial_infarction: {{expr: "or(diagnosis_ICD9CM_41071, diagnosis_ICD10CM_I214)"}}
trigger: discharge
windows:
  input: {{start: end <- admission, end: trigger, {OPEN}, index_timestamp: end}}
  gap: {{start: trigger, end: start + 365 days, {OPEN}, has: {{myocardial_infarction: "(None, 0)"}}}}
  target: {{start: gap.end, end: start + 1095 days, {OPEN}, label: myocardial_infarction}}
"""
READMISSION = f"""
predicates:
  {STAYS}
trigger: admission
windows:
  input: {{start: trigger, end: start -> discharge, {OPEN}, index_timestamp: end}}
  target: {{start: input.end, end: start + 30 days, {OPEN}, label: admission}}
"""
ADMITTED, DISCHARGED, MI = "MEDS:ADMISSION//ED", "MEDS:DISCHARGE//HOME", "MEDS:diagnosis//ICD10CM_I214"
LAB, DIED, MALE = f"MEDS:{SPO2}", "MEDS:DEATH", "MEDS:SEX//male"
Event = tuple[float, str, float | None]
Label = tuple[float, bool | None]
HOUR = 1 / 24


def cohort() -> dict[str, list[Event]]:
    """Forty patients: stays, oximetry, heart attacks, deaths. Times are whole eighths of an hour, exact in binary."""
    rng = np.random.default_rng(13)
    made: dict[str, list[Event]] = {}
    for i in range(40):
        events: list[Event] = []
        day = float(rng.integers(0, 9))
        for _ in range(int(rng.integers(1, 4))):
            stay = float(rng.choice([1.0, 2.0, 4.5, 9.0]))
            events += [(day, ADMITTED, None), (day + stay, DISCHARGED, None)]
            events += [(day + j * stay / 8, LAB, float(rng.choice([88, 90, 97, 120, 121]))) for j in range(1, 8)]
            if rng.random() < 0.4:
                events.append((day + stay, MI, None))
            day += stay + float(rng.choice([6.0, 20.0, 30.0, 45.0, 390.0]))
        if rng.random() < 0.4:
            last = max(d for d, *_ in events)
            events.append((last - float(rng.choice([0.0, 0.5])), DIED, None))
        made[f"p{i:02d}"] = sorted(events, key=lambda one: (one[0], one[1]))
    return made


def days(events: list[Event], *codes: str) -> list[float]:
    return sorted({d for d, code, _ in events if code in codes})


def abnormal_lab(events: list[Event], male: bool) -> list[Label]:
    found: list[Label] = []
    for now in sorted({d for d, code, v in events if code == LAB and v is not None and 90 <= v <= 120}):
        ahead = [v for d, code, v in events if code == LAB and v is not None and now + 1 < d <= now + 8]
        if ahead:
            found.append((now, any(v < 90 or v > 120 for v in ahead)))
    return found


def imminent(events: list[Event], male: bool) -> list[Label]:
    moments = sorted({d for d, *_ in events})
    return [(d + 2 * HOUR, any(d + 2 * HOUR < x <= d + 26 * HOUR for x in days(events, DIED))) for d in moments]


def inhospital(events: list[Event], male: bool) -> list[Label]:
    found: list[Label] = []
    for now in days(events, ADMITTED) if male else []:
        soon = [d for d, code, _ in events if now < d <= now + 2 and code in (ADMITTED, DISCHARGED, DIED)]
        if len({d for d, *_ in events if d <= now + 1}) >= 5 and not soon:
            ends = [d for d in days(events, DISCHARGED, DIED) if d > now + 2]
            found.append((now + 1, ends[0] in days(events, DIED) if ends else None))
    return found


def recurrence(events: list[Event], male: bool) -> list[Label]:
    attacks = days(events, MI)
    return [
        (now, any(now + 365 < d <= now + 365 + 1095 for d in attacks))
        for now in days(events, DISCHARGED)
        if not any(now < d <= now + 365 for d in attacks)
    ]


def readmission(events: list[Event], male: bool) -> list[Label]:
    found: list[Label] = []
    for now in days(events, ADMITTED):
        ends = [d for d in days(events, DISCHARGED) if d > now]
        if ends:
            found.append((ends[0], any(ends[0] < d <= ends[0] + 30 for d in days(events, ADMITTED))))
    return found


@pytest.mark.parametrize(
    ("text", "walk"),
    [(ABNORMAL_LAB, abnormal_lab), (IMMINENT, imminent), (INHOSPITAL, inhospital), (RECURRENCE, recurrence), (READMISSION, readmission)],
)  # fmt: skip
def test_published_tasks_against_a_walk(
    tmp_path: Path, text: str, walk: Callable[[list[Event], bool], list[Label]]
) -> None:
    people = cohort()
    events: list[Any] = [(who, d, code, d, value) for who, one in people.items() for d, code, value in one]
    events += [(who, None, MALE) for who in people if int(who[1:]) % 3]
    made = with_aces(parse_aces(yaml.safe_load(text), "t"), Records(timelines(tmp_path, events=events)))
    want = {(who, at(day)): label for who, one in people.items() for day, label in walk(one, bool(int(who[1:]) % 3))}
    assert {(who, day): label for who, day, label in made.rows.iter_rows()} == want
    assert {True, False} <= set(want.values())


def test_weaning_has_no_outcome_and_is_told_to_name_one(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"0 windows with label.*write label in one window: the predicate that is the outcome"
    ):
        parse_aces(yaml.safe_load(WEANING), "t")
    asked = yaml.safe_load(WEANING)
    asked["predicates"]["death"] = {"code": "DEATH"}
    asked["windows"]["target"]["label"] = "death"
    on, off, tube = "MEDS:PROCEDURE_START", "MEDS:PROCEDURE_END", "MEDS:procedure//Invasive Ventilation"
    events = [("a", 1, on), ("a", 1, tube), ("a", 2, DIED), ("a", 3, off), ("a", 3, tube),
              ("b", 1, on), ("b", 2, off), ("b", 2, tube), ("b", 5, on), ("b", 5, tube), ("b", 7, off), ("b", 7, tube)]  # fmt: skip
    made = with_aces(parse_aces(asked, "t"), Records(timelines(tmp_path, events=events)))
    assert made.rows.rows() == [("a", at(1), True), ("b", at(5), False)]


@pytest.mark.parametrize("text", [ABNORMAL_LAB, IMMINENT, INHOSPITAL, RECURRENCE, READMISSION])
def test_codes_that_this_data_has_not_are_named(tmp_path: Path, text: str) -> None:
    records = Records(timelines(tmp_path, events=[("a", 1, "MEDS:SOMETHING"), ("a", 2, "MEDS:ELSE")]))
    with pytest.raises(InputError, match=r"predicate \w+: no event of this study is so.*Fix: map it"):
        with_aces(parse_aces(yaml.safe_load(text), "t"), records)
