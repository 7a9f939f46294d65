"""Docstrings for the reference: `Returns: one line` of this house as a paragraph of its own, `Example:` as code."""

from __future__ import annotations

import re
from typing import Any

import griffe

ONE_LINE = re.compile(r"^(Returns|Raises|Yields|Source|Units|Shape): (?=\S)", re.MULTILINE)
EXAMPLE = re.compile(r"^Example:$", re.MULTILINE)


class HouseDocstrings(griffe.Extension):
    """What mkdocstrings reads as Google's style (docs/extending.md, "Docstrings")."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Rewrite the docstring of one module, class, function or attribute."""
        if obj.docstring:
            text = EXAMPLE.sub("Examples:", obj.docstring.value)
            obj.docstring.value = ONE_LINE.sub(r"\n**\1:** ", text)
