"""Search space: which settings of a learner are tried: those known to be worth it first, then draws."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

MOST = 64
"""Settings drawn at the most, beside those listed."""


def budgeted(listed: Sequence[Mapping[str, Any]], space: Mapping[str, Any], trials: int) -> list[dict[str, Any]]:
    """At most `trials` settings, none twice; fewer only where there are no more. A smaller budget is a prefix of a larger.

    Args:
        listed: the default first. space: parameter -> values, or a scipy distribution (scikit-learn's ParameterSampler).

    >>> budgeted([{}, {"depth": 1}], {"depth": [1, 2]}, 8)
    [{}, {'depth': 1}, {'depth': 2}]
    """
    from sklearn.model_selection import ParameterGrid, ParameterSampler

    found = [dict(one) for one in listed][: max(1, trials)]
    if len(found) >= trials or not space:
        return found
    finite = all(hasattr(values, "__len__") for values in space.values())
    draws = min(MOST, len(ParameterGrid(dict(space)))) if finite else MOST
    for draw in ParameterSampler(dict(space), draws, random_state=0):
        one = {name: _plain(value) for name, value in sorted(draw.items())}
        if len(found) < trials and one not in found:
            found.append(one)
    return found


def _plain(value: Any) -> Any:
    """A value that JSON holds, a drawn number as one would write it."""
    if isinstance(value, float | np.floating):
        return float(f"{value:.3g}")
    return value.item() if isinstance(value, np.generic) else value
