"""Cohort: who is in, when the prediction is made, the label; taken by a Cypher query, with its attrition."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import compress
from pathlib import Path
from typing import Any

import polars as pl

from ...loaders.errors import InputError
from ...loaders.files.cells.clock import CLOCKS
from ..ingest.studies import check_entered
from ..ingest.write_back import draw, is_of_runs, write_back
from ..language.types import Type
from ..prediction_tasks.aces.labels import with_aces
from ..prediction_tasks.aces.task import AcesTask
from ..prediction_tasks.index_rows import index_rows
from ..prediction_tasks.labels import with_task
from ..prediction_tasks.records import Records
from ..prediction_tasks.task import PredictionTask
from ..query.catalog import Catalog
from ..query.cypher import Query, bind, find, run_lists, understood
from ..query.kept_out import refuse_kept_out
from ..query.params import naive
from ..store.columns import table
from ..store.protocol import Edges, Store
from ..tables.study_tables import Tables
from .labels import BOOLEANS, GROUPS, NUMBERS, TIME_TO_EVENT, WHERE, Label, with_any_label, with_label, with_listed
from .meds_labels import is_label_table, read_labels
from .responses import with_responses

"""From the weakest to the strongest: a study is as good as its weakest source."""

_IN_STORE = "MATCH (p:Patient) RETURN count(p) AS n"
PREDICTION, EVENT = "prediction_time", "event_time"
"""When the prediction is made; and, where the cohort says it, when the outcome came, for lead times of alarms: no input."""
MEANS_ONE, AS_IT_SAYS = "means_one", "as_it_says"
"""A column by which a query says which value of its label or event is 1; that the words have a direction of their own."""
_STEP = re.compile(r"^[ \t]*//[ \t]*step:[ \t]*(.*?)[ \t]*$", re.MULTILINE)

_NO_SCALAR = {
    "NODE": ("a node", "return one of its properties AS {0}"),
    "RELATIONSHIP": ("a relationship", "return one of its properties AS {0}"),
    "PATH": ("a path", "return length(path) AS {0}"),
    "LIST": ("a list", "return size(…), head(…) or one of its items AS {0}"),
    "MAP": ("a map", "return one of its values AS {0}"),
}


@dataclass(frozen=True)
class AttritionStep:
    """One line of the attrition: how many patients were left after it."""

    step: str
    count: int


@dataclass(frozen=True)
class Cohort:
    """Who is in.

    frame: one row a (subject_id, prediction_time), sorted by them: subject_id, prediction_time (null only where
        the study holds no records), label or duration_days and event, then the query's further columns.
    steps: the attrition, in patients.
    query, params: the Cypher that was run, and with what.
    clock: dated, relative or order.
    classes: binary ("0", "1"); multiclass the labels in order; multilabel the labels; responses the endpoints; regression and survival ().
    notes: what was done to labels and rows, in plain words.
    label: what the query called the label, or the labels.
    to_predict: who has no label is in it too (null), for a model that predicts them.
    balance: of a matched cohort a row a variable: standardised mean differences before and after.
    """

    name: str
    frame: pl.DataFrame
    steps: tuple[AttritionStep, ...]
    query: str
    params: Mapping[str, Any]
    clock: str
    classes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    label: Label = "label"
    to_predict: bool = False
    balance: pl.DataFrame | None = None

    def with_step(self, step: str, count: int) -> Cohort:
        """The same cohort with one more line of attrition."""
        return replace(self, steps=(*self.steps, AttritionStep(step, count)))


@dataclass(frozen=True)
class _Asked:
    """Rows on their way to a cohort, of the study's own patients: what gave them, and the attrition so far."""

    rows: pl.DataFrame
    steps: list[AttritionStep]
    text: str
    params: Mapping[str, Any]
    notes: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()


def make_cohort(
    store: Store,
    query: str,
    params: Mapping[str, Any],
    *,
    label_type: str,
    label: Label,
    name: str,
    base: Path,
    tables: Tables,
    target: PredictionTask | AcesTask | None = None,
    to_predict: bool = False,
    classes: tuple[str, ...] = (),
    layer: str = "",
    measured: int = 1,
) -> Cohort:
    """Run a cohort query and make of its rows one row a patient and prediction time.

    Args:
        store: the graph; it may hold other studies' patients, who are counted and left out.
        query: a name in the library, a .cypher file relative to base, or Cypher text whose patient is `p`; empty where the
            target's own index rule gives the rows.
        label_type: of `labels.LABEL_TYPES`. label: what `[task]` says.
        tables: the study's tables: its own patients, and whether it holds records.
        target: what `[task] target` means: it gives the labels, and the query none.
        to_predict: keep those without a label too (null), for a model that predicts them.
        classes: its labels, where a target of several labels would choose others; of numbers a model's endpoints.
        layer, measured: of numbers: the layer that holds them, and in how many patients one must have been measured.
    Raises: InputError for rows that cannot be a cohort, if nobody is left, and if the study is not in the graph.
    """
    check_entered(store, tables)
    clock, records = weakest_clock(tables), has_records(tables)
    if isinstance(target, AcesTask):
        asked = _by_aces(store, query, target, tables, label_type, to_predict)
    elif query or target is None:
        asked = _by_query(store, query, params, base, tables, label_type)
    else:
        asked = _by_rule(store, target, tables, to_predict)
    own, one = _means_one(asked.rows)
    if isinstance(target, AcesTask):
        label = "label"
    elif target is not None:
        _check_times(own, label_type, clock, True)
        asked = _by_target(replace(asked, rows=own), target, tables, label_type, label, clock, to_predict, classes)
        own, label = asked.rows, "label"
    if label_type == NUMBERS:
        own, label, said = with_responses(own, tables, layer, measured, label, classes)
        asked = replace(asked, notes=(*asked.notes, *said))
    steps = asked.steps
    if asked.classes:
        labelled = with_listed(own, asked.classes, to_predict)
    else:
        labelled = (with_any_label if to_predict else with_label)(own, label_type, label, one)
    fate = "to predict, and not to judge by" if to_predict else "left out"
    notes = [*asked.notes, *labelled.notes, *_said(labelled.unlabelled, f"rows without a label {fate}")]
    if label_type != GROUPS:
        steps.append(AttritionStep("labelled", labelled.patients))
    if label_type == TIME_TO_EVENT and not to_predict:
        steps.append(AttritionStep("at risk", labelled.rows["subject_id"].n_unique()))
        _check_events(labelled.rows)
    notes += _said(labelled.no_risk, f"rows without time at risk (duration_days <= 0) {fate}")
    frame = _one_row_each(labelled.rows)
    notes += _said(labelled.rows.height - frame.height, "equal rows merged")
    if frame.is_empty():
        raise InputError(
            "nobody is left in the cohort",
            WHERE,
            "; ".join(f"{s.step}: {s.count}" for s in steps),
            fix="loosen the step after which nobody is left; check names and values with clinome query",
        )
    _check_times(frame, label_type, clock, records)
    return Cohort(
        name, frame, tuple(steps), asked.text, asked.params, clock, labelled.classes, tuple(notes), label, to_predict
    )


def _by_query(
    store: Store, query: str, params: Mapping[str, Any], base: Path, tables: Tables, label_type: str
) -> _Asked:
    """The rows that a Cypher query returns, or that a MEDS label table holds."""
    if is_label_table(query, base):
        return _by_table(store, base / query.strip(), params, tables, label_type)
    asked = find(query, base)
    bound = bind(asked, params)
    refuse_kept_out(asked.text, tables, "cohort query")
    catalog = Catalog(store)
    _check_scalars(understood(store, asked.text, bound, catalog).columns)
    steps = [_in_store(store), *_named_steps(store, asked, bound, catalog)]
    found = run_lists(store, asked, bound, catalog=catalog)
    steps.append(AttritionStep("returned", len(set(found.get("subject_id", ())))))
    rows = typed(_own(found, tables.subjects()))
    steps.append(AttritionStep("of this study", rows["subject_id"].n_unique()))
    return _Asked(rows, steps, asked.text, bound)


def _by_table(store: Store, path: Path, params: Mapping[str, Any], tables: Tables, label_type: str) -> _Asked:
    """The rows of a MEDS label table, whose subjects have the ids of the graph."""
    if params:
        raise InputError(
            "parameters of a table", f"{WHERE} {path.name}", ", ".join(params), "none", "leave out [cohort] params"
        )
    found = typed(read_labels(path, label_type))
    steps = [_in_store(store), AttritionStep("in the label table", found["subject_id"].n_unique())]
    rows = found.filter(pl.col("subject_id").is_in(list(tables.subjects())))
    steps.append(AttritionStep("of this study", rows["subject_id"].n_unique()))
    return _Asked(rows, steps, f"// rows of {path.name}\n", {})


def _by_rule(store: Store, target: PredictionTask, tables: Tables, lenient: bool) -> _Asked:
    """The rows at the moments that the task's own rule says."""
    subjects = pl.Series(sorted(tables.subjects()), dtype=pl.String)
    rows, notes = index_rows(target.index, Records(tables, lenient), subjects)
    steps = [_in_store(store), AttritionStep("with a moment to predict at", rows["subject_id"].n_unique())]
    return _Asked(rows, steps, "", {}, notes)


def _by_aces(store: Store, query: str, target: AcesTask, tables: Tables, label_type: str, lenient: bool) -> _Asked:
    """The rows and labels of an ACES task, whose trigger says when it predicts."""
    if query:
        raise InputError(
            "an ACES task has moments of its own", WHERE, None, "one of them", "leave out [cohort] query, or the target"
        )
    target.check(label_type)
    made = with_aces(target, Records(tables, lenient))
    steps = [_in_store(store), *(AttritionStep(step, count) for step, count in made.steps)]
    return _Asked(made.rows, steps, f"// labelled by {target.words}\n", {}, made.notes)


def _by_target(
    asked: _Asked,
    target: PredictionTask,
    tables: Tables,
    label_type: str,
    label: Label,
    clock: str,
    lenient: bool,
    classes: tuple[str, ...],
) -> _Asked:
    """The rows as the target labels them; the query's text says so too."""
    named = (label,) if isinstance(label, str) else label
    given = [name for name in (*named, "label", EVENT, "duration_days", "event") if name in asked.rows.columns]
    if given:
        fix = "leave out target, or let the query return subject_id, prediction_time and visit_id"
        raise InputError(
            "the cohort query returns an outcome, and the target another", WHERE, given[0], "one of them", fix
        )
    if clock == "order" and target.in_days:
        raise InputError(
            "a window of days in an order", "[task] target", clock, "a dated or relative clock", "ranks are not days"
        )
    made = with_task(asked.rows, target, Records(tables, lenient), label_type, classes)
    steps = [*asked.steps, *(AttritionStep(step, count) for step, count in made.steps)]
    text = f"{asked.text}// labelled by {target.words}\n"
    several = made.classes if label_type == BOOLEANS else ()
    return _Asked(made.rows, steps, text, asked.params, (*asked.notes, *made.notes), several)


def _in_store(store: Store) -> AttritionStep:
    return AttritionStep("in store", int(store.run(_IN_STORE, {})["n"][0]))


def _means_one(rows: pl.DataFrame) -> tuple[pl.DataFrame, object]:
    """The rows without the column MEANS_ONE, and the value that it says is 1 in a label or event; None: they say it."""
    if MEANS_ONE not in rows.columns:
        return rows, None
    said = rows[MEANS_ONE].drop_nulls().unique().to_list()
    if len(said) > 1:
        raise InputError(
            f"{MEANS_ONE} has several values", WHERE, len(said), "one: the value that is 1", "return a parameter"
        )
    return rows.drop(MEANS_ONE), said[0] if said and said[0] != AS_IT_SAYS else None


def _check_events(rows: pl.DataFrame) -> None:
    if rows.height and not rows["event"].sum():
        got = f"{rows.height:,} rows at risk, all censored"
        raise InputError(
            "no event at all", WHERE, got, "some rows whose event happened", "look at what the query calls an event"
        )


def has_records(tables: Tables) -> bool:
    """Whether any source of the study brings events."""
    return any("events.parquet" in tables.record(source)["checksums"] for source in tables.sources())


def weakest_clock(tables: Tables) -> str:
    """The clock that all of a study's sources have: order if one is only ordered, else relative, else dated."""
    found = {tables.record(source)["clock"] for source in tables.sources()}
    return next((clock for clock in CLOCKS if clock in found), "dated")


def _named_steps(store: Store, query: Query, params: Mapping[str, Any], catalog: Catalog) -> list[AttritionStep]:
    """Each prefix of the query up to a `// step:` line, counted in patients."""
    steps = []
    for line in _STEP.finditer(query.text):
        text = query.text[: line.start()] + "\nRETURN count(DISTINCT p) AS n"
        steps.append(
            AttritionStep(line.group(1), _count(store, text, params, catalog, f"{query.name}, step {line.group(1)!r}"))
        )
    return steps


def _count(store: Store, text: str, params: Mapping[str, Any], catalog: Catalog, where: str) -> int:
    try:
        return int(store.run(understood(store, text, params, catalog).text, params)["n"][0])
    except InputError as error:
        fix = "a // step: line stands after a whole clause, where the patient p is still bound"
        raise InputError("this part of the query cannot be counted", where, fix=f"{fix}. {error.fix}") from error


def _check_scalars(columns: Mapping[str, Type]) -> None:
    """Refuse a column that is a node or a list, which no row of a cohort can hold."""
    for name, type in columns.items():
        if type.name in _NO_SCALAR:
            what, fix = _NO_SCALAR[type.name]
            got = " or ".join(f"a {label}" for label in sorted(type.of)) if type.name == "NODE" else type.name.lower()
            fix = fix.format(name) if name != "subject_id" else "RETURN p.id AS subject_id"
            raise InputError(f"{name} is {what}", WHERE, got or None, "one value a row" if name != "subject_id" else "its id", fix)  # fmt: skip


def _own(found: Mapping[str, list[Any]], subjects: frozenset[str]) -> pl.DataFrame:
    """The rows of the study's own patients: what others hold decides no type of a column."""
    if "subject_id" not in found:
        got = ", ".join(found)
        raise InputError("no column subject_id", WHERE, got, "subject_id", "RETURN p.id AS subject_id")
    if None in found["subject_id"]:
        raise InputError(
            "rows without subject_id", WHERE, found["subject_id"].count(None), "none", "RETURN p.id AS subject_id"
        )
    for name, values in found.items():
        for kind in {dict, list} & set(map(type, values)):
            _check_scalars({name: Type("MAP" if kind is dict else "LIST")})
    own = [id in subjects for id in found["subject_id"]]
    return table({name: list(compress(values, own)) for name, values in found.items()})


def typed(rows: pl.DataFrame) -> pl.DataFrame:
    """subject_id as text, prediction_time as a naive datetime (both are there afterwards), and event_time where it is."""
    rows = rows.with_columns(pl.col("subject_id").cast(pl.String))
    if "prediction_time" not in rows.columns:
        rows = rows.with_columns(prediction_time=pl.lit(None, pl.Datetime("us")))
    return rows.with_columns(_as_time(rows[name]) for name in (PREDICTION, EVENT) if name in rows.columns)


def _as_time(time: pl.Series) -> pl.Series:
    """A column of times, or of ISO text, as naive datetimes, UTC.

    Raises: InputError for what is no time.
    """
    name = time.name
    if time.dtype == pl.String:
        time = _parsed(time)
    if isinstance(time.dtype, pl.Datetime) and time.dtype.time_zone:
        time = time.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    if not (time.dtype.is_temporal() or time.dtype == pl.Null) or time.dtype in (pl.Duration, pl.Time):
        fix = f"date(p.day) or datetime(p.moment) AS {name}"
        raise InputError(f"a value of {name} that is no time", WHERE, str(time.dtype), "a date or datetime", fix)
    return time.cast(pl.Datetime("us")).alias(name)


def _parsed(time: pl.Series) -> pl.Series:
    """ISO text as naive datetimes, UTC."""
    try:
        moments = {text: naive(datetime.fromisoformat(text)) for text in time.drop_nulls().unique()}
    except ValueError as error:
        fix = "write it as 2020-01-31, or date(…) in the query"
        raise InputError(f"a value of {time.name} that is no time", WHERE, "text", "a date or datetime", fix) from error
    return time.replace_strict(moments, default=None, return_dtype=pl.Datetime("us"))


def _one_row_each(rows: pl.DataFrame) -> pl.DataFrame:
    """One row a patient and prediction time, in order; equal rows merge, differing ones are an error."""
    keys = ["subject_id", "prediction_time"]
    first = [*keys, *(c for c in ("label", "duration_days", "event", "visit_id") if c in rows.columns)]
    frame = rows.unique().select(*first, pl.exclude(first)).sort(keys)
    twice = frame.height - frame.select(keys).n_unique()
    if twice:
        raise InputError(
            "differing rows for one patient and prediction time", WHERE, twice, "one row each",
            "return one row a patient and time, or leave out the columns in which they differ",
        )  # fmt: skip
    return frame


def _check_times(frame: pl.DataFrame, label_type: str, clock: str, records: bool) -> None:
    without = frame["prediction_time"].null_count()
    if records and without:
        raise InputError(
            "rows without prediction_time, while the study holds records or has a target", WHERE, without, "a time in every row",
            "RETURN … AS prediction_time: nothing known later becomes an input",
        )  # fmt: skip
    if label_type == TIME_TO_EVENT and clock == "order" and without < frame.height:
        raise InputError("durations from an order", WHERE, clock, "a dated or relative clock", "ranks are not days")


def _said(count: int, what: str) -> list[str]:
    return [f"{count:,} {what}"] if count else []


def plain(params: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters as JSON takes them: ISO times, durations in days."""

    def one(value: Any) -> Any:
        if isinstance(value, timedelta):
            return value / timedelta(days=1)
        return value.isoformat() if isinstance(value, date) else value

    return {name: one(value) for name, value in sorted(params.items())}


def store_cohort(store: Store, cohort: Cohort, study: str, of_runs: bool = False) -> bool:
    """Keep the cohort in the graph, (:Cohort)-[:INCLUDES {prediction_time, label}]->(:Patient), one of each name.

    Args:
        store: open for writing.
        study: whose it is (`Tables.study`); another study may have one of the same name.
        of_runs: it is drawn for a run, and leaves with the last run that used it, unless it was kept for its own sake.
    Returns: False if this very cohort is there already.
    """
    kept, id = (
        [c for c in ("label", "duration_days", "event", "visit_id") if c in cohort.frame.columns],
        f"{study}/{cohort.name}",
    )
    frame = cohort.frame
    if frame.schema.get("label") == pl.List(pl.String):  # on a relationship as text
        frame = frame.with_columns(pl.col("label").list.join("; "))
    if frame.schema.get("label") == pl.List(pl.Float64):  # the values are the patients' own relationships
        frame = frame.with_columns(label=pl.col("label").list.drop_nulls().list.len())
    rows = frame.select("prediction_time", *kept, start=pl.lit(id), end="subject_id")
    params = json.dumps(plain(cohort.params), default=str, sort_keys=True)
    about = {
        "id": id,
        "name": cohort.name,
        "study": study,
        "query": cohort.query,
        "params": params,
        "rows": rows.height,
    }
    if of_runs and is_of_runs(store, id):
        about["of_runs"] = True
    written = write_back(store, "Cohort", pl.DataFrame(about), [Edges("INCLUDES", "Cohort", "Patient", rows)])
    return draw(store, id, study) or written
