"""Samples table: which sample is whose, with batch, site and time."""

from __future__ import annotations

import polars as pl

from ..files.ledger import Ledger, one_row_each
from ..files.rows import among, identified, not_removed, read_rows
from ..files.text_table import has_header, resolve
from ..specs import Samples
from ..tables import SAMPLES, Known, Loaded
from .patients import observed


def read_samples(spec: Samples, known: Known) -> Loaded:
    """Read `[samples]`.

    Returns: Loaded with samples in the SAMPLES layout; time and known_time are null where the study names no column,
        and known_time is time where it names only that.
    Raises: InputError for a file or a column that is not there.
    """
    ledger = Ledger(spec.source)
    extra = {"batch": spec.batch, "site": spec.site, "time": spec.time, "known_time": spec.known_time}
    rows = read_rows(spec, ledger, has_header(spec.id, spec.subject, *extra.values()))
    id = resolve(spec.id, rows.frame, rows.where)
    subject = resolve(spec.subject, rows.frame, rows.where)
    ledger.count(rows.counts)
    rows = not_removed(rows, subject, known.removed, ledger)
    rows = identified(rows, id, ledger)
    if subject != id:
        rows = identified(rows, subject, ledger)
    rows = among(rows, subject, known.subjects, ledger)
    columns = [rows.frame[id].alias("sample_id"), rows.frame[subject].alias("subject_id")]
    clocks: set[str] = set()
    for name, column in extra.items():
        if column is None:
            dtype = pl.Datetime("us") if "time" in name else pl.String()
            columns.append(pl.Series(name, [None], dtype=dtype).new_from_index(0, rows.frame.height))
        elif "time" in name:
            time, clock = observed(rows, resolve(column, rows.frame, rows.where), ledger)
            columns.append(time.alias(name))
            clocks.add(clock)
        else:
            columns.append(rows.frame[resolve(column, rows.frame, rows.where)].alias(name))
    frame = pl.DataFrame(columns).with_columns(
        known_time=pl.when(pl.col("time").is_not_null()).then(pl.coalesce("known_time", "time"))
    )
    samples = one_row_each(frame, "sample_id", rows.numbers, ledger)
    return Loaded(
        spec.source,
        ledger.tally(),
        ledger.frame(),
        samples=samples.select(*SAMPLES),
        clock="relative" if "relative" in clocks else "dated" if clocks else None,
        counts=ledger.counts,
    )
