"""Records that are kept out of the graph: a query that asks for their events is told so, and does not find nobody."""

from __future__ import annotations

from ...loaders.errors import InputError
from ..language import syntax as s
from ..language.parser import NotUnderstood, parse
from ..schema import EVENT_TYPE
from ..tables.study_tables import Tables


def kept_out(tables: Tables) -> dict[str, str]:
    """Relationship type -> the source whose events the study keeps in its tables alone (`[records.NAME] graph = "none"`).

    Example: kept_out(tables)  # {'DIAGNOSED': 'records.ehr', 'MEASURED': 'records.ehr'}
    """
    found: dict[str, str] = {}
    for source in tables.sources():
        if tables.record(source)["spec"].get("graph") == "none" and source.startswith("records."):
            found |= {EVENT_TYPE[label]: source for label in tables.labels(source) if label in EVENT_TYPE}
    return found


def refuse_kept_out(text: str, tables: Tables, where: str) -> None:
    """Raises: InputError for a query over relationships that the graph does not hold, because its study file says so.

    Args:
        text: Cypher. A pattern without a type from a patient, or to one, may mean any of them.
        where: the query, in words.
    """
    without = kept_out(tables)
    if not without:
        return
    try:
        asked = _types(parse(text))
    except NotUnderstood:
        return  # whoever runs it says what is wrong with it
    for type in sorted(without if None in asked else without.keys() & asked):
        fix = f'ask for codes by [task] target, or take graph = "none" out of [{without[type]}] and load again'
        raise InputError(
            "the graph does not hold these events: the study keeps them in its tables alone", where, type,
            f'a query without events of [{without[type]}], whose graph is "none"', fix,
        )  # fmt: skip


def _types(tree: s.Query) -> set[str | None]:
    """The types that the query names; None: a relationship of any type."""
    found: set[str | None] = set()
    for path in (part for part in tree.walk() if isinstance(part, s.Path)):
        labels = {name for node in path.walk() if isinstance(node, s.NodePattern) for name in _names(node.labels)}
        for one in (part for part in path.walk() if isinstance(part, s.RelationshipPattern)):
            named = _names(one.types)
            found |= set(named) if named else {None} if "Patient" in labels or not labels else set()
    return found


def _names(names: s.Names | None) -> tuple[str, ...]:
    return () if names is None else tuple(names.names)
