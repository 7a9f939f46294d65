"""`clinome learners`: what can run on a study, and why the rest cannot."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from clinome.console import SILENT, Console
from clinome.graph import cohort_of, open_graph, snapshot_of
from clinome.study import Study, as_study
from clinome.verbs.tasks.links import why_not

if TYPE_CHECKING:
    import pandas as pd


def learners(study: Study | str | Path, *, console: Console = SILENT) -> pd.DataFrame:
    """Learners: which can run on this study, and why the rest cannot.

    Args:
        study: a study, its file, or the folder that holds it; it has been loaded.
        console: what is said while it runs; default: nothing.
    Returns: a row a learner: learner, why_not (None: it runs).
    Raises: InputError if nothing has been loaded, or the cohort cannot be.
    Example:
        clinome.learners("study.toml").query("why_not.isna()")
    """
    import pandas as pd

    from clinome.models.learners.registry import aside, every, reason_of

    study = as_study(study)
    why_aside: dict[str, str] = {}
    if study.links is not None:
        rows = why_not(study)
    else:
        with open_graph(study) as graph:
            snapshot = snapshot_of(graph, cohort_of(graph))
        rows = [(learner.name, reason_of(learner, snapshot)) for learner in every(snapshot)]
        why_aside = {one.name: why for one in every(snapshot) if (why := aside(one, snapshot))}
    shown = [
        (name, why or (f"if it is named: {why_aside[name]}" if name in why_aside else "yes")) for name, why in rows
    ]
    console.table(["learner", "runs here"], shown)
    return pd.DataFrame(rows, columns=["learner", "why_not"], dtype=object)
