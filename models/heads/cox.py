"""Cox head: log relative hazards, and the partial likelihood with Efron's or Breslow's ties."""

from __future__ import annotations

import torch
from torch import Tensor

from ..training.batch import Target
from .head import Head, finite


class CoxHead(Head):
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
