"""What a load loses is said, ends it beyond a share, may be accepted; a dry run says the same and writes nothing."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from command import Clinome

STUDY = """
name = "small"
store = "small.graph"
[patients]
path = "patients.csv"
{patients}
[omics.rna]
path = "rna.tsv"
graph = "all"
{rna}
"""
PEOPLE = "patient_id,age,weight\n" + "".join(f"QX{i:03},{40 + i},{60 + i}\n" for i in range(20))
NAMES = [f"QX{i:03}" for i in range(20)]


def matrix(cell: str, at: int) -> str:
    """Three genes of twenty patients, whose first `at` cells are this one."""
    cells = [cell if i < at else f"{i}.5" for i in range(60)]
    lines = ["\t".join([name, *cells[20 * k : 20 * k + 20]]) for k, name in enumerate(("TP53", "KRAS", "EGFR"))]
    return "\n".join(["\t".join(["gene", *NAMES]), *lines]) + "\n"


@pytest.fixture
def clinome(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Clinome:
    return Clinome(capsys, monkeypatch)


def write(folder: Path, matrix: str, people: str = PEOPLE, **lines: str) -> Path:
    (folder / "patients.csv").write_text(people)
    (folder / "rna.tsv").write_text(matrix)
    (folder / "study.toml").write_text(STUDY.format(**{"patients": "", "rna": "", **lines}))
    return folder / "study.toml"


def test_cells_beyond_a_share_end_the_load_unless_accepted(clinome: Clinome, tmp_path: Path) -> None:
    study = write(tmp_path, matrix("1,5", 12))
    for words in (("load", study), ("load", "--dry-run", study)):
        ended = clinome(*words)
        assert ended.code == 1
        assert "12 of 60 cells left missing (9,9: a decimal comma; write decimal points)" in ended.out
        assert 'accept = ["cells"]' in ended.out + ended.err
        assert "1,5" not in ended.out + ended.err and "QX0" not in ended.out + ended.err, "nobody's cell, nobody's id"
    ended = clinome("load", write(tmp_path, matrix("1,5", 12), rna='accept = ["cells"]'), "--json")
    assert ended.code == 0
    assert "12 cells left missing (omics.rna)" in ended.out
    told = {source["source"]: source for source in json.loads(ended.out.splitlines()[-1])["sources"]}
    assert told["omics.rna"]["cells"] == {"read": 60, "written": 48, "merged": 0, "rejected": 12}
    assert [(x["kind"], x["lost"], x["of"], x["form"]) for x in told["omics.rna"]["lost"]] == [("cells", 12, 60, "9,9")]
    rejects = pl.read_csv(tmp_path / "small.tables" / "rejects.csv")
    assert rejects.height == 12 and rejects["got"].unique().to_list() == ["1,5"]


def test_a_handful_of_cells_is_said_and_no_more(clinome: Clinome, tmp_path: Path) -> None:
    ended = clinome("load", write(tmp_path, matrix("<LOD", 3)))
    assert ended.code == 0
    assert "3 of 60 cells left missing (<AAA: below the limit of detection" in ended.out
    assert ended.out.splitlines()[-1].startswith("0 rows rejected; 3 cells left missing (omics.rna): see ")


def test_a_known_sample_without_a_number_ends_the_load(clinome: Clinome, tmp_path: Path) -> None:
    lines = [line.split("\t") for line in matrix("1", 0).splitlines()]
    for line in lines[1:]:
        line[4] = "pending"
    study = write(tmp_path, "\n".join("\t".join(line) for line in lines) + "\n")
    ended = clinome("load", study)
    assert ended.code == 1 and 'accept = ["samples"]' in ended.err
    assert "1 of 20 samples of the study without a number ('pending': a word that means missing" in ended.out
    lines[0][4] = "annotation"
    text = "\n".join("\t".join(line) for line in lines) + "\n"
    assert clinome("load", write(tmp_path, text)).code == 0, "a column of nobody is only told"


def test_names_of_something_else_end_the_load(clinome: Clinome, tmp_path: Path) -> None:
    text = matrix("1", 0).replace("TP53", "0").replace("KRAS", "1").replace("EGFR", "2")
    ended = clinome("load", write(tmp_path, text))
    assert ended.code == 1
    assert "they are row numbers; name the column of names with `id`" in ended.err


def test_a_dry_run_writes_nothing_and_goes_on_after_a_fault(clinome: Clinome, tmp_path: Path) -> None:
    study = write(tmp_path, matrix("1", 0), people=PEOPLE.replace("patient_id", "who"))
    before = sorted(path.name for path in tmp_path.iterdir())
    ended = clinome("load", "--dry-run", study)
    assert ended.code == 1
    assert "patients: cannot be loaded" in ended.out and "omics.rna: 3 rows read, 3 written" in ended.out
    assert "1 of 2 sources would not load" in ended.err
    assert sorted(path.name for path in tmp_path.iterdir()) == before
    study = write(tmp_path, matrix("1", 0))
    dry, real = (clinome(*words) for words in (("load", "--dry-run", study), ("load", study)))
    assert dry.code == real.code == 0
    tallies = [[line.split(" (")[0] for line in ended.out.splitlines() if "rows read" in line] for ended in (dry, real)]
    assert tallies[0] == tallies[1] and "nothing was written" in dry.out


@pytest.mark.parametrize(
    ("column", "said"),
    [
        ("[Not Available]", "weight: 1 of 20 cells missing, as their word says ('[Not Available]'"),
        ("> 89", "weight: 1 of 20 cells kept as text (> 99: a limit, not a value"),
        ("71,4", "weight: 1 of 20 cells kept as text (99,9: a decimal comma"),
    ],
)
def test_a_column_of_numbers_but_for_a_few_words_says_so(
    clinome: Clinome, tmp_path: Path, column: str, said: str
) -> None:
    cell = f'"{column}"' if "," in column else column
    ended = clinome("load", write(tmp_path, matrix("1", 0), people=PEOPLE.replace(",60\n", f",{cell}\n")))
    assert ended.code == 0 and said in ended.out
