"""Names that are markup, formulas, templates, escapes or turn the writing: pages run nothing, tables begin no formula."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import clinome
from clinome.console import Console, visible
from clinome.explore.page import javascript

NAMES = (
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", '"><svg onload=alert(1)>', "javascript:alert(1)",
    "=cmd|' /C calc'!A0", "@SUM(1+1)", "+A1", "-A1", "{{ 7*7 }}", "{% raw %}", "$\\frac{", "\x1b[2Jgone", "\u202egnp.exe",
    "</style><script>alert(1)</script>", "--><script>alert(1)</script>", "%s %n {0}", "a&amp;lt;b",
)  # fmt: skip
ALLOWED = {
    "html",
    "head",
    "meta",
    "title",
    "style",
    "body",
    "header",
    "main",
    "footer",
    "nav",
    "section",
    "article",
    "div",
}
STUDY = """
name = {name}
store = "s.graph"
[patients]
path = {file}
[omics.{layer}]
path = "rna.csv"
kind = "expression"
features = "opaque"
[cohort]
query = "MATCH (p:Patient) RETURN p.id AS subject_id, p.outcome AS label, p.arm AS site"
[task]
kind = "multiclass"
covariates = {covariates}
[evaluate]
folds = 2
[learn]
learners = ["majority", "ridge_late", "forest"]
trials = 1
workers = 1
"""


def quoted(text: str) -> str:
    """As TOML has it."""
    return '"' + "".join(f"\\u{ord(c):04x}" if ord(c) < 32 or c in '"\\' else c for c in text) + '"'


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> clinome.Study:
    folder, rng = tmp_path_factory.mktemp("hostile"), np.random.default_rng(0)
    n = 90
    x = rng.normal(size=(n, len(NAMES)))
    label = np.where(x[:, 0] + x[:, 1] > 0.5, NAMES[0], np.where(x[:, 2] > 0, NAMES[4], NAMES[11]))
    people = {"patient_id": [f"p{i}" for i in range(n)], "outcome": label, "arm": rng.choice(NAMES[:4], n),
              **{f"{name} {i}": rng.choice(NAMES, n) for i, name in enumerate(NAMES[:6])}}  # fmt: skip
    file = "<img src=x onerror=alert(1)> =1+1.csv"
    pl.DataFrame(people).write_csv(folder / file)
    genes = {name: x[:, j].round(3) for j, name in enumerate(NAMES)}
    pl.DataFrame({"patient_id": people["patient_id"], **genes}).write_csv(folder / "rna.csv")
    found = clinome.load(text(folder, file, "[]"))
    assert not any(one.tally.rejected for one in found.sources)
    with clinome.open(folder / "study.toml") as graph:
        properties = graph.query("MATCH (p:Patient) RETURN keys(p) AS k LIMIT 1")["k"][0]
    covariates = [name for name in properties if re.search("[<=]|alert|SUM|calc", name)]
    made = text(folder, file, "[" + ", ".join(map(quoted, covariates)) + "]")
    clinome.run(made)
    return made


def text(folder: Path, file: str, covariates: str) -> clinome.Study:
    layer, name = quoted("<b onmouseover=alert(1)>rna"), quoted("<img src=x onerror=alert(1)>")
    body = STUDY.format(name=name, file=quoted(file), layer=layer, covariates=covariates)
    (folder / "study.toml").write_text(body, encoding="utf-8")
    return clinome.Study.read(folder / "study.toml")


class Dangers(HTMLParser):
    """What could run or load something."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in {"script", "img", "iframe", "object", "embed", "link", "base", "form", "b"}:
            self.found.append(tag)
        for name, value in attrs:
            told = (value or "").strip().lower()
            if name.startswith("on") or (name in ("href", "src", "action") and re.match(r"(?!https?:)[\w+.-]*:", told)):
                self.found.append(f"{tag} {name}={value}")


OWN = (Path(clinome.__file__).parent / "reports/templates/tables.js").read_text(encoding="utf-8").strip()
"""The one script of a page: it sorts and searches tables, and no name is in it."""


def safe(page: str) -> None:
    """Our two scripts, and the network's data: JSON in which no name opens or closes an element."""
    assert page.count(f"<script>\n{OWN}") == 1
    rest = re.sub(r"<script>\n" + re.escape(OWN) + r"\s*</script>", "", page)
    rest = rest.replace(f'<script type="module">\n{javascript()}</script>', "")
    data = re.findall(r'<script type="application/json">(.*?)</script>', rest, re.DOTALL)
    assert not any(character in one for one in data for character in "<>&") and all(json.loads(one) for one in data)
    rest = re.sub(r'<script type="application/json">.*?</script>', "", rest, flags=re.DOTALL)
    assert Dangers(rest).found == []
    assert page == visible(page)
    assert "49" not in re.findall(r"\{\{ 7\*7 \}\}|>49<", page)


def test_the_report_runs_nothing(study: clinome.Study) -> None:
    folder = next((study.folder / "runs").iterdir())
    page = (folder / "report.html").read_text(encoding="utf-8")
    safe(page)
    assert "&lt;img src=x onerror=alert(1)&gt;" in page


def test_comparison_and_benchmark_run_nothing(study: clinome.Study, tmp_path: Path) -> None:
    one, other = (f"MATCH (p:Patient) WHERE p.arm {how} $a RETURN p.id AS subject_id" for how in ("=", "<>"))
    clinome.compare(study, one, other, params={"a": NAMES[0]}, names=(NAMES[1], NAMES[2]), out=tmp_path)
    clinome.benchmark(study.folder, trials=1)
    pages = [*tmp_path.rglob("*.html"), study.folder / "benchmark.html"]
    assert len(pages) == 2
    for page in pages:
        safe(page.read_text(encoding="utf-8"))


def test_no_table_of_a_run_begins_a_formula(study: clinome.Study) -> None:
    tables = [
        *study.folder.rglob("runs/**/*.csv"),
        *study.folder.rglob("*.tables/**/*.csv"),
        *study.folder.glob("benchmark.csv"),
    ]
    assert tables
    for file in tables:
        table = pl.read_csv(file, infer_schema=False)
        cells = [*table.columns, *(cell for one in table.iter_columns() for cell in one.drop_nulls())]
        bad = [c for c in cells if re.match(r"[=+\-@\t\r\n]", c) and not re.fullmatch(r"[-+\d.,eE%()\[\]\s–;:]+", c)]
        assert bad == [], file.name


def test_a_query_asked_into_a_file_begins_none(study: clinome.Study, tmp_path: Path) -> None:
    from clinome.verbs.exploration.query import ask

    text = "MATCH (p:Patient) RETURN p.outcome AS `=1+1`, count(*) AS n"
    ask(study, text, [], tmp_path / "out.csv", Console(quiet=True))
    table = pl.read_csv(tmp_path / "out.csv")
    assert table.columns == ["'=1+1", "n"] and f"'{NAMES[4]}" in table["'=1+1"].to_list()


def test_no_escape_reaches_a_terminal(study: clinome.Study, capsys: pytest.CaptureFixture[str]) -> None:
    from clinome.verbs.exploration.query import ask

    ask(study, "MATCH (p:Patient) RETURN DISTINCT p.outcome AS outcome", [], None, Console())
    out = capsys.readouterr().out
    assert "�[2Jgone" in out and out == visible(out)
