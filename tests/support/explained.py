"""What every explanation of one patient must keep: both of its sums are complete."""

from __future__ import annotations

import numpy as np

from clinome.models.base.snapshot import Snapshot
from clinome.models.learners.graph.edge_gradients import GraphAttribution


def explained(learner: object, snapshot: Snapshot, row: int) -> GraphAttribution:
    """The explanation of a row, once it was seen to add up."""
    found: GraphAttribution = learner.explain(snapshot, row)  # type: ignore[attr-defined]
    size = max(0.1, abs(found.score - found.typical), abs(found.score - found.unlinked))
    assert abs(float(found.nodes["score"].to_numpy().sum()) - (found.score - found.typical)) < 0.02 * size
    assert abs(float(found.edges["score"].to_numpy().sum()) - (found.score - found.unlinked)) < 0.02 * size
    assert found.nodes["id"].is_unique().all() and np.isfinite(found.edges["score"].to_numpy()).all()
    assert not found.edges.select("relation", "source", "target").is_duplicated().any()
    return found
