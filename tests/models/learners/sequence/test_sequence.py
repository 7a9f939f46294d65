"""The sequence learner: order learned where counts carry nothing; an order clock knows no durations."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import torch
from snapshots import make_snapshot

from clinome.graphs.snapshot.snapshot import Snapshot
from clinome.models.base.folds import parts
from clinome.models.encoders.codes import transformer
from clinome.models.learners.registry import make
from clinome.models.metrics.task_metrics import inner_score
from clinome.models.preprocessing.tokens.token_table import COLUMNS
from clinome.models.preprocessing.tokens.tokenizer import PAD, UNKNOWN, fit_vocabulary, tokenize
from clinome.models.training.trainer import TrainingReport


def order_study(n: int = 500, seed: int = 1, noise: tuple[int, int] = (3, 10)) -> Snapshot:
    """Everyone has one A and one B among noise, so many events of it; A first means the event."""
    rng = np.random.default_rng(seed)
    first = rng.uniform(size=n) < 0.5
    events = []
    for row in range(n):
        when = rng.uniform(40, 600)
        days = {"T:A": when, "T:B": when - rng.uniform(1, 30) if first[row] else when + rng.uniform(1, 30)}
        others = [(f"T:N{rng.integers(0, 8)}", rng.uniform(0, 700)) for _ in range(rng.integers(*noise))]
        found = sorted([*days.items(), *others], key=lambda e: -e[1])
        events += [(row, day, None, code, None, None, None) for code, day in found]
    schema = {
        "row": pl.Int64, "days": pl.Float64, "age": pl.Float32, "code": pl.String,
        "numeric_value": pl.Float64, "text_value": pl.String, "visit": pl.Int64,
    }  # fmt: skip
    base = make_snapshot(n=n, layers=(), covariates=False)
    rows = base.rows.with_columns(label=pl.Series(first.astype(np.int64)))
    return replace(base, rows=rows, events=pl.DataFrame(events, schema=schema, orient="row"))


@pytest.mark.parametrize("name", ["gru", "lstm", "sequence"])
def test_order_is_learned_far_above_chance_where_counts_know_nothing(name: str) -> None:
    snapshot = order_study()
    train, tuning, held = parts(snapshot.folds, 0, 0)
    y = snapshot.rows["label"].to_numpy()[held]
    learner = make(name).with_setting({}, 1)
    learner.fit(snapshot, train, tuning)
    assert inner_score("binary", y, learner.predict(snapshot, held)) > 0.9
    counts = make("ridge_late").with_setting({}, 1)
    counts.fit(snapshot, train, tuning)
    assert inner_score("binary", y, counts.predict(snapshot, held)) < 0.65


def test_attention_that_starts_near_learns_an_order_where_one_spread_over_the_record_stands_still(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    snapshot = order_study(800, noise=(20, 40))
    train, tuning, _ = parts(snapshot.folds, 0, 0)

    def lowest() -> float:
        learner = make("sequence").with_setting({"plan": {"epochs": 10, "patience": 10, "batch_size": 32}}, 3)
        learner.fit(snapshot, train, tuning)
        report: TrainingReport = learner.report  # type: ignore[attr-defined]
        return min(report.tuning)

    assert lowest() < 0.3
    monkeypatch.setattr(transformer, "near_first", lambda heads: torch.zeros(2 * transformer.GAPS + 1, heads))
    assert lowest() > 0.6


@pytest.mark.parametrize("name", ["gru", "sequence"])
def test_under_an_order_clock_gaps_change_nothing(name: str) -> None:
    snapshot = replace(order_study(120), clock="order")
    assert snapshot.events is not None
    other = replace(snapshot, events=snapshot.events.with_columns(days=pl.col("days") ** 2 + 3))
    train, tuning, held = parts(snapshot.folds, 0, 0)
    learner = make(name).with_setting({"plan": {"epochs": 2}}, 1)
    learner.fit(snapshot, train, tuning)
    assert np.array_equal(learner.predict(snapshot, held), learner.predict(other, held))
    dated = make(name).with_setting({"plan": {"epochs": 2}}, 1)
    dated.fit(replace(snapshot, clock="dated"), train, tuning)
    seen = [dated.predict(replace(s, clock="dated"), held) for s in (snapshot, other)]
    assert not np.array_equal(seen[0], seen[1])


def test_the_vocabulary_is_of_the_training_rows() -> None:
    snapshot = make_snapshot(n=90, layers=(), records=True)
    assert snapshot.events is not None
    train, tuning, held = parts(snapshot.folds, 0, 0)
    rows = np.concatenate([train, tuning])
    mine = pl.Series(np.isin(snapshot.events["row"].to_numpy(), held))
    stranger = pl.when(mine).then(pl.lit("X:new")).otherwise(pl.col("code")).alias("code")
    changed = snapshot.events.with_columns(stranger, numeric_value=pl.when(mine).then(1e9).otherwise("numeric_value"))
    one, two = (fit_vocabulary(replace(snapshot, events=events), rows) for events in (snapshot.events, changed))
    assert one.entries == two.entries and one.age == two.age
    assert one.values.codes == two.values.codes and np.array_equal(one.values.scale.mean, two.values.scale.mean)
    made = tokenize(changed, len(snapshot.rows), two, "dated")
    tokens = made.take(held)
    assert bool((tokens.code[tokens.mask] == UNKNOWN).all()) and float(tokens.value.abs().max()) <= 5


def test_a_rare_code_is_read_as_what_lies_above_it() -> None:
    snapshot = make_snapshot(n=30, layers=(), records=True)
    assert snapshot.events is not None
    events = snapshot.events.filter(pl.col("code") != "ICD10CM:I50.9")
    row = events.filter(pl.col("code") == "ICD10CM:I10").head(1).with_columns(code=pl.lit("ICD10CM:I50.9"))
    links = pl.concat([snapshot.links, snapshot.links.head(1).with_columns(
        subject=pl.lit("ICD10CM:I50.9"), predicate=pl.lit("IS_A"), object=pl.lit("ICD10CM:I50"))])  # fmt: skip
    vocabulary = fit_vocabulary(replace(snapshot, events=pl.concat([events, row]), links=links), np.arange(30))
    assert "ICD10CM:I50.9" not in vocabulary.known
    assert vocabulary.entries[vocabulary.index("ICD10CM:I50.9", "ICD10CM:I50.9")] == "ICD10CM:I50"
    assert vocabulary.index("NEVER:1", "NEVER:1") == UNKNOWN
    table = vocabulary.ancestor_table()
    leaf, parent = vocabulary.known["ICD10CM:J44.9"], vocabulary.known["ICD10CM:J44"]
    assert table[leaf, 0] == leaf and parent in table[leaf].tolist()


@pytest.mark.parametrize("clock", ["dated", "order"])
def test_tokens_of_many_events_lie_in_files_and_are_the_same(clock: str) -> None:
    snapshot = make_snapshot(n=40, layers=(), records=True)
    assert snapshot.events is not None
    vocabulary = fit_vocabulary(snapshot, np.arange(40))
    one = tokenize(snapshot.events, 45, vocabulary, clock, 8)  # five rows without events come last
    many = tokenize(snapshot.events, 45, vocabulary, clock, 8, most=30)
    assert many.mapped and not one.mapped and not many.code.flags.writeable
    for name in ("start", *COLUMNS):
        a, b = getattr(one, name), getattr(many, name)
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)
    rows = np.array([44, 3, 17, 0])
    for name in COLUMNS:
        assert torch.equal(getattr(one.take(rows), name), getattr(many.take(rows), name))


def test_long_rows_keep_their_latest_events_and_short_ones_are_padded() -> None:
    snapshot = make_snapshot(n=40, layers=(), records=True)
    assert snapshot.events is not None
    vocabulary = fit_vocabulary(snapshot, np.arange(40))
    whole, cut = (tokenize(snapshot.events, 40, vocabulary, "dated", longest) for longest in (256, 8))
    assert whole.lengths.sum() == len(snapshot.events) and cut.lengths.max() == 8
    for row in range(40):
        a, b = whole.take(np.array([row])), cut.take(np.array([row]))
        kept = int(b.dated.sum())
        assert a.days[a.dated][-kept:].tolist() == b.days[b.dated].tolist()
    tokens = whole.take(np.arange(40))
    assert tokens.mask.sum(1).tolist() == whole.lengths.tolist() and bool((tokens.code[~tokens.mask] == PAD).all())
    assert not whole.take(np.arange(3), hidden=True).mask.any()


def ancestor_study(n: int = 700) -> Snapshot:
    """Any of 20 leaves under two of ten parents is risky; each leaf is in a few patients only."""
    rng = np.random.default_rng(2)
    row = np.repeat(np.arange(n), 6)
    parent, leaf = rng.integers(0, 10, len(row)), rng.integers(0, 20, len(row))
    risk = np.bincount(row, parent < 2)
    base = make_snapshot(n=n, layers=(), covariates=False, records=True)
    assert base.events is not None
    events = pl.DataFrame({"row": row, "days": rng.uniform(1, 400, len(row)),
                           "code": [f"T:{a}.{b:02d}" for a, b in zip(parent, leaf, strict=True)]})  # fmt: skip
    schema = base.events.schema
    events = events.with_columns(pl.lit(None, t).alias(c) for c, t in schema.items() if c not in events.columns)
    events = events.select(schema.names()).cast(schema).sort("row", pl.col("days").neg())
    links = [(f"T:{a}.{b:02d}", "IS_A", f"T:{a}", None, "test") for a in range(10) for b in range(20)]
    label = (rng.random(n) < 1 / (1 + np.exp(2.5 - 2 * risk))).astype(np.int64)
    rows = base.rows.with_columns(label=pl.Series(label))
    table = pl.DataFrame(links, schema=base.links.schema, orient="row")
    return replace(base, rows=rows, events=events, links=table)


def test_rare_codes_share_strength_through_their_graph_and_through_no_twin() -> None:
    snapshot, parts_of = ancestor_study(), (np.arange(120), np.arange(120, 150), np.arange(150, 700))
    y, found = snapshot.rows["label"].to_numpy()[parts_of[2]], {}
    for edges in ("true", "shuffled", "none"):
        learner = make("sequence").with_setting({"edges": edges}, 1)
        learner.fit(snapshot, *parts_of[:2])
        found[edges] = inner_score("binary", y, learner.predict(snapshot, parts_of[2]))
        known = learner.embeddings(snapshot, parts_of[2])  # type: ignore[attr-defined]
        assert known is not None and ("T:3" in known.nodes) == (edges != "none")
        assert len(known.vectors) == len(known.nodes) == len(set(known.nodes))
    assert found["true"] > max(0.8, 0.06 + found["shuffled"], 0.06 + found["none"]), (
        found
    )  # one standard error is 0.018


@pytest.mark.parametrize("task", ["multiclass", "survival"])
def test_other_tasks_and_rows_without_any_event(task: str) -> None:
    snapshot = make_snapshot(task, n=150, layers=(), records=True, signal=2.0)
    assert snapshot.events is not None
    train, tuning, held = parts(snapshot.folds, 0, 0)
    snapshot = replace(snapshot, events=snapshot.events.filter(~pl.col("row").is_in(held[:5].tolist())))
    learner = make("sequence").with_setting({"plan": {"epochs": 4}}, 1)
    learner.fit(snapshot, train, tuning)
    score = learner.predict(snapshot, held)
    assert np.isfinite(score).all() and score.shape[0] == len(held)
    assert learner.reason(replace(snapshot, events=None)) == "the study has no records"
