"""Feature propagation: patients' messages in closed form, over the knowledge graph, fitted on training rows.

An embedding of p features is H = S [D W | V]: S the propagation over knowledge, D a gate a feature (how much its
propagated value says about the response, to a power), W the ridge readout of the working response, V the leading
directions of the propagated values (not of the gated ones: those of the training rows would carry their outcomes). A patient with edge values x receives x H. Power, penalty and how far S reaches are
chosen inside the training rows, where every row's readout comes from a fit that has not seen the row: what learns on
top of it sees what a new patient would bring.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ..base.scratch import digest, kept
from ..estimators.univariate import association

if TYPE_CHECKING:
    from .knowledge_graph import KnowledgeGraph

RESTARTS = (1.0, 0.3, 0.1)  # 1: no message over knowledge
PENALTIES = np.logspace(-3, 4, 15)  # of the mean eigenvalue
POWERS = (0.0, 1.0, 2.0)  # of the gates, as halves: association ** (power / 2); 0 lets every feature through alike
PARTS = 4  # gates are judged on rows that did not make them
SMALL = 5000  # up to so many rows gates are tried
CHUNK = 4096
_MARGIN = 0.002

Take = Callable[[np.ndarray], np.ndarray]
"""rows -> (n, features) float32 edge values, scaled on the training rows."""


@dataclass(frozen=True)
class Messages:
    """Fitted messages of one modality. Columns: `linear` readouts, then the directions; each of about unit variance.

    embedding: (features, width) float32. mean: (features,) of the training rows. readout: (rows fitted on, linear),
    each row's readout by a fit without it. restart, power, penalty: what was chosen. error: mean squared error of
    `readout` (before scaling) over that of the mean.
    """

    embedding: np.ndarray
    mean: np.ndarray
    readout: np.ndarray
    linear: int
    restart: float
    power: float
    penalty: float
    error: float

    @property
    def width(self) -> int:
        return int(self.embedding.shape[1])

    def state(self) -> dict[str, Any]:
        """All but the readout of the rows fitted on, which only the network's own fitting asks for."""
        return {one.name: getattr(self, one.name) for one in fields(self) if one.name != "readout"}

    @classmethod
    def restored(cls, state: Mapping[str, Any]) -> Messages:
        return cls(**state, readout=np.zeros((0, state["linear"]), dtype=np.float32))

    def receive(self, x: np.ndarray) -> np.ndarray:
        """(n, features) edge values -> (n, width) messages."""
        return np.asarray((x - self.mean) @ self.embedding, dtype=np.float32)

    def back(self, gradient: np.ndarray) -> np.ndarray:
        """(n, width) gradient by message -> (n, features) by edge value."""
        return np.asarray(gradient @ self.embedding.T)


@dataclass(frozen=True)
class _Tried:
    """One way to propagate and gate: its best penalty, the error there, and the honest readout of the rows (n, k)."""

    error: float
    penalty: float
    readout: np.ndarray
    restart: float = 1.0
    power: float = 0.0


def fit_messages(
    take: Take,
    rows: np.ndarray,
    response: np.ndarray,
    knowledge: KnowledgeGraph | None,
    *,
    directions: int = 32,
    seed: int = 0,
) -> Messages:
    """Fit on these rows (all inside the training part).

    Args:
        response: (n, outputs) float, what a linear readout should predict (`Task.working_response`).
        directions: how many leading directions to keep beside the readout.
        seed: deals the rows into the parts that gates are judged on.
    """
    if len(rows) > max(SMALL, take(rows[:1]).shape[1]):
        return _fit_many(take, rows, response, knowledge, directions)
    x = take(rows)

    def key() -> str:
        walk = () if knowledge is None else [getattr(knowledge.adjacency, n) for n in ("data", "indices", "indptr")]
        return digest(f"messages {directions} {seed}", x, response, *walk)

    def make() -> dict[str, np.ndarray]:
        return {
            name: np.asarray(value) for name, value in vars(_fit_few(x, response, knowledge, directions, seed)).items()
        }

    found: dict[str, Any] = {name: value if value.ndim else value.item() for name, value in kept(key, make).items()}
    return Messages(**found)


def _fit_few(
    x: np.ndarray, response: np.ndarray, knowledge: KnowledgeGraph | None, directions: int, seed: int
) -> Messages:
    """Few rows: gates are tried, on rows that did not make them."""
    mean = x.mean(0)
    part = np.random.default_rng(seed).permutation(len(x)) % PARTS
    best = _choose((x - mean).T, response, knowledge, part)
    z = _smooth((x - mean).T, knowledge, best.restart).T
    gate = _gate(z, response, best.power)
    gated = _spectrum(z * gate)
    readout = gate[:, None] * gated.basis(_ridge(gated, response, best.penalty)[0])
    both = _smooth(np.hstack([readout, _directions(_spectrum(z), directions)]), knowledge, best.restart)
    return _messages(best, both[:, : response.shape[1]], both[:, response.shape[1] :], mean)


def _choose(x: np.ndarray, response: np.ndarray, knowledge: KnowledgeGraph | None, part: np.ndarray) -> _Tried:
    """Gates without knowledge first, then how far to propagate, then gates once more where that helped."""
    tried: dict[tuple[float, float], _Tried] = {}

    def try_out(restart: float, powers: tuple[float, ...]) -> None:
        z = _smooth(x, knowledge, restart).T
        for power in powers:
            if (restart, power) not in tried:
                found = _try(z, response, part, power, share=restart >= 1)
                tried[restart, power] = replace(found, restart=restart, power=power)

    def best() -> _Tried:
        least = min(one.error for one in tried.values())
        return next(one for one in tried.values() if one.error <= least + _MARGIN)

    try_out(RESTARTS[0], POWERS)
    if knowledge is not None:
        for restart in RESTARTS[1:]:
            try_out(restart, (best().power,))
        try_out(best().restart, POWERS)
    return best()


def _try(z: np.ndarray, response: np.ndarray, part: np.ndarray, power: float, *, share: bool) -> _Tried:
    """share: values without knowledge are the same to a learner, to one of shuffled and to one of no edges."""

    def make() -> dict[str, np.ndarray]:
        found = _cross_fit(z, response, part, power) if power else _leave_one_out(_spectrum(z), response)
        return {"error": np.array(found.error), "penalty": np.array(found.penalty), "readout": found.readout}

    found = kept(lambda: digest(f"tried {power}", z, response, part), make) if share else make()
    return _Tried(float(found["error"]), float(found["penalty"]), found["readout"])


def _messages(best: _Tried, readout: np.ndarray, directions: np.ndarray, mean: np.ndarray) -> Messages:
    """The two parts of an embedding side by side, (features, k) and (features, m), the readouts of unit variance."""
    spread = np.maximum(best.readout.std(0), 1e-6 * max(1.0, float(np.abs(best.readout).max(initial=0))) + 1e-12)
    return Messages(
        np.hstack([readout / spread, directions]).astype(np.float32), mean, (best.readout / spread).astype(np.float32),
        readout.shape[1], best.restart, best.power, best.penalty, best.error,
    )  # fmt: skip


def _directions(spectrum: _Spectrum, count: int) -> np.ndarray:
    """(features, m) the leading directions, scaled half way between equal and their own spread."""
    values = spectrum.values[:count]
    if not len(values):
        return spectrum.basis(np.zeros((len(spectrum.values), 0)))
    unit = np.maximum((values * values.mean()) ** 0.25 / np.sqrt(len(spectrum.scores)), 1e-12)
    return spectrum.basis(np.eye(len(spectrum.values), len(values)) / unit)


def _fit_many(
    take: Take, rows: np.ndarray, response: np.ndarray, knowledge: KnowledgeGraph | None, directions: int
) -> Messages:
    """Many rows: one pass for the mean, one for the features' covariance; no gates."""
    parts = [rows[i : i + CHUNK] for i in range(0, len(rows), CHUNK)]
    mean = np.asarray(sum(take(p).sum(0, dtype=np.float64) for p in parts) / len(rows), dtype=np.float32)
    gram = np.zeros((len(mean), len(mean)), dtype=np.float32)
    for part in parts:
        x = take(part) - mean
        gram += x.T @ x
    best: tuple[_Tried, _Spectrum] | None = None
    for restart in RESTARTS if knowledge is not None else RESTARTS[:1]:
        values, v = _eigen(_smooth(_smooth(gram, knowledge, restart).T, knowledge, restart))
        basis = _smooth(v, knowledge, restart)
        scores = np.vstack([(take(p) - mean) @ basis for p in parts])
        spectrum = _Spectrum(scores, values, partial(np.matmul, v), _onto(basis))
        tried = replace(_leave_one_out(spectrum, response), restart=restart)
        if best is None or tried.error < best[0].error - _MARGIN:
            best = (tried, spectrum)
    assert best is not None
    tried, spectrum = best
    both = np.hstack([spectrum.basis(_ridge(spectrum, response, tried.penalty)[0]), _directions(spectrum, directions)])
    both = _smooth(both, knowledge, tried.restart)
    return _messages(tried, both[:, : response.shape[1]], both[:, response.shape[1] :], mean)


@dataclass(frozen=True)
class _Spectrum:
    """Eigen-decomposition of centred values z. scores = U s: (n, q); values = s squared, largest first.

    basis(c): (features, m) with z @ basis(c) = scores @ c. project(z): (n, q) the scores of other centred values.
    """

    scores: np.ndarray
    values: np.ndarray
    basis: Callable[[np.ndarray], np.ndarray]
    project: Callable[[np.ndarray], np.ndarray]


def _spectrum(z: np.ndarray) -> _Spectrum:
    """Of z (n, features), by the smaller of its two Gram matrices."""
    if len(z) <= z.shape[1]:
        values, u = _eigen(z @ z.T)
        root = np.sqrt(values)
        return _Spectrum(
            u * root, values, lambda c: z.T @ (u @ (c / root[:, None])), lambda other: (other @ z.T) @ (u / root)
        )
    values, v = _eigen(z.T @ z)
    return _Spectrum(z @ v, values, lambda c: v @ c, _onto(v))


def _onto(basis: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    return lambda z: z @ basis


def _eigen(gram: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues that matter, largest first, and their vectors."""
    from scipy.linalg import eigh

    values, vectors = eigh((gram + gram.T) / 2, driver="evd", check_finite=False)  # in half the time of numpy's
    values, vectors = values[::-1], vectors[:, ::-1]
    kept = values > 1e-6 * max(values[0], 1e-12)
    signs = np.sign(vectors[np.abs(vectors).argmax(0), np.arange(vectors.shape[1])])
    return values[kept], (vectors * signs)[:, kept]


def _smooth(x: np.ndarray, knowledge: KnowledgeGraph | None, restart: float) -> np.ndarray:
    return x if knowledge is None else knowledge.propagate(x, restart)


def _gate(z: np.ndarray, response: np.ndarray, power: float) -> np.ndarray:
    """(features,) float32, mean square one."""
    gate = association(z, response) ** (power / 2)
    return np.asarray(gate / max(np.sqrt(np.mean(gate**2)), 1e-12), dtype=np.float32)


def _cross_fit(z: np.ndarray, response: np.ndarray, part: np.ndarray, power: float) -> _Tried:
    """Each part's rows read out by gates and coefficients of the other parts, for every penalty."""
    found = np.zeros((len(PENALTIES), *response.shape))
    for k in range(PARTS):
        a, b = part != k, part == k
        mean = z[a].mean(0)
        gate = _gate(z[a], response[a], power)
        spectrum = _spectrum((z[a] - mean) * gate)
        known = spectrum.scores.T @ (response[a] - response[a].mean(0))
        scores = spectrum.project((z[b] - mean) * gate)
        for i, penalty in enumerate(PENALTIES):
            found[i, b] = scores @ (known / (spectrum.values + penalty * spectrum.values.mean())[:, None])
    centred = response - response.mean(0)
    errors = ((centred - found) ** 2).mean((1, 2)) / (float((centred**2).mean()) or 1.0)
    at = int(errors.argmin())
    return _Tried(float(errors[at]), float(PENALTIES[at]), found[at])


def _leave_one_out(spectrum: _Spectrum, response: np.ndarray) -> _Tried:
    """Exact, without gates, for the best penalty."""
    centred = response - response.mean(0)
    others = centred * len(centred) / max(1, len(centred) - 1)
    scale = float((centred**2).mean()) or 1.0
    tries = [(p, _ridge(spectrum, response, p)[1]) for p in PENALTIES]
    errors = [float(((others - readout) ** 2).mean()) / scale for _, readout in tries]
    at = int(np.argmin(errors))
    return _Tried(errors[at], float(tries[at][0]), tries[at][1])


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
