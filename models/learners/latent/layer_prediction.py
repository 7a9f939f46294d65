"""Layer prediction: an omics layer foretold from a patient's other layers, with its error by feature on held-out rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from ....loaders.errors import InputError
from ...base.folds import parts
from ...base.snapshot import Snapshot
from ...base.threads import one_thread
from ...estimators.principal_components import Projection, dense
from ...preprocessing.blocks import Block
from ...preprocessing.fold import FoldPreprocessing
from ...preprocessing.omics_layer import DenseBlock, is_mutation
from .latent_block import COMPONENTS, LatentBlock

ALPHAS = tuple(float(one) for one in np.geomspace(1, 1e5, 11))
"""Penalties of the ridge regression, one for all features, chosen by the tuning rows."""
RESAMPLES = 500
"""Draws of patients behind an interval."""
_WAYS = ("ridge", "vae")


def predict_layer(snapshot: Snapshot, folds: pl.DataFrame, layer: str, seed: int = 1) -> pl.DataFrame:
    """Cross-layer prediction (imputation of a whole layer): of each feature how well the other layers tell it.

    Two ways, on the folds of the snapshot's first repeat, fitted without the held-out rows: ridge regression on the other
    layers' principal components, and the multimodal variational autoencoder that hears the other layers alone. Values are
    in spreads of the training rows, as learners see them; the training mean has an error of about 1 and an R² of 0.
    Args:
        snapshot: with two layers or more. folds: of it, repeat, fold, row, split. layer: the one to foretell; of numbers, not
            of mutations.
    Returns: a row a feature, the best told first: feature, symbol, rows (held out, measured, with another layer),
        error (root mean square) and r2 with r2_low and r2_high (95 %, over patients) by ridge, error_vae and r2_vae.
        Features that do not vary in some fold's training rows, or in nobody held out, are left out.
    Raises: InputError for a layer that is not there or of mutations, and where no other one is.
    Source: ridge: Hoerl & Kennard 1970, doi:10.1080/00401706.1970.10488634; the other: Wu & Goodman 2018, arXiv:1802.05335.
    Example:
        clinome.Snapshot.read("runs/my/snapshot").layer_prediction("proteins")
    """
    _check(snapshot, layer)
    features = snapshot.layers[layer].var["feature"].to_list()
    shape = (snapshot.rows.height, len(features))
    truth = np.full(shape, np.nan, dtype=np.float32)
    told = {way: np.full(shape, np.nan, dtype=np.float32) for way in _WAYS}
    first = folds.filter(pl.col("repeat") == pl.col("repeat").min())
    with one_thread():
        for fold in first["fold"].unique().sort():
            _one_fold(snapshot, layer, parts(first, first["repeat"][0], fold), seed, truth, told)
    table = pl.DataFrame({"feature": features, "symbol": snapshot.layers[layer].var["symbol"]})
    found = {way: _errors(truth, told[way]) for way in _WAYS}
    squares, wrong = found["ridge"]
    low, high = _interval(squares, wrong, seed)
    return (
        table.with_columns(
            rows=np.isfinite(truth).sum(axis=0), error=_root_mean(wrong), r2=_r2(squares, wrong), r2_low=low, r2_high=high,
            error_vae=_root_mean(found["vae"][1]), r2_vae=_r2(*found["vae"]),
        )
        .filter(pl.col("r2").is_finite())
        .sort("r2", "feature", descending=[True, False])
    )  # fmt: skip


def _check(snapshot: Snapshot, layer: str) -> None:
    dense_ones = [name for name, one in snapshot.layers.items() if not is_mutation(one)]
    if layer not in dense_ones:
        raise InputError("a layer that cannot be foretold", "layer_prediction", layer, ", ".join(dense_ones) or "layers of numbers", "name a layer of numbers")  # fmt: skip
    if len(snapshot.layers) < 2:
        raise InputError("no other layer to foretell it from", "layer_prediction", layer, "two layers or more", "add another [omics.NAME]")  # fmt: skip


def _one_fold(
    snapshot: Snapshot, layer: str, fold: tuple[np.ndarray, np.ndarray, np.ndarray], seed: int, truth: np.ndarray,
    told: Mapping[str, np.ndarray],
) -> None:  # fmt: skip
    """Fill in the rows that this fold holds out."""
    train, tuning, held_out = fold
    rows = np.sort(np.concatenate([train, tuning]))
    fitted = FoldPreprocessing.fit(snapshot, rows, [*snapshot.layers]).blocks
    own, others = fitted[layer], [block for name, block in fitted.items() if name != layer]
    assert isinstance(own, DenseBlock)

    def both(asked: np.ndarray) -> np.ndarray:
        another = np.any([block.present(snapshot, asked) for block in others], axis=0)
        return np.asarray(asked[own.present(snapshot, asked) & another])

    train, tuning, held_out = both(train), both(tuning), both(held_out)
    if min(len(train), len(tuning), len(held_out)) < 2:
        return
    y, known = np.asarray(own.transform(snapshot, held_out)), own.measured(snapshot, held_out)
    at = np.ix_(held_out, own.kept)
    truth[at] = np.where(known, y, np.nan)
    inputs = _Components(snapshot, others, np.sort(np.concatenate([train, tuning])), seed)
    told["ridge"][at] = _by_ridge(snapshot, own, inputs, train, tuning, held_out)
    told["vae"][at] = _by_vae(snapshot, layer, fitted, rows, held_out, seed)


class _Components:
    """The other layers on their principal components, 0 where a patient lacks one, with a flag for that."""

    def __init__(self, snapshot: Snapshot, blocks: Sequence[Block], rows: np.ndarray, seed: int) -> None:
        self.snapshot, self.blocks = snapshot, [b for b in blocks if b.present(snapshot, rows).sum() > 2]
        self.projections = [
            Projection.fit(dense(b.transform(snapshot, rows[b.present(snapshot, rows)])), COMPONENTS, seed)
            for b in self.blocks
        ]

    def of(self, rows: np.ndarray) -> np.ndarray:
        columns = []
        for block, one in zip(self.blocks, self.projections, strict=True):
            here = block.present(self.snapshot, rows)[:, None]
            columns += [one.coordinates(dense(block.transform(self.snapshot, rows))) * here, here]
        return np.hstack([np.zeros((len(rows), 0)), *columns])


def _by_ridge(
    snapshot: Snapshot, own: DenseBlock, inputs: _Components, train: np.ndarray, tuning: np.ndarray, held_out: np.ndarray
) -> np.ndarray:  # fmt: skip
    from sklearn.linear_model import Ridge

    def y(rows: np.ndarray) -> np.ndarray:
        return np.asarray(own.transform(snapshot, rows), dtype=np.float64)

    x, x_tuning, y_tuning = inputs.of(train), inputs.of(tuning), y(tuning)
    wrong = [np.square(Ridge(alpha).fit(x, y(train)).predict(x_tuning) - y_tuning).mean() for alpha in ALPHAS]
    rows = np.concatenate([train, tuning])
    best = Ridge(ALPHAS[int(np.argmin(wrong))]).fit(inputs.of(rows), y(rows))
    return np.asarray(best.predict(inputs.of(held_out)))


def _by_vae(
    snapshot: Snapshot, layer: str, fitted: Mapping[str, Block], rows: np.ndarray, held_out: np.ndarray, seed: int
) -> np.ndarray:
    """What the autoencoder tells of the layer to somebody who lacks it."""
    blocks = [block for block in fitted.values() if block.present(snapshot, rows).sum() > 2]
    return LatentBlock(blocks, True, {}, seed).fit(snapshot, rows).foretell(snapshot, held_out, layer)


def _errors(truth: np.ndarray, told: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(n, p) squares of the truth and of the errors; missing where either is."""
    wrong = np.square(truth - told)
    return np.where(np.isfinite(wrong), np.square(truth), np.nan), wrong


def _root_mean(wrong: np.ndarray) -> np.ndarray:
    count = np.isfinite(wrong).sum(axis=0)
    return np.asarray(np.sqrt(np.nansum(wrong, axis=0) / np.where(count, count, np.nan)))


def _r2(squares: np.ndarray, wrong: np.ndarray) -> np.ndarray:
    total = np.nansum(squares, axis=0)
    return np.asarray(1 - np.nansum(wrong, axis=0) / np.where(total > 0, total, np.nan))


def _interval(squares: np.ndarray, wrong: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """(p,) the 2.5 and 97.5 percentiles of R² over resampled patients."""
    here = np.isfinite(wrong).any(axis=1)
    squares, wrong = np.nan_to_num(squares[here]), np.nan_to_num(wrong[here])
    n = max(1, len(wrong))
    drawn = np.random.default_rng([seed, 17]).multinomial(n, np.full(n, 1 / n), RESAMPLES).astype(np.float32)
    if not len(wrong):
        return np.full(wrong.shape[1], np.nan), np.full(wrong.shape[1], np.nan)
    total = drawn @ squares
    r2 = 1 - drawn @ wrong / np.where(total > 0, total, np.nan)
    low, high = np.nanquantile(r2, [0.025, 0.975], axis=0)
    return low, high
