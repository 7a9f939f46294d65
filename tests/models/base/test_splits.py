"""One site held out after the other, the future held out from the past: whole subjects, nobody on both sides."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from snapshots import make_snapshot

from clinome.loaders.errors import InputError
from clinome.models.base.folds import carve, deal, make_folds, parts
from clinome.models.base.specs import Evaluate
from clinome.models.base.splits import OTHERS, SMALL, by_site, grouped
from clinome.models.evaluation.fold_scores import draw

DAY = datetime(2015, 1, 1)


def people(sizes: dict[str, int], rows_each: int = 1) -> pl.DataFrame:
    """Each site's subjects, their outcomes taking turns."""
    table = [(f"{site}{i}", site, i % 2) for site, n in sizes.items() for i in range(n) for _ in range(rows_each)]
    return pl.DataFrame(table, schema=["subject_id", "site", "label"], orient="row")


def dated(*rows: tuple[str, int]) -> pl.DataFrame:
    """(subject, days after DAY), outcomes taking turns."""
    return pl.DataFrame(
        {
            "subject_id": [s for s, _ in rows],
            "prediction_time": [DAY + timedelta(days=d) for _, d in rows],
            "label": [i % 2 for i in range(len(rows))],
        }
    )


def test_each_large_site_is_a_fold_and_the_small_ones_are_one_together() -> None:
    rows = people({"A": 40, "B": 30, "c": SMALL - 1, "d": 5})
    folds = make_folds(rows, "binary", Evaluate(site="site"))
    for fold, sites in enumerate(({"A"}, {"B"}, {"c", "d"})):
        train, tuning, held = parts(folds, 0, fold)
        assert set(rows["site"].gather(held)) == sites
        assert not sites & set(rows["site"].gather(np.concatenate([train, tuning])))
        assert len(tuning) == pytest.approx(0.2 * (len(train) + len(tuning)), abs=2)
    assert by_site(rows, rows["label"].to_numpy(), "site")[1] == ["A", "B", OTHERS]
    assert folds.filter(split="held_out").height == rows.height


def test_a_site_with_one_outcome_is_no_fold_of_its_own() -> None:
    rows = people({"A": 40, "B": 40, "C": 40}).with_columns(
        label=pl.when(pl.col("site") == "C").then(0).otherwise("label")
    )
    assert by_site(rows, rows["label"].to_numpy(), "site")[1] == ["A", "B", OTHERS]


def test_a_subject_at_two_sites_trains_for_neither_of_them() -> None:
    rows = pl.concat([people({"A": 30, "B": 30}), pl.DataFrame({"subject_id": ["A0"], "site": ["B"], "label": [0]})])
    folds = make_folds(rows, "binary", Evaluate(site="site"))
    mine = rows.with_row_index().filter(pl.col("subject_id") == "A0")["index"].to_list()
    for fold in (0, 1):
        seen = folds.filter((pl.col("fold") == fold) & pl.col("row").is_in(mine))
        assert seen["split"].to_list() == ["held_out"]  # the other row is in no part of this fold


@pytest.mark.parametrize(
    ("rows", "says"),
    (
        (people({"A": 40, "B": 40}).with_columns(site=pl.lit(None, pl.String)), "rows without a site"),
        (people({"A": 40}), "too few sites"),
    ),
)
def test_sites_that_cannot_be_split_by_are_refused(rows: pl.DataFrame, says: str) -> None:
    with pytest.raises(InputError, match=says):
        make_folds(rows, "binary", Evaluate(site="site"))


def test_the_past_trains_and_the_future_is_held_out() -> None:
    rows = dated(*[(f"s{i}", i - 50) for i in range(100)], ("s3", 90))  # s3 came before, and comes again
    folds = make_folds(rows, "binary", Evaluate(after=DAY))
    train, tuning, held = parts(folds, 0, 0)
    assert held.tolist() == [*range(50, 100), 100]
    assert sorted([*train, *tuning]) == [i for i in range(50) if i != 3]


@pytest.mark.parametrize("day", (DAY - timedelta(days=400), DAY + timedelta(days=400)))
def test_a_day_that_leaves_a_part_empty_is_refused(day: datetime) -> None:
    with pytest.raises(InputError, match="one part is empty"):
        make_folds(dated(*[(f"s{i}", i) for i in range(20)]), "binary", Evaluate(after=day))


def test_a_split_by_time_needs_times() -> None:
    rows = dated(*[(f"s{i}", i) for i in range(20)]).with_columns(prediction_time=pl.lit(None, pl.Datetime("us")))
    with pytest.raises(InputError, match="neither before nor after"):
        make_folds(rows, "binary", Evaluate(after=DAY))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 12), st.sampled_from("ABC"), st.integers(0, 1)), min_size=60, max_size=200))
def test_whoever_is_held_out_has_no_row_in_training(drawn: list[tuple[int, str, int]]) -> None:
    table = [(f"s{s}-{site}" if s else "everywhere", site, y) for s, site, y in drawn]
    rows = pl.DataFrame(table, schema=["subject_id", "site", "label"], orient="row")
    try:
        splits, names = by_site(rows, rows["label"].to_numpy(), "site")
    except InputError:
        return
    for split, _ in zip(splits, names, strict=True):
        held = set(rows["subject_id"].filter(pl.Series(split == "held_out")))
        assert not held & set(rows["subject_id"].filter(pl.Series(split == "train")))


def test_strata_are_spread_evenly() -> None:
    rows = people({"A": 50, "B": 10})
    folds = make_folds(rows, "binary", Evaluate(folds=5, stratify="site"))
    for fold in range(5):
        held = rows["site"].gather(parts(folds, 0, fold)[2])
        assert (held == "B").sum() == 2


@settings(max_examples=30, deadline=None)
@given(st.integers(200, 300), st.integers(0, 99))
def test_no_person_is_on_both_sides_of_any_split(n: int, seed: int) -> None:
    """Subjects are hospital stays, several of one person: by folds, by inner parts, by site and by time."""
    rng = np.random.default_rng(seed)
    stay = rng.permutation(n)
    rows = dated(*[(f"s{i:03d}", int(d)) for i, d in zip(stay, rng.integers(-50, 50, n), strict=True)])
    moved = rng.random(n) < 0.1
    rows = rows.with_columns(
        site=pl.Series([("A", "B", "C")[(i % (n // 3) + m) % 3] for i, m in zip(stay, moved, strict=True)])
    )
    person = pl.Series([f"p{i % (n // 3)}" for i in stay])
    rows = grouped(rows, person)
    for evaluate in (Evaluate(folds=3, repeats=2), Evaluate(site="site"), Evaluate(after=DAY)):
        folds = make_folds(rows, "binary", evaluate)
        sides = folds.with_columns(person=person.gather(folds["row"]))
        assert sides.group_by("repeat", "fold", "person").agg(pl.col("split").n_unique())["split"].max() == 1
    part = deal(rows, "binary", np.arange(n), 3, seed)
    assert (
        pl.DataFrame({"person": person, "part": part}).group_by("person").agg(pl.col("part").n_unique())["part"].max()
        == 1
    )
    train, tuning = carve(rows, "binary", np.arange(n), seed)
    assert not set(person.gather(train)) & set(person.gather(tuning))


def test_groups_are_of_whole_subjects_and_everybody_has_one() -> None:
    rows = people({"A": 20}, rows_each=2)
    with pytest.raises(InputError, match="rows without a group"):
        grouped(rows, pl.Series([None, *["p"] * 39]))
    with pytest.raises(InputError, match="subjects in several groups"):
        grouped(rows, pl.Series([str(i) for i in range(40)]))


def test_listed_folds_may_not_tear_a_group(tmp_path: Path) -> None:
    rows = grouped(people({"A": 40}), pl.Series([f"p{i // 2}" for i in range(40)]))
    file = tmp_path / "folds.csv"
    listed = [("0", f"A{i}", "held_out") for i in (0, 1, 2)]
    pl.DataFrame(listed, schema=["fold", "subject_id", "split"], orient="row").write_csv(file)
    with pytest.raises(InputError, match="1 groups in two splits"):
        make_folds(rows, "binary", Evaluate(folds=file))
    pl.DataFrame(listed[:2], schema=["fold", "subject_id", "split"], orient="row").write_csv(file)
    assert parts(make_folds(rows, "binary", Evaluate(folds=file)), 0, 0)[2].tolist() == [0, 1]


def test_a_group_is_drawn_as_one_for_intervals() -> None:
    snapshot = make_snapshot("binary", n=60)
    person = pl.Series([f"p{i % 20}" for i in range(60)])
    drawn = draw(replace(snapshot, rows=grouped(snapshot.rows, person)), [np.arange(60)], seed=1)
    assert drawn.weights.shape[1] == 20
    assert (
        pl.DataFrame({"person": person, "drawn": drawn.patient})
        .group_by("person")
        .agg(pl.col("drawn").n_unique())["drawn"]
        == 1
    ).all()
