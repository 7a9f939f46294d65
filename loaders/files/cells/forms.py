"""Form of a cell: what it looks like, without saying what it holds."""

from __future__ import annotations

import re

_LONGEST = 40


def form(id: str) -> str:
    """A text with A for capitals, a for other letters, 9 for digits; what parts them stays.

    Example:
        >>> form("TCGA-05-4244-01A")
        'AAAA-99-9999-99A'
    """
    text = re.sub(r"\d", "9", re.sub(r"[^\W\d_]", lambda m: "A" if m[0].isupper() else "a", id))
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
