"""`clinome benchmark`: every study below a folder is run; one table says which learner does how well on which."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clinome.console import SILENT, Console
from clinome.loaders.errors import ClinomeError, InputError, UsageError
from clinome.reports.comparison.benchmark.page import Benchmark, write_benchmark
from clinome.reports.comparison.benchmark.scoreboard import scoreboard
from clinome.run_folder.run import Run
from clinome.study import Study
from clinome.study_file.clustering import KIND as CLUSTERING
from clinome.study_file.typed_toml import nearest
from clinome.user_learners import check_names, learners_of
from clinome.verbs.run import run
from clinome.verbs.train import CannotRun

if TYPE_CHECKING:
    from clinome.models.base.learner import Learner

NAME = "benchmark"
"""The run beside a study's own, where the benchmark asks for something else than its study file."""


@dataclass(frozen=True)
class _Asked:
    """What every study is run with."""

    own: Mapping[str, Any]
    only: tuple[str, ...]
    trials: int | None

    @property
    def name(self) -> str | None:
        """None: the study's own run, which `clinome run` makes too."""
        return NAME if self.own or self.only or self.trials else None

    def of(self, study: Study) -> Study:
        learn = study.learn
        learn = replace(learn, learners=self.only or learn.learners, trials=self.trials or learn.trials)
        return replace(study, learn=learn)


def benchmark(
    folder: str | Path,
    *,
    learners: Mapping[str, Any] | None = None,
    only: Sequence[str] = (),
    trials: int | None = None,
    reference: str | None = None,
    console: Console = SILENT,
) -> Benchmark:
    """Benchmark: run every study.toml below a folder, then compare all learners over all studies.

    What is done and unchanged is not done again. A study that fails is told, and the others go on.
    Args:
        folder: with studies below it.
        learners: your own by name: an estimator, a PyG module, an object with fit and predict,
            or a function that returns one.
        only: learners instead of those of the study files.
        trials: settings tried a learner, instead of theirs.
        reference: the learner that every other one is set against (default: ridge_late, where it ran).
        console: what is said while it runs; default: nothing.
    Returns: `.table` (a row a study and learner), ranks, wins and losses, what failed; also FOLDER/benchmark.html and .csv.
    Raises: InputError where there is no study below the folder, UsageError for an unknown learner.
    Example:
        clinome.benchmark("studies", learners={"svm": LinearSVC()}).table
    """
    asked = _Asked(check_names(learners or {}), check_only("--only", only), trials)
    check_only("--reference", [reference] if reference and reference not in asked.own else [])
    folder = Path(folder)
    files = study_files(folder)
    runs: dict[str, Run] = {}
    seeds: dict[str, int] = {}
    failed: dict[str, str] = {}
    left_out: dict[str, Mapping[str, str]] = {}
    code = 0
    for i, (label, file) in enumerate(files.items()):
        start = time.perf_counter()
        try:
            study = asked.of(Study.read(file))
            runs[label], left_out[label], exit_code = _run(study, asked)
            code = max(code, exit_code)
            seeds[label] = study.evaluate.seed
            fate = f"{time.perf_counter() - start:.0f} s"
        except Exception as error:
            if os.environ.get("CLINOME_DEBUG"):
                raise
            failed[label], exit_code = _why(error)
            fate, code = f"failed: {failed[label]}", max(code, exit_code)
        console(f"[{i + 1}/{len(files)}] {label}: {fate}")
        for name, reason in left_out.get(label, {}).items():
            console(f"{name} did not run on {label}: {reason}")
    board = scoreboard(runs, seeds, reference) if runs else None
    found = Benchmark(board, failed, {k: v for k, v in left_out.items() if v},
                      folder / "benchmark.html", folder / "benchmark.csv", code)  # fmt: skip
    write_benchmark(found, folder, _command(folder, asked, reference))
    _tell(found, console)
    return found


def study_files(folder: Path) -> dict[str, Path]:
    """Every study.toml below the folder, by the path that leads to it."""
    if not folder.is_dir():
        raise InputError("there is no such folder", folder, fix="name a folder with studies below it")
    files = sorted(path for path in folder.rglob("study.toml") if path.is_file())
    if not files:
        raise InputError(
            "no study below this folder",
            folder,
            expected="files called study.toml",
            fix="name the folder above the studies",
        )
    return {path.parent.relative_to(folder).as_posix() if path.parent != folder else folder.resolve().name: path
            for path in files}  # fmt: skip


def check_only(option: str, only: Sequence[str]) -> tuple[str, ...]:
    """Names of learners, or UsageError."""
    from clinome.models.learners.registry import CHOSEN, LEARNERS

    for name in only:
        if name not in ("default", CHOSEN, *LEARNERS):
            raise UsageError(f"{option} {name!r}: no learner is called so.", f"did you mean {nearest(name, LEARNERS)}?")
    return tuple(only)


def _run(study: Study, asked: _Asked) -> tuple[Run, dict[str, str], int]:
    """One study. One's own learners that cannot run on it stay out of it, with the reason; so do those that fail there,
    but these are an exit code too."""
    if study.task is not None and study.task.kind == CLUSTERING:
        raise InputError(
            "subtypes have no metric that learners could be ranked by", study.file.name, f'kind = "{CLUSTERING}"',
            "a task with an outcome", "run it by itself: clinome run STUDY",
        )  # fmt: skip
    own: dict[str, Learner] = learners_of(asked.own, study)
    out: dict[str, str] = {}
    while True:
        try:
            made = run(study, learners=own, name=asked.name)
        except CannotRun as error:
            out[error.name] = error.reason
            del own[error.name]
            continue
        failed = {
            str(one["learner"]): str(one["reason"])
            for one in reversed(made.read_json("results.json").get("failed", []))
        }
        return made, out | failed, 1 if failed else 0


def _why(error: Exception) -> tuple[str, int]:
    """In words, and the exit code. Of an engine's own error only the type: its text may quote a patient's value."""
    if isinstance(error, ClinomeError):
        return str(error), error.exit_code
    return f"an engine failed ({type(error).__name__}); CLINOME_DEBUG=1 shows where", 3


def _command(folder: Path, asked: _Asked, reference: str | None) -> str:
    words = ["clinome benchmark", folder.name or str(folder)]
    words += [f"--learner {name}=…" for name in asked.own]
    words += [f"--only {','.join(asked.only)}"] if asked.only else []
    words += [f"--trials {asked.trials}"] if asked.trials else []
    words += [f"--reference {reference}"] if reference else []
    return " ".join(words)


def _tell(found: Benchmark, console: Console) -> None:
    board = found.board
    if board is not None:
        head = ["learner", "studies", "mean rank", "wins", "ties", "losses", f"mean difference from {board.reference}"]
        keys = ("learner", "studies", "mean_rank", "wins", "ties", "losses", "difference")
        console.table(head, [[row[key] for key in keys] for row in board.rows])
        for sentence in board.words:
            console(sentence)
    if found.failed:
        console(f"{len(found.failed)} of {len(found.failed) + len(board.studies if board else [])} studies failed")
    console(f"benchmark: {found.page}")
