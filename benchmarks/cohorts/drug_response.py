"""Therapeutic response: drug_response.py DATA OUT [--trials 3] [--learners ridge_late,forest,autoencoder].

561 cell lines, ln(IC50) of 218 drugs (those that 300 lines or more have), methylation of 808 promoters, tissue: one study,
KFold(5, shuffle, random_state=100) over the lines in the file's order, judged drug by drug. In the same run two floors, each
scikit-learn's ridge a drug, its penalty chosen inside the training part: on the tissue alone, and on tissue and
methylation. DATA holds cell_lines.tsv, gdsc_ic50.csv.gz, methylation_561x808.csv.gz and drugs.csv. Prints and writes
OUT/drug_response.txt: mean Spearman a drug (over the held-out part of each fold, and over all folds pooled), R², MAE, and the
paired differences with a bootstrap over drugs.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import KFold
from sklearn.preprocessing import StandardScaler

import clinome
from clinome.console import Console
from clinome.models.metrics.several.responses import by_endpoint, judged, spearman

STUDY = """
name  = "gdsc"
store = "gdsc.graph"
[patients]
path = "{data}/cell_lines.tsv"
id   = "depMapID"
keep = ["Site_Primary"]
[omics.methylation]
path     = "{data}/methylation_561x808.csv.gz"
kind     = "methylation"
features = "opaque"
graph    = "none"
[omics.ic50]
path = "{data}/gdsc_ic50.csv.gz"
kind = "response"
[cohort]
query  = "patients_with_layers"
params = {{layers = ["methylation"]}}
[task]
kind       = "responses"
layer      = "ic50"
measured   = 300
covariates = ["Site_Primary"]
[evaluate]
folds = "folds.csv"
[learn]
learners = ["majority", "covariates", {learners}]
trials   = {trials}
"""
ALPHAS = np.geomspace(1, 1e5, 16)
TISSUE, BOTH = "ridge on tissue", "ridge on tissue and methylation"


def write_folds(data: Path, out: Path) -> list[str]:
    lines = pl.read_csv(data / "methylation_561x808.csv.gz").to_series(0).to_list()
    folds = [(fold, lines[i], "held_out") for fold, (_, held) in enumerate(KFold(5, shuffle=True, random_state=100).split(lines))
             for i in held]  # fmt: skip
    pl.DataFrame(folds, ["fold", "subject_id", "split"], orient="row").write_csv(out / "folds.csv")
    return lines


def floors(data: Path, lines: list[str], drugs: list[str], fold_of: dict[str, int]) -> dict[str, np.ndarray]:
    """(lines, drugs) held-out predictions of each floor."""
    table = pl.read_csv(data / "methylation_561x808.csv.gz", infer_schema_length=None)
    at = {line: i for i, line in enumerate(table.to_series(0))}
    x = table[:, 1:].cast(pl.Float64).to_numpy()[[at[line] for line in lines]]
    about = pl.read_csv(data / "cell_lines.tsv", separator="\t", infer_schema=False, quote_char=None)
    site = dict(about.select("depMapID", "Site_Primary").drop_nulls().iter_rows())
    sites = sorted({site.get(line, "") for line in lines})
    tissue = np.array([[site.get(line, "") == one for one in sites] for line in lines], float)
    ic50, fold = responses(data, lines, drugs), np.array([fold_of[line] for line in lines])
    out = {}
    for name, columns in ((TISSUE, tissue), (BOTH, np.hstack([tissue, x]))):
        score = np.zeros(ic50.shape)
        for k in range(5):
            scaler = StandardScaler().fit(columns[fold != k])
            z = scaler.transform(columns)
            for j in range(len(drugs)):
                train = (fold != k) & np.isfinite(ic50[:, j])
                score[fold == k, j] = RidgeCV(ALPHAS).fit(z[train], ic50[train, j]).predict(z[fold == k])
        out[name] = score
    return out


def responses(data: Path, lines: list[str], drugs: list[str]) -> np.ndarray:
    table = pl.read_csv(data / "gdsc_ic50.csv.gz", null_values=["NA", ""], infer_schema_length=None)
    at = {drug: i for i, drug in enumerate(table.to_series(0))}
    known = set(table.columns)
    columns = [table[line].cast(pl.Float64).to_numpy()[[at[drug] for drug in drugs]] if line in known
               else np.full(len(drugs), np.nan) for line in lines]  # fmt: skip
    return np.stack(columns)


def judge(y: np.ndarray, score: np.ndarray, fold: np.ndarray) -> dict[str, Any]:
    """(drugs,) Spearman, mean over folds, and pooled; R² and MAE, means over drugs and folds."""
    each = np.array(
        [[spearman(*_known(y[fold == k, j], score[fold == k, j])) for k in range(5)] for j in range(y.shape[1])], float
    )
    pooled = np.array([spearman(*_known(y[:, j], score[:, j])) for j in range(y.shape[1])], float)
    r2, mae = [], []
    for k in range(5):
        here = fold == k
        assert len(judged(y[here])) == y.shape[1]
        for a, b in by_endpoint(y[here], score[here]):
            r2.append(1 - ((a - b) ** 2).sum() / ((a - a.mean()) ** 2).sum())
            mae.append(np.abs(a - b).mean())
    return {"each": np.nanmean(each, axis=1), "pooled": pooled, "r2": float(np.mean(r2)), "mae": float(np.mean(mae))}


def _known(y: np.ndarray, score: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    known = np.isfinite(y)
    return y[known], score[known]


def over_drugs(a: np.ndarray, b: np.ndarray) -> str:
    gap = a - b
    drawn = gap[np.random.default_rng(1).integers(0, len(gap), (10_000, len(gap)))].mean(axis=1)
    low, high = np.quantile(drawn, (0.025, 0.975))
    return f"{gap.mean():+.4f} ({low:+.4f} to {high:+.4f}), better for {(gap > 0).sum()} of {len(gap)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--trials", type=int, default=3)
    parser.add_argument("--learners", default="ridge_late,forest,autoencoder")
    asked = parser.parse_args()
    data, out = asked.data.resolve(), asked.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    lines = write_folds(data, out)
    named = ", ".join(f'"{one}"' for one in asked.learners.split(","))
    (out / "study.toml").write_text(STUDY.format(data=data, learners=named, trials=asked.trials), encoding="utf-8")
    run = clinome.run(out / "study.toml", console=Console())
    table = pl.read_parquet(run.folder / "predictions.parquet")
    drugs = [name.removeprefix("score_") for name in table.columns if name.startswith("score_")]
    one = table.filter(pl.col("learner") == "chosen")
    fold_of = dict(one.select("subject_id", "fold").iter_rows())
    seen = [line for line in lines if line in fold_of]
    y, fold = responses(data, seen, drugs), np.array([fold_of[line] for line in seen])
    found = {name: judge(y, score, fold) for name, score in floors(data, seen, drugs, fold_of).items()}
    for learner in table["learner"].unique(maintain_order=True):
        mine = pl.DataFrame({"subject_id": seen}).join(table.filter(pl.col("learner") == learner), on="subject_id", how="left",
                                                       maintain_order="left")  # fmt: skip
        found[learner] = judge(y, mine.select(f"score_{drug}" for drug in drugs).to_numpy(), fold)
    said = [f"{len(seen)} lines, {len(drugs)} drugs, {np.isnan(y).mean():.1%} of pairs not measured", ""]
    said += [f"{'':34}{'Spearman':>9}{'pooled':>9}{'R2':>9}{'MAE':>9}"]
    for name, each in found.items():
        said.append(
            f"{name:34}{each['each'].mean():9.4f}{each['pooled'].mean():9.4f}{each['r2']:9.4f}{each['mae']:9.4f}"
        )
    mine = found["chosen"]
    said += ["", "chosen less, a drug (95 % interval: 10,000 resamples of drugs)"]
    for other in (TISSUE, BOTH, "covariates", "ridge_late"):
        said += [f"  {other:32} by fold {over_drugs(mine['each'], found[other]['each'])}",
                 f"  {'':32} pooled  {over_drugs(mine['pooled'], found[other]['pooled'])}"]  # fmt: skip
    names = dict(pl.read_csv(data / "drugs.csv", infer_schema=False).select("drug_id", "Name").iter_rows())
    order = np.argsort(-mine["each"], kind="stable")
    said += ["", "best and worst told"]
    for j in [*order[:8], *order[-5:]]:
        called = names.get(drugs[j].removeprefix("GDSC:"), drugs[j])
        said.append(f"  {called:28}{mine['each'][j]:7.3f}   tissue alone {found[TISSUE]['each'][j]:7.3f}")
    text = "\n".join(said) + "\n"
    print(text)
    (out / "drug_response.txt").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
