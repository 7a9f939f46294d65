"""Many runs -> one table: every learner on every study, ranks over studies, and differences from one reference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from clinome.loaders.errors import InputError
from clinome.models.base.snapshot import DerivedSnapshot
from clinome.models.evaluation.comparison import compare_with_reference
from clinome.models.evaluation.intervals import holm
from clinome.models.evaluation.study_ranks import LEAST, Ranking, mean_interval, rank, signed_rank
from clinome.reports.comparison import sentences
from clinome.reports.format import interval, metric_label
from clinome.run_folder.run import Run

TABLE = {
    "study": pl.String, "learner": pl.String, "metric": pl.String, "mean": pl.Float64, "low": pl.Float64,
    "high": pl.Float64, "rank": pl.Float64, "reference": pl.String, "difference": pl.Float64,
    "difference_low": pl.Float64, "difference_high": pl.Float64, "p": pl.Float64, "p_holm": pl.Float64,
    "outcome": pl.String,
}  # fmt: skip

REFERENCES = ("ridge_late", "cox_pca", "forest", "boosting", "covariates", "best_feature", "majority")
"""What learners are set against unless one is named: the first that ran. The plain linear model is the one to beat."""


@dataclass(frozen=True)
class Scoreboard:
    """What a benchmark found.

    table: one row a study and learner: metric, mean, low, high; its rank on the study among the ranked learners; the
        paired difference from the reference with its interval, p, p corrected over the study's learners, and
        win, tie or loss: whether the interval lies above, around or below zero.
    ranked: learners that ran on every study, best mean rank first; ranking: over them, in this order.
    rows: a learner each: learner, studies, mean_rank, wins, ties, losses, difference, low, high, p, p_holm.
    runs: study -> its run. words: what may be said of it all.
    """

    studies: list[str]
    reference: str
    table: pl.DataFrame
    ranked: list[str]
    ranking: Ranking
    rows: list[dict[str, Any]]
    runs: Mapping[str, Run] = field(default_factory=dict)
    words: tuple[str, ...] = ()


def scoreboard(runs: Mapping[str, Run], seeds: Mapping[str, int], reference: str | None = None) -> Scoreboard:
    """Compare the learners of several runs.

    Args:
        runs: study -> its run, trained. seeds: study -> its `[evaluate] seed`, by which patients are drawn anew.
        reference: a learner of one of the runs at least; None: the plainest strong one that ran (`REFERENCES`).
    Raises: InputError where the reference ran nowhere.
    """
    found = {study: run.read_json("results.json") for study, run in runs.items()}
    names = list(dict.fromkeys(name for results in found.values() for name in results["learners"]))
    if reference is None:
        reference = next((name for name in REFERENCES if name in names), names[0])
    if reference not in names:
        raise InputError(
            "this learner ran on no study", "--reference", reference, ", ".join(names), "name one of these"
        )
    table = pl.concat(
        [_of_study(study, runs[study], results, reference, seeds[study]) for study, results in found.items()]
    )
    scored = {name: table.filter((pl.col("learner") == name) & pl.col("mean").is_not_null()) for name in names}
    everywhere = [name for name in names if scored[name].height == len(runs)]
    scores = np.column_stack([scored[name]["mean"].to_numpy() for name in everywhere]) if everywhere else None
    ranking = Ranking(np.zeros(0), len(runs))
    if scores is not None:
        order = np.argsort(rank(scores).mean, kind="stable")
        everywhere = [everywhere[i] for i in order]
        ranking = rank(scores[:, order])
    table = _with_ranks(table, everywhere)
    mean_rank = dict(zip(everywhere, ranking.mean.tolist(), strict=True))
    rows = [
        _row(name, scored[name], mean_rank.get(name))
        for name in [*everywhere, *(n for n in names if n not in everywhere)]
    ]
    for row, p in zip(rows, holm([row["p"] for row in rows]), strict=True):
        row["p_holm"] = p
    board = Scoreboard(list(runs), reference, table, everywhere, ranking, rows, dict(runs))
    return Scoreboard(**{**vars(board), "words": tuple(in_words(board))})


def _of_study(study: str, run: Run, results: Mapping[str, Any], reference: str, seed: int) -> pl.DataFrame:
    """One study's rows of the table, without ranks."""
    metric, predictions = str(results["metric"]), pl.read_parquet(run.path("predictions.parquet"))
    pairs = {pair.a: pair for pair in compare_with_reference(_looked_at(run), predictions, reference, seed, metric)}
    out = []
    for learner, found in results["learners"].items():
        value, pair = found["metrics"].get(metric) or {}, pairs.get(learner)
        row = {"study": study, "learner": learner, "metric": metric, "reference": reference,
               **{key: value.get(key) for key in ("mean", "low", "high")}}  # fmt: skip
        if pair is not None and pair.difference is not None:
            row |= {"difference": pair.difference, "difference_low": pair.low, "difference_high": pair.high,
                    "p": pair.p, "p_holm": pair.p_holm, "outcome": _outcome(pair.low, pair.high)}  # fmt: skip
        out.append(row)
    return pl.DataFrame(out, schema=TABLE)


def _outcome(low: float | None, high: float | None) -> str:
    return "win" if low is not None and low > 0 else "loss" if high is not None and high < 0 else "tie"


def _looked_at(run: Run) -> DerivedSnapshot:
    """The run's rows, task and classes: all that judging its predictions needs."""
    manifest = run.read_json("snapshot/manifest.json")
    nothing = pl.DataFrame()
    return DerivedSnapshot(manifest["task"], pl.read_parquet(run.path("snapshot", "rows.parquet")), nothing, {}, None, nothing,
                   manifest["clock"], tuple(manifest["classes"]))  # fmt: skip


def _with_ranks(table: pl.DataFrame, ranked: list[str]) -> pl.DataFrame:
    place = pl.when(pl.col("learner").is_in(ranked)).then(pl.col("mean"))
    return table.with_columns(rank=place.rank("average", descending=True).over("study"))


def _row(name: str, mine: pl.DataFrame, mean_rank: float | None) -> dict[str, Any]:
    """One learner over its studies; differences are null for the reference itself."""
    paired = mine.filter(pl.col("difference").is_not_null())
    differences = paired["difference"].to_numpy()
    counted = dict(paired["outcome"].value_counts().iter_rows())
    known = len(differences) > 0
    low, high = (mean_interval(differences) or (None, None)) if known else (None, None)
    return {
        "learner": name, "studies": mine.height, "mean_rank": mean_rank,
        "wins": counted.get("win", 0) if known else None, "ties": counted.get("tie", 0) if known else None,
        "losses": counted.get("loss", 0) if known else None,
        "difference": float(differences.mean()) if known else None, "low": low, "high": high,
        "p": signed_rank(differences) if known else None,
    }  # fmt: skip


def in_words(board: Scoreboard) -> list[str]:
    """What the table allows to be said, and what it does not."""
    found = board.ranking
    compared = int(board.table["outcome"].count())
    said = [
        sentences.ranked_studies(
            len(board.studies), len(board.ranked), LEAST, f=found.f, p=found.p, difference=found.difference
        ),
        _against_reference(board),
        sentences.not_ranked([row["learner"] for row in board.rows if row["mean_rank"] is None]),
        sentences.by_chance(compared),
        sentences.mixed_metrics(sorted(metric_label(m) for m in board.table["metric"].unique())),
    ]
    return [sentence for sentence in said if sentence]


def _against_reference(board: Scoreboard) -> str:
    """The learners that differ from the reference over studies, after correction for their number."""
    told = [
        (row["learner"], row["difference"] > 0, interval(row, 3, sign=True))
        for row in board.rows
        if row["p_holm"] is not None and row["p_holm"] < 0.05
    ]
    return "" if not told and len(board.studies) < LEAST else sentences.against_reference(board.reference, told)
