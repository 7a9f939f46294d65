"""Whether two runs found the same, to the last bit. What may differ is named here, and nothing else."""

from __future__ import annotations

from typing import Any

from polars.testing import assert_frame_equal

from clinome.models.experiment.results import Results

MAY_DIFFER = ("seconds", "peak_mb")


def plain(value: Any) -> Any:
    """results.json without what may differ."""
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items() if name not in MAY_DIFFER}
    return [plain(one) for one in value] if isinstance(value, list) else value


def equal(one: Results, other: Results) -> None:
    """Predictions, attributions and results.json are the same."""
    assert_frame_equal(one.predictions, other.predictions, check_exact=True)
    assert_frame_equal(one.attributions, other.attributions, check_exact=True)
    assert plain(one.as_json()) == plain(other.as_json())
