"""Methods: learners and tuning, folds, metrics, intervals and comparisons, controls, and what was looked at beside them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from clinome.models.evaluation.intervals import FOLDS, SPLIT
from clinome.reports.format import brief, number
from clinome.reports.publication.methods.learners import LEARNERS, METRICS
from clinome.reports.publication.methods.prose import Prose, listed

NETWORKS = {
    "gene_gnn", "hetero_gnn", "pathway_net", "patient_gnn", "autoencoder", "vae", "gru", "lstm", "gru_d", "sequence", "fusion",
    "cross_attention", "contrastive",
}  # fmt: skip
_HEADED = (NETWORKS | {"propagation"}) - {"autoencoder", "vae"}
"""Those whose last layer is a head of the task."""
_CONTROLS = {
    "permuted_labels": "outcomes permuted over all rows ({times} times)",
    "missingness_only": "only which variables were measured",
    "batch_only": "only batch and site of measurement",
    "clock_only": "only the length of observation",
    "shuffled_graph": "graphs with shuffled edges",
    "no_edges": "graphs without edges",
    "shuffled_pairs": "pairs of omics and records of two patients",
    "permuted_features": "each feature dealt anew over the patients",
}


def learners(text: Prose, facts: Mapping[str, Any], results: Mapping[str, Any]) -> None:
    """Who learnt, how settings were picked, and how one was chosen."""
    text.head("Learners and tuning")
    told = []
    for name in results["learners"]:
        if name == "chosen":
            continue
        clause, cite = LEARNERS.get(name, ("a learner supplied by the authors", ()))
        told.append(f"`{name}`, {clause}{text.cited(cite)}")
    text.say(f"Compared were {'; '.join(told)}")
    if results["task"] == "survival" and {"forest", "boosting"} & set(results["learners"]):
        text.say("Trees regressed on deviance residuals of the null Cox model", cite=("Therneau et al. 1990",))
    learn, tuning = facts["learn"], facts["tuning"]
    if results["task"] != "clustering":
        some = (
            f"Each tried up to {number(learn['trials'])} settings"
            if learn["trials"] > 1
            else f"Each had {number(learn['trials'])} setting"
        )
        text.say(
            f"{some}, judged inside the training part by {number(tuning['inner_folds'])} inner folds (one split above {number(tuning['one_split_above_rows'])} rows; nested cross-validation)",
            cite=("Cawley and Talbot 2010",),
        )
        if NETWORKS & set(results["learners"]):
            text.say(f"Networks stopped early on {number(tuning['tuning_percent'])}% of the training part")
        if _HEADED & set(results["learners"]) and learn.get("survival_head") == "discrete":
            text.say(
                "Networks predicted a hazard for each of ten bins of time, which ended at the tenths of the times of training events",
                cite=("Gensheimer and Narasimhan 2019",),
            )
        if "boosting" in results["learners"]:
            rounds = facts["boosting"]
            text.say(
                f"Boosting had {number(rounds['rounds'])} rounds; from {number(rounds['chosen_from_rows'])} training rows on their "
                f"number was chosen on {number(tuning['tuning_percent'])}% of them"
            )
        if "chosen" in results["learners"]:
            text.say(
                "`chosen` is what the training part picked: one learner, or a stack of near equals, by scores of training rows that these had not seen; held-out rows had no say",
                cite=("Wolpert 1992",),
            )
    else:
        text.say(
            "The number of clusters was found inside each training part by stability, beside a single normal cloud, so that one cluster could be the answer; `chosen` is the learner of the best stability",
            cite=("Lange et al. 2004",),
        )
    if learn["minutes"]:
        cut = len(results.get("cut") or [])
        said = f"{number(cut)} fit{'s were' if cut > 1 else ' was'} cut short" if cut else "nothing was cut short"
        text.say(f"No setting was begun after {brief(learn['minutes'])} minutes; {said} by that")
    if learn["pretrain"] != "none" or learn["encoder"]:
        text.say("The encoder of records was pretrained on patients outside of the cohort, without outcomes")
    for one in results.get("failed") or []:
        text.say(f"`{one['learner']}` failed and was left out")


def evaluation(text: Prose, facts: Mapping[str, Any], results: Mapping[str, Any]) -> None:
    """How rows were held out, what was measured, with which intervals, and how learners were compared."""
    text.head("Evaluation")
    _folds(text, facts["evaluate"], stratified=results["task"] != "clustering")
    first, others = str(results["metric"]), {m for one in results["learners"].values() for m in one.get("metrics", {})}
    if results["task"] == "clustering":
        text.say("Held-out rows were given a subtype by models that had not seen them")
    name, cite = METRICS.get(first, (first, ()))
    article = "" if "’s " in name else "the "
    text.say(f"The main metric was {article}{name}", cite=cite)
    beside = [METRICS[one][0] + text.cited(METRICS[one][1]) for one in sorted(others - {first}) if one in METRICS]
    if beside:
        text.say(f"Beside it: {'; '.join(beside)}")
    text.paragraph()
    _intervals(text, facts, results)
    text.paragraph()
    _controls(text, facts, results)


def _folds(text: Prose, found: Mapping[str, Any], *, stratified: bool) -> None:
    folds, repeats = number(found["folds"]), found["repeats"]
    if found["site"]:
        text.say(f"Each of {folds} folds held out one {found['site']}")
    elif found["after"]:
        text.say(f"Rows predicted before {found['after']} were trained on, later ones held out")
    elif found["from_file"]:
        text.say(f"The {folds} folds were given beforehand")
    else:
        how = "" if repeats == 1 else f", repeated {number(repeats)} times"
        spread = [*(["outcome"] if stratified else []), *([found["stratify"]] if found["stratify"] else [])]
        strata = f"stratified by {listed(spread)} and " if spread else ""
        text.say(
            f"Performance was estimated by {folds}-fold cross-validation{how}, {strata}grouped by {found['group'].replace('subject_id', 'patient')}"
        )
    text.say(
        f"Every step was fitted on training rows; held-out rows were used once, to score. The random seed was {found['seed']}"
    )
    if found["learning_curve"]:
        text.say("Plain learners were also trained on growing parts of the training rows (learning curve)")


def _intervals(text: Prose, facts: Mapping[str, Any], results: Mapping[str, Any]) -> None:
    methods = {pair.get("method") for pair in results.get("comparisons", [])}
    level, times = facts["intervals"]["percent"], number(facts["intervals"]["resamples"])
    if FOLDS in methods:
        text.say(
            f"Intervals are {level}% confidence intervals from {times} bootstrap resamples of patients, the variance doubled because each patient also trained the models that were judged on the others",
            cite=("Efron and Tibshirani 1993",),
        )
    elif SPLIT in methods or facts["intervals"]:
        text.say(
            f"Intervals are {level}% confidence intervals from {times} bootstrap resamples of held-out patients",
            cite=("Efron and Tibshirani 1993",),
        )
    if methods:
        text.say(
            "`chosen` was compared with every learner, and each other one with the best simple learner, by paired differences on the same resamples; two-sided p values were corrected over all pairs",
            cite=("Holm 1979",),
        )


def _controls(text: Prose, facts: Mapping[str, Any], results: Mapping[str, Any]) -> None:
    kinds = list(dict.fromkeys(name.partition(":")[0] for name, one in (results.get("controls") or {}).items() if one))
    said = [_CONTROLS[kind].format(times=number(facts["permutations"])) for kind in kinds if kind in _CONTROLS]
    if said:
        text.say(
            f"Controls, each of one learner in its default setting on the folds of the first repeat, saw {listed(said)}"
        )


def beside(text: Prose, facts: Mapping[str, Any], results: Mapping[str, Any]) -> None:
    """Calibration, decisions, prediction sets, subgroups: each where the run has it."""
    text.head("Calibration, decisions and subgroups")
    found = (results["learners"].get("chosen") or {}).get("calibration")
    if found:
        if results.get("competing"):
            text.say(
                "Calibration (slope, intercept and calibration error of all held-out predictions together) was judged against cumulative incidence",
                cite=("van Geloven et al. 2022",),
            )
        else:
            text.say(
                "Calibration was described by slope, intercept and calibration error of all held-out predictions together",
                cite=("Van Calster et al. 2019",),
            )
    if (results.get("decision") or {}).get("curves"):
        cite = ("Vickers and Elkin 2006", *(("Vickers et al. 2008",) if results["task"] == "survival" else ()))
        text.say("Net benefit was computed over threshold probabilities, beside treating all and none", cite=cite)
    if (results.get("operating") or {}).get("points"):
        rule = f" by the rule “{facts['threshold']}”" if facts.get("threshold") else ""
        text.say(
            f"Operating points{rule} were set in each fold on predictions of training rows by models that had not seen them, and applied to held-out rows"
        )
    if results.get("conformal"):
        text.say(
            f"Prediction sets of level {facts['prediction_sets_percent']}% were made by split conformal prediction with a threshold for each class",
            cite=("Vovk et al. 2005",),
        )
    if results.get("competing"):
        text.say("Predicted risks are cumulative incidences of cause-specific models", cite=("Benichou and Gail 1990",))
    elif results["task"] == "survival":
        text.say("Survival by third of predicted risk was estimated by Kaplan–Meier", cite=("Kaplan and Meier 1958",))
    if results.get("subgroups"):
        by = list(dict.fromkeys(str(row["by"]) for row in results["subgroups"]))
        text.say(
            f"`chosen` was scored by {listed(by)}; groups of fewer than {facts['least_patients_of_a_group']} patients are not shown, and p values of gaps were corrected over groups",
            cite=("Holm 1979",),
        )
    if (results.get("odds_ratios") or {}).get("lines"):
        kind = results["odds_ratios"]["ratio"]
        cite = ("Lin and Wei 1989",) if kind == "hazard" else ("Liang and Zeger 1986",)
        text.say(
            f"{kind.capitalize()} ratios of the covariates, alone and adjusted for the others, describe the whole cohort, with sandwich errors by patient",
            cite=cite,
        )


def biomarkers(text: Prose, facts: Mapping[str, Any], results: Mapping[str, Any]) -> None:
    """How features were ranked; of subtypes how they were described."""
    text.head("Biomarkers")
    if results["task"] == "clustering":
        text.say(
            "Each subtype was described against all others in every feature, on held-out patients. This is description and not a test: subtypes were made of these features"
        )
        return
    text.say(
        "Features were ranked by their attributions to held-out predictions of what was chosen in each fold, by the rank product over folds",
        cite=("Breitling et al. 2004",),
    )
    if results["task"] in ("binary", "survival", "regression"):
        text.say(
            f"Effects are changes of the score per standard deviation, with {facts['intervals']['percent']}% intervals by a t test "
            "corrected for overlapping training parts",
            cite=("Nadeau and Bengio 2003",),
        )
    text.say(f"Stability is the share of folds in which a feature was among the first {facts['stability_first']}")
    text.say(
        "Each feature was also tested alone against the outcome, one row a patient, and pathways were tested for over-representation of ranked genes (hypergeometric test, background: measured genes); q values control the false discovery rate",
        cite=("Benjamini and Hochberg 1995",),
    )
