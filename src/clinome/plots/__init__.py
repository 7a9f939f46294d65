"""Plots: publication figures of runs, cohorts and benchmarks, each from a pandas or polars table.

Every function returns a `matplotlib.figure.Figure` and touches no global state: save it with `figure.savefig(...)`,
or show it in a notebook with `display(figure)`. Colours are safe for colour-blind readers, text stays text in SVG.

Example:
    >>> import clinome.plots, pandas as pd
    >>> steps = pd.DataFrame({"step": ["in the store", "with an outcome"], "count": [1200, 940]})
    >>> figure = clinome.plots.attrition(steps)  # figure.savefig("attrition.svg")
    >>> figure.get_label()
    'Cohort selection: rows left after each step of the cohort query'
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clinome.plots.clusters import cluster_numbers, consensus_matrix
    from clinome.plots.cohorts import cumulative_incidence, differential_features, kaplan_meier
    from clinome.plots.networks.network import network
    from clinome.plots.omics import heat_map, oncoprint
    from clinome.plots.patients import (
        embedding_map,
        layers_by_patient,
        patient_timeline,
    )
    from clinome.plots.predictions import (
        calibration,
        decision_curve,
        discrimination,
        incidence_by_risk,
        label_curves,
        one_vs_rest,
        survival_by_risk,
        survival_calibration,
    )
    from clinome.plots.quality import (
        distributions,
        missing_by_outcome,
        missing_features,
        outcome_by_group,
        records_over_time,
        sample_components,
    )
    from clinome.plots.ranked_features import adjusted_effects, ranking_stability, volcano
    from clinome.plots.ranks import critical_difference, study_differences
    from clinome.plots.regression import predicted_observed
    from clinome.plots.responses import endpoint_correlations
    from clinome.plots.run import (
        attrition,
        biomarkers,
        controls,
        learning_curve,
        missing_data,
        model_comparison,
        subgroups,
    )

_WHERE = {
    "adjusted_effects": "ranked_features",
    "attrition": "run",
    "biomarkers": "run",
    "calibration": "predictions",
    "cluster_numbers": "clusters",
    "consensus_matrix": "clusters",
    "controls": "run",
    "critical_difference": "ranks",
    "cumulative_incidence": "cohorts",
    "decision_curve": "predictions",
    "differential_features": "cohorts",
    "discrimination": "predictions",
    "distributions": "quality",
    "embedding_map": "patients",
    "endpoint_correlations": "responses",
    "heat_map": "omics",
    "incidence_by_risk": "predictions",
    "kaplan_meier": "cohorts",
    "label_curves": "predictions",
    "layers_by_patient": "patients",
    "learning_curve": "run",
    "missing_by_outcome": "quality",
    "missing_data": "run",
    "missing_features": "quality",
    "model_comparison": "run",
    "network": "networks.network",
    "oncoprint": "omics",
    "one_vs_rest": "predictions",
    "outcome_by_group": "quality",
    "patient_timeline": "patients",
    "predicted_observed": "regression",
    "ranking_stability": "ranked_features",
    "records_over_time": "quality",
    "sample_components": "quality",
    "study_differences": "ranks",
    "subgroups": "run",
    "survival_by_risk": "predictions",
    "survival_calibration": "predictions",
    "volcano": "ranked_features",
}
"""Figure -> the module that draws it; matplotlib is imported when one is asked for."""

__all__ = [
    "adjusted_effects",
    "attrition",
    "biomarkers",
    "calibration",
    "cluster_numbers",
    "consensus_matrix",
    "controls",
    "critical_difference",
    "cumulative_incidence",
    "decision_curve",
    "differential_features",
    "discrimination",
    "distributions",
    "embedding_map",
    "endpoint_correlations",
    "heat_map",
    "incidence_by_risk",
    "kaplan_meier",
    "label_curves",
    "layers_by_patient",
    "learning_curve",
    "missing_by_outcome",
    "missing_data",
    "missing_features",
    "model_comparison",
    "network",
    "oncoprint",
    "one_vs_rest",
    "outcome_by_group",
    "patient_timeline",
    "predicted_observed",
    "ranking_stability",
    "records_over_time",
    "sample_components",
    "study_differences",
    "subgroups",
    "survival_by_risk",
    "survival_calibration",
    "volcano",
]


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
