"""Views of a snapshot: terms of notes, vectors of images, that were known of each row before its prediction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import polars as pl
from scipy import sparse

from ...loaders.errors import InputError
from ...loaders.tables import EVENTS, VECTORS, in_layout
from ..tables.study_tables import Tables
from .fence import Fence
from .snapshot import Layer

NOTES, IMAGES = "notes", "vectors"
"""Kinds of views."""
LEAST_PATIENTS = 10
"""A term that stands in the notes of fewer patients of the cohort may be a name: it is not in the snapshot."""
WORD, TERM = r"[\p{L}\p{M}\p{N}'’_-]+", r"^\p{L}[\p{L}\p{M}'’-]+$"
"""What stands between spaces and stops; and of it what is a term: with a digit (a date, a number of records) it is none."""
_AT_ONCE = 5_000


def frozen_views(index: pl.DataFrame, tables: Tables, fence: Fence, least: int = LEAST_PATIENTS) -> Mapping[str, Layer]:
    """The views over the rows of the index, by the names of their sections (`notes.ward`, `images.ct`).

    Of notes a row has how often each term stands in all that was known: single words, and pairs of neighbours ("no fever");
    of vectors the latest of an image, and of notes that a model read the mean. A term of fewer than `least` patients is
    left out. No fold would keep it either, for its training rows have fewer still: nothing is fitted here.

    Args:
        index: row, subject_id, prediction_time.
        least: 1 where a model is asked, which knows its own terms.
    Raises: InputError for rows without a prediction time: notes are dated.
    """
    found = {}
    for source in tables.sources():
        if tables.length(source, "notes"):
            found[source] = _terms(source, index, tables, fence, least)
        elif tables.length(source, "vectors"):
            found[source] = _vectors(source, index, tables, fence)
    if found and index["prediction_time"].null_count():
        raise InputError(
            "rows without prediction_time, while notes and images are dated", "cohort query",
            index["prediction_time"].null_count(), "a time in every row", "RETURN … AS prediction_time",
        )  # fmt: skip
    return {name: layer for name, layer in found.items() if layer.var.height}


def terms(texts: pl.Series) -> pl.Series:
    """(n,) lists of the terms of each text, in lower case: its words, then each pair of neighbours.

    Example:
        >>> terms(pl.Series(["No fever on 3.4."])).to_list()
        [['no', 'fever', 'on', 'no fever', 'fever on']]
    """
    words = texts.str.to_lowercase().str.extract_all(WORD)
    table = pl.DataFrame({"words": words}).with_row_index("i").explode("words")
    table = table.with_columns(words=pl.when(pl.col("words").str.contains(TERM)).then("words"))
    after = pl.col("words").shift(-1).over("i")
    table = table.with_columns(pair=pl.concat_str("words", pl.lit(" "), after))
    grouped = table.group_by("i", maintain_order=True).agg(
        pl.concat_list(pl.col("words").drop_nulls().implode(), pl.col("pair").drop_nulls().implode())
        .first()
        .alias("all")
    )
    every = pl.DataFrame({"texts": texts}).with_row_index("i").select("i")
    return every.join(grouped, on="i", how="left", maintain_order="left")["all"]


def _facts(source: str, name: str, index: pl.DataFrame, tables: Tables, fence: Fence) -> pl.DataFrame:
    """row, subject_id, time, at (the place in the table) of what was known of each row."""
    table = _scan(tables, source, name).select("subject_id", "time", "known_time").collect()
    facts = table.with_columns(at=pl.int_range(pl.len(), dtype=pl.Int64))
    return fence(facts, index).select("row", "subject_id", "time", "at").sort("row", "time", "at")


def _scan(tables: Tables, source: str, name: str) -> pl.LazyFrame:
    table = tables.scan(source, name)
    assert table is not None
    return table


def _terms(source: str, index: pl.DataFrame, tables: Tables, fence: Fence, least: int) -> Layer:
    facts = _facts(source, "notes", index, tables, fence)
    of_note = facts.select("at", "subject_id").unique("at")
    held = [part.select("subject_id", "key").unique() for part in _counted(tables, source, of_note)]
    patients = pl.concat([_EMPTY.select("subject_id", "key"), *held]).unique()["key"].value_counts(name="n")
    kept = patients.filter(pl.col("n") >= least)["key"]
    del held
    parts = [part.filter(pl.col("key").is_in(kept.implode())) for part in _counted(tables, source, of_note)]
    counted = pl.concat([_EMPTY, *parts])
    names = counted.select("key", "term").unique("key").sort("term").with_row_index("column")
    cells = counted.join(names.select("key", "column"), on="key").select("at", "column", "count")
    cells = cells.join(facts.select("at", "row"), on="at")
    cells = cells.group_by("row", "column").agg(pl.col("count").sum()).sort("row", "column")
    ends = (cells["row"].to_numpy(), cells["column"].to_numpy())
    values = sparse.csr_matrix((cells["count"].to_numpy().astype(np.float32), ends), shape=(index.height, names.height))
    profiled = np.zeros(index.height, dtype=bool)
    profiled[facts["row"].unique().to_numpy()] = True
    return Layer(source, NOTES, "none", _var(names["term"]), values, profiled)


_EMPTY = pl.DataFrame(
    schema={"at": pl.Int64, "subject_id": pl.String, "term": pl.String, "key": pl.UInt64, "count": pl.UInt32}
)


def _counted(tables: Tables, source: str, of_note: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """(at, subject_id, term, its hash, count) of some notes at a time: their texts are not held together."""
    for first in range(0, tables.length(source, "notes"), _AT_ONCE):
        texts = _scan(tables, source, "notes").select("text").slice(first, _AT_ONCE).collect()
        some = texts.with_columns(at=pl.int_range(pl.len(), dtype=pl.Int64) + first).join(of_note, on="at")
        table = some.select("at", "subject_id", term=terms(some["text"])).explode("term").drop_nulls("term")
        counts = table.group_by("at", "subject_id", "term").len("count")
        yield counts.with_columns(key=pl.col("term").hash(seed=0)).select(_EMPTY.columns)


def _vectors(source: str, index: pl.DataFrame, tables: Tables, fence: Fence) -> Layer:
    facts = _facts(source, "vectors", index, tables, fence)
    table = tables.table(source, "vectors")
    assert table is not None
    own = table.columns[len(VECTORS) :]
    if not source.startswith("notes."):
        facts = facts.group_by("row", maintain_order=True).last()
    x = table.select(own).to_numpy().astype(np.float32, copy=False)[facts["at"].to_numpy()]
    mean = pl.DataFrame(x, schema=own).fill_nan(None).with_columns(facts["row"]).group_by("row").mean()
    values = np.full((index.height, len(own)), np.nan, dtype=np.float32)
    values[mean["row"].to_numpy()] = mean.select(own).to_numpy()
    seen = np.flatnonzero(~np.isnan(values).all(axis=0))
    profiled = np.asarray((~np.isnan(values)).any(axis=1))
    return Layer(source, IMAGES, "zscore", _var(pl.Series(own)[seen]), values[:, seen], profiled)


def _var(names: pl.Series) -> pl.DataFrame:
    """Features that are nodes of no graph."""
    nothing = pl.lit(None, pl.String)
    return names.cast(pl.String).alias("feature").to_frame().with_columns(symbol=nothing, gene=nothing)


def as_events(tables: Tables, views: Mapping[str, Layer]) -> pl.DataFrame:
    """Notes and images as events (loaders.tables.EVENTS), so that they stand among the others on one clock.

    Each is an event of its kind (`NOTE:progress note`, `IMAGE:ct`); a note brings one more for each word that its view
    knows (`TERM:edema`), an image one for each feature, with its number (`IMAGE:ct/f0`). Not fenced yet.
    """
    return pl.concat([_as_events(source, view, tables) for source, view in views.items()])


def _as_events(source: str, view: Layer, tables: Tables) -> pl.DataFrame:
    name = "notes" if view.kind == NOTES else "vectors"
    table = _scan(tables, source, name).drop("text", strict=False).collect()
    parts = [table.select(*_OF_EVENTS, code="kind")]
    if view.kind == NOTES:
        words = view.var["feature"].filter(~view.var["feature"].str.contains(" "))
        place = table.select(at=pl.int_range(pl.len(), dtype=pl.Int64), subject_id="subject_id")
        for part in _counted(tables, source, place):
            said = part.filter(pl.col("term").is_in(words.implode()))
            own = table[said["at"]].select(*_OF_EVENTS)
            parts.append(own.with_columns(code="TERM:" + said["term"]))
    else:
        for feature in view.var["feature"]:
            number = table.select(*_OF_EVENTS, code="kind", numeric_value=pl.col(feature).cast(pl.Float64))
            parts.append(number.drop_nulls("numeric_value").with_columns(code=pl.col("code") + f"/{feature}"))
    return in_layout(pl.concat(parts, how="diagonal"), EVENTS)


_OF_EVENTS = ("subject_id", "time", "known_time", "visit_id", "source")
