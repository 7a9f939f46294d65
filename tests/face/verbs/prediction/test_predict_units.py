"""Numbers in another unit than a model learned are refused, unless they convert; of a code in several units each is served as itself."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import clinome
from clinome.errors import InputError

STUDY = """
name = "{name}"
store = "g.graph"
[patients]
path = "patients.csv"
[records.ehr]
format = "meds"
path = "meds/"
[cohort]
query = "MATCH (p:Patient) RETURN p.id AS subject_id, localdatetime('2020-02-01T00:00') AS prediction_time, p.outcome AS label"
[task]
kind = "binary"
[evaluate]
folds = 2
[learn]
learners = ["majority", "ridge_late"]
trials = 1
workers = 1
"""
PATIENTS = 60


def study(folder: Path, name: str, *units: str, code: str = "LOINC//3297-9") -> Path:
    """A lab of the ill is higher; each patient's in one of these units. Of acetaminophen no table knows the molar mass."""
    home = folder / name
    (home / "meds" / "data").mkdir(parents=True)
    rng = np.random.default_rng(1)
    ill = np.arange(PATIENTS) % 2
    written = [units[i // 2 % len(units)] for i in range(PATIENTS)]
    value = rng.normal(110 + 80 * ill, 15) / np.where(np.array(written) == "mmol/L", 18.0, 1.0)
    ids = [f"{name}{i}" for i in range(PATIENTS)]
    events = {"subject_id": ids, "time": [datetime(2020, 1, 1)] * PATIENTS, "code": [code] * PATIENTS,
              "numeric_value": value.astype(np.float32), "unit": written}  # fmt: skip
    pl.DataFrame(events).write_parquet(home / "meds" / "data" / "0.parquet")
    pl.DataFrame({"patient_id": ids, "outcome": ill}).write_csv(home / "patients.csv")
    (home / "study.toml").write_text(STUDY.format(name=name))
    return home / "study.toml"


def test_a_model_reads_no_number_in_another_unit(tmp_path: Path) -> None:
    run = clinome.run(study(tmp_path, "a", "mg/dL"))
    with pytest.raises(InputError, match="numbers in other units") as refused:
        clinome.predict(run, study(tmp_path, "b", "mmol/L"))
    assert "LOINC:3297-9 in mmol/L" in str(refused.value) and "mg/dL" in str(refused.value)
    unknown = clinome.predict(run, study(tmp_path, "c", "mg/dL", "mmol/L"))
    assert any("codes are unknown to the model" in note for note in unknown.notes)


def test_a_model_of_glucose_reads_it_in_every_unit(tmp_path: Path) -> None:
    run = clinome.run(study(tmp_path, "a", "mg/dL", "mmol/L", code="LOINC//2345-7"))
    for name, unit in (("b", "mmol/L"), ("c", "mg/dL")):
        served = clinome.predict(run, study(tmp_path, name, unit, code="LOINC//2345-7"))
        assert served.metrics["auroc"]["mean"] > 0.9 and not any("unknown" in note for note in served.notes)


def test_a_model_of_several_units_serves_each(tmp_path: Path) -> None:
    run = clinome.run(study(tmp_path, "a", "mg/dL", "mmol/L"))
    for name, unit in (("b", "mmol/L"), ("c", "mg/dL")):
        metrics = clinome.predict(run, study(tmp_path, name, unit)).metrics
        assert metrics["auroc"]["mean"] > 0.9
