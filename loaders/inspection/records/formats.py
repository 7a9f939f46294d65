"""Formats of health records that are told by the files of a folder: MEDS, OMOP, MIMIC, eICU, Synthea, FHIR, hourly stays."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from ...errors import ClinomeError
from ...files.text_table import read_bytes
from ...records.clinical_tables import is_part, table_of
from ...records.meds.reader import CODES, DATA
from ...views.note_table import FORMATS as NOTE_TABLES
from ..file_head import Head, readable
from ..folder_files import ending, is_paper
from ..names import plain_name
from ..section import Section
from .hourly import hourly_folders
from .record_folder import RecordFolder

_SCHEMAS = {
    "synthea": ({"patients", "encounters", "conditions"}, {"observations", "medications", "procedures", "careplans"}),
    "omop": ({"person"}, {"visit_occurrence", "condition_occurrence", "drug_exposure", "measurement", "observation_period"}),
    "eicu": ({"patient"}, {"diagnosis", "apachepatientresult", "vitalperiodic", "medication", "infusiondrug", "admissiondx"}),
}  # fmt: skip
"""Format -> tables that it has, and tables of which it has one at least."""
_MIMIC4 = {"hcpcsevents", "omr", "emar", "poe", "d_hcpcs", "provider", "pharmacy", "ingredientevents"}
_FOURTH = {"anchor_age", "anchor_year"}
"""Tables that MIMIC-IV alone has, and columns of its patients."""
_DEEP = 3
_HEAD = 200_000


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


def note_tables(folder: RecordFolder) -> list[list[Path]]:
    """The tables of notes of a folder whose format has some, each as its files, in the order of their names."""
    form = NOTE_TABLES.get(folder.format)
    found: dict[str, list[Path]] = {}
    for path in sorted(folder.files):
        if form is not None and table_of(path) in form.files:
            found.setdefault(table_of(path), []).append(path)
    return list(found.values())


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
    keys: dict[str, object] = {"format": folder.format, "path": path}
    if folder.format in DATED and (order := _date_order(folder)):
        keys["date_order"] = order
    return Section(f"records.{name}", keys, (count,))


DATED = ("omop", "mimic3", "mimic4", "synthea")
"""Formats whose dates a spreadsheet may have written anew."""


def _date_order(folder: RecordFolder) -> str | None:
    """That of its first table with dates."""
    for path in sorted(folder.files):
        head = readable(path)
        if isinstance(head, Head) and (head.date_order or any(head.column(name).date for name in head.frame.columns)):
            return head.date_order
    return None


UNDATED = ("eicu",)
"""Formats of schemas whose times are offsets."""


_TITLES = {"meds": "MEDS", "omop": "the OMOP common data model", "mimic3": "MIMIC-III", "mimic4": "MIMIC-IV", "eicu": "eICU",
           "synthea": "Synthea", "fhir": "FHIR", "hourly": "hourly vitals and labs"}  # fmt: skip


def is_timeline(head: Head) -> bool:
    """Whether it is a cBioPortal timeline."""
    return {"patient_id", "start_date", "event_type"} <= {plain_name(name) for name in head.names}
