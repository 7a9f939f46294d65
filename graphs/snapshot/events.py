"""Events of a snapshot: everything recorded of a row's subject before its prediction, in one canonical order."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import polars as pl

from ...loaders.identifiers.curie import BIRTH
from ...loaders.records.events import several_units
from ...loaders.tables import EVENTS
from ..tables.study_tables import Tables
from .fence import Fence

Frame = TypeVar("Frame", pl.DataFrame, pl.LazyFrame)
FROZEN = {
    "row": pl.Int64, "days": pl.Float64, "age": pl.Float32, "code": pl.String,
    "numeric_value": pl.Float64, "text_value": pl.String, "visit": pl.Int64,
}  # fmt: skip
BIRTH_PROPERTIES = ("birth_date", "date_of_birth")
BLOCK = 2_000_000
"""Facts that are frozen at once: what else is held is the result."""
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
    """Fenced events, sorted by row, time, code and values, undated ones first. Subjects are frozen some at a time.

    A code whose numbers come in several units is a code a unit, `LOINC:2345-7 [mmol/L]`: they are no values of one test.
    Args:
        index: row, subject_id, prediction_time.
        apart: codes that are a code a unit whatever comes here: a model knows them so.
        more: events of no source's table (loaders.tables.EVENTS), behind the same fence.
    """
    facts = _facts(tables, more)
    if facts is None:
        return FrozenEvents()
    blocks, births = _blocks(index, facts), _stated_births(index, tables)
    said = ("subject_id", "time", "known_time", "code", "numeric_value", "unit")
    told = pl.concat([_told(fence(_of(facts.select(said), one), one)) for one in blocks]).unique()
    names = told.with_columns(was="code", code=by_unit(told, apart)["code"])
    parts, undated = [], []
    for one in blocks:
        events = fence(_of(facts, one), one)
        undated.append(events.filter(pl.col("time").is_null())["source"])
        parts.append(_frozen(_renamed(events, names), births))
    table = pl.concat(parts, rechunk=True)
    table = table if table["row"].is_sorted() else table.sort("row", maintain_order=True)
    counted = pl.concat(undated).rename("source").value_counts().sort("source")
    made = names.filter(pl.col("code") != pl.col("was")).select("code", "was").unique().sort("code")
    return FrozenEvents(table, dict(counted.iter_rows()), _units(names), dict(made.iter_rows()))


def _facts(tables: Tables, more: pl.DataFrame | None) -> pl.LazyFrame | None:
    """Events of all sources that have a code, read only as far as they are used; None where no source has any."""
    found = [scan for source in tables.sources() if (scan := tables.scan(source, "events")) is not None]
    found += [] if more is None else [more.lazy()]
    if not found:
        return None
    facts = pl.concat([scan.select(list(EVENTS)).cast(EVENTS) for scan in found])  # type: ignore[arg-type]
    return facts.filter(pl.col("code").is_not_null()).with_columns(pl.col("numeric_value").fill_nan(None))


def _blocks(index: pl.DataFrame, facts: pl.LazyFrame) -> list[pl.DataFrame]:
    """The index cut into whole subjects, so that some BLOCK of the facts are held at once, and not all of them."""
    subjects = index["subject_id"].unique().sort()
    count = max(1, -(-int(facts.select(pl.len()).collect(engine="streaming").item()) // BLOCK))
    size = max(1, -(-len(subjects) // count))
    return [_within(index, subjects[at : at + size]) for at in range(0, len(subjects), size)] or [index]


def _of(facts: pl.LazyFrame, block: pl.DataFrame) -> pl.DataFrame:
    """The facts of a block's subjects."""
    return _within(facts, block["subject_id"].sort()).collect(engine="streaming")


def _within(table: Frame, subjects: pl.Series) -> Frame:
    """The rows of the subjects from the first to the last of these, which are sorted."""
    first, last = (pl.lit(subjects[at] if len(subjects) else None, pl.String) for at in (0, -1))
    return table.filter(pl.col("subject_id").is_between(first, last))


def _told(events: pl.DataFrame) -> pl.DataFrame:
    """code, unit, numeric_value (1 where there is a number): each that occurs once."""
    one = pl.when(pl.col("numeric_value").is_not_null()).then(1.0)
    return events.select("code", "unit", numeric_value=one).unique()


def _renamed(events: pl.DataFrame, names: pl.DataFrame) -> pl.DataFrame:
    """Events under the codes that `by_unit` made."""
    changed = names.filter(pl.col("code") != pl.col("was")).select("was", "unit", new="code")
    if changed.is_empty():
        return events
    number = pl.col("numeric_value").is_not_null()
    found = events.join(changed, left_on=["code", "unit"], right_on=["was", "unit"], how="left", nulls_equal=True)
    return found.with_columns(code=pl.when(number).then(pl.coalesce("new", "code")).otherwise("code")).drop("new")


def _frozen(events: pl.DataFrame, births: pl.DataFrame) -> pl.DataFrame:
    """A block's events as FROZEN, in the canonical order."""
    events = _with_visit(events).join(_births(events, births), on="row", how="left")
    day = 86_400_000_000.0
    events = events.with_columns(
        days=(pl.col("prediction_time") - pl.col("time")).dt.total_microseconds() / day,
        age=((pl.col("time") - pl.col("birth")).dt.total_microseconds() / (day * _YEAR_DAYS)).cast(pl.Float32),
    )
    order = ["row", "time", "code", "numeric_value", "text_value", "visit"]
    return events.sort(order, nulls_last=False).select(list(FROZEN)).cast(FROZEN)  # type: ignore[arg-type]


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


def _births(events: pl.DataFrame, stated: pl.DataFrame) -> pl.DataFrame:
    """(row, birth): from the record of birth where it lies before the prediction, else from the patient table."""
    recorded = events.filter(pl.col("code") == BIRTH).group_by("row").agg(pl.col("time").min().alias("birth"))
    return pl.concat([recorded, stated]).unique("row", keep="first", maintain_order=True)


def _stated_births(index: pl.DataFrame, tables: Tables) -> pl.DataFrame:
    """(row, birth) of the patient tables."""
    stated = [pl.DataFrame(schema={"row": index["row"].dtype, "birth": pl.Datetime("us")})]
    for source in tables.sources():
        table = tables.table(source, "patients")
        for name in BIRTH_PROPERTIES if table is not None else ():
            if table is not None and name in table.columns and table[name].dtype in (pl.Date, pl.Datetime):
                born = table.select("subject_id", pl.col(name).cast(pl.Datetime("us")).alias("birth")).drop_nulls()
                stated.append(index.select("row", "subject_id").join(born, on="subject_id").select("row", "birth"))
    return pl.concat(stated)
