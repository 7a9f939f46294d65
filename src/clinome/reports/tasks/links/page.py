"""report.html of a links study: one self-contained page, made from the run folder and nothing else."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from clinome.models.learners.links.ranks import LABEL, METRICS
from clinome.reports.format import interval, number
from clinome.reports.html import write_page
from clinome.reports.publication.documents import write_documents
from clinome.reports.publication.shelf import Shelf
from clinome.reports.tasks.links import sentences

EXAMPLES, SHOWN = 5, 5
"""Queries, and candidates of each list, that the page shows."""


def write_links_report(run: Path, title: str, out: Path) -> Path:
    """One page from the run folder of a links study.

    Args:
        run: the folder; results.json is needed, the rest may be missing.
        out: the file to write; replaced at once.
    Returns: out.
    """
    results, summary = _json(run / "results.json"), _json(run / "summary.json")
    learners: Mapping[str, Any] = results["learners"]
    best = "chosen" if "chosen" in learners else results["ranked_by"]
    against = {(one["a"], one["b"], one["metric"]): one for one in results["comparisons"]}
    simple = results["best_simple"]
    verdict, claim = _claim(results, best, against)
    shelf = Shelf()
    figure = _figure(learners, results["metric"], shelf)
    shelf.table(
        "model_comparison",
        [{"learner": name, **one["metrics"], "seconds": one.get("seconds")} for name, one in learners.items()],
    )
    shelf.table("paired_differences", results["comparisons"])
    shelf.table("relations", results["relations"])
    shelf.write(out.parent)
    texts = write_documents(run, title, out.parent)
    return write_page(
        "links.html.jinja", out, title=title, results=results, best=best, verdict=verdict, claim=claim,
        question=sentences.question(results["query"], results["candidate"], results["hold_out"]),
        warnings=summary.get("warnings", []), commands=summary.get("commands", []), versions=summary.get("versions", {}),
        metrics=[(metric, LABEL[metric]) for metric in METRICS], lists=sentences.LISTS, words=sentences.CAPTION,
        figure_svg=figure, files=shelf.files, texts=texts, simple=simple,
        differences={name: against.get((name, simple, results["metric"])) for name in learners},
        twins=_twins(results, against), weights=_weights(learners), ranking=_ranking(run / "ranking.parquet"),
    )  # fmt: skip


def _claim(results: Mapping[str, Any], best: str, against: Mapping[Any, Any]) -> tuple[str, str]:
    simple, metric = results["best_simple"], results["metric"]
    estimate = interval(results["learners"][best]["metrics"][metric], 3)
    found = against.get((best, simple, metric))
    if found is None:
        return "unclear", sentences.claim(best, estimate, simple, "", "same")
    verdict = "better" if found["low"] > 0 else "worse" if found["high"] < 0 else "unclear"
    return verdict, sentences.claim(best, estimate, simple, _difference(found), verdict)


def _difference(found: Mapping[str, Any]) -> str:
    low, high = number(found["low"], sign=True), number(found["high"], sign=True)
    return f"{number(found['difference'], sign=True)}, {low} to {high}"


def _twins(results: Mapping[str, Any], against: Mapping[Any, Any]) -> list[str]:
    out, metric = [], results["metric"]
    for name, one in results["controls"].items():
        found = against.get((one["learner"], name, metric))
        own = results["learners"][one["learner"]]["metrics"][metric]["mean"]
        if found:
            mean = one["metrics"][metric]["mean"]
            falls = found["low"] > 0
            out.append(sentences.twin(one["learner"], one["control"], mean, own, _difference(found), falls=falls))
    return out


def _figure(learners: Mapping[str, Any], metric: str, shelf: Shelf) -> str:
    from clinome import plots

    rows = [{"learner": name, **{key: one["metrics"][metric][key] for key in ("mean", "low", "high", "folds")}}
            for name, one in learners.items()]  # fmt: skip
    table = pl.DataFrame(rows).sort("mean", descending=True)
    return shelf.figure("model_comparison", partial(plots.model_comparison, table, metric=LABEL[metric]))


def _weights(learners: Mapping[str, Any]) -> dict[str, list[tuple[str, float]]]:
    """Learned weights that can be read, as means over folds."""
    out = {}
    for name, one in learners.items():
        if found := one.get("weights"):
            keys = found[0]
            out[name] = [(key, sum(fold.get(key, 0.0) for fold in found) / len(found)) for key in keys]
    return out


def _ranking(path: Path) -> list[dict[str, Any]]:
    """The first candidates of the first few queries, the known and the new ones apart."""
    if not path.exists():
        return []
    table = pl.read_parquet(path)
    queries = table["query"].unique().sort().head(EXAMPLES)
    named = pl.coalesce(pl.col("candidate_name"), pl.col("candidate")).alias("called")
    out = []
    for query in queries:
        mine = table.filter(pl.col("query") == query).with_columns(named)
        each = {
            which: mine.filter(pl.col("list") == which).sort("rank").head(SHOWN)["called"].to_list()
            for which in sentences.LISTS
        }
        out.append({"query": mine["query_name"][0] or query, **each})
    return out


def _json(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}
