"""Expected loss on another platform: what missing features and alignment cost a model on patients whose outcomes are known.

The model's learners are fitted again in each fold of the run, with the settings that it has; the held-out patients are
then predicted as they are, without the features that the other study lacks, and aligned from themselves as its patients
are. The labels of the other study are not looked at. It says nothing of patients who differ, nor of values that another
platform measures worse: it is the least that is lost.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
from scipy import sparse

from ...base.folds import parts
from ...base.learner import Learner
from ...base.snapshot import DerivedSnapshot, Layer, Snapshot, derived
from ...base.task import task_of
from ...base.threads import one_thread
from ...evaluation.comparison import compare
from ...evaluation.fold_scores import FoldScores, draw, judge
from ...learners.registry import LEARNERS, make
from ...metrics.task_metrics import main_metric
from ...preprocessing.omics_layer import AlignedLayer, is_mutation
from ...preprocessing.steps.layer_steps import dense_values
from ..model import Member, Model
from .align import LEAST, NONE, RANK, aligned, on_model_scale
from .distribution import distributions_of

AS_IT_IS, MISSING, ALIGNED = "as it is", "without what is missing", "and aligned"


def expected_loss(
    snapshot: Snapshot,
    folds: pl.DataFrame,
    model: Model,
    missing: Mapping[str, Collection[str] | None],
    methods: Mapping[str, str],
    own: Mapping[str, Learner] | None = None,
    *,
    seed: int = 1,
    metric: str = "",
) -> dict[str, Any]:
    """The main metric of held-out patients as they are, without what another study lacks, and aligned.

    Args:
        snapshot: what the model was trained on. folds: its folds, of which the first repeat is taken.
        missing: dense layer -> its features that the other study lacks; any layer -> None: all of it.
        methods: layer -> how it is aligned. own: learners of the user's own, by name.
    Returns: metric; arms: each with name, mean, low, high and, but for the first, difference from it with its interval.
    """
    arms = [AS_IT_IS, *([MISSING] if missing else []), *([ALIGNED] if set(methods.values()) - {NONE} else [])]
    masked = masked_snapshot(snapshot, missing)
    y = task_of(snapshot.task).targets(snapshot.rows, snapshot.classes)
    found: dict[str, list[FoldScores]] = {arm: [] for arm in arms}
    first = folds.filter(pl.col("repeat") == 0)
    for fold in first["fold"].unique().sort():
        train, tuning, held = parts(first, 0, fold)
        views: dict[str, Snapshot] = {AS_IT_IS: snapshot, MISSING: masked}
        if ALIGNED in arms:
            views[ALIGNED] = _aligned(snapshot, masked, np.concatenate([train, tuning]), held, methods)
        scores: dict[str, dict[str, np.ndarray]] = {arm: {} for arm in arms}
        for member in model.members:
            learner = _again(member, own or {})
            with one_thread(learner):
                learner.fit(snapshot, train, tuning)
                for arm in arms:
                    scores[arm][member.name] = np.asarray(learner.predict(views[arm], held))
        for arm in arms:
            score = model.choice.combine(scores[arm], snapshot.task)
            found[arm].append(FoldScores(arm, 0, int(fold), held, y[held], score))
    named = main_metric(snapshot.task, metric)
    resamples = draw(snapshot, [one.rows for one in found[AS_IT_IS]], seed)
    judged = {arm: judge(snapshot, its, resamples) for arm, its in found.items()}
    out = []
    for arm, one in judged.items():
        entry = {"arm": arm, **{key: one.table()[named][key] for key in ("mean", "low", "high")}}
        if arm != AS_IT_IS:
            pair = compare(arm, one, AS_IT_IS, judged[AS_IT_IS], named)
            entry["difference"] = {"mean": pair.difference, "low": pair.low, "high": pair.high}
        out.append(entry)
    return {"metric": named, "arms": out}


def masked_snapshot(snapshot: Snapshot, missing: Mapping[str, Collection[str] | None]) -> DerivedSnapshot:
    """The same snapshot without these features, or layers, as `by_name` serves one that lacks them."""
    layers = {
        name: _masked(layer, missing[name]) if name in missing else layer for name, layer in snapshot.layers.items()
    }
    return replace(derived(snapshot), layers=layers)


def _masked(layer: Layer, absent: Collection[str] | None) -> Layer:
    n = len(layer.profiled)
    if absent is None or is_mutation(layer):
        values: Any = sparse.csr_matrix((n, layer.var.height), dtype=np.float32)
        if not is_mutation(layer):
            values = np.full((n, layer.var.height), np.nan, dtype=np.float32)
        profiled = np.zeros(n, dtype=bool)
    else:
        values = np.array(layer.values, dtype=np.float32)
        values[:, layer.var["feature"].is_in(list(absent)).to_numpy()] = np.nan
        profiled = layer.profiled & np.isfinite(values).any(axis=1)
    return AlignedLayer(layer.name, layer.kind, layer.scale, layer.var, values, profiled, layer.correct, layer.impute,
                        layer.batch)  # fmt: skip


def _aligned(
    snapshot: Snapshot, masked: DerivedSnapshot, training: np.ndarray, held: np.ndarray, methods: Mapping[str, str]
) -> DerivedSnapshot:
    """The held-out rows aligned to the fold's training rows, as a cohort of their own."""
    known, layers = distributions_of(snapshot, training), dict(masked.layers)
    for name, method in methods.items():
        layer = masked.layers.get(name)
        if layer is None or method == NONE or layer.scale == RANK or name not in known:
            continue
        here = held[layer.profiled[held]]
        if len(here) < LEAST:
            continue
        values = dense_values(layer, np.arange(len(layer.profiled)))
        values[here] = aligned(values[here], known[name], method)[0]
        layers[name] = on_model_scale(layer, values)
    return replace(masked, layers=layers)


def _again(member: Member, own: Mapping[str, Learner]) -> Learner:
    """The learner that a member came from, not yet fitted."""
    known = make(member.name) if member.name in LEARNERS and not member.own_code else own[member.name]
    return known.with_setting(member.setting, member.seed)
