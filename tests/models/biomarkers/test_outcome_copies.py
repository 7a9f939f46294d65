"""Features that are the outcome: found under every disguise, and no biomarker, however strong, is taken for one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from snapshots import make_snapshot

from clinome.graphs.snapshot.snapshot import Snapshot
from clinome.models.biomarkers.outcome_copies import columns_that_tell, outcome_copies

N = 80


def with_column(snapshot: Snapshot, values: np.ndarray, layer: str = "rna", name: str = "opaque:X") -> Snapshot:
    """The snapshot with one more feature, measured wherever it is not NaN."""
    old = snapshot.layers[layer]
    var = pl.concat([old.var, pl.DataFrame({"feature": [name], "symbol": ["X"]})], how="diagonal_relaxed")
    x = np.column_stack([np.asarray(old.values, dtype=np.float32), values.astype(np.float32)])
    whole = np.ones(len(values), dtype=bool)
    return replace(snapshot, layers={**snapshot.layers, layer: replace(old, var=var, values=x, profiled=whole)})


def label(snapshot: Snapshot) -> np.ndarray:
    return snapshot.rows["label"].cast(pl.Float64).to_numpy()


def named(snapshot: Snapshot) -> dict[str, tuple[str, str]]:
    return {one.feature: (one.tells, one.by) for one in outcome_copies(snapshot)}


@pytest.fixture(scope="module")
def binary() -> Snapshot:
    return make_snapshot("binary", n=N, layers=("rna", "cnv", "mutations"), records=True)


def test_nothing_is_asked_where_there_is_nothing(binary: Snapshot) -> None:
    for task in ("binary", "multiclass", "regression", "survival"):
        for seed in range(10):
            snapshot = make_snapshot(task, n=N, seed=seed, layers=("rna", "cnv", "mutations"), records=True)
            assert outcome_copies(snapshot) == []


@pytest.mark.parametrize(
    "disguise", ["equal", "turned", "other codes", "jittered", "some unknown", "known in cases alone"]
)
def test_a_copy_is_found_under_every_disguise(binary: Snapshot, disguise: str) -> None:
    y, rng = label(binary), np.random.default_rng(0)
    values = {
        "equal": y, "turned": 1 - y, "other codes": 7 - 3 * y, "jittered": 10 * y + rng.normal(size=N),
        "some unknown": np.where(rng.random(N) < 0.2, np.nan, y), "known in cases alone": np.where(y == 1, rng.normal(size=N), np.nan),
    }[disguise]  # fmt: skip
    by = "missing" if "alone" in disguise else "value"
    assert named(with_column(binary, values)) == {"opaque:X": ("label", by)}


def test_what_the_label_was_cut_from_is_found_in_enough_patients() -> None:
    snapshot = make_snapshot("binary", n=300, layers=("rna",))
    glucose = np.random.default_rng(1).normal(126, 20, 300)
    rows = snapshot.rows.with_columns(label=pl.Series((glucose > 126).astype(np.int64)))
    assert named(with_column(replace(snapshot, rows=rows), glucose)) == {"opaque:X": ("label", "value")}


@pytest.mark.parametrize("effect", [1.0, 2.0, 3.0, 4.0])
@pytest.mark.parametrize("n", [40, 120, 400])
def test_a_strong_biomarker_is_not_taken_for_the_outcome(effect: float, n: int) -> None:
    """Two normal distributions so many standard deviations apart: AUROC .76, .92, .98, .998."""
    for seed in range(10):
        snapshot = make_snapshot("binary", n=n, seed=seed, layers=("rna",))
        marker = effect * label(snapshot) + np.random.default_rng(1000 + seed).normal(size=n)
        assert outcome_copies(with_column(snapshot, marker)) == []


def test_groups_that_differ_by_nature_raise_no_question() -> None:
    """Two organs: hundreds of genes part them without an error, and without a gap."""
    snapshot = make_snapshot("binary", n=300, layers=("rna",), features=60)
    shift = np.random.default_rng(0).normal(0, 8, 60)[None, :] * label(snapshot)[:, None]
    values = np.random.default_rng(1).normal(size=(300, 60)) + np.clip(shift, -5.5, 5.5)
    layer = replace(snapshot.layers["rna"], values=values.astype(np.float32), profiled=np.ones(300, dtype=bool))
    assert outcome_copies(replace(snapshot, layers={"rna": layer})) == []


def test_few_patients_and_many_features_prove_nothing() -> None:
    """In ten of each group noise that has two values does it now and then."""
    y = np.repeat([0, 1], 5)
    snapshot = make_snapshot("binary", n=10, layers=("rna",))
    rows = snapshot.rows.with_columns(label=pl.Series(y))
    assert outcome_copies(with_column(replace(snapshot, rows=rows), y.astype(float))) == []


def test_a_number_under_another_unit_is_found_and_a_strong_marker_is_not() -> None:
    snapshot = make_snapshot("regression", n=N, layers=("rna", "mutations"))
    y = label(snapshot)
    for copy in (y, 1e3 - y, np.log(y - y.min() + 1), np.where(np.arange(N) % 5 == 0, np.nan, y)):
        assert named(with_column(snapshot, copy)) == {"opaque:X": ("label", "value")}
    marker = y + 0.05 * y.std() * np.random.default_rng(0).normal(size=N)
    assert outcome_copies(with_column(snapshot, marker)) == []
    columns = pl.DataFrame({"grams": y * 1000, "age": np.arange(N), "site": ["a", "b"] * (N // 2)})
    assert columns_that_tell(columns, snapshot.rows, "regression") == ["grams"]


def test_several_classes() -> None:
    snapshot = make_snapshot("multiclass", n=N, layers=("rna",))
    names = snapshot.rows["label"].to_list()
    code = {name: k for k, name in enumerate(sorted(set(names), reverse=True))}
    assert named(with_column(snapshot, np.array([code[one] for one in names]))) == {"opaque:X": ("label", "value")}
    first = min(set(names))
    one = with_column(snapshot, np.array([float(name == first) for name in names]))
    assert named(one) == {"opaque:X": (f"label={first}", "value")}


def test_survival() -> None:
    snapshot = make_snapshot("survival", n=N, layers=("rna",))
    event = snapshot.rows["event"].cast(pl.Float64).to_numpy()
    days = snapshot.rows["duration_days"].cast(pl.Float64).to_numpy()
    assert named(with_column(snapshot, 1 - event)) == {"opaque:X": ("event", "value")}
    for values in (days, -np.log1p(days), np.where(event == 1, days, days + 500), np.round(days / 100)):
        assert named(with_column(snapshot, values)) == {"opaque:X": ("duration_days", "value")}
    noisy = days * np.exp(0.05 * np.random.default_rng(0).normal(size=N))
    assert named(with_column(snapshot, noisy)) == {}


def test_a_mutation_and_a_code_that_only_cases_have(binary: Snapshot) -> None:
    y = label(binary)
    old = binary.layers["mutations"]
    held = np.column_stack([sparse.csr_matrix(old.values).toarray(), y])
    var = pl.concat([old.var, pl.DataFrame({"feature": ["opaque:M"]})], how="diagonal_relaxed")
    layer = replace(old, values=sparse.csr_matrix(held), var=var, profiled=np.ones(N, dtype=bool))
    assert named(replace(binary, layers={"mutations": layer})) == {"opaque:M": ("label", "value")}
    assert binary.events is not None
    mine = pl.DataFrame({"row": np.flatnonzero(y), "days": 3.0, "code": "ODD:outcome"})
    mine = mine.cast({name: binary.events.schema[name] for name in mine.columns})
    events = pl.concat([binary.events, mine], how="diagonal").sort("row", maintain_order=True)
    assert named(replace(binary, events=events)) == {"ODD:outcome": ("label", "value")}


@given(st.integers(0, 2**31), st.integers(2, 4), st.integers(20, 60))
def test_a_column_tells_the_label_as_a_naive_reader_would_say(seed: int, kinds: int, n: int) -> None:
    """Of few values: each goes with one class, and it does not happen by chance."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, n)
    good, bad = (y * kinds + rng.integers(0, kinds, n) * (k == 0) for k in range(2))
    spoiled = bad.copy()
    spoiled[rng.integers(0, n)] = 99 if rng.random() < 0.5 else 1 - spoiled[0]
    columns = pl.DataFrame({"good": [f"w{v}" for v in good], "spoiled": [f"w{v}" for v in rng.permutation(spoiled)]})
    outcome = pl.DataFrame({"label": y})
    told = columns_that_tell(columns, outcome, "binary")
    pairs = {name: len(set(zip(columns[name], y, strict=True))) == columns[name].n_unique() for name in columns.columns}
    enough = min((y == 0).sum(), (y == 1).sum()) >= 8
    for name in told:
        assert pairs[name]
    if enough and columns["good"].n_unique() <= max(2, n // 10):
        assert "good" in told


def test_columns_of_a_table_one() -> None:
    rng = np.random.default_rng(0)
    y, age = rng.integers(0, 2, 200), rng.normal(60, 10, 200)
    columns = pl.DataFrame({"outcome": y, "readmitted": np.where(y == 1, "<30", rng.choice([">30", "NO"], 200)), "age": age,
                            "sex": rng.choice(["F", "M"], 200), "all": 1.0})  # fmt: skip
    assert columns_that_tell(columns, pl.DataFrame({"label": y}), "binary") == ["outcome", "readmitted"]
    days = rng.exponential(300, 200)
    columns = pl.DataFrame({"years": days / 365.25, "died": y, "status": np.where(y == 1, "dead", "alive"), "age": age})
    outcome = pl.DataFrame({"duration_days": days, "event": y})
    assert columns_that_tell(columns, outcome, "survival") == ["years", "died", "status"]
