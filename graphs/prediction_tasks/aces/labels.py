"""Rows and labels of an ACES task: windows of every trigger, resolved and counted by joins in the order of time."""

from __future__ import annotations

from difflib import get_close_matches
from functools import cached_property, reduce

import polars as pl

from ....loaders.errors import InputError
from ....loaders.identifiers.curie import meds_codes
from ....loaders.records.meds.extension import VISIT_END, VISIT_START
from ....loaders.tables import PolarsType
from ..code_set import study_codes
from ..labels import TaskLabels, percent
from ..records import TIME, Records
from .patients import described, in_range, patients
from .predicates import Predicate
from .task import ANY, OWN_END, OWN_START, RECORD_END, RECORD_START, TRIGGER, AcesTask, AcesWindow, Bound

AT = pl.col("prediction_time")
COUNTED: dict[str, PolarsType] = {"subject_id": pl.String, "time": TIME, "n": pl.Int64}
VISIT_EVENTS = {VISIT_START: "start", VISIT_END: "end"}
"""Codes for the beginnings and ends of visits, in studies whose admissions are visits and no events: as an export has them."""


def with_aces(task: AcesTask, records: Records) -> TaskLabels:
    """subject_id, prediction_time, label of an ACES task.

    A criterion of a window that reaches beyond the index decides by the future who is in: it holds, as the file says, and is
    named and counted in the notes. A label's window beyond the end of observation without the label is unknown.
    Raises: InputError where the trigger or the label has no event.
    """
    counts = _Counts(task, records)
    for name in (task.trigger, task.label[1]):
        if counts.of(name).is_empty() and not records.lenient:
            raise counts.missing(name)
    rows = counts.of(task.trigger).select("subject_id", pl.col("time").alias(TRIGGER))
    asked = []
    for name in task.demographics:
        rows = rows.join(counts.who(name), on="subject_id", how="semi", maintain_order="left")
        asked.append((f"patients: {name}", rows["subject_id"].n_unique()))
    rows = rows.with_row_index("row")
    for name, window in task.windows.items():
        rows = _bounded(rows, name, window, counts)
    index = f"{task.index[0]}.{task.index[1]}"
    met = rows.drop_nulls(index).rename({index: "prediction_time"})
    notes = [
        task.words,
        *_told(
            rows.height - met.height, rows.height, "have no moment to predict at: an event that bounds it never comes"
        ),
    ]
    met = met.with_columns(AT.alias(index))
    steps = [*asked, ("with a moment to predict at", met["subject_id"].n_unique())]
    for name, window in task.windows.items():
        met, more = _filtered(met, name, window, counts)
        notes += more
        if window.has:
            steps.append((f"window {name}: {', '.join(window.has)}", met["subject_id"].n_unique()))
    met, more = _labelled(met, task, records, counts)
    once = met.select("subject_id", "prediction_time", "label").unique(
        ["subject_id", "prediction_time"], keep="first", maintain_order=True
    )
    more += (
        [f"{met.height - once.height:,} triggers with the same moment to predict at counted once"]
        if met.height > once.height
        else []
    )
    return TaskLabels(once.sort("subject_id", "prediction_time"), tuple(steps), (*notes, *more, *counts.empty()))


class _Counts:
    """Predicates as counts: subject_id, time, n; sorted by both."""

    def __init__(self, task: AcesTask, records: Records) -> None:
        self.task, self.records = task, records
        self._found: dict[str, pl.DataFrame] = {}

    def of(self, name: str) -> pl.DataFrame:
        if name not in self._found:
            self._found[name] = (
                self._counted(name)
                .select(pl.col(one).cast(of) for one, of in COUNTED.items())
                .sort("subject_id", "time")
            )
        return self._found[name]

    @cached_property
    def codes(self) -> pl.Series:
        return pl.Series(sorted(study_codes(self.records.tables)), dtype=pl.String)

    def missing(self, name: str) -> InputError:
        """Of a predicate that nothing is: its codes, and the nearest that there are."""
        predicate = self.task.predicates.get(name)
        where = f"ACES task {self.task.name}, predicate {name}"
        if predicate is None:
            return InputError("no event of this study is so", where, name, "some", "load records with times")
        if predicate.join is not None:
            empty = [part for part in predicate.parts if not self.still(part) and self.of(part).is_empty()]
            return self.missing(empty[0]) if empty else InputError(
                "no event of this study is so", where, ", ".join(predicate.parts), "some at one moment", "look at its codes"
            )  # fmt: skip
        got = predicate.regex if predicate.regex is not None else ", ".join(predicate.codes)
        if predicate.low is not None or predicate.high is not None:
            got += f" with a number in ({predicate.low}, {predicate.high})"
        near = {
            one for code in _curies(predicate.codes) for one in get_close_matches(code, self.codes, n=2, cutoff=0.5)
        }
        expected = ", ".join(sorted(near)) or ", ".join(self.codes.head(5)) or None
        return InputError("no event of this study is so", where, got, None if expected is None else f"for example {expected}",
                          "map it to codes of this data, in a file beside: "
                          'target = {task = "…", predicates = "mine.yaml"}')  # fmt: skip

    def empty(self) -> list[str]:
        """Predicates that no event of the study is."""
        return [
            f"predicate {name}: no event of this study is so"
            for name, found in sorted(self._found.items())
            if found.is_empty()
        ]

    def _counted(self, name: str) -> pl.DataFrame:
        if name in (RECORD_START, RECORD_END):
            time = "first" if name == RECORD_START else "last"
            return self.records.spans.select("subject_id", time=time, n=pl.lit(1)).drop_nulls()
        if name == ANY:
            return self.records.moments.with_columns(n=pl.lit(1))
        predicate = self.task.predicates[name]
        if predicate.join is None:
            return self._of_codes(predicate)
        if self.still(name):
            return self.records.moments.join(self.who(name), on="subject_id", how="semi").with_columns(n=pl.lit(1))
        every = list(dict.fromkeys(predicate.parts))
        either = predicate.join == "or"
        parts = [self.of(part).select("subject_id", "time") for part in every if either or not self.still(part)]
        met = pl.concat(parts).group_by("subject_id", "time").len()
        met = met.filter(pl.col("len") >= (1 if either else len(parts)))
        for part in every if not either else ():
            met = met.join(self.who(part), on="subject_id", how="semi") if self.still(part) else met
        return met.with_columns(n=pl.lit(1))

    def still(self, name: str) -> bool:
        """Whether a predicate is of the patient, and so are all its parts."""
        predicate = self.task.predicates.get(name)
        if predicate is None or predicate.join is None:
            return predicate is not None and predicate.static
        return all(self.still(part) for part in predicate.parts)

    def who(self, name: str) -> pl.DataFrame:
        """subject_id: of whom a predicate of the patient is true. Raises: InputError where it is true of nobody."""
        predicate = self.task.predicates[name]
        if predicate.join is not None:
            parts = [self.who(part) for part in predicate.parts]
            if predicate.join == "or":
                return pl.concat(parts).unique()
            return reduce(lambda a, b: a.join(b, on="subject_id", how="semi"), parts)
        found = patients(predicate, self.records, frozenset(self._wanted(predicate)))
        if found.is_empty() and not self.records.lenient:
            raise InputError("no patient of this study is so", f"ACES task {self.task.name}", name,
                             described(self.records), "look at its code")  # fmt: skip
        return found

    def _of_codes(self, predicate: Predicate) -> pl.DataFrame:
        visits = [self._visits(VISIT_EVENTS[code]) for code in predicate.codes if code in VISIT_EVENTS]
        holds = in_range(predicate)
        for column, value in predicate.others:
            holds = holds & (pl.col(column).cast(pl.String) == value)
        events = self.records.of_codes(frozenset(self._wanted(predicate)), holds.fill_null(False))
        events = events.select("subject_id", "time")
        return pl.concat([events, *visits]).group_by("subject_id", "time").agg(n=pl.len())

    def _wanted(self, predicate: Predicate) -> list[str]:
        """The codes of a predicate, as the tables have them."""
        if predicate.regex is not None:
            return self._matching(predicate.regex)
        return _curies(tuple(code for code in predicate.codes if code not in VISIT_EVENTS))

    def _visits(self, side: str) -> pl.DataFrame:
        return self.records.stays().select("subject_id", time=side).drop_nulls()

    def _matching(self, regex: str) -> list[str]:
        """Codes that a pattern of MEDS's spelling finds: PREFIX//local as well as PREFIX:local, MEDS's own without a prefix."""
        forms = [self.codes, self.codes.str.replace("^MEDS:", ""), self.codes.str.replace(":", "//", literal=True)]
        try:
            found = [form.str.contains(regex) for form in forms]
        except pl.exceptions.PolarsError:
            raise InputError(
                "a pattern that cannot be read",
                f"ACES task {self.task.name}",
                regex[:60],
                "a regular expression",
                "correct it",
            ) from None
        return self.codes.filter(found[0] | found[1] | found[2]).to_list()


def _curies(codes: tuple[str, ...]) -> list[str]:
    return [
        one
        for one in meds_codes(pl.Series(list(codes), dtype=pl.String), recorded=False)[0].to_list()
        if one is not None
    ]


def _bounded(rows: pl.DataFrame, name: str, window: AcesWindow, counts: _Counts) -> pl.DataFrame:
    """The rows with NAME.start and NAME.end; null where an event that bounds it never comes, or nothing does."""
    sides = {OWN_START: window.start, OWN_END: window.end}
    order = (OWN_END, OWN_START) if window.start.base == OWN_END else (OWN_START, OWN_END)
    for side in order:
        bound = sides[side]
        base = f"{name}.{bound.base}" if bound.base in (OWN_START, OWN_END) else bound.base
        own = bound.base in (OWN_START, OWN_END)  # then an event at the very moment of the other side may be this one
        exact = own and window.start_inclusive and window.end_inclusive
        rows = _at(rows, bound, base, f"{name}.{side}", counts, exact)
    return rows


def _at(rows: pl.DataFrame, bound: Bound, base: str | None, called: str, counts: _Counts, exact: bool) -> pl.DataFrame:
    if base is None:
        return rows.with_columns(pl.lit(None, TIME).alias(called))
    if bound.event is None:
        return rows.with_columns((pl.col(base) + bound.step).alias(called))
    right = counts.of(bound.event).select("subject_id", pl.col("time").alias(called), _on="time").sort("_on")
    known = rows.drop_nulls(base).with_columns(_from=pl.col(base)).sort("_from")
    found = known.join_asof(
        right, left_on="_from", right_on="_on", by="subject_id", strategy="forward" if bound.ahead else "backward",
        allow_exact_matches=exact, check_sortedness=False,
    )  # fmt: skip
    return rows.join(found.select("row", called), on="row", how="left")


def _count(rows: pl.DataFrame, name: str, window: AcesWindow, predicate: str, counts: _Counts) -> pl.Expr:
    """The rows' counts of a predicate in a window, by `row`, as a column to join."""
    running = counts.of(predicate).with_columns(upto=pl.col("n").cum_sum().over("subject_id"))
    total = rows.join(running.group_by("subject_id").agg(pl.col("upto").max()), on="subject_id", how="left")[
        "upto"
    ].fill_null(0)
    before = (
        _upto(rows, running, f"{name}.{OWN_START}", not window.start_inclusive) if window.start.base is not None else 0
    )
    until = _upto(rows, running, f"{name}.{OWN_END}", window.end_inclusive) if window.end.base is not None else total
    return pl.lit((until - before).clip(lower_bound=0))  # a window that ends before it begins holds nothing


def _upto(rows: pl.DataFrame, running: pl.DataFrame, bound: str, inclusive: bool) -> pl.Series:
    """How many came until a bound, in the order of `rows`; null where the bound is."""
    left = rows.select("row", "subject_id", _from=pl.col(bound)).drop_nulls("_from").sort("_from")
    right = running.select("subject_id", "upto", _on="time").sort("_on")
    found = left.join_asof(
        right, left_on="_from", right_on="_on", by="subject_id", allow_exact_matches=inclusive, check_sortedness=False
    ).select("row", pl.col("upto").fill_null(0))  # fmt: skip
    return rows.select("row").join(found, on="row", how="left", maintain_order="left")["upto"]


def _filtered(rows: pl.DataFrame, name: str, window: AcesWindow, counts: _Counts) -> tuple[pl.DataFrame, list[str]]:
    """The rows that meet a window's criteria, and what was said of those that look past the index."""
    met = pl.lit(True)
    for predicate, (least, most) in window.has.items():
        count = _count(rows, name, window, predicate, counts)
        met = (
            met
            & (pl.lit(True) if least is None else count >= least)
            & (pl.lit(True) if most is None else count <= most)
        )
    if not window.has:
        return rows, []
    never = pl.lit(False) if window.end.base is None else pl.col(f"{name}.{OWN_END}").is_null()
    beyond = pl.lit(True) if window.end.base is None else never | (pl.col(f"{name}.{OWN_END}") > AT)
    told = rows.with_columns(met=met.fill_null(False), beyond=beyond)
    past, lost = int(told["beyond"].sum()), int((told["beyond"] & ~told["met"]).sum())
    notes = []
    if past:
        share = percent(lost / rows.height)
        notes.append(
            f"conditioned on the future: window {name} ({', '.join(window.has)}) reaches beyond the prediction in {past:,} of "
            f"{rows.height:,} rows, and leaves {lost:,} ({share}) of them out by what nobody could know then"
        )
    return told.filter("met").drop("met", "beyond"), notes


def _labelled(rows: pl.DataFrame, task: AcesTask, records: Records, counts: _Counts) -> tuple[pl.DataFrame, list[str]]:
    name, predicate = task.label
    window = task.windows[name]
    end = pl.lit(None, TIME) if window.end.base is None else pl.col(f"{name}.{OWN_END}")
    rows = rows.join(records.observation, on="subject_id", how="left", maintain_order="left")
    rows = rows.with_columns(has=_count(rows, name, window, predicate, counts) > 0)
    unseen = (~pl.col("has") & (pl.col("observed_until") < end)).fill_null(False)
    rows = rows.with_columns(unseen=unseen, label=pl.when(~unseen).then("has"))
    unbounded = int(rows["has"].is_null().sum())
    notes = _told(
        int(rows["unseen"].sum()), rows.height, "unknown: observation ends inside the label's window, without it"
    )
    notes += _told(unbounded, rows.height, "unknown: an event that bounds the label's window never comes")
    unstated = int((rows["observed_until"].is_null() & ~rows["has"].fill_null(True)).sum())
    notes += _told(
        unstated,
        rows.height,
        "of patients of whom nobody says how long they were observed: without the label they count as no",
    )
    return rows, notes


def _told(count: int, of: int, what: str) -> list[str]:
    return [f"{count:,} of {of:,} rows ({percent(count / of)}) {what}"] if count else []
