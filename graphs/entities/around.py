"""Neighbourhood of a node: the graph around it up to so many hops, chosen by relevance, never more nodes than a limit.

A kind of relationship of which a node has very many is one folded node that says how many; patients stand one by one
only where all of them fit. Each kind gets its share of the limit, small kinds first, and what a share does not hold is
counted. Further hops begin at what is shown, and go through no hub.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import polars as pl

from ...loaders.errors import InputError
from ..schema import LABELS, RELATIONSHIPS
from ..search.find import Search, nearest, surely
from ..search.names import by_id
from ..store.protocol import Store
from .gene_sets import members, merged
from .subgraph import ASKED, FOLD, Drawing, Subgraph, counted, listed, new, noun, plural
from .walk import HUB, Kind, degrees, ends, foremost, kinds, links, present, reached

THROUGH = 1_000
"""Relationships of one kind above which a node is shown and not walked through."""
MOST_WALKED = 50_000
"""Relationships of one kind that a hop looks at in the store."""
MOST_HOPS = 4
_MEMBERS_READ = 20_000
_MORE_SETS = 200  # beyond the share, in place of those that are merged
_FIRST = (
    "RANKS", "IN_PATHWAY", "ASSOCIATED_WITH", "TARGETS", "INTERACTS_WITH", "MAPS_TO", "IS_A", "TREATS", "HAS_PHENOTYPE",
    "OF_GENE", "IN_GENE", "NEAR", "MUTATED_IN", "DIAGNOSED", "PRESCRIBED", "UNDERWENT", "PREDICTS",
)  # fmt: skip
"""Kinds by how much they say of a node, where not all of them fit."""
_AMONG = ("IN_PATHWAY", "INTERACTS_WITH", "ASSOCIATED_WITH", "TARGETS", "TREATS", "HAS_PHENOTYPE", "IS_A", "MAPS_TO")
"""Knowledge that is also drawn between what is shown."""
ROWS = {
    "hop": pl.Int64, "relationship": pl.String, "label": pl.String, "id": pl.String, "name": pl.String,
    "score": pl.Float64, "number": pl.Int64,
}  # fmt: skip


def node_of(search: Search, id: str, label: str | None = None) -> tuple[str, str, str]:
    """label, id, name of the node with this id, or that a symbol, code or name surely means.

    Raises: InputError where there is none, or where several labels have one; no id of a patient is quoted.
    """
    wanted = LABELS if label is None else (label,)
    found = by_id(search.store, [id], wanted)
    if not found.height and (meant := surely(search, id)) is not None:
        found = by_id(search.store, [meant], wanted)
    if not found.height:
        fix = nearest(search, id)
        raise InputError("no node of this id", "the graph", expected="an id as in the graph, NCBIGene:7157", fix=fix)
    if found.height > 1:
        labels = ", ".join(found["label"])
        raise InputError("several nodes have this id", "the graph", labels, "one label", "name it: label=…")
    row = found.row(0, named=True)
    return row["label"], row["id"], row["symbol"] or row["name"] or row["id"]


def around(
    search: Search, id: str, hops: int = 1, limit: int = 100, label: str | None = None, people: bool = True
) -> Subgraph:
    """What lies around a node.

    Args:
        id: of the node, as in the graph. label: of it, where nodes of several labels have this id.
        hops: 1 to 4. limit: nodes at the most, the folded ones too.
        people: False folds patients even where all of them fit.
    Returns: rows: hop, relationship, label, id, name, score, number.
    Raises: InputError for a node that is not there, and hops or a limit out of range.
    """
    if not 1 <= hops <= MOST_HOPS:
        raise InputError("so many hops are not walked", "hops", hops, f"1 to {MOST_HOPS}", "give fewer hops, and walk on from what is found")  # fmt: skip
    drawing = new(limit, 2)
    label, id, name = node_of(search, id, label)
    drawing.node(id, label, name, role=ASKED, size=1.0)
    types = present(search.store)
    rows = _first_hop(search.store, drawing, label, id, drawing.room // hops, people, types)
    for hop in range(2, hops + 1):
        before = [one for one in rows if one["hop"] == hop - 1 and one["label"] != "Patient" and not one["folded"]]
        hidden = {str(one["relationship"]) for one in rows if one["folded"]}
        rows += _further_hop(
            search.store, drawing, before, hop, drawing.room // (hops - hop + 1), (label, id, hidden), types
        )
    _among(search.store, drawing, types)
    table = pl.DataFrame(rows, schema={**ROWS, "folded": pl.Boolean}, strict=False).drop("folded")
    return drawing.finished(f"Around {'a patient' if label == 'Patient' else name}", table)


def shares(wants: list[int], budget: int) -> list[int]:
    """A share of the budget for each: all that it wants where that is little, else as much as the others get.

    Example:
        >>> shares([1, 50, 3, 40], 24)
        [1, 10, 3, 10]
    """
    given = [0] * len(wants)
    order = sorted(range(len(wants)), key=lambda i: (wants[i], i))
    for place, i in enumerate(order):
        given[i] = min(wants[i], budget // (len(wants) - place))
        budget -= given[i]
    return given


def _first_hop(
    store: Store, drawing: Drawing, label: str, id: str, budget: int, people: bool, types: frozenset[str]
) -> list[dict[str, Any]]:
    ways = kinds(label, types)
    known = {kind: degree for _, kind, degree in degrees(store, label, [id], ways).iter_rows()}
    found = sorted((ways[kind] for kind in known), key=_rank)
    if len(found) > budget:
        left = [f"{_kind(way)} ({known[ways.index(way)]:,})" for way in found[budget:]]
        drawing.cut.append(f"No room for some kinds of relationship: {listed(left, 8)}.")
        found = found[:budget]
    even = budget // max(1, len(found))
    wants, folded = [], []
    for way in found:
        degree = known[ways.index(way)]
        whole = degree > HUB or (way.other == ("Patient",) and (not people or degree > even))
        if way.other == ("Patient",) and not whole:
            drawing.cut.append(f"Patients are shown one by one, by their ids: all fit ({_kind(way)}).")
        wants.append(1 if whole else degree)
        folded.append(whole and degree > 1)
    rows: list[dict[str, Any]] = []
    for way, share, whole in zip(found, shares(wants, budget), folded, strict=True):
        rows += _one_kind(store, drawing, label, id, way, known[ways.index(way)], share, whole)
    return rows


def _one_kind(
    store: Store, drawing: Drawing, label: str, id: str, way: Kind, degree: int, share: int, whole: bool
) -> list[dict[str, Any]]:
    """The ends of one kind of a node: as many as fit in its share, and one folded node for the rest."""
    if whole:
        there = None if degree > HUB else ends(store, label, [id], way)
        if there != 1:
            return _fold(drawing, id, way, degree, there)
    asked = share + min(3 * share, _MORE_SETS) if _sets(way) else share + 1
    found = foremost(store, label, [id], way, asked).with_columns(stands=pl.lit(1, pl.Int64))
    there = found.height if found.height < asked else ends(store, label, [id], way)
    if _sets(way):
        found = _specific(store, drawing, found)
    if found.height <= share and there == found["stands"].sum():
        return _shown(store, drawing, label, id, way, found)
    found = found.head(max(0, share - 1))
    rows = _shown(store, drawing, label, id, way, found)
    return rows + _fold(drawing, id, way, degree, there - int(found["stands"].sum()))


def _shown(store: Store, drawing: Drawing, label: str, id: str, way: Kind, found: pl.DataFrame) -> list[dict[str, Any]]:
    """Draw these ends of a node, and their links as they are stored."""
    rows: list[dict[str, Any]] = []
    for one in found.iter_rows(named=True):
        if drawing.node(one["id"], one["label"], one["name"], note=one.get("note")):
            rows.append(_row(1, way, one))
            if way.way != "both":
                source, target = (one["id"], id) if way.way == "in" else (id, one["id"])
                drawing.edge(source, target, way.type, one["score"], one["number"])
    if way.way == "both":
        _join(store, drawing, label, [id], way, [row["id"] for row in rows])
    return rows


def _row(hop: int, way: Kind, one: dict[str, Any]) -> dict[str, Any]:
    shown = {name: one[name] for name in ("label", "id", "name", "score", "number")}
    return {"hop": hop, "relationship": way.type, "folded": False, **shown}


def _fold(drawing: Drawing, id: str, way: Kind, degree: int, there: int | None) -> list[dict[str, Any]]:
    """One node for many. there: how many nodes; None: only the number of relationships is known."""
    if there == 0:
        return []
    what = noun(way.other[0]) if len(way.other) == 1 else "node"
    number = degree if there is None else there
    number_of = f"{counted(degree, 'link')} to {plural(what)}" if there is None else counted(there, what)
    name = f"{number_of} ({way.type})"
    fold, label = f"fold:{way.type}:{way.way}", way.other[0] if len(way.other) == 1 else "Several"
    if not drawing.node(
        fold, label, name, role=FOLD, number=number, note=f"{_kind(way)}: {number_of}, folded into one node"
    ):
        drawing.cut.append(f"No room for {number_of} ({_kind(way)}).")
        return []
    source, target = (fold, id) if way.way == "in" else (id, fold)
    drawing.edge(source, target, way.type, None, number)
    drawing.cut.append(f"Folded into one node: {number_of} ({_kind(way)}).")
    return [{"hop": 1, "relationship": way.type, "label": label, "id": fold, "name": name, "score": None, "number": number, "folded": True}]  # fmt: skip


def _specific(store: Store, drawing: Drawing, found: pl.DataFrame) -> pl.DataFrame:
    """Gene sets without those that say the same as a smaller one; `stands`: for how many each does, itself among them."""
    small = found.filter(pl.col("members").cum_sum() <= _MEMBERS_READ)
    sets = merged(found["id"].to_list(), members(store, small["id"].to_list()))
    names = dict(found.select("id", "name").iter_rows())
    like = {one.id: one.like for one in sets}
    if gone := sum(len(one) for one in like.values()):
        drawing.cut.append(f"Drawn as one with a smaller pathway that shares half of their genes or more: {counted(gone, 'pathway')}.")  # fmt: skip
    kept = found.filter(pl.col("id").is_in(list(like)))
    notes = [
        counted(size, "gene") + (f"; like it: {listed(names[other] for other in like[one])}" if like[one] else "")
        for one, size in kept.select("id", "members").iter_rows()
    ]
    stands = pl.Series("stands", [1 + len(like[one]) for one in kept["id"]], dtype=pl.Int64)
    return kept.with_columns(stands, pl.Series("note", notes, dtype=pl.String))


def _further_hop(
    store: Store, drawing: Drawing, before: list[dict[str, Any]], hop: int, budget: int,
    asked: tuple[str, str, set[str]], types: frozenset[str],
) -> list[dict[str, Any]]:  # fmt: skip
    """The nodes that most of the last hop's lead to, of each kind its share.

    asked: label and id of the node that was asked about, and the types of which some of its ends are folded: what is
    folded there is at hop 1, and does not come back in a later one.
    """
    steps: list[tuple[str, Kind, list[str], int]] = []
    hubs: set[str] = set()
    by_label: dict[str, list[str]] = {}
    for one in before:
        by_label.setdefault(str(one["label"]), []).append(str(one["id"]))
    for label, ids in sorted(by_label.items()):
        ways = kinds(label, types)
        for (kind,), part in sorted(degrees(store, label, ids, ways).partition_by("kind", as_dict=True).items()):
            small = part.sort("degree", "id").filter(
                pl.col("degree") <= THROUGH, pl.col("degree").cum_sum() <= MOST_WALKED
            )
            hubs |= set(part["id"]) - set(small["id"])
            if small.height and ways[kind].other != ("Patient",):
                steps.append((label, ways[kind], sorted(small["id"]), int(small["degree"].sum())))
    if hubs:
        drawing.cut.append(f"Not walked through: {counted(len(hubs), 'node')} of hop {hop - 1} with more than {THROUGH:,} links of one kind.")  # fmt: skip
    steps.sort(key=lambda step: (_rank(step[1]), step[0]))
    rows: list[dict[str, Any]] = []
    wants = [step[3] for step in steps]
    for _ in range(2):  # what one kind leaves of its share, for many lead to the same nodes, another has
        given = shares(wants, budget - len(rows))
        for at, ((label, way, ids, _), share) in enumerate(zip(steps, given, strict=True)):
            if share:
                more, wants[at] = _further_kind(store, drawing, (label, way, ids), hop, share, asked)
                rows += more
    left: Counter[str] = Counter()
    for (_, way, _, _), number in zip(steps, wants, strict=True):
        left[_kind(way)] += number
    told = [f"{number:,} by {kind}" for kind, number in left.items() if number]
    if told:
        drawing.cut.append(f"Left out at hop {hop}, because fewer of the nodes shown lead to them: {listed(told, 8)}.")
    return rows


def _further_kind(
    store: Store, drawing: Drawing, step: tuple[str, Kind, list[str]], hop: int, share: int,
    asked: tuple[str, str, set[str]],
) -> tuple[list[dict[str, Any]], int]:  # fmt: skip
    """Draw the foremost ends of one kind that are not drawn yet; its rows, and how many are left."""
    label, way, ids = step
    most = share + len(drawing.nodes)
    found = foremost(store, label, ids, way, most)
    fresh = found.filter(~pl.col("id").is_in(list(drawing.nodes)))
    fresh = fresh.filter(~pl.col("id").is_in(_at_hop_1(store, asked, fresh)))
    there = found.height if found.height < most else ends(store, label, ids, way)
    chosen = fresh.head(share)
    left = max(0, there - (found.height - fresh.height) - chosen.height)
    rows = [
        _row(hop, way, one)
        for one in chosen.iter_rows(named=True)
        if drawing.node(one["id"], one["label"], one["name"])
    ]
    _join(store, drawing, label, ids, way, [*chosen["id"]])
    return rows, left


def _at_hop_1(store: Store, asked: tuple[str, str, set[str]], fresh: pl.DataFrame) -> list[str]:
    """Of these nodes those that the asked node leads to by a kind of which some are folded."""
    label, id, hidden = asked
    there: list[str] = []
    for kind in kinds(label, frozenset(hidden)):
        if kind.type in hidden and fresh.height and set(fresh["label"]) & set(kind.other):
            there += reached(store, label, id, kind, fresh["id"].to_list())
    return there


def _join(store: Store, drawing: Drawing, label: str, ids: list[str], way: Kind, found: list[str]) -> None:
    """The relationships by which a hop's nodes were found."""
    if not found:
        return
    tables = [] if way.way == "in" else [links(store, label, ids, way.type, found)]
    if way.way != "out":
        by_label = {one: drawing.nodes[one]["label"] for one in found if one in drawing.nodes}
        for other in sorted(set(by_label.values())):
            tables.append(links(store, other, [one for one in by_label if by_label[one] == other], way.type, ids))
    for source, target, score, number in pl.concat(tables).iter_rows():
        drawing.edge(source, target, way.type, score, number)


def _among(store: Store, drawing: Drawing, types: frozenset[str]) -> None:
    """Knowledge between what is shown; from hubs nothing is read."""
    shown: dict[str, list[str]] = {}
    for one in drawing.nodes.values():
        if one.get("role") != FOLD:
            shown.setdefault(one["label"], []).append(one["id"])
    for label in sorted(shown):
        among = [
            type
            for type in _AMONG
            if type in types
            and label in RELATIONSHIPS[type].start
            and any(end in shown for end in RELATIONSHIPS[type].end)
        ]
        if not among:
            continue
        known = degrees(store, label, shown[label], [Kind(type, "out", ()) for type in among])
        for kind, type in enumerate(among):
            small = known.filter(pl.col("kind") == kind, pl.col("degree") <= THROUGH)["id"].to_list()
            ends = [id for end in RELATIONSHIPS[type].end for id in shown.get(end, ())]
            if small and ends:
                for source, target, score, number in links(store, label, sorted(small), type, sorted(ends)).iter_rows():
                    drawing.edge(source, target, type, score, number)


def _sets(way: Kind) -> bool:
    return way.type == "IN_PATHWAY" and way.way == "out"


def _rank(way: Kind) -> tuple[int, str, str]:
    return (_FIRST.index(way.type) if way.type in _FIRST else len(_FIRST), way.type, way.way)


def _kind(way: Kind) -> str:
    return f"{way.type} {'from' if way.way == 'in' else 'to'} {listed((noun(label) for label in way.other), 2)}"
