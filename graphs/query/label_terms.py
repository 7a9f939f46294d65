"""Label terms of a cohort query: the properties that its label is made of, and the texts that it names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..language import syntax as s
from ..language.parser import NotUnderstood
from ..language.parser import parse as parse_cypher
from .cypher import Query


@dataclass(frozen=True)
class LabelTerms:
    """properties: that the label's expression reads. texts: every text of the query and its parameters."""

    properties: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()


def label_terms(query: Query, params: Mapping[str, Any], label: str) -> LabelTerms:
    """What a query says of its label; of a text that cannot be parsed the parameters alone.

    Args:
        label: the column of the query that holds the label.
    Example:
        >>> from clinome.graphs.query.cypher import parse
        >>> label_terms(parse("q", "MATCH (p:Patient) RETURN p.id AS subject_id, p.died AS label"), {}, "label").properties
        ('died',)
    """
    given = [value for value in params.values() if isinstance(value, str)]
    given += [
        one for value in params.values() if isinstance(value, list | tuple) for one in value if isinstance(one, str)
    ]
    try:
        tree = parse_cypher(query.text)
    except NotUnderstood:
        return LabelTerms((), tuple(given))
    texts = [part.value for part in tree.walk() if isinstance(part, s.Literal) and part.kind == "STRING"]
    made = [
        item for part in tree.walk() if isinstance(part, s.Projection) for item in part.items if item.alias == label
    ]
    names: list[str] = []
    for item in made:
        for part in item.walk():
            if isinstance(part, s.Property):
                names.append(part.name)
            if (
                isinstance(part, s.Index)
                and isinstance(part.at, s.Parameter)
                and isinstance(params.get(part.at.name), str)
            ):
                names.append(params[part.at.name])
    return LabelTerms(tuple(dict.fromkeys(names)), tuple(dict.fromkeys([*texts, *given])))
