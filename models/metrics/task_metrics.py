"""What each task is judged by, and by what the training part chooses. A metric that cannot be had is None."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl

from .concordance import c_index
from .survival import SurvivalCurves, brier_rows, td_auc

PRIMARY = {"binary": "auroc", "multiclass": "accuracy", "survival": "c_index"}
"""What learners are compared by."""
BINS = 10
"""Equally filled bins of the calibration error."""


def targets(rows: pl.DataFrame, task: str, classes: tuple[str, ...]) -> np.ndarray:
    """(n,) class index, or for survival (n, 2): duration_days, event."""
    if task == "survival":
        return np.column_stack([rows["duration_days"].cast(pl.Float64), rows["event"].cast(pl.Float64)])
    if task == "binary":
        return rows["label"].cast(pl.Int64).to_numpy()
    index = {c: k for k, c in enumerate(classes)}
    return np.array([index[str(v)] for v in rows["label"]], dtype=np.int64)


def evaluate(
    task: str, y: np.ndarray, score: np.ndarray, classes: tuple[str, ...] = (), followed: SurvivalCurves | None = None
) -> dict[str, float | None]:
    """Every metric of a task.

    Args:
        y: from `targets`; regression (n,) numbers; clustering (n,) true groups.
        score: (n,) probability or risk (higher = sooner); multiclass (n, classes); regression (n,) predictions;
            clustering (n,) groups.
        followed: survival: what scores over time need; without it `ibs` and `td_auc` are None.
    Returns: metric -> value, or None where it is not defined (`why_none` says why).
    """
    match task:
        case "binary":
            return _binary(y, score)
        case "multiclass":
            return _multiclass(y, score, len(classes) or score.shape[1])
        case "survival":
            return _survival(y, score, followed)
        case "regression":
            return _regression(y, score)
        case "clustering":
            return _clustering(y, score)
    raise ValueError(f"no metrics for task {task!r}")


def inner_score(task: str, y: np.ndarray, score: np.ndarray) -> float:
    """By what settings and learners are chosen inside the training part; higher is better, chance where undefined.

    binary: AUROC; survival: Harrell's C; multiclass: the mean of accuracy and AUROC, the one what counts, the other
    smooth enough to choose by in small samples.
    """
    match task:
        case "multiclass":
            values = [float(np.mean(score.argmax(axis=1) == y)), ovr_auroc(y, score) or 0.5]
            return float(np.mean(values))
        case "survival":
            value = c_index(y[:, 0], y[:, 1], score)
        case _:
            value = auroc(y, score)
    return 0.5 if value is None else value


def why_none(metric: str) -> str:
    """The reason that stands beside a metric that is None."""
    match metric:
        case "c_index":
            return "nobody with an event can be compared"
        case "ibs" | "td_auc":
            return "no time lies within follow-up with events before it and patients after it"
        case "r2" | "spearman":
            return "the held-out part holds one value"
        case _:
            return "the held-out part holds one class"


def auroc(y: np.ndarray, score: np.ndarray) -> float | None:
    """Area under the ROC curve by ranks, ties counting half (tested against scikit-learn); None with one class."""
    from scipy.stats import rankdata

    positive = np.asarray(y) > 0
    n = int(positive.sum())
    rest = len(positive) - n
    if not n or not rest:
        return None
    return float((rankdata(score)[positive].sum() - n * (n + 1) / 2) / (n * rest))


def ovr_auroc(y: np.ndarray, p: np.ndarray) -> float | None:
    """Mean over classes of each against the rest; classes that the rows lack are left out."""
    found = [auroc(y == k, p[:, k]) for k in range(p.shape[1])]
    known = [value for value in found if value is not None]
    return float(np.mean(known)) if known else None


def calibration_error(y: np.ndarray, p: np.ndarray, bins: int = BINS) -> float:
    """Expected calibration error over equally filled bins. Source: Nixon et al. 2019, arXiv:1904.01685."""
    return float(sum(len(b) * abs(y[b].mean() - p[b].mean()) for b in bins_of(p, bins)) / len(p))


def bins_of(p: np.ndarray, bins: int = BINS) -> list[np.ndarray]:
    """Row indices of equally filled bins of a score, lowest first; equal scores lie in one bin."""
    order = np.argsort(p, kind="stable")
    first = np.searchsorted(p[order], p[order], side="left")
    bin_ = first * min(bins, len(p)) // max(len(p), 1)
    return np.split(order, np.flatnonzero(np.diff(bin_)) + 1)


def confidence(y: np.ndarray, p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Multiclass as a yes-or-no question: was the most probable class right, and how probable was it said to be?"""
    guess = p.argmax(axis=1)
    return (guess == y).astype(np.int64), p[np.arange(len(p)), guess]


def score_columns(task: str, classes: tuple[str, ...]) -> list[str]:
    """`score`, or for multiclass one `score_CLASS` a class."""
    return [f"score_{c}" for c in classes] if task == "multiclass" else ["score"]


def as_columns(task: str, classes: tuple[str, ...], score: np.ndarray) -> Mapping[str, np.ndarray]:
    """A learner's prediction as the columns of the predictions table."""
    return dict(zip(score_columns(task, classes), (score if score.ndim == 2 else score[:, None]).T, strict=True))


def _binary(y: np.ndarray, p: np.ndarray) -> dict[str, float | None]:
    from sklearn.metrics import average_precision_score

    both = 0 < y.sum() < len(y)
    guess = (p >= 0.5).astype(np.int64)
    return {
        "auroc": auroc(y, p),
        "auprc": float(average_precision_score(y, p)) if both else None,
        "brier": float(np.mean((p - y) ** 2)),
        "ece": calibration_error(y, p),
        "accuracy": float(np.mean(guess == y)),
        "macro_f1": _macro_f1(y, guess),
    }


def _multiclass(y: np.ndarray, p: np.ndarray, classes: int) -> dict[str, float | None]:
    guess = p.argmax(axis=1)
    return {
        "accuracy": float(np.mean(guess == y)),
        "macro_f1": _macro_f1(y, guess),
        "auroc": ovr_auroc(y, p),
        "brier": float(np.mean(((p - np.eye(classes)[y]) ** 2).sum(axis=1))),
        "ece": calibration_error(*confidence(y, p)),
    }


def _macro_f1(y: np.ndarray, guess: np.ndarray) -> float:
    """Over the classes that the rows hold."""
    from sklearn.metrics import f1_score

    return float(f1_score(y, guess, average="macro", labels=np.unique(y), zero_division=0))


def _survival(y: np.ndarray, risk: np.ndarray, followed: SurvivalCurves | None) -> dict[str, float | None]:
    rows = np.zeros(0) if followed is None else brier_rows(y, followed)
    return {
        "c_index": c_index(y[:, 0], y[:, 1], risk),
        "td_auc": None if followed is None else td_auc(y, risk, followed),
        "ibs": float(rows.mean()) if len(rows) else None,
    }


def _regression(y: np.ndarray, score: np.ndarray) -> dict[str, float | None]:
    from scipy.stats import spearmanr
    from sklearn.metrics import mean_absolute_error, r2_score

    varies = len(y) > 1 and np.ptp(y) > 0
    return {
        "r2": float(r2_score(y, score)) if varies else None,
        "mae": float(mean_absolute_error(y, score)),
        "spearman": float(spearmanr(y, score).statistic) if varies and np.ptp(score) > 0 else None,
    }


def _clustering(y: np.ndarray, group: np.ndarray) -> dict[str, float | None]:
    from sklearn.metrics import normalized_mutual_info_score

    return {"nmi": float(normalized_mutual_info_score(y, group)) if len(np.unique(y)) > 1 else None}
