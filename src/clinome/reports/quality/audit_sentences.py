"""Sentences of an audit: what a finding says, how sure it is, what to do; one entry a kind, from its facts alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from clinome.plots.style import short
from clinome.reports.format import fraction, p_value
from clinome.reports.quality.sentences import sentence as quality_sentence

if TYPE_CHECKING:
    from clinome.models.statistics.data_quality.finding import Finding

Facts = Mapping[str, Any]

TITLES = {
    "after_outcome": "Inputs from after the outcome",
    "same_discharge": "Inputs of the same discharge as the label",
    "membership": "Labels decided by cohort membership",
    "look_ahead": "Cohort steps that look past the prediction time",
    "too_good": "Single features that are too good",
    "both_sides": "Subjects on both sides of a split",
    "near_duplicates": "Near-duplicates",
    "words": "Outcome words in names and texts",
    "order": "Order of label and prediction time",
}
"""Leak -> its heading."""

MEANING = {"serious": "a leak, mend before training", "check": "may be meant so: look", "note": "good to know"}
CERTAIN, TESTED, BY_NAME = "certain, from the data", "by test", "by its name only"


@dataclass(frozen=True)
class Words:
    """One kind of finding. sure: how sure it is. fix: what to do."""

    say: Callable[[Facts, str], str]
    sure: str
    fix: str


def sentence(finding: Finding) -> str:
    """What a finding says."""
    said = KINDS.get(finding.kind)
    return quality_sentence(finding) if said is None else said.say(finding.facts, finding.where)


def sure(finding: Finding) -> str:
    """How sure it is."""
    return (
        KINDS[finding.kind].sure
        if finding.kind in KINDS
        else TESTED
        if finding.section == "near_duplicates"
        else CERTAIN
    )


def fix(finding: Finding) -> str:
    """What to do."""
    return KINDS[finding.kind].fix if finding.kind in KINDS else _OF_QUALITY[finding.kind]


def share(finding: Finding) -> float | None:
    """The share of rows that a finding is about, where it is about rows."""
    facts = finding.facts
    n = facts.get("rows", facts.get("n", facts.get("gone")))
    return n / facts["of"] if isinstance(n, int) and facts.get("of") else None


def summary(counts: Mapping[str, int], rows: int, patients: int) -> str:
    """counts: findings by severity."""
    looked = f"{rows:,} rows of {patients:,} patients"
    if not any(counts.values()):
        return f"Leakage audit: no leak found ({looked})."
    notes = "1 note" if counts["note"] == 1 else f"{counts['note']} notes"
    said = {"serious": f"{counts['serious']} serious", "check": f"{counts['check']} to check", "note": notes}
    return f"Leakage audit: {', '.join(said[severity] for severity in MEANING if counts[severity])} ({looked})."


def not_looked(leak: str, why: str) -> str:
    return f"{TITLES[leak]}: not looked for ({why.rstrip('.')})."


def _rows(n: int) -> str:
    return "1 row" if n == 1 else f"{n:,} rows"


def _patients(n: int) -> str:
    return "1 patient" if n == 1 else f"{n:,} patients"


def _of_block(f: Facts, where: str) -> str:
    return f"{short(where, 60)} ({f['block']})"


def _times(f: Facts) -> str:
    if f.get("undated"):
        return f"; {fraction(f['undated'])} of its events carry no date, and pass the fence for it"
    return (
        f"; {fraction(f['at_once'])} of its events are from the very moment of the prediction"
        if f.get("at_once")
        else ""
    )


def _never_known(f: Facts, where: str) -> str:
    return f"{where}: of {f['n']:,} of {f['of']:,} events nobody says when they were known: they are no inputs."


def _undated_after(f: Facts, where: str) -> str:
    return (
        f"{where} is an undated input of {_rows(f['rows'])}, and where it has a date ({f['dated']:,} events) it lies after the "
        f"prediction in {fraction(f['late'])}."
    )


def _with_one_outcome(f: Facts, where: str) -> str:
    what = {"layer": f"Layer {where}", "covariate": f"Covariate {where}"}[f["what"]]
    return (
        f"{what} is missing in {fraction(f['least'])} where the outcome is {short(f['least_in'], 30)}, in {fraction(f['most'])} where it is "
        f"{short(f['most_in'], 30)} (q = {p_value(f['q'])}): recorded after the outcome?"
    )


def _coded_at_discharge(f: Facts, where: str) -> str:
    return (
        f"{where}: {_rows(f['rows'])} of {f['of']:,} have diagnoses or procedures ({f['codes']:,} codes) of a visit that goes on at their "
        f"prediction time; {fraction(f['at_start'])} of them are known on its first day."
    )


def _death_in_inputs(f: Facts, _: str) -> str:
    return f"Death is an input of {_rows(f['n'])} of {f['of']:,}."


def _label_of_ended_visit(f: Facts, where: str) -> str:
    return f"{where}: the label is decided by the {_what(f)} of a visit that has ended when the prediction is made ({_rows(f['n'])} of {f['of']:,})."


def _what(f: Facts) -> str:
    return str(f["what"]) if f["what"] == "length of the visit" else f"property {f['what']}"


def _one_class(f: Facts, where: str) -> str:
    return f"All {_rows(f['n'])} have the label {short(f['class'], 30)} ({where}): membership in the cohort decides it."


def _later_visit_needed(f: Facts, _: str) -> str:
    return (
        f"All {_rows(f['n'])} have a later visit, and {_patients(f['outside'])} with one visit only are not in the cohort: "
        "to be in it is to have come back."
    )


_FUTURES = {
    "nothing": "nothing had been recorded after their prediction time",
    "death": "their patients had died right after it",
    "return": "their patients had come back ten days after it",
}


def _looks_ahead(f: Facts, _: str) -> str:
    at = f", at the step “{short(f['step'], 60)}”" if f["step"] else ""
    return (
        f"{f['gone']:,} of {_rows(f['of'])} that were tried would not be in the cohort if {_FUTURES[f['future']]}{at}."
    )


_TELLS = {"label": "the label", "event": "the event", "duration_days": "the duration"}


def _outcome_copy(f: Facts, where: str) -> str:
    tells = _TELLS.get(f["tells"], f["tells"].replace("label=", "class ").replace("event=", "event "))
    how = "whether it is known tells" if f["by"] == "missing" else "tells"
    return f"{_of_block(f, where)} {how} {tells} in every one of {_patients(f['rows'])}{_times(f)}."


def _too_good_alone(f: Facts, where: str) -> str:
    return (
        f"{_of_block(f, where)} alone has {f['measure']} {f['value']:.3f} ({_patients(f['rows'])}; for permuted labels "
        f"{f['low']:.2f} to {f['high']:.2f}){_times(f)}: more than is plausible before the outcome."
    )


def _of_one_class(f: Facts, where: str) -> str:
    more = f", as {f['others']:,} others do" if f["others"] else ""
    return f"{_of_block(f, where)}: nearly all of {_patients(f['rows'])} who have it have the outcome {short(f['class'], 30)}{more}{_times(f)}."


def _subject_on_both_sides(f: Facts, _: str) -> str:
    who = "1 subject lies" if f["n"] == 1 else f"{f['n']:,} subjects lie"
    return f"{who} in two splits of one fold."


def _same_id(f: Facts, _: str) -> str:
    return (
        f"{_patients(f['patients'])} have ids that differ by case, separators or leading zeros only, and may be {f['persons']:,}: "
        "the one trains for the other."
    )


def _alike_across_split(f: Facts, _: str) -> str:
    pairs = "1 pair of patients looks" if f["pairs"] == 1 else f"{f['pairs']:,} pairs of patients look"
    return f"{pairs} like the same person by {f['block']}, on both sides of a split."


def _covariate_refused(f: Facts, where: str) -> str:
    return f"Covariate {where}: {f['why']}."


def _outcome_in_name(f: Facts, where: str) -> str:
    return f"{_of_block(f, where)} is called like the outcome (“{f['word']}”)."


def _outcome_in_text(f: Facts, where: str) -> str:
    return (
        f"Texts of {where}: “{f['word']}” stands in those of {fraction(f['most'])} where the outcome is {short(f['most_in'], 30)}, of "
        f"{fraction(f['least'])} where it is {short(f['least_in'], 30)} (p = {p_value(f['p'])})."
    )


def _event_before(f: Facts, _: str) -> str:
    return f"The outcome itself ({f['what']}) lies at or before the prediction time in {f['n']:,} of {_rows(f['of'])} that have it."


def _no_time_at_risk(f: Facts, _: str) -> str:
    return f"{_patients(f['n'])} of {f['of']:,} have a duration of zero or less, and were left out."


def _history_label(f: Facts, where: str) -> str:
    return (
        f"{_of_block(f, where)} holds the label of the patient’s row before ({fraction(f['purity'])} of {_rows(f['n'])}); by it the share of the "
        f"commonest label goes from {fraction(f['low'])} to {fraction(f['high'])}."
    )


KINDS: Mapping[str, Words] = {
    "never_known": Words(_never_known, CERTAIN, "Name a column as known_time, or the visit's end, if they shall be inputs."),
    "undated_after": Words(_undated_after, TESTED, "Give these events their dates, or leave the code out."),
    "with_one_outcome": Words(_with_one_outcome, TESTED, "Ask when it is recorded; leave it out if that is after the outcome."),
    "coded_at_discharge": Words(_coded_at_discharge, "likely: such codes are given when the visit ends",
                                "Set known_time to the visit's end, or predict at the end of the visit."),
    "death_in_inputs": Words(_death_in_inputs, CERTAIN, "Leave out rows of patients who have died, or correct the time of death."),
    "label_of_ended_visit": Words(_label_of_ended_visit, CERTAIN, "Predict earlier, before the visit ends, or predict what follows it."),
    "one_class": Words(_one_class, CERTAIN, "Let the query also return those without the outcome."),
    "later_visit_needed": Words(_later_visit_needed, CERTAIN, "Keep patients with one visit: nobody knows at its end that none follows."),
    "looks_ahead": Words(_looks_ahead, CERTAIN, "Ask in the query only for what lies at or before the prediction time."),
    "outcome_copy": Words(_outcome_copy, TESTED, "Leave it out, unless it was measured before the outcome."),
    "too_good_alone": Words(_too_good_alone, TESTED, "Ask when and from what it is made; leave it out if that is the outcome."),
    "of_one_class": Words(_of_one_class, TESTED, "Ask whether it is given before the outcome is known."),
    "subject_on_both_sides": Words(_subject_on_both_sides, CERTAIN, "Give each subject one split a fold."),
    "same_id": Words(_same_id, BY_NAME, "If they are one person, write the id in one way."),
    "alike_across_split": Words(_alike_across_split, TESTED, "If they are one person, give them one subject_id."),
    "covariate_refused": Words(_covariate_refused, CERTAIN, "Take it out of [task] covariates."),
    "outcome_in_name": Words(_outcome_in_name, BY_NAME, "Look whether it is known before the outcome; rename it or leave it out."),
    "outcome_in_text": Words(_outcome_in_text, TESTED, "Look when these texts were written; leave out those of the outcome itself."),
    "event_before": Words(_event_before, CERTAIN, "Let the query leave out rows that have had the event, or predict earlier."),
    "no_time_at_risk": Words(_no_time_at_risk, CERTAIN, "Check where durations begin: they count from the prediction time."),
    "history_label": Words(_history_label, TESTED, "Make earlier labels from what was known by then, or leave them out."),
}  # fmt: skip
"""What each kind of finding says."""

_OF_QUALITY = {
    "near_duplicates": "If they are one person, give them one subject_id.",
    "same_properties": "If they are one person, give them one subject_id.",
    "outside_life": "Correct the prediction time in the cohort query, or the dates.",
}
"""What to do about findings that data quality makes as well."""
