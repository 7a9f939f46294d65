"""Names and texts of inputs: columns, features and codes called like the outcome, notes that tell it, death itself."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl
from scipy import sparse

from ....loaders.identifiers.curie import DEATH
from ..data_quality.finding import CHECK, SERIOUS, Finding, ids
from .audited import Audited
from .outcome_words import ALWAYS, families_of, named

MADE_OF_NAMES = ("VALUE", "DRUG", "MEDS", "TIMELINE", "opaque", "LABEL")
"""Vocabularies whose codes are names that somebody gave: of others a word says what is ill, not how it ends."""
_CHANCE, _MOST_ROWS = 1e-3, 5_000


def refused(study: Audited) -> Iterator[Finding]:
    """Covariates that the cohort refuses: they are the label, or tell it in every row."""
    for name, why in study.refused.items():
        yield Finding("words", "covariate_refused", SERIOUS, name, {"why": why})


def outcome_in_name(study: Audited) -> Iterator[Finding]:
    """Inputs that are called like the outcome, and not like something earlier."""
    words = study.words | ({"disposition"} if families_of(study.words) & {"death", "stay"} else set())
    for block, name, called in _inputs(study):
        always = ALWAYS if block != "records" else ()
        word = named(called, {*words, *always})
        if word is not None and name != DEATH:
            yield Finding("words", "outcome_in_name", CHECK, name, {"block": block, "word": word})


def _inputs(study: Audited) -> Iterator[tuple[str, str, str]]:
    """(block, name, what it is called) of covariates, features, and codes that are names."""
    for column in study.snapshot.covariates.columns:
        yield "covariates", column, column
    for block, layer in study.snapshot.layers.items():
        for feature, symbol in layer.var.select("feature", "symbol").iter_rows():
            if str(feature).startswith("opaque:") or not symbol:
                yield block, feature, feature.partition(":")[2] or feature
    if study.snapshot.events is not None:
        for code in study.snapshot.events["code"].unique().sort():
            prefix, _, local = code.partition(":")
            if prefix in MADE_OF_NAMES:
                yield "records", code, local


def death_in_inputs(study: Audited) -> Iterator[Finding]:
    """Death among the inputs: whoever is predicted had died, or death has the wrong time."""
    events = study.snapshot.events
    if events is None:
        return
    row = events.filter(pl.col("code") == DEATH)["row"].unique()
    if len(row):
        who = study.rows.filter(pl.col("row").is_in(row.implode()))
        facts = {"n": len(row), "of": study.rows.height}
        yield Finding("same_discharge", "death_in_inputs", SERIOUS, DEATH, facts, ids(who["subject_id"]))


def outcome_in_text(study: Audited) -> Iterator[Finding]:
    """Words of the outcome in texts of the inputs, and in notes, of which those with one outcome have more; no text is
    quoted."""
    outcome = study.outcome
    if outcome is None or not study.words:
        return
    asked = outcome.row[:_MOST_ROWS]
    has = [*_in_events(study, asked), *_in_notes(study, asked)]
    if not has:
        return
    among = outcome.among(np.isin(outcome.row, asked))
    p = among.test(np.column_stack([there for *_, there in has]))
    for (word, code, there), one in zip(has, p, strict=True):
        if one * len(has) <= _CHANCE:
            classes = {name: float(there[among.label == name].mean()) for name in np.unique(among.label)}
            most = max(classes, key=lambda name: classes[name])
            least = min(classes, key=lambda name: classes[name])
            facts = {"word": word, "rows": int(there.sum()), "of": len(asked), "most_in": str(most), "most": classes[most],
                     "least_in": str(least), "least": classes[least], "p": float(one)}  # fmt: skip
            severity = SERIOUS if classes[least] < 0.01 and classes[most] >= 0.2 else CHECK
            yield Finding("words", "outcome_in_text", severity, code, facts)


Hits = Iterator[tuple[str, str, np.ndarray]]
"""A word, where it stands (a code, a section of notes), and (asked,) which rows have it."""


def _in_events(study: Audited, asked: np.ndarray) -> Hits:
    events = study.snapshot.events
    if events is None:
        return
    texts = events.filter(pl.col("row").is_in(asked.tolist()), pl.col("text_value").is_not_null())
    texts = texts.select("row", "code", text=pl.col("text_value").str.to_lowercase())
    for word in sorted(study.words):
        hit = texts.filter(pl.col("text").str.contains(rf"\b{word}\b"))
        if hit.height:
            yield word, str(hit["code"].mode().sort()[0]), np.isin(asked, hit["row"].unique().to_numpy())


def _in_notes(study: Audited, asked: np.ndarray) -> Hits:
    """Of notes a snapshot holds the terms: what stands in those of few patients is no input."""
    for name, view in study.snapshot.views.items():
        place = {term: j for j, term in enumerate(view.var["feature"])} if sparse.issparse(view.values) else {}
        for word in sorted(study.words & place.keys()):
            yield word, name, np.asarray((view.values[asked][:, [place[word]]] > 0).toarray().ravel())
