"""Batches: what an encoder and a head are given, typed, that check their shapes when made, and move between devices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Protocol

import numpy as np
import torch
from torch import Tensor


def _require(ok: bool, name: str, got: object, expected: str) -> None:
    if not ok:
        raise ValueError(f"{name}: got {got}; expected {expected}")


@dataclass(frozen=True)
class Tokens:
    """The codes of b rows, padded to l; a token is one event.

    code:     (b, l) int64, index into the vocabulary; 0 pads.
    value:    (b, l) float32, numeric value, standardised on the training rows; 0 where none was measured.
    measured: (b, l) bool.
    days:     (b, l) float32, days before the prediction time; 0 where undated.
    dated:    (b, l) bool; False for static facts and padding.
    age:      (b, l) float32, years at the event, centred and scaled; 0 where unknown.
    visit:    (b, l) int64, visits counted back from the row's last one (1 is the last); 0 where there is none.
    """

    code: Tensor
    value: Tensor
    measured: Tensor
    days: Tensor
    dated: Tensor
    age: Tensor
    visit: Tensor

    def __post_init__(self) -> None:
        _require(self.code.dim() == 2, "tokens.code", tuple(self.code.shape), "(batch, length)")
        for one in fields(self):
            got = getattr(self, one.name)
            _require(got.shape == self.code.shape, f"tokens.{one.name}", tuple(got.shape), f"{tuple(self.code.shape)}")
            kind = {"code": torch.int64, "visit": torch.int64, "measured": torch.bool, "dated": torch.bool}
            expected = kind.get(one.name, torch.float32)
            _require(got.dtype == expected, f"tokens.{one.name}", got.dtype, str(expected))

    @property
    def mask(self) -> Tensor:
        """(b, l) bool: a real token, not padding."""
        return self.code > 0

    def to(self, device: torch.device | str) -> Tokens:
        return Tokens(**{one.name: getattr(self, one.name).to(device, non_blocking=True) for one in fields(self)})


@dataclass(frozen=True)
class Target:
    """What a head learns from: `y` (b,) float32 for binary and regression, int64 for multiclass, (b, labels) float32 for
    multilabel; else duration_days and event (b,)."""

    y: Tensor | None = None
    duration_days: Tensor | None = None
    event: Tensor | None = None

    def __post_init__(self) -> None:
        if self.y is not None:
            _require(self.y.dim() in (1, 2), "target.y", tuple(self.y.shape), "(batch,) or (batch, labels)")
            return
        if self.duration_days is None or self.event is None:
            raise ValueError("target: got neither y nor both of duration_days and event")
        _require(self.duration_days.dim() == 1, "target.duration_days", tuple(self.duration_days.shape), "(batch,)")
        _require(self.event.shape == self.duration_days.shape, "target.event", tuple(self.event.shape), "as duration")
        _require(self.event.dtype == torch.bool, "target.event", self.event.dtype, "torch.bool")

    def to(self, device: torch.device | str) -> Target:
        moved = {one.name: getattr(self, one.name) for one in fields(self)}
        return Target(
            **{name: None if value is None else value.to(device, non_blocking=True) for name, value in moved.items()}
        )


@dataclass(frozen=True)
class Neighbours:
    """Of b rows the k patients that each hears in one modality.

    sent: (b, k, c) float32, what each of them sends. weight: (b, k) float32, in each row summing to 1; 0 for nobody.
    """

    sent: Tensor
    weight: Tensor

    def __post_init__(self) -> None:
        shape = tuple(self.sent.shape[:2])
        _require(tuple(self.weight.shape) == shape, "neighbours.weight", tuple(self.weight.shape), f"{shape}")

    def to(self, device: torch.device | str) -> Neighbours:
        return Neighbours(self.sent.to(device), self.weight.to(device))


@dataclass(frozen=True)
class Batch:
    """Some rows of a cohort, as the encoders want them.

    layers:  modality -> (b, ...) float32; rows without the modality hold zeros.
    present: modality -> (b,) bool; False means unknown, and nothing of the row's layer may be used.
    neighbours: modality -> whom each row hears, where patients hear each other.
    share: of the rows of a batch that several processes have parts of; 1: it is whole.
    """

    size: int
    layers: Mapping[str, Tensor] = field(default_factory=dict)
    present: Mapping[str, Tensor] = field(default_factory=dict)
    tokens: Tokens | None = None
    target: Target | None = None
    neighbours: Mapping[str, Neighbours] = field(default_factory=dict)
    share: float = 1.0

    def __post_init__(self) -> None:
        _require(set(self.layers) == set(self.present), "batch.present", sorted(self.present), f"{sorted(self.layers)}")
        for name, values in self.layers.items():
            _require(len(values) == self.size, f"batch.layers[{name!r}]", tuple(values.shape), f"{self.size} rows")
            here = self.present[name]
            _require(
                tuple(here.shape) == (self.size,), f"batch.present[{name!r}]", tuple(here.shape), f"({self.size},)"
            )
            _require(here.dtype == torch.bool, f"batch.present[{name!r}]", here.dtype, "torch.bool")
        if self.tokens is not None:
            _require(len(self.tokens.code) == self.size, "batch.tokens", len(self.tokens.code), f"{self.size} rows")
        for name, near in self.neighbours.items():
            _require(
                len(near.weight) == self.size, f"batch.neighbours[{name!r}]", len(near.weight), f"{self.size} rows"
            )

    def to(self, device: torch.device | str) -> Batch:
        return Batch(
            self.size,
            {name: values.to(device, non_blocking=True) for name, values in self.layers.items()},
            {name: values.to(device, non_blocking=True) for name, values in self.present.items()},
            None if self.tokens is None else self.tokens.to(device),
            None if self.target is None else self.target.to(device),
            {name: near.to(device) for name, near in self.neighbours.items()},
            self.share,
        )


class BatchSource(Protocol):
    """Where a network's batches come from: rows in, a batch out."""

    @property
    def lengths(self) -> np.ndarray | None:
        """(rows,) tokens a row, so that rows of one length can share a batch; None where that does not matter."""

    def take(self, rows: np.ndarray) -> Batch: ...
