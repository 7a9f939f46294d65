"""Questions that people ask of a cohort, in Cypher, each with its answer from the tables (tests/support/cohort_tables.py).

The answers are computed in polars and plain Python, and share no code with any store.
"""

from __future__ import annotations

import calendar
import operator
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any

import networkx
import polars as pl
from cohort_tables import CohortTables

Rows = list[tuple[Any, ...]]
Answer = Callable[[CohortTables], Iterable[Any]]


@dataclass(frozen=True)
class Question:
    """text: Cypher. answer: its rows, of tuples or of single values. ordered: whether their order counts."""

    text: str
    answer: Answer
    params: Mapping[str, Any] = field(default_factory=dict)
    ordered: bool = False

    def want(self, tables: CohortTables) -> Rows:
        return [row if isinstance(row, tuple) else (row,) for row in self.answer(tables)]


OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq, "<>": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
DAY = datetime(2020, 1, 15)


def ask(text: str, answer: Answer, **params: Any) -> Question:
    return Question(text, answer, params, "ORDER BY" in text.rpartition("RETURN ")[2])


def patients(t: CohortTables) -> list[dict[str, Any]]:
    return t.patients.to_dicts()


def visits(t: CohortTables) -> list[dict[str, Any]]:
    return t.visits.to_dicts()


def diagnosed(t: CohortTables) -> list[dict[str, Any]]:
    return t.diagnosed.to_dicts()


def among(t: CohortTables, test: Callable[[dict[str, Any]], Any]) -> list[str]:
    """Ids of the patients for whom something is true (neither false nor unknown)."""
    return [p["id"] for p in patients(t) if test(p) is True]


def later(value: Any, years: int = 0, months: int = 0, **by: int) -> Any:
    """A moment and years, months, then the rest of a duration; a day that a month has not is its last one."""
    if value is None:
        return None
    year, month = divmod(value.year * 12 + value.month - 1 + years * 12 + months, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return value.replace(year=year, month=month + 1, day=min(value.day, last)) + timedelta(**by)


def day(value: datetime | None) -> date | None:
    return None if value is None else value.date()


# time as Java and so Neo4j count it


def whole_days(a: datetime, b: datetime) -> int:
    """Days of 24 hours, towards zero."""
    return int((b - a) / timedelta(days=1))


def whole_months(a: datetime, b: datetime) -> int:
    """Months between two days, the second one moved by what is no whole day."""
    end = a.date() + timedelta(days=whole_days(a, b))
    first, last = ((d.year * 12 + d.month) * 32 + d.day for d in (a.date(), end))
    return int((last - first) / 32)


def between(a: datetime | None, b: datetime | None) -> tuple[int, int, int] | None:
    """months, days and seconds of duration.between."""
    if a is None or b is None:
        return None
    months = whole_months(a, b)
    a = later(a, months=months)
    days = whole_days(a, b)
    return months, days, int((b - a - timedelta(days=days)).total_seconds())


def towards_zero(n: int, by: int) -> int:
    return int(n / by)


COMPONENTS: dict[str, Callable[[tuple[int, int, int]], int]] = {
    "years": lambda d: towards_zero(d[0], 12), "months": lambda d: d[0], "days": lambda d: d[1],
    "weeks": lambda d: towards_zero(d[1], 7), "hours": lambda d: towards_zero(d[2], 3600),
    "minutes": lambda d: towards_zero(d[2], 60), "seconds": lambda d: d[2],
    "monthsOfYear": lambda d: d[0] - 12 * towards_zero(d[0], 12),
}  # fmt: skip
PARTS: dict[str, Callable[[datetime], int]] = {
    "year": lambda d: d.year, "quarter": lambda d: (d.month + 2) // 3, "month": lambda d: d.month,
    "week": lambda d: d.isocalendar().week, "day": lambda d: d.day, "dayOfWeek": lambda d: d.isoweekday(),
    "ordinalDay": lambda d: d.timetuple().tm_yday,
}  # fmt: skip
CLOCK: dict[str, Callable[[datetime], int]] = {
    "hour": lambda d: d.hour, "minute": lambda d: d.minute, "second": lambda d: d.second,
}  # fmt: skip


def known(function: Callable[[Any], Any], value: Any) -> Any:
    return None if value is None else function(value)


def compared(op: str, a: Any, b: Any) -> bool | None:
    return None if a is None or b is None else OPERATORS[op](a, b)


def comparisons() -> Iterable[Question]:
    """A stored time against a literal, a parameter, a day, a map, a month; a time against a time and a duration."""
    head, tail = "MATCH (p:Patient) WHERE ", " RETURN p.id AS id"
    for op in OPERATORS:

        def moment(t: CohortTables, op: str = op) -> list[str]:
            return among(t, lambda p: compared(op, p["index_date"], DAY))

        def by_day(t: CohortTables, op: str = op) -> list[str]:
            return among(t, lambda p: compared(op, day(p["index_date"]), DAY.date()))

        def by_month(t: CohortTables, op: str = op) -> list[str]:
            return among(
                t, lambda p: compared(op, known(lambda d: d.date().replace(day=1), p["index_date"]), date(2020, 2, 1))
            )

        def stay(t: CohortTables, op: str = op) -> list[str]:
            return [v["id"] for v in visits(t) if compared(op, v["end_time"], v["start_time"] + timedelta(days=5))]

        yield ask(f"{head}p.index_date {op} localdatetime('2020-01-15'){tail}", moment)
        yield ask(f"{head}p.index_date {op} $since{tail}", moment, since=DAY)
        yield ask(f"{head}p.index_date {op} localdatetime({{year: 2020, month: 1, day: 15}}){tail}", moment)
        yield ask(f"{head}date(p.index_date) {op} date('2020-01-15'){tail}", by_day)
        yield ask(f"{head}date(p.index_date) {op} date($since){tail}", by_day, since=DAY)
        yield ask(f"{head}date.truncate('month', p.index_date) {op} date('2020-02-01'){tail}", by_month)
        yield ask(f"MATCH (v:Visit) WHERE v.end_time {op} v.start_time + duration({{days: 5}}) RETURN v.id AS id", stay)


def parts() -> Iterable[Question]:
    for name, part in {**PARTS, **CLOCK}.items():
        yield ask(
            f"MATCH (p:Patient) RETURN p.id AS id, p.index_date.{name} AS x",
            lambda t, part=part: [(p["id"], known(part, p["index_date"])) for p in patients(t)],  # type: ignore[misc]
        )
    for name, part in PARTS.items():
        yield ask(
            f"MATCH (v:Visit) RETURN date(v.start_time).{name} AS x, count(*) AS n",
            lambda t, part=part: pl.Series([part(v["start_time"]) for v in visits(t)]).value_counts().rows(),  # type: ignore[misc]
        )


def durations() -> Iterable[Question]:
    """Every component of duration.between, forwards and backwards, and the three that count in one unit."""
    for name, part in COMPONENTS.items():
        for a, b in (("start_time", "end_time"), ("end_time", "start_time")):
            yield ask(
                f"MATCH (v:Visit) RETURN v.id AS id, duration.between(v.{a}, v.{b}).{name} AS x",
                lambda t, part=part, a=a, b=b: [(v["id"], known(part, between(v[a], v[b]))) for v in visits(t)],  # type: ignore[misc]
            )
        yield ask(
            f"MATCH (p:Patient) RETURN p.id AS id, duration.between(p.birth_date, p.index_date).{name} AS x",
            lambda t, part=part: [
                (p["id"], known(part, between(p["birth_date"], p["index_date"]))) for p in patients(t)
            ],  # type: ignore[misc]
        )
        yield ask(
            f"MATCH (p:Patient) RETURN avg(duration.between(p.birth_date, p.index_date).{name}) AS x",
            lambda t, part=part: [_mean(known(part, between(p["birth_date"], p["index_date"])) for p in patients(t))],  # type: ignore[misc]
        )
    units: dict[str, Callable[[datetime, datetime], int]] = {
        "inDays(A, B).days": whole_days, "inDays(A, B).weeks": lambda a, b: towards_zero(whole_days(a, b), 7),
        "inMonths(A, B).months": whole_months, "inMonths(A, B).years": lambda a, b: towards_zero(whole_months(a, b), 12),
        "inSeconds(A, B).seconds": lambda a, b: int((b - a).total_seconds()),
        "inSeconds(A, B).hours": lambda a, b: towards_zero(int((b - a).total_seconds()), 3600),
    }  # fmt: skip
    for name, unit in units.items():
        for a, b in (("start_time", "end_time"), ("end_time", "start_time")):
            text = f"duration.{name}".replace("A", f"v.{a}").replace("B", f"v.{b}")
            yield ask(
                f"MATCH (v:Visit) RETURN v.id AS id, {text} AS x",
                lambda t, unit=unit, a=a, b=b: [
                    (v["id"], None if v["end_time"] is None else unit(v[a], v[b])) for v in visits(t)
                ],  # type: ignore[misc]
            )
    yield ask(
        "MATCH (p:Patient) WHERE duration.between(p.birth_date, p.index_date).years >= 60 RETURN p.id AS id",
        lambda t: among(t, lambda p: known(lambda d: d[0] >= 720, between(p["birth_date"], p["index_date"]))),
    )
    yield ask(
        "MATCH (p:Patient) RETURN CASE WHEN duration.between(p.birth_date, p.index_date).years < 50 THEN 'young' "
        "ELSE 'old or unknown' END AS band, count(*) AS n",
        lambda t: pl.Series(
            ["young" if (d := between(p["birth_date"], p["index_date"])) and d[0] < 600 else "old or unknown" for p in patients(t)]
        ).value_counts().rows(),
    )  # fmt: skip
    yield ask(
        "MATCH (p:Patient)-[:ATTENDED]->(v:Visit) WITH p, min(v.start_time) AS a, max(v.start_time) AS b "
        "RETURN p.id AS id, duration.between(a, b).days AS days, duration.inDays(a, b).days AS all",
        lambda t: [
            (who, known(lambda d: d[1], between(a, b)), whole_days(a, b))
            for who, a, b in t.visits.group_by("patient").agg(a=pl.min("start_time"), b=pl.max("start_time")).rows()
        ],
    )
    yield ask(
        "MATCH (v:Visit) RETURN duration.between(min(v.start_time), max(v.start_time)).months AS x",
        lambda t: [whole_months(t.visits["start_time"].min(), t.visits["start_time"].max())],  # type: ignore[arg-type]
    )


def _mean(values: Iterable[Any]) -> float | None:
    there = [v for v in values if v is not None]
    return sum(there) / len(there) if there else None


def arithmetic() -> Iterable[Question]:
    shifts: dict[str, dict[str, int]] = {
        "{years: 18}": {"years": 18}, "{months: 1}": {"months": 1}, "{days: 30}": {"days": 30}, "{hours: 36}": {"hours": 36},
        "{weeks: 2}": {"weeks": 2}, "{months: 13, days: 3}": {"months": 13, "days": 3}, "'P6M'": {"months": 6},
        "'P1Y2M3DT4H'": {"years": 1, "months": 2, "days": 3, "hours": 4},
    }  # fmt: skip
    for text, by in shifts.items():
        yield ask(
            f"MATCH (v:Visit) RETURN v.id AS id, v.start_time + duration({text}) AS x",
            lambda t, by=by: [(v["id"], later(v["start_time"], **by)) for v in visits(t)],  # type: ignore[misc]
        )
        yield ask(
            f"MATCH (p:Patient) WHERE p.index_date - duration({text}) < localdatetime('2019-06-01') RETURN p.id AS id",
            lambda t, by=by: among(t, lambda p: compared("<", later(p["index_date"], **{k: -v for k, v in by.items()}), datetime(2019, 6, 1))),  # type: ignore[misc]
        )  # fmt: skip
    yield ask(
        "MATCH (p:Patient)-[d:DIAGNOSED]->(c) WHERE d.time <= p.index_date + $window RETURN count(*) AS n",
        lambda t: [t.diagnosed.join(t.patients, left_on="patient", right_on="id").filter(
            pl.col("time") <= pl.col("index_date") + timedelta(days=90)).height],
        window=timedelta(days=90),
    )  # fmt: skip
    for unit, start in (("month", "1mo"), ("year", "1y"), ("quarter", "1q"), ("week", "1w")):
        yield ask(
            f"MATCH (v:Visit) RETURN localdatetime.truncate('{unit}', v.start_time) AS x, count(*) AS n ORDER BY x",
            lambda t, start=start: (
                t.visits.group_by(pl.col("start_time").dt.truncate(start)).len().sort("start_time").rows()
            ),  # type: ignore[misc]
        )
        yield ask(
            f"MATCH (v:Visit) RETURN date.truncate('{unit}', v.start_time) AS x, count(*) AS n ORDER BY x DESC",
            lambda t, start=start: t.visits.group_by(pl.col("start_time").dt.date().dt.truncate(start)).len()  # type: ignore[misc]
            .sort("start_time", descending=True).rows(),
        )  # fmt: skip


AGGREGATES: dict[str, Callable[[Any], Any]] = {
    "count(p.age)": lambda s: s.count(), "count(DISTINCT p.age)": lambda s: s.drop_nulls().n_unique(),
    "count(*)": len, "sum(p.age)": lambda s: s.sum(), "avg(p.age)": lambda s: s.mean(),
    "min(p.age)": lambda s: s.min(), "max(p.age)": lambda s: s.max(), "stDev(p.age)": lambda s: s.std(),
    "stDevP(p.age)": lambda s: s.std(ddof=0), "percentileCont(p.age, 0.5)": lambda s: s.median(),
    "percentileCont(p.age, 0.9)": lambda s: s.quantile(0.9, "linear"),
    "percentileDisc(p.age, 0.25)": lambda s: s.drop_nulls().sort()[-(-len(s.drop_nulls()) // 4) - 1],
    "max(p.age) - min(p.age)": lambda s: s.max() - s.min(), "round(avg(p.age), 1)": lambda s: _round(s.mean(), 1),
    "size(collect(DISTINCT p.age))": lambda s: s.drop_nulls().n_unique(),
    "reduce(x = 0.0, a IN collect(p.age) | x + a)": lambda s: s.sum(),
    "CASE WHEN count(p.age) > 15 THEN 'many' ELSE 'few' END": lambda s: "many" if s.count() > 15 else "few",
    "stDev(p.age) / avg(p.age)": lambda s: s.std() / s.mean(),
    "100.0 * count(p.age) / count(*)": lambda s: 100.0 * s.count() / len(s),
}  # fmt: skip


def _round(value: Any, digits: int) -> float:
    from decimal import ROUND_HALF_UP, Decimal

    return float(Decimal(repr(value)).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP))


def aggregates() -> Iterable[Question]:
    for text, fold in AGGREGATES.items():
        yield ask(f"MATCH (p:Patient) RETURN {text} AS x", lambda t, fold=fold: [fold(t.patients["age"])])  # type: ignore[misc]
        for by in ("sex", "stage"):
            yield ask(
                f"MATCH (p:Patient) RETURN p.{by} AS g, {text} AS x",
                lambda t, fold=fold, by=by: [(g, fold(rows["age"])) for (g,), rows in t.patients.group_by(by)],  # type: ignore[misc]
            )
    yield ask("UNWIND [7] AS x RETURN stDev(x) AS s, stDevP(x) AS p", lambda t: [(0.0, 0.0)])
    yield ask(
        "MATCH (p:Patient) WHERE p.age > 1000 RETURN count(p) AS n, sum(p.age) AS s, avg(p.age) AS m, min(p.age) AS l, collect(p.id) AS c",
        lambda t: [(0, 0, None, None, [])],
    )  # fmt: skip
    yield ask(
        "MATCH (p:Patient) RETURN p.sex AS sex, count(*) AS n ORDER BY count(*) DESC, sex",
        lambda t: t.patients.group_by("sex").len().sort("len", "sex", descending=[True, False]).rows(),
    )
    yield ask(
        "MATCH (p:Patient) RETURN p.site AS site, avg(p.age) AS a ORDER BY avg(p.age) DESC",
        lambda t: t.patients.group_by("site").agg(pl.mean("age")).sort("age", descending=True).rows(),
    )
    yield ask(
        "MATCH (p:Patient) WITH p.site AS site, count(*) AS n WHERE n > 12 RETURN site, n",
        lambda t: t.patients.group_by("site").len().filter(pl.col("len") > 12).rows(),
    )
    yield ask(
        "MATCH (p:Patient) WITH avg(p.age) AS m MATCH (q:Patient) WHERE q.age > m RETURN q.id AS id",
        lambda t: t.patients.filter(pl.col("age") > pl.col("age").mean())["id"],
    )
    yield ask(
        "MATCH (p:Patient) RETURN percentileCont(p.age, 0.75) - percentileCont(p.age, 0.25) AS iqr",
        lambda t: [t.patients["age"].quantile(0.75, "linear") - t.patients["age"].quantile(0.25, "linear")],  # type: ignore[operator]
    )
    yield ask(
        "MATCH (p:Patient) RETURN p.sex AS sex, sum(CASE WHEN p.smoker THEN 1 ELSE 0 END) AS n, count(p.smoker) AS of",
        lambda t: t.patients.group_by("sex").agg(n=pl.sum("smoker"), of=pl.count("smoker")).rows(),
    )


def no(a: bool | None) -> bool | None:
    return None if a is None else not a


def both(a: bool | None, b: bool | None) -> bool | None:
    return False if a is False or b is False else None if a is None or b is None else True


def either(a: bool | None, b: bool | None) -> bool | None:
    return no(both(no(a), no(b)))


def one_of(a: bool | None, b: bool | None) -> bool | None:
    return None if a is None or b is None else a != b


PREDICATES: dict[str, Callable[[dict[str, Any]], bool | None]] = {
    "p.smoker": lambda p: p["smoker"], "NOT p.smoker": lambda p: no(p["smoker"]), "p.smoker = true": lambda p: p["smoker"],
    "p.smoker <> true": lambda p: no(p["smoker"]), "p.smoker IS NULL": lambda p: p["smoker"] is None,
    "coalesce(p.smoker, false)": lambda p: bool(p["smoker"]), "p.outcome = 1": lambda p: p["outcome"] == 1,
    "p.stage = 'I'": lambda p: compared("=", p["stage"], "I"), "p.stage <> 'I'": lambda p: compared("<>", p["stage"], "I"),
    "NOT p.stage = 'I'": lambda p: compared("<>", p["stage"], "I"), "p.stage = null": lambda p: None,
    "p.stage IN ['I', 'II']": lambda p: known(lambda s: s in ("I", "II"), p["stage"]),
    "NOT p.stage IN ['I', null]": lambda p: False if p["stage"] == "I" else None,
    "p.stage = 'I' OR p.stage IS NULL": lambda p: p["stage"] in ("I", None),
    "p.smoker AND p.age > 60": lambda p: both(p["smoker"], compared(">", p["age"], 60)),
    "p.smoker OR p.age > 60": lambda p: either(p["smoker"], compared(">", p["age"], 60)),
    "p.smoker XOR p.age > 60": lambda p: one_of(p["smoker"], compared(">", p["age"], 60)),
    "NOT (p.smoker AND p.age > 60)": lambda p: no(both(p["smoker"], compared(">", p["age"], 60))),
    "40 <= p.age < 70": lambda p: known(lambda a: 40 <= a < 70, p["age"]),
    "p.age % 2 = 0 AND p.sex = 'F'": lambda p: both(known(lambda a: a % 2 == 0, p["age"]), p["sex"] == "F"),
    "p.id IN $ids": lambda p: p["id"] in ("p01", "p07"), "p['age'] > 50": lambda p: compared(">", p["age"], 50),
    "p[$key] > 50": lambda p: compared(">", p["age"], 50), "p.site STARTS WITH 'n'": lambda p: p["site"].startswith("n"),
    "p.site ENDS WITH 'th'": lambda p: p["site"].endswith("th"), "p.site CONTAINS 'ou'": lambda p: "ou" in p["site"],
    "p.stage STARTS WITH 'I'": lambda p: known(lambda s: s.startswith("I"), p["stage"]), "p.id =~ 'p0[0-4]'": lambda p: p["id"] < "p05",
    "p.site =~ '(?i)SOUTH'": lambda p: p["site"] == "south", "toLower(p.sex) = 'f'": lambda p: p["sex"] == "F",
    "size(p.stage) = 2": lambda p: known(lambda s: len(s) == 2, p["stage"]), "p.site < 'p'": lambda p: p["site"] < "p",
    "any(s IN ['I', 'II'] WHERE s = p.stage)": lambda p: known(lambda s: s in ("I", "II"), p["stage"]),
    "none(s IN ['I', 'II'] WHERE s = p.stage)": lambda p: known(lambda s: s == "III", p["stage"]),
    "single(s IN ['I', 'II', 'I'] WHERE s = p.stage)": lambda p: known(lambda s: s == "II", p["stage"]),
    "p.index_date.year IN [2019, 2021] AND p.index_date.month > 6":
        lambda p: known(lambda d: d.year != 2020 and d.month > 6, p["index_date"]),
    "toString(p.index_date) STARTS WITH '2020'": lambda p: known(lambda d: d.year == 2020, p["index_date"]),
}  # fmt: skip


def predicates() -> Iterable[Question]:
    given: dict[str, Any] = {"ids": ["p01", "p07", "nobody"], "key": "age"}
    for text, test in PREDICATES.items():
        used = {name: value for name, value in given.items() if f"${name}" in text}
        yield Question(f"MATCH (p:Patient) WHERE {text} RETURN p.id AS id", lambda t, test=test: among(t, test), used)  # type: ignore[misc]


VALUES: dict[str, Any] = {
    "toUpper('aB')": "AB", "toLower('aB')": "ab", "trim('  a ')": "a", "replace('abc', 'b', 'x')": "axc",
    "split('a,b', ',')[1]": "b", "substring('hello', 1, 3)": "ell", "left('hello', 2)": "he", "right('hello', 2)": "lo",
    "reverse('abc')": "cba", "size('abc')": 3, "'a' + 'b'": "ab", "toInteger('5')": 5, "toFloat('5.5')": 5.5,
    "toInteger('x')": None, "toInteger(5.9)": 5, "toBoolean('true')": True, "toString(5)": "5", "round(2.5)": 3.0,
    "round(-2.5)": -2.0, "round(1.005, 2)": 1.01, "round(-1.25, 1)": -1.3, "floor(-1.5)": -2.0, "ceil(1.2)": 2.0, "abs(-2)": 2,
    "sign(-3.0)": -1, "sqrt(16)": 4.0, "7 / 2": 3, "7 / 2.0": 3.5, "-7 % 3": -1, "2 ^ 3": 8.0, "log(0)": float("-inf"),
    "coalesce(null, 2)": 2, "nullIf(1, 1)": None, "isEmpty([])": True, "char_length('abc')": 3, "head([])": None,
    "[1, 2, 3][-1]": 3, "[1, 2, 3][1..]": [2, 3], "[1, 2, 3][5]": None, "range(1, 7, 3)": [1, 4, 7], "tail([1, 2])": [2],
    "[x IN range(1, 5) WHERE x % 2 = 1 | x * x]": [1, 9, 25], "reduce(s = 0, x IN [1, 2, 3] | s + x)": 6, "[1] + [2]": [1, 2],
    "[1] + 2": [1, 2], "3 IN [1, null]": None, "null = null": None, "null OR true": True, "{a: {b: 1}}.a.b": 1,
    "{a: 1}['a']": 1, "size(keys({a: 1, b: 2}))": 2, "CASE 3 WHEN 1, 3 THEN 'odd' ELSE 'even' END": "odd",
    "CASE WHEN null THEN 1 ELSE 2 END": 2, "1 = 1.0": True, "'1' = 1": False, "1 < 2 < 3": True,
    "date('2020-02-29') + duration({years: 1})": date(2021, 2, 28), "date('2020-03-31') - duration({months: 1})": date(2020, 2, 29),
    "date('2020-01-01') + duration({hours: 49})": date(2020, 1, 3), "date('2020-01-01') - duration({hours: 23})": date(2020, 1, 1),
    "date({year: 2020, month: 5})": date(2020, 5, 1), "date('2020-05')": date(2020, 5, 1), "date('20200517')": date(2020, 5, 17),
    "localdatetime('2020-05-17T10:30')": datetime(2020, 5, 17, 10, 30), "datetime('2020-05-17T10:30+02:00').hour": 10,
    "duration.between(date('2020-01-01'), date('2020-02-10'))": "P1M9D", "duration({days: 1, hours: 30})": "P1DT30H",
    "duration.between(date('2020-02-10'), date('2020-01-01')).days": -9, "toString(date('2020-05-17'))": "2020-05-17",
    "duration({months: 14}).years": 1, "duration('P2W').days": 14, "date('2020-05-17').week": 20,
    "duration({days: 1}) = duration({hours: 24})": False, "datetime('2020-01-01').epochSeconds": 1577836800,
    "$list[0]": 1, "$map.key": "v", "[x IN $list | x + 1]": [2, 3], "size($list)": 2,
}  # fmt: skip


def values() -> Iterable[Question]:
    given = {"list": [1, 2], "map": {"key": "v"}}
    for text, value in VALUES.items():
        used = {name: item for name, item in given.items() if f"${name}" in text}
        yield Question(f"RETURN {text} AS x", lambda t, value=value: [(value,)], used)  # type: ignore[misc]


def count_by(t: CohortTables, frame: pl.DataFrame, key: str = "patient") -> dict[str, int]:
    return dict(frame.group_by(key).len().iter_rows())


def last(t: CohortTables, frame: pl.DataFrame, by: str) -> pl.DataFrame:
    """Of each patient the row with the greatest `by`."""
    return frame.sort("patient", by).group_by("patient", maintain_order=True).last()


def shaped() -> Iterable[Question]:
    """WITH, UNION, DISTINCT, ORDER BY with nulls, OPTIONAL MATCH, subqueries, lists and maps as rows."""
    yield ask("MATCH (p:Patient) RETURN DISTINCT p.stage AS s ORDER BY s", lambda t: ["I", "II", "III", None])
    yield ask("MATCH (p:Patient) RETURN DISTINCT p.stage AS s ORDER BY s DESC", lambda t: [None, "III", "II", "I"])
    yield ask(
        "MATCH (p:Patient) RETURN p.id AS id ORDER BY p.age, p.id SKIP 3 LIMIT 5",
        lambda t: t.patients.sort("age", "id", nulls_last=True)["id"][3:8],
    )
    yield ask(
        "MATCH (p:Patient) RETURN p.id AS id, p.index_date AS d ORDER BY d DESC, id LIMIT 6",
        lambda t: t.patients.sort("index_date", "id", descending=[True, False], nulls_last=False)
        .select("id", "index_date").rows()[:6],
    )  # fmt: skip
    yield ask(
        "MATCH (p:Patient) RETURN p.sex, p.stage, count(*) ORDER BY p.sex, p.stage",
        lambda t: t.patients.group_by("sex", "stage").len().sort("sex", "stage", nulls_last=True).rows(),
    )
    yield ask(
        "MATCH (p:Patient) WHERE p.age > 80 RETURN p.id AS id UNION MATCH (p:Patient) WHERE p.sex = 'F' RETURN p.id AS id",
        lambda t: t.patients.filter((pl.col("age") > 80) | (pl.col("sex") == "F"))["id"],
    )
    yield ask(
        "MATCH (p:Patient) WHERE p.age > 80 RETURN p.id AS id UNION ALL MATCH (p:Patient) WHERE p.sex = 'F' RETURN p.id AS id",
        lambda t: [*t.patients.filter(pl.col("age") > 80)["id"], *t.patients.filter(pl.col("sex") == "F")["id"]],
    )
    yield ask(
        "CALL { MATCH (p:Patient) WHERE p.age > 80 RETURN p UNION MATCH (p:Patient) WHERE p.sex = 'F' RETURN p } "
        "RETURN count(p) AS n",
        lambda t: [t.patients.filter((pl.col("age") > 80) | (pl.col("sex") == "F")).height],
    )
    yield ask(
        "MATCH (p:Patient) OPTIONAL MATCH (p)-[:ATTENDED]->(v:Visit) RETURN p.id AS id, count(v) AS n",
        lambda t: [(i, count_by(t, t.visits).get(i, 0)) for i in t.patients["id"]],
    )
    yield ask(
        "MATCH (p:Patient) OPTIONAL MATCH (p)-[:ATTENDED]->(v:Visit) WHERE v.ward = 'a' WITH p, count(v) AS n "
        "RETURN n, count(p) AS patients ORDER BY n",
        lambda t: pl.Series([count_by(t, t.visits.filter(pl.col("ward") == "a")).get(i, 0) for i in t.patients["id"]])
        .value_counts().sort("").rows(),
    )  # fmt: skip
    yield ask(
        "MATCH (p:Patient)-[:ATTENDED]->(v:Visit) WITH p, v ORDER BY v.start_time DESC, v.id DESC "
        "WITH p, collect(v)[0] AS last RETURN p.id AS id, last.id AS v",
        lambda t: (
            t.visits.sort("patient", "start_time", "id").group_by("patient").last().select("patient", "id").rows()
        ),
    )
    yield ask(
        "MATCH (p:Patient) CALL (p) { MATCH (p)-[:ATTENDED]->(v) RETURN v.id AS v ORDER BY v DESC LIMIT 1 } RETURN p.id AS id, v",
        lambda t: t.visits.group_by("patient").agg(pl.max("id")).rows(),
    )
    yield ask(
        "MATCH (p:Patient) CALL (p) { OPTIONAL MATCH (p)-[d:DIAGNOSED]->() RETURN max(d.value) AS m } RETURN p.id AS id, m",
        lambda t: t.patients.join(t.diagnosed, left_on="id", right_on="patient", how="left").group_by("id").agg(pl.max("value")).rows(),
    )  # fmt: skip
    yield ask(
        "MATCH (p:Patient) CALL { WITH p MATCH (p)-[:DIAGNOSED]->(c) RETURN count(DISTINCT c) AS n } RETURN p.id AS id, n",
        lambda t: [(i, t.diagnosed.filter(pl.col("patient") == i)["code"].n_unique()) for i in t.patients["id"]],
    )
    yield ask(
        "MATCH (p:Patient) WITH p.sex AS sex, p ORDER BY p.age WITH sex, collect(p.age) AS ages RETURN sex, ages[0] AS least, size(ages) AS n",
        lambda t: [(s, rows["age"].min(), rows["age"].count()) for (s,), rows in t.patients.group_by("sex")],
    )  # fmt: skip
    yield ask(
        "UNWIND $rows AS r MATCH (p:Patient {id: r.id}) RETURN p.id AS id, r.weight * 2 AS w",
        lambda t: [("p01", 4), ("p02", 6)], rows=[{"id": "p01", "weight": 2}, {"id": "p02", "weight": 3}],
    )  # fmt: skip
    yield ask(
        "UNWIND ['S0', 'none'] AS s OPTIONAL MATCH (g:Gene {symbol: s}) RETURN s, g.id AS id",
        lambda t: [("S0", "g0"), ("none", None)],
    )
    yield ask(
        "WITH {I: 1, II: 2} AS rank MATCH (p:Patient) RETURN p.id AS id, rank[p.stage] AS r",
        lambda t: [(p["id"], {"I": 1, "II": 2}.get(p["stage"])) for p in patients(t)],
    )
    yield ask(
        "MATCH (p:Patient) RETURN p {.id, .stage, old: p.age > 60} AS m",
        lambda t: [{"id": p["id"], "stage": p["stage"], "old": compared(">", p["age"], 60)} for p in patients(t)],
    )
    yield ask(
        "MATCH (p:Patient)-[d:DIAGNOSED]->(c) WITH p, collect({code: c.id, time: d.time}) AS h "
        "WHERE any(x IN h WHERE x.time >= localdatetime('2021-06-01')) RETURN p.id AS id",
        lambda t: t.diagnosed.filter(pl.col("time") >= datetime(2021, 6, 1))["patient"].unique(),
    )
    yield ask(
        "MATCH (p:Patient)-[:ATTENDED]->(v:Visit) WITH p, v ORDER BY v.start_time WITH p, collect(v.start_time) AS ts "
        "WHERE size(ts) > 1 RETURN p.id AS id, [i IN range(0, size(ts) - 2) | duration.inDays(ts[i], ts[i + 1]).days] AS gaps",
        lambda t: [
            (who, [whole_days(a, b) for a, b in pairwise(ts)])
            for who, ts in t.visits.sort("start_time").group_by("patient").agg("start_time").iter_rows() if len(ts) > 1
        ],
    )  # fmt: skip


def reserved() -> Iterable[Question]:
    """Words of Cypher as names, which Neo4j takes."""
    for word in ("end", "starts", "in", "is", "order", "set"):
        if word != "set":
            yield ask(
                f"UNWIND [1, 2] AS {word} WITH {word} AS x, {{{word}: {word}}} AS m RETURN x + m.{word} AS y",
                lambda t: [2, 4],
            )
        yield ask(f"MATCH ({word}:Gene)-[:IN_PATHWAY]->(w) RETURN count({word}) AS n", lambda t: [t.in_pathway.height])


def having(t: CohortTables, frame: pl.DataFrame, key: str = "patient") -> set[str]:
    return set(frame[key])


def patterns() -> Iterable[Question]:
    """EXISTS, COUNT, patterns as predicates and lists, labels, relationship types."""
    s1 = "(:Gene {symbol: 'S1'})"

    def mutated(t: CohortTables) -> set[str]:
        return having(t, t.mutated.filter(pl.col("gene") == "g1"))

    for text in (f"EXISTS {{ (p)-[:MUTATED_IN]->{s1} }}", f"(p)-[:MUTATED_IN]->{s1}", f"exists((p)-[:MUTATED_IN]->{s1})",
                 "EXISTS { MATCH (p)-[:MUTATED_IN]->(g:Gene) WHERE g.symbol = 'S1' }",
                 "EXISTS { MATCH (p)-[:MUTATED_IN]->(g) WHERE g.symbol = 'S1' RETURN g }",
                 "EXISTS { (p)-[:MUTATED_IN]->(g:Gene WHERE g.symbol = 'S1') }"):  # fmt: skip
        yield ask(f"MATCH (p:Patient) WHERE {text} RETURN p.id AS id", lambda t: sorted(mutated(t)))
        yield ask(
            f"MATCH (p:Patient) WHERE NOT {text} AND p.sex = 'F' RETURN p.id AS id",
            lambda t: among(t, lambda p: p["id"] not in mutated(t) and p["sex"] == "F"),
        )
    yield ask(
        "MATCH (p:Patient) RETURN p.id AS id, COUNT { (p)-[:ATTENDED]->() } AS n ORDER BY n DESC, id",
        lambda t: sorted(((i, count_by(t, t.visits).get(i, 0)) for i in t.patients["id"]), key=lambda r: (-r[1], r[0])),
    )
    yield ask(
        "MATCH (p:Patient) WHERE COUNT { (p)-[:ATTENDED]->(v:Visit) WHERE v.ward = 'a' } >= 2 RETURN p.id AS id",
        lambda t: [i for i, n in count_by(t, t.visits.filter(pl.col("ward") == "a")).items() if n >= 2],
    )
    yield ask(
        "MATCH (p:Patient) RETURN avg(COUNT { (p)-[:ATTENDED]->() }) AS m",
        lambda t: [t.visits.height / t.patients.height],
    )
    yield ask(
        "MATCH (p:Patient) RETURN p.id AS id, size([(p)-[d:DIAGNOSED]->(c) WHERE d.value > 5 | c.id]) AS n",
        lambda t: [(i, count_by(t, t.diagnosed.filter(pl.col("value") > 5)).get(i, 0)) for i in t.patients["id"]],
    )
    yield ask(
        "MATCH (p:Patient WHERE p.age > 50)-[d:DIAGNOSED WHERE d.value > 5]->(c) WHERE p.sex = 'F' OR c.id < 'c05' "
        "RETURN p.id AS id, c.id AS c",
        lambda t: t.diagnosed.join(t.patients, left_on="patient", right_on="id").filter(
            (pl.col("age") > 50) & (pl.col("value") > 5) & ((pl.col("sex") == "F") | (pl.col("code") < "c05"))
        ).select("patient", "code").rows(),
    )  # fmt: skip
    yield ask(
        "MATCH (p:Patient) OPTIONAL MATCH (p)-[d:DIAGNOSED WHERE d.value > 7]->(c) RETURN p.id AS id, count(c) AS n",
        lambda t: [(i, count_by(t, t.diagnosed.filter(pl.col("value") > 7)).get(i, 0)) for i in t.patients["id"]],
    )
    yield ask(
        "MATCH (p:Patient)-[r:MUTATED_IN|ATTENDED]->(x) RETURN type(r) AS t, labels(x) AS l, count(*) AS n",
        lambda t: [("MUTATED_IN", ["Gene"], t.mutated.height), ("ATTENDED", ["Visit"], t.visits.height)],
    )
    yield ask(
        "MATCH (n) WHERE n:Gene OR n:Pathway RETURN labels(n)[0] AS l, count(*) AS n",
        lambda t: [("Gene", t.genes.height), ("Pathway", t.pathways.height)],
    )
    yield ask("MATCH (n:Gene|Pathway) RETURN count(n) AS n", lambda t: [t.genes.height + t.pathways.height])
    yield ask(
        "MATCH (n) RETURN DISTINCT labels(n)[0] AS l",
        lambda t: ["Patient", "Visit", "Gene", "Pathway", "Diagnosis", "Batch"],
    )
    yield ask(
        "MATCH (a:Patient)-[:MUTATED_IN]->(g:Gene)<-[:MUTATED_IN]-(b:Patient) WHERE a.id < b.id RETURN a.id AS a, b.id AS b, count(g) AS n",
        lambda t: t.mutated.join(t.mutated, on="gene").filter(pl.col("patient") < pl.col("patient_right"))
        .group_by("patient", "patient_right").len().rows(),
    )  # fmt: skip
    yield ask(
        "MATCH (p:Patient)-[:ATTENDED]->(a:Visit), (p)-[:ATTENDED]->(b:Visit) "
        "WHERE b.start_time > a.end_time AND b.start_time <= a.end_time + duration({days: 90}) RETURN DISTINCT p.id AS id",
        lambda t: t.visits.join(t.visits, on="patient").filter(
            (pl.col("start_time_right") > pl.col("end_time"))
            & (pl.col("start_time_right") <= pl.col("end_time") + timedelta(days=90)))["patient"].unique(),
    )  # fmt: skip
    yield ask(
        "MATCH (p:Patient)-[:MUTATED_IN]->(:Gene)-[:IN_PATHWAY]->(w:Pathway) RETURN w.name AS w, count(DISTINCT p) AS n",
        lambda t: t.mutated.join(t.in_pathway, on="gene").join(t.pathways, left_on="pathway", right_on="id")
        .group_by("name").agg(pl.n_unique("patient")).rows(),
    )  # fmt: skip
    yield ask(
        "MATCH (p:Patient) WITH count(p) AS total MATCH (p:Patient)-[:MUTATED_IN]->(g:Gene) "
        "RETURN g.symbol AS s, total, 1.0 * count(DISTINCT p) / total AS share",
        lambda t: [
            (f"S{g[1:]}", t.patients.height, n / t.patients.height) for g, n in t.mutated.group_by("gene").len().rows()
        ],
    )
    yield ask(
        "MATCH (v:Visit) RETURN v.ward, percentileCont(duration.inDays(v.start_time, v.start_time).days, 0.5)",
        lambda t: [("a", 0.0), ("b", 0.0)],
    )
    yield ask(
        "MATCH (p:Patient {id: 'p01'}) RETURN keys(p) AS k",
        lambda t: [([k for k, v in sorted(t.patients.row(1, named=True).items()) if v is not None],)],
    )


def above(t: CohortTables, code: str) -> dict[str, int]:
    """Codes above this one, and how many steps."""
    return dict(networkx.single_source_shortest_path_length(networkx.DiGraph(t.is_a.rows()), code))


def network(t: CohortTables) -> Any:
    return networkx.Graph(t.interacts.select("a", "b").rows())


def paths() -> Iterable[Question]:
    for steps, low, high in (
        ("*", 1, 99),
        ("*1..3", 1, 3),
        ("*0..2", 0, 2),
        ("*11..", 11, 99),
        ("*2", 2, 2),
        ("*..4", 1, 4),
    ):
        yield ask(
            f"MATCH (a:Diagnosis {{id: 'c12'}})-[:IS_A{steps}]->(b) RETURN b.id AS id",
            lambda t, low=low, high=high: [c for c, n in above(t, "c12").items() if low <= n <= high],  # type: ignore[misc]
        )
        yield ask(
            f"MATCH path = (a:Diagnosis {{id: 'c12'}})-[:IS_A{steps}]->(b) RETURN b.id AS id, length(path) AS n ORDER BY n",
            lambda t, low=low, high=high: [(c, n) for c, n in above(t, "c12").items() if low <= n <= high],  # type: ignore[misc]
        )
    yield ask(
        "MATCH (d:Diagnosis) WHERE EXISTS { (d)-[:IS_A*]->(:Diagnosis {id: 'c00'}) } RETURN d.id AS id",
        lambda t: t.is_a["child"],
    )
    yield ask(
        "MATCH (p:Patient)-[:DIAGNOSED]->(:Diagnosis)-[:IS_A*0..]->(:Diagnosis {id: 'c05'}) RETURN DISTINCT p.id AS id",
        lambda t: t.diagnosed.filter(pl.col("code").is_in([f"c{i:02d}" for i in range(5, 13)]))["patient"].unique(),
    )
    for text in (
        "MATCH path = shortestPath((a:Gene {id: 'g0'})-[:INTERACTS_WITH*]-(b:Gene {id: 'g4'})) RETURN length(path) AS n",
        "MATCH (a:Gene {id: 'g0'}), (b:Gene {id: 'g4'}), path = shortestPath((a)-[:INTERACTS_WITH*..9]-(b)) RETURN length(path) AS n",
        "MATCH (a:Gene {id: 'g0'}), (b:Gene {id: 'g4'}) MATCH path = shortestPath((a)-[:INTERACTS_WITH*]-(b)) RETURN length(path) AS n",
    ):
        yield ask(text, lambda t: [networkx.shortest_path_length(network(t), "g0", "g4")])
    yield ask(
        "MATCH (a:Gene {id: 'g0'}), (b:Gene) WHERE a <> b MATCH path = shortestPath((a)-[:INTERACTS_WITH*]-(b)) "
        "RETURN b.id AS id, length(path) AS n",
        lambda t: [(g, n) for g, n in networkx.single_source_shortest_path_length(network(t), "g0").items() if n],
    )
    yield ask(
        "MATCH path = allShortestPaths((a:Gene {id: 'g0'})-[:INTERACTS_WITH*]-(b:Gene {id: 'g3'})) RETURN [n IN nodes(path) | n.id] AS ids",
        lambda t: [(one,) for one in networkx.all_shortest_paths(network(t), "g0", "g3")],
    )
    yield ask(
        "MATCH path = (a:Gene {id: 'g0'})-[:INTERACTS_WITH*1..4]->(b:Gene) "
        "RETURN b.id AS id, length(path) AS n, round(reduce(s = 0.0, i IN relationships(path) | s + i.score), 2) AS score",
        lambda t: [
            (b, len(one) - 1, round(sum(_score(t, *pair) for pair in pairwise(one)), 2))
            for b in t.genes["id"] if b != "g0" and b in networkx.descendants(networkx.DiGraph(t.interacts.select("a", "b").rows()), "g0")
            for one in networkx.all_simple_paths(networkx.DiGraph(t.interacts.select("a", "b").rows()), "g0", b)
        ],
    )  # fmt: skip
    yield ask(
        "MATCH path = (a:Gene)-[:INTERACTS_WITH*2]->(b:Gene) WHERE all(r IN relationships(path) WHERE r.score > 0.05) "
        "RETURN a.id AS a, b.id AS b",
        lambda t: [(a, d) for a, b, s in t.interacts.rows() for c, d, u in t.interacts.rows() if b == c and s > 0.05 and u > 0.05],
    )  # fmt: skip
    yield ask(
        "MATCH path = (a:Gene)-[:INTERACTS_WITH*1..2]-(b:Gene) WHERE none(n IN nodes(path) WHERE n.id = 'g2') RETURN count(path) AS n",
        lambda t: [sum(1 for one in _walks(t, 2) if "g2" not in one)],
    )  # fmt: skip
    yield ask(
        "MATCH (p:Patient {id: 'p03'}) RETURN p",
        lambda t: [({k: v for k, v in t.patients.filter(pl.col("id") == "p03").row(0, named=True).items() if v is not None},)],
    )  # fmt: skip
    yield ask(
        "MATCH (g:Gene {id: 'g0'})-[i:INTERACTS_WITH]->(h) RETURN i, h.id AS id",
        lambda t: [({"score": s, "source": "cohort/records"}, b) for a, b, s in t.interacts.rows() if a == "g0"],
    )
    yield ask(
        "MATCH path = (g:Gene {id: 'g5'})-[:INTERACTS_WITH]->(h) RETURN path",
        lambda t: [{"nodes": [{"id": "g5", "symbol": "S5"}, {"id": "g6", "symbol": "S6"}],
                    "relationships": [{"score": _score(t, "g5", "g6"), "source": "cohort/records"}]}],
    )  # fmt: skip
    yield ask(
        "MATCH (w:Pathway {id: 'w0'})<-[:IN_PATHWAY]-(g) RETURN w.name AS name, collect(g.symbol) AS genes, collect(w)[0] AS w",
        lambda t: [("repair", sorted(f"S{g[1:]}" for g, w in t.in_pathway.rows() if w == "w0"), {"id": "w0", "name": "repair"})],
    )  # fmt: skip


def _score(t: CohortTables, a: str, b: str) -> float:
    return float(t.interacts.filter((pl.col("a") == a) & (pl.col("b") == b))["score"][0])


def _walks(t: CohortTables, most: int) -> Iterable[list[str]]:
    """Walks of one to `most` steps that use no relationship twice."""
    edges = [(a, b) for a, b, _ in t.interacts.rows()]

    def on(walk: list[str], used: frozenset[int]) -> Iterable[list[str]]:
        if len(walk) > 1:
            yield walk
        if len(walk) <= most:
            for i, (a, b) in enumerate(edges):
                for x, y in ((a, b), (b, a)):
                    if x == walk[-1] and i not in used:
                        yield from on([*walk, y], used | {i})

    for gene in t.genes["id"]:
        yield from on([gene], frozenset())


QUESTIONS = [
    question
    for family in (comparisons, parts, durations, arithmetic, aggregates, predicates, values, shaped, reserved, patterns, paths)
    for question in family()
]  # fmt: skip
