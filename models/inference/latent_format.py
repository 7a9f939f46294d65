"""Latent format: the fitted blocks of latent variables inside a saved model: every name, shape, type and range of them.

The shapes of the weights the network itself knows (`models.training.trainer.set_weights`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..learners.latent.factor_block import FactorBlock
from ..learners.latent.latent_block import LatentBlock
from .block_format import Schema, block
from .network_format import weights
from .state_part import Part


def latent_columns(part: Part, schema: Schema, name: str, setting: Mapping[str, Any]) -> int:
    """A member's block, by the learner's name: how many columns it makes."""
    if name in ("pca", "factor"):
        return factor_block(part, schema, setting, name == "factor")
    return latent_block(part, schema, setting, name == "vae")


def latent_block(part: Part, schema: Schema, setting: Mapping[str, Any], variational: bool) -> int:
    """What `saved_block` made of a `LatentBlock`, or of any other block: how many columns it makes."""
    found = part.keys("kind", "name", "state")
    if found["kind"].value != LatentBlock.kind:
        return block(part, schema)
    state = found["state"].keys(
        "blocks",
        "variational",
        "setting",
        "seed",
        "centre",
        "spread",
        "landmarks",
        "whitening",
        "projections",
        "weights",
    )
    state["variational"].must(state["variational"].flag() == variational, f"{variational}".lower(), "the contrary")
    state["setting"].same(dict(setting), "the member's setting")
    state["seed"].integer()
    names = _layers(state, schema)
    expected = "latent" if variational else names[0]
    found["name"].must(found["name"].text() == expected and (variational or len(names) == 1), expected, "another")
    width = int(setting.get("width", LatentBlock.WIDTH))
    state["centre"].array("f8", width)
    spread = state["spread"].array("f8", width)
    state["spread"].must(bool((spread > 0).all()), "more than 0", "less")
    landmarks = len(state["landmarks"].array("f8", None, width))
    state["whitening"].array("f8", landmarks, landmarks)
    weights(state["weights"])
    return width + landmarks


def factor_block(part: Part, schema: Schema, setting: Mapping[str, Any], together: bool) -> int:
    """What `saved_block` made of a `FactorBlock`, or of any other block: how many columns it makes."""
    found = part.keys("kind", "name", "state")
    if found["kind"].value != FactorBlock.kind:
        return block(part, schema)
    state = found["state"].keys("blocks", "width", "seed", "mean", "weights", "noise")
    asked = int(setting.get("width", FactorBlock.WIDTH))
    state["width"].must(state["width"].integer() == asked, f"{asked}, the member's setting", "another")
    state["seed"].integer()
    blocks = state["blocks"].items()
    state["blocks"].must(len(blocks) > 0 and (together or len(blocks) == 1), "one layer, or all", "others")
    held = [state[name].items(len(blocks)) for name in ("mean", "weights", "noise")]
    names, factors = list[str](), int(held[1][0].array("f8", None, None).shape[1])
    state["weights"].must(0 < factors <= asked, f"1 to {asked} factors", "others")
    for one, mean, weights_of, noise in zip(blocks, *held, strict=True):
        columns = block(one, schema)
        names.append(one.keys("kind", "name", "state")["name"].text(list(schema["layers"])))
        mean.array("f8", columns), weights_of.array("f8", columns, factors)
        noise.must(noise.number() > 0, "more than 0", "less")
    state["blocks"].must(len(set(names)) == len(names), "each layer once", "one that comes twice")
    expected = "latent" if len(names) > 1 else names[0]
    found["name"].must(found["name"].text() == expected, expected, "another")
    return factors


def _layers(state: Mapping[str, Part], schema: Schema) -> list[str]:
    """The names of the layers behind it; each has a projection of its columns."""
    blocks = state["blocks"].items()
    state["blocks"].must(len(blocks) > 0, "a layer or more", "none")
    names = []
    for one, projection in zip(blocks, state["projections"].items(len(blocks)), strict=True):
        columns, found = block(one, schema), one.keys("kind", "name", "state")
        names.append(found["name"].text(list(schema["layers"])))
        held = projection.keys("mean", "axes", "unit")
        held["mean"].array("f8", columns), held["axes"].array("f8", columns, None)
        held["unit"].must(held["unit"].number() > 0, "more than 0", "less")
    state["blocks"].must(len(set(names)) == len(names), "each layer once", "one that comes twice")
    return names
