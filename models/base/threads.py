"""Threads: one for numbers: results that repeat on any machine, and workers that do not stand in each other's way."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

ENVIRONMENT = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL", "NUMEXPR")} | {
    "POLARS_MAX_THREADS": "1"
}
"""The same for a process that has not loaded them yet."""


@contextmanager
def one_thread(*learners: Any) -> Iterator[None]:
    """Inside, numpy, scipy, scikit-learn and torch use one thread each; afterwards what they used before.

    A library can only be told once it is loaded, so they are loaded first: one that came later would use all cores, and
    sum in another order.
    Args:
        learners: what will be fitted or asked. Torch is loaded where one of them is a network.
    """
    import numpy  # noqa: F401
    import scipy.linalg  # noqa: F401
    import sklearn.utils  # noqa: F401
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    if any(getattr(learner, "on_torch", False) for learner in learners):
        import torch  # noqa: F401
    torch_module = sys.modules.get("torch")
    with threadpool_limits(1):
        before = torch_module.get_num_threads() if torch_module else 0
        if torch_module:
            torch_module.set_num_threads(1)
        try:
            yield
        finally:
            if torch_module:
                torch_module.set_num_threads(before)


@contextmanager
def quiet_restarts() -> Iterator[None]:
    """Inside, joblib says nothing of a worker that has grown and is begun anew: its job is done all the same."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="A worker stopped")
        yield
