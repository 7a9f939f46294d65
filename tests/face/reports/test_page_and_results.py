"""The page says what results.json holds: every sentence and number of it, read back, on runs of every task."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from outcome_study import write
from told_numbers import check_texts

import clinome
from clinome.models.learners.registry import baselines
from clinome.reports.format import interval, metric_label, number, p_value, percent

NUMBER = r"[+−]?\d[\d,]*(?:\.\d+)?(?:×10[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)?"
ESTIMATE = rf"({NUMBER}) \((?:95% CI )?({NUMBER}) to ({NUMBER})\)"
RAISED = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")


def value(text: str) -> tuple[float, float]:
    """A printed number, and half a unit of its last digit."""
    mantissa, _, exponent = text.replace("−", "-").replace(",", "").partition("×10")
    scale = 10.0 ** int(exponent.translate(RAISED)) if exponent else 1.0
    digits = len(mantissa.partition(".")[2])
    return float(mantissa) * scale, 0.5000001 * 10.0**-digits * scale


def says(text: str, number: float) -> bool:
    """Whether the printed number is this one, rounded; and has its sign."""
    told, half = value(text)
    return abs(told - number) <= half and (told == 0) == (abs(number) <= 1e-15) and (told < 0) == (number < -1e-15)


def same(texts: tuple[str, ...], row: dict[str, Any], mean: str = "mean") -> bool:
    return all(says(text, row[key]) for text, key in zip(texts, (mean, "low", "high"), strict=True))


class Page:
    """The report's text, part by part."""

    def __init__(self, text: str) -> None:
        text = re.sub(r"<(style|script|svg).*?</\1>", "", text, flags=re.DOTALL)
        self.html = text
        claim = re.search(r'<section class="claim (\w+)".*?</section>', text, re.DOTALL)
        assert claim
        self.verdict = claim[1]
        self.claim = [_plain(one) for one in re.findall(r"<p>(.*?)</p>", claim[0], re.DOTALL)]
        self.figure = _plain(re.search(r'class="figure">(.*?)</div>', text)[1])  # type: ignore[index]
        self.leads = [_plain(one) for one in re.findall(r'<p class="lead">(.*?)</p>', text, re.DOTALL)]
        warned = re.search(r'<section class="warn".*?</section>', text, re.DOTALL)
        self.warnings = [_plain(one) for one in re.findall(r"<li>(.*?)</li>", warned[0], re.DOTALL)] if warned else []

    def sentence(self, start: str) -> str:
        return next(one for one in (*self.claim, *self.leads) if one.startswith(start))

    def table(self, first: str) -> list[dict[str, str]]:
        """Rows of the table whose head begins with this column."""
        for table in re.findall(r"<table[^>]*>.*?</table>", self.html.replace("\xa0", " "), re.DOTALL):
            head = [_plain(one) for one in re.findall(r"<th[^>]*>(.*?)</th>", table, re.DOTALL)]
            if head and head[0] == first:
                rows = re.findall(r"<tr[^>]*>(.*?)</tr>", table.partition("</thead>")[2], re.DOTALL)
                cells = [[_plain(one) for one in re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL)] for row in rows]
                return [dict(zip(head, one, strict=True)) for one in cells]
        return []


def _plain(markup: str) -> str:
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", "", markup))).strip()


def _numbers(found: Any) -> Iterator[float]:
    if isinstance(found, dict):
        for one in found.values():
            yield from _numbers(one)
    elif isinstance(found, list):
        yield float(len(found))
        for one in found:
            yield from _numbers(one)
    elif isinstance(found, int | float):
        yield float(found)


@pytest.fixture(scope="module", params=["binary", "multiclass", "survival"])
def made(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Path, Page, dict[str, Any]]:
    """A run as anyone makes it, with a network beside the simple learners."""
    folder = tmp_path_factory.mktemp(request.param) / "one"
    learners = ("majority", "best_feature", "ridge_late", "forest", "propagation", "chosen")
    write(folder, "one", 4, request.param, learners)
    run = clinome.run(folder / "study.toml").folder
    page = Page((run / "report.html").read_text(encoding="utf-8"))
    return request.param, run, page, json.loads((run / "results.json").read_text(encoding="utf-8"))


Made = tuple[str, Path, Page, dict[str, Any]]


def test_the_headline_is_that_of_the_results(made: Made) -> None:
    _, _, page, results = made
    metric, learners = results["metric"], results["learners"]
    mean = {name: found["metrics"][metric]["mean"] for name, found in learners.items()}
    chosen = learners["chosen"]["metrics"][metric]
    assert says(page.figure, chosen["mean"])
    told = re.search(rf"chosen learner: (.+?) {ESTIMATE}", page.sentence("Held-out performance"))
    assert told and told[1] == metric_label(metric) and same(told.groups()[1:], chosen)

    best = max((name for name in baselines() if name in mean), key=lambda name: mean[name])
    claim = re.search(rf"best simple baseline, (\w+) \(({NUMBER})\): paired difference {ESTIMATE}", page.claim[1])
    assert claim and claim[1] == best and says(claim[2], mean[best])
    pair = next(one for one in results["comparisons"] if (one["a"], one["b"]) == ("chosen", best))
    assert same(claim.groups()[2:], pair, "difference")
    assert page.verdict == ("better" if pair["low"] > 0 else "worse" if pair["high"] < 0 else "unclear")

    single = re.search(rf"in hindsight: (\w+), {ESTIMATE}", page.sentence("Best single learner"))
    first = max((name for name in mean if name != "chosen"), key=lambda name: mean[name])
    assert (
        single and mean[single[1]] == mean[first] and same(single.groups()[1:], learners[single[1]]["metrics"][metric])
    )
    assert ("best simple baseline itself" in page.sentence("Best single learner")) == (first in baselines())

    picked = [one["name"] for one in results["chosen"]]
    said = page.sentence("Model selection on training folds")
    for name in set(picked):
        assert f"{name} in {picked.count(name)}" in said or f"{name} in all {len(picked)}" in said


def test_controls_name_their_learner(made: Made) -> None:
    _, _, page, results = made
    controls, metric = results["controls"], results["metric"]
    told = re.search(rf"\(negative control\): (\w+) reaches (.+?) {ESTIMATE}", page.sentence("Permuted labels"))
    assert (
        told
        and told[1] == controls["permuted_labels"]["learner"]
        and same(told.groups()[2:], controls["permuted_labels"])
    )
    shuffled = re.search(
        rf"(\w+) reaches {ESTIMATE} with shuffled edges, ({NUMBER}) with the real", page.sentence("Shuffled")
    )
    assert shuffled and shuffled[1] == controls["shuffled_graph:propagation"]["learner"]
    assert same(shuffled.groups()[1:4], controls["shuffled_graph:propagation"])
    assert says(shuffled[5], results["learners"][shuffled[1]]["metrics"][metric]["mean"])
    rows = {}
    for row in page.table("control"):
        kind, twin = row["control"].replace(" ", "_"), f"{row['control'].replace(' ', '_')}:{row['learner']}"
        rows[twin if twin in controls else kind] = row
    assert set(rows) == {name for name, one in controls.items() if one["mean"] is not None}
    for name, row in rows.items():
        assert row["learner"] == controls[name]["learner"]
        shown = re.fullmatch(ESTIMATE, row["mean (95% CI)"])
        assert shown and same(shown.groups(), controls[name])
        assert says(row["real data"], results["learners"][row["learner"]]["metrics"][metric]["mean"])


def test_tables_hold_what_the_results_hold(made: Made) -> None:
    task, run, page, results = made
    learners, metric = results["learners"], results["metric"]
    rows = page.table("learner")
    means = [learners[row["learner"]]["metrics"][metric]["mean"] for row in rows]
    assert {row["learner"] for row in rows} == set(learners) and means == sorted(means, reverse=True)
    for row in rows:
        mine = learners[row["learner"]]["metrics"]
        shown = re.fullmatch(ESTIMATE, row[metric_label(metric)])
        assert shown and same(shown.groups(), mine[metric])
        for other, found in mine.items():
            if other != metric and metric_label(other) in row:
                cell = row[metric_label(other)]
                assert cell == "–" if found["mean"] is None else says(cell, found["mean"])
    for row in page.table("chosen − learner"):
        pair = next(
            one for one in results["comparisons"] if one["a"] == "chosen" and one["b"] == row["chosen − learner"]
        )
        shown = re.fullmatch(ESTIMATE, row[f"difference in {metric_label(metric)}"])
        assert shown and same(shown.groups(), pair, "difference")
    ranked = pl.read_csv(run / "biomarkers.csv").head(100).to_dicts()
    shown_rows = page.table("rank")
    assert len(shown_rows) == len(ranked) and ("effect" in shown_rows[0]) == (task != "multiclass")
    for row, one in zip(shown_rows, ranked, strict=True):
        assert (
            one["feature"] in row["feature"]
            and one["name"] in row["feature"]
            and says(row["importance"], one["importance"])
        )
        if task == "multiclass":
            assert one["effect"] is None
        else:
            shown = re.fullmatch(ESTIMATE, row["effect"])
            assert shown and same(shown.groups(), one, "effect")


def test_every_number_of_the_prose_stands_in_the_run(made: Made) -> None:
    """Whatever is printed in a sentence is found among the run's numbers, rounded as it is printed."""
    _, run, page, results = made
    cohort = pl.read_parquet(run / "cohort.parquet")
    known = [*_numbers(results), *_numbers(json.loads((run / "summary.json").read_text(encoding="utf-8")))]
    known += [cohort.height, cohort["subject_id"].n_unique(), len(results["learners"])]
    for name in ("label", "event"):
        if name in cohort.columns:
            counts = cohort[name].value_counts()["count"].to_list()
            known += [*counts, *(100 * one / cohort.height for one in counts), len(counts)]
    if "duration_days" in cohort.columns:
        known.append(float(cohort["duration_days"].quantile(0.5) or 0))
    known += [one["inner"] - one["held_out"] for one in [results["optimism"]] if one]
    features = sum(one["features"] for one in json.loads((run / "summary.json").read_text())["layers"])
    known += [count / features for count in list(known) if 0 < count <= cohort.height]
    known += [0.5, *(-one for one in known), *(100 * one for one in known if abs(one) <= 1)]
    for sentence in (*page.claim, *page.warnings, *page.leads):
        text = sentence.replace("95% CI", "").replace("ICD10", "")
        for told in re.findall(rf"(?<![\w.]){NUMBER}", text):
            assert any(says(told, one) for one in known), (told, sentence)


def test_every_number_of_the_methods_stands_in_the_run(made: Made) -> None:
    task, run, _, _ = made
    told = check_texts(run)
    assert {"binary": "had the outcome", "multiclass": "Rows by class", "survival": "event or censoring"}[task] in told
    assert "AUROC" in told or task == "survival"


@given(st.floats(-2, 2), st.floats(0, 1), st.floats(0, 1), st.booleans())
@example(-0.002, 0.03, 0.03, True)
@example(0.0, 0.0, 0.0, True)
def test_a_printed_interval_has_the_signs_and_digits_of_its_numbers(
    mean: float, below: float, above: float, sign: bool
) -> None:
    row = {"mean": mean, "low": mean - below, "high": mean + above}
    told = re.fullmatch(ESTIMATE, interval(row, sign=sign))
    assert told and same(told.groups(), row)
    if sign:
        assert all(text[0] in "+−" or value(text)[0] == 0 for text in told.groups())
    assert says(number(mean), mean) and says(number(mean, 1), mean)


@example(0.005)
@given(st.floats(0, 1))
def test_shares_and_p_values_are_never_rounded_to_nothing_or_all(share: float) -> None:
    told = percent(share)
    assert (told == "0%") == (share == 0) and (told == "100%") == (share == 1)
    told = p_value(share)
    assert (told == "1") == (share == 1) and (re.fullmatch(r"[0.]+", told) is not None) == (share == 0)
