"""Cluster format: the fitted state of `consensus`, `snf` and `mixture` inside a saved model: every name, shape and range."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .block_format import Schema, block
from .state_part import Part


def clusters(part: Part, schema: Schema, setting: Mapping[str, Any]) -> None:
    """What `Clusterer.state` gives: the factors of each block, and the centres of the clusters in them."""
    found = part.keys("factors", "centres")
    _centres(found, _factors(found["factors"], schema))


def mixture(part: Part, schema: Schema, setting: Mapping[str, Any]) -> None:
    """The same with the components of a mixture: a weight, a mean and a covariance each."""
    found = part.keys("factors", "centres", "weights", "means", "covariances")
    widths = _factors(found["factors"], schema)
    many, width = _centres(found, widths), sum(widths)
    weights = found["weights"].array("f8", many, least=0, most=1)
    found["weights"].must(bool((weights > 0).all()), "more than 0", "0")
    found["means"].array("f8", many, width)
    covariances = found["covariances"].array("f8", many, width, width)
    alike = np.allclose(covariances, covariances.transpose(0, 2, 1))
    sound = all(width == 0 or float(np.linalg.eigvalsh((c + c.T) / 2).min()) > 0 for c in covariances)
    found["covariances"].must(sound and alike, "covariances", "others")


def _centres(found: Mapping[str, Part], widths: Sequence[int]) -> int:
    """How many clusters there are."""
    centres = found["centres"].items(len(widths))
    many = len(centres[0].array("f8", None, widths[0])) if centres else 1
    found["centres"].must(many > 0, "a cluster or more", "none")
    for one, width in zip(centres, widths, strict=True):
        one.array("f8", many, width)
    return many


def _factors(part: Part, schema: Schema) -> list[int]:
    """How many factors each block has."""
    found = part.keys("blocks", "projections")
    blocks = found["blocks"].items()
    widths, names = [], []
    for one, projection in zip(blocks, found["projections"].items(len(blocks)), strict=True):
        columns = block(one, schema)
        names.append(one.keys("kind", "name", "state")["name"].text())
        held = projection.keys("mean", "axes", "unit")
        held["mean"].array("f8", columns)
        widths.append(held["axes"].array("f8", columns, None).shape[1])
        held["unit"].must(held["unit"].number() > 0, "more than 0", "less")
    found["blocks"].must(len(set(names)) == len(names), "each block once", "one that comes twice")
    return widths
