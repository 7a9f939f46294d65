"""Summary of a run: what its report says beside the numbers (`summary.json`): sources, layers, warnings, versions, the machine."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from ctypes import CDLL
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from clinome.graphs.tables.files_read import files_read
from clinome.run_folder.methods import methods_of
from clinome.run_folder.prepared import Prepared
from clinome.run_folder.run import versions

if TYPE_CHECKING:
    from clinome.graphs.snapshot.snapshot import Snapshot
    from clinome.graphs.store.protocol import Store


def _sha256(file: Path) -> str | None:
    """Of a study file; None of a study that came from a mapping."""
    return sha256(file.read_bytes()).hexdigest() if file.is_file() else None


def summary_of(ready: Prepared, graph: Mapping[str, Any], notes: Sequence[str]) -> dict[str, Any]:
    """What the report says beside the numbers."""
    study, cohort, snapshot = ready.study, ready.cohort, ready.snapshot
    sources = [ready.tables.record(s) for s in ready.tables.sources()]
    events = snapshot.events
    return {
        "study": {"name": study.name, "file": study.file.name, "task": vars(study.task), "query": cohort.query,
                  "params": {k: str(v) for k, v in cohort.params.items()}, "covariates": snapshot.covariates.columns,
                  "seed": study.evaluate.seed, "sha256": _sha256(study.file)},
        "read": files_read(ready.tables),
        "sources": [{"source": r["source"], **r["tally"], "counts": r["counts"]} for r in sources],
        "layers": [{"name": n, "kind": x.kind, "features": x.var.height, "profiled": int(x.profiled.sum()),
                    "missing": int((~x.profiled).sum())} for n, x in {**snapshot.layers, **snapshot.views}.items()],
        "presence": presence(snapshot),
        "called": _called(ready),
        "records": None if events is None else {"events": events.height, "codes": events["code"].n_unique(),
                    "subjects_with": events["row"].n_unique(), "static": dict(snapshot.static)},
        "warnings": [*cohort.notes, *_clock_warning(cohort.clock), *_split_notes(ready), *notes],
        "versions": versions(),
        "commands": [f"clinome run {study.file.name}"],
        "graph": dict(graph),
        "device": device(),
        "methods": methods_of(ready),
    }  # fmt: skip


def presence(snapshot: Snapshot) -> list[dict[str, Any]]:
    """Patterns of what rows have, for summary.json: [{"has": names of layers and views, and "records", "count": rows}], most first."""
    held = {**snapshot.layers, **snapshot.views}
    table = pl.DataFrame({name: layer.profiled for name, layer in held.items()})
    if snapshot.events is not None:
        known = snapshot.events["row"].unique().to_list()
        rows = pl.Series("records", range(snapshot.rows.height))
        table = table.with_columns(rows.is_in(known)) if table.width else rows.is_in(known).to_frame()
    if not table.width:
        return []
    counted = table.group_by(table.columns).len("rows in it").sort(["rows in it", *table.columns], descending=True)
    return [
        {"has": [name for name in table.columns if row[name]], "count": row["rows in it"]}
        for row in counted.iter_rows(named=True)
    ]


def _called(ready: Prepared) -> dict[str, str]:
    """What classes and labels that are codes are called, where a source says it."""
    if not any(":" in one for one in ready.snapshot.classes):
        return {}
    names = ready.tables.concept_names()
    return {one: names[one] for one in ready.snapshot.classes if one in names}


def _clock_warning(clock: str) -> list[str]:
    match clock:
        case "order":
            return ["the records hold only an order: ranks stand for times, and durations mean nothing"]
        case "relative":
            return ["times are relative (days since an origin), shown as days after 2000-01-01"]
        case _:
            return []


def _split_notes(ready: Prepared) -> list[str]:
    """How the held-out rows were set apart, where it was not at random; and patients who look like one another."""
    from clinome.models.base.folds import strata
    from clinome.models.base.splits import GROUP, by_site
    from clinome.models.evaluation.near_duplicates import near_duplicates

    snapshot, evaluate, notes = ready.snapshot, ready.study.evaluate, []
    if evaluate.site is not None:
        names = by_site(snapshot.rows, strata(snapshot.rows, snapshot.task), evaluate.site)[1]
        notes.append(f"each fold holds out one {evaluate.site}, in this order: {', '.join(names)}")
    if GROUP in snapshot.rows.columns:
        notes.append(
            f"subjects of one {evaluate.group} are on one side of every split, and drawn together for intervals: "
            f"{snapshot.rows[GROUP].n_unique():,} groups of {snapshot.rows['subject_id'].n_unique():,} subjects"
        )
    if evaluate.after is not None:
        notes.append(
            f"trained on what was predicted before {evaluate.after:%Y-%m-%d}, held out what came on that day or later; "
            "outcomes of the last training rows may have been seen after it"
        )
    left_out = snapshot.rows.height - snapshot.folds["row"].n_unique()
    if left_out:
        notes.append(f"{left_out:,} rows are in no fold, since their subjects are held out elsewhere")
    for block, pairs in near_duplicates(snapshot).items():
        who = "1 pair of patients looks" if pairs == 1 else f"{pairs:,} pairs of patients look"
        notes.append(
            f"{who} like the same person by {block}, on both sides of a split: where that is so, give them one "
            "subject_id, else the performance is too good"
        )
    return notes


def graph_counts(store: Store) -> dict[str, dict[str, int]]:
    """How many nodes of each label and relationships of each type a graph holds."""
    nodes = store.run("MATCH (n) RETURN labels(n)[0] AS what, count(n) AS n", {})
    edges = store.run("MATCH ()-[r]->() RETURN type(r) AS what, count(r) AS n", {})
    return {"labels": dict(nodes.iter_rows()), "relationships": dict(edges.iter_rows())}


def device() -> str:
    """The graphics card's name, else CPU. torch is asked only where there may be one: it takes a second or two to load."""
    if sys.platform == "linux" and not (_loads("libcuda.so.1") or _loads("libamdhip64.so")):
        return "CPU"
    import torch

    return torch.cuda.get_device_name(0) if torch.cuda.is_available() else "CPU"


def _loads(library: str) -> bool:
    try:
        CDLL(library)
    except OSError:
        return False
    return True
