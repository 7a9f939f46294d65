"""Records of a study for its prediction tasks: events by code, stays, deaths, observation; only what a task needs is read."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cached_property

import polars as pl

from ...loaders.errors import InputError
from ...loaders.identifiers.curie import DEATH
from ...loaders.tables import NEVER, VISITS, PolarsType
from ..tables.study_tables import Tables
from .code_set import CodeSet

TIME = pl.Datetime("us")
EVENT: dict[str, PolarsType] = {"subject_id": pl.String, "time": TIME, "known_time": TIME, "code": pl.String,
         "numeric_value": pl.Float64, "visit_id": pl.String}  # fmt: skip
STAY: dict[str, PolarsType] = {"subject_id": pl.String, "visit_id": pl.String, "start": TIME, "end": TIME}
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Records:
    """Records: the events, stays and observation periods of a study's tables, read by column and filtered while read.

    lenient: that the study has none of a set's codes is no error.
    Memory: events of a task's own codes alone are held, whatever else the tables hold.
    """

    tables: Tables
    lenient: bool = False

    def events(self, classes: Mapping[str, CodeSet]) -> pl.DataFrame:
        """Dated events of these sets: subject_id, time, known_time, never, visit_id, class; one a subject and moment, in order.

        Of several at one moment the class that comes first in `classes`, and the earliest time of being known; never:
        whether of one of them nobody says when it was known.
        """
        kept, kind = ("subject_id", "time", "known_time", "visit_id"), pl.Enum(list(classes))
        found = [pl.DataFrame(schema={**{name: EVENT[name] for name in kept}, "class": kind})]
        for name, codes in classes.items():
            part = self._of(codes, codes.holds()).select(kept)
            found.append(part.with_columns(pl.lit(name, kind).alias("class")))
        return _by_moment(pl.concat(found)).with_columns(pl.col("class").cast(pl.String))

    def classed(self, groups: pl.DataFrame) -> pl.DataFrame:
        """Dated events whose code belongs to a group: subject_id, time, known_time, never, visit_id, class; in one scan.

        Args: groups: code, class; a code may be of several.
        """
        found = self.of_codes(frozenset(groups["code"]), pl.lit(True))
        told = found.join(groups, on="code").with_columns(never=is_never(pl.col("known_time")))
        return told.select("subject_id", "time", "known_time", "never", "visit_id", "class").unique(maintain_order=True)

    def values(self, codes: CodeSet) -> pl.DataFrame:
        """Dated numbers of these codes: subject_id, time, known_time, never, value; of one code at one moment their mean.

        Raises: InputError where no event has a number, and where they are in several units: a change across them is none.
        """
        wanted = codes.expand(self.tables)
        found = self.of_codes(wanted, pl.col("numeric_value").is_not_null(), unit=pl.String)
        if found.is_empty() and not self.lenient:
            raise codes.missing(self.tables)
        units = found["unit"].drop_nulls().value_counts(sort=True)
        if units.height > 1:
            got = ", ".join(f"{unit} {count:,} times" for unit, count in units.head(4).iter_rows())
            raise InputError("values in several units", "[task] target, codes", got, "one unit",
                             "name codes of one unit, or convert the others in the study's files")  # fmt: skip
        each = found.with_columns(never=is_never(pl.col("known_time"))).group_by("subject_id", "time")
        once = each.agg(pl.col("known_time").max(), pl.col("never").any(), value=pl.col("numeric_value").mean())
        return once.sort("subject_id", "time")

    @cached_property
    def ordered(self) -> bool:
        """Whether the study's clock is only an order."""
        return any(self.tables.record(source)["clock"] == "order" for source in self.tables.sources())

    def said(self, label: CodeSet) -> pl.DataFrame:
        """subject_id, visit_id, yes: what the source says in the events of a label; their number is `low` (1) or more."""
        events = self._of(label, pl.col("numeric_value").is_not_null())
        bounds = label if label.low is not None or label.high is not None else replace(label, low=1.0)
        return events.select("subject_id", "visit_id", yes=bounds.holds())

    def deaths(self) -> pl.DataFrame:
        """subject_id, died, died_over: the first record of a death. A day without a time is the whole day: it is over later."""
        events = self.of_codes(frozenset((DEATH,)), pl.lit(True))
        midnight = pl.col("time").dt.truncate("1d") == pl.col("time")
        day = midnight & (pl.col("known_time") - pl.col("time") <= _DAY)
        over = pl.when(day).then(pl.max_horizontal("time", "known_time")).otherwise("time")
        first = pl.col("time").arg_min()
        return events.with_columns(over=over).group_by("subject_id").agg(
            died=pl.col("time").get(first), died_over=pl.col("over").get(first)
        )  # fmt: skip

    @cached_property
    def visits(self) -> pl.DataFrame:
        """Every visit with a time, of all sources: STAY and `kind`."""
        found = [table.select(list(VISITS)) for table in self._tables("visits")]
        if not found:
            return pl.DataFrame(schema={**STAY, "kind": pl.String})
        every = pl.concat(found, how="vertical_relaxed").group_by("subject_id", "visit_id", maintain_order=True)
        once = every.agg(pl.col("start_time").min(), pl.col("end_time").max(), pl.col("kind").drop_nulls().first())
        start = pl.coalesce("start_time", "end_time").cast(TIME)
        return once.select(
            "subject_id", "visit_id", start=start, end=pl.col("end_time").cast(TIME), kind=pl.col("kind").cast(pl.String)
        ).drop_nulls("start")  # fmt: skip

    def stays(self, kinds: Collection[str] = ()) -> pl.DataFrame:
        """Stays: visits of these kinds (none: all), those that overlap as one; STAY, sorted by subject and start.

        Raises: InputError for a kind that no visit has.
        """
        return merged(self.of_kinds(kinds))

    def of_kinds(self, kinds: Collection[str] = ()) -> pl.DataFrame:
        """The visits of these kinds; as `visits` where there are none."""
        there = set(self.visits["kind"].drop_nulls())
        for kind in kinds:
            if kind not in there and not self.lenient:
                raise InputError("no visit of this kind", "prediction task, kinds", kind,
                                 ", ".join(sorted(there)[:12]) or None, "name kinds that visits have")  # fmt: skip
        return self.visits.filter(pl.col("kind").is_in(list(kinds))) if kinds else self.visits

    @cached_property
    def observation(self) -> pl.DataFrame:
        """subject_id, observed_from, observed_until, as the sources state them; the first that says something counts."""
        columns = ("observed_from", "observed_until")
        found = [
            table.select("subject_id", *(
                (pl.col(name) if name in table.columns else pl.lit(None)).cast(TIME).alias(name) for name in columns
            ))
            for table in self._tables("patients")
        ]  # fmt: skip
        empty = pl.DataFrame(schema={"subject_id": pl.String, **dict.fromkeys(columns, TIME)})
        each = pl.concat([empty, *found]).group_by("subject_id", maintain_order=True)
        return each.agg(pl.col(name).drop_nulls().first() for name in columns)

    @cached_property
    def spans(self) -> pl.DataFrame:
        """subject_id, first, last: the first and last time of anything recorded, events and visits."""
        parts = [
            scan.filter(pl.col("time").is_not_null()).group_by("subject_id").agg(
                first=pl.col("time").min(), last=pl.col("time").max()
            ).collect(engine="streaming")
            for source in self.tables.sources() if (scan := self.tables.scan(source, "events")) is not None
        ]  # fmt: skip
        parts.append(self.visits.select("subject_id", first="start", last=pl.coalesce("end", "start")))
        return pl.concat(parts).group_by("subject_id").agg(pl.col("first").min(), pl.col("last").max())

    def _of(self, codes: CodeSet, holds: pl.Expr) -> pl.DataFrame:
        found = self.of_codes(codes.expand(self.tables), holds)
        if found.is_empty() and not self.lenient:
            raise codes.missing(self.tables)
        return found

    @cached_property
    def moments(self) -> pl.DataFrame:
        """subject_id, time: every moment at which anything was recorded, sorted."""
        parts = [
            scan.filter(pl.col("time").is_not_null()).select("subject_id", "time").unique().collect(engine="streaming")
            for source in self.tables.sources()
            if (scan := self.tables.scan(source, "events")) is not None
        ]
        empty = pl.DataFrame(schema={"subject_id": pl.String, "time": TIME})
        return pl.concat([empty, *parts]).unique().sort("subject_id", "time")

    def of_codes(self, codes: frozenset[str], holds: pl.Expr, **more: PolarsType) -> pl.DataFrame:
        """Dated events of these codes that hold, read from the tables by a streaming scan (EVENT, and what more is named)."""
        layout = {**EVENT, **more}
        wanted = pl.Series(sorted(codes), dtype=pl.String).implode()
        parts = [
            scan.filter(pl.col("code").is_in(wanted) & pl.col("time").is_not_null() & holds)
            .select(pl.col(name).cast(dtype) for name, dtype in layout.items())
            .collect(engine="streaming")
            for source in self.tables.sources() if (scan := self.tables.scan(source, "events")) is not None
        ]  # fmt: skip
        known = pl.max_horizontal("time", pl.col("known_time").fill_null(pl.col("time")))
        return pl.concat([pl.DataFrame(schema=layout), *parts]).with_columns(known_time=known)

    def undated(self, codes: frozenset[str] | None, holds: pl.Expr) -> pl.DataFrame:
        """subject_id, code of events without a time that hold; of these codes, or (None) of all."""
        wanted = (
            pl.lit(True) if codes is None else pl.col("code").is_in(pl.Series(sorted(codes), dtype=pl.String).implode())
        )
        parts = [
            scan.filter(pl.col("time").is_null() & wanted & holds).select("subject_id", "code").collect(engine="streaming")
            for source in self.tables.sources() if (scan := self.tables.scan(source, "events")) is not None
        ]  # fmt: skip
        return pl.concat([pl.DataFrame(schema={"subject_id": pl.String, "code": pl.String}), *parts])

    def patients(self) -> list[pl.DataFrame]:
        """The tables of patients, with the properties that the study keeps."""
        return self._tables("patients")

    def _tables(self, name: str) -> list[pl.DataFrame]:
        return [table for source in self.tables.sources() if (table := self.tables.table(source, name)) is not None]


def _by_moment(events: pl.DataFrame) -> pl.DataFrame:
    """One event a subject and moment, sorted by them: the first, with the earliest known_time; `never`: of one nobody says it.

    Only moments of several events are grouped: a group for every event would take several times their memory.
    """
    rows = events.sort("subject_id", "time", maintain_order=True).with_columns(never=is_never(pl.col("known_time")))
    begins = rows.select(
        pl.any_horizontal(pl.col(key).ne_missing(pl.col(key).shift()) for key in ("subject_id", "time"))
    ).to_series()
    begins = begins.set(pl.int_range(len(begins), eager=True) == 0, True)
    if begins.all():
        return rows
    rows = rows.with_columns(moment=begins.cum_sum())
    several = ~begins | ~begins.shift(-1, fill_value=True)
    once = (
        rows.filter(several)
        .group_by("moment", maintain_order=True)
        .agg(
            pl.col("subject_id", "time").first(), pl.col("known_time").min(), pl.col("visit_id", "class").first(),
            pl.col("never").any(),
        )
    )  # fmt: skip
    return pl.concat([rows.filter(~several), once.select(rows.columns)]).sort("moment").drop("moment")


def merged(visits: pl.DataFrame) -> pl.DataFrame:
    """Stays: visits of one patient that overlap are one, under the id of the longest (then of that which began first).

    So an intensive-care stay within an admission, or one that is written down as a little longer than it, is a part of it.
    Visits that only touch are two: a day's end is the next day's beginning. One without an end lasts into nothing else.
    Args: visits: subject_id, visit_id, start, end (null: nobody says).
    Returns: STAY, sorted by subject and start.
    Example:
        >>> from datetime import datetime
        >>> day = lambda n: datetime(2020, 1, n)
        >>> visits = pl.DataFrame({"subject_id": ["a", "a"], "visit_id": ["icu", "stay"], "start": [day(2), day(1)], "end": [day(5), day(4)]})
        >>> merged(visits).rows()
        [('a', 'stay', datetime.datetime(2020, 1, 1, 0, 0), datetime.datetime(2020, 1, 5, 0, 0))]
    """
    order = visits.with_columns(last=pl.col("end").fill_null(pl.col("start"))).sort(
        "subject_id", "start", "last", "visit_id", descending=[False, False, True, False]
    )
    before = pl.col("last").cum_max().shift(1).over("subject_id")
    same = (pl.col("start") == pl.col("start").shift(1).over("subject_id")).fill_null(False)
    begins = ((pl.col("start") >= before) & ~same).fill_null(True)
    parts = order.with_columns(stay=begins.cum_sum(), long=pl.col("last") - pl.col("start"))
    each = parts.group_by("stay", maintain_order=True).agg(
        pl.col("subject_id", "start").first(), pl.col("visit_id").get(pl.col("long").arg_max()), pl.col("end").max()
    )  # fmt: skip
    return each.select(list(STAY))


def is_never(known_time: pl.Expr) -> pl.Expr:
    """Whether nobody says when something was known."""
    return known_time >= NEVER
