"""SOFA score: six organ systems from 0 to 4, each the worst of the last 24 hours, at every moment at which one changes.

A system of which nothing was measured in these hours counts as 0, as is usual; which systems a study can tell is said. The
kidneys are the worse of creatinine and the urine of a day.
Source: Vincent et al. 1996, doi:10.1007/BF01709751, table 3.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import polars as pl

from ....loaders.measurements.measures import Measure, measure
from ....loaders.tables import PolarsType
from .roles import stated_unit
from .urine import DAY, LONGEST_GAP, oliguria, urine_of_a_day

RESPIRATION, COAGULATION, LIVER, CIRCULATION, CNS, KIDNEYS = SYSTEMS = (
    "respiration", "coagulation", "liver", "circulation", "CNS", "kidneys",
)  # fmt: skip
WORST_OF = timedelta(hours=24)
SAME_OXYGEN = timedelta(hours=2)
"""How long before a PaO2 its FiO2 may have been noted (ricu's)."""
VENTILATED = timedelta(hours=24)
"""For how long a note of ventilation stands for respiratory support."""
_PRESSORS = ("dopamine", "dobutamine", "norepinephrine", "epinephrine")
_UNIT_OF = {
    "creatinine": "LOINC:2160-0", "bilirubin": "LOINC:1975-2", "platelets": "LOINC:777-3", "po2": "LOINC:2703-7",
    "fio2": "LOINC:3150-6", "gcs": "LOINC:9269-2", "gcs_eyes": "LOINC:9269-2", "gcs_verbal": "LOINC:9269-2",
    "gcs_motor": "LOINC:9269-2", "arterial_pressure": "LOINC:8478-0", "urine": "LOINC:9187-6", "urine_of_a_day": "LOINC:9192-6",
}  # fmt: skip
"""A code whose measure says the unit in which the score takes it: mg/dL, 10*3/uL, mm[Hg], %, mL."""
_PER_KG = frozenset(("mcg/kg/min", "ug/kg/min", "µg/kg/min", "μg/kg/min"))
_KEY = ["subject_id", "time"]
_NUMBERS: dict[str, PolarsType] = {"subject_id": pl.String, "time": pl.Datetime("us"), "value": pl.Float64}


def sofa(events: pl.DataFrame, roles: Mapping[str, frozenset[str]]) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """SOFA at every moment at which a system was measured, and 24 hours later, when that no longer counts.

    Args:
        events: subject_id, time, code, numeric_value, text_value, unit; of the roles' codes.
        roles: role -> codes.
    Returns: subject_id, time, one column a system (0 to 4; null: not measured in the last 24 hours) and sofa (their sum),
        sorted; and in words what of the numbers could not be used.
    """
    numbers, notes = dict[str, pl.DataFrame](), list[str]()
    for role, code in _UNIT_OF.items():
        kept = measure(code)
        assert kept is not None, code
        numbers[role], said = _in_unit(_of(events, roles[role]), role, kept)
        notes += said
    urine, said = _urine(numbers, _of(events, roles["urine_untold"]))
    notes += said
    scored = {
        KIDNEYS: pl.concat([_at_least(numbers["creatinine"], (1.2, 2.0, 3.5, 5.0)), oliguria(urine)]),
        LIVER: _at_least(numbers["bilirubin"], (1.2, 2.0, 6.0, 12.0)),
        COAGULATION: _below(numbers["platelets"], (150, 100, 50, 20)),
        CNS: _below(_coma(numbers, events, roles["gcs_verbal"]), (15, 13, 10, 6)),
        CIRCULATION: pl.concat([_below(numbers["arterial_pressure"], (70,)), *(_pressor(_of(events, roles[one]), one) for one in _PRESSORS)]),
        RESPIRATION: _oxygen(numbers["po2"], numbers["fio2"], _of(events, roles["ventilation"])),
    }  # fmt: skip
    return _added(scored), tuple(notes)


def systems(found: pl.DataFrame) -> tuple[str, ...]:
    """The systems of which anything was measured."""
    return tuple(one for one in SYSTEMS if found[one].count())


def _of(events: pl.DataFrame, codes: frozenset[str]) -> pl.DataFrame:
    return events.filter(pl.col("code").is_in(pl.Series(sorted(codes), dtype=pl.String).implode()))


def _in_unit(rows: pl.DataFrame, role: str, kept: Measure) -> tuple[pl.DataFrame, list[str]]:
    """subject_id, time, value in the measure's unit. A number without a unit counts where it can be in no other."""
    rows = _with_units(rows.drop_nulls("numeric_value"), role)
    made, notes = [pl.DataFrame(schema=_NUMBERS)], []
    for (unit,), part in rows.group_by("unit", maintain_order=True):
        change = kept.to_unit(str(unit)) if unit is not None and str(unit).strip() else None
        bare = unit is None or not str(unit).strip()
        if change is None and not (bare and (role == "fio2" or not kept.others)):
            which = (
                "without a unit, which may be in several" if bare else f"in {unit}, which does not become {kept.unit}"
            )
            notes.append(f"{part.height:,} numbers of {role.replace('_', ' ')} {which}: no part of SOFA")
            continue
        value = pl.col("numeric_value") * (change.factor if change else 1.0) + (change.offset if change else 0.0)
        made.append(part.select(*_KEY, value=value))
    numbers = pl.concat(made)
    if role == "fio2":  # a share of 0.4 is 40 %
        numbers = numbers.with_columns(
            value=pl.when(pl.col("value") <= 1).then(100 * pl.col("value")).otherwise("value")
        )
    return numbers, notes


def _with_units(rows: pl.DataFrame, role: str) -> pl.DataFrame:
    """The rows with the units that sources state of whole tables; a day's total `per day` is the total."""
    stated = {code: stated_unit(role, code) for code in rows["code"].unique()}
    own = pl.when(pl.col("unit").str.strip_chars() != "").then("unit")
    unit = pl.coalesce(own, pl.col("code").replace_strict(stated, return_dtype=pl.String))
    if role == "urine_of_a_day":
        unit = unit.str.replace(r"(?i)\s*/\s*(d|day|\(?24[ .]?h(rs?)?\)?)$", "")
    return rows.with_columns(unit=unit)


def _urine(numbers: Mapping[str, pl.DataFrame], untold: pl.DataFrame) -> tuple[pl.DataFrame, list[str]]:
    """subject_id, time, mL of 24 hours: added up, or a total as it stands; and of how many patients that can be told."""
    volumes, wrong = (numbers["urine"].filter(one) for one in (pl.col("value") >= 0, pl.col("value") < 0))
    day = pl.concat(
        [urine_of_a_day(volumes, pl.concat([untold.select(_KEY), wrong.select(_KEY)])), numbers["urine_of_a_day"]]
    )
    seen, told = pl.concat([volumes, numbers["urine_of_a_day"]])["subject_id"].n_unique(), day["subject_id"].n_unique()
    notes = (
        [f"{wrong.height:,} volumes of urine below 0: for a day after them urine is no part of SOFA"]
        if wrong.height
        else []
    )
    if told < seen:
        hours = [one // timedelta(hours=1) for one in (DAY, LONGEST_GAP)]
        notes.append(
            f"urine output counts of {told:,} of {seen:,} patients: of the others {hours[0]} hours of it are nowhere recorded without a gap of more than {hours[1]}, or a part was not measured"
        )
    return day, notes


def _at_least(numbers: pl.DataFrame, steps: tuple[float, ...]) -> pl.DataFrame:
    """subject_id, time, score: how many of the steps a number reaches."""
    return numbers.select(*_KEY, score=pl.sum_horizontal(pl.col("value") >= step for step in steps).cast(pl.Int64))


def _below(numbers: pl.DataFrame, steps: tuple[float, ...]) -> pl.DataFrame:
    """subject_id, time, score: of how many of the steps a number falls short."""
    return numbers.select(*_KEY, score=pl.sum_horizontal(pl.col("value") < step for step in steps).cast(pl.Int64))


def _coma(numbers: Mapping[str, pl.DataFrame], events: pl.DataFrame, verbal: frozenset[str]) -> pl.DataFrame:
    """Glasgow coma scale: as it stands, or the sum of its three parts at one moment; of the intubated none.

    Who has a tube cannot speak: MIMIC notes 1 beside the words "No Response-ETT".
    """
    tubes = _of(events, verbal).filter(pl.col("text_value").str.contains(r"(?i)\bETT\b")).select(_KEY).unique()
    parts = numbers["gcs_eyes"].join(numbers["gcs_verbal"], on=_KEY, suffix="_verbal")
    parts = parts.join(numbers["gcs_motor"], on=_KEY, suffix="_motor").join(tubes, on=_KEY, how="anti")
    total = parts.select(*_KEY, value=pl.col("value") + pl.col("value_verbal") + pl.col("value_motor"))
    return pl.concat([numbers["gcs"], total])


def _pressor(rows: pl.DataFrame, drug: str) -> pl.DataFrame:
    """subject_id, time, score of a catecholamine: by its dose where that is in µg/kg/min, else the least that it gives."""
    dose, graded = pl.col("numeric_value"), pl.col("unit").str.strip_chars().str.to_lowercase().is_in(list(_PER_KG))
    running = rows.filter(dose.is_null() | (dose > 0))
    match drug:
        case "dobutamine":
            score = pl.lit(2)
        case "dopamine":
            score = pl.when(graded & (dose > 15)).then(4).when(graded & (dose > 5)).then(3).otherwise(2)
        case _:
            score = pl.when(graded & (dose > 0.1)).then(4).otherwise(3)
    return running.select(*_KEY, score=score.cast(pl.Int64))


def _oxygen(po2: pl.DataFrame, fio2: pl.DataFrame, ventilation: pl.DataFrame) -> pl.DataFrame:
    """subject_id, time, score of PaO2/FiO2 in mmHg; 3 and 4 only of those whose breathing is supported."""
    share = fio2.filter(pl.col("value") > 0).group_by(_KEY).agg(share=pl.col("value").max() / 100).sort("time")
    noted = (
        ventilation.filter(pl.col("numeric_value").is_null() | (pl.col("numeric_value") > 0))
        .select(*_KEY, supported=pl.lit(True))
        .unique(_KEY)
        .sort("time")
    )
    by = {"on": "time", "by": "subject_id", "check_sortedness": False}
    pairs = po2.sort("time").join_asof(share, tolerance=SAME_OXYGEN, **by).drop_nulls("share")  # type: ignore[arg-type]
    pairs = pairs.join_asof(noted, tolerance=VENTILATED, **by)  # type: ignore[arg-type]
    ratio = _below(pairs.with_columns(value=pl.col("value") / pl.col("share")), (400, 300, 200, 100))
    return ratio.with_columns(
        score=pl.when(pairs["supported"].fill_null(False)).then("score").otherwise(pl.col("score").clip(0, 2))
    )


def _added(scored: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """Each moment with the worst of the last 24 hours of every system (t − 24 h, t], and their sum."""
    long = pl.concat([part.with_columns(system=pl.lit(name)) for name, part in scored.items()])
    worst = [pl.col("score").filter(pl.col("system") == name).max().alias(name) for name in SYSTEMS]
    moments = long.group_by(_KEY).agg(worst)
    over = moments.select("subject_id", pl.col("time") + WORST_OF).join(moments, on=_KEY, how="anti")
    moments = pl.concat([moments, over.unique()], how="diagonal").sort(_KEY)
    rolling = [
        pl.col(name).rolling_max_by("time", window_size=WORST_OF, closed="right").over("subject_id") for name in SYSTEMS
    ]
    moments = moments.with_columns(rolling)
    return moments.with_columns(sofa=pl.sum_horizontal(pl.col(name).fill_null(0) for name in SYSTEMS))
