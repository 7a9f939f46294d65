"""`[cohort.match]`: the exposed of a cohort and controls like them, by what was known of each at its prediction time."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from clinome.loaders.errors import InputError

if TYPE_CHECKING:
    from clinome.graphs.cohort.cohort import Cohort
    from clinome.graphs.tables.study_tables import Tables
    from clinome.models.base.specs import Matching

WHERE = "study [cohort.match]"
SET = "matched_set"


def matched(cohort: Cohort, tables: Tables, spec: Matching) -> Cohort:
    """The cohort's matched rows, with `matched_set`, one more line of attrition and the balance before and after.

    Columns come as covariates do: of the cohort, of Patient, or of a visit that had ended. No outcome is looked at, and a
    column that says it is refused.
    Raises: InputError for such a column, for one that is not yes and no, several rows of a patient, and where none matches.
    """
    from clinome.graphs.snapshot.covariates import named_columns
    from clinome.graphs.snapshot.fence import fence
    from clinome.models.statistics.matching import balance, match

    frame = cohort.frame.sort("subject_id", "prediction_time")
    if frame["subject_id"].n_unique() < frame.height:
        got = f"{frame.height:,} rows of {frame['subject_id'].n_unique():,} patients"
        raise InputError("a patient cannot be matched with itself", WHERE, got, "one row a patient",
                         "let the query return one row a patient, or first = true in the task's [index]")  # fmt: skip
    names = tuple(dict.fromkeys((spec.by, *spec.exact, *spec.propensity)))
    _refuse_outcomes(names, cohort)
    index = frame.select(pl.int_range(pl.len(), dtype=pl.Int64).alias("row"), "subject_id", "prediction_time")
    columns, _ = named_columns(frame, index, tables, names, fence=fence, where=WHERE)
    _refuse_dates(columns)
    exposed = _yes_and_no(columns[spec.by])
    known = exposed.is_not_null().to_numpy()
    _refuse_label(exposed, frame)
    asked = columns.filter(known)
    yes = exposed.drop_nulls().cast(pl.Boolean).to_numpy()
    sets = match(yes, asked, spec)
    if not (sets >= 0).any():
        raise InputError("no exposed row has a control like it", WHERE, f"{int(yes.sum()):,} exposed, {int((~yes).sum()):,} controls",
                         "at least one pair", "name fewer exact columns, or a wider caliper")  # fmt: skip
    kept = frame.filter(known).with_columns(pl.Series(SET, sets)).filter(pl.col(SET) >= 0)
    told = balance(yes, sets, asked.drop(spec.by))
    notes = (*cohort.notes, *_notes(spec, exposed, yes, sets, told))
    step = cohort.with_step("matched", kept["subject_id"].n_unique())
    return replace(step, frame=kept, notes=notes, balance=told)


def _notes(spec: Matching, exposed: pl.Series, yes: np.ndarray, sets: np.ndarray, told: pl.DataFrame) -> list[str]:
    inside = sets >= 0
    by = [f"exactly by {', '.join(spec.exact)}"] if spec.exact else []
    by += [f"by propensity ({', '.join(spec.propensity)}; caliper {spec.caliper:g})"] if spec.propensity else []
    pairs = f"{int((inside & yes).sum()):,} of {int(yes.sum()):,} with {spec.by} matched {' and '.join(by)} to "
    pairs += f"{int((inside & ~yes).sum()):,} of {int((~yes).sum()):,} without"
    said = [f"{pairs}; the others are left out, and risks are those of the matched"]
    if exposed.null_count():
        said.append(f"{exposed.null_count():,} rows of which {spec.by} is not known left out")
    apart = told.filter(pl.col("smd_after") >= 0.1)["variable"].to_list()
    if apart:
        said.append(f"after matching {', '.join(apart)} still differ by 0.1 standard deviations or more")
    return said


def _refuse_outcomes(names: tuple[str, ...], cohort: Cohort) -> None:
    from clinome.graphs.snapshot.covariates import OUTCOMES

    labels = (cohort.label,) if isinstance(cohort.label, str) else cohort.label
    for name in names:
        if name in (*OUTCOMES, *labels):
            raise InputError("matching by what is not known at the prediction", WHERE, name, "what is known then",
                             "name an exposure, or a property of Patient")  # fmt: skip


def _refuse_label(exposed: pl.Series, frame: pl.DataFrame) -> None:
    """A cohort by its own outcome is conditioned on the future, whatever the column is called."""
    outcome = frame["label"] if "label" in frame.columns else frame["event"]
    if outcome.dtype.is_integer() and outcome.n_unique() > 1:
        pairs = pl.DataFrame({"x": exposed, "y": outcome}).drop_nulls()
        if pairs.height >= 20 and pairs.n_unique() == 2 == pairs["x"].n_unique():
            raise InputError("this column says the outcome in every row", WHERE, exposed.name, "what is known at the prediction",
                             "name an exposure")  # fmt: skip


def _refuse_dates(columns: pl.DataFrame) -> None:
    for values in columns:
        if values.dtype.is_temporal() or values.dtype.is_nested():
            got = f"{values.name}: {values.dtype}"
            raise InputError(
                "no column to match by", WHERE, got, "a number, a boolean or text", "return an age in years"
            )


def _yes_and_no(values: pl.Series) -> pl.Series:
    """The exposure as 0 and 1, null: not known."""
    from clinome.graphs.cohort.labels import direction

    found = values.drop_nulls().unique()
    if values.dtype == pl.Boolean or (values.dtype.is_numeric() and set(found) <= {0, 1}):
        return values.cast(pl.Int64)
    if values.dtype == pl.String and len(found) and all(direction(one) is not None for one in found):
        return values.replace_strict({one: direction(one) for one in found}, return_dtype=pl.Int64)
    got = ", ".join(sorted(map(str, found.head(3)))) if len(found) <= 3 else f"{len(found)} values"
    raise InputError("an exposure is yes or no", f"{WHERE} by", f"{values.name}: {got}", "true and false, or 0 and 1",
                     "return a comparison in the cohort query: p.drug = 'x' AS exposed")  # fmt: skip
