"""Values of a code in several units are inputs apart, below the code; spelling of a unit makes no two of it."""

from __future__ import annotations

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from clinome.graphs.snapshot.events import by_unit
from clinome.loaders.records.events import several_units, told_units

_EVENT = st.tuples(
    st.sampled_from(["LOINC:1", "LOINC:2"]),
    st.none() | st.floats(0, 9),
    st.sampled_from(["mg/dL", "mg/dl", " mg/dL ", "mmol/L", None]),
)
SCHEMA = {"code": pl.String, "numeric_value": pl.Float64, "unit": pl.String}


def unit_of(unit: str | None) -> str | None:
    return None if unit is None else unit.strip().lower()


@given(st.lists(_EVENT, max_size=12))
def test_a_code_is_parted_where_its_numbers_have_several_units(
    events: list[tuple[str, float | None, str | None]],
) -> None:
    frame = pl.DataFrame(events, schema=SCHEMA, orient="row")
    codes = by_unit(frame)["code"].to_list()
    units = {code: {unit_of(u) for c, n, u in events if c == code and n is not None} for code, _, _ in events}
    parted = {code for code, found in units.items() if len(found) > 1}
    assert set(several_units(frame)["code"]) == parted
    for (code, number, unit), now in zip(events, codes, strict=True):
        if code in parted and number is not None:
            assert now.startswith(f"{code} [") and now.lower().endswith(f"[{unit_of(unit) or 'no unit'}]")
        else:
            assert now == code
    assert len({now for (code, n, _), now in zip(events, codes, strict=True) if n is not None}) == sum(
        map(len, units.values())
    )


def test_what_is_told_names_codes_and_units() -> None:
    frame = pl.DataFrame(
        [("L:1", 7.1, "mmol/L"), ("L:1", 128.0, "mg/dL"), ("L:1", 90.0, "mg/dL")], schema=SCHEMA, orient="row"
    )
    assert told_units(frame) == {
        "codes whose values come in several units, kept apart as inputs (L:1: mg/dL 2, mmol/L 1)": 1
    }
