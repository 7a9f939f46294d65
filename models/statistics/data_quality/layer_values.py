"""Values of omics layers: cells that cannot be, numbers that stand for missing, outliers, values that want a logarithm."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl

from .finding import CHECK, NOTE, SERIOUS, Checked, Finding, ids
from .study_data import LayerData, StudyData
from .variables import MISSING_CODES, missing_codes

WILD, MANY_WILD = 10.0, 0.001
"""Robust standard deviations of a cell, and the share of such cells, from which it is said."""
_LOGARITHM = {"expression", "mirna", "protein", "metabolite"}
_CELLS = 2_000_000
_MOSTLY = 0.95


def layer_values(data: StudyData) -> Checked:
    """Every dense layer in turn."""
    return Checked(
        tuple(finding for layer in data.layers if layer.dense and layer.values.size for finding in _layer(layer))
    )


def _layer(layer: LayerData) -> Iterator[Finding]:
    values, where = np.asarray(layer.values), f"omics.{layer.name}"
    with np.errstate(invalid="ignore"):
        low, high = np.fmin.reduce(values, axis=0), np.fmax.reduce(values, axis=0)
    if np.isinf(low).any() or np.isinf(high).any():
        wrong = np.isinf(values)
        facts = {"layer": layer.name, "cells": int(wrong.sum()), "features": int(wrong.any(axis=0).sum())}
        yield Finding("values", "infinite", SERIOUS, where, facts, _whose(layer, wrong))
        values = np.where(wrong, np.float32(np.nan), values)
    coded = _coded(values, low, high, layer.kind)
    for code, (cells, features) in sorted(coded.items()):
        facts = {"layer": layer.name, "code": code, "values": cells, "features": features}
        yield Finding("values", "layer_missing_code", SERIOUS, where, facts, _whose(layer, values == np.float32(code)))
    if coded:
        values = np.where(np.isin(values, list(coded)), np.float32(np.nan), values)
    yield from _impossible(layer, values, where)
    sample = _some(values)
    if wants_logarithm(sample) and layer.kind in _LOGARITHM and layer.scale != "log1p":
        yield Finding("values", "not_logarithmic", CHECK, where, {"layer": layer.name, "scale": layer.scale})
    wild = wild_cells(sample)
    if wild > MANY_WILD:
        yield Finding("values", "wild_cells", NOTE, where, {"layer": layer.name, "share": wild})


def _coded(values: np.ndarray, low: np.ndarray, high: np.ndarray, kind: str) -> dict[float, tuple[int, int]]:
    """code -> (cells, features) over the features whose least or largest value is one. −1 copy is a call."""
    found: dict[float, tuple[int, int]] = {}
    for j in np.flatnonzero(np.isin(low, MISSING_CODES) | np.isin(high, MISSING_CODES)):
        column = values[:, j]
        for code, n in missing_codes(column[np.isfinite(column)].astype(np.float64)).items():
            if n > 1 and not (kind == "copy_number" and code == -1):
                cells, features = found.get(code, (0, 0))
                found[code] = cells + n, features + 1
    return found


def _impossible(layer: LayerData, values: np.ndarray, where: str) -> Iterator[Finding]:
    """By what the values almost all are: shares between 0 and 1, counts, or calls from −2 to 2."""
    known = int((~np.isnan(values)).sum())
    with np.errstate(invalid="ignore"):
        match layer.kind:
            case "methylation":
                rule, wrong = "beta", (values < 0) | (values > 1)
            case "copy_number" if _whole(values):
                rule, wrong = "call", (values < -2) | (values > 2)
            case "expression" | "mirna" | "protein" | "metabolite" if (
                _whole(values) or (values == 0).sum() > 0.01 * known
            ):
                rule, wrong = "negative", values < 0
            case _:
                return
    cells = int(wrong.sum())
    if 0 < cells < (1 - _MOSTLY) * known:
        facts = {
            "layer": layer.name,
            "rule": rule,
            "cells": cells,
            "of": known,
            "features": int(wrong.any(axis=0).sum()),
        }
        yield Finding("values", "impossible_cells", SERIOUS, where, facts, _whose(layer, wrong))


def _whole(values: np.ndarray) -> bool:
    some = _some(values)
    some = some[~np.isnan(some)]
    return bool(len(some)) and float((some == np.round(some)).mean()) > 0.99


def _some(values: np.ndarray) -> np.ndarray:
    """Whole features, evenly over the layer, of at most two million cells."""
    step = max(1, int(np.ceil(values.size / _CELLS)))
    return values[:, ::step]


def wants_logarithm(values: np.ndarray) -> bool:
    """Whether values look like raw intensities or counts rather than logarithms.

    Source: GEO2R's rule (99th percentile above 100, or a range above 50 with a positive lower quartile).
    """
    known = values[~np.isnan(values)]
    if not len(known) or known.min() < 0:
        return False
    least, quarter, high, most = np.quantile(known, (0.0, 0.25, 0.99, 1.0))
    return bool(high > 100 or (most - least > 50 and quarter > 0))


def wild_cells(values: np.ndarray) -> float:
    """Share of cells farther than WILD robust standard deviations from their feature's median; features of which half the
    values are equal count as having none."""
    values = values[:, ~np.isnan(values).all(axis=0)]
    with np.errstate(invalid="ignore", over="ignore"):
        plain = not np.isnan(values).any()
        median = np.median if plain else np.nanmedian
        middle = median(values, axis=0)
        away = np.abs(values - middle)
        spread = 1.4826 * median(away, axis=0)
        wild = (away > WILD * spread) & (spread > 0)
    known = values.size if plain else int((~np.isnan(values)).sum())
    return float(wild.sum() / max(known, 1))


def _whose(layer: LayerData, cells: np.ndarray) -> tuple[str, ...]:
    return ids(layer.samples["subject_id"].filter(pl.Series(cells.any(axis=1))))
