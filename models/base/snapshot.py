"""Snapshot protocol: what a learner sees; `graphs.snapshot.snapshot.Snapshot` fulfils it. No store, no files.

A row is one (subject, prediction time). All inputs are behind the time fence already; nothing here is fitted:
every scaler, vocabulary and threshold is made by a learner from its training rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
import polars as pl
from scipy import sparse


class Layer(Protocol):
    """One omics layer over the snapshot's rows."""

    @property
    def name(self) -> str: ...
    @property
    def kind(self) -> str:
        """expression, copy_number, mutation, methylation, mirna, protein, metabolite."""

    @property
    def scale(self) -> str:
        """none, log1p, zscore (fitted in the fold) or rank (within each sample): what the values still need."""

    @property
    def correct(self) -> str:
        """none, combat or linear: how batches are corrected, fitted in the fold (dense layers)."""

    @property
    def impute(self) -> str:
        """median, mean, low or knn: what stands for a missing value, fitted in the fold (dense layers)."""

    @property
    def batch(self) -> np.ndarray | None:
        """(rows,) text: the batch of each row's sample, "" where it is not known; None where no sample has one."""

    @property
    def var(self) -> pl.DataFrame:
        """One row a feature: feature (CURIE), symbol, gene (CURIE of its gene, or null)."""

    @property
    def values(self) -> np.ndarray | sparse.csr_matrix:
        """(rows, features) float32. Dense: NaN is not measured. Sparse (mutations): 0 is negative where profiled."""

    @property
    def profiled(self) -> np.ndarray:
        """(rows,) bool: False means unknown, not negative."""


class Snapshot(Protocol):
    """A frozen, fenced cohort."""

    @property
    def task(self) -> str:
        """Its kind: binary, multiclass, multilabel, regression, responses or survival."""

    @property
    def rows(self) -> pl.DataFrame:
        """subject_id, prediction_time, and label (text for multiclass, 0/1 for binary, a list of text for multilabel, a number
        for regression, a list of numbers and nulls for responses) or duration_days, event."""

    @property
    def covariates(self) -> pl.DataFrame:
        """(rows, ...) numbers, booleans or text; null is missing. Only what the study names."""

    @property
    def layers(self) -> Mapping[str, Layer]: ...
    @property
    def views(self) -> Mapping[str, Layer]:
        """Layers whose features are nodes of no graph: kind notes (sparse counts of terms) or vectors (dense)."""

    @property
    def events(self) -> pl.DataFrame | None:
        """Fenced events, sorted by row, time: row (int64 index into rows), days (float64, days before the prediction
        time, >= 0), age (float32 years at the event, null unknown), code, numeric_value, text_value,
        visit (int64, rank of the visit within the row, null where there is none). None: no records in the study.
        Undated (static) events have days null and come first."""

    @property
    def links(self) -> pl.DataFrame:
        """Knowledge: subject, predicate, object (CURIEs), score (float64, null), source. Predicates IN_PATHWAY,
        INTERACTS_WITH, IS_A, OF_GENE, ... restricted to what the layers and codes can reach."""

    @property
    def clock(self) -> str:
        """dated, relative or order. order: days are ranks, durations mean nothing."""

    @property
    def classes(self) -> tuple[str, ...]:
        """multiclass: the values of the label in order; multilabel: the labels; responses: the endpoints; binary: ("0", "1"); regression, survival: ()."""


@dataclass(frozen=True)
class DerivedSnapshot:
    """A snapshot made of parts of another one."""

    task: str
    rows: pl.DataFrame
    covariates: pl.DataFrame
    layers: Mapping[str, Layer]
    events: pl.DataFrame | None
    links: pl.DataFrame
    clock: str
    classes: tuple[str, ...]
    views: Mapping[str, Layer] = field(default_factory=dict)


def derived(snapshot: Snapshot) -> DerivedSnapshot:
    """The same snapshot, of which parts can be replaced."""
    return DerivedSnapshot(snapshot.task, snapshot.rows, snapshot.covariates, snapshot.layers, snapshot.events, snapshot.links,
                   snapshot.clock, snapshot.classes, snapshot.views)  # fmt: skip


@runtime_checkable
class WithHetero(Protocol):
    """A snapshot that can also be had as PyTorch Geometric's HeteroData: what `models.learners.adapters.pytorch_geometric` asks for."""

    def hetero_for(self, train: np.ndarray, tuning: np.ndarray) -> Any:
        """HeteroData fitted on `train`; node type `patient` has one node a row of the snapshot, in its order."""
