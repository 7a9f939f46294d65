"""Serialization: fitted state as safetensors and JSON in a folder. Reading it runs nobody's code.

A state is arrays, numbers, text, None, and lists, tuples and dicts of those. It comes back as it was, to the last bit.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from ...loaders.errors import InputError
from ...loaders.files.atomic import atomic_folder

TEXT, ARRAYS = "model.json", "model.safetensors"
MARK = "$"
"""The key of a JSON object that stands for what JSON has no word for."""
_LONG = 20
"""Lists of text longer than this that come several times (a layer's features in every member) are written once."""


class Fitted:
    """A class that names all that fitting sets. Values are arrays, numbers, text, None, and lists or dicts of those."""

    fitted: ClassVar[tuple[str, ...]] = ()

    def state(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.fitted}

    def restore(self, state: Mapping[str, Any]) -> Self:
        """As if fitted: whatever is asked of it now is answered as by the one that `state` came from."""
        for name in self.fitted:
            setattr(self, name, state[name])
        return self


def write_state(folder: Path, state: Mapping[str, Any]) -> None:
    """Write `state` into the folder; an older one is replaced at once, never half written.

    Raises: TypeError for a value that no file can hold, named by its place.
    """
    from safetensors.numpy import save

    packer = _Packer()
    body = packer.pack(state, "")
    content = save(packer.arrays)
    whole = {"sha256": hashlib.sha256(content).hexdigest(), "texts": packer.texts, "state": body}
    text = json.dumps({"seal": _seal(whole), **whole}, indent=1, allow_nan=False)
    with atomic_folder(folder) as fresh:
        (fresh / ARRAYS).write_bytes(content)
        (fresh / TEXT).write_text(text, encoding="utf-8")


def why_unsaved(state: Mapping[str, Any]) -> str | None:
    """None if `write_state` can write it; else what it cannot."""
    try:
        _Packer().pack(state, "")
    except TypeError as error:
        return str(error)
    return None


def read_state(folder: Path) -> dict[str, Any]:
    """What `write_state` wrote. Raises: InputError if there is none, or if it is not as it was written."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    fix = "train it again: clinome train STUDY"
    try:
        whole = json.loads((folder / TEXT).read_text(encoding="utf-8"), parse_constant=_no_number)
        content = (folder / ARRAYS).read_bytes()
        seal, texts, body, expected = (whole.pop(name) for name in ("seal", "texts", "state", "sha256"))
    except OSError as error:
        raise InputError("there is no model here", folder, expected=f"{TEXT} and {ARRAYS}", fix=fix) from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError("the model cannot be read", folder / TEXT, type(error).__name__, fix=fix) from error
    if whole or seal != _seal({"sha256": expected, "texts": texts, "state": body}):
        raise InputError("the file was changed", folder / TEXT, expected="its own checksum", fix=fix)
    if hashlib.sha256(content).hexdigest() != expected:
        what = f"{ARRAYS} and {TEXT} do not belong together, or a file was changed"
        raise InputError(what, folder / ARRAYS, expected=f"its checksum in {TEXT}", fix=f"put both back, or {fix}")
    try:
        arrays, named = load(content), set[str]()
        state = dict(_unpack(body, _Named(arrays, named), texts))
    except (SafetensorError, ValueError, KeyError, TypeError, IndexError, RecursionError) as error:
        raise InputError("the model cannot be read", folder / TEXT, type(error).__name__, fix=fix) from error
    if arrays.keys() != named:
        raise InputError("an array that nothing names", folder / ARRAYS, expected=f"those of {TEXT}", fix=fix)
    return state


def _seal(whole: Mapping[str, Any]) -> str:
    """A hash of all that the text file says: a changed letter is found as a changed byte of an array is."""
    text = json.dumps(whole, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _no_number(word: str) -> float:
    raise ValueError(f"model: got {word}; expected a number of JSON")


class _Named(dict[str, np.ndarray]):
    """Arrays that remember which of them were asked for."""

    def __init__(self, arrays: Mapping[str, np.ndarray], asked: set[str]) -> None:
        super().__init__(arrays)
        self.asked = asked

    def __getitem__(self, name: str) -> np.ndarray:
        self.asked.add(name)
        return super().__getitem__(name)


class _Packer:
    """Values as JSON; arrays and long lists of text on the side."""

    def __init__(self) -> None:
        self.arrays: dict[str, np.ndarray] = {}
        self.texts: list[list[str]] = []
        self._known: dict[tuple[str, ...], int] = {}

    def pack(self, value: Any, at: str) -> Any:
        """at: where the value stands, for the array's name and for errors."""
        match value:
            case None | bool() | str():
                return value
            case np.generic():  # one of numpy decides the type of a product, where Python's own does not
                return {**self.pack(np.asarray(value), at), MARK: "number"}
            case int():
                return int(value)
            case float():
                return float(value) if math.isfinite(value) else {MARK: "float", "is": str(float(value))}
            case np.ndarray() if value.dtype.kind in "biuf":
                name = at if at and at not in self.arrays else f"{at}#{len(self.arrays)}"
                self.arrays[name] = np.ascontiguousarray(value).reshape(value.shape)
                return {MARK: "array", "is": name}
            case list():
                return self._list(value, at)
            case tuple():
                return {MARK: "tuple", "is": [self.pack(v, f"{at}/{i}") for i, v in enumerate(value)]}
            case Mapping() if all(isinstance(key, str) for key in value):
                if MARK in value:
                    return {MARK: "pairs", "is": [[k, self.pack(v, f"{at}/{k}")] for k, v in value.items()]}
                return {key: self.pack(one, f"{at}/{key}" if at else key) for key, one in value.items()}
        raise TypeError(f"{at or 'state'}: got {type(value).__name__}; expected arrays, numbers, text, lists or dicts")

    def _list(self, value: list[Any], at: str) -> Any:
        if len(value) > _LONG and all(isinstance(one, str) for one in value):
            key = tuple(value)
            if key not in self._known:
                self._known[key] = len(self.texts)
                self.texts.append(value)
            return {MARK: "texts", "is": self._known[key]}
        return [self.pack(one, f"{at}/{i}") for i, one in enumerate(value)]


def _unpack(value: Any, arrays: Mapping[str, np.ndarray], texts: list[list[str]]) -> Any:
    if isinstance(value, list):
        return [_unpack(one, arrays, texts) for one in value]
    if not isinstance(value, dict):
        return value
    if MARK not in value:
        return {key: _unpack(one, arrays, texts) for key, one in value.items()}
    inside = value["is"]
    match value[MARK]:
        case "array":
            return arrays[inside]
        case "number":
            return arrays[inside][()]
        case "float" if inside in ("nan", "inf", "-inf"):
            return float(inside)
        case "texts":
            return list(texts[inside])
        case "tuple":
            return tuple(_unpack(one, arrays, texts) for one in inside)
        case "pairs":
            return {key: _unpack(one, arrays, texts) for key, one in inside}
    raise ValueError(f"unknown mark {value[MARK]!r}")
