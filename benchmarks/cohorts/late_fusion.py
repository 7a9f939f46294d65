"""Is `ridge_late` as good as plain late fusion? late_fusion.py DATA [--only lgg,classes] [--trials 4] [--seeds 2].

Plain: one L2-regularised logistic model a layer (scikit-learn, z-scores, medians for missing values, C = 0.01), the mean of
their probabilities, weights equal. lgg: RNA, methylation, miRNA of tcga_lgg_layers, death. classes: lung adenocarcinoma, lung
squamous and bladder carcinoma by RNA and copy number of tcga/. The same five folds, a seed each. DATA holds both folders.
"""

from __future__ import annotations

import argparse
import io
import zipfile
from pathlib import Path
from statistics import fmean

import numpy as np
import polars as pl
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from clinome.graphs.snapshot.snapshot import Layer, Snapshot
from clinome.models.base.specs import Evaluate, Learn
from clinome.models.experiment import run as harness
from clinome.models.learners.adapters.fit_predict import FitPredictLearner
from clinome.models.learners.registry import make


class Plain:
    """One model a layer, equal weights."""

    seed = 0

    def fit(self, snapshot: Snapshot, train: np.ndarray, tuning: np.ndarray) -> None:
        rows = np.concatenate([train, tuning])
        y = snapshot.rows["label"].gather(rows).cast(pl.String).to_numpy()
        self.models = {}
        for name, layer in snapshot.layers.items():
            here = layer.profiled[rows]
            model = make_pipeline(
                SimpleImputer(strategy="median"), StandardScaler(), LogisticRegression(C=0.01, max_iter=300)
            )
            self.models[name] = model.fit(np.asarray(layer.values)[rows[here]], y[here])

    def predict(self, snapshot: Snapshot, rows: np.ndarray) -> np.ndarray:
        total = np.zeros((len(rows), len(snapshot.classes)))
        for name, model in self.models.items():
            here = snapshot.layers[name].profiled[rows]
            if here.any():
                total[here] += model.predict_proba(np.asarray(snapshot.layers[name].values)[rows[here]])
        p = (total + 1e-9) / (total + 1e-9).sum(axis=1, keepdims=True)
        return p[:, 1] if snapshot.task == "binary" else p


def snapshot_of(ids: list[str], label: list[str], tables: dict[str, pl.DataFrame]) -> Snapshot:
    """tables: a layer's columns beside `id`; whoever is not in it lacks the layer."""
    order = np.argsort(ids, kind="stable")
    rows = pl.DataFrame({"subject_id": np.array(ids)[order], "label": np.array(label)[order]})
    binary = set(label) == {"0", "1"}
    layers = {}
    for name, table in tables.items():
        joined = rows.select(id="subject_id").join(table, on="id", how="left", maintain_order="left").drop("id")
        values = joined.cast(pl.Float32, strict=False).to_numpy().astype(np.float32)
        features = [f"{name}:{j}" for j in range(values.shape[1])]
        var = pl.DataFrame({"feature": features, "symbol": features, "gene": features})
        layers[name] = Layer(name, "expression", "none", var, values, np.isfinite(values).any(axis=1))
    links = pl.DataFrame(schema={"subject": pl.String, "predicate": pl.String, "object": pl.String, "score": pl.Float64,
                                 "source": pl.String})  # fmt: skip
    rows = rows.with_columns(
        prediction_time=pl.lit(None, pl.Datetime("us")), label=pl.col("label").cast(pl.Int64 if binary else pl.String)
    )
    return Snapshot(task="binary" if binary else "multiclass", rows=rows, covariates=pl.DataFrame(), layers=layers, events=None,
                    links=links, folds=pl.DataFrame(), clock="dated", classes=tuple(sorted(set(label))))  # fmt: skip


def lgg(data: Path) -> Snapshot:
    folder = data / "tcga_lgg_layers"
    target = pl.read_csv(folder / "target.csv.gz").drop_nulls("target").unique("Patient_ID", maintain_order=True)
    tables = {}
    for name in ("rna", "methylation", "mirna"):
        table = pl.read_csv(folder / f"{name}.csv.gz", infer_schema_length=None)
        tables[name] = table.rename({table.columns[0]: "id"}).unique("id", maintain_order=True)
    return snapshot_of(
        target["Patient_ID"].to_list(), target["target"].cast(pl.Int64).cast(pl.String).to_list(), tables
    )


def classes(data: Path) -> Snapshot:
    parts = {}
    for name in ("luad", "lusc", "blca"):
        with zipfile.ZipFile(data / "tcga" / f"tcga_{name}_all_clean.csv.zip") as held:
            text = held.read(held.namelist()[0])
        parts[name] = pl.read_csv(io.BytesIO(text), infer_schema_length=None).unique("case_id", maintain_order=True)
    tables = {}
    for layer in ("rnaseq", "cnv"):
        shared = [
            c for c in parts["luad"].columns if c.endswith(f"_{layer}") and all(c in p.columns for p in parts.values())
        ]
        if shared:
            tables[layer] = pl.concat(
                p.select(pl.col("case_id").alias("id"), *shared).cast(dict.fromkeys(shared, pl.Float32), strict=False)
                for p in parts.values()
            )
    ids = [one for p in parts.values() for one in p["case_id"]]
    return snapshot_of(ids, [name for name, p in parts.items() for _ in range(p.height)], tables)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("--only", default="lgg,classes")
    parser.add_argument("--trials", type=int, default=4)
    parser.add_argument("--seeds", type=int, default=2)
    args = parser.parse_args()
    for name in args.only.split(","):
        snapshot = {"lgg": lgg, "classes": classes}[name](args.data)
        shape = ", ".join(
            f"{n} {a.values.shape[1]:,} of {int(a.profiled.sum())} patients" for n, a in snapshot.layers.items()
        )
        print(f"{name}: {snapshot.rows.height} patients; {shape}", flush=True)
        gaps: dict[str, list[float]] = {}
        for seed in range(1, args.seeds + 1):
            learners = [make("ridge_late"), FitPredictLearner(Plain(), "plain")]
            found = harness.run(
                snapshot, learners, Evaluate(seed=seed), Learn(trials=args.trials, workers=1), controls=False
            )
            for metric in ("auroc", "accuracy"):
                if metric in found.metrics["plain"]:
                    ours, theirs = (found.metrics[one][metric]["mean"] for one in ("ridge_late", "plain"))
                    gaps.setdefault(metric, []).append(ours - theirs)
                    print(
                        f"{name} seed {seed} {metric:9s} ridge_late {ours:.4f} plain {theirs:.4f} {ours - theirs:+.4f}",
                        flush=True,
                    )
        for metric, each in gaps.items():
            print(f"{name} mean of {len(each)} seeds {metric}: {fmean(each):+.4f}", flush=True)


if __name__ == "__main__":
    main()
