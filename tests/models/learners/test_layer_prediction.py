"""A layer foretold from the others: what one cause plants in both is found, noise is not, and held-out rows are not seen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from snapshots import make_snapshot

from clinome.loaders.errors import InputError
from clinome.models.learners.latent.layer_prediction import predict_layer
from clinome.snapshot import Snapshot

CAUSED, NOISE = 6, 6


def planted(linked: bool = True, seed: int = 0) -> Snapshot:
    """240 patients: of 12 features of each of two layers the first six are of three causes, which both layers share."""
    snapshot = make_snapshot(
        "binary", n=240, layers=("rna", "cnv"), features=CAUSED + NOISE, missing=0.1, covariates=False
    )
    rng = np.random.default_rng(seed)
    causes = rng.standard_normal((240, 3))
    layers = {}
    for name, layer in snapshot.layers.items():
        mine = causes if linked or name == "rna" else rng.standard_normal((240, 3))
        values = rng.standard_normal((240, CAUSED + NOISE))
        values[:, :CAUSED] = 2 * mine @ rng.standard_normal((3, CAUSED)) + 0.5 * values[:, :CAUSED]
        seen = np.asarray(layer.profiled)[:, None] & np.isfinite(layer.values)
        layers[name] = replace(layer, values=np.where(seen, values, np.nan).astype(np.float32))
    return replace(snapshot, layers=layers)


def test_what_both_layers_share_is_told_and_noise_is_not() -> None:
    snapshot = planted()
    found = snapshot.layer_prediction("cnv").set_index("feature")
    names = snapshot.layers["cnv"].var["feature"].to_list()
    caused, noise = found.loc[names[:CAUSED]], found.loc[names[CAUSED:]]
    assert caused["r2"].min() > 0.4 and caused["r2_vae"].median() > 0.4 and (caused["r2_low"] > 0.2).all()
    assert noise["r2"].max() < 0.1 and (noise["r2_low"] < 0.02).all() and noise["error"].between(0.8, 1.2).all()
    assert (found["r2_low"] <= found["r2"]).all() and (found["r2"] <= found["r2_high"]).all()
    rows = np.asarray(snapshot.layers["cnv"].profiled) & np.asarray(snapshot.layers["rna"].profiled)
    held = np.zeros(240, bool)
    held[snapshot.folds.filter(snapshot.folds["split"] == "held_out")["row"].to_numpy()] = True
    values = np.asarray(snapshot.layers["cnv"].values)
    assert found.loc[names, "rows"].tolist() == [int((rows & held & np.isfinite(column)).sum()) for column in values.T]


def test_layers_without_anything_in_common_tell_nothing() -> None:
    found = planted(linked=False).layer_prediction("cnv")
    assert found["r2"].max() < 0.1 and found["r2_vae"].max() < 0.1


def test_what_is_held_out_is_not_learnt() -> None:
    """Held-out values of the layer itself change the error, and nothing that is told."""
    snapshot = planted()
    train = np.zeros(240, bool)
    train[
        snapshot.folds.filter(snapshot.folds["split"] != "held_out", snapshot.folds["fold"] == 0)["row"].to_numpy()
    ] = True
    one = snapshot.folds.filter(snapshot.folds["fold"] == 0)
    layer = snapshot.layers["cnv"]
    other = np.where(train[:, None], layer.values, 1 - np.asarray(layer.values)).astype(np.float32)
    there = replace(snapshot, layers={**snapshot.layers, "cnv": replace(layer, values=other)})
    a, b = predict_layer(snapshot, one, "cnv"), predict_layer(there, one, "cnv")
    truth, told = (dict(zip(x["feature"], x["r2"], strict=True)) for x in (a, b))
    assert set(truth) == set(told) and min(truth[name] - told[name] for name in list(truth)[:CAUSED]) > 0.5


@pytest.mark.parametrize(("layers", "asked", "what"), [
    (("rna", "mutations"), "mutations", "cannot be foretold"),
    (("rna", "mutations"), "proteins", "cannot be foretold"),
    (("rna",), "rna", "no other layer"),
])  # fmt: skip
def test_what_cannot_be_foretold_is_refused(layers: tuple[str, ...], asked: str, what: str) -> None:
    with pytest.raises(InputError, match=what):
        make_snapshot("binary", n=60, layers=layers).layer_prediction(asked)


def test_a_layer_is_foretold_from_mutations_too() -> None:
    found = make_snapshot("binary", n=120, layers=("rna", "mutations"), features=20).layer_prediction("rna")
    assert len(found) > 0 and np.isfinite(found["r2"]).all()
