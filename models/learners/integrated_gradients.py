"""Integrated gradients of a network's score: what each feature and code contributed to it, row by row.

The gradient is taken at a few points between a baseline (the training mean) and the row, and multiplied by the way.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from ..base.attribution import Attribution
from ..base.snapshot import Snapshot
from ..encoders.codes.token_embedding import EventVectors
from ..encoders.propagation import Messages
from ..preprocessing.graph_edges import GraphEdges
from ..preprocessing.records.records_block import RECORDS
from ..training.batch import Batch
from .graph.centred import Centred

STEPS = 4
ROWS = 64


class Inputs(Protocol):
    """A snapshot's rows as a network gets them: the edges and messages of each modality, and batches of both."""

    @property
    def snapshot(self) -> Snapshot: ...
    @property
    def edges(self) -> Mapping[str, GraphEdges]: ...
    @property
    def messages(self) -> Mapping[str, Messages | Centred]: ...
    @property
    def lengths(self) -> np.ndarray | None:
        """(rows of the snapshot,) how long each sequence is: rows of about one length go together."""

    def take(self, rows: np.ndarray) -> Batch: ...


def integrated_gradients(
    network: Any, inputs: Inputs, rows: np.ndarray, vocabulary: Sequence[str] = ()
) -> dict[str, Attribution]:
    """Integrated gradients of the raw score (a logit, log hazard; multiclass: of the predicted class), by block.

    Layers and covariates start from the training mean. As messages are linear in the feature values, the gradient by
    message is carried back to the features exactly. A token starts from the mean code, with its own time: what it
    contributes is what its code and value say (of GRU-D: that it was taken, and its value). Rows without a block have zeros in it.
    Args:
        network: `models.training.trainer.Network` over `models.encoders.masked_fusion.MaskedFusion`.
        vocabulary: the code of each entry of the sequences' vocabulary, two reserved ones first; () without sequences.
    Returns: of the "records", the codes of their messages and of the sequences, sorted; else the block's own names.
    Source: Sundararajan 2017, arXiv:1703.01365.
    """
    blocks = {name: edges.names for name, edges in inputs.edges.items() if name != RECORDS}
    of_messages = inputs.edges[RECORDS].names if RECORDS in inputs.edges else []
    if vocabulary or RECORDS in inputs.edges:
        blocks[RECORDS] = sorted({*of_messages, *vocabulary[2:]})
    out = {name: np.zeros((len(rows), len(names))) for name, names in blocks.items()}
    place = {code: i for i, code in enumerate(blocks.get(RECORDS, ()))}
    entry = np.array([place.get(code, -1) for code in vocabulary], dtype=np.int64)
    order = np.arange(len(rows)) if inputs.lengths is None else np.argsort(inputs.lengths[rows], kind="stable")
    for at in np.array_split(order, -(-len(rows) // ROWS)) if len(rows) else []:
        batch = inputs.take(rows[at])
        gradients, tokens = path_gradients(network, batch)
        for name, gradient in gradients.items():
            edges, messages = inputs.edges[name], inputs.messages[name]
            x = edges.take(inputs.snapshot, rows[at]) - messages.mean
            present = edges.present(inputs.snapshot, rows[at])
            found = edges.gather(x * messages.back(gradient) * present[:, None])
            if name == RECORDS:
                columns = np.array([place[code] for code in edges.names], dtype=np.int64)
                out[RECORDS][at[:, None], columns] += found
            else:
                out[name][at] = found
        if place and tokens is not None and batch.tokens is not None:
            columns = entry[batch.tokens.code.numpy()]
            row, token = np.nonzero(batch.tokens.mask.numpy() & (columns >= 0))
            np.add.at(out[RECORDS], (at[row], columns[row, token]), tokens[row, token])
    return {name: Attribution(names, out[name]) for name, names in blocks.items()}


def path_gradients(network: Any, batch: Batch, steps: int = STEPS) -> tuple[dict[str, np.ndarray], np.ndarray | None]:
    """Mean gradient along the path by message, {modality: (n, width)}; and each token's contribution (n, length)."""
    network.eval()
    embedding = next((m for m in network.modules() if isinstance(m, EventVectors)), None)
    with torch.no_grad():
        guess = network.head.told(network.head.raw(network.encoder(batch)[0]))
        whole, start = None, None
        if embedding is not None and batch.tokens is not None:
            whole, start = embedding(batch.tokens), embedding.neutral(batch.tokens)
    gradients = {name: np.zeros(tuple(x.shape)) for name, x in batch.layers.items()}
    tokens = None if whole is None else np.zeros(tuple(whole.shape[:2]))
    for step in range(steps if batch.layers or whole is not None else 0):  # without inputs nothing contributed
        share = (step + 0.5) / steps
        layers = {name: (share * x).requires_grad_() for name, x in batch.layers.items()}
        leaves = list(layers.values())
        path = None
        if whole is not None and start is not None:
            path = (start + share * (whole - start)).requires_grad_()
            leaves.append(path)
        with torch.enable_grad(), _embedded(embedding, path):
            raw = network.head.raw(network.encoder(replace(batch, layers=layers))[0])
            score = explained(network.head, raw, guess)
            found = torch.autograd.grad(score, leaves, allow_unused=True)
        for name, gradient in zip(layers, found, strict=False):
            gradients[name] += 0.0 if gradient is None else gradient.numpy() / steps
        if tokens is not None and whole is not None and start is not None and found[-1] is not None:
            tokens += ((whole - start) * found[-1]).sum(-1).numpy() / steps
    return gradients, tokens


def value_gradients(network: Any, batch: Batch, steps: int = STEPS) -> dict[str, np.ndarray]:
    """Mean gradient of the raw score by the values of each layer, where `batch.layers` are (n, genes, 2) values and masks.

    The path goes from the training mean, 0, to the row's values; what was measured stays as it is. Times the values it is
    integrated gradients.
    Returns: layer -> (n, genes) float64.
    """
    network.eval()
    with torch.no_grad():
        guess = network.head.told(network.head.raw(network.encoder(batch)[0]))
    out = {name: np.zeros(tuple(x.shape[:2])) for name, x in batch.layers.items()}
    for step in range(steps if out else 0):
        share = (step + 0.5) / steps
        values = {name: (share * x[..., 0]).requires_grad_() for name, x in batch.layers.items()}
        with torch.enable_grad():
            layers = {name: torch.stack([v, batch.layers[name][..., 1]], -1) for name, v in values.items()}
            score = explained(network.head, network.head.raw(network.encoder(replace(batch, layers=layers))[0]), guess)
            found = torch.autograd.grad(score, list(values.values()))
        for name, gradient in zip(values, found, strict=True):
            out[name] += gradient.numpy() / steps
    return out


def explained(head: Any, raw: Tensor, guess: Tensor) -> Tensor:
    """The sum of what is explained of each row: its logit, of several classes the predicted one's above their mean."""
    raw = head.shown(raw)
    above = raw.mean(1).sum() if raw.shape[1] > 1 and head.exclusive else 0.0
    return raw.gather(1, guess[:, None]).sum() - above


@contextmanager
def _embedded(embedding: EventVectors | None, value: Tensor | None) -> Iterator[None]:
    """Inside, the tokens are these vectors."""
    if embedding is None or value is None:
        yield
        return
    handle = embedding.register_forward_hook(lambda module, given, made: value)
    try:
        yield
    finally:
        handle.remove()
