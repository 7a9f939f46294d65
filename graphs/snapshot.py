"""A frozen, fenced cohort: subjects, labels, feature matrices, events, knowledge, in Parquet with a manifest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from scipy import sparse


@dataclass(frozen=True)
class Layer:
    """One omics layer over the snapshot's rows (the fields are described in models/data.py)."""

    name: str
    kind: str
    scale: str
    var: pl.DataFrame
    values: np.ndarray | sparse.csr_matrix
    profiled: np.ndarray


@dataclass(frozen=True)
class Snapshot:
    """What the learners see. Nothing in it lies beyond the fence, nothing in it is fitted.

    folds: (repeat, fold, row, split) with split in train, tuning, held_out.
    static: how many undated facts of each source entered, for the report.
    """

    task: str
    rows: pl.DataFrame
    covariates: pl.DataFrame
    layers: Mapping[str, Layer]
    events: pl.DataFrame | None
    links: pl.DataFrame
    folds: pl.DataFrame
    clock: str
    classes: tuple[str, ...]
    manifest: Mapping[str, object] = field(default_factory=dict)
    static: Mapping[str, int] = field(default_factory=dict)
