"""A study from which something is removed: a file of each kind, in most of them a patient whose id is easily found."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import clinome
from clinome.console import SILENT, Console
from clinome.graphs import schema
from clinome.graphs.ingest.write_back import store_run
from clinome.graphs.store.embedded import EmbeddedStore
from clinome.graphs.store.fingerprint import fingerprint
from clinome.run_folder.run import Run
from clinome.verbs.cohort import take_cohort
from clinome.verbs.loading import remove as removing
from clinome.verbs.loading.load import load_study

WHO = "TWO-7731"
FILES = {
    "genes.tsv": "symbol\tprev_symbol\tentrez_id\nAAA\tOLDA\t1\nBBB\t\t2\nCCC\t\t3\nDDD\t\t4\n",
    "patients.csv": f"patient_id,age,sex\np1,50,F\n{WHO},61,M\np3,47,F\np3,47,F\np4,NA,M\n",
    "samples.csv": f"sample_id,patient_id,plate\nS1,p1,a\nS-{WHO}-x,{WHO},a\nS3,p3,b\nS9,nobody,b\n",
    "rna.csv": f"id,AAA,BBB,CCC\nS1,1.5,-2.5,0.1\nS-{WHO}-x,-1.0,oops,0.2\nS3,0.5,0.25,\np4,9.0,1.0,0.4\nstranger,1,2,3\n",
    "meth.csv": f"name,p1,{WHO},p3\ncg01,0.1,odd,0.3\ncg02,0.2,0.9,0.1\n",
    "mutations.csv": f"patient,gene\np1,OLDA\np1,BBB\n{WHO},CCC\n{WHO},CCC\nnobody,AAA\n",
    "encounters.csv": (
        "encounter_id,patient_id,admitted,discharged,ward,diag\n"
        "v1,p1,2019-01-01,2019-01-05,north,I48.91\nv2,p1,2019-03-01,2019-03-02,south,I10\n"
        f"v{WHO},{WHO},2019-01-01,2019-01-05,north,E11.22\nv5,{WHO},31.02.2019,2019-01-05,secret,I10\n"
        "v4,p3,31.02.2019,2019-01-05,north,I10\n"
    ),
    "sets.gmt": "First\tPATHWAY:1\tAAA\tBBB\nSecond\tPATHWAY:2\tCCC\tDDD\n",
}
STUDY = """name = "small"
store = "small.graph"
[identifiers]
genes = "genes.tsv"
[patients]
path = "patients.csv"
MORE
[samples]
path = "samples.csv"
batch = "plate"
[omics.rna]
path = "rna.csv"
id = "id"
graph = 1.0
[omics.meth]
path = "meth.csv"
kind = "methylation"
features = "cpg"
graph = "all"
[omics.mut]
path = "mutations.csv"
kind = "mutation"
subject = "patient"
gene = "gene"
profiled = "patients"
[records.ehr]
format = "csv"
path = "encounters.csv"
subject = "patient_id"
visit = "encounter_id"
time = "admitted"
end = "discharged"
codes = {diag = "ICD10CM"}
keep = ["ward"]
[knowledge.sets]
path = "sets.gmt"
[cohort]
query = "MATCH (p:Patient) WHERE p.sex IS NOT NULL RETURN p.id AS subject_id, $at AS prediction_time, p.sex = 'M' AS label"
params = {at = 2019-06-01}
[task]
kind = "binary"
"""
RANKED = pl.DataFrame(
    {"layer": ["rna", "sets"], "feature": ["NCBIGene:1", "PATHWAY:2"], "effect": [1.0, 0.5], "rank": [1, 2],
     "stability": [1.0, 0.5], "q": [0.1, None]}
)  # fmt: skip


def study(folder: Path, more: str = "", **changed: str) -> clinome.Study:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in FILES.items():
        (folder / name).write_text(changed.get(name.split(".")[0], text))
    (folder / "study.toml").write_text(STUDY.replace("MORE", more))
    return clinome.Study.read(folder)


def whole(made: clinome.Study, *runs: str) -> str:
    """Load, cohort, runs whose findings are the cohort's; the fingerprint."""
    load_study(made, SILENT)
    frame = take_cohort(made, SILENT).frame
    with EmbeddedStore(Path(made.store), write=True) as store:
        for name in runs:
            store_run(store, name, RANKED, frame.select("subject_id", risk=pl.lit(0.5)), made.name)
        store.save()
        return fingerprint(store)


def print_of(made: clinome.Study) -> str:
    with clinome.open(made) as graph:
        return graph.fingerprint()


def removed(made: clinome.Study, what: str, *names: str, console: Console = SILENT) -> None:
    removing.remove(made, what, names, console=console)


def folders(made: clinome.Study, *names: str) -> None:
    """Run folders as training leaves them, as far as patients are in them."""
    with clinome.open(made) as graph:
        subjects = graph.query("MATCH (p:Patient) RETURN p.id AS id ORDER BY id")["id"].to_list()
    for name in names:
        run = Run.of(made, name)
        rows = pl.DataFrame({"subject_id": subjects, "prediction_time": None, "label": 1})
        rows.write_parquet(run.path("cohort.parquet"))
        rows.with_columns(score=0.5, learner=pl.lit("ridge")).write_parquet(run.path("predictions.parquet"))
        rows.write_parquet(run.path("snapshot", "rows.parquet"))
        rows.select("label").write_parquet(run.path("snapshot", "layers", "rna", "dense.parquet"))
        pl.DataFrame({"feature": ["g"], "rank": [1]}).write_csv(run.path("biomarkers.csv"))
        run.write_json("results.json", {"learners": {}})
        run.mark("train", "key")


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("loaded")
    whole(study(folder), "final")
    return folder


@pytest.fixture
def here(loaded: Path, tmp_path: Path) -> clinome.Study:
    """A copy of the loaded study, to be changed."""
    shutil.copytree(loaded, tmp_path / "here")
    return study(tmp_path / "here")


def never_had(made: clinome.Study, folder: Path, *runs: str) -> str:
    """The fingerprint of a study with the same files and the same list of who was removed from the beginning."""
    shutil.copytree(made.folder, folder, ignore=shutil.ignore_patterns("*.graph", "*.tables", "runs"))
    (folder / "small.tables").mkdir()
    shutil.copy(Path(made.tables) / "removed.json", folder / "small.tables")
    return whole(clinome.Study.read(folder), *runs)


def data(made: clinome.Study) -> dict[str, list[Any]]:
    """All nodes and relationships but what says how the rows of files were counted."""
    found = {}
    with clinome.open(made) as graph:
        for label in (*schema.ENTITIES, *schema.SHARED, "Cohort", "Run"):
            found[label] = _rows(graph.store.run(f"MATCH (n:{label}) RETURN properties(n) AS p", {}))
        for type in set(schema.RELATIONSHIPS) - {"LOADED", "PROFILED", "DRAWN_FROM"}:
            text = f"MATCH (a)-[x:{type}]->(b) RETURN a.id AS a, b.id AS b, properties(x) AS p"
            found[type] = _rows(graph.store.run(text, {}))
    return found


def _rows(table: pl.DataFrame) -> list[Any]:
    cleaned = [
        [{k: v for k, v in c.items() if v is not None} if isinstance(c, dict) else c for c in r] for r in table.rows()
    ]
    return sorted(json.dumps(row, default=str, sort_keys=True) for row in cleaned)


def places(made: clinome.Study, id: str) -> Iterator[str]:
    """Where the id is written: in a table's or a file's text, in the graph, in a name. The user's own files apart."""
    for path in made.folder.rglob("*"):
        if not path.is_file() or path.parent == made.folder:
            continue
        texts = [path.relative_to(made.folder).as_posix(), path.read_bytes().decode("utf-8", "replace")]
        if path.suffix == ".parquet":
            texts.append(str(pl.read_parquet(path).select(pl.selectors.string()).rows()))
        if any(id in text for text in texts):
            yield path.relative_to(made.folder).as_posix()
    if any(id in str(rows) for rows in data(made).values()):
        yield "the graph"
