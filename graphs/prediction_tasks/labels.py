"""Labels of a prediction task: of each row what happens in its window, by joins in order of time over columns.

Who is in is decided by what was known at the index, the label by what comes after it. What neither can say is null.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import polars as pl

from ...loaders.errors import InputError
from ...loaders.identifiers.curie import DEATH
from .index_rows import observed_or_visits
from .records import Records
from .roll_up import asked_labels, groups_of
from .sepsis3.onset import sepsis_onsets
from .several_labels import labelled, stay_of_visit
from .task import (
    BOOLEANS,
    DEATH_EVENT,
    EVER,
    LABEL,
    LAST_RECORD,
    LONG_STAY,
    NO_CLASS,
    NONE,
    SEPSIS3,
    STAY_CODES,
    STAY_END,
    STAYS,
    VALUE,
    VISIT,
    PredictionTask,
)
from .values import value_label, with_baseline

SHARD = 2_000_000
"""Rows whose labels are computed at a time, cut between subjects."""
AT = pl.col("prediction_time")
OUTCOME = ("label", "event_time", "duration_days", "event", "competing")
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class TaskLabels:
    """Rows with their labels.

    rows: those that could be asked, with `label` (null: unknown) and, of a boolean in a window, `event_time` (when it came;
        null where it did not), or `duration_days` and `event`.
    steps: what was asked of a row at its index, and how many patients were left. notes: what happened to labels, in words.
    """

    rows: pl.DataFrame
    steps: tuple[tuple[str, int], ...]
    notes: tuple[str, ...]
    classes: tuple[str, ...] = ()
    """Of several labels at once (`label` is a list of those that are so) all that were asked."""


def with_task(
    rows: pl.DataFrame, task: PredictionTask, records: Records, label_type: str, classes: Sequence[str] = ()
) -> TaskLabels:
    """Label rows by a task.

    Args:
        rows: subject_id, prediction_time (none null), where it applies visit_id, and further columns, which stay.
        label_type: boolean, booleans, categorical, numeric or time_to_event.
        classes: of booleans, the labels that are asked, such as a model's; (): those that the task says.
    Raises: InputError for a target that cannot give this label, and codes that the study has not.
    """
    task.check(label_type)
    own = rows.with_row_index("_row")
    visit = pl.col("visit_id").cast(pl.String) if "visit_id" in rows.columns else pl.lit(None, pl.String)
    index = own.select(pl.col("_row").alias("row"), "subject_id", AT.cast(pl.Datetime("us")), visit_id=visit)
    facts = _Facts.of(task, records, label_type, index, classes)
    shards = _shards(index.sort("subject_id", "prediction_time"), SHARD // (10 if facts.pairs else 1)) or [index]
    found = pl.concat([_told(facts.label(facts.gather(part))) for part in shards])
    steps, kept = [], found
    for step, words in _STEPS.items():
        if step in found.columns:
            kept = kept.filter(pl.col(step).fill_null(False))
            steps.append((words, kept["subject_id"].n_unique()))
    outcome = [name for name in OUTCOME if name in kept.columns]
    answered = own.join(kept.select(pl.col("row").alias("_row"), *outcome), on="_row", maintain_order="left").drop(
        "_row"
    )
    return TaskLabels(
        answered, tuple(steps), (task.words, *facts.notes, *_notes(kept, own.height)), tuple(facts.labels)
    )


_STEPS = {
    "alive": "alive at the prediction", "staying": "in a stay at the prediction", "recorded": "with a record long enough",
    "clean": "without the outcome before, as known then", "measured_before": "with a value before, as known then",
    "off_target": "whose value was not in the target then",
}  # fmt: skip
"""What must be so at the index -> how the attrition calls it."""
_REASONS = {
    "cut_short": "unknown: observation ends inside the window",
    "unmeasured": "unknown: not measured in the window; what is learned is of those who are",
    "unobserved": "unknown: observation ends inside the window, without the outcome",
    "in_gap": "unknown: the outcome, or death, comes in the gap, after the prediction and before the window",
    "late_known": "unknown: the outcome began before the prediction, and was known only after it",
    "open_stay": "unknown: nobody says when the stay ended",
    "unsaid": "unknown: the source says nothing of the stay",
    "unfollowed": "unknown: no record says how long the patient was followed",
}
_SAID = {
    "unstated": "of patients of whom nobody says how long they were observed: without the outcome they count as no",
    "died_without": "died inside the window without the outcome: no",
    "died_first": "died first, a competing event: learners and their scores take it for the end of observation",
    "last_seen": "followed to the patient's last record, since nobody says how long they were observed",
    "same_moment": "whose next visit begins at that very moment (a transfer, or the next day of a calendar): yes",
    "after_end": "whose outcome is recorded after the observation's stated end: censored there",
}


def _told(rows: pl.DataFrame) -> pl.DataFrame:
    """What is counted and kept of labelled rows; the times on which it rests go."""
    wanted = ("row", "subject_id", *OUTCOME, *_STEPS, *_REASONS, *_SAID)
    return rows.select(name for name in wanted if name in rows.columns)


def _notes(kept: pl.DataFrame, asked: int) -> list[str]:
    said = []
    for name, words in {**_REASONS, **_SAID}.items():
        count = int(kept[name].fill_null(False).sum()) if name in kept.columns else 0
        if count:
            said.append(f"{count:,} of {kept.height:,} rows ({percent(count / kept.height)}) {words}")
    out = asked - kept.height
    return [*([f"{out:,} of {asked:,} rows are not asked (the attrition says why)"] if out else []), *said]


def percent(share: float) -> str:
    """Percentage of a share, in words.

    Example:
        >>> percent(0.0821), percent(0.0001)
        ('8.2 %', 'less than 0.1 %')
    """
    return f"{100 * share:.1f} %" if share >= 0.0005 else "less than 0.1 %"


def _shards(index: pl.DataFrame, size: int) -> list[pl.DataFrame]:
    """Whole subjects, about so many rows at a time."""
    shard = (pl.int_range(pl.len()) // size).first().over("subject_id")
    return index.with_columns(shard=shard).partition_by("shard", include_key=False)


@dataclass(frozen=True)
class _Facts:
    """What a task's labels rest on, each table sorted by subject and time."""

    task: PredictionTask
    label_type: str
    observation: pl.DataFrame
    deaths: pl.DataFrame
    events: pl.DataFrame
    stays: pl.DataFrame | None
    visits: pl.DataFrame | None
    spans: pl.DataFrame | None
    labels: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def pairs(self) -> bool:
        """Whether labels come from every pair of a row and an event of its patient, which takes more memory a row."""
        return bool(self.labels) or self.task.target.event == VALUE

    @classmethod
    def of(
        cls, task: PredictionTask, records: Records, label_type: str, index: pl.DataFrame, classes: Sequence[str]
    ) -> _Facts:
        target, window, deaths = task.target, task.window, records.deaths()
        days = deaths.filter(pl.col("died") < pl.col("died_over")).height > 0
        if target.event == DEATH_EVENT and deaths.is_empty() and not records.lenient:
            fix = "load a source that tells deaths, or let the cohort query return the label"
            raise InputError("no death is recorded in this study", "[task] target", None, f"events {DEATH}", fix)
        if target.event == VISIT and records.visits.is_empty() and not records.lenient:
            raise InputError(
                "this study has no visits", "[task] target", None, "records with visits", "name another target"
            )
        in_stay = target.event in (LONG_STAY, STAY_CODES) or window.until == STAY_END
        labels, notes = tuple[str, ...](), tuple[str, ...]()
        spans = window.observed == LAST_RECORD or window.history or label_type == "time_to_event"
        if target.event == VISIT:
            events = records.stays(target.kinds).select("subject_id", "visit_id", time="start", known_time="start")
            events = events.with_columns(pl.lit(VISIT).alias("class"), never=pl.lit(False))
        elif label_type == BOOLEANS or target.event == STAY_CODES:
            events, labels, notes = _several(task, records, index, classes)
        elif target.event == SEPSIS3:
            events, notes = sepsis_onsets(records, target.classes, target.baseline)
        else:
            events = _events(task, records)
        rule = task.index
        kinds = rule.kinds or target.kinds
        return cls(
            task, label_type, records.observation, deaths, events,
            observed_or_visits(records, rule.of if rule.of != "events" else STAYS, kinds) if in_stay or days else None,
            records.visits if in_stay or days else None, records.spans if spans else None, labels, notes,
        )  # fmt: skip

    def gather(self, index: pl.DataFrame) -> pl.DataFrame:
        """The rows with what is known of their patients: observation, death, stay; and what they must be (_STEPS)."""
        task, window, target = self.task, self.task.window, self.task.target
        rows = index.join(self.observation, on="subject_id", how="left").join(self.deaths, on="subject_id", how="left")
        if self.spans is not None:
            rows = rows.join(self.spans, on="subject_id", how="left")
        if self.stays is not None and self.visits is not None:
            rows = _with_stay(rows, self.stays, self.visits)
        going = (pl.col("stay_end") > AT).fill_null(False) if "stay_end" in rows.columns else pl.lit(False)
        asked = [("alive", pl.col("died").is_null() | (pl.col("died") > AT) | (going & (pl.col("died_over") > AT)))]
        if target.event in (LONG_STAY, STAY_CODES) or window.until == STAY_END:
            there = pl.col("stay_start").is_not_null() & (pl.col("stay_end").is_null() | (pl.col("stay_end") > AT))
            asked.append(
                ("staying", there & (AT - pl.col("stay_start") < target.stay if target.stay else pl.lit(True)))
            )
        if window.history:
            asked.append(("recorded", pl.coalesce("observed_from", "first") <= AT - window.history))
        rows = rows.with_columns(what.alias(name) for name, what in asked)
        if target.reading is not None and target.reading.compares:
            rows = with_baseline(rows, self.events, target.reading)
        return rows if window.clean is None else _with_clean(rows, self.events, task)

    def label(self, rows: pl.DataFrame) -> pl.DataFrame:
        target = self.task.target
        if target.event == LABEL:
            return _said_by_source(rows, self.events)
        if target.event == VALUE:
            return value_label(rows, self.events, self.task, self.label_type)
        if self.labels:
            parts = (
                stay_of_visit(self.visits, self.stays) if self.visits is not None and self.stays is not None else None
            )
            rows = labelled(rows, self.events, self.task, self.labels, parts)
            return rows if self.label_type == BOOLEANS else rows.with_columns(label=pl.col("label").list.len() > 0)
        if target.event == LONG_STAY:
            open_stay = pl.col("stay_end").is_null()
            return rows.with_columns(label=pl.col("stay_end") - pl.col("stay_start") > target.stay, open_stay=open_stay)
        if self.label_type == "time_to_event":
            return _durations(rows, self.events, self.task)
        return _in_window(rows, self.events, self.task, self.label_type)


def _events(task: PredictionTask, records: Records) -> pl.DataFrame:
    target = task.target
    if target.event == LABEL:
        return records.said(next(iter(target.classes.values())))
    if target.event == VALUE:
        return records.values(next(iter(target.classes.values())))
    return records.events(target.classes) if target.classes else records.events({})


def _several(
    task: PredictionTask, records: Records, index: pl.DataFrame, classes: Sequence[str]
) -> tuple[pl.DataFrame, tuple[str, ...], tuple[str, ...]]:
    """The events of several labels, the labels, and what is said of them."""
    target = task.target
    groups, notes = groups_of(target, records)
    events = records.classed(groups)
    if classes:
        labels = list(classes)
    elif target.roll_up is not None:
        labels, said = asked_labels(events, index, target.roll_up)
        notes += said
    else:
        labels = list(target.classes)
    return events.filter(pl.col("class").is_in(labels)), tuple(labels), notes


def _with_stay(rows: pl.DataFrame, stays: pl.DataFrame, visits: pl.DataFrame) -> pl.DataFrame:
    """stay_start, stay_end: of the row's visit where it names one, else of the stay that lies around the index."""
    known = pl.concat([stays.drop_nulls("visit_id"), visits.select(stays.columns)]).unique(
        ["subject_id", "visit_id"], keep="first", maintain_order=True
    )
    named = known.select("subject_id", "visit_id", named_start="start", named_end="end")
    around = stays.select("subject_id", around_start="start", around_end="end", on="start").sort("on")
    rows = rows.join(named, on=["subject_id", "visit_id"], how="left").sort("prediction_time")
    rows = rows.join_asof(around, left_on="prediction_time", right_on="on", by="subject_id", check_sortedness=False)
    has, within = pl.col("named_start").is_not_null(), pl.col("around_end").is_null() | (pl.col("around_end") > AT)
    return rows.with_columns(
        stay_start=pl.when(has).then("named_start").when(within).then("around_start"),
        stay_end=pl.when(has).then("named_end").when(within).then("around_end"),
    ).drop("named_start", "named_end", "around_start", "around_end", "on", strict=False)  # fmt: skip


def _with_clean(rows: pl.DataFrame, events: pl.DataFrame, task: PredictionTask) -> pl.DataFrame:
    """clean: no outcome in the period, as far as was known at the index; late_known: one had begun in it all the same."""
    span = task.window.clean
    since = AT - span if span is not None and span != EVER else pl.lit(None, pl.Datetime("us"))
    counts = pl.col("time").is_not_null() & (since.is_null() | (pl.col("time") >= since))
    told = events.with_columns(
        known=pl.when("never").then("time").otherwise("known_time")
    ).sort("subject_id", "known", maintain_order=True)  # fmt: skip
    told = told.select("subject_id", "known", time=pl.col("time").cum_max().over("subject_id"))
    known = _before(rows, told, "known").with_columns(clean=~counts).drop("time")
    begun = _before(known, events.select("subject_id", "time"), "time").with_columns(begun=counts)
    return begun.with_columns(late_known=pl.col("clean") & pl.col("begun")).drop("time", "begun")


def _before(rows: pl.DataFrame, events: pl.DataFrame, on: str) -> pl.DataFrame:
    """The rows with `time` of the last event whose `on` is at or before the index."""
    right = events.with_columns(_on=on).select("subject_id", "time", "_on").sort("_on", maintain_order=True)
    left = rows.sort("prediction_time")
    return left.join_asof(
        right, left_on="prediction_time", right_on="_on", by="subject_id", check_sortedness=False
    ).drop("_on", strict=False)  # fmt: skip


def _next(rows: pl.DataFrame, events: pl.DataFrame, after: timedelta) -> pl.DataFrame:
    """The rows with `time` and `class` of the first event later than index + after."""
    left = rows.with_columns(_from=AT + after).sort("_from")
    right = events.select("subject_id", "time", "class", _on="time").sort("_on", maintain_order=True)
    return left.join_asof(
        right, left_on="_from", right_on="_on", by="subject_id", strategy="forward", allow_exact_matches=False,
        check_sortedness=False,
    ).drop("_on", "_from", strict=False)  # fmt: skip


def _with_same_moment(rows: pl.DataFrame, events: pl.DataFrame, gap: timedelta) -> pl.DataFrame:
    """same_moment: another visit than the row's own begins at the very beginning of the window."""
    begins = events.select("subject_id", other="visit_id", _from="time")
    pairs = rows.filter(pl.col("visit_id").is_not_null()).select("row", "subject_id", "visit_id", _from=AT + gap)
    same = pairs.join(begins, on=["subject_id", "_from"]).filter(pl.col("other") != pl.col("visit_id"))["row"].unique()
    return rows.with_columns(same_moment=pl.col("row").is_in(same.implode()))


def _in_window(rows: pl.DataFrame, events: pl.DataFrame, task: PredictionTask, label_type: str) -> pl.DataFrame:
    """label: the outcome in the window; null where nobody can know, with the reason in a column of _REASONS.

    Of a boolean also event_time: the outcome's own moment, for lead times of alarms; no input.
    """
    window, target = task.window, task.target
    begin = AT + window.gap
    ends = [begin + window.horizon] if window.horizon is not None else []
    ends += [pl.col("stay_end")] if window.until == STAY_END else []
    died, in_gap = pl.col("died"), pl.lit(False)
    rows = rows.with_columns(begin=begin, until=pl.min_horizontal(ends))
    if window.until == STAY_END:
        rows = rows.with_columns(open_stay=pl.col("stay_end").is_null())
    if window.gap:
        first = _next(rows, events, NONE).select("row", gap_time="time")
        rows = rows.join(first, on="row", how="left")
        in_gap = (died <= pl.col("begin")).fill_null(False)
        in_gap |= (
            (pl.col("gap_time") <= pl.col("begin")).fill_null(False) if window.clean is not None else pl.lit(False)
        )
    rows = _next(rows, events, window.gap)
    dies = ((died <= pl.col("until")) & (pl.col("died_over") > pl.col("begin"))).fill_null(False)
    comes = (pl.col("time") <= pl.col("until")).fill_null(False)
    if target.event == VISIT:
        rows = _with_same_moment(rows, events, window.gap)
        comes = comes | pl.col("same_moment")
    has = dies if target.event == DEATH_EVENT else comes | dies if target.or_death else comes
    seen = pl.col("last" if window.observed == LAST_RECORD else "observed_until")
    rows = rows.with_columns(has=has, comes=comes, dies=dies, in_gap=in_gap)
    unobserved = ~pl.col("has") & ~pl.col("dies") & (seen < pl.col("until")).fill_null(False)
    rows = rows.with_columns(
        unobserved=unobserved, unstated=~pl.col("has") & ~pl.col("dies") & seen.is_null() & pl.lit(window.until != STAY_END),
        died_without=pl.col("dies") & ~pl.col("has"),
    )  # fmt: skip
    unknown = pl.any_horizontal(name for name in _REASONS if name in rows.columns)
    label = pl.col("has") if label_type == "boolean" else _class(target.or_death)
    rows = rows.with_columns(label=pl.when(~unknown).then(label))
    if label_type == "boolean":
        came = pl.when("comes").then(
            pl.when("same_moment").then("begin").otherwise("time") if target.event == VISIT else "time"
        )
        died = pl.when("dies").then(pl.max_horizontal("died", "begin"))
        happens = died if target.event == DEATH_EVENT else pl.min_horizontal(came, died) if target.or_death else came
        rows = rows.with_columns(event_time=pl.when("label").then(happens))
    once = [
        pl.col(name) & pl.col("label").is_not_null()
        for name in ("unstated", "died_without", "same_moment")
        if name in rows.columns
    ]
    return _first_reason(rows).with_columns(once)


def _class(or_death: bool) -> pl.Expr:
    """The class whose event comes first; death, where it counts, before what is recorded later."""
    first = pl.when(pl.col("comes")).then("class").otherwise(pl.lit(NO_CLASS))
    if not or_death:
        return first
    sooner = pl.col("dies") & (~pl.col("comes") | (pl.col("died") < pl.col("time")))
    return pl.when(sooner).then(pl.lit(DEATH_EVENT)).otherwise(first)


def _first_reason(rows: pl.DataFrame) -> pl.DataFrame:
    """Of several reasons for an unknown label each row keeps the first, so that the counts add up."""
    told = pl.lit(False)
    made = []
    for name in reversed(_REASONS):
        if name in rows.columns:
            mine = pl.col(name).fill_null(False)
            made.append((mine & ~told).alias(name))
            told = told | mine
    return rows.with_columns(made)


def _durations(rows: pl.DataFrame, events: pl.DataFrame, task: PredictionTask) -> pl.DataFrame:
    """duration_days and event: the clock starts at the index, where each patient enters (delayed entry needs no more)."""
    window, target = task.window, task.target
    rows = _next(rows, events, NONE)
    died = pl.when(pl.col("died") > AT).then("died").when(pl.col("died_over") > AT).then("died_over")
    stated = pl.col("observed_until") if window.observed != LAST_RECORD else pl.lit(None, pl.Datetime("us"))
    dies = target.event == DEATH_EVENT
    happens = pl.col("dying") if dies else pl.min_horizontal("time", "dying") if target.or_death else pl.col("time")
    rows = rows.with_columns(dying=died)
    rows = rows.with_columns(happens=happens, seen=pl.coalesce(stated, pl.max_horizontal("last", "dying")))
    limit = [AT + window.horizon] if window.horizon is not None else []
    competes = not (dies or target.or_death)
    until = pl.min_horizontal("seen", *(["dying"] if competes else []), *limit)
    rows = rows.with_columns(until=until)
    event = (pl.col("happens") <= pl.col("until")).fill_null(False)
    days = (pl.when(event).then("happens").otherwise("until") - AT).dt.total_microseconds() / (
        _DAY / timedelta(microseconds=1)
    )
    late = pl.col("late_known") if "late_known" in rows.columns else pl.lit(False)
    known = pl.col("seen").is_not_null() & ~late
    died_first = ~event & (pl.col("dying") == pl.col("until")).fill_null(False) & pl.lit(competes)
    if competes:
        rows = rows.with_columns(competing=pl.when(known).then(died_first.cast(pl.Int64)))
    return rows.with_columns(
        duration_days=pl.when(known).then(days),
        event=pl.when(known).then(event.cast(pl.Int64)),
        unfollowed=pl.col("seen").is_null() & ~late,
        last_seen=stated.is_null() & pl.col("seen").is_not_null(),
        died_first=died_first,
        after_end=~event & (pl.col("happens") > pl.col("seen")).fill_null(False) & (pl.col("happens") > AT),
    )  # fmt: skip


def _said_by_source(rows: pl.DataFrame, said: pl.DataFrame) -> pl.DataFrame:
    """label: whether an event of the label says so: of the row's visit; where none is named, of the one that the patient has."""
    of_visit = said.group_by("subject_id", "visit_id").agg(by_visit=pl.col("yes").any())
    alone = said.group_by("subject_id").agg(
        by_subject=pl.when(pl.col("visit_id").n_unique() == 1).then(pl.col("yes").any())
    )  # fmt: skip
    undivided = of_visit.filter(pl.col("visit_id").is_null()).select("subject_id", undivided="by_visit")
    rows = rows.join(of_visit, on=["subject_id", "visit_id"], how="left").join(undivided, on="subject_id", how="left")
    rows = rows.join(alone, on="subject_id", how="left")
    named = pl.coalesce("by_visit", "undivided")
    rows = rows.with_columns(label=pl.when(pl.col("visit_id").is_null()).then("by_subject").otherwise(named))
    return rows.with_columns(unsaid=pl.col("label").is_null())
