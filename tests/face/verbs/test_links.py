"""A study of links through the verbs: from files to a report; and what is refused, with the fix."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from links_study import write
from told_numbers import check_texts

import clinome
from clinome.loaders.errors import InputError, NotBuilt
from clinome.models.learners.links.graph import LinkGraph

FEW = '[learn]\nlearners = ["popularity", "kernel", "diffusion"]\nworkers = 1\n'


class Degree:
    """A learner of one's own."""

    def fit(self, graph: LinkGraph) -> None:
        self.degree = graph.degree()

    def score(self, queries: np.ndarray) -> np.ndarray:
        return np.tile(self.degree, (len(queries), 1))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> clinome.Run:
    study = write(tmp_path_factory.mktemp("links"), more=FEW)
    return clinome.run(study, learners={"degree": Degree})


def test_the_run_folder_is_whole(run: clinome.Run) -> None:
    results = run.read_json("results.json")
    assert results["task"] == "links"
    assert set(results["learners"]) == {"popularity", "kernel", "diffusion", "degree", "chosen"}
    assert set(results["controls"]) == {"diffusion/shuffled_edges", "diffusion/edgeless"}
    assert results["learners"]["diffusion"]["metrics"]["mrr"]["mean"] > 0.3
    manifest = json.loads((run.folder / "snapshot" / "manifest.json").read_text())
    assert set(manifest["sha256"]) == {"edges.parquet", "nodes.parquet"}
    assert {"learner", "metric", "mean", "low", "high"} <= set(run.metrics.columns)
    assert (run.comparisons["metric"] == "mrr").any()
    assert run.summary()["chosen"] in results["learners"]


def test_predictions_hold_every_held_out_link_once_a_learner(run: clinome.Run) -> None:
    held = pl.from_pandas(run.predictions).filter(pl.col("held_out"))
    links = pl.read_parquet(run.folder / "snapshot" / "edges.parquet").filter(pl.col("predicate") == "ASSOCIATED_WITH")
    for mine in held.partition_by("learner"):
        assert sorted(mine.select("candidate", "query").rows()) == sorted(links.select("subject", "object").rows())


def test_the_ranking_names_no_link_that_is_known(run: clinome.Run) -> None:
    links = pl.read_parquet(run.folder / "snapshot" / "edges.parquet").filter(pl.col("predicate") == "ASSOCIATED_WITH")
    ranking = pl.from_pandas(run.ranking)
    assert set(ranking["list"].unique()) == {"known", "new"}
    assert not set(ranking.select("candidate", "query").rows()) & set(links.select("subject", "object").rows())
    assert ranking["candidate_name"].str.starts_with("G").all()


def test_the_report_says_it(run: clinome.Run) -> None:
    page = run.report.read_text(encoding="utf-8")
    for words in ("MRR", "with shuffled edges", "new candidates", "Learned weights", "best simple"):
        assert words in page
    assert "://" not in page.replace("http://www.w3.org", "")


def test_the_methods_say_what_was_done(run: clinome.Run) -> None:
    assert "were ranked for each query" in check_texts(run.folder)


def test_again_changes_nothing(run: clinome.Run) -> None:
    study = clinome.Study.read(run.folder.parents[1])
    clinome.train(study)
    before = (run.folder / "results.json").read_bytes()
    clinome.train(study)
    assert (run.folder / "results.json").read_bytes() == before


def test_by_time_and_by_edges(tmp_path: Path) -> None:
    learn = '[learn]\nlearners = ["popularity", "kernel_ridge", "random_walk"]\nworkers = 1\n'
    study = write(tmp_path / "time", 'hold_out = "time"\n', "[evaluate]\nafter = 2015-01-01\n" + learn)
    clinome.load(study)
    results = clinome.train(study).read_json("results.json")
    years = pl.read_parquet(study.folder / "runs/planted/snapshot/edges.parquet")["year"].drop_nulls()
    assert results["held_out"] == int((years >= 2015).sum())
    (chosen,) = results["chosen"]  # one split, and yet a choice: inside its training part
    assert chosen["name"] == max(chosen["inner"], key=lambda name: chosen["inner"][name])
    assert results["learners"]["random_walk"]["lists"]["known"]["mrr"]["mean"] > 0


def test_learners_says_who_can_run(tmp_path: Path) -> None:
    study = write(tmp_path, more=FEW)
    clinome.load(study)
    table = clinome.learners(study).set_index("learner")["why_not"]
    assert table["diffusion"] is None
    assert "no factors" in table["matrix_factorisation"]


def test_years_are_kept_in_the_graph_and_what_is_none_is_told(tmp_path: Path) -> None:
    study = write(tmp_path, more=FEW)
    file = tmp_path / "associated_with.csv"
    lines = file.read_text().splitlines()
    file.write_text("\n".join([lines[0], *(one.rpartition(",")[0] + ",soon" for one in lines[1:3]), *lines[3:]]) + "\n")
    report = clinome.load(study)
    assert {one.source: one.tally.rejected for one in report.sources}["knowledge.associated_with"] == 0
    with clinome.open(study) as graph:
        found = graph.query("MATCH (:Gene)-[r:ASSOCIATED_WITH]->(:Diagnosis) RETURN r.year AS year")
    assert found["year"].isna().sum() == 2
    assert found["year"].dropna().between(2000, 2020).all()


def test_verbs_about_patients_say_that_there_are_none(run: clinome.Run) -> None:
    study = clinome.Study.read(run.folder.parents[1])
    for verb in (clinome.cohort, clinome.biomarkers):
        with pytest.raises(InputError, match="a study of links"):
            verb(study)
    with pytest.raises(InputError, match="links"):
        _ = run.snapshot


@pytest.mark.parametrize(
    ("task", "more", "words"),
    [
        ('hold_out = "candidate"\n', FEW, "candidates"),
        ('holdout = "edges"\n', FEW, "hold_out"),
        ('hold_out = "time"\n', FEW, "after"),
        ('hold_out = "edges"\n', "[evaluate]\nafter = 2015-01-01\n", "after"),
        ('hold_out = "edges"\n', '[evaluate]\nsite = "ward"\n', "site"),
        ('hold_out = "edges"\n', '[learn]\nlearners = ["difusion"]\n', "diffusion"),
        ('hold_out = "edges"\n', '[learn]\nlearners = ["ridge_late"]\n', "kernel_ridge"),
    ],
)
def test_mistakes_are_named(task: str, more: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        write(tmp_path, task, more)
    assert words in str(error.value)


@pytest.mark.parametrize("line", ['workers = "ray"', "minutes = 5"])
def test_what_links_lack_yet_is_said(line: str, tmp_path: Path) -> None:
    with pytest.raises(NotBuilt, match="links"):
        write(tmp_path, more=f"[learn]\n{line}\n")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('predicate = "ASSOCIATED_WITH"\nquery', 'predicate = "ASSOCIATED"\nquery', "ASSOCIATED_WITH"),
        ('predicate = "ASSOCIATED_WITH"\nquery', 'predicate = "DIAGNOSED"\nquery', "unknown word"),
        ('query = "Diagnosis"', 'query = "Disease"', "Diagnosis"),
        ('candidate = "Gene"', 'candidate = "Phenotype"', "no ends"),
        ('query = "Diagnosis"', 'query = "Phenotype"', "candidates"),
    ],
)
def test_ends_are_those_of_the_predicate(old: str, new: str, words: str, tmp_path: Path) -> None:
    write(tmp_path, 'hold_out = "edges"\n')
    file = tmp_path / "study.toml"
    file.write_text(file.read_text().replace(old, new))
    with pytest.raises(InputError) as error:
        clinome.Study.read(file)
    assert words in str(error.value)


def test_a_learner_of_ones_own_must_be_one(run: clinome.Run) -> None:
    study = clinome.Study.read(run.folder.parents[1])
    with pytest.raises(InputError, match="no learner of links"):
        clinome.train(study, learners={"mine": object()})
    with pytest.raises(InputError, match="own"):
        clinome.train(study, learners={"diffusion": Degree()})
