"""Distribution format: the feature distributions inside a saved model: every name, shape, type and range of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..state_part import Part
from .distribution import MOST_BINS


def distributions(part: Part, schema: Mapping[str, Any]) -> None:
    """What `FeatureDistribution.state` made of dense layers of the model's schema."""
    found = part.named()
    dense = [name for name, known in schema["layers"].items() if not known["mutations"]]
    part.must(bool(found) and set(found) <= set(dense), "a dense layer of the model or more", "others")
    for name, one in found.items():
        held, features = one.keys("bins", "mean", "sd", "rows"), len(schema["layers"][name]["features"])
        held["rows"].integer(1, 2**62)
        bins = held["bins"].array("f4", features, None, within="nan")
        held["bins"].must(2 <= bins.shape[1] <= MOST_BINS, f"2 to {MOST_BINS} bins", "others")
        told = np.isfinite(bins)
        held["bins"].must(
            bool((told.all(axis=1) | ~told.any(axis=1)).all()), "features that are told of whole", "others"
        )
        told = told[:, 0]
        held["bins"].must(bool((np.diff(bins[told], axis=1) >= 0).all()), "means in their order", "others")
        for each in ("mean", "sd"):
            values = held[each].array("f4", features, within="nan", least=0 if each == "sd" else None)
            held[each].must(bool((np.isfinite(values) == told).all()), "the features of the bins", "others")
