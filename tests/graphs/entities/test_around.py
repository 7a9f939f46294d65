"""Neighbourhoods: never more nodes than asked for, every link real, and what is cut counted as a naive walk counts it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_knowledge import HUB, fill, gene

from clinome.graphs.entities import around as module
from clinome.graphs.entities.around import around, shares
from clinome.graphs.entities.gene_sets import merged
from clinome.graphs.search.find import Search
from clinome.graphs.store.embedded import EmbeddedStore
from clinome.loaders.errors import InputError

PROVENANCE = {"PROFILED", "LOADED", "GAVE"}
Pairs = dict[str, list[tuple[str, str]]]


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Search, Pairs]]:
    with EmbeddedStore(tmp_path_factory.mktemp("around") / "a.graph", write=True) as store:
        pairs = fill(store)
        yield Search(store), pairs


IDS = [gene(i) for i in (1, 2, 7, 33)] + ["WP:0", "WP:7", "ICD10CM:C34.1", "p00", "p29", "small/small", "DRUG:erlotinib", "v1"]  # fmt: skip


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(id=st.sampled_from(IDS), hops=st.integers(1, 4), limit=st.integers(2, 80))
def test_never_more_nodes_than_the_limit_and_every_link_is_real(
    graph: tuple[Search, Pairs], id: str, hops: int, limit: int
) -> None:
    search, pairs = graph
    found = around(search, id, hops, limit)
    ids = found.nodes["id"].to_list()
    assert len(ids) == len(set(ids)) <= limit and ids[0] == id
    assert set(found.edges["source"]) | set(found.edges["target"]) <= set(ids)
    real = {(type, *pair) for type, all in pairs.items() for pair in all}
    drawn = {
        (t, s, e) for s, e, t in found.edges.select("source", "target", "type").iter_rows() if "fold:" not in s + e
    }
    assert drawn <= real
    hop_of = dict(zip(found.rows["id"], found.rows["hop"], strict=True))
    far = naive_hops(pairs, id)
    for one, hop in hop_of.items():
        if not one.startswith("fold:"):
            assert far[one] <= hop <= hops


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(id=st.sampled_from(IDS), limit=st.integers(12, 80))
def test_shown_and_folded_are_all_neighbours(graph: tuple[Search, Pairs], id: str, limit: int) -> None:
    """Of every kind, but sets that stand with a like one: what is shown and what is folded add up to what there is."""
    search, pairs = graph
    found = around(search, id, 1, limit)
    for type, all in pairs.items():
        if type in PROVENANCE | {"IN_PATHWAY"}:
            continue
        there = {b for a, b in all if a == id} | {a for a, b in all if b == id}
        rows = found.rows.filter(relationship=type)
        folds = rows.filter(rows["id"].str.starts_with("fold:"))
        shown = {s if e == id else e for s, e, t in found.edges.select("source", "target", "type").iter_rows() if t == type and id in (s, e)}  # fmt: skip
        shown = {one for one in shown if not one.startswith("fold:")}
        # a node that came by another kind has its link of this one drawn only where this kind shows it
        assert shown <= there and len(rows) - len(folds) + sum(folds["number"]) == len(there), type


@pytest.mark.parametrize("limit", [20, 40])
def test_a_hop_leaves_nothing_out_while_there_is_room(graph: tuple[Search, Pairs], limit: int) -> None:
    """Many nodes lead to the same ones: what a kind does not need of its share, another kind has."""
    found = around(graph[0], "NCBIGene:5", 2, limit)
    assert any("Left out at hop 2" in one for one in found.cut) and len(found.nodes) >= limit - 1


def naive_hops(pairs: Pairs, start: str) -> dict[str, int]:
    near: dict[str, set[str]] = defaultdict(set)
    for all in pairs.values():
        for a, b in all:
            near[a].add(b)
            near[b].add(a)
    far, edge = {start: 0}, [start]
    while edge:
        edge = [b for a in edge for b in sorted(near[a]) if b not in far and not far.update({b: far[a] + 1})]
    return far


def test_a_hub_is_one_node_and_is_not_walked_through(
    graph: tuple[Search, Pairs], monkeypatch: pytest.MonkeyPatch
) -> None:
    search, _ = graph
    monkeypatch.setattr(module, "HUB", 10)
    monkeypatch.setattr(module, "THROUGH", 4)
    found = around(search, HUB, 2, 60)
    partners = found.nodes.filter(id="fold:INTERACTS_WITH:both").row(0, named=True)
    assert partners["number"] == 18 and partners["name"] == "18 links to genes (INTERACTS_WITH)"
    assert any("Not walked through" in sentence for sentence in found.cut)


def test_the_most_specific_sets_come_first_and_like_ones_are_merged(graph: tuple[Search, Pairs]) -> None:
    search, pairs = graph
    sizes = {set_: len({a for a, b in pairs["IN_PATHWAY"] if b == set_}) for _, set_ in pairs["IN_PATHWAY"]}
    found = around(search, HUB, 1, 80)
    shown = found.rows.filter(relationship="IN_PATHWAY")["id"].to_list()
    assert [sizes[one] for one in shown] == sorted(sizes[one] for one in shown) and shown[0] == "WP:0"
    assert any("Drawn as one with a smaller pathway" in sentence for sentence in found.cut)
    stands = sum("like it" in (note or "") for note in found.nodes["note"])
    assert len(shown) < len(sizes) and stands >= 1


@given(st.lists(st.integers(0, 100), max_size=12), st.integers(0, 200))
def test_shares_are_fair_and_within_the_budget(wants: list[int], budget: int) -> None:
    given_ = shares(wants, budget)
    assert sum(given_) <= budget and all(0 <= share <= want for share, want in zip(given_, wants, strict=True))
    if sum(wants) <= budget:
        assert given_ == wants
    least = min((share for share, want in zip(given_, wants, strict=True) if share < want), default=None)
    if least is not None:
        assert all(share <= least + 1 or share == want for share, want in zip(given_, wants, strict=True))


@given(st.lists(st.frozensets(st.integers(0, 8), min_size=1), max_size=8))
def test_merged_sets_are_alike_and_the_rest_are_not(sets: list[frozenset[int]]) -> None:
    genes = {str(i): frozenset(map(str, one)) for i, one in enumerate(sets)}
    found = merged(list(genes), genes)
    assert sorted(one for each in found for one in (each.id, *each.like)) == sorted(genes)

    def overlap(a: str, b: str) -> float:
        return len(genes[a] & genes[b]) / len(genes[a] | genes[b])

    for i, each in enumerate(found):
        assert all(overlap(each.id, other) >= 0.5 for other in each.like)
        assert all(overlap(each.id, other.id) < 0.5 for other in found[:i])


@pytest.mark.parametrize(
    ("hops", "limit", "what"),
    [(0, 10, "so many hops"), (5, 10, "so many hops"), (1, 1, "a limit"), (1, 2_001, "a limit")],
)
def test_what_cannot_be_drawn_is_refused(graph: tuple[Search, Pairs], hops: int, limit: int, what: str) -> None:
    with pytest.raises(InputError, match=what):
        around(graph[0], HUB, hops, limit)


def test_what_is_not_there_names_the_nearest(graph: tuple[Search, Pairs]) -> None:
    with pytest.raises(InputError, match="did you mean 'TP53'"):
        around(graph[0], "TP35")
    meant = around(graph[0], "TP53")  # a symbol that means one gene alone is as good as its id
    assert meant.nodes.filter(role="asked")["name"].to_list() == ["TP53"]
