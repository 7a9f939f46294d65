"""LASSO and elastic net as selectors: the columns whose coefficients are not 0."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from ...estimators.elastic_net import fit_elastic_net
from .selector import Selector

PARTS = 3


class LassoSelection(Selector):
    """Columns with a coefficient in a LASSO whose strength three inner folds chose (`models.estimators.elastic_net`).

    `scores`: |coefficient|, of several columns of scores the largest. Which of two columns that go together is kept is
    chance, and in noise it keeps some.
    Source: Tibshirani 1996, doi:10.1111/j.2517-6161.1996.tb02080.x.
    """

    mix: ClassVar[float] = 1.0

    def choose(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        part = np.random.default_rng(self.seed).permutation(len(x)) % PARTS
        coef = np.abs(fit_elastic_net(x, y, part, self.task, self.classes, self.mix).coef)
        scores = coef.max(axis=1, initial=0.0)
        return scores, scores > 0


class ElasticNetSelection(LassoSelection):
    """The same of an elastic net with half of the penalty L1: of columns that go together it keeps several.

    Source: Zou & Hastie 2005, doi:10.1111/j.1467-9868.2005.00503.x.
    """

    mix = 0.5
