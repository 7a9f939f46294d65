"""Damaged models: every tensor and setting that is not as it was saved is refused with its place; nothing is predicted."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from snapshots import make_snapshot

from clinome.loaders.errors import InputError
from clinome.loaders.specs import Activity
from clinome.models.base.serialization import ARRAYS, TEXT, read_state, write_state
from clinome.models.inference.input_schema import InputSchema
from clinome.models.inference.model import FORMAT, Model, member_of
from clinome.models.inference.model_format import check_model
from clinome.models.inference.state_part import FormatError
from clinome.models.learners.base import with_head
from clinome.models.learners.registry import LEARNERS, clusterers, make
from clinome.models.learners.stacking import STACK, Choice
from clinome.snapshot import Snapshot

TASKS = ("binary", "multiclass", "multilabel", "regression", "responses", "survival")
CASES = [
    (n, t) for n in LEARNERS if n not in clusterers() for t in TASKS
    if ("survival" not in LEARNERS[n].needs or t == "survival") and (t != "responses" or getattr(make(n), "several_numbers", False))
]  # fmt: skip
CASES += [(name, "clustering") for name in clusterers()]
NUMERIC = ("majority", "best_feature", "ridge_late", "boosting", "forest", "hetero_gnn")
"""What of a number's or several labels' model differs from a class's: rates, coefficients, trees, a head."""
WINDOWED = "ridge_late with windows"
SCORED = {"ridge_late with activity": True, "forest with activity": True, "ridge_late with activity alone": False,
          "forest with activity alone": False}  # fmt: skip
"""Whether the genes stay beside the activities of their sets."""
CASES += [(one, "binary") for one in (WINDOWED, *SCORED)]
ALL = pytest.mark.parametrize(("name", "task"), CASES)
Edit = tuple[str, Callable[[Any], Any]]


@cache
def snapshot_of(task: str) -> Snapshot:
    return make_snapshot(task, n=110, layers=("rna", "mutations"), records=True, features=24)


@cache
def saved(name: str, task: str) -> dict[str, Any]:
    """The state of a model of one learner."""
    snapshot = scored(snapshot_of(task), SCORED[name]) if name in SCORED else snapshot_of(task)
    setting: dict[str, Any] = {"windows": "all"} if name == WINDOWED else {}
    name = name.split(maxsplit=1)[0]
    learner = make(name)
    learner = learner.with_setting({"plan": {"epochs": 2}} if getattr(learner, "on_torch", False) else setting, 3)
    if name in clusterers():  # the number is given, which is quick, and is no part of a model
        learner = make(name).with_setting({"k": 3}, 3)
    learner.fit(snapshot, np.arange(60), np.arange(60, 110))
    learner.setting = {} if name in clusterers() else learner.setting  # type: ignore[attr-defined]
    choice = Choice(name, {name: 1.0}, {}, {}, np.zeros(0), {name: 0.5})
    return as_state(Model(InputSchema.of(snapshot), choice, (member_of(learner),), {"rows": 110, "task": task}))


def scored(snapshot: Snapshot, keep_genes: bool) -> Snapshot:
    """The snapshot with activities of its pathways."""
    rna = replace(snapshot.layers["rna"], activity=Activity("ulm", ("sets",), keep_genes=keep_genes))
    links = snapshot.links.with_columns(source=pl.lit("knowledge.sets"))
    return replace(snapshot, links=links, layers={**snapshot.layers, "rna": rna})


def as_state(model: Model) -> dict[str, Any]:
    return {"format": FORMAT, "about": dict(model.about), "seen": model.schema.state(), "choice": model.choice.state(),
            "members": [vars(member) for member in model.members]}  # fmt: skip


def predicted(state: dict[str, Any], folder: Path, task: str) -> np.ndarray:
    """What `predict` makes of a folder that holds this state, whole and sealed."""
    write_state(folder, state)
    return scores(Model.read(folder), task)


def scores(model: Model, task: str) -> np.ndarray:
    """Of every row; where a model predicts beside the rows that it was fitted on, these are they."""
    snapshot = snapshot_of(task)
    return model.predict(snapshot, beside=(snapshot, 0) if model.needs_training else None)


def leaves(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The place of each value that holds no other, and of each table."""
    if isinstance(value, dict):
        if at:
            yield at
        for key in value:
            yield from leaves(value[key], (*at, key))
    elif isinstance(value, list | tuple):
        yield at
        for i, one in enumerate(value[:2]):
            yield from leaves(one, (*at, i))
    else:
        yield at


def value_at(state: Any, at: tuple[Any, ...]) -> Any:
    for key in at:
        state = state[key]
    return state


def edited(state: Any, at: tuple[Any, ...], new: Any) -> Any:
    """A copy of the state, other in one place; `...` takes it out."""
    if not at:
        return new
    key, rest = at[0], at[1:]
    if isinstance(state, tuple):
        return tuple(edited(list(state), at, new))
    made = copy.copy(state)
    if new is ... and not rest:
        del made[key]
    else:
        made[key] = edited(state[key], rest, new)
    return made


def damages(value: Any, at: tuple[Any, ...]) -> Iterator[Any]:
    """What must never be read in its place."""
    yield object
    if isinstance(value, np.ndarray):
        yield value.astype(np.float32 if value.dtype == np.float64 else np.float64)
        yield value[None]
        if value.size:
            yield value[:-1]
            for bad in (np.nan, np.inf, -np.inf) if value.dtype.kind == "f" else (-7, 2**30):
                if value.dtype.kind in "fi" and not (value.dtype == np.int8 and bad > 99):
                    damaged = value.copy()
                    damaged.flat[-1 if np.isfinite(value.flat[-1]) else np.flatnonzero(np.isfinite(value))[-1]] = bad
                    if not (np.isinf(bad) and at[-1] in INFINITE) and not np.array_equal(
                        damaged, value, equal_nan=True
                    ):
                        yield damaged
    elif isinstance(value, dict):
        yield {**value, "another": 1.0}
    elif isinstance(value, bool):
        yield not value if at[-1] not in FREE else "yes"
    elif isinstance(value, int):
        yield -5
        yield float(value) + 0.5
    elif isinstance(value, float):
        yield float("nan") if at[-1] not in UNSURE else "0.5"
        yield "0.5"
    elif isinstance(value, str):
        yield 5
    elif isinstance(value, list | tuple):
        yield [*value, 3.5]


INFINITE = {"low", "high", "sd", "spread", "threshold"}
"""Arrays in which infinity is a value: where nothing is cut off, and nothing varies."""
UNSURE = {"inner", "penalizer", *LEARNERS}
"""Numbers that say how good it looked, where there may have been nothing to say."""
FREE = {"clipped", "split", "flagged", "own_code"}


@ALL
def test_what_is_saved_is_read_and_predicts_the_same(name: str, task: str, tmp_path: Path) -> None:
    state = saved(name, task)
    write_state(tmp_path / "model", state)
    check_model(read_state(tmp_path / "model"))
    made = Model.read(tmp_path / "model")
    np.testing.assert_array_equal(scores(made, task), scores(made, task))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "task"), [c for c in CASES if c[1] not in ("multilabel", "regression", "responses") or c[0] in NUMERIC]
)
def test_no_damaged_part_predicts(name: str, task: str, tmp_path: Path) -> None:
    """Each value of the file in turn: gone, of another type, shape, sign, not finite; sealed as if it were right."""
    state, silent = saved(name, task), []
    right = predicted(state, tmp_path / "model", task)
    for at in leaves(state):
        if at[0] == "about":
            continue
        value = value_at(state, at)
        made = [edited(state, at, one) for one in damages(value, at) if one is not object]
        if isinstance(value_at(state, at[:-1]), dict) and not free_to_go(state, at):
            made.append(edited(state, at, ...))
        for one in made:
            try:
                score = predicted(one, tmp_path / "model", task)
            except InputError as error:
                assert error.fix and "model" in error.where, str(error)
            else:
                if not (named_freely(at) and np.array_equal(score, right)):
                    silent.append(f"{'/'.join(map(str, at))}: {value_at(state, at)!r:.60}")
    assert not silent, "\n".join(silent)


def named_freely(at: tuple[Any, ...]) -> bool:
    """Whether it is of something that this learner does not look at: a layer or covariate of the study, another's score."""
    return at[0] == "seen" or at[:2] == ("choice", "inner")


def free_to_go(state: Any, at: tuple[Any, ...]) -> bool:
    """Whether the table that this stands in has names of its own, any of which may be left out."""
    return at[-2:-1] in (("inner",), ("hierarchy",), ("setting",), ("plan",)) or at[-3:-1] == ("setting", "plan")


@pytest.mark.parametrize(
    ("place", "new", "said"),
    [
        (("format",), 99, "another format"),
        (("members", 0, "setting"), {"fussion": "early"}, "a setting that ridge_late has"),
        (("members", 0, "setting"), {"fusion": "late"}, "one of early, stacked"),
        (("members", 0, "seed"), -1, "a whole number"),
        (("members", 0, "name"), "nobody", "one of majority"),
        (("members", 0, "with_training"), True, "false for ridge_late"),
        (("choice", "weights"), {"forest": 1.0}, "a weight of ridge_late"),
        (("choice", "name"), STACK, "one of each member"),
        (("choice", "name"), "forest", "one of ridge_late, stack"),
        (("seen", "task"), "survival", "classes of a survival task"),
        (("seen", "layers", "rna", "features"), ["NCBIGene:1"], "what the model's layer says"),
    ],
)
def test_settings_and_parts_that_do_not_belong_together(
    place: tuple[Any, ...], new: Any, said: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=said) as found:
        predicted(edited(saved("ridge_late", "binary"), place, new), tmp_path / "model", "binary")
    assert found.value.exit_code == 1 and "train it again" in found.value.fix


@pytest.mark.parametrize(
    ("column", "new"),
    [("feature", 10_000), ("feature", -1), ("left", -1), ("left", 10**6), ("right", 0), ("root", 5), ("root", -1)],
)
def test_trees_lead_nowhere_but_down(column: str, new: int, tmp_path: Path) -> None:
    state = saved("forest", "binary")
    at = ("members", 0, "state", "grown", "trees", column)
    array = value_at(state, at).copy()
    array[1] = new
    with pytest.raises(InputError, match="grown/trees/"):
        predicted(edited(state, at, array), tmp_path / "model", "binary")


def test_a_child_of_another_tree_is_refused() -> None:
    state = saved("forest", "binary")
    at = ("members", 0, "state", "grown", "trees", "right")
    array = value_at(state, at).copy()
    array[0] = len(array) - 1
    with pytest.raises(FormatError, match="children behind their parent"):
        check_model(edited(state, at, array))


def test_any_changed_byte_of_either_file_is_found(tmp_path: Path) -> None:
    write_state(tmp_path / "model", saved("covariates", "binary"))
    for name in (TEXT, ARRAYS):
        content = (tmp_path / "model" / name).read_bytes()
        for place in range(0, len(content), max(1, len(content) // 60)):
            changed = bytearray(content)
            changed[place] ^= 1
            if name == TEXT and json_equal(bytes(changed), content):
                continue  # a blank for a blank
            (tmp_path / "model" / name).write_bytes(bytes(changed))
            with pytest.raises(InputError) as found:
                Model.read(tmp_path / "model")
            assert found.value.fix
        (tmp_path / "model" / name).write_bytes(content[: len(content) // 2])
        with pytest.raises(InputError):
            Model.read(tmp_path / "model")
        (tmp_path / "model" / name).write_bytes(content)


def json_equal(one: bytes, other: bytes) -> bool:
    try:
        return bool(json.loads(one) == json.loads(other))
    except ValueError:
        return False


def test_files_of_two_models_are_told_apart(tmp_path: Path) -> None:
    write_state(tmp_path / "one", saved("ridge_late", "binary"))
    write_state(tmp_path / "other", saved("forest", "binary"))
    (tmp_path / "one" / ARRAYS).write_bytes((tmp_path / "other" / ARRAYS).read_bytes())
    with pytest.raises(InputError, match=r"model\.safetensors and model\.json do not belong together"):
        Model.read(tmp_path / "one")


def test_a_text_file_that_is_no_model(tmp_path: Path) -> None:
    write_state(tmp_path / "model", saved("majority", "binary"))
    text = (tmp_path / "model" / TEXT).read_text()
    for bad in ("[" * 100_000, "{}", "[]", "null", text.replace('"texts"', '"text"'), text.replace("0.5", "NaN", 1)):
        (tmp_path / "model" / TEXT).write_text(bad)
        with pytest.raises(InputError) as found:
            Model.read(tmp_path / "model")
        assert "train it again" in found.value.fix


def test_the_seal_is_of_the_texts_too(tmp_path: Path) -> None:
    write_state(tmp_path / "model", {"names": [f"g{i}" for i in range(30)]})
    whole = json.loads((tmp_path / "model" / TEXT).read_text())
    whole["texts"][0][3] = "another"
    (tmp_path / "model" / TEXT).write_text(json.dumps(whole))
    assert hashlib.sha256((tmp_path / "model" / ARRAYS).read_bytes()).hexdigest() == whole["sha256"]
    with pytest.raises(InputError, match="the file was changed"):
        read_state(tmp_path / "model")


def test_a_model_that_answers_nothing_finite_predicts_nothing(tmp_path: Path) -> None:
    state, place = saved("cox_pca", "survival"), ("members", 0, "state")
    state = edited(state, (*place, "beta"), np.full_like(value_at(state, (*place, "beta")), 1e308))
    with np.errstate(over="ignore", invalid="ignore"), pytest.raises(InputError, match="predicts no scores"):
        predicted(
            edited(state, (*place, "mean"), np.full_like(value_at(state, (*place, "mean")), 1e300)),
            tmp_path / "model",
            "survival",
        )


def test_a_discrete_head_is_read_and_its_bins_are_checked() -> None:
    snapshot = snapshot_of("survival")
    learner = with_head(make("propagation"), "discrete").with_setting({"plan": {"epochs": 1}}, 3)
    learner.fit(snapshot, np.arange(60), np.arange(60, 110))
    choice = Choice("propagation", {"propagation": 1.0}, {}, {}, np.zeros(0), {"propagation": 0.5})
    state = as_state(Model(InputSchema.of(snapshot), choice, (member_of(learner),), {"rows": 110, "task": "survival"}))
    check_model(state)
    ends = ("members", 0, "state", "weights", "head.ends")
    for at, new in (
        (ends, value_at(state, ends)[::-1].copy()),
        (ends, -value_at(state, ends)),
        (("members", 0, "setting", "survival_head"), "weibull"),
    ):
        with pytest.raises(FormatError):
            check_model(edited(state, at, new))
