"""A run in plain words: what was predicted, for whom, how well, against what, and whether that is better."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from clinome.models.learners.registry import baselines

METRIC = {
    "auroc": "AUROC", "auprc": "AUPRC", "c_index": "C-index", "brier": "Brier score", "ibs": "integrated Brier score",
    "ece": "calibration error", "accuracy": "accuracy", "balanced_accuracy": "balanced accuracy", "macro_f1": "macro F1",
    "mae": "mean absolute error", "r2": "R²", "log_loss": "log loss", "td_auc": "AUC over time", "spearman": "Spearman", "nmi": "NMI",
}  # fmt: skip
CHANCE = {"auroc": 0.5, "macro_auroc": 0.5, "c_index": 0.5, "r2": 0.0, "spearman": 0.0, "nmi": 0.0}
SMALLER_IS_BETTER = frozenset({"brier", "ibs", "ece", "mae", "log_loss", "rmse"})
SIMPLE = tuple(baselines())
"""The baselines that anything has to beat before anyone should listen: the plain linear model is one of them."""
CONTROL = {
    "permuted_labels": "outcomes dealt anew over all rows: nothing is left to learn",
    "missingness_only": "what was measured at all, and no value",
    "batch_only": "where and with whom samples were measured, and nothing else",
    "clock_only": "how long someone has been there when asked, and nothing else",
    "shuffled_graph": "the graph network with its links shuffled",
    "no_edges": "the graph network without links",
}
"""What each control is."""
_ALONE = {
    "missingness_only": "What was measured at all, without any value, reaches",
    "batch_only": "Batch and site alone reach",
    "clock_only": "The time someone has been there alone reaches",
}


@dataclass(frozen=True)
class Headline:
    """verdict: better, unclear, worse or unknown, against the best simple baseline."""

    question: str
    figure: str
    verdict: str
    claim: str
    sentences: tuple[str, ...]


def headline(results: Mapping[str, Any], cohort: str) -> Headline:
    """What a colleague should take away, and nothing that the intervals do not carry.

    Args:
        results: results.json.
        cohort: who, in words.
    """
    metric = str(results.get("metric", ""))
    table = ranked(results, metric)
    name = METRIC.get(metric, metric)
    mine = next((row for row in table if row["name"] == "chosen"), None)
    if mine is None:
        return Headline(cohort, "", "unknown", "No learner was chosen in this run.", ())
    said = [_how_well(mine, name, metric)]
    if picked := chosen_in_words(results):
        said.append(picked)
    simple = next((row for row in table if row["name"] in SIMPLE), None)
    if simple is None:
        verdict, claim = (
            "unknown",
            "No simple baseline ran beside it, so nothing says whether the chosen learner is worth its effort.",
        )
    else:
        verdict, claim = _against(results, metric, mine, simple)
    rival = next((row for row in table if row["name"] not in {*SIMPLE, "chosen"}), None)
    if rival is not None:
        said.append(_rival(results, metric, rival))
    permuted = (results.get("controls") or {}).get("permuted_labels") or {}
    if permuted.get("mean") is not None:
        guess = next((row["mean"] for row in table if row["name"] == "majority"), None)
        said.append(_permuted(permuted, CHANCE.get(str(permuted.get("metric")), guess)))
    shuffled = (results.get("controls") or {}).get("shuffled_graph") or {}
    graph = next((row for row in table if row["name"] == shuffled.get("learner")), None)
    if graph is not None and shuffled.get("mean") is not None:
        said.append(_shuffled(shuffled, graph, metric))
    said += _alone(results.get("controls") or {})
    return Headline(cohort, f"{mine['mean']:.2f}", verdict, claim, tuple(said))


def ranked(results: Mapping[str, Any], metric: str) -> list[dict[str, Any]]:
    """name, mean, sd, low, high, folds of every learner that has the metric, best first."""
    rows = [
        {"low": None, "high": None, **learner["metrics"][metric], "folds": _known(learner, metric), "name": name}
        for name, learner in results.get("learners", {}).items()
        if learner.get("metrics", {}).get(metric, {}).get("mean") is not None
    ]
    sign = 1 if metric in SMALLER_IS_BETTER else -1
    return sorted(rows, key=lambda row: (sign * row["mean"], row["name"] != "chosen", row["name"]))


def _known(learner: Mapping[str, Any], metric: str) -> list[float]:
    return [value for value in learner["metrics"][metric].get("folds") or [] if value is not None]


def differences(results: Mapping[str, Any], metric: str) -> dict[str, dict[str, Any]]:
    """learner -> the paired comparison of `chosen` minus it, whichever way round it was noted."""
    found: dict[str, dict[str, Any]] = {}
    for pair in results.get("comparisons", []):
        if pair.get("metric") != metric or pair.get("difference") is None:
            continue
        if pair["a"] == "chosen":
            found[pair["b"]] = dict(pair)
        elif pair["b"] == "chosen":
            low, high = pair.get("low"), pair.get("high")
            turned = {"low": None if high is None else -high, "high": None if low is None else -low}
            found[pair["a"]] = {**pair, "a": "chosen", "b": pair["a"], "difference": -pair["difference"], **turned}
    return found


def chosen_in_words(results: Mapping[str, Any]) -> str:
    names = [str(choice["name"]) for choice in results.get("chosen", [])]
    if not names:
        return ""
    counted = sorted(set(names), key=lambda n: (-names.count(n), n))
    if len(counted) == 1:
        return f"The training part picked {counted[0]} in every one of the {len(names)} folds."
    parts = ", ".join(f"{n} in {names.count(n)}" for n in counted)
    return f"What the training part picked differs by fold: {parts} of {len(names)}."


def interval(row: Mapping[str, Any], digits: int = 2, *, sign: bool = False) -> str:
    """`0.78 (0.72 to 0.84)`, or the number alone where there is no interval."""

    def shown(value: float) -> str:
        return f"{round(value, digits) + 0.0:{'+' if sign else ''}.{digits}f}"  # no −0.00

    text = shown(row["difference"] if "difference" in row else row["mean"])
    if row.get("low") is not None and row.get("high") is not None:
        text += f" ({shown(row['low'])} to {shown(row['high'])})"
    return text.replace("-", "−")


def _how_well(mine: Mapping[str, Any], name: str, metric: str) -> str:
    text = (
        f"On rows held out of training, the chosen learner reaches {name} {interval(mine)}, 95% interval in brackets."
    )
    return text + (f" Guessing gives {CHANCE[metric]:g}." if metric in CHANCE else "")


def _against(
    results: Mapping[str, Any], metric: str, mine: Mapping[str, Any], simple: Mapping[str, Any]
) -> tuple[str, str]:
    other = f"the best simple baseline, {simple['name']} ({simple['mean']:.2f})"
    pair = differences(results, metric).get(str(simple["name"]))
    if pair is None or pair.get("low") is None or pair.get("high") is None:
        return "unknown", f"Whether the chosen learner is better than {other} was not tested in pairs."
    good, bad = (
        (pair["high"] < 0, pair["low"] > 0) if metric in SMALLER_IS_BETTER else (pair["low"] > 0, pair["high"] < 0)
    )
    by = f"paired difference {interval(pair, sign=True)}"
    if good:
        return "better", f"The chosen learner is better than {other}: {by}."
    if bad:
        return "worse", f"The chosen learner is worse than {other}: {by}. Use the baseline."
    return "unclear", f"The chosen learner is not shown to be better than {other}: {by}, which includes zero."


def _rival(results: Mapping[str, Any], metric: str, rival: Mapping[str, Any]) -> str:
    text = f"In hindsight the best single learner is {rival['name']}, {interval(rival)}"
    pair = differences(results, metric).get(str(rival["name"]))
    if pair is None or pair.get("low") is None or pair.get("high") is None:
        return text + "."
    apart = pair["low"] > 0 or pair["high"] < 0
    return f"{text}; chosen minus it is {interval(pair, sign=True)}" + ("." if apart else ", no difference that holds.")


def _permuted(control: Mapping[str, Any], chance: float | None) -> str:
    metric = str(control.get("metric", ""))
    text = f"With permuted labels the same procedure gives {METRIC.get(metric, metric)} {interval(control)}"
    if chance is None or metric in SMALLER_IS_BETTER:
        return text + "."
    outside = control.get("low") is not None and not control["low"] <= chance <= control["high"]
    if outside and control["mean"] > chance:
        return text + ": above guessing, so look for leakage before you believe the rest."
    return text + ", about guessing, as it should be."


def _shuffled(control: Mapping[str, Any], graph: Mapping[str, Any], metric: str) -> str:
    """What the links of the graph are worth to the network that learns on them."""
    text = f"With the links of the graph shuffled, {graph['name']} reaches {interval(control)} instead of {graph['mean']:.2f}"
    low, high = graph.get("low"), graph.get("high")
    if low is None or high is None:
        return text + "."
    falls = control["mean"] > high if metric in SMALLER_IS_BETTER else control["mean"] < low
    return text + (": it uses who is linked to whom." if falls else ": nothing shows that it needs the links.")


def _alone(controls: Mapping[str, Any]) -> list[str]:
    """Controls that get above guessing: how people were measured tells something of the outcome."""
    said = []
    for name, text in _ALONE.items():
        control = controls.get(name) or {}
        chance = CHANCE.get(str(control.get("metric")))
        if chance is not None and control.get("low") is not None and control["low"] > chance:
            said.append(
                f"{text} {METRIC.get(control['metric'], control['metric'])} {interval(control)}: how people were "
                "measured tells part of the outcome, and a learner may have learnt that."
            )
    return said


def warnings(n: int, events: int | None, features: Mapping[str, int], said: Sequence[str]) -> list[str]:
    """What the run warned of, and what follows from its size.

    Args:
        n: subjects. events: those with the event, or in the smallest class; None unknown.
        features: features by layer.
    """
    out = list(said)
    if n < 100:
        out.append(
            f"Only {n:,} subjects: intervals are wide, and the ranking of learners may change with another seed."
        )
    total = sum(features.values())
    if events is not None and events < 50:
        out.append(f"Only {events:,} rows with the event (or in the smallest class): figures rest on few cases.")
    if events and total and events / total < 10:
        ratio = events / total
        per = f"{ratio:.1f}" if ratio >= 0.1 else f"{ratio:.2g}"
        out.append(
            f"{per} events per candidate variable ({events:,} events, {total:,} variables): only regularised learners "
            "make sense here, and effects of single features are shrunken."
        )
    return list(dict.fromkeys(out))
