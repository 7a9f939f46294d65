"""Table format: the columns of `forest` and `boosting` inside a saved model: every name, shape, type and range of them."""

from __future__ import annotations

import numpy as np

from ..preprocessing.covariates import COVARIATES
from ..preprocessing.notes_block import NOTES
from ..preprocessing.records.records_block import RECORDS
from .block_format import AMOUNTS, Schema, activity, notes, window_columns
from .state_part import Part
from .steps_format import layer_steps


def tree_table(part: Part, schema: Schema) -> np.ndarray:
    """(columns,) whether each column of a `TreeTable` holds words."""
    views = schema.get("views", {})
    texts_of = [name for name, known in views.items() if known["kind"] == NOTES]
    scored = part.named().get("activities")
    more = [*(["notes"] if texts_of else []), *(["activities"] if scored is not None else [])]
    found = part.keys("parts", "words", "categorical", "records", *more)
    topics = {}
    if texts_of:
        held = found["notes"].named()
        found["notes"].must(list(held) == texts_of, "the model's notes", "others")
        topics = {name: notes(one, views[name]["features"]) for name, one in held.items()}
    sets = _activities(found, schema)
    words = found["words"].named()
    texts = [name for name, kind in schema["covariates"].items() if kind == "text"]
    found["words"].must(list(words) == texts, "the model's words", "others")
    for one in words.values():
        one.texts(none=True)
    expected = _layers_and_sets(found["parts"], schema, sets)
    expected += [*views, *([COVARIATES] if schema["covariates"] else [])]
    expected += [] if schema["codes"] is None else [RECORDS]
    by_word: list[bool] = []
    parts = found["parts"].items(len(expected))
    for one, name in zip(parts, expected, strict=True):
        if name in topics:
            by_word += _made(one, name, topics[name], found["notes"].value[name]["terms"])
        elif name in sets:
            names = found["activities"].value[name]["names"]
            by_word += _made(one, name, len(names), names)
        else:
            by_word += _table_part(one, name, schema, set(words), found["records"])
    categorical = found["categorical"].array("b1", len(by_word))
    found["categorical"].must(bool((categorical == by_word).all()), "the columns of words", "others")
    if RECORDS not in expected:
        found["records"].keys()
    return categorical


def _made(part: Part, name: str, count: int, names: list[str]) -> list[bool]:
    """Columns that a block makes of these names: topics of terms, activities of sets."""
    one = part.keys("name", "names", "index", "mutations")
    one["name"].same(name, "the model's schema")
    one["names"].must(set(one["names"].texts()) <= set(names), "the block's names", "others")
    index = one["index"].array("i8", count, least=0)
    one["index"].must(index.tolist() == list(range(count)), "each column once", "others")
    one["mutations"].must(not one["mutations"].flag(), "false", "true")
    return [False] * count


def _activities(found: dict[str, Part], schema: Schema) -> dict[str, str]:
    """Block of activities -> its layer."""
    if "activities" not in found:
        return {}
    held = found["activities"].named()
    for name, one in held.items():
        activity(one, name, schema)
    return {name: str(one.value["layer"]) for name, one in held.items()}


def _layers_and_sets(parts: Part, schema: Schema, sets: dict[str, str]) -> list[str]:
    """The names of the first parts: each layer, then its activities, in whose favour it may be left out."""
    there = [one.named()["name"].value for one in parts.items() if "name" in one.named()]
    out = []
    for layer in schema["layers"]:
        mine = [name for name, of in sets.items() if of == layer]
        out += [layer] if layer in there or not mine else []
        out += mine
    return out


def _table_part(part: Part, name: str, schema: Schema, words: set[str], records: Part) -> list[bool]:
    steps = ("steps",) if "steps" in part.named() else ()
    one = part.keys("name", "names", "index", "mutations", *steps)
    one["name"].same(name, "the model's schema")
    names = one["names"].texts()
    index = one["index"].array("i8", None, least=-1, most=len(names) - 1)
    mutations = one["mutations"].flag()
    if name in (known := {**schema["layers"], **schema.get("views", {})}):
        layer = known[name]
        one["names"].same(layer["features"], "the model's layer")
        one["mutations"].must(mutations == layer["mutations"], "the kind of its layer", "another")
        tail = 1 if mutations else 0
        if steps:
            one["steps"].must(not mutations, "none in a layer of mutations", "some")
            layer_steps(one["steps"], len(names))
    elif name == COVARIATES:
        one["names"].same(list(schema["covariates"]), "the model's schema")
        one["index"].must(index.tolist() == list(range(len(names))), "each covariate once", "others")
        return [each in words for each in names]
    else:
        found = records.keys("split", "now", "before", "numeric", "windows")
        counts = [len(found[each].texts()) for each in ("now", "before", "numeric")]
        split = found["split"].flag()
        windows = 0 if found["windows"].value is None else sum(window_columns(found["windows"], schema))
        expected = counts[0] + counts[1] + counts[2] * (1 + split) + windows + AMOUNTS
        one["index"].must(len(index) == expected, f"{expected} columns", str(len(index)))
        tail = AMOUNTS
    body = index[: len(index) - tail]
    one["index"].must(bool((index[len(body) :] == -1).all() and (body >= 0).all()), "features, then none", "others")
    return [False] * len(index)
