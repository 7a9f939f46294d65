"""`clinome compare`: two cohorts in Cypher, who is in which, and how they differ, all behind the time fence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from clinome.console import SILENT, Console
from clinome.graph import Graph, open_graph
from clinome.loaders.errors import InputError
from clinome.reports.comparison.page import CohortComparison, in_words, survival_in_words, write_compare
from clinome.study import Study, as_study
from clinome.verbs.biomarkers import named
from clinome.verbs.cohort import columns_of

if TYPE_CHECKING:
    from clinome.graphs.cohort.cohort import Cohort
    from clinome.graphs.snapshot.snapshot import Snapshot
    from clinome.models.statistics.differential import SurvivalContrast

_OUTCOMES = ("label", "duration_days", "event")


def compare(
    study: Study | str | Path,
    a: str,
    b: str,
    *,
    params: Mapping[str, Any] | None = None,
    names: tuple[str, str] | None = None,
    out: str | Path | None = None,
    console: Console = SILENT,
) -> CohortComparison:
    """Compare two cohorts of one study: overlap, Table 1, survival, and features that differ, behind the time fence.

    Patients of both are left out of every comparison; of a patient with several rows the first counts.
    Args:
        study: a study, its file, or the folder that holds it; it has been loaded.
        a, b: a query of the library, a .cypher file, or Cypher text, as `[cohort] query`; columns subject_id,
            prediction_time where the study holds records, duration_days and event where survival shall be compared.
        params: by name for both, or as `a.NAME` and `b.NAME` for one of them; what the study's own cohort is given
            counts where they leave one out.
        names: what to call them.
        out: a folder (default: compare/A-vs-B beside the study file).
        console: what is said while it runs; default: nothing.
    Returns: `.table` (Table 1), `.features` (effect, p, q by feature), `.survival`; all of it also lies in the folder:
        compare.html, table1.csv, features.csv, compare.json.
    Raises: InputError for a query that is no cohort, or where nobody is in one of them alone.
    Example:
        clinome.compare("study.toml", "smokers.cypher", "others.cypher").features.head()
    """
    from clinome.graphs.snapshot.freeze import freeze
    from clinome.models.biomarkers.contrast import contrast
    from clinome.models.statistics.table_one import table_one

    if names is not None and names[0] == names[1]:
        raise InputError("both cohorts would have one name", "--names", names[0], "two names", "--names one,other")
    study = as_study(study)
    with open_graph(study) as graph:
        cohorts = _cohort(graph, a, "a", params or {}), _cohort(graph, b, "b", params or {})
        called = names or _names(cohorts)
        frame, both, later = _apart(cohorts)
        union = replace(cohorts[0], frame=frame.drop("cohort"))
        covariates = study.task.covariates if study.task else ()
        snapshot = freeze(union, graph.tables, "survival", covariates)
        columns = columns_of(union, snapshot, graph.tables)
        called_in_graph = graph.tables.concept_names()
    first = frame["cohort"].to_numpy() == 0
    group = pl.Series("cohort", [called[0] if one else called[1] for one in first])
    survival, curves = _followed(snapshot, first)
    folder = Path(out) if out is not None else study.folder / "compare" / _folder_name(called)
    found = CohortComparison(
        called,
        cohorts,
        both,
        later,
        table_one(columns, group),
        named(contrast(snapshot, first), called_in_graph),
        survival,
        curves,
        folder,
    )
    write_compare(found, study.name)
    _tell(found, console)
    return found


def parse_given(pairs: Sequence[str]) -> dict[str, Any]:
    """`name=value` of the command line; types are the queries' business."""
    given = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise InputError(
                "a parameter without a value",
                "-p",
                pair,
                "name=value, a.name=value or b.name=value",
                "write -p name=value",
            )
        given[name.strip()] = value
    return given


def _cohort(graph: Graph, text: str, side: str, given: Mapping[str, Any]) -> Cohort:
    """One side's cohort. Labels do not matter here, so rows without one stay."""
    from clinome.graphs.cohort.cohort import make_cohort, weakest_clock
    from clinome.graphs.query.cypher import find
    from clinome.graphs.query.params import guess

    study = graph.study
    query = find(text, Path.cwd(), study.folder)  # where one stands comes before beside the study
    types = {param.name: param.type for param in query.params}
    own = {name.removeprefix(f"{side}."): value for name, value in given.items() if name.startswith(f"{side}.")}
    shared = {name: value for name, value in given.items() if not name.startswith(("a.", "b."))}
    kept = study.cohort.params if study.cohort else {}
    params = {name: value for name, value in {**kept, **shared}.items() if name in types} | own
    params = {name: guess(v) if types.get(name) == "any" and isinstance(v, str) else v for name, v in params.items()}
    survival = study.task.label if study.task and study.task.kind == "survival" else "event"
    ordered = weakest_clock(graph.tables) == "order"  # ranks are no durations
    return make_cohort(
        graph.store, text, params, label_type="categorical" if ordered else "time_to_event", label="label" if ordered else survival,
        name=query.name, base=study.folder, tables=graph.tables, to_predict=True,
    )  # fmt: skip


def _names(cohorts: tuple[Cohort, Cohort]) -> tuple[str, str]:
    """The queries' own names, and what tells them apart where they have one and the same."""
    first, second = (cohort.name for cohort in cohorts)
    if first != second:
        return first, second
    differing = [name for name, value in cohorts[0].params.items() if cohorts[1].params.get(name) != value]
    if first == "query" or not differing:
        return "A", "B"
    a, b = (", ".join(f"{name} {cohort.params[name]}" for name in differing) for cohort in cohorts)
    return f"{first} ({a})", f"{first} ({b})"


def _folder_name(names: tuple[str, str]) -> str:
    return "-vs-".join(
        "".join(c if c.isalnum() or c in "._-" else "_" for c in name).strip("._") or "cohort" for name in names
    )


def _apart(cohorts: tuple[Cohort, Cohort]) -> tuple[pl.DataFrame, int, int]:
    """One row a patient, their first, of those in one cohort only, sorted; how many are in both, and rows left out."""
    frames = [cohort.frame.with_columns(cohort=pl.lit(i)) for i, cohort in enumerate(cohorts)]
    ids = [set(frame["subject_id"]) for frame in frames]
    both = ids[0] & ids[1]
    for frame, own, cohort in zip(frames, ids, cohorts, strict=True):
        if not own - both:
            raise InputError(
                "nobody is in this cohort alone", cohort.name, f"{len(own):,} patients, all of them in the other one too",
                "two cohorts that differ", "leave the patients of the one out of the other in Cypher",
            ) if frame.height else InputError("nobody is in this cohort", cohort.name, fix="look at its attrition: clinome cohort STUDY, or ask the query alone")  # fmt: skip
    every = pl.concat(
        [frame.filter(~pl.col("subject_id").is_in(list(both))) for frame in frames], how="diagonal_relaxed"
    )
    keys = ["subject_id", "prediction_time"]
    first = every.sort(keys).unique("subject_id", keep="first", maintain_order=True)
    wanted = [*keys, *(c for c in _OUTCOMES if c in first.columns)]
    return first.select(*wanted, pl.exclude(wanted)), len(both), every.height - first.height


def _followed(snapshot: Snapshot, first: np.ndarray) -> tuple[SurvivalContrast | None, pl.DataFrame]:
    """Survival of those whose time at risk is known, where both cohorts have some."""
    from clinome.models.statistics.differential import followed

    rows = snapshot.rows
    if "duration_days" not in rows.columns:
        return None, pl.DataFrame()
    known = rows.select(
        pl.col("duration_days").cast(pl.Float64), pl.col("event").cast(pl.Float64), pl.Series("first", first)
    ).drop_nulls()
    inside = known["first"].to_numpy()
    if inside.all() or not inside.any():
        return None, pl.DataFrame()
    return followed(known["duration_days"].to_numpy(), known["event"].to_numpy() > 0, inside), known


def _tell(found: CohortComparison, console: Console) -> None:
    for sentence in [*in_words(found), *survival_in_words(found)]:
        console(sentence)
    columns = ["block", "feature", "name", "measure", "a", "b", "effect", "p", "q"]
    console.table(columns, found.contrasts.head(10).select(columns).iter_rows())
    console(f"compare: {found.folder / 'compare.html'}")
