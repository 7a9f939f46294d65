"""tripod_ai.md: the TRIPOD+AI checklist of a run, each item filled, with where, or left for the author.

Source: Collins GS, Moons KGM, Dhiman P, et al. TRIPOD+AI statement. BMJ 2024;385:e078378, doi:10.1136/bmj-2023-078378.
The numbers of the items are the statement's; their wording here is ours and short.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

TRIPOD = "tripod_ai.md"
_AUTHOR = "for the author"

ITEMS: tuple[tuple[str, str, str], ...] = (
    ("1", "Title", "developing or evaluating a model, the population, the outcome"),
    ("2", "Abstract", "by TRIPOD+AI for abstracts"),
    ("3a", "Background", "healthcare context, why the model, existing models"),
    ("3b", "Background", "target population, purpose, users"),
    ("3c", "Background", "known health inequalities"),
    ("4", "Objectives", "development, evaluation or both"),
    ("5a", "Data", "sources of the data, why they were used, how representative they are"),
    ("5b", "Data", "dates of collection, start and end of follow-up"),
    ("6a", "Participants", "setting, number and place of centres"),
    ("6b", "Participants", "eligibility"),
    ("6c", "Participants", "treatments, and how they were handled"),
    ("7", "Data preparation", "preprocessing and quality checks, alike over groups or not"),
    ("8a", "Outcome", "definition, horizon, how and when assessed, why this one"),
    ("8b", "Outcome", "who assessed it, where judgement was needed"),
    ("8c", "Outcome", "blinding of its assessment"),
    ("9a", "Predictors", "choice of candidates, and any selection before modelling"),
    ("9b", "Predictors", "definition, how and when measured"),
    ("9c", "Predictors", "who assessed them, where judgement was needed"),
    ("10", "Sample size", "how it was arrived at, and why it is enough"),
    ("11", "Missing data", "how it was handled"),
    ("12a", "Analytical methods", "how data were used and partitioned"),
    ("12b", "Analytical methods", "how predictors entered: form, scaling, transformation"),
    ("12c", "Analytical methods", "type of model, building, tuning, internal validation"),
    ("12d", "Analytical methods", "heterogeneity between clusters such as hospitals"),
    ("12e", "Analytical methods", "measures and plots of performance, comparison of models"),
    ("12f", "Analytical methods", "model updating"),
    ("12g", "Analytical methods", "for evaluation: how predictions were computed"),
    ("13", "Class imbalance", "whether and how it was handled, recalibration after it"),
    ("14", "Fairness", "approaches, and why"),
    ("15", "Model output", "what it says, and how thresholds were found"),
    ("16", "Training versus evaluation", "differences between the data of both"),
    ("17", "Ethical approval", "board, consent or waiver"),
    ("18a", "Open science", "funding"),
    ("18b", "Open science", "conflicts of interest"),
    ("18c", "Open science", "protocol"),
    ("18d", "Open science", "registration"),
    ("18e", "Open science", "availability of data"),
    ("18f", "Open science", "availability of code"),
    ("19", "Patient and public involvement", "how, or that there was none"),
    ("20a", "Participants", "flow, numbers with and without the outcome, follow-up"),
    ("20b", "Participants", "characteristics, predictors, missing data, by group"),
    ("20c", "Participants", "for evaluation: compared with the development data"),
    ("21", "Model development", "participants and events in each analysis"),
    ("22", "Model specification", "the whole model, for others to predict with and evaluate; limits of access"),
    ("23a", "Model performance", "estimates with intervals, for subgroups too"),
    ("23b", "Model performance", "heterogeneity between clusters"),
    ("24", "Model updating", "its results"),
    ("25", "Interpretation", "main results, fairness, earlier studies"),
    ("26", "Limitations", "and their effects on bias and generalisability"),
    ("27a", "Usability", "how poor or missing inputs are handled in use"),
    ("27b", "Usability", "interaction and expertise that users need"),
    ("27c", "Usability", "next steps"),
)
"""(number, topic, what is asked, in our words)."""


def tripod(title: str, run: Path, results: Mapping[str, Any], summary: Mapping[str, Any], tables: list[str]) -> str:
    """The checklist as Markdown.

    Args:
        run: the folder, asked for what is in it. results, summary: results.json and summary.json. tables: names in tables/.
    """
    places = filled(run, results, summary, tables)
    lines = [
        f"# TRIPOD+AI checklist: {title}", "",
        ("Items and their numbers are those of TRIPOD+AI (Collins et al. 2024, doi:10.1136/bmj-2023-078378); what they ask is said in "
        "our words: see the statement. *Filled*: the run holds what the item asks for, where it says so; whether that is enough is the "
        "author’s judgement. *In part*: the run holds some of it. Everything else is the author’s."), "",
        (f"{len([one for one in places.values() if one[0] == 'filled'])} items filled, "
        f"{len([one for one in places.values() if one[0] == 'in part'])} in part, {len(ITEMS) - len(places)} for the author."), "",
        "| item | topic | asks for (our words) | status | where |", "|---|---|---|---|---|",
    ]  # fmt: skip
    for number, topic, asks in ITEMS:
        status, where = places.get(number, (_AUTHOR, ""))
        lines.append(f"| {number} | {topic} | {asks} | {status} | {where} |")
    return "\n".join(lines) + "\n"


def filled(
    run: Path, results: Mapping[str, Any], summary: Mapping[str, Any], tables: list[str]
) -> dict[str, tuple[str, str]]:
    """item -> (filled or in part, where), of those that this run can fill."""
    facts, out = summary.get("methods", {}), dict[str, tuple[str, str]]()

    def fill(number: str, where: str, *, when: object = True, part: bool = False) -> None:
        if when:
            out[number] = ("in part" if part else "filled", where)

    fill(
        "5a",
        "methods.md, Predictors; tables/sources.csv (what was read; why and how representative is the author’s)",
        when="sources" in tables,
        part=True,
    )
    fill("6b", "methods.md, Participants; report.html, Cohort query", when=facts.get("attrition"))
    fill(
        "7", "methods.md, Missing data and preprocessing; quality.json", when=(run / "quality.json").exists(), part=True
    )
    fill("8a", "methods.md, Outcome", when=facts.get("outcome"), part=True)
    fill(
        "9a",
        "methods.md, Predictors; selected_features.csv where features were selected",
        when=summary.get("layers") or summary.get("records"),
        part=True,
    )
    fill("9b", "methods.md, Predictors (the time fence says when each was known)", when=facts.get("timed"), part=True)
    fill("11", "methods.md, Missing data and preprocessing; report.html, Missing data", when=facts.get("scaling"))
    fill("12a", "methods.md, Evaluation", when=facts.get("evaluate"))
    fill("12b", "methods.md, Missing data and preprocessing", when=facts.get("scaling"))
    fill("12c", "methods.md, Learners and tuning", when=facts.get("learn"), part=True)
    sites = {str(row.get("by")) for row in results.get("subgroups") or []} & {"site", "hospital"}
    clusters = (facts.get("evaluate") or {}).get("site") or sites
    fill("12d", "methods.md, Evaluation; report.html, Subgroups by site", when=clusters, part=True)
    fill("12e", "methods.md, Evaluation and Calibration; report.html", when=results.get("comparisons"))
    fill("14", "methods.md, Calibration, decisions and subgroups", when=results.get("subgroups"), part=True)
    fill(
        "15",
        "methods.md, Calibration, decisions and subgroups; tables/operating_points.csv",
        when="operating_points" in tables,
    )
    fill("15", "methods.md, Outcome", when="operating_points" not in tables and results.get("horizon_days"), part=True)
    fill(
        "18f",
        "report.html, Reproduce this; methods.md, Software (Clinome; code of your own is yours to share)",
        when=summary.get("versions"),
        part=True,
    )
    fill(
        "20a",
        "figures/cohort_selection.svg; tables/cohort_selection.csv; methods.md, Outcome",
        when="cohort_selection" in tables,
    )
    fill("20b", "tables/table1.csv; tables/layers.csv", when="table1" in tables)
    fill("21", "methods.md, Participants and Outcome (each fold: results.json)", when=facts.get("outcome"), part=True)
    fill("22", "model/, used by clinome predict; see model_card.md", when=(results.get("model") or {}).get("name"))
    fill(
        "23a",
        "tables/model_comparison.csv; tables/subgroups.csv; tables/calibration.csv",
        when="model_comparison" in tables,
    )
    fill("23b", "tables/subgroups.csv, by site", when=clusters and "subgroups" in tables, part=True)
    fill(
        "27a",
        "model_card.md, Limits (what a new cohort lacks is counted and said by clinome predict)",
        when=(results.get("model") or {}).get("name"),
        part=True,
    )
    return out
