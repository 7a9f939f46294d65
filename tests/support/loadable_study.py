"""A study with a source of every section, in files that a test can change one by one."""

from __future__ import annotations

from pathlib import Path

import clinome
from clinome.console import SILENT
from clinome.graphs.ingest.load_source import SourceReport
from clinome.verbs.loading.load import load_study

FILES = {
    "genes.tsv": "symbol\tprev_symbol\tentrez_id\nAAA\tOLDA\t1\nBBB\t\t2\nCCC\t\t3\nDDD\t\t4\n",
    "patients.csv": "patient_id,age,sex\np1,50,F\np2,61,M\np3,47,F\np3,47,F\np4,NA,M\n",
    "rna.csv": "id,AAA,BBB,CCC\np1,1.5,-2.5,0.1\np2,-1.0,3.0,0.2\np3,0.5,0.25,\np4,9.0,1.0,0.4\nstranger,1,2,3\n",
    "mutations.csv": "patient,gene\np1,OLDA\np1,BBB\np2,CCC\np2,CCC\nnobody,AAA\n",
    "encounters.csv": (
        "encounter_id,patient_id,admitted,discharged,ward,diag\n"
        "v1,p1,2019-01-01,2019-01-05,north,I48.91\nv2,p1,2019-03-01,2019-03-02,south,E11.22\n"
        "v3,p2,2019-01-01,2019-01-05,north,I48.91\nv4,p3,31.02.2019,2019-01-05,north,I10\n"
    ),
    "sets.gmt": "First\tPATHWAY:1\tAAA\tBBB\nSecond\tPATHWAY:2\tCCC\tDDD\n",
    "ppi.tsv": "a\tb\tscore\nAAA\tBBB\t0.5\nBBB\tDDD\t0.25\n",
}
SECTIONS = {
    "patients": '[patients]\npath = "patients.csv"\nid = "patient_id"\n',
    "omics.rna": '[omics.rna]\npath = "rna.csv"\nkind = "expression"\nid = "id"\ngraph = 1.0\n',
    "omics.mut": '[omics.mut]\npath = "mutations.csv"\nkind = "mutation"\nsubject = "patient"\ngene = "gene"\nprofiled = "patients"\n',
    "records.ehr": (
        '[records.ehr]\nformat = "csv"\npath = "encounters.csv"\nsubject = "patient_id"\nvisit = "encounter_id"\n'
        'time = "admitted"\nend = "discharged"\ncodes = {diag = "ICD10CM"}\nkeep = ["ward"]\n'
    ),
    "knowledge.sets": '[knowledge.sets]\npath = "sets.gmt"\n',
    "knowledge.ppi": (
        '[knowledge.ppi]\npath = "ppi.tsv"\npredicate = "INTERACTS_WITH"\nsubject = "a"\nobject = "b"\nscore = "score"\n'
    ),
}  # fmt: skip


def study(folder: Path, without: str = "", **changed: str) -> clinome.Study:
    """The study in this folder, with some files changed (name without ending -> text) or one source left out."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in FILES.items():
        (folder / name).write_text(changed.get(name.split(".")[0], text))
    sections = [text for source, text in SECTIONS.items() if source != without]
    head = 'name = "small"\nstore = "small.graph"\n[identifiers]\ngenes = "genes.tsv"\n'
    (folder / "study.toml").write_text(head + "".join(sections))
    return clinome.Study.read(folder / "study.toml")


def print_of(made: clinome.Study) -> str:
    with clinome.open(made) as graph:
        return graph.fingerprint()


def load(made: clinome.Study) -> dict[str, SourceReport]:
    return {report.source: report for report in load_study(made, SILENT)}


def fresh(folder: Path, without: str = "", **changed: str) -> str:
    made = study(folder, without, **changed)
    load(made)
    return print_of(made)
