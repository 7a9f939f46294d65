"""Matched controls: nobody twice, the same values, within the caliper; confounding that was planted is balanced away."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clinome.models.base.specs import Matching
from clinome.models.statistics.matching import balance, match, propensity
from clinome.models.statistics.table_one import smd_numbers

row = st.tuples(st.booleans(), st.sampled_from(["f", "m", None]), st.one_of(st.none(), st.integers(20, 30)))


@settings(max_examples=60, deadline=None)
@given(st.lists(row, min_size=4, max_size=24), st.integers(1, 3), st.booleans(), st.booleans())
def test_a_set_is_one_exposed_and_controls_like_it(rows: list[tuple[bool, str | None, int | None]], ratio: int, exactly: bool, by_age: bool) -> None:  # fmt: skip
    exposed = np.array([one[0] for one in rows])
    if not (0 < exposed.sum() < len(rows)) or not (exactly or by_age):
        return
    columns = pl.DataFrame({"sex": [r[1] for r in rows], "age": pl.Series([r[2] for r in rows], dtype=pl.Int64)})
    spec = Matching("drug", ("sex",) if exactly else (), ("age",) if by_age else (), 0.5, ratio)
    sets = match(exposed, columns, spec)
    logit = propensity(exposed, columns.select("age")) if by_age else np.zeros(len(rows))
    for one in np.unique(sets[sets >= 0]):
        inside = np.flatnonzero(sets == one)
        assert exposed[inside].sum() == 1 and exposed[one] and 1 <= len(inside) - 1 <= ratio
        assert not exactly or (len({rows[i][1] for i in inside}) == 1 and rows[one][1] is not None)
        assert not by_age or np.abs(logit[inside] - logit[one]).max() <= 0.5 * logit.std() + 1e-12
    if exactly and not by_age and ratio == 1:  # by lot as many pairs as there can be
        pairs = sum(min(sum(r[0] for r in rows if r[1] == s), sum(not r[0] for r in rows if r[1] == s)) for s in "fm")
        assert len(np.unique(sets[sets >= 0])) == pairs
    assert (match(exposed, columns, spec) == sets).all(), "the same every time"


def test_planted_confounding_is_balanced_away() -> None:
    rng = np.random.default_rng(3)
    age, sex = rng.normal(60, 10, 2000), rng.integers(0, 2, 2000)
    exposed = rng.random(2000) < 1 / (1 + np.exp(-(0.08 * (age - 60) + 0.8 * sex - 2)))
    columns = pl.DataFrame({"age": age, "sex": np.where(sex, "m", "f"), "noise": rng.normal(size=2000)})
    sets = match(exposed, columns, Matching("drug", propensity=("age", "sex")))
    told = {name: (before, after) for name, before, after in balance(exposed, sets, columns).iter_rows()}
    assert told["age"][0] > 0.5 and told["sex"][0] > 0.3
    assert told["age"][1] < 0.1 and told["sex"][1] < 0.1 and (sets[exposed] >= 0).mean() > 0.9
    assert told["age"][0] == smd_numbers(age[exposed], age[~exposed])


def test_each_control_weighs_its_share_of_the_set() -> None:
    exposed, sets = np.array([True, True, False, False, False]), np.array([0, 1, 0, 0, 1])
    told = balance(exposed, sets, pl.DataFrame({"x": [1.0, 3.0, 0.0, 2.0, 3.0]}))
    assert told["smd_after"][0] == pytest.approx(0.0), "(0 + 2) / 2 against 1, and 3 against 3"
