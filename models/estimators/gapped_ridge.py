"""Ridge regression of many outcomes with gaps: one factorisation serves all outcomes and all strengths."""

from __future__ import annotations

import numpy as np

ROUNDS = 500
TOLERANCE = 1e-6
"""Of the outcomes' unit: by how little filled cells still move when a fit is done."""


class GappedRidge:
    """Multi-output ridge regression with missing outcomes: min Σ known (y − z w − b)² + |w|² / C for each column of y, b free.

    Without gaps all columns share one smoother. With gaps each would need a factorisation of its own rows; instead the
    missing cells are filled with what the model says of them, and all columns fitted together, again and again. Each round
    lowers the sum above (majorisation–minimisation), and where nothing moves any more the fill tells nothing: it is the
    exact solution of the known cells alone (tested against scikit-learn, column by column).
    Args:
        z: (n, r) dense inputs. y: (n, k) of mean 0 and variance about 1, NaN is not known.
    Source: Lange, Hunter & Yang 2000, doi:10.1080/10618600.2000.10474858 (optimisation transfer); Dempster, Laird & Rubin
        1977 for the regression with filled cells.
    Example:
        >>> coef, intercept = GappedRidge(np.array([[0.0], [1.0], [2.0]]), np.array([[0.0], [1.0], [np.nan]])).fit(1e6)
        >>> coef.round(3).tolist(), (intercept.round(3) + 0.0).tolist()
        ([[1.0]], [0.0])
    """

    def __init__(self, z: np.ndarray, y: np.ndarray) -> None:
        from scipy.linalg import svd

        self.mean = np.asarray(z.mean(axis=0), dtype=np.float64)
        self.left, self.size, self.right = svd(z - self.mean, full_matrices=False, check_finite=False)
        self.known = np.isfinite(y)
        self.y = np.where(self.known, y, 0.0)

    def fit(self, c: float, *, start: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """coef (r, k) and intercept (k,) for one C.

        Args:
            start: a solution to begin from, (r, k) and (k,) stacked; it saves rounds and changes nothing else.
        """
        shrunk = self.size**2 / (self.size**2 + 1 / c)
        filled, moving = self.y.copy(), np.flatnonzero(~self.known.all(axis=0))
        if start is not None:
            told = self.left @ (self.size[:, None] * (self.right @ start[:-1, moving])) + self.mean @ start[:-1, moving]
            filled[:, moving] = np.where(self.known[:, moving], self.y[:, moving], told + start[-1, moving])
        for _ in range(ROUNDS):
            if not len(moving):
                break
            here, known = filled[:, moving], self.known[:, moving]
            level = here.mean(axis=0)
            told = level + self.left @ (shrunk[:, None] * (self.left.T @ (here - level)))
            far = np.where(known, 0.0, np.abs(told - here)).max(axis=0)
            filled[:, moving] = np.where(known, here, told)
            moving = moving[far > TOLERANCE]
        level = filled.mean(axis=0)
        pull = self.size / (self.size**2 + 1 / c)
        coef = self.right.T @ (pull[:, None] * (self.left.T @ (filled - level)))
        return coef, level - self.mean @ coef
