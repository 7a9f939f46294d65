"""Numbers of a text, each looked for among the numbers of a run: what a methods section says must stand in its JSON files."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from clinome.reports.publication.methods.references import REFERENCES, reference

NUMBER = re.compile(
    r"(?<![\w.,/-])\d+(?:\.\d+){2,}\w*|(?<![\w.,/-])[+−-]?\d[\d,]*(?:\.\d+)?(?:×10[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)?(%|(?:st|nd|rd|th)\b)?(?!\.?[\w])"
)


def check_texts(run: Path) -> str:
    """methods.md of a run, which holds no number that the run's JSON files lack, and nothing unsaid."""
    text = (run / "methods.md").read_text(encoding="utf-8")
    assert unfounded(text.partition("\n")[2], run) == []
    assert not re.search(r"None|nan\b|\{|\(\)|\s\.|\.\.", text), text
    return text


def unfounded(text: str, run: Path) -> list[str]:
    """Numbers of the text that neither results.json nor summary.json holds.

    Left aside, and nothing else: lines of the list of references and keys of citations, letter for letter as the table of
    references has them; texts of the JSON files that hold a digit (names, versions, dates, queries), letter for letter.
    A number is found where a number of the files, rounded as it is printed, is it; a percentage also as a share.
    A whole number must be a whole number of the files, or a rounded one of ten or more. Values of single folds and of
    curves, which are lists of numbers, do not count: among so many anything would be found.
    """
    found = [json.loads((run / name).read_text(encoding="utf-8")) for name in ("results.json", "summary.json")]
    for key in sorted(REFERENCES, key=len, reverse=True):
        text = text.replace(f"- {reference(key)}", "").replace(key, "")
    words = sorted(
        {one for one in _leaves(found) if isinstance(one, str) and re.search(r"\d", one)}, key=len, reverse=True
    )
    for word in words:
        if not re.fullmatch(r"[\d.,\s]+", word):
            text = re.sub(rf"(?<![\w.]){re.escape(word)}(?![\w])", "", text)
    plain = {word for word in words if re.fullmatch(r"[\d.]+", word)}
    numbers = [one for one in _leaves(found) if isinstance(one, int | float) and not isinstance(one, bool)]
    return [one[0] for one in NUMBER.finditer(text) if one[0] not in plain and not _is_there(one[0], numbers)]


def _leaves(found: Any) -> Iterator[Any]:
    if isinstance(found, dict):
        yield from found  # names too
        for one in found.values():
            yield from _leaves(one)
    elif isinstance(found, list):
        if not (len(found) > 2 and all(isinstance(one, int | float) or one is None for one in found)):
            for one in found:
                yield from _leaves(one)
    else:
        yield found


def _is_there(told: str, numbers: list[float]) -> bool:
    if told.count(".") > 1:  # a version, which is one of the texts or is wrong
        return False
    share = told.endswith("%")
    plain = re.sub(r"(%|st|nd|rd|th)$", "", told).replace("−", "-").replace(",", "")
    value, digits = float(plain), len(plain.partition(".")[2])
    half = 0.5000001 * 10.0**-digits
    if share and any(isinstance(one, float) and 0 <= one <= 1 and abs(100 * one - value) <= half for one in numbers):
        return True
    if digits:
        return any(abs(one - value) <= half for one in numbers)
    return any(one == value or (isinstance(one, float) and abs(one) >= 10 and round(one) == value) for one in numbers)
