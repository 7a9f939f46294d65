"""Text and Parquet files become cells: what cannot be split is kept apart, nothing is padded or guessed."""

from __future__ import annotations

import gzip
import math
import re
import zipfile
from datetime import datetime
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinome.loaders.errors import InputError
from clinome.loaders.files.ledger import Ledger, one_row_each
from clinome.loaders.files.text_table import Cells, dates, ends, has_header, numbers, read_cells, resolve, typed
from clinome.loaders.tables import REJECTS


def cells(folder: Path, data: bytes, name: str = "a.csv", header: bool = True) -> Cells:
    file = folder / name
    file.write_bytes(data)
    return read_cells(file, header=header)


def faults(read: Cells) -> list[tuple[int, str]]:
    return list(zip(read.broken["row"], read.broken["got"], strict=True))


def test_rows_of_another_width_are_broken_and_blank_lines_are_none(tmp_path: Path) -> None:
    read = cells(tmp_path, b"a,b\n1,2\n\n3\n4,5,6\n7,NA\n")
    assert read.frame.rows() == [("1", "2"), ("7", None)]
    assert (read.rows, read.numbers.to_list()) == (4, [1, 4])
    assert faults(read) == [(2, "1 cells"), (3, "3 cells")]


def test_quoted_cells_hold_delimiters_newlines_and_quotes(tmp_path: Path) -> None:
    read = cells(tmp_path, b'a,b\n1,"x, y"\n"q\nr",2\n7,"d""e"\n')
    assert read.frame.rows() == [("1", "x, y"), ("q\nr", "2"), ("7", 'd"e')]
    assert read.broken.is_empty()


def test_an_open_quote_costs_its_row_alone(tmp_path: Path) -> None:
    read = cells(tmp_path, b'a,b\n1,"x, y"\n"q,2\n7,"d""e"\n8,"u"\n')
    assert read.frame["a"].to_list() == ["1", "7", "8"]
    assert faults(read) == [(2, "a quote that is not closed")]


def test_stray_quotes_in_tabular_text_are_text(tmp_path: Path) -> None:
    read = cells(tmp_path, b'a\tb\n1\t5" pipe\n2\t"x\n', "a.tsv")
    assert read.frame["b"].to_list() == ['5" pipe', '"x']


def test_zero_bytes_and_other_encodings_cost_their_rows(tmp_path: Path) -> None:
    read = cells(tmp_path, b"\xef\xbb\xbfa,b\r\n1,\xff\r\n2,\xc3\xa9\r3,\x00\n")
    assert read.frame.rows() == [("2", "é")]
    assert faults(read) == [(1, "bytes that are no UTF-8"), (3, "a zero byte")]


@pytest.mark.parametrize("text", ["a;b\n1,5;2\n", "a\tb\n1,5\t2\n", 'a,b\n"1,5",2\n'])
def test_the_delimiter_is_found_in_the_content(tmp_path: Path, text: str) -> None:
    assert cells(tmp_path, text.encode(), "a.txt").frame.rows() == [("1,5", "2")]
    assert cells(tmp_path, text.encode("utf-16")).frame.rows() == [("1,5", "2")]


def test_names_are_made_where_they_lack_or_repeat(tmp_path: Path) -> None:
    read = cells(tmp_path, b"a,a,,b\n1,2,3,4\n")
    assert read.frame.columns == ["a", "a_1", "column_2", "b"]
    assert read.header == ("a", "a", "", "b")
    assert sum(read.counts.values()) == 2


def test_row_names_without_a_header_cell(tmp_path: Path) -> None:
    assert cells(tmp_path, b"x\ty\ng1\t2\t3\ng2\t4\t5\n").frame.columns == ["column_0", "x", "y"]
    assert cells(tmp_path, b"x\ty\n1\t2\t\n3\t4\t\n").frame.columns == ["x", "y", "column_2"]


def test_comments_end_where_the_header_begins(tmp_path: Path) -> None:
    assert cells(tmp_path, b"#version 2.4\n#x\na\tb\n1\t2\n").frame.columns == ["a", "b"]
    assert cells(tmp_path, b"#tax_id\tgene\n1\t2\n").frame.columns == ["tax_id", "gene"]
    assert cells(tmp_path, b"#Age\tSex\nAGE\tSEX\n1\t2\n", "data_clinical.txt").frame.columns == ["AGE", "SEX"]


def test_packed_files(tmp_path: Path) -> None:
    packed = gzip.compress(b"a,b\n1,2\n")
    assert cells(tmp_path, packed, "a.csv.gz").frame.rows() == [("1", "2")]
    with zipfile.ZipFile(tmp_path / "z.tsv.zip", "w") as archive:
        archive.writestr("inside/other name.dat", "a\tb\n1\t2\n")
    assert read_cells(tmp_path / "z.tsv.zip").frame.rows() == [("1", "2")]
    with pytest.raises(InputError, match="unpacked"):
        cells(tmp_path, packed[:-5], "a.csv.gz")
    with zipfile.ZipFile(tmp_path / "two.zip", "w") as archive:
        archive.writestr("a", "1")
        archive.writestr("b", "2")
    with pytest.raises(InputError, match="several files"):
        read_cells(tmp_path / "two.zip")


@pytest.mark.parametrize("data", [b"", b"  \n\n", b"a,b\n", b"PAR1", b"PK\x03\x04", b"\x1f\x8b"])
def test_files_without_a_row_are_input_errors(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(InputError):
        cells(tmp_path, data)


def test_a_missing_file_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_cells(tmp_path / "none.csv")
    with pytest.raises(InputError):
        read_cells(tmp_path)


def test_parquet_keeps_its_precision_as_text(tmp_path: Path) -> None:
    frame = pl.DataFrame({"i": [2**62 + 1], "f": [1 / 3], "s": ["007"], "b": [True]})
    moments = frame.with_columns(t=pl.datetime(2020, 1, 2, time_zone="Europe/Berlin"), n=pl.lit(math.nan))
    moments.write_parquet(tmp_path / "a.parquet")
    read = read_cells(tmp_path / "a.parquet")
    again = typed(read.frame)
    assert again.select("i", "f", "s").equals(frame.select("i", "f", "s"))
    assert again["t"].item() == datetime(2020, 1, 1, 23)
    assert read.frame["n"].item() is None


def test_own_missing_values_replace_the_list_and_empty_stays_missing(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a,b,c\n?,NA,\n")
    assert read_cells(tmp_path / "a.csv", missing=("?", "-1")).frame.rows() == [(None, "NA", None)]


def test_columns_are_named_or_numbered(tmp_path: Path) -> None:
    read = cells(tmp_path, b"P1,2\n", header=has_header(0, None))
    assert resolve(1, read.frame, "a.csv") == "1"
    with pytest.raises(InputError, match="patient_id"):
        resolve("patientid", ["age", "patient_id"], "a.csv")
    with pytest.raises(InputError) as error:
        resolve("patient_id", ["TCGA-05-4244", "12"], "a.csv")
    assert "TCGA" not in str(error.value)
    with pytest.raises(InputError):
        resolve(7, read.frame, "a.csv")


def test_dates() -> None:
    given = ["2020-01-02", "2020-01-02T03:04", "2020-01-02 03:04:05.5Z", "2020-01-02T03:04:05+02:00", None]
    time, bad = dates(pl.Series(given))
    assert time.to_list()[:2] == [datetime(2020, 1, 2), datetime(2020, 1, 2, 3, 4)]
    assert time.to_list()[2:4] == [datetime(2020, 1, 2, 3, 4, 5, 500_000), datetime(2020, 1, 2, 1, 4, 5)]
    assert not bad.any()
    year_first = ["2020-01-02 0:00:00", "2020/1/2", "2020/01/02 9:05", "2020-01-02  3:04:05Z"]
    read, bad = dates(pl.Series(year_first))
    assert [time.strftime("%d %H:%M:%S") for time in read] == [
        "02 00:00:00",
        "02 00:00:00",
        "02 09:05:00",
        "02 03:04:05",
    ]
    assert not bad.any()
    assert ends(read[:2], pl.Series(year_first[:2])).dt.hour().to_list() == [0, 23]
    wrong = pl.Series(
        [
            "31.02.2020",
            "2020-02-31",
            "2020-1-2",
            "2020/1-2",
            "2020/2/30",
            "03/04/2020",
            "2020-13-01",
            "2020-01-01T25:00",
            "yesterday",
            "20200101",
        ]
    )
    assert dates(wrong)[1].all()
    assert dates(wrong)[0].null_count() == wrong.len()


CELLS = st.one_of(
    st.none(),
    st.integers(-(10**25), 10**25).map(str),
    st.floats().map(str),
    st.sampled_from(
        ["007", "0", "0.5", "+5", " 5", "1e400", "-0", "00.1", "2020-01-02", "2020-02-30", "x", "1,5", "5.", "T"]
    ),
)
TRUTHS = st.sampled_from(["True", "true ", "TRUE", "False", "false", None, "tRUE", "yes", "1"])


@given(st.one_of(st.lists(CELLS, min_size=1, max_size=6), st.lists(TRUTHS, min_size=1, max_size=4)))
def test_typed_as_a_naive_reference_would(column: list[str | None]) -> None:
    got = typed(pl.DataFrame({"a": pl.Series(column, dtype=pl.String)}))["a"]
    want = naive(column)
    assert got.dtype.to_python() is want
    if want is int:
        assert got.to_list() == [None if c is None else int(c) for c in column]
    if want is float:
        have = [None if c is None or math.isnan(float(c)) else float(c) for c in column]
        assert got.is_null().to_list() == [x is None for x in have]
        assert got.drop_nulls().to_list() == pytest.approx([x for x in have if x is not None], rel=1e-15)
    if want is bool:
        assert got.to_list() == [None if c is None else c.strip().lower() == "true" for c in column]
    if want is str:
        assert got.to_list() == column


def test_a_boolean_is_one_in_every_container(tmp_path: Path) -> None:
    flags = pl.DataFrame({"id": ["a", "b", "c"], "flag": [True, None, False]})
    flags.write_parquet(tmp_path / "f.parquet")
    flags.write_csv(tmp_path / "f.csv")
    for file in ("f.parquet", "f.csv"):
        again = typed(read_cells(tmp_path / file).frame)["flag"]
        assert again.dtype == pl.Boolean
        assert again.to_list() == [True, None, False]


def naive(column: list[str | None]) -> type:
    """The type of a column, cell by cell: int, float, bool, datetime or str."""
    there = [c.strip() for c in column if c is not None]
    if not there:
        return str
    if set(there) <= {"true", "True", "TRUE", "false", "False", "FALSE"}:
        return bool
    try:
        values = [float(c) for c in there]
    except ValueError:
        day = re.compile(r"\d{4}-\d{2}-\d{2}")
        return datetime if all(day.fullmatch(c) and c != "2020-02-30" for c in there) else str
    if any(math.isinf(v) for v in values) or all(math.isnan(v) for v in values):
        return str
    if any(re.match(r"[+-]?0\d", c) for c in there):
        return str
    whole = [int(c) for c in there if re.fullmatch(r"[+-]?\d+", c)]
    if any(abs(n + (n < 0)) > 2**63 - 1 for n in whole):
        return str
    return int if len(whole) == len(there) else float


def test_numbers_flags_text_and_infinities() -> None:
    value, bad = numbers(pl.Series(["1e3", " 2 ", "nan", "inf", "1,5", None]))
    assert value.to_list() == [1000.0, 2.0, None, None, None, None]
    assert bad.to_list() == [False, False, False, True, True, False]


def test_the_ledger_adds_up_over_files(tmp_path: Path) -> None:
    ledger = Ledger("patients")
    ledger.open(cells(tmp_path, b"a,b\n1,2\n3\n", "one.csv"))
    rows = ledger.open(cells(tmp_path, b"a,b\n5,6\n7,8\n9,x\n", "two.csv"))
    ledger.reject(rows[:1], "a", "5", "a name", "name it")
    ledger.reject(rows[:1], "b", "6", "a name", "name it")
    ledger.cell(rows[2:], "b", pl.Series(["x"]), "a number")
    ledger.merged(1)
    tally = ledger.tally()
    assert (tally.read, tally.written, tally.merged, tally.rejected) == (5, 2, 1, 2)
    frame = ledger.frame()
    assert frame.schema == pl.Schema(REJECTS)
    assert frame.select("file", "row").rows() == [("one.csv", 2), ("two.csv", 1), ("two.csv", 1), ("two.csv", 3)]


def test_duplicates_merge_where_equal_and_are_rejected_where_not() -> None:
    frame = pl.DataFrame({"id": ["a", "b", "a", "a"], "x": [1, None, 1, 2]})
    ledger = Ledger("patients", "a.csv")
    ledger.read(4)
    once = one_row_each(frame, "id", pl.Series([1, 2, 3, 4]), ledger)
    assert once.rows() == [("a", 1), ("b", None)]
    assert ledger.tally().merged == 1
    assert set(ledger.rejected()) == {4}


def test_durations_of_parquet_keep_their_unit(tmp_path: Path) -> None:
    """As a bare number they would have lost it."""
    frame = pl.DataFrame({"id": ["a", "b"], "time": pl.Series([3_600_000, None], dtype=pl.Duration("ms"))})
    frame.write_parquet(tmp_path / "t.parquet")
    assert read_cells(tmp_path / "t.parquet").frame["time"].to_list() == ["PT1H", None]
