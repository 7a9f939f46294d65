"""The public plots: each is a Figure from a pandas or a polars table, draws what it is given, and leaves nothing behind."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Mapping
from datetime import date
from itertools import pairwise
from typing import Any

import matplotlib as mpl
import numpy as np
import polars as pl
import pytest
from matplotlib.figure import Figure

from clinome import plots
from clinome.loaders.errors import InputError
from clinome.plots.narrow import narrowed
from clinome.reports.html import svg

N = 240
RNG = np.random.default_rng(0)
SCORE = RNG.random(N)
FOLLOWED = {"duration_days": np.ceil(RNG.exponential(400 * (1.5 - SCORE))), "event": (RNG.random(N) < 0.7).astype(int)}
RIVAL = (1 - FOLLOWED["event"]) * (RNG.random(N) < 0.5)
ROWS = {"fold": np.arange(N) % 5, "repeat": np.zeros(N, dtype=int)}
ESTIMATES = {"mean": [0.8, 0.7, 0.5], "low": [0.7, 0.6, None], "high": [0.9, 0.8, None]}
STUDIES = [(f"s{s}", f"l{k}", 0.5 + 0.05 * k + 0.02 * float(RNG.normal())) for s in range(8) for k in range(4)]

TABLES: dict[str, tuple[Mapping[str, Any], Mapping[str, Any], str]] = {
    "attrition": ({"step": ["in the store", "labelled"], "count": [900, 700]}, {}, "−200"),
    "missing_data": ({"rna": SCORE < 0.8, "records": SCORE > 0.3}, {}, "records"),
    "model_comparison": (
        {"learner": ["chosen", "ridge_late", "majority"], **ESTIMATES, "folds": [[0.7, 0.9], [0.7], []]},
        {"differences": pl.DataFrame({"learner": ["ridge_late"], "difference": [0.1], "low": [0.0], "high": [0.2]}),
         "metric": "AUROC", "chance": 0.5},
        "chosen − learner",
    ),
    "biomarkers": (
        {"rank": [2, 1], "feature": ["NCBIGene:7157", "LOINC:1"], "symbol": ["TP53", None], "layer": ["rna", "records"],
         "effect": [0.2, -0.1], "low": [0.1, -0.2], "high": [0.3, 0.0]}, {}, "TP53",
    ),
    "subgroups": (
        {"by": ["sex", "sex", "age"], "group": ["F", "M", "75 or more"], **ESTIMATES, "gap": [0.1, -0.1, None],
         "gap_low": [0.0, -0.2, None], "gap_high": [0.2, 0.0, None]}, {"metric": "C-index"}, "age: 75 or more",
    ),
    "controls": ({"control": ["chosen", "permuted_labels", "no_edges"], **ESTIMATES}, {"chance": 0.5}, "permuted labels"),
    "learning_curve": ({"learner": ["ridge_late"] * 3, "rows": [10.0, 40.0, 90.0], **ESTIMATES}, {}, "training rows"),
    "discrimination": ({"y_true": (RNG.random(N) < SCORE).astype(int), "score": SCORE}, {}, "1 − specificity"),
    "calibration": ({"y_true": (RNG.random(N) < SCORE).astype(int), "score": SCORE}, {}, "observed fraction"),
    "survival_calibration": ({**FOLLOWED, "survival": 1 - SCORE}, {"horizon_days": 365}, "risk within 365 days"),
    "decision_curve": (
        {"threshold": [0.1, 0.2, 0.3], "everyone": [0.2, 0.1, -0.1], "no one": [0.0] * 3, "chosen": [0.2, 0.15, 0.1]},
        {}, "treat none",
    ),
    "one_vs_rest": (
        {"y_true": np.where(SCORE > 0.5, "b", "a"), "score_a": 1 - SCORE, "score_b": SCORE}, {}, "Confusion matrix",
    ),
    "predicted_observed": ({"y_true": 50 + 9 * SCORE, "score": 53 + 3 * SCORE}, {}, "observed − predicted"),
    "endpoint_correlations": (
        {"learner": ["covariates"] * 3 + ["chosen"] * 3, "endpoint": ["a", "b", "c"] * 2,
         "spearman": [0.1, 0.3, None, 0.2, 0.25, 0.4]}, {}, "Better for 1 of 2 endpoints",
    ),
    "label_curves": (
        {"y_true": [["a"] * int(s > 0.5) + ["b"] * int(s < 0.8) for s in SCORE], "score_a": SCORE, "score_b": 1 - SCORE},
        {"called": {"a": "asthma"}}, "asthma (a)",
    ),
    "survival_by_risk": ({**FOLLOWED, **ROWS, "score": SCORE}, {}, "number at risk"),
    "incidence_by_risk": ({**FOLLOWED, **ROWS, "score": SCORE, "competing": RIVAL}, {}, "high risk"),
    "cumulative_incidence": ({**FOLLOWED, "competing": RIVAL}, {}, "the competing event"),
    "kaplan_meier": ({**FOLLOWED, "arm": np.where(SCORE > 0.5, "treated", "control")}, {"by": "arm"}, "treated"),
    "differential_features": (
        {"feature": ["NCBIGene:1", "NCBIGene:2"], "symbol": ["A1BG", None], "block": ["rna", "rna"], "measure": ["value"] * 2,
         "effect": [0.4, -0.3], "low": [0.1, -0.5], "high": [0.6, 0.0], "q": [0.01, 0.2]}, {"names": ("old", "young")},
        "higher in old",
    ),
    "critical_difference": (dict(zip(("study", "learner", "mean"), zip(*STUDIES, strict=True), strict=True)), {}, "l3"),
    "study_differences": (
        {"learner": ["mine"] * 4, "reference": ["ridge_late"] * 4, "difference": [0.1, 0.02, -0.01, 0.05],
         "outcome": ["win", "tie", "tie", "win"]}, {}, "difference from ridge_late",
    ),
    "missing_features": (
        {"layer": ["rna", "rna", "cnv", "cnv"], "features": [0.0, 1.0, 0.0, 1.0], "missing": [0.0, 0.3, 0.0, 0.0]}, {}, "rna",
    ),
    "network": (
        {"id": ["NCBIGene:7157", "WP:1"], "label": ["Gene", "Pathway"], "name": ["TP53", None], "effect": [0.2, None]},
        {"edges": pl.DataFrame({"source": ["NCBIGene:7157"], "target": ["WP:1"], "type": ["IN_PATHWAY"]})}, "WP:1",
    ),
    "missing_by_outcome": (
        {"what": ["layer", "records", "code"], "name": ["rna", "records", "glucose"], "least": [0.1, 0.2, 0.3],
         "most": [0.4, 0.2, 0.5], "q": [0.01, 0.4, None]}, {}, "layer rna",
    ),
    "outcome_by_group": (
        {"group": ["north", "south"], "patients": [30, 40], "value": [0.2, 0.5], "low": [0.1, 0.3], "high": [0.4, None]},
        {"by": "site"}, "north (n = 30)",
    ),
    "sample_components": (
        {"layer": ["rna"] * N, "first": SCORE, "second": SCORE[::-1], "batch": ["a", None] * (N // 2), "far": SCORE > 0.99,
         "share_first": [0.2] * N, "share_second": [0.1] * N}, {}, "component 1 (20%)",
    ),
    "distributions": ({"name": ["age"] * 3, "low": [0.0, 1.0, 2.0], "high": [1.0, 2.0, 3.0], "n": [3, 9, 2]}, {}, "age"),
    "records_over_time": (
        {"month": [date(2020, 1, 1), date(2020, 2, 1), date(2020, 5, 1)], "source": ["ehr", "ehr", "labs"], "n": [5, 9, 2]},
        {}, "events a month",
    ),
    "cluster_numbers": (
        {"learner": ["consensus", "consensus", "snf"], "k": [2, 3, 2], "stability": [0.7, 0.9, 0.8], "gap": [0.1, 0.2, -0.1],
         "chosen": [False, True, False]}, {}, "gap to a single cloud",
    ),
    "consensus_matrix": (
        {"row": [0, 0, 1, 1], "column": [0, 1, 0, 1], "consensus": [1.0, 0.1, 0.1, 0.9]}, {"sizes": [3, 3]}, "resamples together",
    ),
    "volcano": ({"feature": ["a", "b", "c"], "effect": [0.4, -0.3, 0.01], "q": [1e-6, 1e-4, 0.8], "symbol": ["TP53", "IDH1", None]}, {}, "TP53"),
    "oncoprint": (
        {"patient": ["a", "b", "b"], "gene": ["FLT3", "FLT3", "NPM1"], "kind": ["mutation", "gain", "loss"]}, {"everybody": 4}, "FLT3  50%",
    ),
    "heat_map": (
        {"feature": ["x", "y", "z", "w"], "p1": [1.0, 2.0, 3.0, 0.0], "p2": [1.5, 2.5, None, 1.0], "p3": [9.0, 1.0, 2.0, 3.0]},
        {"groups": {"p1": "ill", "p2": "well"}}, "grey: not known",
    ),
    "embedding_map": ({"vector": [[0.0, 1.0], [1.0, 0.0], [0.9, 0.1]], "sex": ["f", "m", "m"]}, {"by": "sex"}, "m (2)"),
    "layers_by_patient": ({"rna": [True, True, False], "cnv": [True, False, False]}, {}, "3 patients in 3 patterns"),
    "patient_timeline": (
        {"name": ["E11.9", "4548-4"], "kind": ["Diagnosis", "LabTest"], "time": [0.0, 5.0], "known_time": [3.0, 5.5]},
        {"prediction": 4.0}, "hollow: not yet known",
    ),
    "adjusted_effects": (
        {"feature": ["a", "b"], "adjusted": [1.5, None], "adjusted_low": [1.1, None], "adjusted_high": [2.0, None],
         "adjusted_measure": ["odds ratio", None], "q": [0.01, None]}, {}, "odds ratio, adjusted",
    ),
    "ranking_stability": (
        {"feature": ["a", "b"], "rank": [1, 2], "stability": [1.0, 0.2], "percentile_low": [90.0, 10.0], "percentile_high": [100.0, 80.0]}, {},
        "percentile of the ranking",
    ),
}  # fmt: skip


def test_every_public_plot_is_drawn_here_and_listed() -> None:
    assert set(TABLES) == set(plots.__all__) == set(plots._WHERE)
    assert set(plots.__all__) <= set(dir(plots))
    with pytest.raises(AttributeError, match="pie"):
        _ = plots.pie
    for name in plots.__all__:
        said = getattr(plots, name).__doc__
        assert all(word in said for word in ("Args:", "Example:", f"clinome.plots.{name}(")), name


@pytest.mark.parametrize("name", sorted(TABLES))
def test_a_plot_is_a_figure_the_same_from_pandas_and_from_polars(name: str) -> None:
    columns, options, said = TABLES[name]
    table, before = pl.DataFrame({key: list(values) for key, values in columns.items()}), dict(mpl.rcParams)
    first, second = (getattr(plots, name)(one, **options) for one in (table, table.to_pandas()))
    assert isinstance(first, Figure) and isinstance(second, Figure) and first.get_label()
    drawn = svg(first)
    assert said in drawn and drawn == svg(second)
    assert dict(mpl.rcParams) == before


def test_classes_by_group_are_bars_that_add_up_to_one() -> None:
    table = {"group": ["a", "a", "b"], "class": ["x", "y", "x"], "patients": [10, 10, 4], "value": [0.3, 0.7, 1.0]}
    figure = plots.outcome_by_group(pl.DataFrame(table), measure="share of each class")
    assert "a (n = 10)" in svg(figure) and ">y<" in svg(figure)
    assert max(bar.get_extents().x1 for bar in figure.axes[0].patches) == pytest.approx(figure.axes[0].bbox.x1)


def test_a_missing_column_is_named() -> None:
    with pytest.raises(InputError, match="no column score"):
        plots.calibration(pl.DataFrame({"y_true": [0, 1]}))


def test_matplotlib_waits_until_a_figure_is_drawn_and_pyplot_is_never_asked() -> None:
    code = """
import sys
from clinome import plots
dir(plots)
assert "matplotlib" not in sys.modules
plots.attrition({table})
assert "matplotlib" in sys.modules and "matplotlib.pyplot" not in sys.modules
""".format(table="__import__('polars').DataFrame({'step': ['a'], 'count': [1]})")
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_narrow_figure_is_laid_out_anew() -> None:
    rows = pl.DataFrame(
        {"learner": ["chosen", "a_learner_of_long_name"], "mean": [0.7, 0.6], "low": [0.6, 0.5], "high": [0.8, 0.7]}
    )
    pairs = pl.DataFrame({"learner": ["a_learner_of_long_name"], "difference": [0.1], "low": [0.0], "high": [0.2]})
    figure = narrowed(plots.model_comparison(rows, pairs, metric="AUROC"))
    figure.savefig(io.BytesIO(), format="svg")
    left, right = (ax.get_window_extent() for ax in figure.axes)
    assert figure.get_figwidth() < 3.8 and right.y1 < left.y0
    names = [[label.get_text() for label in ax.get_yticklabels()] for ax in figure.axes]
    assert names[0] == names[1] == ["chosen", "a_learner_of_\nlong_name"]


def test_no_two_names_of_a_volcano_overlap() -> None:
    rng = np.random.default_rng(4)
    rows = {
        "feature": [f"GENE{i}" for i in range(300)],
        "effect": rng.normal(0.3, 0.02, 300),
        "q": 10 ** -rng.uniform(5, 6, 300),
    }
    figure = plots.volcano(pl.DataFrame(rows), most=20)
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in figure.axes[0].texts]
    assert 3 <= len(boxes) <= 20
    assert not [1 for i, a in enumerate(boxes) for b in boxes[:i] if a.overlaps(b)]


def test_what_a_picture_cannot_tell_apart_is_refused() -> None:
    with pytest.raises(InputError, match="more than a picture can tell apart"):
        plots.heat_map(pl.DataFrame({"feature": ["a"] * 61, "p": [1.0] * 61}))
    with pytest.raises(InputError, match="a kind of alteration that has no colour"):
        plots.oncoprint(pl.DataFrame({"patient": ["a"], "gene": ["g"], "kind": ["odd"]}))


def test_an_oncoprint_sorts_patients_by_the_commonest_gene() -> None:
    table = pl.DataFrame({"patient": ["c", "a", "b", "b"], "gene": ["X", "X", "X", "Y"], "kind": ["mutation"] * 4})
    figure = plots.oncoprint(table)
    patches: list[Any] = list(figure.axes[0].patches)
    cells = [p for p in patches if p.get_width() < 1]
    found = {(round(p.get_x() + 0.45), round(p.get_y() + p.get_height() / 2)) for p in cells}
    assert found == {(0, 0), (1, 0), (2, 0), (0, 1)}  # b has both and comes first


def test_a_notebook_shows_it() -> None:
    figure = plots.attrition(pl.DataFrame({"step": ["a"], "count": [1]}))
    assert figure._repr_png_().startswith(b"\x89PNG")  # type: ignore[attr-defined]


def test_names_of_several_lines_do_not_overlap_on_a_narrow_figure() -> None:
    names = [
        "BCL9L_11_118781613_118782613",
        "TP53",
        "HALLMARK_INTERFERON_ALPHA_RESPONSE",
        "HALLMARK_ESTROGEN_RESPONSE_EARLY",
        "age",
    ]
    table = pl.DataFrame({"rank": range(1, 6), "feature": names, "layer": "rna", "effect": [0.3, 0.2, 0.1, -0.1, 0.1]})
    figure = narrowed(plots.biomarkers(table))
    figure.savefig(io.BytesIO(), format="svg")
    (ax,) = figure.axes
    boxes = sorted((label.get_window_extent() for label in ax.get_yticklabels()), key=lambda box: -box.y0)
    assert max(label.get_text().count("\n") for label in ax.get_yticklabels()) == 2
    assert all(low.y1 <= high.y0 for high, low in pairwise(boxes)) and min(box.x0 for box in boxes) >= 0
