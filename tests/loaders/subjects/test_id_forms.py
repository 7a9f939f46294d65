"""Forms of ids: what they look like and how two sets would join, and never an id itself."""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinome.loaders.errors import InputError
from clinome.loaders.files.cells.forms import form
from clinome.loaders.identifiers.genes import GeneTable
from clinome.loaders.omics.layer import read_omics
from clinome.loaders.specs import Omics, Patients
from clinome.loaders.subjects.id_forms import joined_by, no_known_id
from clinome.loaders.subjects.patients import read_patients
from clinome.loaders.tables import Known


@given(st.text(min_size=1, max_size=60))
def test_a_form_has_no_letter_and_no_digit_of_the_id(id: str) -> None:
    found = form(id)
    assert len(found) <= 40
    assert not re.sub(r"[Aa9]", "", re.sub(r"[\W_]", "", found))


@pytest.mark.parametrize(
    ("found", "known", "words"),
    [
        (["X101", "X102"], ["101", "102"], "check.names"), (["tcga-1", "tcga-2"], ["TCGA-1", "TCGA-2"], "capitals"),
        (["A.1.x", "A.2.x"], ["A-1-x", "A-2-x"], "parts their fields"), (["7", "8"], ["007", "008"], "leading zeros"),
        (["101.0", "102.0"], ["101", "102"], "decimal numbers"), (["P1 Log Ratio", "P2 Log Ratio"], ["P1", "P2"], "cut what follows"),
        (["AB", "AC"], ["AB-01", "AC-01"], "give [patients] the shorter"), (["Q", "R"], ["S", "T"], None), ([], ["S"], None),
    ],
)  # fmt: skip
def test_the_one_change_that_would_join_them(found: list[str], known: list[str], words: str | None) -> None:
    said = joined_by(found, known)
    assert (said is None) if words is None else (said is not None and words in said)


def test_the_error_shows_forms_and_no_id() -> None:
    text = str(no_known_id("x.csv", ["Smith77", "Jones41"], ["AB-1", "CD-2"]))
    assert "Aaaaa99" in text
    assert "AA-9" in text
    assert not re.search("Smith|Jones|77|41|AB|CD", text)


@pytest.mark.parametrize("floats", [False, True])
def test_numbers_of_a_parquet_file_are_ids(floats: bool, tmp_path: Path) -> None:
    people = pl.Series([101, None, 102] if floats else [101, 103, 102], dtype=pl.Float64 if floats else pl.Int64)
    pl.DataFrame({"id": people, "age": [60, 61, 62]}).write_parquet(tmp_path / "p.parquet")
    loaded = read_patients(Patients(path=(tmp_path / "p.parquet",), id="id"))
    assert loaded.patients is not None
    subjects = loaded.patients["subject_id"].to_list()
    assert subjects == (["101", "102"] if floats else ["101", "103", "102"])
    pl.DataFrame({"TP53": [1.5, 2.5], "n": [3, 3], "patient": [101, 102]}).write_parquet(tmp_path / "x.parquet")
    layer = read_omics(
        Omics(path=(tmp_path / "x.parquet",), name="rna"), Known(frozenset(subjects), None, GeneTable.empty())
    )
    assert layer.omics is not None
    assert list(layer.omics.obs_names) == ["101", "102"]
    assert set(layer.omics.var["symbol"]) == {"TP53", "n"}


def test_who_is_nobody_is_told_by_forms(tmp_path: Path) -> None:
    (tmp_path / "rna.csv").write_text("gene,X101,X102\nTP53,1,2\n")
    with pytest.raises(InputError, match=r"got 'A999'; expected 999\. Fix: R put an X") as error:
        read_omics(
            Omics(path=(tmp_path / "rna.csv",), name="rna"), Known(frozenset(("101", "102")), None, GeneTable.empty())
        )
    assert "101" not in str(error.value)
