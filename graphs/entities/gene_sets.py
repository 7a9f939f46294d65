"""Redundant gene sets: of sets that share most of their genes the most specific one is shown, the others with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..store.protocol import Store

ALIKE = 0.5
"""Jaccard overlap from which two sets say the same."""
_MEMBERS = "UNWIND $ids AS id MATCH (g:Gene)-[:IN_PATHWAY]->(p:Pathway {id: id}) RETURN p.id AS pathway, collect(DISTINCT g.id) AS genes"


@dataclass(frozen=True)
class Merged:
    """A set that stands for itself and for those like it."""

    id: str
    like: tuple[str, ...]


def members(store: Store, ids: Sequence[str]) -> dict[str, frozenset[str]]:
    """The genes of each of these sets."""
    found = store.lists(_MEMBERS, {"ids": list(ids)})
    return {one: frozenset(genes) for one, genes in zip(found["pathway"], found["genes"], strict=True)}


def merged(sets: Sequence[str], genes: Mapping[str, frozenset[str]], alike: float = ALIKE) -> list[Merged]:
    """Sets in their order, each without the later ones whose genes overlap with its own by `alike` or more (Jaccard).

    Example:
        >>> [one.id for one in merged(["a", "b"], {"a": frozenset("xy"), "b": frozenset("xyz")})]
        ['a']
    """
    kept: list[tuple[str, list[str]]] = []
    for one in sets:
        mine = genes.get(one, frozenset())
        for other, like in kept:
            theirs = genes.get(other, frozenset())
            few, many = sorted((len(mine), len(theirs)))
            if few and few >= alike * many and len(mine & theirs) >= alike * len(mine | theirs):
                like.append(one)
                break
        else:
            kept.append((one, []))
    return [Merged(one, tuple(like)) for one, like in kept]
