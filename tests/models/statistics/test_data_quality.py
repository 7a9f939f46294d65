"""Data quality: every planted fault is found and says what it is; a study without one has no finding."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from quality_study import START, TODAY, clean

from clinome.graphs.snapshot.snapshot import Snapshot
from clinome.loaders.files.ledger import MISSING_CELL
from clinome.models.statistics.data_quality.check import DataQuality, check
from clinome.models.statistics.data_quality.finding import Finding
from clinome.models.statistics.data_quality.outcome import Outcome
from clinome.models.statistics.data_quality.study_data import LayerData, StudyData
from clinome.reports.quality.sentences import SENTENCES, sentence

Study = tuple[StudyData, Snapshot]


def there(table: pl.DataFrame | None) -> pl.DataFrame:
    assert table is not None
    return table


def patients(study: Study, **columns: pl.Expr | pl.Series) -> Study:
    return replace(study[0], patients=study[0].patients.with_columns(**columns)), study[1]


def layer(study: Study, name: str, change: Callable[[np.ndarray], object]) -> Study:
    """The study with one layer's values changed in place."""

    def one(old: LayerData) -> LayerData:
        if old.name != name:
            return old
        values = np.array(old.values)
        change(values)
        return replace(old, values=values)

    return replace(study[0], layers=tuple(map(one, study[0].layers))), study[1]


def events(study: Study, *rows: tuple[str, datetime | None, str, float | None, str | None]) -> Study:
    """The study with these events besides: subject, time, code, value, unit."""
    columns = ["subject_id", "time", "code", "numeric_value", "unit"]
    more = pl.DataFrame(
        rows, columns, orient="row", schema_overrides={"time": pl.Datetime("us")}, infer_schema_length=None
    )
    more = more.with_columns(source=pl.lit("records.ehr"))
    return replace(study[0], events=pl.concat([there(study[0].events), more], how="diagonal_relaxed")), study[1]


def changed(study: Study, code: str, value: pl.Expr | None = None, **columns: pl.Expr) -> Study:
    """The study with the values of one code changed."""
    mine = pl.col("code") == code
    new = {"numeric_value": value, **columns} if value is not None else columns
    table = there(study[0].events).with_columns(
        pl.when(mine).then(e).otherwise(pl.col(c)).alias(c) for c, e in new.items()
    )
    return replace(study[0], events=table), study[1]


def snapshot(study: Study, **fields: Any) -> Study:
    return study[0], replace(study[1], **fields)


LABEL = "label"
N = pl.int_range(pl.len())
GLUCOSE = "LOINC:2345-7"
LATE = datetime(2019, 6, 1)


def put(rows: slice | int, columns: slice | int, value: float) -> Callable[[np.ndarray], None]:
    def change(x: np.ndarray) -> None:
        x[rows, columns] = value

    return change


def batches(study: Study) -> Study:
    label = study[1].rows[LABEL]
    plate = pl.select(pl.when(label == 1).then(pl.lit("a")).otherwise(pl.lit("b"))).to_series()
    return snapshot(study, origin=pl.DataFrame({"rna batch": plate}))


def corrected_batches(study: Study) -> Study:
    data, cohort = batches(study)
    layers = {**cohort.layers, "rna": replace(cohort.layers["rna"], correct="combat")}
    return data, replace(cohort, layers=layers)


def covariate_by_outcome(study: Study) -> Study:
    label = study[1].rows[LABEL]
    known = pl.when((label == 1) | (N % 3 > 0)).then("age")
    return snapshot(study, covariates=study[1].covariates.with_columns(age=known))


def features_by_outcome(study: Study) -> Study:
    rna, hit = study[1].layers["rna"], study[1].rows[LABEL].to_numpy() == 1
    values = np.array(rna.values)
    values[np.ix_(hit & (np.arange(len(hit)) % 2 > 0), range(10))] = np.nan
    return snapshot(study, layers={**study[1].layers, "rna": replace(rna, values=values)})


def codes_by_outcome(study: Study) -> Study:
    hit = pl.Series(study[1].rows[LABEL] == 1)
    before = there(study[1].events).filter(
        ~((pl.col("code") == GLUCOSE) & pl.col("row").is_in(hit.arg_true().implode()))
    )
    return snapshot(study, events=before)


def outcome_by_time(study: Study) -> Study:
    rows = study[1].rows.sort("prediction_time")
    return snapshot(
        study,
        rows=study[1].rows.with_columns(
            label=(pl.col("prediction_time") > rows["prediction_time"][120]).cast(pl.Int64)
        ),
    )


def shifted_batch(study: Study) -> Study:
    plate = study[0].layers[0].samples["batch"].to_numpy() == "a"

    def change(x: np.ndarray) -> None:
        x[plate] += 4

    return layer(study, "rna", change)


def twins(study: Study) -> Study:
    people = study[0].patients
    copy = people.head(2).with_columns(subject_id=pl.Series(["twin0", "twin1"]))
    return replace(
        study[0], patients=pl.concat([people, copy]), subjects=(*study[0].subjects, "twin0", "twin1")
    ), study[1]


def same_profile(study: Study) -> Study:
    def change(x: np.ndarray) -> None:
        x[1] = x[0]

    wide = replace(study[0].layers[0], values=np.tile(study[0].layers[0].values, 1))
    return layer((replace(study[0], layers=(wide, *study[0].layers[1:])), study[1]), "rna", change)


def source(study: Study, rejected: int = 0, **counts: int) -> Study:
    about = {
        "read": 1000,
        "written": 1000 - rejected,
        "merged": 0,
        "rejected": rejected,
        "counts": {k.replace("_", " "): v for k, v in counts.items()},
    }
    return replace(study[0], sources={**study[0].sources, "omics.rna": about}), study[1]


def rejects(study: Study, fix: str) -> Study:
    rows = pl.DataFrame(
        {"source": ["omics.rna"] * 30, "column": ["TP53"] * 30, "expected": ["a number"] * 30, "fix": [fix] * 30}
    )
    return source((replace(study[0], rejects=rows), study[1]))


def observed(study: Study, **columns: pl.Expr) -> Study:
    return patients(study, **{name: value.cast(pl.Datetime("us")) for name, value in columns.items()})


def visits(study: Study, **columns: pl.Expr) -> Study:
    return replace(study[0], visits=there(study[0].visits).with_columns(**columns)), study[1]


def vocabulary(study: Study) -> Study:
    old = (pl.col("time") < LATE - timedelta(days=700)) & pl.col("code").str.starts_with("ICD10CM")
    table = there(study[0].events).with_columns(
        pl.when(old).then(pl.lit("ICD9CM:401.9")).otherwise("code").alias("code")
    )
    return replace(study[0], events=table), study[1]


def without(study: Study, year: int) -> Study:
    events = pl.concat(
        [there(study[0].events).with_columns(pl.col("subject_id") + suffix) for suffix in ("", "x", "y")]
    )
    return replace(
        study[0], events=events.filter(~((pl.col("time").dt.year() == year) & (pl.col("time").dt.month() < 6)))
    ), study[1]


FIRST = "p0000"
COVERED = pl.DataFrame(
    {"vocabulary": ["ICD10CM"], "codes": [8], "exact": [2], "near": [2], "parent": [1], "nowhere": [3], "gene_own": [2],
     "gene_parent": [1], "patients": [9], "patients_own": [4], "patients_parent": [5]}
)  # fmt: skip
PLANTED: dict[str, tuple[str, str, Callable[[Study], Study]]] = {
    "nobody measured": ("no_data", "", lambda s: (replace(s[0], subjects=(*s[0].subjects, "q1", "q2")), s[1])),
    "cells missing": ("cells", "omics.rna", lambda s: layer(s, "rna", put(slice(None, None, 3), slice(None), np.nan))),
    "features missing": ("features", "omics.rna", lambda s: layer(s, "rna", put(slice(0, 150), slice(0, 4), np.nan))),
    "a sample missing": ("samples", "omics.rna", lambda s: layer(s, "rna", put(0, slice(0, 60), np.nan))),
    "an empty property": ("empty_properties", "patients", lambda s: patients(s, height=pl.lit(None, pl.Float64))),
    "half a property": ("properties", "patients", lambda s: patients(s, sex=pl.when(N % 2 > 0).then("sex"))),
    "a property of visits": ("properties", "visits", lambda s: visits(s, ward=pl.when(N % 2 > 0).then(pl.lit("icu")))),
    "missing by outcome": ("not_at_random", "age", covariate_by_outcome),
    "features missing by outcome": ("features_not_at_random", "omics.rna", features_by_outcome),
    "measured by outcome": ("codes_not_at_random", "records", codes_by_outcome),
    "constant features": ("constant_features", "omics.rna", lambda s: layer(s, "rna", put(slice(None), 3, 5.0))),
    "batch is the outcome": ("outcome_by_group", "rna batch", batches),
    "a batch that is the outcome, corrected": ("corrected_outcome", "omics.rna", corrected_batches),
    "batch effect": ("variance_by_group", "omics.rna", shifted_batch),
    "999 in a property": ("missing_code", "weight", lambda s: patients(s, weight=pl.when(N < 4).then(999.0).otherwise("weight"))),
    "−9 in a property": ("missing_code", "weight", lambda s: patients(s, weight=pl.when(N < 4).then(-9.0).otherwise("weight"))),
    "−1 in a lab": ("missing_code", GLUCOSE, lambda s: changed(s, GLUCOSE, pl.when(N % 9 == 0).then(-1.0).otherwise("numeric_value"))),
    "9999 in a layer": ("layer_missing_code", "omics.rna", lambda s: layer(s, "rna", put(slice(0, 5), slice(0, 9), 9999.0))),
    "negative ages": ("impossible", "age", lambda s: patients(s, age=pl.when(N < 2).then(-3).otherwise("age"))),
    "ages of methuselah": ("impossible", "age", lambda s: patients(s, age=pl.when(N < 2).then(230).otherwise("age"))),
    "ages in days": ("age_unit", "age", lambda s: patients(s, age=pl.col("age") * 365)),
    "two units unsaid": ("two_magnitudes", GLUCOSE, lambda s: changed(s, GLUCOSE, pl.when(N % 4 == 0).then(pl.col("numeric_value") / 18).otherwise("numeric_value"))),
    "two units said": ("several_units", GLUCOSE, lambda s: changed(s, GLUCOSE, unit=pl.when(N % 4 == 0).then(pl.lit("mmol/L")).otherwise("unit"))),
    "a lab's outlier": ("outliers", "LOINC:718-7", lambda s: events(s, (FIRST, LATE, "LOINC:718-7", 950.0, "g/dL"))),
    "infinite": ("infinite", "omics.rna", lambda s: layer(s, "rna", put(slice(0, 3), 0, -np.inf))),
    "beta above one": ("impossible_cells", "omics.methylation", lambda s: layer(s, "methylation", put(slice(0, 3), 0, 1.7))),
    "negative counts": ("impossible_cells", "omics.rna", lambda s: layer(s, "rna", lambda x: (np.round(x, out=x), x.__setitem__((0, 0), -4.0))[0])),
    "no logarithm": ("not_logarithmic", "omics.rna", lambda s: layer(s, "rna", lambda x: np.exp(x, out=x))),
    "heavy tails": ("wild_cells", "omics.rna", lambda s: layer(s, "rna", lambda x: x.__setitem__(np.random.default_rng(0).random(x.shape) < 0.005, 200.0))),
    "a failed assay": ("outlying_samples", "omics.rna", lambda s: layer(s, "rna", lambda x: x.__setitem__(0, 8 + 8 * np.sign(np.random.default_rng(0).normal(size=80)))),),
    "the same profile": ("near_duplicates", "rna", same_profile),
    "the same properties": ("same_properties", "patients", twins),
    "rows rejected": ("rows_rejected", "omics.rna", lambda s: source(s, rejected=80)),
    "a few rows rejected": ("few_rows_rejected", "", lambda s: source(s, rejected=3)),
    "cells lost": ("cells_lost", "omics.rna", lambda s: rejects(s, MISSING_CELL)),
    "names unmapped": ("names_unmapped", "omics.rna", lambda s: source(s, symbols_that_no_table_maps=50, symbols_mapped_to_NCBIGene=30)),
    "strangers": ("strangers", "omics.rna", lambda s: source(s, samples_of_nobody_in_the_study=2)),
    "ambiguous": ("ambiguous", "omics.rna", lambda s: source(s, symbols_of_several_genes=2)),
    "before birth": ("outside_life", "events", lambda s: events(s, (FIRST, datetime(1850, 1, 1), "ICD10CM:I10", None, None))),
    "after death": ("outside_life", "events", lambda s: events(s, (FIRST, START, "MEDS:MEDS_DEATH", None, None), (FIRST, LATE, "ICD10CM:I10", None, None))),
    "after observation": ("outside_life", "events", lambda s: observed(s, observed_until=pl.lit(LATE))),
    "in the future": ("outside_life", "events", lambda s: events(s, (FIRST, TODAY + timedelta(days=90), "ICD10CM:I10", None, None))),
    "shifted dates": ("shifted_dates", "events", lambda s: (replace(s[0], today=datetime(2016, 1, 1)), s[1])),
    "died before birth": ("death_before_birth", "patients", lambda s: events(s, (FIRST, datetime(1900, 1, 2), "MEDS:MEDS_DEATH", None, None))),
    "observed backwards": ("observation_backwards", "patients", lambda s: observed(s, observed_from=pl.lit(LATE), observed_until=pl.lit(START))),
    "two deaths": ("several_lives", "MEDS:MEDS_DEATH", lambda s: events(s, (FIRST, LATE, "MEDS:MEDS_DEATH", None, None), (FIRST, TODAY, "MEDS:MEDS_DEATH", None, None))),
    "visits backwards": ("visits_backwards", "visits", lambda s: visits(s, end_time=pl.when(N < 3).then(pl.col("start_time") - timedelta(days=2)).otherwise("end_time"))),
    "visits within visits": ("visits_overlap", "visits", lambda s: visits(s, subject_id=pl.lit(FIRST))),
    "a date to come": ("property_in_future", "index_date", lambda s: patients(s, index_date=pl.when(N < 2).then(TODAY + timedelta(days=99)).otherwise("index_date"))),
    "1900-01-01": ("placeholder", "index_date", lambda s: patients(s, index_date=pl.when(N < 8).then(datetime(1900, 1, 1)).otherwise("index_date"))),
    "codes mapped": ("code_coverage", "ICD10CM", lambda s: (replace(s[0], coverage=COVERED), s[1])),
    "undated": ("undated", "events", lambda s: events(s, (FIRST, None, "ICD10CM:I10", None, None))),
    "months lost": ("gap", "records.ehr", lambda s: without(s, 2017)),
    "another vocabulary": ("vocabulary", "ICD9CM", vocabulary),
    "a drifting lab": ("drifting_values", "LOINC:2951-2", lambda s: changed(s, "LOINC:2951-2", pl.col("numeric_value") + (pl.col("time") - START).dt.total_days() / 150)),
    "a drifting outcome": ("drifting_outcome", "prediction_time", outcome_by_time),
}  # fmt: skip


def kinds(found: DataQuality) -> set[tuple[str, str]]:
    return {(one.kind, one.where) for one in found.findings}


@pytest.mark.parametrize("fault", sorted(PLANTED))
def test_a_planted_fault_is_found_where_it_is(fault: str) -> None:
    kind, where, plant = PLANTED[fault]
    before, after = clean(0), plant(clean(0))
    assert (kind, where) not in kinds(check(*before))
    found = check(*after)
    assert (kind, where) in kinds(found), kinds(found)
    for one in found.findings:
        said = sentence(one)
        assert said.endswith((".", "?")) and "None" not in said and "nan" not in said
        assert not any(subject in said for subject in after[0].subjects)


def test_every_kind_of_finding_is_planted_here_and_has_a_sentence() -> None:
    assert {kind for kind, _, _ in PLANTED.values()} == set(SENTENCES)


def test_a_study_without_a_fault_has_no_finding_more_often_than_one_in_twenty_may() -> None:
    """90 studies by lot of three tasks: at 5 % a false alarm each, 11 or more would come once in 200 such runs."""
    alarms = [
        check(*clean(seed, task=task)).findings
        for task in ("binary", "multiclass", "regression", "survival")
        for seed in range(30)
    ]
    assert sum(map(bool, alarms)) <= 10
    assert sum(one.severity == "serious" for found in alarms for one in found) <= 3


def test_severity_goes_by_the_size_of_the_fault() -> None:
    def severity(kind: str, study: Study) -> str:
        return next(one.severity for one in check(*study).findings if one.kind == kind)

    assert severity("not_at_random", covariate_by_outcome(clean(0))) == "serious"
    assert severity("outcome_by_group", batches(clean(0))) == "serious"
    assert severity("rows_rejected", source(clean(0), rejected=80)) == "serious"
    assert severity("rows_rejected", source(clean(0), rejected=20)) == "check"
    found = [one.severity for one in check(*PLANTED["after death"][2](PLANTED["rows rejected"][2](clean(0)))).findings]
    assert found == sorted(found, key=("serious", "check", "note").index)


def test_survival_and_classes_are_tested_in_their_own_measures() -> None:
    for task, measure in (("survival", "O/E"), ("multiclass", "V")):
        data, cohort = clean(1, task=task)
        outcome = cohort.rows["event" if task == "survival" else "label"].cast(pl.String)
        found = check(data, replace(cohort, origin=pl.DataFrame({"rna batch": outcome})))
        (row,) = found.tables["group_tests"].filter(name="rna batch").to_dicts()
        assert row["measure"] == measure and row["q"] < 1e-6
        assert ("outcome_by_group", "rna batch") in kinds(found)


def test_without_a_cohort_or_with_next_to_nothing_it_still_answers() -> None:
    data, cohort = clean(0)
    assert check(data).tested == 0 and not check(data).testable
    few = replace(cohort, rows=cohort.rows.head(5))
    assert not check(data, few).testable
    nothing = replace(
        data, subjects=(), patients=data.patients.head(0), layers=(), events=None, visits=None, sources={}
    )
    assert check(nothing).findings == ()
    empty = replace(data, events=there(data.events).head(0), visits=there(data.visits).head(0))
    assert {one.kind for one in check(empty).findings} <= {"no_data"}


def test_relative_times_are_held_against_no_calendar() -> None:
    study = events(clean(0), (FIRST, TODAY + timedelta(days=90), "ICD10CM:I10", None, None))
    relative = replace(study[0], clock="relative")
    assert not {one.section for one in check(relative, study[1]).findings} & {"drift"}
    assert not [one for one in check(relative).findings if one.facts.get("rule") == "future"]


def test_a_finding_has_a_known_section_and_severity() -> None:
    with pytest.raises(ValueError, match="elsewhere"):
        Finding("elsewhere", "x", "note", "")


def test_an_outcome_by_group_shows_no_group_of_fewer_than_five() -> None:
    outcome = Outcome(
        np.arange(40),
        np.array([str(i % 2) for i in range(40)]),
        None,
        True,
        pl.Series("prediction_time", [None] * 40, pl.Datetime("us")),
    )
    few = pl.Series(["a"] * 20 + ["b"] * 16 + ["c", "c", "d", "d"])
    assert set(outcome.by_group(few)["group"]) == {"a", "b"}
    enough = pl.Series(["a"] * 20 + ["b"] * 14 + ["c", "c", "c", "d", "d", "d"])
    assert dict(outcome.by_group(enough).select("group", "patients").iter_rows()) == {"a": 20, "b": 14, "(others)": 6}
