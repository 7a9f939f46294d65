"""HeteroData: one fold of a snapshot for PyTorch Geometric: patients, features, codes, knowledge.

Values come scaled (`Inputs`): those of the fold's one preprocessing, which every other learner sees too.
Training patients send messages; tuning and held-out patients receive them and send none, so that nobody's embedding
depends on them.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import polars as pl
from scipy import sparse

from ...loaders.errors import InputError
from ..schema import LAYER, RELATED, code_labels, feature_labels, link_ends
from .knowledge import upwards

if TYPE_CHECKING:
    from .fold_data import FoldData
    from .snapshot import Layer, Snapshot

PATIENT = "patient"


def node_type(label: str) -> str:
    """A label of the schema as a node type: MethylationSite -> methylation_site."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", label).lower()


class LayerInputs(Protocol):
    """A layer's values over the snapshot's rows, scaled on training rows.

    features: CURIEs of its columns, those that training rows have. values: (rows, features) float32, or csr of mutations.
    measured: (rows, features) bool, False where a value was filled in; None where absent means negative (mutations).
    """

    @property
    def features(self) -> Sequence[str]: ...
    @property
    def values(self) -> np.ndarray | sparse.csr_matrix: ...
    @property
    def measured(self) -> np.ndarray | None: ...


class Inputs(Protocol):
    """What is fitted in a fold, and made elsewhere: the graph is given values, it scales none.

    layers: by name. covariates: (rows, columns) float32, called covariate_names. event_values: (events,) float32, a number
    for each of the snapshot's events, 0 where there is none.
    """

    @property
    def layers(self) -> Mapping[str, LayerInputs]: ...
    @property
    def covariates(self) -> np.ndarray: ...
    @property
    def covariate_names(self) -> Sequence[str]: ...
    @property
    def event_values(self) -> np.ndarray | None: ...


@dataclass(frozen=True)
class Fold:
    """Which rows train, tune and are held out: (rows,) bool each. A row may be none of them."""

    train: np.ndarray
    tuning: np.ndarray
    held_out: np.ndarray


def fold_of(snapshot: Snapshot, repeat: int, fold: int) -> Fold:
    """The masks of one fold. Raises: InputError if the snapshot has no such fold."""
    mine = snapshot.folds.filter((pl.col("repeat") == repeat) & (pl.col("fold") == fold))
    if mine.is_empty():
        known = snapshot.folds.select("repeat", "fold").unique().sort("repeat", "fold").rows()
        raise InputError("no such fold", "snapshot", (repeat, fold), f"one of {known}", "with_folds(…) adds folds")
    masks = []
    for split in ("train", "tuning", "held_out"):
        mask = np.zeros(snapshot.rows.height, dtype=bool)
        mask[mine.filter(pl.col("split") == split)["row"].to_numpy()] = True
        masks.append(mask)
    return Fold(*masks)


def hetero_data(snapshot: Snapshot, fold: Fold, inputs: Inputs, threshold: float = 2.0) -> FoldData:
    """The graph of one fold.

    Node types: `patient` (one node a row of the snapshot), the layers' features (`gene`, `methylation_site`, …), codes
    by their label (`diagnosis`, `medication`, …), and what knowledge adds (`pathway`, `phenotype`, …).
    - `data["patient"]`: x (rows, inputs) float32: dense layers, then covariates, as given in `inputs`;
      `layer_slices` (name -> first and last + 1 column), `present` (rows, layers) bool with `layers` (name -> its
      column); `covariates` (name -> its column among them);
      y int64, or duration_days and event; train_mask, tuning_mask, held_out_mask; row.
    - other types: x (nodes, 1) of ones, so that any convolution runs as it is.
    - every type: `n_id` (nodes,) int64, a node's place in `data.ids[type]`, the list of subject_ids or CURIEs. It stays
      with its node through PyG's loaders, `subgraph` and transforms, which would break on a list among the attributes.
      `data.ids(type)` are the ids of the nodes that are here (`FoldData`, with names, tables and networkx).
    - every relation: edge_attr (edges, 1) float32, whose column `data.edge_names(relation)` names.
    - (patient, expresses, gene) and its kind: measured and |z| >= threshold; `z`. Mutations: their `value`.
    - (patient, diagnosed, diagnosis) and its kind: `z` of its value (0 where there is none); edge_time (edges,) float32
      days from the prediction time, never after it (-30 is a month before; later is more, as PyG's samplers ask), and
      edge_dated (edges,) bool, False where the time is unknown and edge_time is 0.
    - knowledge: (gene, in_pathway, pathway), …: `score`, 1 where there is none.
    - every relation has its reverse, `rev_…`, by which tuning and held-out patients receive and do not send: PyG's
      ToUndirected makes further ones by which they send.
    `data.dropped` counts features that do not vary in training rows, and codes that no training row has.
    Raises: InputError if the snapshot has neither layers nor records.
    """
    if not snapshot.layers and snapshot.events is None:
        raise InputError("a graph needs layers or records", "snapshot", fix="add [omics.NAME] or [records.NAME]")
    layers = {name: snapshot.layers[name] for name in sorted(snapshot.layers)}
    events, dropped_codes = _known_events(snapshot.events, inputs.event_values, fold)
    graph = _Graph()
    patients = _patient_inputs(snapshot, layers, inputs, fold)
    for name, layer in layers.items():
        _add_layer(graph, layer, inputs.layers[name], layers, threshold)
    if events is not None:
        _add_events(graph, events)
    _add_knowledge(graph, snapshot.links)
    unseen = sum(layer.var.height - len(inputs.layers[name].features) for name, layer in layers.items())
    return graph.data(snapshot, fold, patients, {"features": unseen, "codes": dropped_codes})


class _Graph:
    """Relations by their ends' ids, until every node is known and the ids can become positions."""

    def __init__(self) -> None:
        self.label: dict[str, str] = {}
        self.of_patients: dict[tuple[str, str], tuple[np.ndarray, pl.Series, _Attributes]] = {}
        self.knowledge: dict[tuple[str, str, str], tuple[list[str], list[str], np.ndarray]] = {}

    def data(self, snapshot: Snapshot, fold: Fold, patients: dict[str, object], dropped: dict[str, int]) -> FoldData:
        import torch

        from .fold_data import FoldData

        data = FoldData()
        for name, value in patients.items():
            data[PATIENT][name] = torch.from_numpy(value) if isinstance(value, np.ndarray) else value
        place: dict[str, int] = {}
        ids: dict[str, list[str]] = defaultdict(list)
        for one in sorted(self.label):
            place[one] = len(ids[self.label[one]])
            ids[self.label[one]].append(one)
        for kind in sorted(ids):
            data[kind].x, data[kind].num_nodes = torch.ones(len(ids[kind]), 1), len(ids[kind])
            data[kind].n_id = torch.arange(len(ids[kind]))
        named = [layer.var.drop_nulls("symbol").select("feature", "symbol") for layer in snapshot.layers.values()]
        data["ids"] = {PATIENT: snapshot.rows["subject_id"].to_list(), **ids}
        symbols = {one: symbol for table in named for one, symbol in table.iter_rows()}
        data["symbols"] = {kind: [symbols.get(one, one) for one in every] for kind, every in ids.items()}
        data["edge_columns"] = {}
        for (relation, kind), (rows, ends, attr) in self.of_patients.items():
            to = ends.replace_strict(place, return_dtype=pl.Int64).to_numpy()
            sends = fold.train[rows]
            _relate(data, (PATIENT, relation, kind), np.stack([rows[sends], to[sends]]), attr.of(sends))
            _relate(data, (kind, f"rev_{relation}", PATIENT), np.stack([to, rows]), attr)
        for (start, relation, end), (subjects, objects, score) in self.knowledge.items():
            index = np.array([[place[one] for one in subjects], [place[one] for one in objects]], dtype=np.int64)
            _relate(data, (start, relation, end), index, _Attributes("score", score))
            _relate(data, (end, f"rev_{relation}", start), index[::-1].copy(), _Attributes("score", score))
        data.task, data.classes, data.dropped = snapshot.task, list(snapshot.classes), dropped
        return data


@dataclass(frozen=True)
class _Attributes:
    """What edges carry: (edges,) or (edges, 1) values and what they are; days from the prediction time, NaN unknown."""

    column: str
    values: np.ndarray
    time: np.ndarray | None = None

    def of(self, edges: np.ndarray) -> _Attributes:
        return _Attributes(self.column, self.values[edges], None if self.time is None else self.time[edges])


def _relate(data: FoldData, relation: tuple[str, str, str], index: np.ndarray, attr: _Attributes) -> None:
    import torch

    edges = data[relation]
    edges.edge_index = torch.from_numpy(np.ascontiguousarray(index, dtype=np.int64).reshape(2, -1))
    # as wide in every relation, as one `edge_dim` asks for
    edges.edge_attr = torch.from_numpy(np.array(attr.values, dtype=np.float32).reshape(-1, 1))
    data["edge_columns"][relation] = [attr.column]
    if attr.time is not None:
        edges.edge_time = torch.from_numpy(np.nan_to_num(attr.time).astype(np.float32))
        edges.edge_dated = torch.from_numpy(~np.isnan(attr.time))


def _patient_inputs(snapshot: Snapshot, layers: Mapping[str, Layer], inputs: Inputs, fold: Fold) -> dict[str, object]:
    """Everything that lies on the patient nodes."""
    rows = snapshot.rows
    x, slices = patient_x(inputs)
    present = [np.asarray(layer.profiled, dtype=bool) for layer in layers.values()]
    nodes: dict[str, object] = {
        "x": x, "layer_slices": slices, "covariates": _columns(inputs.covariate_names),
        "present": np.stack(present, axis=1) if present else np.zeros((rows.height, 0), dtype=bool),
        "layers": _columns(layers), "row": np.arange(rows.height), "n_id": np.arange(rows.height), "num_nodes": rows.height,
    }  # fmt: skip
    if "duration_days" in rows.columns:
        nodes |= {name: rows[name].cast(pl.Float32).to_numpy().copy() for name in ("duration_days", "event")}
    elif rows["label"].dtype == pl.String:
        nodes["y"] = np.searchsorted(np.array(snapshot.classes), rows["label"].to_numpy().astype(str)).astype(np.int64)
    elif isinstance(rows["label"].dtype, pl.List):
        nodes["y"] = np.array([[one in held for one in snapshot.classes] for held in rows["label"]], dtype=np.float32)
    elif rows["label"].dtype.is_float():
        nodes["y"] = rows["label"].cast(pl.Float32).to_numpy().copy()
    else:
        nodes["y"] = rows["label"].cast(pl.Int64).to_numpy().copy()
    return {**nodes, "train_mask": fold.train, "tuning_mask": fold.tuning, "held_out_mask": fold.held_out}


def patient_x(inputs: Inputs) -> tuple[np.ndarray, dict[str, tuple[int, int]]]:
    """(rows, width) float32 dense layers by name, then covariates; and where each lies. Ones where there are none."""
    values = {name: inputs.layers[name].values for name in sorted(inputs.layers)}
    dense = {name: block for name, block in values.items() if not sparse.issparse(block)}
    blocks, slices, width = [], {}, 0
    for name, block in [*dense.items(), ("covariates", inputs.covariates)]:
        blocks.append(np.asarray(block, dtype=np.float32))
        slices[name] = (width, width + block.shape[1])
        width += block.shape[1]
    if not width:
        blocks = [np.ones((len(inputs.covariates), 1), dtype=np.float32)]
    return np.concatenate(blocks, axis=1), slices


def _columns(names: Iterable[str]) -> dict[str, int]:
    """Name -> column: a list of as many names as there are nodes would pass for an attribute of theirs."""
    return {name: column for column, name in enumerate(names)}


def _add_layer(graph: _Graph, layer: Layer, inputs: LayerInputs, layers: Mapping[str, Layer], threshold: float) -> None:
    """Edges from patients to the layer's features, and from those to their genes."""
    var = pl.DataFrame({"id": list(inputs.features)}, schema={"id": pl.String})
    var = var.join(layer.var, left_on="id", right_on="feature", how="left", maintain_order="left")
    kinds = feature_labels(var, layer.kind)
    relation = LAYER[layer.kind][0].lower()
    if sum(LAYER[other.kind][0].lower() == relation for other in layers.values()) > 1:
        relation += f"_{layer.name}"
    rows, columns, values = _calls(inputs, threshold)
    for label in sorted(kinds.unique()):
        mine = (kinds == label).to_numpy()
        features = var["id"].to_numpy()
        graph.label |= {one: node_type(label) for one in features[mine]}
        chosen = mine[columns]
        ends = var["id"].gather(columns[chosen])
        column = "value" if sparse.issparse(layer.values) else "z"
        graph.of_patients[relation, node_type(label)] = (rows[chosen], ends, _Attributes(column, values[chosen]))
        if label in RELATED:
            pairs = var.filter(pl.Series(mine)).drop_nulls("gene")
            graph.label |= {one: graph.label.get(one, "gene") for one in pairs["gene"]}
            _add_pairs(graph, label, RELATED[label], pairs["id"].to_list(), pairs["gene"].to_list())


def _calls(inputs: LayerInputs, threshold: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(row, column, value) of what becomes an edge: measured and |z| >= threshold, or whatever is not 0 in a sparse layer."""
    if sparse.issparse(inputs.values):
        found = sparse.csr_matrix(inputs.values).tocoo()
        return found.row.astype(np.int64), found.col.astype(np.int64), found.data
    values = np.asarray(inputs.values)
    row, column = np.nonzero((np.abs(values) >= threshold) & inputs.measured)
    return row, column, values[row, column]


def _add_pairs(graph: _Graph, label: str, predicate: str, subjects: list[str], objects: list[str]) -> None:
    key = (node_type(label), predicate.lower(), "gene")
    old = graph.knowledge.get(key, ([], [], np.zeros((0, 1))))
    pairs = sorted({*zip(old[0], old[1], strict=True), *zip(subjects, objects, strict=True)})
    graph.knowledge[key] = ([a for a, _ in pairs], [b for _, b in pairs], np.ones((len(pairs), 1)))


def _known_events(
    events: pl.DataFrame | None, values: np.ndarray | None, fold: Fold
) -> tuple[pl.DataFrame | None, int]:
    """Events whose code a training row has, with the `z` of their values; and how many codes were left out."""
    if events is None:
        return None, 0
    own = events.filter(pl.Series(fold.train[events["row"].to_numpy()]))["code"].unique()
    known = events.with_columns(z=pl.lit(0.0) if values is None else pl.Series(values, dtype=pl.Float64))
    return known.filter(pl.col("code").is_in(own.implode())), events["code"].n_unique() - len(own)


def _add_events(graph: _Graph, events: pl.DataFrame) -> None:
    labelled = events.join(code_labels(events["code"]), on="code", how="left", maintain_order="left")
    for (label, type), part in sorted(labelled.partition_by("label", "type", as_dict=True).items()):
        kind = node_type(str(label))
        graph.label |= dict.fromkeys(part["code"].unique(), kind)
        attr = _Attributes("z", part["z"].to_numpy(), (0.0 - part["days"]).to_numpy())  # 0.0 -: no -0.0
        graph.of_patients[str(type).lower(), kind] = (part["row"].to_numpy(), part["code"], attr)


def _add_knowledge(graph: _Graph, links: pl.DataFrame) -> None:
    """Links among what training rows have and what lies above it."""
    inside = upwards(links, pl.Series(sorted(graph.label), dtype=pl.String))
    known = pl.DataFrame({"id": list(graph.label), "label": [_label(kind) for kind in graph.label.values()]})
    fitting, _ = link_ends(inside, known)
    keys = ("start_label", "predicate", "end_label")
    for (start, predicate, end), part in sorted(fitting.partition_by(*keys, as_dict=True).items()):
        found = part.sort("subject", "object", "source")
        triple = (node_type(str(start)), str(predicate).lower(), node_type(str(end)))
        for ends, kind in ((found["subject"], triple[0]), (found["object"], triple[2])):
            graph.label |= {one: graph.label.get(one, kind) for one in ends}
        keep = [
            graph.label[a] == triple[0] and graph.label[b] == triple[2]
            for a, b in found.select("subject", "object").rows()
        ]
        kept = found.filter(pl.Series(keep, dtype=pl.Boolean))
        score = kept["score"].fill_null(1.0).to_numpy()[:, None]
        old = graph.knowledge.get(triple, ([], [], np.zeros((0, 1))))
        attr = np.concatenate([old[2], score])
        graph.knowledge[triple] = (old[0] + kept["subject"].to_list(), old[1] + kept["object"].to_list(), attr)


def _label(kind: str) -> str:
    """The schema's label of a node type: methylation_site -> MethylationSite, micro_rna -> MicroRNA."""
    from ..schema import LABELS

    return next(label for label in LABELS if node_type(label) == kind)
