"""Tree table: a snapshot as one numeric table: missing stays NaN, words are numbered, counts are counts.

Values stay as they were measured: where a tree splits does not change under any monotone scale, it can split on what is
missing only if nothing was filled in, and thresholds read in the units of the data. Which features there are comes from
the fold's fitted blocks, as for every other learner.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import polars as pl
from scipy import sparse

from ..base.snapshot import Snapshot
from ..estimators.univariate import association
from .activity.activity_block import ActivityBlock
from .blocks import column_names
from .covariates import COVARIATES, column, frequent_words, is_number, word_index
from .fold import FoldPreprocessing
from .notes_block import NotesBlock
from .omics_layer import DenseBlock, MutationBlock, by_name, mutation_values
from .records.event_counts import EventCounts, counts, frequent, pick, rows_are_visits
from .records.records_block import RECORDS
from .records.window_columns import WindowColumns
from .steps.layer_steps import LayerSteps

WIDE = 400
"""A layer with more features than this enters with its BEST ones, ranked on the training rows alone."""
BEST = 200
TOKENS = 300
WORDS = 200
_RECORDS = ("split", "now", "before", "numeric")


@dataclass
class TableBlock:
    """The columns of one block. index: the block's feature of each column; -1 for one that is no feature. Of notes the
    columns are topics, and `NotesBlock.gather` says of which terms; of activities they are z-scores of sets.

    mutations: whether it is a layer of them, whose last column is the burden. steps: of a dense layer; its batches are
    corrected, and what is missing stays missing.
    """

    name: str
    names: list[str]
    index: np.ndarray
    mutations: bool = False
    steps: LayerSteps = field(default_factory=LayerSteps)


class TreeTable:
    """Fitted on training rows: which features, words and codes there are."""

    notes: Mapping[str, NotesBlock]
    activities: Mapping[str, ActivityBlock]
    windows: WindowColumns | None = None
    """None where there are no records, and in models saved before there were windows."""

    def fit(self, snapshot: Snapshot, rows: np.ndarray, target: np.ndarray) -> Self:
        """target: (n, k) from `Task.working_response`; it ranks the features of wide layers."""
        self.parts: list[TableBlock] = []
        self.notes, self.activities = notes, activities = dict[str, NotesBlock](), dict[str, ActivityBlock]()
        names = [name for name in column_names(snapshot) if name not in (COVARIATES, RECORDS)]
        for name, block in FoldPreprocessing.fit(snapshot, rows, names).blocks.items():
            if isinstance(block, NotesBlock):
                notes[name] = block
                self.parts.append(TableBlock(name, block.names, np.arange(len(block.entities()))))
                continue
            if isinstance(block, ActivityBlock):
                activities[name] = scored = _narrowed(block, snapshot, rows, target)
                self.parts.append(TableBlock(name, scored.names, np.arange(len(scored.names))))
                continue
            assert isinstance(block, DenseBlock | MutationBlock)
            kept, here, mutations = block.kept, block.present(snapshot, rows), isinstance(block, MutationBlock)
            if len(kept) > WIDE and here.any():
                x = np.asarray(block.transform(snapshot, rows[here]))[:, : len(kept)]
                kept = np.sort(kept[np.argsort(-association(x, target[here]), kind="stable")[:BEST]])
            extra = [-1] if mutations else []
            steps = block.steps if isinstance(block, DenseBlock) else LayerSteps()
            self.parts.append(TableBlock(name, block.names, np.r_[kept, extra].astype(np.int64), mutations, steps))
        self.words: dict[str, list[str | None]] = {}
        if snapshot.covariates.width:
            for name in snapshot.covariates.columns:
                if not is_number(snapshot.covariates[name]):
                    self.words[name] = frequent_words(snapshot.covariates[name][rows])[:WORDS]
            self.parts.append(TableBlock(COVARIATES, snapshot.covariates.columns, np.arange(snapshot.covariates.width)))
        if snapshot.events is not None:
            self.parts.append(self._fit_records(snapshot, rows))
        self.categorical = np.concatenate(
            [[p.name == COVARIATES and p.names[i] in self.words for i in p.index] for p in self.parts]
        ).astype(bool)  # fmt: skip
        return self

    def _fit_records(self, snapshot: Snapshot, rows: np.ndarray) -> TableBlock:
        c = counts(snapshot)
        self.split = c.current is not None and rows_are_visits(snapshot, rows)
        least = max(2.0, 0.005 * len(rows))
        now, before = self._tokens(c)
        self.now = frequent(now, rows, least, c.tokens, TOKENS)
        self.before = frequent(before, rows, least, c.tokens, TOKENS) if self.split else []
        self.numeric = frequent(c.measured, rows, least, c.numeric, TOKENS)
        code = dict(zip(c.tokens, c.code, strict=True))
        self.windows = WindowColumns.fit(snapshot, rows, least)
        owners = [code[t] for t in self.now + self.before] + self.numeric * (1 + self.split)
        owners += self.windows.code_of_recent + self.windows.code_of_measured
        names = sorted(set(owners))
        place = {name: i for i, name in enumerate(names)}
        return TableBlock(
            RECORDS, names, np.array([place[o] for o in owners] + [-1] * c.amount.shape[1], dtype=np.int64)
        )

    def _tokens(self, c: EventCounts) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
        """What counts now, and what was before: all is now where rows are no visits, or no event has one."""
        return (c.current, c.total - c.current) if self.split and c.current is not None else (c.total, 0 * c.total)

    def transform(self, snapshot: Snapshot, rows: np.ndarray) -> np.ndarray:
        """(n, columns) float32 with NaN."""
        out = []
        for part in self.parts:
            if part.name == COVARIATES:
                out.append(self._covariates(snapshot.covariates[rows], part.names))
            elif part.name == RECORDS:
                out.append(self._records(snapshot, rows))
            elif part.name in self.notes or part.name in self.activities:
                block = self.notes.get(part.name) or self.activities[part.name]
                made = block.transform(snapshot, rows)
                out.append(np.where(block.present(snapshot, rows)[:, None], made, np.float32(np.nan)))
            else:
                layer = by_name(snapshot, part.name, part.names)
                if part.mutations:
                    x = mutation_values(layer, rows)
                    burden = np.asarray((x != 0).sum(axis=1))
                    values = np.hstack([x[:, part.index[:-1]].toarray(), burden]).astype(np.float32)
                else:
                    values = part.steps.corrected(layer, rows)[:, part.index]
                values[~layer.profiled[rows]] = np.nan
                out.append(values)
        return np.hstack(out).astype(np.float32)

    def _covariates(self, table: pl.DataFrame, names: list[str]) -> np.ndarray:
        out = np.full((table.height, len(names)), np.nan, dtype=np.float32)
        for j, name in enumerate(names):
            if name in self.words:
                index = word_index(column(table, name), self.words[name]).astype(np.float32)
                out[:, j] = np.where(index < len(self.words[name]), index, np.nan)
            else:
                out[:, j] = column(table, name).cast(pl.Float64).to_numpy()
        return out

    def _records(self, snapshot: Snapshot, rows: np.ndarray) -> np.ndarray:
        c = counts(snapshot)
        now, before = self._tokens(c)
        parts = [pick(now, rows, c.tokens, self.now).toarray()]
        if self.split:
            parts.append(pick(before, rows, c.tokens, self.before).toarray())
        values = pick(c.values, rows, c.numeric, self.numeric).toarray()
        parts.append(np.where(pick(c.measured, rows, c.numeric, self.numeric).toarray() > 0, values, np.nan))
        if self.split:
            parts.append(pick(c.earlier, rows, c.numeric, self.numeric).toarray())
        if self.windows is not None:
            parts.append(self.windows.occurrence(snapshot, rows).toarray())
            parts.append(_measured(self.windows.numbers(snapshot, rows)))
        parts.append(c.amount[rows])
        return np.hstack(parts)

    def gather(self, contributions: np.ndarray) -> dict[str, np.ndarray]:
        """(n, columns) -> {block: (n, features)}."""
        out, at = {}, 0
        for part in self.parts:
            if part.name in self.notes:
                topics = contributions[:, at : at + len(part.index)]
                out[part.name], at = self.notes[part.name].gather(topics), at + len(part.index)
                continue
            whole, feature = np.zeros((len(contributions), len(part.names))), part.index >= 0
            np.add.at(whole.T, part.index[feature], contributions[:, at : at + len(part.index)][:, feature].T)
            out[part.name], at = whole, at + len(part.index)
        return out

    def state(self) -> dict[str, Any]:
        parts = [
            {"name": p.name, "names": p.names, "index": p.index, "mutations": p.mutations}
            | ({"steps": p.steps.state()} if p.steps.correction is not None else {})
            for p in self.parts
        ]
        records = {k: getattr(self, k) for k in _RECORDS if hasattr(self, k)}
        if records:
            records["windows"] = None if self.windows is None else self.windows.state()
        held: dict[str, Mapping[str, NotesBlock | ActivityBlock]] = {
            "notes": {**self.notes}, "activities": {**self.activities},
        }  # fmt: skip
        made: dict[str, Any] = {
            kind: {name: block.state() for name, block in blocks.items()} for kind, blocks in held.items() if blocks
        }
        return {"parts": parts, "words": self.words, "categorical": self.categorical, "records": records, **made}

    def restore(self, state: Mapping[str, Any]) -> Self:
        self.parts = [
            TableBlock(**{**part, "steps": LayerSteps.restored(part.get("steps", {}))}) for part in state["parts"]
        ]
        self.words, self.categorical = state["words"], state["categorical"]
        self.notes = {name: NotesBlock(name).restore(one) for name, one in state.get("notes", {}).items()}
        self.activities = {name: ActivityBlock(name).restore(one) for name, one in state.get("activities", {}).items()}
        for name in _RECORDS:
            if name in state["records"]:
                setattr(self, name, state["records"][name])
        windows = state["records"].get("windows")
        self.windows = None if windows is None else WindowColumns.restored(windows)
        return self


def _narrowed(block: ActivityBlock, snapshot: Snapshot, rows: np.ndarray, target: np.ndarray) -> ActivityBlock:
    """Of too many sets the BEST ones, as of a wide layer."""
    here = block.present(snapshot, rows)
    if len(block.names) <= WIDE or not here.any():
        return block
    share = association(block.transform(snapshot, rows[here]), target[here])
    return block.keeping(np.sort(np.argsort(-share, kind="stable")[:BEST]))


def _measured(values: sparse.csr_matrix) -> np.ndarray:
    """Dense, NaN where nothing is stored."""
    cells, out = values.tocoo(), np.full(values.shape, np.nan, dtype=np.float32)
    out[cells.row, cells.col] = cells.data
    return out
