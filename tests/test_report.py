"""The report: one page from a run folder, for the three tasks and for runs that left less behind."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import roc_auc_score
from snapshots import CLASSES, make_snapshot

from clinome import curves, headline
from clinome.loaders.errors import InputError
from clinome.report import presence, write_report

HEADLINE = {"binary": "auroc", "multiclass": "accuracy", "survival": "c_index"}
SKILL = {"majority": 0.0, "covariates": 0.4, "best_feature": 0.6, "ridge_late": 1.3, "hetero_gnn": 1.0, "chosen": 1.4}


def make_run(folder: Path, task: str, n: int = 300, seed: int = 0) -> Path:
    """A run folder as the pipeline leaves it, from simulated predictions of known skill."""
    rng = np.random.default_rng(seed)
    snapshot = make_snapshot(task, n, seed, layers=("rna", "cnv", "mutations"), records=True, missing=0.2)
    (folder / "snapshot").mkdir(parents=True)
    snapshot.rows.write_parquet(folder / "cohort.parquet")
    steps = {"in store": n + 260, "returned by the query": n + 90, "labelled": n + 12, "with input before the fence": n}
    pl.DataFrame({"step": list(steps), "count": list(steps.values())}).write_csv(folder / "attrition.csv")
    predictions = pl.concat([_predictions(snapshot.rows, task, name, skill, rng) for name, skill in SKILL.items()])
    predictions.write_parquet(folder / "predictions.parquet")
    _json(folder / "results.json", _results(predictions, task, rng))
    _biomarkers(rng).write_csv(folder / "biomarkers.csv")
    _enrichment(rng).write_csv(folder / "enrichment.csv")
    _json(folder / "snapshot" / "manifest.json", {"sha256": {"rows.parquet": "ab" * 32, "rna.parquet": "cd" * 32}})
    layers = [
        {"name": v.name, "kind": v.kind, "features": v.var.height, "profiled": int(v.profiled.sum()), "missing": int((~v.profiled).sum())}
        for v in snapshot.layers.values()
    ]  # fmt: skip
    _json(folder / "summary.json", {**_summary(task), "layers": layers, "presence": presence(snapshot)})
    return folder


def _predictions(rows: pl.DataFrame, task: str, name: str, skill: float, rng: np.random.Generator) -> pl.DataFrame:
    n = rows.height
    if task == "survival":
        truth = -np.log(rows["duration_days"].to_numpy())
    else:
        truth = np.array([CLASSES[task].index(str(label)) for label in rows["label"]], dtype=float)
    truth = (truth - truth.mean()) / truth.std()
    out = []
    for repeat in range(2):
        score = skill * truth + rng.standard_normal(n)
        frame = rows.select("subject_id", "prediction_time").with_columns(
            learner=pl.lit(name), repeat=repeat, fold=pl.int_range(n) % 5
        )
        if task == "survival":
            frame = frame.with_columns(rows["duration_days"], rows["event"], score=pl.Series(score))
        elif task == "binary":
            frame = frame.with_columns(y_true=rows["label"], score=pl.Series(1 / (1 + np.exp(-score))))
        else:
            logits = np.stack([-((score - c) ** 2) for c in (-1, 0, 1)], 1)
            share = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
            scores = {f"score_{c}": share[:, i] for i, c in enumerate(CLASSES[task])}
            frame = frame.with_columns(y_true=rows["label"], **scores)
        out.append(frame)
    return pl.concat(out)


def _results(predictions: pl.DataFrame, task: str, rng: np.random.Generator) -> dict[str, Any]:
    metric = HEADLINE[task]
    learners: dict[str, Any] = {}
    for name, skill in SKILL.items():
        folds = 0.5 + 0.22 * np.tanh(skill) + 0.03 * rng.standard_normal(10)
        mean, half = float(folds.mean()), float(2.3 * folds.std())
        found = {
            "mean": mean,
            "sd": float(folds.std()),
            "low": mean - half,
            "high": mean + half,
            "folds": folds.tolist(),
        }
        learners[name] = {
            "metrics": {metric: found, "brier": {**found, "mean": 0.2}},
            "seconds": 3.2,
            "peak_mb": 512.0,
            "settings": [],
        }
    comparisons = []
    for name in SKILL:
        if name != "chosen":
            d = learners["chosen"]["metrics"][metric]["mean"] - learners[name]["metrics"][metric]["mean"]
            pair = {"metric": metric, "low": d - 0.03, "high": d + 0.03, "p": 0.004, "method": "nadeau_bengio"}
            comparisons.append({"a": "chosen", "b": name, "difference": d, **pair})
    names = ["ridge_late"] * 8 + ["stack"] * 2
    values = (0.5 + 0.02 * rng.standard_normal(8)).tolist()
    control = {"metric": metric, "mean": float(np.mean(values)), "low": 0.46, "high": 0.53, "folds": values}
    shuffled = {**control, "mean": learners["hetero_gnn"]["metrics"][metric]["mean"], "learner": "hetero_gnn"}
    return {
        "task": task, "metric": metric, "learners": learners, "comparisons": comparisons,
        "chosen": [{"repeat": i // 5, "fold": i % 5, "name": v} for i, v in enumerate(names)],
        "model": {"name": "stack", "weights": {"ridge_late": 0.7, "hetero_gnn": 0.3}, "left_out": {"mine": "it is <odd>"}},
        "controls": {"permuted_labels": control, "shuffled_graph": shuffled,
                     "batch_only": {**control, "mean": 0.71, "low": 0.66, "high": 0.76, "learner": "ridge_late"}},
    }  # fmt: skip


def _biomarkers(rng: np.random.Generator, n: int = 60) -> pl.DataFrame:
    effect = np.sort(np.abs(rng.standard_normal(n)))[::-1] * rng.choice([-1, 1], n) * 0.2
    layer = rng.choice(["rna", "cnv", "mutations", "records", "covariates"], n, p=[0.5, 0.2, 0.1, 0.15, 0.05])
    feature = [f"ICD10CM:J{i}.1" if b == "records" else f"NCBIGene:{i}" for i, b in enumerate(layer)]
    symbol = [None if b in ("records", "covariates") else f"GENE{i}" for i, b in enumerate(layer)]
    return pl.DataFrame(
        {
            "layer": layer, "feature": feature, "symbol": symbol, "effect": effect, "low": effect - 0.08,
            "high": effect + 0.08, "stability": np.linspace(1, 0, n).round(1), "rank": range(1, n + 1),
            "q": 10.0 ** np.linspace(-7, -0.1, n),
        }
    )  # fmt: skip


def _enrichment(rng: np.random.Generator) -> pl.DataFrame:
    names = ["Interferon alpha/beta signaling", "Cell cycle checkpoints", "Signalling <by> GPCR & co"]
    rows = [
        (f"REACT:R-HSA-{i}", v, "reactome", f"{9 - 3 * i}/{40 + i}", 10.0 ** (-6 + 2 * i)) for i, v in enumerate(names)
    ]
    schema = ["pathway", "name", "source", "overlap", "p"]
    return pl.DataFrame(rows, schema=schema, orient="row").with_columns(q=pl.col("p") * 3, background=pl.lit(1480))


def _summary(task: str) -> dict[str, Any]:
    return {
        "study": {
            "name": "demo", "covariates": ["age", "sex"], "params": {"days": 180},
            "task": {"kind": task, "label": "readmitted", "gap_days": 0.0, "horizon_days": 30.0, "target": None},
            "query": "MATCH (p:Patient)-[:DIAGNOSED]->(d:Diagnosis)\n// step: has RNA\nRETURN p.id AS subject_id",
        },
        "sources": [
            {"source": "rna", "read": 320, "written": 300, "merged": 8, "rejected": 12,
             "counts": {"symbols mapped to NCBIGene": 1498, "symbols that no table maps": 57}},
            {"source": "encounters", "read": 2210, "written": 2210, "merged": 0, "rejected": 0, "counts": {}},
        ],
        "records": {"events": 3120, "codes": 41, "subjects_with": 296, "static": {"clinical": 80, "imaging": 8}},
        "warnings": ["The clock of this study is relative: dates are offsets, and no season can be learned."],
        "versions": {"clinome": "0.1.0", "python": "3.11"},
        "commands": ["clinome run study.toml"],
        "graph": {"labels": {"Patient": 560, "Gene": 1480}, "relationships": {"EXPRESSES": 20111}},
        "device": "cpu",
    }  # fmt: skip


def _json(path: Path, value: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(value), encoding="utf-8")


class _Page(HTMLParser):
    """Collects what a checker of the page asks: ids, links, open tags, text."""

    VOID = frozenset({"meta", "br", "link", "img", "hr", "input"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.urls: list[str] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.ids += [v for k, v in attrs if k == "id" and v]
        self.urls += [str(given[k]) for k in ("href", "src", "xlink:href") if k in given]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.text += data


@pytest.fixture(scope="module", params=["binary", "multiclass", "survival"])
def written(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path, str]:
    run = make_run(tmp_path_factory.mktemp(request.param) / "run", request.param)
    out = write_report(run, "Lung <study>", run / "report.html")
    return request.param, run, out.read_text(encoding="utf-8")


def test_a_page_that_is_whole_small_and_alone(written: tuple[str, Path, str]) -> None:
    _, run, text = written
    page = _Page(text)
    assert not page.open
    assert len(page.ids) == len(set(page.ids))
    assert all(url.startswith("#") and url[1:] in page.ids for url in page.urls)
    assert not re.search(r"url\((?!#)|@import|<script|<link|<img", text)
    assert len(text.encode()) < 2_000_000
    assert not list(run.glob("*.part"))
    for svg in re.findall(r"<svg.*?</svg>", text, re.DOTALL):
        ElementTree.fromstring(svg)
        assert 'role="img"' in svg and 'aria-label="' in svg


def test_every_section_is_there(written: tuple[str, Path, str]) -> None:
    task, _, text = written
    page = _Page(text)
    want = {
        "cohort",
        "data",
        "learners",
        "curves",
        "biomarkers",
        "pathways",
        "controls",
        "sources",
        "repeat",
        "warnings",
    }
    assert want <= set(page.ids)
    assert len(re.findall("<svg", text)) == 6 + (task == "binary")
    assert (
        "a stack of ridge_late (70%) and hetero_gnn (30%)" in page.text
        and "mine was no candidate: it is <odd>" in page.text
    )
    for said in (
        "clinome run study.toml",
        "clinome predict runs/",
        "ridge_late",
        "Interferon",
        "ab" * 32,
        "relative",
        "// step: has RNA",
    ):
        assert said in page.text
    assert "Signalling <by> GPCR & co" in page.text and "Lung <study>" in page.text


def test_no_patient_identifier_is_in_the_page(written: tuple[str, Path, str]) -> None:
    _, run, text = written
    for subject in pl.read_parquet(run / "cohort.parquet")["subject_id"].unique():
        assert subject not in text


def test_the_same_run_gives_the_same_bytes(written: tuple[str, Path, str]) -> None:
    _, run, text = written
    assert write_report(run, "Lung <study>", run / "again.html").read_text(encoding="utf-8") == text


def test_the_headline_says_who_how_well_and_against_what(written: tuple[str, Path, str]) -> None:
    task, run, text = written
    results = json.loads((run / "results.json").read_text())
    said = _Page(text).text
    assert f"{results['learners']['chosen']['metrics'][HEADLINE[task]]['mean']:.2f}" in said
    assert "The chosen learner is not shown to be better than the best simple baseline, ridge_late" in said
    assert "With the links of the graph shuffled, hetero_gnn reaches" in said and "nothing shows that it needs" in said
    assert "ridge_late in 8, stack in 2 of 10" in said
    assert "300 patients" in said
    assert ("Batch and site alone reach" in said) == (HEADLINE[task] in ("auroc", "c_index"))
    assert "where and with whom samples were measured" in said


def test_missing_parts_are_left_out(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", "binary")
    for name in ("attrition.csv", "predictions.parquet", "biomarkers.csv", "enrichment.csv", "summary.json"):
        (run / name).unlink()
    (run / "snapshot" / "manifest.json").unlink()
    results = json.loads((run / "results.json").read_text())
    results = {k: v for k, v in results.items() if k not in ("controls", "comparisons", "chosen")}
    _json(run / "results.json", results)
    page = _Page(write_report(run, "bare", run / "report.html").read_text(encoding="utf-8"))
    assert {"learners", "repeat"} <= set(page.ids)
    assert not {"cohort", "curves", "biomarkers", "pathways", "controls", "sources", "data"} & set(page.ids)
    assert "was not tested in pairs" in page.text


def test_empty_tables_and_absent_numbers(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", "binary")
    pl.read_csv(run / "biomarkers.csv").with_columns(
        pl.lit(None, dtype=pl.Float64).alias(c) for c in ("effect", "low", "high", "q")
    ).write_csv(run / "biomarkers.csv")
    pl.read_csv(run / "enrichment.csv").head(0).write_csv(run / "enrichment.csv")
    results = json.loads((run / "results.json").read_text())
    results["learners"]["majority"]["metrics"]["auroc"].update(low=None, high=None, sd=None)
    results["learners"]["majority"]["metrics"]["auroc"]["folds"][2] = None
    results["controls"]["permuted_labels"]["folds"][0] = None
    results["learners"]["cox"] = {"metrics": {"auroc": {"mean": None}}}
    _json(run / "results.json", results)
    page = _Page(write_report(run, "sparse", run / "report.html").read_text(encoding="utf-8"))
    assert "biomarkers" in page.ids and "pathways" not in page.ids
    assert "nan" not in page.text.lower().split() and "None" not in page.text


def test_a_learner_that_cannot_attribute_is_said_so(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", "binary")
    pl.read_csv(run / "biomarkers.csv").head(0).write_csv(run / "biomarkers.csv")
    assert "cannot say which features" in write_report(run, "mute", run / "report.html").read_text(encoding="utf-8")


def test_a_folder_without_results_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="clinome train"):
        write_report(tmp_path, "none", tmp_path / "report.html")


@pytest.mark.parametrize(
    ("low", "high", "metric", "verdict"),
    [
        (0.01, 0.2, "auroc", "better"), (-0.01, 0.2, "auroc", "unclear"), (-0.2, -0.01, "auroc", "worse"),
        (0.01, 0.2, "brier", "worse"), (-0.2, -0.01, "brier", "better"), (None, None, "auroc", "unknown"),
    ],
)  # fmt: skip
def test_the_verdict_is_what_the_interval_carries(
    low: float | None, high: float | None, metric: str, verdict: str
) -> None:
    learners = {name: {"metrics": {metric: {"mean": 0.6, "folds": []}}} for name in ("chosen", "covariates")}
    pair = {"metric": metric, "difference": 0.1, "low": low, "high": high}
    results = {"metric": metric, "learners": learners, "comparisons": [{"a": "chosen", "b": "covariates", **pair}]}
    assert headline.headline(results, "").verdict == verdict
    flipped = {"metric": metric, "difference": -0.1, "low": high and -high, "high": low and -low}
    turned = {**results, "comparisons": [{"a": "covariates", "b": "chosen", **flipped}]}
    assert headline.headline(turned, "") == headline.headline(results, "")


def test_permuted_labels_above_chance_raise_the_alarm() -> None:
    learners = {"chosen": {"metrics": {"auroc": {"mean": 0.9, "folds": []}}}}
    control = {"metric": "auroc", "mean": 0.7, "low": 0.65, "high": 0.75}
    results = {"metric": "auroc", "learners": learners, "controls": {"permuted_labels": control}}
    assert "leakage" in headline.headline(results, "").sentences[-1]
    control.update(mean=0.5, low=0.45, high=0.55)
    assert "leakage" not in headline.headline(results, "").sentences[-1]


def test_warnings_follow_from_the_size() -> None:
    said = headline.warnings(60, 20, {"rna": 1000}, ["clock"])
    assert said[0] == "clock" and len(said) == 4 and "0.02 events per candidate variable" in said[3]
    assert headline.warnings(5000, 2000, {"rna": 100}, []) == []


def test_presence_counts_every_row_once() -> None:
    snapshot = make_snapshot(n=200, layers=("rna", "mutations"), records=True, missing=0.3)
    patterns = presence(snapshot)
    assert sum(p["count"] for p in patterns) == 200
    both = (snapshot.layers["rna"].profiled & snapshot.layers["mutations"].profiled).sum()
    assert sum(p["count"] for p in patterns if {"rna", "mutations"} <= set(p["has"])) == both
    assert presence(make_snapshot(n=20, layers=())) == []


def test_the_mean_curve_encloses_the_auroc() -> None:
    rng = np.random.default_rng(0)
    y = rng.random(2000) < 0.4
    frame = pl.DataFrame({"repeat": 0, "y_true": y.astype(int), "score": y + rng.standard_normal(2000)})
    tpr, _ = curves._mean_curves(frame, "score", 1)
    assert np.trapezoid(tpr, np.linspace(0, 1, 101)) == pytest.approx(roc_auc_score(y, frame["score"]), abs=0.005)


def test_risk_groups_part_where_risk_is_real_and_not_where_it_is_noise() -> None:
    rng = np.random.default_rng(0)
    risk = rng.standard_normal(300)
    frame = pl.DataFrame(
        {
            "fold": np.arange(300) % 5,
            "duration_days": rng.exponential(np.exp(-risk)) * 400,
            "event": rng.random(300) < 0.7,
        }
    )
    _, p = curves.kaplan_meier(frame.with_columns(score=pl.Series(risk)))
    assert p < 1e-6
    _, p = curves.kaplan_meier(frame.with_columns(score=pl.Series(rng.permutation(risk))))
    assert p > 0.01


def test_cohorts_are_described_in_words(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", "multiclass")
    text = _Page(write_report(run, "x", run / "report.html").read_text(encoding="utf-8")).text
    assert "which of 3 classes" in text
    assert all(name in text for name in CLASSES["multiclass"])
    rows = make_snapshot("binary", 40, rows_per_subject=2).rows.with_columns(prediction_time=datetime(2020, 1, 1))
    run = make_run(tmp_path / "other", "binary", n=40)
    rows.write_parquet(run / "cohort.parquet")
    text = _Page(write_report(run, "x", run / "report.html").read_text(encoding="utf-8")).text
    assert "40 prediction times of 20 patients" in text
    assert "Only 20 subjects" in text
