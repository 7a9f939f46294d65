"""MuData file (.h5mu): a cohort's layers behind the fence, with what is predicted, for muon and scanpy."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from clinome.loaders.errors import InputError
from clinome.loaders.files.atomic import atomic_path

if TYPE_CHECKING:
    import pandas as pd

    from clinome.snapshot import Snapshot

ENDING = ".h5mu"


def write_mudata(path: Path, snapshot: Snapshot, about: Mapping[str, str]) -> dict[str, int]:
    """Write one AnnData a layer, over the rows that were measured, and the cohort's columns beside them.

    A row of the cohort is an observation: its subject, or `SUBJECT@TIME` where a subject has several. Of a subject's
    samples it holds the one that was known last before the prediction; NaN is not measured, and who was not profiled is in
    no modality. Values are as loaded: nothing is fitted.

    Args: about: text for `uns`: study, run.
    Returns: in plain words what was written, and how often.
    Raises: InputError where the snapshot has no layer, or the file's name does not end on .h5mu.
    """
    import mudata
    from anndata import AnnData

    if not path.name.endswith(ENDING):
        raise InputError("unknown ending", path, path.suffix or None, ENDING, f"name a file that ends on {ENDING}")
    if not path.parent.is_dir():
        raise InputError("there is no such folder", path.parent, fix="make it first")
    layers = {**snapshot.layers, **snapshot.views}
    if not layers:
        raise InputError(
            "the cohort has no layer", path, expected="[omics.NAME]", fix="name a source of omics in the study"
        )
    rows = _cohort(snapshot)
    parts: dict[str, Any] = {}
    for name, layer in sorted(layers.items()):
        chosen = np.flatnonzero(layer.profiled)
        ids = (name + ":" + layer.var["feature"]).to_pandas().rename("id")  # a gene may be in several layers
        var = layer.var.to_pandas().set_index(ids).astype(object)
        obs = rows.iloc[chosen][["subject_id"]]
        parts[name] = AnnData(
            X=layer.values[chosen], obs=obs, var=_plain(var), uns={"kind": layer.kind, "scale": layer.scale}
        )
    with mudata.set_options(pull_on_update=False):  # as later versions do of themselves
        whole = mudata.MuData(parts)
        rest = rows.index.difference(whole.obs_names)  # rows of the cohort of whom no layer was measured
        for column in rows.columns:
            whole.obs[column] = rows[column].reindex(whole.obs_names)
        whole.uns["clinome"] = {**about, "clock": snapshot.clock, "task": snapshot.task}
        with atomic_path(path) as fresh:
            whole.write_h5mu(fresh)
    counts = {f"rows of {name}": part.n_obs for name, part in parts.items()}
    return {"rows of the cohort": whole.n_obs, **counts, "rows without any layer, left out": len(rest)}


def _cohort(snapshot: Snapshot) -> pd.DataFrame:
    """The cohort's rows with covariates and the first split, as columns that HDF5 can hold; indexed by their ids."""
    rows = snapshot.rows
    ids = rows["subject_id"]
    if not ids.is_unique().all():
        time = rows["prediction_time"].dt.strftime("%Y-%m-%dT%H:%M:%S").fill_null("")
        ids = rows["subject_id"] + "@" + time
    twice = pl.DataFrame({"id": ids}).select(n=pl.int_range(pl.len()).over("id"))["n"]
    ids = pl.Series([id if not n else f"{id}#{n + 1}" for id, n in zip(ids, twice, strict=True)])
    frame = rows.select(_text(rows, name) for name in rows.columns)
    more = [
        column.alias(f"covariate_{column.name}")
        for column in snapshot.covariates.select(_text(snapshot.covariates, c) for c in snapshot.covariates.columns)
    ]
    frame = frame.with_columns(more)
    first = snapshot.folds.filter((pl.col("repeat") == 0) & (pl.col("fold") == 0))
    if first.height:
        place = pl.DataFrame({"row": np.arange(rows.height)}).join(first, on="row", how="left", maintain_order="left")
        frame = frame.with_columns(place["split"].alias("split"))
    made = frame.to_pandas()
    made.index = ids.to_pandas().astype(str)
    made.index.name = "id"
    return _plain(made)


def _text(frame: pl.DataFrame, name: str) -> pl.Expr:
    """A column in a type of HDF5's: times as ISO text, lists as text."""
    dtype = frame.schema[name]
    if dtype.is_temporal():
        return pl.col(name).cast(pl.String)
    return pl.col(name).list.join(";") if isinstance(dtype, pl.List) else pl.col(name)


def _plain(frame: pd.DataFrame) -> pd.DataFrame:
    """Text as categories, and booleans with gaps as numbers: what a reader finds missing where it is."""
    import pandas as pd

    made = frame.copy()
    for name in made.columns:
        column = made[name]
        if column.dtype == object:
            seen = {type(cell) for cell in column.dropna()}
            made[name] = column.astype(float) if seen <= {bool, int, float} else pd.Categorical(column)
        elif pd.api.types.is_string_dtype(column.dtype):
            made[name] = pd.Categorical(column)
    return made
