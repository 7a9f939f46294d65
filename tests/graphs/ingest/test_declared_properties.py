"""Every property that a load writes on a relationship is declared: a query for it is never refused for want of a sample."""

from __future__ import annotations

from pathlib import Path

import pytest

import clinome
from clinome.console import SILENT
from clinome.graphs.ingest.relationships import edges
from clinome.graphs.schema import RELATIONSHIP_PROPERTIES
from clinome.graphs.tables.study_tables import Tables
from clinome.verbs.loading.load import load_study

STUDY = """
name = "s"
store = "s.graph"
[patients]
path = "patients.csv"
[omics.maf]
path = "x.maf"
kind = "mutation"
[omics.panel]
path = "panel.csv"
kind = "mutation"
[records.labs]
format = "csv"
path = "labs.csv"
subject = "patient_id"
time = "day"
codes = {code = "LOINC"}
value = "value"
value_unit = "unit"
"""


@pytest.fixture
def study(tmp_path: Path) -> clinome.Study:
    (tmp_path / "patients.csv").write_text("patient_id\nA\nB\n")
    (tmp_path / "x.maf").write_text(
        "Hugo_Symbol\tTumor_Sample_Barcode\tVariant_Classification\tHGVSp_Short\tt_vaf\nTP53\tA\tMissense_Mutation\tp.R1H\t0.4\n"
    )
    (tmp_path / "panel.csv").write_text("id,TP53,KRAS\nA,1,NA\nB,0,1\n")
    (tmp_path / "labs.csv").write_text("patient_id,day,code,value,unit\nA,2020-01-02,2345-7,99,mg/dL\n")
    (tmp_path / "study.toml").write_text(STUDY)
    return clinome.Study.read(tmp_path / "study.toml")


def test_what_is_written_is_declared(study: clinome.Study) -> None:
    load_study(study, SILENT)
    tables = Tables(study.tables, study.name)
    written: dict[str, set[str]] = {}
    for spec in study.sources():
        for part in edges(tables.read(spec.source), spec, "load", False):
            written.setdefault(part.type, set()).update(set(part.rows.columns) - {"start", "end", "source"})
    assert {"HAS_VARIANT", "IN_GENE", "NOT_CALLED_IN", "MUTATED_IN", "MEASURED", "PROFILED"} <= set(written)
    for type, names in written.items():
        assert names <= set(RELATIONSHIP_PROPERTIES.get(type, {})), type
