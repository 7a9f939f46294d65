"""Units and values that cannot be: golden conversions, a naive reference, nothing mixed, nothing silently lost."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinome.graphs.snapshot.events import by_unit
from clinome.loaders.files.losses import IMPOSSIBLE
from clinome.loaders.identifiers.genes import GeneTable
from clinome.loaders.measurements.measures import measure, measures, sentinels
from clinome.loaders.measurements.one_unit import in_one_unit
from clinome.loaders.measurements.units import conversion, spelled
from clinome.loaders.registry import read_source
from clinome.loaders.specs import Records
from clinome.loaders.tables import EVENTS, REJECTS, Known, Loaded, Tally, in_layout

ANYONE = Known(None, None, GeneTable.empty())


def events(*rows: tuple[str, float | None, str | None]) -> Loaded:
    frame = pl.DataFrame(rows, schema={"code": pl.String, "numeric_value": pl.Float64, "unit": pl.String}, orient="row")
    cells = Tally(len(rows), len(rows), 0, 0)
    return Loaded("records.x", Tally(len(rows), len(rows), 0, 0), pl.DataFrame(schema=REJECTS),
                  events=in_layout(frame, EVENTS), cells=cells)  # fmt: skip


def values(loaded: Loaded) -> list[tuple[float | None, str | None]]:
    assert loaded.events is not None
    return list(loaded.events.select("numeric_value", "unit").iter_rows())


@pytest.mark.parametrize(
    ("code", "value", "unit", "want", "kept"),
    [
        # AMA Manual of Style, 11th ed., SI conversion factors; by each the number in SI is the conventional one's times it
        ("LOINC:2345-7", 5.551, "mmol/L", 100.0, "mg/dL"),  # glucose: 0.0555
        ("LOINC:14749-6", 100.0, "mg/dL", 5.551, "mmol/L"),
        ("LOINC:2160-0", 88.4, "umol/L", 1.0, "mg/dL"),  # creatinine: 88.4
        ("LOINC:1975-2", 17.104, "µmol/L", 1.0, "mg/dL"),  # bilirubin: 17.104
        ("LOINC:17861-6", 2.495, "mmol/L", 10.0, "mg/dL"),  # calcium: 0.25
        ("LOINC:17861-6", 5.0, "mEq/L", 10.02, "mg/dL"),
        ("LOINC:3094-0", 3.57, "mmol/L", 10.0, "mg/dL"),  # urea nitrogen: 0.357
        ("LOINC:2093-3", 5.18, "mmol/L", 200.0, "mg/dL"),  # cholesterol: 0.0259
        ("LOINC:2571-8", 1.129, "mmol/L", 100.0, "mg/dL"),  # triglycerides: 0.0113
        ("LOINC:718-7", 140.0, "g/L", 14.0, "g/dL"),  # haemoglobin: 10.0
        ("LOINC:718-7", 8.689, "mmol/L", 14.0, "g/dL"),  # 0.6206
        ("LOINC:2951-2", 140.0, "MEQ/L", 140.0, "mmol/L"),
        ("LOINC:2823-3", 4.0, "mEq/L", 4.0, "mmol/L"),
        ("LOINC:2524-7", 18.0, "mg/dL", 2.0, "mmol/L"),  # lactate: 0.111
        ("LOINC:10839-9", 0.04, "ng/mL", 40.0, "ng/L"),  # troponin
        ("LOINC:8310-5", 98.6, "[degF]", 37.0, "Cel"),
        ("LOINC:8310-5", 98.6, "F", 37.0, "Cel"),
        ("LOINC:29463-7", 154.3, "lb", 70.0, "kg"),
        ("LOINC:29463-7", 3200.0, "g", 3.2, "kg"),
        ("LOINC:8302-2", 70.0, "in", 177.8, "cm"),
        ("LOINC:6690-2", 7.5, "K/uL", 7.5, "10*3/uL"),
        ("LOINC:6690-2", 7.5, "x10^9/L", 7.5, "10*3/uL"),
        ("LOINC:6690-2", 7500.0, "/uL", 7.5, "10*3/uL"),
        ("LOINC:789-8", 4.5, "m/uL", 4.5, "10*6/uL"),
        ("LOINC:2019-8", 5.333, "kPa", 40.0, "mm[Hg]"),
        ("LOINC:8480-6", 120.0, "mm Hg", 120.0, "mm[Hg]"),
        ("LOINC:4544-3", 0.45, "L/L", 45.0, "%"),
        ("LOINC:8867-4", 70.0, "{beats}/min", 70.0, "/min"),
        ("LOINC:2744-1", 7.4, "[pH]", 7.4, "pH"),
        ("LOINC:1742-6", 30.0, "IU/L", 30.0, "U/L"),
        ("VALUE:Glucose", 5.551, "mmol/L", 100.0, "mg/dL"),
        ("VALUE:Mg", 1.0, "mmol/L", 2.43, "mg/dL"),
    ],
)  # fmt: skip
def test_golden_conversions(code: str, value: float, unit: str, want: float, kept: str) -> None:
    (found,) = values(in_one_unit(events((code, value, unit))))
    assert found[0] == pytest.approx(want, rel=2e-3) and found[1] == kept


def test_what_does_not_convert_stays_apart_and_is_counted() -> None:
    found = in_one_unit(events(
        ("LOINC:2345-7", 90.0, "mg/dL"), ("LOINC:2345-7", 5.0, "furlong"), ("LOINC:2345-7", 3.0, "mmol/mol"),
        ("LOINC:1751-7", 4.0, "g/dL"), ("LOINC:1751-7", 600.0, "umol/L"),  # albumin: no molar mass, no conversion
        ("LOINC:4548-4", 6.5, "%"), ("LOINC:4548-4", 48.0, "mmol/mol"),  # HbA1c: both are shares, neither the other's
        ("LOINC:770-8", 60.0, "%"), ("LOINC:770-8", 4.0, "10*3/uL"),
    ))  # fmt: skip
    assert values(found) == [
        (90.0, "mg/dL"), (5.0, "furlong"), (3.0, "mmol/mol"), (4.0, "g/dL"), (600.0, "umol/L"),
        (6.5, "%"), (48.0, "mmol/mol"), (60.0, "%"), (4.0, "10*3/uL"),
    ]  # fmt: skip
    assert found.counts["values of LOINC:2345-7 in furlong, which does not become mg/dL: kept apart"] == 1
    assert found.counts["values of LOINC:1751-7 in umol/L, which does not become g/dL: kept apart"] == 1
    assert any(
        what.startswith("codes whose values come in several units") and n == 4 for what, n in found.counts.items()
    )
    assert found.events is not None and by_unit(found.events)["code"].n_unique() == 9, "no two units are one input"


def test_the_report_says_what_was_given_and_how_it_became_what_is_kept() -> None:
    found = in_one_unit(events(*[("LOINC:2345-7", 5.0, "mmol/L")] * 3, ("LOINC:2345-7", 90.0, "mg/dL")))
    assert found.counts == {"values of LOINC:2345-7 kept in mg/dL, given in mmol/L (× 18.0156)": 3}
    plain = in_one_unit(events(("LOINC:2345-7", 90.0, "MG/DL"), ("X:1", 3.0, None)))
    assert not plain.counts and values(plain) == [(90.0, "mg/dL"), (3.0, None)]


def test_a_code_that_no_table_knows_goes_into_its_commonest_unit() -> None:
    found = in_one_unit(
        events(("L:1", 1.0, "g"), ("L:1", 2.0, "g"), ("L:1", 500.0, "mg"), ("L:1", 7.0, "mL"), ("L:1", 8.0, None))
    )
    assert values(found) == [(1.0, "g"), (2.0, "g"), (0.5, "g"), (7.0, "mL"), (8.0, None)]


def test_what_cannot_be_is_rejected_as_a_cell_with_the_reason_and_what_is_rare_stays() -> None:
    rows = [("LOINC:2744-1", 7.4, "pH")] * 5 + [("LOINC:2744-1", 70.0, "pH"), ("LOINC:2744-1", 6.6, "pH")]
    rows += [("LOINC:8867-4", 0.0, "/min"), ("LOINC:8867-4", 260.0, "/min"), ("LOINC:8310-5", 300.0, "Cel"),
             ("LOINC:8310-5", -1.0, "Cel"), ("LOINC:8310-5", 9999.0, "[degF]"), ("LOINC:8310-5", 28.0, "Cel"),
             ("LOINC:777-3", 999.0, "K/uL"), ("LOINC:11555-0", -1.0, "mmol/L")]  # fmt: skip
    found = in_one_unit(events(*rows))
    kept = [value for value, _ in values(found)]
    assert kept == [7.4] * 5 + [None, 6.6, None, 260.0, None, None, None, 28.0, 999.0, -1.0]
    assert found.events is not None and found.events.height == len(rows), "the event stays: something was measured"
    said = {(loss.where, loss.why.cause): (loss.lost, loss.of, loss.said) for loss in found.losses}
    assert said == {
        ("LOINC:2744-1", "values that cannot be"): (1, 7, IMPOSSIBLE),
        ("LOINC:8867-4", "values that cannot be"): (1, 2, IMPOSSIBLE),
        ("LOINC:8310-5", "values that cannot be"): (1, 4, IMPOSSIBLE),
        ("LOINC:8310-5", "numbers that stand for missing"): (2, 4, IMPOSSIBLE),
    }
    assert found.cells == Tally(len(rows), len(rows) - 5, 0, 5) and found.rejects.height == 5
    assert found.rejects.filter(pl.col("column") == "LOINC:2744-1")["expected"].to_list() == ["6 to 8.5 pH"]
    again = in_one_unit(found)
    assert again.events is not None and again.events.equals(found.events) and again.cells == found.cells


def test_numbers_without_a_unit_are_judged_by_every_unit_of_theirs_and_never_converted() -> None:
    rows = [("VALUE:Temp", 37.0, None), ("VALUE:Temp", 98.6, None), ("VALUE:Temp", -17.8, None)]
    assert [value for value, _ in values(in_one_unit(events(*rows)))] == [37.0, 98.6, None]


def test_numbers_that_were_scaled_are_left_and_said() -> None:
    rows = [("VALUE:HR", (i - 20) / 10, None) for i in range(40)]
    found = in_one_unit(events(*rows))
    assert values(found) == [(value, None) for _, value, _ in rows] and not found.losses
    assert found.counts == {
        "numbers of VALUE:HR without a unit that fit none of its own, scaled perhaps: left as they are": 40
    }


def test_many_minus_ones_stand_for_missing_however_many_they_are() -> None:
    found = in_one_unit(events(*[("VALUE:pH", -1.0, None)] * 30, ("VALUE:pH", 7.3, None)))
    assert found.events is not None and found.events["numeric_value"].count() == 1


def test_every_measure_of_the_table_holds_together() -> None:
    for one in measures():
        assert one.low < one.high and one.to_unit(one.unit) is not None and one.spans()
        assert not any(one.low <= value <= one.high for value in sentinels() if value < 0), one.name
    assert measure("VALUE:mg") is None and measure("VALUE:Mg") is not None and measure("RXNORM:1") is None


UNITS = (
    "mg/dL",
    "mmol/L",
    "g/L",
    "ug/mL",
    "umol/L",
    "mEq/L",
    "kg",
    "lb",
    "cm",
    "in",
    "Cel",
    "[degF]",
    "kPa",
    "mm[Hg]",
    "10*9/L",
    "/uL",
)


@given(st.sampled_from(UNITS), st.sampled_from(UNITS), st.sampled_from((None, 180.156)), st.floats(-1e3, 1e3))
def test_a_conversion_and_its_way_back_give_the_number_again(a: str, b: str, mass: float | None, x: float) -> None:
    there, back = spelled(a), spelled(b)
    assert there is not None and back is not None
    to, fro = conversion(there, back, mass, 1 if mass else None), conversion(back, there, mass, 1 if mass else None)
    assert (to is None) == (fro is None)
    if to is not None and fro is not None:
        assert (x * to.factor + to.offset) * fro.factor + fro.offset == pytest.approx(x, abs=1e-6, rel=1e-9)


CELLS = st.tuples(
    st.sampled_from(("LOINC:2345-7", "LOINC:8310-5", "VALUE:HR", "L:1")),
    st.one_of(st.none(), st.sampled_from((-1.0, 0.0, 999.0, 9999.0)), st.floats(-50, 500).map(lambda x: round(x, 3))),
    st.sampled_from((None, "mg/dL", " MMOL/L", "Cel", "[degF]", "/min", "parsec")),
)


@given(st.lists(CELLS, max_size=30))
def test_each_number_is_what_one_at_a_time_would_be_or_gone(rows: list[tuple[str, float | None, str | None]]) -> None:
    """The naive reference: of each number with a unit, by its measure alone; the order and the other columns stay."""
    found = in_one_unit(events(*rows))
    assert found.events is not None and found.events["code"].to_list() == [code for code, _, _ in rows]
    for (code, value, unit), (got, kept) in zip(rows, values(found), strict=True):
        known = measure(code)
        if known is None:  # goes into the commonest unit
            assert (got is None) == (value is None)
            continue
        change = None if known is None or unit is None else known.to_unit(unit)
        if change is None or value is None:
            assert got == value or (unit is None and got is None and value is not None)
            assert kept == unit or value is None
            continue
        want = value * change.factor + change.offset
        inside = known.low <= want <= known.high
        assert kept == known.unit and (got is None) == (not inside)
        assert got is None or got == pytest.approx(want)
    gone = sum(value is not None for _, value, _ in rows) - found.events["numeric_value"].count()
    assert found.cells.rejected == gone == found.rejects.height == sum(loss.lost for loss in found.losses)


@given(st.text(max_size=10))
def test_no_text_breaks_the_spelling_of_units(text: str) -> None:
    found = spelled(text)
    assert found is None or conversion(found, found) is not None


def test_units_as_eicu_writes_them() -> None:
    assert spelled("&#176;C") == spelled("Cel") and spelled("M/mcL") == spelled("10*6/uL")


def test_a_csv_of_labs_is_in_one_unit_behind_its_reader(tmp_path: Path) -> None:
    file = tmp_path / "labs.csv"
    file.write_text("patient_id,time,loinc,value,unit\np1,2020-01-01,2345-7,5.0,mmol/L\np2,2020-01-02,2345-7,90,mg/dL\n"
                    "p2,2020-01-03,2345-7,-1,mg/dL\n")  # fmt: skip
    spec = Records((file,), name="labs", format="csv", subject="patient_id", time="time", codes={"loinc": "LOINC"},
                   value="value", value_unit="unit")  # fmt: skip
    loaded = read_source(spec, ANYONE)
    assert [value for value, _ in values(loaded)] == [pytest.approx(90.078), 90.0, None]
    assert loaded.tally == Tally(3, 3, 0, 0)
    assert [(loss.where, loss.lost) for loss in loaded.losses] == [("LOINC:2345-7", 1)]
