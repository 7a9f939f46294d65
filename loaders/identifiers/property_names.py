"""Names of properties: columns of a study's files under names that neither Cypher nor a store keeps for itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable

RESERVED = frozenset({
    "id", "title", "type", "name", "end", "subject_id", "observed_from", "observed_until", "clock", "source",
    "all", "and", "any", "as", "asc", "ascending", "by", "call", "case", "contains", "create", "delete", "desc",
    "descending", "detach", "distinct", "drop", "else", "ends", "exists", "false", "foreach", "from", "in", "is",
    "limit", "load", "match", "merge", "not", "null", "on", "optional", "or", "order", "remove", "return", "set",
    "single", "skip", "starts", "then", "true", "union", "unique", "unwind", "when", "where", "with", "xor", "yield",
})  # fmt: skip
"""Names that Cypher or the stores keep for themselves, and the columns that the patients table has anyway."""


def is_reserved(name: str) -> bool:
    """Whether Cypher, a store or the patients table has this name for something else; case does not matter there."""
    return name.lower() in RESERVED


def safe_names(names: Iterable[str], reserved: Callable[[str], bool] = is_reserved) -> dict[str, str]:
    """Each name -> itself, or with underscores behind it where it is reserved; no two become the same.

    Example:
        >>> safe_names(["age", "end", "end_"])
        {'age': 'age', 'end': 'end__', 'end_': 'end_'}
    """
    names = list(names)
    safe: dict[str, str] = {}
    taken = {name for name in names if not reserved(name)}
    for name in names:
        new = name
        while reserved(new) or (new != name and new in taken):
            new += "_"
        taken.add(new)
        safe[name] = new
    return safe
