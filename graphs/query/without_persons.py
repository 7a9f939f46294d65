"""Queries without persons: the ones whose every pattern provably stays away from patients, and from what is kept of them.

An allow-list, so that it is sound without following any value: a node is reached only by a pattern, and every pattern must
name labels or types that cannot touch a person. Aliases, collected lists, maps, projections, paths, functions and
subqueries then hold nobody, whatever a query does with them. What this parser cannot read is refused.
"""

from __future__ import annotations

import re

from ...loaders.errors import InputError
from .. import schema
from ..language import syntax as s
from ..language.parser import parse
from ..store.read_only import check_read_only

LABELS = (*(label for label in schema.FEATURES if label != "Variant"), *schema.KNOWLEDGE, *schema.CODES, "Run")
"""Nodes that say nothing of one person. A variant may be one person's alone; a cohort's parameters may be ids; loads and
studies count rows and name places."""
TYPES = tuple(
    rule.type for rule in schema.RELATIONSHIPS.values()
    if {*rule.start, *rule.end} - {"Variant"} <= {*LABELS} and "Variant" not in rule.start
)  # fmt: skip
"""Relationships between these: knowledge, and what runs rank."""

_STEPS = re.compile("[1-9][0-9]{0,8}")
"""The least steps of a relationship as one may write them here: not 0, in whatever digits."""
_FIX = (
    "start at Gene, Pathway, Diagnosis or Run and name every label and type; patients are counted by count_patients and "
    "cohort, or allowed by whoever starts the server: --patients"
)


def check_without_persons(text: str) -> s.Query:
    """Refuse a query that could read anything of a patient, a visit, a sample, or a relationship of theirs.

    Args:
        text: one Cypher statement.
    Returns: its syntax tree.
    Raises: InputError that says which part is refused, and how to ask instead.
    Example:
        >>> query = check_without_persons("MATCH (g:Gene)-[:IN_PATHWAY]->(w) RETURN w.name AS name, count(g) AS genes")
        >>> check_without_persons("MATCH (n) RETURN n")
        Traceback (most recent call last):
        ...
        clinome.loaders.errors.InputError: query: a pattern that may reach patients; got 'a node without a label'; \
expected labels and types that cannot. Fix: start at Gene, Pathway, Diagnosis or Run and name every label and type; \
patients are counted by count_patients and cohort, or allowed by whoever starts the server: --patients.
    """
    check_read_only(text)
    tree = parse(text)
    for part in tree.walk():
        if isinstance(part, s.Path):
            _check_path(part)
    inside = {id(element) for path in tree.walk() if isinstance(path, s.Path) for element in path.elements}
    if any(isinstance(part, s.NodePattern | s.RelationshipPattern) and id(part) not in inside for part in tree.walk()):
        raise _refusal("a pattern of a form that is not known")
    return tree


def _check_path(path: s.Path) -> None:
    joined = False  # a node at a relationship of these types needs no label; at one of no step it may be anything
    for element in path.elements:
        if isinstance(element, s.RelationshipPattern):
            _check_names(element.types, TYPES, "a relationship", "type")
            joined = element.length is None or _STEPS.fullmatch(element.length.low) is not None
            if not joined:
                break
    for element in path.elements:
        if isinstance(element, s.NodePattern) and not (joined and element.labels is None):
            _check_names(element.labels, LABELS, "a node", "label")


def _check_names(names: s.Names | None, allowed: tuple[str, ...], what: str, kind: str) -> None:
    if names is None:
        raise _refusal(f"{what} without a {kind}")
    if not names.plain:
        raise _refusal(f"{what} whose {kind} is said by !, & or %")
    if others := [name for name in names.names if name not in allowed]:
        known = others[0] in (*schema.LABELS, *schema.RELATIONSHIPS)
        raise _refusal(f"{what} {others[0]}" if known else f"{what} of an unknown {kind}")


def _refusal(got: str) -> InputError:
    return InputError("a pattern that may reach patients", "query", got, "labels and types that cannot", _FIX)
