"""Events of a snapshot: everything recorded of a row's subject before its prediction, in one canonical order."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import polars as pl

from ...loaders.identifiers.curie import BIRTH
from ...loaders.records.events import several_units
from ...loaders.tables import EVENTS
from ..tables.study_tables import Tables
from .fence import Fence

FROZEN = {
    "row": pl.Int64, "days": pl.Float64, "age": pl.Float32, "code": pl.String,
    "numeric_value": pl.Float64, "text_value": pl.String, "visit": pl.Int64,
}  # fmt: skip
BIRTH_PROPERTIES = ("birth_date", "date_of_birth")
_YEAR_DAYS = 365.25


@dataclass(frozen=True)
class FrozenEvents:
    """What was recorded of the rows' subjects before their predictions.

    table: (row, days, age, code, numeric_value, text_value, visit) as models/base/snapshot.py describes them, or None where
        the study holds no records.
    undated: source -> undated events that entered. units: code -> the one unit of its numbers.
    parts: code of one unit's numbers -> the code that it was (`by_unit`).
    """

    table: pl.DataFrame | None = None
    undated: Mapping[str, int] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    parts: Mapping[str, str] = field(default_factory=dict)


def frozen_events(
    index: pl.DataFrame, tables: Tables, fence: Fence, apart: Collection[str] = (), more: pl.DataFrame | None = None
) -> FrozenEvents:
    """Fenced events, sorted by row, time, code and values, undated ones first.

    A code whose numbers come in several units is a code a unit, `LOINC:2345-7 [mmol/L]`: they are no values of one test.
    Args:
        index: row, subject_id, prediction_time.
        apart: codes that are a code a unit whatever comes here: a model knows them so.
        more: events of no source's table (loaders.tables.EVENTS), behind the same fence.
    """
    found = [table for source in tables.sources() if (table := tables.table(source, "events")) is not None]
    found += [] if more is None else [more]
    if not found:
        return FrozenEvents()
    facts = pl.concat([table.select(list(EVENTS)).cast(EVENTS) for table in found])  # type: ignore[arg-type]
    events = fence(facts.filter(pl.col("code").is_not_null()), index).with_columns(
        pl.col("numeric_value").fill_nan(None)
    )
    before, events = events["code"], by_unit(events, apart)
    made = events.select("code", was=before).filter(pl.col("code") != pl.col("was")).unique().sort("code")
    units = _units(events)
    events = events.drop("unit")
    undated = events.filter(pl.col("time").is_null())
    counted = dict(undated.group_by("source").len().sort("source").iter_rows())
    events = _with_visit(events).join(_births(events, index, tables), on="row", how="left")
    day = 86_400_000_000.0
    events = events.with_columns(
        days=(pl.col("prediction_time") - pl.col("time")).dt.total_microseconds() / day,
        age=((pl.col("time") - pl.col("birth")).dt.total_microseconds() / (day * _YEAR_DAYS)).cast(pl.Float32),
    )
    order = ["row", "time", "code", "numeric_value", "text_value", "visit"]
    table = events.sort(order, nulls_last=False).select(list(FROZEN)).cast(FROZEN)  # type: ignore[arg-type]
    return FrozenEvents(table, counted, units, dict(made.iter_rows()))


def _units(events: pl.DataFrame) -> dict[str, str]:
    """code -> the unit of its numbers, where they have one."""
    said = events.filter(pl.col("numeric_value").is_not_null(), pl.col("unit").is_not_null())
    spelt = said.select("code", pl.col("unit").str.strip_chars())
    return dict(spelt.group_by("code").agg(pl.col("unit").sort().first()).sort("code").iter_rows())


def by_unit(facts: pl.DataFrame, apart: Collection[str] = ()) -> pl.DataFrame:
    """Events whose code comes with numbers in several units, or is one of `apart`, under a code of their unit's own.

    Example:
        >>> facts = pl.DataFrame({"code": ["L:1", "L:1"], "numeric_value": [7.1, 128.0], "unit": ["mmol/L", "mg/dL"]})
        >>> by_unit(facts)["code"].to_list()
        ['L:1 [mmol/L]', 'L:1 [mg/dL]']
    """
    spelt = pl.col("unit").str.strip_chars()
    unit = spelt.sort().first().over("code", spelt.str.to_lowercase()).fill_null("no unit")
    number = pl.col("numeric_value").is_not_null()
    several = pl.Series([*several_units(facts)["code"], *apart], dtype=pl.String)
    return facts.with_columns(
        code=pl.when(number & pl.col("code").is_in(several.implode()))
        .then(pl.concat_str("code", pl.lit(" ["), unit, pl.lit("]")))
        .otherwise("code")
    )


def _with_visit(events: pl.DataFrame) -> pl.DataFrame:
    """`visit`: the rank of each visit within its row by its first event that is seen; null where there is none."""
    seen = events.filter(pl.col("visit_id").is_not_null())
    first = seen.group_by("row", "visit_id").agg(pl.col("time").min())
    ranked = first.sort("row", "time", "visit_id").select(
        "row", "visit_id", pl.int_range(pl.len(), dtype=pl.Int64).over("row").alias("visit")
    )
    return events.join(ranked, on=["row", "visit_id"], how="left")


def _births(events: pl.DataFrame, index: pl.DataFrame, tables: Tables) -> pl.DataFrame:
    """(row, birth): from the record of birth where it lies before the prediction, else from the patient table."""
    recorded = events.filter(pl.col("code") == BIRTH).group_by("row").agg(pl.col("time").min().alias("birth"))
    stated = [recorded]
    for source in tables.sources():
        table = tables.table(source, "patients")
        for name in BIRTH_PROPERTIES if table is not None else ():
            if table is not None and name in table.columns and table[name].dtype in (pl.Date, pl.Datetime):
                born = table.select("subject_id", pl.col(name).cast(pl.Datetime("us")).alias("birth")).drop_nulls()
                stated.append(index.select("row", "subject_id").join(born, on="subject_id").select("row", "birth"))
    return pl.concat(stated).unique("row", keep="first", maintain_order=True)
