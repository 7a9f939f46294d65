"""Forms of ids: what ids look like, without saying whose they are; and the one change that would join two sets of them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from unicodedata import normalize

from ..errors import InputError
from ..files.cells.forms import form

_MOST = 500  # ids looked at
CHECK = "check `id` here and in [patients] or [samples]"


def forms(ids: Iterable[str], most: int = 2) -> str:
    """The commonest forms of these ids, "" where there is none."""
    return " / ".join(text for text, _ in Counter(map(form, [*ids][:_MOST])).most_common(most))


def no_known_id(where: str, found: Iterable[str], known: Iterable[str], fix: str = CHECK) -> InputError:
    """The error that none of the ids that were found is a known one: what both look like, and how they would meet.

    Args:
        found: of the file, in its order. known: the study's.
    """
    here, there = [*found][:_MOST], [*known]
    return InputError(
        "none of the study's ids is in the file", where, forms(here) or None, forms(sorted(there)) or "ids",
        joined_by(here, there) or fix,
    )  # fmt: skip


def joined_by(found: Iterable[str], known: Iterable[str]) -> str | None:
    """What would make most of one set's ids the other's, in words; None where no simple change does."""
    here, there = [*dict.fromkeys(found)], [*dict.fromkeys(known)]
    for change, words in _CHANGES:
        ours, theirs = {change(id) for id in here}, {change(id) for id in there}
        if len(ours & theirs) * 2 >= min(len(here), len(there)) > 0:
            return words
    longer = sum(
        any(len(id) > len(k) > 1 and id.startswith(k) and not id[len(k)].isalnum() for k in there) for id in here
    )
    if here and longer * 2 >= len(here):
        return "the file's ids go on where the study's end: cut what follows them, or name those ids in [samples]"
    shorter = sum(
        any(len(k) > len(id) > 1 and k.startswith(id) and not k[len(id)].isalnum() for id in here) for k in there
    )
    if there and shorter * 2 >= len(there):
        return "the study's ids go on where the file's end: give [patients] the shorter ones"
    return None


_CHANGES: tuple[tuple[Callable[[str], str], str], ...] = (
    (lambda id: id.strip(), "there is white space around them"),
    (lambda id: normalize("NFC", id), "the same letters are composed in two ways: write one of them (NFC)"),
    (lambda id: re.sub(r"^X(?=\d)", "", id), "R put an X before ids that begin with a digit: write the file with check.names = FALSE"),
    (lambda id: id.removesuffix(".0"), "ids were written as decimal numbers: write them as text, without .0"),
    (lambda id: id.casefold(), "they differ in capitals alone: write them as [patients] has them"),
    (lambda id: re.sub(r"[^\w]|_", "-", id), "they differ in what parts their fields (-, ., _): write them as [patients] has them"),
    (lambda id: id.lstrip("0"), "they differ in leading zeros: write ids as text"),
    (lambda id: re.sub(r"[^\w]|_", "", id).casefold().lstrip("0"), "they differ in capitals, zeros or separators alone: write them as [patients] has them"),
)  # fmt: skip
