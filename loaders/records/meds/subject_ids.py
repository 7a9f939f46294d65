"""Subject ids of MEDS: whole numbers. Ids that are such keep theirs, all others get one; the map stays with the tables."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import polars as pl

from ...files.atomic import write_atomic
from ...files.spreadsheet_csv import csv_text, read_csv

MAP = "meds_subjects.csv"
"""In the tables' folder, mode 600: it leads from a data set back to the patients."""
LARGEST = 2**63 - 1
_LAYOUT = {"subject_id": pl.String, "meds_id": pl.Int64}


def meds_ids(subjects: Collection[str], tables: Path) -> pl.DataFrame:
    """subject_id, meds_id of these subjects; who is in the map already keeps the number, so that exports agree."""
    known = read_map(tables)
    new = sorted(set(subjects) - set(known["subject_id"]))
    taken = set(known["meds_id"])
    own = {id: int(id) for id in new if _is_number(id) and int(id) not in taken}
    free = max([0, *taken, *own.values()])
    if free > LARGEST - len(new):  # numbers that fill the range: begin where nobody is
        free = 0
    numbers, rest = taken | set(own.values()), [id for id in new if id not in own]
    for id in rest:
        free += 1
        while free in numbers:
            free += 1
        own[id] = free
    added = pl.DataFrame({"subject_id": list(own), "meds_id": list(own.values())}, schema=_LAYOUT)
    both = pl.concat([known, added])
    if added.height:
        tables.mkdir(parents=True, exist_ok=True)
        write_atomic(tables / MAP, csv_text(both), private=True)
    return both.filter(pl.col("subject_id").is_in(list(subjects)))


def read_map(tables: Path) -> pl.DataFrame:
    """subject_id, meds_id of everybody who was ever exported and not removed."""
    if not (tables / MAP).exists():
        return pl.DataFrame(schema=_LAYOUT)
    return read_csv(tables / MAP, infer_schema=False).select(pl.col(n).cast(t) for n, t in _LAYOUT.items())


def forget_subjects(subjects: Collection[str], tables: Path) -> None:
    """Take these subjects out of the map."""
    known = read_map(tables)
    left = known.filter(~pl.col("subject_id").is_in(list(subjects)))
    if left.height < known.height:
        write_atomic(tables / MAP, csv_text(left), private=True)


def _is_number(id: str) -> bool:
    """Whether an id is a whole number as MEDS would give it back: no leading zero, no sign, 64 bits."""
    return id.isascii() and id.isdigit() and str(int(id)) == id and int(id) <= LARGEST
