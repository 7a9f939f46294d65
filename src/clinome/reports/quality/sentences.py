"""Sentences of data quality: what a finding says, one function a kind, from its facts alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from clinome.loaders.identifiers.curie import BIRTH
from clinome.plots.style import short
from clinome.reports.format import brief, fraction, p_value

if TYPE_CHECKING:
    from clinome.models.base.snapshot import Snapshot
    from clinome.models.statistics.data_quality.check import DataQuality
    from clinome.models.statistics.data_quality.finding import Finding

Facts = Mapping[str, Any]

TITLES = {
    "missing": "Missing data",
    "confounding": "Batches and sites",
    "values": "Values and units",
    "duplicates": "Duplicates",
    "identifiers": "Identifiers and rows",
    "time": "Chronology",
    "drift": "Drift over calendar time",
}
"""Section -> its heading."""

MEANING = {
    "serious": "results would be wrong or too good: mend before training",
    "check": "may be meant so: look",
    "note": "good to know",
}


def sentence(finding: Finding) -> str:
    """What a finding says."""
    return SENTENCES[finding.kind](finding.facts, finding.where)


def summary(counts: Mapping[str, int], patients: int, sources: int) -> str:
    """counts: findings by severity."""
    looked = f"{_people(patients)}, {_count(sources, 'source')}"
    if not any(counts.values()):
        return f"Data quality: no fault found ({looked})."
    notes = "1 note" if counts["note"] == 1 else f"{counts['note']} notes"
    said = {"serious": f"{counts['serious']} serious", "check": f"{counts['check']} to check", "note": notes}
    each = ", ".join(said[severity] for severity in MEANING if counts[severity])
    return f"Data quality: {each} ({looked})."


def not_tested(why: str, snapshot: Snapshot | None, found: DataQuality) -> str:
    """Why nothing was tested against the outcome; "" where something was."""
    if found.tested:
        return ""
    if snapshot is None:
        return f"Nothing was tested against the outcome: {why.rstrip('.')}."
    if found.testable:
        return "Nothing was tested against the outcome: no input is missing, and no batch, site or date is known."
    return "Nothing was tested against the outcome: too few patients have one, or all have the same."


def tested(tests: int) -> str:
    return (
        f"{_count(tests, 'test')} against the outcome (availability of inputs, batches and sites, calendar time), one patient a row; "
        "q: Benjamini–Hochberg over all of them."
    )


def outcome_by(by: str, measure: str) -> str:
    """Below a figure of the outcome by group."""
    return f"Outcome by {by}: {measure}. Groups of fewer than five patients together."


def _people(n: int) -> str:
    return "1 patient" if n == 1 else f"{n:,} patients"


def _count(n: int, what: str) -> str:
    return f"1 {what}" if n == 1 else f"{n:,} {what}s"


def _names(names: Sequence[str], most: int = 4) -> str:
    shown = ", ".join(short(str(name), 40) for name in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most:,} more"


def _of(facts: Facts) -> str:
    return f"q = {p_value(facts['q'])}"


def _no_data(f: Facts, _: str) -> str:
    return f"{_people(f['patients'])} of {f['of']:,} have neither a layer nor a record."


def _cells(f: Facts, _: str) -> str:
    return f"Layer {f['layer']}: {fraction(f['share'])} of the cells of its samples are missing."


def _features(f: Facts, _: str) -> str:
    return (
        f"Layer {f['layer']}: {f['features']:,} of {f['of']:,} features are missing in more than half of the samples."
    )


def _samples(f: Facts, _: str) -> str:
    return f"Layer {f['layer']}: {_people(f['patients'])} of {f['of']:,} lack more than half of its features."


def _empty_properties(f: Facts, whose: str) -> str:
    return f"Properties of {whose} without any value: {_names(f['names'])}."


def _properties(f: Facts, whose: str) -> str:
    each = [f"{name} {fraction(share)}" for name, share in zip(f["names"], f["shares"], strict=True)]
    return f"Properties of {whose} that are often missing: {_names(each)}."


_MISSING = {"layer": "Layer {} is missing", "cells": "Cells of layer {} are missing", "covariate": "Covariate {} is missing",
            "records": "Records are missing"}  # fmt: skip


def _not_at_random(f: Facts, _: str) -> str:
    what = _MISSING[f["what"]].format(f["name"])
    share = "" if f["what"] != "cells" else " of the cells"
    sides = f"{fraction(f['most'])}{share} where the outcome is {short(f['most_in'], 30)}, {fraction(f['least'])} where it is {short(f['least_in'], 30)}"
    return f"{what} not at random: {sides} ({_of(f)})."


def _features_not_at_random(f: Facts, _: str) -> str:
    return (
        f"Layer {f['layer']}: {f['features']:,} of {f['of']:,} features with missing values are missing more often with one outcome "
        "(q < 0.01)."
    )


def _codes_not_at_random(f: Facts, _: str) -> str:
    return (
        f"Whether it was measured goes with the outcome for {f['codes']} of {f['of']} codes with values (q < 0.05), first of all "
        f"{_names(f['names'], 3)}: measurement is informative."
    )


def _constant_features(f: Facts, _: str) -> str:
    return f"Layer {f['layer']}: {f['features']:,} of {f['of']:,} features have one value only."


def _outcome_by_group(f: Facts, _: str) -> str:
    name, groups = f["name"], f["groups"]
    if f["measure"] == "O/E":
        span = f"observed to expected events from {f['low']:.2f} to {f['high']:.2f} in groups of 20 or more"
        return f"Survival differs by {name} ({groups} groups; {span}; log-rank {_of(f)}): confounding, hold out whole groups."
    v = f"Cramér’s V {f['value']:.2f} (95% CI {f['low']:.2f} to {f['high']:.2f})"
    return f"The outcome differs by {name} ({groups} groups; {v}; {_of(f)}): confounding, hold out whole groups."


def _corrected_outcome(f: Facts, _: str) -> str:
    told = (
        f"observed to expected events from {f['low']:.2f} to {f['high']:.2f}"
        if f["measure"] == "O/E"
        else f"Cramér’s V {f['value']:.2f} (95% CI {f['low']:.2f} to {f['high']:.2f})"
    )
    return (
        f"Layer {f['layer']} is corrected by batch ({f['correct']}), and the outcome differs by batch ({told}; {_of(f)}): the correction "
        'takes part of the outcome away with the batch. Compare with correct = "none", and believe neither beyond these batches.'
    )


def _variance_by_group(f: Facts, _: str) -> str:
    return (
        f"Layer {f['layer']}: {f['name']} explains {fraction(f['share'])} of the variance of its first components "
        f"({f['groups']} groups, {_of(f)}): batch effect."
    )


def _missing_code(f: Facts, where: str) -> str:
    code = f"{f['code']:g}"
    return (
        f"{where}: {code} stands {_count(f['values'], 'time')} among {f['of']:,} values ({_people(f['patients'])}) and most likely means "
        f"“missing”; add it to `missing = […]` of its section."
    )


def _layer_missing_code(f: Facts, _: str) -> str:
    return (
        f"Layer {f['layer']}: {f['code']:g} stands in {_count(f['values'], 'cell')} of {_count(f['features'], 'feature')} and most likely "
        "means “missing”; add it to `missing = […]` of its section."
    )


def _impossible(f: Facts, where: str) -> str:
    below = f", {f['negative']:,} below zero" if f["negative"] else ""
    return f"{where}: {_count(f['values'], 'value')} of {f['of']:,} cannot be{below} ({_people(f['patients'])})."


def _age_unit(f: Facts, where: str) -> str:
    return f"{where}: the median is {brief(f['median'])}, which are no years: days or months?"


def _two_magnitudes(f: Facts, where: str) -> str:
    return (
        f"{where}: values of two magnitudes, {fraction(f['share'])} of {f['values']:,} apart from the rest by a factor of "
        f"{brief(f['ratio'])} (medians): two units?"
    )


def _several_units(f: Facts, where: str) -> str:
    units = [f"{unit or 'no unit'} ({n:,})" for unit, n in zip(f["units"], f["n"], strict=True)]
    units += [f"others ({f['rare']:,})"] if f["rare"] else []
    apart = ""
    medians = [m for m in f["medians"] if m]
    if len(medians) > 1 and min(medians) > 0:
        apart = f"; their medians differ by a factor of {brief(max(medians) / min(medians))}"
    return f"{where}: values in several units, {_names(units)}{apart}."


def _outliers(f: Facts, where: str) -> str:
    return f"{where}: {_count(f['values'], 'outlier')} of {f['of']:,} values ({_people(f['patients'])}; beyond 8 robust SD)."


def _infinite(f: Facts, _: str) -> str:
    return f"Layer {f['layer']}: {_count(f['cells'], 'cell')} of {_count(f['features'], 'feature')} are infinite: a logarithm of zero?"


_RULE = {"beta": "lie outside 0 to 1, while almost all are such shares (beta values)", "call": "lie outside −2 to 2, while almost all are such calls",
         "negative": "are negative, while the layer looks like counts or intensities"}  # fmt: skip


def _impossible_cells(f: Facts, _: str) -> str:
    return f"Layer {f['layer']}: {f['cells']:,} of {f['of']:,} cells ({_count(f['features'], 'feature')}) {_RULE[f['rule']]}."


def _not_logarithmic(f: Facts, _: str) -> str:
    return f'Layer {f["layer"]}: the values look like raw counts or intensities, not logarithms; `scale = "log1p"`?'


def _wild_cells(f: Facts, _: str) -> str:
    return f"Layer {f['layer']}: {fraction(f['share'])} of the cells lie beyond 10 robust SD of their feature (heavy tails)."


def _outlying_samples(f: Facts, _: str) -> str:
    return f"Layer {f['layer']}: {_people(f['patients'])} of {f['of']:,} lie far from everybody else."


def _near_duplicates(f: Facts, _: str) -> str:
    pairs = "1 pair of patients looks" if f["pairs"] == 1 else f"{f['pairs']:,} pairs of patients look"
    return (
        f"{pairs} like the same person by {f['block']}: if so, give them one subject_id, else one trains for the other."
    )


def _same_properties(f: Facts, _: str) -> str:
    pairs = "1 pair of patients agrees" if f["pairs"] == 1 else f"{f['pairs']:,} pairs of patients agree"
    return f"{pairs} in all {f['properties']} properties, where chance would give none: the same person under two ids?"


def _rows_rejected(f: Facts, where: str) -> str:
    return f"{where}: {f['rejected']:,} of {f['read']:,} rows were rejected ({fraction(f['share'])}); rejects.csv says why."


def _few_rows_rejected(f: Facts, _: str) -> str:
    return f"{_count(f['rejected'], 'row')} rejected, at most 1% of a source ({_names(f['sources'])}); rejects.csv says why."


def _cells_lost(f: Facts, where: str) -> str:
    return (
        f"{where}: {_count(f['cells'], 'cell')} could not be read and became missing (column {_names(f['columns'])})."
    )


def _names_unmapped(f: Facts, where: str) -> str:
    return (
        f"{where}: {f['names']:,} of {f['of']:,} names are in no gene table: they meet no pathway and no other layer. "
        "Name a table in [identifiers], or check `features`."
    )


def _code_coverage(f: Facts, _: str) -> str:
    exact, near, parent, nowhere = (
        fraction(f[kind] / max(f["codes"], 1)) for kind in ("exact", "near", "parent", "nowhere")
    )
    return (
        f"Of {_count(f['codes'], 'code')} of {f['vocabulary']}, {exact} map to a disease exactly, {near} nearly, {parent} through a "
        f"parent, {nowhere} nowhere; {f['patients_parent']:,} of {_people(f['patients'])} with one reach a gene, "
        f"{f['patients_own']:,} by a code itself."
    )


def _strangers(f: Facts, where: str) -> str:
    return f"{where}: {f['what']}: {f['n']:,}."


_RULES = {
    "before_birth": "before birth",
    "after_death": "more than a day after death",
    "before_observation": "before observation begins",
    "after_observation": "after observation ends",
    "future": "in the future",
}
_FACT = {"events": "event", "samples": "sample", "visits": "visit", "predictions": "prediction time"}


def _outside_life(f: Facts, _: str) -> str:
    lie = "lies" if f["n"] == 1 else "lie"
    return f"{_count(f['n'], _FACT[f['facts']])} of {f['of']:,} {lie} {_RULES[f['rule']]} ({_people(f['patients'])})."


def _shifted_dates(f: Facts, _: str) -> str:
    what = f"{_FACT[f['facts']]}s"
    return f"{f['n']:,} of {f['of']:,} {what} lie in the future: dates shifted by de-identification? Then calendar time means nothing."


def _death_before_birth(f: Facts, _: str) -> str:
    return f"{_people(f['patients'])} died before they were born."


def _observation_backwards(f: Facts, _: str) -> str:
    return f"Observation ends before it begins for {_people(f['patients'])}."


def _several_lives(f: Facts, _: str) -> str:
    what = "birth" if f["what"] == BIRTH else "death"
    return f"{_people(f['patients'])} with more than one day of {what}."


def _visits_backwards(f: Facts, _: str) -> str:
    return f"{_count(f['n'], 'visit')} of {f['of']:,} end before they begin ({_people(f['patients'])})."


def _visits_overlap(f: Facts, _: str) -> str:
    return f"{_count(f['n'], 'visit')} of {f['of']:,} overlap another one of the same patient by a day or more ({_people(f['patients'])})."


def _property_in_future(f: Facts, where: str) -> str:
    return f"{where}: a date in the future for {_people(f['patients'])}."


def _placeholder(f: Facts, where: str) -> str:
    return f"{where}: {f['day']} stands {_count(f['n'], 'time')} ({_people(f['patients'])}) and most likely means “not known”."


def _undated(f: Facts, _: str) -> str:
    return f"{f['n']:,} of {f['of']:,} {f['facts']} carry no date: the time fence takes them for static, and lets them through."


def _gap(f: Facts, where: str) -> str:
    return f"{where}: {_count(f['months'], 'month')} of {f['of']} without any event between busy ones: a part of the extract is missing?"


def _vocabulary(f: Facts, _: str) -> str:
    return (
        f"Codes of {f['vocabulary']} {'begin in' if f['side'] == 'begins' else 'end in'} {f['month']}, {fraction(f['share'])} of the records’ "
        f"time {'after they begin' if f['side'] == 'begins' else 'before they end'}: a change of coding."
    )


def _drift_of_values(f: Facts, where: str) -> str:
    return (
        f"{where}: values move with calendar time, median {brief(f['first'])} in the first third and {brief(f['last'])} in the "
        f"last ({f['patients']:,} patients, {_of(f)}): a new assay or unit?"
    )


def _drift_of_outcome(f: Facts, where: str) -> str:
    ends = (
        ""
        if f["first"] is None or f["last"] is None
        else f", {f['first']:.2f} in the first period and {f['last']:.2f} in the last"
    )
    return f"The outcome changes with {where}{ends} ({_of(f)}): evaluate by time (`[evaluate] after`)."


SENTENCES: dict[str, Callable[[Facts, str], str]] = {
    "no_data": _no_data,
    "cells": _cells,
    "features": _features,
    "samples": _samples,
    "empty_properties": _empty_properties,
    "properties": _properties,
    "not_at_random": _not_at_random,
    "features_not_at_random": _features_not_at_random,
    "codes_not_at_random": _codes_not_at_random,
    "constant_features": _constant_features,
    "outcome_by_group": _outcome_by_group,
    "corrected_outcome": _corrected_outcome,
    "variance_by_group": _variance_by_group,
    "missing_code": _missing_code,
    "layer_missing_code": _layer_missing_code,
    "impossible": _impossible,
    "age_unit": _age_unit,
    "two_magnitudes": _two_magnitudes,
    "several_units": _several_units,
    "outliers": _outliers,
    "infinite": _infinite,
    "impossible_cells": _impossible_cells,
    "not_logarithmic": _not_logarithmic,
    "wild_cells": _wild_cells,
    "outlying_samples": _outlying_samples,
    "near_duplicates": _near_duplicates,
    "same_properties": _same_properties,
    "rows_rejected": _rows_rejected,
    "few_rows_rejected": _few_rows_rejected,
    "cells_lost": _cells_lost,
    "names_unmapped": _names_unmapped,
    "code_coverage": _code_coverage,
    "strangers": _strangers,
    "ambiguous": _strangers,
    "outside_life": _outside_life,
    "shifted_dates": _shifted_dates,
    "death_before_birth": _death_before_birth,
    "observation_backwards": _observation_backwards,
    "several_lives": _several_lives,
    "visits_backwards": _visits_backwards,
    "visits_overlap": _visits_overlap,
    "property_in_future": _property_in_future,
    "placeholder": _placeholder,
    "undated": _undated,
    "gap": _gap,
    "vocabulary": _vocabulary,
    "drifting_values": _drift_of_values,
    "drifting_outcome": _drift_of_outcome,
}
"""Kind of a finding -> what it says: facts and `where` in, one sentence or two out."""
