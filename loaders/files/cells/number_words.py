"""Number words: why cells among numbers are none: decimal commas, limits of detection, units, words that mean missing."""

from __future__ import annotations

import re
from dataclasses import dataclass

import polars as pl

from .forms import form

_MOST = 1_000  # distinct cells looked at
_D = r"[\d.,]+(?:[eE][+-]?\d+)?"
_CAUSES: tuple[tuple[str, str, str], ...] = (
    (r"[+-]?\d{1,3}(?:,\d{3})+(?:\.\d+)?", "a comma between thousands, or a decimal one", "write numbers without commas"),
    (r"[+-]?(?:\d*|\d{1,3}(?:\.\d{3})+),\d+(?:[eE][+-]?\d+)?", "a decimal comma", "write decimal points"),
    (r"[+-]?\d{1,3}(?:[\s'’_\u00a0\u2009\u202f]\d{3})+(?:[.,]\d+)?", "parted thousands", "write numbers in one piece"),
    (rf"(?:[<>≤≥≦≧~≈]=?|(?i:less than|more than|below|above|under|over))\s*{_D}.*", "a limit, not a value",
     "write the number that you mean, or take the cell for missing"),
    (r"[<>]?\s*(?i:lod|loq|lloq|uloq|blq|blod|bdl|bql|nd|n\.d\.?|not detected|undetected|undetectable)",
     "below the limit of detection", "write the number that you mean, or name the word in `missing`"),
    (rf"[+-]?{_D}\s*%", "a percent sign", "write the number alone"),
    (rf"[+-]?{_D}\s*\(?[A-Za-zµμ°²³/^*·\d]*[A-Za-zµμ°/][\w/µμ°²³^*·-]*\)?", "a unit beside the number", "write the number alone"),
    (rf"[+-]?{_D}\s*[*†‡!hHlL]+", "a mark beside the number", "write the number alone"),
    (rf"{_D}\s*(?:-|–|to|\.\.)\s*{_D}", "a range", "write one number"),
    (r"[+-]?(?i:inf|infinity|infinite)", "no finite number", "correct the cells"),
    (r"\d{1,2}[./-]\d{1,2}[./-]\d{2,4}(?:[ T].*)?|\d{4}[./]\d{1,2}[./]\d{1,2}(?:[ T].*)?", "a date that is not ISO",
     "write 2020-01-31"),
    (r"\d{4}-\d{2}-\d{2}.*", "a date", "write a number"),
    (r"\d{8}", "a number that may be a date", "write 2020-01-31"),
    (r"\d{4,6}(?:\.\d+)?", "a number that may be a spreadsheet's date", "write 2020-01-31"),
)  # fmt: skip
_MISSING = re.compile(
    r"""'?-{1,3}|[?.*–—_]+|\\n|\#(?:n/?a|div/0!|ref!|value!|name\?|num!|null!)|<na>|[\[(]?(?:n/?a|n\.a\.?|nan|nat|nil|none|null|void|empty|blank|missing|unk|unknown|unspecified|undefined|uncertain
    |not[ _-]?(?:available|reported|recorded|applicable|known|done|evaluated|measured|performed|determined|tested
    |assessed|specified|collected|documented|given|stated|provided|allowed(?:[ _]to[ _]collect)?)
    |(?:no|without)[ _-]?(?:data|value|information|info|result|record|entry)|data[ _](?:not[ _]available|missing)
    |no[ _-]?(?:dx|diagnos[ie]s|icd|codes?)|pending|refused|declined|withheld|redacted|discrepancy|ns|np|n/?d|tbd)[\])]?""",
    re.IGNORECASE | re.VERBOSE,
)


@dataclass(frozen=True)
class Reason:
    """Why cells could not be read: the cause, the form of one of them (no cell is quoted, but for words that mean
    missing), and what to do."""

    cause: str
    form: str
    fix: str


def means_missing(text: str) -> bool:
    """Whether a cell says that there is no value, in one of the words that people and programs write for it.

    Example:
        >>> [means_missing(text) for text in ("[Not Available]", "'--", "high")]
        [True, True, False]
    """
    return _MISSING.fullmatch(text.strip()) is not None


def missing_words(cells: pl.Series) -> pl.Series:
    """Which cells say that there is no value (`means_missing`)."""
    words = [text for text in cells.drop_nulls().unique() if means_missing(text)]
    return cells.is_in(words).fill_null(False)


def misspelt(cells: pl.Series) -> pl.Series:
    """Which cells hold a number that is spelt as no reader here takes it: `1,5`, `1 000`, `5 %`, `7 mg`; not limits and words.

    Example:
        >>> misspelt(pl.Series(["1,5", "<0.1", "high", None])).to_list()
        [True, False, False, False]
    """
    spelt = "|".join(f"(?:{pattern})" for pattern, cause, _ in _CAUSES if cause in _MISSPELT)
    return cells.cast(pl.String).str.strip_chars().str.contains(f"^(?:{spelt})$").fill_null(False)


_MISSPELT = (
    "a comma between thousands, or a decimal one", "a decimal comma", "parted thousands", "a percent sign",
    "a unit beside the number", "a mark beside the number",
)  # fmt: skip


def reason(cells: pl.Series, expected: str = "a number") -> Reason:
    """The commonest cause why these cells are not what was expected.

    Args: cells: (n,) those that could not be read; nulls are left aside.
    Example:
        >>> reason(pl.Series(["1,5", "2,5", "high"]))
        Reason(cause='a decimal comma', form='9,9', fix='write decimal points')
    """
    seen = cells.drop_nulls().cast(pl.String).str.strip_chars().value_counts(sort=True, name="n").head(_MOST)
    found: dict[Reason, int] = {}
    for text, n in seen.iter_rows():
        why = _reason(text, expected)
        found[why] = found.get(why, 0) + n
    if not found:
        return Reason(f"not {expected}", "", "correct the cells")
    causes: dict[str, int] = {}
    for why, n in found.items():
        causes[why.cause] = causes.get(why.cause, 0) + n
    commonest = max(causes, key=lambda cause: causes[cause])
    return max((why for why in found if why.cause == commonest), key=lambda why: found[why])


def _reason(text: str, expected: str) -> Reason:
    if means_missing(text):
        return Reason("a word that means missing", repr(text), f"add {text!r} to `missing`")
    if expected.startswith("a code"):
        several = re.fullmatch(r".*\w\s*[;,|/\s]\s*\w.*", text) is not None
        return (
            Reason("several codes in a cell", form(text), "give each a row or a column")
            if several
            else _other(text, expected)
        )
    for pattern, cause, fix in _CAUSES:
        if re.fullmatch(pattern, text) and not (expected == "a number" and cause.startswith(expected)):
            return Reason(cause, form(text), fix)
    return _other(text, expected)


def _other(text: str, expected: str) -> Reason:
    return Reason(f"not {expected}", form(text), "correct the cells, or name their words in `missing`")
