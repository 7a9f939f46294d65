"""Quoted ids: patients' ids that stand in texts, batches, kept columns and rejects, where no column says so."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import polars as pl

from ..files.cells.forms import form
from ..tables import Loaded

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData

LEAST = 5
"""A shorter id, or one without a digit, is looked for only in columns that hold little else; a short number not at all:
`42` is an age."""
MOSTLY, MANY = 0.95, 10
"""A column of ids: so many of its distinct cells are, and there are so many of them."""
IDS = ("subject_id", "sample_id", "visit_id", "uniquepid")
"""Columns of ids; uniquepid is the person whose hospital stays are eICU's subjects."""


class QuotedIds:
    """Patients' ids, to be found anywhere and renamed.

    Args:
        ids: of the study's patients, as the files have them. rename: an id -> what stands in its place.
    Example:
        >>> QuotedIds(["MRN70001"], lambda id: "#").texts(pl.Series(["seen MRN70001-T1", "no"])).to_list()
        ['seen #-T1', 'no']
    """

    def __init__(self, ids: Sequence[str], rename: Callable[[str], str]) -> None:
        self.ids, self.rename = frozenset(ids), rename
        self._telling = [id for id in self.ids if len(id) >= LEAST or not id.isdigit()]
        self._long = sorted(id for id in self.ids if len(id) >= LEAST and re.search(r"\d", id))

    def texts(self, cells: pl.Series) -> pl.Series:
        """Cells with every id in them renamed; a column of ids as a whole, be they short or numbers."""
        plain = cells.cast(pl.String)
        distinct = plain.drop_nulls().unique()
        ours = distinct.filter(distinct.is_in(self._telling)) if len(distinct) >= MANY else distinct.clear()
        if len(ours) and len(ours) >= MOSTLY * len(distinct):
            return self._inside(plain, {id: self.rename(id) for id in ours})
        return self._inside(cells, {}) if cells.dtype == pl.String else cells

    def _inside(self, cells: pl.Series, whole: Mapping[str, str]) -> pl.Series:
        """whole: cells that are ids, and their names; in the others ids are looked for."""
        known, distinct = dict(whole), cells.drop_nulls().unique()
        if self._long:
            hit = distinct.filter(~distinct.is_in(list(whole)) & distinct.str.contains_any(self._long))
            within = hit.str.extract_many(self._long, overlapping=True)
            known |= {text: self._renamed(text, found) for text, found in zip(hit, within, strict=True)}
        return cells.replace(known) if known else cells

    def _renamed(self, text: str, found: Sequence[str]) -> str:
        """The longest first; an id of digits alone is one only where no digit goes on."""
        longest = sorted(set(found), key=lambda id: (-len(id), id))
        parts = "|".join(rf"(?<!\d){id}(?!\d)" if id.isdigit() else re.escape(id) for id in longest)
        return re.sub(parts, lambda m: self.rename(m[0]), text)

    def whole(self, cells: pl.Series) -> pl.Series:
        """Ids within the cells renamed, and those that are a cell, however short."""
        return self._inside(cells, {id: self.rename(id) for id in cells.unique() if id in self.ids})

    def masked(self, cells: pl.Series) -> pl.Series:
        """What rejects.csv may show: ids renamed, and of the rest the form, for it may be the id of somebody unknown."""
        shown = self.whole(cells)
        kept = shown != cells
        forms = {text: form(text) for text in cells.filter(~kept).drop_nulls().unique()}
        return pl.select(pl.when(kept).then(shown).otherwise(cells.replace(forms))).to_series()


def without_quoted(loaded: Loaded, quoted: QuotedIds) -> Loaded:
    """The same source, in which no text holds a patient's id, and no reject quotes a cell."""

    def table(frame: pl.DataFrame | None, *but: str) -> pl.DataFrame | None:
        if frame is None:
            return None
        looked = [one for one in frame.iter_columns() if one.name not in (*IDS, *but) and _may_name(one)]
        return frame.with_columns(quoted.texts(one) for one in looked)

    rejects = loaded.rejects.with_columns(
        quoted.masked(loaded.rejects["got"]).alias("got"),
        quoted.whole(loaded.rejects["column"]),  # a sample may be a column
    )
    return replace(
        loaded,
        patients=table(loaded.patients),
        samples=table(loaded.samples),
        visits=table(loaded.visits, "kind", "source"),
        events=table(loaded.events, "numeric_value", "source"),
        notes=table(loaded.notes, "source"),
        omics=None if loaded.omics is None else _omics(loaded.omics, quoted),
        rejects=rejects,
    )


def _may_name(cells: pl.Series) -> bool:
    return cells.dtype == pl.String or cells.dtype.is_integer()


def _omics(omics: AnnData, quoted: QuotedIds) -> AnnData:
    obs: pd.DataFrame = omics.obs.copy()
    for name in obs.columns:
        if name != "subject_id" and obs[name].dtype == object:
            obs[name] = quoted.texts(pl.Series(name, obs[name].to_list(), dtype=pl.String)).to_list()
    omics.obs = obs
    return omics
