"""Splits: who stays together; one site held out after the other, or the future held out from the past."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import polars as pl

from ...loaders.errors import InputError

GROUP = "_group"
"""The column of a snapshot's rows that says who stays together, where `[evaluate] group` is not the subject."""
SMALL = 20
"""Subjects below which a site is not judged alone: its metric would be noise."""
OTHERS = "the smaller sites together"
_GROUP = "study.toml [evaluate] group"
_SITE = "study.toml [evaluate] site"
_AFTER = "study.toml [evaluate] after"


def groups_of(rows: pl.DataFrame) -> np.ndarray:
    """(rows,) int64, from 0: who is on one side of every split, and is drawn as one for intervals: the subject, or what the
    study groups by (GROUP).

    Example:
        >>> groups_of(pl.DataFrame({"subject_id": ["a", "b", "c"], GROUP: ["p", "q", "p"]})).tolist()
        [0, 1, 0]
    """
    name = GROUP if GROUP in rows.columns else "subject_id"
    return rows[name].rank("dense").cast(pl.Int64).to_numpy() - 1


def grouped(rows: pl.DataFrame, by: pl.Series) -> pl.DataFrame:
    """The rows with who stays together, in GROUP.

    Args: by: (rows,) ids, of any type.
    Raises: InputError for a row without one, or a subject in two groups.
    """
    if by.null_count():
        raise InputError(
            "rows without a group: they could be of any", _GROUP, f"{by.null_count()} rows", "a group for every row",
            "let the cohort query leave them out",
        )  # fmt: skip
    rows = rows.with_columns(by.cast(pl.String).alias(GROUP))
    torn = rows.group_by("subject_id").agg(pl.col(GROUP).n_unique()).filter(pl.col(GROUP) > 1).height
    if torn:
        raise InputError("subjects in several groups", _GROUP, f"{torn} subjects", "groups of whole subjects",
                         "name a property of Patient")  # fmt: skip
    return rows


def by_site(rows: pl.DataFrame, outcome: np.ndarray, site: str) -> tuple[list[np.ndarray], list[str]]:
    """One fold a site: what would a model reach in a hospital that it has never seen?

    A site with fewer than SMALL subjects, or with one outcome only, is held out together with the others of its kind.
    Args:
        rows: a snapshot's rows, with subject_id and the column `site`.
        outcome: (rows,) from `folds.strata`.
    Returns: each fold's split (rows,) of train, held_out, and "" for a row left out, since its subject was at the
        held-out site too; and each fold's site.
    Raises: InputError for rows without a site, or fewer than two parts.
    """
    where = rows[site].cast(pl.String)
    if where.null_count():
        raise InputError(
            "rows without a site: they could be of any", _SITE, f"{where.null_count()} rows", "a site for every row",
            "let the cohort query leave them out",
        )  # fmt: skip
    part = _parts(rows, where, outcome)
    names = part.unique().sort().to_list()
    if len(names) < 2:
        raise InputError(
            "too few sites to hold one out", _SITE, f"{len(names)} with at least {SMALL} subjects and two outcomes",
            "two or more", "use folds = 5",
        )  # fmt: skip
    group = groups_of(rows)
    splits = [_apart(group, (part == name).to_numpy()) for name in names]
    alone = [name for name, split in zip(names, splits, strict=True) if not (split == "train").any()]
    if alone:
        raise InputError(
            "nobody is left to train on", _SITE, f"everybody was at {alone[0]} too", "subjects of one site each",
            "use folds = 5",
        )  # fmt: skip
    return splits, names


def by_time(rows: pl.DataFrame, after: datetime) -> np.ndarray:
    """Train on what was predicted before a day, hold out what was predicted on it or later.

    Returns: (rows,) train, held_out, and "" for an earlier row of a subject who is held out later.
    Raises: InputError for rows without a prediction time, or an empty part.
    """
    time = rows["prediction_time"]
    if time.null_count():
        raise InputError(
            "rows without a prediction time lie neither before nor after", _AFTER, f"{time.null_count()} rows",
            "a prediction_time for every row", "let the cohort query return one",
        )  # fmt: skip
    split = _apart(groups_of(rows), (time >= after).to_numpy())
    if not (split == "train").any() or not (split == "held_out").any():
        raise InputError(
            "one part is empty",
            _AFTER,
            str(after),
            "a day with rows before it and after it",
            "choose another day",
        )
    return split


def _parts(rows: pl.DataFrame, where: pl.Series, outcome: np.ndarray) -> pl.Series:
    """The site of each row; of small ones `OTHERS`, as far as they hold two outcomes together."""
    table = pl.DataFrame({"site": where, "subject": rows["subject_id"], "outcome": outcome})
    counted = table.group_by("site").agg(pl.col("subject").n_unique(), pl.col("outcome").n_unique())
    several = min(2, table["outcome"].n_unique())  # where nothing is told apart, one is enough
    large = counted.filter((pl.col("subject") >= SMALL) & (pl.col("outcome") >= several))["site"]
    return where.to_frame("site").select(
        pl.when(pl.col("site").is_in(large.implode())).then("site").otherwise(pl.lit(OTHERS))
    )["site"]


def _apart(group: np.ndarray, held: np.ndarray) -> np.ndarray:
    """held_out where `held`; train where the subject, or its group, has no held-out row at all."""
    theirs = np.isin(group, group[held])
    return np.where(held, "held_out", np.where(theirs, "", "train"))
