"""`clinome biomarkers`: the run's attributions -> ranked features and pathways, written back into the graph."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from clinome.console import SILENT, Console
from clinome.graph import open_graph
from clinome.loaders.errors import InputError
from clinome.loaders.files.spreadsheet_csv import write_csv
from clinome.run_folder.run import SNAPSHOT, Run, key_of
from clinome.run_folder.written import write_run
from clinome.study import Study, as_study
from clinome.study_file.clustering import KIND as CLUSTERING
from clinome.verbs.tasks.clusters import rank_markers
from clinome.verbs.tasks.known import associated_genes, known_alone, known_of

if TYPE_CHECKING:
    from clinome.graphs.snapshot.snapshot import Snapshot
    from clinome.models.biomarkers.ranking import FoldAttribution


def biomarkers(study: Study | str | Path, *, name: str | None = None, console: Console = SILENT) -> Run:
    """Biomarkers: rank features by attribution on held-out patients, with stability, q and pathway enrichment.

    The run is written back into the graph: (:Run)-[:RANKS]-> features, -[:PREDICTS]-> patients, -[:USED]-> its cohort.
    Args:
        study: a study, its file, or the folder that holds it; it has been trained.
        name: of the run (default: the study's).
        console: what is said while it runs; default: nothing.
    Returns: the run, with `.biomarkers` and `.enrichment`.
    Raises: InputError before `clinome train`, EngineError if the store is locked or away.
    Example:
        clinome.biomarkers("study.toml").biomarkers.head(10)
    """
    study = as_study(study)
    return rank_features(study, Run.of(study, name), console)


def rank_features(study: Study, run: Run, console: Console) -> Run:
    """Rank what moved held-out predictions, enrich it against what was measured, keep it as (:Run)-[:RANKS]->."""
    from clinome.graphs.snapshot.snapshot import Snapshot
    from clinome.models.biomarkers.enrichment import enrich, measured_genes
    from clinome.models.biomarkers.genes.known_genes import known_genes, marked
    from clinome.models.biomarkers.ranking import biomarkers as rank
    from clinome.models.biomarkers.ranking_stability import ranking_stability

    if study.links is not None:
        study.need_task()
    key = run.read_json("run.json").get("train", "")
    if not key:
        raise InputError("this run has not been trained", run.name, fix=f"clinome train {study.file.name}")
    key = key_of(key, version("clinome"), vars(study.biomarkers))
    if run.done("biomarkers", key):
        console("biomarkers: nothing has changed; the ranking stands")
        return run
    if study.need_task().kind == CLUSTERING:
        return rank_markers(study, run, key, named, console)
    snapshot = Snapshot.read(run.path(SNAPSHOT))
    folds = fold_attributions(pl.read_parquet(run.path("attributions.parquet")))
    ranked = rank(snapshot, folds)
    with open_graph(study) as graph:
        names = graph.query("MATCH (w:Pathway) RETURN w.id AS id, w.name AS name")
        ranked = named(ranked, graph.tables.concept_names())
        associated = associated_genes(graph, study.biomarkers.known)
    pathways = enrich(
        ranked, snapshot.links, measured_genes(snapshot), names=dict(zip(names["id"], names["name"], strict=True))
    )
    ranked = _adjusted(study, run, snapshot, ranked)
    stability, spread = ranking_stability(folds)
    ranked = ranked.join(spread, on=["layer", "feature"], how="left", maintain_order="left")
    genes = measured_genes(snapshot)
    known = known_of(snapshot, study.biomarkers.known, associated)
    ranked = marked(ranked, genes if known.genes else {}, known.genes)
    told = known.as_json(known_genes(ranked, genes, known.genes, seed=study.evaluate.seed))
    if known.missing:
        console(f"known genes that no layer measures, and that are therefore not counted: {', '.join(known.missing)}")
    if told.get("genes"):
        told["alone"] = known_alone(study, snapshot, known.genes)
    run.write_json("biomarkers.json", {"stability": stability, "known": told})
    ranked = _flagged(study, run, snapshot, ranked)
    write_csv(ranked, run.path("biomarkers.csv"))
    _agreement(run, snapshot, ranked)
    write_csv(pathways, run.path("enrichment.csv"))
    found = _modules(study, run, snapshot, console)
    write_run(study, run, ranked)
    run.mark("biomarkers", key)
    run.log("biomarkers", features=ranked.height, pathways=pathways.height)
    _show(ranked, pathways, console)
    _show_modules(found, console)
    return run


def _adjusted(study: Study, run: Run, snapshot: Snapshot, ranked: pl.DataFrame) -> pl.DataFrame:
    """The ranking with adjusted effects; and biomarkers_by_class.csv, where there are several classes."""
    from clinome.models.biomarkers.adjusted_effects import adjusted_effects, by_class

    site, first = study.evaluate.site, study.biomarkers.adjusted
    run.path("biomarkers_by_class.csv").unlink(missing_ok=True)
    each = by_class(snapshot, ranked, site=site, first=first)
    if each.height:
        write_csv(each, run.path("biomarkers_by_class.csv"))
    return adjusted_effects(snapshot, ranked, site=site, first=first)


def _flagged(study: Study, run: Run, snapshot: Snapshot, ranked: pl.DataFrame) -> pl.DataFrame:
    """The ranking with what its first features may stand for instead."""
    from clinome.models.biomarkers.feature_flags import feature_flags

    copies = {(one["block"], one["feature"]) for one in run.read_json("results.json").get("outcome_copies") or []}
    return feature_flags(snapshot, ranked, site=study.evaluate.site, copies=copies)


def _agreement(run: Run, snapshot: Snapshot, ranked: pl.DataFrame) -> None:
    """layer_agreement.csv, where a gene is in several layers."""
    from clinome.models.biomarkers.genes.layer_agreement import layer_agreement

    run.path("layer_agreement.csv").unlink(missing_ok=True)
    found = layer_agreement(snapshot, ranked)
    if found.height:
        write_csv(found, run.path("layer_agreement.csv"))


def _modules(study: Study, run: Run, snapshot: Snapshot, console: Console) -> pl.DataFrame:
    """modules.csv; none where the study does not want any, or does not say and the network is large."""
    from clinome.models.biomarkers.modules.modules import QUICK, SCHEMA, interactions, modules

    run.path("modules.csv").unlink(missing_ok=True)
    asked, links = study.biomarkers.modules, interactions(snapshot)
    if asked is None and links > QUICK:
        console(
            f"modules are not looked for among {links:,} interactions unless `[biomarkers] modules = true` asks for it"
        )
    if asked is False or (asked is None and links > QUICK):
        return pl.DataFrame(schema=SCHEMA)
    found = modules(snapshot, seed=study.evaluate.seed)
    write_csv(found, run.path("modules.csv"))
    run.log("modules", modules=found["module"].n_unique())
    return found


def fold_attributions(table: pl.DataFrame) -> list[FoldAttribution]:
    """attributions.parquet (repeat, fold, block, feature, importance, slope) as one object a fold and block."""
    from clinome.models.biomarkers.ranking import FoldAttribution

    return [
        FoldAttribution(
            repeat, fold, block, part["feature"].to_list(), part["importance"].to_numpy(), part["slope"].to_numpy()
        )
        for (repeat, fold, block), part in table.group_by("repeat", "fold", "block", maintain_order=True)
    ]


def named(table: pl.DataFrame, names: Mapping[str, str]) -> pl.DataFrame:
    """A table of features with their `name`: the symbol, else what the study's vocabularies call it; null for neither.

    A code that comes in several units (`LOINC:2345-7 [mmol/L]`) is called as the code is.
    """
    part = pl.col("layer" if "layer" in table.columns else "block")
    code = pl.when(part == "records").then(pl.col("feature").str.replace(r" \[[^\]]*\]$", ""))
    calls = (one.replace_strict(names, default=None, return_dtype=pl.String) for one in (pl.col("feature"), code))
    return table.with_columns(name=pl.coalesce("symbol", *calls))


def _show(ranked: pl.DataFrame, pathways: pl.DataFrame, console: Console) -> None:
    told = "importance" if ranked["effect"].is_null().all() else "effect"
    columns = ["rank", "layer", "feature", "name", told, "stability", "q"]
    console.table(columns, ranked.head(10).select(columns).iter_rows())
    if pathways.height:
        console.table(["pathway", "overlap", "q"], pathways.head(5).select("name", "overlap", "q").iter_rows())


def _show_modules(found: pl.DataFrame, console: Console) -> None:
    if found.height:
        first = found.group_by("module", maintain_order=True).agg(
            pl.first("layer", "direction", "genes", "q"),
            pl.coalesce("symbol", "gene").head(6).str.join(" ").alias("of"),
        )
        console.table(["module", "layer", "direction", "genes", "q", "first genes"],
                      first.select("module", "layer", "direction", "genes", "q", "of").head(5).iter_rows())  # fmt: skip
