"""Patients of an ACES predicate: who is so by an undated event (MEDS: a null time), or by a property of the patient."""

from __future__ import annotations

import polars as pl

from ..records import Records
from .predicates import Predicate

_NO_PROPERTIES = ("subject_id", "observed_from", "observed_until")


def patients(predicate: Predicate, records: Records, codes: frozenset[str]) -> pl.DataFrame:
    """subject_id: who has an undated event of these codes, or a property that the predicate's own codes name.

    `SEX//M` is whoever's property `sex` says M, `age` with value_min whoever's property age is a number above it; letters
    may be capitals or not.
    Args: codes: the predicate's, as the tables have them.
    """
    holds = in_range(predicate)
    for column, value in predicate.others:
        holds = holds & (pl.col(column).cast(pl.String) == value)
    found = [records.undated(codes, holds.fill_null(False)).select("subject_id")]
    if not predicate.others:
        said = properties(records)
        if predicate.regex is None:
            named = pl.col("code").str.to_lowercase().is_in([code.lower() for code in predicate.codes])
        else:
            named = pl.col("code").str.contains(predicate.regex)
        found.append(said.filter(named & in_range(predicate).fill_null(False)).select("subject_id"))
    return pl.concat(found).unique()


def in_range(predicate: Predicate) -> pl.Expr:
    """Whether numeric_value lies in the predicate's range; null where there is no number and one is asked for."""
    number, holds = pl.col("numeric_value"), pl.lit(True)
    if (low := predicate.low) is not None:
        holds = holds & ((number >= low) if predicate.low_inclusive else (number > low))
    if (high := predicate.high) is not None:
        holds = holds & ((number <= high) if predicate.high_inclusive else (number < high))
    return holds


def properties(records: Records) -> pl.DataFrame:
    """subject_id, code, numeric_value: each property of each patient as NAME//VALUE, numbers as NAME with the number, too."""
    parts = [pl.DataFrame(schema={"subject_id": pl.String, "code": pl.String, "numeric_value": pl.Float64})]
    for table in records.patients():
        for name, dtype in table.drop(_NO_PROPERTIES, strict=False).schema.items():
            told = table.drop_nulls(name)
            nothing, who = pl.lit(None, pl.Float64), pl.col("subject_id")
            text = pl.lit(f"{name}//") + pl.col(name).cast(pl.String)
            parts.append(told.select(who, code=text, numeric_value=nothing))
            if dtype.is_numeric():
                number = pl.col(name).cast(pl.Float64)
                parts.append(told.select(who, code=pl.lit(name, pl.String), numeric_value=number))
    return pl.concat(parts)


def described(records: Records) -> str:
    """What patients are said to be: codes of undated events and properties, without a value that only one patient has."""
    undated = records.undated(None, pl.lit(True))["code"].unique().sort().head(8).to_list()
    said = properties(records)
    named = said.group_by("code").agg(pl.col("subject_id").n_unique()).filter(pl.col("subject_id") > 1)["code"]
    return ", ".join([*undated, *named.sort().head(12)]) or "nothing: no undated events, no properties"
