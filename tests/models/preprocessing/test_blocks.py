"""Fold-fitted features: what is fitted comes from training rows, what is missing stays harmless."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from scipy import sparse
from snapshots import as_array, garbage, make_snapshot

from clinome.graphs.snapshot.snapshot import Layer
from clinome.models.base.task import task_of
from clinome.models.estimators.risk_sets import cumulative_hazard
from clinome.models.estimators.univariate import (
    association,
    martingale_residuals,
)
from clinome.models.preprocessing.blocks import make_blocks, pieces
from clinome.models.preprocessing.covariates import CovariateBlock
from clinome.models.preprocessing.fold import FoldPreprocessing
from clinome.models.preprocessing.omics_layer import DenseBlock, MutationBlock
from clinome.models.preprocessing.records.code_hierarchy import CodeHierarchy
from clinome.models.preprocessing.records.event_counts import code_counts, counts, last_values
from clinome.models.preprocessing.records.records_block import RecordsBlock
from clinome.models.preprocessing.tree_table import BEST, WIDE, TreeTable
from clinome.snapshot import Snapshot

TRAIN, HELD = np.arange(60), np.arange(60, 100)
ALL = ("rna", "cnv", "methylation", "mutations")


def _dense(values: np.ndarray, scale: str = "none", profiled: np.ndarray | None = None) -> Snapshot:
    n, p = values.shape
    names = [f"NCBIGene:{j}" for j in range(p)]
    var = pl.DataFrame({"feature": names, "symbol": names, "gene": names})
    seen = np.ones(n, dtype=bool) if profiled is None else profiled
    snapshot = make_snapshot("binary", n=n, layers=())
    return replace(snapshot, layers={"x": Layer("x", "expression", scale, var, values.astype(np.float32), seen)})


@pytest.mark.parametrize("rows_per_subject", (1, 2))
def test_blocks_change_nothing_when_held_out_rows_turn_to_garbage(rows_per_subject: int) -> None:
    snapshot = make_snapshot("binary", n=100, layers=ALL, records=True, rows_per_subject=rows_per_subject)
    other = garbage(snapshot, HELD)
    for one, two in zip(make_blocks(snapshot), make_blocks(other), strict=True):
        left = as_array(one.fit(snapshot, TRAIN).transform(snapshot, TRAIN))
        right = as_array(two.fit(other, TRAIN).transform(other, TRAIN))
        np.testing.assert_array_equal(left, right)
        assert one.names == two.names
        assert not np.array_equal(as_array(one.transform(snapshot, HELD)), as_array(two.transform(other, HELD)))


def test_dense_values_are_winsorised_scaled_and_imputed() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(10, 3, (200, 3))
    values[0, 0], values[1, 1], values[:, 2] = 3515.0, np.nan, 7.0
    snapshot = _dense(values)
    block = DenseBlock("x").fit(snapshot, np.arange(200))
    x = block.transform(snapshot, np.arange(200))
    assert block.kept.tolist() == [0, 1], "a constant feature is dropped"
    assert np.abs(x).max() <= 5
    assert x[:, 0].std() == pytest.approx(1.0, abs=0.02), "one wild value must not flatten the rest"
    assert x[1, 1] == pytest.approx(float(np.median(x[2:, 1])), abs=0.05)
    assert block.gather(np.ones((4, 2))).tolist() == [[1, 1, 0]] * 4


def test_a_rare_call_survives_winsorising() -> None:
    values = np.zeros((300, 2))
    values[0, 0] = 1.0
    values[:, 1] = np.arange(300)
    snapshot = _dense(values)
    assert DenseBlock("x").fit(snapshot, np.arange(300)).kept.tolist() == [0, 1]


def test_a_layer_that_a_row_lacks_is_zero_and_absent() -> None:
    profiled = np.arange(20) % 2 == 0
    snapshot = _dense(np.random.default_rng(0).normal(size=(20, 4)), profiled=profiled)
    block = DenseBlock("x").fit(snapshot, np.arange(20))
    x = block.transform(snapshot, np.arange(20))
    assert not x[~profiled].any()
    assert block.present(snapshot, np.arange(20)).tolist() == profiled.tolist()


def test_log1p_is_taken_where_the_layer_asks_for_it() -> None:
    values = np.expm1(np.random.default_rng(0).normal(5, 1, (50, 2)))
    logged, plain = _dense(values, "log1p"), _dense(np.log1p(values))
    rows = np.arange(50)
    np.testing.assert_allclose(
        DenseBlock("x").fit(logged, rows).transform(logged, rows),
        DenseBlock("x").fit(plain, rows).transform(plain, rows), atol=1e-4,
    )  # fmt: skip


def test_a_layer_that_nobody_in_training_has_is_empty() -> None:
    snapshot = _dense(np.ones((10, 3)), profiled=np.zeros(10, dtype=bool))
    assert DenseBlock("x").fit(snapshot, np.arange(8)).transform(snapshot, np.arange(10)).shape == (10, 0)


def test_mutations_need_two_carriers_in_training() -> None:
    hits = np.zeros((50, 3), dtype=np.float32)
    hits[0, 0] = hits[:2, 1] = hits[40:, 2] = 1
    base = _dense(np.zeros((50, 3)))
    layer = replace(base.layers["x"], kind="mutation", values=sparse.csr_matrix(hits))
    snapshot = replace(base, layers={"x": layer})
    block = MutationBlock("x").fit(snapshot, np.arange(40))
    x = as_array(block.transform(snapshot, np.arange(50)))
    assert block.kept.tolist() == [1]
    assert x.shape == (50, 2), "one gene and the burden"
    assert block.gather(x)[0].tolist() == [0, 1, 0]


def test_words_new_or_rare_are_one_and_missing_is_a_word_of_its_own() -> None:
    sex = ["F"] * 10 + ["M"] * 10 + [None] * 5 + ["rare"] + ["new"] * 4
    age = [50.0, None] * 15
    snapshot = replace(make_snapshot("binary", n=30, layers=()), covariates=pl.DataFrame({"sex": sex, "age": age}))
    block = CovariateBlock().fit(snapshot, np.arange(26))
    x = as_array(block.transform(snapshot, np.arange(30)))
    assert block.words["sex"] == ["F", "M", None]
    assert x[25, :4].tolist() == x[29, :4].tolist() == [0, 0, 0, 1]
    assert x[22, :4].tolist() == [0, 0, 1, 0]
    assert x[:, 5].tolist() == [0, 1] * 15, "a flag says where age is missing"
    assert block.gather(np.ones((2, 6))).tolist() == [[4, 2]] * 2


def test_ancestors_follow_is_a_and_the_structure_of_codes_even_in_a_circle() -> None:
    links = pl.DataFrame({"subject": ["A:1", "A:2", "A:3"], "predicate": ["IS_A"] * 3, "object": ["A:2", "A:3", "A:1"]})
    tree = CodeHierarchy.of(links)
    assert tree.ancestors("A:1") == ("A:2", "A:3")
    assert tree.ancestors("ICD9CM:428.0") == ("ICD9CM:428", "ICD9CM:420-429", "ICD9CM:390-459")
    assert tree.ancestors("LOINC:1-1") == tree.ancestors("ICD9CM:390-459") == ()
    assert CodeHierarchy.restored(tree.state()) == tree


def test_the_nearest_ancestor_comes_first() -> None:
    subject, above = ["ICD10CM:I50.21", "ICD10CM:I50", "ICD10CM:I50.21"], ["ICD10CM:I50.2", "ICD10CM:I30-52", "A:heart"]
    tree = CodeHierarchy.of(pl.DataFrame({"subject": subject, "predicate": ["IS_A"] * 3, "object": above}))
    assert tree.ancestors("ICD10CM:I50.21") == (
        "A:heart", "ICD10CM:I50.2", "ICD10CM:I50", "ICD10CM:I30-52", "ICD10CM:I30-I5A", "ICD10CM:I00-I99",
    )  # fmt: skip


def _events(rows: list[tuple[int, float, str, float | None, str | None, int | None]], n: int = 4) -> Snapshot:
    events = pl.DataFrame(
        [(r, d, None, c, v, t, w) for r, d, c, v, t, w in rows], orient="row",
        schema={"row": pl.Int64, "days": pl.Float64, "age": pl.Float32, "code": pl.String, "numeric_value": pl.Float64,
                "text_value": pl.String, "visit": pl.Int64},
    )  # fmt: skip
    return replace(make_snapshot("binary", n=n, layers=(), rows_per_subject=2), events=events)


def test_records_are_counted_by_hand() -> None:
    snapshot = _events([
        (0, 9.0, "ICD9CM:428.0", None, None, 0), (0, 9.0, "DRUG:x", None, "Up", 0), (0, 1.0, "ICD9CM:428.1", None, None, 1),
        (0, 1.0, "VALUE:d", 3.0, None, 1), (1, 5.0, "VALUE:d", 7.0, None, 0), (1, 2.0, "VALUE:d", 0.0, None, 1),
    ])  # fmt: skip
    c = counts(snapshot)
    total = dict(zip(c.tokens, c.total[0].toarray()[0].tolist(), strict=True))
    assert total == {
        "ICD9CM:390-459": 2,
        "ICD9CM:420-429": 2,
        "ICD9CM:428": 2,
        "ICD9CM:428.0": 1,
        "ICD9CM:428.1": 1,
        "DRUG:x": 1,
        "DRUG:x=Up": 1,
        "VALUE:d": 1,
    }
    assert c.current is not None
    current = dict(zip(c.tokens, c.current[0].toarray()[0].tolist(), strict=True))
    assert (current["ICD9CM:428"], current["DRUG:x"]) == (1, 0)
    assert c.amount.tolist() == [[4, 2, 2], [2, 2, 1], [0, 0, 0], [0, 0, 0]]
    last = last_values(snapshot, np.arange(3), ["VALUE:d", "VALUE:never"])
    np.testing.assert_array_equal(last, [[3, np.nan], [0, np.nan], [np.nan, np.nan]])
    assert c.earlier.toarray()[:2, 0].tolist() == [0, 7]
    np.testing.assert_allclose(code_counts(snapshot, np.arange(2), ["ICD9CM:428"]), [[np.log1p(2)], [0]])


def test_counts_do_not_see_order() -> None:
    """The same events at other times of the same visit: nothing changes but the order."""
    snapshot = make_snapshot("binary", n=60, layers=(), records=True)
    assert snapshot.events is not None
    events = snapshot.events.filter(pl.col("numeric_value").is_null()).with_columns(visit=pl.lit(None, pl.Int64))
    shuffled = events.sample(fraction=1.0, shuffle=True, seed=3).sort("row", maintain_order=True)
    rows = np.arange(60)
    left, right = (
        as_array(RecordsBlock().fit(s, rows).transform(s, rows))
        for s in (replace(snapshot, events=events), replace(snapshot, events=shuffled))
    )
    np.testing.assert_array_equal(left, right)


def test_codes_unseen_in_training_are_served() -> None:
    snapshot = make_snapshot("binary", n=40, layers=(), records=True)
    block = RecordsBlock().fit(snapshot, np.arange(30))
    new = _events([(0, 1.0, "ICD10CM:Q00.0", None, None, 0), (1, 1.0, "ICD10CM:I10", None, None, 0)])
    x = as_array(block.transform(new, np.arange(4)))
    assert x.shape[1] == block.transform(snapshot, np.arange(3)).shape[1]
    assert block.gather(x)[1, block.names.index("ICD10CM:I10")] > 0


def test_joined_blocks_fall_apart_into_what_they_were() -> None:
    snapshot = make_snapshot("binary", n=80, layers=("rna", "mutations"), records=True, missing=0.3)
    joined = FoldPreprocessing.fit(snapshot, TRAIN).joined(snapshot, TRAIN)
    x = as_array(joined.transform(snapshot, TRAIN))
    found = pieces(joined, x)
    assert {name: a.shape[1] for name, a in found.items()} == {b.name: len(b.names) for b in joined.blocks}
    assert joined.flagged == [True, True, False, False]


@pytest.mark.parametrize("task", ("binary", "multiclass", "regression", "survival"))
def test_the_table_keeps_missing_as_missing_and_maps_back(task: str) -> None:
    snapshot = make_snapshot(task, n=100, layers=ALL, records=True, rows_per_subject=2)
    y = np.column_stack([np.arange(60.0), np.arange(60) % 2]) if task == "survival" else np.arange(60) % 2
    table = TreeTable().fit(snapshot, TRAIN, task_of(task).working_response(y, 3))
    x = table.transform(snapshot, np.arange(100))
    assert np.isnan(x[~snapshot.layers["rna"].profiled][:, :60]).all()
    found = table.gather(np.ones_like(x))
    assert {name: a.shape[1] for name, a in found.items()} == {
        **{name: 60 for name in ALL}, "covariates": 3, "records": len(next(part.names for part in table.parts if part.name == "records")),
    }  # fmt: skip


def test_a_wide_layer_enters_with_its_best_features() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(80, WIDE + 50))
    y = rng.integers(0, 2, 60)
    values[:60, 7] += 3 * y
    snapshot = replace(_dense(values), covariates=pl.DataFrame())
    table = TreeTable().fit(snapshot, TRAIN, task_of("binary").working_response(y, 2))
    assert len(table.parts[0].index) == BEST
    assert 7 in table.parts[0].index


def test_association_is_the_squared_correlation_and_the_anovas_share() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(50, 4)), rng.integers(0, 3, 50)
    one = association(x, task_of("binary").working_response((y > 0).astype(int), 2))
    np.testing.assert_allclose(one, [np.corrcoef(x[:, j], y > 0)[0, 1] ** 2 for j in range(4)])
    between = [sum((y == k).sum() * (x[y == k, j].mean() - x[:, j].mean()) ** 2 for k in range(3)) for j in range(4)]
    share = np.array(between) / (50 * x.var(axis=0))
    np.testing.assert_allclose(association(x, task_of("multiclass").working_response(y, 3)), share)
    np.testing.assert_allclose(association(sparse.csr_matrix(x), task_of("multiclass").working_response(y, 3)), share)


def test_hazard_and_residuals_are_lifelines() -> None:
    from lifelines import NelsonAalenFitter

    rng = np.random.default_rng(0)
    time, event = rng.integers(1, 20, 80).astype(float), rng.integers(0, 2, 80).astype(float)
    fitted = NelsonAalenFitter(nelson_aalen_smoothing=False).fit(time, event)
    np.testing.assert_allclose(cumulative_hazard(time, event), fitted.predict(time).to_numpy())
    assert martingale_residuals(np.column_stack([time, event])).sum() == pytest.approx(0.0, abs=1e-9)
