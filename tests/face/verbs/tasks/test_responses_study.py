"""Several numeric endpoints at once, from a layer of responses or the cohort's columns to predictions for others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from outcome_study import write
from told_numbers import check_texts

import clinome
from clinome.errors import InputError

DRUGS = ("drug 1", "drug 2", "drug 3", "rare")
LAYER = """
[omics.ic50]
path = "ic50.csv"
kind = "response"
"""


def with_layer(folder: Path, name: str, seed: int, learners: tuple[str, ...] = ("majority", "ridge_late")) -> Path:
    """Three drugs, drugs in rows, a quarter of the cells not measured; the third in another unit; and one hardly measured."""
    write(folder, name, seed, kind="responses", learners=learners)
    people = pl.read_csv(folder / "patients.csv")
    rng = np.random.default_rng(seed)
    level = people["level"].to_numpy()
    y = np.stack([level, -level, 1000 * level, level]) + rng.normal(0, 5, (4, 80)) * [[1], [1], [1000], [1]]
    cells = [[f"{v:.3f}" for v in row] for row in y]
    for row, share in zip(cells, (0.1, 0.25, 0.4, 0.95), strict=True):
        for at in np.flatnonzero(rng.random(80) < share):
            row[at] = "NA"
    columns = {id: [row[i] for row in cells] for i, id in enumerate(people["patient_id"])}
    pl.DataFrame({"drug": DRUGS, **columns}).write_csv(folder / "ic50.csv")
    file = folder / "study.toml"
    text = file.read_text(encoding="utf-8")
    text = text.replace("\n[cohort]", LAYER + "[cohort]", 1).replace(
        'label = ["level", "days"]', 'layer = "ic50"\nmeasured = 30'
    )
    text = text.replace(", p.level AS level, CASE WHEN p.died = 1 THEN p.days END AS days", "")
    file.write_text(text, encoding="utf-8")
    return file


def test_a_layer_of_responses_goes_through_every_step(tmp_path: Path) -> None:
    file = with_layer(tmp_path / "one", "one", 1, ("majority", "ridge_late", "forest"))
    run = clinome.run(file)
    results = run.read_json("results.json")
    found = {name: one["metrics"] for name, one in results["learners"].items()}
    assert results["metric"] == "macro_spearman" and found["majority"]["macro_spearman"]["mean"] == 0.0
    assert found["ridge_late"]["macro_spearman"]["low"] > 0.2 and found["ridge_late"]["endpoints_judged"]["folds"] == [
        3,
        3,
    ]
    assert results["controls"]["permuted_labels"]["low"] < 0
    assert [layer["name"] for layer in run.read_json("summary.json")["layers"]] == ["rna"]  # the outcome is no input
    notes = " ".join(run.read_json("summary.json")["warnings"])
    assert "ic50: 1 of 4 endpoints left out: fewer than 30 patients have them" in notes
    table = pl.read_parquet(run.folder / "predictions.parquet")
    assert table.columns[-4:] == ["y_true", *(f"score_{one}" for one in DRUGS[:3])]
    assert table["y_true"].dtype == pl.List(pl.Float64) and table["y_true"].explode().null_count() > 0
    endpoints = pl.read_csv(run.folder / "endpoints.csv")
    assert endpoints["endpoint"].unique().sort().to_list() == list(DRUGS[:3])
    assert (endpoints.filter(pl.col("learner") == "ridge_late")["spearman"] > 0.2).all()
    assert results["endpoints"]["reference"] == "majority"
    page = (run.folder / "report.html").read_text(encoding="utf-8")
    assert "endpoints; " in check_texts(run.folder)
    assert "3 numeric endpoints at once" in page and "Endpoints by learner" in page and "drug 3" in page
    with clinome.open(file) as graph:
        drugs = graph.query("MATCH (:Patient)-[r:RESPONDS_TO]->(d:Drug) RETURN d.name AS name, count(r) AS n")
    assert set(drugs["name"]) <= set(DRUGS)
    other = with_layer(tmp_path / "two", "two", 2)
    made = clinome.predict(run, other)
    assert made.metrics["macro_spearman"]["mean"] > 0.3
    assert list(made.table.columns[-3:]) == [f"score_{one}" for one in DRUGS[:3]]
    assert made.table["score_drug 3"].mean() > 50_000  # each in its own unit


def test_columns_of_the_cohort_are_endpoints_too_and_a_gap_stays_one(tmp_path: Path) -> None:
    write(tmp_path / "one", "one", 1, kind="responses")
    clinome.load(tmp_path / "one" / "study.toml")
    cohort = clinome.cohort(tmp_path / "one" / "study.toml")
    people = pl.read_csv(tmp_path / "one" / "patients.csv").sort("patient_id")
    label = np.array([list(one) for one in cohort.frame["label"]], dtype=float)
    np.testing.assert_allclose(label[:, 0], people["level"].to_numpy())
    np.testing.assert_array_equal(np.isnan(label[:, 1]), people["died"].to_numpy() == 0)


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = with_layer(tmp_path_factory.mktemp("responses") / "one", "one", 1)
    clinome.load(file)
    return file


@pytest.mark.parametrize(("before", "after", "said"), [
    ('layer = "ic50"', 'layer = "rna"', "an input is no outcome"), ('layer = "ic50"', 'layer = "gone"', "no such layer"),
    ("measured = 30", "measured = 300", "too few endpoints"), ("measured = 30", "measured = 0", "1 or more"),
    ('kind = "responses"', 'kind = "regression"', "of responses alone"),
    ("measured = 30", 'label = ["drug 1", "drug 9"]', "an endpoint that the layer lacks"),
])  # fmt: skip
def test_what_is_no_layer_of_responses_is_an_error_with_the_fix(
    loaded: Path, before: str, after: str, said: str
) -> None:
    text = loaded.read_text(encoding="utf-8")
    assert before in text
    other = loaded.with_name("other.toml")
    other.write_text(text.replace(before, after), encoding="utf-8")
    with pytest.raises(InputError, match=said) as found:
        clinome.cohort(other)
    assert found.value.fix
