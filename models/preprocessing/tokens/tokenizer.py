"""Tokenizer: events -> token tensors. The vocabulary and the scales of values and ages come from the training rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
import torch

from ...base.snapshot import Snapshot
from ..records.code_hierarchy import CodeHierarchy
from ..records.code_values import CodeValues
from .token_table import Sequences, as_sequences, stretches

PAD, UNKNOWN = 0, 1
RARE = 2  # a code seen in fewer training rows is read as its nearest known ancestor
STRETCH = 1_000_000  # events that are made tokens at a time; the tokens of more lie in files
_USED = ("row", "code", "text_value", "numeric_value", "days", "age", "visit")
TEXTS = 20  # a code with more distinct texts than this has free text, not categories


@dataclass(frozen=True)
class Vocabulary:
    """What the training rows hold. Entries 0 and 1 pad and stand for the unknown.

    entries:   names; `code`, or `code = text` for a code with categories, or an ancestor that no row names itself.
    codes:     (entries,) the code of each entry: what `attribute` speaks of.
    parents:   entry -> its ancestors' indices, nearest first.
    values:    the scale of each code's numbers.
    age:       mean and sd of the age at an event, years.
    known:     code -> index of the entry that stands for it (a rare code: its nearest known ancestor).
    hierarchy: what lies above a code, one that no training row holds too.
    """

    entries: tuple[str, ...]
    codes: tuple[str, ...]
    parents: tuple[tuple[int, ...], ...]
    values: CodeValues
    age: tuple[float, float]
    known: Mapping[str, int]
    hierarchy: CodeHierarchy

    def __len__(self) -> int:
        return len(self.entries)

    def index(self, entry: str, code: str) -> int:
        """The index for an event; an entry never seen falls back to its code, then its ancestors, then UNKNOWN."""
        if entry in self.known:
            return self.known[entry]
        found = (self.known[name] for name in (code, *self.hierarchy.ancestors(code)) if name in self.known)
        return next(found, UNKNOWN)

    def state(self) -> dict[str, Any]:
        return {"entries": list(self.entries), "codes": list(self.codes), "parents": [list(p) for p in self.parents],
                "values": self.values.state(), "age": list(self.age), "hierarchy": self.hierarchy.state()}  # fmt: skip

    @classmethod
    def restored(cls, state: Mapping[str, Any]) -> Vocabulary:
        entries, (mean, sd) = tuple(state["entries"]), state["age"]
        return cls(
            entries, tuple(state["codes"]), tuple(tuple(p) for p in state["parents"]),
            CodeValues.restored(state["values"]), (mean, sd),
            {name: i for i, name in enumerate(entries) if i > UNKNOWN}, CodeHierarchy.restored(state["hierarchy"]),
        )  # fmt: skip

    def ancestor_table(self) -> torch.Tensor:
        """(entries, width) int64: each entry itself, then its ancestors, padded with 0."""
        width = 1 + max((len(p) for p in self.parents), default=0)
        table = torch.zeros(len(self), width, dtype=torch.int64)
        for i, above in enumerate(self.parents):
            table[i, : 1 + len(above)] = torch.tensor([i, *above])
        return table


def fit_vocabulary(snapshot: Snapshot, train: np.ndarray) -> Vocabulary:
    """The vocabulary of the training rows, with the ancestors of its codes as entries that codes share.

    Raises: ValueError for a snapshot without records.
    """
    if snapshot.events is None:
        raise ValueError("this study has no records")
    told = snapshot.events.select("row", "code", "text_value", "age")
    seen = _entries(told.filter(np.isin(told["row"].to_numpy(), train)))
    count = seen.group_by("entry").agg(pl.col("code").first(), pl.col("row").n_unique()).sort("entry")
    hierarchy = CodeHierarchy.of(snapshot.links)
    kept = [e for e, _, n in count.iter_rows() if n >= RARE]
    named = {e: c for e, c, _ in count.iter_rows()}
    above = {code: hierarchy.ancestors(code) for code in named.values()}
    used = sorted({a for found in above.values() for a in found} - set(kept))
    entries = ("", "?", *kept, *used)
    known = {name: i for i, name in enumerate(entries) if i > UNKNOWN}
    codes = tuple(named.get(e, e) for e in entries)
    parents = tuple(
        tuple(known[a] for a in hierarchy.ancestors(code) if a in known and a != name) if i > UNKNOWN else ()
        for i, (name, code) in enumerate(zip(entries, codes, strict=True))
    )
    age = seen["age"].drop_nulls().drop_nans().to_numpy()
    centre = (float(age.mean()), float(max(age.std(), 1.0))) if len(age) else (0.0, 1.0)
    return Vocabulary(entries, codes, parents, CodeValues.fit(snapshot, train), centre, known, hierarchy)


def commonest(snapshot: Snapshot, rows: np.ndarray, vocabulary: Vocabulary, most: int) -> np.ndarray:
    """The indices of the entries that most of these rows hold, at most so many; in their order."""
    if snapshot.events is None:
        return np.zeros(0, dtype=np.int64)
    seen = _entries(snapshot.events.filter(np.isin(snapshot.events["row"].to_numpy(), rows)))
    seen = seen.group_by("entry", "code").agg(pl.col("row").n_unique()).sort("entry", "code")
    held = np.zeros(len(vocabulary), dtype=np.int64)
    np.add.at(held, [vocabulary.index(entry, code) for entry, code, _ in seen.iter_rows()], seen["row"].to_numpy())
    found = np.flatnonzero(held[UNKNOWN + 1 :]) + UNKNOWN + 1
    return np.sort(found[np.argsort(-held[found], kind="stable")[:most]])


def tokenize(
    events: pl.DataFrame, rows: int, vocabulary: Vocabulary, clock: str, longest: int = 256, most: int = STRETCH
) -> Sequences:
    """Tokens of all rows; of a longer row the undated facts (at most an eighth) and the latest events stay.

    Under clock "order" there are no durations: `days` counts events back from the last one instead. More than `most` events are
    read in stretches of rows, and their tokens lie in files (`token_table`); the tokens are the same.
    """
    count = np.bincount(events["row"].to_numpy(), minlength=rows)
    parts = stretches(count, most)
    if len(parts) == 1:
        return as_sequences([_tokens(events, (0, rows), vocabulary, clock, longest)], several=False)
    events = events.select(_USED)
    within = (pl.col("row").is_between(first, last - 1) for first, last in parts)
    made = (
        _tokens(events.filter(these), part, vocabulary, clock, longest)
        for these, part in zip(within, parts, strict=True)
    )
    return as_sequences(made, several=True)


def _tokens(
    events: pl.DataFrame, part: tuple[int, int], vocabulary: Vocabulary, clock: str, longest: int
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """How many tokens each row from, and before, has; and the tokens."""
    table = _entries(events)
    pairs = table.select("entry", "code").unique().sort("entry", "code")
    index = pairs.with_columns(index=pl.Series([vocabulary.index(e, c) for e, c in pairs.iter_rows()], dtype=pl.Int64))
    table = table.join(index, on=["entry", "code"], how="left", maintain_order="left")
    table = table.with_columns(dated=pl.col("days").is_not_null()).sort(
        "row", "dated", pl.col("days").neg(), maintain_order=True
    )
    static = (~pl.col("dated")).sum().over("row").cast(pl.Int64).clip(upper_bound=longest // 8)
    dated = pl.col("dated").sum().over("row").cast(pl.Int64)
    nth = pl.int_range(pl.len()).over("row", "dated")
    keep = pl.when("dated").then(nth >= dated - (longest - static)).otherwise(nth < longest // 8)
    table = table.filter(keep).with_columns(last=pl.col("visit").max().over("row"))
    days = table["days"].fill_null(0.0).to_numpy()
    if clock == "order":
        days = table.select((pl.len() - 1 - pl.int_range(pl.len())).over("row"))[:, 0].to_numpy()
    number = table["numeric_value"].cast(pl.Float64).fill_null(float("nan")).to_numpy()
    age = table["age"].fill_null(float("nan")).to_numpy()
    first, last = part
    return np.bincount(table["row"].to_numpy() - first, minlength=last - first), {
        "code": table["index"].to_numpy(),
        "value": np.nan_to_num(vocabulary.values.scaled(table["code"], number)),
        "measured": np.isfinite(number),
        "days": days.astype(np.float32),
        "dated": table["dated"].to_numpy(),
        "age": np.nan_to_num((age - vocabulary.age[0]) / vocabulary.age[1]).astype(np.float32),
        "visit": table.select((pl.col("last") - pl.col("visit") + 1).fill_null(0).cast(pl.Int64))[:, 0].to_numpy(),
    }


def _entries(events: pl.DataFrame) -> pl.DataFrame:
    """The events with their vocabulary entry: the code, with its text where the text is a category."""
    text = pl.col("text_value")
    category = text.is_not_null() & (text.str.len_chars() <= 40)
    entry = pl.when(category).then(pl.concat_str("code", pl.lit(" = "), "text_value")).otherwise("code")
    return events.with_columns(entry=entry)
