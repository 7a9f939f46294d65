"""Sepsis-3 on timelines: SOFA and onsets by hand, and against a walk through each patient in plain Python."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_study import save

from clinome.graphs.prediction_tasks.index_rows import index_rows
from clinome.graphs.prediction_tasks.labels import with_task
from clinome.graphs.prediction_tasks.records import Records
from clinome.graphs.prediction_tasks.sepsis3.onset import rises, suspicions
from clinome.graphs.prediction_tasks.sepsis3.roles import roles_of
from clinome.graphs.prediction_tasks.sepsis3.sofa import SYSTEMS, sofa
from clinome.graphs.prediction_tasks.task_file import find_task
from clinome.graphs.tables.study_tables import Tables
from clinome.loaders.errors import InputError
from clinome.loaders.specs import Patients
from clinome.loaders.specs import Records as RecordsSpec
from clinome.loaders.tables import EVENTS

START = datetime(2020, 1, 1)
CREATININE, MOLAR, BILIRUBIN, PLATELETS = "LOINC:2160-0", "LOINC:14682-9", "LOINC:1975-2", "LOINC:777-3"
PO2, FIO2, GCS, MAP, TUBE = "LOINC:2703-7", "VALUE:FiO2", "VALUE:GCS", "VALUE:mimic/220052", "MIMIC:item/225792"
DOPAMINE, NORAD, DOBU, EPI = "DRUG:dopamine", "DRUG:norepinephrine", "DRUG:dobutamine", "DRUG:epinephrine drip"
URINE, LITRES, DAY, RINSED = "VALUE:mimic/40055", "LOINC:9187-6", "LOINC:9192-6", "VALUE:mimic/227489"
DRUG, CULTURE = "DRUG:vancomycin hcl", "MIMIC:microbiologyevents/blood culture/escherichia coli"
UNITS = {CREATININE: "mg/dL", MOLAR: "umol/L", BILIRUBIN: "mg/dL", PLATELETS: "K/uL", PO2: "mm Hg", FIO2: "%", GCS: None,
         MAP: "mmHg", TUBE: None, DRUG: None, CULTURE: None, DOPAMINE: "mcg/kg/min", NORAD: "mcg/kg/min", DOBU: "mcg/kg/min",
         EPI: "mg", URINE: "mL", LITRES: "L"}  # fmt: skip
ROLES = {
    "creatinine": {CREATININE, MOLAR}, "bilirubin": {BILIRUBIN}, "platelets": {PLATELETS}, "po2": {PO2}, "fio2": {FIO2}, "gcs": {GCS},
    "gcs_eyes": {"E"}, "gcs_verbal": {"V"}, "gcs_motor": {"M"}, "arterial_pressure": {MAP}, "ventilation": {TUBE},
    "dopamine": {DOPAMINE}, "norepinephrine": {NORAD}, "dobutamine": {DOBU}, "epinephrine": {EPI}, "urine": {URINE, LITRES}, "urine_of_a_day": {DAY}, "urine_untold": {RINSED},
}  # fmt: skip
CODES = {role: frozenset(found) for role, found in ROLES.items()}
Row = tuple[float, str, float | None]
"""hour, code, number."""


def table(rows: Sequence[tuple[str, float, str, float | None]], words: dict[int, str] | None = None) -> pl.DataFrame:
    said = [
        (who, START + timedelta(hours=h), code, number, (words or {}).get(i), START + timedelta(hours=h), None, UNITS.get(code), "records.ehr")
        for i, (who, h, code, number) in enumerate(rows)
    ]  # fmt: skip
    layout: dict[str, Any] = {**EVENTS}
    return pl.DataFrame(said, schema=layout, orient="row").sort("subject_id", "time", maintain_order=True)


# The naive reference: a patient's score at an hour, as one reads it off the table of Vincent et al.


def points(rows: list[Row], code: str, number: float | None, hour: float) -> tuple[str, int] | None:
    x = number if number is not None else 0.0
    if code in (CREATININE, MOLAR):
        mg = x / 88.4 if code == MOLAR else x
        return "kidneys", 4 if mg >= 5 else 3 if mg >= 3.5 else 2 if mg >= 2 else 1 if mg >= 1.2 else 0
    if code == BILIRUBIN:
        return "liver", 4 if x >= 12 else 3 if x >= 6 else 2 if x >= 2 else 1 if x >= 1.2 else 0
    if code == PLATELETS:
        return "coagulation", 4 if x < 20 else 3 if x < 50 else 2 if x < 100 else 1 if x < 150 else 0
    if code == GCS:
        return "CNS", 4 if x < 6 else 3 if x < 10 else 2 if x < 13 else 1 if x < 15 else 0
    if code == MAP:
        return "circulation", 1 if x < 70 else 0
    if code == DOPAMINE:
        return ("circulation", 4 if x > 15 else 3 if x > 5 else 2) if x > 0 else None
    if code == NORAD:
        return ("circulation", 4 if x > 0.1 else 3) if x > 0 else None
    if code == PO2:
        shares = [(h, v) for h, c, v in rows if c == FIO2 and v and hour - 2 <= h <= hour]
        if not shares:
            return None
        last = max(h for h, _ in shares)
        share = max(v for h, v in shares if h == last)
        ratio = x / (share if share <= 1 else share / 100)
        tube = any(c == TUBE and hour - 24 <= h <= hour for h, c, _ in rows)
        worst = 4 if ratio < 100 else 3 if ratio < 200 else 2 if ratio < 300 else 1 if ratio < 400 else 0
        return "respiration", worst if tube else min(worst, 2)
    return None


def naive_urine(rows: list[Row], hour: float) -> int | None:
    """The kidneys' points by the urine recorded at an hour: walk back through the records until a gap of more than 12 hours."""
    volumes = sorted(
        (h, x * (1000 if code == LITRES else 1)) for h, code, x in rows if code in (URINE, LITRES) and x is not None
    )
    spoilt = [h for h, code, _ in rows if code == RINSED]
    records = sorted({h for h, _ in volumes} | set(spoilt))
    began = hour
    for h in reversed([h for h in records if h <= hour]):
        if began - h > 12:
            break
        began = h
    if hour not in records or hour - began < 24 or any(hour - 24 < h <= hour for h in spoilt):
        return None
    day = sum(x for h, x in volumes if hour - 24 < h <= hour)
    return 4 if day < 200 else 3 if day < 500 else 0


def naive_sofa(rows: list[Row]) -> list[tuple[float, int]]:
    """(hour, score) when a system was measured, and a day later, when that is over: of each the worst of the last 24 hours."""
    each = [(h, found) for h, code, number in rows if (found := points(rows, code, number, h))]
    urine = [
        (h, ("kidneys", score)) for h in sorted({h for h, *_ in rows}) if (score := naive_urine(rows, h)) is not None
    ]
    each, out = each + urine, []
    for hour in sorted({h + later for h, _ in each for later in (0, 24)}):
        worst: dict[str, int] = {}
        for h, (system, score) in each:
            if hour - 24 < h <= hour:
                worst[system] = max(score, worst.get(system, 0))
        out.append((hour, sum(worst.values())))
    return out


def naive_suspicions(rows: list[Row]) -> list[float]:
    drugs, taken = ([h for h, c, _ in rows if c == code] for code in (DRUG, CULTURE))
    first = [a for a in drugs if any(a <= c <= a + 24 for c in taken)]
    return sorted({*first, *(c for c in taken if any(c <= a <= c + 72 for a in drugs))})


def naive_onset(rows: list[Row], zero: bool = False) -> float | None:
    """The first hour at which SOFA lies two points above its lowest of the window so far, in the window of any suspicion."""
    scores, risen = naive_sofa(rows), []
    for s in naive_suspicions(rows):
        window = [(h, score) for h, score in scores if s - 48 <= h <= s + 24]
        risen += [h for i, (h, score) in enumerate(window)
                  if score - (0 if zero else min(x for _, x in window[: i + 1])) >= 2]  # fmt: skip
    return min(risen, default=None)


def hours_of(times: pl.Series) -> list[float]:
    return [(time - START) / timedelta(hours=1) for time in times]


def test_a_patient_scored_by_hand() -> None:
    """Hour 0: creatinine 1.3 (1), platelets 160 (0). Hour 3: PaO2 90 at FiO2 50 %, ratio 180, no tube (2), GCS 14 (1): 4.
    Hour 10: bilirubin 2.0 (2), norepinephrine 0.05 (3): 9. Hour 26: creatinine 177 µmol/L is 2.0 mg/dL (2), the first is older
    than a day, so are the platelets: 2 + 2 + 3 + 2 + 1 = 10. Hour 28: PaO2 without FiO2 says nothing."""
    rows = [("a", 0.0, CREATININE, 1.3), ("a", 0.0, PLATELETS, 160.0), ("a", 2.0, FIO2, 50.0), ("a", 3.0, PO2, 90.0),
            ("a", 3.0, GCS, 14.0), ("a", 10.0, BILIRUBIN, 2.0), ("a", 10.0, NORAD, 0.05), ("a", 26.0, MOLAR, 177.0),
            ("a", 28.0, PO2, 60.0)]  # fmt: skip
    found, notes = sofa(table(rows), CODES)
    scores = [(0, 1), (3, 4), (10, 9), (24, 8), (26, 10), (27, 7), (34, 2), (50, 0)]
    assert list(zip(hours_of(found["time"]), found["sofa"], strict=True)) == scores
    last = found.row(4, named=True)
    assert [last[one] for one in SYSTEMS] == [2, None, 2, 3, 1, 2] and notes == ()


@pytest.mark.parametrize(
    ("code", "number", "score"),
    [(DOPAMINE, 5.0, 2), (DOPAMINE, 5.1, 3), (DOPAMINE, 15.1, 4), (DOPAMINE, 0.0, None), (NORAD, 0.1, 3), (NORAD, 0.11, 4),
     (DOBU, 20.0, 2), (EPI, 2.0, 3), (MAP, 69.0, 1), (MAP, 70.0, 0)],
)  # fmt: skip
def test_catecholamines_by_dose_where_it_is_per_kilogram(code: str, number: float, score: int | None) -> None:
    found, _ = sofa(table([("a", 0.0, code, number)]), CODES)
    assert found["circulation"].drop_nulls().to_list() == ([] if score is None else [score])


def test_oxygen_needs_support_for_three_points_and_a_share_reads_as_per_cent() -> None:
    rows = [("a", 0.0, FIO2, 0.9), ("a", 1.0, PO2, 80.0), ("b", 0.0, FIO2, 90.0), ("b", 0.0, TUBE, None), ("b", 1.0, PO2, 80.0),
            ("c", 0.0, FIO2, 90.0), ("c", 2.5, PO2, 80.0)]  # fmt: skip
    found, _ = sofa(table(rows), CODES)
    assert found.select("subject_id", "respiration").drop_nulls().rows() == [
        ("a", 2),
        ("b", 4),
    ]  # of c nobody knows the FiO2


def test_a_coma_scale_in_three_parts_and_of_whom_a_tube_keeps_from_speaking() -> None:
    rows = [(who, 1.0, part, number) for who in "ab" for part, number in (("E", 3.0), ("V", 1.0), ("M", 5.0))]
    found, _ = sofa(table(rows, words={4: "No Response-ETT"}), CODES)
    assert found.select("subject_id", "CNS").drop_nulls().rows() == [("a", 3)]


def test_numbers_whose_unit_nobody_knows_are_no_part_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(UNITS, CREATININE, None)
    monkeypatch.setitem(UNITS, BILIRUBIN, "puffs")
    found, notes = sofa(
        table([("a", 0.0, CREATININE, 300.0), ("a", 0.0, BILIRUBIN, 9.0), ("a", 0.0, PLATELETS, 90.0)]), CODES
    )
    assert found["sofa"].to_list() == [2, 0]
    assert notes == ("1 numbers of creatinine without a unit, which may be in several: no part of SOFA",
                     "1 numbers of bilirubin in puffs, which does not become mg/dL: no part of SOFA")  # fmt: skip


def test_urine_of_a_day_by_hand() -> None:
    """a: 900 mL at hour 0, then 100 every 6 hours: at hour 24 a day is there, 400 mL (3); at hour 30, 100 + 100 + 100 + 10 = 310;
    at 36 and 42 none comes: 210 at hour 36, 110 at 42 (4). b has 10 mL an hour, but came 23 hours ago. c begins anew after 13
    hours without a record, so nothing is told until 24 hours later; d stays above 500 mL; e was rinsed; f's total is of a day."""
    a = [("a", 0.0, URINE, 900.0), *(("a", h, URINE, 100.0) for h in (6.0, 12.0, 18.0, 24.0)), ("a", 30.0, URINE, 10.0),
         ("a", 36.0, URINE, 0.0), ("a", 42.0, LITRES, 0.0)]  # fmt: skip
    b = [("b", float(h), URINE, 10.0) for h in range(24)]
    c = [("c", float(h), URINE, 10.0) for h in (0, 10, 20, 33, 45, 56)]
    d = [("d", float(h), LITRES, 0.2) for h in range(0, 31, 6)]
    e = [*(("e", float(h), URINE, 10.0) for h in range(0, 31, 6)), ("e", 12.0, RINSED, 3000.0)]
    found, notes = sofa(table([*a, *b, *c, *d, *e]), CODES)
    each = {
        who: part["kidneys"].drop_nulls().to_list()
        for (who,), part in found.group_by("subject_id", maintain_order=True)
    }
    assert list(zip(hours_of(found.filter(subject_id="a")["time"]), found.filter(subject_id="a")["kidneys"], strict=True)) == [
        (24, 3), (30, 3), (36, 3), (42, 4), (48, 4), (54, 4), (60, 4), (66, None)]  # fmt: skip
    assert {who for who, points in each.items() if points} == {"a", "d"} and set(each["d"]) == {0}
    assert notes == ("urine output counts of 2 of 5 patients: of the others 24 hours of it are nowhere recorded without a gap of more than 12, or a part was not measured",)  # fmt: skip


@pytest.mark.parametrize(
    ("code", "unit", "number", "points"),
    [(DAY, "mL", 499.0, 3), (DAY, "L/d", 0.199, 4), (DAY, "mL/24h", 500.0, 0), (DAY, "ml/day", 199.9, 4), (DAY, None, 150.0, None),
     (DAY, "mg", 150.0, None)],
)  # fmt: skip
def test_a_total_of_a_day_counts_as_it_stands_in_the_unit_that_it_names(
    monkeypatch: pytest.MonkeyPatch, code: str, unit: str | None, number: float, points: int | None
) -> None:
    monkeypatch.setitem(UNITS, code, unit)
    found, notes = sofa(table([("a", 0.0, code, number)]), CODES)
    assert found["kidneys"].drop_nulls().unique().to_list() == ([] if points is None else [points])
    assert ("no part of SOFA" in " ".join(notes)) == (points is None)


def test_a_volume_without_a_unit_counts_only_where_its_source_says_it(monkeypatch: pytest.MonkeyPatch) -> None:
    hourly = "VALUE:Urine"
    for code in (URINE, hourly):
        monkeypatch.setitem(UNITS, code, None)
    rows = [(who, float(h), code, 10.0) for who, code in (("a", URINE), ("b", hourly)) for h in range(26)]
    found, notes = sofa(table(rows), {**CODES, "urine": frozenset({URINE, hourly})})
    assert found.drop_nulls("kidneys")["subject_id"].unique().to_list() == ["a"]
    assert notes == ("26 numbers of urine without a unit, which may be in several: no part of SOFA",)


def test_a_volume_below_zero_tells_nothing_for_a_day() -> None:
    found, notes = sofa(table([("a", float(h), URINE, -300.0 if h == 30 else 100.0) for h in range(60)]), CODES)
    hours = hours_of(found.drop_nulls("kidneys")["time"])
    assert max(found["kidneys"].drop_nulls()) == 0 and 30.0 not in hours and 54.0 in hours
    assert notes == ("1 volumes of urine below 0: for a day after them urine is no part of SOFA",)


def test_what_comes_later_changes_no_score_before_it() -> None:
    """A day without urine is a failing kidney when it is over, and not before."""
    rows = [("a", float(h), URINE, 100.0 if h < 40 else 0.0) for h in range(0, 90, 2)]
    whole, _ = sofa(table(rows), CODES)
    for until in (30.0, 50.0, 64.0):
        seen, _ = sofa(table([row for row in rows if row[1] <= until]), CODES)
        early = pl.col("time") <= START + timedelta(hours=until)
        assert seen.filter(early).equals(whole.filter(early))


_MEASURED = st.sampled_from([CREATININE, MOLAR, BILIRUBIN, PLATELETS, GCS, MAP, DOPAMINE, NORAD, PO2, FIO2, TUBE])
_NUMBERS = {
    CREATININE: (0.5, 1.2, 2.0, 3.6, 6.0), MOLAR: (60.0, 150.0, 200.0, 350.0, 500.0), BILIRUBIN: (0.4, 1.2, 3.0, 6.0, 12.0),
    PLATELETS: (10.0, 40.0, 90.0, 120.0, 200.0), GCS: (3.0, 8.0, 11.0, 14.0, 15.0), MAP: (60.0, 80.0), DOPAMINE: (0.0, 4.0, 8.0, 20.0),
    NORAD: (0.0, 0.05, 0.3), PO2: (50.0, 80.0, 100.0, 140.0), FIO2: (0.3, 40.0, 100.0), TUBE: (None,),
}  # fmt: skip
_TOLD = _MEASURED.flatmap(
    lambda code: st.tuples(st.integers(0, 120).map(float), st.just(code), st.sampled_from(_NUMBERS[code]))
)
_INFECTED = st.tuples(st.integers(0, 120).map(float), st.sampled_from([DRUG, CULTURE]), st.none())
_PASSED = st.tuples(
    st.integers(0, 30).map(lambda n: 4.0 * n), st.sampled_from([(URINE, 0.0), (URINE, 40.0), (URINE, 200.0), (LITRES, 0.1), (LITRES, 0.5)])
).map(lambda told: (told[0], *told[1]))  # fmt: skip
_RINSED = st.tuples(st.integers(0, 120).map(float), st.just(RINSED), st.none())
_PATIENT = st.tuples(
    st.lists(_TOLD, max_size=14), st.lists(_INFECTED, max_size=4), st.lists(_PASSED, max_size=30), st.lists(_RINSED, max_size=1)
).map(lambda parts: [row for part in parts for row in part])  # fmt: skip


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(_PATIENT, min_size=1, max_size=3), st.booleans())
def test_scores_suspicions_and_onsets_are_those_of_a_walk_through_each_patient(
    people: list[list[Row]], zero: bool
) -> None:
    rows = [(f"p{i}", *row) for i, person in enumerate(people) for row in person]
    events = table(rows)
    scores, _ = sofa(events, CODES)
    drugs, taken = (
        events.filter(pl.col("code") == code).select("subject_id", "time").unique() for code in (DRUG, CULTURE)
    )
    suspected = suspicions(drugs.sort("subject_id", "time"), taken.sort("subject_id", "time"))
    onsets = rises(scores, suspected, "zero" if zero else "lowest")
    for i, person in enumerate(people):
        mine = {"subject_id": f"p{i}"}
        told = scores.filter(**mine)
        assert list(zip(hours_of(told["time"]), told["sofa"], strict=True)) == naive_sofa(person)
        assert hours_of(suspected.filter(**mine)["time"]) == naive_suspicions(person)
        first = hours_of(onsets.filter(**mine)["time"].sort())
        assert (first[0] if first else None) == naive_onset(person, zero)


def _study(folder: Path, rows: list[tuple[str, float, str, float | None]], until: float = 40) -> Tables:
    tables = Tables(folder, "study")
    save(tables, RecordsSpec((Path("ehr.csv"),), name="ehr"), events=table(rows))
    seen = pl.DataFrame({"subject_id": sorted({who for who, *_ in rows})}).with_columns(
        observed_from=pl.lit(START), observed_until=pl.lit(START + timedelta(hours=until))
    )  # fmt: skip
    save(tables, Patients((Path("people.csv"),)), patients=seen)
    return tables


ILL = [("a", 2.0, CREATININE, 1.0), ("a", 8.0, DRUG, None), ("a", 10.0, CULTURE, None), ("a", 12.0, CREATININE, 2.4),
       ("b", 2.0, CREATININE, 1.0), ("b", 12.0, CREATININE, 2.4), ("c", 2.0, CREATININE, 3.0), ("c", 8.0, DRUG, None),
       ("c", 10.0, CULTURE, None), ("c", 12.0, CREATININE, 3.1)]  # fmt: skip
"""a falls ill at hour 12; of b infection is never suspected; c comes with a failing kidney that gets no worse."""


def test_hours_are_asked_until_the_onset_and_labelled_by_what_comes(tmp_path: Path) -> None:
    tables = _study(tmp_path, ILL)
    task = find_task("sepsis3", Path())
    rows, _ = index_rows(task.index, Records(tables), pl.Series(list("abc")))
    made = with_task(rows, task, Records(tables), "boolean")
    hours = made.rows.with_columns(hour=pl.Series(hours_of(made.rows["prediction_time"])))
    assert hours.filter(label=True).select("subject_id", "hour").rows() == [("a", float(h)) for h in range(6, 12)]
    assert hours.filter(subject_id="a")["hour"].max() == 11
    assert set(hours_of(made.rows["event_time"].drop_nulls())) == {12.0}
    said = "\n".join(made.notes)
    assert "SOFA of 1 of 6 organ systems, by patients: kidneys 3; nothing is recorded of respiration" in said
    assert "2 patients with a suspicion of infection, 1 of them with sepsis" in said
    zero = find_task({"task": "sepsis3", "baseline": "zero"}, Path())
    assert set(with_task(rows, zero, Records(tables), "boolean").rows.filter(label=True)["subject_id"]) == {"a", "c"}


def test_what_the_data_do_not_allow_is_an_error_that_says_what_would(tmp_path: Path) -> None:
    task = find_task("sepsis3", Path())
    cases = {
        "no antibiotic": [row for row in ILL if row[2] != DRUG],
        "no culture": [row for row in ILL if row[2] != CULTURE],
        "nothing of which SOFA": [row for row in ILL if row[2] != CREATININE],
    }
    for i, (said, rows) in enumerate(cases.items()):
        tables = _study(tmp_path / str(i), rows)
        asked, _ = index_rows(task.index, Records(tables), pl.Series(["a"]))
        with pytest.raises(InputError, match=said) as found:
            with_task(asked, task, Records(tables), "boolean")
        assert "sepsis_early_warning" in found.value.fix
        lenient = with_task(asked, task, Records(tables, lenient=True), "boolean")
        assert not lenient.rows["label"].drop_nulls().any()  # a saved model predicts where nobody can say the outcome
    named = find_task({"task": "sepsis3", "antibiotics": ["DRUG:blue pills"]}, Path())
    rows = [(who, h, "DRUG:blue pills" if code == DRUG else code, n) for who, h, code, n in ILL]
    tables = _study(tmp_path / "named", rows)
    asked, _ = index_rows(named.index, Records(tables), pl.Series(["a"]))
    assert with_task(asked, named, Records(tables), "boolean").rows["label"].sum() == 6


@pytest.mark.parametrize(
    ("code", "name", "role"),
    [("DRUG:piperacillin-tazobactam na", "", "antibiotics"), ("RXNORM:1", "cefepime 1000 MG Injection", "antibiotics"),
     ("ATC:J01DD04", "", "antibiotics"), ("DRUG:ciprofloxacin 0.3% ophth soln", "", None), ("DRUG:magnesium sulfate", "", None),
     ("DRUG:vancomycin enema", "", None), ("DRUG:bleomycin", "", None), ("MIMIC:microbiologyevents/urine/klebsiella", "", "cultures"),
     ("MIMIC:microbiologyevents/mrsa screen", "", None), ("LOINC:600-7", "", "cultures"), ("DRUG:norepinephrine (mcg/min)", "", "norepinephrine"),
     ("DRUG:lidocaine-epinephrine", "", None), ("VALUE:Bilirubin_total", "", "bilirubin"), ("VALUE:Bilirubin_direct", "", None),
     ("LOINC:9187-6", "", "urine"), ("VALUE:Urine", "", "urine"), ("VALUE:mimic/226559", "Foley", "urine"), ("LOINC:9192-6", "", "urine_of_a_day"),
     ("VALUE:intakeoutput/urine catheter", "", "urine"), ("VALUE:intakeoutput/straight  cath", "", "urine"),
     ("VALUE:intakeoutput/urine output (ml)-indwelling catheter", "", "urine"), ("VALUE:intakeoutput/foley", "", "urine"),
     ("VALUE:intakeoutput/incontinent urine counts", "", "urine_untold"), ("VALUE:intakeoutput/brp (urine)", "", "urine_untold"),
     ("VALUE:intakeoutput/bladder irrigation out", "", "urine_untold"), ("VALUE:intakeoutput/urine color", "", None),
     ("VALUE:intakeoutput/stool", "", None), ("VALUE:urine glucose", "", None),
     ("LOINC:1968-7", "", None), ("EICU:treatment/infectious diseases|cultures|blood", "", "cultures")],
)  # fmt: skip
def test_what_codes_say(code: str, name: str, role: str | None) -> None:
    assert roles_of(code, name) == (() if role is None else (role,))
