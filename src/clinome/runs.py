"""The run folder (docs/study.md, "The folders"): what a run leaves beside the study file, and what of it is still true."""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clinome.study import Study


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
        path = self.path(name)
        part = path.with_suffix(".part")
        part.write_text(json.dumps(value, indent=1, default=str), encoding="utf-8")
        part.replace(path)

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

    def log(self, event: str, **facts: object) -> None:
        """One line of log.jsonl: what ran and how long. Never patient data."""
        line = {"at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "event": event, **facts}
        with self.path("log.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, default=str) + "\n")

    def summary(self) -> dict[str, object]:
        """What `--json` ends with: the folder, and what the training parts picked most often."""
        names = [c["name"] for c in self.read_json("results.json").get("chosen", [])]
        return {"run": str(self.folder), "chosen": max(sorted(set(names)), key=names.count) if names else None}


def key_of(*parts: object) -> str:
    """A hash of whatever a step depends on."""
    return hashlib.sha256(json.dumps(parts, default=str, sort_keys=True).encode()).hexdigest()
