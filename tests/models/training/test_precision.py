"""bfloat16 for the encoder: every shipped network learns by it what it learns without it; never by itself on a processor."""

from __future__ import annotations

import numpy as np
import pytest
from snapshots import make_snapshot

from clinome.models.base.folds import parts
from clinome.models.learners.registry import make
from clinome.models.training.trainer import TrainingPlan


def losses(name: str, precision: str) -> tuple[float, ...]:
    snapshot = make_snapshot("binary", n=150, records=True, signal=2.0)
    train, tuning, held = parts(snapshot.folds, 0, 0)
    plan = {"epochs": 4, "patience": 4, "batch_size": 32, "full_batch": 0, "precision": precision}
    still = {"dropout": 0.0, "edge_dropout": 0.0, "drop_modality": 0.0, "plan": plan}
    learner = make(name).with_setting(still, 1)
    learner.fit(snapshot, train, tuning)
    assert learner.predict(snapshot, held).dtype == np.float64
    assert all(weight.dtype == np.float32 for weight in learner.state()["weights"].values() if weight.dtype.kind == "f")
    return tuple(learner.report.train)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "name", ["propagation", "gene_gnn", "hetero_gnn", "pathway_net", "gru", "gru_d", "sequence", "fusion"]
)
def test_in_fewer_bits_the_same_is_learnt(name: str) -> None:
    whole, mixed = losses(name, "32"), losses(name, "bf16-mixed")
    assert whole != mixed
    np.testing.assert_allclose(mixed, whole, rtol=0.02)


def test_all_bits_unless_asked() -> None:
    assert not TrainingPlan().mixed and TrainingPlan(precision="bf16-mixed").mixed
    with pytest.raises(ValueError, match="got 'half'; expected one of 32, bf16-mixed"):
        TrainingPlan(precision="half")
