"""Reproducible training: one seed and deterministic kernels."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def reproducible(seed: int) -> Iterator[None]:
    """One seed and deterministic kernels inside; the caller's generator and flags come back afterwards.

    On a GPU some kernels (cumulative sums) have no deterministic form: there they are used as they are.
    """
    before = torch.get_deterministic_debug_mode()
    fill = torch.utils.deterministic.fill_uninitialized_memory  # type: ignore[attr-defined]
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(seed)
        # as torch.use_deterministic_algorithms, which loads torch's compiler to tell it too: a second a process
        torch.set_deterministic_debug_mode("warn" if torch.cuda.is_available() else "error")
        torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # slow, for debugging
        try:
            yield
        finally:
            torch.set_deterministic_debug_mode(before)
            torch.utils.deterministic.fill_uninitialized_memory = fill  # type: ignore[attr-defined]
