"""Single features that tell the outcome too well: copies of it, one alone above all plausible, those of one class only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from scipy import sparse, stats

from ..base.snapshot import Snapshot
from ..metrics.concordance import c_index
from ..statistics.data_quality.finding import CHECK, SERIOUS, Checked, Finding
from ..statistics.data_quality.outcome import Outcome
from ..statistics.rank_tests import cox_score, kruskal, ranks
from .association import every_feature
from .outcome_copies import outcome_copies

PLAUSIBLE = 0.9
"""AUROC, or C-index, that a single feature hardly has before the outcome."""
SURE = 0.98
CHANCE = 1e-3
"""How often the best of all features may do as well by chance."""
FEW = 3
"""Features of one block that tell as much: where more do, the groups differ by nature, as sexes and tissues do."""
_ROWS, _CELLS, _DRAWS, _FEWEST = 5_000, 4_000_000, 200, 10


@dataclass(frozen=True)
class _Told:
    """Features of one block: strength (AUROC or C-index from 0.5 up) and p of each."""

    strength: np.ndarray
    p: np.ndarray


def single_features(snapshot: Snapshot, outcome: Outcome) -> Checked:
    """Features that tell the outcome alone: `outcome_copies`; AUROC or C-index of 0.9 or more; those of one class only.

    A single feature's AUROC comes with the interval that the same feature has for permuted labels. At most 5,000
    patients are looked at, drawn by lot.
    Args:
        outcome: of the snapshot, with two classes or more.
    """
    copies = outcome_copies(snapshot)
    found = [Finding("too_good", "outcome_copy", SERIOUS, one.feature, {**one.as_json(), **_times(snapshot, one.feature)})
             for one in copies]  # fmt: skip
    named = {(one.block, one.feature) for one in copies}
    rng = np.random.default_rng(0)
    outcome = outcome.among(_drawn(len(outcome.row), rng))
    tables = every_feature(snapshot, outcome.row)
    tested = max(sum(len(names) for _, _, names, _ in tables), 1)
    for block, x, names, profiled in tables:
        for at, facts in _alone(x, profiled, outcome, tested, rng):
            if (block, names[at]) not in named:
                named.add((block, names[at]))
                severity = SERIOUS if facts["value"] >= SURE else CHECK
                told = {"block": block, "tested": tested, **facts, **_times(snapshot, names[at])}
                found.append(Finding("too_good", "too_good_alone", severity, names[at], told))
        for at, facts in _one_class(x, profiled, outcome, tested):
            if (block, names[at]) not in named:
                named.add((block, names[at]))
                told = {"block": block, **facts, **_times(snapshot, names[at])}
                found.append(Finding("too_good", "of_one_class", CHECK, names[at], told))
    return Checked(tuple(found))


def _drawn(n: int, rng: np.random.Generator) -> np.ndarray:
    chosen = np.zeros(n, dtype=bool)
    chosen[rng.permutation(n)[:_ROWS]] = True
    return chosen


def _times(snapshot: Snapshot, feature: str) -> Mapping[str, float]:
    """Of a code's events in the inputs: the share without a date, which the fence lets through; and of those that are
    from the very moment of the prediction."""
    if snapshot.events is None:
        return {}
    days = snapshot.events.filter(pl.col("code") == feature)["days"]
    shares = {"undated": days.null_count() / max(len(days), 1), "at_once": int((days == 0).sum()) / max(len(days), 1)}
    return {name: share for name, share in shares.items() if share}


def _alone(
    x: np.ndarray | sparse.csr_matrix, profiled: np.ndarray, outcome: Outcome, tested: int, rng: np.random.Generator
) -> Iterator[tuple[int, dict[str, Any]]]:
    """(column, facts) of columns that tell too much by their order; none where more than FEW do."""
    width = max(1, _CELLS // max(x.shape[0], 1))
    parts = [_strength(_dense(x[:, k : k + width], profiled), outcome) for k in range(0, x.shape[1], width)]
    if not parts:
        return
    strength, p = (np.concatenate([getattr(part, name) for part in parts]) for name in ("strength", "p"))
    with np.errstate(invalid="ignore"):
        good = np.flatnonzero((strength >= PLAUSIBLE) & (p * tested <= CHANCE))
    for at in good if len(good) <= FEW else ():
        column = _dense(x[:, [at]], profiled)
        low, high = np.nanquantile(_permuted(column, outcome, rng), [0.025, 0.975])
        yield int(at), {
            "measure": "AUROC" if outcome.duration is None else "C-index", "value": float(strength[at]),
            "low": float(low), "high": float(high), "rows": int((~np.isnan(column)).sum()),
        }  # fmt: skip


def _dense(x: np.ndarray | sparse.csr_matrix, profiled: np.ndarray) -> np.ndarray:
    dense = np.array(sparse.csr_matrix(x).toarray() if sparse.issparse(x) else x, dtype=np.float64)
    dense[~profiled] = np.nan
    return dense


def _permuted(column: np.ndarray, outcome: Outcome, rng: np.random.Generator) -> np.ndarray:
    """AUROC (of several classes that of the class which is told best) or C-index of one column for permuted outcomes."""
    orders = [rng.permutation(len(column)) for _ in range(_DRAWS)]
    if outcome.duration is not None:
        duration, event = outcome.duration, outcome.event
        return np.array([_concordance(column[:, 0], duration[order], event[order]) for order in orders])
    classes = np.unique(outcome.label)
    told = [abs(float(_auroc(column, outcome.label == name)[0]) - 0.5) for name in classes]
    positive = outcome.label == classes[int(np.nanargmax(told))]
    return np.array([_auroc(column, positive[order])[0] for order in orders])


def _strength(x: np.ndarray, outcome: Outcome) -> _Told:
    """How well each column orders the outcome, in either direction; of several classes the best of each against the rest."""
    if outcome.duration is not None:
        p = cox_score(x, outcome.duration, outcome.event)
        strength = np.full(x.shape[1], np.nan)
        for at in np.argsort(np.where(np.isnan(p), 2, p))[: 10 * FEW]:
            c = _concordance(x[:, at], outcome.duration, outcome.event)
            strength[at] = 0.5 + abs(c - 0.5)
        return _Told(strength, p)
    classes = np.unique(outcome.label)
    each = [_auroc(x, outcome.label == name) for name in (classes[1:] if len(classes) == 2 else classes)]
    with np.errstate(invalid="ignore"):
        best = np.fmax.reduce([0.5 + np.abs(one - 0.5) for one in each])
    return _Told(best, kruskal(x, outcome.label))


def _auroc(x: np.ndarray, positive: np.ndarray) -> np.ndarray:
    """(p,) AUROC of each column of (n, p), ties one half; NaN with fewer than ten on one side."""
    ranked, there = ranks(x)
    one = positive.astype(np.float64)
    pos, neg = one @ there, (1 - one) @ there
    with np.errstate(invalid="ignore", divide="ignore"):
        found = (one @ ranked - pos * (pos + 1) / 2) / (pos * neg)
    return np.where(np.minimum(pos, neg) >= _FEWEST, found, np.nan)


def _concordance(x: np.ndarray, duration: np.ndarray, event: np.ndarray) -> float:
    known = ~np.isnan(x)
    found = c_index(duration[known], event[known], x[known]) if known.sum() >= 2 * _FEWEST else None
    return 0.5 if found is None else found


def _one_class(
    x: np.ndarray | sparse.csr_matrix, profiled: np.ndarray, outcome: Outcome, tested: int
) -> Iterator[tuple[int, dict[str, Any]]]:
    """(column, facts) of codes and mutations that nearly nobody has but patients of one class, strongest first."""
    if not sparse.issparse(x):
        return
    held = (sparse.csr_matrix(x) != 0).astype(np.float64)[profiled]
    label = outcome.label[profiled]
    n = np.asarray(held.sum(axis=0)).ravel()
    lines = []
    for name in np.unique(label):
        share = float((label == name).mean())
        k = np.asarray(held[label == name].sum(axis=0)).ravel()
        at = np.flatnonzero((n >= _FEWEST) & (k >= SURE * n)) if share <= PLAUSIBLE else np.zeros(0, dtype=np.int64)
        chance = stats.binom.sf(k[at] - 1, n[at], share) * tested
        lines += [(float(c), int(i), str(name)) for c, i in zip(chance, at, strict=True) if c <= CHANCE * CHANCE]
    for p, column, name in sorted(lines)[:FEW]:
        facts = {"rows": int(n[column]), "class": name, "of": int((label == name).sum()), "others": len(lines) - 1}
        yield column, {**facts, "p": p}
