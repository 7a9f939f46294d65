"""Missing data: by layer, feature and patient, and whether it is missing at random with regard to the outcome."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl

from ...base.snapshot import Snapshot
from ..rank_tests import benjamini_hochberg
from .finding import CHECK, NOTE, SERIOUS, Checked, Finding, ids
from .outcome import FEWEST, Outcome
from .study_data import LayerData, StudyData

MUCH, HALF = 0.2, 0.5
"""Shares missing from which it is said: of a layer's cells or a property, and of one feature or patient."""
STRONG, SLIGHT = 0.2, 0.05
"""Difference in the share that is missing, between two outcomes, from which it is serious, and below which it is a note."""
_CODES = 50
_KEYS = {"subject_id", "visit_id", "start_time", "end_time", "kind", "source"}
_SURE = 0.01


def missing_data(data: StudyData) -> Checked:
    """What is missing, by layer, feature, patient and property; whoever is there with nothing at all."""
    findings = list(_nobody(data))
    layers, curves = [], []
    for layer in data.layers:
        line, found, curve = _of_layer(layer, data)
        layers.append(line)
        findings += found
        curves.append(curve)
    properties: list[tuple[str, str, int, int]] = []
    for whose, table in (("patients", data.patients), ("visits", data.visits)):
        if table is not None:
            mine = [
                (whose, column.name, column.null_count(), table.height) for column in table if column.name not in _KEYS
            ]
            findings += _of_properties(whose, mine)
            properties += mine
    tables = {
        "layers": pl.DataFrame(layers, infer_schema_length=None),
        "availability": _availability(data),
        "properties": pl.DataFrame(properties, ["of_what", "property", "missing", "of"], orient="row"),
        "missing_curve": pl.concat(curves) if curves else pl.DataFrame(),
    }
    return Checked(tuple(findings), tables)


def _nobody(data: StudyData) -> Iterator[Finding]:
    """Patients of whom nothing was measured or recorded."""
    held: set[str] = set()
    for layer in data.layers:
        held |= set(layer.samples["subject_id"].drop_nulls())
    if data.events is not None:
        held |= set(data.events["subject_id"].unique())
    without = tuple(sorted(set(data.subjects) - held)) if held else ()
    if without:
        facts = {"patients": len(without), "of": len(data.subjects)}
        yield Finding(
            "missing", "no_data", CHECK if len(without) > MUCH * len(data.subjects) else NOTE, "", facts, without
        )


def _availability(data: StudyData) -> pl.DataFrame:
    """A boolean column a layer, and one of records; count: patients with that pattern. Empty where there is neither."""
    people = pl.DataFrame({"subject_id": data.subjects}, schema={"subject_id": pl.String})["subject_id"]
    held = {layer.name: layer.samples["subject_id"] for layer in data.layers}
    if data.events is not None:
        held["records"] = data.events["subject_id"]
    table = pl.DataFrame(
        {name: people.is_in(subjects.drop_nulls().unique().implode()) for name, subjects in held.items()}
    )
    if not table.width:
        return table
    return table.group_by(table.columns).len("count").sort(["count", *table.columns], descending=True)


def _of_layer(layer: LayerData, data: StudyData) -> tuple[dict[str, object], list[Finding], pl.DataFrame]:
    """A line of the table, findings, and how much is missing of its features: (layer, share of features, missing)."""
    subjects, p = layer.samples["subject_id"], len(layer.features)
    line: dict[str, object] = {"layer": layer.name, "samples": layer.samples.height, "features": p,
            "patients": subjects.n_unique(), "without": len(data.subjects) - subjects.n_unique()}  # fmt: skip
    if not layer.dense or not layer.values.size:
        return (
            {**line, "missing": 0.0, "features_half": 0, "samples_half": 0, "constant": 0},
            [],
            _curve(layer.name, np.zeros(1)),
        )
    gone = np.isnan(layer.values)
    by_feature, by_sample = gone.mean(axis=0), gone.mean(axis=1)
    with np.errstate(invalid="ignore"):
        low, high = np.fmin.reduce(layer.values, axis=0), np.fmax.reduce(layer.values, axis=0)
    constant = int(((low == high) & (layer.samples.height > 1)).sum())
    half, poor = int((by_feature > HALF).sum()), by_sample > HALF
    line |= {
        "missing": float(gone.mean()),
        "features_half": half,
        "samples_half": int(poor.sum()),
        "constant": constant,
    }
    found = []
    where = f"omics.{layer.name}"
    if gone.mean() > MUCH:
        found.append(Finding("missing", "cells", CHECK, where, {"layer": layer.name, "share": float(gone.mean())}))
    if half:
        facts = {"layer": layer.name, "features": half, "of": p}
        found.append(Finding("missing", "features", CHECK if half > MUCH * p else NOTE, where, facts))
    if poor.any():
        who = ids(subjects.filter(pl.Series(poor)))
        facts = {"layer": layer.name, "patients": len(who), "of": subjects.n_unique()}
        found.append(Finding("missing", "samples", CHECK, where, facts, who))
    if constant:
        facts = {"layer": layer.name, "features": constant, "of": p}
        found.append(Finding("values", "constant_features", CHECK if constant > MUCH * p else NOTE, where, facts))
    return line, found, _curve(layer.name, by_feature)


def _curve(name: str, share: np.ndarray) -> pl.DataFrame:
    """The share missing at 101 places from the most complete feature to the least."""
    at = np.linspace(0, 1, 101)
    return pl.DataFrame({"layer": name, "features": at, "missing": np.quantile(share, at)}).with_columns(
        pl.col("layer").cast(pl.String)
    )


def _of_properties(whose: str, properties: list[tuple[str, str, int, int]]) -> Iterator[Finding]:
    empty = [name for _, name, missing, of in properties if missing == of > 0]
    much = sorted(
        ((name, missing / of) for _, name, missing, of in properties if MUCH < missing / max(of, 1) < 1),
        key=lambda one: -one[1],
    )
    if empty:
        yield Finding("missing", "empty_properties", CHECK, whose, {"names": empty})
    if much:
        facts = {"names": [name for name, _ in much], "shares": [share for _, share in much]}
        yield Finding("missing", "properties", NOTE, whose, facts)


def missing_at_random(snapshot: Snapshot, outcome: Outcome) -> pl.DataFrame:
    """Inputs whose being missing can be tested against the outcome.

    Returns: what (layer, cells, covariate, records, code), name, missing (share), least and most (the share in the outcome
        where it is missing least and most), least_in, most_in (those outcomes), p.
    """
    rows: list[dict[str, object]] = []
    for what, name, gone in _absences(snapshot, outcome):
        there = gone[~np.isnan(gone)]
        if not len(there) or there.min() == there.max():
            continue
        whole = bool(np.isin(there, (0.0, 1.0)).all() and len(there) == len(gone))
        p = outcome.test((gone > 0.5)[:, None] if whole else gone[:, None])[0]
        rows.append(
            {"what": what, "name": name, "missing": float(there.mean()), "p": float(p), **_extremes(gone, outcome)}
        )
    schema = {"what": pl.String, "name": pl.String, "missing": pl.Float64, "least": pl.Float64, "least_in": pl.String,
              "most": pl.Float64, "most_in": pl.String, "p": pl.Float64}  # fmt: skip
    return pl.DataFrame(rows, schema=schema)


def _extremes(gone: np.ndarray, outcome: Outcome) -> dict[str, object]:
    """The outcomes in which least and most is missing."""
    known = ~np.isnan(gone)
    names, at = np.unique(outcome.label[known], return_inverse=True)
    share = np.bincount(at, gone[known]) / np.bincount(at)
    low, high = int(share.argmin()), int(share.argmax())
    return {
        "least": float(share[low]),
        "least_in": str(names[low]),
        "most": float(share[high]),
        "most_in": str(names[high]),
    }


def _absences(snapshot: Snapshot, outcome: Outcome) -> Iterator[tuple[str, str, np.ndarray]]:
    """(what, name, (n,) 1 where it is missing, or the share of its cells; NaN where that cannot be)."""
    row = outcome.row
    for name, layer in {**snapshot.layers, **snapshot.views}.items():
        profiled = layer.profiled[row]
        yield "layer", name, (~profiled).astype(float)
        if isinstance(layer.values, np.ndarray) and layer.values.shape[1]:
            share = np.isnan(layer.values).mean(axis=1)[row]
            yield "cells", name, np.where(profiled, share, np.nan)
    for column in snapshot.covariates:
        yield "covariate", column.name, column.is_null().to_numpy()[row].astype(float)
    if snapshot.events is None:
        return
    known = np.zeros(snapshot.rows.height, dtype=bool)
    known[snapshot.events["row"].unique().to_numpy()] = True
    yield "records", "records", (~known[row]).astype(float)
    measured = snapshot.events.filter(pl.col("numeric_value").is_not_null())
    common = (
        measured.group_by("code").agg(pl.col("row").n_unique().alias("n")).sort(["n", "code"], descending=[True, False])
    )
    for code in common.head(_CODES)["code"]:
        has = np.zeros(snapshot.rows.height, dtype=bool)
        has[measured.filter(pl.col("code") == code)["row"].unique().to_numpy()] = True
        yield "code", code, (~has[row]).astype(float)


def not_at_random(tested: pl.DataFrame) -> Iterator[Finding]:
    """Findings of inputs whose q is below 0.05; codes together.

    Args:
        tested: as `missing_at_random`, with q.
    """
    sure = tested.filter(pl.col("q") < 0.05)
    for row in sure.filter(pl.col("what") != "code").iter_rows(named=True):
        gap = row["most"] - row["least"]
        severity = SERIOUS if gap >= STRONG else CHECK if gap >= SLIGHT else NOTE
        yield Finding("missing", "not_at_random", severity, row["name"], row)
    codes = sure.filter(pl.col("what") == "code")
    if codes.height:
        of = tested.filter((pl.col("what") == "code") & pl.col("p").is_not_nan()).height
        strongest = codes.sort("p")["name"].head(3).to_list()
        yield Finding(
            "missing", "codes_not_at_random", NOTE, "records", {"codes": codes.height, "of": of, "names": strongest}
        )


def features_not_at_random(snapshot: Snapshot, outcome: Outcome) -> Iterator[Finding]:
    """Dense layers with features that are missing more often with one outcome, among the patients who have the layer.

    Features that are missing in the same patients are one test; q below 0.01 over all tests of a layer.
    """
    for name, layer in snapshot.layers.items():
        profiled = layer.profiled[outcome.row]
        if not isinstance(layer.values, np.ndarray) or profiled.sum() < 2 * FEWEST:
            continue
        gone = np.isnan(layer.values)[outcome.row[profiled]]
        enough = np.flatnonzero(np.minimum(gone.sum(axis=0), (~gone).sum(axis=0)) >= FEWEST)
        if not len(enough):
            continue
        packed = np.packbits(gone[:, enough], axis=0)
        _, first, pattern = np.unique(packed, axis=1, return_index=True, return_inverse=True)
        q = benjamini_hochberg(outcome.among(profiled).test(gone[:, enough[first]]))[pattern.ravel()]
        if (q < _SURE).any():
            facts = {"layer": name, "features": int((q < _SURE).sum()), "of": len(enough)}
            yield Finding("missing", "features_not_at_random", CHECK, f"omics.{name}", facts)
