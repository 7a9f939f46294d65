"""Tables of notes -> `[notes.NAME]`: whose, when, and the column of texts."""

from __future__ import annotations

import re

from ..file_head import Head
from ..names import plain_name

_WORDS, _HALF = 8, 0.5
_LATE = re.compile(r"stor|sign|known|enter|report|available")
_KIND = re.compile(r"type|kind|categ|class|title")
_COLUMNS = {
    "omop": {"note_id", "person_id", "note_date", "note_text"},
    "mimic3": {"subject_id", "hadm_id", "chartdate", "category", "text"},
    "mimic4": {"note_id", "subject_id", "hadm_id", "note_type", "charttime", "storetime", "text"},
}
"""Format of notes -> columns by which its tables are told."""
_TITLES = {"omop": "the OMOP common data model", "mimic3": "MIMIC-III", "mimic4": "MIMIC-IV-Note"}


def texts_of(head: Head) -> list[str]:
    """Columns of texts: mostly different, of some words each.

    Example:
        >>> from pathlib import Path
        >>> import polars as pl
        >>> texts_of(Head(Path("n.csv"), pl.DataFrame({"id": ["1"], "said": ["one two three four five six seven eight"]}), (), True))
        ['said']
    """
    found = []
    for name in head.frame.columns:
        cells = head.frame[name].head(500).drop_nulls()
        words = cells.str.count_matches(r"[\p{L}]{2,}")
        if cells.len() and float(words.median() or 0) >= _WORDS and cells.n_unique() > _HALF * cells.len():  # type: ignore[arg-type]
            found.append(name)
    return found


def known_notes(head: Head, path: str) -> tuple[dict[str, object], tuple[str, ...], str] | None:
    """Keys of `[notes.NAME]` of a table of a format, why, and its column of ids; None where it is none, or has no row.

    Example:
        >>> from pathlib import Path
        >>> import polars as pl
        >>> names = ("note_id", "person_id", "note_date", "note_text")
        >>> known_notes(Head(Path("n.csv"), pl.DataFrame({name: ["1"] for name in names}), names, True), "n.csv")[0]
        {'format': 'omop', 'path': 'n.csv'}
    """
    named = {name.strip().lower(): name for name in head.frame.columns}
    format = next((format for format, columns in _COLUMNS.items() if columns <= set(named)), None)
    if format is None or not head.header or head.frame.is_empty():
        return None
    why = f"notes of {_TITLES[format]}: the graph holds none of their texts"
    return {"format": format, "path": path}, (why,), named["person_id" if format == "omop" else "subject_id"]


def notes_keys(head: Head, path: str, subject: str | None) -> tuple[dict[str, object], tuple[str, ...], bool] | None:
    """Keys of `[notes.NAME]`, why, and whether they load; None where no column holds texts beside a time.

    subject: the column of the study's ids; None where no column has them.
    """
    texts = texts_of(head) if head.header else []
    times = [name for name in head.frame.columns if head.column(name).date]
    if not texts or not times or len(texts) > 1:
        return None
    late = next((name for name in times if _LATE.search(plain_name(name))), None)
    first = next((name for name in times if name != late), times[0])
    kind = next(
        (n for n in head.frame.columns if _KIND.search(plain_name(n)) and n not in (*texts, *times, subject)), None
    )
    keys: dict[str, object] = {"path": path, "subject": subject or "?", "time": first}
    keys |= {"known_time": late} if late not in (None, first) else {}
    keys |= {"kind": kind} if kind else {}
    why = f"texts, one a row: in the column {texts[0]!r}; the graph holds none of them"
    ask = () if subject else ("say first: which column holds the ids of [patients]",)
    return {**keys, "text": texts[0]}, (why, *ask), subject is not None
