"""Block format: the fitted blocks inside a saved model: every name, shape, type and range of them.

Each function checks one part and gives back how many columns it makes; `schema` is the model's own `InputSchema` state, with
which every part must agree.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np

from ..preprocessing.activity.registry import METHODS
from ..preprocessing.covariates import COVARIATES
from ..preprocessing.notes_block import NOTES
from ..preprocessing.records.records_block import RECORDS
from ..preprocessing.records.window_columns import LATER
from ..preprocessing.records.window_features import SPANS, STATISTICS
from ..preprocessing.scaling import CLIP, Scale
from .state_part import Part
from .steps_format import layer_steps

Schema = Mapping[str, Any]
AMOUNTS = 3
"""Columns that say how much of the records there is."""


def block(part: Part, schema: Schema) -> int:
    """What `models.preprocessing.blocks.saved_block` made."""
    found = part.keys("kind", "name", "state")
    kind, name, state = found["kind"].text(), found["name"].text(), found["state"]
    match kind:
        case "dense" | "mutation":
            known = schema["layers"].get(name) or schema.get("views", {}).get(name)
            if known is None:
                raise found["name"].wrong("a layer of the model", "one that it has not")
            found["kind"].must((kind == "mutation") == known["mutations"], "the kind of its layer", kind)
            return (_mutation if kind == "mutation" else _dense)(state, known["features"])
        case "activity":
            return activity(state, name, schema)
        case "notes":
            known = schema.get("views", {}).get(name)
            found["name"].must(known is not None and known["kind"] == NOTES, "notes of the model", "others")
            return notes(state, schema["views"][name]["features"])
        case "covariates":
            found["name"].text([COVARIATES])
            return _covariates(state, schema["covariates"])
        case "records":
            found["name"].text([RECORDS])
            return _records(state, schema)
        case "windowed_records":
            found["name"].text([RECORDS])
            return _windowed(state, schema)
        case "joined":
            found["name"].text(["joined"])
            return joined(state, schema)
    raise found["kind"].wrong("dense, activity, mutation, notes, covariates, records, windowed_records or joined")


def joined(part: Part, schema: Schema) -> int:
    """Blocks side by side."""
    found = part.keys("unit", "width", "flagged", "blocks")
    blocks = found["blocks"].items()
    n = len(blocks)
    for one in found["unit"].items(n):
        one.must(one.number() > 0, "more than 0", "less")
    flags = [one.flag() for one in found["flagged"].items(n)]
    widths = [one.integer() for one in found["width"].items(n)]
    for one, width in zip(blocks, widths, strict=True):
        one.must(block(one, schema) == width, "a block of its width", "one of another")
    return sum(widths) + sum(flags)


def of_task(found: Mapping[str, Part], schema: Schema) -> None:
    """The task and the count of classes of a fitted learner are the model's."""
    found["task"].same(schema["task"], "the model's schema")
    expected = len(schema["classes"])
    found["classes"].must(found["classes"].integer() == expected, f"{expected}, as the model's schema has", "others")


def positions(part: Part, count: int | None, size: int) -> np.ndarray:
    """(count,) places in a list of `size`, each once, in order."""
    found = part.array("i8", count, least=0, most=size - 1)
    part.must(bool((np.diff(found) > 0).all()), "places in their order", "others")
    return found


def scale(part: Part, count: int, *, varies: bool = False, kinds: tuple[str, ...] = ("f8",)) -> None:
    """`Scale` of so many columns. varies: none of them is flat."""
    found = part.keys(*(one.name for one in fields(Scale)))
    kind = next((k for k in kinds if getattr(found["mean"].value, "dtype", None) == np.dtype(k)), kinds[0])
    low = found["low"].array(kind, count, within="inf")
    high = found["high"].array(kind, count, within="inf")
    found["high"].must(bool((low < high).all()), "more than low", "less")
    found["mean"].array(kind, count)
    sd = found["sd"].array(kind, count, least=0)
    found["sd"].must(not varies or bool((sd > 0).all()), "more than 0", "0")
    found["median"].array(kind, count, least=-CLIP, most=CLIP)


def code_values(part: Part) -> list[str]:
    """`CodeValues`; the codes that it has a scale of."""
    found = part.keys("codes", "logged", "scale")
    codes = found["codes"].texts()
    found["logged"].array("b1", len(codes))
    scale(found["scale"], len(codes))
    return codes


def notes(part: Part, features: list[str]) -> int:
    """`NotesBlock`."""
    found = part.keys("terms", "idf", "axes")
    terms = found["terms"].texts()
    found["terms"].must(set(terms) <= set(features), "terms of the model's notes", "others")
    found["idf"].array("f4", len(terms), least=0)
    return int(found["axes"].array("f4", len(terms), None).shape[1])


def activity(part: Part, name: str, schema: Schema) -> int:
    """`ActivityBlock`, and that its block is called by its layer."""
    found = part.keys("layer", "method", "genes", "names", "sets", "scale")
    layer = found["layer"].text([one for one, known in schema["layers"].items() if not known["mutations"]])
    found["layer"].must(name.startswith(f"{layer}."), "the layer that the block is called by", "another")
    found["method"].text(METHODS)
    columns = _dense(found["genes"], schema["layers"][layer]["features"])
    sets = len(found["names"].texts())
    held = found["sets"].keys("columns", "column", "set", "weight")
    held["columns"].must(held["columns"].integer() == columns, f"{columns} genes", "others")
    entries = len(held["weight"].array("f8", None))
    held["weight"].must(bool((held["weight"].value != 0).all()), "weights that are not 0", "0")
    column = held["column"].array("i8", entries, least=0, most=columns - 1)
    place = held["set"].array("i8", entries, least=0, most=sets - 1) * max(columns, 1) + column
    held["set"].must(bool((np.diff(place) > 0).all()), "each gene of a set once, in order", "others")
    scale(found["scale"], sets, varies=True)
    return sets


def _dense(part: Part, features: list[str]) -> int:
    found = part.keys("names", "kept", "scale", *(("steps",) if "steps" in part.named() else ()))
    found["names"].same(features, "the model's layer")
    if "steps" in found:
        layer_steps(found["steps"], len(features))
    kept = positions(found["kept"], None, len(features))
    scale(found["scale"], len(kept), varies=True, kinds=("f4", "f8"))
    return len(kept)


def _mutation(part: Part, features: list[str]) -> int:
    found = part.keys("names", "kept", "hit", "rate", "burden")
    found["names"].same(features, "the model's layer")
    kept, hit = positions(found["kept"], None, len(features)), positions(found["hit"], None, len(features))
    found["kept"].must(bool(np.isin(kept, hit).all()), "genes that were hit", "others")
    found["rate"].array("f4", len(features), least=0, most=1)
    scale(found["burden"], 1)
    return len(kept) + 1


def _covariates(part: Part, known: Mapping[str, str]) -> int:
    found = part.keys("names", "numbers", "flagged", "words", "columns", "scale")
    names = found["names"].same(list(known), "the model's schema").texts()
    numbers = found["numbers"].same([n for n in names if known[n] != "text"], "the model's schema").texts()
    flagged = [one.flag() for one in found["flagged"].items(len(numbers))]
    words = found["words"].named()
    found["words"].must(list(words) == [n for n in names if n not in numbers], "the model's words", "others")
    width = {name: len(one.texts(none=True)) + 1 for name, one in words.items()}
    width |= {name: 1 + flag for name, flag in zip(numbers, flagged, strict=True)}
    found["columns"].same([i for i, name in enumerate(names) for _ in range(width[name])], "the rest of the block")
    scale(found["scale"], len(numbers))
    return len(found["columns"].value)


OF_RECORDS = ("names", "tokens", "current", "numeric", "split", "values", "amount", "owner")


def _windowed(part: Part, schema: Schema) -> int:
    found = part.keys(*OF_RECORDS, "windows", "logged", "scale")
    recent, measured = window_columns(found["windows"], schema)
    found["logged"].array("b1", measured)
    scale(found["scale"], measured)
    rest = {name: one for name, one in part.value.items() if name in OF_RECORDS}
    return _records(Part(rest, part.place), schema, recent + measured)


def window_columns(part: Part, schema: Schema) -> tuple[int, int]:
    """`WindowColumns`: how many columns tell of occurrence, and how many of numbers."""
    found = part.keys("spans", "tokens", "owners", "codes", "timed", "recent", "measured")
    spans = [one.number() for one in found["spans"].items()]
    known = set(spans) <= set(SPANS) and len(set(spans)) == len(spans)
    found["spans"].must(known, f"some of {', '.join(f'{span:g}' for span in SPANS)}", "others")
    timed = found["timed"].flag()
    found["timed"].must(
        timed == (schema["clock"] != "order"), "whether the model's clock has durations", "the contrary"
    )
    tokens, codes = found["tokens"].texts(), found["codes"].texts()
    found["owners"].texts(len(tokens), unique=False)
    found["tokens"].must(timed or not tokens, "none without durations", "some")
    kept = positions(found["recent"], None, len(tokens) * (1 + len(spans)))
    statistics = len(STATISTICS) + len(LATER) * len(spans) - (not timed) * (1 + len(spans))
    return len(kept), len(positions(found["measured"], None, len(codes) * statistics))


def _records(part: Part, schema: Schema, more: int = 0) -> int:
    """more: columns of windows."""
    found = part.keys(*OF_RECORDS)
    part.must(schema["codes"] is not None, "no records in a model without codes", "some")
    names = found["names"].texts()
    tokens, current = found["tokens"].texts(), found["current"].texts()
    numeric, valued = found["numeric"].texts(), code_values(found["values"])
    found["numeric"].must(set(numeric) <= set(valued), "codes that have a scale", "others")
    found["current"].must(found["split"].flag() or not current, "none where rows are no visits", "some")
    columns = len(tokens) + len(current) + len(numeric) + more
    found["owner"].array("i8", columns, least=0, most=len(names) - 1)
    scale(found["amount"], AMOUNTS)
    return columns + AMOUNTS
