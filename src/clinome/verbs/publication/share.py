"""`clinome share`: a folder of a run that may leave the house, made by what may go, not by what may not."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from clinome.console import SILENT, Console
from clinome.loaders.errors import InputError
from clinome.loaders.files.atomic import atomic_folder
from clinome.loaders.files.spreadsheet_csv import read_csv, write_csv
from clinome.models.inference.disclosure import FEW
from clinome.run_folder.run import MODEL, SHARED, Run
from clinome.run_folder.sharing.shared_model import patients_with, shared_model
from clinome.run_folder.sharing.suppression import (
    is_small,
    shared_attrition,
    shared_features,
    shared_results,
    shared_table_one,
)
from clinome.run_folder.sharing.traces import found_in, traces_of
from clinome.study import Study, as_study

if TYPE_CHECKING:
    from clinome.snapshot import Snapshot

FOUND = "share_found.csv"
"""In the run's own folder, mode 600: what of patients the check found, where it found any."""
WHOLE = {
    "enrichment.csv": "pathways of the ranked genes",
    "modules.csv": "connected genes that carry the signal together",
}
"""Tables in which nobody is counted."""
_ABOUT = """# {run}
What of a run of Clinome may leave the house. There is no row of a patient in it, and no count from 1 to {most}.

| file | holds |
|---|---|
{files}

**Withheld**

{withheld}

**Checked**: {traces:,} ids, dates, rare words and pieces of notes of the study's tables were looked for in every byte of these files, and
columns of patients by their names; none was found. What the check cannot know: whether somebody was among the patients can
sometimes be told from a model (membership inference), and no noise was added to any number (no differential privacy).

Open it with `clinome.Run.open(folder)`; the model predicts new patients: `clinome predict FOLDER --study OTHER`
writes beside the other study, not in here.
"""


@dataclass(frozen=True)
class Shared:
    """What was written, and what was not: file or part -> why.

    Example: clinome.share("runs/lung").withheld
    """

    folder: Path
    files: Mapping[str, str]
    withheld: Mapping[str, str]

    def summary(self) -> dict[str, object]:
        """What `clinome share --json` ends with."""
        return {"shared": str(self.folder), "files": list(self.files), "withheld": dict(self.withheld)}


def share(run: Run | str | Path, *, out: str | Path | None = None, console: Console = SILENT) -> Shared:
    """Share a run: a folder without any patient's row, with small counts suppressed, the model checked, and itself checked.

    Results, biomarkers, pathways, Table 1, the cohort's selection, and the model where nothing but names of rare codes
    has to be withheld from it. Reports, predictions, figures of single patients, decision curves and the snapshot stay.
    Args:
        run: a run folder; the study's tables lie where the study file says, for the check needs them.
        out: the folder (default: `shared/NAME` beside the study file); one that is there is replaced if `share` wrote it.
        console: what is said while it runs; default: nothing.
    Returns: `.folder`, `.files`, `.withheld`.
    Raises: InputError before `clinome train`, for a cohort of fewer than ten patients, and where the check finds anything of
        a patient: nothing is written then, and `share_found.csv` in the run's folder says what and where.
    Source: docs/sharing.md has the rules, and what they do not promise.
    Example:
        clinome.share("runs/lung").folder
    """
    run = Run.open(run)
    if run.shared:
        raise InputError("this folder is a shared run already", run.name, fix="hand it on as it is")
    if run.read_json("results.json").get("task") == "links":
        fix = "hand on its folder as it is"
        raise InputError("a run of links holds no patients, and nothing has to be withheld from it", run.name, fix=fix)
    study, snapshot = _study(run), run.snapshot
    patients = snapshot.rows["subject_id"].n_unique()
    if patients < FEW:
        raise InputError(
            "too few patients to tell anything of them", run.name, patients, f"{FEW} or more", "share nothing"
        )
    place = Path(out).resolve() if out is not None else study.folder / "shared" / run.name
    if place.exists() and not Run(run.name, place).shared:
        raise InputError("this folder is no shared run", place, fix="name another with --out, or remove it")
    with TemporaryDirectory(prefix="clinome-") as made:
        folder = Path(made) / run.name
        folder.mkdir()
        files, withheld = _written(run, snapshot, folder)
        traces = traces_of(_tables(study))
        words = _ABOUT.format(
            run=run.name, most=FEW - 1, files="\n".join(f"| `{name}` | {what} |" for name, what in files.items()),
            withheld="\n".join(f"- {what}: {why}" for what, why in withheld.items()), traces=len(traces),
        )  # fmt: skip
        (folder / "README.md").write_text(words, encoding="utf-8")
        Run(run.name, folder).write_json(SHARED, {"run": run.name, "files": list(files), "withheld": withheld})
        _check(run, found_in(folder, traces))
        place.parent.mkdir(parents=True, exist_ok=True)
        with atomic_folder(place) as fresh:
            shutil.copytree(folder, fresh, dirs_exist_ok=True)
    for what, why in withheld.items():
        console(f"withheld: {what}: {why}")
    console(f"shared: {place} ({len(traces):,} traces of patients were looked for, none is in it)")
    return Shared(place, {"README.md": "what is here, and what is not", **files}, withheld)


def _study(run: Run) -> Study:
    name = run.read_json("summary.json").get("study", {}).get("file", "study.toml")
    file = run.folder.parent.parent / str(name)
    if not file.is_file():
        fix = "share the run from where its study lies: the check needs the study's tables"
        raise InputError("the study of this run is not here", run.name, expected=file.name, fix=fix)
    return as_study(file)


def _tables(study: Study) -> Any:
    from clinome.graphs.tables.study_tables import Tables

    return Tables(study.tables, study.name)


def _written(run: Run, snapshot: Snapshot, folder: Path) -> tuple[dict[str, str], dict[str, str]]:
    """Everything that may go, written; file -> what it holds, and what was withheld -> why."""
    shared = Run(run.name, folder)
    files: dict[str, str] = {}
    withheld: dict[str, str] = {
        "report, predictions, cohort, snapshot, attributions, embeddings, log": "they are of single patients",
        "decision curves, scores of single folds": "counts of few could be told from them",
    }
    rows, events = snapshot.rows.height, _events(snapshot)
    results, out = shared_results(run.read_json("results.json"), rows, events)
    shared.write_json("results.json", {**results, "rows": rows})
    files["results.json"] = "metrics with intervals, comparisons, controls, subgroups, odds ratios, operating points"
    if out:
        withheld[f"{out} rows of results.json"] = f"fewer than {FEW} patients stand behind them, or would be left over"
    _write_tables(run, snapshot, folder, files, withheld)
    _write_model(run, snapshot, folder, files, withheld)
    return files, withheld


def _events(snapshot: Snapshot) -> int | None:
    label = snapshot.rows["label"] if "label" in snapshot.rows.columns else None
    return int(label.sum()) if label is not None and snapshot.task == "binary" else None


def _write_tables(run: Run, snapshot: Snapshot, folder: Path, files: dict[str, str], withheld: dict[str, str]) -> None:
    path = run.folder / "attrition.csv"
    if path.is_file():
        steps, blank = shared_attrition(read_csv(path))
        write_csv(steps, folder / path.name)
        files[path.name] = "cohort selection"
        if blank:
            withheld[f"{blank} counts of {path.name}"] = f"fewer than {FEW} patients left at the step"
    for path in sorted(run.folder.glob("table1*.csv")):
        table, small = shared_table_one(read_csv(path, infer_schema=False))
        if table is None:
            withheld[path.name] = f"a group of fewer than {FEW} patients"
            continue
        write_csv(table, folder / path.name)
        files[path.name] = "Table 1"
        if small:
            withheld[f"{', '.join(small)} in {path.name}"] = f"a count from 1 to {FEW - 1}"
    path = run.folder / "biomarkers.csv"
    if path.is_file():
        table, few = shared_features(read_csv(path, infer_schema_length=None), carriers(snapshot))
        write_csv(table, folder / path.name)
        files[path.name] = "ranked features"
        if few:
            withheld[f"{few:,} features of {path.name}"] = (
                f"fewer than {FEW} patients have them, or it cannot be counted"
            )
    for name, what in WHOLE.items():
        if (run.folder / name).is_file():
            shutil.copyfile(run.folder / name, folder / name)
            files[name] = what


def carriers(snapshot: Snapshot) -> dict[tuple[str, str], int]:
    """(layer, feature) -> patients who have it: a mutation, a value that is known, a code, a covariate; 0 where one to nine alone
    have it not, for its prevalence would tell them."""
    found: dict[tuple[str, str], int] = {}
    everybody = snapshot.rows["subject_id"].n_unique()
    for layer in (*snapshot.layers.values(), *snapshot.views.values()):
        held = patients_with(snapshot, layer.values).tolist()
        counts = held if isinstance(layer.values, np.ndarray) else [_both_sides(n, everybody) for n in held]
        found |= {(layer.name, one): n for one, n in zip(layer.var["feature"], counts, strict=True)}
    subjects = snapshot.rows["subject_id"]
    if snapshot.events is not None:
        owned = snapshot.events.select("code", subject=subjects.gather(snapshot.events["row"]))
        counted = owned.group_by("code").agg(n=pl.col("subject").n_unique())
        found |= {("records", code): _both_sides(n, everybody) for code, n in counted.iter_rows()}
    for name in snapshot.covariates.columns:
        values = pl.DataFrame({"value": snapshot.covariates[name], "subject": subjects}).drop_nulls("value")
        found["covariates", name] = values["subject"].n_unique()
        if values["value"].dtype == pl.String:
            counted = values.group_by("value").agg(n=pl.col("subject").n_unique())
            found |= {("covariates", f"{name}={value}"): n for value, n in counted.iter_rows()}
            found["covariates", name] = min(counted["n"].to_list(), default=0)
    return found


def _both_sides(n: int, everybody: int) -> int:
    return 0 if is_small(everybody - n) else n


def _write_model(run: Run, snapshot: Snapshot, folder: Path, files: dict[str, str], withheld: dict[str, str]) -> None:
    from clinome.models.inference.model import Model

    if not (run.folder / MODEL).is_dir():
        return
    made, why, names = shared_model(run.model, snapshot)
    if made is None:
        withheld["the model"] = why
        return
    made.save(folder / MODEL)
    Model.read(folder / MODEL)  # what cannot be read again is not handed on
    files[f"{MODEL}/"] = "what predicts new patients"
    if names:
        withheld[f"names of {names:,} codes, and codes above them, in the model"] = (
            f"fewer than {FEW} patients had them; their numbers are in it"
        )


def _check(run: Run, found: Mapping[str, list[str]]) -> None:
    """Raises: InputError where anything of a patient is in what was made; what it is goes into a file of the run alone."""
    path = run.folder / FOUND
    path.unlink(missing_ok=True)
    if not found:
        return
    path.touch(mode=0o600)
    rows = [(file, text) for file, texts in found.items() for text in texts]
    write_csv(pl.DataFrame(rows, ["file", "found"], orient="row"), path)
    path.chmod(0o600)
    raise InputError(
        "something of a patient is in what would be shared, so nothing is", run.name,
        ", ".join(f"{len(texts)} in {file}" for file, texts in found.items()), "nothing",
        f"look into {path.name} in the run's folder; leave the column or the name out of the study and run it again",
    )  # fmt: skip
