"""Source specification as JSON and back: the tables remember how their source was to be read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from ...loaders.specs import AnySource, Images, Knowledge, Notes, Omics, Patients, Records, Samples

_LATER: tuple[tuple[str, Any], ...] = (
    ("sheet", None), ("correct", "none"), ("impute", "median"), ("activity", "none"), ("pathways", ()), ("least_genes", 5),
    ("keep_genes", True), ("ids", None),
)  # fmt: skip
"""Keys that came after the first tables, and their defaults."""
_SECTIONS: dict[str, type[AnySource]] = {
    "patients": Patients,
    "samples": Samples,
    "omics": Omics,
    "records": Records,
    "notes": Notes,
    "images": Images,
    "knowledge": Knowledge,
}


def about(spec: AnySource) -> dict[str, Any]:
    """section, layer, kind, scale, and the whole spec as JSON values; of paths the names only."""
    return {
        "section": spec.source.split(".", 1)[0],
        "layer": (spec.layer or spec.name) if isinstance(spec, Omics) else None,
        "kind": spec.kind if isinstance(spec, Omics) else None,
        "scale": spec.scale if isinstance(spec, Omics) else None,
        "features": spec.features if isinstance(spec, Omics | Knowledge) else None,
        "spec": {
            field.name: _plain(getattr(spec, field.name)) for field in fields(spec) if not _unsaid(spec, field.name)
        },
    }


def restore(record: Mapping[str, Any]) -> AnySource:
    """The spec that `about` described; its paths are names without a folder."""
    cls = _SECTIONS[record["section"]]
    values: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in record["spec"].items()
    }
    values["path"] = tuple(Path(name) for name in values["path"])
    for name in ("model", "ids"):
        if values.get(name):
            values[name] = Path(values[name])
    return cls(**values)


def _unsaid(spec: AnySource, name: str) -> bool:
    """A key that came later and is not used: what was loaded without it is the same."""
    of_records = isinstance(spec, Records) and (name, getattr(spec, name)) == ("graph", "all")
    return of_records or (name, getattr(spec, name)) in _LATER


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return value.name
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return dict(sorted(value.items())) if isinstance(value, dict) else value
