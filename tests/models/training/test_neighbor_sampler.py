"""Neighbour sampling: what is drawn are edges of the graph, evenly, at most so many a node; held-out patients send nothing."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from snapshots import garbage, make_snapshot
from torch_geometric.data import Data, HeteroData
from torch_geometric.loader import ImbalancedSampler, LinkLoader, NodeLoader
from torch_geometric.sampler import NodeSamplerInput
from torch_geometric.utils import trim_to_layer

import clinome
from clinome.errors import InputError
from clinome.models.training.neighbor_sampler import NeighborSampler, draw

A, B = ("a", "to", "b"), ("b", "back", "a")
Edges = list[tuple[int, int]]


@settings(max_examples=60, deadline=None)
@given(
    degrees=st.lists(st.integers(0, 12), min_size=1, max_size=8), count=st.integers(-1, 6), replace=st.booleans(),
    seed=st.integers(0, 99), data=st.data(),
)  # fmt: skip
def test_draws_are_edges_of_their_nodes_and_so_many(
    degrees: list[int], count: int, replace: bool, seed: int, data: st.DataObject
) -> None:
    start = np.concatenate([[0], np.cumsum(degrees)]).astype(np.int64)
    nodes = np.array(data.draw(st.lists(st.sampled_from(range(len(degrees))), max_size=6)), dtype=np.int64)
    which, edges = draw(start, nodes, count, replace, np.random.default_rng(seed))
    drawn: dict[int, list[int]] = defaultdict(list)
    for place, edge in zip(which, edges, strict=True):
        drawn[int(place)].append(int(edge))
    for place, node in enumerate(nodes):
        mine, degree = drawn[place], degrees[node]
        assert all(start[node] <= one < start[node + 1] for one in mine)
        if count < 0 or (not replace and degree <= count):
            assert sorted(mine) == list(range(start[node], start[node + 1]))
        elif replace:
            assert len(mine) == (count if degree else 0)
        else:
            assert len(set(mine)) == len(mine) == count


@pytest.mark.parametrize("replace", [False, True])
def test_every_edge_is_as_likely(replace: bool) -> None:
    """Of 7 edges 3, ten thousand times: each one, and without replacement each pair, as often as any other."""
    start, generator = np.array([0, 7]), np.random.default_rng(3)
    which, edges = draw(start, np.zeros(10_000, dtype=np.int64), 3, replace, generator)
    share = np.bincount(edges, minlength=7) / 30_000
    assert np.abs(share - 1 / 7).max() < 0.01
    if not replace:
        groups = edges[np.argsort(which, kind="stable")].reshape(-1, 3)
        pairs = Counter(
            pair for row in np.sort(groups, axis=1) for pair in ((row[0], row[1]), (row[0], row[2]), (row[1], row[2]))
        )
        assert len(pairs) == 21 and max(pairs.values()) - min(pairs.values()) < 300  # 1,429 expected, sd about 36


def graph(a: int, b: int, forth: Edges, back: Edges) -> HeteroData:
    data = HeteroData()
    data["a"].x, data["b"].x = torch.arange(a).float()[:, None], torch.arange(b).float()[:, None]
    data[A].edge_index = torch.tensor(forth, dtype=torch.int64).reshape(-1, 2).t()
    data[B].edge_index = torch.tensor(back, dtype=torch.int64).reshape(-1, 2).t()
    for relation in (A, B):
        count = data[relation].edge_index.shape[1]
        data[relation].edge_attr = torch.arange(count).float()[:, None]
    return data


@settings(max_examples=40, deadline=None)
@given(
    forth=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3)), max_size=20),
    back=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5)), max_size=20),
    counts=st.lists(st.integers(-1, 3), min_size=1, max_size=3), seeds=st.lists(st.integers(0, 3), min_size=1, max_size=5),
    replace=st.booleans(),
)  # fmt: skip
def test_a_batch_is_the_walk_that_a_naive_one_would_allow(
    forth: Edges, back: Edges, counts: list[int], seeds: list[int], replace: bool
) -> None:
    data = graph(6, 4, forth, back)
    sampler = NeighborSampler(data, counts, replace=replace, seed=1)
    (batch,) = NodeLoader(data, sampler, ("b", torch.tensor(seeds)), batch_size=9)
    assert batch["b"].n_id[: len(seeds)].tolist() == seeds  # in their order, twice where given twice
    for kind in ("a", "b"):
        assert batch[kind].x[:, 0].long().tolist() == batch[kind].n_id.tolist()
        later = batch[kind].n_id[len(seeds) if kind == "b" else 0 :].tolist()
        assert len(set(later)) == len(later) and not (set(later) & set(seeds) if kind == "b" else set())
    frontier = {"a": list[int](), "b": list(range(len(seeds)))}
    done = {A: 0, B: 0}
    seen = {"a": 0, "b": len(seeds)}
    for hop, count in enumerate(counts):
        for relation in (A, B):
            index, attr = batch[relation].edge_index, batch[relation].edge_attr[:, 0].long().tolist()
            many = batch[relation].num_sampled_edges[hop]
            part = range(done[relation], done[relation] + many)
            done[relation] += many
            for place in frontier[relation[2]]:
                own = int(batch[relation[2]].n_id[place])
                there = [k for k, (_, end) in enumerate(data[relation].edge_index.t().tolist()) if end == own]
                mine = [attr[k] for k in part if int(index[1, k]) == place]
                assert set(mine) <= set(there)
                full = count < 0 or (not replace and len(there) <= count)
                assert len(mine) == (len(there) if full else count if there or not replace else 0)
            for k in part:
                assert int(index[1, k]) in frontier[relation[2]]
                ends = data[relation].edge_index[:, attr[k]].tolist()
                assert [int(batch[relation[0]].n_id[index[0, k]]), int(batch[relation[2]].n_id[index[1, k]])] == ends
        for kind in ("a", "b"):
            now = seen[kind] + batch[kind].num_sampled_nodes[hop + 1]
            frontier[kind], seen[kind] = list(range(seen[kind], now)), now
    assert all(done[relation] == batch[relation].edge_index.shape[1] for relation in (A, B))


def test_all_neighbours_give_what_full_batch_gives() -> None:
    """-1 at every hop: the seeds' outputs of a two-layer network are those of the whole graph; also with layers trimmed."""
    from torch_geometric.nn import HeteroConv, SAGEConv

    snapshot = make_snapshot("binary", n=80, layers=("rna", "mutations"), records=True)
    data = snapshot.hetero()
    torch.manual_seed(1)
    convs = [HeteroConv({one: SAGEConv((-1, -1), 4) for one in data.edge_types}) for _ in range(2)]

    def run(x: Any, edges: Any, batch: HeteroData | None = None) -> torch.Tensor:
        for layer, conv in enumerate(convs):
            if batch is not None:
                nodes, counts = batch.collect("num_sampled_nodes"), batch.collect("num_sampled_edges")
                x, edges, _ = trim_to_layer(layer, nodes, counts, x, edges)
            x = {kind: value.relu() for kind, value in conv(x, edges).items()}
        found: torch.Tensor = x["patient"]
        return found

    with torch.no_grad():
        whole = run(data.x_dict, data.edge_index_dict)
        for batch in clinome.neighbor_loader(data, [-1, -1], "patient", batch_size=11):
            seeds = batch["patient"].n_id[: batch["patient"].batch_size]
            for trimmed in (None, batch):
                part = run(batch.x_dict, batch.edge_index_dict, trimmed)[: len(seeds)]
                torch.testing.assert_close(part, whole[seeds], atol=1e-5, rtol=1e-5)


def batches(data: HeteroData, **given: Any) -> list[HeteroData]:
    return list(clinome.neighbor_loader(data, [4, 3], "patient", batch_size=16, **given))


def test_held_out_patients_receive_and_send_nothing() -> None:
    snapshot = make_snapshot("binary", n=90, layers=("rna", "mutations"), records=True)
    data = snapshot.hetero()
    train = data["patient"].train_mask
    received = 0
    for batch in batches(data):
        sends = [batch[one] for one in batch.edge_types if one[0] == "patient"]
        assert all(batch["patient"].train_mask[one.edge_index[0]].all() for one in sends)
        ends = torch.cat([batch[one].edge_index[1] for one in batch.edge_types if one[2] == "patient"])
        received += int((~batch["patient"].train_mask[ends]).sum())
    assert received > 50
    dirty = garbage(snapshot, (~train).nonzero().flatten().numpy()).hetero()
    changed = False
    seeds = ("patient", train)
    for one, other in zip(*(clinome.neighbor_loader(each, [4, 3], seeds, batch_size=16, seed=2) for each in (data, dirty)), strict=True):  # fmt: skip
        for kind in one.node_types:
            assert torch.equal(one[kind].n_id, other[kind].n_id) and torch.equal(one[kind].x, other[kind].x)
        for relation in one.edge_types:
            assert torch.equal(one[relation].edge_index, other[relation].edge_index)
    for one, other in zip(*(clinome.neighbor_loader(each, [4, 3], ("patient", ~train), seed=2) for each in (data, dirty)), strict=True):  # fmt: skip
        changed |= not torch.equal(one["patient"].x, other["patient"].x)
    assert changed  # the test can fail


def test_one_seed_draws_the_same_in_every_process_and_without_one_torch_decides() -> None:
    data = make_snapshot("binary", n=60, layers=("rna", "mutations")).hetero()

    def edges(**given: Any) -> list[list[int]]:
        return [batch["gene", "rev_mutated_in", "patient"].e_id.tolist() for batch in batches(data, **given)]

    assert edges(seed=4) == edges(seed=4) == edges(seed=4, num_workers=2) != edges(seed=5)
    torch.manual_seed(1)
    first, second = edges(), edges()
    torch.manual_seed(1)
    assert edges() == first != second


def test_a_homogeneous_graph_links_and_seeds_given_twice() -> None:
    snapshot = make_snapshot("binary", n=60, layers=("rna",))
    data = snapshot.hetero()
    plain = Data(x=torch.arange(5.0)[:, None], edge_index=torch.tensor([[0, 1, 2, 3], [1, 2, 3, 4]]))
    (batch,) = clinome.neighbor_loader(plain, [2, 2], torch.tensor([3]), batch_size=1)
    assert batch.n_id.tolist() == [3, 2, 1] and batch.edge_index.tolist() == [[1, 2], [0, 1]]
    link = ("gene", "interacts_with", "gene")
    loader = LinkLoader(data, NeighborSampler(data, [3, 3]), link, neg_sampling="binary", batch_size=8)
    for batch in loader:
        ends = batch["gene"].n_id[batch[link].edge_label_index[:, batch[link].edge_label == 1]]
        assert {tuple(pair) for pair in ends.t().tolist()} <= {
            tuple(pair) for pair in data[link].edge_index.t().tolist()
        }
    drawn = ImbalancedSampler(data["patient"].y)
    for batch in clinome.neighbor_loader(data, [2], "patient", batch_size=30, sampler=drawn):
        assert torch.equal(batch["patient"].y[:30], data["patient"].y[batch["patient"].n_id[:30]])


def test_what_is_asked_for_must_be_there() -> None:
    data = graph(2, 2, [(0, 0)], [(0, 0)])
    with pytest.raises(InputError, match="no such relation"):
        NeighborSampler(data, {("a", "from", "b"): [1]})
    with pytest.raises(InputError, match="different numbers of hops"):
        NeighborSampler(data, {A: [1], B: [1, 2]})
    out = NeighborSampler(data, {A: [1, 1]}).sample_from_nodes(
        NodeSamplerInput(None, torch.tensor([0]), input_type="b")
    )
    assert out.num_sampled_edges == {A: [1, 0], B: [0, 0]}
