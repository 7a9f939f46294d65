"""Docstrings of this house as mkdocstrings reads them (docs/extending.md, "Docstrings")."""

from __future__ import annotations

import re
from typing import Any

import griffe

SECTION = re.compile(r"^(Args|Raises|Examples):$", re.MULTILINE)
ONE_LINE = re.compile(r"^(Returns|Raises|Yields|Source): (?=\S)", re.MULTILINE)
SEVERAL = re.compile(r"^( +)(\w+(?:, \w+)+): (.*(?:\n\1 +\S.*)*)", re.MULTILINE)


class HouseDocstrings(griffe.Extension):
    """A section needs no empty line before it; `Returns: …` may stand on one line; `a, b: …` says the same of both."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Rewrite the docstring of one module, class, function or attribute."""
        if obj.docstring:
            text = re.sub(r"^Example:$", "Examples:", obj.docstring.value, flags=re.MULTILINE)
            text = ONE_LINE.sub(r"\n**\1:** ", SECTION.sub(r"\n\1:", text))
            obj.docstring.value = SEVERAL.sub(each_alone, text)


def each_alone(found: re.Match[str]) -> str:
    """`a, b: text` as `a: text` and `b: text`."""
    indent, names, text = found.groups()
    return "\n".join(f"{indent}{name}: {text}" for name in names.split(", "))
