"""Outcomes: columns that may be what a study predicts -> cohort queries and tasks to choose from. Which word is the
event is never guessed."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import polars as pl

from ..files.cells.forms import form
from .encounters import Records
from .file_head import Column, Head
from .names import ID, plain_name, words
from .people import PatientsTable, is_row_number
from .section import Section

Direction = Callable[[str], int | None]
"""1 where a word says that something happened, 0 for its contrary, None where neither is sure (`graphs.cohort.labels`)."""

_STRONG = frozenset(("label", "labels", "target", "outcome", "y", "class", "subtype", "subtypes", "response", "responder", "readmitted", "readmission",
                     "mortality", "pam50", "classification", "sepsislabel", "expire", "expired", "died", "death", "dead", "deceased", "event"))  # fmt: skip
_MIDDLE = frozenset(("diagnosis", "group", "disease", "case", "status", "phenotype", "histology", "histological", "cluster", "relapse", "relapsed",
                     "recurrence", "recurred", "progression", "metastasis", "oncotree", "cancer", "sepsis", "remission", "toxicity"))  # fmt: skip
_WEAK = frozenset(("grade", "stage"))
_QUANTITY = frozenset(("label", "target", "outcome", "y", "response", "ic50", "ec50", "gi50", "aac", "viability"))
"""Words of a column that may be predicted as a number."""
_EVENT = frozenset(("event", "dead", "death", "died", "deceased", "relapsed", "progressed", "recurred", "expired"))
"""Words of a column that says itself that something happened: there 1, true and yes mean that it did."""
_STATUS = frozenset((*_EVENT, "status", "vital", "censored", "censorship", "censor", "censoring", "e", "cens"))
_TRUTH = frozenset(
    ("1", "0", "1.0", "0.0", "true", "false", "yes", "no", "y", "n", "positive", "negative", "present", "absent")
)
"""Words that say only that what the column is called is so."""
_SHORT = ("os", "pfs", "dfs", "dss", "rfs", "efs", "pfi", "dfi", "ttp")
_ENDPOINTS = frozenset((*_SHORT, "overall", "disease", "progression", "relapse", "recurrence"))
"""Words that a time and its event share."""
_LATER = frozenset(("death", "dead", "died", "deceased", "vital", "status", "survival", "os", "pfs", "dfs", "dss", "pfi", "dfi", "rfs", "efs", "event",
                    "censored", "censorship", "censor", "follow", "followup", "last", "contact", "recurrence", "recurred", "relapse", "relapsed",
                    "progression", "progressed", "outcome", "response", "responder", "label", "target", "mortality", "expired", "expire", "discharge",
                    "los", "stay", "t", "e", "time", "duration", "months", "days", "readmitted", "readmission", "train", "fold", "split", "metastasis"))  # fmt: skip
"""Words of columns that may be known only after the prediction: no inputs unless a person says so."""
_BASELINE = re.compile(
    r"^(age|sex|gender|age_at_(diagnosis|index|surgery|enrol\w*)|is_(fe)?male|(fe)?male|gender_(fe)?male|age_years|anchor_age|years_to_birth)$"
)
_LISTED = 12
_INDEX = ("index_date", "diagnosis_date", "date_of_diagnosis", "baseline_date", "enrolment_date", "enrollment_date", "enrolled", "randomisation_date",
          "randomization_date", "surgery_date", "treatment_start")  # fmt: skip
_DAYS = {
    "day": 1,
    "days": 1,
    "week": 7,
    "weeks": 7,
    "month": 30.4375,
    "months": 30.4375,
    "year": 365.25,
    "years": 365.25,
    "yrs": 365.25,
    "mo": 30.4375,
}
_FEW = 12
_SMALL = 10
_ODD = 0.05
_LANDMARK_DAYS = 180
_TWO_TIMES = (
    "{} is beside a time to death: write one column with the time to death where it happened, else to the last contact, "
    "and name it as `time`"
)
_WHEN = (
    "no column holds the date from which on it is predicted, and records or samples are dated: let the query return it as "
    "prediction_time"
)


@dataclass(frozen=True)
class Proposal:
    """One cohort and task. decided: whether it runs as it stands; question: what must be said before, "" where nothing."""

    title: str
    cohort: Section
    task: Section
    rank: float
    decided: bool = True
    question: str = ""
    used: tuple[str, ...] = ()


@dataclass(frozen=True)
class Inputs:
    """What else the study has: it decides what a query must return.

    clock: of its records: "" without any, dated, relative, order. layers: whether there are omics.
    """

    clock: str = ""
    layers: bool = False
    records: bool = False
    dated_samples: bool = False
    columns: tuple[str, ...] = field(default=())


def proposals(
    table: PatientsTable | None, records: Sequence[Records], inputs: Inputs, direction: Direction
) -> list[Proposal]:
    """Cohorts and tasks to choose from, the likeliest first."""
    made: list[Proposal] = []
    if table is not None:
        columns = _columns(table.head, table.properties)
        survival = _survival(columns, inputs, direction)
        paired = {name for one in survival for name in one.used}
        labels = [one for c in columns if c.name not in paired and (one := _label(c, table, inputs)) is not None]
        made = [*survival, *labels]
    for record in records:
        if record.visit is not None:
            made += [one for name in record.kept if (one := _visit_label(record.head.column(name))) is not None]
    made = [replace(one, task=_with_covariates(one, table, inputs)) for one in made]
    return sorted(made, key=lambda one: -one.rank)


def responses(sections: Sequence[Section]) -> list[Proposal]:
    """Each layer of responses, such as a table of drugs, as the outcomes of who has the other layers: all at once."""
    layers = [
        (one.name.partition(".")[2], one.keys.get("kind"))
        for one in sections
        if one.ready and one.name.startswith("omics.")
    ]
    inputs = [name for name, kind in layers if kind != "response"]
    why = (
        'add covariates = ["…"] for what alone may tell much, as the tissue of a cell line does: `covariates` is then judged beside the rest',
    )
    return [
        Proposal(
            f"responses: every column of {name} at once, each judged by itself",
            Section("cohort", {"query": "patients_with_layers", "params": {"layers": inputs}}),
            Section("task", {"kind": "responses", "layer": name}, why),
            2.0,
        )
        for name, kind in layers
        if kind == "response" and inputs
    ]


def possible_labels(table: PatientsTable | None) -> list[str]:
    """Columns of a few different values, by which patients could be told apart, where none is called an outcome."""
    if table is None:
        return []
    columns = _columns(table.head, table.properties)
    return [c.name for c in columns if 2 <= c.distinct <= _FEW and not _BASELINE.search(plain_name(c.name))]


def _columns(head: Head, names: Sequence[str]) -> list[Column]:
    return [
        c
        for name in names
        if (c := head.column(name)).filled >= 0.2 * max(1, c.cells.len()) and not is_row_number(head, name)
    ]


def _said(column: Column) -> set[str]:
    return {word.rstrip("0123456789") or word for word in words(column.name)} | set(words(column.name))


def _survival(columns: Sequence[Column], inputs: Inputs, direction: Direction) -> list[Proposal]:
    """Each event with its time: by what their names share, else by the time that speaks of survival."""
    events = [c for c in columns if 2 <= c.distinct <= 4 and _said(c) & _STATUS and not c.date]
    times = [c for c in columns if c.number and c.distinct > 4 and _is_time(c) and not _negative(c)]
    made = []
    for event in events:
        ranked = sorted(times, key=lambda time: _fit(event, time), reverse=True)
        if ranked and _fit(event, ranked[0]) > 0:
            made.append(_one_survival(event, ranked[0], columns, inputs, direction))
    best: dict[str, Proposal] = {}
    for one in made:  # one event a time: the clearer one
        time = one.used[0]
        if time not in best or one.rank > best[time].rank:
            best[time] = one
    kept = {id(one) for one in best.values()}
    return [one for one in made if id(one) in kept]


def _is_time(column: Column) -> bool:
    said, name = _said(column), plain_name(column.name)
    if (
        said & {"birth", "age", "stay", "diagnosis", "treatment", "dose", "smoking", "pack"}
        or ID.search(name)
        or column.odd
    ):
        return False
    spoken = said & {"survival", "followup", "time", "duration", "t", *_SHORT} or {"follow", "up"} <= said
    return bool(spoken) or name.startswith("days_to_") or name in _DAYS


def _to_death(column: Column) -> bool:
    """Whether it counts the time to death alone, which nobody who lives has."""
    return {"to", "death"} <= _said(column)


def _negative(column: Column) -> bool:
    """Whether more than a few of its numbers are below 0: -1 often says that nothing happened, and no time is."""
    below = column.cells.cast(pl.Float64, strict=False) < 0
    return int(below.sum()) > _ODD * column.filled


def _fit(event: Column, time: Column) -> float:
    said, also = _said(event), _said(time)
    shared = len(said & also & _ENDPOINTS) * 2
    apart = 2 if (said & _ENDPOINTS) and (also & set(_SHORT)) and not shared else 0
    kind = (
        2.0 * bool(also & {"survival"})
        + bool(also & {"followup", "follow", "time", "duration", "t"})
        + 0.5 * bool(also & {*_DAYS})
    )
    return shared + kind - apart - 0.5 * bool(also & {"death"} and "to" in also)


def _one_survival(
    event: Column, time: Column, columns: Sequence[Column], inputs: Inputs, direction: Direction
) -> Proposal:
    unit = next((_DAYS[word] for word in words(time.name) if word in _DAYS), None)
    params: dict[str, object] = {"time": time.name, "unit_days": unit or 1, "event": event.name}
    asked = [] if unit else [f"{time.name} says no unit: days are assumed (`unit_days`; a month is 30.4375)"]
    happened, censored, question = _which(event, direction)
    params["happened"] = happened
    if not _said(time) & {"survival", "overall", *_SHORT} and any(map(_to_death, columns)):
        question = question or _TWO_TIMES.format(time.name)
    query = "survival"
    if inputs.clock == "relative":
        query = "landmark_survival"
        params |= {"landmark": datetime(2000, 6, 29), "days": _LANDMARK_DAYS}
        asked.append(
            f"landmark: who is followed on day {_LANDMARK_DAYS} counts, and what was known by then is input; choose the day (both lines)"
        )
    else:
        params["censored"] = censored
    if inputs.clock in ("dated", "order") or (inputs.dated_samples and not inputs.clock):
        question = question or f"{time.name}: {_WHEN}"
    rank = 4.0 + 0.1 * _fit(event, time) + 0.3 * bool(_said(event) & _ENDPOINTS) - 0.5 * (happened == "?")
    why = (f"time {time.name}, event {event.name}", *asked)
    cohort = Section("cohort", {"query": query, "params": params}, why, ready=not question)
    task = Section("task", {"kind": "survival", "label": "event"}, (), ready=not question)
    return Proposal(
        f"survival: {time.name}, {event.name}", cohort, task, rank, not question, question, (time.name, event.name)
    )


def _which(event: Column, direction: Direction) -> tuple[object, object, str]:
    """The value that means that it happened, the one that means that it did not, and what must be asked."""
    values = event.values(4) or []
    meant = {value: direction(value) for value in values}
    bare = all(value.casefold() in _TRUTH for value in values)
    named = bool(_said(event) & _EVENT) and not any(word.startswith("cens") for word in _said(event))
    if len(values) == 2 and set(meant.values()) == {0, 1} and (named or not bare):
        one, other = (next(v for v, way in meant.items() if way == want) for want in (1, 0))
        return _typed(one, event), _typed(other, event), ""
    shown = ", ".join(values) if event.number else " / ".join(sorted({form(value) for value in values}))
    kind = "values" if event.number else "words (as a mask)"
    return (
        "?",
        "?",
        (
            f"which of the {kind} of {event.name} ({shown}) means that the event happened, and which that it did not: "
            f'put them for the ? of `happened` and `censored`; to see them: clinome query STUDY "MATCH (p:Patient) RETURN '
            f'p[$c] AS value, count(*) AS patients" -p c={event.name!r}'
        ),
    )


def _typed(value: str, column: Column) -> object:
    return int(float(value)) if column.number else value


def _label(column: Column, table: PatientsTable, inputs: Inputs) -> Proposal | None:
    kind = _kind(column)
    rank = _rank(column)
    if kind is None or rank is None or _BASELINE.search(plain_name(column.name)):
        return None
    question, query, params = "", "patients_with_label", {"property": column.name}
    if inputs.records or inputs.dated_samples:
        at = next(
            (name for name in table.properties if plain_name(name) in _INDEX and table.head.column(name).date), None
        )
        if at is not None:
            query, params = "patients_with_label_at", {"property": column.name, "date": at}
        elif inputs.clock != "relative":
            question = f"{column.name}: {_WHEN}"
        else:
            question = f"{column.name}: when is it predicted? On a relative clock that is a day: let the query return it as prediction_time"
    cohort = Section("cohort", {"query": query, "params": params}, (_why(column, kind),), ready=not question)
    task = Section("task", {"kind": kind, "label": "label"}, (), ready=not question)
    return Proposal(f"{kind}: {column.name}", cohort, task, rank, not question, question, (column.name,))


def _visit_label(column: Column) -> Proposal | None:
    kind, rank = _kind(column), _rank(column)
    if kind is None or rank is None or rank < 2:
        return None
    why = (_why(column, kind), "a row a visit, predicted at its end")
    cohort = Section("cohort", {"query": "visits_with_label", "params": {"property": column.name}}, why)
    return Proposal(
        f"{kind}: {column.name} of a visit",
        cohort,
        Section("task", {"kind": kind, "label": "label"}),
        rank,
        used=(column.name,),
    )


def _kind(column: Column) -> str | None:
    """binary for 0 and 1; multiclass for words, two as well: which of them is the event is then no question; regression for
    a number of many values that is called an outcome, and that is no number of a row."""
    if any(word.startswith("cens") for word in _said(column)) or column.date or column.distinct < 2:
        return None
    if column.distinct > _FEW:
        counted = column.whole and column.distinct == column.filled
        return "regression" if column.number and not column.odd and not counted and _said(column) & _QUANTITY else None
    if set(column.values() or []) <= {"0", "1", "0.0", "1.0"}:
        return "binary"
    return "multiclass" if not column.number or column.whole else None


def _rank(column: Column) -> float | None:
    said = _said(column)
    if column.number and (_to_death(column) or (column.distinct > 2 and _is_time(column))):
        return None
    if said & {"vital", "status", *_SHORT} and said & _STATUS:  # half of a pair: without its time it says little
        return 1.5
    if column.number and column.distinct > _FEW:  # classes of the same file are asked for first
        return 2.75 if said & _QUANTITY else None
    rank = 3.0 if said & _STRONG else 2.0 if said & _MIDDLE else 1.0 if said & _WEAK else None
    return None if rank is None else rank + 0.5 * (column.filled / max(1, column.cells.len()))


def _why(column: Column, kind: str) -> str:
    if kind == "regression":
        return f"{column.name}: a number of {column.distinct:,} different values in {column.filled:,} rows, predicted in its own unit"
    counts = sorted(Counter(column.cells.drop_nulls().to_list()).values())
    text = f"{column.name}: {column.distinct} classes, the smallest of {counts[0]:,} of {column.filled:,}"
    if kind == "binary":
        text += "; 1 is what is predicted, the file does not say what it stands for"
    elif column.distinct == 2:
        text += '; which of the two words is the event is not asked: for kind = "binary" let a query return it as 1'
    if counts[0] < _SMALL:
        few = sum(n < _SMALL for n in counts)
        text += f"; {few} of them {'is' if few == 1 else 'are'} too small to learn: join or leave out in the query"
    return text


def _with_covariates(one: Proposal, table: PatientsTable | None, inputs: Inputs) -> Section:
    if table is None:
        return one.task
    chosen, others = covariates(table, inputs, one.used)
    keys = {**one.task.keys, "covariates": chosen} if chosen else one.task.keys
    more = f" and {len(others) - _LISTED:,} more" if len(others) > _LISTED else ""
    known = f"inputs are age and sex alone of these columns; add to `covariates` what is known at the prediction: {', '.join(others[:_LISTED])}{more}"
    return replace(one.task, keys=keys, why=(*one.task.why, *([known] if others else [])))


def covariates(table: PatientsTable, inputs: Inputs, outcome: Sequence[str]) -> tuple[list[str], list[str]]:
    """Columns that are inputs, and columns that could be: of whoever has layers or records age and sex are, which are always known.

    Where nothing else is an input, every column is that does not sound like an outcome.
    """
    columns = [
        c
        for c in _columns(table.head, table.properties)
        if c.name not in outcome and c.distinct > 1 and not c.date and (c.number or c.distinct <= _FEW)
    ]
    first = [c.name for c in columns if _BASELINE.search(plain_name(c.name))]
    rest = [c.name for c in columns if not _said(c) & _LATER and not ID.search(plain_name(c.name))]
    if inputs.layers or inputs.records:
        return first, [name for name in rest if name not in first]
    return rest, []
