"""External cohorts: what of a model's inputs another platform lacks, how far its values lie, and what that costs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from clinome.console import Console
from clinome.run_folder.run import SNAPSHOT, Run
from clinome.study import Study

if TYPE_CHECKING:
    import numpy as np

    from clinome.graphs.snapshot.snapshot import Snapshot
    from clinome.models.base.snapshot import DerivedSnapshot
    from clinome.models.inference.model import Model

MUCH = 0.2
"""Share of a layer's features from which it is said how names might be found."""


def asked_methods(model: Model, align: str | Mapping[str, str] | None) -> dict[str, str]:
    """Layer -> how it is aligned. Raises: InputError for a method or layer that is not known."""
    from clinome.models.inference.alignment.align import methods_of

    return methods_of(align, {name: known.mutations for name, known in model.schema.layers.items()})


def names_of_features(snapshot: Snapshot, layers: Mapping[str, Mapping[str, Any]], study: Study) -> list[str]:
    """How many old symbols were found under their new ones; and where much of a layer is missing, whether names that no
    gene table maps may be the reason."""
    said = []
    for name, gap in layers.items():
        if renewed := _brought_up_to_date(study, name):
            said.append(f"layer {name}: {renewed:,} old symbols were found under their new ones")
        layer = snapshot.layers.get(name)
        if layer is None or gap["absent"] < MUCH * gap["features"] or not gap["unknown"]:
            continue
        symbols = int(layer.var["feature"].str.starts_with("hgnc.symbol:").sum())
        if symbols:
            why = "it has no gene table" if study.identifiers.genes is None else "its gene table does not map them"
            said.append(
                f"layer {name}: {symbols:,} of its names are symbols as they were written ({why}): with previous symbols in "
                "[identifiers] genes more features may be found"
            )
    return said


def _brought_up_to_date(study: Study, layer: str) -> int:
    """Names of a layer that the study's gene table knows as previous ones, or aliases, of a gene."""
    from clinome.graphs.tables.study_tables import Tables

    tables = Tables(study.tables, study.name)
    there = set(tables.sources())
    mine = [one.source for one in study.omics if (one.layer or one.name) == layer and one.source in there]
    counts = [tables.record(source)["counts"] for source in mine]
    return sum(n for count in counts for what, n in count.items() if what.endswith("brought up to date"))


def external_report(
    run: Run,
    model: Model,
    snapshot: Snapshot,
    served: tuple[DerivedSnapshot, list[np.ndarray]],
    methods: Mapping[str, str],
    console: Console,
) -> dict[str, Any]:
    """For the .json beside the predictions: before and after alignment where there are outcomes, and the expected loss.

    Args:
        snapshot: the other study's, as it is. served: its rows, and the scores without and with alignment.
    """
    from clinome.models.evaluation.external import compare_external

    rows, told = served
    metric = str(run.read_json("results.json").get("metric", ""))
    found: dict[str, Any] = {}
    if told and (pair := compare_external(rows, told[1], told[0], metric)) is not None:
        found["alignment"] = {"metric": pair["metric"], "before": pair["b"], "after": pair["a"],
                              **{key: pair[key] for key in ("difference", "low", "high")}}  # fmt: skip
    why, loss = _loss(run, model, snapshot, methods, metric, console)
    return {**found, "expected_loss": loss if why is None else {"why": why}}


def _loss(
    run: Run, model: Model, snapshot: Snapshot, methods: Mapping[str, str], metric: str, console: Console
) -> tuple[str | None, dict[str, Any]]:
    """What is lost, measured on the run's own patients; or why it is not."""
    from clinome.models.inference.alignment.expected_loss import expected_loss
    from clinome.snapshot import Snapshot

    missing: dict[str, list[str] | None] = {}
    for name, known in model.schema.layers.items():
        own = snapshot.layers.get(name)
        if own is None or not own.profiled.any():
            missing[name] = None
        elif not known.mutations and (absent := sorted({*known.features} - {*own.var["feature"]})):
            missing[name] = absent
    if not missing and not {*methods.values()} - {"none"}:
        return "nothing is missing, and nothing is aligned", {}
    if any(member.own_code for member in model.members):
        return "the model holds a learner of your own", {}
    if run.path("selection.csv").exists():
        return "the run selects features inside its folds ([learn] select)", {}
    if not (run.folder / SNAPSHOT / "manifest.json").exists():
        return "the run's snapshot is not there", {}
    console("fitting again in the folds of the run, to say what is lost")
    training = Snapshot.read(run.folder / SNAPSHOT)
    return None, expected_loss(training, training.folds, model, missing, methods, metric=metric)


def show_external(about: Mapping[str, Any], console: Console) -> None:
    """Before and after, and the expected loss, as sentences and a table."""
    pair, loss = about.get("alignment"), about.get("expected_loss")
    if pair and pair["before"] is not None and pair["after"] is not None:
        interval = "" if pair["low"] is None else f" ({pair['low']:+.3f} to {pair['high']:+.3f})"
        console(f"alignment: {pair['metric']} {pair['before']:.3f} before, {pair['after']:.3f} after, "
                f"{pair['difference']:+.3f}{interval}")  # fmt: skip
    if loss and "arms" in loss:
        console(f"expected loss, on the run's own held-out patients ({loss['metric']}):")
        console.table(["patients", loss["metric"], "low", "high", "difference", "low", "high"],
                      [_line(arm) for arm in loss["arms"]])  # fmt: skip
    elif loss:
        console(f"the expected loss is not measured: {loss['why']}")


def _line(arm: Mapping[str, Any]) -> tuple[Any, ...]:
    difference = arm.get("difference") or {}
    return (arm["arm"], arm["mean"], arm["low"], arm["high"], *(difference.get(key) for key in ("mean", "low", "high")))
