"""README is run as a reader would run it; the pages name what there is, and their links lead somewhere."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import polars as pl
import pytest
from told_numbers import check_texts
from typer.main import get_command

from clinome import Study
from clinome.cli.main import app
from clinome.demo.synthetic_cohort import write_cohort
from clinome.graphs import schema
from clinome.graphs.query.cypher import library
from clinome.models.learners.registry import CHOSEN, LEARNERS

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
ON_RAY = "ray_train.py"
"""Runs in tests/models/training/test_study_in_several_processes.py, on a Ray that nobody else can join."""
QUICK = "folds = 2\n\n[learn]\nlearners = ['majority']\ntrials   = 1"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the first command has left its cohort, and the reader has saved the two files of the page."""
    folder = tmp_path_factory.mktemp("reader")
    demo = folder / "clinome-demo"
    write_cohort(demo, seed=1, patients=200)
    (study,) = blocks("toml")
    (cohort,) = blocks("cypher")
    learn = study.partition("[learn]\n")[2]
    assert Study.parse(tomllib.loads(study), demo).learn.learners == ("default",)
    (demo / "my.toml").write_text(study.replace(f"[learn]\n{learn}", f"[evaluate]\n{QUICK}\n"), encoding="utf-8")
    (demo / "cohort.cypher").write_text(cohort, encoding="utf-8")
    return folder


def run(block: str, folder: Path, *words: str) -> str:
    (folder / "block.py").write_text(block, encoding="utf-8")
    ended = subprocess.run(
        [sys.executable, "block.py", *words], cwd=folder, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr[-2000:]
    return ended.stdout


def test_there_are_two_commands() -> None:
    """CI takes them from here (.ci/run)."""
    first, second = [line for line in README.splitlines() if line.startswith("bash .ci/setup && ")]
    assert first.split(" && ")[1] == ".venv/bin/clinome demo"
    assert " -m pytest " in second


def test_the_study_and_the_cohort_of_readme(reader: Path) -> None:
    """The attrition that its `// step:` lines promise, counted here from the files."""
    import clinome

    study = Study.read(reader / "clinome-demo" / "my.toml")
    clinome.load(study)
    with clinome.open(study) as graph:
        cohort = graph.cohort()
    demo = reader / "clinome-demo"
    people = pl.read_csv(demo / "patients.csv", try_parse_dates=True)
    since = people.filter(pl.col("index_date") >= pl.date(2019, 1, 1))["patient_id"]
    sequenced = {line.removesuffix("-T1") for line in (demo / "sequenced.txt").read_text().split()}
    both = set(since) & sequenced
    counted = {step.step: step.count for step in cohort.steps}
    assert counted["indexed since then"] == len(since)
    assert counted["sequenced"] == len(both)
    assert set(cohort.frame["subject_id"]) == both


def test_the_loop_of_readme_learns(reader: Path) -> None:
    """It runs as it stands; the graph is valid, the training loss falls, and every held-out patient gets a risk."""
    (loop,) = [block for block in blocks("python") if "hetero(" in block]
    step = "    optimizer.zero_grad()\n"
    watched = loop.replace(step, f"    first = loss.item() if epoch == 0 else first\n{step}")
    out = run(
        f"{watched}\ndata.validate()\nassert len(score) == len(data.ids['patient'])\nprint(first, loss.item())", reader
    )
    shown, told = out.strip().splitlines()
    assert "held-out risks" in shown
    start, end = map(float, told.split())
    assert end < 0.7 * start


@pytest.mark.parametrize("script", EXAMPLES, ids=[p.name for p in EXAMPLES])
def test_the_examples_run(reader: Path, script: Path) -> None:
    if script.name != ON_RAY:
        out = run(script.read_text(encoding="utf-8"), reader, "clinome-demo/my.toml")
        assert re.search(r"0\.\d+", out)
    assert f"python examples/{script.name} [" in script.read_text(encoding="utf-8")
    assert len(script.read_text(encoding="utf-8").splitlines()) < 80


def test_the_example_of_lightning_runs_in_two_processes(reader: Path) -> None:
    script = (ROOT / "examples" / "lightning_sampling.py").read_text(encoding="utf-8")
    assert re.search(r"held-out AUROC 0\.\d+ of \d+ patients", run(script, reader, "clinome-demo/my.toml", "2"))


def test_the_graph_is_asked(reader: Path) -> None:
    """The study is loaded here where no test before has done so."""
    import clinome

    clinome.load(reader / "clinome-demo" / "my.toml")
    (asked,) = [block for block in blocks("python") if "graph.gene(" in block]
    out = run(asked, reader)
    assert "SYN0114" in out and "relationship" in out and "Folded into one node" in out
    assert (reader / "SYN0114.svg").read_text(encoding="utf-8").count("SYN0114") >= 1


def test_a_learner_of_ones_own_runs_beside_ours(reader: Path) -> None:
    (own,) = [block for block in blocks("python") if "learners=" in block]
    out = run(own, reader)
    assert "'mean'" in out
    found = json.loads((reader / "clinome-demo" / "runs" / "with-mine" / "results.json").read_text(encoding="utf-8"))
    everywhere = {"majority", "svm", "expressed", CHOSEN}
    assert everywhere <= set(found["learners"])
    assert everywhere - {CHOSEN} <= {pair["b"] for pair in found["comparisons"] if pair["a"] == CHOSEN}
    run_folder = reader / "clinome-demo" / "runs" / "with-mine"
    assert everywhere <= set(pl.read_parquet(run_folder / "predictions.parquet")["learner"])
    report = (run_folder / "report.html").read_text(encoding="utf-8")
    assert all(f"<td>{name}</td>" in report for name in everywhere)
    assert {group["by"] for group in found["subgroups"]} == {"sex", "age", "site", "measured"}
    assert "`svm`, a learner supplied by the authors" in check_texts(run_folder)
    assert found["learners"]["svm"]["calibration"]["ece"] >= 0 and found["decision"]["curves"] and found["optimism"]


def test_the_model_of_a_run_predicts_as_readme_says(reader: Path) -> None:
    import clinome

    study = Study.read(reader / "clinome-demo" / "my.toml")
    clinome.load(study)
    clinome.train(study)
    (line,) = [line for block in blocks("sh") for line in block.splitlines() if "clinome predict" in line]
    words = line.partition("#")[0].split()
    command = [str(Path(sys.executable).with_name("clinome")), *words[1:], "--json"]
    ended = subprocess.run(command, cwd=reader, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout.splitlines()[-1])["model"] == "majority"


@pytest.mark.parametrize("page", PAGES, ids=[str(p.relative_to(ROOT)) for p in PAGES])
def test_links_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text):
        if "://" not in target:
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=[str(p.relative_to(ROOT)) for p in PAGES])
def test_paths_that_a_page_names_exist(page: Path) -> None:
    rooms = "graphs|models|loaders|neo4j|src|tests|docs|examples|benchmarks|notebooks"
    named = re.findall(rf"`((?:{rooms})/[\w/.]+)`", page.read_text(encoding="utf-8"))
    assert not [name for name in named if "NAME" not in name and not (ROOT / name).exists()]
    assert named or page.name not in {"CONTRIBUTING.md", "layout.md", "extending.md"}


def test_the_pages_name_every_verb_and_no_other() -> None:
    verbs = set(getattr(get_command(app), "commands", {}))
    page = (ROOT / "docs" / "study.md").read_text(encoding="utf-8")
    assert {verb for verb in verbs if f"`clinome {verb}" in page or f", `{verb}`" in page} == verbs
    for file in PAGES:
        named = set(re.findall(r"`(?:\.venv/bin/)?clinome ([a-z]\w+)", file.read_text(encoding="utf-8")))
        assert named <= verbs, file.name


def test_the_page_names_every_learner() -> None:
    page = (ROOT / "docs" / "study.md").read_text(encoding="utf-8").partition("## Learners")[2].partition("\n## ")[0]
    named = {name for row in re.findall(r"^\| (`.*?`) \|", page, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)}
    assert named == {*LEARNERS, CHOSEN}


def test_the_page_of_the_graph_is_the_schema() -> None:
    page = (ROOT / "docs" / "graph.md").read_text(encoding="utf-8")
    rows = set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE))
    assert rows == {*schema.LABELS, *schema.RELATIONSHIPS}
    assert {prefix for prefix in schema.CODE_LABEL if f"`{prefix}`" not in page} == set()


def test_readme_counts_no_query_that_is_not_there() -> None:
    assert len(library()) >= 8
    assert list((ROOT / "neo4j" / "queries").glob("*.cypher"))
