"""Near-duplicates: who looks like the same person under two ids, on both sides of a split: a leak."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy import sparse

from ..base.snapshot import Layer, Snapshot

ALIKE = 0.95
"""Correlation of two dense profiles below which they are never one person's."""
CHANCE = 1e-3
"""Expected pairs of different people as close as this, in a whole layer, below which a pair counts as one person."""
COPY = 1e-9
"""The same where another layer disagrees: one profile under two ids, whoever they belong to."""
CLOSER = 1 / 3
"""Of the distance to the NEIGHBOURS-th other person: whoever is not closer than that is one of a crowd."""
FEATURES = 50
"""Dense features below which profiles are alike by chance."""
VALUES = 8
"""Different values of the typical feature up to which a layer holds calls, no measurements."""
EVENTS = 10
"""Events below which two records are alike by chance."""
NEIGHBOURS = 10
"""Nearest other people that a pair's distance is measured against; so many copies of one profile hide one another."""
_ROWS = 2_000  # profiles correlated at once: 32 MB against 2,000 others
_CELLS = 20_000_000  # of a layer that are compared: 2,000 features of 10,000 people tell them apart as well as 20,000
Pairs = np.ndarray
"""(pairs, 2) rows of the snapshot, the lower one first."""


def near_duplicates(snapshot: Snapshot) -> dict[str, int]:
    """Near-duplicates: block -> pairs of different subjects who are alike in it and lie on both sides of some fold's split.

    Layers of measurements: profiles centred by feature that correlate by ALIKE or more, and are closer than the layer's own
    distances between neighbours make likely. In a layer of few effective dimensions everybody has somebody near; so a
    pair's distance is compared with those to the next person and to the NEIGHBOURS-th, at the dimension that the layer
    itself shows, and must be a third of the latter at most. Where both people have another such layer, they must be near
    neighbours there, unless the one layer holds a copy. Records: the same codes and numbers at the same distances in time, EVENTS or
    more of them.
    Returns: of pairs that several blocks agree on the names are joined, as "rna and records".
    Source: Facco 2017, doi:10.1038/s41598-017-11873-y (ratios of neighbours' distances tell the dimension).
    """
    apart, subject = _held_out(snapshot), snapshot.rows["subject_id"].rank("dense").to_numpy().astype(np.int64)
    found: dict[tuple[int, int], list[str]] = {}
    for block, pairs in _alike(snapshot, subject):
        split = (apart[pairs[:, 0]] ^ apart[pairs[:, 1]]).any(axis=1)
        people = np.sort(subject[pairs[split]], axis=1)
        for first, second in np.unique(people[people[:, 0] != people[:, 1]], axis=0).tolist():
            found.setdefault((first, second), []).append(block)
    named = [" and ".join(filter(None, [", ".join(blocks[:-1]), blocks[-1]])) for blocks in found.values()]
    return {name: named.count(name) for name in sorted(set(named))}


def compared(values: np.ndarray) -> slice:
    """Which features of a layer are compared: all, or evenly over a large one as many as have _CELLS cells."""
    return slice(None, None, max(1, -(-values.size // _CELLS)))


def _held_out(snapshot: Snapshot) -> np.ndarray:
    """(rows, folds) bool."""
    folds: pl.DataFrame = getattr(snapshot, "folds", pl.DataFrame())
    if folds.is_empty():
        return np.zeros((len(snapshot.rows), 0), dtype=bool)
    groups = folds.partition_by("repeat", "fold", maintain_order=True)
    held = np.zeros((len(snapshot.rows), len(groups)), dtype=bool)
    for k, fold in enumerate(groups):
        held[fold.filter(pl.col("split") == "held_out")["row"].to_numpy(), k] = True
    return held


def _alike(snapshot: Snapshot, subject: np.ndarray) -> Iterator[tuple[str, Pairs]]:
    """(block, pairs) of every block that can tell people apart."""
    layers = {
        name: _Profiles.of(_seen(layer), np.flatnonzero(layer.profiled), subject)
        for name, layer in snapshot.layers.items()
        if _tells_people_apart(layer)
    }
    for name, profiles in layers.items():
        pairs, expected = profiles.closer_than_chance()
        near = np.ones(len(pairs), dtype=bool)
        for other, its in layers.items():
            if other != name and len(pairs):
                near &= its.neighbours(pairs)
        yield name, pairs[near | (expected <= COPY)]
    if snapshot.events is not None:
        yield "records", _same_records(snapshot.events)


def _seen(layer: Layer) -> np.ndarray:
    values = np.asarray(layer.values)
    return values[:, compared(values)]


def _tells_people_apart(layer: Layer) -> bool:
    """Whether it measures: of calls of a few values, such as copy numbers, many people have the same."""
    if sparse.issparse(layer.values) or layer.values.shape[1] < FEATURES:
        return False
    x = np.sort(_seen(layer)[np.flatnonzero(layer.profiled)[:_ROWS]], axis=0)
    distinct = ((x[1:] != x[:-1]) & np.isfinite(x[1:])).sum(axis=0) + 1
    return bool(np.median(distinct) > min(VALUES, len(x) / 2))


@dataclass(frozen=True)
class _Profiles:
    """One profile a subject and distinct measurement. rows: of the snapshot. z: (profiles, features), each of length one.

    subject: (profiles,) whose they are. place: (rows of the snapshot,) profile, -1 where there is none.
    """

    rows: np.ndarray
    z: np.ndarray
    subject: np.ndarray
    place: np.ndarray

    @classmethod
    def of(cls, values: np.ndarray, rows: np.ndarray, subject: np.ndarray) -> _Profiles:
        """All features on one scale, so that a few wild ones do not decide; what is missing counts as the mean."""
        x = np.asarray(values[rows], dtype=np.float32)
        there = np.isfinite(x)
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = np.where(there, x, 0).sum(axis=0) / there.sum(axis=0)
            centred = np.where(there, x - mean, 0.0)
            sd = np.sqrt((centred**2).sum(axis=0) / there.sum(axis=0))
            z = np.where(sd > 0, np.clip(centred / sd, -5, 5), 0.0)
            z /= np.linalg.norm(z, axis=1, keepdims=True)
        z = np.nan_to_num(z).astype(np.float32)
        told = np.column_stack([subject[rows], np.array([hash(row.tobytes()) for row in z], dtype=np.int64)])
        kept = np.sort(np.unique(told, axis=0, return_index=True)[1])
        place = np.full(len(values), -1)
        place[rows[kept]] = np.arange(len(kept))
        return cls(rows[kept], z[kept], subject[rows[kept]], place)

    def closer_than_chance(self) -> tuple[Pairs, np.ndarray]:
        """Pairs of different subjects; and how many pairs as close would be expected in the layer by chance."""
        pairs, radii = self._near()
        distance = np.sqrt(((self.z[pairs[:, 0]] - self.z[pairs[:, 1]]).astype(np.float64) ** 2).sum(axis=1))
        expected = np.full(len(pairs), np.inf)
        for k in (1, NEIGHBOURS - 1):  # the next person; and beyond as many copies of one profile as there may be
            if k < radii.shape[1]:
                chance = _chance(distance[:, None] / radii[pairs, k], radii[:, 0] / radii[:, k], k)
                expected = np.minimum(expected, chance.max(axis=1) * 2 * len(self.rows))  # seen from either of the two
        sure = (expected <= CHANCE) & (distance <= CLOSER * radii[pairs, -1].min(axis=1))
        return np.sort(self.rows[pairs[sure]], axis=1), expected[sure]

    def _near(self) -> tuple[Pairs, np.ndarray]:
        """Pairs of profiles that correlate by ALIKE; each profile's distances to its nearest other people, nearest first."""
        n, pairs = len(self.rows), [np.zeros((0, 2), dtype=np.int64)]
        radii = np.full((n, min(NEIGHBOURS, max(n - 1, 1))), np.sqrt(2.0))
        for start in range(0, n if n > 1 else 0, _ROWS):
            r = self.z[start : start + _ROWS] @ self.z.T
            r[self.subject[start : start + _ROWS, None] == self.subject[None, :]] = -1
            best = -np.sort(np.partition(-r, radii.shape[1] - 1, axis=1)[:, : radii.shape[1]], axis=1)
            radii[start : start + _ROWS] = np.sqrt(np.maximum(2 - 2 * best.astype(np.float64), 1e-6))
            a, b = np.nonzero(r >= ALIKE)
            pairs.append(np.column_stack([a + start, b])[a + start < b])
        return np.concatenate(pairs), radii

    def neighbours(self, pairs: Pairs) -> np.ndarray:
        """(pairs,) bool: whether each is among the other's near neighbours here, as far as both have this layer."""
        a, b = self.place[pairs[:, 0]], self.place[pairs[:, 1]]
        out = np.ones(len(pairs), dtype=bool)
        for start in range(0, len(pairs), _ROWS):
            known = np.flatnonzero((a >= 0) & (b >= 0))
            known = known[(known >= start) & (known < start + _ROWS)]
            for one, other in ((a[known], b[known]), (b[known], a[known])):
                r = self.z[one] @ self.z.T
                r[self.subject[one, None] == self.subject[None, :]] = -1
                nearer = (r > r[np.arange(len(one)), other][:, None]).sum(axis=1)
                out[known] &= nearer < NEIGHBOURS
        return out


def _chance(ratio: np.ndarray, typical: np.ndarray, others: int) -> np.ndarray:
    """How likely the nearest of `others + 1` neighbours is as near, by its distance over that of the last one.

    Around a person the volumes up to the neighbours are those of points thrown evenly; volume is distance to the power of
    the dimension, which the layer's typical ratio tells.
    Args:
        ratio: any shape. typical: (profiles,) the same ratio of everybody.
    """
    shrink = float(np.clip(np.median(typical), 1e-3, 1 - 1e-6))
    dimension = np.log(1 - 2 ** (-1 / others)) / np.log(shrink)
    found: np.ndarray = -np.expm1(others * np.log1p(-(np.clip(ratio, 0, 1 - 1e-12) ** dimension)))
    return found


def _same_records(events: pl.DataFrame) -> np.ndarray:
    """Pairs of rows with equal records: each with the next one of its kind, so that a hundred copies are no 4,950.

    Records that so many people may have by chance are none: of short stays with common codes some are always equal. A
    record's chance is the product of its codes' and numbers' shares of the rows, and of the share that has its times.
    """
    dated = events.filter(pl.col("days").is_not_null())
    last = pl.col("days") - pl.col("days").min().over("row")  # two prediction times of one person differ by a shift
    told = dated.select("row", "code", number=pl.col("numeric_value").fill_null(0.0), at=last.round(3))
    told = told.sort("row", "at", "code", "number")
    line = pl.concat_str(
        "code", pl.lit("\0"), pl.col("number").cast(pl.String), pl.lit("\0"), pl.col("at").cast(pl.String)
    )
    rows = max(told["row"].n_unique(), 1)
    told = told.with_columns(share=pl.col("row").n_unique().over("code", "number").log() - np.log(rows))
    text = pl.col("at").cast(pl.String).str.join("\1")
    whole = told.group_by("row").agg(
        n=pl.len(), print=line.str.join("\1").hash(), chance=pl.col("share").sum(), times=text.hash()
    )
    whole = whole.with_columns(chance=pl.col("chance") + pl.len().over("times").log() - np.log(rows))
    pairs = np.log(rows**2 / 2)  # of different rows, as many may be equal
    whole = whole.filter(pl.col("n") >= EVENTS, pl.col("chance") + pairs <= np.log(CHANCE)).sort("print", "row")
    row, fingerprint = whole["row"].to_numpy(), whole["print"].to_numpy()
    same = fingerprint[1:] == fingerprint[:-1]
    return np.column_stack([row[:-1][same], row[1:][same]]).astype(np.int64)
