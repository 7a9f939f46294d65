"""Threads: one for sums, so that results repeat on any machine and workers do not stand in each other's way; several for parts."""

from __future__ import annotations

import sys
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

ENVIRONMENT = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL", "NUMEXPR")} | {
    "POLARS_MAX_THREADS": "1"
}
"""The same for a process that has not loaded them yet."""
Part = TypeVar("Part")
Made = TypeVar("Made")


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


def on_threads(make: Callable[[Part], Made], parts: Iterable[Part]) -> Iterator[Made]:
    """Map over parts on threads, in their order: for numpy and polars, which count outside of Python's lock.

    There are as many threads as polars has: in a worker one. Parts are taken a few ahead, so what waits stays small. Since no
    part is split, the result does not depend on the number of threads.

    Args:
        make: what a part gives; it changes nothing outside of it.
        parts: in the order of the results.
    Example:
        >>> list(on_threads(len, ["a", "bc", ""]))
        [1, 2, 0]
    """
    import polars as pl

    threads = pl.thread_pool_size()
    waiting: deque[Future[Made]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        for part in parts:
            waiting.append(pool.submit(make, part))
            if len(waiting) > 2 * threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
