"""One thread for numbers: results that repeat on any machine, and workers that do not stand in each other's way."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def one_thread(*learners: Any) -> Iterator[None]:
    """Inside, numpy, scikit-learn and torch use one thread each; afterwards what they used before.

    Args:
        learners: what will be fitted or asked. Where one of them is a network torch is loaded first: it could not be
            told otherwise.
    """
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
