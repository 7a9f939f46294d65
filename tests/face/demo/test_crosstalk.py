"""The demo's second study: the signal lies in the files, no gene tells it alone, the graph learner finds it, its twins do not."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from clinome.console import Console
from clinome.demo.crosstalk import Crosstalk, run_crosstalk, write_crosstalk
from clinome.demo.demo import tell_crosstalk
from clinome.study import Study


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Crosstalk]:
    folder = tmp_path_factory.mktemp("crosstalk")
    return folder, write_crosstalk(folder, seed=7)


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in sorted(folder.iterdir())}


def test_equal_seeds_make_equal_bytes_and_another_seed_others(tmp_path: Path) -> None:
    first, second, other = (tmp_path / name for name in "abc")
    assert write_crosstalk(first, 3) == write_crosstalk(second, 3)
    write_crosstalk(other, 4)
    assert contents(first) == contents(second)
    changed = {name for name, content in contents(first).items() if contents(other)[name] != content}
    assert set(contents(first)) - changed == {"study.toml", "folds.csv"}


def test_the_study_file_is_one(made: tuple[Path, Crosstalk]) -> None:
    study = Study.read(made[0])
    assert all(path.exists() for source in study.sources() for path in source.path)


def test_what_interacts_in_the_files_tells_the_outcome(made: tuple[Path, Crosstalk]) -> None:
    """The rule, gene by gene, from what anyone can read: gains and losses, times what the neighbours express."""
    folder, truth = made
    rna, copies = (pl.read_csv(folder / f"{name}.csv").drop("patient_id") for name in ("rna", "copy_number"))
    near: dict[str, list[str]] = {gene: [] for gene in rna.columns}
    for a, b in pl.read_csv(folder / "interactions.csv").iter_rows():
        near[a].append(b)
        near[b].append(a)
    score = np.zeros(rna.height)
    for gene, neighbours in near.items():
        for other in neighbours:
            score += ((copies[gene] * 2).round() * rna[other]).to_numpy() / math.sqrt(len(neighbours))
    table = pl.read_parquet(folder / "truth.parquet")
    assert stats.spearmanr(score, table["risk"]).statistic > 0.999
    held_out = table["subject_id"].is_in(pl.read_csv(folder / "folds.csv")["subject_id"].implode()).to_numpy()
    assert held_out.sum() == truth.held_out
    label = table["label"].to_numpy()
    assert roc_auc_score(label[held_out], score[held_out]) == pytest.approx(truth.auroc, abs=0.005)
    assert pl.read_csv(folder / "patients.csv")["outcome"].to_list() == label.tolist()


def test_no_gene_by_itself_says_anything(made: tuple[Path, Crosstalk]) -> None:
    """No more of them are below 0.05 than chance brings, and the smallest p is none."""
    folder = made[0]
    label = pl.read_csv(folder / "patients.csv")["outcome"].to_numpy()
    values = [pl.read_csv(folder / f"{name}.csv").drop("patient_id").to_numpy() for name in ("rna", "copy_number")]
    p = np.concatenate([stats.ttest_ind(x[label == 1], x[label == 0]).pvalue for x in values])
    assert p.min() > 0.01 / len(p)
    assert np.mean(p < 0.05) < 0.12


def test_the_graph_learner_finds_it_its_twins_do_not_and_the_demo_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    truth, found = run_crosstalk(tmp_path / "crosstalk", seed=1)
    assert found["true_auroc"] == truth.auroc
    assert found["graph_auroc"] > 0.72
    assert (
        max(found["shuffled_auroc"], found["edgeless_auroc"], found["plain_auroc"]) < 0.6
    )  # one standard error: 0.026
    assert found["chosen"] == "gene_gnn"
    page = Path(found["report"]).read_text(encoding="utf-8")
    assert f"gene_gnn reaches {found['shuffled_auroc']:.2f}" in page
    tell_crosstalk(truth, found, Console())
    said = capsys.readouterr().out
    for figure in ("true_auroc", "graph_auroc", "plain_auroc", "shuffled_auroc", "edgeless_auroc"):
        assert f"{found[figure]:.3f}" in said
    assert found["plain"] in said and found["report"] in said
