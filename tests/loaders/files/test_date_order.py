"""Order of day and month: against a naive reference, and from the study file to the events of a table."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import clinome
from clinome.loaders.errors import InputError
from clinome.loaders.files.cells.date_order import DAY_FIRST, MONTH_FIRST, fitting_orders, iso_dates
from clinome.loaders.files.cells.dtypes import dates
from clinome.loaders.identifiers.genes import GeneTable
from clinome.loaders.records.csv_tables import read_encounters
from clinome.loaders.specs import Records
from clinome.loaders.tables import Known

SHORT = st.builds(
    "{}{s}{}{s}{}{}".format,
    st.integers(0, 32), st.integers(0, 32), st.integers(1890, 2200),
    st.sampled_from(["", " 0:05", " 13:07:09", " 9:09 PM", " 12:30am", "T07:00", " 25:00", " 13:00 pm"]),
    s=st.sampled_from("/.-"),
)  # fmt: skip
CELLS = st.one_of(st.none(), SHORT, st.sampled_from(["2020-01-02", "soon", "1/2", "", "1/2/20", "01/02/2020 x"]))


def naive(cell: str | None, order: str) -> dt.datetime | None:
    """What a person would read, one form after the other."""
    day = "%m{0}%d{0}%Y" if order == MONTH_FIRST else "%d{0}%m{0}%Y"
    for mark in "/.-":
        for clock in ("", " %H:%M", " %H:%M:%S", "T%H:%M", " %I:%M %p", " %I:%M%p"):
            try:
                return dt.datetime.strptime(cell or "", day.format(mark) + clock)
            except ValueError:
                continue
    return None


@given(st.lists(CELLS, min_size=1, max_size=8), st.sampled_from((MONTH_FIRST, DAY_FIRST)))
def test_dates_in_an_order_are_those_of_a_naive_reference(cells: list[str | None], order: str) -> None:
    given = pl.DataFrame({"at": pl.Series(cells, dtype=pl.String)})
    got = iso_dates(given, order)["at"]
    for cell, made, time in zip(cells, got, dates(got)[0], strict=True):
        want = naive(cell, order)
        if want is None:
            assert made == cell or time is None
        else:
            assert time == want
    assert iso_dates(given, None).equals(given)


@given(st.lists(SHORT, min_size=1, max_size=5))
def test_an_order_fits_where_every_cell_is_a_date_in_it(cells: list[str]) -> None:
    read = {order: all(naive(cell, order) for cell in cells) for order in (MONTH_FIRST, DAY_FIRST)}
    assert fitting_orders(pl.Series(cells)) == tuple(order for order, fits in read.items() if fits)


VISITS = """\
who,stay,in,out,dx
a,1,10/23/2164 9:09 PM,11/1/2164 17:15,I10
a,2,3/4/2165 0:05,3/5/2165 0:00,I11
b,3,23/10/2164 1:00,11/1/2164 17:15,I10
"""
SPEC = Records((), name="enc", subject="who", visit="stay", time="in", end="out", codes={"dx": "ICD10CM"})


def test_a_table_is_read_in_the_order_that_its_section_names(tmp_path: Path) -> None:
    path = tmp_path / "visits.csv"
    path.write_text(VISITS)
    spec = replace(SPEC, path=(path,))
    read = read_encounters(replace(spec, date_order=MONTH_FIRST), Known(None, None, GeneTable.empty()))
    assert read.events is not None
    assert read.events["time"].to_list() == [dt.datetime(2164, 10, 23, 21, 9), dt.datetime(2165, 3, 4, 0, 5)]
    assert read.rejects.select("row", "column", "got").rows() == [(3, "in", "23/10/2164 1:00")]
    unread = read_encounters(spec, Known(None, None, GeneTable.empty()))
    assert unread.tally.rejected == 3
    assert set(unread.rejects["fix"]) == {'say what comes first: date_order = "month_first", or "day_first"'}


def test_init_names_the_order_where_the_dates_tell_it(tmp_path: Path) -> None:
    rows = [f"p{n % 20},{n},{1 + n % 12}/{n % 28 + 1}/2020 7:{n % 60:02},I10,{n % 2}" for n in range(60)]
    (tmp_path / "visits.csv").write_text("patient_id,visit_id,admitted,dx,readmitted\n" + "\n".join(rows) + "\n")
    clinome.init(tmp_path)
    written = (tmp_path / "study.toml").read_text()
    assert 'date_order = "month_first"' in written
    assert 'time       = "admitted"' in written
    told_apart = [row.replace(f"/{n % 28 + 1}/", f"/{n % 12 + 1}/") for n, row in enumerate(rows)]
    other = tmp_path / "other"
    other.mkdir()
    (other / "visits.csv").write_text("patient_id,visit_id,admitted,dx,readmitted\n" + "\n".join(told_apart) + "\n")
    clinome.init(other)
    written = (other / "study.toml").read_text()
    assert "date_order =" in written and "cannot be told apart" in " ".join(written.replace("#", "").split())


@pytest.mark.parametrize("section", ['[records.ehr]\nformat = "fhir"', '[omics.rna]\nkind = "expression"'])
def test_the_order_is_refused_where_no_date_is_written_so(tmp_path: Path, section: str) -> None:
    (tmp_path / "x.json").write_text("{}")
    (tmp_path / "study.toml").write_text(
        f'name = "x"\nstore = "x.graph"\n\n{section}\npath = "x.json"\ndate_order = "day_first"\n'
    )
    with pytest.raises(InputError, match="date_order"):
        clinome.load(tmp_path / "study.toml")


def test_rows_whose_time_cannot_be_read_end_the_load_where_they_are_many(tmp_path: Path) -> None:
    """Unread times were rejects alone: nine rows of ten could be lost by a form of date, and the load ended well."""
    rows = [f"p{n % 4},{n},{'2020-01-02' if n % 10 == 0 else '23/10/2020'},I10" for n in range(40)]
    (tmp_path / "visits.csv").write_text("who,stay,in,dx\n" + "\n".join(rows) + "\n")
    text = (
        'name = "x"\nstore = "x.graph"\n\n[records.enc]\nformat = "csv"\npath = "visits.csv"\nsubject = "who"\n'
        'visit = "stay"\ntime = "in"\ncodes = {dx = "ICD10CM"}\n'
    )
    (tmp_path / "study.toml").write_text(text)
    with pytest.raises(InputError) as ended:
        clinome.load(tmp_path / "study.toml")
    said = str(ended.value)
    assert "in: 36 of 40 rows rejected (99/99/9999: not an ISO date or datetime; say what comes first" in said
    assert 'accept = ["rows"]' in said
    (tmp_path / "study.toml").write_text(text + 'accept = ["rows"]\n')
    assert clinome.load(tmp_path / "study.toml").sources[0].tally.written == 4
    (tmp_path / "study.toml").write_text(text + 'date_order = "day_first"\n')
    assert clinome.load(tmp_path / "study.toml").sources[0].tally.written == 40


def test_rows_of_another_encoding_end_the_load_where_they_are_many(tmp_path: Path) -> None:
    rows = [f"p{n % 4},{n},2020-01-02,{'I10' if n % 10 == 0 else 'Läsion'}" for n in range(40)]
    (tmp_path / "visits.csv").write_bytes(("who,stay,in,dx\n" + "\n".join(rows) + "\n").encode("latin-1"))
    (tmp_path / "study.toml").write_text(
        'name = "x"\nstore = "x.graph"\n\n[records.enc]\nformat = "csv"\npath = "visits.csv"\nsubject = "who"\n'
        'visit = "stay"\ntime = "in"\ncodes = {dx = "DX"}\n'
    )
    with pytest.raises(InputError, match=r"visits.csv: 36 of 40 rows rejected \(not UTF-8; save the file as UTF-8\)"):
        clinome.load(tmp_path / "study.toml")
