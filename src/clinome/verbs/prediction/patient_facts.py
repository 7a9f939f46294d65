"""Facts of one prediction: what moved the score, what the patient had and since when, and who of the training was alike."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from scipy import sparse

from clinome.loaders.errors import InputError
from clinome.models.base.threads import one_thread

if TYPE_CHECKING:
    from clinome.models.base.learner import Learner
    from clinome.models.base.snapshot import Layer, Snapshot
    from clinome.models.inference.model import Model

SHOWN = 20
MUCH = 0.2
"""From so many of a layer's features on it is said that they lie where hardly anybody's did."""
MOST_TRAINING = 1_000
"""Training patients that are compared with: of more, so many by lot."""


@dataclass(frozen=True)
class Contributions:
    """(rows, features) parts of the score, above 0 where they raised it; of several members weighted as the model weighs them.

    names: (block, feature) of each column. silent: members that cannot say what moved them.
    """

    names: tuple[tuple[str, str], ...]
    values: np.ndarray
    silent: tuple[str, ...]


def contributions(model: Model, snapshot: Snapshot, rows: np.ndarray, own: Mapping[str, Learner]) -> Contributions:
    """What moved the model's raw score in these rows of a served snapshot.

    Raises: InputError where no member can say.
    """
    columns: dict[tuple[str, str], np.ndarray] = {}
    silent = []
    for member in model.members:
        learner = member.restored(own)
        with one_thread(learner):
            said = None if member.with_training else learner.attribute(snapshot, rows)
        if said is None:
            silent.append(member.name)
            continue
        weight = _weight(model, member.name)
        for block, one in said.items():
            for j, feature in enumerate(one.names):
                part = weight * np.asarray(one.values[:, j], dtype=np.float64)
                columns[block, feature] = columns.get((block, feature), 0.0) + part
    if not columns:
        raise InputError(
            "no part of this model says what moved it", "model", ", ".join(silent), fix="predict without --patient"
        )
    return Contributions(tuple(columns), np.stack(list(columns.values()), axis=1), tuple(silent))


def _weight(model: Model, name: str) -> float:
    """What a member's raw score counts in the model's: of one alone 1."""
    choice = model.choice
    if not choice.spread:
        return 1.0
    return float(choice.final[0] * choice.weights[name] / np.mean(np.asarray(choice.spread[name], dtype=np.float64)))


def sums(found: Contributions, at: int, task: str, score: Any) -> dict[str, float] | None:
    """What the parts amount to: rest (of the features that are not shown), start (what nobody's features move), total (the raw
    score); None where the task has no single score or a member says nothing."""
    if task not in ("binary", "survival", "regression") or found.silent:
        return None
    total = float(np.log(score / (1 - score))) if task == "binary" and 0 < score < 1 else float(score)
    shown = np.argsort(-np.abs(found.values[at]), kind="stable")[:SHOWN]
    every, first = float(found.values[at].sum()), float(found.values[at, shown].sum())
    return {"rest": every - first, "features": len(found.names) - len(shown), "start": total - every, "total": total}


def facts(
    found: Contributions, at: int, snapshot: Snapshot, row: int, names: Mapping[str, str], training: Snapshot
) -> list[dict[str, Any]]:
    """The features that moved the score most, largest first: block, feature, name, value, percentile (among the training's
    known values), times and days (before the prediction, of records), part.

    Args:
        training: whose values the percentiles are of.
        found, at: contributions, and which of their rows. snapshot, row: the served one, and the same patient's row in it.
        names: feature -> what people call it.
    """
    from clinome.models.biomarkers.feature_effects import feature_values

    order = np.argsort(-np.abs(found.values[at]), kind="stable")[:SHOWN]
    out = []
    for j in order[np.abs(found.values[at, order]) > 0]:
        block, feature = found.names[j]
        value, percentile = _word(snapshot, block, feature, row), None
        if value is None:
            number = float(feature_values(snapshot, block, [feature], np.array([row]))[0, 0])
            value = f"{number:.3g}" if np.isfinite(number) else "not known"
            percentile = _percentile(training, block, feature, number)
        times, days, has_number = _since(snapshot, block, feature, row)
        value, percentile = (value, percentile) if block != "records" or has_number else ("", None)
        out.append({"block": block, "feature": feature, "name": names.get(feature, feature), "value": value, "percentile": percentile, "times": times,
                    "days": days, "part": float(found.values[at, j])})  # fmt: skip
    return out


def _percentile(training: Snapshot, block: str, feature: str, number: float) -> float | None:
    """The share of training patients with a lower value, in a layer of numbers, numbers of records or a covariate."""
    from clinome.models.biomarkers.feature_effects import feature_values

    if not np.isfinite(number) or (block in training.layers and sparse.issparse(training.layers[block].values)):
        return None
    rows = np.arange(min(training.rows.height, MOST_TRAINING))
    seen = feature_values(training, block, [feature], rows)[:, 0]
    seen = seen[np.isfinite(seen)]
    return float((seen < number).mean()) if len(seen) else None


def _word(snapshot: Snapshot, block: str, feature: str, row: int) -> str | None:
    """The word of a covariate of words; None of everything else."""
    if block != "covariates" or feature not in snapshot.covariates.columns:
        return None
    column = snapshot.covariates[feature]
    return str(column[row]) if column.dtype == pl.String and column[row] is not None else None


def _since(snapshot: Snapshot, block: str, feature: str, row: int) -> tuple[int, float | None, bool]:
    """How often a code stands in the patient's records, how many days before the prediction last, and whether with a number."""
    if block != "records" or snapshot.events is None:
        return 0, None, False
    mine = snapshot.events.filter((pl.col("row") == row) & (pl.col("code") == feature))
    days = mine["days"].min() if snapshot.clock != "order" else None
    return mine.height, None if days is None else float(days), bool(mine["numeric_value"].is_not_null().any())  # type: ignore[arg-type]


def _beyond(seen: Layer, here: Layer, row: int) -> float:
    """The share of a dense layer's features, known in this row, that lie outside of 98 % of the training's values."""
    if sparse.issparse(seen.values) or sparse.issparse(here.values):
        return 0.0
    place = {name: j for j, name in enumerate(here.var["feature"])}
    shared = [(i, place[name]) for i, name in enumerate(seen.var["feature"]) if name in place]
    if not shared:
        return 0.0
    i, j = np.array(shared).T
    x = np.asarray(seen.values)[seen.profiled][:MOST_TRAINING][:, i]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a feature that nobody has
        low, high = np.nanquantile(x, (0.01, 0.99), axis=0)
    value = np.asarray(here.values)[row, j]
    known = np.isfinite(value) & np.isfinite(low)
    return float(((value < low) | (value > high))[known].mean()) if known.any() else 0.0


def outside(training: Snapshot, served: Snapshot, row: int) -> list[str]:
    """What of a patient was never seen in training, in plain words: numbers beyond those there, words that nobody had, layers that
    are missing though most had them."""
    said = []
    for name in training.covariates.columns:
        seen, here = (
            training.covariates[name].drop_nulls(),
            served.covariates[name][row] if name in served.covariates.columns else None,
        )
        if here is None:
            missing = training.covariates[name].null_count() / max(training.rows.height, 1)
            said += [f"{name} is not known; of the training patients {1 - missing:.0%} had it"] if missing < 0.2 else []
        elif seen.dtype == pl.String:
            said += [] if here in set(seen) else [f"{name}: nobody in the training was {here!r}"]
        elif seen.len() and not float(seen.min()) <= float(here) <= float(seen.max()):  # type: ignore[arg-type]
            said.append(f"{name} is {float(here):g}, beyond everybody's in the training")
    for name, layer in training.layers.items():
        had = float(layer.profiled.mean())
        if not served.layers[name].profiled[row]:
            said += [f"layer {name} is missing; of the training patients {had:.0%} had it"] if had > 0.5 else []
        elif (share := _beyond(layer, served.layers[name], row)) > MUCH:
            said.append(
                f"layer {name}: {share:.0%} of its features lie beyond what 98% of the training patients have; of a patient like those it would be 2%"
            )
    if training.events is not None:
        any_event = served.events is not None and bool((served.events["row"] == row).any())
        said += [] if any_event else ["there are no records that the model knows"]
    return said
