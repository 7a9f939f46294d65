"""State in a folder: what goes in comes out, to the last bit; what no file can hold is named; what was changed is refused."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from clinome.loaders.errors import InputError
from clinome.models.base.serialization import ARRAYS, TEXT, _seal, read_state, write_state

PLAIN = st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats() | st.text(max_size=5)
KINDS = st.sampled_from(["bool", "int8", "int32", "int64", "uint8", "float32", "float64"])
SHAPES = arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)
NUMBERS = KINDS.flatmap(lambda kind: arrays.arrays(np.dtype(kind), SHAPES))
KEYS = st.text(max_size=4) | st.sampled_from(["$", "a/b", "#0", ""])
VALUES: st.SearchStrategy[Any] = st.recursive(
    PLAIN | NUMBERS,
    lambda inner: st.lists(inner, max_size=3) | st.tuples(inner, inner) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)


def assert_same(got: Any, expected: Any) -> None:
    assert type(got) is type(expected)
    if isinstance(expected, np.ndarray):
        assert (got.dtype, got.shape) == (expected.dtype, expected.shape)
        assert np.ascontiguousarray(got).tobytes() == np.ascontiguousarray(expected).tobytes()
    elif isinstance(expected, dict):
        assert list(got) == list(expected)
        for key in expected:
            assert_same(got[key], expected[key])
    elif isinstance(expected, list | tuple):
        assert len(got) == len(expected)
        for one, other in zip(got, expected, strict=True):
            assert_same(one, other)
    else:
        assert got == expected or (isinstance(expected, float) and math.isnan(expected) and math.isnan(got))
        assert repr(got) == repr(expected)


@given(st.dictionaries(KEYS, VALUES, max_size=4))
def test_what_goes_in_comes_out(tmp_path_factory: pytest.TempPathFactory, state: dict[str, Any]) -> None:
    folder = tmp_path_factory.mktemp("saved") / "model"
    write_state(folder, state)
    assert_same(read_state(folder), state)


def test_turned_arrays_and_numbers_of_numpy_are_kept(tmp_path: Path) -> None:
    turned = np.arange(6.0).reshape(2, 3).T
    state = {
        "turned": turned,
        "big": np.float64(0.1),
        "small": np.float32(0.1),
        "n": np.int32(3),
        "yes": np.bool_(True),
    }
    write_state(tmp_path / "m", state)
    assert_same(read_state(tmp_path / "m"), state)


def test_a_long_list_of_names_is_written_once(tmp_path: Path) -> None:
    names = [f"NCBIGene:{i}" for i in range(500)]
    write_state(tmp_path / "m", {"one": names, "two": {"names": list(names)}, "few": names[:3]})
    assert (tmp_path / "m" / TEXT).read_text().count("NCBIGene:499") == 1
    assert read_state(tmp_path / "m") == {"one": names, "two": {"names": names}, "few": names[:3]}


@pytest.mark.parametrize("value", [object(), {1: 2}, np.array(["a"]), np.array([None]), b"x", {"a"}, 1j])
def test_what_no_file_can_hold_is_named_and_leaves_nothing(tmp_path: Path, value: Any) -> None:
    with pytest.raises(TypeError, match="inner/odd: got"):
        write_state(tmp_path / "m", {"inner": {"odd": value}})
    assert not list(tmp_path.iterdir())


def test_an_older_model_is_replaced_whole(tmp_path: Path) -> None:
    write_state(tmp_path / "m", {"a": np.zeros(3)})
    (tmp_path / "m" / "stray").write_text("")
    write_state(tmp_path / "m", {"b": 1})
    assert read_state(tmp_path / "m") == {"b": 1}
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["m", TEXT, ARRAYS]


def _text(change: Callable[[dict[str, Any]], Any]) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        whole = json.loads((folder / TEXT).read_text())
        changed = change(whole)
        if isinstance(changed, dict):
            changed["seal"] = _seal({name: changed[name] for name in ("sha256", "texts", "state")})
        (folder / TEXT).write_text(json.dumps(changed))

    return spoil


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda folder: (folder / TEXT).unlink(), "there is no model here"),
        (lambda folder: (folder / ARRAYS).unlink(), "there is no model here"),
        (lambda folder: (folder / TEXT).write_bytes(b"{"), "cannot be read"),
        (lambda folder: (folder / TEXT).write_bytes(b"\xff\xfe"), "cannot be read"),
        (lambda folder: (folder / ARRAYS).write_bytes(b"\x00"), "was changed"),
        (_text(lambda whole: [whole]), "cannot be read"),
        (_text(lambda whole: {**whole, "state": {"a": {"$": "pickle", "is": "gASV"}}}), "cannot be read"),
        (_text(lambda whole: {**whole, "state": {"a": {"$": "array", "is": "gone"}}}), "cannot be read"),
        (_text(lambda whole: {**whole, "state": {"a": {"$": "texts", "is": 7}}}), "cannot be read"),
        (_text(lambda whole: {**whole, "state": 5}), "cannot be read"),
    ],
)
def test_what_is_not_as_it_was_written_is_refused(tmp_path: Path, spoil: Callable[[Path], None], says: str) -> None:
    write_state(tmp_path / "m", {"a": np.zeros(3)})
    spoil(tmp_path / "m")
    with pytest.raises(InputError, match=says):
        read_state(tmp_path / "m")
