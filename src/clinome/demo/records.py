"""Demo health records: visits, diagnoses, medications, labs, and a decoy known only afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from clinome.demo.codes import DECOY, DRUGS, ICD10, LABS, PLANTABLE, diagnoses

ABSENT = 0.03
"""Share of patients of whom there are no records at all."""


@dataclass(frozen=True)
class Visits:
    """One entry a visit, in order of patient and day: row of the patient, start and end in days from the index date."""

    row: np.ndarray
    start: np.ndarray
    end: np.ndarray

    @property
    def earlier(self) -> np.ndarray:
        return self.end < 0

    @property
    def later(self) -> np.ndarray:
        return self.start > 0


def pick(rng: np.random.Generator) -> str:
    """The diagnosis to plant: one code of a lasting disease."""
    category = str(rng.choice(PLANTABLE))
    return f"ICD10CM:{category}{rng.choice(ICD10[category][2])}"


def write(
    rng: np.random.Generator,
    folder: Path,
    ids: np.ndarray,
    index: np.ndarray,
    diagnosed: np.ndarray,
    planted: str,
    label: np.ndarray,
) -> None:
    """Write encounters.csv and meds/. ids, index, diagnosed, label: (patients,)."""
    recorded = rng.random(len(ids)) >= ABSENT
    visits = _visits(rng, len(ids))
    given = pl.concat([
        _diagnoses(rng, visits, diagnosed, planted), _medications(rng, visits, len(ids)), _labs(rng, visits, len(ids))
    ])  # fmt: skip
    events = pl.concat([_at_visits(rng, given, visits), _decoys(rng, visits, label)])
    events = events.filter(pl.Series(recorded).gather(events["row"])).sort("row", "day", "code")
    kept = recorded[visits.row]
    seen = pl.DataFrame({"visit": np.flatnonzero(kept), "row": visits.row[kept]})
    seen = seen.with_columns(start=pl.Series(visits.start[kept]), end=pl.Series(visits.end[kept]))
    events = _encounters(rng, folder, events, seen, ids, index)
    _meds(folder, events, ids, index)


def _visits(rng: np.random.Generator, n: int) -> Visits:
    """At least one visit that ended before the index date, some after it, and for 30 % one that is still open then."""
    earlier, later = 1 + rng.poisson(3.5, n), rng.poisson(1.5, n)
    spans = [
        (np.repeat(np.arange(n), earlier), -rng.integers(12, 1000, earlier.sum()), rng.integers(0, 6, earlier.sum())),
        (np.repeat(np.arange(n), later), rng.integers(5, 360, later.sum()), rng.integers(0, 6, later.sum())),
    ]
    still = np.flatnonzero(rng.random(n) < 0.3)
    spans.append((still, -rng.integers(1, 6, len(still)), rng.integers(8, 15, len(still))))
    row, start, length = (np.concatenate(parts) for parts in zip(*spans, strict=True))
    order = np.lexsort((start, row))
    return Visits(row[order], start[order], (start + length)[order])


def _diagnoses(rng: np.random.Generator, visits: Visits, diagnosed: np.ndarray, planted: str) -> pl.DataFrame:
    """Each patient has some of the codes and each visit names some of those.

    The planted code is named before the index date for those who have it, and for one in twenty of the others after it.
    """
    codes = [code for code in diagnoses() if code != planted]
    share = np.clip(rng.lognormal(-3.1, 0.8, len(codes)), 0.01, 0.3)
    profile = rng.random((len(diagnosed), len(codes))) < share
    visit, which = np.nonzero(profile[visits.row] & (rng.random((len(visits.row), len(codes))) < 0.35))
    named = visits.earlier & diagnosed[visits.row] & (rng.random(len(visits.row)) < 0.5)
    first = np.flatnonzero(visits.earlier)[np.unique(visits.row[visits.earlier], return_index=True)[1]]
    named[first[diagnosed[visits.row[first]]]] = True
    onset = ~diagnosed & (rng.random(len(diagnosed)) < 0.05)
    named |= visits.later & onset[visits.row]
    where = np.concatenate([visit, np.flatnonzero(named)])
    what = np.concatenate([np.array(codes)[which], np.full(named.sum(), planted)])
    return _events(where, what)


def _medications(rng: np.random.Generator, visits: Visits, n: int) -> pl.DataFrame:
    share = np.clip(rng.lognormal(-2.2, 0.6, len(DRUGS)), 0.02, 0.4)
    profile = rng.random((n, len(DRUGS))) < share
    visit, which = np.nonzero(profile[visits.row] & (rng.random((len(visits.row), len(DRUGS))) < 0.5))
    return _events(visit, np.array([f"RXNORM:{code}" for code in DRUGS])[which])


def _labs(rng: np.random.Generator, visits: Visits, n: int) -> pl.DataFrame:
    """A visit orders about a third of the labs; some results never came."""
    visit, which = np.nonzero(rng.random((len(visits.row), len(LABS))) < 0.33)
    mean, spread = np.array([lab[2] for lab in LABS.values()]), np.array([lab[3] for lab in LABS.values()])
    usual = rng.normal(0, 0.8, (n, len(LABS)))
    z = usual[visits.row[visit], which] + rng.normal(0, 0.6, len(visit))
    value = np.maximum(mean[which] + spread[which] * z, 0.05 * mean[which]).round(2)
    value[rng.random(len(value)) < 0.04] = np.nan
    unit = np.array([lab[1] for lab in LABS.values()])[which]
    return _events(visit, np.array([f"LOINC:{code}" for code in LABS])[which], value, unit)


def _events(
    visit: np.ndarray, code: np.ndarray, value: np.ndarray | None = None, unit: np.ndarray | None = None
) -> pl.DataFrame:
    columns = {"visit": pl.Series(visit, dtype=pl.Int64), "code": pl.Series(code, dtype=pl.String)}
    table = pl.DataFrame(columns)
    number = (
        pl.Series("value", value, dtype=pl.Float64) if value is not None else pl.lit(None, pl.Float64).alias("value")
    )
    text = pl.Series("unit", unit, dtype=pl.String) if unit is not None else pl.lit(None, pl.String).alias("unit")
    return table.with_columns(number, text).with_columns(pl.col("value").fill_nan(None))


def _at_visits(rng: np.random.Generator, events: pl.DataFrame, visits: Visits) -> pl.DataFrame:
    """Give each event its patient, its day within the visit, and the day on which it was known.

    A diagnosis is known at discharge, a lab on the next day, a medication at once.
    """
    visit = events["visit"].to_numpy()
    length = visits.end[visit] - visits.start[visit]
    day = visits.start[visit] + np.floor(rng.random(len(visit)) * (length + 1)).astype(int)
    at_end = pl.when(pl.col("code").str.starts_with("ICD10CM:")).then(pl.Series(visits.end[visit]))
    known = at_end.when(pl.col("code").str.starts_with("LOINC:")).then(pl.Series(day + 1)).otherwise(pl.Series(day))
    return events.with_columns(row=pl.Series(visits.row[visit]), day=pl.Series(day), known=known)


def _decoys(rng: np.random.Generator, visits: Visits, label: np.ndarray) -> pl.DataFrame:
    """Palliative care: for nine in ten with the outcome, for one in thirty without.

    Where a visit is open at the index date it happens before that date, and is known at discharge, after it:
    a fence that looks at one clock only lets it in.
    """
    has = rng.random(len(label)) < np.where(label == 1, 0.9, 0.03)
    still = ~visits.earlier & ~visits.later
    spot = np.full(len(label), -1)
    spot[visits.row[still]] = np.flatnonzero(still)
    row = np.flatnonzero(has)
    visit, late = spot[row], rng.integers(2, 200, len(row))
    inside = visit >= 0
    day = np.where(inside, visits.start[visit], late)
    known = np.where(inside, visits.end[visit], late)
    table = _events(np.where(inside, visit, -1), np.full(len(row), DECOY))
    table = table.with_columns(row=pl.Series(row), day=pl.Series(day), known=pl.Series(known))
    return table.with_columns(visit=pl.when(pl.col("visit") >= 0).then("visit"))


def _encounters(
    rng: np.random.Generator, folder: Path, events: pl.DataFrame, seen: pl.DataFrame, ids: np.ndarray, index: np.ndarray
) -> pl.DataFrame:
    """Write one row a visit with up to two of its diagnoses; return the events that are not in it. Three rows are off."""
    coded = events.filter(pl.col("code").str.starts_with("ICD10CM:") & pl.col("visit").is_not_null())
    coded = coded.unique(["visit", "code"], maintain_order=True)
    place = pl.int_range(pl.len()).over("visit") + 1
    coded = coded.with_columns(place=place).filter(pl.col("place") <= 2)
    wide = seen
    for k in (1, 2):
        column = coded.filter(pl.col("place") == k).select("visit", pl.col("code").str.slice(8).alias(f"diag_{k}"))
        wide = wide.join(column, on="visit", how="left", maintain_order="left")
    row = wide["row"].to_numpy()
    table = pl.DataFrame({
        "encounter_id": [f"V{v:06d}" for v in wide["visit"]],
        "patient_id": ids[row],
        "admitted": (index[row] + wide["start"].to_numpy().astype("timedelta64[D]")).astype(str),
        "discharged": (index[row] + wide["end"].to_numpy().astype("timedelta64[D]")).astype(str),
        "ward": rng.choice(["medicine", "surgery", "oncology", "emergency"], len(row)),
        "diag_1": wide["diag_1"],
        "diag_2": wide["diag_2"],
    })  # fmt: skip
    stray = table[0].with_columns(pl.lit("V900001").alias("encounter_id"), pl.lit("UNKNOWN").alias("patient_id"))
    broken = table[1].with_columns(pl.lit("V900002").alias("encounter_id"), pl.lit("2019-02-31").alias("admitted"))
    pl.concat([table, table[2], stray, broken]).write_csv(folder / "encounters.csv")
    return events.join(coded.select("visit", "code"), on=["visit", "code"], how="anti", maintain_order="left")


def _meds(folder: Path, events: pl.DataFrame, ids: np.ndarray, index: np.ndarray) -> None:
    """MEDS 0.4 with text ids, and known_time, visit_id, unit beside its columns. Four rows are off."""
    row = events["row"].to_numpy()

    def dates(day: str) -> np.ndarray:
        return np.asarray(index[row] + events[day].to_numpy().astype("timedelta64[D]"), dtype="datetime64[us]")

    table = pl.DataFrame({
        "subject_id": ids[row],
        "time": dates("day"),
        "code": events["code"],
        "numeric_value": events["value"].cast(pl.Float32),
        "text_value": pl.Series([None] * len(row), dtype=pl.String),
        "known_time": dates("known"),
        "visit_id": events["visit"].map_elements("V{:06d}".format, return_dtype=pl.String),
        "unit": events["unit"],
    })  # fmt: skip
    stray = table[:3].with_columns(pl.lit("UNKNOWN").alias("subject_id"))
    broken = table[3:4].with_columns(pl.lit(None, pl.String).alias("code"))
    data = folder / "meds" / "data"
    data.mkdir(parents=True, exist_ok=True)
    pl.concat([table, stray, broken]).write_parquet(data / "0.parquet")
    names = [(f"RXNORM:{c}", name) for c, name in DRUGS.items()] + [(f"LOINC:{c}", lab[0]) for c, lab in LABS.items()]
    names += [(f"ICD10CM:{c}{end}", name) for c, (_, name, ends) in ICD10.items() for end in ends]
    described = pl.DataFrame(names, schema=["code", "description"], orient="row")
    metadata = folder / "meds" / "metadata"
    metadata.mkdir(parents=True, exist_ok=True)
    described.with_columns(pl.lit(None, pl.List(pl.String)).alias("parent_codes")).write_parquet(
        metadata / "codes.parquet"
    )
