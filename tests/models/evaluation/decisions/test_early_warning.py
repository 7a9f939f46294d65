"""The utility of early warnings: equal to the paper's rule, written out an hour at a time."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinome.models.evaluation.decisions.early_warning import alert_gain, utility


def _worth(hour: int, onset: int | None, alert: bool) -> float:
    """Reyna et al. 2020, figure 1 and its supplement: one hour of one patient."""
    if onset is None:
        return -0.05 if alert else 0.0
    t = hour - onset
    if t > 3:
        return 0.0
    if alert:
        return max((t + 12) / 6, -0.05) if t <= -6 else 1 - (t + 6) / 9
    return 0.0 if t <= -6 else -2 * (t + 6) / 9


@given(
    st.lists(st.tuples(st.integers(1, 40), st.one_of(st.none(), st.integers(0, 39))), min_size=1, max_size=5),
    st.randoms(),
)
def test_it_is_the_rule_of_the_paper(stays: list[tuple[int, int | None]], random: Random) -> None:
    stay = np.concatenate([np.full(n, i) for i, (n, _) in enumerate(stays)])
    hour = np.concatenate([np.arange(n, dtype=float) for n, _ in stays])
    label = np.concatenate([np.arange(n) >= (n if first is None else first) for n, first in stays]).astype(int)
    order = np.array(random.sample(range(len(stay)), len(stay)))
    gain, best = alert_gain(stay[order], hour[order], label[order])
    expected = []
    for i, h in zip(stay[order], hour[order], strict=True):
        n, first = stays[i]
        onset = None if first is None or first >= n else first + 6
        expected.append(_worth(int(h), onset, True) - _worth(int(h), onset, False))
        assert best[len(expected) - 1] == (onset is not None and -12 <= h - onset <= 3)
    assert gain == pytest.approx(np.array(expected))


def test_the_best_alerts_are_worth_one_and_none_nothing() -> None:
    hour, label = np.arange(30.0), (np.arange(30) >= 14).astype(int)
    gain, best = alert_gain(np.zeros(30), hour, label)
    assert utility(gain, best, best) == 1 and utility(gain, best, np.zeros(30, dtype=bool)) == 0
    always = utility(gain, best, np.ones(30, dtype=bool))
    assert always is not None and 0.8 < always < 1
    assert utility(*alert_gain(np.zeros(3), np.arange(3.0), np.zeros(3)), np.ones(3, dtype=bool)) is None
