"""A clustering study through the verbs: from files to a report and new patients; and what is refused, with the fix."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from told_numbers import check_texts

import clinome
from clinome.errors import InputError
from clinome.verbs.benchmark import _Asked, _run

STUDY = """name = "kinds"
store = "kinds.graph"
[patients]
path = "patients.csv"
[omics.rna]
path = "rna.csv"
[omics.meth]
path = "meth.csv"
kind = "methylation"
features = "symbol"
[knowledge.sets]
path = "sets.gmt"
[cohort]
query = "MATCH (p:Patient) RETURN p.id AS subject_id, p.kind AS label, p.days AS duration_days, p.died AS event"
[task]
kind = "clustering"
[evaluate]
folds = 3
[learn]
learners = ["mixture"]
workers = 1
"""


class OneFeature:
    """A learner of one's own: above or below the mean of one gene."""

    def fit(self, snapshot: Any, train: np.ndarray, tuning: np.ndarray) -> None:
        self.middle = float(np.mean(snapshot.layers["rna"].values[np.concatenate([train, tuning]), 0]))

    def predict(self, snapshot: Any, rows: np.ndarray) -> np.ndarray:
        return np.asarray(snapshot.layers["rna"].values[rows, 0] > self.middle, dtype=int)


def _write(folder: Path, seed: int = 4, more: str = "") -> Path:
    rng = np.random.default_rng(4)
    kind, means = np.arange(90) % 3, {name: rng.normal(0, 2.5, (3, 12)) for name in ("rna", "meth")}
    rng = np.random.default_rng(seed)
    ids = [f"P{i:03d}" for i in range(90)]
    days, censored = rng.exponential(900 * np.exp(-0.6 * kind)) + 1, rng.exponential(1500, 90) + 1
    known = [f"K{one}" if i % 9 else None for i, one in enumerate(kind)]
    table = {"patient_id": ids, "kind": known, "age": rng.normal(60, 9, 90).round(), "days": np.minimum(days, censored).round(),
             "died": days < censored}  # fmt: skip
    pl.DataFrame(table).write_csv(folder / "patients.csv")
    for name, mean in means.items():
        x = rng.normal(size=(90, 40))
        x[:, :12] += mean[kind]
        columns = {f"{name.upper()}{j}": x[:, j].round(4) for j in range(40)}
        pl.DataFrame({"patient_id": ids, **columns}).head(90 if name == "rna" else 84).write_csv(folder / f"{name}.csv")
    (folder / "sets.gmt").write_text("PLANTED\tx\t" + "\t".join(f"RNA{j}" for j in range(10)) + "\n")
    (folder / "study.toml").write_text(STUDY + more)
    return folder / "study.toml"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> clinome.Run:
    return clinome.run(_write(tmp_path_factory.mktemp("kinds")), learners={"one": OneFeature()})


def test_the_run_folder_is_whole(run: clinome.Run) -> None:
    results = run.read_json("results.json")
    assert results["clusters"] == 3 and sum(results["sizes"]) == 90
    assert results["learners"]["mixture"]["metrics"]["ari"]["mean"] > 0.8
    assert results["controls"]["permuted_features:mixture"]["clusters"] == [1, 1, 1]
    assert results["learners"]["one"]["clusters_of_all"] == 2
    assert run.summary()["chosen"] == "mixture"
    mine = pl.from_pandas(run.predictions).filter(pl.col("learner") == "chosen")
    assert mine["row"].n_unique() == mine.height == 90 and mine["y_true"].null_count() == 10
    assert set(pl.read_parquet(run.folder / "subtypes.parquet")["subtype"]) == {1, 2, 3}
    assert {"subtype", "feature", "effect", "q", "rank"} <= set(run.biomarkers.columns)
    assert set(run.enrichment["name"]) == {"PLANTED"}


def test_the_methods_say_what_was_done(run: clinome.Run) -> None:
    told = check_texts(run.folder)
    assert (
        "to divide rows into subtypes, without an outcome" in told
        and "stratified" not in told
        and "Lange et al. 2004" in told
        and "description and not a test" in told
    )


def test_the_page_says_what_is_no_test(run: clinome.Run) -> None:
    page = run.report.read_text(encoding="utf-8")
    for said in (
        "3 subtypes by mixture",
        "Description, not a test",
        "No test is shown",
        "Survival by subtype",
        "Table 1",
    ):
        assert said in page, said
    assert "P001" not in page


def test_new_patients_are_given_their_subtypes(run: clinome.Run, tmp_path: Path) -> None:
    study = _write(tmp_path, seed=9)
    found = clinome.predict(run, study)
    assert set(found.scores["subtype"]) == {1, 2, 3}
    assert found.metrics["ari"]["mean"] > 0.8
    text = study.read_text().replace("p.kind AS label, p.days AS duration_days, p.died AS event", "p.age AS age")
    study.write_text(text)
    assert clinome.predict(run, study).metrics == {}


def test_nothing_is_done_again_while_nothing_changes(run: clinome.Run) -> None:
    before = (run.folder / "results.json").stat().st_mtime_ns
    clinome.train(run.folder.parent.parent / "study.toml", learners={"one": OneFeature()})
    assert (run.folder / "results.json").stat().st_mtime_ns == before


def test_an_estimator_and_a_missing_column_are_refused(run: clinome.Run) -> None:
    from sklearn.cluster import KMeans

    study = clinome.Study.read(run.folder.parent.parent / "study.toml")
    with pytest.raises(InputError, match="learns from an outcome"):
        clinome.train(study, learners={"kmeans": KMeans(3)}, name="other")
    with pytest.raises(InputError, match="known groups"):
        file = run.folder.parent.parent / "named.toml"
        file.write_text(STUDY.replace('kind = "clustering"', 'kind = "clustering"\nlabel = "pam50"'))
        clinome.cohort(file)
    with pytest.raises(InputError, match=r"(?s)\[report\] table1.*pam5"):
        file.write_text(STUDY + '\n[report]\ntable1 = ["pam5"]\n')
        clinome.train(file, name="other")


def test_what_needs_an_outcome_says_so(run: clinome.Run) -> None:
    study = run.folder.parent.parent
    with pytest.raises(InputError, match="learns from an outcome"):
        clinome.embed(study / "study.toml", "hetero_gnn")
    with pytest.raises(InputError, match="learns from an outcome"):
        run.explain("P001")
    with pytest.raises(InputError, match="no metric that learners could be ranked by"):
        _run(clinome.Study.read(study / "study.toml"), _Asked({}, (), None))
