"""Containers: tables with lines around them and sheets of workbooks are read, archives are told by their names."""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from clinome.loaders.errors import InputError
from clinome.loaders.files.text_table import read_cells

TABLE = "Name\tDescription\tS1\tS2\nTP53\tna\t1\t2\nEGFR\tna\t3\t4\n"
SERIES = (
    '!Series_title\t"x"\n!Sample_geo_accession\t"S1"\t"S2"\n!series_matrix_table_begin\n{}!series_matrix_table_end\n'
)


@pytest.mark.parametrize("version", ["#1.2\n2\t2\n", "#1.3\r\n2\t2\t0\t0\r\n"])
@pytest.mark.parametrize("packed", [False, True])
def test_gct_is_a_table_below_two_lines(version: str, packed: bool, tmp_path: Path) -> None:
    data = (version + TABLE).encode()
    file = tmp_path / ("x.gct.gz" if packed else "x.gct")
    file.write_bytes(gzip.compress(data) if packed else data)
    cells = read_cells(file, format="txt")
    assert cells.frame.columns == ["Name", "Description", "S1", "S2"]
    assert cells.frame["S2"].to_list() == ["2", "4"]


def test_a_series_matrix_is_the_table_inside(tmp_path: Path) -> None:
    file = tmp_path / "GSE1_series_matrix.txt"
    file.write_text(SERIES.format('"ID_REF"\t"S1"\t"S2"\n"TP53"\t1.5\t2.5\n'))
    cells = read_cells(file)
    assert cells.frame.rows() == [("TP53", "1.5", "2.5")]
    file.write_text(SERIES.format(""))
    with pytest.raises(InputError, match="GEO file without its table"):
        read_cells(file)


def test_what_is_no_table_is_named(tmp_path: Path) -> None:
    book = tmp_path / "x.xlsx"
    with zipfile.ZipFile(book, "w") as archive:
        archive.writestr("[Content_Types].xml", "<x/>")
        archive.writestr("xl/workbook.xml", "<x/>")
    with pytest.raises(InputError, match="a workbook that cannot be read"):
        read_cells(book)
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w") as tar:
        info = tarfile.TarInfo("a.tsv")
        info.size = len(TABLE)
        tar.addfile(info, io.BytesIO(TABLE.encode()))
    for name in ("x.tar", "x.tar.gz", "x.tgz"):
        data = whole.getvalue()
        (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith("gz") else data)
        with pytest.raises(InputError, match="a tar archive"):
            read_cells(tmp_path / name)


def test_rows_of_gct_that_describe_samples_are_no_genes(tmp_path: Path) -> None:
    file = tmp_path / "x.gct"
    file.write_text(
        "#1.3\n2\t2\t1\t2\nid\tsymbol\tA\tB\nbatch\tna\tb1\tb2\ndose\tna\t1\t2\n1\tTP53\t1.5\t2\n2\tKRAS\t3\t4\n"
    )
    assert read_cells(file).frame["symbol"].to_list() == ["TP53", "KRAS"]
