"""Covariates by name: columns of the cohort, properties of Patient, or of the cohort's Visit, behind the fence."""

from __future__ import annotations

from difflib import get_close_matches

import polars as pl

from ...loaders.errors import InputError
from ...loaders.tables import NEVER
from ..tables.study_tables import Tables
from .fence import Fence

WHERE = "study [task] covariates"
OUTCOMES = (
    "subject_id",
    "prediction_time",
    "label",
    "event_time",
    "duration_days",
    "event",
    "competing",
    "visit_id",
    "observed_until",
)
_ENOUGH = 20
"""From so many rows on, a value that always goes with one label is the label, and no chance."""


class TellsOutcome(InputError):
    """A covariate is refused because it gives the outcome away. got: its name; what: how."""


def covariates(
    frame: pl.DataFrame,
    index: pl.DataFrame,
    tables: Tables,
    names: tuple[str, ...],
    *,
    label: str | tuple[str, ...],
    fence: Fence,
    lenient: bool = False,
) -> tuple[pl.DataFrame, dict[str, int]]:
    """The covariates that a study names: numbers, booleans or text, null is missing; and what was decided on the way.

    The arguments are those of `named_columns`, and:

    Args:
        label: what the query called the label, or the labels.
        lenient: they are those of a model: one that nothing holds is not there in what is returned, and nothing is
            learnt here that a label could be told by.
    Raises: InputError for one that is the label or tells it, that nothing holds, or that is a date.
    """
    for name in names:
        if name in OUTCOMES or name in ((label,) if isinstance(label, str) else label):
            raise TellsOutcome(
                "it is what shall be predicted, or names who and when", WHERE, name, "an input", "leave it out"
            )
    columns, counts = named_columns(frame, index, tables, names, fence=fence, lenient=lenient)
    found = [_as_input(values) for values in columns]
    for values in found if not lenient else ():
        _check_no_label(values, frame)
    return pl.DataFrame(found), counts


def named_columns(
    frame: pl.DataFrame,
    index: pl.DataFrame,
    tables: Tables,
    names: tuple[str, ...],
    *,
    fence: Fence,
    where: str = WHERE,
    lenient: bool = False,
) -> tuple[pl.DataFrame, dict[str, int]]:
    """Columns by name, in the cohort's order: of the cohort, else of Patient, else of the cohort's Visit.

    A visit's properties are known at its end: a row whose prediction is made before that has null, and is counted.
    Args:
        frame: the cohort, sorted; index: its row, subject_id, prediction_time.
        where: the place in the study file that names them, for the error.
        lenient: leave out a name that nothing holds.
    Returns: (rows,) the columns; in plain words what was decided, and how often.
    Raises: InputError for a name that nothing holds.
    """
    counts: dict[str, int] = {}
    places = [frame, patient_properties(index, tables)] if names else []
    there = {column for place in places for column in place.columns}
    if not there.issuperset(names):
        visits, hidden = _of_visits(frame, index, tables, fence)
        places.append(visits)
        if hidden:
            counts["rows whose visit had not ended: its properties are null"] = hidden
    columns = []
    for name in dict.fromkeys(names):
        column = next((place[name] for place in places if name in place.columns), None)
        if column is None and lenient:
            continue
        if column is None:
            known = [one for place in places for one in place.columns if one not in OUTCOMES]
            raise _unknown(name, known, "visit_id" in frame.columns, where)
        columns.append(column)
    return pl.DataFrame(columns), counts


def patient_properties(index: pl.DataFrame, tables: Tables) -> pl.DataFrame:
    """Patient properties for each row of the index; the first source that has a value gives it."""
    found = [table for source in tables.sources() if (table := tables.table(source, "patients")) is not None]
    wanted = index.select("subject_id").unique()
    found = [table.join(wanted, on="subject_id", how="semi") for table in found]
    if not found:
        return index.select([])
    table = pl.concat(found, how="diagonal_relaxed")
    each = table.group_by("subject_id").agg(pl.exclude("subject_id").drop_nulls().first())
    return index.join(each, on="subject_id", how="left", maintain_order="left").drop(index.columns)


def _of_visits(frame: pl.DataFrame, index: pl.DataFrame, tables: Tables, fence: Fence) -> tuple[pl.DataFrame, int]:
    """Properties of the cohort's visit for each row, where it had ended before the prediction; for how many it had not."""
    found = [table for source in tables.sources() if (table := tables.table(source, "visits")) is not None]
    if "visit_id" not in frame.columns or not found:
        return index.select([]), 0
    mine = index.select("row").with_columns(frame["visit_id"].cast(pl.String))
    visits = pl.concat(found, how="diagonal_relaxed").join(mine, on="visit_id", how="semi")
    visits = visits.group_by("visit_id", maintain_order=True).agg(
        pl.col("start_time").min(), pl.col("end_time").max(), pl.exclude("visit_id", "start_time", "end_time").drop_nulls().first()
    )  # fmt: skip
    facts = visits.with_columns(time=pl.col("start_time"), known_time=pl.col("end_time").fill_null(NEVER))
    known = fence(facts, index).join(mine, on=["row", "visit_id"], how="semi")
    hidden = mine.join(visits, on="visit_id", how="semi").height - known.height
    properties = known.drop(
        "subject_id", "prediction_time", "visit_id", "start_time", "end_time", "time", "known_time", "source"
    )
    return index.select("row").join(properties, on="row", how="left", maintain_order="left").drop("row"), hidden


def _unknown(name: str, known: list[str], has_visit: bool, where: str) -> InputError:
    near = get_close_matches(name, known, n=1, cutoff=0.0)
    fix = "name a column of the cohort, or a property of Patient" + (" or Visit" if has_visit else "")
    if not has_visit:
        fix += "; for properties of a visit the query returns v.id AS visit_id"
    return InputError(
        "nothing holds a column of this name", where, name, f"for example {near[0]!r}" if near else None, fix
    )


def _as_input(values: pl.Series) -> pl.Series:
    """Numbers, booleans, text; NaN is missing."""
    kind = values.dtype
    if kind.is_temporal() or kind.is_nested():
        fix = "let the cohort query return a number, for example an age in years"
        raise InputError(
            "a covariate of this type", WHERE, f"{values.name}: {kind}", "a number, a boolean or text", fix
        )
    if kind in (pl.Boolean, pl.String):
        return values
    if kind.is_integer():
        return values.cast(pl.Int64)
    if kind.is_numeric() or kind == pl.Null:
        return values.cast(pl.Float64).fill_nan(None)
    return values.cast(pl.String)


def _check_no_label(values: pl.Series, frame: pl.DataFrame) -> None:
    """Refuse a covariate that is the label under another name: it tells the label in every row, or is it in another unit."""
    if frame.height < _ENOUGH:
        return
    fix = "leave it out: with it the learners would only copy it"
    outcome = frame["label"] if "label" in frame.columns else frame["event"]
    if outcome.dtype == pl.List(pl.Float64):
        for at in range(int(outcome.list.len().max() or 0)):  # type: ignore[arg-type]
            _check_no_label(values, pl.DataFrame({"label": outcome.list.get(at)}))
        return
    if isinstance(outcome.dtype, pl.List):
        outcome = outcome.list.join("; ")
    pairs = pl.DataFrame([values.alias("x"), outcome.alias("y")])
    few = values.n_unique() <= max(2, frame.height // 10)
    if few and outcome.n_unique() > 1 and pairs.n_unique() == values.n_unique():
        raise TellsOutcome("this covariate tells the label in every row", WHERE, values.name, "an input", fix)
    number = next((frame[name] for name in ("duration_days", "label") if name in frame.columns), outcome)
    if number.dtype.is_float() and values.dtype.is_numeric():
        pairs = pl.DataFrame([values.alias("x"), number.alias("y")]).drop_nulls()
        together = pairs.select(pl.corr("x", "y")).item() if pairs.height >= _ENOUGH else None
        if together is not None and abs(together) > 1 - 1e-9:
            what = "duration" if "duration_days" in frame.columns else "label in another unit"
            raise TellsOutcome(f"this covariate is the {what}", WHERE, values.name, "an input", fix)
