"""Integrated gradients over the edges of a graph: what each message contributed to the score of one patient.

Every message is multiplied by a mask. The gradient by the masks is taken at points between 0 (nobody says anything) and 1,
and summed: what the edges get adds up to the score less that of the same network without messages. What the patient's values
contributed is told apart from it, by `models.learners.integrated_gradients`, as for biomarkers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
import torch
from torch import Tensor

from ...training.batch import Batch
from ..integrated_gradients import explained

POINTS = 128
"""Of Gauss and Legendre's rule, on the way of the masks. Where a network has ReLUs the gradient jumps on the way, and the sum
is complete to about 1 / POINTS."""
STEPS = 256
"""On the way of the values; one patient alone, so it costs little."""
Masks = Mapping[str, Tensor]
Ends = tuple[Sequence[str], Sequence[str], np.ndarray | None]
"""Sources, targets, and the attention that the network paid to each edge, where it pays any."""


@dataclass(frozen=True)
class GraphAttribution:
    """What moved the raw score of one patient (a logit, a log hazard; of several classes the predicted one's above their mean).

    nodes: id, score: what the patient's values of each node contributed; they sum to `score` less `typical`, the score at
        the training mean of every value. edges: relation, source, target, score, attention (null where there is none): what
        each message contributed; they sum to `score` less `unlinked`, the score without messages.
    """

    score: float
    typical: float
    unlinked: float
    nodes: pl.DataFrame
    edges: pl.DataFrame


def edge_gradients(score: Callable[[Masks], Tensor], sizes: Mapping[str, int]) -> dict[str, np.ndarray]:
    """Contribution of each edge.

    Args:
        score: the score of a patient, every message times its mask. sizes: relation -> edges.
    Source: Sundararajan 2017, arXiv:1703.01365, Eq. 1, of edges instead of inputs; completeness is its Proposition 1.
    Example:
        >>> found = edge_gradients(lambda masks: (masks["a"] * torch.tensor([1.0, 2.0])).sum() ** 2, {"a": 2})
        >>> found["a"].round(4).tolist()  # 3 * 3 in all, as 1 to 2
        [3.0, 6.0]
    """
    out = {name: np.zeros(size) for name, size in sizes.items()}
    place, weight = np.polynomial.legendre.leggauss(POINTS)
    for at, share in zip((place + 1) / 2, weight / 2, strict=True):
        masks = {name: torch.full((size,), float(at)).requires_grad_() for name, size in sizes.items()}
        with torch.enable_grad():
            found = torch.autograd.grad(score(masks), [*masks.values()], allow_unused=True) if masks else ()
        for name, gradient in zip(masks, found, strict=True):
            out[name] += 0.0 if gradient is None else share * gradient.double().numpy()
    return out


def explain(
    network: Any, batch: Batch, average: Batch, nodes: tuple[Sequence[str], np.ndarray], ends: Mapping[str, Ends],
    masked: Callable[[Masks], Tensor],
) -> GraphAttribution:  # fmt: skip
    """The scores of one patient, and of its nodes and edges as tables.

    Args:
        batch: the patient alone. average: the same with every value at the training mean.
        nodes: ids and what their values contributed. ends: relation -> its edges.
        masked: (1, outputs) raw scores of the patient, every message times its mask.
    """
    network.eval()
    with torch.no_grad():
        raw = network.head.raw(network.encoder(batch)[0])
        guess = network.head.told(raw)
        typical = float(explained(network.head, network.head.raw(network.encoder(average)[0]), guess))
        unlinked = float(
            explained(network.head, masked({name: torch.zeros(len(one[0])) for name, one in ends.items()}), guess)
        )
    found = edge_gradients(
        lambda masks: explained(network.head, masked(masks), guess), {n: len(one[0]) for n, one in ends.items()}
    )
    table = pl.DataFrame(dict(zip(("id", "score"), nodes, strict=True)), schema={"id": pl.String, "score": pl.Float64})
    return GraphAttribution(
        float(explained(network.head, raw, guess)),
        typical,
        unlinked,
        _summed(table, "id"),
        _summed(_edges(ends, found), *_EDGE),
    )


_EDGE = ("relation", "source", "target")


def _edges(ends: Mapping[str, Ends], scores: Mapping[str, np.ndarray]) -> pl.DataFrame:
    schema = {**dict.fromkeys(_EDGE, pl.String), "score": pl.Float64, "attention": pl.Float64}
    parts = [
        pl.DataFrame(
            {"relation": [name] * len(source), "source": list(source), "target": list(target), "score": scores[name],
             "attention": [None] * len(source) if attention is None else attention},
            schema=schema,
        )
        for name, (source, target, attention) in ends.items()
    ]  # fmt: skip
    return pl.concat([pl.DataFrame(schema=schema), *parts])


def _summed(table: pl.DataFrame, *by: str) -> pl.DataFrame:
    """A row a thing, what matters most first: one that comes twice (a gene in two layers) has the sum."""
    rest = [pl.col("attention").first()] if "attention" in table.columns else []
    return table.group_by(*by).agg(pl.col("score").sum(), *rest).sort([pl.col("score").abs(), *by], descending=[True, *[False] * len(by)])  # fmt: skip
