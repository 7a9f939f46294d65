"""Heads: each owns its loss and speaks the user's units.

`raw(h)` is what is trained on, `loss(raw, target)` is that head's loss, `forward(h)` the answer in the user's units.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..training.batch import Target


class Head(nn.Module):
    """A linear readout of (n, dim) with a loss and a unit. `outputs` numbers a row."""

    def __init__(self, dim: int, outputs: int, bias: bool = True) -> None:
        super().__init__()
        self.linear = nn.Linear(dim, outputs, bias=bias)
        nn.init.normal_(self.linear.weight, std=1 / math.sqrt(dim))
        if bias:
            nn.init.zeros_(self.linear.bias)

    def raw(self, h: Tensor) -> Tensor:
        return torch.as_tensor(self.linear(h))

    def start(self, target: Target) -> None:
        """Set the intercept to what the training rows say without any input, so that no epoch is spent on it."""

    def read(self, slope: float) -> None:
        """Start as `slope` times the first `outputs` columns, for encoders that bring a readout there."""
        with torch.no_grad():
            self.linear.weight[:, : self.linear.out_features] = slope * torch.eye(self.linear.out_features)

    def loss(self, raw: Tensor, target: Target) -> Tensor | None:
        """The mean loss; None where the rows carry no information (survival without an event): skip them."""
        raise NotImplementedError

    def score(self, raw: Tensor) -> Tensor:
        raise NotImplementedError

    def forward(self, h: Tensor) -> Tensor:
        return self.score(self.raw(h))


class Binary(Head):
    """Probability of the event, (n,). Loss: cross-entropy."""

    def __init__(self, dim: int) -> None:
        super().__init__(dim, 1)

    def start(self, target: Target) -> None:
        rate = _y(target).float().mean().clamp(1e-3, 1 - 1e-3)
        self.linear.bias.data.fill_(torch.logit(rate))

    def loss(self, raw: Tensor, target: Target) -> Tensor:
        return finite(functional.binary_cross_entropy_with_logits(raw[:, 0], _y(target).float()))

    def score(self, raw: Tensor) -> Tensor:
        return torch.sigmoid(raw[:, 0])


class Multiclass(Head):
    """Probabilities of the classes, (n, classes); each row sums to 1. Loss: cross-entropy."""

    def __init__(self, dim: int, classes: int) -> None:
        super().__init__(dim, classes)

    def start(self, target: Target) -> None:
        count = torch.bincount(_y(target).long(), minlength=self.linear.out_features).float() + 0.5
        self.linear.bias.data.copy_(torch.log(count / count.sum()))

    def loss(self, raw: Tensor, target: Target) -> Tensor:
        return finite(functional.cross_entropy(raw, _y(target).long()))

    def score(self, raw: Tensor) -> Tensor:
        return torch.softmax(raw, 1)


class Survival(Head):
    """Log relative hazard, (n,): higher = sooner. Loss: Cox's partial likelihood over the rows of the batch.

    No intercept: the partial likelihood cannot see one.
    """

    def __init__(self, dim: int, ties: str = "efron") -> None:
        super().__init__(dim, 1, bias=False)
        self.ties = ties

    def loss(self, raw: Tensor, target: Target) -> Tensor | None:
        if target.duration_days is None or target.event is None:
            raise ValueError("survival head: got a target without duration_days and event")
        if not bool(target.event.any()):
            return None
        return finite(cox_loss(raw[:, 0], target.duration_days, target.event, self.ties))

    def score(self, raw: Tensor) -> Tensor:
        return raw[:, 0]


def make_head(task: str, dim: int, classes: int = 0) -> Head:
    """The head of a task: binary, multiclass (with its number of classes) or survival."""
    if task == "binary":
        return Binary(dim)
    if task == "multiclass":
        return Multiclass(dim, classes)
    if task == "survival":
        return Survival(dim)
    raise ValueError(f"task: got {task!r}; expected one of binary, multiclass, survival")


def cox_loss(log_hazard: Tensor, duration_days: Tensor, event: Tensor, ties: str = "efron") -> Tensor:
    """Cox's negative log partial likelihood, a mean over events.

    Args:
        log_hazard: (n,) float, higher = sooner.
        duration_days: (n,) float, days to the event or to the end of observation.
        event: (n,) bool, True where the event was seen. At least one.
        ties: "efron" (Efron 1977, doi:10.1080/01621459.1977.10480613) or "breslow" (Breslow 1974,
            doi:10.2307/2529620). Equal where no two events share a time.
    Example:
        >>> zero = torch.zeros(3)
        >>> float(cox_loss(zero, torch.tensor([1.0, 2.0, 3.0]), torch.tensor([True, False, False])))  # log 3
        1.0986...
    """
    if ties not in ("efron", "breslow"):
        raise ValueError(f"ties: got {ties!r}; expected 'efron' or 'breslow'")
    order = torch.argsort(duration_days, descending=True, stable=True)
    risk, time, died = log_hazard[order], duration_days[order], event[order]
    _, group, size = torch.unique_consecutive(time, return_inverse=True, return_counts=True)
    # everyone whose time is at least this one is at risk: sums from the longest time down to the end of each tie
    at_risk = torch.logcumsumexp(risk, 0)[torch.cumsum(size, 0) - 1][group][died]
    if ties == "efron":
        at_risk = at_risk + _efron(risk[died], group[died], at_risk)
    return (at_risk - risk[died]).mean()


def _efron(risk: Tensor, group: Tensor, at_risk: Tensor) -> Tensor:
    """log(1 - l/d * D/S) for the l-th of d events at one time; D, S: hazards of those events, of all at risk."""
    _, group, deaths = torch.unique_consecutive(group, return_inverse=True, return_counts=True)
    place = torch.arange(len(group), device=group.device) - (torch.cumsum(deaths, 0) - deaths)[group]
    share = torch.zeros(len(deaths), dtype=risk.dtype, device=risk.device).index_add(
        0, group, torch.exp(risk - at_risk)
    )
    return torch.log1p(-place.to(risk.dtype) / deaths[group] * share[group])


def finite(loss: Tensor) -> Tensor:
    """The loss itself; a loss that is not finite is an error, never a zero."""
    if not bool(torch.isfinite(loss)):
        raise FloatingPointError(f"the loss is {float(loss.detach())}; expected a finite number (diverged training?)")
    return loss


def _y(target: Target) -> Tensor:
    if target.y is None:
        raise ValueError("this head: got a target without y")
    return target.y
