"""Samples table: which sample is whose, with batch, site and time."""

from __future__ import annotations

import polars as pl

from ..files.ledger import Ledger, held, one_row_each
from ..files.rows import among, identified, not_removed, read_rows
from ..files.text_table import ends, has_header, resolve
from ..specs import Samples
from ..tables import NEVER, SAMPLES, Known, Loaded
from .patients import observed


def read_samples(spec: Samples, known: Known) -> Loaded:
    """Read `[samples]`.

    Returns: Loaded with samples in the SAMPLES layout; time and known_time are null where the study names no column,
        and known_time is time where it names only that. An empty cell of a column that it names says that nobody knows:
        known_time is then NEVER, and the sample no input. A known_time without a time of day is the end of its day.
    Raises: InputError for a file or a column that is not there.
    """
    ledger = Ledger(spec.source)
    extra = {"batch": spec.batch, "site": spec.site, "time": spec.time, "known_time": spec.known_time}
    rows = read_rows(spec, ledger, has_header(spec.id, spec.subject, *extra.values()))
    id = resolve(spec.id, rows.frame, rows.where)
    subject = resolve(spec.subject, rows.frame, rows.where)
    ledger.count(rows.counts)
    before = rows.frame
    rows = not_removed(rows, subject, known.removed, ledger)
    rows = identified(rows, id, ledger)
    if subject != id:
        rows = identified(rows, subject, ledger)
    rows = among(rows, subject, known.subjects, ledger)
    named = {name: resolve(column, before, rows.where) for name, column in extra.items() if column is not None}
    columns = [rows.frame[id].alias("sample_id"), rows.frame[subject].alias("subject_id")]
    cells = rows.frame.select(list(dict.fromkeys([id, subject, *named.values()])))
    clocks: set[str] = set()
    for name in extra:
        if name not in named:
            dtype = pl.Datetime("us") if "time" in name else pl.String()
            columns.append(pl.Series(name, [None], dtype=dtype).new_from_index(0, rows.frame.height))
        elif "time" in name:
            time, clock = observed(rows, named[name], ledger, known.clock)
            over = ends(time, rows.frame[named[name]]) if name == "known_time" and clock == "dated" else time
            columns.append(over.alias(name))
            cells = cells.with_columns(time.alias(named[name]))  # what could not be read holds nothing
            clocks.add(clock)
        else:
            columns.append(rows.frame[named[name]].alias(name))
    frame = pl.DataFrame(columns)
    said = "known_time" if spec.known_time is not None else "time" if spec.time is not None else None
    if said is not None:
        frame = frame.with_columns(known_time=pl.col(said).fill_null(NEVER))
    samples = one_row_each(frame, "sample_id", rows.numbers, ledger, cells)
    ledger.cells(held(before.select(cells.columns)), held(cells.unique(id, keep="first")))
    never = int((samples["known_time"] == NEVER).sum())
    ledger.count({f"samples of which nobody says when they were known (no {said}): no input": never})
    return Loaded(
        spec.source,
        ledger.tally(),
        ledger.frame(),
        samples=samples.select(*SAMPLES),
        clock="relative" if "relative" in clocks else "dated" if clocks else None,
        counts=ledger.counts,
        cells=ledger.cell_tally(),
        losses=ledger.losses,
    )
