"""Cross-validation folds: grouped by subject or what the study says, stratified by outcome, or as the study's own file says."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from ...loaders.errors import InputError
from .specs import Evaluate
from .splits import by_site, by_time, groups_of
from .task import task_of

SPLITS = ("train", "tuning", "held_out")
TUNING = 0.2
_FOLDS = {"repeat": pl.Int64, "fold": pl.Int64, "row": pl.Int64, "split": pl.String}
_SEED_SHIFT = 99
"""Seed 1 is scikit-learn's random_state 100: on the same rows the folds are those of the published floors."""


def strata(rows: pl.DataFrame, task: str) -> np.ndarray:
    """(n,) int64: what each split should hold equal shares of: the class, or whether the event was seen."""
    return task_of(task).strata(rows)


def make_folds(rows: pl.DataFrame, task: str, evaluate: Evaluate) -> pl.DataFrame:
    """Every row's part in every fold.

    Args:
        rows: a snapshot's rows (subject_id, and label or event; for `site` and `stratify` the column of that name; for
            `group` splits.GROUP).
        task: its kind (`Task.kind`).
        evaluate: folds is a number (StratifiedGroupKFold, shuffled, for each repeat) or a file (`read_folds`); `site` and
            `after` make the folds of models/base/splits.py instead.
    Returns: repeat, fold, row, split (train, tuning, held_out); sorted, each row at most once a fold.
    Raises: InputError if a class has fewer subjects than folds, or as models/base/splits.py says.
    """
    if isinstance(evaluate.folds, Path):
        return read_folds(evaluate.folds, rows, task, evaluate.seed)
    y, groups = strata(rows, task), groups_of(rows)
    if evaluate.site is not None or evaluate.after is not None:
        given = by_site(rows, y, evaluate.site)[0] if evaluate.site else [by_time(rows, evaluate.after)]  # type: ignore[arg-type]
        return pl.concat(
            [_given(fold, split, y=y, groups=groups, seed=evaluate.seed + fold) for fold, split in enumerate(given)]
        )
    from sklearn.model_selection import StratifiedGroupKFold

    _enough(y, groups, evaluate.folds, least=2 if task_of(task).supervised else 1)
    if evaluate.stratify is not None:
        y = _finer(y, rows[evaluate.stratify])
    out = []
    for repeat in range(evaluate.repeats):
        seed = evaluate.seed + _SEED_SHIFT + 1000 * repeat
        split = StratifiedGroupKFold(evaluate.folds, shuffle=True, random_state=seed).split(y, y, groups)
        for fold, (_, held) in enumerate(split):
            out.append(_fold(repeat, fold, held, None, y=y, groups=groups, seed=seed + fold))
    return pl.concat(out)


def read_folds(path: Path, rows: pl.DataFrame, task: str, seed: int) -> pl.DataFrame:
    """The folds of a file; a subject that a fold does not list trains in it.

    A csv (fold, subject_id, split), or metadata/subject_splits.parquet of a MEDS data set (subject_id, split): one fold.
    Tuning rows are carved from the training part where the file names none. Subjects outside the cohort are ignored.
    Raises: InputError for missing columns, an unknown split, a subject or a group in two splits of one fold, or an empty part.
    """
    table = _listed(path)
    bad = table.filter(~pl.col("split").is_in(SPLITS) | pl.col("split").is_null())
    if bad.height:
        raise InputError("unknown split", path, bad["split"][0], ", ".join(SPLITS), "rename it")
    twice = _twice(table)
    if twice:
        got = f"{twice} subjects in two splits of one fold"
        raise InputError("splits overlap", path, got, "one split a subject and fold", "keep one of them")
    y, groups = strata(rows, task), groups_of(rows)
    names = table["fold"].unique(maintain_order=True).to_list()
    names.sort(key=lambda name: (not name.isdigit(), int(name) if name.isdigit() else 0, name))
    out = []
    for fold, name in enumerate(names):
        listed = dict(table.filter(pl.col("fold") == name).select("subject_id", "split").iter_rows())
        split = np.array([listed.get(s, "train") for s in rows["subject_id"]])
        held, tuning = np.flatnonzero(split == "held_out"), np.flatnonzero(split == "tuning")
        torn = pl.DataFrame({"group": groups, "split": split}).group_by("group").agg(pl.col("split").n_unique())
        if (torn["split"] > 1).any():
            got = f"fold {name}: {(torn['split'] > 1).sum()} groups in two splits"
            fix = "list all of a group's subjects with one split, the training ones too"
            raise InputError("splits overlap", path, got, "one split a group ([evaluate] group) and fold", fix)
        if not len(held) or not (split == "train").any():
            raise InputError("a fold lacks a part", path, f"fold {name}", "subjects of the cohort in train and held_out",
                             "check that the ids are those of the study")  # fmt: skip
        out.append(_fold(0, fold, held, tuning if len(tuning) else None, y=y, groups=groups, seed=seed + fold))
    return pl.concat(out)


def on_both_sides(path: Path) -> int:
    """How many subjects a file of folds puts in two splits of one fold: the leak that `read_folds` refuses."""
    return _twice(_listed(path))


def _twice(table: pl.DataFrame) -> int:
    return table.group_by("fold", "subject_id").agg(pl.col("split").n_unique()).filter(pl.col("split") > 1).height


def _listed(path: Path) -> pl.DataFrame:
    """fold, subject_id, split as text: of a csv, or of MEDS's subject_splits.parquet, which is one fold."""
    meds = path.suffix == ".parquet"
    try:
        table = pl.read_parquet(path) if meds else pl.read_csv(path, infer_schema=False)
    except (OSError, pl.exceptions.PolarsError) as error:
        expected = "a csv, or MEDS's subject_splits.parquet"
        raise InputError("the folds cannot be read", path, type(error).__name__, expected, "check the path") from None
    if meds and "fold" not in table.columns:
        table = table.with_columns(fold=pl.lit("0"))
    missing = {"fold", "subject_id", "split"} - set(table.columns)
    if missing:
        raise InputError("a column is missing", path, table.columns, "fold, subject_id, split", "name the columns so")
    return table.select(pl.col("fold", "subject_id", "split").cast(pl.String))


def unknown_subjects(path: Path, rows: pl.DataFrame) -> int:
    """How many subjects the folds name that the cohort does not hold."""
    table = _listed(path)
    return table.filter(~pl.col("subject_id").is_in(rows["subject_id"].unique().implode()))["subject_id"].n_unique()


def parts(folds: pl.DataFrame, repeat: int, fold: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Row indices of train, tuning and held_out of one fold."""
    one = folds.filter((pl.col("repeat") == repeat) & (pl.col("fold") == fold))
    train, tuning, held = (one.filter(pl.col("split") == s)["row"].sort().to_numpy().astype(np.int64) for s in SPLITS)
    return train, tuning, held


def deal(rows: pl.DataFrame, task: str, index: np.ndarray, k: int, seed: int) -> np.ndarray:
    """Deal `index` into k parts: (len(index),) part of each. Subjects (and groups) stay whole; outcomes are spread evenly.

    Linear in the rows, so that it also serves inside large training parts. A subject counts as its rarest outcome.
    """
    y = strata(rows, task)[index]
    group = groups_of(rows)[index]
    counts = np.bincount(y)
    rarity = counts[y]
    order = np.lexsort((y, rarity, group))
    first = np.flatnonzero(np.r_[True, np.diff(group[order]) != 0])
    subjects, outcome = group[order][first], y[order][first]
    rng = np.random.default_rng(seed)
    shuffled = rng.permutation(len(subjects))
    shuffled = shuffled[np.argsort(outcome[shuffled], kind="stable")]
    part = np.empty(len(subjects), dtype=np.int64)
    part[shuffled] = np.arange(len(subjects)) % k
    return np.asarray(part[np.searchsorted(subjects, group)])


def carve(
    rows: pl.DataFrame, task: str, index: np.ndarray, seed: int, share: float = TUNING
) -> tuple[np.ndarray, np.ndarray]:
    """Split training rows into (train, tuning): a share of the subjects, stratified. Both sorted."""
    part = deal(rows, task, index, max(2, round(1 / share)), seed)
    return np.sort(index[part != 0]), np.sort(index[part == 0])


def _fold(
    repeat: int, fold: int, held: np.ndarray, tuning: np.ndarray | None, *, y: np.ndarray, groups: np.ndarray, seed: int
) -> pl.DataFrame:
    split = np.full(len(y), "train", dtype="<U8")
    split[held] = "held_out"
    if tuning is None:
        rest = np.flatnonzero(split == "train")
        proxy = pl.DataFrame({"subject_id": groups, "label": y})
        tuning = carve(proxy, "binary", rest, seed)[1]
    split[tuning] = "tuning"
    return pl.DataFrame({"repeat": repeat, "fold": fold, "row": np.arange(len(y)), "split": split}, schema=_FOLDS)


def _given(fold: int, split: np.ndarray, *, y: np.ndarray, groups: np.ndarray, seed: int) -> pl.DataFrame:
    """A fold whose held-out part is given: tuning rows are carved from the rest; rows without a part are left out."""
    train = np.flatnonzero(split == "train")
    proxy = pl.DataFrame({"subject_id": groups, "label": y})
    parts = split.astype("<U8")
    parts[carve(proxy, "binary", train, seed)[1]] = "tuning"
    table = pl.DataFrame({"repeat": 0, "fold": fold, "row": np.arange(len(y)), "split": parts}, schema=_FOLDS)
    return table.filter(pl.col("split") != "")


def _finer(y: np.ndarray, by: pl.Series) -> np.ndarray:
    """Outcomes split further by a column; null is a value of its own."""
    pairs = pl.DataFrame({"y": y, "by": by.cast(pl.String).fill_null("")})
    return pairs.select(pl.struct("y", "by").rank("dense").cast(pl.Int64) - 1).to_series().to_numpy()


def _enough(y: np.ndarray, groups: np.ndarray, folds: int, least: int = 2) -> None:
    """least: outcomes that there must be."""
    sizes: Sequence[int] = [len(np.unique(groups[y == k])) for k in np.unique(y)]
    if len(sizes) == 1 and least > 1:
        fix = "take another target, window or cohort; `clinome cohort` counts the outcomes"
        raise InputError(
            "everybody has the same outcome",
            "study.toml [task]",
            f"{sizes[0]} subjects, one outcome",
            "two outcomes",
            fix,
        )
    if len(sizes) < least or min(sizes) < folds:
        got = f"{min(sizes, default=0)} subjects in the smallest of {len(sizes)} outcomes"
        raise InputError(
            "too few subjects for the folds", "study.toml [evaluate] folds = " + str(folds), got,
            f"{'two outcomes with ' if least > 1 else ''}at least {folds} subjects{' each' if least > 1 else ''}", "use fewer folds, or a cohort with more of them",
        )  # fmt: skip
