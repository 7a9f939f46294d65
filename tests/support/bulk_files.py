"""The files of a bulk import, read as Neo4j's own tool reads them (tried on 5.26 and 2026.09)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

from clinome.graphs.neo4j_store.bulk_csv_files import BETWEEN, Files


def cells(text: str) -> Iterator[list[tuple[str, bool]]]:
    """The rows of a CSV file; a cell is its text, and whether it was quoted."""
    row: list[tuple[str, bool]] = []
    for found in re.finditer(r'(?:"((?:[^"]|"")*)"|([^,\n\r]*))(,|\n)', text):
        quoted, plain, end = found.groups()
        row.append((plain, False) if quoted is None else (quoted.replace('""', '"'), True))
        if end == "\n":
            yield row
            row = []


def value(cell: tuple[str, bool], word: str) -> Any:
    """As the tool takes it; None: no property."""
    text, quoted = cell
    if word.endswith("[]"):
        return [value((part, True), word[:-2]) for part in text.split(BETWEEN)] if text else None
    if text == "" and not (quoted and word == "string"):
        return None
    match word:
        case "string":
            return text
        case "long":
            return int(text)
        case "double":
            assert text.lstrip("-") not in ("inf", "nan"), "Java says Infinity and NaN"
            return float(text)
        case "boolean":
            return {"true": True, "false": False}[text]
        case "localdatetime":
            return datetime.fromisoformat(text)
        case "date":
            return date.fromisoformat(text)
    raise AssertionError(word)


def read(files: Files) -> list[tuple[str, dict[str, Any]]]:
    """Every row of every file that the arguments name: what it is, and its properties; START and END where it goes."""
    arguments = [argument.removeprefix("--").rpartition("=") for argument in files.arguments()]
    broken = [path for what, _, paths in arguments if what == "multiline-fields" for path in paths.split(",")]
    found = []
    for what, _, path in arguments:
        if "=" in what:
            text = (files.folder / path).read_bytes().decode()
            head, *rows = cells(text)
            assert path in broken or ("\r" not in text and len(rows) + 1 == text.count("\n")), (
                "a break that is not named"
            )
            for row in rows:
                assert len(row) == len(head)
                pairs = [property_of(name, cell) for (name, _), cell in zip(head, row, strict=True)]
                found.append((what, {name: one for name, one in pairs if one is not None}))
    return found


def property_of(head: str, cell: tuple[str, bool]) -> tuple[str, Any]:
    name, _, word = head.rpartition(":")
    assert not re.search(r"[{}()\r\n]", name), "the tool takes a part of this name"
    key = re.fullmatch(r"(START_|END_)?ID\(\w+\)", word)
    return (key[1] or "id", cell[0]) if key else (name, value(cell, word))
