"""What each task is judged by, and by what the training part chooses. A metric that cannot be had is None."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl

PRIMARY = {"binary": "auroc", "multiclass": "accuracy", "survival": "c_index"}
"""What learners are compared by."""


def targets(rows: pl.DataFrame, task: str, classes: tuple[str, ...]) -> np.ndarray:
    """(n,) class index, or for survival (n, 2): duration_days, event."""
    if task == "survival":
        return np.column_stack([rows["duration_days"].cast(pl.Float64), rows["event"].cast(pl.Float64)])
    if task == "binary":
        return rows["label"].cast(pl.Int64).to_numpy()
    index = {c: k for k, c in enumerate(classes)}
    return np.array([index[str(v)] for v in rows["label"]], dtype=np.int64)


def evaluate(task: str, y: np.ndarray, score: np.ndarray, classes: tuple[str, ...] = ()) -> dict[str, float | None]:
    """Every metric of a task.

    Args:
        y: from `targets`.
        score: (n,) probability or risk (higher = sooner); multiclass (n, classes).
    Returns: metric -> value, or None where it is not defined (one class, nobody with an event).
    """
    match task:
        case "binary":
            return _binary(y, score)
        case "multiclass":
            return _multiclass(y, score, len(classes) or score.shape[1])
        case "survival":
            return {"c_index": c_index(y[:, 0], y[:, 1], score)}
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


def why_none(task: str) -> str:
    """The reason that stands beside a metric that is None."""
    return "nobody with an event can be compared" if task == "survival" else "the held-out part holds one class"


def c_index(duration: np.ndarray, event: np.ndarray, risk: np.ndarray) -> float | None:
    """Harrell's C: the share of comparable pairs in which the higher risk has the sooner event; ties count half.

    A pair is comparable if the first has its event before the other's time, or at the time at which the other is
    censored. All pairs at once, a block of rows after the other; the same number as lifelines' (tested).
    Returns: None where no pair is comparable.
    """
    died = np.flatnonzero(np.asarray(event) > 0)
    risk = np.asarray(risk, dtype=np.float64)
    pairs, good = 0, 0.0
    for rows in np.array_split(died, max(1, len(died) * len(risk) // 4_000_000 + 1)):
        time = duration[rows, None]
        comparable = (time < duration) | ((time == duration) & (np.asarray(event) == 0))
        ahead = risk[rows, None] - risk
        pairs += int(comparable.sum())
        good += float(((ahead > 0) & comparable).sum() + 0.5 * ((ahead == 0) & comparable).sum())
    return good / pairs if pairs else None


def auroc(y: np.ndarray, score: np.ndarray) -> float | None:
    """Area under the ROC curve by ranks, ties counting half (tested against scikit-learn); None with one class."""
    from scipy.stats import rankdata

    positive = np.asarray(y) > 0
    n = int(positive.sum())
    rest = len(positive) - n
    if not n or not rest:
        return None
    return float((rankdata(score)[positive].sum() - n * (n + 1) / 2) / (n * rest))


def calibration_error(y: np.ndarray, p: np.ndarray, bins: int = 10) -> float:
    """Expected calibration error over equally filled bins. Source: Nixon et al. 2019 (adaptive bins)."""
    order = np.array_split(np.argsort(p, kind="stable"), min(bins, len(p)))
    return float(sum(len(b) * abs(y[b].mean() - p[b].mean()) for b in order) / len(p))


def summary(values: list[float | None]) -> dict[str, object]:
    """mean, sd, low, high (a 95 % t interval over folds; both null with one fold), folds."""
    from scipy import stats

    known = np.array([v for v in values if v is not None], dtype=np.float64)
    if not len(known):
        return {"mean": None, "sd": None, "low": None, "high": None, "folds": values}
    mean = float(known.mean())
    if len(known) < 2:
        return {"mean": mean, "sd": None, "low": None, "high": None, "folds": values}
    sd = float(known.std(ddof=1))
    half = float(stats.t.ppf(0.975, len(known) - 1) * sd / np.sqrt(len(known)))
    return {"mean": mean, "sd": sd, "low": mean - half, "high": mean + half, "folds": values}


def score_columns(task: str, classes: tuple[str, ...]) -> list[str]:
    """`score`, or for multiclass one `score_CLASS` a class."""
    return [f"score_{c}" for c in classes] if task == "multiclass" else ["score"]


def as_columns(task: str, classes: tuple[str, ...], score: np.ndarray) -> Mapping[str, np.ndarray]:
    """A learner's prediction as the columns of the predictions table."""
    return dict(zip(score_columns(task, classes), (score if score.ndim == 2 else score[:, None]).T, strict=True))


def _binary(y: np.ndarray, p: np.ndarray) -> dict[str, float | None]:
    from sklearn.metrics import average_precision_score

    both = 0 < y.sum() < len(y)
    return {
        "auroc": auroc(y, p),
        "auprc": float(average_precision_score(y, p)) if both else None,
        "brier": float(np.mean((p - y) ** 2)),
        "ece": calibration_error(y, p),
        "accuracy": float(np.mean((p >= 0.5) == y)),
    }


def ovr_auroc(y: np.ndarray, p: np.ndarray) -> float | None:
    """Mean over classes of each against the rest; classes that the rows lack are left out."""
    found = [auroc(y == k, p[:, k]) for k in range(p.shape[1])]
    known = [value for value in found if value is not None]
    return float(np.mean(known)) if known else None


def _multiclass(y: np.ndarray, p: np.ndarray, classes: int) -> dict[str, float | None]:
    from sklearn.metrics import f1_score

    guess = p.argmax(axis=1)
    return {
        "accuracy": float(np.mean(guess == y)),
        "macro_f1": float(f1_score(y, guess, average="macro", labels=np.unique(y), zero_division=0)),
        "auroc": ovr_auroc(y, p),
        "brier": float(np.mean(((p - np.eye(classes)[y]) ** 2).sum(axis=1))),
    }
