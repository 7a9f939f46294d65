"""`clinome export --format h5mu`: what mudata reads back is the snapshot: rows, values, gaps, labels, the time fence."""

from __future__ import annotations

from pathlib import Path

import mudata
import numpy as np
import pytest

import clinome
from clinome.errors import InputError

TIMES = """
[samples]
path = "samples.csv"
time = "taken"
[omics.rna]
path = "rna.csv"
kind = "expression"
[omics.mut]
path = "pairs.csv"
kind = "mutation"
subject = "id"
gene = "gene"
[cohort]
query = '''
// store: any
MATCH (p:Patient)
UNWIND [datetime("2020-02-01T00:00:00"), datetime("2020-08-01T00:00:00")] AS time
RETURN p.id AS subject_id, time AS prediction_time, p.ill AS label
'''
[task]
kind = "binary"
covariates = ["age"]
[evaluate]
folds = 2
"""


@pytest.fixture
def study(tmp_path: Path) -> clinome.Study:
    people = range(1, 9)
    (tmp_path / "people.csv").write_text("patient_id,age,ill\n" + "".join(f"p{i},{40 + i},{i % 2}\n" for i in people))
    (tmp_path / "samples.csv").write_text(
        "sample_id,patient_id,taken\n" + "".join(f"a{i},p{i},2020-01-01\nb{i},p{i},2020-06-01\n" for i in people)
    )
    rows = "".join(f"a{i},{i},{'' if i == 2 else 0.5}\nb{i},{10 * i},1\n" for i in people if i != 8)
    (tmp_path / "rna.csv").write_text(f"sample_id,TP53,KRAS\n{rows}")
    (tmp_path / "pairs.csv").write_text("id,gene\na1,TP53\nb1,KRAS\na2,TP53\n")
    file = tmp_path / "s.toml"
    file.write_text('name = "s"\nstore = "s.graph"\n[patients]\npath = "people.csv"\n' + TIMES)
    made = clinome.Study.read(file)
    clinome.load(made)
    return made


def test_mudata_reads_back_the_fenced_cohort(study: clinome.Study, tmp_path: Path) -> None:
    report = clinome.export(study, out=tmp_path / "c.h5mu", format="h5mu")
    found = mudata.read_h5mu(tmp_path / "c.h5mu")
    with clinome.open(study) as graph:
        snapshot = graph.snapshot(graph.cohort())
    rna = found["rna"]
    assert set(found.mod) == {"rna", "mut"} and report.counts["rows of rna"] == rna.n_obs == 14
    assert report.counts["rows without any layer, left out"] == 2  # p8
    tp53 = rna.var_names[rna.var["symbol"] == "TP53"]
    assert [float(rna[f"p3@2020-{month}-01T00:00:00", tp53].X[0, 0]) for month in ("02", "08")] == [3, 30]
    layer = snapshot.layers["rna"]
    np.testing.assert_array_equal(np.asarray(rna.X), layer.values[layer.profiled])
    assert found["mut"].n_obs == int(snapshot.layers["mut"].profiled.sum())
    assert (
        found.obs.loc["p3@2020-02-01T00:00:00", "label"] == 1
        and found.obs.loc["p3@2020-02-01T00:00:00", "covariate_age"] == 43
    )
    assert set(found.obs["split"].dropna()) <= {"train", "tuning", "held_out"}
    assert found.uns["clinome"]["study"] == "s"


def test_another_ending_is_an_error(study: clinome.Study, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"h5mu"):
        clinome.export(study, out=tmp_path / "folder", format="h5mu")
