"""`clinome demo`: cohorts with a planted truth, the whole job on them, and what was recovered, in plain words."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from clinome.console import Console
from clinome.demo.crosstalk import ON_GRAPH, Crosstalk, run_crosstalk
from clinome.demo.synthetic_cohort import Truth, write_cohort
from clinome.graph import cohort_of, open_graph
from clinome.loaders.files.spreadsheet_csv import read_csv
from clinome.run_folder.run import Run
from clinome.study import Study
from clinome.verbs.biomarkers import biomarkers
from clinome.verbs.loading.load import load
from clinome.verbs.publication.report import report
from clinome.verbs.run import begun
from clinome.verbs.train import train_study

PATIENTS = 1000
FIRST = 20


def run_demo(folder: Path, seed: int, patients: int | None, console: Console) -> dict[str, object]:
    """Make the cohort, run it whole, compare what was found with what was planted; beside it a second, smaller study
    (`crosstalk/`) of what only a graph can read. Its size is its own, whatever `patients`.

    Returns: true_auroc, chosen_auroc, permuted_auroc, decoy_auroc, decoy_gain, genes_in_first_20, pathway_rank,
        mutation_rank, diagnosis_rank, crosstalk (true_auroc, graph_auroc, shuffled_auroc, edgeless_auroc, plain,
        plain_auroc, chosen, report), seconds, report.
    """
    from clinome.models.experiment.processes import Processes

    start = time.perf_counter()
    console(f"making a cohort of {patients or PATIENTS:,} invented patients in {folder} (seed {seed})")
    truth = write_cohort(folder, seed, patients or PATIENTS)
    study = Study.read(folder)
    with Processes(1, networks=False, waiting=False) as aside, begun(study) as processes:
        second = aside.submit(run_crosstalk, folder / "crosstalk", seed)
        load(study, console=console)
        decoy = processes.submit(_with_decoy, study) if processes else None
        train_study(study, Run.of(study), {}, console, processes)
        began = decoy is not None and processes is not None and processes.given  # not if all was done before
        with_decoy = decoy.result() if decoy and began else _with_decoy(study)
        planted, on_graph = second.result()
    biomarkers(study, console=console)
    done = report(study, console=console)
    found = _found(study, done, truth, with_decoy)
    found |= {
        "crosstalk": on_graph,
        "seconds": round(time.perf_counter() - start, 1),
        "report": str(done.path("report.html")),
    }
    done.write_json("recovered.json", found)
    _tell(truth, found, console)
    tell_crosstalk(planted, on_graph, console)
    console(f"The report: {found['report']}  ({found['seconds']} s in all)")
    return found


def _found(study: Study, run: Run, truth: Truth, decoy: float) -> dict[str, object]:
    results = run.read_json("results.json")
    ranked = read_csv(run.path("biomarkers.csv"), infer_schema_length=None)
    pathways = read_csv(run.path("enrichment.csv"), infer_schema_length=None)
    auroc = {name: r["metrics"]["auroc"]["mean"] for name, r in results["learners"].items()}
    first = set(ranked.filter(pl.col("rank") <= FIRST)["feature"].to_list())
    place = {row["pathway"]: i + 1 for i, row in enumerate(pathways.iter_rows(named=True))}
    return {
        "true_auroc": _true_auroc(run, study.folder),
        "chosen_auroc": auroc["chosen"],
        "permuted_auroc": results["controls"]["permuted_labels"]["mean"],
        "ridge_late_auroc": auroc["ridge_late"],
        "decoy_auroc": decoy,
        "decoy_gain": decoy - auroc["ridge_late"],
        "genes_in_first_20": sum(gene in first for gene in truth.genes.values()),
        "pathway_rank": place.get(truth.pathway_id),
        "mutation_rank": _rank(ranked, truth.mutation_id),
        "diagnosis_rank": _rank(ranked, truth.diagnosis),
    }


def _rank(ranked: pl.DataFrame, feature: str) -> int | None:
    rows = ranked.filter(pl.col("feature") == feature)
    return int(rows["rank"].min()) if rows.height else None  # type: ignore[arg-type]


def _true_auroc(run: Run, folder: Path) -> float:
    """AUROC of the true risk over the cohort: no learner can be expected to pass it."""
    from sklearn.metrics import roc_auc_score

    truth = pl.read_parquet(folder / "truth.parquet")
    rows = pl.read_parquet(run.path("cohort.parquet")).join(truth.select("subject_id", "risk"), on="subject_id")
    return float(roc_auc_score(rows["label"].cast(pl.Int8), rows["risk"]))


def _with_decoy(study: Study) -> float:
    """The AUROC of `ridge_late` on the same folds, had the time fence let in what was recorded after the fact."""
    from clinome.graphs.snapshot.fence import no_fence
    from clinome.graphs.snapshot.freeze import freeze
    from clinome.models.base.folds import make_folds, parts
    from clinome.models.base.threads import one_thread
    from clinome.models.learners.registry import make
    from clinome.models.metrics.discrimination import auroc

    task = study.need_task()
    with open_graph(study) as graph:
        cohort = cohort_of(graph)
        snapshot = freeze(cohort, graph.tables, task.kind, task.covariates, fence=no_fence)
    y, found = snapshot.rows["label"].cast(pl.Int64).to_numpy(), []
    folds = make_folds(snapshot.rows, task.kind, study.evaluate)
    with one_thread():
        for repeat, fold in folds.select("repeat", "fold").unique().sort("repeat", "fold").iter_rows():
            train, tuning, held = parts(folds, repeat, fold)
            learner = make("ridge_late").with_setting({}, study.evaluate.seed)
            learner.fit(snapshot, train, tuning)
            found.append(auroc(y[held], learner.predict(snapshot, held)))
    return float(np.mean([one for one in found if one is not None]))


def _tell(truth: Truth, found: dict[str, object], console: Console) -> None:
    genes = ", ".join(sorted(truth.genes))
    console()
    console(f"What was planted: the activity of “{truth.pathway}” (its ten genes {genes}),")
    console(f"  a mutation of {truth.mutation}, and the earlier diagnosis {truth.diagnosis}.")
    console(f"  Whoever knew the true risk would reach an AUROC of {found['true_auroc']:.3f}.")
    console("What was found:")
    console(f"  the learner chosen inside the training data reaches {found['chosen_auroc']:.3f} on held-out patients;")
    console(f"  ridge_late with permuted labels, as it should be, about one half: {found['permuted_auroc']:.3f};")
    console(f"  {found['genes_in_first_20']} of the ten genes are among the first {FIRST} biomarkers,")
    console(f"  the pathway is number {found['pathway_rank'] or '—'} of the pathways,")
    console(
        f"  the mutation is biomarker {found['mutation_rank'] or '—'}, the diagnosis {found['diagnosis_rank'] or '—'}."
    )
    console("What the fence stopped:")
    console(f"  {truth.decoy} is recorded after the outcome. Let in, it would have made the AUROC of ridge_late")
    console(
        f"  {found['decoy_auroc']:.3f} instead of {found['ridge_late_auroc']:.3f}: a gain of {found['decoy_gain']:.3f} that no patient would ever see."
    )


def tell_crosstalk(planted: Crosstalk, found: dict[str, Any], console: Console) -> None:
    others = max(found["plain_auroc"], found["shuffled_auroc"], found["edgeless_auroc"])
    console("What only the graph can read:")
    console(
        f"  in a second study, of {planted.patients:,} other patients and {planted.genes} genes, a gain of a gene harms where the genes"
    )
    console("  that it interacts with are highly expressed, and protects where they are not; a loss does the contrary.")
    console(
        f"  No gene by itself says anything. Whoever knew the true risk would reach an AUROC of {planted.auroc:.3f};"
    )
    console(
        f"  {ON_GRAPH}, a graph neural network over the interactions, reaches {found['graph_auroc']:.3f} on held-out patients,"
    )
    console(f"  the best learner without a graph ({found['plain']}) {found['plain_auroc']:.3f},")
    console(
        f"  the same network with the interactions shuffled {found['shuffled_auroc']:.3f}, without them {found['edgeless_auroc']:.3f}:"
    )
    console(
        f"  knowing who interacts with whom is worth {found['graph_auroc'] - others:+.3f}. Chosen inside the training data: {found['chosen']}."
    )
    console(f"  Its report: {found['report']}")
