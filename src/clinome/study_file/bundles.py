"""Bundles of a study file: `[bundle.NAME]` -> the sections that it stands for, beside those that are written."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from clinome.loaders.errors import InputError
from clinome.loaders.registry import BUNDLES, read_bundle
from clinome.loaders.specs import Bundle
from clinome.study_file.typed_toml import check_word, section


def with_bundles(raw: Mapping[str, Any], where: str, folder: Path) -> tuple[Mapping[str, Any], tuple[str, ...]]:
    """A study as TOML with its bundle's sections, and in plain words what of the bundle is not read.

    What a section of the study file says goes before what the bundle says of the section of the same name, key by key.
    Raises: InputError for several bundles, and for a folder that is none.
    """
    if "bundle" not in raw:
        return raw, ()
    tables = raw["bundle"]
    if not isinstance(tables, Mapping) or not all(isinstance(one, Mapping) for one in tables.values()):
        fix = "write [bundle.NAME] above its lines"
        raise InputError("a bundle has a name of its own", f"{where} [bundle]", expected="[bundle.NAME]", fix=fix)
    if len(tables) != 1:
        fix = "load one study folder a study; two can share a graph"
        raise InputError("several bundles in one study", f"{where} [bundle]", len(tables), "one", fix)
    name, table = next(iter(tables.items()))
    at = f"{where} [bundle.{name}]"
    spec = section(Bundle, table, at, folder, name=name)
    check_word(spec.format, tuple(BUNDLES), f"{at} format")
    found = read_bundle(spec)
    told = tuple(f"bundle.{name}: {file} is not read: {why}" for file, why in sorted(found.left_out.items()))
    return _joined(found.tables, {key: value for key, value in raw.items() if key != "bundle"}), told


def _joined(theirs: Mapping[str, Any], mine: Mapping[str, Any]) -> dict[str, Any]:
    """Both tables of tables in one; where both say something, mine counts."""
    joined = dict(theirs)
    for key, value in mine.items():
        both = isinstance(value, Mapping) and isinstance(joined.get(key), Mapping)
        joined[key] = _joined(joined[key], value) if both else value
    return joined
