"""Patients table: one row a patient: typed properties, and when the patient was observed."""

from __future__ import annotations

import polars as pl

from ..errors import InputError
from ..files.cells.clock import relative
from ..files.column_types import typed_and_told
from ..files.ledger import Ledger, held, joined, one_row_each
from ..files.removed_ids import NOBODY
from ..files.rows import SourceRows, identified, not_removed, read_rows
from ..files.text_table import dates, has_header, numbers, resolve
from ..identifiers.property_names import safe_names
from ..specs import Column, Patients
from ..tables import Known, Loaded
from .sample_attributes import SAMPLE_ID, of_patients

MOST = 10_000
"""More columns are kept only where the study names them: each becomes a property."""


def read_patients(spec: Patients, known: Known | None = None) -> Loaded:
    """Read `[patients]`.

    Returns: Loaded with patients: subject_id, the kept columns in their types, and observed_from, observed_until
        (Datetime us) where the study names them.
    Raises: InputError for a file or a column that is not there.
    """
    ledger = Ledger(spec.source)
    header = has_header(spec.id, spec.observed_from, spec.observed_until)
    rows = read_rows(spec, ledger, header)
    id = resolve(spec.id, rows.frame, rows.where)
    ledger.count(rows.counts)
    before = rows.frame.drop(SAMPLE_ID, strict=False) if spec.format == "cbioportal" else rows.frame
    rows = not_removed(rows, id, NOBODY if known is None else known.removed, ledger)
    rows = identified(rows, id, ledger)
    if spec.format == "cbioportal":
        rows = of_patients(rows, id, ledger)
    times = {
        name: resolve(column, rows.frame, rows.where)
        for name, column in (("observed_from", spec.observed_from), ("observed_until", spec.observed_until))
        if column is not None
    }
    kept = _kept(spec, rows, {id, *times.values()}, header)
    names = safe_names(kept)
    whole = held(before.select(id, *kept, *times.values()))
    found = typed_and_told(rows.frame.select(kept), rows.numbers, ledger, spec.categorical)
    columns = [rows.frame[id].alias("subject_id"), *found.rename(names)]
    clocks: set[str] = set()
    for name, column in times.items():
        time, clock = observed(rows, column, ledger, None if known is None else known.clock)
        columns.append(time.alias(name))
        clocks.add(clock)
    frame, numbered = joined(pl.DataFrame(columns), "subject_id", rows.numbers, ledger)
    patients = one_row_each(frame, "subject_id", numbered, ledger)
    ledger.cells(whole, held(patients))
    renamed = sum(old != new for old, new in names.items())
    ledger.count({"properties given an underscore: their name is reserved": renamed})
    return Loaded(
        spec.source,
        ledger.tally(),
        ledger.frame(),
        patients=patients,
        clock="relative" if "relative" in clocks else "dated" if clocks else None,
        counts=ledger.counts,
        cells=ledger.cell_tally(),
        losses=ledger.losses,
    )


def observed(rows: SourceRows, column: str, ledger: Ledger, clock: str | None) -> tuple[pl.Series, str]:
    """A column of times: ISO dates, or days from the patient's own origin.

    Numbers are days only where the study's records are on such a clock, or where there are none: 43845 in a study with
    dates is a spreadsheet's 2020-01-15, and as days it would be the year 2120.
    Args: clock: of the study's records, "dated", "relative", "order"; None where they say nothing.
    Returns: (rows,) Datetime us, null where the cell is neither; "dated" or "relative".
    """
    cells = rows.frame[column]
    time, bad = dates(cells)
    found, expected = "dated", "an ISO date"
    offset, no_number = numbers(cells)
    if clock == "relative" or (clock != "dated" and no_number.sum() < bad.sum()):
        time, far = relative(offset, "days", rows.where)
        bad, found, expected = no_number | far, "relative", "a number of days, within 200 years"
    ledger.unread(rows.numbers, column, cells, bad, expected, whole=True)
    return time, found


def _kept(spec: Patients, rows: SourceRows, taken: set[str], header: bool) -> list[str]:
    """The columns that become properties; by default all that have a name and no other part to play."""
    if spec.keep is None:
        found = [name for name in rows.frame.columns if name not in taken | rows.unnamed]
        if len(found) > MOST:
            fix = 'list the columns to keep (keep = ["age", "sex"]); a matrix of measurements is an [omics.NAME]'
            raise InputError(
                "too many columns for properties of patients", rows.where, f"{len(found):,}", f"at most {MOST:,}", fix
            )
        return found
    asked: list[Column] = [int(k) if not header and k.isdigit() else k for k in spec.keep]
    id = resolve(spec.id, rows.frame, rows.where)
    return [name for name in dict.fromkeys(resolve(k, rows.frame, rows.where) for k in asked) if name != id]
