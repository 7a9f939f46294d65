"""Files read: which files each source was loaded from, with their SHA-256: where the trail of a number ends."""

from __future__ import annotations

import hashlib
from typing import Any

import polars as pl

from ...loaders.files.removed_ids import GRAPH, SAMPLE, SUBJECT, Removed, read_removed
from .study_tables import Tables

MOST = 5
"""Files of a source that are named one by one; more are one line with one checksum."""


def files_read(tables: Tables, *sources: str) -> list[dict[str, str]]:
    """One line a file that the study's tables were read from.

    A name may hold an id where there is a file a patient, so that names stand only where a source has few files, none of
    them holds an id of a patient or sample, removed ones too, and the study gives no pseudonyms; else the source's name
    and a number stand for them.
    More than five files of a source are one line, whose checksum is that of theirs, sorted, a line each:
    `sha256sum FILES | cut -c1-64 | sort | sha256sum`.
    Args:
        sources: of these alone; default: all.
    Returns: input (the source), load (its id in the graph), file, sha256, by source and name.
    """
    found = []
    spec, ids, gone = _patients(tables), _ids(tables), read_removed(tables.folder)
    for source in sources or tables.sources():
        record = tables.record(source)
        files = sorted((str(name), str(sum)) for name, sum in record.get("sha256", ()))
        if len(files) > MOST:
            whole = hashlib.sha256("".join(f"{sum}\n" for sum in sorted(sum for _, sum in files)).encode())
            files = [(f"{source}: {len(files)} files", whole.hexdigest())]
        elif spec.get("pseudonymise") or any(_names(name, ids, gone) for name, _ in files):
            files = [(f"{source}/{n}", sum) for n, (_, sum) in enumerate(files, 1)]
        load = tables.load_of(source)
        found += [{"input": source, "load": load, "file": name, "sha256": sum} for name, sum in files]
    return found


def _patients(tables: Tables) -> dict[str, Any]:
    return dict(tables.record("patients").get("spec", {})) if "patients" in tables.sources() else {}


def _ids(tables: Tables) -> frozenset[str]:
    """Of patients and samples, with the study's prefix and without."""
    found = (tables.nodes(source, label) for source in tables.sources() for label in ("Patient", "Sample"))
    ids = {one for table in found if table is not None for one in table["id"]}
    namespace = str(_patients(tables).get("namespace") or "")
    return frozenset(ids | {one.removeprefix(namespace) for one in ids})


def _names(file: str, ids: frozenset[str], gone: Removed) -> bool:
    """Whether a file's name holds, as a word or several, one of the ids, or one that was removed."""
    starts = [i for i in range(len(file)) if i == 0 or not file[i - 1].isalnum()]
    ends = [i for i in range(1, len(file) + 1) if i == len(file) or not file[i].isalnum()]
    words = [file[start:end] for start in starts for end in ends if start < end]
    told = pl.Series(words, dtype=pl.String)
    return not ids.isdisjoint(words) or any(gone.holds(told, what).any() for what in (SUBJECT, SAMPLE, GRAPH))
