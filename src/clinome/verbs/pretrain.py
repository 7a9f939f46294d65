"""`clinome pretrain`: a sequence encoder from the records of patients without an outcome, to start this or another study's from."""

from __future__ import annotations

from pathlib import Path
from shutil import rmtree
from typing import TYPE_CHECKING

from clinome.console import SILENT, Console
from clinome.graph import Graph, cohort_of, open_graph
from clinome.loaders.errors import InputError
from clinome.run_folder.run import key_of
from clinome.study import Study, as_study

if TYPE_CHECKING:
    from clinome.graphs.snapshot.snapshot import Snapshot
    from clinome.models.encoders.codes.pretrained import PretrainedEncoder


def pretrain(
    study: Study | str | Path,
    objective: str | None = None,
    *,
    out: str | Path | None = None,
    console: Console = SILENT,
) -> PretrainedEncoder:
    """Pretrain the encoder of `sequence` on the records of everybody who is not in the cohort, and keep it in a folder.

    Nobody of the cohort is seen, neither outcome nor record, as each of them is held out in some fold. A study without
    [cohort] has none, and all its records are read. Another study starts from the folder by `[learn] encoder`.
    Args:
        study: a study, its file, or the folder that holds it; it has been loaded.
        objective: "masked" or "next_visit" (default: the study's `[learn] pretrain`, else "masked").
        out: the folder (default: NAME.encoder beside the study file).
    Returns: the encoder: entries, weights, and how many patients it has seen.
    Raises: InputError for an unknown objective, or where fewer than 10 patients with records are left.
    Example:
        clinome.pretrain("study.toml", out="general.encoder")
    """
    from clinome.models.encoders.codes.pretrained import OBJECTIVES
    from clinome.models.inference.encoder_file import write_encoder
    from clinome.study_file.typed_toml import check_word

    study = as_study(study)
    asked = study.learn.pretrain if study.learn.pretrain != "none" else "masked"
    objective = objective or asked
    check_word(objective, OBJECTIVES, "objective")
    with open_graph(study) as graph:
        snapshot = unlabelled_of(graph)
    made = pretrained(snapshot, objective, study, console)
    folder = Path(out) if out is not None else study.folder / f"{study.name}.encoder"
    write_encoder(folder, made)
    console(f"{folder.name}: start from it by [learn] encoder")
    return made


def unlabelled_of(graph: Graph) -> Snapshot | None:
    """The records of who is not in the study's cohort (`graphs.snapshot.unlabelled`)."""
    from clinome.graphs.snapshot.unlabelled import unlabelled

    study = graph.study
    ours = []
    if study.cohort is not None or (study.task is not None and study.task.target is not None):
        ours = cohort_of(graph).frame["subject_id"].to_list()
    return unlabelled(graph.tables, ours, study.clock or "dated", study.evaluate.after)


def pretrained(snapshot: Snapshot | None, objective: str, study: Study, console: Console) -> PretrainedEncoder:
    """An encoder of these records. Raises: InputError where they are too few."""
    from clinome.models.learners.sequence.pretraining import LEAST
    from clinome.models.learners.sequence.pretraining import pretrain as learn

    patients = 0 if snapshot is None else snapshot.rows.height
    if snapshot is None or patients < LEAST:
        raise InputError(
            "too few patients without a row in the cohort to pretrain on", study.file.name, f"{patients:,} with records",
            f"{LEAST} or more", 'pretrain = "none", or an encoder of another study',
        )  # fmt: skip
    made = learn(snapshot, objective, seed=study.evaluate.seed, basis=basis_of(snapshot, objective, study))
    console(
        f"pretrained on {made.patients:,} patients who are not in the cohort, {objective}: {len(made.entries) - 2:,} codes"
    )
    return made


def basis_of(snapshot: Snapshot, objective: str, study: Study) -> str:
    """What an encoder is made from: the same basis, the same encoder."""
    from importlib.metadata import version

    return key_of(snapshot.checksums(), objective, study.evaluate.seed, version("clinome"), version("torch"))


def encoder_for(study: Study, folder: Path, console: Console) -> PretrainedEncoder | None:
    """What the study's learners start from, kept in the run's folder: read by its path, or pretrained on what is unlabelled.

    Returns: None where the study asks for none.
    Raises: InputError for a path that holds none, or too few patients to pretrain on.
    """
    from clinome.models.inference.encoder_file import read_encoder, write_encoder

    learn = study.learn
    if learn.encoder is not None:
        made = read_encoder(learn.encoder, f"{study.file.name} [learn] encoder")
    elif learn.pretrain != "none":
        with open_graph(study) as graph:
            snapshot = unlabelled_of(graph)
        if folder.is_dir() and snapshot is not None:
            kept = read_encoder(folder)
            if kept.basis == basis_of(snapshot, learn.pretrain, study):
                return kept
        made = pretrained(snapshot, learn.pretrain, study, console)
    else:
        rmtree(folder, ignore_errors=True)
        return None
    write_encoder(folder, made)
    return made


def encoder_notes(study: Study, encoder: PretrainedEncoder | None, snapshot: Snapshot) -> list[str]:
    """What a reader must know of the encoder: how much of it this study can use, and whose records it may have seen."""
    if encoder is None or snapshot.events is None:
        return []
    codes = snapshot.events["code"]
    unknown = encoder.unknown(codes.unique())
    share = float(codes.is_in(unknown).to_numpy().mean()) if len(codes) else 0.0
    told = [
        f"`sequence` starts from an encoder pretrained on {encoder.patients:,} patients ({encoder.objective}): "
        + f"of this cohort's {codes.n_unique():,} codes it does not know {len(unknown):,} ({share:.1%} of events)"
    ]
    if study.learn.encoder is not None:
        told.append(
            "the encoder was read from a file: that no patient of this cohort was among those it was pretrained on "
            "cannot be seen from it"
        )
    if study.evaluate.site is not None:
        told.append(
            "the encoder may have seen records of the held-out sites' other patients, without outcomes: a new site has none"
        )
    return told
