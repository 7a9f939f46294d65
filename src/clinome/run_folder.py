"""Run folder (docs/results.md, "The folders"): what a run leaves beside the study file, and what is still true."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Collection
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clinome.loaders.files.atomic import atomic_path, write_atomic
from clinome.study import Study

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class Run:
    """`runs/NAME/` beside the study file.

    A step is done while its key (a hash of everything that it depends on) is the one noted in run.json.
    """

    name: str
    folder: Path

    @classmethod
    def of(cls, study: Study, name: str | None = None) -> Run:
        name = name or study.name
        return cls(name, study.folder / "runs" / name)

    def path(self, *parts: str) -> Path:
        """A file of this run; its folder is made."""
        path = self.folder.joinpath(*parts)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def write_json(self, name: str, value: object) -> None:
        write_atomic(self.path(name), json.dumps(value, indent=1, default=str))

    def read_json(self, name: str) -> dict[str, Any]:
        path = self.folder / name
        return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}

    def done(self, step: str, key: str) -> bool:
        return bool(self.read_json("run.json").get(step) == key)

    def mark(self, step: str, key: str) -> None:
        """Note a step as done; the steps that build on it are not done any more."""
        order = ["train", "biomarkers", "report"]
        kept = {s: k for s, k in self.read_json("run.json").items() if s in order[: order.index(step)]}
        self.write_json("run.json", {**kept, step: key})

    def remove(self) -> None:
        """Take the folder away. Stopped in between, what is left of it is no run that was done."""
        if self.folder.is_symlink():
            self.folder.unlink()
            return
        (self.folder / "run.json").unlink(missing_ok=True)
        shutil.rmtree(self.folder)

    def without(self, subjects: Collection[str], study: str) -> bool:
        """Take these subjects of a study out: their rows of every table, and a snapshot that holds them.

        The steps are then to be done again.
        What counts everybody stays as it is: results, rankings, the report, a model.
        Returns: whether any of them was in it.
        """
        for unfinished in self.folder.glob("*.part"):
            shutil.rmtree(unfinished) if unfinished.is_dir() else unfinished.unlink()
        snapshot = self.folder / "snapshot"
        held = _hold(snapshot / "rows.parquet", subjects)
        tables = [path for path in self.folder.rglob("*") if _is_own(path, snapshot, study) and _hold(path, subjects)]
        if not (held or tables):
            return False
        self.write_json("run.json", {})
        for path in tables:
            _drop(path, subjects)
        if held:
            shutil.rmtree(snapshot)
        self.log("patients removed")
        return True

    def log(self, event: str, **facts: object) -> None:
        """One line of log.jsonl: what ran and how long. Never patient data."""
        line = {"at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "event": event, **facts}
        with self.path("log.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, default=str) + "\n")

    def summary(self) -> dict[str, object]:
        """What `--json` ends with: the folder, and what the training parts picked most often."""
        names = [c["name"] for c in self.read_json("results.json").get("chosen", [])]
        return {"run": str(self.folder), "chosen": max(sorted(set(names)), key=names.count) if names else None}


def run_names(study: Study) -> list[str]:
    """Names of the runs that have a folder."""
    folder = study.folder / "runs"
    return sorted(path.name for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []


def _is_own(path: Path, snapshot: Path, study: str) -> bool:
    """Whether a file may hold rows of the study's own patients: predictions for another study are of others."""
    from clinome.verbs.predict import FOLDER

    return not path.is_relative_to(snapshot) and (path.parent.name != FOLDER or path.stem == study)


def _scan(path: Path) -> pl.LazyFrame | None:
    """A table that says whose its rows are, or None."""
    import polars as pl

    if path.suffix not in (".parquet", ".csv") or not path.is_file() or not path.stat().st_size:
        return None
    found = pl.scan_parquet(path) if path.suffix == ".parquet" else pl.scan_csv(path, infer_schema=False)
    return found if "subject_id" in found.collect_schema() else None


def _hold(path: Path, subjects: Collection[str]) -> bool:
    import polars as pl

    rows = _scan(path)
    theirs = pl.col("subject_id").cast(pl.String).is_in(list(subjects))
    return rows is not None and bool(rows.select(theirs.any()).collect().item())


def _drop(path: Path, subjects: Collection[str]) -> None:
    import polars as pl

    rows = _scan(path)
    assert rows is not None
    left = rows.filter(~pl.col("subject_id").cast(pl.String).is_in(list(subjects))).collect()
    with atomic_path(path) as fresh:
        if path.suffix == ".parquet":
            left.write_parquet(fresh)
        else:
            left.write_csv(fresh)


def key_of(*parts: object) -> str:
    """A hash of whatever a step depends on."""
    return hashlib.sha256(json.dumps(parts, default=str, sort_keys=True).encode()).hexdigest()


PACKAGES = ("clinome", "torch", "torch-geometric", "scikit-learn", "lifelines", "polars", "kglite")
"""What the numbers of a run depend on most."""


def versions() -> dict[str, str]:
    """Package -> version, of what this run is made with."""
    return {package: version(package) for package in PACKAGES}
