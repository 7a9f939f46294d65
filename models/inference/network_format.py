"""Network format: the fitted state of the learners on torch inside a saved model: every part but the weights' names and shapes.

These the network itself knows (`models.training.trainer.set_weights`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..preprocessing.records.event_times import KNOTS
from ..preprocessing.records.records_block import RECORDS
from .block_format import Schema, block, code_values, of_task, positions
from .state_part import Part

NETWORK_SETTINGS = (
    "plan",
    "longest",
    "dropout",
    "width",
    "depth",
    "drop_modality",
    "directions",
    "align",
    "pairs",
    "edges",
    "edge_dropout",
    "neighbors",
    "pretrain",
    "pretrained",
    "survival_head",
)
LARGEST = 65_536
"""No setting that sizes a network is larger: a folder cannot ask for more memory than there is."""


def hetero_network(part: Part, schema: Schema, setting: Mapping[str, Any]) -> None:
    """All but the weights' names and shapes, which the network itself knows."""
    found = part.keys(
        "task",
        "classes",
        "clock",
        "longest",
        "setting",
        "weights",
        "messages",
        "edges",
        "vocabulary",
        "code_graph",
        "graph",
    )
    columns = _edges(found, schema, setting)
    for name, one in found["messages"].named().items():
        one.keys("mean")["mean"].array("f4", len(found["edges"].value[name]["scale"]))
    for name in ("vocabulary", "code_graph"):
        found[name].must(found[name].value is None, "none", "one")
    _relational_graph(found["graph"], sum(columns.values()), "a node for each column")
    weights(found["weights"])


def _relational_graph(part: Part, least: int, expected: str) -> None:
    """least: how many of its nodes stand for something of the learner's."""
    graph = part.keys("ids", "edge_index", "edge_type", "relations")
    nodes = len(graph["ids"].texts(unique=False))
    graph["ids"].must(nodes >= least, expected, f"{nodes} nodes")
    edge_index = graph["edge_index"].array("i8", 2, None, least=0, most=max(0, nodes - 1))
    relations = len(graph["relations"].texts())
    graph["edge_type"].array("i8", edge_index.shape[1], least=0, most=max(0, relations - 1))


def patient_network(part: Part, schema: Schema, setting: Mapping[str, Any]) -> None:
    """A `network` that predicts beside the rows that it was fitted on: of them it holds where they stand."""
    found = part.named()
    missing = [name for name in ("senders", "subjects") if name not in found]
    part.must(not missing, "the keys senders and subjects", "others")
    positions(found["senders"], None, 2**62)
    found["subjects"].must(len(found["subjects"].text()) == 64, "a sha256", "another text")
    rest = {name: one for name, one in part.value.items() if name not in ("senders", "subjects")}
    network(Part(rest, part.place), schema, setting)


def measured_network(part: Part, schema: Schema, setting: Mapping[str, Any]) -> None:
    """A `network` that reads some entries of its vocabulary, each as a channel of its own."""
    found = part.named()
    part.must("channels" in found, "the key channels", "others")
    network(Part({name: one for name, one in part.value.items() if name != "channels"}, part.place), schema, setting)
    vocabulary = found["vocabulary"].value
    entries = 0 if vocabulary is None else len(vocabulary["entries"])
    channels = found["channels"].array("i8", None, least=2, most=max(2, entries - 1))
    found["channels"].must(
        len(channels) <= entries and bool((np.diff(channels) > 0).all()), "entries in their order", "others"
    )


def network(part: Part, schema: Schema, setting: Mapping[str, Any]) -> None:
    """All but the weights' names and shapes, which the network itself knows (`trainer.set_weights`)."""
    found = part.keys(
        "task", "classes", "clock", "longest", "setting", "weights", "messages", "edges", "vocabulary", "code_graph"
    )
    columns = _edges(found, schema, setting)
    for one in found["edges"].named().values():
        timed = one.at(one.value["timed"], "timed")
        timed.must(not timed.value, "false, as these messages have no times", "true")
    for name, one in found["messages"].named().items():
        _messages(one, columns[name])
    entries = 0 if found["vocabulary"].value is None else _vocabulary(found["vocabulary"])
    if found["code_graph"].value is not None:
        found["code_graph"].must(entries > 0, "none, as there is no vocabulary", "one")
        _relational_graph(found["code_graph"], entries, "a node for each entry of the vocabulary")
    weights(found["weights"])


def _edges(found: Mapping[str, Part], schema: Schema, setting: Mapping[str, Any]) -> dict[str, int]:
    """What every network over edges has in common. Returns: the columns of each modality."""
    of_task(found, schema)
    found["clock"].same(schema["clock"], "the model's schema")
    found["longest"].integer(1, LARGEST)
    found["setting"].same(dict(setting), "the member")
    edges = found["edges"].named()
    found["edges"].must(list(edges) == list(found["messages"].named()), "the modalities of the messages", "others")
    columns = {}
    for name, one in edges.items():
        edge = one.keys("block", "scale", "timed")
        columns[name] = block(edge["block"], schema)
        edge["block"].must(edge["block"].value["name"] == name, "a block of its own name", "of another")
        timed = edge["timed"].flag()
        edge["timed"].must(not timed or name == RECORDS, "false but for records", "true")
        times = len(KNOTS) * len(edge["block"].value["state"]["tokens"]) if timed else 0
        edge["scale"].array("f4", columns[name] + times, least=0)
    return columns


def weights(part: Part) -> None:
    for name, one in part.named().items():
        one.must(isinstance(one.value, np.ndarray), "an array", "none")
        one.all_finite()
        if name == "head.ends":  # of the bins of time, days
            ends = one.array("f8", None, least=0)
            one.must(bool((np.diff(ends) >= 0).all()), "days that never fall", "others")


def on_genes(part: Part, schema: Schema, setting: Mapping[str, Any], learner: str) -> None:
    """All but the weights' names and shapes, which the network itself knows."""
    found = part.keys("task", "classes", "setting", "genes", "masked", "layers", "graph", "weights")
    of_task(found, schema)
    found["setting"].same(dict(setting), "the member")
    genes, layers = found["genes"].texts(), found["layers"].named()
    found["genes"].must(genes == sorted(genes), "genes in their order", "others")
    masked = found["masked"].texts()
    found["masked"].must(masked == [name for name in layers if name in masked], "layers in their order", "others")
    for name, one in layers.items():
        layer = one.keys("block", "gene", "mean", "unit")
        columns = block(layer["block"], schema) - (layer["block"].value["kind"] == "mutation")
        layer["block"].must(layer["block"].value["name"] == name, "a block of its own name", "of another")
        layer["gene"].array("i8", columns, least=-1, most=len(genes) - 1)
        layer["mean"].array("f4", columns)
        layer["unit"].must(layer["unit"].number() > 0, "more than 0", "less")
    (_pathway_graph if learner == "pathway_net" else _gene_graph)(found["graph"], genes)
    weights(found["weights"])


def _gene_graph(part: Part, genes: Sequence[str]) -> None:
    graph = part.keys("genes", "edge_index", "weight", "members", "pathways")
    graph["genes"].same(len(genes), "the rest of the learner")
    edge_index = graph["edge_index"].array("i8", 2, None, least=0, most=len(genes) - 1)
    graph["edge_index"].must(bool((np.diff(edge_index[1]) >= 0).all()), "edges by their receiver", "others")
    graph["weight"].array("f4", edge_index.shape[1], least=0)
    pathways = graph["pathways"].integer(0, LARGEST)
    members = graph["members"].array("i8", 2, None, least=0, most=max(len(genes), pathways) - 1)
    graph["members"].must(not (members[0] >= len(genes)).any(), "genes of the graph", "others")
    in_order = np.array_equal(np.unique(members[1]), np.arange(pathways)) and (np.diff(members[1]) >= 0).all()
    graph["members"].must(bool(in_order), "members of every pathway, one after the other", "others")


def _pathway_graph(part: Part, genes: Sequence[str]) -> None:
    graph = part.keys("genes", "members", "parts", "level", "ids")
    graph["genes"].same(len(genes), "the rest of the learner")
    pathways = len(graph["ids"].texts())
    level = graph["level"].array("i8", pathways, least=0, most=max(0, pathways - 1))
    steps = np.diff(level)
    graph["level"].must(
        bool(((steps == 0) | (steps == 1)).all()) and not level[:1].any(), "levels one after the other", "others"
    )
    last = max(len(genes), pathways) - 1
    members, parts = (graph[key].array("i8", 2, None, least=0, most=last) for key in ("members", "parts"))
    for key, edges, senders in (("members", members, len(genes)), ("parts", parts, pathways)):
        within = not (edges[0] >= senders).any() and not (edges[1] >= pathways).any()
        graph[key].must(
            within and bool((np.diff(edges[1]) >= 0).all()), "edges of the graph, by their receiver", "others"
        )
    graph["parts"].must(bool((level[parts[0]] < level[parts[1]]).all()), "parts below what they are part of", "others")


def _messages(part: Part, columns: int) -> None:
    found = part.keys("embedding", "mean", "linear", "restart", "power", "penalty", "error")
    embedding = found["embedding"].array("f4", columns, None)
    found["mean"].array("f4", columns), found["linear"].integer(1, embedding.shape[1])
    found["restart"].number(0, 1), found["power"].number(0), found["penalty"].number(0), found["error"].number(0)


def _vocabulary(part: Part) -> int:
    """Returns: how many entries it has."""
    found = part.keys("entries", "codes", "parents", "values", "age", "hierarchy")
    entries = found["entries"].texts()
    found["entries"].must(entries[:2] == ["", "?"], "blank and unknown first", "others")
    found["codes"].texts(len(entries), unique=False)
    for i, above in enumerate(found["parents"].items(len(entries))):
        for one in above.items():
            one.must(one.integer(2, len(entries) - 1) != i, "another entry", "itself")
    code_values(found["values"])
    mean, sd = found["age"].items(2)
    mean.number()
    sd.must(sd.number() > 0, "more than 0", "less")
    for one in found["hierarchy"].named().values():
        one.texts()
    return len(entries)
