"""Training: early stopping inside the training part, best weights kept in memory, silent, no files.

On an accelerator by Lightning; on a processor by a short loop of the same steps, since Lightning takes longer to load
than a small network to train.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import nn

from .adamw import AdamW
from .batch import Batch, BatchSource
from .course import Batches, Course, Network, TrainingPlan, TrainingReport
from .reproducible import reproducible

__all__ = [
    "Batches", "Course", "Network", "TrainingPlan", "TrainingReport", "encode", "fit", "predict", "reproducible", "set_weights",
]  # fmt: skip


def fit(
    network: Network, source: BatchSource, train: np.ndarray, tuning: np.ndarray, plan: TrainingPlan
) -> TrainingReport:
    """Train the network in place; it ends with the weights of the epoch that did best on `tuning`.

    Without tuning rows (or where they hold no event) there is no early stopping: all epochs are run.
    A GPU is used where there is one (Apple's not by an encoder that is `sparse`). The same seed on the same machine gives the same weights.
    """
    size = len(train) if len(train) <= plan.full_batch else plan.whole_batch
    batches = Batches(source, train, size, plan.seed)
    held = Batches(source, tuning, max(size, 256)) if len(tuning) else None
    course = Course(network, plan, plan.epochs * len(batches))
    with reproducible(plan.seed):
        apple = torch.backends.mps.is_available() and not getattr(network.encoder, "sparse", False)
        if 1 < plan.placement.count <= batches.least:  # each has a row of every batch
            from .several_processes import train_on_several

            train_on_several(course, batches, held)
        elif torch.cuda.is_available() or apple:
            from .on_lightning import train_on_lightning

            train_on_lightning(course, batches, held)
        else:
            _train(course, batches, held)
    network.to("cpu").eval()
    if course.weights is not None:
        network.load_state_dict(course.weights)
    return TrainingReport(course.best, tuple(course.losses), tuple(course.tuned))


def _train(course: Course, batches: Batches, held: Batches | None) -> None:
    """What Lightning's loop does with a course, on one processor: it takes longer to load than this to train."""
    network, plan = course.network, course.plan
    optimizers = [AdamW(parameters, decay) for parameters, decay in course.groups()]
    weights = [p for one in optimizers for p in one.parameters]
    step = 0
    stop = held is not None and _judge(course, held)
    for _ in range(plan.epochs):
        if stop:
            break
        network.train()
        for batch in batches:
            loss = course.learn(batch)
            for one in optimizers:
                one.zero_grad()
            if loss is not None:
                loss.backward()
                if plan.clip:
                    torch.nn.utils.clip_grad_norm_(weights, plan.clip)
                for one in optimizers:
                    one.step(plan.lr * course.scale(step))
            step += 1
        course.end_epoch()
        stop = held is not None and _judge(course, held)


def _judge(course: Course, held: Batches) -> bool:
    course.network.eval()
    with torch.no_grad():
        for batch in held:
            course.judge(batch)
    return course.end_judging()


def predict(network: nn.Module, source: BatchSource, rows: np.ndarray, batch_size: int = 512) -> np.ndarray:
    """The head's answer for these rows, in their order: (n,) or (n, classes) float64."""
    return _answers(network, network, source, rows, batch_size)


def encode(network: Network, source: BatchSource, rows: np.ndarray, batch_size: int = 512) -> np.ndarray:
    """What the encoder makes of these rows, in their order: (n, dim) float64, which the head reads."""
    return _answers(network, lambda batch: network.encoder(batch)[0], source, rows, batch_size)


def _answers(
    network: nn.Module, answer: Callable[[Batch], torch.Tensor], source: BatchSource, rows: np.ndarray, batch_size: int
) -> np.ndarray:
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    network.to(device).eval()
    order = np.arange(len(rows)) if source.lengths is None else np.argsort(source.lengths[rows], kind="stable")
    scores = [np.zeros(0)]
    with torch.no_grad():
        for part in np.array_split(order, -(-len(order) // batch_size) or 1) if len(order) else []:
            scores.append(answer(source.take(rows[part]).to(device)).cpu().double().numpy())
    network.to("cpu")
    found = np.concatenate(scores[1:]) if len(scores) > 1 else scores[0]
    out = np.empty_like(found)
    out[order] = found
    return out


def set_weights(network: nn.Module, weights: Mapping[str, np.ndarray]) -> None:
    """Give a network of the same build the weights (and buffers) that its `state_dict` had, and make it ready to predict.

    Raises: ValueError where they are not those of this build.
    """
    for name, wanted in network.state_dict().items():
        value = np.asarray(weights.get(name, np.zeros(0)))
        if name in weights and value.dtype != wanted.cpu().numpy().dtype:
            raise ValueError(f"weights {name}: got {value.dtype}; expected {wanted.cpu().numpy().dtype}")
        if not np.isfinite(value).all():
            raise ValueError(f"weights {name}: got values that are no numbers; expected finite ones")
    try:
        network.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in weights.items()})
    except RuntimeError as error:
        raise ValueError(f"weights: {error}") from error
    network.eval()
