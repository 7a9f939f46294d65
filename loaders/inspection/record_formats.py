"""Formats of health records that are told by the files of a folder: MEDS, OMOP, MIMIC, eICU, FHIR, cBioPortal timelines."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import ClinomeError
from ..files.text_table import read_bytes
from ..records.meds import CODES, DATA
from ..registry import RECORDS_LATER
from .file_head import Head
from .folder_files import ending, stem
from .names import plain_name
from .section import Section

_SCHEMAS = {
    "omop": ({"person"}, {"visit_occurrence", "condition_occurrence", "drug_exposure", "measurement", "observation_period"}),
    "eicu": ({"patient"}, {"diagnosis", "apachepatientresult", "vitalperiodic", "medication", "infusiondrug", "admissiondx"}),
}  # fmt: skip
"""Format -> tables that it has, and tables of which it has one at least."""
_MIMIC4 = {"hcpcsevents", "omr", "emar", "poe", "d_hcpcs", "provider", "pharmacy", "ingredientevents"}
_DEEP = 3
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
            root = path.parent.parent if path.parent.name in ("hosp", "icu", "core") else path.parent
            tables.setdefault(root, []).append(path)
    for root, paths in tables.items():
        format = _schema({stem(path) for path in paths})
        if format is not None:
            people = next((p for p in paths if stem(p) in ("person", "patients")), None)  # eICU's are stays
            found.append(RecordFolder(format, root, frozenset(paths), people))
    fhir = [path for path in rest if _is_fhir(path)]
    if fhir:  # one export, however many folders it has: a resource may refer to one of another folder
        root = Path(os.path.commonpath([path.parent for path in fhir]))
        found.append(RecordFolder("fhir", root, frozenset(fhir)))
    return found


def _schema(names: set[str]) -> str | None:
    if {"patients", "admissions", "diagnoses_icd"} <= names:
        return "mimic4" if names & _MIMIC4 else "mimic3"
    for format, (needed, some) in _SCHEMAS.items():
        if needed <= names and names & some:
            return format
    return None


def _meds(files: Sequence[Path]) -> list[RecordFolder]:
    """Folders with metadata/codes.parquet, or whose data/ holds Parquet files of MEDS's columns."""
    import polars as pl

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


def record_section(folder: RecordFolder, path: str | list[str], name: str) -> tuple[Section, tuple[str, ...]]:
    """`[records.NAME]` of such a folder; a comment, and a question, where this version does not read its format yet."""
    later = folder.format in RECORDS_LATER
    keys = {"format": folder.format, "path": path}
    count = f"{len(folder.files)} file{'s' if len(folder.files) != 1 else ''} of {_TITLES[folder.format]}"
    if not later:
        return Section(f"records.{name}", keys, (count,)), ()
    why = f"{count}: this version does not read format {folder.format} yet"
    asked = f"{path}: {count}: recognised, but not read yet by this version; MEDS, FHIR, csv tables and cBioPortal timelines are"
    return Section(f"records.{name}", keys, (why,), ready=False), (asked,)


_TITLES = {"meds": "MEDS", "omop": "the OMOP common data model", "mimic3": "MIMIC-III", "mimic4": "MIMIC-IV", "eicu": "eICU",
           "fhir": "FHIR", "hourly": "hourly vitals and labs"}  # fmt: skip


def is_timeline(head: Head) -> bool:
    """Whether it is a cBioPortal timeline."""
    return {"patient_id", "start_date", "event_type"} <= {plain_name(name) for name in head.names}


def is_hourly(head: Head) -> bool:
    """Whether it is a table of vitals and labs by the hour, wide or long: a stay, a time, and measurements."""
    names = [plain_name(name) for name in head.names]
    stay = any(
        name
        in (
            "stay_id",
            "icustay_id",
            "patientunitstayid",
            "patient_id",
            "record_id",
            "recordid",
            "stayid",
            "subject_id",
            "hadm_id",
        )
        for name in names
    )
    clock = any(
        name in ("hour", "hours", "time", "charttime", "iculos", "offset", "observationoffset", "hr_offset")
        for name in names
    )
    long = (
        {"parameter", "value"} <= set(names)
        or {"variable", "value"} <= set(names)
        or {"itemid", "valuenum"} <= set(names)
    )
    vitals = {"hr", "heart_rate", "sbp", "dbp", "map", "resp", "temp", "o2sat", "spo2", "lactate", "creatinine", "glucose", "wbc", "crea", "gluc",
              "lact", "hct", "bun", "platelets", "plt", "fio2", "ph"}  # fmt: skip
    return stay and clock and (long or len(vitals & set(names)) >= 5)
