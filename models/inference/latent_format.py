"""Latent format: the fitted blocks of `autoencoder` and `vae` inside a saved model: every name, shape, type and range of them.

The shapes of the weights the network itself knows (`models.training.trainer.set_weights`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..learners.latent.latent_block import LatentBlock
from .block_format import Schema, block
from .network_format import weights
from .state_part import Part


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
