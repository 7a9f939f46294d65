"""Prepared: a study made ready to learn from; `clinome train` makes it once, and every later step takes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from clinome.graphs.cohort.cohort import Cohort
    from clinome.graphs.snapshot.snapshot import Snapshot
    from clinome.graphs.tables.study_tables import Tables
    from clinome.run_folder.run import Run
    from clinome.study import Study


@dataclass(frozen=True)
class Prepared:
    """What everything between the graph and the report rests on.

    run: where its results go. tables: the study's columnar tables. cohort: its rows, and the attrition down to those
    with input before the fence. snapshot: what the learners see, frozen, with folds, saved in the run folder.
    """

    study: Study
    run: Run
    tables: Tables
    cohort: Cohort
    snapshot: Snapshot
