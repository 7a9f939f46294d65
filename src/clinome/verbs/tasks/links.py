"""A links study in the verbs: its graph out of the tables, `clinome learners` and `clinome train` of it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import polars as pl

from clinome.console import Console
from clinome.graph import open_graph
from clinome.loaders.errors import InputError
from clinome.models.base.specs import LinkTask
from clinome.run_folder.methods import dated
from clinome.run_folder.run import SNAPSHOT, Run, key_of, versions
from clinome.study import Study

if TYPE_CHECKING:
    from clinome.graphs.snapshot.link_edges import LinkEdges
    from clinome.models.learners.links.experiment import LinkResults
    from clinome.models.learners.links.graph import LinkGraph
    from clinome.models.learners.links.learner import LinkLearner

RANKING, PREDICTIONS = "ranking.parquet", "predictions.parquet"


def need_links(study: Study) -> LinkTask:
    """The `[task]` of kind links."""
    if study.links is None:
        raise InputError("no links study", study.file.name, fix='[task] kind = "links"')
    return study.links


def frozen(study: Study) -> tuple[LinkEdges, LinkGraph]:
    """The knowledge of a study that has been loaded, and the graph of its links.

    Raises: InputError if nothing has been loaded, and where there are no links of the task.
    """
    from clinome.graphs.snapshot.link_edges import freeze_links
    from clinome.models.learners.links.graph import link_graph

    with open_graph(study) as graph:
        edges = freeze_links(graph.tables)
    return edges, link_graph(edges.edges, need_links(study))


def why_not(study: Study) -> list[tuple[str, str | None]]:
    """Each ranker, and why it cannot run on this study; None: it runs."""
    from clinome.models.learners.links.registry import RANKERS, make

    _, graph = frozen(study)
    return [(name, make(name).reason(graph)) for name in RANKERS]


def rankers_of(own: Mapping[str, Any], study: Study) -> dict[str, LinkLearner]:
    """One's own, by name: objects with `fit(graph)` and `score(queries)`, or what makes one without arguments.

    Raises: InputError for anything else, and for a name of ours.
    """
    from clinome.models.learners.links.experiment import CHOSEN
    from clinome.models.learners.links.learner import LinkLearner
    from clinome.models.learners.links.registry import RANKERS

    found: dict[str, LinkLearner] = {}
    for name, given in own.items():
        if name in (*RANKERS, CHOSEN):
            raise InputError("this name is one of Clinome's own", "learners", name, "another name", "rename yours")
        made = given() if isinstance(given, type) or (not hasattr(given, "fit") and callable(given)) else given
        if not isinstance(made, LinkLearner):
            raise InputError(
                "this is no learner of links", f"learners[{name!r}]", type(made).__name__,
                "an object with fit(graph) and score(queries)", "add what it lacks",
            )  # fmt: skip
        found[name] = made
    return found


def train_links(study: Study, run: Run, own: Mapping[str, LinkLearner], console: Console) -> Run:
    """Everything between the loaded knowledge and results.json; nothing is done again while nothing has changed."""
    from clinome.models.learners.links.registry import select

    begun = time.perf_counter()
    edges, graph = frozen(study)
    learners, left_out = select(graph, study.learn.learners)
    saved = edges.save(run.path(SNAPSHOT))
    task, evaluate = vars(need_links(study)), vars(study.evaluate)
    key = key_of(
        saved.manifest, task, evaluate, [one.name for one in learners], study.learn.trials, sorted(own), versions()
    )
    if run.done("train", key) and not own:
        console("train: nothing has changed; the results stand")
        return run
    queries, candidates = graph.shape
    console(
        f"links: {len(graph.links):,} between {queries:,} {graph.query} and {candidates:,} {graph.candidate}, by {graph.hold_out} held out"
    )
    for name, reason in left_out.items():
        console(f"{name} is left out: {reason}")
    results = _compared(study, graph, {**{one.name: one for one in learners}, **own}, console)
    run.write_json("run.json", {})  # stopped while the files are replaced, none of them may pass for another's
    _write(study, run, saved, results, left_out)
    run.mark("train", key)
    run.log(
        "train", seconds=round(time.perf_counter() - begun, 2), links=len(graph.links), learners=len(results.learners)
    )
    show(run, console)
    return run


def _compared(study: Study, graph: LinkGraph, learners: Mapping[str, LinkLearner], console: Console) -> LinkResults:
    from clinome.models.experiment.progress import Jobs
    from clinome.models.learners.links.experiment import run_links
    from clinome.models.learners.links.jobs import controls

    workers = study.learn.workers if isinstance(study.learn.workers, int) else 1
    splits = 1 if graph.hold_out == "time" else int(str(study.evaluate.folds)) * study.evaluate.repeats
    with console.jobs() as progress:
        at = Jobs(progress)
        at.begin([(name, control) for name in learners for control in controls(name) for _ in range(splits)])
        return run_links(
            graph, learners, study.evaluate, workers or _cores(),
            ended=lambda one: at.end(one.job.name, one.job.control, one.seconds, failed=one.failed is not None),
            trials=study.learn.trials,
        )  # fmt: skip


def _cores() -> int:
    from joblib import cpu_count

    return int(cpu_count())


def _write(study: Study, run: Run, edges: LinkEdges, results: LinkResults, left_out: Mapping[str, str]) -> None:
    graph = results.graph
    names = dict(edges.nodes.drop_nulls("name").select("id", "name").unique("id", keep="first").iter_rows())

    def told(table: pl.DataFrame) -> pl.DataFrame:
        ends = [_ids(graph, end, names) for end in ("query", "candidate")]
        for end, ids in zip(("query", "candidate"), ends, strict=True):
            table = table.join(ids, left_on=end, right_on="position", how="left", maintain_order="left")
            table = table.drop(end).rename({"id": end, "name": f"{end}_name"})
        return table.select(*(c for c in FIRST if c in table.columns))

    told(results.predictions).write_parquet(run.path(PREDICTIONS))
    told(results.ranking).write_parquet(run.path(RANKING))
    run.write_json("results.json", {**results.as_json(), "left_out": dict(left_out)})
    run.write_json("summary.json", {
        "study": {"name": study.name, "file": study.file.name, "task": vars(need_links(study))},
        "versions": versions(), "commands": [f"clinome run {study.file.name}"], "warnings": _warnings(study, edges, results),
        "methods": {**dated(), "evaluate": _evaluated(study)},
    })  # fmt: skip


def _evaluated(study: Study) -> dict[str, Any]:
    """How links were held out, for the methods."""
    found = study.evaluate
    return {"folds": 1 if found.after is not None else found.folds, "repeats": found.repeats, "seed": found.seed}


FIRST = (
    "learner", "repeat", "fold", "query", "query_name", "list", "rank", "candidate", "candidate_name", "score", "held_out",
)  # fmt: skip


def _ids(graph: LinkGraph, end: str, names: Mapping[str, str]) -> pl.DataFrame:
    ids = graph.nodes[getattr(graph, end)]
    known = [names.get(one) for one in ids]
    table = {"position": range(len(ids)), "id": ids, "name": known}
    return pl.DataFrame(table, schema={"position": pl.Int64, "id": pl.String, "name": pl.String})


def _warnings(study: Study, edges: LinkEdges, results: LinkResults) -> list[str]:
    """What a reader should know before any figure."""
    from clinome.reports.tasks.links import sentences

    graph, task = results.graph, need_links(study)
    sets = edges.nodes.filter(pl.col("label") == "Pathway")["name"].drop_nulls()
    found = []
    if "Diagnosis" in (task.query, task.candidate) and (named := sentences.disease_named(sets.to_list())):
        found.append(sentences.disease_sets(len(named), sets.len(), named[:3]))
    derived = edges.edges.filter(
        (pl.col("predicate") == task.predicate)
        & ~(
            pl.col("subject_label").is_in([task.query, task.candidate])
            & pl.col("object_label").is_in([task.query, task.candidate])
        )
    )
    if derived.height:
        found.append(sentences.derived_left_out(derived.height, task.predicate))
    if task.hold_out == "time":
        undated = int((graph.years != graph.years).sum())
        found += [sentences.undated(undated, len(graph.links))] if undated else []
    return found


def show(run: Run, console: Console) -> None:
    """The comparison as a table."""
    results = run.read_json("results.json")
    rows = []
    for name, one in results["learners"].items():
        mrr, recall = one["metrics"]["mrr"], one["metrics"]["recall@20"]
        rows.append((name, mrr["mean"], mrr["low"], mrr["high"], recall["mean"], round(one["seconds"], 1)))
    console.table(["learner", "mrr", "low", "high", "recall@20", "seconds"], rows)
