"""Controls: one learner on another view of the cohort, in which there is nothing to find.

Missing parts, batches and clocks are facts about how people were measured. A model that gets far on them alone may have
learnt the clinic and not the disease, so they are shown next to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
from scipy import sparse

from ..base.snapshot import DerivedSnapshot, Snapshot, derived
from ..base.splits import GROUP
from ..base.task import task_of
from ..learners.registry import TABULAR_CONTROL, finds_edges, on_graph

PERMUTED, SHUFFLED, EDGELESS, UNPAIRED = "permuted_labels", "shuffled_graph", "no_edges", "shuffled_pairs"
MISSINGNESS, BATCH, CLOCK = "missingness_only", "batch_only", "clock_only"
VIEWS = (PERMUTED, MISSINGNESS, BATCH, CLOCK)
"""Controls in which TABULAR_CONTROL learns from another view of the cohort."""
TWINS: Mapping[str, dict[str, Any]] = {SHUFFLED: {"edges": "shuffled"}, EDGELESS: {"edges": "none"}}
"""Controls that every learner on the graph has, `shuffled_graph:gene_gnn`: its setting in each."""
PAIRED = {"contrastive": {"pairs": "shuffled"}}
"""Who learns from which omics and records are of one patient, and its setting in its control: those of two."""
_ROWS = ("subject_id", "prediction_time", "label", "event_time", "duration_days", "event", "competing", GROUP)


def controls(snapshot: Snapshot, learners: list[str]) -> list[str]:
    """The controls that say something here: no clock without records or a second question, no batch where none is known.

    Each learner on the graph has twins of its own (`TWINS`).
    """
    found = [PERMUTED]
    for name, view in ((MISSINGNESS, missingness), (BATCH, batches), (CLOCK, clock)):
        if view(snapshot).covariates.width:
            found.append(name)
    found += [f"{twin}:{name}" for name in finds_edges(snapshot, learners) for twin in TWINS]
    return found + [f"{UNPAIRED}:{name}" for name in learners if name in PAIRED]


def kind_of(control: str) -> str:
    """What is done in a control, whoever learns in it.

    Example:
        >>> kind_of("shuffled_graph:gene_gnn"), learner_of("shuffled_graph:gene_gnn"), learner_of("permuted_labels")
        ('shuffled_graph', 'gene_gnn', 'ridge_late')
    """
    return control.partition(":")[0]


def learner_of(control: str) -> str:
    """Who learns in a control."""
    return control.partition(":")[2] or TABULAR_CONTROL


def in_order(controls: Iterable[str]) -> list[str]:
    """Each control once, as they are shown: views of the cohort first, then the twins of each learner."""
    kinds, learners = (*VIEWS, *TWINS, UNPAIRED), (*on_graph(), *PAIRED)

    def place(one: str) -> tuple[int, str, int]:
        name = one.partition(":")[2]
        known = 1 + learners.index(name) if name in learners else 1 + len(learners) if name else 0
        return known, name, kinds.index(kind_of(one))

    return sorted(set(controls), key=place)


def setting_of(control: str) -> dict[str, Any]:
    """With which setting: the default, but for the edges of a twin, or the pairs."""
    return dict(PAIRED[learner_of(control)] if kind_of(control) == UNPAIRED else TWINS.get(kind_of(control), {}))


def seen(snapshot: Snapshot, control: str, seed: int) -> Snapshot:
    """The cohort as a control's learner sees it."""
    match kind_of(control):
        case "permuted_labels":
            return permuted(snapshot, seed)
        case "missingness_only":
            return missingness(snapshot)
        case "batch_only":
            return batches(snapshot)
        case "clock_only":
            return clock(snapshot)
        case "shuffled_graph" | "no_edges" | "shuffled_pairs":
            return snapshot
    raise ValueError(f"got control {control!r}; expected one of {', '.join((*VIEWS, *TWINS, UNPAIRED))}")


def permuted(snapshot: Snapshot, seed: int) -> DerivedSnapshot:
    """The same cohort, its outcomes dealt anew over all rows."""
    order = np.random.default_rng(seed).permutation(len(snapshot.rows))
    rows = snapshot.rows.with_columns(
        *(snapshot.rows[name][order].alias(name) for name in task_of(snapshot.task).outcome)
    )
    return replace(derived(snapshot), rows=rows)


def missingness(snapshot: Snapshot) -> DerivedSnapshot:
    """Only what was measured, how often, and how lately: no value, no code's meaning beyond which labs were taken at all."""
    columns: dict[str, np.ndarray] = {}
    for name, layer in {**snapshot.layers, **snapshot.views}.items():
        columns[f"has {name}"] = layer.profiled.astype(np.float64)
        if not sparse.issparse(layer.values):
            columns[f"missing share of {name}"] = np.isnan(np.asarray(layer.values)).mean(axis=1)
    for name in snapshot.covariates.columns:
        columns[f"has {name}"] = snapshot.covariates[name].is_not_null().to_numpy().astype(np.float64)
    if snapshot.events is not None:
        columns |= dict(_taken(snapshot.events, len(snapshot.rows), snapshot.clock != "order"))
    return _only(snapshot, pl.DataFrame(columns))


def batches(snapshot: Snapshot) -> DerivedSnapshot:
    """Only where and with whom someone was measured: batch and site of each layer's sample, and the folds' site."""
    own = snapshot.rows.select(name for name in snapshot.rows.columns if name not in _ROWS)
    return _only(snapshot, pl.concat([_origin(snapshot), own], how="horizontal").cast(pl.String))


def clock(snapshot: Snapshot) -> DerivedSnapshot:
    """Only how long a subject has been there when asked: what grows by itself while one waits.

    Of records days since the first event, and how many events there are; where some are asked several times, which time it
    is (1st, 2nd, …), and days since the first one. Under an order clock there are no days since an event.
    """
    rows = snapshot.rows.select("subject_id", "prediction_time")
    columns: dict[str, Any] = {}
    if rows["subject_id"].n_unique() < rows.height:
        first = pl.col("prediction_time").min().over("subject_id")
        columns |= rows.select(
            turn=pl.col("prediction_time").rank("ordinal").over("subject_id").cast(pl.Float64),
            since=(pl.col("prediction_time") - first).dt.total_seconds() / 86_400,
        ).to_dict()
    if snapshot.events is not None:
        place = snapshot.events["row"].to_numpy()
        columns["events"] = np.log1p(np.bincount(place, minlength=rows.height))
        if snapshot.clock != "order":
            columns["history"] = _reached(snapshot.events, rows.height, pl.col("days").max())
    return _only(snapshot, pl.DataFrame(columns))


def _reached(events: pl.DataFrame, rows: int, days: pl.Expr) -> np.ndarray:
    """(rows,) what `days` is of each row's events; NaN where it has no dated one."""
    found = events.group_by("row").agg(days=days).drop_nulls()
    out = np.full(rows, np.nan)
    out[found["row"].to_numpy()] = found["days"].to_numpy()
    return out


def _only(snapshot: Snapshot, columns: pl.DataFrame) -> DerivedSnapshot:
    """These columns as covariates, as far as they vary, and nothing else."""
    varies = [name for name in columns.columns if columns[name].n_unique() > 1]
    return replace(derived(snapshot), covariates=columns.select(varies), layers={}, events=None, views={})


def _taken(events: pl.DataFrame, rows: int, timed: bool) -> Iterator[tuple[str, np.ndarray]]:
    """How many events a row has, and of each code with numbers (a lab, a vital sign) how often and how lately it was taken."""
    yield "events", np.log1p(np.bincount(events["row"].to_numpy(), minlength=rows))
    for (code,), part in sorted(
        events.filter(pl.col("numeric_value").is_not_null()).partition_by("code", as_dict=True).items()
    ):
        yield f"{code} taken", np.log1p(np.bincount(part["row"].to_numpy(), minlength=rows))
        if timed:
            yield f"{code} recent", np.nan_to_num(1 / (1 + _reached(part, rows, pl.col("days").min())))


def _origin(snapshot: Snapshot) -> pl.DataFrame:
    return getattr(snapshot, "origin", pl.DataFrame())
