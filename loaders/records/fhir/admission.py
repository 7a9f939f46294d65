"""FHIR admission: whose rows are taken, which version of a resource counts, and how a row is refused."""

from __future__ import annotations

import polars as pl

from ...files.ledger import ROW, Ledger, quoted
from ...tables import Known
from ..events import refuse_strangers
from .times import moments


def refused(
    rows: pl.DataFrame, bad: pl.Expr, ledger: Ledger, column: str | pl.Expr, got: str | None, expected: str, fix: str
) -> pl.DataFrame:
    """Reject resources that a row of theirs is bad for, each once, and return the rows of the others.

    Args:
        column: what to blame, in FHIR's words (`Condition.onset`).
        got: the column to quote; None: nothing is there.
    """
    named = pl.lit(column) if isinstance(column, str) else column
    wrong = (
        rows.filter(bad.fill_null(False))
        .with_columns(named.alias("the field"))
        .unique(ROW, keep="first", maintain_order=True)
    )
    if wrong.is_empty():
        return rows
    ledger.reject(wrong[ROW], wrong["the field"], quoted(wrong[got]) if got else "", expected, fix)
    return rows.filter(~pl.col(ROW).is_in(wrong[ROW].implode()))


def admitted(rows: pl.DataFrame, known: Known, ledger: Ledger) -> pl.DataFrame:
    """The rows of patients: who was removed is refused first, then what is about no patient, or about a stranger."""
    each = rows.select(ROW, "subject_id", "strange").unique(ROW, keep="first", maintain_order=True)
    gone = known.removed.holds(each["subject_id"])
    refuse_strangers(each.filter(gone), known, ledger, "subject")
    each = each.filter(~gone)
    strange = pl.col("strange")
    each = refused(
        each, strange, ledger, "subject", None, "a reference to a Patient", "nothing: it is about something else"
    )
    taken = refuse_strangers(each, known, ledger, "subject")
    return rows.filter(pl.col(ROW).is_in(taken[ROW].implode())).drop("subject", "visit", "strange", strict=False)


def newest(rows: pl.DataFrame, ledger: Ledger) -> pl.DataFrame:
    """Each resource once: equal ones merge, of different versions the one that its server changed last counts; where
    nothing says which that is, the first does, and the others are rejected."""
    each = rows.select(ROW, "key", "version", "digest").unique(ROW, keep="first", maintain_order=True)
    several = each.filter(pl.col("key").is_not_null() & (pl.len().over("key") > 1))
    if several.is_empty():
        return rows.drop("key", "version", "digest")
    changed = moments(several["version"], several["key"].cast(pl.String))["last"]
    several = several.with_columns(changed=changed).sort(
        "key", "changed", ROW, descending=[False, True, False], nulls_last=True
    )
    first = {name: pl.col(name).first().over("key") for name in (ROW, "digest", "changed")}
    again = several.with_columns(
        first=first[ROW], same=pl.col("digest") == first["digest"], older=pl.col("changed") < first["changed"]
    ).filter(pl.col(ROW) != pl.col("first"))
    differing = again.filter(~(pl.col("same") | pl.col("older").fill_null(False)))
    ledger.merged(again.height - differing.height)
    ledger.count({"resources that come again, or in an older version: merged": again.height - differing.height})
    fix = "keep one of them, or give meta.lastUpdated"
    ledger.reject(differing[ROW].sort(), "id", "", "one resource an id", fix)
    return rows.filter(~pl.col(ROW).is_in(again[ROW].implode())).drop("key", "version", "digest")
