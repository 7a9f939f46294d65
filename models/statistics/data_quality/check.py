"""Check of a study's data: every part in turn, and one family of tests against the outcome."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl

from ...base.snapshot import Snapshot
from ..rank_tests import benjamini_hochberg
from .chronology import chronology
from .confounding import against_outcome, batch_variance, confounded, corrected, origins, scores_of
from .drift import drift, drifting, outcome_over_time
from .duplicates import duplicates
from .finding import Checked, Finding, merged
from .identifiers import identifiers
from .layer_values import layer_values
from .missing import features_not_at_random, missing_at_random, missing_data, not_at_random
from .outcome import Outcome
from .profiles import outlying_samples, profiles_of
from .study_data import StudyData
from .variables import numeric_values

FEWEST = 20
"""Patients with an outcome, below which nothing is tested against it."""
_GROUPS = 12


@dataclass(frozen=True)
class DataQuality:
    """All findings, the gravest first; the tables behind them; how many tests against the outcome were made.

    testable: whether there is an outcome to test against. measure: what `by_group` and `by_period` hold: share (with the outcome), classes (shares of each), O/E (events).
    """

    findings: tuple[Finding, ...]
    tables: dict[str, pl.DataFrame]
    tested: int
    testable: bool = False
    measure: str = "share"


def check(data: StudyData, snapshot: Snapshot | None = None) -> DataQuality:
    """Data quality of a study; against the outcome where there is a cohort.

    Tests against the outcome (availability of inputs, batches and sites, calendar time) are one family: a finding has
    q < 0.05 (Benjamini–Hochberg over all of them), so that of twenty studies without any such fault one has a finding.
    Args:
        data: everything that was loaded.
        snapshot: the study's cohort, fenced; its `origin` says batches and sites.
    """
    profiles = {layer.name: found for layer in data.layers if (found := profiles_of(layer)) is not None}
    index = None if snapshot is None else snapshot.rows.select("subject_id", "prediction_time")
    parts = [
        missing_data(data), batch_variance(data, profiles), numeric_values(data), layer_values(data), outlying_samples(data, profiles),
        duplicates(data), identifiers(data), chronology(data, index), drift(data),
        Checked(tables={"components": scores_of(data, profiles)}),
    ]  # fmt: skip
    outcome = None if snapshot is None else Outcome.of(snapshot)
    if snapshot is None or outcome is None or len(outcome.row) < FEWEST or len(np.unique(outcome.label)) < 2:
        whole = merged(parts)
        return DataQuality(whole.findings, dict(whole.tables), 0)
    part, tested = _against(outcome, data, snapshot)
    whole = merged([*parts, part])
    return DataQuality(whole.findings, dict(whole.tables), tested, True, outcome.measure)


def _against(outcome: Outcome, data: StudyData, snapshot: Snapshot) -> tuple[Checked, int]:
    """Everything that is tested against the outcome, and how many tests that were."""
    columns = origins(snapshot, data.patients)
    missing, groups = missing_at_random(snapshot, outcome), against_outcome(columns, outcome)
    period, p = outcome_over_time(outcome, snapshot.clock)
    q = benjamini_hochberg(np.concatenate([missing["p"].to_numpy(), groups["p"].to_numpy(), [p]]))
    missing = missing.with_columns(q=pl.Series(q[: missing.height], dtype=pl.Float64))
    groups = groups.with_columns(q=pl.Series(q[missing.height : -1], dtype=pl.Float64))
    by_period = pl.DataFrame() if period is None else outcome.by_group(period)
    mixed = [*confounded(groups)]
    found = [*not_at_random(missing), *features_not_at_random(snapshot, outcome), *mixed]
    found += corrected(snapshot, columns, mixed)
    found += drifting("prediction_time", p, float(q[-1]), by_period)
    tables = {"missing_tests": missing.sort("p", nulls_last=True), "group_tests": groups.sort("p", nulls_last=True), "by_period": by_period,
              **dict(_by_group(columns, groups, outcome))}  # fmt: skip
    return Checked(tuple(found), tables), int((~np.isnan(q)).sum())


def _by_group(columns: pl.DataFrame, tested: pl.DataFrame, outcome: Outcome) -> Iterator[tuple[str, pl.DataFrame]]:
    """`by_group`: the outcome by batch or site, of the columns with the smallest p: name, and as `Outcome.by_group`."""
    first = tested.sort("p", nulls_last=True)["name"].head(2).to_list()
    parts = [
        outcome.by_group(columns[name].gather(outcome.row)).sort("patients", descending=True).head(_GROUPS).with_columns(
            pl.lit(name).alias("name"))
        for name in first
    ]  # fmt: skip
    yield "by_group", pl.concat(parts) if parts else pl.DataFrame()
