"""Learner base: a setting and a seed, one default, no attribution."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from types import MappingProxyType
from typing import Any, ClassVar, Self

import numpy as np

from ..base.attribution import Attribution
from ..base.embedding import Embeddings
from ..base.learner import Learner, Setting
from ..base.serialization import Fitted
from ..base.snapshot import Snapshot
from ..base.specs import Placement
from ..estimators.late_fusion import scaled
from .search_space import budgeted


class BaseLearner(Fitted):
    """One setting of one learner; a subclass brings fit, predict, and the names of what is fitted, or state and restore
    of its own (`models.base.learner.Learner`)."""

    name = ""
    on_torch: ClassVar[bool] = False
    """Whether it is a network."""
    headed: ClassVar[bool] = False
    """Whether it is a network of ours whose last layer is the task's head, or another that its setting `survival_head` names."""
    own_code: ClassVar[bool] = False
    """Whether part of it is the user's own code, which no file can hold: it must be given again to predict."""
    several_numbers: ClassVar[bool] = False
    """Whether it learns several numbers at once, of which a row may lack some (`Task.own_units`)."""
    recalibrates: bool = False
    """Whether its probabilities are made right on inner scores. For those that are off without it; the linear ones lose
    by it (benchmarks/evaluation/recalibrate.py)."""
    with_training: ClassVar[bool] = False
    """Whether `predict` wants the rows that it was fitted on in front of those that it shall predict."""
    grid: tuple[Setting, ...] = ({},)
    """Settings to try, the default first."""
    placement = Placement()
    """Where a network is trained; no setting, and nothing that is saved."""
    fixed: Setting = MappingProxyType({})
    """What the study says of it: part of every setting, saved with it, and never tuned."""
    metric = ""
    """By which it chooses what it tunes while it fits; "": the task's own. No setting, and nothing that is saved."""

    def __init__(self, setting: Setting | None = None, seed: int = 0) -> None:
        self.setting: dict[str, Any] = dict(setting or {})
        self.seed = seed
        self.recalibration: np.ndarray | None = None

    def supports(self, snapshot: Snapshot) -> bool:
        return self.reason(snapshot) is None

    def reason(self, snapshot: Snapshot) -> str | None:
        return None

    def aside(self, snapshot: Snapshot) -> str | None:
        """Why `default` leaves it aside on this study, though it can run (time, what its model needs); None: it does not."""
        return None

    def on_graph(self, snapshot: Snapshot) -> bool:
        """Whether a learner that the registry calls one on the graph finds a graph here: else it has no twins."""
        return True

    def settings(self, trials: int) -> Sequence[Setting]:
        return budgeted(self.grid, self.space(), trials)

    def space(self) -> Mapping[str, Any]:
        """Where settings beyond the grid are drawn from (`models.learners.search_space.budgeted`); empty where the grid is all."""
        return {}

    def idle(self, setting: Setting, snapshot: Snapshot) -> bool:
        """Whether a setting changes nothing on this study, so that trying it would be a fit for nothing."""
        return False

    def fused(self, fusion: str) -> Self:
        """The same learner, which brings modalities together in this way alone; of most there is one way."""
        return self

    def with_setting(self, setting: Setting, seed: int) -> Self:
        return type(self)({**setting, **self.fixed}, seed).on(self.placement).by(self.metric).fixing(self.fixed)

    def on(self, placement: Placement) -> Self:
        """The same learner, trained there."""
        made = copy(self)
        made.placement = placement
        return made

    def by(self, metric: str) -> Self:
        """The same learner, which chooses by this metric what it tunes while it fits."""
        made = copy(self)
        made.metric = metric
        return made

    def fixing(self, fixed: Setting) -> Self:
        """The same learner, of whose every setting this is part."""
        made = copy(self)
        made.fixed = fixed
        return made

    def recalibrate(self, final: np.ndarray) -> None:
        """Once fitted: a slope and intercepts, learnt on inner scores, for the logits of what it predicts."""
        self.recalibration = final

    def settled(self, score: np.ndarray, task: str) -> np.ndarray:
        """What a recalibrated learner's `predict` gives back."""
        return score if self.recalibration is None else scaled(score, self.recalibration, task)

    def survival(self, snapshot: Snapshot, rows: np.ndarray, days: np.ndarray) -> np.ndarray | None:
        """(n, t) probability that these rows have no event until each of the days; None where it gives risks alone, which
        become curves as those of any learner (`models.evaluation.survival_curves`)."""
        return None

    def unsaved(self) -> str | None:
        if not self.fitted and type(self).restore is Fitted.restore:
            return f"{self.name} does not say what of it is fitted (`fitted`, or `state` and `restore`)"
        return None

    def attribute(self, snapshot: Snapshot, rows: np.ndarray) -> Mapping[str, Attribution] | None:
        return None

    def embeddings(self, snapshot: Snapshot, rows: np.ndarray) -> Embeddings | None:
        """Vectors of these rows, and of the graph's nodes where they have some; None where the learner has none."""
        return None


def placed(learner: Learner, placement: Placement) -> Learner:
    """A network trained there; any other learner as it is."""
    return learner.on(placement) if isinstance(learner, BaseLearner) and learner.on_torch else learner


def with_head(learner: Learner, survival_head: str) -> Learner:
    """A network of ours with that head of survival; any other learner, and Cox's head, as it is."""
    if survival_head == "cox" or not isinstance(learner, BaseLearner) or not learner.headed:
        return learner
    return learner.fixing({"survival_head": survival_head})


def aimed(learner: Learner, metric: str) -> Learner:
    """One of ours that chooses by this metric; any other learner as it is."""
    return learner.by(metric) if isinstance(learner, BaseLearner) else learner


def has_inputs(snapshot: Snapshot) -> str | None:
    """The reason why nothing can be learnt from: no layer, covariate, record, note or image at all."""
    if snapshot.layers or snapshot.covariates.width or snapshot.events is not None or snapshot.views:
        return None
    return "the study has no omics, no records, no notes or images, and names no covariates"


def several_views(snapshot: Snapshot) -> bool:
    """Whether there is more than one of omics, records, and each section of notes and images."""
    return bool(snapshot.layers) + (snapshot.events is not None) + len(snapshot.views) > 1
