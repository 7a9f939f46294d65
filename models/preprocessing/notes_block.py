"""Notes as a block: TF-IDF of terms, then truncated SVD: both of the fold's training rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import polars as pl
from scipy import sparse

from ..base.snapshot import Layer, Snapshot

NOTES = "notes"
"""The kind of a view whose values are counts of terms."""
LEAST_PATIENTS = 10
"""A term that stands in the notes of fewer training patients may be a name: it is in no model."""
MOST_SHARE = 0.9
"""A term of more rows than that tells nobody apart."""
TERMS, TOPICS = 20_000, 100
"""The most frequent terms are taken; what they say is summed up in so many numbers."""
NAMED_BY = 5
"""So many terms stand for a topic where it is said what a prediction came from."""


class NotesBlock:
    """Terms of notes as TOPICS numbers a row: (1 + log count) × log(n / rows that have it), each row of length one, then the
    right singular vectors of the training rows (latent semantic analysis).

    `names` are terms, the weightiest of each topic: what a topic contributed is theirs by the squares of their weights in it.
    A row without a note is zero throughout.
    Source: Deerwester 1990, doi:10.1002/(SICI)1097-4571(199009)41:6<391::AID-ASI1>3.0.CO;2-9.
    """

    kind = NOTES

    def __init__(self, name: str) -> None:
        self.name = name
        self.names: list[str] = []

    def fit(self, snapshot: Snapshot, rows: np.ndarray) -> Self:
        layer = snapshot.views[self.name]
        rows = rows[layer.profiled[rows]]
        counts = sparse.csr_matrix(layer.values[rows])
        held = np.asarray((counts > 0).sum(axis=0)).ravel()
        kept = np.flatnonzero((_patients(counts, snapshot, rows) >= LEAST_PATIENTS) & (held <= MOST_SHARE * len(rows)))
        kept = np.sort(kept[np.argsort(-held[kept], kind="stable")[:TERMS]])
        features = layer.var["feature"].to_list()
        self.terms: list[str] = [features[j] for j in kept]
        self.idf = np.log((1 + len(rows)) / (1 + held[kept])).astype(np.float32) + np.float32(1)
        self.axes = _axes(self._weighted(counts[:, kept]))
        self._name()
        return self

    def _name(self) -> None:
        top = np.argsort(-np.abs(self.axes), axis=0, kind="stable")[:NAMED_BY]
        self.named = np.unique(top)
        share = np.zeros_like(self.axes, dtype=np.float64)
        np.put_along_axis(share, top, np.take_along_axis(self.axes, top, axis=0) ** 2, axis=0)
        total = share.sum(axis=0)
        self.share = (share / np.where(total > 0, total, 1))[self.named]
        self.names = [self.terms[j] for j in self.named]

    def transform(self, snapshot: Snapshot, rows: np.ndarray) -> np.ndarray:
        """(n, topics) float32."""
        if not self.terms:
            return np.zeros((len(rows), 0), dtype=np.float32)
        counts = term_counts(snapshot, self.name, self.terms, rows)
        return np.asarray(self._weighted(counts) @ self.axes, dtype=np.float32)

    def _weighted(self, counts: sparse.csr_matrix) -> sparse.csr_matrix:
        """(n, terms) float32, each row of length one."""
        x = sparse.csr_matrix(counts, dtype=np.float32, copy=True)
        x.data = (1 + np.log(x.data)) * self.idf[x.indices]
        length = np.sqrt(np.asarray(x.multiply(x).sum(axis=1)).ravel())
        x.data /= np.repeat(np.where(length > 0, length, 1), np.diff(x.indptr)).astype(np.float32)
        return x

    def present(self, snapshot: Snapshot, rows: np.ndarray) -> np.ndarray:
        layer = snapshot.views.get(self.name)
        return np.zeros(len(rows), dtype=bool) if layer is None else np.asarray(layer.profiled[rows])

    def entities(self) -> list[str | None]:
        return [None] * self.axes.shape[1]

    def gather(self, contributions: np.ndarray) -> np.ndarray:
        return np.asarray(contributions @ self.share.T)

    def state(self) -> dict[str, Any]:
        return {"terms": self.terms, "idf": self.idf, "axes": self.axes}

    def restore(self, state: Mapping[str, Any]) -> Self:
        self.terms, self.idf, self.axes = state["terms"], state["idf"], state["axes"]
        self._name()
        return self


def term_counts(snapshot: Snapshot, name: str, terms: Sequence[str], rows: np.ndarray) -> sparse.csr_matrix:
    """(n, terms) how often each of these terms stands in a view's notes, found by name; none where there is no such view."""
    layer = snapshot.views.get(name)
    if layer is None:
        return sparse.csr_matrix((len(rows), len(terms)), dtype=np.float32)
    return aligned(layer, terms)[rows]


def aligned(layer: Layer, terms: Sequence[str]) -> sparse.csr_matrix:
    """(all rows, terms) a view's counts in the order of these terms; what it does not have is 0."""
    own = layer.var["feature"].to_list()
    if own == list(terms):
        return sparse.csr_matrix(layer.values)
    place = {term: j for j, term in enumerate(own)}
    found = [(place[term], k) for k, term in enumerate(terms) if term in place]
    pick = sparse.csr_matrix(
        (np.ones(len(found), np.float32), ([j for j, _ in found], [k for _, k in found])), shape=(len(own), len(terms))
    )
    return sparse.csr_matrix(sparse.csr_matrix(layer.values) @ pick)


def _patients(counts: sparse.csr_matrix, snapshot: Snapshot, rows: np.ndarray) -> np.ndarray:
    """(terms,) how many patients have each."""
    subjects = snapshot.rows["subject_id"].gather(rows).rank("dense").cast(pl.Int64).to_numpy() - 1
    if not len(rows):
        return np.zeros(counts.shape[1], dtype=np.int64)
    one = sparse.csr_matrix((np.ones(len(rows), np.float32), (subjects, np.arange(len(rows)))))
    return np.asarray(((one @ (counts > 0).astype(np.float32)) > 0).sum(axis=0)).ravel()


def _axes(x: sparse.csr_matrix) -> np.ndarray:
    """(terms, topics) float32 right singular vectors, each with its largest entry positive."""
    most = min(TOPICS, *(side - 1 for side in x.shape))
    if most < 1:
        return np.eye(x.shape[1], dtype=np.float32)[:, : min(1, *x.shape)]
    from sklearn.decomposition import TruncatedSVD

    axes = TruncatedSVD(most, algorithm="randomized", n_iter=7, random_state=0).fit(x).components_.T
    sign = np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])])
    return np.ascontiguousarray(axes * np.where(sign == 0, 1, sign), dtype=np.float32)
