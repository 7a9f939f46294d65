"""Formats of health records that are told by the files of a folder: MEDS, OMOP, MIMIC, eICU, FHIR, hourly stays, timelines."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from ..errors import ClinomeError
from ..files.text_table import read_bytes
from ..records.clinical_tables import is_part, table_of
from ..records.hourly.columns import SUBJECTS as STAYS
from ..records.hourly.columns import TIMES as CLOCKS
from ..records.hourly.columns import Layout, layout_of, sounds_like_outcome, spelt
from ..records.meds.reader import CODES, DATA
from ..specs import MISSING, Records
from .file_head import Head, readable
from .folder_files import ending, is_paper
from .names import plain_name
from .section import Answer, Section

_SCHEMAS = {
    "synthea": ({"patients", "encounters", "conditions"}, {"observations", "medications", "procedures", "careplans"}),
    "omop": ({"person"}, {"visit_occurrence", "condition_occurrence", "drug_exposure", "measurement", "observation_period"}),
    "eicu": ({"patient"}, {"diagnosis", "apachepatientresult", "vitalperiodic", "medication", "infusiondrug", "admissiondx"}),
}  # fmt: skip
"""Format -> tables that it has, and tables of which it has one at least."""
_MIMIC4 = {"hcpcsevents", "omr", "emar", "poe", "d_hcpcs", "provider", "pharmacy", "ingredientevents"}
_FOURTH = {"anchor_age", "anchor_year"}
"""Tables that MIMIC-IV alone has, and columns of its patients."""
_DEEP, _MANY = 3, 5
_HEAD = 200_000


@dataclass(frozen=True)
class RecordFolder:
    """Files of one format. people: its table of one row a patient, which also loads as [patients], None without one."""

    format: str
    root: Path
    files: frozenset[Path]
    people: Path | None = None


def record_folders(files: Sequence[Path]) -> list[RecordFolder]:
    """The folders among these files that are one format of health records."""
    found: list[RecordFolder] = _meds(files)
    taken = {path for folder in found for path in folder.files}
    rest = [path for path in files if path not in taken]
    tables: dict[Path, list[Path]] = {}
    for path in rest:
        if ending(path) in ("csv", "parquet", "tsv", "txt"):
            table = path.parent if is_part(path) else path
            root = table.parent.parent if table.parent.name in ("hosp", "icu", "core") else table.parent
            tables.setdefault(root, []).append(path)
    for root, paths in tables.items():
        format = _schema({table_of(path): path for path in paths})
        if format is not None:
            named = next((p for p in paths if table_of(p) in ("person", "patients")), None)  # eICU's are stays
            people = None if format == "synthea" else named  # whose table has names, addresses and passports
            found.append(RecordFolder(format, root, frozenset(paths), people))
    found += hourly_folders(rest)
    taken = {path for folder in found for path in folder.files}
    fhir = [path for path in rest if path not in taken and _is_fhir(path)]
    if fhir:  # one export, however many folders it has: a resource may refer to one of another folder
        root = Path(os.path.commonpath([path.parent for path in fhir]))
        found.append(RecordFolder("fhir", root, frozenset(fhir)))
    return found


def _schema(tables: Mapping[str, Path]) -> str | None:
    names = set(tables)
    if {"patients", "admissions", "diagnoses_icd"} <= names:
        return "mimic4" if names & _MIMIC4 or _FOURTH & _columns(tables["patients"]) else "mimic3"
    for format, (needed, some) in _SCHEMAS.items():
        if needed <= names and names & some:
            return format
    return None


def _columns(path: Path) -> set[str]:
    """A table's columns, in lower case; none where it cannot be read."""
    head = readable(path)
    return {name.strip().lower() for name in head.names} if isinstance(head, Head) else set()


def _meds(files: Sequence[Path]) -> list[RecordFolder]:
    """Folders with metadata/codes.parquet, or whose data/ holds Parquet files of MEDS's columns."""
    roots = {path.parent.parent for path in files if path.parent.name == CODES.parent.name and path.name == CODES.name}
    for path in files:
        if path.name.lower().endswith(".parquet"):
            try:
                columns = set(pl.read_parquet_schema(path))
            except (pl.exceptions.PolarsError, OSError, ValueError):
                continue
            if {"subject_id", "time", "code"} <= columns:
                data = next((parent for parent in list(path.parents)[:_DEEP] if parent.name == DATA), None)
                roots.add(data.parent if data is not None else path.parent)
    return [
        RecordFolder("meds", root, frozenset(path for path in files if path.is_relative_to(root) and path.name.endswith((".parquet", ".json"))))
        for root in sorted(roots) if not any(root != other and root.is_relative_to(other) for other in roots)
    ]  # fmt: skip


def _is_fhir(path: Path) -> bool:
    if ending(path) not in ("json", "ndjson", "jsonl"):
        return False
    try:
        data, _ = read_bytes(path, _HEAD)
    except ClinomeError:
        return False
    text = data.decode(errors="replace").lstrip()
    first = text.splitlines()[0] if text else ""
    try:
        return "resourceType" in json.loads(first)
    except (json.JSONDecodeError, TypeError):
        return '"resourceType"' in text[:2_000]


def places(folder: RecordFolder, base: Path) -> list[Path]:
    """What the section names: the file or the folder. Where FHIR lies in the study's own folder, what holds it there, for
    the study's graph and tables lie there too."""
    if len(folder.files) == 1:
        return list(folder.files)
    if folder.format == "fhir" and base.resolve().is_relative_to(folder.root.resolve()):
        return sorted({folder.root / path.relative_to(folder.root).parts[0] for path in folder.files})
    return [folder.root]


def record_section(folder: RecordFolder, path: str | list[str], name: str) -> Section:
    """`[records.NAME]` of such a folder."""
    many = sum(not is_paper(one) for one in folder.files)  # a licence beside the tables is none of them
    count = f"{many} file{'s' if many != 1 else ''} of {_TITLES[folder.format]}"
    return Section(f"records.{name}", {"format": folder.format, "path": path}, (count,))


UNDATED = ("eicu",)
"""Formats of schemas whose times are offsets."""


_TITLES = {"meds": "MEDS", "omop": "the OMOP common data model", "mimic3": "MIMIC-III", "mimic4": "MIMIC-IV", "eicu": "eICU",
           "synthea": "Synthea", "fhir": "FHIR", "hourly": "hourly vitals and labs"}  # fmt: skip


def texts_of(head: Head) -> list[str]:
    """Columns of texts: mostly different, of some words each.

    Example:
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


_WORDS, _HALF = 8, 0.5
_LATE = re.compile(r"stor|sign|known|enter|report|available")
_KIND = re.compile(r"type|kind|categ|class|title")


def is_timeline(head: Head) -> bool:
    """Whether it is a cBioPortal timeline."""
    return {"patient_id", "start_date", "event_type"} <= {plain_name(name) for name in head.names}


_VITALS = frozenset((
    "hr", "heartrate", "sbp", "dbp", "map", "resp", "temp", "o2sat", "spo2", "lactate", "creatinine", "glucose", "wbc", "crea",
    "gluc", "glu", "lact", "hct", "bun", "platelets", "plt", "fio2", "ph",
))  # fmt: skip
_LONG = frozenset(("parameter", "variable", "item", "itemid")), frozenset(("value", "valuenum"))
_MEASURED, _STAYS, _AGAIN = 5, 20, 3


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
