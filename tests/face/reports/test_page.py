"""The report: one page from a run folder, for the three tasks and for runs that left less behind."""

from __future__ import annotations

import json
import re
from datetime import datetime
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import polars as pl
import pytest
from run_folder import HEADLINE, make_run, write_json
from sklearn.metrics import roc_auc_score
from snapshots import CLASSES, make_snapshot

from clinome.loaders.errors import InputError
from clinome.plots import predictions
from clinome.reports import findings, headline
from clinome.reports.page import write_report
from clinome.reports.table_one import table_ones
from clinome.run_folder.summary import presence


class _Page(HTMLParser):
    """Collects what a checker of the page asks: ids, links, open tags, text."""

    VOID = frozenset({"meta", "br", "link", "img", "hr", "input"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.urls: list[str] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.ids += [v for k, v in attrs if k == "id" and v]
        self.urls += [str(given[k]) for k in ("href", "src", "xlink:href") if k in given]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("style", "script"):
            self.text += data


@pytest.fixture(scope="module", params=["binary", "multiclass", "survival"])
def written(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path, str]:
    run = make_run(tmp_path_factory.mktemp(request.param) / "run", request.param)
    out = write_report(run, "Lung <study>", run / "report.html")
    return request.param, run, out.read_text(encoding="utf-8")


def test_a_page_that_is_whole_small_and_alone(written: tuple[str, Path, str]) -> None:
    _, run, text = written
    page = _Page(text)
    assert not page.open
    assert len(page.ids) == len(set(page.ids))
    assert all(url.startswith("#") and url[1:] in page.ids for url in page.urls)
    assert not re.search(r"url\((?!#)|@import|<script [^>]*src|<link|<img", text)
    assert len(text.encode()) < 2_000_000
    assert not list(run.glob("*.part"))
    for svg in re.findall(r"<svg.*?</svg>", text, re.DOTALL):
        ElementTree.fromstring(svg)
        assert 'role="img"' in svg and 'aria-label="' in svg


def test_every_section_is_there(written: tuple[str, Path, str]) -> None:
    task, _, text = written
    page = _Page(text)
    want = {
        "cohort-selection",
        "table-1",
        "missing-data",
        "model-comparison",
        "discrimination",
        "biomarkers",
        "pathway-enrichment",
        "controls",
        "data-quality",
        "reproduce-this",
        "warnings",
        "subgroups",
    }
    assert want <= set(page.ids)
    assert ("calibration" in page.ids) == ("decision-curve" in page.ids) == (task != "multiclass")
    assert len(re.findall('<svg class="wide"', text)) == {"binary": 9, "survival": 9, "multiclass": 7}[task]
    assert len(re.findall('<svg class="small"', text)) == len(re.findall('<svg class="wide"', text))
    assert (
        "a stack of ridge_late (70%) and propagation (30%)" in page.text
        and "mine was no candidate: it is <odd>" in page.text
    )
    for said in (
        "clinome run study.toml",
        "clinome predict runs/",
        "ridge_late",
        "Interferon",
        "ab" * 32,
        "relative",
        "// step: has RNA",
    ):
        assert said in page.text
    assert "Signalling <by> GPCR & co" in page.text and "Lung <study>" in page.text


TERMS = (
    "Cohort selection",
    "Table 1",
    "Odds ratios",
    "Hazard ratios",
    "Missing data",
    "Model comparison",
    "Discrimination",
    "Calibration",
    "Decision curve: treat all, treat none",
    "Operating points",
    "Prediction sets",
    "Subgroups",
    "Biomarkers",
    "Pathway enrichment",
    "Controls",
    "Data quality",
    "Learning curve",
    "Reproduce this",
)


def test_headings_are_the_fields_terms_in_one_order_and_all_in_the_navigation(written: tuple[str, Path, str]) -> None:
    _, _, text = written
    headings = re.findall(r'<h2 id="(.*?)">(.*?)</h2>', text)
    assert len(headings) >= 10 and text.count("<h2") == len(headings)
    assert [title for _, title in headings] == [term for term in TERMS if term in dict(map(reversed, headings))]
    navigation = text[text.index("<nav") : text.index("</nav>")]
    assert re.findall(r'href="#(.*?)"', navigation) == [where for where, _ in headings]
    assert text.index("</nav>") < text.index("<section")


def test_every_figure_and_table_has_a_caption(written: tuple[str, Path, str]) -> None:
    _, _, text = written
    figures = re.findall(r"<figure>.*?</figure>", text, re.DOTALL)
    assert figures and all(re.search(r"<figcaption>.{20,}</figcaption>", figure, re.DOTALL) for figure in figures)
    tables = re.findall(r"<table.*?</table>", text, re.DOTALL)
    told = [table for table in tables if re.search(r"<caption>.{10,}</caption>", table, re.DOTALL)]
    assert len(told) == sum(">sha256</th>" not in table for table in tables) > 5


def test_the_outcome_against_itself_is_left_out_of_table_one_and_named(tmp_path: Path) -> None:
    lines = ["variable,level,all,outcome 0,outcome 1,smd,p", "n,,9,5,4,,", "died,no,5 (55.6%),5 (100.0%),0 (0.0%),,0.001",
             "died,yes,4 (44.4%),0 (0.0%),4 (100.0%),,", "alive,yes,9 (100.0%),5 (100.0%),4 (100.0%),0,1"]  # fmt: skip
    (tmp_path / "table1.csv").write_text("\n".join(lines))
    (found,) = table_ones(tmp_path)
    assert [line["variable"] for line in found["lines"]] == ["n", "alive"] and found["left_out"].endswith(": died.")


def test_no_patient_identifier_is_in_the_page(written: tuple[str, Path, str]) -> None:
    _, run, text = written
    for subject in pl.read_parquet(run / "cohort.parquet")["subject_id"].unique():
        assert subject not in text


def test_the_same_run_gives_the_same_bytes(written: tuple[str, Path, str]) -> None:
    _, run, text = written
    assert write_report(run, "Lung <study>", run / "again.html").read_text(encoding="utf-8") == text


def test_the_headline_says_who_how_well_and_against_what(written: tuple[str, Path, str]) -> None:
    task, run, text = written
    results = json.loads((run / "results.json").read_text())
    said = _Page(text).text
    assert f"{results['learners']['chosen']['metrics'][HEADLINE[task]]['mean']:.2f}" in said
    assert "The chosen learner is not shown to be better than the best simple baseline, ridge_late" in said
    assert "Shuffled graph: propagation reaches" in said and "no evidence that it uses the edges" in said
    assert "ridge_late in 8, stack in 2 of 10 folds" in said
    assert "300 patients" in said
    assert ("Batch and site alone (ridge_late) reach" in said) == (HEADLINE[task] in ("auroc", "c_index"))
    assert "batch and site of measurement" in said


def test_missing_parts_are_left_out(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", "binary")
    for name in ("attrition.csv", "predictions.parquet", "biomarkers.csv", "enrichment.csv", "summary.json"):
        (run / name).unlink()
    (run / "snapshot" / "manifest.json").unlink()
    results = json.loads((run / "results.json").read_text())
    results = {k: v for k, v in results.items() if k not in ("controls", "comparisons", "chosen")}
    write_json(run / "results.json", results)
    page = _Page(write_report(run, "bare", run / "report.html").read_text(encoding="utf-8"))
    assert {"model-comparison", "reproduce-this"} <= set(page.ids)
    gone = {"cohort-selection", "discrimination", "biomarkers", "pathway-enrichment", "controls", "data-quality"}
    assert not {*gone, "missing-data"} & set(page.ids)
    assert "was not tested in pairs" in page.text


def test_empty_tables_and_absent_numbers(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", "binary")
    pl.read_csv(run / "biomarkers.csv").with_columns(
        pl.lit(None, dtype=pl.Float64).alias(c) for c in ("effect", "low", "high", "q")
    ).write_csv(run / "biomarkers.csv")
    pl.read_csv(run / "enrichment.csv").head(0).write_csv(run / "enrichment.csv")
    results = json.loads((run / "results.json").read_text())
    results["learners"]["majority"]["metrics"]["auroc"].update(low=None, high=None, sd=None)
    results["learners"]["majority"]["metrics"]["auroc"]["folds"][2] = None
    results["controls"]["permuted_labels"]["folds"][0] = None
    results["learners"]["cox"] = {"metrics": {"auroc": {"mean": None}}}
    write_json(run / "results.json", results)
    page = _Page(write_report(run, "sparse", run / "report.html").read_text(encoding="utf-8"))
    assert "biomarkers" in page.ids and "pathway-enrichment" not in page.ids
    assert "nan" not in page.text.lower().split() and "None" not in page.text


def test_metrics_stand_as_the_task_lists_them_and_counts_are_whole(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", "binary")
    results = json.loads((run / "results.json").read_text())
    for one in results["learners"].values():
        one["metrics"] = {"mcc": {"mean": 0.7123}, "brier": {"mean": 0.2}, "auroc": one["metrics"]["auroc"],
                          "labels_judged": {"mean": 218.4}, "accuracy": {"mean": 0.5}}  # fmt: skip
    write_json(run / "results.json", results)
    page = write_report(run, "order", run / "report.html").read_text(encoding="utf-8")
    table = page[page.index(">labels judged<") - 1500 :]
    places = [table.index(f">{name}<") for name in ("AUROC", "MCC", "Brier score", "labels judged", "accuracy")]
    assert places == sorted(places)
    row = table[table.index("<tbody>") : table.index("</tbody>")]
    assert ">218<" in row and "218." not in row and ">0.712<" in row


def test_a_learner_that_cannot_attribute_is_said_so(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", "binary")
    pl.read_csv(run / "biomarkers.csv").head(0).write_csv(run / "biomarkers.csv")
    assert "cannot say which features" in write_report(run, "mute", run / "report.html").read_text(encoding="utf-8")


def test_a_folder_without_results_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="clinome train"):
        write_report(tmp_path, "none", tmp_path / "report.html")


@pytest.mark.parametrize(
    ("low", "high", "metric", "verdict"),
    [
        (0.01, 0.2, "auroc", "better"), (-0.01, 0.2, "auroc", "unclear"), (-0.2, -0.01, "auroc", "worse"),
        (0.01, 0.2, "brier", "worse"), (-0.2, -0.01, "brier", "better"), (None, None, "auroc", "unknown"),
    ],
)  # fmt: skip
def test_the_verdict_is_what_the_interval_carries(
    low: float | None, high: float | None, metric: str, verdict: str
) -> None:
    learners = {name: {"metrics": {metric: {"mean": 0.6, "folds": []}}} for name in ("chosen", "covariates")}
    pair = {"metric": metric, "difference": 0.1, "low": low, "high": high}
    results = {"metric": metric, "learners": learners, "comparisons": [{"a": "chosen", "b": "covariates", **pair}]}
    assert headline.headline(results, "").verdict == verdict
    flipped = {"metric": metric, "difference": -0.1, "low": high and -high, "high": low and -low}
    turned = {**results, "comparisons": [{"a": "covariates", "b": "chosen", **flipped}]}
    assert headline.headline(turned, "") == headline.headline(results, "")


def test_the_best_single_learner_may_be_a_simple_one_and_the_chosen_one_may_be_it() -> None:
    def said(forest: float, gnn: float, picked: str = "stack") -> headline.Headline:
        means = {"chosen": 0.7, "forest": forest, "propagation": gnn}
        learners = {name: {"metrics": {"auroc": {"mean": mean, "folds": []}}} for name, mean in means.items()}
        pairs = [{"a": "chosen", "b": name, "metric": "auroc", "difference": 0.7 - means[name], "low": -0.1, "high": 0.1}
                 for name in ("forest", "propagation")]  # fmt: skip
        results = {"metric": "auroc", "learners": learners, "comparisons": pairs, "chosen": [{"name": picked}] * 3}
        return headline.headline(results, "")

    assert any(
        "in hindsight: forest, 0.72, the best simple baseline itself" in one for one in said(0.72, 0.71).sentences
    )
    single = next(one for one in said(0.702, 0.71).sentences if "hindsight" in one)
    assert "in hindsight: propagation, 0.71; chosen − propagation: −0.01 (−0.10 to +0.10)" in single
    assert "paired difference −0.002 (−0.100 to +0.100)" in said(0.702, 0.71).claim
    assert said(0.7, 0.6, "forest").claim.startswith("The chosen learner is the best simple baseline itself, forest")


def test_what_may_be_the_outcome_is_the_first_warning(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", "binary")
    results = json.loads((run / "results.json").read_text())
    copy = {"block": "rna", "feature": "opaque:X", "name": "Label", "tells": "label", "by": "value", "rows": 300}
    write_json(run / "results.json", {**results, "outcome_copies": [copy] * 7})
    text = _Page(write_report(run, "x", run / "report.html").read_text(encoding="utf-8")).text
    asked = text.index("Is Label (rna) the outcome? In all 300 patients it tells the label.")
    assert asked < text.index("The clock of this study is relative") and 'drop = ["Label"]' in text
    assert "2 more features tell the outcome as well" in text
    for tells, by, said in (("event", "value", "it tells who had the event"), ("label=high", "missing", "whether it is known tells who is high"),
                            ("duration_days", "value", "the order of times to the event")):  # fmt: skip
        (found,) = findings.outcome_copies({"outcome_copies": [{**copy, "tells": tells, "by": by, "block": "records"}]})
        assert said in found and "[records]" in found


def test_classes_have_importances_and_codes_their_names(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", "multiclass")
    ranked = pl.read_csv(run / "biomarkers.csv")
    glucose = pl.when(pl.col("layer") == "records").then(pl.lit("Glucose in serum")).otherwise("symbol").alias("name")
    ranked.with_columns(glucose, *(pl.lit(None, pl.Float64).alias(c) for c in ("effect", "low", "high"))).write_csv(
        run / "biomarkers.csv"
    )
    text = write_report(run, "x", run / "report.html").read_text(encoding="utf-8")
    assert "It has no direction" in text and ">effect</th>" not in text
    assert 'Glucose in serum <span class="id"><code>ICD10CM:' in text and "importance: share of all attribution" in text


def test_the_report_says_what_its_numbers_are_worth(written: tuple[str, Path, str]) -> None:
    task, run, text = written
    page = _Page(text)
    assert "the variance doubled" in page.text
    assert "selection was optimistic by 0.030" in page.text
    assert "sex: F" in text and "p, Holm" in page.text
    results = json.loads((run / "results.json").read_text())
    assert ("treat all</text>" in text or ">treat all<" in text) == (task != "multiclass")
    if task == "multiclass":
        assert findings.calibration(results) == "" and findings.decision(results) == ""


def test_calibration_is_told_in_words() -> None:
    def said(slope: float, intercept: float) -> str:
        sides = {"slope": slope, "slope_low": slope - 0.1, "slope_high": slope + 0.1, "intercept": intercept,
                 "intercept_low": intercept - 0.1, "intercept_high": intercept + 0.1}  # fmt: skip
        found = {**sides, "ece": 0.02, "predicted": 0.3, "observed": 0.25}
        return findings.calibration({"learners": {"chosen": {"calibration": found}}})

    assert "no miscalibration shown" in said(1.0, 0.0) and "no miscalibration shown" in said(0.92, 0.05)
    assert "too extreme" in said(0.6, 0.0) and "not extreme enough" in said(1.6, 0.0)
    assert "underestimated overall" in said(1.0, 0.5) and "overestimated overall" in said(1.0, -0.5)


def test_gaps_are_told_only_if_they_hold() -> None:
    row = {"by": "sex", "group": "F", "gap": -0.1, "gap_low": -0.15, "gap_high": -0.05, "p_holm": 0.01, "mean": 0.6}
    said = findings.subgroups({"metric": "auroc", "subgroups": [row]})
    assert "Lower performance in: sex F, −0.10 (−0.15 to −0.05)" in said
    said = findings.subgroups({"metric": "auroc", "subgroups": [{**row, "p_holm": 0.3}]})
    assert "no proof of fairness" in said and "0.15" in said
    assert findings.subgroups({"metric": "auroc", "subgroups": [{"by": "sex", "group": "F"}]}).startswith("No group")
    assert findings.optimism({"metric": "auroc", "optimism": {"inner": 0.7, "held_out": 0.71}}).endswith(
        "was not optimistic."
    )


def test_a_mask_as_good_as_the_best_learner_is_said() -> None:
    def said(best: float) -> str:
        learners = {name: {"metrics": {"auroc": {"mean": best, "folds": []}}} for name in ("chosen", "boosting")}
        control = {"metric": "auroc", "mean": 0.73, "low": 0.7, "high": 0.76, "learner": "ridge_late"}
        results = {"metric": "auroc", "learners": learners, "controls": {"missingness_only": control}}
        return headline.headline(results, "").sentences[-1]

    assert "Missingness alone (ridge_late)" in said(0.74) and "as much as the best learner (0.74)" in said(0.74)
    assert "Missingness alone (ridge_late)" in said(0.9) and "best learner" not in said(0.9)


def test_permuted_labels_above_chance_raise_the_alarm() -> None:
    learners = {"chosen": {"metrics": {"auroc": {"mean": 0.9, "folds": []}}}}
    control = {"metric": "auroc", "mean": 0.7, "low": 0.65, "high": 0.75}
    results = {"metric": "auroc", "learners": learners, "controls": {"permuted_labels": control}}
    assert "leakage" in headline.headline(results, "").sentences[-1]
    control.update(mean=0.5, low=0.45, high=0.55)
    assert "leakage" not in headline.headline(results, "").sentences[-1]


def test_warnings_follow_from_the_size() -> None:
    said = headline.warnings(60, 20, {"rna": 1000}, ["clock"])
    assert said[0] == "clock" and len(said) == 4 and "0.02 events per candidate variable" in said[3]
    assert headline.warnings(5000, 2000, {"rna": 100}, []) == []


def test_presence_counts_every_row_once() -> None:
    snapshot = make_snapshot(n=200, layers=("rna", "mutations"), records=True, missing=0.3)
    patterns = presence(snapshot)
    assert sum(p["count"] for p in patterns) == 200
    both = (snapshot.layers["rna"].profiled & snapshot.layers["mutations"].profiled).sum()
    assert sum(p["count"] for p in patterns if {"rna", "mutations"} <= set(p["has"])) == both
    assert presence(make_snapshot(n=20, layers=())) == []


def test_the_mean_curve_encloses_the_auroc() -> None:
    rng = np.random.default_rng(0)
    y = rng.random(2000) < 0.4
    frame = pl.DataFrame({"repeat": 0, "y_true": y.astype(int), "score": y + rng.standard_normal(2000)})
    tpr, _ = predictions._mean_curves(frame, "score", 1)
    assert np.trapezoid(tpr, np.linspace(0, 1, 101)) == pytest.approx(roc_auc_score(y, frame["score"]), abs=0.005)


def test_risk_groups_part_where_risk_is_real_and_not_where_it_is_noise() -> None:
    rng = np.random.default_rng(0)
    risk = rng.standard_normal(300)
    frame = pl.DataFrame(
        {
            "fold": np.arange(300) % 5,
            "duration_days": rng.exponential(np.exp(-risk)) * 400,
            "event": rng.random(300) < 0.7,
        }
    )
    p = predictions.log_rank(predictions.risk_groups(frame.with_columns(score=pl.Series(risk))))
    assert p < 1e-6
    p = predictions.log_rank(predictions.risk_groups(frame.with_columns(score=pl.Series(rng.permutation(risk)))))
    assert p > 0.01


def test_cohorts_are_described_in_words(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", "multiclass")
    text = _Page(write_report(run, "x", run / "report.html").read_text(encoding="utf-8")).text
    assert "classification, 3 classes" in text
    assert all(name in text for name in CLASSES["multiclass"])
    rows = make_snapshot("binary", 40, rows_per_subject=2).rows.with_columns(prediction_time=datetime(2020, 1, 1))
    run = make_run(tmp_path / "other", "binary", n=40)
    rows.write_parquet(run / "cohort.parquet")
    text = _Page(write_report(run, "x", run / "report.html").read_text(encoding="utf-8")).text
    assert "40 prediction times of 20 patients" in text
    assert "Only 20 patients" in text


def test_a_class_that_is_a_code_is_shown_by_its_name_too(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", "multiclass")
    one, other, *_ = CLASSES["multiclass"]
    summary = json.loads((run / "summary.json").read_text(encoding="utf-8"))
    write_json(run / "summary.json", {**summary, "called": {one: "Diabetes mellitus"}})
    page = write_report(run, "codes", run / "report.html").read_text(encoding="utf-8")
    assert f"Diabetes mellitus ({one})" in page and f"({other})" not in page


def test_beside_a_competing_event_the_report_shows_cumulative_incidence(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", "survival")
    assert "Aalen" not in write_report(run, "one event", run / "report.html").read_text(encoding="utf-8")
    cohort = pl.read_parquet(run / "cohort.parquet")
    first = (pl.col("event").cast(pl.Int64) == 0) & (pl.int_range(pl.len()) % 2 == 0)
    cohort.with_columns(competing=first.cast(pl.Int64)).write_parquet(run / "cohort.parquet")
    page = write_report(run, "two events", run / "report.html").read_text(encoding="utf-8")
    assert "Cumulative incidence (Aalen–Johansen)" in page and "by third of predicted risk" in page
    event, rival, naive = (
        float(one)
        for one in re.findall(r"(\d+)% (?:with the event|with the competing)|would say (\d+)%", page)
        for one in one
        if one
    )
    assert event < naive and rival > 0


def test_selected_features_are_shown_with_how_many_folds_took_them(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", "binary")
    assert "Feature selection" not in write_report(run, "s", run / "report.html").read_text(encoding="utf-8")
    rows = [("rna", "NCBIGene:7157", "TP53", 5, 5, 1.0, 0.91), ("rna", "opaque:F1", "opaque:F1", 2, 5, 0.4, 0.52)]
    names = ["layer", "feature", "symbol", "folds", "of", "stability", "score"]
    pl.DataFrame(rows, schema=names, orient="row").write_csv(run / "selection.csv")
    page = _Page(write_report(run, "s", run / "report.html").read_text(encoding="utf-8"))
    assert not page.open and "Selected in some fold: 2 of rna; in every fold: 1." in page.text
    assert page.text.index("TP53 NCBIGene:7157") < page.text.index("opaque:F1") and "2 of 5" in page.text
    pl.DataFrame(schema=dict.fromkeys(names, pl.String)).write_csv(run / "selection.csv")
    page = _Page(write_report(run, "s", run / "report.html").read_text(encoding="utf-8"))
    assert "No fold selected any feature" in page.text
