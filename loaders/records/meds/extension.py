"""What MEDS has no place for, beside a data set that Clinome wrote: visits, patients' properties, names and links of codes.

```
clinome/about.json        the clock of the times
clinome/visits.parquet, patients.parquet, concepts.parquet, links.parquet
```
Other tools do not look there. What they may want of it stands among the events too, under the codes of this file, marked in
the column OF_TABLE; our own reader takes it from the tables, and knows those rows for repetitions.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from ...errors import InputError
from ...files.cells.clock import CLOCKS
from ...files.ledger import ROW, Ledger
from ...files.rows import CONTROL, LONGEST
from ...files.text_table import parquet_frame, read_bytes
from ...specs import Records
from ...tables import CONCEPTS, LINKS, VISITS, Known, as_concepts, as_links
from ..events import refuse_strangers

EXTENSION, ABOUT = Path("clinome"), Path("clinome", "about.json")
TABLES = ("visits", "patients", "concepts", "links")
OF_TABLE = "of_table"
"""Which of the tables an event repeats; null for one of the records themselves."""
DOUBLE = "numeric_value_double"
"""The value, where MEDS's 32 bits say another one."""
OWN = "MEDS:"
"""The prefix of codes without a vocabulary, in the graph."""
VISIT_START, VISIT_END = "VISIT_START", "VISIT_END"
STATIC = {"gender": "GENDER", "race": "RACE", "ethnicity": "ETHNICITY"}
"""Properties of Patient -> the code of a static event, as MEDS data sets have them: `GENDER//female`."""


def table_file(root: Path, name: str) -> Path:
    """Where a table of the extension lies. Example: table_file(Path("meds"), "visits")"""
    return root / EXTENSION / f"{name}.parquet"


def meds_code(codes: pl.Series) -> pl.Series:
    """(n,) our CURIEs as MEDS codes: what came from MEDS without a vocabulary as it was there, all else as CURIEs.

    Example:
        >>> meds_code(pl.Series(["MEDS:MEDS_DEATH", "ICD10CM:C34.1"])).to_list()
        ['MEDS_DEATH', 'ICD10CM:C34.1']
    """
    bare = codes.str.strip_prefix(OWN)
    return codes.zip_with(bare.str.contains(":", literal=True).fill_null(True), bare)


def own_codes(codes: pl.Series) -> pl.Series:
    """(n,) codes that `meds_code` wrote, as CURIEs again; null for one that is none.

    Example:
        >>> own_codes(pl.Series(["MEDS_DEATH", "ICD10CM:C34.1"])).to_list()
        ['MEDS:MEDS_DEATH', 'ICD10CM:C34.1']
    """
    spelt = codes.zip_with(codes.str.contains(":", literal=True).fill_null(True), OWN + codes)
    fine = spelt.str.contains(r"^[A-Za-z][A-Za-z0-9._-]*:.") & ~spelt.str.contains(CONTROL)
    return spelt.set(~(fine & (spelt.str.len_chars() <= LONGEST)).fill_null(False), None)


@dataclass(frozen=True)
class Beside:
    """What stands beside the events of data sets that Clinome wrote; None where there is none."""

    clock: str
    visits: pl.DataFrame | None = None
    patients: pl.DataFrame | None = None
    concepts: pl.DataFrame | None = None
    links: pl.DataFrame | None = None


def read_extensions(roots: Sequence[Path], spec: Records, known: Known, ledger: Ledger) -> Beside:
    """The tables beside these data sets, their rows counted: of the study's patients, of nobody who was removed.

    Raises: InputError for a table that is none, or lacks a column.
    """
    clocks = {_clock(root) for root in roots} or {"dated"}
    clock = next(one for one in CLOCKS if one in clocks)
    visits = _people(roots, "visits", tuple(VISITS)[:-1], known, ledger)
    patients = _people(roots, "patients", ("subject_id",), known, ledger)
    if visits is not None:
        once = visits.unique("visit_id", keep="first", maintain_order=True)
        ledger.merged(visits.height - once.height)
        source = pl.lit(spec.source).alias("source")
        visits = once.with_columns(source).select(*VISITS, *(c for c in once.columns if c not in VISITS))
    if patients is not None:
        once = patients.unique("subject_id", keep="first", maintain_order=True)
        ledger.merged(patients.height - once.height)
        patients = once
    concepts, links = _table(roots, "concepts", tuple(CONCEPTS)), _table(roots, "links", tuple(LINKS))
    return Beside(
        clock, visits, patients, None if concepts is None else as_concepts(concepts, spec),
        None if links is None else as_links(links, spec),
    )  # fmt: skip


def _people(
    roots: Sequence[Path], name: str, needed: Sequence[str], known: Known, ledger: Ledger
) -> pl.DataFrame | None:
    parts = []
    for root in roots:
        frame = _table([root], name, needed)
        if frame is None:
            continue
        offset = ledger.begin(f"{EXTENSION.name}/{name}.parquet")
        ledger.read(frame.height)
        rows = frame.with_columns(
            pl.int_range(offset + 1, offset + 1 + pl.len(), dtype=pl.Int64).alias(ROW),
            pl.col("subject_id").cast(pl.String),
        )
        parts.append(refuse_strangers(rows, known, ledger, "subject_id").drop(ROW))
    return pl.concat(parts, how="diagonal_relaxed") if parts else None


def _table(roots: Sequence[Path], name: str, needed: Sequence[str]) -> pl.DataFrame | None:
    parts = []
    for root in roots:
        file = table_file(root, name)
        if file.is_file():
            frame = parquet_frame(file, read_bytes(file)[0])
            lacking = [one for one in needed if one not in frame.columns]
            if lacking:
                fix = "write the data set again: clinome export"
                raise InputError("a column is missing", file, expected=f"a column {lacking[0]}", fix=fix)
            parts.append(frame)
    return pl.concat(parts, how="diagonal_relaxed") if parts else None


def _clock(root: Path) -> str:
    try:
        clock = str(json.loads((root / ABOUT).read_text())["clock"])
    except (ValueError, KeyError, TypeError):
        clock = ""
    if clock not in CLOCKS:
        raise InputError("an unknown clock", root / ABOUT, clock or None, ", ".join(CLOCKS), "clinome export writes it")
    return clock
