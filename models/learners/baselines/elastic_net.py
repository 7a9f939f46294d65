"""Elastic net and LASSO as learners: as `ridge_late`, but most coefficients of each block's model are 0."""

from __future__ import annotations

import numpy as np

from ...base.learner import Setting
from ...base.snapshot import Snapshot
from ...estimators.elastic_net import fit_elastic_net
from ...estimators.ridge import Ridge
from ...estimators.univariate import Matrix
from .ridge_late import RidgeLate


class ElasticNet(RidgeLate):
    """Logistic, multinomial, least squares or Cox models with L1 and L2 penalties, one a block, fused late.

    `mix` is the share of L1 (glmnet's alpha): of features that go together it keeps several, the more the less it is.
    `fusion = "early"` is one model of all blocks, each at a mean squared row norm of one, so that a block of many
    features does not get more of the coefficients for it. Docs: docs/methods/elastic_net.md.
    Source: Zou & Hastie 2005, doi:10.1111/j.1467-9868.2005.00503.x.
    """

    name = "elastic_net"
    several_numbers = False  # its coordinate descent knows no gaps
    mix = 0.5
    grid: tuple[Setting, ...] = (
        {},
        {"fusion": "early"},
        {"mix": 0.1},
        {"mix": 0.1, "fusion": "early"},
        {"windows": "all"},
    )

    def aside(self, snapshot: Snapshot) -> str | None:
        return (
            f'`ridge_late` is the linear model of default: learners = ["default", "{self.name}"] asks for this one too'
        )

    def fit_block(self, x: Matrix, y: np.ndarray, part: np.ndarray) -> Ridge:
        return fit_elastic_net(
            x, y, part, self.task, self.classes, float(self.setting.get("mix", self.mix)), self.metric
        )


class Lasso(ElasticNet):
    """The same with the L1 penalty alone: of features that go together it keeps one or two.

    Source: Tibshirani 1996, doi:10.1111/j.2517-6161.1996.tb02080.x.
    """

    name = "lasso"
    mix = 1.0
    grid: tuple[Setting, ...] = ({}, {"fusion": "early"}, {"fusion": "stacked"}, {"windows": "all"})
