"""Hourly vitals and labs -> `[records.NAME]` of format hourly: one table, or a folder of a file a stay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl

from ...errors import ClinomeError
from ...records.hourly.columns import SUBJECTS as STAYS
from ...records.hourly.columns import TIMES as CLOCKS
from ...records.hourly.columns import Layout, layout_of, sounds_like_outcome, spelt
from ...specs import MISSING, Records
from ..file_head import Head, readable
from ..folder_files import ending
from ..section import Answer, Section
from .record_folder import RecordFolder

_VITALS = frozenset((
    "hr", "heartrate", "sbp", "dbp", "map", "resp", "temp", "o2sat", "spo2", "lactate", "creatinine", "glucose", "wbc", "crea",
    "gluc", "glu", "lact", "hct", "bun", "platelets", "plt", "fio2", "ph",
))  # fmt: skip
_LONG = frozenset(("parameter", "variable", "item", "itemid")), frozenset(("value", "valuenum"))
_MEASURED, _STAYS, _AGAIN, _MANY = 5, 20, 3, 5


def is_hourly(head: Head) -> bool:
    """Whether it is a table of vitals and labs by the hour, wide or long: a stay, a time, and measurements or an outcome."""
    stay = next((name for name in head.names if spelt(name) in STAYS), None)
    if stay is None or stay not in head.frame.columns:
        return False
    column = head.column(stay)
    return _by_the_hour(head, outcomes=column.distinct * _AGAIN < column.filled)


def _by_the_hour(head: Head, outcomes: bool = False) -> bool:
    """Whether its rows have a time and measurements, whoever they are of; or, where `outcomes`, nothing but outcomes."""
    names = {spelt(name) for name in head.names}
    if not names & {*CLOCKS, "iculos"}:
        return False
    long = bool(names & _LONG[0] and names & _LONG[1])
    rest = [name for name in head.names if spelt(name) not in {*STAYS, *CLOCKS}]
    alone = outcomes and bool(rest) and all(map(sounds_like_outcome, rest))
    return (long or alone or len(_VITALS & names) >= _MEASURED) and not any(
        head.column(name).date for name in head.frame.columns if spelt(name) in CLOCKS
    )


def hourly_folders(files: Sequence[Path]) -> list[RecordFolder]:
    """Folders of one file a stay: many files of one header, which says when and what, and not whose."""
    by_kind: dict[tuple[Path, str], list[Path]] = {}
    for path in files:
        if ending(path) in ("psv", "txt", "csv"):
            by_kind.setdefault((path.parent, ending(path)), []).append(path)
    found = []
    for (root, _), paths in by_kind.items():
        if len(paths) < _MANY:
            continue
        heads = [head for path in (paths[0], paths[-1]) if isinstance(head := readable(path), Head)]
        alike = len(heads) == len({*paths[:1], *paths[-1:]}) and len({head.names for head in heads}) == 1
        if alike and not {spelt(n) for n in heads[0].names} & {*STAYS} and _by_the_hour(heads[0]):
            found.append(RecordFolder("hourly", root, frozenset(paths)))
    return found


def hourly_section(head: Head | None, file: Path, path: str, name: str) -> Answer:
    """`[records.NAME]` of format hourly: what the loader finds of its columns, written down; outcomes and -1 are asked about.

    Args: head: of the table; None of a folder, whose first file is then looked at. file: it, or the folder.
    """
    head = _first_stays(file) if head is None else head
    in_minutes = head is not None and any(spelt(n) in CLOCKS and "offset" in spelt(n) for n in head.names)
    unit = "minutes" if in_minutes else None
    try:
        layout = layout_of(Records((file,), format="hourly", name=name, unit=unit))
    except ClinomeError as error:
        section = Section(f"records.{name}", {"format": "hourly", "path": path}, (str(error),), ready=False)
        return Answer((section,), (f"{path}: {error}",))
    keys: dict[str, object] = {"format": "hourly", "path": path}
    keys |= {} if layout.file_is_stay else {"subject": layout.subject}
    keys |= {key: said for key in ("time", "end") if (said := getattr(layout, key))} | ({"unit": unit} if unit else {})
    keys |= {"codes": {layout.names: "VALUE"}, "value": layout.value} if layout.long else {}
    outcomes = _outcomes(head, layout)
    keys |= {"labels": outcomes} if outcomes else {}
    minus = head is not None and _minus_is_missing(head, layout)
    marks = [*(head.marks if head else ()), *(["-1"] if minus else [])]
    keys |= {"missing": [*MISSING, *marks]} if marks else {}
    asked = [
        f"[records.{name}] labels: {', '.join(outcomes)}: called like outcomes: a cohort can ask for them, they are no inputs"
    ] * bool(outcomes)
    asked += [
        f"[records.{name}] missing: -1 is taken for a value that was not measured; take it out where it is a number"
    ] * minus
    if head is not None and layout.time in head.numeric and unit is None and "hour" not in spelt(layout.time or ""):
        asked.append(f"[records.{name}] time: the numbers of {layout.time} are taken for hours; `unit` says otherwise")
    shape = "a row a measurement" if layout.long else "a row an hour"
    why = f"hourly vitals and labs, {shape}" + (", a file a stay" if layout.file_is_stay else "")
    return Answer((Section(f"records.{name}", keys, (why,)),), tuple(asked))


def _first_stays(folder: Path) -> Head | None:
    """The head of a folder's first files together."""
    files = sorted(path for path in folder.iterdir() if ending(path) in ("psv", "txt", "csv"))[:_STAYS]
    heads = [head for path in files if isinstance(head := readable(path), Head)]
    return replace(heads[0], frame=pl.concat([head.frame for head in heads], how="diagonal")) if heads else None


def _outcomes(head: Head | None, layout: Layout) -> list[str]:
    if head is None:
        return []
    if layout.names is not None:
        return sorted(name for name in head.frame[layout.names].drop_nulls().unique() if sounds_like_outcome(name))
    return [name for name in head.names if sounds_like_outcome(name) and name not in layout.roles]


def _minus_is_missing(head: Head, layout: Layout) -> bool:
    """Whether some of what is measured is never negative but for -1, and nothing else is -1 among negative numbers."""
    if layout.names is None or layout.value is None:
        return False
    cells = head.frame.select(name=layout.names, value=pl.col(layout.value).cast(pl.Float64, strict=False))
    below = (
        cells.filter(pl.col("value") < 0)
        .group_by("name")
        .agg(one=(pl.col("value") == -1).all(), some=(pl.col("value") == -1).any())
    )
    return bool(below["one"].any()) and not below.filter(~pl.col("one"))["some"].any()
