"""A look at a file's head: bounded, and the same as a look at all of it where it is small."""

from __future__ import annotations

import gzip
import zipfile
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinome.loaders.errors import InputError
from clinome.loaders.files.text_table import read_bytes, read_cells
from clinome.loaders.inspection.file_head import Head, read_head, readable
from clinome.loaders.inspection.names import namespace, one_form

TEXT = "id,a,b\n" + "".join(f"P{i:05d},{i},x{i}\n" for i in range(2_000))


def packed(folder: Path, kind: str, text: bytes = TEXT.encode()) -> Path:
    path = folder / {"plain": "t.csv", "gz": "t.csv.gz", "zip": "t.csv.zip"}[kind]
    if kind == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("t.csv", text)
    else:
        path.write_bytes(gzip.compress(text) if kind == "gz" else text)
    return path


@pytest.mark.parametrize("kind", ["plain", "gz", "zip"])
def test_a_look_takes_whole_lines_of_the_beginning(tmp_path: Path, kind: str) -> None:
    path = packed(tmp_path, kind)
    part, name = read_bytes(path, 5_000)
    assert TEXT.encode().startswith(part) and part.endswith(b"\n") and 4_900 < len(part) <= 5_000
    assert name == "t.csv"
    every, some = read_cells(path), read_cells(path, most=5_000)
    assert some.broken.is_empty() and some.rows == some.frame.height < every.frame.height
    assert some.frame.equals(every.frame.head(some.frame.height))
    assert read_cells(path, most=10**9).frame.equals(every.frame)


def test_a_look_at_parquet_takes_its_first_rows(tmp_path: Path) -> None:
    pl.DataFrame({"id": [f"P{i}" for i in range(30_000)]}).write_parquet(tmp_path / "t.parquet")
    head = read_head(tmp_path / "t.parquet")
    assert head.frame.height == 20_000 and not head.whole
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 and nothing else")
    assert "no whole Parquet file" in str(readable(tmp_path / "broken.parquet"))


@pytest.mark.parametrize("kind", ["plain", "gz", "zip"])
def test_a_head_knows_whether_it_is_all(tmp_path: Path, kind: str) -> None:
    assert read_head(packed(tmp_path, kind)).whole
    wide = ("id," + ",".join(f"G{j}A" for j in range(600)) + "\n").encode()
    rows = b"".join(b"P%05d," % i + b"0.12345678," * 599 + b"1\n" for i in range(900))
    assert not read_head(packed(tmp_path, kind, wide + rows)).whole


@pytest.mark.parametrize(
    ("text", "header"),
    [
        ("patient\tgene\nP0001\tTP53\nP0002\tEGFR\n", True),
        ("P0001\tTP53\nP0001\tEGFR\nP0002\tKRAS\n", False),  # the first cell comes again
        ("P0001\tTP53\nP0002\tEGFR\nP0003\tKRAS\n", False),  # it has the form of the others
        ("TP53\tEGFR\nTP53\tKRAS\nMYC\tKRAS\n", False),
        (",x0,x1\n0,1.5,2\n1,2.5,3\n", True),
        ("1.5\t2.5\n3.5\t4.5\n", False),
        ("1001,1002\n1.5,2.5\n", False),
    ],
)
def test_a_first_line_that_is_a_row_is_no_header(tmp_path: Path, text: str, header: bool) -> None:
    (tmp_path / "t.txt").write_text(text)
    assert read_head(tmp_path / "t.txt").header is header


def test_words_of_missingness_are_found_and_no_values(tmp_path: Path) -> None:
    text = "id,age,stage,months,grade\na,5,?,#VALUE!,.\nb,6,II,3.5,1\nc,-Inf,.,4,2\nd,Unknown,Unknown,7,3\n"
    (tmp_path / "t.csv").write_text(text)
    head = read_head(tmp_path / "t.csv")
    assert set(head.marks) == {"?", "#VALUE!", ".", "-Inf", "Unknown"}
    assert head.numeric >= {"age", "months", "grade"}
    rows = "".join(f"p{i},{'1.5' if i else 'lost at sea'}\n" for i in range(100))
    (tmp_path / "odd.csv").write_text("id,months\n" + rows)
    odd = read_head(tmp_path / "odd.csv")
    assert odd.marks == () and odd.column("months").number and odd.column("months").odd == ["lost at sea"]


def test_what_is_no_table_says_why_in_the_loaders_words(tmp_path: Path) -> None:
    (tmp_path / "zero.csv").write_bytes(b"")
    (tmp_path / "torn.csv.gz").write_bytes(b"\x1f\x8bnothing")
    assert "is empty" in str(readable(tmp_path / "zero.csv"))
    assert "cannot be" in str(readable(tmp_path / "torn.csv.gz"))
    assert isinstance(readable(packed(tmp_path, "plain")), Head)
    with pytest.raises(InputError):
        read_head(tmp_path / "away.csv")


@given(
    st.lists(st.integers(0, 99_999), min_size=3, max_size=60, unique=True),
    st.sampled_from(["P{:05d}", "TCGA-{:04d}-AB", "GSM{}", "S{}"]),
)
def test_ids_are_never_taken_for_genes(numbers: list[int], form: str) -> None:
    names = [form.format(number) for number in numbers]
    assert one_form(names) and namespace(names) is None
