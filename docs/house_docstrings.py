"""Docstrings of this house as mkdocstrings reads them (docs/extending.md, "Docstrings")."""

from __future__ import annotations

import re
from typing import Any

import griffe

ONE_LINE = re.compile(r"^(Returns|Raises|Yields|Source): (?=\S)", re.MULTILINE)
EXAMPLE = re.compile(r"^Example:$", re.MULTILINE)
SEVERAL = re.compile(r"^( +)(\w+(?:, \w+)+): (.*(?:\n\1 +\S.*)*)", re.MULTILINE)


class HouseDocstrings(griffe.Extension):
    """`Returns: …` on one line is a paragraph, `a, b: …` says the same of both, `Example:` is code."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Rewrite the docstring of one module, class, function or attribute."""
        if obj.docstring:
            text = SEVERAL.sub(each_alone, EXAMPLE.sub("Examples:", obj.docstring.value))
            obj.docstring.value = ONE_LINE.sub(r"\n**\1:** ", text)


def each_alone(found: re.Match[str]) -> str:
    """`a, b: text` as `a: text` and `b: text`."""
    indent, names, text = found.groups()
    return "\n".join(f"{indent}{name}: {text}" for name in names.split(", "))
