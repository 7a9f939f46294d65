"""What every learner of the catalogue must keep, whatever is inside."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy import sparse
from snapshots import PLANTED, garbage, make_snapshot

from clinome.loaders.errors import InputError
from clinome.models.base.learner import Learner
from clinome.models.base.serialization import read_state, write_state
from clinome.models.experiment.controls import permuted
from clinome.models.inference.input_schema import InputSchema
from clinome.models.learners.adapters.scikit_learn import sklearn
from clinome.models.learners.registry import LEARNERS, baselines, clusterers, default, every, is_floor, make, select
from clinome.models.metrics.task_metrics import inner_score, targets
from clinome.models.preprocessing.records.code_hierarchy import CodeHierarchy
from clinome.snapshot import Snapshot

TASKS = ("binary", "multiclass", "multilabel", "regression", "responses", "survival")
CLUSTERERS = clusterers()
"""Learners that look at no outcome: they have a task of their own."""
SURVIVAL = {name for name, entry in LEARNERS.items() if "survival" in entry.needs}
"""Learners of that task alone."""
BLIND = {"majority", "covariates"}
"""Learners that cannot find what is planted in omics."""
NETWORKS = {
    "propagation",
    "gene_gnn",
    "hetero_gnn",
    "pathway_net",
    "patient_gnn",
    "autoencoder",
    "vae",
    "gru",
    "lstm",
    "gru_d",
    "sequence",
    "fusion",
    "cross_attention",
    "contrastive",
}
TRAIN, TUNING, HELD = np.arange(0, 60), np.arange(60, 80), np.arange(80, 110)


@cache
def _snapshot(task: str, signal: float = 1.0) -> Snapshot:
    return make_snapshot(task, n=110, layers=("rna", "mutations"), records=True, signal=signal, features=24)


def _wrapped(task: str) -> Learner:
    from sklearn.linear_model import Ridge
    from sklearn.svm import LinearSVC

    return sklearn(Ridge() if task in ("regression", "survival") else LinearSVC(), "wrapped")


def _make(name: str, task: str) -> Learner:
    return _wrapped(task) if name == "wrapped" else make(name)


def _cases() -> list[Any]:
    names = (*LEARNERS, "wrapped")
    never = {(name, task) for name in SURVIVAL for task in TASKS if task != "survival"} | {("wrapped", "multilabel")}
    never |= {(name, "responses") for name in names if not getattr(_make(name, "binary"), "several_numbers", False)}
    found = [(name, task) for name in names if name not in CLUSTERERS for task in TASKS if (name, task) not in never]
    return [*found, *((name, "clustering") for name in CLUSTERERS)]


CASES = pytest.mark.parametrize(("name", "task"), _cases())


def _quick(learner: Learner, seed: int = 0) -> Learner:
    """Networks learn for a few epochs: the contract is about shapes and rows, not about skill."""
    quick = {"plan": {"epochs": 3}} if learner.name in NETWORKS else {"k": 3} if learner.name in CLUSTERERS else {}
    return learner.with_setting(quick, seed)


def _fitted(name: str, task: str, snapshot: Snapshot, seed: int = 0) -> Learner:
    learner = _quick(_make(name, task), seed)
    assert learner.supports(snapshot) and learner.reason(snapshot) is None
    learner.fit(snapshot, TRAIN, TUNING)
    return learner


def _flat(state: Any) -> list[Any]:
    if isinstance(state, dict):
        return [x for key in state for x in ([key] if isinstance(key, str) else []) + _flat(state[key])]
    if isinstance(state, list | tuple):
        return [x for one in state for x in _flat(one)]
    return [state]


def assert_same_state(one: Learner, two: Learner) -> None:
    left, right = _flat(one.state()), _flat(two.state())
    assert len(left) == len(right)
    for a, b in zip(left, right, strict=True):
        if isinstance(a, np.ndarray):
            np.testing.assert_array_equal(a, b)
        else:
            assert repr(a) == repr(b)


def _codes_and_above(snapshot: Snapshot) -> set[str]:
    assert snapshot.events is not None
    codes = snapshot.events["code"].unique().to_list()
    above = CodeHierarchy.of(snapshot.links)
    return {*codes, *(one for code in codes for one in above.ancestors(code))}


@CASES
def test_scores_state_and_attribution_have_their_shapes(name: str, task: str) -> None:
    snapshot = _snapshot(task)
    learner = _fitted(name, task, snapshot)
    score = learner.predict(snapshot, HELD)
    assert score.shape == ((30, 3) if task in ("multiclass", "multilabel", "responses") else (30,))
    assert np.isfinite(score).all()
    if task == "multiclass":
        np.testing.assert_allclose(score.sum(axis=1), 1.0, atol=1e-5)
    if task in ("binary", "multilabel"):
        assert ((score >= 0) & (score <= 1)).all()
    plain = np.ndarray | np.generic | int | float | str | bool | None
    assert all(isinstance(x, plain) for x in _flat(learner.state()))
    attributed = learner.attribute(snapshot, HELD)
    known = {name: set(layer.var["feature"]) for name, layer in snapshot.layers.items()}
    known |= {"covariates": set(snapshot.covariates.columns), "records": _codes_and_above(snapshot)}
    for block, one in (attributed or {}).items():
        assert one.values.shape == (30, len(one.names)) and len(one.names) > 0
        assert set(one.names) <= known[block] and np.isfinite(one.values).all()


@CASES
def test_the_same_seed_gives_the_same_and_order_of_rows_does_not_matter(name: str, task: str) -> None:
    snapshot = _snapshot(task)
    one, two = _fitted(name, task, snapshot), _fitted(name, task, snapshot)
    assert_same_state(one, two)
    score = one.predict(snapshot, HELD)
    np.testing.assert_array_equal(score, two.predict(snapshot, HELD))
    np.testing.assert_allclose(score[::-1], one.predict(snapshot, HELD[::-1]), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(score[:3], one.predict(snapshot, HELD[:3]), rtol=1e-4, atol=1e-5)


@CASES
def test_fitted_state_is_the_same_when_held_out_rows_are_garbage(name: str, task: str) -> None:
    snapshot = _snapshot(task)
    names = ["duration_days", "event"] if task == "survival" else ["label"]
    other = garbage(snapshot, HELD)
    order = np.arange(110)
    order[HELD] = HELD[::-1]
    turned = [snapshot.rows[n][order] for n in names]
    other = replace(other, rows=snapshot.rows.clone().with_columns(turned))
    assert_same_state(_fitted(name, task, snapshot), _fitted(name, task, other))


@CASES
def test_saved_and_loaded_it_predicts_the_same_to_the_last_bit(name: str, task: str, tmp_path: Path) -> None:
    snapshot = _snapshot(task)
    learner = _fitted(name, task, snapshot)
    assert learner.unsaved() is None
    write_state(tmp_path / "model", learner.state())
    again = _make(name, task).restore(read_state(tmp_path / "model"))
    every = np.arange(110)
    np.testing.assert_array_equal(again.predict(snapshot, every), learner.predict(snapshot, every))
    assert_same_state(again, learner)
    mine, its = learner.attribute(snapshot, HELD), again.attribute(snapshot, HELD)
    assert (mine is None) == (its is None)
    for block, attributed in (mine or {}).items():
        assert list((its or {})[block].names) == list(attributed.names)
        np.testing.assert_array_equal((its or {})[block].values, attributed.values)


_ANOTHER_PROCESS = """
import sys
from pathlib import Path
import numpy as np
from clinome.snapshot import Snapshot
from clinome.models.learners.registry import make
from clinome.models.base.serialization import read_state
folder = Path(sys.argv[1])
for task in ("binary", "multiclass", "multilabel", "regression", "responses", "survival", "clustering"):
    snapshot = Snapshot.read(folder / task / "snapshot")
    for name in sys.argv[2:]:
        if (folder / task / name).exists():
            score = make(name).restore(read_state(folder / task / name)).predict(snapshot, np.arange(110))
            np.testing.assert_array_equal(score, np.load(folder / task / f"{name}.npy"), err_msg=f"{name}, {task}")
            print(task, name)
"""


@pytest.mark.slow
def test_another_process_loads_every_learner_and_predicts_the_same(tmp_path: Path) -> None:
    saved = []
    for name, task in _cases():
        if name == "wrapped":
            continue
        learner = _fitted(name, task, _snapshot(task))
        write_state(tmp_path / task / name, learner.state())
        np.save(tmp_path / task / f"{name}.npy", learner.predict(_snapshot(task), np.arange(110)))
        _snapshot(task).save(tmp_path / task / "snapshot")
        saved.append(f"{task} {name}")
    command = [sys.executable, "-c", _ANOTHER_PROCESS, str(tmp_path), *LEARNERS]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr
    assert sorted(told.stdout.split("\n")[:-1]) == sorted(saved)


@CASES
def test_features_are_found_by_name_in_another_order_and_number(name: str, task: str) -> None:
    """Of another study: columns shuffled, some of its own more, and what it lacks is as if it had not been measured."""
    snapshot = _snapshot(task)
    learner = _fitted(name, task, snapshot)
    score = learner.predict(snapshot, HELD)
    rng = np.random.default_rng(3)
    layers = {}
    for layer in snapshot.layers.values():
        order = rng.permutation(layer.var.height + 2)
        more = [f"NCBIGene:{9000 + j}" for j in range(2)]
        var = pl.concat([layer.var, pl.DataFrame({c: more for c in layer.var.columns})])[order]
        values = (
            sparse.csr_matrix(layer.values).toarray() if sparse.issparse(layer.values) else np.asarray(layer.values)
        )
        extra = np.zeros((110, 2)) if layer.kind == "mutation" else rng.normal(size=(110, 2))
        whole = np.hstack([values, extra]).astype(np.float32)[:, order]
        whole = sparse.csr_matrix(whole) if layer.kind == "mutation" else whole
        layers[layer.name] = replace(layer, var=var, values=whole)
    turned = replace(snapshot, layers=layers, covariates=snapshot.covariates.select(snapshot.covariates.columns[::-1]))
    np.testing.assert_array_equal(learner.predict(turned, HELD), score)
    without, gone = {}, {}
    for layer in layers.values():
        kept = np.flatnonzero((layer.var["feature"] != "NCBIGene:3").to_numpy())
        without[layer.name] = replace(layer, var=layer.var[kept], values=layer.values[:, kept])
        values = sparse.lil_matrix(layer.values) if layer.kind == "mutation" else np.array(layer.values)
        values[:, layer.var["feature"].to_list().index("NCBIGene:3")] = 0.0 if layer.kind == "mutation" else np.nan
        gone[layer.name] = replace(layer, values=sparse.csr_matrix(values) if layer.kind == "mutation" else values)
    one, other = (learner.predict(replace(turned, layers=parts), HELD) for parts in (without, gone))
    np.testing.assert_array_equal(one, other)
    nobody = np.zeros(110, dtype=bool)
    unprofiled = {n: replace(x, values=0 * x.values, profiled=nobody) for n, x in layers.items()}
    one, other = (learner.predict(replace(turned, layers=parts), HELD) for parts in ({}, unprofiled))
    np.testing.assert_array_equal(one, other)


@CASES
def test_a_study_that_lacks_everything_or_all_visits_is_served(name: str, task: str) -> None:
    """As `clinome predict` brings it into the model's shape (`models.inference.input_schema`)."""
    snapshot = make_snapshot(task, n=110, records=True, features=24, rows_per_subject=2)
    learner, seen = _fitted(name, task, snapshot), InputSchema.of(snapshot)
    assert snapshot.events is not None
    bare = replace(snapshot, layers={}, covariates=pl.DataFrame(), events=None, links=snapshot.links.clear())
    score = learner.predict(seen.serve(bare).snapshot, HELD)
    assert np.isfinite(score).all() and (np.abs(score - score[0]) < 1e-6).all()
    flat = snapshot.events.with_columns(visit=pl.lit(None, pl.Int64))
    assert np.isfinite(learner.predict(seen.serve(replace(snapshot, events=flat)).snapshot, HELD)).all()
    np.testing.assert_array_equal(learner.predict(seen.serve(snapshot).snapshot, HELD), learner.predict(snapshot, HELD))


@CASES
def test_missing_layers_constant_features_and_unseen_codes_are_served(name: str, task: str) -> None:
    snapshot = _snapshot(task)
    rna, mutations = snapshot.layers["rna"], snapshot.layers["mutations"]
    values = np.asarray(rna.values).copy()
    values[:, 3], values[:, 4] = 7.0, np.nan
    profiled = rna.profiled.copy()
    profiled[HELD[:5]] = False
    nothing = sparse.csr_matrix(mutations.values.shape, dtype=np.float32)
    layers = {"rna": replace(rna, values=values, profiled=profiled), "mutations": replace(mutations, values=nothing)}
    assert snapshot.events is not None
    events = snapshot.events.filter(pl.col("row") != HELD[0]).with_columns(
        code=pl.when(pl.col("row") == HELD[1]).then(pl.lit("ICD10CM:Q99.9")).otherwise("code")
    )
    odd = replace(snapshot, layers=layers, events=events)
    score = _fitted(name, task, odd).predict(odd, HELD)
    assert np.isfinite(score).all()


def test_a_lab_that_only_the_tuning_rows_have_is_survived() -> None:
    """Of many rows the first fit goes without those, and knows nothing of it."""
    snapshot = make_snapshot("binary", n=700, layers=(), records=True)
    assert snapshot.events is not None
    lab = snapshot.events.filter(pl.col("row") >= 640).with_columns(code=pl.lit("LOINC:1-1"), numeric_value=pl.lit(7.0))
    odd = replace(snapshot, events=pl.concat([snapshot.events, lab]).sort("row", maintain_order=True))
    learner = make("boosting").with_setting({}, 0)
    learner.fit(odd, np.arange(640), np.arange(640, 690))
    assert np.isfinite(learner.predict(odd, np.arange(690, 700))).all()


@CASES
def test_a_training_part_with_one_patient_of_a_class_is_survived(name: str, task: str) -> None:
    snapshot = _snapshot(task)
    if task == "survival":
        column = pl.Series("event", np.isin(np.arange(110), [5, 100]))
    elif task == "multilabel":
        column = pl.Series("label", [["gout"] if i in (5, 100) else [] for i in range(110)], dtype=pl.List(pl.String))
    else:
        few = {
            "binary": (0, 1),
            "multiclass": ("basal", "her2"),
            "regression": (7.0, 8.0),
            "responses": ([7.0, None, 1.0], [8.0, None, 1.0]),
            "clustering": ("basal", "her2"),
        }[task]
        column = pl.Series("label", [few[int(i in (5, 100))] for i in range(110)])
    lonely = replace(snapshot, rows=snapshot.rows.with_columns(column))
    assert np.isfinite(_fitted(name, task, lonely).predict(lonely, HELD)).all()


@pytest.mark.parametrize("name", [n for n in baselines() if not is_floor(n) and n not in SURVIVAL])
def test_a_covariate_of_many_words_is_survived(name: str) -> None:
    snapshot = _snapshot("binary")
    words = pl.Series("ward", [f"w{i % 36:02d}" for i in range(110)])
    wordy = replace(snapshot, covariates=snapshot.covariates.with_columns(words))
    assert np.isfinite(_fitted(name, "binary", wordy).predict(wordy, HELD)).all()


@pytest.mark.parametrize(("name", "task"), [c for c in _cases() if c[0] not in {*BLIND, *NETWORKS, *CLUSTERERS}])
def test_a_planted_signal_is_found(name: str, task: str) -> None:
    snapshot = make_snapshot(task, n=240, layers=("rna", "mutations"), records=True, signal=1.5, features=30)
    learner = _make(name, task).with_setting({}, 0)
    learner.fit(snapshot, np.arange(120), np.arange(120, 150))
    rows = np.arange(150, 240)
    y = targets(snapshot.rows[rows], task, snapshot.classes)
    assert inner_score(task, y, learner.predict(snapshot, rows)) > {
        "multiclass": 0.48,
        "regression": 0.3,
        "responses": 0.3,
    }.get(task, 0.6)
    attributed = learner.attribute(snapshot, rows)
    if attributed is not None and "rna" in attributed:
        size = attributed["rna"].importance()
        assert size[:PLANTED].mean() > 2 * size[PLANTED:].mean()


@pytest.mark.parametrize("name", [n for n in (*baselines(), "wrapped") if not is_floor(n) and n not in SURVIVAL])
def test_permuted_labels_teach_nothing(name: str) -> None:
    snapshot = make_snapshot("binary", n=200, layers=("rna", "mutations"), records=True, features=24)
    found = []
    for seed in range(4):
        lie = permuted(snapshot, seed)
        learner = _make(name, "binary").with_setting({}, seed)
        learner.fit(lie, np.arange(80), np.arange(80, 100))
        y = targets(lie.rows[np.arange(100, 200)], "binary", lie.classes)
        found.append(inner_score("binary", y, learner.predict(lie, np.arange(100, 200))))
    assert abs(np.mean(found) - 0.5) < 0.1  # 0.03 is one standard error of the mean of four


@pytest.mark.parametrize("name", [n for n in (*baselines(), "wrapped") if not is_floor(n) and n not in SURVIVAL])
def test_permuted_numbers_explain_nothing(name: str) -> None:
    """R² of who predicts noise for noise lies below 0, of who has learnt to say the mean close to it."""
    snapshot = make_snapshot("regression", n=200, layers=("rna", "mutations"), records=True, features=24)
    found = []
    for seed in range(3):
        lie = permuted(snapshot, seed)
        learner = _make(name, "regression").with_setting({}, seed)
        learner.fit(lie, np.arange(80), np.arange(80, 100))
        y = targets(lie.rows[np.arange(100, 200)], "regression", ())
        found.append(inner_score("regression", y, learner.predict(lie, np.arange(100, 200))))
    assert np.mean(found) < 0.05
    if name in ("covariates", "ridge_late", "best_feature"):
        assert np.mean(found) > -0.25


@pytest.mark.parametrize(
    "name", [n for n in (*LEARNERS, "wrapped") if n not in (*SURVIVAL, "boosting", "gene_gnn", "wrapped", *CLUSTERERS)]
)
def test_another_unit_of_the_outcome_is_another_unit_of_the_prediction(name: str) -> None:
    """Degrees Fahrenheit instead of Celsius, grams instead of kilograms: the same model, its answer in that unit."""
    snapshot = _snapshot("regression")
    turned = replace(snapshot, rows=snapshot.rows.with_columns(pl.col("label") * 1e-3 - 5))
    one, two = (_fitted(name, "regression", each).predict(each, HELD) for each in (snapshot, turned))
    np.testing.assert_allclose(two, one * 1e-3 - 5, rtol=1e-3, atol=2e-2 * np.ptp(one) * 1e-3)


@pytest.mark.parametrize("name", LEARNERS)
def test_settings_keep_the_budget_and_start_with_the_default(name: str) -> None:
    learner = make(name)
    assert learner.settings(8)[0] == {}
    assert list(learner.settings(2)) == list(learner.settings(8))[:2]
    assert len(learner.settings(1)) == 1
    many = list(learner.settings(8))
    all_there_are = (
        "majority",
        "covariates",
        "best_feature",
        "ridge_late",
        "lasso",
        "elastic_net",
        "cox_pca",
        *CLUSTERERS,
    )
    assert len(many) == 8 or name in all_there_are
    assert all(one not in many[:i] for i, one in enumerate(many)) and json.loads(json.dumps(many)) == many


def test_ridge_attributions_add_up_to_the_score() -> None:
    snapshot = _snapshot("binary")
    learner = _fitted("ridge_late", "binary", snapshot)
    score = learner.predict(snapshot, HELD)
    logit = np.log(score / (1 - score))
    attributed = learner.attribute(snapshot, HELD)
    assert attributed is not None
    total = sum(one.values.sum(axis=1) for one in attributed.values())
    assert np.corrcoef(total, logit)[0, 1] > 0.95  # what is left: the mutations' burden and the amount of records


@pytest.mark.parametrize("name", ["survival_forest", "survival_boosting"])
def test_without_scikit_survival_its_learners_say_so(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    snapshot, learner = _snapshot("survival"), make(name)
    assert name in select(snapshot, ("default",))[1] and learner.reason(snapshot) is None
    assert "is for survival" in str(learner.reason(_snapshot("binary")))
    fitted = _fitted(name, "survival", snapshot)
    score, state = fitted.predict(snapshot, HELD), fitted.state()
    monkeypatch.setitem(sys.modules, "sksurv", None)
    assert "clinome[survival]" in str(learner.reason(snapshot))
    with pytest.raises(InputError, match="scikit-survival is not installed"):
        learner.with_setting({}, 0).fit(snapshot, TRAIN, TUNING)
    np.testing.assert_array_equal(make(name).restore(state).predict(snapshot, HELD), score)  # a model needs it no more


@pytest.mark.parametrize("name", sorted(SURVIVAL))
def test_permuted_outcomes_rank_nobody(name: str) -> None:
    snapshot = make_snapshot("survival", n=200, layers=("rna", "mutations"), records=True, features=24)
    found = []
    for seed in range(4):
        lie = permuted(snapshot, seed)
        learner = make(name).with_setting({}, seed)
        learner.fit(lie, np.arange(80), np.arange(80, 100))
        y = targets(lie.rows[np.arange(100, 200)], "survival", ())
        found.append(inner_score("survival", y, learner.predict(lie, np.arange(100, 200))))
    assert abs(np.mean(found) - 0.5) < 0.1


def test_the_catalogue_says_what_cannot_run_and_why() -> None:
    snapshot = make_snapshot("binary", n=30, covariates=False)
    learners, left_out = select(snapshot, ("default", "chosen"))
    assert [x.name for x in learners] == [
        "majority",
        "best_feature",
        "ridge_late",
        "forest",
        "boosting",
        "propagation",
        "gene_gnn",
        "hetero_gnn",
    ]
    assert list(left_out) == [
        "covariates",
        "lasso",
        "elastic_net",
        "pathway_net",
        "patient_gnn",
        "pca",
        "factor",
        "autoencoder",
        "vae",
    ]
    assert default(make_snapshot("survival", n=30, records=True))[-19:] == [
        "cox_pca",
        "survival_forest",
        "survival_boosting",
        "propagation",
        "gene_gnn",
        "hetero_gnn",
        "pathway_net",
        "patient_gnn",
        "pca",
        "factor",
        "autoencoder",
        "vae",
        "gru",
        "lstm",
        "gru_d",
        "sequence",
        "fusion",
        "cross_attention",
        "contrastive",
    ]
    assert [x.name for x in every(snapshot)] == list(LEARNERS)
    with pytest.raises(InputError, match="unknown learner"):
        select(snapshot, ("ridge",))
    with pytest.raises(InputError, match="no learner can run"):
        select(snapshot, ("sequence",))
