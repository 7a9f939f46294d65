"""Duplicates: patients who look like the same person under two ids."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from ...base.snapshot import DerivedSnapshot
from ...evaluation.near_duplicates import compared, near_duplicates
from ...preprocessing.omics_layer import AlignedLayer
from .finding import SERIOUS, Checked, Finding, ids
from .study_data import LayerData, StudyData

BY_CHANCE = 1e-3
"""Pairs of patients who agree in all properties, as chance would give them, from which agreement says nothing."""
_COMPLETE = 0.8


@dataclass(frozen=True)
class Everybody(DerivedSnapshot):
    """All patients of a study as one snapshot, behind no fence, with folds that put every two of them apart."""

    folds: pl.DataFrame = field(default_factory=pl.DataFrame)


def duplicates(data: StudyData) -> Checked:
    """Pairs who are alike in a layer or in their records (`near_duplicates`), or agree in all their properties."""
    found = [Finding("duplicates", "near_duplicates", SERIOUS, block, {"block": block, "pairs": pairs})
             for block, pairs in near_duplicates(everybody(data)).items()]  # fmt: skip
    return Checked((*found, *_same_properties(data.patients)))


def everybody(data: StudyData) -> Everybody:
    """The study as `near_duplicates` wants it."""
    place = {subject: i for i, subject in enumerate(data.subjects)}
    rows = pl.DataFrame({"subject_id": data.subjects}, schema={"subject_id": pl.String})
    layers = {layer.name: _over_everybody(layer, place) for layer in data.layers if layer.dense}
    events = None
    if data.events is not None:
        last = data.events["time"].max()
        events = data.events.select(
            pl.col("subject_id").replace_strict(place, default=None, return_dtype=pl.Int64).alias("row"), "code", "numeric_value", "text_value",
            days=(pl.lit(last, pl.Datetime("us")) - pl.col("time")).dt.total_microseconds() / 86_400_000_000.0,
        ).drop_nulls("row").sort("row", "days", descending=[False, True])  # fmt: skip
    rows = rows.with_columns(prediction_time=pl.lit(None, pl.Datetime("us")))
    nothing = pl.DataFrame()
    return Everybody("binary", rows, nothing, layers, events, nothing, "dated", (), folds=every_pair(len(place)))


def _over_everybody(layer: LayerData, place: Mapping[str, int]) -> AlignedLayer:
    first = layer.samples.with_row_index("sample").unique("subject_id", keep="first", maintain_order=True)
    row = first["subject_id"].replace_strict(place, default=None, return_dtype=pl.Int64)
    there = row.is_not_null().to_numpy()
    known = np.asarray(layer.values)
    some = compared(known)
    values = np.full((len(place), len(layer.features[some])), np.nan, dtype=np.float32)
    values[row.drop_nulls().to_numpy()] = known[:, some][first["sample"].to_numpy()[there]]
    var = pl.DataFrame({"feature": layer.features[some]}, schema={"feature": pl.String})
    return AlignedLayer(layer.name, layer.kind, layer.scale, var, values, np.asarray(~np.isnan(values).all(axis=1)))


def every_pair(n: int) -> pl.DataFrame:
    """Folds in which every two of n rows are on both sides of at least one: fold k holds out the rows with bit k set."""
    bits = max(n - 1, 1).bit_length()
    row, fold = np.tile(np.arange(n), bits), np.repeat(np.arange(bits), n)
    held = (row >> fold) & 1 == 1
    split = np.where(held, "held_out", "train")
    schema = {"repeat": pl.Int64, "fold": pl.Int64, "row": pl.Int64, "split": pl.String}
    return pl.DataFrame(
        {"repeat": np.zeros(len(row), dtype=np.int64), "fold": fold, "row": row, "split": split}, schema=schema
    )


def _same_properties(patients: pl.DataFrame) -> Iterator[Finding]:
    """Patients who agree in all properties that most have, where so many values would hardly agree by chance."""
    columns = [
        c.name
        for c in patients
        if c.name != "subject_id" and c.null_count() < (1 - _COMPLETE) * len(c) and c.n_unique() > 1
    ]
    whole = patients.select("subject_id", *columns).drop_nulls()
    n = whole.height
    if n < 2 or not columns:
        return
    chance = n * (n - 1) / 2
    for name in columns:
        share = whole[name].value_counts()["count"].to_numpy() / n
        chance *= float((share**2).sum() - 1 / n) * n / (n - 1)
    if chance > BY_CHANCE:
        return
    alike = whole.filter(pl.struct(columns).is_duplicated())
    if alike.height:
        groups = alike.group_by(columns).len()["len"].to_numpy()
        facts = {"pairs": int((groups * (groups - 1) // 2).sum()), "patients": alike.height, "properties": len(columns)}
        yield Finding("duplicates", "same_properties", SERIOUS, "patients", facts, ids(alike["subject_id"]))
