"""Typed TOML: a table -> a frozen dataclass: every key known, every value of its type, else an error that helps."""

from __future__ import annotations

import difflib
import types
import typing
from collections.abc import Iterable, Mapping
from dataclasses import MISSING as NO_DEFAULT
from dataclasses import fields
from datetime import date, datetime
from pathlib import Path
from typing import Any, TypeVar

from clinome.loaders.errors import InputError
from clinome.loaders.specs import Source

T = TypeVar("T")


def nearest(word: str, known: Iterable[str]) -> str:
    """The known word that looks most like this one, or all of them.

    Example:
        >>> nearest("querry", ["query", "params"])
        'query'
    """
    known = list(known)
    close = difflib.get_close_matches(word.lower(), [k.lower() for k in known], 1, 0.5)
    return next((k for k in known if close and k.lower() == close[0]), ", ".join(known))


def section(cls: type[T], table: object, where: str, folder: Path, **given: Any) -> T:
    """Make `cls` from one table of the study file; relative paths lie in `folder`; `given` fills fields of our own."""
    if not isinstance(table, Mapping):
        raise InputError(
            "a section was expected", where, table, "key = value lines below it", "put [ ] around its name"
        )
    hints = typing.get_type_hints(cls)
    known = [f.name for f in fields(cls) if f.name not in given]  # type: ignore[arg-type]
    for key in table:
        if key not in known:
            raise InputError("unknown key", where, key, nearest(key, known), "rename or remove it")
    values = {key: _value(hints[key], v, f"{where} {key}", folder) for key, v in table.items()}
    for f in fields(cls):  # type: ignore[arg-type]
        needed = f.default is NO_DEFAULT and f.default_factory is NO_DEFAULT and f.name not in given
        if needed and f.name not in values:
            raise InputError("this key is needed", f"{where} {f.name}", fix=f"add {f.name} = …")
    made: dict[str, Any] = {**given, **values}
    if "layer" in hints and issubclass(cls, Source):
        made.setdefault("layer", given.get("name"))
    if made.get("profiled") not in (None, "file", "patients"):
        made["profiled"] = str(folder / made["profiled"])
    return cls(**made)


def _value(hint: Any, got: Any, where: str, folder: Path) -> Any:
    """`got` as this hint wants it."""
    options = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    for option in options:
        made = _fits(option, got, folder)
        if made is not None:
            return made[0]
    raise InputError(
        "not of the right type",
        where,
        got,
        " or ".join(_plain(o) for o in options if o is not type(None)),
        "correct the value",
    )


def _fits(hint: Any, got: Any, folder: Path) -> tuple[Any] | None:
    """(value,) where it fits, None where not."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is tuple:
        many = got if isinstance(got, list) else [got] if isinstance(got, str) else None
        if many is None:
            return None
        made = [_fits(args[0], g, folder) for g in many]
        if any(m is None for m in made) or (not made and args[0] is Path):
            return None
        return (tuple(m[0] for m in made if m),)
    if origin is dict:
        if not isinstance(got, dict) or (args[1] is str and not all(isinstance(v, str) for v in got.values())):
            return None
        return (dict(got),)
    if hint is Path:
        return (folder / got,) if isinstance(got, str) and got and "\0" not in got else None
    if hint is datetime:
        if isinstance(got, datetime):
            return (got.replace(tzinfo=None),)
        return (datetime(got.year, got.month, got.day),) if isinstance(got, date) else None
    if hint is float:
        return (float(got),) if isinstance(got, int | float) and not isinstance(got, bool) else None
    if hint is int:
        return (got,) if isinstance(got, int) and not isinstance(got, bool) else None
    return (got,) if isinstance(hint, type) and isinstance(got, hint) else None


def _plain(hint: Any) -> str:
    names = {
        str: "text",
        int: "a whole number",
        float: "a number",
        bool: "true or false",
        Path: "a path",
        datetime: "a date",
    }
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is tuple:
        return f"{_plain(args[0])}, or a list of them"
    return "a table {key = value}" if origin is dict else names.get(hint, str(hint))


def check_word(got: str, known: tuple[str, ...], where: str) -> None:
    """Raises: InputError for a word that is not known, with the nearest one that is."""
    if got not in known:
        raise InputError(
            "unknown word", where, got, nearest(got, known) + f" (one of {', '.join(known)})", "write one of these"
        )
