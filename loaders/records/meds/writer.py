"""Tables -> a MEDS 0.4 data set: shards of whole subjects, code metadata, splits, labels; read back as it was."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq

from ...files.atomic import atomic_folder
from ...files.cells.dtypes import widened
from ...tables import EVENTS, NEVER
from .extension import (
    ABOUT,
    DOUBLE,
    EXTENSION,
    OF_TABLE,
    OWN,
    STATIC,
    VISIT_END,
    VISIT_START,
    meds_code,
    own_codes,
    table_file,
)

SHARD = 2_000_000
"""Events a shard, about; no subject is in two."""
EXTRA = ("known_time", "visit_id", "unit", "source", DOUBLE, OF_TABLE)
"""Columns beside MEDS's own."""


@dataclass(frozen=True)
class MedsData:
    """What is written.

    ids: subject_id, meds_id (int64) of everybody. events: tables.EVENTS, a scan where they are many. visits, patients,
    concepts, links: as the loaders made them. names: code -> description, from every source. above: subject, object of IS_A,
    from every source. splits: subject_id, split. labels: name -> subject_id, prediction_time and one column of values.
    """

    name: str
    ids: pl.DataFrame
    events: pl.LazyFrame
    clock: str = "dated"
    visits: pl.DataFrame | None = None
    patients: pl.DataFrame | None = None
    concepts: pl.DataFrame | None = None
    links: pl.DataFrame | None = None
    names: Mapping[str, str] = field(default_factory=dict)
    above: pl.DataFrame | None = None
    splits: pl.DataFrame | None = None
    labels: Mapping[str, pl.DataFrame] = field(default_factory=dict)


def write_meds(folder: Path, data: MedsData, version: str) -> dict[str, int]:
    """Write a data set into a folder, which it replaces as a whole.

    Args: version: of Clinome, for dataset.json.
    Returns: in plain words what was written, and how often.
    Source: https://github.com/Medical-Event-Data-Standard/meds (schema.py of the package `meds`, which checks each table).
    Example: write_meds(Path("meds"), MedsData("lung", ids, events), "0.2")
    """
    with atomic_folder(folder) as fresh:
        (fresh / "metadata").mkdir()
        counts, used = _shards(fresh, data)
        described = _codes(fresh, data, used)
        _extension(fresh, data)
        _splits(fresh, data)
        for name, labels in data.labels.items():
            _labels(fresh / "labels" / f"{name}.parquet", labels, data.ids)
        extra = {"raw_source_id_columns": ["visit_id"], "code_modifier_columns": ["unit"],
                 "other_extension_columns": [one for one in EXTRA if one not in ("visit_id", "unit")]}  # fmt: skip
        about = {
            "dataset_name": data.name,
            "etl_name": "clinome",
            "etl_version": version,
            "meds_version": "0.4",
            **extra,
        }
        (fresh / "metadata" / "dataset.json").write_text(json.dumps(about, indent=1))
    return {**counts, **described}


def _shards(folder: Path, data: MedsData) -> tuple[dict[str, int], pl.Series]:
    """data/*.parquet, and every code in them."""
    from meds.schema import DataSchema

    beside = _beside(data)
    sizes = data.events.group_by("subject_id").len().collect()
    sizes = pl.concat([sizes, beside.group_by("subject_id").len()]).group_by("subject_id").agg(pl.col("len").sum())
    sizes = data.ids.join(sizes, on="subject_id").sort("meds_id")
    sizes = sizes.with_columns(shard=(pl.col("len").cum_sum() - 1) // SHARD)
    (folder / "data").mkdir()
    codes, counts = (
        [pl.Series([], dtype=pl.String)],
        dict.fromkeys(("events", "events that repeat visits and patients", "shards"), 0),
    )
    for shard, part in enumerate(sizes.partition_by("shard", maintain_order=True)):
        whose = part.select("subject_id", "meds_id")
        events = data.events.join(whose.lazy(), on="subject_id").collect()
        rows = _as_meds(events, beside.join(whose, on="subject_id"))
        codes.append(rows["code"].unique())
        counts["events"] += events.height
        counts["events that repeat visits and patients"] += rows.height - events.height
        counts["shards"] += 1
        pq.write_table(DataSchema.align(rows.to_arrow()), folder / "data" / f"{shard}.parquet")
    counts["subjects"] = sizes.height
    return counts, pl.concat(codes).unique().sort()


def _as_meds(events: pl.DataFrame, beside: pl.DataFrame) -> pl.DataFrame:
    """Events in MEDS's columns and ours, sorted by subject and time, what has no time first."""
    rows = pl.concat([events, beside], how="diagonal_relaxed")
    value = rows["numeric_value"].cast(pl.Float32)
    value = value.set(~value.is_finite().fill_null(False), None)
    other = rows["numeric_value"].set((widened(value) == rows["numeric_value"]).fill_null(False), None)
    known = pl.when(pl.col("known_time") != NEVER).then("known_time")
    rows = rows.with_columns(
        value.alias("numeric_value"), other.alias(DOUBLE), subject_id="meds_id", code=meds_code(rows["code"]),
        known_time=known,
    )  # fmt: skip
    rows = rows.select("subject_id", "time", "code", "numeric_value", "text_value", *EXTRA)
    return rows.sort("subject_id", "time", nulls_last=False, maintain_order=True)


def _beside(data: MedsData) -> pl.DataFrame:
    """Beginnings and ends of visits, and what patients are, as events of the codes that other tools look for."""
    layout = {**EVENTS, OF_TABLE: pl.String}
    parts = []
    if data.visits is not None:
        for code, time in ((VISIT_START, "start_time"), (VISIT_END, "end_time")):
            parts.append(
                data.visits.filter(pl.col(time).is_not_null()).select(
                    "subject_id", "visit_id", pl.col(time).alias("time"), pl.col(time).alias("known_time"),
                    code=pl.concat_str(pl.lit(f"{OWN}{code}"), (pl.lit("//") + pl.col("kind")).fill_null("")),
                ).with_columns(pl.lit("visits").alias(OF_TABLE))
            )  # fmt: skip
    for name, code in STATIC.items():
        if data.patients is not None and data.patients.schema.get(name) == pl.String:
            there = data.patients.filter(pl.col(name).is_not_null())
            parts.append(
                there.select("subject_id", code=pl.lit(f"{OWN}{code}//") + pl.col(name)).with_columns(
                    pl.lit("patients").alias(OF_TABLE)
                )
            )
    return pl.concat([pl.DataFrame(schema=layout), *parts], how="diagonal")


def _codes(folder: Path, data: MedsData, used: pl.Series) -> dict[str, int]:
    """metadata/codes.parquet: every code that is used, and those above them, with what they are called."""
    from meds.schema import CodeMetadataSchema

    above = pl.DataFrame(schema={"subject": pl.String, "object": pl.String}) if data.above is None else data.above
    ours = own_codes(used)
    reached, at = ours, ours
    while at.len():
        step = above.filter(pl.col("subject").is_in(at.implode()))["object"].unique()
        at = step.filter(~step.is_in(reached.implode()))
        reached = pl.concat([reached, at])
    told = above.with_columns(meds_code(above["object"]).alias("object"))
    parents = told.group_by("subject").agg(parent_codes=pl.col("object").unique().sort())
    rows = pl.DataFrame({"id": reached.unique().sort()})
    names = pl.DataFrame({"id": list(data.names), "description": list(data.names.values())}, schema_overrides={"id": pl.String, "description": pl.String})  # fmt: skip
    rows = rows.join(names, on="id", how="left", maintain_order="left").join(
        parents, left_on="id", right_on="subject", how="left", maintain_order="left"
    )
    rows = rows.with_columns(meds_code(rows["id"]).alias("code")).select("code", "description", "parent_codes")
    pq.write_table(CodeMetadataSchema.align(rows.to_arrow()), folder / "metadata" / "codes.parquet")
    here = rows.filter(pl.col("code").is_in(used.implode()))
    return {"codes": used.len(), "codes with a description": here["description"].count()}


def _extension(folder: Path, data: MedsData) -> None:
    (folder / EXTENSION).mkdir()
    (folder / ABOUT).write_text(json.dumps({"clock": data.clock}))
    for name in ("visits", "patients"):
        table: pl.DataFrame | None = getattr(data, name)
        if table is not None:
            inside = table.join(data.ids, on="subject_id", maintain_order="left").with_columns(subject_id="meds_id")
            inside.drop("meds_id").write_parquet(table_file(folder, name))
    for name in ("concepts", "links"):
        table = getattr(data, name)
        if table is not None:
            table.write_parquet(table_file(folder, name))


def _splits(folder: Path, data: MedsData) -> None:
    from meds.schema import SubjectSplitSchema

    if data.splits is not None:
        rows = (
            data.splits.join(data.ids, on="subject_id").select(subject_id="meds_id", split="split").sort("subject_id")
        )
        pq.write_table(SubjectSplitSchema.align(rows.to_arrow()), folder / "metadata" / "subject_splits.parquet")


def _labels(file: Path, labels: pl.DataFrame, ids: pl.DataFrame) -> None:
    from meds.schema import LabelSchema

    file.parent.mkdir(exist_ok=True)
    value = next(name for name in labels.columns if name.endswith("_value"))
    rows = labels.join(ids, on="subject_id").select(pl.col("meds_id").alias("subject_id"), "prediction_time", value)
    pq.write_table(LabelSchema.align(rows.sort("subject_id", "prediction_time").to_arrow()), file)
