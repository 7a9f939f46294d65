"""What each feature did to a network's score: integrated gradients, from the messages back to features and codes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ..base.snapshot import Snapshot
from ..encoders.transformer import SequenceEncoder
from ..preprocessing.records import RECORDS
from ..training.batch import Batch

if TYPE_CHECKING:
    from .network import NetworkLearner

STEPS = 4
ROWS = 64


def attribute(learner: NetworkLearner, snapshot: Snapshot, rows: np.ndarray) -> dict[str, np.ndarray]:
    """Integrated gradients of the raw score (a logit, log hazard; multiclass: of the predicted class), {block: (n, p)}.

    Layers and covariates start from the training mean. As messages are linear in the feature values, the gradient is
    taken by message and brought back to the features exactly. A token starts from the mean code, with its own time:
    what it contributes is what its code and value say. Rows without a block have zeros in it.
    Source: Sundararajan 2017, arXiv:1703.01365.
    """
    codes = learner.codes()
    place = {code: i for i, code in enumerate(codes)}
    inputs = learner.inputs(snapshot)
    out = {name: np.zeros((len(rows), len(edges.names))) for name, edges in learner.edges.items() if name != RECORDS}
    if codes or RECORDS in learner.edges:
        out[RECORDS] = np.zeros((len(rows), len(codes)))
    order = np.arange(len(rows)) if inputs.lengths is None else np.argsort(inputs.lengths[rows], kind="stable")
    for at in np.array_split(order, -(-len(rows) // ROWS)) if len(rows) else []:
        batch = inputs.take(rows[at])
        pulls, tokens = _gradients(learner.network, batch)
        for name, pull in pulls.items():
            edges, messages = learner.edges[name], learner.messages[name]
            x = edges.take(snapshot, rows[at]) - messages.mean
            found = edges.gather(x * (pull @ messages.embedding.T) * edges.present(snapshot, rows[at])[:, None])
            if name == RECORDS:
                columns = np.array([place[code] for code in edges.names], dtype=np.int64)
                out[RECORDS][at[:, None], columns] += found
            else:
                out[name][at] = found
        if codes and tokens is not None and batch.tokens is not None and learner.vocabulary is not None:
            columns = np.array([place.get(code, -1) for code in learner.vocabulary.codes])[batch.tokens.code.numpy()]
            row, token = np.nonzero(batch.tokens.mask.numpy() & (columns >= 0))
            np.add.at(out[RECORDS], (at[row], columns[row, token]), tokens[row, token])
    return out


def _gradients(network: Any, batch: Batch) -> tuple[dict[str, np.ndarray], np.ndarray | None]:
    """Mean gradient along the path by message, {modality: (n, width)}; and each token's contribution (n, length)."""
    network.eval()
    encoder = next((m for m in network.modules() if isinstance(m, SequenceEncoder)), None)
    with torch.no_grad():
        guess = network.head.raw(network.encoder(batch)[0]).argmax(1)
        whole, start = None, None
        if encoder is not None and batch.tokens is not None:
            whole, start = encoder.embed(batch.tokens), encoder.embed.neutral(batch.tokens)
    pulls = {name: np.zeros(tuple(x.shape)) for name, x in batch.layers.items()}
    tokens = None if whole is None else np.zeros(tuple(whole.shape[:2]))
    for step in range(STEPS if batch.layers or whole is not None else 0):  # without inputs nothing contributed
        share = (step + 0.5) / STEPS
        layers = {name: (share * x).requires_grad_() for name, x in batch.layers.items()}
        leaves = list(layers.values())
        path = None
        if whole is not None and start is not None:
            path = (start + share * (whole - start)).requires_grad_()
            leaves.append(path)
        with torch.enable_grad(), _embedded(encoder, path):
            raw = network.head.raw(network.encoder(replace(batch, layers=layers))[0])
            score = raw.gather(1, guess[:, None]).sum() - (raw.mean(1).sum() if raw.shape[1] > 1 else 0.0)
            found = torch.autograd.grad(score, leaves, allow_unused=True)
        for name, pull in zip(layers, found, strict=False):
            pulls[name] += 0.0 if pull is None else pull.numpy() / STEPS
        if tokens is not None and whole is not None and start is not None and found[-1] is not None:
            tokens += ((whole - start) * found[-1]).sum(-1).numpy() / STEPS
    return pulls, tokens


@contextmanager
def _embedded(encoder: SequenceEncoder | None, value: Tensor | None) -> Iterator[None]:
    """Inside, the encoder's tokens are these vectors."""
    if encoder is None or value is None:
        yield
        return
    handle = encoder.embed.register_forward_hook(lambda module, given, made: value)
    try:
        yield
    finally:
        handle.remove()
