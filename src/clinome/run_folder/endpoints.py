"""endpoints.csv of a run: each endpoint by itself, every learner beside the covariates alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clinome.loaders.files.spreadsheet_csv import write_csv
from clinome.models.base.task import task_of

if TYPE_CHECKING:
    import polars as pl

    from clinome.run_folder.prepared import Prepared

ENDPOINTS = "endpoints.csv"
REFERENCES = ("covariates", "majority")
"""Beside which an endpoint is judged: what the covariates alone say of it (for drugs: the tissue), else nothing."""


def keep_endpoints(ready: Prepared, predictions: pl.DataFrame) -> dict[str, Any]:
    """Write the table, and give what results.json says of it: reference and comparisons; {} for tasks of one outcome."""
    from clinome.models.evaluation.endpoints import endpoint_comparisons, endpoint_table
    from clinome.models.learners.registry import CHOSEN

    path = ready.run.path(ENDPOINTS)
    path.unlink(missing_ok=True)
    if not task_of(ready.snapshot.task).own_units:
        return {}
    learners = predictions["learner"].unique().to_list()
    reference = next((name for name in REFERENCES if name in learners), "")
    table = endpoint_table(ready.snapshot, predictions, reference)
    write_csv(table, path)
    found = endpoint_comparisons(table, CHOSEN, ready.study.evaluate.seed)
    return {"endpoints": {"reference": reference, "comparisons": found}}
