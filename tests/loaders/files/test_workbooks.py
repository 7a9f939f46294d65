"""Workbooks: the sheet that is meant, dates as dates, ids as they look, and what a spreadsheet may have lost is said."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter

from clinome.loaders.errors import InputError
from clinome.loaders.files.text_table import read_cells
from clinome.loaders.identifiers.genes import GeneTable
from clinome.loaders.registry import read_source
from clinome.loaders.specs import Omics, Patients, Records
from clinome.loaders.tables import Known

ANYONE = Known(None, None, GeneTable.empty())
PEOPLE: Any = [["id", "born", "seen", "age", "site"], ["007", date(1950, 3, 1), datetime(2020, 1, 2, 14, 30), 61.0, "A, \"b\""],
          [None] * 5, ["8", date(1951, 4, 2), datetime(2020, 1, 3), 38.5, "é"]]  # fmt: skip


def _book(path: Path, **sheets: Any) -> Path:
    with xlsxwriter.Workbook(path, {"default_date_format": "yyyy-mm-dd hh:mm"}) as book:
        for name, rows in sheets.items():
            sheet = book.add_worksheet(name)
            for i, row in enumerate(rows):
                sheet.write_row(i, 0, row)
    return path


def test_the_only_sheet_is_read_as_a_csv_of_it_would_be(tmp_path: Path) -> None:
    cells = read_cells(_book(tmp_path / "p.xlsx", People=PEOPLE, Empty=[]))
    assert cells.frame.columns == ["id", "born", "seen", "age", "site"]
    assert cells.frame.rows() == [
        ("007", "1950-03-01", "2020-01-02T14:30:00", "61", 'A, "b"'), ("8", "1951-04-02", "2020-01-03T00:00:00", "38.5", "é")
    ]  # fmt: skip
    assert cells.numeric == {"age"}
    spec = Patients((_book(tmp_path / "q.xlsx", One=PEOPLE),), id="id")
    patients = read_source(spec, ANYONE).patients
    assert patients is not None and patients["born"].dt.date().to_list() == [date(1950, 3, 1), date(1951, 4, 2)]


def test_of_several_sheets_the_section_names_one(tmp_path: Path) -> None:
    visits = [["mrn", "at", "dx"], ["007", date(2020, 1, 2), "I10"], ["8", date(2020, 1, 3), "E11.9"]]
    book = _book(tmp_path / "b.xlsx", People=PEOPLE, Visits=visits)
    with pytest.raises(InputError, match=r"several sheets.*People, Visits") as error:
        read_cells(book)
    assert 'sheet = "People"' in str(error.value)
    with pytest.raises(InputError, match=r"no such sheet.*'?Vists'?.*People, Visits"):
        read_cells(book, sheet="Vists")
    spec = Records((book,), name="v", format="csv", sheet="Visits", subject="mrn", time="at", codes={"dx": "ICD10CM"})
    events = read_source(spec, ANYONE).events
    assert events is not None and set(events["code"]) == {"ICD10CM:I10", "ICD10CM:E11.9"}


def test_codes_that_a_sheet_holds_as_numbers_end_the_load(tmp_path: Path) -> None:
    rows = [["mrn", "at", "dx"], ["1", date(2020, 1, 2), 8.45], ["2", date(2020, 1, 3), 250.0]]
    spec = Records(
        (_book(tmp_path / "b.xlsx", V=rows),), name="v", format="csv", subject="mrn", time="at", codes={"dx": "ICD9CM"}
    )
    assert any(loss.ends for loss in read_source(spec, ANYONE).losses)


def test_a_matrix_of_omics_is_read_from_a_sheet(tmp_path: Path) -> None:
    rows = [["id", "TP53", "EGFR"], ["a", 1.5, 2], ["b", None, 4]]
    spec = Omics((_book(tmp_path / "rna.xlsx", M=rows),), name="rna", layer="rna", id="id")
    omics = read_source(spec, ANYONE).omics
    assert omics is not None and omics.shape == (2, 2) and float(omics.X[0, 0]) == 1.5
