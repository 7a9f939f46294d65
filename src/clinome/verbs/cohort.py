"""`clinome cohort`: run the query, show who is left after each step, keep the cohort in the graph."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clinome.console import Console
from clinome.graph import open_graph, open_store
from clinome.study import Study

if TYPE_CHECKING:
    from clinome.graphs.cohort.cohort import Cohort


def take_cohort(study: Study, console: Console) -> Cohort:
    """The study's cohort; stored in the graph as (:Cohort)-[:INCLUDES]->(:Patient)."""
    with open_graph(study) as graph:
        made = graph.cohort()
    console.table(["step", "patients"], [(s.step, s.count) for s in made.steps])
    for note in made.notes:
        console(note)
    keep(study, made)
    return made


def keep(study: Study, made: Cohort) -> None:
    """Write the cohort into the graph, unless this very one is there."""
    from clinome.graphs.cohort.cohort import store_cohort
    from clinome.graphs.tables.study_tables import Tables

    with open_store(study, write=True) as store:
        if store_cohort(store, made, Tables(study.tables, study.name).study):
            store.save()
