"""cBioPortal study folder, as an inspection sees it: one `[bundle.NAME]`, and its patients for cohorts and tasks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from ...bundles.cbioportal import Sections, read_cbioportal
from ...errors import ClinomeError
from ...files.ledger import Ledger
from ...files.rows import source_rows
from ...files.text_table import read_cells
from ...specs import Bundle
from ...subjects.sample_attributes import SAMPLE_ID, of_patients
from ..file_head import Head
from ..people import PatientsTable, patients_tables

ID = "PATIENT_ID"


@dataclass(frozen=True)
class StudyFolder:
    """A study folder: its patients with what is known of them, whose each sample is, and what is not read."""

    folder: Path
    people: PatientsTable | None
    samples: Mapping[str, str]
    left_out: Mapping[str, str]
    why: tuple[str, ...]
    timelines: bool

    def owns(self, path: Path) -> bool:
        """Whether a file is the study's own, and not something that lies beside it."""
        within = path.relative_to(self.folder).parts
        return len(within) > 1 or within[0].lower().startswith(("data", "meta", "case"))


def study_folder(folder: Path) -> StudyFolder | None:
    """The folder as a study of cBioPortal; None where meta files do not say what its files are, or it cannot be read."""
    if not (folder / "meta_study.txt").is_file() or len([*folder.glob("meta_*.txt")]) < 2:
        return None
    try:
        found = read_cbioportal(Bundle(folder, "study"))
        people, samples = _people(found)
    except ClinomeError:
        return None
    layers = ", ".join(found.tables["omics"]) or "none"
    why = (
        f"a study of cBioPortal: patients, samples, the layers {layers}"
        + (", and timelines" if found.tables["records"] else ""),
    )
    return StudyFolder(folder, people, samples, found.left_out, why, bool(found.tables["records"]))


def _people(found: Sections) -> tuple[PatientsTable | None, Mapping[str, str]]:
    """One row a patient, as the loader makes it; sample -> patient."""
    section = found.tables["patients"]
    files = [read_cells(Path(path), missing=section["missing"], format="cbioportal") for path in section["path"]]
    ledger = Ledger("patients")
    rows = source_rows(files, ledger)
    if ID not in rows.frame.columns:
        return None, {}
    whose = rows.frame.select(SAMPLE_ID, ID).drop_nulls() if SAMPLE_ID in rows.frame.columns else pl.DataFrame()
    each = of_patients(rows, ID, ledger).frame.drop_nulls(ID)
    rest = [pl.col(name).drop_nulls().first() for name in each.columns if name != ID]
    frame = each.group_by(ID, maintain_order=True).agg(rest)
    tables = patients_tables([Head(Path(section["path"][0]), frame, tuple(frame.columns), True)])
    people = next((table for table in tables if table.id == ID), None)
    return people, dict(whose.iter_rows()) if whose.height else {}
