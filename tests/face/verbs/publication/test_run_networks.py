"""Networks of a run: a module drawn with its interactions, two runs beside the features that they rank first."""

from pathlib import Path

import polars as pl

from clinome.run_folder.networks import FIRST, comparison_network, module_network

GENES = [
    ("NCBIGene:1", "AAA", 1, "up", 2.0),
    ("NCBIGene:2", "BBB", 1, "up", 1.0),
    ("NCBIGene:3", "CCC", 2, "down", 3.0),
]
MODULES = pl.DataFrame(
    [
        {"module": number, "layer": "rna", "direction": way, "gene": id, "symbol": symbol, "joined_as": "signal",
         "score": score, "stability": 0.5, "q": 0.02}
        for id, symbol, number, way, score in GENES
    ]
)  # fmt: skip
LINKS = pl.DataFrame(
    [
        {"subject": "NCBIGene:1", "predicate": "INTERACTS_WITH", "object": "NCBIGene:2", "score": 0.9},
        {"subject": "NCBIGene:2", "predicate": "INTERACTS_WITH", "object": "NCBIGene:1", "score": 0.9},
        {"subject": "NCBIGene:1", "predicate": "INTERACTS_WITH", "object": "NCBIGene:3", "score": 0.9},
        {"subject": "NCBIGene:1", "predicate": "IN_PATHWAY", "object": "X:1", "score": None},
    ]
)


def test_a_module_is_the_genes_that_hold_together_and_their_interactions_once(tmp_path: Path) -> None:
    for called in ("aaa", "NCBIGene:1"):
        found = module_network(MODULES, called, LINKS)
        assert found.table()["symbol"].tolist() == ["AAA", "BBB"] and "0.02" in found.title
        assert found.nodes.set_index("id")["role"].to_dict() == {"NCBIGene:1": "asked", "NCBIGene:2": ""}
        assert len(found.edges) == 1 and found.networkx().number_of_nodes() == 2
    assert found.save(tmp_path / "module.svg").stat().st_size > 1000
    assert module_network(MODULES, "CCC", LINKS).nodes["effect"].tolist() == [-3.0]
    nobody = module_network(MODULES, "DDD", LINKS)
    assert len(nobody) == 0 and nobody.cut == ("No module holds DDD: 2 modules in this run.",) and nobody.table().empty


def test_two_runs_are_linked_to_what_each_ranks_first(tmp_path: Path) -> None:
    order = list(range(1, 41))
    ranked = pl.DataFrame(
        {"layer": "rna", "feature": [f"G{i}" for i in order], "name": None, "rank_a": order,
         "rank_b": [None, *reversed(order[1:])], "effect_a": 0.5, "effect_b": [None] + [0.1] * 39},
        schema_overrides={"name": pl.String, "rank_b": pl.Int64},
    )  # fmt: skip
    found = comparison_network("with", "without", ranked)
    runs = found.edges["source"].value_counts().to_dict()
    firsts = [sum(r is not None and r <= FIRST for r in ranked[f"rank_{mark}"]) for mark in "ab"]
    assert [runs["run a"], runs["run b"]] == firsts
    assert found.nodes["name"].tolist()[:2] == ["with", "without"]
    assert found.save(tmp_path / "two.png").stat().st_size > 1000
    empty = comparison_network("with", "without", pl.DataFrame())
    assert len(empty) == 2 and "no ranking" in empty.cut[0]
