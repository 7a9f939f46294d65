"""Checks for leakage, on tables alone: words, ids, and what must not alarm."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from quality_study import clean

from clinome.loaders.tables import NEVER
from clinome.models.base.snapshot import derived
from clinome.models.statistics.data_quality.finding import LEAKS, SECTIONS, Finding
from clinome.models.statistics.leakage import labels, names, splits, times
from clinome.models.statistics.leakage.audited import Audited
from clinome.models.statistics.leakage.check import CHECKS
from clinome.models.statistics.leakage.outcome_words import FAMILIES, named, tokens, words_of


def audited(seed: int = 0, task: str = "binary") -> Audited:
    data, snapshot = clean(seed, task=task)
    assert snapshot.events is not None
    days = (pl.col("prediction_time") - pl.col("time")).dt.total_microseconds() / 86_400_000_000.0
    frozen = replace(snapshot, events=snapshot.events.with_columns(days=days, visit=pl.lit(None, pl.Int64)))
    return Audited(data, frozen, snapshot.rows, words=words_of(["readmitted"]))


STUDY = audited()
"""Not changed by any test."""


@pytest.mark.parametrize("task", ["binary", "multiclass", "survival"])
def test_no_check_alarms_where_the_outcome_is_by_lot(task: str) -> None:
    study = audited(1, task)
    assert [one.kind for check in CHECKS for one in check(study)] == []


def test_an_outcome_that_is_a_list_or_a_number_is_looked_at_as_far_as_that_goes() -> None:
    study = STUDY
    many = pl.Series("label", [[1, 0]] * study.snapshot.rows.height)
    numbers = pl.Series("label", range(study.snapshot.rows.height)).cast(pl.Float64)
    few = (labels.one_class, labels.death_before, labels.code_before, labels.history_labels, times.with_one_outcome)
    for label in (many, numbers):
        rows = study.snapshot.rows.with_columns(label)
        other = replace(study, snapshot=replace(derived(study.snapshot), rows=rows), frame=rows)
        assert other.outcome is None and other.positive is None
        assert [one.kind for check in few for one in check(other)] == []


def test_what_is_never_known_by_intent_is_no_finding() -> None:
    study = STUDY
    assert study.data.events is not None
    code = study.data.events["code"]
    for gone, n in ((code == "ICD10CM:I10", 0), (pl.Series(range(len(code))) % 4 == 0, 1), (code != "LOINC:718-7", 1)):
        at = pl.when(gone).then(pl.lit(NEVER)).otherwise("known_time").alias("known_time")
        changed = replace(study, data=replace(study.data, events=study.data.events.with_columns(at)))
        assert len(list(times.never_known(changed))) == n


@settings(deadline=None)
@given(st.text(min_size=1, max_size=20))
def test_a_name_of_the_past_gives_nothing_away(name: str) -> None:
    assert named(f"prior_{name}_death", FAMILIES["death"]) is None
    assert tokens(name) == tokens(name.replace("_", " "))


@pytest.mark.parametrize(
    ("name", "word"),
    [("hospitalExpireFlag", None), ("hospital_expired", "expired"), ("readmitted", None), ("vital_status", "vital"),
     ("death_date", "death"), ("deathcap", None), ("history of death", None), ("age", None)],
)  # fmt: skip
def test_names_by_whole_words(name: str, word: str | None) -> None:
    assert named(name, words_of(["mortality_30d"])) == word


def test_the_words_of_a_label_are_its_own_and_its_family() -> None:
    assert {"subtype", "luminal"} <= words_of(["subtype", "Luminal A"]) and "a" not in words_of(["Luminal A"])
    assert words_of(["label", "event", "status"]) == frozenset()


@settings(deadline=None)
@given(st.lists(st.from_regex(r"[a-z]{1,3}[-_]?[0-9]{1,4}", fullmatch=True), min_size=2, max_size=8, unique=True))
def test_ids_are_one_by_case_separators_and_zeros(ids: list[str]) -> None:
    def plain(one: str) -> tuple[str, ...]:
        word = one.replace("_", "-").lower()
        letters = word.rstrip("0123456789")
        return (letters.rstrip("-"), "-" if letters.endswith("-") else "", str(int(word[len(letters) :])))

    found = list(splits.same_ids(replace(STUDY, data=replace(STUDY.data, subjects=tuple(ids)))))
    alike = [one for one in ids if sum(plain(one) == plain(other) for other in ids) > 1]
    assert [set(one.subjects) for one in found] == ([set(alike)] if alike else [])


def test_an_earlier_label_is_found_in_covariates_too() -> None:
    """Two rows a patient: the second knows the label of the first."""
    study = STUDY
    rows = study.snapshot.rows.with_columns(pl.col("label").cast(pl.Int64))
    later = rows.with_columns(pl.col("prediction_time") + timedelta(days=90), label=1 - pl.col("label"))
    both = pl.concat([rows, later]).sort("subject_id", "prediction_time")
    held = both.select(last=pl.when(pl.int_range(pl.len()) % 2 == 1).then(pl.col("label").shift(1)).cast(pl.String))
    snapshot = replace(derived(study.snapshot), rows=both, covariates=held, events=None)
    (found,) = labels.history_labels(replace(study, snapshot=snapshot, frame=both))
    assert (found.where, found.severity, found.facts["block"]) == ("last", "serious", "covariates")
    age = both.select(age=pl.int_range(pl.len()) % 7)
    quiet = replace(snapshot, covariates=age)
    assert list(labels.history_labels(replace(study, snapshot=quiet, frame=both))) == []


def test_standard_codes_are_judged_by_no_word() -> None:
    """Sepsis before the prediction is a diagnosis like any other; a column called so is not."""
    study = replace(STUDY, words=words_of(["sepsis"]))
    assert study.snapshot.events is not None
    for code, n in (("ICD10CM:sepsis", 0), ("VALUE:sepsis_flag", 1), ("VALUE:previous_sepsis", 0)):
        events = study.snapshot.events.with_columns(code=pl.lit(code))
        assert (
            len(list(names.outcome_in_name(replace(study, snapshot=replace(derived(study.snapshot), events=events)))))
            == n
        )


def test_a_finding_has_a_section_of_quality_or_a_leak() -> None:
    assert len(LEAKS) == 9 and not set(LEAKS) & set(SECTIONS)
    with pytest.raises(ValueError, match="a finding of 'elsewhere'"):
        Finding("elsewhere", "x", "note", "")
