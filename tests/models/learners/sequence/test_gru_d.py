"""GRU-D: whether and how long ago something was measured is learned where its values say nothing; who can use it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from snapshots import make_snapshot

from clinome.models.base.folds import parts
from clinome.models.learners.registry import default, make
from clinome.models.learners.sequence import gru_d
from clinome.models.metrics.task_metrics import inner_score
from clinome.snapshot import Snapshot


def watched(planted: str, n: int = 400, seed: int = 1) -> Snapshot:
    """Two days of hourly readings, all of them noise. planted: "taken", a lactate was, in seven of eight with the event and in
    one of eight without; or "late", everybody's was, and of those with the event in the last hours."""
    rng = np.random.default_rng(seed)
    y = (rng.uniform(size=n) < 0.4).astype(np.int64)
    events = []
    for row in range(n):
        found = [(float(hour), f"VALUE:V{rng.integers(4)}") for hour in rng.integers(0, 48, 12)]
        if planted == "late":
            found.append((float(rng.integers(0, 6) if y[row] else rng.integers(12, 48)), "VALUE:LACTATE"))
        elif rng.uniform() < (0.875 if y[row] else 0.125):
            found.append((float(rng.integers(0, 48)), "VALUE:LACTATE"))
        events += [(row, hour / 24, None, code, float(rng.normal()), None, None) for hour, code in found]
    schema = {
        "row": pl.Int64, "days": pl.Float64, "age": pl.Float32, "code": pl.String,
        "numeric_value": pl.Float64, "text_value": pl.String, "visit": pl.Int64,
    }  # fmt: skip
    base = make_snapshot(n=n, layers=(), covariates=False)
    table = pl.DataFrame(events, schema=schema, orient="row").sort("row", pl.col("days").neg())
    return replace(base, rows=base.rows.with_columns(label=pl.Series(y)), events=table)


@pytest.mark.parametrize("planted", ["taken", "late"])
def test_masks_and_times_since_are_learned_where_values_are_noise(planted: str) -> None:
    snapshot = watched(planted)
    train, tuning, held = parts(snapshot.folds, 0, 0)
    y = snapshot.rows["label"].to_numpy()[held]
    learner = make("gru_d").with_setting({"plan": {"lr": 5e-3}}, 1)
    learner.fit(snapshot, train, tuning)
    found = inner_score("binary", y, learner.predict(snapshot, held))
    assert found > {"taken": 0.8, "late": 0.95}[planted]
    turned = np.random.default_rng(0).permutation(snapshot.rows["label"].to_numpy())
    shuffled = replace(snapshot, rows=snapshot.rows.with_columns(label=pl.Series(turned)))
    chance = make("gru_d").with_setting({"plan": {"lr": 5e-3}}, 1)
    chance.fit(shuffled, train, tuning)
    assert abs(inner_score("binary", turned[held], chance.predict(shuffled, held)) - 0.5) < 0.2


def test_an_order_is_no_time_and_default_leaves_it_aside() -> None:
    snapshot = make_snapshot(n=40, layers=(), records=True)
    learner = make("gru_d")
    assert learner.reason(snapshot) is None and "gru_d" in default(snapshot)
    assert learner.reason(replace(snapshot, clock="order")) == "the records have an order and no times"
    assert learner.reason(replace(snapshot, events=None)) == "the study has no records"
    assert learner.aside(snapshot) is not None  # type: ignore[attr-defined]


def test_channels_are_what_most_training_rows_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gru_d, "CHANNELS", 2)
    snapshot = make_snapshot(n=90, layers=(), records=True)
    train, tuning, held = parts(snapshot.folds, 0, 0)
    learner = make("gru_d").with_setting({"plan": {"epochs": 1}}, 1)
    learner.fit(snapshot, train, tuning)
    assert isinstance(learner, gru_d.GRUD) and learner.vocabulary is not None and snapshot.events is not None
    mine = snapshot.events.filter(~pl.col("row").is_in(held.tolist()))
    held_by = mine.group_by("code").agg(pl.col("row").n_unique()).sort("row", descending=True)
    read = {learner.vocabulary.codes[i] for i in learner.channels}
    assert len(read) == 2 and read <= set(held_by["code"].head(3))
