"""methods.md: sentences by kind of task, references of what was used, and the check that finds a number that no file holds."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from told_numbers import NUMBER, unfounded

from clinome.models.base.specs import Evaluate, Learn
from clinome.models.base.task import TASKS
from clinome.models.learners.registry import LEARNERS
from clinome.models.metrics.registry import METRICS
from clinome.reports.publication.documents import write_documents
from clinome.reports.publication.methods import learners as words
from clinome.reports.publication.methods.cohort import KIND
from clinome.reports.publication.methods.evaluation import NETWORKS
from clinome.reports.publication.methods.references import REFERENCES
from clinome.run_folder.methods import evaluate_of, learn_of, outcome_of

FOLDS = pl.DataFrame({"repeat": [0, 0, 1, 1], "fold": [0, 1, 0, 1], "row": [0, 1, 0, 1]})
LAYER = {
    "scale": "log1p",
    "correct": "combat",
    "impute": "knn",
    "activity": "ulm",
    "pathways": ["hallmark"],
    "least_genes": 5,
    "keep_genes": True,
}

CALIBRATION = {"slope": 0.91, "slope_low": 0.7, "slope_high": 1.12, "intercept": -0.02, "intercept_low": -0.2, "intercept_high": 0.16,
               "ece": 0.03, "predicted": 0.28, "observed": 0.29}  # fmt: skip


def run_of(folder: Path, task: str = "binary", **changed: Any) -> Path:
    """results.json and summary.json with all that a methods text can speak of."""
    metric = TASKS and {"binary": "auroc", "survival": "c_index"}.get(task, "accuracy")
    learner = {
        "metrics": {metric: {"mean": 0.71, "low": 0.66, "high": 0.77, "folds": [0.5, 0.6, 0.7]}},
        "calibration": CALIBRATION,
    }
    outcome = {"survival": {"events": 61, "share": 61 / 212, "median_days": 812.4, "competing": 7},
               "regression": {"median": 4.2, "first_quartile": 2.1, "third_quartile": 6.6}}.get(task, {"events": 61, "share": 61 / 212})  # fmt: skip
    facts = {
        "date": "2026-11-28", "python": "3.11.9", "rows": 212, "patients": 198, "timed": True, "outcome": outcome,
        "attrition": [{"step": "in store", "count": 400}, {"step": "seen in 2019", "count": 212}],
        "evaluate": evaluate_of(Evaluate(repeats=2, stratify="sex", seed=17), FOLDS), "learn": learn_of(Learn(trials=8, minutes=30.0)),
        "tuning": {"inner_folds": 2, "one_split_above_rows": 3000, "tuning_percent": 20}, "layers": {"rna": LAYER},
        "scaling": {"winsorised_percentiles": [1, 99], "clip": 5.0}, "boosting": {"rounds": 40, "chosen_from_rows": 600}, "trees": {"wide_layer": 400, "best_features": 200}, "mutations": {"least_patients": 2, "least_percent": 1},
        "intervals": {"percent": 95, "resamples": 1000}, "permutations": 3, "prediction_sets_percent": 90,
        "least_patients_of_a_group": 10, "stability_first": 20, "threshold": "alerts <= 15%",
        "matching": {"by": "arm", "exact": ["sex"], "propensity": ["age"], "caliper": 0.2, "ratio": 3},
    }  # fmt: skip
    results: dict[str, Any] = {
        "task": task, "metric": metric, "learners": {"ridge_late": learner, "forest": learner, "boosting": learner, "mine2": learner, "chosen": learner}, "horizon_days": 730.5,
        "comparisons": [{"a": "chosen", "b": "ridge_late", "method": "patient bootstrap over folds, variance doubled"}],
        "controls": {"permuted_labels": {"mean": 0.5}}, "decision": {"curves": {"chosen": [0.1, 0.2, 0.3]}}, "operating": {"points": [{}]},
        "conformal": {"level": 0.9}, "subgroups": [{"by": "sex", "group": "F", "patients": 102, "mean": 0.731, "low": 0.65, "high": 0.81, "gap": None}], "competing": task == "survival", "cut": [{}, {}], "failed": [],
        "odds_ratios": {"ratio": "odds", "lines": [{"covariate": "age"}]},
    }  # fmt: skip
    summary = {
        "study": {"task": {"label": "died_within_30_days"}, "covariates": ["age"], "params": {"since": "2019-01-01"}},
        "layers": [{"name": "rna", "kind": "expression", "features": 1834, "profiled": 190, "missing": 22},
                   {"name": "mut", "kind": "mutation", "features": 93, "profiled": 212, "missing": 0}],
        "records": {"events": 51234, "codes": 412, "subjects_with": 208}, "sources": [{"source": "knowledge.reactome", "written": 2614}],
        "versions": {"clinome": "0.1.0", "torch": "2.15.0"}, "device": "CPU", "commands": ["clinome run study.toml"],
        "methods": {**facts, **changed},
    }  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_text(json.dumps(results), encoding="utf-8")
    (folder / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
    return folder


def text_of(run: Path) -> str:
    write_documents(
        run, "Study 7", run, ["The outcome was in 61 rows."], ["Only 198 patients."], ["table1", "model_comparison"]
    )
    return (run / "methods.md").read_text(encoding="utf-8").replace("# Methods: Study 7", "")


@pytest.mark.parametrize("task", ("binary", "survival", "regression"))
def test_a_number_that_is_changed_is_found(task: str, tmp_path: Path) -> None:
    run = run_of(tmp_path / task, task)
    text = text_of(run)
    assert unfounded(text, run) == []
    body = text.partition("## References")[0]
    places = [one for one in NUMBER.finditer(body) if not re.search(r"19\d\d|20\d\d|\..*\.", one[0])]
    assert len(places) > 30
    for one in places:
        wrong = one[0].replace(re.sub(r"\D*$", "", one[0]), "7777.7", 1)
        told = body[: one.start()] + wrong + body[one.end() :]
        assert unfounded(told, run) == [wrong], one[0]
    assert unfounded(body.replace("Holm 1979", "Holm 1978"), run)
    assert unfounded(body.replace("Python 3.11.9", "Python 3.11.8"), run)


def test_only_what_was_used_is_cited_and_all_that_is_cited_is_listed(tmp_path: Path) -> None:
    text = text_of(run_of(tmp_path / "a", "survival"))
    body, _, listed = text.partition("## References")
    for key in REFERENCES:
        assert (key in body) == (f"- {key}. " in listed), key
    assert "van Geloven et al. 2022" in body and "Kaplan and Meier 1958" not in body and "Monti" not in body
    assert "ComBat" in body and "10.1093/biostatistics/kxj037" in listed
    plain = text_of(run_of(tmp_path / "b", "binary", layers={}, matching=None))
    assert "ComBat" not in plain and "Rosenbaum" not in plain and "a learner supplied by the authors" in plain


def test_every_learner_metric_and_kind_of_task_has_its_words() -> None:
    assert set(LEARNERS) == set(words.LEARNERS) and set(TASKS) == set(KIND)
    assert set(METRICS) - set(words.METRICS) == {
        "brier_multiclass",
        "brier_multilabel",
        "labels_judged",
        "endpoints_judged",
    }
    cited = {key for table in (words.LEARNERS, words.METRICS) for _, keys in table.values() for key in keys}
    assert cited <= set(REFERENCES)
    assert set(LEARNERS) >= NETWORKS
    assert all(re.fullmatch(r"10\.\d{4,}/\S+", doi) or not doi for _, doi in REFERENCES.values())


def test_outcomes_are_counted_as_their_kind_is() -> None:
    rows = pl.DataFrame({"label": [["a", "b"], ["a"], []]})
    assert outcome_of(rows, "multilabel", ("a", "b")) == {"labels": {"a": 2, "b": 1}}
    assert outcome_of(pl.DataFrame({"label": [1, 0, 1, 1]}), "binary", ()) == {"events": 3, "share": 0.75}
    assert outcome_of(pl.DataFrame({"label": ["x", "y", "x"]}), "multiclass", ("x", "y")) == {
        "classes": {"x": 2, "y": 1}
    }
    assert outcome_of(pl.DataFrame({"label": [1.0, 2.0, 3.0]}), "regression", ())["median"] == 2.0
    gaps = pl.DataFrame({"label": [[1.0, None], [2.0, 3.0]]})
    assert outcome_of(gaps, "responses", ("p", "q")) == {"endpoints": 2, "measured_share": 0.75}
    followed = pl.DataFrame({"duration_days": [10.0, 30.0, 20.0], "event": [1, 0, 1], "competing": [0, 1, 0]})
    assert outcome_of(followed, "survival", ()) == {"events": 2, "share": 2 / 3, "median_days": 20.0, "competing": 1}


def test_a_run_of_an_earlier_version_has_none(tmp_path: Path) -> None:
    run = run_of(tmp_path / "old")
    assert [name for name, _ in write_documents(run, "x", run)] == ["methods.md", "model_card.md", "tripod_ai.md"]
    summary = json.loads((run / "summary.json").read_text())
    summary.pop("methods")
    (run / "summary.json").write_text(json.dumps(summary))
    assert write_documents(run, "x", run) == [] and not list(run.glob("*.md"))


def test_the_checklist_has_the_items_of_the_statement_and_says_where_each_is_filled(tmp_path: Path) -> None:
    run = run_of(tmp_path / "run")
    text_of(run)
    text = (run / "tripod_ai.md").read_text(encoding="utf-8")
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if re.match(r"\| \d", line)
    ]
    numbers = [row[0] for row in rows]
    assert len(numbers) == len(set(numbers)) == 52 and {int(re.sub(r"\D", "", one)) for one in numbers} == set(
        range(1, 28)
    )
    told = {row[0]: (row[3], row[4]) for row in rows}
    assert all((status == "for the author") == (where == "") for status, where in told.values())
    assert told["20b"][0] == "filled" and told["17"] == ("for the author", "") and told["22"][0] == "for the author"
    counts = {
        status: sum(one[0] == status for one in told.values()) for status in ("filled", "in part", "for the author")
    }
    assert (
        f"{counts['filled']} items filled, {counts['in part']} in part, {counts['for the author']} for the author"
        in text
    )
    assert "10.1136/bmj-2023-078378" in text and "our words" in text


def test_the_model_card_leaves_the_use_to_the_author_and_takes_its_numbers_from_the_run(tmp_path: Path) -> None:
    run = run_of(tmp_path / "run")
    text_of(run)
    card = (run / "model_card.md").read_text(encoding="utf-8").replace("# Model card: Study 7", "")
    heads = [line for line in card.splitlines() if line.startswith("## ")]
    assert heads == [
        f"## {name}"
        for name in (
            "Model details",
            "Intended use",
            "Data",
            "Performance",
            "Limits",
            "Ethical considerations",
            "Provenance",
        )
    ]
    assert card.partition("## Intended use")[2].lstrip().startswith("*For the author.*")
    assert "left no model" in card and unfounded(card, run) == []
