"""`clinome init`: a look into a folder of files -> a commented study.toml that loads, and what it could not decide."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

from clinome.console import SILENT, Console
from clinome.loaders.errors import InputError
from clinome.loaders.inspection.folder import Inspection
from clinome.study import Study

FILE = "study.toml"


@dataclass(frozen=True)
class InitReport:
    """What `clinome init` wrote and asks.

    file: the study file. sources: the sections that load as they stand; waiting: those written as comments.
    task: the one that is written, None where one must be chosen. questions: what could not be decided.
    unread: file -> why it is not in the study.
    """

    file: Path
    sources: tuple[str, ...]
    waiting: tuple[str, ...]
    task: str | None
    questions: tuple[str, ...]
    unread: dict[str, str]

    def summary(self) -> dict[str, object]:
        """What `clinome init --json` ends with."""
        return {"study": str(self.file), "sources": list(self.sources), "waiting": list(self.waiting), "task": self.task,
                "questions": list(self.questions), "unread": self.unread}  # fmt: skip


def init(folder: str | Path, *, out: str | Path | None = None, console: Console = SILENT) -> InitReport:
    """Write a study file for a folder of files: what each is, how they join, a cohort and a task to choose from.

    Nothing is written over: an existing study file is an error. Which value of an outcome means that it happened is
    never guessed. Of ids and values only the forms are shown.

    Args:
        folder: a folder of files; folders in it are looked into too.
        out: where the study file goes; default: study.toml in the folder.
        console: what is said while it runs (`clinome.console.Console()`); default: nothing.
    Returns: what was written, and what could not be decided.
    Raises: InputError where there is no such folder, nothing in it can be read, or the study file is there already.
    Example:
        clinome.init("lung").questions
    """
    from clinome.graphs.cohort.labels import direction
    from clinome.loaders.inspection.folder import inspect_folder
    from clinome.loaders.inspection.study_text import study_text

    folder = Path(folder)
    if not folder.is_dir():
        raise InputError("there is no such folder", folder, fix="name a folder of files")
    file = Path(out) if out is not None else folder / FILE
    _check(file, out is not None)
    found = inspect_folder(folder.resolve(), direction, file.resolve().parent)
    if not found.loads:
        raise InputError(
            "holds nothing that can be loaded",
            folder,
            expected="tables of patients, omics or records",
            fix=_why_not(found),
        )
    text = study_text(_name(folder), found.sections, found.proposals, _questions(found), found.chosen)
    Study.parse(tomllib.loads(text), file.resolve().parent, file.resolve())
    file.write_text(text, encoding="utf-8")
    report = InitReport(
        file,
        tuple(s.name for s in found.sections if s.ready),
        tuple(s.name for s in found.sections if not s.ready),
        found.chosen.title if found.chosen else None,
        _questions(found),
        found.unread,
    )
    _say(report, found, console)
    return report


def _check(file: Path, named: bool) -> None:
    if file.exists():
        fix = "name another file with --out" + ("" if named else ", or move this one away: nothing is written over it")
        raise InputError("there is a study file already", file, fix=fix)
    if file.suffix != ".toml":
        raise InputError("unknown ending", "--out", file.suffix, ".toml", "name a file that ends so")
    if not file.parent.is_dir():
        raise InputError(
            "there is no such folder", "--out", str(file.parent), "a folder that is there", "make it first"
        )


def _name(folder: Path) -> str:
    """The study's name: the folder's, as a name of files."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", folder.resolve().name).strip("-") or "study"


def _questions(found: Inspection) -> tuple[str, ...]:
    """What could not be decided, and the files that are not in the study."""
    from clinome.loaders.inspection.folder_files import grouped

    return (*found.questions, *grouped(found.unread))


def _why_not(found: Inspection) -> str:
    said = _questions(found)[1:]  # the first one speaks of a task
    return "; ".join(line.rstrip(".") for line in said[:8]) or "put the files of the study into it"


def _say(report: InitReport, found: Inspection, console: Console) -> None:
    from clinome.loaders.inspection.parts import shown

    console(f"{found.files:,} file{'s' if found.files != 1 else ''} looked at; {report.file} written")
    for section in found.sections:
        state = "" if section.ready else " (a comment: it does not load yet)"
        console(f"[{section.name}] {shown(section)}: {'; '.join(section.why)}{state}")
    if report.questions:
        console()
        console("could not be decided, or needs your eye (also at the top of the file):")
    for i, question in enumerate(report.questions, 1):
        console(f"{i:>3}. {question}")
    console()
    console(f"next: read {report.file}, then clinome load {report.file}")
