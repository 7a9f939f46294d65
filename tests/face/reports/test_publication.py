"""What of a run goes into a paper: figures and tables as files beside the page; a page for everybody's eyes."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from xml.etree import ElementTree

import polars as pl
import pytest
from pypdf import PdfReader
from run_folder import make_run

from clinome.loaders.files.spreadsheet_csv import read_csv
from clinome.plots.style import INK, SOFT
from clinome.reports.page import write_report
from clinome.run_folder.run import Run

STYLE = Path(__file__).resolve().parents[3] / "src/clinome/reports/templates/style.css"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_run(tmp_path_factory.mktemp("publication") / "run", "survival")
    pl.DataFrame({"rank": [1], "layer": ["rna"], "feature": ["=cmd()"], "symbol": ["=cmd()"], "effect": [0.2], "low": [0.1], "high": [0.3],
                  "stability": [1.0], "q": [0.01], "importance": [0.5], "name": ["=cmd()"]}).write_csv(folder / "biomarkers.csv")  # fmt: skip
    write_report(folder, "Lung", folder / "report.html")
    return folder


def test_every_figure_of_the_page_is_a_file_in_two_vector_formats(run: Path) -> None:
    page = (run / "report.html").read_text(encoding="utf-8")
    drawn = re.findall(r'<svg class="wide" role="img" aria-label="(.*?)"', page)
    files = sorted((run / "figures").glob("*.svg"))
    assert len(files) == len(drawn) == len(list((run / "figures").glob("*.pdf"))) > 6
    for file in files:
        text = file.read_text(encoding="utf-8")
        root = ElementTree.fromstring(text)
        title = root.findtext("{http://www.w3.org/2000/svg}title")
        assert title in drawn and root.findall(".//{http://www.w3.org/2000/svg}text") and "var(--" not in text
        assert "<image" not in text and not re.search(r"20\d\d-\d\d-\d\d", text)
        reader = PdfReader(file.with_suffix(".pdf"))
        assert reader.metadata and reader.metadata.title == title and reader.metadata.creation_date is None
        assert len(reader.pages) == 1 and not reader.pages[0].images and reader.pages[0].extract_text().strip()
        assert f"{file.stem}" in page.partition("Files for a publication")[2]


def test_every_table_is_a_file_that_no_spreadsheet_runs(run: Path) -> None:
    page = (run / "report.html").read_text(encoding="utf-8").partition("Files for a publication")[2]
    tables = {file.stem: file for file in (run / "tables").glob("*.csv")}
    assert {
        "table1",
        "model_comparison",
        "paired_differences",
        "calibration",
        "subgroups",
        "biomarkers",
        "controls",
    } <= set(tables)
    assert all(name in page for name in tables)
    assert "'=cmd()" in tables["biomarkers"].read_text() and read_csv(tables["biomarkers"])["feature"][0] == "=cmd()"
    learners = read_csv(tables["model_comparison"])
    assert {"learner", "c_index", "c_index_low", "c_index_high", "c_index_folds"} <= set(learners.columns)
    assert "subject_id" not in {column for file in tables.values() for column in read_csv(file).columns}


def test_the_same_run_gives_the_same_files_and_old_ones_go(run: Path) -> None:
    before = {path.name: path.read_bytes() for folder in ("figures", "tables") for path in (run / folder).iterdir()}
    (run / "figures" / "of_an_earlier_page.svg").write_text("")
    write_report(run, "Lung", run / "report.html")
    after = {path.name: path.read_bytes() for folder in ("figures", "tables") for path in (run / folder).iterdir()}
    assert after == before


def contrast(a: str, b: str) -> float:
    """Contrast ratio of two colours, 1 to 21. Source: WCAG 2.2, relative luminance."""

    def luminance(colour: str) -> float:
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_text_stands_out_on_its_ground_light_and_dark() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21) and contrast("#d55e00", "#ffffff") < 4.5
    found = [
        dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", block))
        for block in re.findall(r":root \{(.*?)\}", STYLE.read_text(), re.DOTALL)
    ]
    assert len(found) == 2 and set(found[0]) == set(found[1])
    for colours in found:
        pairs = [(text, ground) for text in ("ink", "soft", "blue") for ground in ("paper", "wash")]
        pairs += [("ink", "warn"), ("ink", "check"), ("ink", "line"), ("on-serious", "serious")]
        low = {pair: contrast(colours[pair[0]], colours[pair[1]]) for pair in pairs}
        assert min(low.values()) >= 4.5, low
        assert contrast(colours["mark"], colours["paper"]) >= 4.5  # text of figures
    assert (found[0]["ink"], found[0]["mark"]) == (INK, SOFT)
    said = re.findall(r"(?<![\w-])(?:color|background): (#[0-9a-fA-F]+)", STYLE.read_text())
    assert said == ["#56b4e9"], "colours of text and ground are the variables that are compared here; bars hold no text"


def test_text_of_figures_stands_out(run: Path) -> None:
    colours = set()
    for file in (run / "figures").glob("*.svg"):
        for style in re.findall(r"<text style=\"([^\"]*)\"", file.read_text(encoding="utf-8")):
            colours.add((re.search(r"fill: (#[0-9a-f]{6})", style) or ["", "#000000"])[1])
    assert len(colours) > 1 and all(contrast(colour, "#ffffff") >= 4.5 for colour in colours), colours


def test_heads_have_scopes_figures_names_and_headings_their_order(run: Path) -> None:
    page = (run / "report.html").read_text(encoding="utf-8")
    body = page[page.index("<body>") :]
    assert '<html lang="en">' in page and body.count("<th ") == body.count('<th scope="col"') and "<th>" not in body
    levels = [int(level) for level in re.findall(r"<h([1-6])", body)]
    assert levels[0] == 1 and all(b <= a + 1 for a, b in itertools.pairwise(levels))
    assert all('role="region" tabindex="0" aria-label="' in box for box in re.findall(r'<div class="scroll".*?>', body))
    assert '<a class="skip" href="#main">' in body and '<main id="main">' in body


def test_removing_a_patient_leaves_what_counts_everybody_and_names_nobody(run: Path) -> None:
    subjects = pl.read_parquet(run / "cohort.parquet")["subject_id"].unique().sort().to_list()
    files = [path for folder in ("figures", "tables") for path in (run / folder).iterdir()]
    before = {path: path.read_bytes() for path in files}
    assert not [
        one for path in files if path.suffix != ".pdf" for one in subjects if one in path.read_text(encoding="utf-8")
    ]
    assert Run("run", run).without(subjects[:1], "run")
    assert subjects[0] not in pl.read_parquet(run / "cohort.parquet")["subject_id"].to_list()
    assert {path: path.read_bytes() for path in files} == before
