"""Training course: plan, network, batches, and what every loop does with them: losses, schedule, the best weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from ..base.specs import Placement
from ..heads.head import Head, finite
from .batch import Batch, BatchSource

PRECISIONS = ("32", "bf16-mixed")


@dataclass(frozen=True)
class TrainingPlan:
    """How a network is trained. patience and epochs count passes over the training rows.

    least_steps: before so many steps nothing stops, in a course that is that long at all. What only the order of events tells is
    learned at once, after some hundred steps in which the loss stands still.
    """

    epochs: int = 60
    patience: int = 10
    least_steps: int = 0
    lr: float = 1e-3
    weight_decay: float = 1e-2
    batch_size: int = 128
    warmup: int = 20  # steps
    clip: float = 1.0
    seed: int = 1
    full_batch: int = 0  # up to so many rows, one batch holds them all
    devices: int = 1  # processes of a machine that train together, each with batch_size rows of every batch
    nodes: int = 1  # machines
    strategy: str = "auto"
    precision: str = "32"  # of the encoder; "bf16-mixed" is autocast

    def __post_init__(self) -> None:
        if self.precision not in PRECISIONS:
            raise ValueError(f"precision: got {self.precision!r}; expected one of {', '.join(PRECISIONS)}")

    @property
    def mixed(self) -> bool:
        """Whether an encoder is trained in bfloat16, as far as autocast says; its weights are float32."""
        return self.precision == "bf16-mixed"

    @property
    def placement(self) -> Placement:
        return Placement(self.devices, self.nodes, self.strategy)

    @property
    def whole_batch(self) -> int:
        """Rows of a batch, of all processes together."""
        return self.batch_size * self.placement.count


@dataclass(frozen=True)
class TrainingReport:
    """What training did: the loss of every epoch on either part, `tuning` with one before the first.

    best: after how many epochs the weights were kept; 0: as they started, -1: there was nothing to judge by.
    """

    best: int
    train: tuple[float, ...]
    tuning: tuple[float, ...]


class Network(nn.Module):
    """encode -> head. The encoder answers (n, dim) and a mask of rows that it could serve."""

    def __init__(self, encoder: nn.Module, head: Head) -> None:
        super().__init__()
        self.encoder, self.head = encoder, head

    def loss(self, batch: Batch, mixed: bool = False) -> Tensor | None:
        """mixed: whether the encoder computes in bfloat16 where that does no harm; the head never does."""
        if batch.target is None:
            raise ValueError("network: got a batch without a target to learn from")
        with torch.autocast(self.device.type, torch.bfloat16) if mixed else nullcontext():
            h: Tensor = self.encoder(batch)[0]
        return self.head.loss(self.head.raw(h.float()), batch.target)

    @property
    def device(self) -> torch.device:
        return next(self.parameters()).device

    def forward(self, batch: Batch) -> Tensor:
        """The head's answer in the user's units."""
        return torch.as_tensor(self.head(self.encoder(batch)[0]))


class Batches:
    """An iterable of batches over some rows; shuffled anew in each pass, rows of like length together."""

    def __init__(self, source: BatchSource, rows: np.ndarray, size: int, seed: int | None = None) -> None:
        self.source, self.rows, self.size = source, rows, max(1, size)
        self.rng = None if seed is None else np.random.default_rng(seed)
        self._whole: Batch | None = None
        self.rank, self.ranks = 0, 1

    def take_part(self, rank: int, ranks: int) -> None:
        """Give only this process's rows of each batch, every so many-th; its generator must be where the others' are."""
        self.rank, self.ranks, self._whole = rank, ranks, None

    def __len__(self) -> int:
        return (len(self.rows) + self.size - 1) // self.size

    @property
    def least(self) -> int:
        """Rows of the smallest batch."""
        return len(self.rows) // max(1, len(self))

    def __iter__(self) -> Iterator[Batch]:
        if len(self) == 1:
            self._whole = self._whole or self._take(self._by_length(self.rows))
            yield self._whole
            return
        for rows in self.parts():
            yield self._take(rows)

    def _take(self, rows: np.ndarray) -> Batch:
        mine = rows[self.rank :: self.ranks]
        batch = self.source.take(mine)
        return batch if self.ranks == 1 else replace(batch, share=len(mine) / len(rows))

    def parts(self) -> list[np.ndarray]:
        """The rows of each batch. Shuffled, then sorted by length within stretches of 32 batches, then shuffled."""
        if self.rng is None:
            return np.array_split(self._by_length(self.rows), len(self))
        rows, stretch = self.rng.permutation(self.rows), 32 * self.size
        rows = np.concatenate([self._by_length(rows[i : i + stretch]) for i in range(0, len(rows), stretch)])
        split = np.array_split(rows, len(self))
        return [split[i] for i in self.rng.permutation(len(split))]

    def _by_length(self, rows: np.ndarray) -> np.ndarray:
        """Neighbours are padded to the longest of them."""
        lengths = self.source.lengths
        return rows if lengths is None else rows[np.argsort(lengths[rows], kind="stable")]


class Course:
    """One training's losses, schedule, and the best weights so far, whatever loop drives it."""

    def __init__(self, network: Network, plan: TrainingPlan, steps: int) -> None:
        self.network, self.plan, self.steps = network, plan, steps
        self.losses: list[float] = []
        self.tuned: list[float] = []
        self.weights: dict[str, Tensor] | None = None
        self.best = -1
        self._seen: list[tuple[Tensor, int]] = []  # tensors: a number of each step would make a GPU wait
        self._held: list[tuple[Tensor, int]] = []

    def learn(self, batch: Batch) -> Tensor | None:
        """The loss to step on; None where there is no event in this batch, and no step is taken."""
        loss = self.network.loss(batch, self.plan.mixed)
        if loss is not None:
            self._seen.append((loss.detach(), batch.size))
        return loss

    def judge(self, batch: Batch) -> None:
        loss = self.network.loss(batch)
        if loss is not None:
            self._held.append((loss.detach(), batch.size))

    def end_epoch(self, total: Callable[[float], float] = float) -> None:
        """total: a number's sum over all processes that train."""
        seen = _numbers(self._seen)
        weight = total(sum(n for _, n in seen))
        loss = total(sum(loss * n for loss, n in seen))
        self.losses.append(loss / weight if weight else float("nan"))
        self._seen = []

    def end_judging(self) -> bool:
        """Keep the weights if none did better; True where patience has come to its end."""
        if not self._held:
            return False
        self.tuned.append(_mean(_numbers(self._held)))
        self._held = []
        if self.best < 0 or self.tuned[-1] < self.tuned[self.best]:
            self.best = len(self.tuned) - 1
            self.weights = {k: v.detach().cpu().clone() for k, v in self.network.state_dict().items()}
        return self._settled and len(self.tuned) - 1 - self.best >= self.plan.patience

    @property
    def _settled(self) -> bool:
        """Whether patience counts yet: `least_steps` are taken, or there are never so many."""
        taken = len(self.losses) * self.steps // max(1, self.plan.epochs)
        return taken >= self.plan.least_steps or self.steps < self.plan.least_steps

    def groups(self) -> list[tuple[list[nn.Parameter], float]]:
        """Parameters for AdamW, and their weight decay: on matrices only."""
        parameters = list(self.network.parameters())
        return [
            ([p for p in parameters if p.dim() > 1], self.plan.weight_decay),
            ([p for p in parameters if p.dim() <= 1], 0.0),
        ]

    def scale(self, step: int) -> float:
        """What the learning rate is multiplied by: a linear warm-up, then a half cosine down to a twentieth."""
        warm = min(self.plan.warmup, self.steps // 4)
        if step < warm:
            return (step + 1) / warm
        return 0.05 + 0.95 * 0.5 * (1 + float(np.cos(np.pi * min(1.0, (step - warm) / max(1, self.steps - warm)))))


def _numbers(parts: list[tuple[Tensor, int]]) -> list[tuple[float, int]]:
    """Raises: FloatingPointError for a loss that is not finite; a GPU's are looked at here alone."""
    return [(float(finite(loss.cpu())), n) for loss, n in parts]


def _mean(parts: list[tuple[float, int]]) -> float:
    weight = sum(n for _, n in parts)
    return sum(loss * n for loss, n in parts) / weight if weight else float("nan")
