"""The report's section on the ranking: how folds agree on it, what is known, and effects adjusted for covariates."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from clinome.loaders.files.spreadsheet_csv import read_csv
from clinome.reports import sentences
from clinome.reports.format import interval, metric_label, number, p_value

_FIRST, _SHOWN, _PAIRS, _LEVEL = 5, 20, 10, 0.05


def ranking_section(run: Path, ranked: pl.DataFrame, results: Mapping[str, Any]) -> dict[str, Any]:
    """adjusted: the measure of adjusted effects, empty without any; stability_said; known: rows of the table and what is
    said of them; by_class: rows of effects by class."""
    path = run / "biomarkers.json"
    found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    measure = ""
    if "adjusted_measure" in ranked.columns and not ranked["adjusted"].is_null().all():
        measure = str(ranked["adjusted_measure"].drop_nulls()[0])
    known = found.get("known") or {}
    return {
        "adjusted_measure": measure,
        "prevalent": bool(measure) and not ranked["prevalence"].head(_SHOWN).is_null().all(),
        "marked": bool(known.get("genes")),
        "stability_said": _stability(found.get("stability") or {}),
        "known_said": _known(known),
        "known_rows": _rows(known, results) if known.get("genes") else [],
        "by_class": _by_class(run),
        "flags_said": _flags(ranked),
        "layers_of_genes": _layers(run),
    }


def _flags(ranked: pl.DataFrame) -> str:
    """What the features that the page shows may stand for instead."""
    if "flag" not in ranked.columns:
        return ""
    first = ranked.head(_SHOWN).filter(pl.col("flag").is_not_null())
    called = first.select(pl.coalesce(pl.col("name").cast(pl.String), "feature"), "flag")
    return sentences.flags(list(called.iter_rows()), min(_SHOWN, ranked.height)) if first.height else ""


def _layers(run: Path) -> list[dict[str, Any]]:
    """The closest pairs of layers of one gene that are no chance."""
    path = run / "layer_agreement.csv"
    if not path.exists():
        return []
    table = read_csv(path, infer_schema_length=None)
    return table.filter(pl.col("q") <= _LEVEL).head(_PAIRS).to_dicts()


def _stability(found: Mapping[str, Any]) -> str:
    if not found:
        return ""
    words = []
    for name in ("kendall_tau", "rank_biased_overlap"):
        one = found[name]
        if one["mean"] is None:
            return ""
        words.append(interval({"mean": one["mean"], "low": one["lowest"], "high": one["highest"]}, 2))
    return sentences.ranking_stability(found["folds"], found["features"], *words)


def _known(found: Mapping[str, Any]) -> str:
    if not found:
        return ""
    missing = found.get("not_measured") or []
    if not found.get("genes"):
        return sentences.no_known(found["named"])
    within = {int(k): n for k, n in found["within"].items()}
    return sentences.known(found["named"], found["known"], found["genes"], within, p_value(found["p"]), missing)


def _rows(found: Mapping[str, Any], results: Mapping[str, Any]) -> list[dict[str, Any]]:
    """This ranking, genes drawn at random, and a linear model of the known genes alone."""
    alone = found.get("alone") or {}
    metric = str(alone.get("metric") or results.get("metric", ""))
    chosen = results.get("learners", {}).get("chosen", {}).get("metrics", {}).get(metric) or {}
    chance = {"mean": 0.5, "low": found["low"], "high": found["high"]}
    label = metric_label(metric, bool(results.get("competing")))
    return [
        {"what": "chosen learner, all features", "recall": number(found["average_recall"], 2), "score": _score(chosen), "label": label},
        {"what": "as many genes drawn at random", "recall": interval(chance, 2), "score": "–", "label": label},
        {"what": f"known genes alone ({alone.get('learner', 'ridge_late')})", "recall": "–", "score": _score(alone), "label": label},
    ]  # fmt: skip


def _score(found: Mapping[str, Any]) -> str:
    return interval(found, 3) if found.get("mean") is not None else "–"


def _by_class(run: Path) -> list[dict[str, Any]]:
    """Of the first features the odds ratio of each class."""
    path = run / "biomarkers_by_class.csv"
    if not path.exists():
        return []
    table = read_csv(path, infer_schema_length=None)
    names = table.select("layer", "feature").unique(maintain_order=True).head(_FIRST)
    return table.join(names, on=["layer", "feature"], how="semi", maintain_order="left").to_dicts()
