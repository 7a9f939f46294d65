"""Texts of a run for a paper: methods.md, model_card.md, tripod_ai.md, from results.json and summary.json and nothing else."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from clinome.console import visible
from clinome.loaders.files.atomic import write_atomic
from clinome.reports.publication.methods.document import METHODS, methods
from clinome.reports.publication.model_card import CARD, model_card
from clinome.reports.publication.tripod import TRIPOD, tripod

WHAT = {
    METHODS: "what was done, in sentences, with references",
    CARD: "the model card",
    TRIPOD: "the TRIPOD+AI checklist, as far as a run can fill it",
}


def write_documents(
    run: Path, title: str, to: Path, claims: Sequence[str] = (), warned: Sequence[str] = (), tables: Sequence[str] = ()
) -> list[tuple[str, str]]:
    """Write the texts into a folder.

    Args:
        run: the run folder. title: of the study. to: where they go; beside the page.
        claims: what the page's headline says. warned: its warnings. tables: names of the files in tables/.
    Returns: (file, what it is) of each. None for a run of an earlier version, whose summary does not say what was done: texts
        that an earlier page left are then taken away.
    """
    results, summary = (_json(run / name) for name in ("results.json", "summary.json"))
    if "methods" not in summary:
        for name in WHAT:
            (to / name).unlink(missing_ok=True)
        return []
    texts = {METHODS: methods(title, results, summary)}
    if results.get("task") != "links":
        texts[CARD] = model_card(title, results, summary, claims, warned)
        texts[TRIPOD] = tripod(title, run, results, summary, list(tables))
    for name, text in texts.items():
        write_atomic(to / name, visible(text))
    return [(name, WHAT[name]) for name in texts]


def _json(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}
