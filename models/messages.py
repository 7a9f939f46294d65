"""Patients' messages in closed form: feature embeddings over the knowledge graph, fitted on training rows.

An embedding of p features is H = S [W | V]: W the ridge readout of the working response, V the leading directions of
the training rows' messages, S the propagation over knowledge. A patient with edge values x receives x H. The penalty and how
far S reaches are chosen by exact leave-one-out error inside the training rows. Training rows keep their leave-one-out
readout, so that what learns on top of it sees what a new patient would bring.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from .encoders.hetero_gnn import Knowledge

RESTARTS = (1.0, 0.3, 0.1)  # 1: no message over knowledge
PENALTIES = np.logspace(-3, 4, 15)  # of the mean eigenvalue
CHUNK = 4096

Take = Callable[[np.ndarray], np.ndarray]
"""rows -> (n, features) float32 edge values, scaled on the training rows."""


@dataclass(frozen=True)
class Messages:
    """Fitted messages of one modality. Columns: `linear` readouts, then the directions; each of about unit variance.

    embedding: (features, width) float32. mean: (features,) of the training rows. readout: (rows fitted on, linear),
    each row's own leave-one-out readout. error: leave-one-out mean squared error over that of the mean.
    """

    embedding: np.ndarray
    mean: np.ndarray
    readout: np.ndarray
    linear: int
    restart: float
    penalty: float
    error: float

    @property
    def width(self) -> int:
        return int(self.embedding.shape[1])

    def receive(self, x: np.ndarray) -> np.ndarray:
        """(n, features) edge values -> (n, width) messages."""
        return np.asarray((x - self.mean) @ self.embedding, dtype=np.float32)


def fit_messages(
    take: Take, rows: np.ndarray, response: np.ndarray, knowledge: Knowledge | None, directions: int = 32
) -> Messages:
    """Fit on these rows (all inside the training part).

    Args:
        response: (n, outputs) float, what a linear readout should predict (`univariate.regression_target`).
        directions: how many leading directions to keep beside the readout.
    """
    best: tuple[float, float, float, _Spectrum] | None = None
    for restart in RESTARTS if knowledge is not None else (1.0,):
        spectrum = _spectrum(take, rows, knowledge, restart)
        penalty, error = _best_penalty(spectrum, response)
        if best is None or error < best[0]:
            best = (error, penalty, restart, spectrum)
    assert best is not None
    error, penalty, restart, spectrum = best
    coefficient, loo = _ridge(spectrum, response, penalty)
    spread = np.maximum(loo.std(0), 1e-6 * max(1.0, float(np.abs(loo).max(initial=0))) + 1e-12)
    kept = min(directions, int((spectrum.values > 1e-6 * spectrum.values[0]).sum())) if len(spectrum.values) else 0
    basis = spectrum.basis()
    # one scale for all directions: the leading ones matter most, as in the ridge
    unit = (
        np.sqrt(spectrum.values[:kept] * spectrum.values[:kept].mean()) ** 0.5 / np.sqrt(len(rows))
        if kept
        else np.ones(0)
    )
    embedding = np.hstack([basis @ (coefficient / spread), basis[:, :kept] / np.maximum(unit, 1e-12)])
    return Messages(
        embedding.astype(np.float32), spectrum.mean, (loo / spread).astype(np.float32), response.shape[1],
        restart, penalty, error,
    )  # fmt: skip


@dataclass(frozen=True)
class _Spectrum:
    """Eigen-decomposition of the training rows' smoothed edge values X S. scores = U s: (n, q); values = s squared."""

    mean: np.ndarray
    scores: np.ndarray
    values: np.ndarray
    basis: Callable[[], np.ndarray]
    """(features, q): S V, so that (x - mean) @ basis are a row's scores. Made on demand."""


def _smooth(x: np.ndarray, knowledge: Knowledge | None, restart: float) -> np.ndarray:
    if knowledge is None or restart >= 1:
        return x
    return knowledge.propagate(x, restart)


def _spectrum(take: Take, rows: np.ndarray, knowledge: Knowledge | None, restart: float) -> _Spectrum:
    first = take(rows[:CHUNK])
    if len(rows) <= max(first.shape[1], CHUNK // 4):
        x = first if len(rows) <= CHUNK else np.vstack([first, take(rows[CHUNK:])])
        mean = x.mean(0)
        smooth = _smooth((x - mean).T, knowledge, restart)  # (features, n)
        values, u = _eigen(smooth.T @ smooth)
        scores = u * np.sqrt(values)
        return _Spectrum(mean, scores, values, lambda: _smooth(smooth @ (u / np.sqrt(values)), knowledge, restart))
    parts = [rows[i : i + CHUNK] for i in range(0, len(rows), CHUNK)]
    mean = np.asarray(sum(take(p).sum(0, dtype=np.float64) for p in parts) / len(rows), dtype=np.float32)
    gram = np.zeros((first.shape[1], first.shape[1]), dtype=np.float32)
    for part in parts:
        x = take(part) - mean
        gram += x.T @ x
    values, v = _eigen(_smooth(_smooth(gram, knowledge, restart).T, knowledge, restart))
    basis = _smooth(v, knowledge, restart)
    return _Spectrum(mean, np.vstack([(take(p) - mean) @ basis for p in parts]), values, lambda: basis)


def _eigen(gram: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues that matter, largest first, and their vectors."""
    values, vectors = np.linalg.eigh((gram + gram.T).astype(np.float64) / 2)
    values, vectors = values[::-1], vectors[:, ::-1]
    kept = values > 1e-7 * max(values[0], 1e-12)
    signs = np.sign(vectors[np.abs(vectors).argmax(0), np.arange(vectors.shape[1])])
    return values[kept], (vectors * signs)[:, kept]


def _ridge(spectrum: _Spectrum, response: np.ndarray, penalty: float) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients on the scores, and each row's exact leave-one-out readout (without the intercept)."""
    t, centred = spectrum.scores, response - response.mean(0)
    shrunk = 1 / (spectrum.values + penalty * spectrum.values.mean()) if len(spectrum.values) else spectrum.values
    coefficient = shrunk[:, None] * (t.T @ centred)
    fitted = t @ coefficient
    leverage = np.clip((t**2) @ shrunk + 1 / len(t), 0, 1 - 1e-6)
    # leaving a row out moves the intercept too: that move carries the row's own label, and is left out of the readout
    loo = response - (centred - fitted) / (1 - leverage)[:, None]
    others = response.mean(0) - centred / max(1, len(t) - 1)
    return coefficient, loo - others


def _best_penalty(spectrum: _Spectrum, response: np.ndarray) -> tuple[float, float]:
    """The penalty with the least leave-one-out error, and that error over the variance."""
    centred = response - response.mean(0)
    scale = float((centred**2).mean()) or 1.0
    others = centred * len(centred) / max(1, len(centred) - 1)
    errors = [float(((others - _ridge(spectrum, response, p)[1]) ** 2).mean()) / scale for p in PENALTIES]
    at = int(np.argmin(errors))
    return float(PENALTIES[at]), errors[at]
