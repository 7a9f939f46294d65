"""Responses of a cohort: several numeric endpoints of a patient, from a layer of kind response or the query's own columns."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from scipy import sparse

from ...loaders.errors import InputError
from ..schema import RESPONSE
from ..tables.study_tables import Tables
from .labels import Label

WHERE = "study [task] layer"


def with_responses(
    rows: pl.DataFrame, tables: Tables, layer: str, measured: int, label: Label, classes: Sequence[str] = ()
) -> tuple[pl.DataFrame, tuple[str, ...], tuple[str, ...]]:
    """Rows of a cohort with a column an endpoint, null where it was not measured.

    Args:
        rows: of the study's own patients. layer: of kind response, whose features are the endpoints; "" where the rows have
            them as columns already.
        measured: endpoints that fewer of these patients have are left out. label: which endpoints, "label" for all.
        classes: those of a model that shall predict: these, in this order, whether or not they are here.
    Returns: the rows, the endpoints' names, and what was done in plain words.
    Raises: InputError where the layer is not there, is of another kind, or has none of the endpoints.
    """
    named = () if label == "label" else (label,) if isinstance(label, str) else tuple(label)
    notes: list[str] = []
    if layer:
        table = response_table(tables, layer)
        if strange := [one for one in named if one not in table.columns and not classes]:
            fix = "names are those of the layer's file"
            raise InputError("an endpoint that the layer lacks", WHERE, ", ".join(strange[:3]), layer, fix)
        asked = [one for one in named or table.columns[1:] if one in table.columns]
        rows = rows.drop(set(asked) & set(rows.columns)).join(
            table.select("subject_id", *asked), on="subject_id", how="left", maintain_order="left"
        )
        named = tuple(asked) if classes else _enough(rows, asked, measured, layer, notes)
        rows = rows.drop(one for one in asked if one not in named)  # an outcome, which is asked for or is not there
    if classes:
        absent = [one for one in classes if one not in rows.columns]
        rows = rows.with_columns(pl.lit(None, pl.Float64).alias(one) for one in absent)
        if 0 < len(absent) < len(classes):  # of a study without any outcome there is nothing to say
            notes.append(f"{len(absent):,} of the model's {len(classes):,} endpoints were measured in nobody here")
        rows = rows.drop(one for one in named if one not in classes and one in rows.columns)
        named = tuple(classes)
    return rows, named, tuple(notes)


def response_table(tables: Tables, layer: str) -> pl.DataFrame:
    """subject_id, and a column an endpoint by the name that its file gives it; of several samples the mean.

    Raises: InputError where no source brings such a layer.
    """
    sources = {source: dict(tables.record(source).get("uns", {})) for source in tables.sources()}
    mine = [source for source, about in sources.items() if about.get("layer") == layer]
    if not mine:
        known = ", ".join(sorted({str(about["layer"]) for about in sources.values() if "layer" in about})) or "none"
        fix = f'add [omics.{layer}] with kind = "response", or name the layer that is'
        raise InputError("there is no such layer", WHERE, layer, known, fix)
    parts = []
    for source in mine:
        kind = tables.record(source).get("spec", {}).get("kind")
        if kind != RESPONSE:
            fix = f'kind = "response" in [{source}]: such a layer is an outcome, and no input'
            raise InputError("a layer that is an input is no outcome", WHERE, f"{layer}: {kind}", RESPONSE, fix)
        omics = tables.read(source).omics
        assert omics is not None
        values = omics.X.toarray() if sparse.issparse(omics.X) else np.asarray(omics.X)
        names = [str(name) for name in omics.var["name"]]
        made = pl.DataFrame(dict(zip(names, values.T.astype(np.float64), strict=True))).fill_nan(None)
        parts.append(made.select(pl.Series("subject_id", [str(one) for one in omics.obs["subject_id"]]), pl.all()))
    table = pl.concat(parts, how="diagonal")
    return table.group_by("subject_id", maintain_order=True).agg(pl.all().mean())


def _enough(rows: pl.DataFrame, names: Sequence[str], measured: int, layer: str, notes: list[str]) -> tuple[str, ...]:
    """The endpoints that so many patients have."""
    first = rows.unique("subject_id", keep="first")
    kept = tuple(one for one in names if first[one].count() >= measured)
    if len(kept) < 2:
        most = max((first[one].count() for one in names), default=0)
        got = f"{len(kept)} of {len(names)} endpoints; the fullest has {most:,} patients"
        fix = 'lower it; a single endpoint is kind = "regression"'
        raise InputError(
            "too few endpoints were measured often enough", "study [task] measured", got, "two or more", fix
        )
    if len(kept) < len(names):
        notes.append(
            f"{layer}: {len(names) - len(kept):,} of {len(names):,} endpoints left out: fewer than {measured:,} patients have them"
        )
    cells = first.select(kept)
    gaps = sum(cells.null_count().row(0)) / max(cells.height * cells.width, 1)
    notes.append(f"{layer}: {len(kept):,} endpoints, {gaps:.0%} of patient–endpoint pairs not measured")
    return kept
