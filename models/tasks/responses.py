"""Several numeric endpoints at once, each in a unit of its own, of which a patient may lack some: responses to drugs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import polars as pl

from ..base.task import Loss, Task
from ..estimators.losses import gapped_squared_loss
from ..metrics.several.responses import macro_spearman

if TYPE_CHECKING:
    from ..heads.responses import ResponsesHead
    from ..training.batch import Target

COMPONENTS = 10
"""Leading components of the endpoints by which trees split: of many endpoints all is noise beyond a few."""
BINS = 5


class ResponsesTask(Task):
    """Scores are numbers, one an endpoint, each in its unit, (n, endpoints). Targets: (n, endpoints) float64; NaN is not
    measured, and no row is left out for it. classes: the endpoints' names.

    Judged endpoint by endpoint: over all pairs of patient and endpoint at once a score that knows only which endpoint is
    high would look good.
    """

    kind = "responses"
    label_type = "numbers"
    metrics: ClassVar[tuple[str, ...]] = ("macro_spearman", "macro_r2", "macro_mae", "endpoints_judged")
    primary = "macro_spearman"
    probabilities = False
    regresses = True
    exclusive = False
    own_units = True

    def targets(self, rows: pl.DataFrame, classes: Sequence[str]) -> np.ndarray:
        return numbers(rows["label"], len(classes))

    def blank(self, n: int, classes: int = 0) -> np.ndarray:
        return np.zeros((n, classes))

    def strata(self, rows: pl.DataFrame) -> np.ndarray:
        """Equally filled bins of each row's mean over its endpoints, in their spreads."""
        mean = mean_response(rows["label"])
        bins = int(np.clip(len(mean) // 10, 2, BINS)) if len(np.unique(mean)) > 1 else 1
        return np.argsort(np.argsort(mean, kind="stable"), kind="stable") * bins // max(len(mean), 1)

    def groups(self, y: np.ndarray) -> np.ndarray:
        """(n,) each row's mean in spreads: whether anything varies is what is asked."""
        return np.asarray(self.working_response(y, 0).mean(axis=1)) if y.size else np.zeros(len(y))

    def width(self, classes: int) -> int:
        return classes

    def base_rate(self, y: np.ndarray, classes: int) -> np.ndarray:
        return np.asarray(self.unit(y)[0])

    def constant(self, rate: np.ndarray, n: int) -> np.ndarray:
        return np.tile(rate, (n, 1))

    def unit(self, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(k,) mean and standard deviation of each endpoint; of one that none of these rows has the mean of the others, and 1."""
        known = np.isfinite(y)
        count = np.maximum(known.sum(axis=0), 1)
        centre = np.where(known, y, 0.0).sum(axis=0) / count
        spread = np.sqrt((np.where(known, y - centre, 0.0) ** 2).sum(axis=0) / count)
        there = known.any(axis=0)
        centre = np.where(there, centre, centre[there].mean() if there.any() else 0.0)
        return centre, np.where(spread > 1e-12 * np.maximum(np.abs(centre), 1.0), spread, 1.0)

    def _standard(self, y: np.ndarray) -> np.ndarray:
        centre, spread = self.unit(y)
        return np.asarray((y - centre) / spread)

    def working_response(self, y: np.ndarray, classes: int) -> np.ndarray:
        """(n, k) z-scores; 0, their mean, where one is not known."""
        return np.asarray(np.nan_to_num(self._standard(y)))

    def numeric_response(self, y: np.ndarray) -> np.ndarray:
        """(n, at most COMPONENTS) leading components of the z-scores."""
        z = self.working_response(y, y.shape[1])
        if z.shape[1] <= COMPONENTS:
            return z
        u, s, _ = np.linalg.svd(z, full_matrices=False)
        return np.asarray(u[:, :COMPONENTS] * s[:COMPONENTS])

    def parts(self, y: np.ndarray) -> list[tuple[str, np.ndarray]]:
        return [(self.kind, y)]

    def loss(self, y: np.ndarray) -> Loss:
        return gapped_squared_loss(self._standard(y))

    def learnable(self, y: np.ndarray) -> bool:
        return bool(len(y) and np.nan_to_num(self._standard(y)).any())

    def score(self, logits: np.ndarray) -> np.ndarray:
        return logits

    def logits(self, score: np.ndarray, least: float = 1e-4) -> np.ndarray:
        return score

    def predicted(self, score: np.ndarray, whole: np.ndarray) -> np.ndarray:
        return np.asarray(score[np.arange(len(score)), self.told(whole)])

    def told(self, logits: np.ndarray) -> np.ndarray:
        """The endpoint by which a row stands out most among these, in the spread of what is predicted."""
        if not len(logits):
            return np.zeros(0, np.int64)
        spread = logits.std(axis=0)
        away = np.abs(logits - logits.mean(axis=0)) / np.where(spread > 1e-12, spread, np.inf)
        return np.asarray(away.argmax(axis=1))

    def grouped(self, label: pl.Series) -> pl.Series:
        """Thirds by the mean over a row's endpoints, in their spreads."""
        mean = mean_response(label)
        cuts = np.quantile(mean, (1 / 3, 2 / 3)) if len(mean) else np.zeros(2)
        names = ("1: lower third", "2: middle third", "3: upper third")
        at = np.searchsorted(cuts, mean, side="left")
        found = [None if one is None else names[k] for k, one in zip(at, label, strict=True)]
        return pl.Series(label.name, found, pl.String)

    def score_columns(self, classes: Sequence[str]) -> list[str]:
        return [f"score_{one}" for one in classes]

    def from_columns(self, columns: np.ndarray) -> np.ndarray:
        return columns

    def inner_score(self, y: np.ndarray, score: np.ndarray) -> float:
        """Mean over endpoints of Spearman's correlation."""
        value = macro_spearman(y, score)
        return 0.0 if value is None else value

    def skill(self, y: np.ndarray, score: np.ndarray) -> float:
        """Mean over endpoints of Pearson's correlation, where it is above 0."""
        known = np.isfinite(y)
        count = np.maximum(known.sum(axis=0), 1)
        a, b = (np.where(known, one, 0.0) for one in (y, score))
        a, b = (np.where(known, one - one.sum(axis=0) / count, 0.0) for one in (a, b))
        below = np.sqrt((a**2).sum(axis=0) * (b**2).sum(axis=0))
        return float(
            np.maximum(np.divide((a * b).sum(axis=0), below, out=np.zeros(len(below)), where=below > 1e-12), 0).mean()
        )

    def head(self, dim: int, classes: int = 0) -> ResponsesHead:
        from ..heads.responses import ResponsesHead

        return ResponsesHead(dim, classes)

    def tensors(self, y: np.ndarray) -> Target:
        import torch

        from ..training.batch import Target

        return Target(y=torch.tensor(y, dtype=torch.float32))


def numbers(label: pl.Series, width: int) -> np.ndarray:
    """(n, width) the numbers of a column of lists; NaN where one is null.

    Raises: ValueError for a list of another length.
    """
    if label.len() and (label.drop_nulls().list.len() != width).any():
        raise ValueError(
            f"responses: got lists of {sorted(set(label.list.len().drop_nulls()))} numbers; expected {width}"
        )
    out = np.full((label.len(), width), np.nan)
    known = label.is_not_null().to_numpy()
    if known.any() and width:
        flat = label.drop_nulls().explode().cast(pl.Float64)
        out[known] = flat.fill_null(float("nan")).to_numpy().reshape(-1, width)
    return out


def mean_response(label: pl.Series) -> np.ndarray:
    """(n,) mean over each row's endpoints, in their spreads about their means; 0 of a row without any."""
    width = int(label.list.len().max() or 0)  # type: ignore[arg-type]
    z = ResponsesTask()._standard(numbers(label, width)) if width else np.zeros((label.len(), 1))
    known = np.isfinite(z)
    return np.asarray(np.where(known, z, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1))
