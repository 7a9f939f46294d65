"""`clinome finetune`: a run's linear model drawn to few labelled patients of another study, shown before and after."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clinome.console import SILENT, Console
from clinome.loaders.errors import InputError
from clinome.run_folder.run import MODEL, Run
from clinome.study import Study, as_study
from clinome.verbs.prediction.external_report import asked_methods
from clinome.verbs.prediction.predict import check_task, frozen

if TYPE_CHECKING:
    import pandas as pd

FINE_TUNED = "finetuned"


@dataclass(frozen=True)
class FineTuneReport:
    """What few labelled patients of another study bring.

    points: a row a number of patients, as in finetune.json: means over the draws before and after, the gain, what was chosen.
    chosen: how much was changed in the model that was kept; patients: by how many. folder: for `clinome predict`.
    """

    points: Sequence[Mapping[str, Any]]
    metric: str
    chosen: str
    patients: int
    notes: Sequence[str]
    folder: Path

    @property
    def table(self) -> pd.DataFrame:
        """A row a number of patients: patients, draws, before, recalibrated, fine-tuned, only the few (the main metric, means
        over draws), gain (fine-tuned less before), gain_low, gain_high (the middle 95 % of the draws)."""
        import pandas as pd

        rows = []
        for one in self.points:
            gain = one["gain"][self.metric]
            ways = {way: found[self.metric] for way, found in one["ways"].items()}
            rows.append({"patients": one["patients"], "draws": one["draws"], **ways, "gain": gain["mean"],
                         "gain_low": gain["low"], "gain_high": gain["high"]})  # fmt: skip
        return pd.DataFrame(rows)

    def summary(self) -> dict[str, object]:
        """What `--json` ends with."""
        return {"finetuned": str(self.folder), "metric": self.metric, "chosen": self.chosen, "patients": self.patients,
                "points": list(self.points), "notes": list(self.notes)}  # fmt: skip


def finetune(
    run: Run | str | Path,
    study: Study | str | Path,
    *,
    patients: int | None = None,
    draws: int = 20,
    align: str | Mapping[str, str] | None = None,
    console: Console = SILENT,
) -> FineTuneReport:
    """Few-sample fine-tuning: the coefficients of a run's linear model as prior, drawn to labelled patients of another study.

    For 10, 20, 50 and 100 labelled patients it is shown how the model does before, recalibrated, fine-tuned, and how one of
    these patients alone does, on all the others, over several draws. The model that is kept is fine-tuned on all that are
    labelled, or on so many by lot.
    Args:
        run: a run whose model holds a linear learner, or its folder.
        study: with the labelled patients: a study, its file, or the folder that holds it. Loaded where it is not.
        patients: on so many the model that is kept is fine-tuned; default: all with an outcome.
        draws: how often each number of patients is drawn.
        align: as of `clinome.predict`: another platform's values mapped onto the training's, without labels.
        console: what is said while it runs; default: nothing.
    Returns: `.table`, `.chosen`, and `.folder`, which `clinome.predict` takes as a run.
    Raises: InputError for a model without a linear learner, or fewer than 30 labelled patients.
    Example:
        found = clinome.finetune("runs/lung", "other/study.toml", align="quantile")
        clinome.predict(found.folder, "other/study.toml", align="quantile")
    """
    return finetune_study(Run.open(run), as_study(study), patients, draws, align, console)


def finetune_study(
    run: Run,
    study: Study,
    patients: int | None,
    draws: int,
    align: str | Mapping[str, str] | None,
    console: Console,
) -> FineTuneReport:
    """Cohort -> fenced snapshot -> the model's shape, aligned -> curve and the fine-tuned model."""
    from clinome.models.evaluation.external import with_outcome
    from clinome.models.inference.fine_tuning.change import (
        LinearPrior,
        fine_tuned,
        fine_tuned_model,
        linear_member,
    )
    from clinome.models.inference.fine_tuning.curve import fine_tuning_curve, settled, summary
    from clinome.models.metrics.task_metrics import main_metric

    start = time.perf_counter()
    model = run.model
    member = linear_member(model)
    check_task(model, study)
    methods = asked_methods(model, align)
    snapshot, _ = frozen(study, model, console)
    plain = model.serve(snapshot)
    served, shifts = model.align(plain, methods)
    _, rows, left_out = with_outcome(served.snapshot)
    sizes = _sizes(served.snapshot, rows, patients, study)
    learner = member.restored({})
    prior = LinearPrior.of(learner, served.snapshot)
    seed, metric = study.evaluate.seed, str(run.read_json("results.json").get("metric", ""))
    points = summary(fine_tuning_curve(prior, served.snapshot, rows, sizes, draws, seed, metric))
    way, change, used = settled(prior, served.snapshot, rows, patients, seed)
    about = {"run": run.name, "study": study.name, "patients": used, "chosen": way.kind, "strength": way.strength,
             "align": methods}  # fmt: skip
    folder = run.path(FINE_TUNED, study.name, "finetune.json").parent
    fine_tuned_model(model, fine_tuned(learner, change, prior.widths), about).save(folder / MODEL)
    notes = [*served.gaps.words(), *(line for name, one in shifts.items() for line in one.words(name)), *left_out]
    if len(model.members) > 1:
        notes.append(f"the model is a stack: its {member.name} alone is fine-tuned, and is what stands before")
    named = main_metric(model.schema.task, metric)
    made = FineTuneReport(points, named, way.kind, used, notes, folder)
    text = json.dumps({**about, **made.summary()}, indent=1, default=str)
    (folder / "finetune.json").write_text(text, encoding="utf-8")
    run.log("finetune", study=study.name, patients=used, seconds=round(time.perf_counter() - start, 2))
    _show(made, console)
    return made


def _sizes(snapshot: Any, rows: Any, patients: int | None, study: Study) -> list[int]:
    """Of how many patients the curve is drawn: enough are left to judge by."""
    from clinome.models.inference.fine_tuning.curve import LEAST_REST, SIZES

    labelled = snapshot.rows["subject_id"][rows].n_unique()
    asked = sorted({*SIZES, *([patients] if patients is not None else [])})
    sizes = [n for n in asked if n + LEAST_REST <= labelled]
    if not sizes or (patients is not None and not SIZES[0] <= patients <= labelled):
        got = f"{labelled} labelled" + ("" if patients is None else f", asked for {patients}")
        raise InputError("too few labelled patients to fine-tune and to judge by", f"{study.file.name} [cohort]", got,
                         f"{SIZES[0]} or more to fine-tune on, {SIZES[0] + LEAST_REST} in all",
                         "label more patients, or predict them without fine-tuning: clinome predict RUN --study OTHER")  # fmt: skip
    return sizes


def _show(made: FineTuneReport, console: Console) -> None:
    for note in made.notes:
        console(note)
    table = made.table
    console(
        f"{made.metric} on the patients who were not drawn; fine-tuned less before: mean and middle 95 % of the draws"
    )
    console.table([*table.columns], table.itertuples(index=False, name=None))
    console(
        f"kept: {made.chosen}, by {made.patients:,} patients, in {made.folder}: clinome predict {made.folder} --study OTHER"
    )
