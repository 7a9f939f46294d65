"""Clustering in a study file: what it cannot be asked, since nothing is learnt from an outcome."""

from __future__ import annotations

from collections.abc import Sequence

from clinome.loaders.errors import InputError, NotBuilt
from clinome.models.base.specs import Evaluate, Learn, TaskSpec

KIND = "clustering"
SELECT = ("none", "variance")
"""Ways to select features that look at no outcome."""


def check_clustering(
    task: TaskSpec | None, evaluate: Evaluate, learn: Learn, metric: str, subgroups: Sequence[str], where: str
) -> None:
    """Keys that have no meaning here, or none yet. metric, subgroups: of `[report]`. Raises: InputError, NotBuilt."""
    if task is None or task.kind != KIND:
        return
    if task.target is not None:
        _refuse("patients are divided without an outcome", f"{where} [task] target", "no target", 'leave it out; a known group goes into label = "COLUMN"')  # fmt: skip
    if task.covariates:
        _refuse("patients are divided by omics, records, notes and images", f"{where} [task] covariates", "no covariates", "leave the line out; they are described by subtype in Table 1")  # fmt: skip
    if metric:
        _refuse("subtypes are chosen by their stability, never by a known group", f"{where} [report] metric", "no metric", "leave it out")  # fmt: skip
    if subgroups:
        _refuse("there is no prediction to score by group", f"{where} [report] subgroups", "no subgroups", "leave it out; Table 1 is by subtype")  # fmt: skip
    if evaluate.learning_curve:
        _refuse("a learning curve is of predictions", f"{where} [evaluate] learning_curve", "no learning curve", "leave it out")  # fmt: skip
    if learn.select not in SELECT:
        _refuse("these features are selected by an outcome", f"{where} [learn] select", " or ".join(SELECT), 'select = "variance"', learn.select)  # fmt: skip
    if learn.fusion is not None:
        _refuse("each learner of subtypes has its own way to bring layers together", f"{where} [learn] fusion", "no fusion", 'leave it out; learners = ["snf"] fuses networks', learn.fusion)  # fmt: skip
    if learn.placement.count > 1 or isinstance(learn.workers, str) or learn.minutes:
        key = "devices or nodes" if learn.placement.count > 1 else "minutes" if learn.minutes else "workers on Ray"
        raise NotBuilt(f"{where} [learn]: {key} is not built for clustering yet.", "leave the line out")


def _refuse(what: str, where: str, expected: str, fix: str, got: object = "given") -> None:
    raise InputError(what, where, got, expected, fix)
