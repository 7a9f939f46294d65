"""Freezing a cohort: every table of the study, through the fence, into one snapshot in canonical order."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import polars as pl

from ..cohort.cohort import Cohort, plain
from ..schema import VERSION
from ..tables.study_tables import Tables
from .covariates import covariates as covariate_columns
from .covariates import named_columns
from .events import frozen_events
from .fence import Fence, fence
from .knowledge import reachable
from .layers import frozen_layers
from .snapshot import FOLDS, Snapshot
from .views import LEAST_PATIENTS, as_events, frozen_views

LABELS = ("label", "event_time", "duration_days", "event", "competing")


def freeze(
    cohort: Cohort,
    tables: Tables,
    task: str,
    covariates: tuple[str, ...] = (),
    *,
    keep: tuple[str, ...] = (),
    apart: Collection[str] = (),
    interleaved: bool = False,
    fence: Fence = fence,
) -> Snapshot:
    """The cohort's inputs, as they were known at each row's prediction time.

    Nothing beyond the fence can be seen in the result: not a value, not a count, not the order of rows or features.
    Args:
        cohort: from `make_cohort`. Of one to predict the covariates are a model's: one that nothing holds is left out.
        tables: the study's tables; values come from them by id, never from the store.
        task: its kind: binary, multiclass, regression or survival.
        covariates: names of the cohort's columns, properties of Patient, or of the cohort's Visit.
        keep: names found in the same way that go into `rows`, for folds by site or strata; they are no inputs.
        apart: codes of which a model knows each unit as a code of its own.
        interleaved: notes and images are no views, but events among the others.
        fence: only tests and the demo's decoy give another one.
    Returns: a snapshot without folds; `with_folds` adds them.
    Raises: InputError for a covariate that is the label, that nothing holds, or that is no number, boolean or text.
    """
    frame = cohort.frame.sort("subject_id", "prediction_time")
    index = frame.select(pl.int_range(pl.len(), dtype=pl.Int64).alias("row"), "subject_id", "prediction_time")
    inputs, hidden = covariate_columns(
        frame, index, tables, covariates, label=cohort.label, fence=fence, lenient=cohort.to_predict
    )
    others = tuple(name for name in keep if name not in (*LABELS, *index.columns))
    kept, _ = named_columns(frame, index, tables, others, fence=fence, where="study [evaluate] site, stratify or group")
    omics = frozen_layers(index, tables, fence)
    views = frozen_views(index, tables, fence, 1 if cohort.to_predict else LEAST_PATIENTS)
    more = as_events(tables, views) if interleaved and views else None
    events = frozen_events(index, tables, fence, apart, more)
    rows = frame.select("subject_id", "prediction_time", *(c for c in LABELS if c in frame.columns))
    return Snapshot(
        task=task,
        rows=rows.with_columns(kept),
        covariates=inputs,
        layers=omics.layers,
        events=events.table,
        links=reachable(tables, omics.layers.values(), events),
        folds=pl.DataFrame(schema=FOLDS),
        clock=cohort.clock,
        classes=cohort.classes,
        manifest={
            **_about(cohort, covariates),
            "units": dict(events.units),
            "parts": dict(events.parts),
            **({"interleaved": True} if interleaved else {}),
        },
        static={**omics.static, **events.undated},
        counts={**hidden, **omics.counts},
        origin=omics.origin,
        views={} if interleaved else views,
    )


def _about(cohort: Cohort, covariates: tuple[str, ...]) -> Mapping[str, object]:
    return {
        "cohort": cohort.name, "query": cohort.query, "params": plain(cohort.params), "schema": VERSION,
        "covariates": list(covariates),
    }  # fmt: skip
