"""Faithfulness: what is taken away has the training mean, the attributed order moves more than one by lot."""

from __future__ import annotations

import numpy as np
import pytest
from snapshots import make_snapshot

from clinome.errors import InputError
from clinome.run_folder.faithfulness import faithfulness, without


def test_what_is_taken_away_has_the_mean_of_the_training_rows_and_the_rest_stays() -> None:
    made = make_snapshot("binary", n=80)
    train, name = np.arange(50), made.layers["rna"].var["feature"][3]
    rna, gone = made.layers["rna"], without(made, [("rna", name), ("mutations", name)], np.arange(50))
    mean = np.nanmean(np.log1p(np.asarray(rna.values)[train][rna.profiled[train]][:, 3]))
    now = np.asarray(gone.layers["rna"].values)
    assert np.allclose(np.log1p(now[rna.profiled, 3]), mean, atol=1e-4)
    assert np.isnan(now[~rna.profiled, 3]).all()
    rest = np.arange(now.shape[1]) != 3
    assert np.array_equal(now[:, rest], np.asarray(rna.values)[:, rest], equal_nan=True)
    held = gone.layers["mutations"]
    before = made.layers["mutations"].values.toarray()  # type: ignore[union-attr]
    share = before[train][held.profiled[train], 3].mean()
    assert np.allclose(held.values.toarray()[held.profiled, 3], share)  # type: ignore[union-attr]
    assert np.array_equal(without(made, [], train).layers["rna"].values, rna.values, equal_nan=True)


def test_the_attributed_order_moves_more_than_one_by_lot() -> None:
    table = faithfulness(make_snapshot("binary", n=150), "ridge_late", [], 1)
    rows = {(str(row["order"]), str(row["k"])): row for row in table.to_dict("records")}
    mine, lot = rows["attributed", "all"], rows["by lot", "all"]
    assert mine["comprehensiveness"] > 2 * lot["comprehensiveness"]
    assert mine["sufficiency"] < lot["sufficiency"]
    assert mine["comprehensiveness_low"] <= mine["comprehensiveness"] <= mine["comprehensiveness_high"]
    assert rows["attributed", "20"]["comprehensiveness"] > rows["attributed", "1"]["comprehensiveness"]


def test_a_learner_that_cannot_say_is_an_error_with_a_fix() -> None:
    with pytest.raises(InputError, match="learner"):
        faithfulness(make_snapshot("binary", n=80), "majority", [], 1)
