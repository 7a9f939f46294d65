"""Membership: cohorts that only those enter who come back, and steps that look past the prediction time."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from ..data_quality.finding import CHECK, SERIOUS, Finding
from .audited import FEWEST, Audited

_ALMOST_ALL, _SOME = 0.8, 0.05


def by_later_visit(study: Audited) -> Iterator[Finding]:
    """Everybody in the cohort has a later visit, and those who have one visit only are not in it.

    What PyHealth's readmission tasks do when they drop patients with one visit: to be in is to have come back.
    """
    rows = study.rows.drop_nulls("at")
    if study.visits.is_empty() or rows.height < FEWEST:
        return
    last = study.visits.group_by("subject_id").agg(pl.col("start_time").max(), visits=pl.len())
    back = rows.join(last, on="subject_id", how="left")
    later = back.filter(pl.col("start_time") > pl.col("at")).height
    outside = last.join(rows, on="subject_id", how="anti")
    single = outside.filter(pl.col("visits") == 1).height
    patients = rows["subject_id"].n_unique()
    if later == rows.height and single >= max(FEWEST / 2, _SOME * patients) and single >= _ALMOST_ALL * outside.height:
        facts = {"n": later, "outside": single, "patients": patients}
        yield Finding("membership", "later_visit_needed", SERIOUS, "cohort query", facts)


def looks_ahead(study: Audited) -> Iterator[Finding]:
    """Rows that the query gives no more where something else comes after their prediction time."""
    for one in study.futures:
        if one["gone"]:
            grave = one["gone"] > 0.01 * one["of"] and one["future"] != "return"
            where = str(one["step"] or "cohort query")
            yield Finding("look_ahead", "looks_ahead", SERIOUS if grave else CHECK, where, one)
