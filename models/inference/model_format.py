"""Model format: what may lie in model.json and model.safetensors: every part, its names, types, shapes and ranges.

Nothing that is read is believed: weights that are not finite, a tree whose child lies before it, a layer that the schema
does not know, a setting that no learner has: each is refused with its place, before anything is predicted. A learner of
the user's own is checked as far as its state is ours: the rest must be finite.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from functools import partial
from typing import Any

import numpy as np

from ..base.specs import SURVIVAL_HEADS
from ..base.task import TASKS, task_of
from ..estimators.tree_arrays import LEFT, RIGHT, UNKNOWN, Trees
from ..learners.registry import LEARNERS, make
from ..learners.stacking import STACK
from ..preprocessing.notes_block import NOTES
from .alignment.distribution_format import distributions
from .block_format import Schema, block, joined, of_task
from .cluster_format import clusters, mixture
from .latent_format import latent_columns
from .network_format import (
    LARGEST,
    NETWORK_SETTINGS,
    hetero_network,
    measured_network,
    network,
    on_genes,
    patient_network,
)
from .state_part import FormatError, Part
from .steps_format import layer_steps
from .table_format import tree_table

CLOCKS = ("dated", "relative", "order")
SCALES = ("none", "log1p", "zscore", "rank")
_OWN_FORM = {
    "hetero_gnn": hetero_network, "patient_gnn": patient_network, "gru_d": measured_network,
    "consensus": clusters, "snf": clusters, "mixture": mixture,
}  # fmt: skip
"""Those whose state is of a form of its own."""
VIEWS = (NOTES, "vectors")


def check_model(state: Any) -> None:
    """All of a model's state, as `Model.save` writes it. Raises: FormatError, with the place."""
    distributed = ("distributions",) if isinstance(state, dict) and "distributions" in state else ()
    found = Part(state, "model").keys("format", "about", "seen", "choice", "members", *distributed)
    schema = _schema(found["seen"])
    members = [_member(one, schema) for one in found["members"].items()]
    found["members"].must(len(set(members)) == len(members) > 0, "one member or more, none twice", "others")
    _choice(found["choice"], members, schema)
    if distributed:
        distributions(found["distributions"], schema)
    about = found["about"].named()
    for name in {"rows", "patients"} & about.keys():
        about[name].integer(1, 2**62)
    for one in about["few_patients"].named().values() if "few_patients" in about else ():
        one.integer(1, 2**62)
    if "task" in about:
        about["task"].same(schema["task"], "the model's schema")


def _schema(part: Part) -> Schema:
    views = ("views",) if isinstance(part.value, dict) and "views" in part.value else ()
    found = part.keys("task", "classes", "clock", "layers", "covariates", "codes", "above", *views)
    task = found["task"].text(TASKS)
    classes = found["classes"].texts()
    held = {"boolean": len(classes) in (0, 2), "booleans": len(classes) > 1, "categorical": len(classes) > 1, "numeric": not classes, "numbers": len(classes) > 1,
            "time_to_event": not classes}  # fmt: skip
    fits = held.get(task_of(task).label_type, True) and isinstance(found["classes"].value, tuple)
    found["classes"].must(fits, f"classes of a {task} task", "others")
    found["clock"].text(CLOCKS)
    for one in found["layers"].named().values():
        batches = ("batches",) if "batches" in one.named() else ()
        layer = one.keys("kind", "scale", "mutations", "features", *batches)
        layer["kind"].text(), layer["scale"].text(SCALES), layer["mutations"].flag(), layer["features"].texts()
        if batches:
            layer["batches"].texts()
    for one in found["views"].named().values() if views else ():
        view = one.keys("kind", "scale", "mutations", "features")
        view["kind"].text(VIEWS), view["scale"].text(SCALES), view["features"].texts()
        view["mutations"].must(not view["mutations"].flag(), "false: no view is one of mutations", "true")
    for one in found["covariates"].named().values():
        one.text(("number", "boolean", "text"))
    if found["codes"].value is not None:
        codes = found["codes"].texts()
        found["codes"].must(codes == sorted(codes), "codes in their order", "others")
    above = found["above"].items(2)
    above[0].texts(unique=False), above[1].texts(len(above[0].value), unique=False)
    return dict(part.value)


def _choice(part: Part, members: list[str], schema: Schema) -> None:
    found = part.keys("name", "weights", "centre", "spread", "final", "inner")
    weights = found["weights"].named()
    found["weights"].must(list(weights) == members, f"a weight of {', '.join(members)}", "others")
    for one in weights.values():
        one.number(0, 1e6)
    for one in found["inner"].named().values():
        one.number(finite=False)
    stacked = found["name"].text([*members, STACK]) == STACK
    found["name"].must(stacked or len(members) == 1, "its one member", "a stack")
    width = _width(schema)
    for name in ("centre", "spread"):
        inside = found[name].named()
        found[name].must(set(inside) == (set(members) if stacked else set()), "one of each member", "others")
    for one in found["centre"].named().values():
        one.array("f8", width)
    for one in found["spread"].named().values():
        spread = one.array("f8", width, within="inf") if _own_units(schema) else np.array(one.number())
        one.must(bool((spread > 0).all()), "more than 0", "less")
    if stacked:
        _final(found["final"], schema)
    else:
        found["final"].array("f8", 0)


def _width(schema: Schema) -> int:
    return task_of(schema["task"]).width(len(schema["classes"]))


def _own_units(schema: Schema) -> bool:
    return task_of(schema["task"]).own_units


def _final(part: Part, schema: Schema) -> None:
    """A slope and intercepts, or of columns in units of their own a slope and an intercept each."""
    shape = (2, _width(schema)) if _own_units(schema) else (1 + _width(schema),)
    part.array("f8", *shape)


def _member(part: Part, schema: Schema) -> str:
    found = part.keys("name", "setting", "seed", "own_code", "with_training", "state")
    name, own = found["name"].text(), found["own_code"].flag()
    found["seed"].integer()
    setting = found["setting"].named()
    if own:
        _own(found["state"], schema)
        return name
    found["name"].text(LEARNERS)
    beside = bool(getattr(make(name), "with_training", False))
    found["with_training"].must(found["with_training"].flag() == beside, f"{beside} for {name}".lower(), "the contrary")
    for key, one in setting.items():
        _setting(key, one, make(name))
    state = found["state"]
    match name:
        case "majority":
            _rate(state.keys("rate")["rate"], schema)
        case "covariates" | "ridge_late" | "lasso" | "elastic_net":
            _ridge(state, schema)
        case "pca" | "factor" | "autoencoder" | "vae":
            _ridge(state, schema, partial(latent_columns, name=name, setting=found["setting"].value))
        case "best_feature":
            _best(state, schema)
        case "forest" | "boosting" | "survival_forest" | "survival_boosting":
            _tree_learner(state, schema, name.removeprefix("survival_"))
        case "cox_pca":
            _cox(state, schema)
        case _ if name in _OWN_FORM:
            _OWN_FORM[name](state, schema, found["setting"].value)
        case "gene_gnn" | "pathway_net":
            on_genes(state, schema, found["setting"].value, name)
        case _ if getattr(make(name), "on_torch", False):
            network(state, schema, found["setting"].value)
        case _:
            state.all_finite()
    return name


def _setting(key: str, part: Part, learner: Any) -> None:
    """One setting: a name that the learner has, and a value of those that it tries, or of their kind."""
    listed = [one[key] for one in learner.grid if key in one]
    space = dict(learner.space()).get(key)
    known = listed + (list(space) if isinstance(space, list | tuple) else [])
    network = getattr(learner, "on_torch", False) and key in NETWORK_SETTINGS
    if not known and space is None and not network:
        raise part.wrong(f"a setting that {learner.name} has", "one that it has not")
    if key == "survival_head":
        part.text(SURVIVAL_HEADS)
    elif key == "plan":
        from ..training.trainer import TrainingPlan

        for name, one in part.named().items():
            one.must(name in {f.name for f in fields(TrainingPlan)}, "a name of the training plan", "another")
            one.number(0)
    elif space is not None and hasattr(space, "support"):
        least, most = space.support()
        part.number(float(least), float(most))
    elif known and all(isinstance(one, str) for one in known):
        part.text(sorted({*known, "shuffled"} if key == "edges" else set(known)))
    else:
        part.number(0, 1 if key in ("dropout", "drop_modality", "edge_dropout") else LARGEST)


def finite(state: Any) -> bool:
    """Whether all numbers of a state are, but those of a block, where infinity is a value."""
    try:
        _finite_but_scales(Part(state, "state"))
    except FormatError:
        return False
    return True


def _own(part: Part, schema: Schema) -> None:
    """A learner of the user's: of a wrapped estimator the features are ours."""
    _finite_but_scales(part)
    state = part.named()
    if {"block", "attributes", "params"} <= state.keys():
        found = part.keys("task", "classes", "block", "final", "recalibration", "params", "attributes")
        of_task(found, schema)
        joined(found["block"], schema)
        _maybe(found["final"], schema)
        _maybe(found["recalibration"], schema)
        for one in found["params"].named().values():
            one.text()
    elif {"train", "tuning", "weights"} <= state.keys():
        found = part.keys("task", "classes", "train", "tuning", "weights")
        of_task(found, schema)
        rows = np.concatenate([found[name].array("i8", None, least=0) for name in ("train", "tuning")])
        part.must(len(np.unique(rows)) == len(rows), "each row once", "one that comes twice")


def _finite_but_scales(part: Part) -> None:
    for name, one in part.named().items():
        if name != "block":  # `joined` knows where infinity is a value
            one.all_finite()


def _maybe(part: Part, schema: Schema) -> None:
    if part.value is not None:
        part.array("f8", 1 + _width(schema))


def _rate(part: Part, schema: Schema) -> None:
    risk = not task_of(schema["task"]).probabilities
    rate = part.array("f8", _width(schema), least=None if risk else 0, most=None if risk else 1)
    alone = _width(schema) == 1 or not task_of(schema["task"]).exclusive
    part.must(alone or abs(float(rate.sum()) - 1) < 1e-6, "shares that sum to 1", "others")


def _ridge(part: Part, schema: Schema, columns: Callable[[Part, Schema], int] = block) -> None:
    """columns: what checks a member's block, and says how many columns it makes."""
    found, k = part.keys("task", "classes", "centre", "spread", "weights", "final", "members"), _width(schema)
    of_task(found, schema)
    members = found["members"].items()
    found["centre"].array("f8", len(members), k)
    each = (len(members), k) if _own_units(schema) else (len(members),)
    spread = found["spread"].array("f8", *each, within="inf")
    found["spread"].must(bool((spread > 0).all()), "more than 0", "less")
    found["weights"].array("f8", len(members), least=0)
    _final(found["final"], schema)
    for member in members:
        one = member.keys("block", "coef", "intercept", "mean", "c", "gamma", "inner")
        p = columns(one["block"], schema)
        one["coef"].array("f8", p, k), one["intercept"].array("f8", k), one["mean"].array("f8", p)
        one["c"].number(0), one["gamma"].number(0), one["inner"].number(finite=False)


def _best(part: Part, schema: Schema) -> None:
    found = part.keys("task", "classes", "column", "mean", "coef", "intercept", "final", "recalibration", "block")
    of_task(found, schema)
    k = _width(schema)
    columns = 1 if found["block"].value is None else block(found["block"], schema)
    found["column"].integer(0, columns - 1), found["mean"].number()
    found["coef"].array("f8", 1, k), found["intercept"].array("f8", k), found["final"].array("f8", 1 + k)
    _maybe(found["recalibration"], schema)


def _tree_learner(part: Part, schema: Schema, name: str) -> None:
    """name: forest or boosting."""
    found = part.keys("task", "classes", "table", "mean", "rate", "recalibration", "grown")
    of_task(found, schema)
    _rate(found["rate"], schema)
    _maybe(found["recalibration"], schema)
    by_word = tree_table(found["table"], schema)
    mean = found["mean"].array("f4", len(by_word), within="nan")
    found["mean"].must(bool((np.isnan(mean) == by_word).all()), "a number for all but words", "others")
    alone = task_of(schema["task"]).exclusive or _own_units(schema)
    each = [found["grown"]] if alone else found["grown"].items(_width(schema))
    for one in each:
        if one.value is not None:
            _grown(one, schema, name, by_word)


def _grown(part: Part, schema: Schema, name: str, by_word: np.ndarray) -> None:
    found = part.keys("kind", "trees", "classes", "start", "importance")
    found["kind"].text([name])
    task = task_of(schema["task"])
    regresses, many = task.regresses, max(len(schema["classes"]), 2) if task.exclusive else 2
    classes = found["classes"].array("i8", 0 if regresses else None, least=0, most=many - 1)
    found["classes"].must(bool((np.diff(classes) > 0).all()), "classes in their order", "others")
    found["importance"].array("f8", len(by_word), least=0)
    outputs = 1 if regresses or (name == "boosting" and len(classes) == 2) else len(classes)
    outputs = _width(schema) if task.own_units else outputs
    found["start"].array("f8", outputs if name == "boosting" else 0)
    trees = _trees(found["trees"], by_word, outputs if name == "forest" else 1)
    found["trees"].must(trees > 0 and (name == "forest" or trees % outputs == 0), "trees for every class", str(trees))
    if name == "forest" and not regresses:
        found["trees"].at(found["trees"].value["value"], "value").array("f8", None, outputs, least=0, most=1 + 1e-9)


def _trees(part: Part, by_word: np.ndarray, outputs: int) -> int:
    """How many there are."""
    found = part.keys(*(one.name for one in fields(Trees)))
    root = found["root"].array("i4", None)
    feature = found["feature"].array("i4", None, least=0, most=len(by_word) - 1)
    n, here = len(feature), np.arange(len(feature))
    ends = np.append(root[1:], n)
    found["root"].must(bool(len(root) and root[0] == 0 and (ends > root).all()), "trees end to end", "others")
    last = np.repeat(ends, ends - root)  # of the tree that each node is in, and one more
    left, right = found["left"].array("i4", n), found["right"].array("i4", n)
    leaf = left == here
    for name, child in (("left", left), ("right", right)):
        inside = (child > here) & (child < last)
        found[name].must(bool(np.where(leaf, child == here, inside).all()), "children behind their parent", "others")
    parents = np.bincount(np.concatenate([left[~leaf], right[~leaf]]), minlength=n)
    found["left"].must(bool((parents == ~np.isin(here, root)).all()), "one parent of each node but a root", "others")
    found["threshold"].array("f8", n, within="inf"), found["missing_left"].array("b1", n)
    found["value"].array("f8", n, outputs)
    words = found["words"].array("i1", None, None, least=min(LEFT, RIGHT, UNKNOWN), most=max(LEFT, RIGHT, UNKNOWN))
    split = found["split"].array("i4", n, least=-1, most=len(words) - 1)
    found["split"].must(bool(by_word[feature[split >= 0]].all()), "words of a column of words", "of another")
    return len(root)


def _cox(part: Part, schema: Schema) -> None:
    found = part.keys("layers", "mean", "sd", "centre", "beta", "penalizer")
    layers = found["layers"].items(len(schema["layers"]))
    for one, (name, known) in zip(layers, schema["layers"].items(), strict=True):
        steps = ("steps",) if "steps" in one.named() else ()
        layer = one.keys("name", "features", "mutations", "clipped", *steps)
        layer["name"].same(name, "the model's schema"), layer["features"].same(known["features"], "the model's layer")
        layer["mutations"].must(layer["mutations"].flag() == known["mutations"], "the kind of its layer", "another")
        layer["clipped"].flag()
        if steps:
            layer_steps(layer["steps"], len(known["features"]))
    width = sum(len(known["features"]) for known in schema["layers"].values())
    for name in ("mean", "centre", "beta"):
        found[name].array("f8", width)
    sd = found["sd"].array("f8", width, within="inf")
    found["sd"].must(bool((sd > 0).all()), "more than 0", "less")
    found["penalizer"].number(finite=False)
