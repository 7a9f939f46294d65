"""Metrics registry: by the name that results.json gives them. A new one is a class and a line here."""

from __future__ import annotations

from .calibration_error import Brier, ExpectedCalibrationError, MulticlassBrier
from .classification import Accuracy, BalancedAccuracy, MacroF1, MatthewsCorrelation
from .clustering import AdjustedRand, NormalisedMutualInformation
from .concordance import ConcordanceIndex
from .discrimination import AUROC, AveragePrecision
from .metric import Metric
from .regression import R2, MeanAbsoluteError, RootMeanSquaredError, Spearman
from .several.multilabel import (
    LabelsJudged,
    MacroAUROC,
    MacroAveragePrecision,
    MicroAUROC,
    MicroAveragePrecision,
    MultilabelBrier,
)
from .several.responses import EndpointsJudged, MacroMeanAbsoluteError, MacroR2, MacroSpearman
from .survival import IncidenceAUC, IntegratedBrier, TimeDependentAUC

METRICS: dict[str, Metric] = {
    "auroc": AUROC(),
    "auprc": AveragePrecision(),
    "brier": Brier(),
    "brier_multiclass": MulticlassBrier(),
    "ece": ExpectedCalibrationError(),
    "accuracy": Accuracy(),
    "balanced_accuracy": BalancedAccuracy(),
    "macro_f1": MacroF1(),
    "mcc": MatthewsCorrelation(),
    "macro_auroc": MacroAUROC(),
    "macro_auprc": MacroAveragePrecision(),
    "micro_auroc": MicroAUROC(),
    "micro_auprc": MicroAveragePrecision(),
    "brier_multilabel": MultilabelBrier(),
    "labels_judged": LabelsJudged(),
    "c_index": ConcordanceIndex(),
    "td_auc": TimeDependentAUC(),
    "incidence_auc": IncidenceAUC(),
    "ibs": IntegratedBrier(),
    "r2": R2(),
    "spearman": Spearman(),
    "mae": MeanAbsoluteError(),
    "rmse": RootMeanSquaredError(),
    "macro_spearman": MacroSpearman(),
    "macro_r2": MacroR2(),
    "macro_mae": MacroMeanAbsoluteError(),
    "endpoints_judged": EndpointsJudged(),
    "ari": AdjustedRand(),
    "nmi": NormalisedMutualInformation(),
}
"""Name in a task's list -> metric. (Two tasks may judge by metrics of one key: both Brier scores are `brier`.)"""


def metric_of(key: str) -> Metric:
    """The metric of a key in results.json.

    Raises: ValueError for a key that there is not.
    Example:
        >>> metric_of("c_index").label
        'C-index'
    """
    if key not in METRICS:
        raise ValueError(f"metric: got {key!r}; expected one of {', '.join(METRICS)}")
    return METRICS[key]
