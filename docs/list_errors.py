"""Lists every error of the code, by stage, where docs/errors.md says <!-- errors -->: a hook of mkdocs.

The list is read from the source, so that none is missing and none is said that is not there.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
KINDS = {"InputError": 1, "LearnerFailed": 1, "CannotRun": 1, "UsageError": 2, "NotBuilt": 2, "EngineError": 3}
"""Class -> exit code."""
OWN = "mend the learner; it is yours"
STAGES = {
    "Study file and command": ("src/clinome/study.py", "src/clinome/typed_toml.py", "src/clinome/cli/", "loaders/registry.py", "src/clinome/verbs/loading/remove.py"),
    "Reading files": ("loaders/files/", "loaders/records/", "loaders/omics/", "loaders/knowledge/", "loaders/identifiers/"),
    "Joining patients and samples": ("loaders/subjects/", "loaders/"),
    "Loading into the graph": ("graphs/ingest/", "graphs/tables/", "graphs/store/", "graphs/schema", "src/clinome/verbs/load"),
    "Queries, cohort and snapshot": ("graphs/query/", "graphs/prediction_tasks/", "graphs/cohort/", "graphs/snapshot/", "src/clinome/verbs/exploration/query", "src/clinome/verbs/cohort", "src/clinome/verbs/compare"),
    "Neo4j server": ("graphs/neo4j_",),
    "Saved models and predict": ("models/inference/", "models/base/serialization.py", "src/clinome/verbs/prediction/", "src/clinome/run_folder/"),
    "Training and own learners": ("models/", "src/clinome/user_learners.py", "src/clinome/verbs/train", "src/clinome/verbs/pretrain", "src/clinome/verbs/benchmark"),
    "Reports and the rest": ("",),
}  # fmt: skip
"""Stage -> the beginnings of paths; the first that fits counts."""


@dataclass(frozen=True)
class Raised:
    """One error of the code: what is said, what would have been right, what to do; … stands for what differs."""

    kind: str
    file: str
    line: int
    what: str
    expected: str
    fix: str

    @property
    def stage(self) -> str:
        return next(stage for stage, begins in STAGES.items() if self.file.startswith(begins))


def errors() -> Iterator[Raised]:
    """Every place that makes an error for the user."""
    for part in ("loaders", "graphs", "models", "src/clinome"):
        for path in sorted((ROOT / part).rglob("*.py")):
            file = path.relative_to(ROOT).as_posix()
            if file.startswith(("src/clinome/graphs/", "src/clinome/loaders/", "src/clinome/models/")):
                continue  # links to the folders at the root
            module = ast.parse(path.read_text(encoding="utf-8"))
            shared = _said(module.body)
            for function, node in _calls(module):
                if isinstance(node.func, ast.Name) and node.func.id in KINDS:
                    own = {} if function is None else _said(ast.walk(function), node.lineno)
                    yield _raised(node, node.func.id, file, {**shared, **own})


def _calls(node: ast.AST, function: ast.AST | None = None) -> Iterator[tuple[ast.AST | None, ast.Call]]:
    """Every call, with the function in which it stands; None outside of any."""
    for inner in ast.iter_child_nodes(node):
        if isinstance(inner, ast.Call):
            yield function, inner
        yield from _calls(inner, inner if isinstance(inner, ast.FunctionDef) else function)


def _said(nodes: Iterable[ast.AST], before: int | None = None) -> dict[str, str]:
    """Names that stand for texts: `what, fix = "…", "…"`, each with all that it may stand for. before: the line that asks."""
    out: dict[str, str] = {}
    for node in sorted((n for n in nodes if isinstance(n, ast.Assign)), key=lambda one: one.lineno):
        if before is not None and node.lineno > before:
            break
        if len(node.targets) == 1:
            target, value = node.targets[0], node.value
            pairs = [(target, value)]
            if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) and len(target.elts) == len(value.elts):
                pairs = list(zip(target.elts, value.elts, strict=True))
            for name, one in pairs:
                if isinstance(name, ast.Name) and (text := _words(one, {})).strip("…"):
                    out[name.id] = f"{out[name.id]} / {text}" if name.id in out and text not in out[name.id] else text
    return out


def _raised(node: ast.Call, kind: str, file: str, known: dict[str, str]) -> Raised:
    given = [*(_words(one, known) for one in node.args), *[""] * 5]
    named = {one.arg: _words(one.value, known) for one in node.keywords}
    if kind in ("UsageError", "EngineError", "NotBuilt"):
        text, _, inside = given[0].partition(" Fix: ")
        return Raised(kind, file, node.lineno, text, "", named.get("fix") or given[1] or inside.removesuffix("."))
    if kind in ("LearnerFailed", "CannotRun"):
        what = "this learner cannot run here: …" if kind == "CannotRun" else given[1]
        return Raised(
            kind, file, node.lineno, what, given[3], "leave it out of this study" if kind == "CannotRun" else OWN
        )
    return Raised(
        kind,
        file,
        node.lineno,
        named.get("what") or given[0],
        named.get("expected") or given[3],
        named.get("fix") or given[4],
    )


def _words(node: ast.expr, known: dict[str, str]) -> str:
    """The text that an expression makes; … for what is known only when it runs."""
    match node:
        case ast.Constant(value=None):
            return ""
        case ast.Constant():
            return str(node.value)
        case ast.JoinedStr():
            return "".join(_words(one, {}) for one in node.values)
        case ast.BinOp(op=ast.Add()):
            return _words(node.left, known) + _words(node.right, known)
        case ast.IfExp():
            return " / ".join(filter(None, (_words(node.body, known), _words(node.orelse, known))))
        case ast.Name():
            return known.get(node.id, "…")
    return "…"


def table() -> str:
    """The list as Markdown: a table a stage."""
    out: list[str] = []
    found = list(errors())
    for stage in STAGES:
        rows = {(one.what, one.expected, one.fix, KINDS[one.kind]) for one in found if one.stage == stage}
        if rows:
            out += [f"### {stage}", "", "| what is said | expected | fix | exit |", "|---|---|---|---|"]
            out += ["| " + " | ".join(map(_cell, row)) + " |" for row in sorted(rows)] + [""]
    return "\n".join(out)


def _cell(value: Any) -> str:
    text = " ".join(str(value).split()).replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*").replace("_", "\\_")
    return text.replace("[", "\\[").replace("`", "\\`").replace("{", "&#123;").replace("$", "\\$")


def on_page_markdown(markdown: str, **given: Any) -> str:
    """mkdocs calls it for every page."""
    return markdown.replace("<!-- errors -->", table()) if "<!-- errors -->" in markdown else markdown
